//! OCRA against RFC 6287 appendix C (`vectors/rfc6287.txt`).

mod vectors;

use zamok_core::otp::{
    Ocra, OcraChallenge, OcraInput, OcraMatch, OcraPassword, OcraSide, OcraSuite, OcraWindow, Window,
};
use zamok_core::secret::Secret;
use zamok_core::{Error, UnixTime};

type Row = [String; 9];

/// The RFC prints mutual questions joined; both halves are equally long.
fn challenge(row: &Row) -> OcraChallenge<'_> {
    let (first, second) = row[5].split_at(row[5].len() / 2);
    match row[3].as_str() {
        "server" => OcraChallenge::Mutual { client: first, server: second, by: OcraSide::Server },
        "client" => OcraChallenge::Mutual { client: second, server: first, by: OcraSide::Client },
        _ => OcraChallenge::OneWay(&row[5]),
    }
}

fn ocra(row: &Row) -> Ocra {
    let secret = Secret::new(&vectors::secret(row[2].parse().unwrap())).unwrap();
    Ocra::new(&secret, OcraSuite::parse(&row[1]).unwrap())
}

fn input(row: &Row) -> OcraInput<'_> {
    OcraInput {
        counter: row[4].parse().ok(),
        password: (row[6] != "-").then(|| OcraPassword::Plain(row[6].as_bytes())),
        time: row[7].parse().ok().map(UnixTime),
        ..OcraInput::new(challenge(row))
    }
}

fn rows() -> Vec<Row> {
    let rows = vectors::rows("rfc6287.txt");
    assert_eq!(rows.len(), 70);
    for (section, count) in [("C.1", 40), ("C.2", 20), ("C.3", 10)] {
        assert_eq!(rows.iter().filter(|row: &&Row| row[0] == section).count(), count);
    }
    rows
}

#[test]
fn appendix_c_is_reproduced_and_verified() {
    for row in rows() {
        let (ocra, input) = (ocra(&row), input(&row));
        let response = match row[0].as_str() {
            "C.3" => ocra.signature(&input),
            _ => ocra.response(&input),
        };
        assert_eq!(response.unwrap().to_string(), row[8], "{row:?}");
        let expected = OcraMatch { counter: input.counter, time_step: input.time.map(|time| time.0 / 60) };
        assert_eq!(ocra.verify(&row[8], &input, OcraWindow::EXACT), Ok(expected));
        assert_eq!(ocra.verify_signature(&row[8], &input, OcraWindow::EXACT), Ok(expected));
        assert_eq!(ocra.verify("00000000", &input, OcraWindow::EXACT), Err(Error::Rejected));
    }
}

#[test]
fn the_digest_of_the_pin_serves_as_the_pin() {
    // SHA-1 of "1234", as RFC 6287 appendix C prints it.
    let digest = *b"\x71\x10\xed\xa4\xd0\x9e\x06\x2a\xa5\xe4\xa3\x90\xb0\xa5\x72\xac\x0d\x2c\x02\x20";
    let rows = rows();
    let with_pin = rows.iter().filter(|row| row[6] != "-");
    assert_eq!(with_pin.clone().count(), 20);
    for row in with_pin {
        let input = OcraInput { password: Some(OcraPassword::Digest(&digest)), ..input(row) };
        assert_eq!(ocra(row).response(&input).unwrap().to_string(), row[8]);
    }
}

#[test]
fn a_window_finds_counters_ahead_and_times_around() {
    let rows = rows();
    let window = OcraWindow { counter: Window::look_ahead(9).unwrap(), time: Window::steps(2, 2).unwrap() };
    for row in rows.iter().filter(|row| row[1] == "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1") {
        let counter: u64 = row[4].parse().unwrap();
        let expected = OcraMatch { counter: Some(counter), time_step: None };
        assert_eq!(
            ocra(row).verify(&row[8], &OcraInput { counter: Some(0), ..input(row) }, window),
            Ok(expected)
        );
        let late = OcraInput { counter: Some(counter + 1), ..input(row) };
        assert_eq!(ocra(row).verify(&row[8], &late, window), Err(Error::Rejected));
    }
    for row in rows.iter().filter(|row| row[7] != "-") {
        let seconds: u64 = row[7].parse().unwrap();
        let expected = OcraMatch { counter: None, time_step: Some(seconds / 60) };
        for (now, answer) in [
            (seconds - 121, Err(Error::Rejected)),
            (seconds - 120, Ok(expected)),
            (seconds + 179, Ok(expected)),
            (seconds + 180, Err(Error::Rejected)),
        ] {
            let input = OcraInput { time: Some(UnixTime(now)), ..input(row) };
            assert_eq!(ocra(row).verify(&row[8], &input, window), answer, "{now}");
        }
    }
}

#[test]
fn the_two_directions_of_mutual_mode_do_not_answer_each_other() {
    for row in rows().iter().filter(|row| row[3] != "-") {
        let OcraChallenge::Mutual { client, server, by } = challenge(row) else { panic!("{row:?}") };
        let by = if by == OcraSide::Server { OcraSide::Client } else { OcraSide::Server };
        let turned = OcraInput { challenge: OcraChallenge::Mutual { client, server, by }, ..input(row) };
        assert_eq!(ocra(row).verify(&row[8], &turned, OcraWindow::EXACT), Err(Error::Rejected));
    }
}
