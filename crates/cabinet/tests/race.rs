//! The same right code at the same instant, from threads, handles and processes: one session (R3; CRYPTO §4).
#![allow(missing_docs)]

mod altered_store;
mod contest;
mod file_house;
mod harness;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use altered_store::{altered, without_compare_and_set};
use contest::{
    LIMIT, PROCESSES, THREADS_EACH, Told, agrees, present, processes, processes_present, report, rival,
};
use file_house::child::task;
use file_house::{Deadline, FileHouse, file_is_sound, next_code, say, unlock};
use harness::{House, Phone, challenge};
use zamok_cabinet::{Cabinet, Category, Challenge, Error, Evidence};
use zamok_core::UnixTime;
use zamok_store_conformance::Tier;
use zamok_store_sqlite::SqliteStore;

const THREADS: usize = 64;
/// How many files, and rounds over each, a store without compare-and-set has to give itself away in.
const PLANTED_HOUSES: usize = 5;
const PLANTED_ROUNDS: u64 = 20;

fn rounds() -> u64 {
    Tier::pick(5, 40, 200)
}

/// One round: every thread has a challenge of its own, and all of them let go at once.
fn threads_present(cabinets: &[&Cabinet], code: &str) -> Told {
    let contestants: Vec<(&Cabinet, Challenge)> = (0..THREADS)
        .map(|number| cabinets[number % cabinets.len()])
        .map(|cabinet| (cabinet, challenge(cabinet, "ivan").unwrap()))
        .collect();
    let start = Barrier::new(THREADS);
    let mut told = Told::default();
    thread::scope(|scope| {
        let threads: Vec<_> = contestants
            .iter()
            .map(|(cabinet, challenge)| {
                scope.spawn(|| {
                    start.wait();
                    present(cabinet, challenge, code)
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| told.add(&thread.join().expect("a thread")));
    });
    told
}

fn race_of_threads(what: &str, house: &FileHouse, phone: &Phone, cabinets: &[&Cabinet]) {
    let since = Instant::now();
    let mut told = Told::default();
    for round in 0..rounds() {
        let (_, code) = next_code(&house.house.clock, house.house.clock_now(), phone);
        let answers = threads_present(cabinets, &code);
        assert_eq!(answers.fault(THREADS), None, "round {round}");
        told.merge(answers);
    }
    // Threads of one handle take turns; those of several only try again, as processes do.
    assert!(cabinets.len() > 1 || told.busy == 0, "{} were told that it is busy", told.busy);
    assert_eq!(file_is_sound(&house.path), Ok(()));
    let leaves = agrees(&house.house.cabinet, &told);
    report(what, &told, leaves, since);
}

#[test]
fn of_64_threads_on_one_handle_one_is_accepted() {
    let _deadline = Deadline::within(LIMIT);
    let house = FileHouse::plain();
    let phone = house.house.citizen("ivan");
    race_of_threads("64 threads, one handle", &house, &phone, &[&house.house.cabinet]);
}

#[test]
fn of_64_threads_on_eight_handles_one_is_accepted() {
    let _deadline = Deadline::within(LIMIT);
    let house = FileHouse::plain();
    let phone = house.house.citizen("ivan");
    let handles: Vec<Cabinet> = (0..8)
        .map(|_| unlock(Arc::new(SqliteStore::open(&house.path).unwrap()), &house.house.clock).unwrap())
        .collect();
    race_of_threads("64 threads, eight handles", &house, &phone, &handles.iter().collect::<Vec<_>>());
}

/// The same rounds over a store without compare-and-set: the same check must find more than one acceptance.
fn is_caught<'a>(
    what: &str,
    presented: usize,
    houses: &'a [FileHouse],
    contest: impl Fn(&'a FileHouse) -> Box<dyn FnMut(UnixTime, &str) -> Told + 'a>,
) {
    for house in houses {
        let phone = house.house.citizen("ivan");
        let mut present = contest(house);
        for round in 1..=PLANTED_ROUNDS {
            let (now, code) = next_code(&house.house.clock, house.house.clock_now(), &phone);
            let told = present(now, &code);
            if told.fault(presented).is_some() {
                let accepted = told.sessions.len();
                say(&format!("{what} without compare-and-set: {accepted} accepted in round {round}"));
                if accepted > 1 {
                    return;
                }
                // Two rejections met: what was set last does not fit its revision, and the key is locked for good.
                break;
            }
        }
    }
    panic!("the planted defect goes unnoticed");
}

#[test]
fn threads_over_a_store_without_compare_and_set_are_caught() {
    let _deadline = Deadline::within(LIMIT);
    let careless = |store| altered(store, without_compare_and_set);
    let houses: Vec<FileHouse> = (0..PLANTED_HOUSES).map(|_| FileHouse::new(careless)).collect();
    is_caught("64 threads", THREADS, &houses, |house| {
        Box::new(|_, code| threads_present(&[&house.house.cabinet], code))
    });
}

#[test]
fn of_two_who_change_different_preferences_neither_undoes_the_other() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let (other, mut times) = (house.another(), 0);
    let changed = house.cabinet.change_preferences(&session, |preferences| {
        times += 1;
        if times == 1 {
            let faster = other.change_preferences(&session, |preferences| preferences.language = "ru".into());
            assert_eq!(faster, Ok(()));
        }
        preferences.channels.insert((Category::News, Evidence::Sms), true);
    });
    assert_eq!((changed, times), (Ok(()), 2));
    let kept = house.cabinet.preferences(&session).unwrap();
    assert_eq!((kept.language.as_str(), kept.wants(Category::News, Evidence::Sms)), ("ru", true));
    let off = house.cabinet.change_preferences(&session, |preferences| {
        preferences.channels.insert((Category::Security, Evidence::Sms), false);
    });
    assert_eq!(off, Err(Error::PreferencesUnusable));
    assert_eq!(house.cabinet.preferences(&session), Ok(kept));
}

#[test]
fn of_eight_processes_of_eight_threads_one_is_accepted() {
    if let Some((_, path)) = task() {
        return rival(|| Arc::new(SqliteStore::open(&path).unwrap()));
    }
    let _deadline = Deadline::within(LIMIT);
    let since = Instant::now();
    let house = FileHouse::plain();
    let phone = house.house.citizen("ivan");
    let mut others = processes("of_eight_processes_of_eight_threads_one_is_accepted", "rival", &house.path);
    let mut told = Told::default();
    for round in 0..Tier::pick(3, 25, 1_000) {
        let (now, code) = next_code(&house.house.clock, house.house.clock_now(), &phone);
        let answers = processes_present(&mut others, now, &code);
        assert_eq!(answers.fault(PROCESSES * THREADS_EACH), None, "round {round}");
        told.merge(answers);
    }
    drop(others);
    assert_eq!(file_is_sound(&house.path), Ok(()));
    let leaves = agrees(&house.house.cabinet, &told);
    report("eight processes of eight threads", &told, leaves, since);
}

#[test]
fn processes_over_a_store_without_compare_and_set_are_caught() {
    if let Some((_, path)) = task() {
        return rival(|| altered(SqliteStore::open(&path).unwrap(), without_compare_and_set));
    }
    let _deadline = Deadline::within(LIMIT);
    let houses: Vec<FileHouse> = (0..PLANTED_HOUSES).map(|_| FileHouse::plain()).collect();
    is_caught("eight processes of eight threads", PROCESSES * THREADS_EACH, &houses, |house| {
        let mut others = processes(
            "processes_over_a_store_without_compare_and_set_are_caught",
            "careless rival",
            &house.path,
        );
        Box::new(move |now, code| processes_present(&mut others, now, code))
    });
}
