//! Resynchronisation: two consecutive, different codes find a token over thousands of steps, and spend both.

use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Digits, Hotp, HotpParameters, HotpState, Reason, Steam, Totp, TotpParameters, TotpState, Verdict, Window,
};
use zamok_core::secret::Secret;
use zamok_core::{Error, UnixTime};

fn secret() -> Secret {
    Secret::new(b"a secret of this test, not short").unwrap()
}

fn hotp() -> Hotp {
    Hotp::new(&secret(), HotpParameters { algorithm: HashAlgorithm::Sha256, digits: Digits::EIGHT })
}

fn totp() -> Totp {
    let parameters = TotpParameters { algorithm: HashAlgorithm::Sha512, ..TotpParameters::default() };
    Totp::new(&secret(), parameters).unwrap()
}

#[test]
fn every_counter_up_to_the_furthest_is_found_and_none_beyond() {
    let hotp = hotp();
    let state = HotpState::starting_at(40);
    for ahead in [0u32, 1, 2, 61, 62, 63, 64, 65, 126, 127, 128, 255, 256, 257, 998, 999, 1000] {
        let first = 40 + u64::from(ahead);
        let (a, b) = (hotp.code(first), hotp.code(first + 1));
        let found = hotp.resynchronise(a.as_str(), b.as_str(), 1000, &state).unwrap();
        let drift = i32::try_from(ahead).unwrap() + 1;
        assert_eq!(found.verdict, Verdict::Accepted { step: first + 1, drift }, "{ahead}");
        assert_eq!(found.state, HotpState::starting_at(first + 2));
        // Both are spent, and the token goes on.
        for code in [&a, &b] {
            let again = hotp.check(code.as_str(), Window::look_ahead(100).unwrap(), &found.state);
            assert_eq!(again.verdict, Verdict::Rejected);
        }
        let next = hotp.check(hotp.code(first + 2).as_str(), Window::EXACT, &found.state);
        assert_eq!(next.verdict, Verdict::Accepted { step: first + 2, drift: 0 });
    }
    let (a, b) = (hotp.code(1041), hotp.code(1042));
    let missed = hotp.resynchronise(a.as_str(), b.as_str(), 1000, &state).unwrap();
    assert_eq!((missed.verdict, missed.reason, missed.state), (Verdict::Rejected, Reason::Wrong, state));
}

#[test]
fn the_widest_search_reaches_its_end() {
    let hotp = hotp();
    let most = Hotp::MAX_RESYNCHRONISATION;
    let (a, b) = (hotp.code(u64::from(most)), hotp.code(u64::from(most) + 1));
    let found = hotp.resynchronise(a.as_str(), b.as_str(), most, &HotpState::default()).unwrap();
    assert_eq!(found.state, HotpState::starting_at(u64::from(most) + 2));
    assert_eq!(
        hotp.resynchronise(a.as_str(), b.as_str(), most + 1, &HotpState::default()),
        Err(Error::WindowTooWide { steps: 10_002, limit: 10_001 })
    );
    assert!(hotp.resynchronise("", "", u32::MAX, &HotpState::default()).is_err());
    let most = Totp::MAX_RESYNCHRONISATION;
    assert!(totp().resynchronise("1", "2", UnixTime(0), most, &TotpState::default()).is_ok());
    assert!(totp().resynchronise("1", "2", UnixTime(0), most + 1, &TotpState::default()).is_err());
}

#[test]
fn codes_must_be_consecutive_in_order_different_and_well_formed() {
    let hotp = hotp();
    let code = |counter| hotp.code(counter).to_string();
    let state = HotpState::default();
    for (first, second, reason) in [
        (code(7), code(9), Reason::Wrong),
        (code(8), code(7), Reason::Wrong),
        (code(7), code(7), Reason::Repeated),
        ("00000000".into(), code(7), Reason::Wrong),
        (code(7), "1234567".into(), Reason::Malformed),
        (String::new(), code(7), Reason::Malformed),
        (String::new(), String::new(), Reason::Malformed),
    ] {
        let checked = hotp.resynchronise(&first, &second, 100, &state).unwrap();
        assert_eq!((checked.verdict, checked.reason, checked.state), (Verdict::Rejected, reason, state));
    }
}

#[test]
fn spent_and_burned_counters_are_never_found() {
    let hotp = hotp();
    let code = |counter| hotp.code(counter).to_string();
    for next in [11, 12] {
        let checked = hotp.resynchronise(&code(10), &code(11), 100, &HotpState::starting_at(next)).unwrap();
        assert_eq!(checked.verdict, Verdict::Rejected);
    }
    for (burned, first) in [(1u128 << 3, 10), (1 << 3, 9), (1 << 127, 134)] {
        let state = HotpState { next: 7, burned };
        let checked = hotp.resynchronise(&code(first), &code(first + 1), 200, &state).unwrap();
        assert_eq!((checked.verdict, checked.reason), (Verdict::Rejected, Reason::Spent), "{first}");
        // What was burned stays so when another pair is found.
        let found = hotp.resynchronise(&code(7), &code(8), 200, &state).unwrap();
        assert_eq!(found.state, HotpState { next: 9, burned: burned >> 2 });
    }
}

#[test]
fn the_last_counters_of_all_are_found_once() {
    let hotp = hotp();
    let code = |counter| hotp.code(counter).to_string();
    let state = HotpState::starting_at(u64::MAX - 20);
    let found = hotp.resynchronise(&code(u64::MAX - 1), &code(u64::MAX), 100, &state).unwrap();
    assert_eq!(found.verdict, Verdict::Accepted { step: u64::MAX, drift: 20 });
    assert_eq!(found.state.next_counter(), Err(Error::CounterExhausted));
    let again = hotp.resynchronise(&code(u64::MAX - 1), &code(u64::MAX), 100, &found.state).unwrap();
    assert_eq!(again.reason, Reason::Exhausted);
    // Nothing wraps round.
    let wrapped = hotp.resynchronise(&code(u64::MAX), &code(0), 100, &state).unwrap();
    assert_eq!(wrapped.reason, Reason::Wrong);
}

#[test]
fn totp_is_found_within_the_drift_bound_and_both_steps_are_spent() {
    let totp = totp();
    let code = |step| totp.code_of_step(step).to_string();
    let now = UnixTime(1_000 * 30 + 7);
    let new = TotpState::default();
    for drift in [-50i32, -49, -1, 0, 1, 13, 50] {
        let second = 1_000u64.checked_add_signed(i64::from(drift)).unwrap();
        let found = totp.resynchronise(&code(second - 1), &code(second), now, 50, &new).unwrap();
        assert_eq!(found.verdict, Verdict::Accepted { step: second, drift });
        assert_eq!(found.state, TotpState { last_step: Some(second), drift });
        // The next code is accepted in the narrowest window, half a minute later.
        let next = totp.check(&code(second + 1), UnixTime(now.0 + 30), Window::EXACT, &found.state, 50);
        assert_eq!(next.verdict, Verdict::Accepted { step: second + 1, drift });
    }
    for drift in [-51i64, 51] {
        let second = 1_000u64.checked_add_signed(drift).unwrap();
        let missed = totp.resynchronise(&code(second - 1), &code(second), now, 50, &new).unwrap();
        assert_eq!((missed.verdict, missed.reason, missed.state), (Verdict::Rejected, Reason::Wrong, new));
    }
}

#[test]
fn totp_never_goes_to_or_below_the_last_accepted_step() {
    let totp = totp();
    let code = |step| totp.code_of_step(step).to_string();
    let now = UnixTime(1_000 * 30);
    for (last, accepted) in [(997, true), (998, true), (999, false), (1_000, false), (5_000, false)] {
        let state = TotpState { last_step: Some(last), drift: 0 };
        let checked = totp.resynchronise(&code(999), &code(1_000), now, 10, &state).unwrap();
        assert_eq!(checked.verdict.accepted().is_ok(), accepted, "{last}");
        assert_eq!(checked.reason, if accepted { Reason::Accepted } else { Reason::Spent });
    }
    let t0 = TotpParameters { t0: UnixTime(40_000), ..TotpParameters::default() };
    let later = Totp::new(&secret(), t0).unwrap();
    let (a, b) = (later.code_of_step(0), later.code_of_step(1));
    let checked = later.resynchronise(a.as_str(), b.as_str(), now, 10, &TotpState::default()).unwrap();
    assert_eq!(checked.reason, Reason::BeforeT0);
    // At the beginning of time there is nothing below step 0.
    let checked =
        totp.resynchronise(&code(u64::MAX), &code(0), UnixTime(0), 10, &TotpState::default()).unwrap();
    assert_eq!(checked.reason, Reason::Wrong);
    let checked = totp.resynchronise(&code(0), &code(1), UnixTime(0), 10, &TotpState::default()).unwrap();
    assert_eq!(checked.verdict, Verdict::Accepted { step: 1, drift: 1 });
}

#[test]
fn steam_resynchronises_as_totp_does() {
    let steam = Steam::new(&secret());
    let (a, b) = (steam.code_of_step(107), steam.code_of_step(108));
    let found =
        steam.resynchronise(a.as_str(), b.as_str(), UnixTime(3_000), 20, &TotpState::default()).unwrap();
    assert_eq!(found.state, TotpState { last_step: Some(108), drift: 8 });
}
