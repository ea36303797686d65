//! The same code, presented by many: what they were told, what the journal must say of it, and processes that take part.
#![allow(dead_code, missing_docs)]

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use zamok_cabinet::{Cabinet, Challenge, Error};
use zamok_core::event::EventKind;
use zamok_core::store::Store;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::ManualClock;

use crate::file_house::child::{Other, order, tell};
use crate::file_house::{Deadline, audited, count, journal_of, say, sessions, unlock};
use crate::harness::{NOON, challenge, request};

pub(crate) const PROCESSES: usize = 8;
/// Threads of each process, each with a handle and connections of its own.
pub(crate) const THREADS_EACH: usize = 8;
/// Far more than any of these tests takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(1500);

/// What those who presented the code were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) sessions: Vec<String>,
    pub(crate) rejected: u64,
    pub(crate) busy: u64,
    other: Vec<String>,
}

impl Told {
    pub(crate) fn add(&mut self, answer: &str) {
        match answer.split_once(' ') {
            Some(("session", id)) => self.sessions.push(id.to_owned()),
            _ if answer == "rejected" => self.rejected += 1,
            _ if answer == "busy" => self.busy += 1,
            _ => self.other.push(answer.to_owned()),
        }
    }

    pub(crate) fn merge(&mut self, round: Self) {
        self.sessions.extend(round.sessions);
        self.rejected += round.rejected;
        self.busy += round.busy;
    }

    /// What is wrong with the answers of one round, where something is.
    pub(crate) fn fault(&self, presented: usize) -> Option<String> {
        let told = self.sessions.len() as u64 + self.rejected + self.busy;
        if self.sessions.len() == 1 && told == presented as u64 && self.other.is_empty() {
            None
        } else {
            Some(format!("{} of {presented} were accepted: {self:?}", self.sessions.len()))
        }
    }
}

pub(crate) fn present(cabinet: &Cabinet, challenge: &Challenge, code: &str) -> String {
    match cabinet.answer(challenge, code, request()) {
        Ok(session) => format!("session {}", session.id),
        Err(Error::Core(CoreError::Rejected)) => "rejected".into(),
        Err(Error::Core(CoreError::Busy)) => "busy".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// The journal knows of exactly those sessions that somebody was told of, and of every rejection.
pub(crate) fn agrees(cabinet: &Cabinet, told: &Told) -> u64 {
    let journal = journal_of(cabinet, "ivan");
    let mut answered = told.sessions.clone();
    answered.sort();
    assert_eq!(sessions(&journal), answered);
    // One code ended the enrolment.
    assert_eq!(count(&journal, EventKind::CodeAccepted), told.sessions.len() as u64 + 1);
    assert_eq!(count(&journal, EventKind::CodeRejected), told.rejected, "an attempt that was not charged");
    audited(cabinet).unwrap()
}

pub(crate) fn report(what: &str, told: &Told, leaves: u64, since: Instant) {
    say(&format!(
        "{what}: {} accepted, one a round, {} rejected, {} busy; {leaves} leaves audited; {:.1} s",
        told.sessions.len(),
        told.rejected,
        told.busy,
        since.elapsed().as_secs_f64()
    ));
}

/// Begins a login. All children do at once: who is told that the rows keep changing asks again.
fn begin(cabinet: &Cabinet, login: &str) -> Challenge {
    loop {
        match challenge(cabinet, login) {
            Err(Error::Core(CoreError::Busy)) => {}
            begun => return begun.unwrap(),
        }
    }
}

/// Unlocks. All children do at once: who waited longer than the second that these tests' policy gives asks again.
fn enter(own_store: &impl Fn() -> Arc<dyn Store>, clock: &ManualClock) -> Cabinet {
    loop {
        match unlock(own_store(), clock) {
            Err(CoreError::Busy) => {}
            unlocked => return unlocked.unwrap(),
        }
    }
}

/// A child: on `round TIME` each of its threads begins a login, on `go CODE` each answers.
pub(crate) fn rival(own_store: impl Fn() -> Arc<dyn Store>) {
    let _deadline = Deadline::within(LIMIT);
    let clock = ManualClock::new(NOON);
    let cabinets: Vec<Cabinet> = (0..THREADS_EACH).map(|_| enter(&own_store, &clock)).collect();
    let mut begun: Vec<Challenge> = Vec::new();
    while let Some(line) = order() {
        match line.split_once(' ') {
            Some(("round", time)) => {
                clock.set(UnixTime(time.parse().unwrap()));
                begun = cabinets.iter().map(|cabinet| begin(cabinet, "ivan")).collect();
                tell("ready");
            }
            Some(("go", code)) => {
                assert_eq!(begun.len(), THREADS_EACH, "a challenge for each thread");
                let start = Barrier::new(THREADS_EACH);
                let answers: Vec<String> = thread::scope(|scope| {
                    let threads: Vec<_> = cabinets
                        .iter()
                        .zip(begun.drain(..))
                        .map(|(cabinet, challenge)| {
                            let start = &start;
                            scope.spawn(move || {
                                start.wait();
                                present(cabinet, &challenge, code)
                            })
                        })
                        .collect();
                    threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
                });
                tell(&answers.join("; "));
            }
            _ => panic!("`{line}` is no order"),
        }
    }
}

pub(crate) fn processes(test: &str, task: &str, place: &Path) -> Vec<Other> {
    (0..PROCESSES).map(|_| Other::start(test, task, place, &[])).collect()
}

/// One round: every thread of every process has a handle, connections and a challenge of its own.
pub(crate) fn processes_present(processes: &mut [Other], now: UnixTime, code: &str) -> Told {
    for process in processes.iter_mut() {
        process.say(&format!("round {}", now.0));
        assert_eq!(process.hear().as_deref(), Some("ready"));
    }
    for process in processes.iter_mut() {
        process.say(&format!("go {code}"));
    }
    let mut told = Told::default();
    for process in processes.iter_mut() {
        process.hear().expect("the process lives").split("; ").for_each(|answer| told.add(answer));
    }
    told
}
