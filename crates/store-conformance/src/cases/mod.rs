//! The cases. Each takes a factory, makes what it needs, and panics where the store breaks the contract.

pub mod counters;
pub mod expectations;
pub mod killing;
pub mod model;
pub mod processes;
pub mod races;
pub mod reopening;
pub mod rows;
pub mod scans;
pub mod settling;

use std::fmt::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use zamok_core::Error;
use zamok_core::store::{Change, ChangeId, CounterKey, Outcome, Row, RowKey, Store, Table};

/// A table that no room owns.
pub(crate) const TABLE: Table = Table(900);

pub(crate) fn row(key: &[u8]) -> RowKey {
    RowKey::new(TABLE, key)
}

pub(crate) fn counter(key: &[u8]) -> CounterKey {
    CounterKey(key.to_vec())
}

/// A change id that no other process and no earlier one has used.
pub(crate) fn fresh_id() -> ChangeId {
    static PROCESS: LazyLock<[u8; 8]> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = since.as_secs().wrapping_mul(1_000_000_000) + u64::from(since.subsec_nanos());
        (nanoseconds ^ u64::from(std::process::id()) << 40).to_be_bytes()
    });
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&*PROCESS);
    id[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    ChangeId(id)
}

/// A change with an id of its own.
pub(crate) fn change(build: impl FnOnce(&mut Change, ChangeId) -> Result<(), Error>) -> Change {
    let id = fresh_id();
    let mut change = Change::new(id);
    build(&mut change, id).expect("a change within its limits");
    change
}

pub(crate) fn commit<S: Store>(store: &S, change: &Change) -> Outcome {
    store.commit(change).expect("a commit is answered")
}

/// Commits what must be possible.
pub(crate) fn must<S: Store>(store: &S, build: impl FnOnce(&mut Change, ChangeId) -> Result<(), Error>) {
    assert_eq!(commit(store, &change(build)), Outcome::Committed);
}

pub(crate) fn insert<S: Store>(store: &S, key: &[u8], value: &[u8]) {
    must(store, |change, _| change.insert(row(key), value.to_vec()));
}

pub(crate) fn update<S: Store>(store: &S, key: &[u8], version: u64, value: &[u8]) {
    must(store, |change, _| change.update(row(key), version, value.to_vec()));
}

pub(crate) fn get<S: Store>(store: &S, key: &[u8]) -> Option<Row> {
    store.get(&row(key)).expect("a read is answered")
}

pub(crate) fn version<S: Store>(store: &S, key: &[u8]) -> Option<u64> {
    get(store, key).map(|row| row.version)
}

pub(crate) fn sum<S: Store>(store: &S, key: &[u8]) -> u64 {
    store.counter(&counter(key)).expect("a counter is read")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
