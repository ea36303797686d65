//! The versions of rows that the writing connection knows, so that a row which a change only expects costs no statement.
//!
//! They come from what this connection has read and written. As soon as any other connection, of whatever process, has
//! committed anything (`PRAGMA data_version`), or a transaction of this one was rolled back, nothing is known any more.

use std::collections::HashMap;

use rusqlite::Connection;
use zamok_core::store::RowKey;

use crate::sql;

/// Most rows whose versions are known.
const MOST: usize = 1 << 15;

/// What is known of rows that are there; of a row that is not, nothing is.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    data_version: Option<i64>,
    known: HashMap<RowKey, u64>,
}

impl Versions {
    /// Forgets everything when another connection has committed; answers whether one may have. Within a transaction that
    /// holds the write lock.
    pub(crate) fn follow(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let now = sql::data_version(connection)?;
        let same = self.data_version == Some(now);
        if !same {
            self.forget();
            self.data_version = Some(now);
        }
        Ok(!same)
    }

    /// The version of a row; `None` where there is none.
    pub(crate) fn of(&mut self, connection: &Connection, key: &RowKey) -> rusqlite::Result<Option<u64>> {
        if let Some(version) = self.known.get(key) {
            return Ok(Some(*version));
        }
        let found = sql::row_version(connection, key)?;
        if let Some(version) = found {
            if self.known.len() >= MOST {
                self.known.clear();
            }
            self.known.insert(key.clone(), version);
        }
        Ok(found)
    }

    /// A row was written: it has this version now, or is gone.
    pub(crate) fn written(&mut self, key: &RowKey, version: Option<u64>) {
        match (self.known.get_mut(key), version) {
            (Some(known), Some(version)) => *known = version,
            (Some(_), None) => {
                self.known.remove(key);
            }
            // Most rows that are written are never only expected.
            (None, _) => {}
        }
    }

    /// Forgets everything.
    pub(crate) fn forget(&mut self) {
        self.data_version = None;
        self.known.clear();
    }
}
