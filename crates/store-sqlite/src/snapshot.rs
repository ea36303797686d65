//! A view of one moment: a connection that stays within one read transaction.
//!
//! SQLite keeps what the view needs in its write-ahead log, which cannot be folded back into the file meanwhile and grows. It is
//! emptied with the end of the view.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};

use crate::opened::Opened;
use crate::place::Place;
use crate::{connection, leak, read, sql};

#[derive(Debug)]
pub(crate) struct Snapshot {
    /// `None` once it was dropped.
    connection: Mutex<Option<Connection>>,
    /// It may outlive the store. Dropped after the connection.
    opened: Opened,
}

impl Snapshot {
    /// The store as the last commit that was answered left it.
    pub(crate) fn take(place: &Place) -> Result<Self, StoreFault> {
        if place.inherited() {
            return Err(StoreFault::Unavailable);
        }
        let opened = place.open_again()?;
        let connection = read(connection::connect(place.path()))?;
        read(begin(&connection))?;
        place.intact()?;
        Ok(Self { connection: Mutex::new(Some(connection)), opened })
    }

    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreFault> {
        if self.opened.inherited() {
            return Err(StoreFault::Unavailable);
        }
        read(ask(self.connection().as_ref().ok_or(StoreFault::Unavailable)?))
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SQLite's transactions begin with their first read.
fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "query_only", true)?;
    connection.execute_batch("BEGIN DEFERRED")?;
    sql::get_row(connection, &RowKey::new(Table(0), Vec::new())).map(|_| ())
}

impl Store for Snapshot {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, multi_process: true }
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.ask(|connection| sql::get_row(connection, key))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        self.ask(|connection| sql::scan(connection, table, range, limit, after))
    }

    fn commit(&self, _: &Change) -> Result<Outcome, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn resolve(&self, _: ChangeId) -> Result<Resolution, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.ask(|connection| sql::counter_sum(connection, key))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // SQLite forbids even closing a connection in a forked child: it would drop the parent's locks.
        let Some(connection) = self.connection().take() else { return };
        if self.opened.inherited() {
            leak(connection);
        } else if connection.execute_batch("COMMIT").is_ok() {
            connection::empty_log(&connection);
        }
    }
}
