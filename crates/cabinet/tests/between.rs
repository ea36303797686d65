//! What happens between two commits of one call, or between what it reads and its commit.
#![allow(missing_docs)]

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use harness::{House, LIGHT, light_policy, password};
use zamok_cabinet::{Begun, Error, Password, SweepPlace};
use zamok_core::Error as CoreError;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, MemoryStore, Outcome, Page, Range, Resolution, Row,
    RowKey, Store, StoreFault, Table,
};
use zamok_core::vault::slot::Argon2Cost;

/// Takes so many more commits; fills a sum of wrong answers once, right after it was read.
struct Between {
    inner: MemoryStore,
    left: AtomicU64,
    most: AtomicU64,
}

impl Default for Between {
    fn default() -> Self {
        Self { inner: MemoryStore::new(), left: AtomicU64::new(u64::MAX), most: AtomicU64::new(0) }
    }
}

impl Store for Between {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.inner.get(key)
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        self.inner.scan(table, range, limit, after)
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let one = |left| match left {
            0 => None,
            u64::MAX => Some(u64::MAX),
            left => Some(left - 1),
        };
        self.left.fetch_update(SeqCst, SeqCst, one).map_err(|_| StoreFault::Unavailable)?;
        self.inner.commit(change)
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.inner.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        let found = self.inner.counter(key)?;
        if key.0.starts_with(b"wrong-strangers/") {
            let most = self.most.swap(0, SeqCst);
            if most > found {
                let mut others = Change::new(ChangeId([9; 16]));
                others.add(key.clone(), most - found, u64::MAX).unwrap();
                assert_eq!(self.inner.commit(&others), Ok(Outcome::Committed));
            }
        }
        Ok(found)
    }
}

#[test]
fn a_wrong_password_looks_like_any_other_though_others_have_filled_the_sum_meanwhile() {
    let store = Arc::new(Between::default());
    let house = House::over(store.clone());
    house.citizen("ivan");
    store.most.store(house.cabinet.policy().budget.strangers.into(), SeqCst);
    let wrong = house.cabinet.begin_login("ivan", &Password::new("wrong horse battery"));
    assert_eq!(wrong, Err(Error::Core(CoreError::Rejected)));
}

#[test]
fn an_erasure_that_was_cut_short_is_finished_by_retention() {
    let store = Arc::new(Between::default());
    let house = House::over(store.clone());
    house.citizen("olga");
    let subject = house.cabinet.account_by_login("olga").unwrap().subject;
    store.left.store(1, SeqCst);
    assert!(house.cabinet.erase_account("olga", "asked for it").is_err());
    store.left.store(u64::MAX, SeqCst);
    assert!(house.cabinet.account_by_login("olga").is_err(), "it came as far as the account");
    house.cabinet.vault().integrate().unwrap();
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
    house.cabinet.vault().integrate().unwrap();
    let listed = house.store.scan(Table(18), &Range::prefix(&subject.0), 10, None).unwrap().rows;
    assert_eq!(listed.len(), 0);
}

#[test]
fn a_login_that_was_begun_is_not_lost_where_its_hash_cannot_be_made_anew() {
    let store = Arc::new(Between::default());
    let house = House::over(store.clone());
    house.citizen("ivan");
    let mut dearer = light_policy();
    dearer.password.cost = Argon2Cost { memory_kib: 2 * LIGHT.memory_kib, ..LIGHT };
    let cabinet = house.another().with_policy(dearer);
    store.left.store(1, SeqCst);
    assert!(matches!(cabinet.begin_login("ivan", &password()), Ok(Begun::Code(_))));
}
