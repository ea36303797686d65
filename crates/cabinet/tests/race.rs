//! The same right code at the same instant, from threads, handles and processes: one session (R3; CRYPTO §4).
#![allow(missing_docs)]

mod altered_store;
mod file_house;
mod harness;

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use altered_store::{Altered, without_compare_and_set};
use file_house::child::{Other, order, task, tell};
use file_house::{
    Deadline, FileHouse, audited, count, file_is_sound, journal_of, next_code, say, sessions, unlock,
};
use harness::{Phone, challenge, request};
use zamok_cabinet::{Cabinet, Challenge, Error};
use zamok_core::event::EventKind;
use zamok_core::store::Store;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::ManualClock;
use zamok_store_conformance::Tier;
use zamok_store_sqlite::SqliteStore;

const THREADS: usize = 64;
const PROCESSES: usize = 8;
/// How many files, and rounds over each, a store without compare-and-set has to give itself away in.
const PLANTED_HOUSES: usize = 5;
const PLANTED_ROUNDS: u64 = 20;
/// Far more than any of these tests takes.
const LIMIT: Duration = Duration::from_secs(1500);

fn rounds() -> u64 {
    Tier::pick(5, 40, 200)
}

/// What those who presented the code were told.
#[derive(Debug, Default)]
struct Told {
    sessions: Vec<String>,
    rejected: u64,
    busy: u64,
    other: Vec<String>,
}

impl Told {
    fn add(&mut self, answer: &str) {
        match answer.split_once(' ') {
            Some(("session", id)) => self.sessions.push(id.to_owned()),
            _ if answer == "rejected" => self.rejected += 1,
            _ if answer == "busy" => self.busy += 1,
            _ => self.other.push(answer.to_owned()),
        }
    }

    fn merge(&mut self, round: Self) {
        self.sessions.extend(round.sessions);
        self.rejected += round.rejected;
        self.busy += round.busy;
    }

    /// What is wrong with the answers of one round, where something is.
    fn fault(&self, presented: usize) -> Option<String> {
        let told = self.sessions.len() as u64 + self.rejected + self.busy;
        if self.sessions.len() == 1 && told == presented as u64 && self.other.is_empty() {
            None
        } else {
            Some(format!("{} of {presented} were accepted: {self:?}", self.sessions.len()))
        }
    }
}

fn present(cabinet: &Cabinet, challenge: &Challenge, code: &str) -> String {
    match cabinet.answer(challenge, code, request()) {
        Ok(session) => format!("session {}", session.id),
        Err(Error::Core(CoreError::Rejected)) => "rejected".into(),
        Err(Error::Core(CoreError::Busy)) => "busy".into(),
        Err(error) => format!("{error:?}"),
    }
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

/// The journal knows of exactly those sessions that somebody was told of, and of every rejection.
fn agrees(house: &FileHouse, told: &Told) -> u64 {
    let cabinet = &house.house.cabinet;
    let journal = journal_of(cabinet, "ivan");
    let mut answered = told.sessions.clone();
    answered.sort();
    assert_eq!(sessions(&journal), answered);
    // One code ended the enrolment.
    assert_eq!(count(&journal, EventKind::CodeAccepted), told.sessions.len() as u64 + 1);
    assert_eq!(count(&journal, EventKind::CodeRejected), told.rejected, "an attempt that was not charged");
    assert_eq!(file_is_sound(&house.path), Ok(()));
    audited(cabinet).unwrap()
}

fn report(what: &str, told: &Told, leaves: u64, since: Instant) {
    say(&format!(
        "{what}: {} rounds, {} accepted, {} rejected, {} busy; {leaves} leaves audited; {:.1} s",
        rounds(),
        told.sessions.len(),
        told.rejected,
        told.busy,
        since.elapsed().as_secs_f64()
    ));
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
    let leaves = agrees(house, &told);
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
    let careless = |store| Arc::new(Altered::new(store, without_compare_and_set)) as Arc<dyn Store>;
    let houses: Vec<FileHouse> = (0..PLANTED_HOUSES).map(|_| FileHouse::new(careless)).collect();
    is_caught("64 threads", THREADS, &houses, |house| {
        Box::new(|_, code| threads_present(&[&house.house.cabinet], code))
    });
}

/// A child: on `round TIME` it begins a login, on `go CODE` it answers.
fn rival(path: &Path, compare_and_set: bool) {
    let _deadline = Deadline::within(LIMIT);
    let clock = ManualClock::new(harness::NOON);
    let store = SqliteStore::open(path).unwrap();
    let cabinet = match compare_and_set {
        true => unlock(Arc::new(store), &clock),
        false => unlock(Arc::new(Altered::new(store, without_compare_and_set)), &clock),
    }
    .unwrap();
    let mut begun = None;
    while let Some(line) = order() {
        match line.split_once(' ') {
            Some(("round", time)) => {
                clock.set(UnixTime(time.parse().unwrap()));
                begun = Some(challenge(&cabinet, "ivan").unwrap());
                tell("ready");
            }
            Some(("go", code)) => tell(&present(&cabinet, &begun.take().expect("a challenge"), code)),
            _ => panic!("`{line}` is no order"),
        }
    }
}

fn processes(test: &str, task: &str, house: &FileHouse) -> Vec<Other> {
    (0..PROCESSES).map(|_| Other::start(test, task, &house.path, &[])).collect()
}

/// One round: every process has a handle, connections and a challenge of its own.
fn processes_present(processes: &mut [Other], now: UnixTime, code: &str) -> Told {
    for process in processes.iter_mut() {
        process.say(&format!("round {}", now.0));
        assert_eq!(process.hear().as_deref(), Some("ready"));
    }
    for process in processes.iter_mut() {
        process.say(&format!("go {code}"));
    }
    let mut told = Told::default();
    for process in processes.iter_mut() {
        told.add(&process.hear().expect("the process lives"));
    }
    told
}

#[test]
fn of_eight_processes_one_is_accepted() {
    if let Some((_, path)) = task() {
        return rival(&path, true);
    }
    let _deadline = Deadline::within(LIMIT);
    let since = Instant::now();
    let house = FileHouse::plain();
    let phone = house.house.citizen("ivan");
    let mut others = processes("of_eight_processes_one_is_accepted", "rival", &house);
    let mut told = Told::default();
    for round in 0..rounds() {
        let (now, code) = next_code(&house.house.clock, house.house.clock_now(), &phone);
        let answers = processes_present(&mut others, now, &code);
        assert_eq!(answers.fault(PROCESSES), None, "round {round}");
        told.merge(answers);
    }
    drop(others);
    let leaves = agrees(&house, &told);
    report("eight processes", &told, leaves, since);
}

#[test]
fn processes_over_a_store_without_compare_and_set_are_caught() {
    if let Some((_, path)) = task() {
        return rival(&path, false);
    }
    let _deadline = Deadline::within(LIMIT);
    let houses: Vec<FileHouse> = (0..PLANTED_HOUSES).map(|_| FileHouse::plain()).collect();
    is_caught("eight processes", PROCESSES, &houses, |house| {
        let mut others =
            processes("processes_over_a_store_without_compare_and_set_are_caught", "careless rival", house);
        Box::new(move |now, code| processes_present(&mut others, now, code))
    });
}
