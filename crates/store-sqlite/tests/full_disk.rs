//! No room, and no right to write: a clear answer, nothing lost, and work goes on by itself when there is room again.

mod rig;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rig::namespace::{behind, bound_by_modes, in_a_namespace, must_succeed};
use rig::{beside, change, get, insert, row, say, task};
use zamok_core::store::{CounterKey, Outcome, Resolution, Store, StoreFault};
use zamok_store_sqlite::SqliteStore;

#[test]
fn a_full_disk_is_told_and_work_goes_on_when_there_is_room() {
    const NAME: &str = "a_full_disk_is_told_and_work_goes_on_when_there_is_room";
    if let Some((_, path)) = task() {
        return fill_the_disk(&path);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let script =
        r#"mount -t tmpfs -o size=600k none "$(dirname "$ZAMOK_STORE_SQLITE_PLACE")"; exec "$0" "$@""#;
    must_succeed(&in_a_namespace(NAME, "fill", &path, script));
}

fn fill_the_disk(path: &Path) {
    let ballast = beside(path, ".ballast");
    fs::write(&ballast, vec![1; 200_000]).expect("room for the ballast");
    let store = SqliteStore::create(path).expect("a new store");
    let sum = CounterKey(b"sum".to_vec());
    let numbered = |number: u32| {
        change(|change| {
            change.insert(row(number.to_be_bytes()), vec![2; 3_000])?;
            change.add(sum.clone(), 1, u64::MAX)
        })
    };
    let mut written = 0;
    let (refused, fault) = loop {
        let next = numbered(written);
        match store.commit(&next) {
            Ok(Outcome::Committed) => written += 1,
            Ok(other) => panic!("{other:?}"),
            Err(fault) => break (next, fault),
        }
    };
    assert_eq!(fault, StoreFault::Full, "after {written} rows");
    assert!(written > 10);
    for _ in 0..20 {
        assert_eq!(store.commit(&refused), Err(StoreFault::Full));
        for number in 0..written {
            assert!(get(&store, &number.to_be_bytes()).is_ok_and(|row| row.is_some()), "row {number}");
        }
        assert_eq!(get(&store, &written.to_be_bytes()), Ok(None), "what had no room did not happen");
        assert_eq!(store.counter(&sum), Ok(u64::from(written)));
    }
    // Nobody's room is taken by somebody else's: a conflict is still answered.
    assert!(matches!(insert(&store, &0_u32.to_be_bytes(), b""), Ok(Outcome::Conflict(_))));

    fs::remove_file(&ballast).expect("the ballast");
    assert_eq!(store.commit(&refused), Ok(Outcome::Committed), "the same handle goes on");
    for number in written + 1..written + 4 {
        assert_eq!(store.commit(&numbered(number)), Ok(Outcome::Committed));
    }
    assert_eq!(store.check(), Ok(Vec::new()));
    drop(store);
    let store = SqliteStore::open(path).expect("the store");
    assert_eq!(store.counter(&sum), Ok(u64::from(written) + 4));
    say(&format!("full disk: {written} commits, refused, then 4 more"));
}

#[test]
fn threads_on_a_full_disk_are_each_told_the_truth() {
    const NAME: &str = "threads_on_a_full_disk_are_each_told_the_truth";
    if let Some((_, path)) = task() {
        return fill_with_threads(&path);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let script =
        r#"mount -t tmpfs -o size=900k none "$(dirname "$ZAMOK_STORE_SQLITE_PLACE")"; exec "$0" "$@""#;
    must_succeed(&in_a_namespace(NAME, "fill", &path, script));
}

fn fill_with_threads(path: &Path) {
    let store = SqliteStore::create(path).expect("a new store");
    let told: Vec<Vec<(Vec<u8>, bool)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16_u8)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    (0..60_u8)
                        .map(|number| {
                            let size = if number % 5 == 0 { 6_000 } else { 100 };
                            match insert(store, &[thread, number], &vec![3; size]) {
                                Ok(Outcome::Committed) => (vec![thread, number], true),
                                Err(StoreFault::Full) => (vec![thread, number], false),
                                other => panic!("{other:?}"),
                            }
                        })
                        .collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    let told: Vec<_> = told.into_iter().flatten().collect();
    for (key, is_there) in &told {
        assert_eq!(get(&store, key).expect("a read").is_some(), *is_there, "{key:?}");
    }
    let committed = told.iter().filter(|(_, is_there)| *is_there).count();
    assert!(committed > 0 && committed < told.len(), "{committed} of {}", told.len());
    say(&format!("full disk: {committed} of {} commits of 16 threads had room, each was told", told.len()));
}

/// The limit on the size of a file is an error of writing that is not `ENOSPC`: the outcome is unknown, and is settled.
#[test]
fn a_write_error_leaves_the_outcome_unknown_and_resolvable() {
    const NAME: &str = "a_write_error_leaves_the_outcome_unknown_and_resolvable";
    if let Some((_, path)) = task() {
        return hit_the_limit(&path);
    }
    let (_folder, path) = rig::folder();
    let script = r#"trap "" XFSZ; ulimit -S -f 150; exec "$0" "$@""#;
    must_succeed(&behind(&[], NAME, "limit", &path, script));
    // Without the limit all is well, and what the child was told is true.
    let store = SqliteStore::open(&path).expect("the store");
    let told = fs::read_to_string(beside(&path, ".told")).expect("what the child was told");
    let written: u32 = told.parse().expect("a number");
    for number in 0..written {
        assert!(get(&store, &number.to_be_bytes()).is_ok_and(|row| row.is_some()), "row {number}");
    }
    assert_eq!(get(&store, &written.to_be_bytes()), Ok(None));
    assert_eq!(insert(&store, &written.to_be_bytes(), b""), Ok(Outcome::Committed));
}

fn hit_the_limit(path: &Path) {
    let store = SqliteStore::create(path).expect("a new store");
    let mut written = 0_u32;
    loop {
        let next = change(|change| change.insert(row(written.to_be_bytes()), vec![2; 3_000]));
        match store.commit(&next) {
            Ok(Outcome::Committed) => written += 1,
            Err(StoreFault::OutcomeUnknown) => {
                // The small marker may find room in the log's last page where the change did not.
                match store.resolve(next.id()) {
                    Ok(Resolution::Aborted) => assert_eq!(store.commit(&next), Ok(Outcome::Fenced)),
                    Err(StoreFault::OutcomeUnknown) => {}
                    other => panic!("{other:?}"),
                }
                break;
            }
            other => panic!("{other:?} after {written} rows"),
        }
    }
    assert!(written > 5);
    assert_eq!(get(&store, &written.to_be_bytes()), Ok(None));
    fs::write(beside(path, ".told"), written.to_string()).expect("a small file");
    say(&format!("full disk: {written} commits below the limit"));
}

#[test]
fn a_store_that_may_only_be_read_says_so() {
    const NAME: &str = "a_store_that_may_only_be_read_says_so";
    if let Some((_, path)) = task() {
        let fault = SqliteStore::open(&path).expect_err("a store that cannot be written");
        assert_eq!(fault, StoreFault::ReadOnly);
        assert_eq!(SqliteStore::create(&path).expect_err("the same"), StoreFault::ReadOnly);
        return;
    }
    let (folder, path) = rig::folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
    drop(store);
    let script = r#"d="$(dirname "$ZAMOK_STORE_SQLITE_PLACE")"; mount --bind "$d" "$d"; mount -o remount,bind,ro "$d"; exec "$0" "$@""#;
    must_succeed(&in_a_namespace(NAME, "read", &path, script));
    let store = SqliteStore::open(&path).expect("writable again");
    assert!(get(&store, b"key").is_ok_and(|row| row.is_some()));
    drop((store, folder));
}

#[test]
fn a_file_whose_mode_forbids_writing_says_so_and_is_a_store_again_when_it_does_not() {
    const NAME: &str = "a_file_whose_mode_forbids_writing_says_so_and_is_a_store_again_when_it_does_not";
    if let Some((_, path)) = task() {
        return lock_the_file(&path);
    }
    let (_folder, path) = rig::folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
    drop(store);
    must_succeed(&bound_by_modes(NAME, "lock", &path, r#"exec "$0" "$@""#));
}

fn lock_the_file(path: &Path) {
    let mode = |mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).expect("our file");
    mode(0o400);
    assert!(File::options().write(true).open(path).is_err(), "this process is not bound by modes");
    for _ in 0..2 {
        assert_eq!(SqliteStore::open(path).expect_err("a file to read"), StoreFault::ReadOnly);
        assert_eq!(SqliteStore::create(path).expect_err("the same"), StoreFault::ReadOnly);
    }
    for suffix in ["-wal", "-shm"] {
        assert!(!beside(path, suffix).exists(), "{suffix}: whoever may not write leaves nothing behind");
    }
    mode(0o600);
    let store = SqliteStore::open(path).expect("the store");
    assert!(get(&store, b"key").is_ok_and(|row| row.is_some()));
    assert_eq!(insert(&store, b"unlocked", b""), Ok(Outcome::Committed));
    // Under a running process: it goes on with what it has open, and whoever comes is told.
    mode(0o400);
    assert_eq!(insert(&store, b"open", b""), Ok(Outcome::Committed));
    assert_eq!(SqliteStore::open(path).expect_err("a file to read"), StoreFault::ReadOnly);
    mode(0o600);
    let other = SqliteStore::open(path).expect("the store");
    assert_eq!(insert(&other, b"other", b""), Ok(Outcome::Committed));
    for key in [b"open".as_slice(), b"other"] {
        assert!(get(&store, key).is_ok_and(|row| row.is_some()));
    }
}
