//! The statements of `sql/`, one function each: Rust's types in and out.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Params, Row as Record, params};
use zamok_core::store::{ChangeId, CounterKey, Cursor, Page, Range, Resolution, Row, RowKey, Table};

/// Changes with how they were settled, in the order in which they were.
pub(crate) type Settled = Vec<(ChangeId, Resolution)>;

/// Type, name, table and text of everything in a schema.
pub(crate) type Schema = Vec<[String; 4]>;

/// Bytes of a settled change in a row of them: its id and how.
const SETTLED: usize = 17;
const COMMITTED: u8 = 1;
const ABORTED: u8 = 2;

pub(crate) fn get_row(connection: &Connection, key: &RowKey) -> rusqlite::Result<Option<Row>> {
    one(connection, include_str!("../sql/get_row.sql"), params![key.table.0, key.key], |record| {
        Ok(Row { version: unsigned(record, 0)?, value: record.get(1)? })
    })
}

pub(crate) fn row_version(connection: &Connection, key: &RowKey) -> rusqlite::Result<Option<u64>> {
    let statement = include_str!("../sql/row_version.sql");
    one(connection, statement, params![key.table.0, key.key], |record| unsigned(record, 0))
}

/// A number that changes when another connection has committed, and not when this one has.
pub(crate) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached(include_str!("../sql/data_version.sql"))?.query_row([], |record| record.get(0))
}

pub(crate) fn scan(
    connection: &Connection,
    table: Table,
    range: &Range,
    limit: usize,
    after: Option<&Cursor>,
) -> rusqlite::Result<Page> {
    // The first key after k is k followed by a zero byte.
    let next_key = after.map(|cursor| [cursor.0.as_slice(), &[0]].concat()).unwrap_or_default();
    let start = range.start.as_slice().max(&next_key);
    // One more than asked for tells whether something is left.
    let rows_read = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let read = |record: &Record<'_>| {
        Ok((record.get(0)?, Row { version: unsigned(record, 1)?, value: record.get(2)? }))
    };
    let mut rows: Vec<(Vec<u8>, Row)> = match &range.end {
        Some(end) => connection
            .prepare_cached(include_str!("../sql/scan_range.sql"))?
            .query_map(params![table.0, start, end, rows_read], read)?
            .collect::<rusqlite::Result<_>>()?,
        None => connection
            .prepare_cached(include_str!("../sql/scan_to_end.sql"))?
            .query_map(params![table.0, start, rows_read], read)?
            .collect::<rusqlite::Result<_>>()?,
    };
    let is_cut = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_cut).map(|(key, _)| Cursor(key.clone()));
    Ok(Page { rows, next })
}

/// Makes a row; answers whether there was none.
pub(crate) fn insert_row(
    connection: &Connection,
    key: &RowKey,
    version: u64,
    value: &[u8],
) -> rusqlite::Result<bool> {
    let statement = include_str!("../sql/insert_row.sql");
    run(connection, statement, params![key.table.0, key.key, version.cast_signed(), value])
        .map(|rows| rows == 1)
}

/// Replaces a row; answers whether it had this version.
pub(crate) fn update_row(
    connection: &Connection,
    key: &RowKey,
    version: u64,
    next: u64,
    value: &[u8],
) -> rusqlite::Result<bool> {
    let statement = include_str!("../sql/update_row.sql");
    let parameters = params![key.table.0, key.key, version.cast_signed(), next.cast_signed(), value];
    run(connection, statement, parameters).map(|rows| rows == 1)
}

/// Removes a row; answers whether it had this version.
pub(crate) fn delete_row(connection: &Connection, key: &RowKey, version: u64) -> rusqlite::Result<bool> {
    let statement = include_str!("../sql/delete_row.sql");
    run(connection, statement, params![key.table.0, key.key, version.cast_signed()]).map(|rows| rows == 1)
}

pub(crate) fn counter_sum(connection: &Connection, key: &CounterKey) -> rusqlite::Result<u64> {
    let statement = include_str!("../sql/counter_sum.sql");
    Ok(one(connection, statement, params![key.0], |record| unsigned(record, 0))?.unwrap_or(0))
}

/// The sums in counters, in their order; four of them a statement.
pub(crate) fn counter_sums(connection: &Connection, keys: &[CounterKey]) -> rusqlite::Result<Vec<u64>> {
    let mut sums = Vec::with_capacity(keys.len());
    for four in keys.chunks(4) {
        // A place that is left over asks for NULL, which is no key.
        let key = |place: usize| four.get(place).map(|key| key.0.as_slice());
        let mut statement = connection.prepare_cached(include_str!("../sql/counter_sums.sql"))?;
        statement.query_row(params![key(0), key(1), key(2), key(3)], |record| {
            for place in 0..four.len() {
                sums.push(record.get::<_, Option<i64>>(place)?.map_or(0, i64::cast_unsigned));
            }
            Ok(())
        })?;
    }
    Ok(sums)
}

pub(crate) fn put_counter(connection: &Connection, key: &CounterKey, sum: u64) -> rusqlite::Result<()> {
    run(connection, include_str!("../sql/put_counter.sql"), params![key.0, sum.cast_signed()]).map(|_| ())
}

/// The number of the latest row of settled changes; 0 when there is none.
pub(crate) fn last_change(connection: &Connection) -> rusqlite::Result<i64> {
    let last: Option<Option<i64>> =
        one(connection, include_str!("../sql/last_change.sql"), [], |record| record.get(0))?;
    Ok(last.flatten().unwrap_or(0))
}

/// The rows of settled changes after one of them, in their order.
pub(crate) fn list_changes(connection: &Connection, after: i64) -> rusqlite::Result<Vec<(i64, Settled)>> {
    let mut statement = connection.prepare_cached(include_str!("../sql/list_changes.sql"))?;
    let rows = statement.query_map([after], |record| {
        let ids = record.get_ref(1)?.as_blob()?;
        let (settled, rest) = ids.as_chunks::<SETTLED>();
        let settled = settled.iter().map(|settled| {
            let (id, state) = settled.split_first_chunk().ok_or(damaged(0))?;
            match state {
                [COMMITTED] => Ok((ChangeId(*id), Resolution::Committed)),
                [ABORTED] => Ok((ChangeId(*id), Resolution::Aborted)),
                _ => Err(damaged(2)),
            }
        });
        if rest.is_empty() {
            Ok((record.get(0)?, settled.collect::<rusqlite::Result<_>>()?))
        } else {
            Err(damaged(1))
        }
    })?;
    rows.collect()
}

/// Leaves a row of settled changes.
pub(crate) fn remember_changes(
    connection: &Connection,
    sequence: i64,
    settled: &[(ChangeId, Resolution)],
) -> rusqlite::Result<()> {
    let mut ids = Vec::with_capacity(settled.len() * SETTLED);
    for (id, how) in settled {
        ids.extend(id.0);
        ids.push(match how {
            Resolution::Committed => COMMITTED,
            Resolution::Aborted => ABORTED,
        });
    }
    run(connection, include_str!("../sql/remember_changes.sql"), params![sequence, ids]).map(|_| ())
}

/// Forgets the rows of settled changes up to this one.
pub(crate) fn forget_changes(connection: &Connection, up_to: i64) -> rusqlite::Result<()> {
    run(connection, include_str!("../sql/forget_changes.sql"), [up_to]).map(|_| ())
}

fn damaged(column: usize) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(column, 0)
}

/// Everything in the schema.
pub(crate) fn list_schema(connection: &Connection) -> rusqlite::Result<Schema> {
    let mut statement = connection.prepare(include_str!("../sql/list_schema.sql"))?;
    let entries =
        statement.query_map([], |entry| Ok([entry.get(0)?, entry.get(1)?, entry.get(2)?, entry.get(3)?]))?;
    entries.collect()
}

/// Writes the whole database into another file, which must be empty.
pub(crate) fn copy_whole(connection: &Connection, into: &Path) -> rusqlite::Result<()> {
    // SQLite gives a meaning to some names that are not absolute.
    let absolute = std::path::absolute(into).ok();
    let Some(into) = absolute.as_deref().and_then(Path::to_str) else {
        return Err(rusqlite::Error::InvalidPath(into.to_owned()));
    };
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
