//! Spending and throttling against a plain model, over random sequences of codes, guesses, waits and clock steps. The
//! model imports nothing of `vault::spend`: it says in its own words what CRYPTO §4 and DESIGN rule 5 promise.

mod harness;

use std::collections::HashMap;
use std::sync::Mutex;

use harness::{Chance, NOON, Scene, StateFields, generous, strict, tell, tier};
use zamok_core::Error;
use zamok_core::event::EventKind;
use zamok_core::otp::{Totp, Verdict};
use zamok_core::store::RowKey;
use zamok_core::vault::spend::{self, SpendPolicy, Throttle};
use zamok_core::vault::{KeyState, Tally, keys};

/// Small numbers, so that short sequences reach every limit.
const FREE: u32 = 3;
const FIRST: u64 = 10;
const LONGEST: u64 = 80;
const DISABLE: u32 = 8;
const RECENT: u32 = 12;
const SPAN: u64 = 2000;

fn policy() -> SpendPolicy {
    let throttle = Throttle {
        free: FREE,
        first_delay: FIRST,
        longest_delay: LONGEST,
        disable_after: DISABLE,
        recent_limit: RECENT,
        recent_span: SPAN,
    };
    SpendPolicy { throttle, drift_limit: 0, ..strict() }
}

#[derive(Default)]
struct Counted(Mutex<HashMap<RowKey, u64>>);

impl Tally for Counted {
    fn count(&self, row: &RowKey) -> u64 {
        let mut counts = self.0.lock().unwrap();
        let count = counts.entry(row.clone()).or_default();
        *count += 1;
        *count
    }

    fn forget(&self, row: &RowKey) {
        self.0.lock().unwrap().remove(row);
    }
}

/// What the journal is to be told: the kind, and the detail that matters.
type Event = (EventKind, String);

struct Model {
    suspended: bool,
    last_step: u64,
    in_a_row: u32,
    recent: u32,
    recent_since: u64,
    not_before: u64,
    summed_up: u64,
    refusals: u64,
}

impl Model {
    /// What an attempt comes to, and what the journal is told.
    fn attempt(&mut self, totp: &Totp, text: &str, now: u64) -> (Result<bool, Error>, Vec<Event>) {
        if self.suspended {
            return (Err(Error::KeyState(KeyState::Suspended)), vec![]);
        }
        if now < self.not_before {
            self.refusals += 1;
            if now >= self.summed_up && now - self.summed_up < 60 {
                return (Ok(false), vec![]);
            }
            self.summed_up = now;
            // No delay is longer than the longest from now: one that is was given by a clock that had jumped ahead.
            self.not_before = self.not_before.min(now + LONGEST);
            let told = std::mem::take(&mut self.refusals).to_string();
            return (Ok(false), vec![(EventKind::CodeRefusedWhileDelayed, told)]);
        }
        let present = now / 30;
        let window = present - 1..=present + 1;
        let shows = |step: &u64| totp.code_of_step(*step).to_string() == text;
        let matching: Vec<u64> = window.filter(shows).collect();
        match matching.iter().filter(|step| **step > self.last_step).max() {
            Some(step) => {
                self.last_step = *step;
                self.in_a_row = 0;
                self.not_before = 0;
                (Ok(true), vec![(EventKind::CodeAccepted, step.to_string())])
            }
            None => {
                let well_formed = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
                let reason = match (well_formed, matching.is_empty()) {
                    (false, _) => "not a code",
                    (true, true) => "wrong code",
                    (true, false) => "code already used",
                };
                let mut told = vec![(EventKind::CodeRejected, reason.to_owned())];
                if now.saturating_sub(self.recent_since) >= SPAN {
                    self.recent_since = now;
                    self.recent = 0;
                }
                self.recent_since = self.recent_since.min(now);
                self.in_a_row += 1;
                self.recent += 1;
                if self.in_a_row >= FREE {
                    let delay = (0..self.in_a_row - FREE).fold(FIRST, |delay, _| LONGEST.min(2 * delay));
                    self.not_before = now + delay;
                }
                if self.in_a_row >= DISABLE || self.recent >= RECENT {
                    self.suspended = true;
                    told.push((EventKind::CodeDisabled, self.in_a_row.to_string()));
                }
                (Ok(false), told)
            }
        }
    }

    fn agrees(&self, stored: &StateFields) -> bool {
        let model = (Some(self.last_step), 0, self.in_a_row, self.recent, self.recent_since);
        let row = (stored.last_step, stored.drift, stored.in_a_row, stored.recent, stored.recent_since);
        model == row && (self.not_before, self.summed_up) == (stored.not_before, stored.summed_up)
    }
}

#[derive(Debug)]
enum Step {
    Code(String),
    Clock(u64),
    Resume,
}

fn choose(chance: &mut Chance, totp: &Totp, model: &Model, now: u64, spent: &str) -> Step {
    let code = |step: u64| Step::Code(totp.code_of_step(step).to_string());
    match chance.below(100) {
        0..22 => code(now / 30),
        22..27 => code(now / 30 + 1),
        27..32 => code(now / 30 - 1),
        32..40 => Step::Code(spent.to_owned()),
        40..58 => Step::Code(format!("{:06}", chance.below(1_000_000))),
        58..62 => Step::Code(
            ["", "12345", "1234567", "12 456", "１２３４５６"][usize::try_from(chance.below(5)).unwrap()]
                .into(),
        ),
        62..80 => Step::Clock(now + chance.below(45)),
        80..88 => Step::Clock(now + chance.below(400)),
        88..91 => Step::Clock(now - chance.below(200)),
        91..93 => Step::Clock(now + chance.below(2 * SPAN)),
        93..96 => Step::Clock(now.max(model.summed_up + 60)),
        _ if model.suspended => Step::Resume,
        _ => Step::Clock(model.not_before.max(now)),
    }
}

#[test]
fn random_sequences_of_attempts_end_as_the_plain_model_says() {
    let (mut seen, mut attempts) = (HashMap::<String, usize>::new(), 0);
    for sequence in 0..tier(10, 120, 2_000) {
        let scene = Scene::new(&format!("model {sequence}"));
        let mut chance = Chance::new("steps", sequence as u64);
        let tally = Counted::default();
        let (key, totp) = scene.offered_totp();
        let mut spent = totp.code_of_step(NOON / 30).to_string();
        scene.confirm(key, &spent);
        let last_step = NOON / 30;
        let mut model = Model {
            suspended: false,
            last_step,
            in_a_row: 0,
            recent: 0,
            recent_since: 0,
            not_before: 0,
            summed_up: 0,
            refusals: 0,
        };
        let mut told = scene.journal().len();
        for _ in 0..60 {
            let now = scene.now().0;
            let step = choose(&mut chance, &totp, &model, now, &spent);
            let expected = match &step {
                Step::Clock(then) => {
                    scene.set(*then);
                    continue;
                }
                Step::Resume => {
                    scene.transact(|tx| keys::change_state(tx, key, KeyState::Active, "officer")).unwrap();
                    model.suspended = false;
                    vec![(EventKind::KeyResumed, "officer".to_owned())]
                }
                Step::Code(text) => {
                    attempts += 1;
                    let found = scene.transact_with(&mut scene.chance(), Some(&tally), |tx| {
                        spend::verify(tx, key, text, &policy())
                    });
                    let (wanted, events) = model.attempt(&totp, text, now);
                    let found = found.map(|verdict| matches!(verdict, Verdict::Accepted { .. }));
                    assert_eq!(found, wanted, "{step:?} at {now} of sequence {sequence}");
                    if found == Ok(true) {
                        spent.clone_from(text);
                    }
                    events
                }
            };
            let news = scene.journal().split_off(told);
            told += news.len();
            let say = |field: &str, news: &harness::Told| news.detail.get(field).map(str::to_owned);
            let found: Vec<Event> = news
                .iter()
                .map(|news| {
                    let fields = ["step", "reason", "failures", "refusals"];
                    (news.leaf.kind, fields.iter().find_map(|field| say(field, news)).unwrap())
                })
                .collect();
            assert_eq!(found, expected, "{step:?} at {now} of sequence {sequence}");
            assert!(model.agrees(&scene.state(key)), "{:?} of sequence {sequence}", scene.state(key));
            for (kind, detail) in expected {
                let numbers = detail.bytes().all(|byte| byte.is_ascii_digit());
                *seen.entry(format!("{kind:?} {}", if numbers { "" } else { &detail })).or_default() += 1;
            }
        }
    }
    tell(&format!("{attempts} attempts as the model says: {seen:?}"));
    for kind in ["CodeAccepted ", "CodeRejected wrong code", "CodeRejected code already used"] {
        assert!(seen.contains_key(kind), "{kind} was never tried");
    }
    for kind in ["CodeRejected not a code", "CodeRefusedWhileDelayed ", "CodeDisabled ", "KeyResumed officer"]
    {
        assert!(seen.contains_key(kind), "{kind} was never tried");
    }
}

#[test]
fn delays_begin_at_the_free_failures_double_and_stay_below_the_longest() {
    let scene = Scene::new("delays");
    let (key, totp) = scene.totp();
    let mut delays = Vec::new();
    for _ in 0..18 {
        let now = scene.now();
        scene.verify(key, &harness::wrong(&totp, now), &strict()).unwrap().accepted().unwrap_err();
        let until = scene.state(key).not_before.max(now.0);
        delays.push(until - now.0);
        scene.set(until);
    }
    let first: [u64; 12] = [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600];
    assert_eq!(delays[..12], first);
    assert_eq!(delays[12..], [3600; 6]);
}

#[test]
fn a_policy_without_free_failures_delays_the_first_one_by_the_first_delay() {
    for free in [0, 1] {
        let scene = Scene::new("no free failure");
        let (key, _) = scene.totp();
        let throttle = Throttle { free, ..strict().throttle };
        let policy = SpendPolicy { throttle, ..strict() };
        scene.verify(key, "", &policy).unwrap().accepted().unwrap_err();
        assert_eq!(scene.state(key).not_before, scene.now().0 + 30, "{free} free");
    }
}

#[test]
fn failures_that_overflow_every_number_still_delay() {
    let scene = Scene::new("overflow");
    let (key, _) = scene.totp();
    let throttle =
        Throttle { free: 0, first_delay: u64::MAX, longest_delay: u64::MAX, ..generous().throttle };
    let policy = SpendPolicy { throttle, ..strict() };
    scene.verify(key, "", &policy).unwrap().accepted().unwrap_err();
    assert_eq!(scene.state(key).not_before, u64::MAX);
}

#[test]
fn a_clock_that_was_set_back_gives_nothing_away_and_keeps_out_no_longer_than_the_longest_delay() {
    let scene = Scene::new("set back");
    let (key, totp) = scene.totp();
    for _ in 0..5 {
        let code = harness::wrong(&totp, scene.now());
        scene.verify(key, &code, &strict()).unwrap().accepted().unwrap_err();
    }
    let delayed_until = scene.state(key).not_before;
    let longest = strict().throttle.longest_delay;
    let refused = |now: u64| {
        scene.set(now);
        let right = totp.code_at(scene.now()).unwrap().to_string();
        assert_eq!(scene.verify(key, &right, &strict()), Ok(Verdict::Rejected), "at {now}");
        scene.state(key).not_before
    };
    assert_eq!(refused(delayed_until - 1), delayed_until);
    assert_eq!(refused(delayed_until - longest), delayed_until, "an hour back: as long as it was");
    assert_eq!(refused(NOON / 2), NOON / 2 + longest, "years back: the longest delay from then");
    assert_eq!(refused(NOON / 2 + longest - 1), NOON / 2 + longest);
}
