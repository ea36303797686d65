//! One request inside a transaction that holds the write lock. A request that does not hold leaves no trace, and its
//! neighbours in the transaction go on.

use rusqlite::Connection;
use zamok_core::store::{Change, ChangeId, CounterKey, Expect, Outcome, Resolution, RowKey, Write};

use crate::failpoint::{self, Point};
use crate::ledger::Page;
use crate::sql;
use crate::versions::Versions;

/// How a change is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Each write checks its own row. Half the statements; but a change of which a part holds has left a trace.
    Eager,
    /// Everything is checked before anything is written.
    Careful,
}

/// What became of a change.
pub(crate) enum Applied {
    /// This.
    Settled(Outcome),
    /// A part was written that must not stay: the transaction is to be rolled back and done again, carefully.
    Torn,
}

/// Applies a change, or says why not.
pub(crate) fn commit(
    connection: &Connection,
    page: &mut Page<'_>,
    versions: &mut Versions,
    change: &Change,
    manner: Manner,
) -> rusqlite::Result<Applied> {
    match page.find(change.id()) {
        Some(Resolution::Committed) => return Ok(Applied::Settled(Outcome::Committed)),
        Some(Resolution::Aborted) => return Ok(Applied::Settled(Outcome::Fenced)),
        None => {}
    }
    // What is written checks itself, unless that would be too late.
    let checks_itself = |key| manner == Manner::Eager && change.write_of(key).is_some();
    for (key, expect) in change.expectations().filter(|(key, _)| !checks_itself(key)) {
        // An absent row is only ever known by asking.
        let found = versions.of(connection, key)?;
        let holds = match expect {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        };
        if !holds {
            return Ok(Applied::Settled(Outcome::Conflict(key.clone())));
        }
    }
    let sums = match sums(connection, change)? {
        Ok(sums) => sums,
        Err(capped) => return Ok(Applied::Settled(Outcome::Capped(capped.clone()))),
    };
    // Rows that change before rows that are new: where somebody was faster, it was on one of those, and nothing is
    // written yet.
    let (new, old): (Vec<_>, Vec<_>) =
        change.writes().partition(|(key, _)| change.expectation_of(key) == Some(Expect::Absent));
    for (written, (key, write)) in old.into_iter().chain(new).enumerate() {
        if !write_row(connection, change, key, write)? {
            let first = written == 0;
            return Ok(if first { Applied::Settled(Outcome::Conflict(key.clone())) } else { Applied::Torn });
        }
        versions.written(key, matches!(write, Write::Put(_)).then(|| change.next_version(key)));
        failpoint::reached(Point::BetweenWrites);
    }
    for (key, sum) in sums {
        sql::put_counter(connection, key, sum)?;
    }
    page.settle(change.id(), Resolution::Committed);
    Ok(Applied::Settled(Outcome::Committed))
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

/// Writes a row when it is as the change expects it; answers whether it was.
fn write_row(
    connection: &Connection,
    change: &Change,
    key: &RowKey,
    write: &Write,
) -> rusqlite::Result<bool> {
    match (write, change.expectation_of(key)) {
        (Write::Put(value), Some(Expect::Version(version))) => {
            sql::update_row(connection, key, version, change.next_version(key), value)
        }
        (Write::Put(value), _) => sql::insert_row(connection, key, change.next_version(key), value),
        (Write::Delete, Some(Expect::Version(version))) => sql::delete_row(connection, key, version),
        // A row that must be absent is deleted when it is.
        (Write::Delete, _) => Ok(sql::row_version(connection, key)?.is_none()),
    }
}

/// Tells how a change was settled, and aborts it where it was not.
pub(crate) fn resolve(page: &mut Page<'_>, id: ChangeId) -> Resolution {
    page.find(id).unwrap_or_else(|| {
        page.settle(id, Resolution::Aborted);
        Resolution::Aborted
    })
}
