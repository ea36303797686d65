//! The statements of `sql/`, one function each: Rust's types in and out.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Params, Row as Record, params};
use zamok_core::store::{ChangeId, CounterKey, Cursor, Page, Range, Resolution, Row, RowKey, Table};

const COMMITTED: i64 = 1;
const ABORTED: i64 = 2;

pub(crate) fn get_row(connection: &Connection, key: &RowKey) -> rusqlite::Result<Option<Row>> {
    one(connection, include_str!("../sql/get_row.sql"), params![key.table.0, key.key], |record| {
        Ok(Row { version: unsigned(record, 0)?, value: record.get(1)? })
    })
}

pub(crate) fn row_version(connection: &Connection, key: &RowKey) -> rusqlite::Result<Option<u64>> {
    let statement = include_str!("../sql/row_version.sql");
    one(connection, statement, params![key.table.0, key.key], |record| unsigned(record, 0))
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

pub(crate) fn put_row(
    connection: &Connection,
    key: &RowKey,
    version: u64,
    value: &[u8],
) -> rusqlite::Result<()> {
    let statement = include_str!("../sql/put_row.sql");
    run(connection, statement, params![key.table.0, key.key, version.cast_signed(), value]).map(|_| ())
}

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

pub(crate) fn change_state(connection: &Connection, id: ChangeId) -> rusqlite::Result<Option<Resolution>> {
    one(connection, include_str!("../sql/change_state.sql"), params![id.0], |record| match record.get(0)? {
        COMMITTED => Ok(Resolution::Committed),
        ABORTED => Ok(Resolution::Aborted),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(0, other)),
    })
}

pub(crate) fn remember_change(
    connection: &Connection,
    id: ChangeId,
    state: Resolution,
) -> rusqlite::Result<()> {
    let state = match state {
        Resolution::Committed => COMMITTED,
        Resolution::Aborted => ABORTED,
    };
    run(connection, include_str!("../sql/remember_change.sql"), params![id.0, state]).map(|_| ())
}

/// Forgets at most `step` ids, and none that has at most `remembered` later ones.
pub(crate) fn forget_changes(connection: &Connection, remembered: u64, step: usize) -> rusqlite::Result<()> {
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    run(connection, include_str!("../sql/forget_changes.sql"), params![remembered.cast_signed(), step])
        .map(|_| ())
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
