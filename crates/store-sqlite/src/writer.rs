//! The writer: commits of all concurrent callers go into one transaction and one flush, and each is answered alone.
//!
//! There is no thread for it. A caller puts its request into the queue; whoever finds nobody at work takes the whole
//! queue, settles it, and hands the answers out. What arrives meanwhile is the next group.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::Connection;
use zamok_core::store::{Change, ChangeId, Outcome, Resolution, StoreFault};

use crate::apply::{self, Trace};
use crate::failpoint::{self, Point};
use crate::fault::{commit_fault, fault};
use crate::place::Place;
use crate::{connection, leak, sql};

/// Oldest ids forgotten with a group, for each request in it: more than are added, so that the table shrinks to its size.
const FORGOTTEN_EACH: usize = 4;

#[derive(Debug)]
pub(crate) enum Request {
    Commit(Change),
    Resolve(ChangeId),
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Commit(Outcome),
    Resolve(Resolution),
}

#[derive(Debug)]
pub(crate) struct Writer {
    queue: Mutex<Queue>,
    finished: Condvar,
    /// Only the one at work uses it.
    connection: Mutex<Option<Connection>>,
    flushes: AtomicU64,
    remembered: u64,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Arc<Ticket>>,
    somebody_works: bool,
}

#[derive(Debug)]
struct Ticket {
    request: Request,
    answer: OnceLock<Result<Answer, StoreFault>>,
}

impl Writer {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            queue: Mutex::default(),
            finished: Condvar::new(),
            connection: Mutex::new(Some(connection)),
            flushes: AtomicU64::new(0),
            remembered: Change::REMEMBERED,
        }
    }

    /// Settles a request together with those of other callers; returns when it is durable.
    pub(crate) fn settle(&self, place: &Place, request: Request) -> Result<Answer, StoreFault> {
        if place.inherited() {
            // Before any lock: a thread that held it did not survive the fork.
            return Err(StoreFault::Unavailable);
        }
        let ticket = Arc::new(Ticket { request, answer: OnceLock::new() });
        let mut queue = self.queue();
        queue.waiting.push(Arc::clone(&ticket));
        while ticket.answer.get().is_none() {
            if queue.somebody_works {
                queue = self.finished.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.somebody_works = true;
            let group = Turn { writer: self, group: std::mem::take(&mut queue.waiting) };
            drop(queue);
            self.work(place, &group.group);
            drop(group);
            queue = self.queue();
        }
        drop(queue);
        ticket.answer.get().cloned().unwrap_or(Err(StoreFault::OutcomeUnknown))
    }

    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    pub(crate) fn leak(&mut self) {
        let slot = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        slot.take().into_iter().for_each(leak);
    }

    fn work(&self, place: &Place, group: &[Arc<Ticket>]) {
        let mut slot = self.connection();
        match self.transaction(&mut slot, place, group) {
            Ok(answers) => hand_out(group, answers),
            // One damaged page, or one value for which there is no room, must not fail the others.
            Err(Failure::Apply(_)) if group.len() > 1 => {
                for one in group.chunks(1) {
                    match self.transaction(&mut slot, place, one) {
                        Ok(answers) => hand_out(one, answers),
                        Err(failure) => hand_out_fault(one, failure.fault()),
                    }
                }
            }
            Err(failure) => hand_out_fault(group, failure.fault()),
        }
    }

    /// One transaction, one flush. No answer is worth anything before the commit: each may rest on its neighbours.
    fn transaction(
        &self,
        slot: &mut Option<Connection>,
        place: &Place,
        group: &[Arc<Ticket>],
    ) -> Result<Vec<Answer>, Failure> {
        failpoint::reached(Point::BeforeTransaction);
        let connection = ready(slot, place).map_err(Failure::Begin)?;
        let result = connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(|error| Failure::Begin(fault(&error)))
            .and_then(|()| self.apply_and_commit(connection, place, group));
        if !connection.is_autocommit() {
            // Where even this fails, `ready` takes another connection for the next group.
            let _ = connection.execute_batch("ROLLBACK");
        }
        match result {
            // Files that were taken away make for strange errors: the reason comes first.
            Err(failure @ (Failure::Begin(_) | Failure::Apply(_))) => {
                place.intact().map_err(Failure::Begin)?;
                Err(failure)
            }
            result => result,
        }
    }

    fn apply_and_commit(
        &self,
        connection: &Connection,
        place: &Place,
        group: &[Arc<Ticket>],
    ) -> Result<Vec<Answer>, Failure> {
        failpoint::reached(Point::AfterBegin);
        let (answers, trace) = apply_all(connection, group).map_err(|error| Failure::Apply(fault(&error)))?;
        place.intact().map_err(Failure::Begin)?;
        if trace == Trace::None {
            return Ok(answers);
        }
        sql::forget_changes(connection, self.remembered, group.len() * FORGOTTEN_EACH)
            .map_err(|error| Failure::Apply(fault(&error)))?;
        failpoint::reached(Point::BeforeCommit);
        connection.execute_batch("COMMIT").map_err(|error| match commit_fault(&error) {
            StoreFault::Full => Failure::Apply(StoreFault::Full),
            fault => Failure::Commit(fault),
        })?;
        self.flushes.fetch_add(1, Ordering::Relaxed);
        failpoint::reached(Point::AfterCommit);
        // Committed into a file that was removed meanwhile is committed nowhere.
        place.intact().map_err(Failure::Commit)?;
        Ok(answers)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection, or a new one when the last transaction could not be ended.
fn ready<'a>(slot: &'a mut Option<Connection>, place: &Place) -> Result<&'a Connection, StoreFault> {
    if slot.as_ref().is_some_and(|connection| !connection.is_autocommit()) {
        // The new one first: the log keeps its files as long as some connection lives.
        *slot = Some(connection::connect(place.path()).map_err(|error| fault(&error))?);
    }
    slot.as_ref().ok_or(StoreFault::Unavailable)
}

/// Where a transaction failed.
enum Failure {
    /// Before anything of the group was looked at.
    Begin(StoreFault),
    /// On the way, perhaps because of one request; everything is rolled back.
    Apply(StoreFault),
    /// At the commit.
    Commit(StoreFault),
}

impl Failure {
    fn fault(self) -> StoreFault {
        match self {
            Self::Begin(fault) | Self::Apply(fault) | Self::Commit(fault) => fault,
        }
    }
}

/// The turn of one caller: when it ends, by a panic too, nobody is left waiting.
struct Turn<'a> {
    writer: &'a Writer,
    group: Vec<Arc<Ticket>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        hand_out_fault(&self.group, StoreFault::OutcomeUnknown);
        self.writer.queue().somebody_works = false;
        self.writer.finished.notify_all();
    }
}

fn apply_all(connection: &Connection, group: &[Arc<Ticket>]) -> rusqlite::Result<(Vec<Answer>, Trace)> {
    let mut answers = Vec::with_capacity(group.len());
    let mut written = Trace::None;
    for ticket in group {
        let (answer, trace) = match &ticket.request {
            Request::Commit(change) => {
                let (outcome, trace) = apply::commit(connection, change)?;
                (Answer::Commit(outcome), trace)
            }
            Request::Resolve(id) => {
                let (resolution, trace) = apply::resolve(connection, *id)?;
                (Answer::Resolve(resolution), trace)
            }
        };
        answers.push(answer);
        if trace == Trace::Written {
            written = trace;
        }
    }
    Ok((answers, written))
}

fn hand_out(group: &[Arc<Ticket>], answers: Vec<Answer>) {
    for (ticket, answer) in group.iter().zip(answers) {
        let _ = ticket.answer.set(Ok(answer));
    }
}

/// Answers those who have no answer yet.
fn hand_out_fault(group: &[Arc<Ticket>], fault: StoreFault) {
    for ticket in group {
        let _ = ticket.answer.set(Err(fault));
    }
}

#[cfg(test)]
mod tests {
    use zamok_core::store::{RowKey, Store, Table};

    use super::*;
    use crate::SqliteStore;

    fn change(number: u64) -> Change {
        let mut change = Change::new(ChangeId(u128::from(number).to_be_bytes()));
        change.insert(RowKey::new(Table(900), number.to_be_bytes()), Vec::new()).expect("a small change");
        change
    }

    #[test]
    fn as_many_ids_are_remembered_as_promised_and_older_ones_go_in_small_steps() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = SqliteStore::create(folder.path().join("store.db")).expect("a new store");
        let known = |store: &SqliteStore| {
            let count = |connection: &Connection| {
                connection.query_row("SELECT count(*) FROM changes", [], |row| row.get::<_, i64>(0))
            };
            store.readers.with(&store.place, count).expect("a count")
        };
        for number in 0..100 {
            assert_eq!(store.commit(&change(number)), Ok(Outcome::Committed));
        }
        assert_eq!(known(&store), 100);
        store.writer.remembered = 10;
        assert_eq!(store.commit(&change(100)), Ok(Outcome::Committed));
        assert_eq!(known(&store), 97, "one more, and four less");
        for number in 101..200 {
            assert_eq!(store.commit(&change(number)), Ok(Outcome::Committed));
        }
        assert_eq!(known(&store), 11, "the newest, and those with at most ten later ones");
        for number in 189..200 {
            assert_eq!(
                store.commit(&change(number)),
                Ok(Outcome::Committed),
                "change {number} is remembered"
            );
        }
        assert!(
            matches!(store.commit(&change(188)), Ok(Outcome::Conflict(_))),
            "it is not, and its row is there"
        );
    }

    #[test]
    fn one_request_for_which_there_is_no_room_does_not_fail_its_neighbours() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::create(folder.path().join("store.db")).expect("a new store");
        let mut large = Change::new(ChangeId([9; 16]));
        large.insert(RowKey::new(Table(900), *b"large"), vec![0; Change::MAX_VALUE]).expect("just fits");
        let tickets = [change(1), large, change(2)]
            .map(|change| Arc::new(Ticket { request: Request::Commit(change), answer: OnceLock::new() }));
        let bounded = store.writer.connection().as_ref().expect("a connection").pragma_update_and_check(
            None,
            "max_page_count",
            20,
            |row| row.get::<_, i64>(0),
        );
        assert_eq!(bounded, Ok(20));
        store.writer.work(&store.place, &tickets);
        let answers = tickets.map(|ticket| match ticket.answer.get() {
            Some(Ok(Answer::Commit(outcome))) => Ok(outcome.clone()),
            Some(Err(fault)) => Err(*fault),
            other => panic!("{other:?}"),
        });
        assert_eq!(answers, [Ok(Outcome::Committed), Err(StoreFault::Full), Ok(Outcome::Committed)]);
    }

    #[test]
    fn a_caller_that_panics_leaves_nobody_waiting_and_the_store_usable() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::create(folder.path().join("store.db")).expect("a new store");
        let ticket = Arc::new(Ticket { request: Request::Commit(change(1)), answer: OnceLock::new() });
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.writer.queue().somebody_works = true;
            let _turn = Turn { writer: &store.writer, group: vec![Arc::clone(&ticket)] };
            let slot = store.writer.connection();
            slot.as_ref().expect("a connection").execute_batch("BEGIN IMMEDIATE").expect("a transaction");
            panic!("in the middle of it");
        }));
        assert!(panicked.is_err());
        assert!(matches!(ticket.answer.get(), Some(Err(StoreFault::OutcomeUnknown))));
        assert_eq!(store.resolve(ChangeId(u128::to_be_bytes(1))), Ok(Resolution::Aborted));
        assert_eq!(store.commit(&change(2)), Ok(Outcome::Committed));
    }

    #[test]
    fn a_forked_child_is_refused_and_closes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let mut store = SqliteStore::create(&path).expect("a new store");
        let parent = SqliteStore::open(&path).expect("the same store");
        let row = RowKey::new(Table(900), 1_u64.to_be_bytes());
        assert_eq!(store.commit(&change(1)), Ok(Outcome::Committed));
        assert!(store.get(&row).is_ok_and(|row| row.is_some()));
        store.place.pretend_to_be_forked();
        // As if a thread that did not survive the fork held every lock.
        let queue = store.writer.queue();
        let connection = store.writer.connection();
        assert_eq!(store.commit(&change(2)), Err(StoreFault::Unavailable));
        assert_eq!(store.resolve(ChangeId([0; 16])), Err(StoreFault::Unavailable));
        assert_eq!(store.get(&row), Err(StoreFault::Unavailable));
        assert_eq!(store.check(), Err(StoreFault::Unavailable));
        assert_eq!(store.backup_to(folder.path().join("copy.db")), Err(StoreFault::Unavailable));
        drop((queue, connection));
        drop(store);
        assert_eq!(parent.commit(&change(3)), Ok(Outcome::Committed));
        assert!(parent.get(&row).is_ok_and(|row| row.is_some()));
    }
}
