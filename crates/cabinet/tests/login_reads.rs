//! What a login reads, to the row: nobody adds one unseen. And what others change between its two looks at an account counts,
//! whatever the first of them has seen. What is counted leaves one counter, however long it is counted.
#![allow(missing_docs)]

mod harness;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use harness::{House, LIGHT, light_policy, password, request};
use zamok_cabinet::{AccountStep, Begun, Cabinet, Error, Password};
use zamok_core::Error as CoreError;
use zamok_core::store::{CounterKey, MemoryStore, Store, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_store_conformance::Hooked;

const REJECTED: Error = Error::Core(CoreError::Rejected);
const ACCOUNTS: Table = Table(32);

/// What was asked of a store.
#[derive(Default)]
struct Counts {
    rows: AtomicU64,
    pages: AtomicU64,
    counters: AtomicU64,
    commits: AtomicU64,
    /// The counters that were added to.
    added: Mutex<BTreeSet<CounterKey>>,
}

/// How often what was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    rows: u64,
    pages: u64,
    /// Counters that were asked for together are one question.
    counters: u64,
    commits: u64,
}

impl Counts {
    /// What is asked for meanwhile.
    fn asked(&self, work: impl FnOnce()) -> Asked {
        let counts = || {
            [&self.rows, &self.pages, &self.counters, &self.commits].map(|count| count.load(Ordering::SeqCst))
        };
        let before = counts();
        work();
        let after = counts();
        let [rows, pages, counters, commits] = std::array::from_fn(|at| after[at] - before[at]);
        Asked { rows, pages, counters, commits }
    }
}

/// A house, and the counts of its store.
fn counted() -> (House, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let [gets, scans, commits, sums, lists] = [(); 5].map(|()| counts.clone());
    let store = Hooked::over(Arc::new(MemoryStore::new()))
        .on_get(move |store, key| {
            gets.rows.fetch_add(1, Ordering::SeqCst);
            store.get(key)
        })
        .on_scan(move |store, table, range, limit, after| {
            scans.pages.fetch_add(1, Ordering::SeqCst);
            store.scan(table, range, limit, after)
        })
        .on_commit(move |store, change| {
            commits.commits.fetch_add(1, Ordering::SeqCst);
            commits.added.lock().unwrap().extend(change.adds().map(|(key, _)| key.clone()));
            store.commit(change)
        })
        .on_counter(move |store, key| {
            sums.counters.fetch_add(1, Ordering::SeqCst);
            store.counter(key)
        })
        .on_counters(move |store, keys| {
            lists.counters.fetch_add(1, Ordering::SeqCst);
            store.counters(keys)
        });
    (House::over(Arc::new(store)), counts)
}

#[test]
fn a_login_asks_for_so_many_rows_and_counters_and_for_no_more() {
    let (house, counts) = counted();
    let phone = house.citizen("ivan");
    house.login("ivan", &phone).unwrap();
    for _ in 0..3 {
        house.clock.advance(30);
        // Once a minute a handle compares the keys of the vault with the store: not within what is counted.
        house.cabinet.vault().transact(|_| Ok::<_, CoreError>(())).unwrap();
        let code = phone.code(house.clock_now());
        let begin = || {
            let mut challenge = None;
            (counts.asked(|| challenge = Some(house.challenge("ivan"))), challenge.unwrap())
        };
        let (begun, challenge) = begin();
        let answered = counts.asked(|| {
            house.cabinet.answer(&challenge, &code, request()).unwrap();
        });
        let (_, challenge) = begin();
        let refused = counts.asked(|| {
            assert_eq!(house.cabinet.answer(&challenge, &code, request()), Err(REJECTED));
        });
        let found = [("password", begun), ("code", answered), ("spent code", refused)];
        assert_eq!(
            found,
            [
                ("password", Asked { rows: 6, pages: 0, counters: 2, commits: 1 }),
                ("code", Asked { rows: 6, pages: 0, counters: 1, commits: 1 }),
                ("spent code", Asked { rows: 5, pages: 0, counters: 1, commits: 1 }),
            ]
        );
    }
}

#[test]
fn as_much_is_asked_for_where_nobody_has_the_login_as_where_somebody_has() {
    let (house, counts) = counted();
    house.citizen("ivan");
    let wrong = Password::new("wrong horse battery");
    let guess = |login: &str| {
        counts.asked(|| assert_eq!(house.cabinet.begin_login(login, &wrong), Err(REJECTED), "{login:?}"))
    };
    let somebody = guess("ivan");
    assert_eq!(somebody, Asked { rows: 5, pages: 0, counters: 1, commits: 1 });
    for login in ["nobody", "two words", "", "ivan"] {
        assert_eq!(guess(login), somebody, "{login:?}");
    }
}

#[test]
fn a_thousand_hours_leave_as_many_counters_as_one() {
    let (house, counts) = counted();
    house.citizen("ivan");
    let wrong = Password::new("wrong horse battery");
    let counters = || counts.added.lock().unwrap().iter().cloned().collect::<Vec<_>>();
    let (mut first, mut sums) = (Vec::new(), Vec::new());
    for hour in 0..1000 {
        assert_eq!(house.cabinet.begin_login("nobody", &wrong), Err(REJECTED));
        house.challenge("ivan");
        if hour == 0 {
            // Wrong answers to one name, and to all; challenges of one account.
            (first, sums) = (counters(), vec![0; 3]);
        }
        let now = house.store.counters(&first).unwrap();
        assert!(now.iter().zip(&sums).all(|(now, before)| now > before), "{hour}: all are counted");
        sums = now;
        // No delay is longer than an hour.
        house.clock.advance(2 * 3600);
    }
    assert_eq!((first.len(), counters()), (3, first));
}

/// A house whose store lets another process act once, when the next record of an account is read: what was read is old then.
fn overtaken(act: impl Fn(&Cabinet) + Send + Sync + 'static) -> (House, Arc<AtomicU64>) {
    let (armed, other) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
    let store = {
        let (armed, other) = (armed.clone(), other.clone());
        Hooked::over(Arc::new(MemoryStore::new())).on_get(move |store, key| {
            let row = store.get(key);
            let one_less = |left: u64| left.checked_sub(1);
            if key.table == ACCOUNTS
                && armed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) == Ok(1)
            {
                act(other.get().unwrap());
            }
            row
        })
    };
    let house = House::over(Arc::new(store));
    assert!(other.set(house.another()).is_ok());
    (house, armed)
}

#[test]
fn who_is_suspended_between_the_two_looks_is_kept_out() {
    let (house, armed) =
        overtaken(|other| other.suspend_account("ivan", AccountStep::Suspend, "a test").unwrap());
    house.citizen("ivan");
    armed.store(1, Ordering::SeqCst);
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REJECTED));
    assert_eq!(armed.load(Ordering::SeqCst), 0, "it happened");
}

#[test]
fn who_is_let_in_again_between_the_two_looks_is_let_in() {
    let (house, armed) =
        overtaken(|other| other.suspend_account("ivan", AccountStep::Resume, "a test").unwrap());
    house.citizen("ivan");
    house.cabinet.suspend_account("ivan", AccountStep::Suspend, "a test").unwrap();
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REJECTED));
    armed.store(1, Ordering::SeqCst);
    assert!(matches!(house.cabinet.begin_login("ivan", &password()), Ok(Begun::Code(_))));
    assert_eq!(armed.load(Ordering::SeqCst), 0, "it happened");
}

#[test]
fn who_registers_between_the_two_looks_is_somebody_by_the_second() {
    let (house, armed) = overtaken(|other| other.register("late", &password()).map(|_| ()).unwrap());
    // The record that is read is the decoy's.
    armed.store(1, Ordering::SeqCst);
    assert!(matches!(house.cabinet.begin_login("late", &password()), Ok(Begun::Enrol(_))));
    assert_eq!(armed.load(Ordering::SeqCst), 0, "it happened");
}

/// A house in which passwords are hashed at another cost than where others log in meanwhile, who make the hash anew.
fn with_renewal() -> (House, Arc<AtomicU64>) {
    let (mut house, armed) = overtaken(|other| other.begin_login("ivan", &password()).map(drop).unwrap());
    let mut dearer = light_policy();
    dearer.password.cost = Argon2Cost { memory_kib: 2 * LIGHT.memory_kib, ..LIGHT };
    house.cabinet = house.cabinet.with_policy(dearer);
    (house, armed)
}

#[test]
fn a_right_recovery_code_is_right_though_a_login_makes_the_hash_anew_meanwhile() {
    for read in 1..=8 {
        let (house, armed) = with_renewal();
        let phone = house.citizen("ivan");
        let session = house.login("ivan", &phone).unwrap();
        let codes = house.cabinet.new_recovery_codes(&session).unwrap();
        armed.store(read, Ordering::SeqCst);
        let recovered = house.cabinet.recover("ivan", &password(), codes[0].as_str());
        assert!(recovered.is_ok(), "overtaken at the read of number {read}: {recovered:?}");
    }
}

#[test]
fn a_right_old_password_is_right_though_a_login_makes_the_hash_anew_meanwhile() {
    let new = Password::new("seven quiet lamps on a hill");
    for read in 1..=8 {
        let (house, armed) = with_renewal();
        let phone = house.citizen("ivan");
        let session = house.login("ivan", &phone).unwrap();
        armed.store(read, Ordering::SeqCst);
        let changed = house.cabinet.change_password(&session, &password(), &new);
        assert_eq!(changed, Ok(()), "overtaken at the read of number {read}");
    }
}
