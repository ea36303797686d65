//! One transaction and one flush for the requests of a group: what the caller at work does, and what it needs for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use zamok_core::store::{Change, Row, RowKey, StoreFault};

use crate::apply::{self, Draft, Known};
use crate::failpoint::{self, Point};
use crate::fault::{commit_fault, fault};
use crate::ledger::{Ledger, Page};
use crate::place::Place;
use crate::recent::{Batch, Recent};
use crate::sql::Settled;
use crate::versions::Versions;
use crate::view::Shared;
use crate::writer::{Answer, Request};
use crate::{batch, connection, leak, merge, sql};

/// So many bytes of recent rows are merged into `rows`: enough for many changes of one page to become one write, few enough
/// to hold nobody up for long.
const MERGED_AT: usize = 4 << 20;
/// Beyond so many bytes nothing more is taken in while they cannot be merged.
const MOST: usize = 64 << 20;

/// How often it is asked whether the locks are still there: it takes some 20 µs.
const LOOK_AFTER_LOCKS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) connection: Option<Connection>,
    pub(crate) ledger: Ledger,
    versions: Versions,
    recent: Arc<Shared>,
    /// More bytes of recent rows than this are merged.
    merge_at: usize,
    /// How many ids of changes are remembered at least.
    pub(crate) remembered: usize,
    flushes: Arc<AtomicU64>,
    /// When the locks were last looked after.
    locked: Instant,
}

/// Where a transaction failed.
pub(crate) enum Failure {
    /// Before anything of the group was looked at.
    Begin(StoreFault),
    /// On the way, perhaps because of one request; everything is rolled back.
    Apply(StoreFault),
    /// While rows were merged that need not be merged now; everything is rolled back.
    Merge(StoreFault),
    /// At the commit.
    Commit(StoreFault),
}

impl Failure {
    pub(crate) const fn fault(self) -> StoreFault {
        match self {
            Self::Begin(fault) | Self::Apply(fault) | Self::Merge(fault) | Self::Commit(fault) => fault,
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
    fn apply(error: rusqlite::Error) -> Self {
        Self::Apply(fault(&error))
    }

    /// Of a merge, which one of the requests may have needed.
    const fn of_merge(fault: StoreFault, needed: bool) -> Self {
        if needed { Self::Apply(fault) } else { Self::Merge(fault) }
    }
}

impl Desk {
    pub(crate) fn new(connection: Connection, recent: Arc<Shared>, flushes: Arc<AtomicU64>) -> Self {
        Self {
            connection: Some(connection),
            ledger: Ledger::default(),
            versions: Versions::default(),
            recent,
            merge_at: MERGED_AT,
            remembered: usize::try_from(Change::REMEMBERED).unwrap_or(usize::MAX),
            flushes,
            locked: Instant::now(),
        }
    }

    /// Settles the requests in one transaction. No answer is worth anything before the commit: each may rest on its
    /// neighbours.
    pub(crate) fn settle(&mut self, place: &Place, requests: &[&Request]) -> Result<Vec<Answer>, Failure> {
        if self.locked.elapsed() >= LOOK_AFTER_LOCKS {
            if place.unlocked() {
                return Err(Failure::Begin(StoreFault::Unlocked));
            }
            self.locked = Instant::now();
        }
        failpoint::reached(Point::BeforeTransaction);
        match self.transaction(place, |desk| desk.work(place, requests)) {
            Err(Failure::Merge(_)) if self.recent.read().bytes() < MOST => {
                // A damaged page of other rows, say. What there is to do now does not need it: later once more.
                self.merge_at = usize::MAX;
                let result = self.transaction(place, |desk| desk.work(place, requests));
                self.merge_at = self.recent.read().bytes().saturating_add(MERGED_AT);
                result
            }
            result => result,
        }
    }

    /// Merges the recent rows, where that is possible at once: for whoever looks into the file without this program.
    pub(crate) fn tidy(&mut self, place: &Place) {
        let Some(connection) = &mut self.connection else { return };
        if self.recent.read().is_merged() || place.intact().is_err() {
            return;
        }
        // Whoever holds the lock is at work on the file, and merges in its turn.
        let _ = connection.busy_handler(None::<fn(i32) -> bool>);
        // Where it fails, the rows stay where they are.
        let _ = self.transaction(place, |desk| {
            desk.follow().map_err(Failure::apply)?;
            let shared = Arc::clone(&desk.recent);
            let written =
                desk.merge(&shared.read(), &Draft::default(), Vec::new()).map_err(Failure::apply)?;
            desk.commit(place, written)
        });
    }

    pub(crate) fn leak(&mut self) {
        self.connection.take().into_iter().for_each(leak);
    }

    fn transaction<T>(
        &mut self,
        place: &Place,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.prepare(place).map_err(Failure::Begin)?;
        let begun =
            self.connection().and_then(|connection| sql::begin(connection).map_err(|error| fault(&error)));
        let result = begun.map_err(Failure::Begin).and_then(|()| work(self));
        if result.is_err() {
            // What was read and written may be rolled back.
            self.versions.forget();
        }
        let connection = self.connection().map_err(Failure::Begin)?;
        if !connection.is_autocommit() {
            // Where even this fails, `prepare` takes another connection for the next group.
            let _ = connection.execute_batch("ROLLBACK");
        }
        match result {
            // Files that were taken away make for strange errors: the reason comes first.
            Err(failure @ (Failure::Begin(_) | Failure::Apply(_) | Failure::Merge(_))) => {
                place.intact().map_err(Failure::Begin)?;
                Err(failure)
            }
            result => result,
        }
    }

    fn work(&mut self, place: &Place, requests: &[&Request]) -> Result<Vec<Answer>, Failure> {
        failpoint::reached(Point::AfterBegin);
        self.follow().map_err(Failure::apply)?;
        let shared = Arc::clone(&self.recent);
        let recent = shared.read();
        let (mut page, mut draft) = (self.ledger.page(), Draft::default());
        let connection = self.connection.as_ref().ok_or(Failure::Begin(StoreFault::Unavailable))?;
        let mut known = Known { connection, recent: &recent, versions: &mut self.versions };
        let answers = answer_all(&mut known, &mut page, &mut draft, requests).map_err(Failure::apply)?;
        let settled = page.into_settled();
        place.intact().map_err(Failure::Begin)?;
        if settled.is_empty() {
            return Ok(answers);
        }
        let written = self.write(&recent, &draft, settled)?;
        // Readers go on while the disk is waited for.
        drop(recent);
        failpoint::reached(Point::BeforeCommit);
        self.commit(place, written)?;
        failpoint::reached(Point::AfterCommit);
        Ok(answers)
    }

    /// Follows what other handles have committed; holds the write lock.
    fn follow(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        if !self.versions.follow(connection)? {
            return Ok(());
        }
        if sql::mark(connection)?.last < self.recent.read().last() {
            // An older file was put in the place of this one.
            *self.recent.write() = Recent::default();
        }
        let mark = self.recent.follow(connection)?;
        let after = self.ledger.follow(connection, mark)?;
        if after < mark.last {
            for (settled, batch) in sql::list_recent(connection, after)? {
                self.ledger.push(batch.sequence, settled);
            }
        }
        Ok(())
    }

    /// Appends the draft, or merges it when it is time for that.
    fn write(&self, recent: &Recent, draft: &Draft<'_>, settled: Settled) -> Result<Written, Failure> {
        let mut bytes = Vec::new();
        for (key, written) in &draft.rows {
            if let Some((version, value)) = written {
                batch::write(&mut bytes, key, *version, value);
            }
        }
        if draft.erases || recent.bytes().saturating_add(bytes.len()) > self.merge_at {
            let written = self.merge(recent, draft, settled);
            return written.map_err(|error| Failure::of_merge(fault(&error), draft.erases));
        }
        let sequence = self.ledger.next();
        sql::append_recent(self.connection().map_err(Failure::Begin)?, sequence, &settled, &bytes)
            .map_err(Failure::apply)?;
        let put = |(key, written): (&RowKey, Option<(u64, &[u8])>)| {
            let (version, value) = written?;
            Some((key.clone(), Row { version, value: value.to_vec() }))
        };
        let rows = draft.rows.iter().filter_map(|(key, written)| put((key, *written))).collect();
        let bytes = bytes.len() + settled.len() * sql::SETTLED;
        Ok(Written::Appended(Batch { sequence, rows, bytes }, settled))
    }

    fn merge(&self, recent: &Recent, draft: &Draft<'_>, settled: Settled) -> rusqlite::Result<Written> {
        let Some(connection) = &self.connection else { return Err(sql::damaged(0)) };
        merge::merge(connection, recent, draft)?;
        let mut all = self.ledger.recent();
        all.extend(settled);
        let sequence = self.ledger.next();
        sql::remember_changes(connection, sequence, &all)?;
        let forgotten = self.ledger.surplus(self.remembered);
        if let Some(up_to) = forgotten {
            sql::forget_changes(connection, up_to)?;
        }
        Ok(Written::Merged { sequence, settled: all, forgotten, needed: draft.erases })
    }

    fn commit(&mut self, place: &Place, written: Written) -> Result<(), Failure> {
        sql::commit(self.connection().map_err(Failure::Begin)?).map_err(|error| {
            match commit_fault(&error) {
                StoreFault::Full => match written {
                    Written::Merged { needed, .. } => Failure::of_merge(StoreFault::Full, needed),
                    Written::Appended(..) => Failure::Apply(StoreFault::Full),
                },
                fault => Failure::Commit(fault),
            }
        })?;
        match written {
            Written::Appended(batch, settled) => {
                self.ledger.push(batch.sequence, settled);
                self.recent.write().put(batch);
            }
            Written::Merged { sequence, settled, forgotten, .. } => {
                self.ledger.merged(sequence, settled, forgotten);
                self.recent.write().merged(sequence);
                self.merge_at = MERGED_AT;
            }
        }
        self.flushes.fetch_add(1, Ordering::Relaxed);
        // Committed into a file that was removed meanwhile is committed nowhere.
        place.intact().map_err(Failure::Commit)
    }

    fn connection(&self) -> Result<&Connection, StoreFault> {
        self.connection.as_ref().ok_or(StoreFault::Unavailable)
    }

    /// Takes another connection when the last transaction could not be ended.
    fn prepare(&mut self, place: &Place) -> Result<(), StoreFault> {
        if self.connection.as_ref().is_some_and(|connection| !connection.is_autocommit()) {
            // The new one first: the log keeps its files as long as some connection lives.
            self.connection =
                Some(connection::connect_to_write(place.path()).map_err(|error| fault(&error))?);
        }
        Ok(())
    }
}

/// What a transaction has written, and what is known of it once it has committed.
enum Written {
    Appended(Batch, Settled),
    Merged {
        sequence: i64,
        /// With what stood in `recent`.
        settled: Settled,
        /// The newest row of `changes` that is gone.
        forgotten: Option<i64>,
        /// Something had to be gone at once.
        needed: bool,
    },
}

fn answer_all<'a>(
    known: &mut Known<'_>,
    page: &mut Page<'_>,
    draft: &mut Draft<'a>,
    requests: &[&'a Request],
) -> rusqlite::Result<Vec<Answer>> {
    let answer = |request: &&'a Request| match request {
        Request::Commit(change) => apply::commit(known, page, draft, change).map(Answer::Commit),
        Request::Resolve(id) => Ok(Answer::Resolve(apply::resolve(page, *id))),
    };
    requests.iter().map(answer).collect()
}
