//! One connection, with the settings that every connection has.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How often a statement asks for a lock that another connection holds before it is `Contended`: some 10 s.
const ASKED: i32 = 5_000;

/// The same for a task of several statements.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than there are statements: each is prepared once a connection.
const CACHED_STATEMENTS: usize = 32;

/// What the connection that writes keeps of the file in memory, in KiB: the others look at each commit anew. More would be slower:
/// SQLite walks through all of it after each commit in which a page was split and its halves changed places.
const WRITER_CACHE: i64 = 8 << 10;

/// After so many pages in the log the file is brought up to date: the more of them, the more changes of one page
/// become one write.
const CHECKPOINT: i64 = 8192;

/// What the log is cut to when it begins anew after it had to grow beyond, as under a view: what it is filled with between two
/// checkpoints, so that commits write into room that is there.
const LOG: i64 = CHECKPOINT * 4096;

/// Opens the file as [`connect`], to write.
pub(crate) fn connect_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG, |_| Ok(()))?;
    Ok(connection)
}

/// Brings the file up to date and empties the log, as far as nobody is in the way: nobody is waited for. What a view has kept in
/// the log, deleted values among it, goes with it.
pub(crate) fn empty_log(connection: &Connection) {
    let _ = connection.busy_timeout(Duration::ZERO);
    // The first, which takes long after a long view, holds up no commit; the second, which does, has little left to do.
    for step in ["PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        let _ = connection.query_row(step, [], |_| Ok(()));
    }
}

/// Opens the file, which must exist; the path must be absolute (SQLite gives a meaning to some others).
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(ask_again))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);

    // The file may have been edited by someone hostile: nothing in its schema is to run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;

    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Does what SQLite gives up at once, without asking again, when another connection is in its way: of two that switch one
/// file to the log, neither may wait with its lock held. Between two tries nothing is held.
pub(crate) fn patiently<T>(task: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let begun = Instant::now();
    let mut asked = 0;
    loop {
        match task() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < PATIENCE
                    && ask_again(asked) =>
            {
                asked += 1;
            }
            done => return done,
        }
    }
}

/// Waits a little before a lock is asked for again: 0.1 ms at first, 2 ms at last. SQLite's own steps of up to 100 ms
/// would leave the lock idle for most of the time that several processes wait for it.
fn ask_again(asked: i32) -> bool {
    thread::sleep(Duration::from_micros(100 * u64::from(asked.clamp(0, 19).unsigned_abs() + 1)));
    asked < ASKED
}

#[cfg(test)]
mod tests {
    use crate::SqliteStore;

    #[test]
    fn every_connection_has_the_settings_of_the_format() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let _store = SqliteStore::create(&path).expect("a new store");
        let connection = super::connect(&path).expect("a connection");
        let settings = [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("fullfsync", "1"),
            ("checkpoint_fullfsync", "1"),
            ("secure_delete", "1"),
            ("cell_size_check", "1"),
            ("trusted_schema", "0"),
            ("temp_store", "2"),
            ("application_id", "1516334443"),
            ("user_version", "3"),
            ("encoding", "UTF-8"),
            ("auto_vacuum", "0"),
        ];
        for (name, expected) in settings {
            let found = connection.pragma_query_value(None, name, |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    text => text.as_str()?.to_owned(),
                })
            });
            assert_eq!(found.as_deref(), Ok(expected), "{name}");
        }
    }
}
