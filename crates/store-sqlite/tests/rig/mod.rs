//! What the tests of this crate share: changes, rows, and this test binary in another process.
#![allow(dead_code, unreachable_pub)]

pub mod namespace;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use zamok_core::Error;
use zamok_core::store::{Change, ChangeId, Outcome, Row, RowKey, Store, StoreFault, Table};
use zamok_store_sqlite::SqliteStore;

/// The variable by which a test tells its child process what to do.
pub const TASK: &str = "ZAMOK_STORE_SQLITE_TASK";
/// The path of the child's store.
pub const PLACE: &str = "ZAMOK_STORE_SQLITE_PLACE";

pub const TABLE: Table = Table(900);

pub fn row(key: impl Into<Vec<u8>>) -> RowKey {
    RowKey::new(TABLE, key)
}

/// A change with an id that no other process has used.
pub fn change(build: impl FnOnce(&mut Change) -> Result<(), Error>) -> Change {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    let mut id = [0; 16];
    id[..4].copy_from_slice(&std::process::id().to_be_bytes());
    id[4..8].copy_from_slice(&since.subsec_nanos().to_be_bytes());
    id[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let mut change = Change::new(ChangeId(id));
    build(&mut change).expect("a change within its limits");
    change
}

pub fn insert(store: &SqliteStore, key: &[u8], value: &[u8]) -> Result<Outcome, StoreFault> {
    store.commit(&change(|change| change.insert(row(key), value.to_vec())))
}

pub fn get(store: &SqliteStore, key: &[u8]) -> Result<Option<Row>, StoreFault> {
    store.get(&row(key))
}

pub fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    (folder, path)
}

pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// This test binary, running only the test of this name, with a task.
pub fn child(test: &str, task: &str, place: &Path) -> Command {
    let mut command = zamok_store_conformance::reexecuted(test);
    command.env(TASK, task).env(PLACE, place);
    command
}

/// The task of this process, when it is a child.
pub fn task() -> Option<(String, PathBuf)> {
    Some((std::env::var(TASK).ok()?, std::env::var_os(PLACE)?.into()))
}

/// Prints past the harness, which captures only macros.
pub fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{line}").and_then(|()| output.flush()).expect("someone listens");
}
