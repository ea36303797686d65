//! A store that keeps the contract over rows which a burglar has chosen, and rows as an independent reader finds them
//! in the SQLite file.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use zamok::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Expect, Outcome, Page, Range, Resolution, Row,
    RowKey, Store, StoreFault, Table, Write,
};

pub(crate) type Rows = BTreeMap<RowKey, Row>;

/// Reads the file as its format page says (`docs/formats/store-sqlite.md`), without any of our code.
pub(crate) fn dump(file: &Path) -> Rows {
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut statement = connection.prepare("SELECT tbl, key, version, value FROM rows").unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let (table, key): (u16, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let version = u64::from_ne_bytes(row.get::<_, i64>(2)?.to_ne_bytes());
        Ok((RowKey::new(Table(table), key), Row { version, value: row.get(3)? }))
    };
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

#[derive(Debug)]
pub(crate) struct Planted(Mutex<Rows>);

impl Planted {
    pub(crate) fn new(rows: Rows) -> Self {
        Self(Mutex::new(rows))
    }
}

impl Store for Planted {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: false, multi_process: false }
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let rows = self.0.lock().unwrap();
        let fits = |key: &RowKey| {
            key.table == table && range.contains(&key.key) && after.is_none_or(|cursor| key.key > cursor.0)
        };
        let mut found: Vec<_> = rows
            .iter()
            .filter(|(key, _)| fits(key))
            .take(limit + 1)
            .map(|(key, row)| (key.key.clone(), row.clone()))
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = if more { found.last().map(|(key, _)| Cursor(key.clone())) } else { None };
        Ok(Page { rows: found, next })
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let mut rows = self.0.lock().unwrap();
        for (key, expect) in change.expectations() {
            let found = rows.get(key).map_or(Expect::Absent, |row| Expect::Version(row.version));
            if found != expect {
                return Ok(Outcome::Conflict(key.clone()));
            }
        }
        for (key, write) in change.writes() {
            match write {
                Write::Delete => drop(rows.remove(key)),
                Write::Put(value) => {
                    let row = Row { version: change.next_version(key), value: value.clone() };
                    rows.insert(key.clone(), row);
                }
            }
        }
        Ok(Outcome::Committed)
    }

    fn resolve(&self, _: ChangeId) -> Result<Resolution, StoreFault> {
        Ok(Resolution::Aborted)
    }

    fn counter(&self, _: &CounterKey) -> Result<u64, StoreFault> {
        Ok(0)
    }
}
