//! The store contract over PostgreSQL: any number of processes on any number of machines, nothing acknowledged is lost.
//!
//! A commit is one call of one server-side function, which holds what it expects in the order of keys: one round trip, one
//! transaction, one flush that PostgreSQL shares among sessions. Nothing is kept in a session, so a pooler in transaction
//! mode (PgBouncer) may stand in between. The schema, the settings that are demanded, and what a failover
//! costs are in `docs/formats/store-postgres.md`.
//!
//! ```no_run
//! use zamok_core::store::{Change, ChangeId, Outcome, RowKey, Store, Table};
//! use zamok_store_postgres::{PostgresStore, PostgresUrl};
//!
//! let url = PostgresUrl::parse("postgres://vault@db.example/vault?password_file=/run/secrets/vault")?;
//! let store = PostgresStore::create(url)?;
//! let row = RowKey::new(Table(900), *b"name");
//! let mut change = Change::new(ChangeId([7; 16]));
//! change.insert(row.clone(), b"value".to_vec())?;
//! assert_eq!(store.commit(&change)?, Outcome::Committed);
//! # Ok::<(), zamok_core::Error>(())
//! ```
//!
//! Calls block, in the caller's own thread: an asynchronous service wraps them in its runtime's pool for blocking work.
//! Called from a task of a Tokio runtime itself, they panic.
#![forbid(unsafe_code)]

mod calls;
mod fault;
mod layout;
mod link;
mod literal;
mod pool;
mod snapshot;
mod tls;
mod url;

pub use url::PostgresUrl;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error};
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table, Write,
};

use crate::calls::Calls;
use crate::fault::Failure;
use crate::layout::Purpose;
use crate::pool::Pool;
use crate::snapshot::Snapshot;

/// A store in a schema of a PostgreSQL database.
///
/// Several handles, in one process or in many, on one machine or on many, may be open on one store. A handle that was
/// inherited by a forked child refuses to work there ([`StoreFault::Unavailable`]): open a new one.
pub struct PostgresStore {
    pool: Pool,
    calls: Calls,
}

/// The most bytes of values in one change: what fits into one message of PostgreSQL's protocol, with room to spare.
const MAX_BYTES: usize = 128 << 20;

/// Between attempts of a transaction that the server took back because of others.
const PAUSE: Duration = Duration::from_millis(2);

impl PostgresStore {
    /// Makes a store in the database and the schema that the URL names, and opens it. The database must exist.
    ///
    /// A store that is there already is opened as it is: whether it holds a vault, the vault says. So an interrupted
    /// creation is finished, and of two processes that create at once neither fails.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub fn create(url: PostgresUrl) -> Result<Self, StoreFault> {
        Self::start(url, Purpose::Create)
    }

    /// Opens the store that is there. Nothing is ever created; an older layout is brought up to date.
    ///
    /// # Errors
    /// - [`StoreFault::Missing`]: there is no such database, or no store in the schema.
    /// - [`StoreFault::Foreign`]: what is in the schema is no store of Zamok; it is left as it is.
    /// - [`StoreFault::Layout`]: it was made by a later version.
    /// - [`StoreFault::Corrupt`]: something in the schema was altered.
    /// - [`StoreFault::NotDurable`]: `fsync`, `full_page_writes` or `synchronous_commit` is off for this role.
    /// - [`StoreFault::Standby`], [`StoreFault::Server`]: the server is a standby, or too old.
    /// - [`StoreFault::Denied`]: wrong role or password, or missing rights.
    /// - [`StoreFault::Untrusted`]: the server did not prove who it is.
    /// - [`StoreFault::Unavailable`]: no server was to be had in time.
    /// - [`StoreFault::Contended`]: others had all the connections that the server gives.
    pub fn open(url: PostgresUrl) -> Result<Self, StoreFault> {
        Self::start(url, Purpose::Open)
    }

    fn start(url: PostgresUrl, purpose: Purpose) -> Result<Self, StoreFault> {
        // Sooner than this side gives up, so that the server's word comes in time.
        let calls = Calls::new(&url.schema, url.timeout * 4 / 5);
        let store = Self { calls, pool: Pool::new(url)? };
        let deadline = store.deadline();
        let mut link = store.pool.lend(deadline)?;
        layout::prepare(&mut link, purpose, &store.pool.url().schema, deadline)?;
        drop(link);
        Ok(store)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.pool.url().timeout
    }

    /// Asks what changes nothing, or nothing more the second time: a lost answer is asked for again while there is time.
    fn ask<T>(
        &self,
        question: impl AsyncFn(&Client, &Calls) -> Result<Option<T>, Error>,
    ) -> Result<T, StoreFault> {
        let deadline = self.deadline();
        loop {
            // Half of the time for one answer: the other half is for asking over another connection.
            let patience = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
            let mut link = self.pool.lend(deadline)?;
            match link.ask(patience, async |client| question(client, &self.calls).await) {
                Ok(answer) => return answer.ok_or(StoreFault::Corrupt),
                // The server behind an old connection may be another than the one behind the address now.
                Err(failure) if failure.is_of_the_server() && !link.is_new() => continue,
                Err(Failure::Refused(fault)) => return Err(fault),
                Err(Failure::Raised(_)) => return Err(StoreFault::Corrupt),
                Err(Failure::Again | Failure::Lost) => {}
            }
            drop(link);
            if Instant::now() + PAUSE >= deadline {
                return Err(StoreFault::Unavailable);
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Store for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, multi_process: true }
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.ask(async |client, calls| calls.get(client, key).await.map(Some))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        self.ask(async |client, calls| calls.scan(client, table, range, limit, after).await.map(Some))
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let bytes = change.writes().map(|(_, write)| match write {
            Write::Put(value) => value.len(),
            Write::Delete => 0,
        });
        if bytes.sum::<usize>() > MAX_BYTES {
            return Err(StoreFault::Full);
        }
        let deadline = self.deadline();
        loop {
            let mut link = self.pool.lend(deadline)?;
            match link.ask(deadline, async |client| self.calls.commit(client, change).await) {
                Ok(outcome) => return outcome.ok_or(StoreFault::OutcomeUnknown),
                Err(Failure::Raised(numbers)) => {
                    return calls::raised(change, &numbers).ok_or(StoreFault::Corrupt);
                }
                // Nothing was written. The server behind an old connection may be another than the one behind the address now.
                Err(failure) if failure.is_of_the_server() && !link.is_new() => {}
                Err(Failure::Refused(fault)) => return Err(fault),
                Err(Failure::Lost) => return Err(StoreFault::OutcomeUnknown),
                Err(Failure::Again) if Instant::now() + PAUSE >= deadline => {
                    return Err(StoreFault::Contended);
                }
                Err(Failure::Again) => thread::sleep(PAUSE),
            }
        }
    }

    fn snapshot(&self) -> Result<Option<Box<dyn Store>>, StoreFault> {
        // Beside the pool: it may last for hours, and must not keep commits from their connections.
        let link = self.pool.connect(self.deadline())?;
        let snapshot = Snapshot::take(link, self.calls.clone(), self.pool.url().timeout)?;
        Ok(Some(Box::new(snapshot)))
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.ask(async |client, calls| calls.resolve(client, id).await)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.ask(async |client, calls| calls.counter(client, key).await)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("url", self.pool.url()).finish_non_exhaustive()
    }
}
