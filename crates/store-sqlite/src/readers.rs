//! A small pool of connections that only read. Each read sees every commit that was answered before it began.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use zamok_core::store::StoreFault;

use crate::place::Place;
use crate::{connection, leak, read};

/// Most connections that read at once; further readers wait for one.
const LIMIT: usize = 8;

#[derive(Debug)]
pub(crate) struct Readers {
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
    waiting: usize,
}

impl Readers {
    pub(crate) fn new() -> Self {
        Self { pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs one read; the store was in its place afterwards.
    pub(crate) fn with<T>(
        &self,
        place: &Place,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreFault> {
        if place.inherited() {
            // Before any lock: a thread that held it did not survive the fork.
            return Err(StoreFault::Unavailable);
        }
        let mut lease = self.lease();
        let answer = lease.ask(place, ask);
        // Looked at after the read, so that no answer, and no other fault, comes from files that nobody else can see.
        place.intact()?;
        answer
    }

    fn lease(&self) -> Lease<'_> {
        let mut pool = self.pool();
        while pool.idle.is_empty() && pool.open == LIMIT {
            pool.waiting += 1;
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
            pool.waiting -= 1;
        }
        let connection = pool.idle.pop();
        if connection.is_none() {
            pool.open += 1;
        }
        Lease { readers: self, connection }
    }

    pub(crate) fn leak(&mut self) {
        let pool = self.pool.get_mut().unwrap_or_else(PoisonError::into_inner);
        pool.idle.drain(..).for_each(leak);
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(place: &Place) -> rusqlite::Result<Connection> {
    let connection = connection::connect(place.path())?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The right to one connection, given back also when the reader panics.
struct Lease<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Lease<'_> {
    fn ask<T>(
        &mut self,
        place: &Place,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreFault> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => read(open(place))?,
        };
        let answer = read(ask(&connection));
        if !matches!(answer, Err(StoreFault::Unavailable | StoreFault::Corrupt)) {
            self.connection = Some(connection);
        }
        answer
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool();
        match self.connection.take() {
            Some(connection) => pool.idle.push(connection),
            None => pool.open -= 1,
        }
        // To wake is a call of the system, whether anybody sleeps or not. Who comes now finds what was given back.
        let somebody_waits = pool.waiting > 0;
        drop(pool);
        if somebody_waits {
            self.readers.returned.notify_one();
        }
    }
}
