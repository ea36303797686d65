//! A store that lets a test hold one side between its read and its write.

use std::sync::Arc;

use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};

/// Where a call is when the hook hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A row was read, its reader has not got it yet.
    Read(&'a RowKey),
    /// A page was read, its reader has not got it yet.
    Scanned(Table),
    /// A commit was asked for and has not begun.
    Committing(&'a Change),
    /// A commit is done, its caller has not heard of it yet.
    Committed(&'a Change),
}

/// Wraps a store; the hook runs in the caller's thread at every [`Step`] and may take its time.
#[derive(Debug)]
pub struct Stalled<S, H> {
    store: Arc<S>,
    hook: H,
}

impl<S: Store, H: Fn(Step<'_>) + Send + Sync> Stalled<S, H> {
    /// The store with this hook; the test may go on using it without.
    #[must_use]
    pub fn new(store: Arc<S>, hook: H) -> Self {
        Self { store, hook }
    }
}

impl<S: Store, H: Fn(Step<'_>) + Send + Sync> Store for Stalled<S, H> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        let row = self.store.get(key);
        (self.hook)(Step::Read(key));
        row
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let page = self.store.scan(table, range, limit, after);
        (self.hook)(Step::Scanned(table));
        page
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        (self.hook)(Step::Committing(change));
        let outcome = self.store.commit(change);
        (self.hook)(Step::Committed(change));
        outcome
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.store.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.store.counter(key)
    }
}
