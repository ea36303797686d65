//! A planted defect: a store that no longer compares before it sets, on the rows that spending a code rests on.

use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Expect, Outcome, Page, Range, Resolution, Row, RowKey,
    Store, StoreFault, Table, Write,
};
use zamok_store_sqlite::SqliteStore;

/// State rows of OTP keys, key records, challenges.
const CARELESS: [Table; 3] = [zamok_core::vault::spend::STATES, zamok_core::vault::keys::KEYS, Table(35)];
/// How often a commit is tried again with the versions that the rows have by then.
const TRIES: u32 = 1000;

/// On careless tables every change expects what is there, whatever its author had read.
pub(crate) struct WithoutCompareAndSet(pub(crate) SqliteStore);

impl WithoutCompareAndSet {
    fn expected(&self, key: &RowKey, expect: Expect) -> Result<Expect, StoreFault> {
        if !CARELESS.contains(&key.table) {
            return Ok(expect);
        }
        Ok(self.0.get(key)?.map_or(Expect::Absent, |row| Expect::Version(row.version)))
    }

    fn rebuilt(&self, change: &Change) -> Result<Change, StoreFault> {
        let mut fresh = Change::new(change.id());
        for (key, expect) in change.expectations() {
            fresh.expect(key.clone(), self.expected(key, expect)?).expect("a change within its limits");
        }
        let expectations: Vec<_> = fresh.expectations().map(|(key, expect)| (key.clone(), expect)).collect();
        for (key, write) in change.writes() {
            let key = key.clone();
            let (_, expect) = expectations.iter().find(|(found, _)| *found == key).expect("an expectation");
            match (write, *expect) {
                (Write::Put(value), Expect::Absent) => fresh.insert(key, value.clone()),
                (Write::Put(value), Expect::Version(version)) => fresh.update(key, version, value.clone()),
                (Write::Delete, Expect::Version(version)) => fresh.delete(key, version),
                (Write::Delete, Expect::Absent) => Ok(()),
            }
            .expect("a change within its limits");
        }
        for (counter, add) in change.adds() {
            fresh.add(counter.clone(), add.delta, add.ceiling).expect("a change within its limits");
        }
        Ok(fresh)
    }
}

impl Store for WithoutCompareAndSet {
    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        for _ in 0..TRIES {
            match self.0.commit(&self.rebuilt(change)?)? {
                Outcome::Conflict(row) if CARELESS.contains(&row.table) => {}
                outcome => return Ok(outcome),
            }
        }
        Err(StoreFault::Contended)
    }

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

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.0.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.0.counter(key)
    }
}
