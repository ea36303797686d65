//! The store contract over maps in memory: for tests, session objects and throw-away vaults.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::change::Part;
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
    /// A map for each table: a long one makes no other slow.
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Row>>,
    counters: HashMap<CounterKey, u64>,
    settled: HashMap<ChangeId, Resolution>,
    /// The same ids, the one that was settled first first.
    order: VecDeque<ChangeId>,
}

impl Content {
    fn row(&self, key: &RowKey) -> Option<&Row> {
        self.tables.get(&key.table)?.get(key.key.as_slice())
    }

    fn holds(&self, part: &Part) -> bool {
        match (part.expect, self.row(&part.key)) {
            (Expect::Absent, found) => found.is_none(),
            (Expect::Version(version), found) => found.is_some_and(|row| row.version == version),
        }
    }

    fn write(&mut self, part: &Part) {
        let Some(write) = &part.write else { return };
        let (version, key) = (part.next_version(), &part.key.key);
        let rows = self.tables.entry(part.key.table).or_default();
        match (write, part.expect) {
            (Write::Put(value), Expect::Absent) => {
                rows.insert(key.clone(), Row { version, value: value.clone() });
            }
            (Write::Put(value), Expect::Version(_)) => {
                if let Some(row) = rows.get_mut(key) {
                    row.version = version;
                    row.value.clone_from(value);
                }
            }
            (Write::Delete, _) => {
                rows.remove(key);
            }
        }
    }

    /// Settles a change, and forgets one that was settled long ago.
    fn settle(&mut self, id: ChangeId, how: Resolution) {
        self.settled.insert(id, how);
        self.order.push_back(id);
        if self.order.len() as u64 > Change::REMEMBERED + 1
            && let Some(oldest) = self.order.pop_front()
        {
            self.settled.remove(&oldest);
        }
    }
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
        Ok(self.content().row(key).cloned())
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let content = self.content();
        let Some(rows) = content.tables.get(&table) else { return Ok(Page { rows: Vec::new(), next: None }) };
        let start = after.map_or(range.start.as_slice(), |cursor| cursor.0.as_slice());
        let mut matching = rows
            .range::<[u8], _>((Bound::Included(start), Bound::Unbounded))
            // Not beyond the end of the range: a table may be long.
            .take_while(|(key, _)| range.end.as_ref().is_none_or(|end| *key < end))
            .filter(|(key, _)| range.contains(key) && after.is_none_or(|cursor| **key > cursor.0))
            .map(|(key, row)| (key.clone(), row.clone()));
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
        if let Some(part) = change.parts().find(|part| !content.holds(part)) {
            return Ok(Outcome::Conflict(part.key.clone()));
        }
        for (key, add) in change.adds() {
            let sum = content.counters.get(key).copied().unwrap_or(0).checked_add(add.delta);
            if sum.is_none_or(|sum| sum > add.ceiling) {
                return Ok(Outcome::Capped(key.clone()));
            }
        }
        change.parts().for_each(|part| content.write(part));
        for (key, add) in change.adds() {
            *content.counters.entry(key.clone()).or_default() += add.delta;
        }
        content.settle(change.id(), Resolution::Committed);
        Ok(Outcome::Committed)
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        let mut content = self.content();
        if let Some(settled) = content.settled.get(&id) {
            return Ok(*settled);
        }
        content.settle(id, Resolution::Aborted);
        Ok(Resolution::Aborted)
    }

    fn snapshot(&self) -> Result<Option<Box<dyn Store>>, StoreFault> {
        let Content { tables, counters, .. } = &*self.content();
        let content = Content { tables: tables.clone(), counters: counters.clone(), ..Content::default() };
        Ok(Some(Box::new(Still(Self { content: Mutex::new(content) }))))
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        Ok(self.content().counters.get(key).copied().unwrap_or(0))
    }

    fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        let content = self.content();
        Ok(keys.iter().map(|key| content.counters.get(key).copied().unwrap_or(0)).collect())
    }
}

/// A moment of a store in memory.
struct Still(MemoryStore);

impl Store for Still {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.0.get(key)
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        self.0.scan(table, range, limit, after)
    }

    fn commit(&self, _: &Change) -> Result<Outcome, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn resolve(&self, _: ChangeId) -> Result<Resolution, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.0.counter(key)
    }
}
