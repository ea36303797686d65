//! A login that is killed: no accepted code is ever accepted again, and nothing answered is missing (DESIGN, rule 3).
#![allow(missing_docs)]

mod altered_store;
mod besieged;
mod file_house;
mod harness;

use std::time::Duration;

use besieged::{Besieged, Fell, login};
use file_house::child::task;
use file_house::{Deadline, say};
use zamok_store_conformance::{Random, Tier};
use zamok_store_sqlite::FAILPOINTS;

/// Far more than any of these tests takes.
const LIMIT: Duration = Duration::from_secs(1500);
/// Kills that a planted defect has to give itself away in.
const PLANTED_KILLS: u64 = 10;

/// Every point of the commit that spends the code, and every earlier commit of the way there once.
#[test]
fn a_login_killed_at_a_named_point_accepts_no_code_twice_and_loses_no_answer() {
    const NAME: &str = "a_login_killed_at_a_named_point_accepts_no_code_twice_and_loses_no_answer";
    if let Some((task, path)) = task() {
        return login(&task, &path);
    }
    let _deadline = Deadline::within(LIMIT);
    let mut town = Besieged::new(NAME, "login");
    let measured = town.undisturbed();
    let (commits, writes) = (measured.begun, measured.answered);
    let kills = Tier::pick(2, 8, 50);
    for name in FAILPOINTS {
        let (first, last) = match name {
            "between-writes" => (commits.writes + 1, writes.writes),
            _ => (commits.commits + 1, commits.commits + 1),
        };
        let expected = if name == "after-commit" { Fell::Committed } else { Fell::Begun };
        for kill in 0..kills {
            let nth = first + kill % (last - first + 1);
            let fell = town.killed_at(&format!("{name}:{nth}")).unwrap();
            assert_eq!(fell, expected, "{name}:{nth}");
        }
        say(&format!("killed {kills} times at {name} of the login's commit: {expected}"));
        for nth in 1..first {
            town.killed_at(&format!("{name}:{nth}")).unwrap();
        }
    }
    town.story_ends("at named points");
}

#[test]
fn a_login_killed_at_any_time_accepts_no_code_twice_and_loses_no_answer() {
    const NAME: &str = "a_login_killed_at_any_time_accepts_no_code_twice_and_loses_no_answer";
    if let Some((task, path)) = task() {
        return login(&task, &path);
    }
    let _deadline = Deadline::within(LIMIT);
    let mut town = Besieged::new(NAME, "login");
    let measured = town.undisturbed();
    let mut random = Random::new(11);
    let mut kill = |told: Option<&str>, span: &mut Duration| {
        let delay = random.below(u64::try_from(span.as_micros()).expect("a short time") + 1);
        let fell = town.killed_after(told, Duration::from_micros(delay)).unwrap();
        // The processor is shared: what a login takes changes, and kills shall go on falling into it.
        let factor = if fell == Fell::Answered { 0.9 } else { 1.1 };
        *span = span.mul_f64(factor).clamp(Duration::from_millis(1), Duration::from_secs(5));
    };
    let (mut whole, mut deciding) = (measured.answered_after, measured.answered_after - measured.begun_after);
    for _ in 0..Tier::pick(5, 20, 100) {
        // Anywhere between the start of the process and a while after its answer …
        kill(None, &mut whole);
        // … and where it matters most: while the code is being checked and spent.
        kill(Some("begun"), &mut deciding);
    }
    town.story_ends("at random times");
}

/// `CRYPTO.md` §3: a crash costs one attempt, and too many of them a delay, which is all that they cost.
#[test]
fn kills_while_unlocking_delay_the_next_attempt_and_lose_nothing() {
    const NAME: &str = "kills_while_unlocking_delay_the_next_attempt_and_lose_nothing";
    if let Some((task, path)) = task() {
        return login(&task, &path);
    }
    let _deadline = Deadline::within(LIMIT);
    let mut town = Besieged::new(NAME, "login");
    for _ in 0..11 {
        town.dies_while_unlocking();
    }
    for delay in [30, 60, 120] {
        town.is_delayed_for(delay);
        town.dies_while_unlocking();
    }
    town.is_delayed_for(240);
    town.killed_after(Some("answered"), Duration::ZERO).unwrap();
    town.story_ends("while unlocking");
}

#[test]
fn a_store_that_answers_before_it_commits_is_caught() {
    const NAME: &str = "a_store_that_answers_before_it_commits_is_caught";
    if let Some((task, path)) = task() {
        return login(&task, &path);
    }
    let _deadline = Deadline::within(LIMIT);
    let mut town = Besieged::new(NAME, "hasty login");
    let fault = (0..PLANTED_KILLS).find_map(|_| town.killed_after(Some("answered"), Duration::ZERO).err());
    assert_eq!(fault.as_deref(), Some("an answered session is not in the journal"));
}

#[test]
fn a_store_that_spends_the_code_in_a_second_commit_is_caught() {
    const NAME: &str = "a_store_that_spends_the_code_in_a_second_commit_is_caught";
    if let Some((task, path)) = task() {
        return login(&task, &path);
    }
    let _deadline = Deadline::within(LIMIT);
    let mut town = Besieged::new(NAME, "torn login");
    let nth = town.undisturbed().answered.commits + 1;
    let fault = town.killed_at(&format!("before-transaction:{nth}")).unwrap_err();
    assert_eq!(fault, "a code that was accepted before the kill is accepted again");
}
