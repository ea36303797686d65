//! OCRA against the Python package `oath`, over fresh suites, secrets and inputs.

mod peers;
mod tier;

use std::fmt::Write;

use peers::{Fresh, Spread};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Ocra, OcraChallenge, OcraInput, OcraMatch, OcraPassword, OcraSide, OcraSuite, OcraWindow, Window,
};
use zamok_core::secret::Secret;

const RESPONSES: &str = "
import sys
from oath import str2ocrasuite
for line in sys.stdin:
    suite, key, counter, question, mutual, pin, session, time = line.split()
    inputs = {'Qsc' if mutual == 'mutual' else 'Q': question}
    if counter != '-': inputs['C'] = int(counter)
    if pin != '-': inputs['P'] = bytes.fromhex(pin).decode()
    if session != '-': inputs['S'] = bytes.fromhex(session)
    # The package divides in floating point, which loses large times: it is given the steps.
    if time != '-': inputs['T_precomputed'] = int(time)
    print(str2ocrasuite(suite)(bytes.fromhex(key), **inputs))
";

#[derive(Debug)]
struct Case {
    suite: String,
    key: Vec<u8>,
    counter: Option<u64>,
    questions: [String; 2],
    by: Option<OcraSide>,
    pin: Option<String>,
    session: Option<Vec<u8>>,
    time: Option<(u64, u64)>,
}

fn question(fresh: &mut Fresh, format: char, most: u64) -> String {
    let alphabet: &[u8] = match format {
        'N' => b"0123456789",
        'H' => b"0123456789abcdefABCDEF",
        _ => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    };
    // The package reads hexadecimal questions of whole bytes only.
    let length = match (fresh.below(3), format) {
        (0, 'H') => (1 + fresh.below(most / 2)) * 2,
        (_, 'H') => most / 2 * 2,
        (0, _) => 1 + fresh.below(most),
        _ => most,
    };
    (0..length).map(|_| char::from(fresh.pick(alphabet))).collect()
}

impl Case {
    fn fresh(fresh: &mut Fresh, round: u32) -> Self {
        let algorithm = HashAlgorithm::ALL[(round % 3) as usize];
        let digits = fresh.pick(&[4, 5, 6, 7, 8, 9, 10]);
        let mut suite = format!("OCRA-1:HOTP-{}-{digits}:", algorithm.otpauth_name());
        let counter = (fresh.below(2) == 0).then(|| fresh.number() >> fresh.below(64));
        if counter.is_some() {
            suite.push_str("C-");
        }
        let (format, most) = (fresh.pick(&['N', 'A', 'H']), 4 + fresh.below(61));
        write!(suite, "Q{format}{most:02}").unwrap();
        let questions = [question(fresh, format, most), question(fresh, format, most)];
        let by = fresh.pick(&[None, None, Some(OcraSide::Server), Some(OcraSide::Client)]);
        let pin = (fresh.below(2) == 0).then(|| format!("{}é", fresh.number()));
        if pin.is_some() {
            write!(suite, "-P{}", fresh.pick(&HashAlgorithm::ALL).otpauth_name()).unwrap();
        }
        let session = (fresh.below(3) == 0).then(|| {
            let length = fresh.pick(&[1, 20, 64, 128, 256, 511, 512]);
            fresh.bytes(length, length)
        });
        if let Some(session) = &session {
            write!(suite, "-S{:03}", session.len()).unwrap();
        }
        let time = (fresh.below(2) == 0).then(|| {
            let (unit, seconds, most) = fresh.pick(&[('S', 1, 59), ('M', 60, 59), ('H', 3600, 48)]);
            let steps = 1 + fresh.below(most);
            write!(suite, "-T{steps}{unit}").unwrap();
            (fresh.below(1 << 40), steps * seconds)
        });
        Self { suite, key: fresh.bytes(16, 128), counter, questions, by, pin, session, time }
    }

    fn line(&self) -> String {
        let hexadecimal =
            |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let optional = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let [client, server] = &self.questions;
        let (question, mutual) = match self.by {
            None => (client.clone(), "-"),
            Some(OcraSide::Server) => (format!("{client}{server}"), "mutual"),
            Some(OcraSide::Client) => (format!("{server}{client}"), "mutual"),
        };
        [
            self.suite.clone(),
            hexadecimal(&self.key),
            optional(self.counter.map(|counter| counter.to_string())),
            question,
            mutual.to_owned(),
            optional(self.pin.as_ref().map(|pin| hexadecimal(pin.as_bytes()))),
            optional(self.session.as_ref().map(|session| hexadecimal(session))),
            optional(self.time.map(|(seconds, step)| (seconds / step).to_string())),
        ]
        .join(" ")
    }

    fn input(&self) -> OcraInput<'_> {
        let [client, server] = &self.questions;
        OcraInput {
            counter: self.counter,
            challenge: match self.by {
                None => OcraChallenge::OneWay(client),
                Some(by) => OcraChallenge::Mutual { client, server, by },
            },
            password: self.pin.as_ref().map(|pin| OcraPassword::Plain(pin.as_bytes())),
            session: self.session.as_deref(),
            time: self.time.map(|(seconds, _)| UnixTime(seconds)),
        }
    }
}

#[test]
fn ocra_responses_are_those_of_the_package_and_are_verified() {
    let count = tier::pick(200, 2_000, 10_000);
    let mut fresh = Fresh::new();
    let cases: Vec<_> = (0..count).map(|round| Case::fresh(&mut fresh, round)).collect();
    let responses = peers::python(RESPONSES, &cases.iter().map(Case::line).collect::<Vec<_>>());
    let mut spread = Spread::default();
    for (case, response) in cases.iter().zip(&responses) {
        let suite = OcraSuite::parse(&case.suite).unwrap();
        let ocra = Ocra::new(&Secret::new(&case.key).unwrap(), suite);
        assert_eq!(&ocra.response(&case.input()).unwrap().to_string(), response, "{case:?}");
        let time_step = case.time.map(|(seconds, step)| seconds / step);
        let found = ocra.verify(response, &case.input(), OcraWindow::EXACT);
        assert_eq!(found, Ok(OcraMatch { counter: case.counter, time_step }));
        let window =
            OcraWindow { counter: Window::look_ahead(2).unwrap(), time: Window::steps(1, 1).unwrap() };
        assert!(ocra.verify(response, &case.input(), window).is_ok());

        spread.count(suite.algorithm(), 1);
        spread.count(format!("{} digits", suite.digits()), 1);
        spread.count(format!("{:?}", suite.question().0), 1);
        spread.count(if case.counter.is_some() { "counter" } else { "no counter" }, 1);
        spread.count(case.by.map_or("one-way".to_owned(), |by| format!("mutual by {by:?}")), 1);
        spread.count(suite.password().map_or("no PIN".to_owned(), |hash| format!("PIN {hash}")), 1);
        spread.count(if case.session.is_some() { "session" } else { "no session" }, 1);
        spread.count(if case.time.is_some() { "time" } else { "no time" }, 1);
    }
    let met = [
        "SHA-1",
        "SHA-256",
        "SHA-512",
        "Alphanumeric",
        "Numeric",
        "Hexadecimal",
        "counter",
        "no counter",
        "one-way",
        "mutual by Server",
        "mutual by Client",
        "no PIN",
        "session",
        "no session",
        "time",
        "no time",
    ];
    spread.assert(count, 10, &met);
    let met = [
        "4 digits",
        "5 digits",
        "6 digits",
        "7 digits",
        "8 digits",
        "9 digits",
        "10 digits",
        "PIN SHA-1",
        "PIN SHA-256",
        "PIN SHA-512",
    ];
    spread.assert(count, 40, &met);
}
