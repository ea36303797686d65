//! A store some of whose messages cannot be opened for a while.
#![allow(dead_code, missing_docs)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, MemoryStore, Outcome, Page, Range, Resolution, Row,
    RowKey, Store, StoreFault, Table,
};

/// Messages on their way.
const OUTBOX: Table = Table(44);
/// Which message has a carrier's id.
const RECEIPTS: Table = Table(64);
/// What is due.
const DUE: Table = Table(54);

#[derive(Debug, Default)]
pub(crate) struct Veiled {
    store: MemoryStore,
    veiled: Mutex<BTreeSet<Vec<u8>>>,
    slow: AtomicBool,
    failing: AtomicUsize,
    looked: AtomicUsize,
    still: Mutex<()>,
    asked: AtomicUsize,
}

impl Veiled {
    /// From now on every message that is on its way reads as if it had been altered.
    pub(crate) fn veil(&self) {
        let rows = self.store.scan(OUTBOX, &Range::all(), usize::MAX, None).unwrap().rows;
        self.veiled.lock().unwrap().extend(rows.into_iter().map(|(key, _)| key));
    }

    /// They read as they are.
    pub(crate) fn unveil(&self) {
        self.veiled.lock().unwrap().clear();
    }

    /// From now on it takes its time to tell which message has a carrier's id.
    pub(crate) fn slow_down(&self) {
        self.slow.store(true, Ordering::SeqCst);
    }

    /// How often it was asked which message has a carrier's id.
    pub(crate) fn looked(&self) -> usize {
        self.looked.load(Ordering::SeqCst)
    }

    /// The next commits find that it cannot be reached.
    pub(crate) fn fail(&self, commits: usize) {
        self.failing.store(commits, Ordering::SeqCst);
    }

    /// It tells nobody what is due for as long as this is kept.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.still.lock().unwrap()
    }

    /// How often it was asked what is due.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn seen(&self, table: Table, key: &[u8], mut row: Row) -> Row {
        if table == OUTBOX && self.veiled.lock().unwrap().contains(key) {
            *row.value.last_mut().expect("a sealed row has bytes") ^= 1;
        }
        row
    }
}

impl Store for Veiled {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        if key.table == RECEIPTS {
            self.looked.fetch_add(1, Ordering::SeqCst);
            if self.slow.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(self.store.get(key)?.map(|row| self.seen(key.table, &key.key, row)))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        if table == DUE {
            self.asked.fetch_add(1, Ordering::SeqCst);
            drop(self.still.lock());
        }
        let mut page = self.store.scan(table, range, limit, after)?;
        for (key, row) in &mut page.rows {
            *row = self.seen(table, key, row.clone());
        }
        Ok(page)
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let less = |left: usize| left.checked_sub(1);
        if self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            return Err(StoreFault::Unavailable);
        }
        self.store.commit(change)
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.store.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.store.counter(key)
    }
}
