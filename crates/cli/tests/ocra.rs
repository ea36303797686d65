//! `zamok ocra`: the vectors of RFC 6287, and devices that the Python package `oath` stands for.
#![allow(missing_docs)]

mod harness;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use harness::{Desk, Run, heard, peer, python, run};
use serde_json::{Value, json};

/// The 20 bytes of RFC 6287 appendix C, in hexadecimal digits.
const SECRET: &str = "3132333435363738393031323334353637383930";
/// The package counts time in steps.
const DEVICE: &str = "
import sys
from oath import str2ocrasuite
suite, key, question, counter, pin, session, steps = sys.argv[1:]
inputs = {'Q': question}
if counter: inputs['C'] = int(counter)
if pin: inputs['P'] = pin
if session: inputs['S'] = bytes.fromhex(session)
if steps: inputs['T_precomputed'] = int(steps)
print(str2ocrasuite(suite)(bytes.fromhex(key), **inputs))
";

/// A device of somebody else's making.
#[derive(Clone, Copy)]
struct Device<'a> {
    suite: &'a str,
    secret: &'a str,
    counter: &'a str,
    pin: &'a str,
    session: &'a str,
    steps: &'a str,
}

impl<'a> Device<'a> {
    const fn new(suite: &'a str, secret: &'a str) -> Self {
        Self { suite, secret, counter: "", pin: "", session: "", steps: "" }
    }

    fn answer(&self, question: &str) -> String {
        let Self { suite, secret, counter, pin, session, steps } = self;
        heard(
            Command::new(python())
                .args(["-c", DEVICE, suite, secret, question, counter, pin, session, steps]),
        )
    }
}

struct Ocra(Desk);

impl Ocra {
    fn new() -> Self {
        let desk = Desk::new();
        desk.write("secret", SECRET);
        Self(desk)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.0.zamok([&["ocra"], arguments, &["--json"]].concat())
    }

    #[track_caller]
    fn import(&self, suite: &str, more: &[&str]) -> String {
        let import = ["import", "--suite", suite, "--secret-file", "secret"];
        let told = self.run(&[&import, more].concat()).done().json();
        told["id"].as_str().unwrap().to_owned()
    }

    /// Asks; the id of the question and its text.
    #[track_caller]
    fn ask(&self, key: &str, more: &[&str]) -> (String, String) {
        let told = self.run(&[&["ask", key, "--lifetime", "86400"], more].concat()).done().json();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        (text("question"), text("text"))
    }

    fn answer(&self, question: &str, response: &str, more: &[&str]) -> Run {
        self.run(&[&["answer", question, "--response", response], more].concat())
    }

    /// With the holder's PIN in a variable.
    fn answer_with_pin(&self, question: &str, response: &str, pin: &str) -> Run {
        let arguments = ["ocra", "answer", question, "--response", response, "--json"];
        run(self.0.command(arguments).env("ZAMOK_OCRA_PIN", pin))
    }

    fn state(&self, key: &str) -> Value {
        self.0.zamok(["keys", "show", key, "--json"]).done().json()["state"].clone()
    }
}

fn other_than(response: &str) -> String {
    let last = if response.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &response[..response.len() - 1])
}

#[test]
fn responses_are_those_of_rfc_6287() {
    let desk = Desk::empty();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/rfc6287.txt");
    let page = fs::read_to_string(page).unwrap();
    desk.write("pin", "1234\n");
    let mut rows = 0;
    for row in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let cells: Vec<&str> = row.split_whitespace().collect();
        let [_, suite, length, by, counter, question, pin, time, expected] = cells[..] else {
            panic!("{row}")
        };
        let secret: String = "1234567890".chars().cycle().take(length.parse().unwrap()).collect();
        desk.write("secret", secret.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
        let mut arguments = vec!["ocra", "respond", "--suite", suite, "--secret-file", "secret", "--json"];
        // The RFC prints mutual questions joined, that of whom asks first in front; both halves are equally long.
        let (first, second) = question.split_at(question.len() / 2);
        match by {
            "server" => arguments.extend(["--client-question", first, "--server-question", second]),
            "client" => arguments.extend(["--server-question", first, "--client-question", second]),
            _ => arguments.extend(["--question", question]),
        }
        let given = [("--by", by), ("--counter", counter), ("--time", time)];
        arguments
            .extend(given.iter().filter(|(_, value)| *value != "-").flat_map(|(name, value)| [*name, value]));
        if pin != "-" {
            assert_eq!(pin, "1234");
            arguments.extend(["--pin-file", "pin"]);
        }
        let told = desk.zamok(&arguments).done().json();
        assert_eq!(told, json!({"suite": suite, "response": expected}), "{row}");
        rows += 1;
    }
    assert_eq!(rows, 70);
    assert!(!desk.path("zamok.db").exists(), "no vault is needed");
}

#[test]
fn a_key_is_made_and_shown_once_and_counts_from_the_first_right_response_on() {
    let ocra = Ocra::new();
    let suite = "OCRA-1:HOTP-SHA256-8:QA10";
    let made =
        ocra.run(&["new", "--suite", suite, "--label", "card 7", "--secret-out", "card"]).done().json();
    let key = made["id"].as_str().unwrap();
    assert_eq!((&made["secret"], &made["secret_file"]), (&Value::Null, &json!("card")));
    assert_eq!(ocra.state(key), "pre-active");
    let secret = String::from_utf8(ocra.0.read("card")).unwrap();
    let device = Device::new(suite, secret.trim());
    assert_eq!(device.secret.len(), 64, "as long as the hash");
    let (question, text) = ocra.ask(key, &[]);
    assert_eq!(text.len(), 10);
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
    let response = device.answer(&text);
    let right = ocra.answer(&question, &response, &[]).done().json();
    assert_eq!(right, json!({"key": key, "accepted": true, "sha256": null}));
    assert_eq!(ocra.state(key), "active");
    // Once: the question is gone, and the same words are said of one that never was.
    ocra.answer(&question, &response, &[]).failed(1, 100, "rejected");
    ocra.answer(&"0".repeat(32), &response, &[]).failed(1, 100, "rejected");
    // A wrong response takes its question along.
    let (question, text) = ocra.ask(key, &[]);
    let response = device.answer(&text);
    ocra.answer(&question, &other_than(&response), &[]).failed(1, 100, "rejected");
    ocra.answer(&question, &response, &[]).failed(1, 100, "rejected");
    // Without --secret-out the secret is printed, and the response is read from standard input.
    let made = ocra.run(&["new", "--suite", "OCRA-1:HOTP-SHA1-6:QN08"]).done().json();
    let (key, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let (question, text) = ocra.ask(key, &[]);
    let response = Device::new("OCRA-1:HOTP-SHA1-6:QN08", secret).answer(&text);
    let told = ocra.0.zamok_reading(&format!("{response}\n"), ["ocra", "answer", &question]).done();
    assert!(told.stdout.contains("The response is right"), "{told:?}");
    // What was made once is in no file, and none is replaced.
    let store = ocra.0.read("zamok.db");
    assert!(!store.windows(40).any(|bytes| bytes == &secret.as_bytes()[..40]));
    ocra.run(&["new", "--suite", suite, "--secret-out", "card"]).failed(5, 901, "file");
}

#[test]
fn counters_pins_sessions_and_times_go_into_a_response_and_are_spent() {
    let ocra = Ocra::new();
    let suite = "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1";
    let key = ocra.import(suite, &["--counter", "7"]);
    let device = Device { counter: "9", pin: "1234", ..Device::new(suite, SECRET) };
    let (question, text) = ocra.ask(&key, &[]);
    ocra.answer(&question, "12345678", &[]).failed(5, 902, "no-secret");
    let ahead = device.answer(&text);
    ocra.answer_with_pin(&question, &ahead, "1234").done();
    for (counter, pin, is_right) in [("9", "1234", false), ("10", "1235", false), ("10", "1234", true)] {
        let (question, text) = ocra.ask(&key, &[]);
        let response = Device { counter, ..device }.answer(&text);
        let told = ocra.answer_with_pin(&question, &response, pin);
        assert_eq!(told.exit, i32::from(!is_right), "{counter} {pin}: {told:?}");
    }
    // Hours, so that none ends between the two but once: then the step before is still within the window.
    let suite = "OCRA-1:HOTP-SHA512-8:QN08-S004-T1H";
    let key = ocra.import(suite, &["--label", "timed"]);
    let hours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600;
    let steps = hours.to_string();
    let device = Device { session: "00ff41d3", steps: &steps, ..Device::new(suite, SECRET) };
    let (question, text) = ocra.ask(&key, &[]);
    let response = device.answer(&text);
    let session = ["--session", "00ff41d3"];
    ocra.answer(&question, &response, &[]).failed(2, 243, "ocra-missing");
    ocra.answer(&question, &response, &["--session", "00ff41d3ee"]).failed(2, 248, "ocra-session-length");
    ocra.answer(&question, &response, &session).done();
    let (question, text) = ocra.ask(&key, &[]);
    ocra.answer(&question, &device.answer(&text), &session).failed(1, 100, "rejected");
}

#[test]
fn a_question_about_a_file_is_answered_for_that_file() {
    let ocra = Ocra::new();
    ocra.0.write("payment", "100 to Anna");
    let digest = heard(peer("sha256sum").arg(ocra.0.path("payment")));
    let digest = digest.split_whitespace().next().unwrap();
    let suite = "OCRA-1:HOTP-SHA256-8:QH64";
    let key = ocra.import(suite, &[]);
    let (question, text) = ocra.ask(&key, &["--about", "payment"]);
    assert_eq!(text, digest);
    let response = Device::new(suite, SECRET).answer(&text);
    let right = ocra.answer(&question, &response, &[]).done().json();
    assert_eq!(right, json!({"key": key, "accepted": true, "sha256": digest}));
    // A shorter question carries what the device shows; the digest is kept beside.
    let suite = "OCRA-1:HOTP-SHA1-6:QA16";
    let key = ocra.import(suite, &["--label", "shorter"]);
    let ask = ["ask", &key, "--about", "payment"];
    ocra.run(&ask).failed(2, 245, "ocra-question-length");
    ocra.run(&[&ask[..], &["--shown", "100 Anna"]].concat()).failed(2, 246, "ocra-question-character");
    let (question, text) = ocra.ask(&key, &["--about", "payment", "--shown", "100Anna"]);
    assert_eq!(text, "100Anna");
    let right = ocra.answer(&question, &Device::new(suite, SECRET).answer(&text), &[]).done().json();
    assert_eq!(right["sha256"], digest);
    ocra.run(&["ask", &key, "--shown", "100Anna"]).failed(2, 900, "usage");
    ocra.run(&["ask", &key, "--about", "absent"]).failed(5, 901, "file");
}

#[test]
fn a_token_of_a_pskc_file_is_taken_in_once_with_its_counter() {
    let ocra = Ocra::new();
    let suite = "OCRA-1:HOTP-SHA1-6:C-QN08";
    ocra.0.write(
        "tokens.xml",
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">
  <KeyPackage>
    <Key Id="card 7" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:ocra">
      <AlgorithmParameters><Suite>{suite}</Suite></AlgorithmParameters>
      <Data>
        <Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>
        <Counter><PlainValue>41</PlainValue></Counter>
      </Data>
    </Key>
  </KeyPackage>
</KeyContainer>
"#
        ),
    );
    let import = || ocra.0.zamok(["import", "tokens.xml", "--json"]).done().json();
    let taken = import();
    assert_eq!((&taken["imported"], &taken["tokens"][0]["kind"]), (&json!(1), &json!("OCRA")), "{taken}");
    assert_eq!(import()["already_there"], 1);
    let key = taken["tokens"][0]["key"].as_str().unwrap();
    for (counter, is_right) in [("40", false), ("41", true)] {
        let (question, text) = ocra.ask(key, &[]);
        let response = Device { counter, ..Device::new(suite, SECRET) }.answer(&text);
        assert_eq!(ocra.answer(&question, &response, &[]).exit, i32::from(!is_right), "{counter}");
    }
}

#[test]
fn late_responses_are_refused_and_unanswered_questions_are_swept() {
    let ocra = Ocra::new();
    let suite = "OCRA-1:HOTP-SHA1-6:QN08";
    let key = ocra.import(suite, &[]);
    let asked = ocra.run(&["ask", &key, "--lifetime", "1"]).done().json();
    let left = ocra.run(&["ask", &key, "--lifetime", "1"]).done().json();
    let over = left["expires"].as_u64().unwrap() + 1;
    while SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() < over {
        std::thread::yield_now();
    }
    let response = Device::new(suite, SECRET).answer(asked["text"].as_str().unwrap());
    ocra.answer(asked["question"].as_str().unwrap(), &response, &[]).failed(1, 100, "rejected");
    let swept = ocra.0.zamok(["sweep", "--json"]).done().json();
    assert_eq!(swept["removed"], 1, "{swept}");
    let tail = ocra.0.zamok(["journal", "tail", "--json"]).done().json();
    let reasons: Vec<_> =
        tail["entries"].as_array().unwrap().iter().map(|entry| entry["detail"]["reason"].clone()).collect();
    assert!(reasons.contains(&json!("late")), "{tail}");
}

#[test]
fn failures_delay_a_key_and_an_operator_forgives_them() {
    let ocra = Ocra::new();
    let suite = "OCRA-1:HOTP-SHA1-6:QN08";
    let (key, device) = (ocra.import(suite, &[]), Device::new(suite, SECRET));
    let right = || {
        let (question, text) = ocra.ask(&key, &[]);
        ocra.answer(&question, &device.answer(&text), &[])
    };
    for _ in 0..5 {
        let (question, text) = ocra.ask(&key, &[]);
        ocra.answer(&question, &other_than(&device.answer(&text)), &[]).failed(1, 100, "rejected");
    }
    // An operator who has looked into it puts the key aside and takes it back: nobody waits any longer.
    ocra.0.zamok(["keys", "suspend", &key, "--reason", "who tries?"]).done();
    ocra.run(&["ask", &key]).failed(1, 305, "key-state");
    ocra.0.zamok(["keys", "resume", &key, "--reason", "it was the owner"]).done();
    right().done();
}

#[test]
fn misuse_is_told_apart_and_says_what_to_do() {
    let ocra = Ocra::new();
    let import = |suite: &str, secret: &str, more: &[&str]| {
        ocra.0.write("given", secret);
        ocra.run(&[&["import", "--suite", suite, "--secret-file", "given"], more].concat())
    };
    for suite in ["", "HOTP", "OCRA-1:HOTP-SHA1-6", "OCRA-1:HOTP-SHA3-6:QN08", "ocra-1:HOTP-SHA1-6:QN08", "é"]
    {
        let told = import(suite, SECRET, &[]);
        told.failed(2, 900, "usage");
        assert!(told.stdout.contains("OCRA-1:HOTP-SHA256-8:QN08"), "{told:?}");
    }
    let plain = "OCRA-1:HOTP-SHA1-6:QN08";
    import(plain, SECRET, &["--counter", "1"]).failed(2, 900, "usage");
    import(plain, "", &[]).failed(2, 900, "usage");
    import(plain, "not digits", &[]).failed(2, 900, "usage");
    import(plain, "313233", &[]).failed(2, 203, "secret-too-short");
    import(plain, &"31".repeat(200), &[]).failed(2, 204, "secret-too-long");
    import(plain, "MFRGG0", &["--encoding", "base32"]).failed(2, 210, "base32");
    import(plain, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", &["--encoding", "base32"]).done();
    import(plain, "313233", &["--accept-guessable"]).done();
    ocra.run(&["import", "--suite", plain, "--secret-file", "absent"]).failed(5, 901, "file");
    ocra.run(&["ask", &"0".repeat(32)]).failed(2, 301, "unknown-key");
    ocra.run(&["ask", "abc"]).failed(2, 900, "usage");
    ocra.run(&["answer", "abc", "--response", "1"]).failed(2, 900, "usage");
    let told = ocra.0.zamok(["keys", "new", "--kind", "hmac", "--purpose", "data", "--json"]).done().json();
    ocra.run(&["ask", told["id"].as_str().unwrap()]).failed(2, 302, "key-kind");
    let respond = |suite: &str, more: &[&str]| {
        ocra.run(&[&["respond", "--suite", suite, "--secret-file", "secret"], more].concat())
    };
    respond(plain, &[]).failed(2, 900, "usage");
    respond(plain, &["--question", ""]).failed(2, 245, "ocra-question-length");
    respond(plain, &["--question", "123456789"]).failed(2, 245, "ocra-question-length");
    respond(plain, &["--question", "1234567a"]).failed(2, 246, "ocra-question-character");
    respond(plain, &["--question", "1", "--counter", "1"]).failed(2, 244, "ocra-surplus");
    respond(plain, &["--question", "1", "--time", "1"]).failed(2, 244, "ocra-surplus");
    respond(plain, &["--question", "1", "--session", "0"]).failed(2, 900, "usage");
    respond("OCRA-1:HOTP-SHA1-6:C-QN08", &["--question", "1"]).failed(2, 243, "ocra-missing");
    respond(plain, &["--client-question", "1"]).failed(2, 900, "usage");
    respond("OCRA-1:HOTP-SHA1-6:QN08-PSHA1", &["--question", "1"]).failed(5, 902, "no-secret");
    // A wish for the time is met with the present one.
    respond("OCRA-1:HOTP-SHA1-6:QN08-T1M", &["--question", "1"]).done();
}
