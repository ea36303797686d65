//! Steps that share their digits: searched for, and then held against the rule that a code is accepted once.

mod plain;

use plain::{ADJACENT, FAR_PAIR, PAIR, SECRET, TRIPLE};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Hotp, HotpParameters, HotpState, Reason, Totp, TotpParameters, TotpState, Verdict, Window,
};
use zamok_core::secret::Secret;

fn hotp() -> Hotp {
    Hotp::new(&Secret::new(SECRET).unwrap(), HotpParameters::default())
}

fn totp() -> Totp {
    Totp::new(&Secret::new(SECRET).unwrap(), TotpParameters::default()).unwrap()
}

fn code(step: u64) -> String {
    plain::code(HashAlgorithm::Sha1, SECRET, 6, step)
}

fn at(step: u64) -> UnixTime {
    UnixTime(step * 30)
}

/// The first steps from `start` on of which `N` lie within `span` steps and share their digits.
fn search<const N: usize>(start: u64, span: u64) -> [u64; N] {
    let mut shown: std::collections::HashMap<u32, Vec<u64>> = std::collections::HashMap::new();
    for step in start..start + 2_000_000 {
        let value = plain::value(HashAlgorithm::Sha1, SECRET, step) % 1_000_000;
        let steps = shown.entry(value).or_default();
        steps.retain(|earlier| step - earlier < span);
        steps.push(step);
        if let Ok(found) = <[u64; N]>::try_from(steps.as_slice()) {
            return found;
        }
    }
    panic!("no {N} steps within {span} share their digits in two million steps from {start}");
}

#[test]
fn a_search_finds_the_steps_that_the_tests_use() {
    assert_eq!(search(0, 12), FAR_PAIR);
    // From step 0 these take a hundred thousand, a million and six hundred million steps of search.
    assert_eq!(search(150_000, 3), PAIR);
    assert_eq!(search(910_000, 2), ADJACENT);
    assert_eq!(search(TRIPLE[0] - 2_000, 128), TRIPLE);
}

#[test]
fn hotp_takes_the_lowest_and_burns_the_others() {
    for steps in [&ADJACENT[..], &PAIR, &FAR_PAIR, &TRIPLE] {
        let (first, last) = (steps[0], steps[steps.len() - 1]);
        let window = Window::look_ahead(120).unwrap();
        let text = code(first);
        let mut state = HotpState::starting_at(first - 5);

        let checked = hotp().check(&text, window, &state);
        assert_eq!(checked.verdict, Verdict::Accepted { step: first, drift: 5 });
        assert_eq!(checked.state.next, first + 1);
        let burned = steps[1..].iter().map(|step| 1u128 << (step - first - 1)).sum();
        assert_eq!(checked.state.burned, burned);
        state = checked.state;

        // The same digits fail at every counter that was in the window, however often they are tried.
        for next in first + 1..=last {
            let again = hotp().check(&text, window, &state);
            assert_eq!((again.verdict, again.reason), (Verdict::Rejected, Reason::Spent), "{next}");
            if steps.contains(&next) {
                // The token shows the burned code next: the person presses once more.
                state = HotpState { next: next + 1, burned: state.burned >> 1 };
                continue;
            }
            let checked = hotp().check(&code(next), Window::EXACT, &state);
            assert_eq!(checked.verdict, Verdict::Accepted { step: next, drift: 0 });
            assert_eq!(checked.state.burned, state.burned >> 1);
            state = checked.state;
        }
        assert_eq!(state, HotpState::starting_at(last + 1));
        let after = hotp().check(&text, window, &state);
        assert_eq!((after.verdict, after.reason), (Verdict::Rejected, Reason::Wrong));
    }
}

#[test]
fn a_burned_counter_is_jumped_over_by_a_later_code() {
    let [first, second] = PAIR;
    let window = Window::look_ahead(10).unwrap();
    let state = hotp().check(&code(first), window, &HotpState::starting_at(first)).state;
    assert_eq!(state, HotpState { next: first + 1, burned: 0b10 });
    let checked = hotp().check(&code(second + 1), window, &state);
    assert_eq!(checked.state, HotpState::starting_at(second + 2));
}

#[test]
fn totp_takes_the_highest_so_that_nothing_is_left_over() {
    for steps in [&ADJACENT[..], &PAIR, &FAR_PAIR, &TRIPLE] {
        let (first, last) = (steps[0], steps[steps.len() - 1]);
        let window = Window::steps(2, 120).unwrap();
        let text = code(first);
        let checked = totp().check(&text, at(first), window, &TotpState::default(), 2);
        let drift = i32::try_from(last - first).unwrap();
        assert_eq!(checked.verdict, Verdict::Accepted { step: last, drift });
        // Several steps match, so no drift is learned.
        assert_eq!(checked.state, TotpState { last_step: Some(last), drift: 0 });
        for now in first..=last + 2 {
            let again = totp().check(&text, at(now), window, &checked.state, 2);
            assert_eq!((again.verdict, again.reason), (Verdict::Rejected, Reason::Spent), "{now}");
        }
    }
}

#[test]
fn an_ambiguous_match_moves_no_drift_even_where_only_one_step_is_fresh() {
    let [first, second] = PAIR;
    let window = Window::steps(2, 2).unwrap();
    let used = TotpState { last_step: Some(first), drift: 0 };
    let checked = totp().check(&code(second), at(first), window, &used, 2);
    assert_eq!(checked.verdict, Verdict::Accepted { step: second, drift: 2 });
    assert_eq!(checked.state, TotpState { last_step: Some(second), drift: 0 });
    // The same offset without a second match is learned.
    let checked = totp().check(&code(first + 1), at(first), window, &used, 2);
    assert_eq!(checked.state, TotpState { last_step: Some(first + 1), drift: 1 });
}

#[test]
fn the_stateless_verify_takes_the_same_steps() {
    let [first, second] = PAIR;
    let text = code(first);
    assert_eq!(hotp().verify(&text, first, Window::look_ahead(5).unwrap()).unwrap().step, first);
    assert_eq!(totp().verify(&text, at(first), Window::steps(1, 5).unwrap()).unwrap().step, second);
}

#[test]
fn the_same_code_twice_does_not_resynchronise_even_where_both_steps_show_it() {
    let [first, second] = ADJACENT;
    let text = code(first);
    assert_eq!(text, code(second));
    let checked = hotp().resynchronise(&text, &text, 100, &HotpState::starting_at(first - 9)).unwrap();
    assert_eq!((checked.verdict, checked.reason), (Verdict::Rejected, Reason::Repeated));
    let checked = totp().resynchronise(&text, &text, at(second), 2, &TotpState::default()).unwrap();
    assert_eq!((checked.verdict, checked.reason), (Verdict::Rejected, Reason::Repeated));
}

#[test]
fn resynchronisation_burns_what_shows_either_code_later() {
    let [first, second] = FAR_PAIR;
    let state = HotpState::starting_at(first - 50);
    let found = hotp().resynchronise(&code(first), &code(first + 1), 100, &state).unwrap();
    assert_eq!(found.verdict, Verdict::Accepted { step: first + 1, drift: 51 });
    assert_eq!(found.state, HotpState { next: first + 2, burned: 1 << (second - first - 2) });
    let again = hotp().check(&code(first), Window::look_ahead(20).unwrap(), &found.state);
    assert_eq!(again.reason, Reason::Spent);
}

#[test]
fn resynchronisation_burns_what_shows_the_second_code_later() {
    let [second, later] = FAR_PAIR;
    let state = HotpState::starting_at(second - 50);
    let found = hotp().resynchronise(&code(second - 1), &code(second), 100, &state).unwrap();
    assert_eq!(found.verdict, Verdict::Accepted { step: second, drift: 50 });
    assert_eq!(found.state, HotpState { next: second + 1, burned: 1 << (later - second - 1) });
    let again = hotp().check(&code(second), Window::look_ahead(20).unwrap(), &found.state);
    assert_eq!((again.verdict, again.reason), (Verdict::Rejected, Reason::Spent));
}
