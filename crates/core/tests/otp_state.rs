//! The rules for spending codes, against a model of sets and early exits, over random sequences.

#![allow(clippy::print_stdout)] // What was met is for whoever reads a failed run.

mod plain;
mod tier;

use std::cell::RefCell;
use std::collections::BTreeSet;

use plain::{ADJACENT, FAR_PAIR, PAIR, SECRET, TRIPLE};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Digits, Hotp, HotpParameters, HotpState, Reason, Totp, TotpParameters, TotpState, Verdict, Window,
};
use zamok_core::secret::Secret;

fn code(step: u64) -> String {
    plain::code(HashAlgorithm::Sha1, SECRET, 6, step)
}

fn well_formed(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A key by counter with what was spent, as sets of counters. SHA-1, six digits.
#[derive(Debug, Clone)]
struct PlainHotp {
    /// One more than the last accepted counter; 2⁶⁴ after the last of all.
    next: u128,
    burned: BTreeSet<u128>,
}

impl PlainHotp {
    fn starting_at(counter: u64) -> Self {
        Self { next: u128::from(counter), burned: BTreeSet::new() }
    }

    /// The accepted counter, and the reason for the journal.
    fn check(&mut self, text: &str, past: u32, future: u32) -> (Option<u64>, Reason) {
        if !well_formed(text) {
            return (None, Reason::Malformed);
        }
        if self.next > u128::from(u64::MAX) {
            return (None, Reason::Exhausted);
        }
        let first = self.next.saturating_sub(u128::from(past));
        let last = (self.next + u128::from(future)).min(u128::from(u64::MAX));
        let matching: Vec<u128> = (first..=last).filter(|step| code(narrow(*step)) == text).collect();
        let fresh: Vec<u128> = matching
            .iter()
            .copied()
            .filter(|step| *step >= self.next && !self.burned.contains(step))
            .collect();
        let Some(chosen) = fresh.first().copied() else {
            return (None, if matching.is_empty() { Reason::Wrong } else { Reason::Spent });
        };
        self.next = chosen + 1;
        self.burned.extend(fresh);
        self.burned.retain(|step| *step > chosen);
        (Some(narrow(chosen)), Reason::Accepted)
    }

    /// The same as the engine writes it.
    fn state(&self) -> HotpState {
        match u64::try_from(self.next) {
            Ok(next) => {
                let burned = self.burned.iter().map(|step| 1u128 << (step - self.next)).sum();
                HotpState { next, burned }
            }
            Err(_) => HotpState { next: u64::MAX, burned: 1 },
        }
    }
}

fn narrow(step: u128) -> u64 {
    u64::try_from(step).unwrap()
}

/// A key by time with the last accepted step and the learned drift. SHA-1, six digits, 30 seconds.
#[derive(Debug, Clone, Default)]
struct PlainTotp {
    last: Option<i128>,
    drift: i128,
}

impl PlainTotp {
    /// The accepted step with its distance from the present one, and the reason for the journal.
    fn check(
        &mut self,
        text: &str,
        present: u64,
        past: u32,
        future: u32,
        drift_limit: u32,
    ) -> (Option<(u64, i128)>, Reason) {
        if !well_formed(text) {
            return (None, Reason::Malformed);
        }
        let limit = i128::from(drift_limit);
        let drift = self.drift.clamp(-limit, limit);
        let centre = i128::from(present) + drift;
        let steps = centre - i128::from(past)..=centre + i128::from(future);
        let matching: Vec<i128> =
            steps.filter(|step| u64::try_from(*step).is_ok_and(|step| code(step) == text)).collect();
        let fresh = matching.iter().copied().filter(|step| self.last.is_none_or(|last| *step > last));
        let Some(chosen) = fresh.max() else {
            return (None, if matching.is_empty() { Reason::Wrong } else { Reason::Spent });
        };
        self.last = Some(chosen);
        self.drift = match matching.len() {
            1 => (drift + (chosen - centre).signum()).clamp(-limit, limit),
            _ => drift,
        };
        (Some((u64::try_from(chosen).unwrap(), chosen - i128::from(present))), Reason::Accepted)
    }

    /// The same as the engine writes it.
    fn state(&self) -> TotpState {
        TotpState {
            last_step: self.last.map(|last| last.try_into().unwrap()),
            drift: self.drift.try_into().unwrap(),
        }
    }
}

/// What is typed: the code of a step near the expected one, of a step near the start, or something else.
#[derive(Clone, Debug)]
enum Typed {
    Near(i64),
    Start(u64),
    Text(String),
}

fn typed() -> impl Strategy<Value = Typed> {
    prop_oneof![
        6 => (-6i64..12).prop_map(Typed::Near),
        1 => (-130i64..140).prop_map(Typed::Near),
        3 => (0u64..24).prop_map(Typed::Start),
        2 => (0u64..130).prop_map(Typed::Start),
        1 => "[0-9]{6}".prop_map(Typed::Text),
        1 => "([0-9]{0,5}|[0-9]{7}|[0-9 ]{6}|[0-9]{5}é|.{0,8})".prop_map(Typed::Text),
    ]
}

fn window() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![
        3 => (0u32..3, 0u32..13),
        1 => (0u32..64, 0u32..64),
        1 => Just((0, 127)),
        1 => Just((127, 0)),
    ]
}

/// Where sequences begin: at the edges of the numbers, and just before steps that share their digits.
fn start() -> impl Strategy<Value = u64> {
    let before = |steps: &[u64]| steps[0] - 3;
    prop_oneof![
        2 => Just(0),
        2 => Just(before(&FAR_PAIR)),
        2 => Just(before(&PAIR)),
        2 => Just(before(&ADJACENT)),
        2 => Just(before(&TRIPLE)),
        2 => (0u64..40).prop_map(|steps| u64::MAX - steps),
        1 => any::<u64>(),
    ]
}

fn text(typed: &Typed, expected: u64, start: u64) -> String {
    match typed {
        Typed::Near(offset) => code(expected.wrapping_add_signed(*offset)),
        Typed::Start(offset) => code(start.wrapping_add(*offset)),
        Typed::Text(text) => text.clone(),
    }
}

fn runner() -> TestRunner {
    let cases = tier::pick(200, 200, 2_000);
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn hotp_accepts_and_burns_what_the_plain_model_does() {
    let hotp = Hotp::new(&Secret::new(SECRET).unwrap(), HotpParameters::default());
    let attempts = proptest::collection::vec((typed(), window()), 1..16);
    let seen = RefCell::new([0u32; 8]);
    let exhausted = proptest::bool::weighted(0.1);
    let outcome = runner().run(&(start(), exhausted, attempts), |(start, exhausted, attempts)| {
        let mut model = PlainHotp::starting_at(start);
        if exhausted {
            model.next = 1 << 64;
        }
        let mut state = model.state();
        for (typed, (past, future)) in attempts {
            let text = text(&typed, state.next, start);
            let checked = hotp.check(&text, Window::steps(past, future).unwrap(), &state);
            let next = state.next;
            let (accepted, reason) = model.check(&text, past, future);
            prop_assert_eq!(checked.reason, reason, "{:?} {:?}", &typed, &model);
            let expected = match accepted {
                Some(step) => Verdict::Accepted { step, drift: i32::try_from(step - next).unwrap() },
                None => Verdict::Rejected,
            };
            prop_assert_eq!(checked.verdict, expected);
            if accepted.is_none() {
                prop_assert_eq!(checked.state, state);
            }
            prop_assert_eq!(checked.state, model.state());
            seen.borrow_mut()[usize::from(reason.number())] += 1;
            seen.borrow_mut()[0] += u32::from(state.burned > 1);
            state = checked.state;
        }
        Ok(())
    });
    outcome.unwrap();
    let seen = seen.into_inner();
    println!("burned {}, by reason {:?}", seen[0], &seen[1..]);
    for reason in [Reason::Accepted, Reason::Wrong, Reason::Spent, Reason::Malformed, Reason::Exhausted] {
        assert!(seen[usize::from(reason.number())] > 0, "no sequence met: {reason}");
    }
    assert!(seen[0] > 0, "no sequence burned a step");
}

#[test]
fn totp_accepts_and_learns_what_the_plain_model_does() {
    let totp = Totp::new(&Secret::new(SECRET).unwrap(), TotpParameters::default()).unwrap();
    let attempts = proptest::collection::vec((typed(), window(), 0u64..3, 0u32..4, 0u64..30), 1..16);
    let seen = RefCell::new([0u32; 8]);
    let start = start().prop_map(|start| start % (u64::MAX / 30 - 200));
    let outcome = runner().run(&(start, attempts), |(start, attempts)| {
        let mut model = PlainTotp::default();
        let mut present = start;
        for (typed, (past, future), passed, drift_limit, second) in attempts {
            present += passed;
            let state = model.state();
            let text = text(&typed, present, start);
            let window = Window::steps(past, future).unwrap();
            let checked = totp.check(&text, UnixTime(present * 30 + second), window, &state, drift_limit);
            let (accepted, reason) = model.check(&text, present, past, future, drift_limit);
            prop_assert_eq!(checked.reason, reason, "{:?} {:?}", &typed, &model);
            let expected = match accepted {
                Some((step, drift)) => Verdict::Accepted { step, drift: drift.try_into().unwrap() },
                None => Verdict::Rejected,
            };
            prop_assert_eq!(checked.verdict, expected);
            if accepted.is_none() {
                prop_assert_eq!(checked.state, state);
            }
            prop_assert_eq!(checked.state, model.state());
            seen.borrow_mut()[usize::from(reason.number())] += 1;
            seen.borrow_mut()[0] += u32::from(checked.state.drift != 0);
        }
        Ok(())
    });
    outcome.unwrap();
    let seen = seen.into_inner();
    println!("with drift {}, by reason {:?}", seen[0], &seen[1..]);
    for reason in [Reason::Accepted, Reason::Wrong, Reason::Spent, Reason::Malformed] {
        assert!(seen[usize::from(reason.number())] > 0, "no sequence met: {reason}");
    }
    assert!(seen[0] > 0, "no sequence learned drift");
}

#[test]
fn the_engine_computes_what_the_plain_model_does() {
    let cases = (proptest::sample::select(&HashAlgorithm::ALL[..]), 6u8..=10, any::<u64>());
    let secrets = proptest::collection::vec(any::<u8>(), 1..=128);
    let outcome = runner().run(&(cases, secrets), |((algorithm, digits, counter), bytes)| {
        let secret = Secret::new_accepting_weak(&bytes).unwrap();
        let parameters = HotpParameters { algorithm, digits: Digits::new(digits).unwrap() };
        let hotp = Hotp::new(&secret, parameters);
        prop_assert_eq!(hotp.code(counter).to_string(), plain::code(algorithm, &bytes, digits, counter));
        Ok(())
    });
    outcome.unwrap();
}
