//! A store in front of another, with which a test does something else at some of the questions: counts them,
//! fails them, holds them up, or answers what is not so.

use std::fmt;
use std::ops::Deref;

use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};

type Answer<T> = Result<T, StoreFault>;
type Get<'a, P> = Box<dyn Fn(&P, &RowKey) -> Answer<Option<Row>> + Send + Sync + 'a>;
type Scan<'a, P> = Box<dyn Fn(&P, Table, &Range, usize, Option<&Cursor>) -> Answer<Page> + Send + Sync + 'a>;
type Commit<'a, P> = Box<dyn Fn(&P, &Change) -> Answer<Outcome> + Send + Sync + 'a>;
type Snapshot<'a, P> = Box<dyn Fn(&P) -> Answer<Option<Box<dyn Store>>> + Send + Sync + 'a>;
type Resolve<'a, P> = Box<dyn Fn(&P, ChangeId) -> Answer<Resolution> + Send + Sync + 'a>;
type Counter<'a, P> = Box<dyn Fn(&P, &CounterKey) -> Answer<u64> + Send + Sync + 'a>;
type Counters<'a, P> = Box<dyn Fn(&P, &[CounterKey]) -> Answer<Vec<u64>> + Send + Sync + 'a>;

/// A store that asks the one behind it, but for the questions that have a hook: those the hook answers.
///
/// `P` leads to the store behind: an `Arc`, a `Box` or a reference. A hook runs in the caller's thread, and may
/// take its time. It gets `P` and the question: it asks the store behind first, last, or not at all.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use zamok_core::store::{Change, ChangeId, MemoryStore, RowKey, Store, StoreFault, Table};
/// use zamok_store_conformance::Hooked;
///
/// let (memory, reads) = (MemoryStore::new(), AtomicU64::new(0));
/// let store = Hooked::over(&memory)
///     .on_get(|store, key| {
///         reads.fetch_add(1, Ordering::SeqCst);
///         store.get(key)
///     })
///     .on_commit(|_, _| Err(StoreFault::Full));
///
/// let row = RowKey::new(Table(900), *b"row");
/// let mut change = Change::new(ChangeId([1; 16]));
/// change.insert(row.clone(), b"value".to_vec())?;
/// assert_eq!(store.commit(&change), Err(StoreFault::Full));
/// assert_eq!(store.get(&row), Ok(None));
/// assert_eq!(reads.load(Ordering::SeqCst), 1);
/// # Ok::<(), zamok_core::Error>(())
/// ```
pub struct Hooked<'a, P> {
    store: P,
    get: Option<Get<'a, P>>,
    scan: Option<Scan<'a, P>>,
    commit: Option<Commit<'a, P>>,
    snapshot: Option<Snapshot<'a, P>>,
    resolve: Option<Resolve<'a, P>>,
    counter: Option<Counter<'a, P>>,
    counters: Option<Counters<'a, P>>,
}

impl<'a, P: Deref<Target: Store>> Hooked<'a, P> {
    /// In front of this store, without any hook yet.
    #[must_use]
    pub fn over(store: P) -> Self {
        Self {
            store,
            get: None,
            scan: None,
            commit: None,
            snapshot: None,
            resolve: None,
            counter: None,
            counters: None,
        }
    }

    /// Answers [`Store::get`].
    #[must_use]
    pub fn on_get(
        mut self,
        hook: impl Fn(&P, &RowKey) -> Result<Option<Row>, StoreFault> + Send + Sync + 'a,
    ) -> Self {
        self.get = Some(Box::new(hook));
        self
    }

    /// Answers [`Store::scan`].
    #[must_use]
    pub fn on_scan<H>(mut self, hook: H) -> Self
    where
        H: Fn(&P, Table, &Range, usize, Option<&Cursor>) -> Result<Page, StoreFault> + Send + Sync + 'a,
    {
        self.scan = Some(Box::new(hook));
        self
    }

    /// Answers [`Store::commit`].
    #[must_use]
    pub fn on_commit(
        mut self,
        hook: impl Fn(&P, &Change) -> Result<Outcome, StoreFault> + Send + Sync + 'a,
    ) -> Self {
        self.commit = Some(Box::new(hook));
        self
    }

    /// Answers [`Store::snapshot`]. Without this hook the view is one of the store behind, without hooks.
    #[must_use]
    pub fn on_snapshot(
        mut self,
        hook: impl Fn(&P) -> Result<Option<Box<dyn Store>>, StoreFault> + Send + Sync + 'a,
    ) -> Self {
        self.snapshot = Some(Box::new(hook));
        self
    }

    /// Answers [`Store::resolve`].
    #[must_use]
    pub fn on_resolve(
        mut self,
        hook: impl Fn(&P, ChangeId) -> Result<Resolution, StoreFault> + Send + Sync + 'a,
    ) -> Self {
        self.resolve = Some(Box::new(hook));
        self
    }

    /// Answers [`Store::counter`], and each of several where [`on_counters`](Self::on_counters) has no hook.
    #[must_use]
    pub fn on_counter(
        mut self,
        hook: impl Fn(&P, &CounterKey) -> Result<u64, StoreFault> + Send + Sync + 'a,
    ) -> Self {
        self.counter = Some(Box::new(hook));
        self
    }

    /// Answers [`Store::counters`].
    #[must_use]
    pub fn on_counters(
        mut self,
        hook: impl Fn(&P, &[CounterKey]) -> Result<Vec<u64>, StoreFault> + Send + Sync + 'a,
    ) -> Self {
        self.counters = Some(Box::new(hook));
        self
    }
}

/// Hooks cannot be shown, and what lies in the store behind is no business of a log.
impl<P> fmt::Debug for Hooked<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooked").finish_non_exhaustive()
    }
}

impl<P: Deref<Target: Store> + Send + Sync> Store for Hooked<'_, P> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        match &self.get {
            Some(hook) => hook(&self.store, key),
            None => self.store.get(key),
        }
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        match &self.scan {
            Some(hook) => hook(&self.store, table, range, limit, after),
            None => self.store.scan(table, range, limit, after),
        }
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        match &self.commit {
            Some(hook) => hook(&self.store, change),
            None => self.store.commit(change),
        }
    }

    fn snapshot(&self) -> Result<Option<Box<dyn Store>>, StoreFault> {
        match &self.snapshot {
            Some(hook) => hook(&self.store),
            None => self.store.snapshot(),
        }
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        match &self.resolve {
            Some(hook) => hook(&self.store, id),
            None => self.store.resolve(id),
        }
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        match &self.counter {
            Some(hook) => hook(&self.store, key),
            None => self.store.counter(key),
        }
    }

    fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        match (&self.counters, &self.counter) {
            (Some(hook), _) => hook(&self.store, keys),
            // Nobody passes a hook by asking for several at once.
            (None, Some(hook)) => keys.iter().map(|key| hook(&self.store, key)).collect(),
            (None, None) => self.store.counters(keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use zamok_core::store::MemoryStore;

    use super::*;

    const ID: ChangeId = ChangeId([1; 16]);

    fn row() -> RowKey {
        RowKey::new(Table(900), *b"row")
    }

    fn sum() -> CounterKey {
        CounterKey(b"sum".to_vec())
    }

    fn change() -> Change {
        let mut change = Change::new(ID);
        change.insert(row(), b"value".to_vec()).unwrap();
        change.add(sum(), 7, 10).unwrap();
        change
    }

    /// How each question is answered where all of the change is there, in the order of the contract.
    fn there() -> [Result<u64, StoreFault>; 7] {
        [1, 1, 1, 1, 1, 7, 14].map(Ok)
    }

    fn answers(store: &dyn Store) -> [Result<u64, StoreFault>; 7] {
        [
            store.get(&row()).map(|row| u64::from(row.is_some())),
            store.scan(Table(900), &Range::all(), 10, None).map(|page| u64::from(page.rows.len() == 1)),
            store.commit(&change()).map(|outcome| u64::from(outcome == Outcome::Committed)),
            store.snapshot().map(|view| u64::from(view.is_some())),
            store.resolve(ID).map(|resolution| u64::from(resolution == Resolution::Committed)),
            store.counter(&sum()),
            store.counters(&[sum(), sum()]).map(|sums| sums.iter().sum()),
        ]
    }

    #[test]
    fn without_hooks_the_store_behind_is_asked() {
        let memory = MemoryStore::new();
        let store = Hooked::over(&memory);
        assert_eq!(store.commit(&change()), Ok(Outcome::Committed));
        assert_eq!(answers(&memory), there());
        assert_eq!(answers(&store), there());
        assert_eq!(store.capabilities(), memory.capabilities());
        assert_eq!(format!("{store:?}"), "Hooked { .. }");
    }

    #[test]
    fn a_hook_answers_its_own_question_and_no_other() {
        let memory = MemoryStore::new();
        assert_eq!(memory.commit(&change()), Ok(Outcome::Committed));
        let over = || Hooked::over(&memory);
        let fault = StoreFault::Unavailable;
        let hooked = [
            over().on_get(move |_, _| Err(fault)),
            over().on_scan(move |_, _, _, _, _| Err(fault)),
            over().on_commit(move |_, _| Err(fault)),
            over().on_snapshot(move |_| Err(fault)),
            over().on_resolve(move |_, _| Err(fault)),
            over().on_counter(move |_, _| Err(fault)).on_counters(|store, keys| store.counters(keys)),
            over().on_counters(move |_, _| Err(fault)),
        ];
        for (at, store) in hooked.iter().enumerate() {
            let mut expected = there();
            expected[at] = Err(fault);
            assert_eq!(answers(store), expected, "{at}");
        }
    }

    #[test]
    fn counters_that_are_asked_for_at_once_pass_the_hook_of_one() {
        let (memory, asked) = (MemoryStore::new(), AtomicUsize::new(0));
        let store = Hooked::over(&memory).on_counter(|store, key| {
            asked.fetch_add(1, Ordering::SeqCst);
            store.counter(key)
        });
        assert_eq!(store.counters(&[sum(), sum(), sum()]), Ok(vec![0, 0, 0]));
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}
