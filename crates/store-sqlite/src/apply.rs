//! The requests of one transaction, one after the other, each on top of those before it. Nothing but counters is written
//! here: what holds goes into a draft, and what does not hold leaves no trace.

use std::collections::BTreeMap;

use rusqlite::Connection;
use zamok_core::store::{Change, ChangeId, CounterKey, Expect, Outcome, Resolution, RowKey, Write};

use crate::failpoint::{self, Point};
use crate::ledger::Page;
use crate::recent::Recent;
use crate::sql;
use crate::versions::Versions;

/// What a transaction is going to write.
#[derive(Debug, Default)]
pub(crate) struct Draft<'a> {
    /// The latest version and value of each row; `None` for one that goes away.
    pub(crate) rows: BTreeMap<&'a RowKey, Option<(u64, &'a [u8])>>,
    /// Something of it has to be gone at once.
    pub(crate) erases: bool,
}

/// What is known of rows beside the draft.
pub(crate) struct Known<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) recent: &'a Recent,
    pub(crate) versions: &'a mut Versions,
}

impl Known<'_> {
    /// The version of a row; `None` where there is none.
    fn version(&mut self, draft: &Draft<'_>, key: &RowKey) -> rusqlite::Result<Option<u64>> {
        match (draft.rows.get(key), self.recent.get(key)) {
            (Some(written), _) => Ok(written.map(|(version, _)| version)),
            (None, Some(row)) => Ok(Some(row.version)),
            (None, None) => self.versions.of(self.connection, key),
        }
    }
}

/// Takes a change into the draft, or says why not.
pub(crate) fn commit<'a>(
    known: &mut Known<'_>,
    page: &mut Page<'_>,
    draft: &mut Draft<'a>,
    change: &'a Change,
) -> rusqlite::Result<Outcome> {
    match page.find(change.id()) {
        Some(Resolution::Committed) => return Ok(Outcome::Committed),
        Some(Resolution::Aborted) => return Ok(Outcome::Fenced),
        None => {}
    }
    for (key, expect) in change.expectations() {
        let found = known.version(draft, key)?;
        let holds = match expect {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        };
        if !holds {
            return Ok(Outcome::Conflict(key.clone()));
        }
    }
    let sums = match sums(known.connection, change)? {
        Ok(sums) => sums,
        Err(capped) => return Ok(Outcome::Capped(capped.clone())),
    };
    for (key, sum) in sums {
        sql::put_counter(known.connection, key, sum)?;
    }
    for (key, write) in change.writes() {
        let written = match write {
            Write::Put(value) => Some((change.next_version(key), value.as_slice())),
            Write::Delete => None,
        };
        known.versions.written(key, written.map(|(version, _)| version));
        draft.rows.insert(key, written);
        failpoint::reached(Point::BetweenWrites);
    }
    draft.erases |= change.erases();
    page.settle(change.id(), Resolution::Committed);
    Ok(Outcome::Committed)
}

/// The new sums of the counters, or the counter that would pass its ceiling.
fn sums<'a>(
    connection: &Connection,
    change: &'a Change,
) -> rusqlite::Result<Result<Vec<(&'a CounterKey, u64)>, &'a CounterKey>> {
    let mut sums = Vec::with_capacity(change.adds().len());
    for (key, add) in change.adds() {
        match sql::counter_sum(connection, key)?.checked_add(add.delta).filter(|sum| *sum <= add.ceiling) {
            Some(sum) => sums.push((key, sum)),
            None => return Ok(Err(key)),
        }
    }
    Ok(Ok(sums))
}

/// Tells how a change was settled, and aborts it where it was not.
pub(crate) fn resolve(page: &mut Page<'_>, id: ChangeId) -> Resolution {
    page.find(id).unwrap_or_else(|| {
        page.settle(id, Resolution::Aborted);
        Resolution::Aborted
    })
}
