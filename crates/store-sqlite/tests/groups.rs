//! Concurrent commits share a flush, and each is answered alone.

mod rig;

use std::sync::Barrier;
use std::thread;

use rig::{change, folder, get, insert, row};
use zamok_core::store::{CounterKey, Outcome, Store};
use zamok_store_conformance::Tier;
use zamok_store_sqlite::SqliteStore;

const THREADS: u64 = 64;

#[test]
fn sixty_four_callers_share_flushes() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    let each = Tier::pick(20, 50, 500);
    let barrier = Barrier::new(64);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..each {
                    let key = [thread.to_be_bytes(), number.to_be_bytes()].concat();
                    assert_eq!(insert(store, &key, b"value"), Ok(Outcome::Committed));
                    assert!(get(store, &key).is_ok_and(|row| row.is_some()), "its own commit is read back");
                }
            });
        }
    });
    let (commits, flushes) = (THREADS * each, store.flushes());
    rig::say(&format!("{commits} commits of {THREADS} threads: {flushes} flushes"));
    assert!(flushes * 4 <= commits, "{flushes} flushes for {commits} commits");
    let page = store.scan(rig::TABLE, &Default::default(), usize::MAX, None).expect("a scan");
    assert_eq!(page.rows.len() as u64, commits);
}

#[test]
fn a_lone_caller_flushes_for_every_commit() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    for number in 0..100_u8 {
        assert_eq!(insert(&store, &[number], b"value"), Ok(Outcome::Committed));
        assert_eq!(store.flushes(), u64::from(number) + 1);
    }
    assert!(matches!(insert(&store, &[0], b"value"), Ok(Outcome::Conflict(_))));
    assert_eq!(store.flushes(), 100, "a conflict flushes nothing");
}

#[test]
fn conflicts_caps_and_fences_of_some_do_not_fail_the_others() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"taken", b""), Ok(Outcome::Committed));
    let capped = CounterKey(b"capped".to_vec());
    let barrier = Barrier::new(64);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, barrier, capped) = (&store, &barrier, &capped);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..Tier::pick(10, 25, 250) {
                    let key = [thread.to_be_bytes(), number.to_be_bytes()].concat();
                    let with = |other: &str| {
                        change(|change| {
                            change.insert(row(key.clone()), Vec::new())?;
                            match other {
                                "conflict" => change.insert(row(*b"taken"), Vec::new()),
                                "cap" => change.add(capped.clone(), 1, 0),
                                _ => Ok(()),
                            }
                        })
                    };
                    let expected = match thread % 4 {
                        0 => (with("conflict"), Outcome::Conflict(row(*b"taken"))),
                        1 => (with("cap"), Outcome::Capped(capped.clone())),
                        2 => {
                            let fenced = with("fence");
                            assert!(store.resolve(fenced.id()).is_ok());
                            (fenced, Outcome::Fenced)
                        }
                        _ => (with("nothing"), Outcome::Committed),
                    };
                    assert_eq!(store.commit(&expected.0), Ok(expected.1.clone()));
                    let is_there = get(store, &key).expect("a read").is_some();
                    assert_eq!(is_there, expected.1 == Outcome::Committed);
                }
            });
        }
    });
}
