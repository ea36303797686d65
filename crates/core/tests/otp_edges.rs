//! The edges of counters, times, parameters and typed text; each has its own clear answer.

use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Digits, Hotp, HotpParameters, HotpState, Reason, Steam, Totp, TotpParameters, TotpState, Verdict, Window,
};
use zamok_core::secret::{Base32Reading, Secret};
use zamok_core::{Error, UnixTime};

fn secret() -> Secret {
    Secret::new(b"12345678901234567890").unwrap()
}

fn hotp() -> Hotp {
    Hotp::new(&secret(), HotpParameters::default())
}

fn totp(period: u64, t0: u64) -> Totp {
    Totp::new(&secret(), TotpParameters { period, t0: UnixTime(t0), ..TotpParameters::default() }).unwrap()
}

const fn steps(past: u32, future: u32) -> Window {
    match Window::steps(past, future) {
        Ok(window) => window,
        Err(_) => panic!("too wide"),
    }
}

#[test]
fn at_time_zero_there_is_no_step_before_the_first() {
    let totp = totp(30, 0);
    let new = TotpState::default();
    for (step, accepted) in [(0, true), (1, true), (2, false), (u64::MAX, false), (u64::MAX - 1, false)] {
        let code = totp.code_of_step(step);
        let checked = totp.check(code.as_str(), UnixTime(0), steps(1, 1), &new, 2);
        assert_eq!(checked.verdict.accepted().is_ok(), accepted, "{step}");
    }
    // Drift below zero does not wrap round either.
    let behind = TotpState { last_step: None, drift: -2 };
    for (step, accepted) in [(0, false), (1, false), (u64::MAX, false), (u64::MAX - 1, false)] {
        let code = totp.code_of_step(step);
        let checked = totp.check(code.as_str(), UnixTime(0), steps(1, 1), &behind, 2);
        assert_eq!(checked.verdict.accepted().is_ok(), accepted, "{step}");
    }
    let ahead = totp.check(totp.code_of_step(0).as_str(), UnixTime(29), steps(1, 2), &behind, 2);
    assert_eq!(ahead.verdict, Verdict::Accepted { step: 0, drift: 0 });
}

#[test]
fn step_zero_is_spent_like_any_other() {
    let totp = totp(30, 0);
    let code = totp.code_at(UnixTime(0)).unwrap();
    let checked = totp.check(code.as_str(), UnixTime(0), steps(1, 1), &TotpState::default(), 2);
    assert_eq!(checked.state.last_step, Some(0));
    let again = totp.check(code.as_str(), UnixTime(30), steps(1, 1), &checked.state, 2);
    assert_eq!((again.verdict, again.reason), (Verdict::Rejected, Reason::Spent));
}

#[test]
fn the_window_ends_with_the_last_step_of_all() {
    let totp = totp(1, 0);
    let end = UnixTime(u64::MAX);
    let new = TotpState::default();
    for (step, accepted) in
        [(u64::MAX, true), (u64::MAX - 2, true), (u64::MAX - 3, false), (0, false), (1, false)]
    {
        let code = totp.code_of_step(step);
        assert_eq!(totp.check(code.as_str(), end, steps(2, 2), &new, 2).verdict.accepted().is_ok(), accepted);
    }
    let checked = totp.check(totp.code_at(end).unwrap().as_str(), end, steps(2, 2), &new, 2);
    assert_eq!(checked.state.last_step, Some(u64::MAX));
    let again = totp.check(totp.code_at(end).unwrap().as_str(), end, steps(2, 2), &checked.state, 2);
    assert_eq!(again.reason, Reason::Spent);
    assert_eq!(totp.seconds_left(end), Ok(1));
}

#[test]
fn the_last_counter_serves_once_and_then_the_key_is_exhausted() {
    let hotp = hotp();
    let window = Window::look_ahead(10).unwrap();
    let mut state = HotpState::starting_at(u64::MAX - 1);
    for counter in [u64::MAX - 1, u64::MAX] {
        assert_eq!(state.next_counter(), Ok(counter));
        let code = hotp.code(counter);
        let checked = hotp.check(code.as_str(), window, &state);
        assert_eq!(checked.verdict, Verdict::Accepted { step: counter, drift: 0 });
        state = checked.state;
    }
    assert_eq!(state, HotpState { next: u64::MAX, burned: 1 });
    assert_eq!(state.next_counter(), Err(Error::CounterExhausted));
    for counter in [u64::MAX - 1, u64::MAX, 0, 1] {
        let checked = hotp.check(hotp.code(counter).as_str(), window, &state);
        assert_eq!((checked.verdict, checked.reason), (Verdict::Rejected, Reason::Exhausted));
        assert_eq!(checked.state, state);
    }
    // Counters do not wrap round at the end of the window.
    let near = HotpState::starting_at(u64::MAX - 3);
    assert_eq!(hotp.check(hotp.code(0).as_str(), window, &near).verdict, Verdict::Rejected);
    let jumped = hotp.check(hotp.code(u64::MAX).as_str(), window, &near);
    assert_eq!(jumped.verdict, Verdict::Accepted { step: u64::MAX, drift: 3 });
    assert_eq!(jumped.state, HotpState { next: u64::MAX, burned: 1 });
}

#[test]
fn a_time_before_t0_is_named_and_accepts_nothing() {
    let totp = totp(30, 1_000);
    assert_eq!(totp.step_at(UnixTime(999)), Err(Error::TimeBeforeT0));
    assert_eq!(totp.seconds_left(UnixTime(0)), Err(Error::TimeBeforeT0));
    assert_eq!(totp.code_at(UnixTime(999)).unwrap_err(), Error::TimeBeforeT0);
    let code = totp.code_of_step(0);
    assert_eq!(totp.verify(code.as_str(), UnixTime(999), steps(1, 1)), Err(Error::TimeBeforeT0));
    let checked = totp.check(code.as_str(), UnixTime(999), steps(1, 1), &TotpState::default(), 2);
    assert_eq!((checked.verdict, checked.reason), (Verdict::Rejected, Reason::BeforeT0));
    let checked = totp.check(code.as_str(), UnixTime(1_000), steps(1, 1), &TotpState::default(), 2);
    assert_eq!(checked.verdict, Verdict::Accepted { step: 0, drift: 0 });
    assert_eq!(totp.seconds_left(UnixTime(1_029)), Ok(1));
}

#[test]
fn a_period_of_zero_is_refused() {
    let parameters = TotpParameters { period: 0, ..TotpParameters::default() };
    assert_eq!(Totp::new(&secret(), parameters).map(|_| ()), Err(Error::PeriodZero));
    assert_eq!(parameters.step_at(UnixTime(5)), Err(Error::PeriodZero));
}

#[test]
fn secrets_have_16_to_128_bytes_and_less_only_by_name() {
    for (len, refused) in [
        (0, Err(Error::SecretTooShort(0))),
        (10, Err(Error::SecretTooShort(10))),
        (15, Err(Error::SecretTooShort(15))),
        (16, Ok(())),
        (128, Ok(())),
        (129, Err(Error::SecretTooLong(129))),
    ] {
        assert_eq!(Secret::new(&vec![7; len]).map(|_| ()), refused, "{len}");
    }
    assert_eq!(Secret::new_accepting_weak(&[7; 10]).map(|_| ()), Ok(()));
    assert_eq!(Secret::new_accepting_weak(&[]).map(|_| ()), Err(Error::SecretTooShort(0)));
    // Every length that is taken makes codes with every hash: 128 bytes are more than a block of SHA-1.
    for len in [1, 10, 16, 64, 65, 128] {
        for algorithm in HashAlgorithm::ALL {
            let secret = Secret::new_accepting_weak(&vec![0x5a; len]).unwrap();
            let hotp = Hotp::new(&secret, HotpParameters { algorithm, digits: Digits::EIGHT });
            assert_eq!(hotp.verify(hotp.code(9).as_str(), 9, Window::EXACT).map(|found| found.step), Ok(9));
        }
    }
}

#[test]
fn secrets_are_read_from_base32_however_it_is_typed() {
    for text in [
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
        "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ====",
    ] {
        assert_eq!(Secret::from_base32(text, Base32Reading::Tolerant).unwrap().expose(), secret().expose());
    }
    let strict = |text| Secret::from_base32(text, Base32Reading::Strict).map(|_| ());
    assert_eq!(strict("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), Ok(()));
    assert_eq!(strict("gezdgnbvgy3tqojqgezdgnbvgy3tqojq"), Err(Error::Base32(0)));
    let tolerant = |text: &str| Secret::from_base32(text, Base32Reading::Tolerant).map(|_| ());
    assert_eq!(tolerant(""), Err(Error::SecretTooShort(0)));
    assert_eq!(tolerant("GEZDGNBVGY3TQOJQ"), Err(Error::SecretTooShort(10)));
    assert_eq!(tolerant(&"A".repeat(208)), Err(Error::SecretTooLong(130)));
    assert_eq!(tolerant(&"A".repeat(205)), Ok(()));
    assert_eq!(tolerant("GEZDGNBVGY3TQOJ1"), Err(Error::Base32(15)));
    let weak = |text| Secret::from_base32_accepting_weak(text, Base32Reading::Tolerant).map(|_| ());
    assert_eq!(weak("GEZDGNBVGY3TQOJQ"), Ok(()));
    assert_eq!(weak("  "), Err(Error::SecretTooShort(0)));
}

#[test]
fn malformed_text_is_rejected_and_changes_nothing() {
    let (hotp, totp, steam) = (hotp(), totp(30, 0), Steam::new(&secret()));
    let long = "7".repeat(100_000);
    for text in [
        "",
        " ",
        "10552",
        "7552240",
        "755 224",
        " 755224",
        "755224 ",
        "７５５２２４",
        "75522４",
        "-55224",
        "+55224",
        "7.5224",
        "0x5224",
        "755224\0",
        "\u{0}\u{0}",
        &long,
    ] {
        let state = HotpState::default();
        let checked = hotp.check(text, Window::look_ahead(3).unwrap(), &state);
        assert_eq!(
            (checked.verdict, checked.reason, checked.state),
            (Verdict::Rejected, Reason::Malformed, state)
        );
        let state = TotpState { last_step: Some(1), drift: 1 };
        let checked = totp.check(text, UnixTime(59), steps(1, 1), &state, 2);
        assert_eq!(
            (checked.verdict, checked.reason, checked.state),
            (Verdict::Rejected, Reason::Malformed, state)
        );
        let checked = steam.check(text, UnixTime(59), steps(1, 1), &state, 2);
        assert_eq!(
            (checked.verdict, checked.reason, checked.state),
            (Verdict::Rejected, Reason::Malformed, state)
        );
        assert_eq!(hotp.verify(text, 0, Window::EXACT), Err(Error::Rejected));
    }
}

#[test]
fn ten_digits_show_the_whole_value_and_nothing_above_it_matches() {
    let parameters = HotpParameters { digits: Digits::new(10).unwrap(), ..HotpParameters::default() };
    let hotp = Hotp::new(&secret(), parameters);
    assert_eq!(hotp.code(7).to_string(), "0082162583"); // RFC 4226 appendix D: 82162583
    assert!(hotp.verify("0082162583", 7, Window::EXACT).is_ok());
    // The same 31 bits and one more, and the same low 32 bits.
    for other in [82_162_583 + (1u64 << 31), 82_162_583 + (1 << 32)] {
        assert_eq!(hotp.verify(&format!("{other:010}"), 7, Window::EXACT), Err(Error::Rejected));
    }
}

#[test]
fn drift_is_learned_one_step_at_a_time_and_within_its_bound() {
    let totp = totp(30, 0);
    let mut state = TotpState::default();
    let mut learned = Vec::new();
    for step in 100..106 {
        // The token runs two steps ahead.
        let code = totp.code_of_step(step + 2);
        let checked = totp.check(code.as_str(), UnixTime(step * 30), steps(2, 2), &state, 2);
        assert_eq!(checked.verdict, Verdict::Accepted { step: step + 2, drift: 2 });
        state = checked.state;
        learned.push(state.drift);
    }
    assert_eq!(learned, [1, 2, 2, 2, 2, 2]);
    // A tighter bound brings it back; a bound of 0 learns nothing.
    let checked = totp.check(totp.code_of_step(200).as_str(), UnixTime(6_000), steps(1, 1), &state, 1);
    assert_eq!(checked.state.drift, 0);
    let checked = totp.check(totp.code_of_step(300).as_str(), UnixTime(9_030), steps(1, 1), &state, 0);
    assert_eq!(checked.state, TotpState { last_step: Some(300), drift: 0 });
    // The code of the present is still in a window of one step that has drifted by one.
    let behind = TotpState { last_step: None, drift: -1 };
    let checked = totp.check(totp.code_of_step(400).as_str(), UnixTime(12_000), steps(1, 1), &behind, 2);
    assert_eq!(checked.state, TotpState { last_step: Some(400), drift: 0 });
}

#[test]
fn a_code_that_was_used_by_hotp_is_named_spent_where_the_window_reaches_back() {
    let hotp = hotp();
    let state = HotpState::starting_at(5);
    let used = hotp.code(4);
    let reason = |window| hotp.check(used.as_str(), window, &state).reason;
    assert_eq!(reason(steps(0, 10)), Reason::Wrong);
    assert_eq!(reason(steps(1, 10)), Reason::Spent);
    assert_eq!(hotp.check(used.as_str(), steps(1, 10), &state).state, state);
}

#[test]
fn secrets_codes_and_responses_are_equal_where_every_byte_is_and_nowhere_else() {
    use subtle::ConstantTimeEq as _;
    use zamok_core::otp::{Ocra, OcraChallenge, OcraInput, OcraSuite, SteamCode};
    let same = |a: &[u8], b: &[u8]| bool::from(Secret::new(a).unwrap().ct_eq(&Secret::new(b).unwrap()));
    assert!(same(&[7; 20], &[7; 20]) && !same(&[7; 20], &[7; 21]));
    for place in 0..20 {
        let mut other = [7_u8; 20];
        other[place] ^= 1;
        assert!(!same(&[7; 20], &other), "byte {place}");
    }
    let steam = |text: &str| SteamCode::parse(text).unwrap();
    assert!(bool::from(steam("22222").ct_eq(&steam("22222"))));
    for other in ["32222", "23222", "22322", "22232", "22223"] {
        assert!(!bool::from(steam("22222").ct_eq(&steam(other))), "{other}");
    }
    let respond = |digits: u8, question: &str| {
        let suite = OcraSuite::parse(&format!("OCRA-1:HOTP-SHA1-{digits}:QN08")).unwrap();
        Ocra::new(&secret(), suite).response(&OcraInput::new(OcraChallenge::OneWay(question))).unwrap()
    };
    for digits in [0, 6] {
        let response = respond(digits, "11111111");
        assert!(bool::from(response.ct_eq(&respond(digits, "11111111"))));
        assert!(!bool::from(response.ct_eq(&respond(digits, "22222222"))));
        assert!(!bool::from(response.ct_eq(&respond(8, "11111111"))));
    }
}
