//! The writer: commits of all concurrent callers go into one transaction and one flush, and each is answered alone.
//!
//! There is no thread for it: whoever finds nobody at work takes the whole queue ([`crate::queue`]), settles it, and hands
//! the answers out. What arrives meanwhile, and a little later, is the next group.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use zamok_core::store::{Change, ChangeId, Outcome, Resolution, StoreFault};

use crate::apply::{self, Applied, Manner};
use crate::failpoint::{self, Point};
use crate::fault::{commit_fault, fault};
use crate::ledger::{Ledger, Page};
use crate::place::Place;
use crate::queue::{self, Queue};
use crate::versions::Versions;
use crate::{connection, leak, sql};

/// How often it is asked whether the locks are still there: it takes some 20 µs.
const LOOK_AFTER_LOCKS: Duration = Duration::from_secs(1);

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
    queue: Queue<Request, Settled>,
    /// Only the one at work uses it.
    desk: Mutex<Desk>,
    flushes: AtomicU64,
    remembered: usize,
}

type Settled = Result<Answer, StoreFault>;
type Ticket = queue::Ticket<Request, Settled>;

/// What the one at work needs.
#[derive(Debug)]
struct Desk {
    connection: Option<Connection>,
    ledger: Ledger,
    versions: Versions,
    /// When the locks were last looked after.
    locked: Instant,
}

impl Writer {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            queue: Queue::new(Err(StoreFault::OutcomeUnknown)),
            desk: Mutex::new(Desk {
                connection: Some(connection),
                ledger: Ledger::default(),
                versions: Versions::default(),
                locked: Instant::now(),
            }),
            flushes: AtomicU64::new(0),
            remembered: usize::try_from(Change::REMEMBERED).unwrap_or(usize::MAX),
        }
    }

    /// Settles a request together with those of other callers; returns when it is durable.
    pub(crate) fn settle(&self, place: &Place, request: Request) -> Settled {
        if place.inherited() {
            // Before any lock: a thread that held it did not survive the fork.
            return Err(StoreFault::Unavailable);
        }
        self.queue.settle(request, |group| self.work(place, group))
    }

    /// Reads on the connection that writes, where nobody is writing: its cache outlives its own commits, while that of
    /// every other connection is empty after each. `None` when it is at work, or when it could not.
    pub(crate) fn glance<T>(
        &self,
        place: &Place,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        // Before any lock: a thread that held it did not survive the fork.
        if place.inherited() {
            return None;
        }
        let desk = self.desk.try_lock().ok()?;
        let connection = desk.connection.as_ref().filter(|connection| connection.is_autocommit())?;
        let answer = ask(connection).ok()?;
        place.intact().ok().map(|()| answer)
    }

    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    pub(crate) fn leak(&mut self) {
        let desk = self.desk.get_mut().unwrap_or_else(PoisonError::into_inner);
        desk.connection.take().into_iter().for_each(leak);
    }

    fn work(&self, place: &Place, group: &[Arc<Ticket>]) {
        let mut desk = self.desk();
        if desk.locked.elapsed() >= LOOK_AFTER_LOCKS {
            if place.unlocked() {
                return hand_out_fault(group, StoreFault::Unlocked);
            }
            desk.locked = Instant::now();
        }
        match self.transaction(&mut desk, place, group) {
            Ok(answers) => hand_out(group, answers),
            // One damaged page, or one value for which there is no room, must not fail the others.
            Err(Failure::Apply(_)) if group.len() > 1 => {
                for one in group.chunks(1) {
                    match self.transaction(&mut desk, place, one) {
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
        desk: &mut Desk,
        place: &Place,
        group: &[Arc<Ticket>],
    ) -> Result<Vec<Answer>, Failure> {
        match self.attempt(desk, place, group, Manner::Eager) {
            Err(Failure::Torn) => self.attempt(desk, place, group, Manner::Careful),
            result => result,
        }
    }

    fn attempt(
        &self,
        desk: &mut Desk,
        place: &Place,
        group: &[Arc<Ticket>],
        manner: Manner,
    ) -> Result<Vec<Answer>, Failure> {
        failpoint::reached(Point::BeforeTransaction);
        let Desk { connection, ledger, versions, .. } = desk;
        let connection = ready(connection, place).map_err(Failure::Begin)?;
        let result = sql::begin(connection)
            .map_err(|error| Failure::Begin(fault(&error)))
            .and_then(|()| self.apply_and_commit(connection, (ledger, versions), place, group, manner));
        if result.is_err() {
            // What was read and written may be rolled back.
            versions.forget();
        }
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
        (ledger, versions): (&mut Ledger, &mut Versions),
        place: &Place,
        group: &[Arc<Ticket>],
        manner: Manner,
    ) -> Result<Vec<Answer>, Failure> {
        failpoint::reached(Point::AfterBegin);
        let apply_fault = |error: rusqlite::Error| Failure::Apply(fault(&error));
        if versions.follow(connection).map_err(apply_fault)? {
            ledger.follow(connection).map_err(apply_fault)?;
        }
        let mut page = ledger.page();
        let answers = apply_all(connection, &mut page, versions, group, manner)?;
        let settled = page.into_settled();
        place.intact().map_err(Failure::Begin)?;
        if settled.is_empty() {
            return Ok(answers);
        }
        sql::remember_changes(connection, ledger.next(), &settled).map_err(apply_fault)?;
        let forgotten = ledger.surplus(self.remembered);
        if let Some(up_to) = forgotten {
            sql::forget_changes(connection, up_to).map_err(apply_fault)?;
        }
        failpoint::reached(Point::BeforeCommit);
        sql::commit(connection).map_err(|error| match commit_fault(&error) {
            StoreFault::Full => Failure::Apply(StoreFault::Full),
            fault => Failure::Commit(fault),
        })?;
        ledger.turn(settled, forgotten);
        self.flushes.fetch_add(1, Ordering::Relaxed);
        failpoint::reached(Point::AfterCommit);
        // Committed into a file that was removed meanwhile is committed nowhere; any other fault says nothing of the commit.
        place.intact().map_err(|fault| match fault {
            StoreFault::Gone => Failure::Commit(fault),
            _ => Failure::Commit(StoreFault::OutcomeUnknown),
        })?;
        Ok(answers)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection, or a new one when the last transaction could not be ended.
fn ready<'a>(slot: &'a mut Option<Connection>, place: &Place) -> Result<&'a Connection, StoreFault> {
    if slot.as_ref().is_some_and(|connection| !connection.is_autocommit()) {
        // The new one first: the log keeps its files as long as some connection lives.
        *slot = Some(connection::connect_to_write(place.path()).map_err(|error| fault(&error))?);
    }
    slot.as_ref().ok_or(StoreFault::Unavailable)
}

/// Where a transaction failed.
enum Failure {
    /// Before anything of the group was looked at.
    Begin(StoreFault),
    /// On the way, perhaps because of one request; everything is rolled back.
    Apply(StoreFault),
    /// On the way, because a request held in part; everything is rolled back.
    Torn,
    /// At the commit.
    Commit(StoreFault),
}

impl Failure {
    fn fault(self) -> StoreFault {
        match self {
            Self::Begin(fault) | Self::Apply(fault) | Self::Commit(fault) => fault,
            // Nothing tears that was checked before.
            Self::Torn => StoreFault::Corrupt,
        }
    }
}

fn apply_all(
    connection: &Connection,
    page: &mut Page<'_>,
    versions: &mut Versions,
    group: &[Arc<Ticket>],
    manner: Manner,
) -> Result<Vec<Answer>, Failure> {
    group
        .iter()
        .map(|ticket| match ticket.request() {
            Request::Commit(change) => match apply::commit(connection, page, versions, change, manner) {
                Ok(Applied::Settled(outcome)) => Ok(Answer::Commit(outcome)),
                Ok(Applied::Torn) => Err(Failure::Torn),
                Err(error) => Err(Failure::Apply(fault(&error))),
            },
            Request::Resolve(id) => Ok(Answer::Resolve(apply::resolve(page, *id))),
        })
        .collect()
}

fn hand_out(group: &[Arc<Ticket>], answers: Vec<Answer>) {
    for (ticket, answer) in group.iter().zip(answers) {
        ticket.answer(Ok(answer));
    }
}

/// Answers those who have no answer yet.
fn hand_out_fault(group: &[Arc<Ticket>], fault: StoreFault) {
    for ticket in group {
        ticket.answer(Err(fault));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

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
                connection
                    .query_row("SELECT sum(length(ids)) / 17 FROM changes", [], |row| row.get::<_, i64>(0))
            };
            store.readers.with(&store.place, count).expect("a count")
        };
        store.writer.remembered = 10;
        for number in 0..265 {
            assert_eq!(store.commit(&change(number)), Ok(Outcome::Committed));
        }
        assert_eq!(known(&store), 265, "too few to be worth it");
        assert_eq!(store.commit(&change(265)), Ok(Outcome::Committed));
        assert_eq!(known(&store), 266, "what is settled now is never forgotten with the same step");
        assert_eq!(store.commit(&change(266)), Ok(Outcome::Committed));
        assert_eq!(known(&store), 11, "256 less, and one more");
        let other = SqliteStore::open(folder.path().join("store.db")).expect("the same store");
        for store in [&store, &other] {
            for number in 256..267 {
                let remembered = store.commit(&change(number));
                assert_eq!(remembered, Ok(Outcome::Committed), "change {number} is remembered");
            }
            let forgotten = store.commit(&change(255));
            assert!(matches!(forgotten, Ok(Outcome::Conflict(_))), "it is not, and its row is there");
        }
        // What one handle settles, another knows.
        assert_eq!(other.resolve(ChangeId([7; 16])), Ok(Resolution::Aborted));
        assert_eq!(store.resolve(ChangeId([7; 16])), Ok(Resolution::Aborted));
        assert_eq!(store.writer.desk().ledger.find(ChangeId([7; 16])), Some(Resolution::Aborted));
    }

    #[test]
    fn a_change_that_holds_in_part_leaves_nothing_and_does_not_fail_its_neighbours() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::create(folder.path().join("store.db")).expect("a new store");
        let row = |number: u64| RowKey::new(Table(900), number.to_be_bytes());
        for number in [1, 2] {
            assert_eq!(store.commit(&change(number)), Ok(Outcome::Committed));
        }
        let mut torn = Change::new(ChangeId([9; 16]));
        torn.update(row(1), 1, b"new".to_vec()).expect("a small change");
        torn.insert(row(3), Vec::new()).expect("a small change");
        torn.insert(row(2), Vec::new()).expect("a small change");
        let tickets = [change(4), torn, change(5)].map(|change| Ticket::new(Request::Commit(change)));
        store.writer.work(&store.place, &tickets);
        let answers = tickets.map(|ticket| match ticket.answered() {
            Some(Ok(Answer::Commit(outcome))) => outcome.clone(),
            other => panic!("{other:?}"),
        });
        assert_eq!(answers, [Outcome::Committed, Outcome::Conflict(row(2)), Outcome::Committed]);
        assert_eq!(store.get(&row(1)).expect("a read").map(|row| row.version), Some(1));
        assert_eq!(store.get(&row(3)), Ok(None));
        assert!([4, 5].map(row).iter().all(|row| store.get(row).is_ok_and(|row| row.is_some())));
    }

    /// Rounds of so many callers, who come back in a moment; answers how many groups there were.
    fn groups(callers: u64, rounds: u64) -> u64 {
        let (queue, groups) = (Queue::new(()), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        queue.settle((), |_: &[Arc<queue::Ticket<(), ()>>]| {
                            groups.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(4));
                        });
                        // Long enough for the next one to have woken.
                        std::thread::sleep(Duration::from_micros(200));
                    }
                });
            }
        });
        groups.into_inner()
    }

    #[test]
    fn callers_who_come_back_in_a_moment_are_waited_for() {
        // Without waiting, each of two has every other group for itself.
        let alone = groups(1, 100);
        let two = groups(2, 100);
        assert_eq!(alone, 100);
        assert!(two < 190, "{two} groups of 200 requests");
    }

    #[test]
    fn one_request_for_which_there_is_no_room_does_not_fail_its_neighbours() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::create(folder.path().join("store.db")).expect("a new store");
        let mut large = Change::new(ChangeId([9; 16]));
        large.insert(RowKey::new(Table(900), *b"large"), vec![0; Change::MAX_VALUE]).expect("just fits");
        let tickets = [change(1), large, change(2)].map(|change| Ticket::new(Request::Commit(change)));
        let bounded = store.writer.desk().connection.as_ref().expect("a connection").pragma_update_and_check(
            None,
            "max_page_count",
            20,
            |row| row.get::<_, i64>(0),
        );
        assert_eq!(bounded, Ok(20));
        store.writer.work(&store.place, &tickets);
        let answers = tickets.map(|ticket| match ticket.answered() {
            Some(Ok(Answer::Commit(outcome))) => Ok(outcome.clone()),
            Some(Err(fault)) => Err(*fault),
            other => panic!("{other:?}"),
        });
        assert_eq!(answers, [Ok(Outcome::Committed), Err(StoreFault::Full), Ok(Outcome::Committed)]);
    }

    #[test]
    fn what_was_committed_into_files_that_were_taken_away_meanwhile_is_not_answered_as_committed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let (away, other) = (folder.path().join("away.db"), folder.path().join("other.db"));
        let store = SqliteStore::create(&path).expect("a new store");
        failpoint::tests::once_at(Point::AfterCommit, {
            let (path, away) = (path.clone(), away.clone());
            move || fs::rename(path, away).expect("the file")
        });
        assert_eq!(store.commit(&change(1)), Err(StoreFault::Gone));
        assert_eq!(store.resolve(ChangeId([9; 16])), Err(StoreFault::Gone));
        fs::rename(away, &path).expect("the file");
        assert_eq!(store.resolve(change(1).id()), Ok(Resolution::Committed), "it came back with it");
        // A second name says nothing of the commit either way.
        failpoint::tests::once_at(Point::AfterCommit, {
            let (path, other) = (path.clone(), other.clone());
            move || fs::hard_link(path, other).expect("a link")
        });
        assert_eq!(store.commit(&change(2)), Err(StoreFault::OutcomeUnknown));
        assert_eq!(store.commit(&change(3)), Err(StoreFault::NotDurable));
        assert_eq!(store.get(&RowKey::new(Table(900), 2_u64.to_be_bytes())), Err(StoreFault::NotDurable));
        fs::remove_file(other).expect("the link");
        assert_eq!(store.resolve(change(2).id()), Ok(Resolution::Committed));
        assert_eq!(store.resolve(change(3).id()), Ok(Resolution::Aborted));
    }

    #[test]
    fn a_caller_that_panics_leaves_nobody_waiting_and_the_store_usable() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::create(folder.path().join("store.db")).expect("a new store");
        let mut asked = Vec::new();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.writer.queue.settle(Request::Commit(change(1)), |group| {
                asked.extend(group.iter().cloned());
                let desk = store.writer.desk();
                desk.connection
                    .as_ref()
                    .expect("a connection")
                    .execute_batch("BEGIN IMMEDIATE")
                    .expect("a transaction");
                panic!("in the middle of it");
            })
        }));
        assert!(panicked.is_err());
        assert!(matches!(asked[0].answered(), Some(Err(StoreFault::OutcomeUnknown))));
        assert_eq!(store.resolve(ChangeId(u128::to_be_bytes(1))), Ok(Resolution::Aborted));
        assert_eq!(store.commit(&change(2)), Ok(Outcome::Committed));
    }

    /// How many descriptors of this process are of the store and of the files beside it, as Linux tells.
    fn descriptors(path: &Path) -> usize {
        let is_of_it = |target: &Path| target.to_string_lossy().starts_with(&*path.to_string_lossy());
        let Ok(all) = fs::read_dir("/proc/self/fd") else { return 0 };
        all.filter_map(Result::ok)
            .filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| is_of_it(&target)))
            .count()
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
        let queue = store.writer.queue.hold();
        let desk = store.writer.desk();
        assert_eq!(store.commit(&change(2)), Err(StoreFault::Unavailable));
        assert_eq!(store.resolve(ChangeId([0; 16])), Err(StoreFault::Unavailable));
        assert_eq!(store.get(&row), Err(StoreFault::Unavailable));
        assert_eq!(store.check(), Err(StoreFault::Unavailable));
        assert_eq!(store.backup_to(folder.path().join("copy.db")), Err(StoreFault::Unavailable));
        assert_eq!(SqliteStore::open(&path).expect_err("SQLite would take no lock"), StoreFault::Unlocked);
        drop((queue, desk));
        let open = descriptors(&path);
        assert!(open > 0 || cfg!(not(target_os = "linux")));
        drop(store);
        assert_eq!(descriptors(&path), open, "a connection of the parent was closed");
        assert_eq!(SqliteStore::create(&path).expect_err("nor ever after"), StoreFault::Unlocked);
        assert_eq!(parent.commit(&change(3)), Ok(Outcome::Committed));
        assert!(parent.get(&row).is_ok_and(|row| row.is_some()));
    }

    #[test]
    fn a_file_that_was_closed_before_the_fork_is_opened_in_the_child() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("store.db"), folder.path().join("other.db"));
        let mut inherited = SqliteStore::create(&other).expect("a new store");
        let view = inherited.snapshot().expect("a view");
        drop(SqliteStore::create(&path).expect("a new store"));
        inherited.place.pretend_to_be_forked();
        drop((inherited, view));
        assert!(SqliteStore::open(&path).is_ok());
        assert_eq!(SqliteStore::open(&other).expect_err("it was open"), StoreFault::Unlocked);
    }
}
