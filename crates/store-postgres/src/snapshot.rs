//! A view of one moment: a connection of its own that stays within one transaction, repeatable and read-only.
//!
//! A pooler in transaction mode keeps one session for it as long as it lasts. PostgreSQL keeps what the view needs and does not
//! tidy up behind it meanwhile; commits go on.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error};
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};

use crate::calls::Calls;
use crate::fault::Failure;
use crate::link::Link;

/// A backup of a large store lasts longer than any limit that is meant for a forgotten transaction. The question takes the
/// moment: PostgreSQL's begins with the first one.
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')";

/// How long the end of the transaction is waited for.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) struct Snapshot {
    /// `None` once it was dropped.
    link: Mutex<Option<Link>>,
    calls: Calls,
    timeout: Duration,
    /// The process that took it.
    process: u32,
}

impl Snapshot {
    /// The store as the last commit that was answered left it.
    pub(crate) fn take(mut link: Link, calls: Calls, timeout: Duration) -> Result<Self, StoreFault> {
        link.ask(Instant::now() + timeout, async |client| client.simple_query(BEGIN).await).map_err(fault)?;
        let process = std::process::id();
        Ok(Self { link: Mutex::new(Some(link)), calls, timeout, process })
    }

    /// Asks within the transaction. A lost connection has lost the moment: nothing is asked again.
    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Client, &Calls) -> Result<Option<T>, Error>,
    ) -> Result<T, StoreFault> {
        if self.process != std::process::id() {
            return Err(StoreFault::Unavailable);
        }
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let link = link.as_mut().filter(|link| link.is_sound()).ok_or(StoreFault::Unavailable)?;
        let deadline = Instant::now() + self.timeout;
        let answer = link.ask(deadline, async |client| question(client, &self.calls).await);
        answer.map_err(fault)?.ok_or(StoreFault::Corrupt)
    }
}

fn fault(failure: Failure) -> StoreFault {
    match failure {
        Failure::Refused(fault) => fault,
        Failure::Raised(_) => StoreFault::Corrupt,
        Failure::Again | Failure::Lost => StoreFault::Unavailable,
    }
}

impl Store for Snapshot {
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

    fn commit(&self, _: &Change) -> Result<Outcome, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn resolve(&self, _: ChangeId) -> Result<Resolution, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.ask(async |client, calls| calls.counter(client, key).await)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let link = self.link.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if self.process != std::process::id() {
            // A forked child leaves the connection to the parent.
            let _never_dropped = ManuallyDrop::new(link);
            return;
        }
        if let Some(mut link) = link.filter(Link::is_sound) {
            // So that a pooler gets its session back in order; whatever comes of it, the connection ends.
            let _ = link.ask(Instant::now() + FAREWELL, async |client| client.simple_query("ROLLBACK").await);
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshot")
    }
}
