//! The log: what a view or a copy has kept in it goes when that ends, and it does not stay as large as it once was.

mod rig;

use std::fs;
use std::path::Path;
use std::process::Command;

use rig::{beside, change, folder, insert, row};
use rusqlite::Connection;
use zamok_core::store::{Change, Outcome, Store};
use zamok_store_sqlite::SqliteStore;

const MARK: &str = "a value that is to be gone";

/// What the log is cut to: 8192 pages.
const LARGEST: u64 = 8_192 * 4_096;

fn log(path: &Path) -> u64 {
    fs::metadata(beside(path, "-wal")).expect("the log").len()
}

/// Whether the mark stands in a file. Another process reads: closing the file in this one would drop the store's locks.
fn has_mark(path: &Path) -> bool {
    let found = Command::new("grep").args(["-q", "-a", MARK]).arg(path).status().expect("grep");
    assert!(found.code().is_some_and(|code| code < 2), "grep: {found}");
    found.success()
}

fn mark_and_delete(store: &SqliteStore, key: &[u8]) {
    assert_eq!(insert(store, key, MARK.as_bytes()), Ok(Outcome::Committed));
    assert_eq!(store.commit(&change(|change| change.delete(row(key), 1))), Ok(Outcome::Committed));
}

#[test]
fn what_was_deleted_is_in_no_file_once_a_view_or_a_copy_has_ended() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    let view = store.snapshot().expect("a view").expect("this store has views");
    mark_and_delete(&store, b"one");
    assert!(has_mark(&beside(&path, "-wal")), "it is kept while somebody may look at it");
    drop(view);
    assert!(!has_mark(&path) && !has_mark(&beside(&path, "-wal")));
    assert_eq!(log(&path), 0);

    mark_and_delete(&store, b"two");
    assert!(has_mark(&beside(&path, "-wal")), "it stays until something is written over it");
    store.backup_to(beside(&path, ".copy")).expect("a copy");
    assert!(!has_mark(&path) && !has_mark(&beside(&path, "-wal")) && !has_mark(&beside(&path, ".copy")));

    // Another view is nobody's who ends: nothing is waited for.
    let stays = store.snapshot().expect("a view").expect("this store has views");
    mark_and_delete(&store, b"three");
    let ends = store.snapshot().expect("a view").expect("this store has views");
    let begun = std::time::Instant::now();
    drop(ends);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(has_mark(&beside(&path, "-wal")));
    assert_eq!(stays.get(&row(*b"three")), Ok(None));
    assert_eq!(insert(&store, b"more", b""), Ok(Outcome::Committed));
    drop(stays);
    assert!(!has_mark(&path) && !has_mark(&beside(&path, "-wal")));
    assert_eq!(store.check(), Ok(Vec::new()));
}

#[test]
fn a_log_that_had_to_grow_is_cut_when_it_begins_anew() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    let reader = Connection::open(&path).expect("SQLite opens it");
    reader.execute_batch("BEGIN; SELECT count(*) FROM rows").expect("a read");
    let large = vec![1; Change::MAX_VALUE];
    for number in 0..40_u8 {
        assert_eq!(insert(&store, &[number], &large), Ok(Outcome::Committed));
    }
    assert!(log(&path) > LARGEST, "{} bytes", log(&path));
    reader.execute_batch("COMMIT").expect("the end of the read");
    for number in 40..44_u8 {
        assert_eq!(insert(&store, &[number], b"small"), Ok(Outcome::Committed));
    }
    assert!(log(&path) <= LARGEST, "{} bytes", log(&path));
    assert_eq!(store.check(), Ok(Vec::new()));
}
