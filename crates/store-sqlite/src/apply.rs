//! One request inside a transaction that holds the write lock: everything is checked before anything is written, so a
//! request that does not hold leaves no trace and its neighbours in the transaction go on.

use rusqlite::Connection;
use zamok_core::store::{Change, ChangeId, Expect, Outcome, Resolution, Write};

use crate::failpoint::{self, Point};
use crate::sql;

/// Whether a request has written something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It has.
    Written,
    /// It has not: there is nothing to flush on its account.
    None,
}

/// Applies a change, or says why not.
pub(crate) fn commit(connection: &Connection, change: &Change) -> rusqlite::Result<(Outcome, Trace)> {
    match sql::change_state(connection, change.id())? {
        Some(Resolution::Committed) => return Ok((Outcome::Committed, Trace::None)),
        Some(Resolution::Aborted) => return Ok((Outcome::Fenced, Trace::None)),
        None => {}
    }
    for (key, expect) in change.expectations() {
        let found = sql::row_version(connection, key)?;
        let holds = match expect {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        };
        if !holds {
            return Ok((Outcome::Conflict(key.clone()), Trace::None));
        }
    }
    let mut sums = Vec::with_capacity(change.adds().len());
    for (key, add) in change.adds() {
        match sql::counter_sum(connection, key)?.checked_add(add.delta).filter(|sum| *sum <= add.ceiling) {
            Some(sum) => sums.push((key, sum)),
            None => return Ok((Outcome::Capped(key.clone()), Trace::None)),
        }
    }
    for (key, write) in change.writes() {
        match write {
            Write::Put(value) => sql::put_row(connection, key, change.next_version(key), value)?,
            Write::Delete => sql::delete_row(connection, key)?,
        }
        failpoint::reached(Point::BetweenWrites);
    }
    for (key, sum) in sums {
        sql::put_counter(connection, key, sum)?;
    }
    sql::remember_change(connection, change.id(), Resolution::Committed)?;
    Ok((Outcome::Committed, Trace::Written))
}

/// Tells how a change was settled, and aborts it where it was not.
pub(crate) fn resolve(connection: &Connection, id: ChangeId) -> rusqlite::Result<(Resolution, Trace)> {
    if let Some(settled) = sql::change_state(connection, id)? {
        return Ok((settled, Trace::None));
    }
    sql::remember_change(connection, id, Resolution::Aborted)?;
    Ok((Resolution::Aborted, Trace::Written))
}
