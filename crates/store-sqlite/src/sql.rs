//! The statements of `sql/`, one function each: Rust's types in and out.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Params, Row as Record, params};
use zamok_core::store::{ChangeId, CounterKey, Resolution, Row, RowKey, Table};

use crate::batch;
use crate::recent::{Batch, Mark};

/// Changes with how they were settled, in the order in which they were.
pub(crate) type Settled = Vec<(ChangeId, Resolution)>;

/// Bytes of a settled change in a row of them: its id and how.
pub(crate) const SETTLED: usize = 17;
const COMMITTED: u8 = 1;
const ABORTED: u8 = 2;

/// What the file holds, and a row of `rows`, in one view.
pub(crate) fn find_row(connection: &Connection, key: &RowKey) -> rusqlite::Result<(Mark, Option<Row>)> {
    let mut statement = connection.prepare_cached(include_str!("../sql/find_row.sql"))?;
    statement.query_row(params![key.table.0, key.key], |record| {
        let row = match record.get::<_, Option<i64>>(2)? {
            Some(version) => Some(Row { version: version.cast_unsigned(), value: record.get(3)? }),
            None => None,
        };
        Ok((read_mark(record)?, row))
    })
}

/// What the file holds.
pub(crate) fn mark(connection: &Connection) -> rusqlite::Result<Mark> {
    connection.prepare_cached(include_str!("../sql/mark.sql"))?.query_row([], read_mark)
}

fn read_mark(record: &Record<'_>) -> rusqlite::Result<Mark> {
    let merged = record.get::<_, Option<i64>>(0)?.unwrap_or(0);
    let last = record.get::<_, Option<i64>>(1)?.unwrap_or(merged);
    Ok(Mark { merged, last })
}

pub(crate) fn row_version(connection: &Connection, key: &RowKey) -> rusqlite::Result<Option<u64>> {
    let statement = include_str!("../sql/row_version.sql");
    one(connection, statement, params![key.table.0, key.key], |record| unsigned(record, 0))
}

/// A number that changes when another connection has committed, and not when this one has.
pub(crate) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached(include_str!("../sql/data_version.sql"))?.query_row([], |record| record.get(0))
}

/// Up to `most` rows of a table from `start` to `end` (exclusive; `None` is the end of the table), in the order of keys.
pub(crate) fn scan(
    connection: &Connection,
    table: Table,
    start: &[u8],
    end: Option<&[u8]>,
    most: usize,
) -> rusqlite::Result<Vec<(Vec<u8>, Row)>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let read = |record: &Record<'_>| {
        Ok((record.get(0)?, Row { version: unsigned(record, 1)?, value: record.get(2)? }))
    };
    match end {
        Some(end) => connection
            .prepare_cached(include_str!("../sql/scan_range.sql"))?
            .query_map(params![table.0, start, end, most], read)?
            .collect(),
        None => connection
            .prepare_cached(include_str!("../sql/scan_to_end.sql"))?
            .query_map(params![table.0, start, most], read)?
            .collect(),
    }
}

/// Makes a row, which must be absent: it has its first version.
pub(crate) fn insert_row(connection: &Connection, key: &RowKey, value: &[u8]) -> rusqlite::Result<()> {
    run(connection, include_str!("../sql/insert_row.sql"), params![key.table.0, key.key, value]).map(|_| ())
}

/// Makes a row, or replaces it.
pub(crate) fn put_row(
    connection: &Connection,
    key: &RowKey,
    version: u64,
    value: &[u8],
) -> rusqlite::Result<()> {
    let parameters = params![key.table.0, key.key, version.cast_signed(), value];
    run(connection, include_str!("../sql/put_row.sql"), parameters).map(|_| ())
}

/// Removes a row, where there is one.
pub(crate) fn delete_row(connection: &Connection, key: &RowKey) -> rusqlite::Result<()> {
    run(connection, include_str!("../sql/delete_row.sql"), params![key.table.0, key.key]).map(|_| ())
}

pub(crate) fn counter_sum(connection: &Connection, key: &CounterKey) -> rusqlite::Result<u64> {
    let statement = include_str!("../sql/counter_sum.sql");
    Ok(one(connection, statement, params![key.0], |record| unsigned(record, 0))?.unwrap_or(0))
}

pub(crate) fn put_counter(connection: &Connection, key: &CounterKey, sum: u64) -> rusqlite::Result<()> {
    run(connection, include_str!("../sql/put_counter.sql"), params![key.0, sum.cast_signed()]).map(|_| ())
}

/// The rows of settled changes after one of them, in their order.
pub(crate) fn list_changes(connection: &Connection, after: i64) -> rusqlite::Result<Vec<(i64, Settled)>> {
    let mut statement = connection.prepare_cached(include_str!("../sql/list_changes.sql"))?;
    let rows = statement.query_map([after], |record| Ok((record.get(0)?, read_settled(record)?)))?;
    rows.collect()
}

/// The rows of `recent` after one of them, in their order.
pub(crate) fn list_recent(connection: &Connection, after: i64) -> rusqlite::Result<Vec<(Settled, Batch)>> {
    let mut statement = connection.prepare_cached(include_str!("../sql/list_recent.sql"))?;
    let rows = statement.query_map([after], |record| {
        let bytes = record.get_ref(2)?.as_blob()?;
        let rows = batch::read(bytes).ok_or(damaged(2))?;
        let settled = read_settled(record)?;
        let bytes = bytes.len() + settled.len() * SETTLED;
        Ok((settled, Batch { sequence: record.get(0)?, rows, bytes }))
    })?;
    rows.collect()
}

/// Ids stand in the second column.
fn read_settled(record: &Record<'_>) -> rusqlite::Result<Settled> {
    let (settled, rest) = record.get_ref(1)?.as_blob()?.as_chunks::<SETTLED>();
    if !rest.is_empty() {
        return Err(damaged(1));
    }
    let settled = settled.iter().map(|settled| match settled.split_first_chunk() {
        Some((id, [COMMITTED])) => Ok((ChangeId(*id), Resolution::Committed)),
        Some((id, [ABORTED])) => Ok((ChangeId(*id), Resolution::Aborted)),
        _ => Err(damaged(1)),
    });
    settled.collect()
}

fn settled_bytes(settled: &[(ChangeId, Resolution)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(settled.len() * SETTLED);
    for (id, how) in settled {
        bytes.extend(id.0);
        bytes.push(match how {
            Resolution::Committed => COMMITTED,
            Resolution::Aborted => ABORTED,
        });
    }
    bytes
}

/// Leaves a row of settled changes.
pub(crate) fn remember_changes(
    connection: &Connection,
    sequence: i64,
    settled: &[(ChangeId, Resolution)],
) -> rusqlite::Result<()> {
    let statement = include_str!("../sql/remember_changes.sql");
    run(connection, statement, params![sequence, settled_bytes(settled)]).map(|_| ())
}

/// Leaves a row of settled changes with what they have put.
pub(crate) fn append_recent(
    connection: &Connection,
    sequence: i64,
    settled: &[(ChangeId, Resolution)],
    batch: &[u8],
) -> rusqlite::Result<()> {
    let statement = include_str!("../sql/append_recent.sql");
    run(connection, statement, params![sequence, settled_bytes(settled), batch]).map(|_| ())
}

/// Empties `recent`.
pub(crate) fn clear_recent(connection: &Connection) -> rusqlite::Result<()> {
    run(connection, include_str!("../sql/clear_recent.sql"), []).map(|_| ())
}

/// Forgets the rows of settled changes up to this one.
pub(crate) fn forget_changes(connection: &Connection, up_to: i64) -> rusqlite::Result<()> {
    run(connection, include_str!("../sql/forget_changes.sql"), [up_to]).map(|_| ())
}

/// What is answered for a blob that does not hold what its layout says.
pub(crate) fn damaged(column: usize) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(column, 0)
}

/// Type, name, table and text of everything in the schema.
pub(crate) fn list_schema(connection: &Connection) -> rusqlite::Result<Vec<[String; 4]>> {
    let mut statement = connection.prepare(include_str!("../sql/list_schema.sql"))?;
    let entries =
        statement.query_map([], |entry| Ok([entry.get(0)?, entry.get(1)?, entry.get(2)?, entry.get(3)?]))?;
    entries.collect()
}

/// Writes the whole database into another file, which must be empty.
pub(crate) fn copy_whole(connection: &Connection, into: &Path) -> rusqlite::Result<()> {
    let Some(into) = into.to_str() else { return Err(rusqlite::Error::InvalidPath(into.to_owned())) };
    connection.execute(include_str!("../sql/copy_whole.sql"), params![into]).map(|_| ())
}

/// Takes the write lock.
pub(crate) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    run(connection, "BEGIN IMMEDIATE", []).map(|_| ())
}

/// Ends a transaction: durable when it answers.
pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    run(connection, "COMMIT", []).map(|_| ())
}

/// Runs several reads over one view.
pub(crate) fn in_one_view<T>(
    connection: &Connection,
    read: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    if !connection.is_autocommit() {
        // A snapshot is one view as it is.
        return read();
    }
    run(connection, "BEGIN", [])?;
    let answer = read();
    run(connection, "ROLLBACK", [])?;
    answer
}

fn one<T>(
    connection: &Connection,
    statement: &str,
    parameters: impl Params,
    read: impl FnOnce(&Record<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    connection.prepare_cached(statement)?.query_row(parameters, read).optional()
}

fn run(connection: &Connection, statement: &str, parameters: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(parameters)
}

fn unsigned(record: &Record<'_>, column: usize) -> rusqlite::Result<u64> {
    record.get::<_, i64>(column).map(i64::cast_unsigned)
}
