//! The store contract over SQLite: one file, any number of processes on one machine, nothing acknowledged is lost.
//!
//! Commits of concurrent callers are gathered into one transaction and one flush, and each is answered alone. Reads go
//! to a small pool of separate connections. The layout, the settings and their reasons are in
//! `docs/formats/store-sqlite.md`.
//!
//! ```
//! use zamok_core::store::{Change, ChangeId, Outcome, RowKey, Store, Table};
//! use zamok_store_sqlite::SqliteStore;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("vault.db");
//! let store = SqliteStore::create(&path)?;
//! let row = RowKey::new(Table(900), *b"name");
//! let mut change = Change::new(ChangeId([7; 16]));
//! change.insert(row.clone(), b"value".to_vec())?;
//! assert_eq!(store.commit(&change)?, Outcome::Committed);
//!
//! drop(store);
//! assert_eq!(SqliteStore::open(&path)?.get(&row)?.unwrap().value, b"value");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **What it cannot defend against.** SQLite's locks are POSIX locks: they belong to the process and the file, and
//! closing *any* descriptor of the file drops them all. So a second copy of SQLite in one process (Python's own
//! `sqlite3` module, say), or code that opens and closes the store's file by itself, silently takes the locks away
//! from under this store. On Linux the store asks once a second whether its locks are still there and then refuses to
//! commit ([`StoreFault::Unlocked`]); what happened before that, nothing can undo. Look at a running store through another
//! process, or through [`SqliteStore::backup_to`].
//!
//! A fork takes them away too: the child inherits what SQLite believes to hold, and holds nothing. So a file that was open at
//! the fork cannot be opened in the child ([`StoreFault::Unlocked`]). Fork before opening, close before the fork, or exec.
//!
//! A network file system is no place for a store, nor is a file under two names ([`StoreFault::NotDurable`]).
#![forbid(unsafe_code)]

mod apply;
mod connection;
mod failpoint;
mod fault;
mod ground;
mod layout;
mod ledger;
mod opened;
mod place;
mod primitives;
mod queue;
mod readers;
mod snapshot;
mod sql;
mod versions;
mod writer;

#[cfg(feature = "failpoints")]
pub use failpoint::{FAILPOINT_VARIABLE, FAILPOINTS};

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use rusqlite::Connection;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};

use crate::fault::fault;
use crate::layout::Purpose;
use crate::opened::Opened;
use crate::place::Place;
use crate::readers::Readers;
use crate::snapshot::Snapshot;
use crate::writer::{Answer, Request, Writer};

/// A store in one SQLite file.
///
/// Several handles, in one process or in many, may be open on one file. A handle that was inherited by a forked
/// child refuses to work there ([`StoreFault::Unavailable`]), and the child cannot open the file anew
/// ([`StoreFault::Unlocked`]): fork before opening, or exec.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    /// The last to be dropped: the file is open as long as a connection is.
    place: Place,
}

// Creating makes and closes an empty file, and closing a descriptor drops the locks that another thread's connection
// may just have taken on it.
static OPENING: Mutex<()> = Mutex::new(());

impl SqliteStore {
    /// Makes a store at `path`, readable and writable by its owner alone (mode 0600), and opens it.
    ///
    /// A store that is there already is opened as it is: whether it holds a vault, the vault says. So an interrupted
    /// creation is finished, and of two processes that create at once neither fails.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; `Missing` when the folder does not exist.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreFault> {
        Self::start(path.as_ref(), Purpose::Create)
    }

    /// Opens the store at `path`; looser file modes than 0600 are tightened. Nothing is ever created.
    ///
    /// # Errors
    /// - [`StoreFault::Missing`]: there is no file at this path.
    /// - [`StoreFault::Foreign`]: what is there is no store of Zamok; it is left as it is.
    /// - [`StoreFault::Layout`]: it was made by a later version.
    /// - [`StoreFault::Corrupt`]: it is damaged.
    /// - [`StoreFault::ReadOnly`], [`StoreFault::Denied`]: this process may not write, or not read it.
    /// - [`StoreFault::NotDurable`]: its file system cannot keep a write-ahead log, or is one of another machine (NFS, SMB, 9P,
    ///   Ceph and the like); or the file has two names (a hard link, or a mount of the file by itself: mount its folder), and so
    ///   could have two logs.
    /// - [`StoreFault::Contended`]: another process held it for too long.
    /// - [`StoreFault::Unlocked`]: this process was forked from one that had it open (fork before opening, or exec), or
    ///   other code in this process has taken its locks away.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreFault> {
        Self::start(path.as_ref(), Purpose::Open)
    }

    fn start(path: &Path, purpose: Purpose) -> Result<Self, StoreFault> {
        let _alone = opened::lock(&OPENING)?;
        let path = match purpose {
            Purpose::Create => place::make(path)?,
            Purpose::Open => place::find(path)?,
        };
        let opened = Opened::enter(place::identity(&path)?)?;
        let mut connection =
            connection::connect_to_write(&path).map_err(|error| layout::opening_fault(&path, &error))?;
        layout::prepare(&mut connection, purpose, &path)?;
        let place = Place::take(path, opened)?;
        Ok(Self { writer: Writer::new(connection), readers: Readers::new(), place })
    }

    /// Copies the whole store, as one moment saw it, into a new file of mode 0600 at `path`, and flushes it.
    ///
    /// The copy is complete or absent: it is written beside `path`, as `path.part-…`, and renamed. Commits go on meanwhile. What a
    /// copy that was killed leaves under such a name holds up no other, and may be deleted.
    /// A copy holds old states of every row: `docs/operations.md`, "A store from a copy", says what it means to start from one.
    ///
    /// # Errors
    /// [`StoreFault::Exists`] when something is at `path` already, [`StoreFault::Denied`] when its folder may not be
    /// written; else as any read.
    pub fn backup_to(&self, path: impl AsRef<Path>) -> Result<(), StoreFault> {
        let part = place::beside(path.as_ref());
        place::make_new(&part)?;
        let copied = self.copy_into(&part).and_then(|()| place::publish(&part, path.as_ref()));
        if copied.is_err() {
            let _ = fs::remove_file(&part);
        }
        copied
    }

    // On a connection of its own: those of the pool refuse to write, even into another file.
    fn copy_into(&self, part: &Path) -> Result<(), StoreFault> {
        self.place.intact()?;
        let connection = read(connection::connect(self.place.path()))?;
        let copied = read(sql::copy_whole(&connection, part));
        connection::empty_log(&connection);
        copied?;
        self.place.intact()
    }

    /// Reads every page and says what is wrong; an empty list is a sound file. Takes time in proportion to its size.
    ///
    /// It finds damage to the file's structure. Whether the rows say what they should, their seals tell.
    ///
    /// # Errors
    /// A [`StoreFault`] when the file could not be read so far.
    pub fn check(&self) -> Result<Vec<String>, StoreFault> {
        let mut findings = self.readers.with(&self.place, layout::findings)?;
        if self.place.unlocked() {
            findings.push("other code in this process has taken the locks of the file away".to_owned());
        }
        Ok(findings)
    }

    /// A look at little: on the connection that writes, where nobody is writing, for it keeps its cache; else on one of the pool.
    fn look<T>(&self, ask: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFault> {
        match self.writer.glance(&self.place, &ask) {
            Some(answer) => Ok(answer),
            None => self.readers.with(&self.place, &ask),
        }
    }

    /// How many transactions this handle has committed, each with one flush.
    #[doc(hidden)]
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.writer.flushes()
    }
}

impl Store for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, multi_process: true }
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.look(|connection| sql::get_row(connection, key))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        self.readers.with(&self.place, |connection| sql::scan(connection, table, range, limit, after))
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        match self.writer.settle(&self.place, Request::Commit(change.clone()))? {
            Answer::Commit(outcome) => Ok(outcome),
            Answer::Resolve(_) => Err(StoreFault::OutcomeUnknown),
        }
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        match self.writer.settle(&self.place, Request::Resolve(id))? {
            Answer::Resolve(resolution) => Ok(resolution),
            Answer::Commit(_) => Err(StoreFault::OutcomeUnknown),
        }
    }

    fn snapshot(&self) -> Result<Option<Box<dyn Store>>, StoreFault> {
        Snapshot::take(&self.place).map(|snapshot| Some(Box::new(snapshot) as Box<dyn Store>))
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.look(|connection| sql::counter_sum(connection, key))
    }

    fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        self.look(|connection| sql::counter_sums(connection, keys))
    }
}

impl Drop for SqliteStore {
    /// Closes the connections; with the last one of a store that is still in its place, SQLite folds the log into it.
    fn drop(&mut self) {
        // SQLite forbids even closing a connection in a forked child: it would drop the parent's locks.
        if self.place.inherited() {
            self.readers.leak();
            self.writer.leak();
        }
    }
}

/// What opening found wrong, told apart from what running finds.
fn read<T>(result: rusqlite::Result<T>) -> Result<T, StoreFault> {
    result.map_err(|error| fault(&error))
}

fn leak(connection: Connection) {
    let _never_dropped = std::mem::ManuallyDrop::new(connection);
}
