//! What comes back: a row that somebody put back is found, a disabled generator is taken back into use, a clock that
//! had jumped ahead keeps nobody out, and a hash is made again when its cost has changed (R14, R15, R36).
#![allow(missing_docs)]

mod harness;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use harness::{House, LIGHT, NOON, password, request};
use zamok_cabinet::{Error, Password};
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, MemoryStore, Outcome, Page, Range, Resolution, Row,
    RowKey, Store, StoreFault, Table,
};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_journal::{Fault, Place, audit};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const STATES: Table = Table(3);
const FACTORS: Table = Table(36);

/// A store whose owner shows old rows, or none, in the place of what is there.
#[derive(Default)]
struct Rewound {
    inner: MemoryStore,
    shown: Mutex<HashMap<RowKey, Option<Row>>>,
}

impl Rewound {
    fn show(&self, key: RowKey, row: Option<Row>) {
        self.shown.lock().unwrap().insert(key, row);
    }

    fn only_row(&self, table: Table) -> (RowKey, Row) {
        let rows = self.inner.scan(table, &Range::all(), 10, None).unwrap().rows;
        let [(key, row)] = rows.as_slice() else { panic!("{} rows", rows.len()) };
        (RowKey::new(table, key.clone()), row.clone())
    }
}

impl Store for Rewound {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        let shown = self.shown.lock().unwrap().get(key).cloned();
        shown.map_or_else(|| self.inner.get(key), Ok)
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
        self.inner.commit(change)
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.inner.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.inner.counter(key)
    }
}

#[test]
fn a_state_row_put_back_with_its_version_is_found_by_the_audit() {
    let store = Arc::new(Rewound::default());
    let house = House::over(store.clone());
    let phone = house.citizen("ivan");
    let (key, old) = store.only_row(STATES);
    house.login("ivan", &phone).unwrap();
    let findings = || house.cabinet.vault().read(audit).unwrap().findings;
    assert_eq!(findings(), [], "waiting entries and all");
    house.cabinet.vault().integrate().unwrap();
    assert_eq!(findings(), []);

    store.show(key.clone(), Some(old));
    let found: Vec<_> = findings().into_iter().map(|finding| (finding.place, finding.fault)).collect();
    assert_eq!(found, [(Place::Row(key.clone()), Fault::Behind)]);
    store.show(key.clone(), None);
    let found: Vec<_> = findings().into_iter().map(|finding| (finding.place, finding.fault)).collect();
    assert_eq!(found, [(Place::Row(key), Fault::Missing)]);
}

#[test]
fn a_factor_that_was_withdrawn_is_not_missed() {
    let store = Arc::new(Rewound::default());
    let house = House::over(store.clone());
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    let _lost = house.cabinet.offer_generator(&enrolment).unwrap();
    let _kept = house.cabinet.offer_generator(&enrolment).unwrap();
    assert_eq!(house.cabinet.vault().read(audit).unwrap().findings, []);
    store.show(store.only_row(FACTORS).0, None);
    assert_eq!(house.cabinet.vault().read(audit).unwrap().findings.len(), 1);
}

#[test]
fn a_disabled_generator_is_resumed_and_its_failures_are_forgiven() {
    let house = House::new();
    let phone = house.citizen("ivan");
    assert_eq!(
        house.cabinet.resume_generator("ivan", "by mistake"),
        Err(Error::Core(CoreError::KeyState(zamok_core::vault::KeyState::Active)))
    );
    for _ in 0..20 {
        house.clock.advance(60 * 60);
        let wrong = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &wrong, request()), Err(REJECTED));
    }
    house.clock.advance(60 * 60);
    let spent = phone.code(house.clock_now());
    assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &spent, request()), Err(REJECTED));
    house.cabinet.resume_generator("ivan", "came with a passport").unwrap();
    let wrong = phone.wrong(house.clock_now());
    assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &wrong, request()), Err(REJECTED));
    house.login("ivan", &phone).unwrap();
    assert_eq!(
        house.cabinet.answer(&house.challenge("ivan"), &spent, request()),
        Err(REJECTED),
        "spent stays spent"
    );
    assert_eq!(house.cabinet.resume_generator("nobody", "x"), Err(REJECTED));
    assert_eq!(house.cabinet.vault().read(audit).unwrap().findings, []);
}

#[test]
fn a_clock_that_had_jumped_ahead_keeps_nobody_out_for_decades() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let today = house.clock_now();
    house.clock.set(UnixTime(4_000_000_000));
    for _ in 0..5 {
        assert_eq!(house.cabinet.begin_login("ivan", &Password::new("wrong horse battery")), Err(REJECTED));
    }
    // The clock was put right, and the vault opened again.
    house.clock.set(today);
    let cabinet = house.another();
    assert_eq!(cabinet.begin_login("ivan", &password()), Err(REJECTED), "still delayed");
    house.clock.advance(60 * 60);
    let challenge = harness::challenge(&cabinet, "ivan").unwrap();
    cabinet.answer(&challenge, &phone.code(cabinet.vault().now()), request()).unwrap();
}

#[test]
fn a_password_is_hashed_again_when_the_policy_asks_for_another_cost() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let mut dearer = house.cabinet.policy().clone();
    dearer.password.cost = Argon2Cost { memory_kib: 2 * LIGHT.memory_kib, ..LIGHT };
    let cabinet = house.another().with_policy(dearer);
    let row = RowKey::new(Table(32), cabinet.account_by_login("ivan").unwrap().id.0);
    let account = || house.store.get(&row).unwrap().unwrap().version;
    let before = account();
    harness::challenge(&cabinet, "ivan").unwrap();
    assert_eq!(account(), before + 1, "written once, under the new cost");
    harness::challenge(&cabinet, "ivan").unwrap();
    assert_eq!(account(), before + 1, "and not again");
    assert_eq!(cabinet.begin_login("ivan", &Password::new("wrong horse battery")), Err(REJECTED));
    let challenge = harness::challenge(&cabinet, "ivan").unwrap();
    assert!(house.clock_now() > NOON);
    cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
}
