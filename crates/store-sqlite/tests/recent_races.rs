//! Several threads on several handles append, merge and read one pair of rows at once: no row goes back, no change is seen
//! in half, and each commit counts once.

mod rig;

use std::sync::atomic::{AtomicBool, Ordering};
use std::{iter, thread};

use rig::{TABLE, change, folder, get, insert, row};
use zamok_core::store::{Change, Outcome, Range, Store, StoreFault};
use zamok_store_conformance::{Random, Tier};
use zamok_store_sqlite::SqliteStore;

/// Commits as soon as the others let it.
fn patiently(store: &SqliteStore, change: &Change) -> Outcome {
    loop {
        match store.commit(change) {
            Err(StoreFault::Contended) => {}
            answer => return answer.expect("a commit"),
        }
    }
}

#[test]
fn while_others_append_and_merge_nobody_sees_a_row_go_back_or_half_of_a_change() {
    let (_folder, path) = folder();
    let first = SqliteStore::create(&path).expect("a new store");
    for key in *b"ab" {
        assert_eq!(insert(&first, &[key], b"value"), Ok(Outcome::Committed));
    }
    let rounds = Tier::pick(60, 300, 5_000);
    let versions = |store: &dyn Store| -> Vec<u64> {
        let page = store.scan(TABLE, &Range::default(), 9, None).expect("a page");
        page.rows.iter().map(|(_, row)| row.version).collect()
    };
    let of_one = |store: &SqliteStore| get(store, b"a").expect("a read").expect("a row").version;
    // What a thread has read comes before what it reads next.
    let task = |store: &SqliteStore, number: usize| {
        let (mut random, mut seen, mut won) = (Random::new(u64::try_from(number).expect("small")), 0, 0);
        for _ in 0..rounds {
            for version in [of_one(store), versions(store)[0], of_one(store)] {
                assert!(version >= seen, "{version} after {seen}");
                seen = version;
            }
            if random.below(4) == 0 {
                let snapshot = store.snapshot().expect("a view").expect("SQLite has views");
                let [before, after] = [0, 1].map(|_| versions(&*snapshot));
                assert!(
                    before == after && before[0] == before[1] && before[0] >= seen,
                    "{before:?} {after:?}"
                );
            }
            let pair = versions(store);
            assert_eq!(pair[0], pair[1]);
            let both = change(|change| {
                for key in *b"ab" {
                    change.update(row([key]), pair[0], random.bytes(40))?;
                }
                if random.below(3) == 0 {
                    change.erase();
                }
                Ok(())
            });
            match patiently(store, &both) {
                Outcome::Committed => {
                    won += 1;
                    seen = pair[0] + 1;
                    assert_eq!(patiently(store, &both), Outcome::Committed, "its id is remembered");
                }
                outcome => assert!(matches!(outcome, Outcome::Conflict(_)), "{outcome:?}"),
            }
        }
        won
    };
    // Reads single rows and pages until the others are done.
    let done = AtomicBool::new(false);
    let watch = |store: &SqliteStore| {
        let mut seen = 0;
        while !done.load(Ordering::Relaxed) {
            for version in (0..50).map(|_| of_one(store)).chain(iter::once_with(|| versions(store)[0])) {
                assert!(version >= seen, "{version} after {seen}");
                seen = version;
            }
        }
    };
    let others = [0, 1].map(|_| SqliteStore::open(&path).expect("the store"));
    let stores = [&first, &others[0], &others[1]];
    let won: u64 = thread::scope(|scope| {
        let (task, watch) = (&task, &watch);
        let watchers = stores.map(|store| [0, 1].map(|_| scope.spawn(move || watch(store))));
        let tasks = [0, 1, 2].map(|number| scope.spawn(move || task(stores[number], number)));
        let won = tasks.map(thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        watchers.into_iter().flatten().for_each(|watcher| watcher.join().expect("a watcher"));
        won.into_iter().map(|won| won.expect("a task")).sum()
    });
    assert_eq!(versions(&others[1]), [won + 1; 2], "each commit counted once");
}
