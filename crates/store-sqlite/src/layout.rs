//! The layout of the file: how it is known, checked, made and brought up to date. Versions only go forward.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, MAIN_DB, Transaction, TransactionBehavior};
use zamok_core::store::StoreFault;

use crate::{connection, fault::fault, place, read, sql};

/// `Zamk`: SQLite's header field for the program that a file belongs to.
const APPLICATION_ID: i32 = 0x5a61_6d6b;

/// What each version adds to the one before. A version that was released is never edited.
const MIGRATIONS: [&[&str]; 2] = [
    &[
        include_str!("../sql/create_rows.sql"),
        include_str!("../sql/create_counters.sql"),
        include_str!("../sql/create_changes.sql"),
    ],
    &[include_str!("../sql/move_rows.sql")],
];

/// The newest layout that this program knows.
const SUPPORTED: i32 = 2;

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
        Found { application: 0, version: 0, is_blank: true } if purpose == Purpose::Create => {}
        _ => return Err(StoreFault::Foreign),
    }
    if is_readonly {
        // A vault counts an attempt before it opens, so a store that cannot be written opens nothing.
        return Err(StoreFault::ReadOnly);
    }
    if read(write_ahead(connection))? != "wal" {
        return Err(StoreFault::NotDurable);
    }
    if read(migrate(connection))? == Migrated::Now {
        // Into the file with it: whatever happens to the log, the file stays a store. Nothing hangs on it, so a
        // process that is in the way may stay there.
        let _ = connection.pragma_query_value(None, "wal_checkpoint", |_| Ok(()));
    }
    check_schema(connection)?;
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
    is_blank: bool,
}

impl Found {
    /// As one moment saw it: another process may be making the store just now.
    fn read(connection: &mut Connection) -> rusqlite::Result<Self> {
        let connection = connection.transaction()?;
        Ok(Self {
            application: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            version: version(&connection)?,
            is_blank: sql::list_schema(&connection)?.is_empty(),
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

/// Carries out what is missing, in one transaction; another process may have done it meanwhile.
fn migrate(connection: &mut Connection) -> rusqlite::Result<Migrated> {
    if version(connection)? == SUPPORTED {
        return Ok(Migrated::Before);
    }
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let done = usize::try_from(version(&transaction)?).unwrap_or(0);
    for statement in MIGRATIONS.iter().skip(done).copied().flatten() {
        transaction.execute_batch(statement)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SUPPORTED)?;
    transaction.commit()?;
    Ok(Migrated::Now)
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

/// The schema must be, word for word, the one that this program would make: no trigger, no view, no other column.
fn check_schema(connection: &Connection) -> Result<(), StoreFault> {
    let mut expected = read(Connection::open_in_memory())?;
    read(migrate(&mut expected))?;
    let same = read(sql::list_schema(connection))? == read(sql::list_schema(&expected))?;
    if same { Ok(()) } else { Err(StoreFault::Corrupt) }
}
