//! OCRA beyond its vectors: inputs that do not fit, whole HMACs, session data, signatures, windows with equal digits.

use hmac::{Hmac, KeyInit, Mac};
use zamok_core::error::OcraFault;
use zamok_core::otp::{
    Ocra, OcraChallenge, OcraInput, OcraMatch, OcraPassword, OcraSuite, OcraWindow, Window,
};
use zamok_core::secret::Secret;
use zamok_core::{Error, UnixTime};

const KEY: &[u8] = b"12345678901234567890";

fn ocra(suite: &str) -> Ocra {
    let suite = OcraSuite::parse(&format!("OCRA-1:HOTP-{suite}")).unwrap();
    Ocra::new(&Secret::new(KEY).unwrap(), suite)
}

fn asked(question: &str) -> OcraInput<'_> {
    OcraInput::new(OcraChallenge::OneWay(question))
}

/// The whole HMAC over a data input that is written out by hand.
fn by_hand(parts: &[&[u8]]) -> String {
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(KEY).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn question(start: &[u8]) -> [u8; 128] {
    let mut question = [0; 128];
    question[..start.len()].copy_from_slice(start);
    question
}

#[test]
fn the_data_input_is_written_in_the_order_of_the_rfc() {
    let suite = "SHA256-0:C-QH40-PSHA256-S004-T30S";
    let input = OcraInput {
        counter: Some(0x0102_0304_0506_0708),
        password: Some(OcraPassword::Digest(&[0xbb; 32])),
        session: Some(b"wxyz"),
        time: Some(UnixTime(61)),
        ..asked("0aF")
    };
    let expected = by_hand(&[
        b"OCRA-1:HOTP-SHA256-0:C-QH40-PSHA256-S004-T30S",
        &[0],
        &[1, 2, 3, 4, 5, 6, 7, 8],
        &question(&[0x0a, 0xf0]),
        &[0xbb; 32],
        b"wxyz",
        &[0, 0, 0, 0, 0, 0, 0, 2],
    ]);
    assert_eq!(ocra(suite).response(&input).unwrap().to_string(), expected);
}

#[test]
fn session_data_of_every_length_is_filled_with_zeros_in_front() {
    for length in 0..=512usize {
        let suite = format!("SHA256-0:QA04-S{length:03}");
        let data = vec![0x5a; length];
        let (text, q) = (format!("OCRA-1:HOTP-{suite}"), question(b"abcd"));
        let ocra = ocra(&suite);
        let respond = |session| ocra.response(&OcraInput { session, ..asked("abcd") });
        let whole = by_hand(&[text.as_bytes(), &[0], &q, &data]);
        assert_eq!(respond(Some(&data)).unwrap().to_string(), whole);
        if length > 0 {
            let short = by_hand(&[text.as_bytes(), &[0], &q, &[0], &data[1..]]);
            assert_eq!(respond(Some(&data[1..])).unwrap().to_string(), short);
            assert_eq!(respond(None).unwrap_err(), Error::Ocra(OcraFault::Missing));
        }
        let long = vec![0x5a; length + 1];
        assert_eq!(respond(Some(&long)).unwrap_err(), Error::Ocra(OcraFault::SessionLength));
    }
}

#[test]
fn inputs_that_the_suite_does_not_name_or_misses_are_refused() {
    let (password, session, time) =
        (Some(OcraPassword::Plain(b"1234")), Some(&b"abcd"[..]), Some(UnixTime(5)));
    let everything = OcraInput { counter: Some(1), password, session, time, ..asked("1234") };
    let full = ocra("SHA1-6:C-QN08-PSHA1-S004-T1M");
    assert!(full.response(&everything).is_ok());
    for missing in [
        OcraInput { counter: None, ..everything },
        OcraInput { password: None, ..everything },
        OcraInput { session: None, ..everything },
        OcraInput { time: None, ..everything },
    ] {
        assert_eq!(full.response(&missing).unwrap_err(), Error::Ocra(OcraFault::Missing));
        assert_eq!(full.verify("123456", &missing, OcraWindow::EXACT), Err(Error::Ocra(OcraFault::Missing)));
    }
    let bare = ocra("SHA1-6:QN08");
    assert!(bare.response(&asked("1234")).is_ok());
    for surplus in [
        OcraInput { counter: Some(1), ..asked("1234") },
        OcraInput { password, ..asked("1234") },
        OcraInput { session, ..asked("1234") },
        OcraInput { time, ..asked("1234") },
    ] {
        assert_eq!(bare.response(&surplus).unwrap_err(), Error::Ocra(OcraFault::Surplus));
    }
    let digest = OcraInput { password: Some(OcraPassword::Digest(&[0; 32])), ..everything };
    assert_eq!(full.response(&digest).unwrap_err(), Error::Ocra(OcraFault::PasswordLength));
    let long = OcraInput { challenge: OcraChallenge::OneWay("123456789"), ..everything };
    assert_eq!(full.response(&long).unwrap_err(), Error::Ocra(OcraFault::QuestionLength));
    let letters = OcraInput { challenge: OcraChallenge::OneWay("1234567a"), ..everything };
    assert_eq!(full.response(&letters).unwrap_err(), Error::Ocra(OcraFault::QuestionCharacter));
}

#[test]
fn a_password_is_hashed_with_the_hash_of_the_suite() {
    for (hash, digest) in [
        ("SHA1", Vec::new()),
        ("SHA256", zamok_core::hash::sha256(&[b"1234"]).to_vec()),
        ("SHA512", zamok_core::hash::sha512(&[b"1234"]).to_vec()),
    ] {
        let ocra = ocra(&format!("SHA256-8:QN08-P{hash}"));
        let with = |password| ocra.response(&OcraInput { password: Some(password), ..asked("1") });
        let plain = with(OcraPassword::Plain(b"1234")).unwrap().to_string();
        assert_ne!(plain, with(OcraPassword::Plain(b"1235")).unwrap().to_string());
        // SHA-1 of "1234" stands in RFC 6287 appendix C and is tested there.
        if hash != "SHA1" {
            assert_eq!(plain, with(OcraPassword::Digest(&digest)).unwrap().to_string());
        }
    }
}

#[test]
fn a_signature_takes_no_session_data() {
    let ocra = ocra("SHA1-6:QN08-S004");
    let input = OcraInput { session: Some(b"abcd"), ..asked("1234") };
    let response = ocra.response(&input).unwrap();
    assert!(ocra.verify(response.as_str(), &input, OcraWindow::EXACT).is_ok());
    assert_eq!(ocra.signature(&input).unwrap_err(), Error::Ocra(OcraFault::Mode));
    let verified = ocra.verify_signature(response.as_str(), &input, OcraWindow::EXACT);
    assert_eq!(verified, Err(Error::Ocra(OcraFault::Mode)));
}

#[test]
fn a_whole_hmac_is_verified_in_either_case_and_only_whole() {
    for (hash, characters) in [("SHA1", 40), ("SHA256", 64), ("SHA512", 128)] {
        let ocra = ocra(&format!("{hash}-0:QN08"));
        let response = ocra.response(&asked("1234")).unwrap().to_string();
        assert_eq!(response.len(), characters);
        let verify = |text: &str| ocra.verify(text, &asked("1234"), OcraWindow::EXACT).map(|_| ());
        assert_eq!(verify(&response), Ok(()));
        assert_eq!(verify(&response.to_uppercase()), Ok(()));
        for place in 0..characters {
            let mut changed = response.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(verify(&String::from_utf8(changed).unwrap()), Err(Error::Rejected));
        }
        let long = format!("{response}\0");
        for text in ["", "0", &response[1..], &response[..characters - 1], &long, &format!("{response}0")] {
            assert_eq!(verify(text), Err(Error::Rejected), "{text:?}");
        }
    }
}

#[test]
fn malformed_responses_are_rejected() {
    let ocra = ocra("SHA1-6:QN08");
    let response = ocra.response(&asked("1234")).unwrap().to_string();
    for text in [
        "",
        " ",
        &response[..5],
        &format!("{response}0"),
        &format!(" {response}"),
        &response.replace(&response[..1], "x"),
        "１２３４５６",
    ] {
        assert_eq!(ocra.verify(text, &asked("1234"), OcraWindow::EXACT), Err(Error::Rejected), "{text:?}");
    }
}

#[test]
fn of_equal_digits_the_lowest_counter_and_then_the_highest_time_step_counts() {
    // Four digits repeat soon: questions are tried until they do.
    let ocra = ocra("SHA1-4:C-QN08-T1M");
    let window = OcraWindow { counter: Window::look_ahead(7).unwrap(), time: Window::steps(7, 7).unwrap() };
    let mut met = [0; 2];
    for number in 0..500 {
        let text = number.to_string();
        let input = OcraInput { counter: Some(100), time: Some(UnixTime(6_000)), ..asked(&text) };
        let mut shown = std::collections::BTreeMap::<String, Vec<(u64, u64)>>::new();
        for counter in 100..108 {
            for step in 93..108 {
                let at = OcraInput { counter: Some(counter), time: Some(UnixTime(step * 60)), ..input };
                shown.entry(ocra.response(&at).unwrap().to_string()).or_default().push((counter, step));
            }
        }
        for (code, places) in shown.iter().filter(|(_, places)| places.len() > 1) {
            let lowest = places.iter().map(|place| place.0).min().unwrap();
            let highest = places.iter().filter(|place| place.0 == lowest).map(|place| place.1).max().unwrap();
            let expected = OcraMatch { counter: Some(lowest), time_step: Some(highest) };
            assert_eq!(ocra.verify(code, &input, window), Ok(expected));
            met[0] += u32::from(places.iter().any(|place| place.0 != lowest));
            met[1] += u32::from(places.iter().filter(|place| place.0 == lowest).count() > 1);
        }
        if met.iter().all(|count| *count >= 3) {
            return;
        }
    }
    panic!("too few equal digits: {met:?}");
}

#[test]
fn windows_stay_within_their_limit_and_the_ends_of_the_numbers() {
    let both = ocra("SHA1-6:C-QN08-T1S");
    let window = OcraWindow { counter: Window::look_ahead(15).unwrap(), time: Window::steps(4, 4).unwrap() };
    let input = OcraInput { counter: Some(u64::MAX), time: Some(UnixTime(0)), ..asked("1") };
    assert_eq!(both.verify("000000", &input, window), Err(Error::WindowTooWide { steps: 144, limit: 128 }));
    let window = OcraWindow { counter: Window::look_ahead(13).unwrap(), ..window };
    let response = both.response(&input).unwrap();
    let expected = OcraMatch { counter: Some(u64::MAX), time_step: Some(0) };
    assert_eq!(both.verify(response.as_str(), &input, window), Ok(expected));
    // Neither counters nor times wrap round.
    let wrapped = both.response(&OcraInput { counter: Some(0), ..input }).unwrap();
    assert_eq!(both.verify(wrapped.as_str(), &input, window), Err(Error::Rejected));
    let wrapped = both.response(&OcraInput { time: Some(UnixTime(u64::MAX)), ..input }).unwrap();
    assert_eq!(both.verify(wrapped.as_str(), &input, window), Err(Error::Rejected));
    // What the suite does not name does not count towards the limit.
    let time = ocra("SHA1-6:QN08-T1S");
    let window =
        OcraWindow { counter: Window::look_ahead(127).unwrap(), time: Window::steps(63, 64).unwrap() };
    assert_eq!(time.verify("x", &OcraInput { counter: None, ..input }, window), Err(Error::Rejected));
}

#[test]
fn a_spent_counter_is_not_tried_however_far_the_window_reaches_back() {
    let ocra = ocra("SHA1-8:C-QN08");
    let at = |counter| OcraInput { counter: Some(counter), ..asked("12345678") };
    let window = OcraWindow { counter: Window::steps(5, 5).unwrap(), time: Window::EXACT };
    for counter in 5..=16 {
        let response = ocra.response(&at(counter)).unwrap();
        let expected = match counter {
            10..=15 => Ok(OcraMatch { counter: Some(counter), time_step: None }),
            _ => Err(Error::Rejected),
        };
        assert_eq!(ocra.verify(response.as_str(), &at(10), window), expected, "{counter}");
    }
}
