//! Enumeration: neither the answer nor the time tells whether somebody has an account (R15, `CRYPTO.md` §4). What is measured is the
//! processor time of the answering thread, in turns that chance orders, so that whatever else the machine does falls on all alike.
//! The yardstick is measured in the same run: what it costs to open one account's record, the least that a look too many or too few
//! costs. What stays below a quarter of it are the lengths of records, which differ from account to account as well.
//! A difference of one blind index, some 0.04 of it, it prints and lets pass: the bound is what a busy machine bears.
#![allow(missing_docs)]

mod harness;

use std::io::Write as _;
use std::sync::Arc;

use harness::{House, password};
use rustix::time::{ClockId, clock_gettime};
use zamok_cabinet::watch::{Answer, Decision, Facts, Finding, Outcome, Watch};
use zamok_cabinet::{AccountStep, Approach, Cabinet, Error, Hours, Limits, Password, Role};
use zamok_core::Error as CoreError;
use zamok_core::store::{Range, Table};
use zamok_core::vault::Transaction;
use zamok_journal::Journal;
use zamok_store_conformance::{Random, Tier};

const REJECTED: Error = Error::Core(CoreError::Rejected);
/// The part of an opened record that a difference must stay below.
const TOLERANCE: f64 = 0.25;
/// How often it is looked for a difference, at most: more than half of the looks decide.
const LOOKS: usize = 5;

/// Nobody waits: what is looked at is how long the looking takes.
fn town() -> House {
    let mut house = House::new();
    let mut policy = house.cabinet.policy().clone();
    for throttle in [&mut policy.password.throttle, &mut policy.recovery.throttle] {
        (throttle.free, throttle.disable_after, throttle.recent_limit) = (u32::MAX, u32::MAX, u32::MAX);
    }
    let budget = &mut policy.budget;
    (budget.device, budget.strangers, budget.everyone) = (u32::MAX, u32::MAX, u32::MAX);
    house.cabinet = house.cabinet.with_policy(policy);
    house
}

fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (whole, parts) = (time.tv_sec as f64, time.tv_nsec as f64);
    whole + parts / 1e9
}

/// Processor times of tries of both sorts.
type Times = [Vec<f64>; 2];

/// Tries both sorts in an order that chance gives, and measures each.
fn measured(tries: usize, mut first: impl FnMut(u64), mut second: impl FnMut(u64)) -> Times {
    let mut random = Random::new(5);
    let mut times: Times = [Vec::new(), Vec::new()];
    let mut timed = |sort: usize, number: u64| {
        let begun = seconds();
        if sort == 0 {
            first(number)
        } else {
            second(number)
        }
        seconds() - begun
    };
    for number in 0..tries as u64 {
        let before = usize::try_from(random.below(2)).unwrap();
        for sort in [before, 1 - before] {
            times[sort].push(timed(sort, number));
        }
    }
    times
}

/// How much longer the first sort takes than the second: the median over pairs that ran side by side, in which a few tries that
/// something disturbed weigh as little as any.
fn difference(times: &Times) -> f64 {
    let mut differences: Vec<f64> = times[0].iter().zip(&times[1]).map(|(one, other)| one - other).collect();
    differences.sort_by(f64::total_cmp);
    differences[differences.len() / 2]
}

/// What opening one account's record costs, beside a wrong password.
fn one_record(house: &House, login: &str) -> f64 {
    let opened = |_| {
        house.cabinet.account_by_login(login).unwrap();
        guess(&house.cabinet, login);
    };
    difference(&measured(tries(), opened, |_| guess(&house.cabinet, login)))
}

/// The difference in records, and what is said of it.
fn in_records(what: &str, times: &Times, record: f64) -> f64 {
    let found = difference(times) / record;
    let mut output = std::io::stdout().lock();
    writeln!(
        output,
        "\n{what}: {found:+.3} of a record of {:.1} µs, {} tries of each",
        record * 1e6,
        times[0].len()
    )
    .unwrap();
    found
}

/// The difference in records: the middle one of several looks, which no single look decides, whichever way the machine disturbed it.
/// Once more than half of them agree on which side of the tolerance it lies, the others are spared.
fn middle(what: &str, record: f64, mut first: impl FnMut(u64), mut second: impl FnMut(u64)) -> f64 {
    let mut found: Vec<f64> = Vec::new();
    let agreeing =
        |found: &[f64], below: bool| found.iter().filter(|one| (one.abs() < TOLERANCE) == below).count();
    while agreeing(&found, true) <= LOOKS / 2 && agreeing(&found, false) <= LOOKS / 2 {
        found.push(in_records(what, &measured(tries(), &mut first, &mut second), record));
    }
    let tells = agreeing(&found, false) > LOOKS / 2;
    found.retain(|one| (one.abs() >= TOLERANCE) == tells);
    found.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    found[found.len() / 2]
}

fn tells_nothing(what: &str, record: f64, first: impl FnMut(u64), second: impl FnMut(u64)) {
    let found = middle(what, record, first, second);
    assert!(found.abs() < TOLERANCE, "{what}: the time tells it, {found:+.3} of a record");
}

fn tries() -> usize {
    usize::try_from(Tier::pick(200, 400, 10_000)).unwrap()
}

fn guess(cabinet: &Cabinet, login: &str) {
    assert_eq!(cabinet.begin_login(login, &Password::new("wrong horse battery")), Err(REJECTED));
}

#[test]
fn enumeration_by_answer() {
    let house = House::new();
    for login in ["ivan", "put-aside", "erased", "limited"] {
        house.cabinet.register(login, &password()).unwrap();
    }
    house.cabinet.suspend_account("put-aside", AccountStep::Suspend, "test").unwrap();
    house.cabinet.erase_account("erased", "test").unwrap();
    let hours = Some(Hours { from: 0, until: 1, days: 0 });
    house
        .cabinet
        .set_roles("limited", Role::Citizen.into(), &Limits { hours, networks: Vec::new() })
        .unwrap();
    for login in ["nobody", "", "two words", "put-aside", "erased", "limited"] {
        assert_eq!(house.cabinet.begin_login(login, &password()), Err(REJECTED), "{login:?}");
        assert_eq!(
            house.cabinet.recover(login, &password(), "01-AAAA-AAAA-AAAA-AAAA"),
            Err(REJECTED),
            "{login:?}"
        );
    }
    guess(&house.cabinet, "ivan");
}

/// What one attempt has changed: entries of the journal, and whether the rows of failures are as they were.
fn traces(house: &House, attempt: impl FnOnce() -> Result<(), Error>) -> (Result<(), Error>, u64, usize) {
    let failures = || house.store.scan(Table(34), &Range::all(), 100, None).unwrap().rows;
    let size = || {
        let vault = house.cabinet.vault();
        vault.integrate().unwrap();
        vault
            .read(|store, keyring| Ok(Journal::new(store, keyring).head()?.map_or(0, |head| head.size)))
            .unwrap()
    };
    let (rows, entries) = (failures(), size());
    let answer = attempt();
    let changed = failures().into_iter().filter(|row| !rows.contains(row)).count();
    (answer, size() - entries, changed)
}

/// Failures at one way in show in no other: whoever has the name is counted apart in each, and so is whoever has it not.
#[test]
fn enumeration_across_the_ways_in() {
    type Way<'a> = &'a dyn Fn(&str) -> Result<(), Error>;
    let house = House::new();
    let phone = house.citizen("ivan");
    house.cabinet.new_recovery_codes(&house.login("ivan", &phone).unwrap()).unwrap();
    house.citizen("olga");
    let wrong = Password::new("wrong horse battery");
    let ways: [Way<'_>; 3] = [
        &|login| house.cabinet.begin_login(login, &wrong).map(drop),
        &|login| house.cabinet.recover(login, &wrong, "01-AAAA-AAAA-AAAA-AAAA").map(drop),
        &|login| house.cabinet.begin_undo(login, &wrong, &Approach::default()).map(drop),
    ];
    for (first, second) in [(0, 1), (1, 0), (2, 1), (1, 2), (0, 2)] {
        let of = |login: &str| {
            house.clock.advance(24 * 60 * 60);
            for _ in 0..house.cabinet.policy().password.throttle.free {
                assert_eq!(ways[first](login), Err(REJECTED));
            }
            let found = traces(&house, || ways[second](login));
            assert_eq!(found.0, Err(REJECTED));
            (found.1, found.2)
        };
        let found = ["ivan", "olga", "nobody"].map(of);
        assert_eq!(found, [found[2]; 3], "{first} and then {second}: with codes, without, and nobody");
    }
}

#[test]
fn enumeration_by_time() {
    let house = town();
    house.cabinet.register("ivan", &password()).unwrap();
    house.cabinet.register("put-aside", &password()).unwrap();
    house.cabinet.suspend_account("put-aside", AccountStep::Suspend, "test").unwrap();
    // One name again and again, as whoever measures does. The first try of each makes rows that the others find.
    let known = |_| guess(&house.cabinet, "ivan");
    let unknown = |_| guess(&house.cabinet, "olga");
    known(0);
    unknown(0);
    let record = one_record(&house, "ivan");
    tells_nothing("an unknown login and a wrong password", record, unknown, known);
    let malformed = |_| guess(&house.cabinet, "two words");
    tells_nothing("a malformed login and a wrong password", record, malformed, known);
    let suspended = |_| assert_eq!(house.cabinet.begin_login("put-aside", &password()), Err(REJECTED));
    tells_nothing("a suspended account and a wrong password", record, suspended, known);
}

#[test]
fn enumeration_by_time_of_a_recovery() {
    let house = town();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.cabinet.new_recovery_codes(&session).unwrap();
    house.citizen("olga");
    let recover = |login: &str| {
        let recovered = house.cabinet.recover(login, &password(), "01-AAAA-AAAA-AAAA-AAAA");
        assert_eq!(recovered, Err(REJECTED));
    };
    ["ivan", "nobody", "olga"].into_iter().for_each(recover);
    let record = one_record(&house, "ivan");
    let known = |_| recover("ivan");
    tells_nothing("a recovery of nobody", record, |_| recover("nobody"), known);
    tells_nothing("a recovery without codes", record, |_| recover("olga"), known);
}

/// Refuses whoever comes from one address, whatever he types.
#[derive(Debug)]
struct Doorman;

const FROM_THERE: [u8; 4] = [192, 0, 2, 1];

impl Watch for Doorman {
    fn decide(&self, _: &mut Transaction<'_>, facts: &Facts<'_>) -> Result<Decision, Error> {
        let answer = if facts.address == Some(FROM_THERE.into()) { Answer::Block } else { Answer::Allow };
        let finding =
            Finding { rule: "doorman".into(), answer, reason: "from there".into(), is_trial: false };
        Ok(vec![finding].into())
    }

    fn note(&self, _: &mut Transaction<'_>, _: &Facts<'_>, _: Outcome) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_login_that_the_watch_refuses_is_a_rejection_in_answer_and_time() {
    let mut house = town();
    house.cabinet = house.cabinet.with_watch(Arc::new(Doorman));
    house.citizen("ivan");
    let from_there = Approach { address: Some(FROM_THERE.into()), ..Approach::default() };
    let try_it = |login: &str, password: &Password| {
        assert_eq!(house.cabinet.begin_login_from(login, password, &from_there), Err(REJECTED));
    };
    let (right, wrong) = (password(), Password::new("wrong horse battery"));
    ["ivan", "olga"].into_iter().for_each(|login| try_it(login, &right));
    let record = one_record(&house, "ivan");
    let known = |_| try_it("ivan", &wrong);
    tells_nothing("a right and a wrong password that are refused", record, |_| try_it("ivan", &right), known);
    let unknown = |_| try_it("olga", &wrong);
    tells_nothing("an unknown login and a wrong password that are refused", record, unknown, known);
}

/// What the cabinet did before it looked at a decoy: a login that somebody has costs opening his record once more.
#[test]
fn a_planted_difference_is_found_by_the_same_test() {
    let house = town();
    house.cabinet.register("ivan", &password()).unwrap();
    let known = |_| {
        house.cabinet.account_by_login("ivan").unwrap();
        guess(&house.cabinet, "ivan");
    };
    let unknown = |_| guess(&house.cabinet, "olga");
    known(0);
    unknown(0);
    let record = one_record(&house, "ivan");
    let found = middle("planted", record, unknown, known);
    assert!(found.abs() >= TOLERANCE, "the planted difference was not found: {found:+.3} of a record");
}
