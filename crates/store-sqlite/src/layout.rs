//! The layout of the file: how it is known, checked, made and brought up to date. Versions only go forward.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, MAIN_DB, Transaction, TransactionBehavior};
use zamok_core::store::StoreFault;

use crate::failpoint::{self, Point};
use crate::{connection, fault::fault, place, read, sql};

/// `Zamk`: SQLite's header field for the program that a file belongs to.
const APPLICATION_ID: i32 = 0x5a61_6d6b;

/// What each version adds to the one before. A version that was released is never edited.
const MIGRATIONS: [&[&str]; 3] = [
    &[
        include_str!("../sql/create_rows.sql"),
        include_str!("../sql/create_counters.sql"),
        include_str!("../sql/create_changes.sql"),
    ],
    &[include_str!("../sql/move_rows.sql")],
    &[include_str!("../sql/rename_waiting.sql")],
];

/// The newest layout that this program knows.
const SUPPORTED: i32 = 3;

/// Up to this many pages the whole file is checked when it is opened: some milliseconds.
const CHECKED_PAGES: i64 = 1024;

/// The header of an SQLite file begins so.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To become a store when it is blank.
    Create,
    /// To be the store that it already is.
    Open,
}

/// Makes sure that the file is a sound store of the newest layout.
pub(crate) fn prepare(connection: &mut Connection, purpose: Purpose, path: &Path) -> Result<(), StoreFault> {
    let is_readonly = read(connection.is_readonly(MAIN_DB))?;
    let found = Found::read(connection).map_err(|error| opening_fault(path, &error))?;

    match found {
        Found { application: APPLICATION_ID, version, .. } if !(0..=SUPPORTED).contains(&version) => {
            return Err(StoreFault::Layout {
                found: version.cast_unsigned(),
                supported: SUPPORTED.cast_unsigned(),
            });
        }
        Found { application: APPLICATION_ID, version: 1.., .. } => {}
        Found { application: APPLICATION_ID, .. } => return Err(StoreFault::Corrupt),
        Found { application: 0, version: 0, ref schema }
            if schema.is_empty() && purpose == Purpose::Create => {}
        _ => return Err(StoreFault::Foreign),
    }
    // Before anything is changed: what is not as it was made stays as it is.
    if found.schema != schema_of(found.version)? {
        return Err(StoreFault::Corrupt);
    }
    if is_readonly {
        // A vault counts an attempt before it opens, so a store that cannot be written opens nothing.
        return Err(StoreFault::ReadOnly);
    }
    if read(write_ahead(connection))? != "wal" {
        return Err(StoreFault::NotDurable);
    }
    if migrate(connection)? == Migrated::Now {
        // Into the file with it: whatever happens to the log, the file stays a store. Nothing hangs on it, so a
        // process that is in the way may stay there.
        let _ = connection.pragma_query_value(None, "wal_checkpoint", |_| Ok(()));
    }
    check_schema(connection, SUPPORTED)?;
    check_content(connection, path)
}

/// Switches to the write-ahead log, for good, and answers with the mode that the file is in then.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    connection::patiently(|| {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
    })
}

/// The fault behind an error of opening.
pub(crate) fn opening_fault(path: &Path, error: &Error) -> StoreFault {
    match error.sqlite_error_code() {
        // Opened by ourselves only here: closing a file drops SQLite's locks on it, which no longer matter then.
        // A file that can be read lacks a log that can be written.
        Some(ErrorCode::CannotOpen) if File::open(path).is_ok() => StoreFault::ReadOnly,
        Some(ErrorCode::CannotOpen) => StoreFault::Denied,
        Some(ErrorCode::NotADatabase) if !begins_as_sqlite(path) => StoreFault::Foreign,
        _ => fault(error),
    }
}

fn begins_as_sqlite(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *MAGIC
}

/// Everything that is wrong with the structure of the file.
pub(crate) fn findings(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    report(connection, "PRAGMA integrity_check(100)")
}

fn report(connection: &Connection, check: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(check)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    lines.filter(|line| line.as_ref().map_or(true, |line| line != "ok")).collect()
}

struct Found {
    application: i32,
    version: i32,
    schema: sql::Schema,
}

impl Found {
    /// As one moment saw it: another process may be making the store just now.
    fn read(connection: &mut Connection) -> rusqlite::Result<Self> {
        let connection = connection.transaction()?;
        Ok(Self {
            application: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            version: version(&connection)?,
            schema: sql::list_schema(&connection)?,
        })
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether a migration had something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Migrated {
    Now,
    Before,
}

/// Carries out what is missing, in one transaction; another process may have done it meanwhile. What is not, word for word, as the
/// version before was made is left as it is.
fn migrate(connection: &Connection) -> Result<Migrated, StoreFault> {
    if read(version(connection))? == SUPPORTED {
        return Ok(Migrated::Before);
    }
    let transaction = begin(connection)?;
    let found = read(version(&transaction))?;
    check_schema(&transaction, found)?;
    if found == SUPPORTED {
        return Ok(Migrated::Before);
    }
    // A store that is made dies nowhere: the points are passed by one that is there.
    let reached = |point| {
        if found > 0 {
            failpoint::reached(point);
        }
    };
    reached(Point::AfterBegin);
    for statement in statements_after(found) {
        read(transaction.execute_batch(statement))?;
        reached(Point::BetweenWrites);
    }
    check_schema(&transaction, SUPPORTED)?;
    read(transaction.pragma_update(None, "application_id", APPLICATION_ID))?;
    read(transaction.pragma_update(None, "user_version", SUPPORTED))?;
    reached(Point::BeforeCommit);
    read(transaction.commit())?;
    reached(Point::AfterCommit);
    Ok(Migrated::Now)
}

/// Takes the write lock. Of several processes that find an older store one brings it up to date, and the others wait for as
/// long as that takes: minutes, where the store is large.
fn begin(connection: &Connection) -> Result<Transaction<'_>, StoreFault> {
    loop {
        match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && (1..SUPPORTED).contains(&read(version(connection))?) => {}
            begun => return read(begun),
        }
    }
}

/// What the versions after this one add.
fn statements_after(version: i32) -> impl Iterator<Item = &'static str> {
    MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)).copied().flatten().copied()
}

/// Finds a cut file, and in a small one everything else that is out of joint.
fn check_content(connection: &Connection, path: &Path) -> Result<(), StoreFault> {
    let number = |pragma| read(connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)));
    let (pages, page_size) = (number("page_count")?, number("page_size")?);
    // SQLite takes a part of a page for a page. In this order another process may commit, or close, meanwhile.
    let log_is_empty = place::log_length(path)? == 0;
    let expected = pages.checked_mul(page_size).and_then(|length| u64::try_from(length).ok());
    let length = place::length(path)?;
    if log_is_empty && expected.is_none_or(|expected| length < expected) {
        return Err(StoreFault::Corrupt);
    }
    if pages <= CHECKED_PAGES && !read(report(connection, "PRAGMA integrity_check(1)"))?.is_empty() {
        return Err(StoreFault::Corrupt);
    }
    Ok(())
}

/// The schema must be, word for word, the one that was made for this version: no trigger, no view, no other column.
fn check_schema(connection: &Connection, version: i32) -> Result<(), StoreFault> {
    if read(sql::list_schema(connection))? == schema_of(version)? { Ok(()) } else { Err(StoreFault::Corrupt) }
}

/// The schema of a sound store of this version.
fn schema_of(version: i32) -> Result<sql::Schema, StoreFault> {
    let made = read(Connection::open_in_memory())?;
    for statement in MIGRATIONS.iter().take(usize::try_from(version).unwrap_or(0)).copied().flatten() {
        read(made.execute_batch(statement))?;
    }
    read(sql::list_schema(&made))
}

#[cfg(test)]
mod tests {
    use zamok_core::hash::sha256;
    use zamok_core::wire::hex;

    use super::*;

    /// What was released is never edited: a store that was made by it would be damaged for whoever opens it. A new layout adds
    /// statements, and their lines here.
    #[test]
    fn the_statements_of_a_layout_are_the_ones_that_stores_were_made_by() {
        let pinned = [
            (1, "ca46b7eb21447df2fd3b5e09bbf8ec2aed1771aa15f63f2ab578263df5ea5a4e"),
            (1, "4a249c1bf30fd279426cedd4462c91dfb3bc683e0f3b73dc4cfedefc14882b48"),
            (1, "9fcd8610323278b4f1e0d2f77cd654492c62bf34f7f182300c62e305d654e1bc"),
            (2, "54a2c25f954f2133f6932b8371bd387f71547f7736f4b93bdd8ddd142ebc8bfa"),
            (3, "71e6e77710afc09ad5e4542f52fbfc303d58e909790a882956b8a3a46d4c106e"),
        ];
        let found: Vec<(usize, String)> = MIGRATIONS
            .iter()
            .zip(1..)
            .flat_map(|(statements, version)| {
                statements.iter().map(move |statement| (version, hex(&sha256(&[statement.as_bytes()]))))
            })
            .collect();
        assert_eq!(found, pinned.map(|(version, digest)| (version, digest.to_owned())));
        assert_eq!(usize::try_from(SUPPORTED), Ok(MIGRATIONS.len()));
    }
}
