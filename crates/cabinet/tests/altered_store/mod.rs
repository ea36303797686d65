//! A store that does something else at a commit than it promises: counts, or has a planted defect.
#![allow(dead_code, missing_docs)]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use zamok_core::store::{Change, ChangeId, Expect, Outcome, RowKey, Store, StoreFault, Table, Write};
use zamok_core::vault::keys::KEYS;
use zamok_core::vault::spend::STATES;
use zamok_store_conformance::Hooked;

const FAILURES: Table = Table(34);
const CHALLENGES: Table = Table(35);
const FACTORS: Table = Table(36);
const SESSIONS: Table = Table(37);
const DOORS: Table = Table(47);

/// A store whose commits go through `commit`.
pub(crate) fn altered(
    store: impl Store + 'static,
    commit: impl Fn(&Arc<dyn Store>, &Change) -> Result<Outcome, StoreFault> + Send + Sync + 'static,
) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(store);
    Arc::new(Hooked::over(store).on_commit(commit))
}

/// Planted: the rows that spending a code rests on are set without being compared. Every change expects of them what
/// is there by then, whatever its author had read.
pub(crate) fn without_compare_and_set(
    store: &Arc<dyn Store>,
    change: &Change,
) -> Result<Outcome, StoreFault> {
    const CARELESS: [Table; 6] = [STATES, KEYS, CHALLENGES, FAILURES, FACTORS, DOORS];
    for _ in 0..1000 {
        let fresh = rebuilt(change, change.id(), |key, expect| {
            if !CARELESS.contains(&key.table) {
                return Ok(Some(expect));
            }
            Ok(Some(store.get(key)?.map_or(Expect::Absent, |row| Expect::Version(row.version))))
        });
        match store.commit(&fresh?)? {
            Outcome::Conflict(row) if CARELESS.contains(&row.table) => {}
            outcome => return Ok(outcome),
        }
    }
    Err(StoreFault::Contended)
}

/// Planted: a login is answered before it is committed.
pub(crate) fn hasty(store: &Arc<dyn Store>, change: &Change) -> Result<Outcome, StoreFault> {
    if !opens_a_session(change) {
        return store.commit(change);
    }
    let (store, change) = (Arc::clone(store), change.clone());
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(2));
        store.commit(&change)
    });
    Ok(Outcome::Committed)
}

/// Planted: a login is two commits. The session is opened first, the code is spent second.
pub(crate) fn torn(store: &Arc<dyn Store>, change: &Change) -> Result<Outcome, StoreFault> {
    if !opens_a_session(change) {
        return store.commit(change);
    }
    let first = rebuilt(change, change.id(), |key, expect| Ok((key.table != STATES).then_some(expect)))?;
    let mut other_id = change.id();
    other_id.0[0] ^= 1;
    let second = rebuilt(change, other_id, |key, expect| Ok((key.table == STATES).then_some(expect)))?;
    match store.commit(&first)? {
        Outcome::Committed => store.commit(&second),
        outcome => Ok(outcome),
    }
}

fn opens_a_session(change: &Change) -> bool {
    change.writes().any(|(key, _)| key.table == SESSIONS)
}

/// The same change with other expectations; a row for which there is none is left out.
fn rebuilt(
    change: &Change,
    id: ChangeId,
    expected: impl Fn(&RowKey, Expect) -> Result<Option<Expect>, StoreFault>,
) -> Result<Change, StoreFault> {
    const SMALL: &str = "a change within its limits";
    let mut other = Change::new(id);
    for (key, expect) in change.expectations() {
        let Some(expect) = expected(key, expect)? else { continue };
        let write = change.writes().find_map(|(written, write)| (written == key).then_some(write));
        let key = key.clone();
        match (write, expect) {
            (Some(Write::Put(value)), Expect::Absent) => other.insert(key, value.clone()),
            (Some(Write::Put(value)), Expect::Version(version)) => other.update(key, version, value.clone()),
            (Some(Write::Delete), Expect::Version(version)) => other.delete(key, version),
            (Some(Write::Delete) | None, expect) => other.expect(key, expect),
        }
        .expect(SMALL);
    }
    for (counter, add) in change.adds() {
        other.add(counter.clone(), add.delta, add.ceiling).expect(SMALL);
    }
    Ok(other)
}
