//! HOTP, TOTP and their URIs against the Python package `pyotp`, over fresh secrets, counters and times.

mod peers;
mod tier;

use peers::{Fresh, Spread};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Digits, Hotp, HotpParameters, OtpUri, Totp, TotpParameters, TotpState, Verdict, Window, base32,
};
use zamok_core::secret::Secret;

const CODES: &str = "
import hashlib, sys, pyotp
for line in sys.stdin:
    kind, secret, algorithm, digits, period, moment = line.split()
    digest = getattr(hashlib, algorithm.lower())
    if kind == 'hotp':
        print(pyotp.HOTP(secret, digits=int(digits), digest=digest).at(int(moment)))
    else:
        print(pyotp.TOTP(secret, digits=int(digits), digest=digest, interval=int(period)).at(int(moment)))
";

/// Reads a URI and prints the code of the moment.
const URIS: &str = "
import sys, pyotp
for line in sys.stdin:
    moment, uri = line.split()
    otp = pyotp.parse_uri(uri)
    print(otp.at(0 if isinstance(otp, pyotp.HOTP) else int(moment)))
";

/// Writes the URI of a key.
const PROVISIONING: &str = "
import hashlib, sys, pyotp
for line in sys.stdin:
    kind, secret, algorithm, digits, period, moment = line.split()
    digest = getattr(hashlib, algorithm.lower())
    if kind == 'hotp':
        otp = pyotp.HOTP(secret, digits=int(digits), digest=digest)
        print(otp.provisioning_uri(name='anna@example.org', initial_count=int(moment), issuer_name='Big Corp & Co'))
    else:
        otp = pyotp.TOTP(secret, digits=int(digits), digest=digest, interval=int(period))
        print(otp.provisioning_uri(name='anna@example.org', issuer_name='Big Corp & Co'))
";

#[derive(Debug)]
struct Case {
    by_time: bool,
    key: Vec<u8>,
    algorithm: HashAlgorithm,
    digits: Digits,
    period: u64,
    moment: u64,
}

impl Case {
    fn fresh(fresh: &mut Fresh, round: u32) -> Self {
        let period = fresh.pick(&[30, 30, 60, 1]);
        let moment = match round / 6 % 4 {
            0 => fresh.below(90),
            1 => (fresh.below(1 << 26) + 1) * period - fresh.below(2),
            2 => (1 << 32) - 30 + fresh.below(60),
            _ => fresh.below(1 << 37),
        };
        Self {
            by_time: round % 2 == 1,
            key: fresh.bytes(16, 64),
            algorithm: HashAlgorithm::ALL[(round / 2 % 3) as usize],
            digits: Digits::new(fresh.pick(&[6, 7, 8, 9, 10])).unwrap(),
            period,
            moment,
        }
    }

    fn line(&self) -> String {
        let mut buffer = [0; 256];
        let secret = base32::encode(&self.key, &mut buffer).unwrap();
        let kind = if self.by_time { "totp" } else { "hotp" };
        let Self { algorithm, digits, period, moment, .. } = self;
        format!("{kind} {secret} {} {digits} {period} {moment}", algorithm.otpauth_name())
    }

    fn hotp(&self) -> Hotp {
        let parameters = HotpParameters { algorithm: self.algorithm, digits: self.digits };
        Hotp::new(&Secret::new(&self.key).unwrap(), parameters)
    }

    fn parameters(&self) -> TotpParameters {
        let Self { algorithm, digits, period, .. } = *self;
        TotpParameters { algorithm, digits, period, t0: UnixTime(0) }
    }

    fn totp(&self) -> Totp {
        Totp::new(&Secret::new(&self.key).unwrap(), self.parameters()).unwrap()
    }

    fn code(&self) -> String {
        if self.by_time {
            self.totp().code_at(UnixTime(self.moment)).unwrap().to_string()
        } else {
            self.hotp().code(self.moment).to_string()
        }
    }

    fn uri(&self) -> OtpUri {
        let secret = Secret::new(&self.key).unwrap();
        if self.by_time {
            OtpUri::totp(Some("Дом & Co"), "anna b@c", &secret, self.parameters()).unwrap()
        } else {
            let parameters = self.hotp().parameters();
            OtpUri::hotp(Some("Дом & Co"), "anna b@c", &secret, parameters, self.moment).unwrap()
        }
    }
}

fn cases(count: u32) -> Vec<Case> {
    let mut fresh = Fresh::new();
    (0..count).map(|round| Case::fresh(&mut fresh, round)).collect()
}

#[test]
fn codes_are_those_of_pyotp_and_are_accepted_once() {
    let count = tier::pick(200, 2_000, 10_000);
    let cases = cases(count);
    let codes = peers::python(CODES, &cases.iter().map(Case::line).collect::<Vec<_>>());
    let mut spread = Spread::default();
    for (round, (case, code)) in cases.iter().zip(&codes).enumerate() {
        assert_eq!(&case.code(), code, "{case:?}");
        let (past, future) = ([0, 1, 5][round % 3], [0, 1, 10][round / 3 % 3]);
        if case.by_time {
            let (totp, now) = (case.totp(), UnixTime(case.moment));
            let window = Window::steps(past, future).unwrap();
            let checked = totp.check(code, now, window, &TotpState::default(), 2);
            assert!(matches!(checked.verdict, Verdict::Accepted { .. }));
            assert_eq!(totp.check(code, now, window, &checked.state, 2).verdict, Verdict::Rejected);
        }
        spread.count(if case.by_time { "totp" } else { "hotp" }, 1);
        spread.count(case.algorithm, 1);
        spread.count(format!("{} digits", case.digits), 1);
        spread.count(format!("window {past} {future}"), 1);
        spread.count(if case.moment > u64::from(u32::MAX) { "beyond 2^32" } else { "below 2^32" }, 1);
    }
    spread.assert(count, 4, &["totp", "hotp", "SHA-1", "SHA-256", "SHA-512"]);
    let met = ["6 digits", "7 digits", "8 digits", "9 digits", "10 digits", "window 0 0", "window 5 10"];
    spread.assert(count, 25, &met);
    spread.assert(count, 10, &["beyond 2^32", "below 2^32"]);
}

#[test]
fn uris_written_here_give_the_same_codes_there() {
    // The package reads 6, 7 and 8 digits.
    let cases: Vec<_> =
        cases(tier::pick(50, 500, 5_000)).into_iter().filter(|case| case.digits.count() <= 8).collect();
    assert!(cases.len() > 20);
    let lines: Vec<_> =
        cases.iter().map(|case| format!("{} {}", case.moment, case.uri().to_uri().as_str())).collect();
    for (case, code) in cases.iter().zip(peers::python(URIS, &lines)) {
        assert_eq!(case.code(), code, "{case:?}");
    }
}

#[test]
fn uris_written_there_are_read_here() {
    let cases = cases(tier::pick(50, 500, 5_000));
    let written = peers::python(PROVISIONING, &cases.iter().map(Case::line).collect::<Vec<_>>());
    for (case, uri) in cases.iter().zip(&written) {
        let read = OtpUri::parse(uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
        assert_eq!((read.issuer(), read.account()), (Some("Big Corp & Co"), "anna@example.org"));
        assert_eq!(read.secret().expose(), case.key);
        assert_eq!((read.algorithm(), read.digits()), (case.algorithm, case.digits));
        assert_eq!(read.kind(), case.uri().kind());
    }
}
