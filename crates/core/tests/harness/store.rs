//! A store that lies on demand: rows that somebody replaced, commits whose answers are lost, expectations ignored.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, MemoryStore, Outcome, Page, Range, Resolution, Row,
    RowKey, Store, StoreFault, Table, Write,
};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// It happens, but the answer does not arrive.
    Answer,
    /// It does not happen, and no answer arrives.
    Request,
    /// It was aborted before.
    Fenced,
    /// The store fails.
    Fault(StoreFault),
}

#[derive(Default)]
pub(crate) struct TestStore {
    inner: MemoryStore,
    /// What the disk says instead of the truth.
    planted: Mutex<BTreeMap<RowKey, Option<Row>>>,
    /// What becomes of the next commits.
    pub(crate) losses: Mutex<VecDeque<Lost>>,
    /// How many calls of `resolve` fail.
    pub(crate) unresolved: AtomicUsize,
    /// Whether expectations are dropped: the planted defect.
    pub(crate) careless: AtomicBool,
    pub(crate) commits: AtomicUsize,
    /// Every value that was ever put.
    pub(crate) written: Mutex<Vec<(RowKey, Vec<u8>)>>,
    one_at_a_time: Mutex<()>,
}

impl TestStore {
    pub(crate) fn plant(&self, key: &RowKey, row: Option<Row>) {
        self.planted.lock().unwrap().insert(key.clone(), row);
    }

    pub(crate) fn restore(&self) {
        self.planted.lock().unwrap().clear();
    }

    pub(crate) fn lose(&self, loss: Lost) {
        self.losses.lock().unwrap().push_back(loss);
    }

    fn apply(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let _alone = self.one_at_a_time.lock().unwrap();
        let outcome = if self.careless.load(Ordering::SeqCst) {
            self.inner.commit(&self.without_expectations(change)?)
        } else {
            self.inner.commit(change)
        }?;
        if outcome == Outcome::Committed {
            let puts = change.writes().filter_map(|(key, write)| match write {
                Write::Put(value) => Some((key.clone(), value.clone())),
                Write::Delete => None,
            });
            self.written.lock().unwrap().extend(puts);
        }
        Ok(outcome)
    }

    fn without_expectations(&self, change: &Change) -> Result<Change, StoreFault> {
        let mut careless = Change::new(change.id());
        for (key, write) in change.writes() {
            let now = self.inner.get(key)?.map(|row| row.version);
            let (key, too_long) = (key.clone(), "the change fitted before");
            match (write, now) {
                (Write::Put(value), None) => careless.insert(key, value.clone()).expect(too_long),
                (Write::Put(value), Some(now)) => careless.update(key, now, value.clone()).expect(too_long),
                (Write::Delete, Some(now)) => careless.delete(key, now).expect(too_long),
                (Write::Delete, None) => {}
            }
        }
        Ok(careless)
    }
}

impl Store for TestStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        match self.planted.lock().unwrap().get(key) {
            Some(planted) => Ok(planted.clone()),
            None => self.inner.get(key),
        }
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let mut page = self.inner.scan(table, range, limit, after)?;
        let planted = self.planted.lock().unwrap();
        page.rows = page
            .rows
            .into_iter()
            .filter_map(|(key, row)| match planted.get(&RowKey::new(table, key.clone())) {
                Some(planted) => planted.clone().map(|row| (key, row)),
                None => Some((key, row)),
            })
            .collect();
        // Rows that were added behind the vault's back.
        let added = planted.iter().filter(|(key, _)| key.table == table && range.contains(&key.key));
        let known: Vec<Vec<u8>> = page.rows.iter().map(|(key, _)| key.clone()).collect();
        for (key, row) in added.filter(|(key, _)| !known.contains(&key.key)) {
            page.rows.extend(row.clone().map(|row| (key.key.clone(), row)));
        }
        page.rows.sort_unstable_by(|(first, _), (second, _)| first.cmp(second));
        Ok(page)
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let loss = self.losses.lock().unwrap().pop_front();
        match loss {
            None => self.apply(change),
            Some(Lost::Answer) => self.apply(change).and(Err(StoreFault::OutcomeUnknown)),
            Some(Lost::Request) => Err(StoreFault::OutcomeUnknown),
            Some(Lost::Fenced) => {
                let _ = self.inner.resolve(change.id())?;
                self.apply(change)
            }
            Some(Lost::Fault(fault)) => Err(fault),
        }
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        let fails = |left: usize| left.checked_sub(1);
        match self.unresolved.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails) {
            // As the stores say it when they cannot be reached.
            Ok(_) => Err(StoreFault::Unavailable),
            Err(_) => self.inner.resolve(id),
        }
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.inner.counter(key)
    }
}
