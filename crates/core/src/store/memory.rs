//! The store contract over maps in memory: for tests, session objects and throw-away vaults.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Expect, Outcome, Page, Range, Resolution, Row,
    RowKey, Store, StoreFault, Table, Write,
};

/// A store that forgets everything when dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    rows: BTreeMap<RowKey, Row>,
    counters: HashMap<CounterKey, u64>,
    settled: HashMap<ChangeId, Resolution>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A panic elsewhere cannot leave a change half applied: nothing here panics between the first write and the last.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: false, multi_process: false }
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        Ok(self.content().rows.get(key).cloned())
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let content = self.content();
        let start = RowKey::new(table, after.map_or(range.start.as_slice(), |cursor| cursor.0.as_slice()));
        let mut matching = content
            .rows
            .range(start..)
            .take_while(|(row, _)| row.table == table)
            .filter(|(row, _)| range.contains(&row.key) && after.is_none_or(|cursor| row.key > cursor.0))
            .map(|(row, value)| (row.key.clone(), value.clone()));
        let rows: Vec<_> = matching.by_ref().take(limit).collect();
        let next = matching.next().and_then(|_| rows.last().map(|(key, _)| Cursor(key.clone())));
        Ok(Page { rows, next })
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let mut content = self.content();
        match content.settled.get(&change.id()) {
            Some(Resolution::Committed) => return Ok(Outcome::Committed),
            Some(Resolution::Aborted) => return Ok(Outcome::Fenced),
            None => {}
        }
        for (key, expect) in change.expectations() {
            let holds = match expect {
                Expect::Absent => !content.rows.contains_key(key),
                Expect::Version(version) => content.rows.get(key).is_some_and(|row| row.version == version),
            };
            if !holds {
                return Ok(Outcome::Conflict(key.clone()));
            }
        }
        for (key, add) in change.adds() {
            let sum = content.counters.get(key).copied().unwrap_or(0).checked_add(add.delta);
            if sum.is_none_or(|sum| sum > add.ceiling) {
                return Ok(Outcome::Capped(key.clone()));
            }
        }
        for (key, write) in change.writes() {
            match write {
                Write::Put(value) => {
                    let row = Row { version: change.next_version(key), value: value.clone() };
                    content.rows.insert(key.clone(), row);
                }
                Write::Delete => {
                    content.rows.remove(key);
                }
            }
        }
        for (key, add) in change.adds() {
            *content.counters.entry(key.clone()).or_default() += add.delta;
        }
        content.settled.insert(change.id(), Resolution::Committed);
        Ok(Outcome::Committed)
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        Ok(*self.content().settled.entry(id).or_insert(Resolution::Aborted))
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        Ok(self.content().counters.get(key).copied().unwrap_or(0))
    }
}
