//! The election of the integrator: two of them and a writer over one log, in the orders of what they ask the store. Whoever
//! commits first is elected; every entry becomes a leaf once, and nobody is accused.

use zamok_core::store::Store;
use zamok_journal::audit;
use zamok_store_conformance::Tier;

use crate::border::{Process, every_order};
use crate::log::{Log, Seeded, integrate_over, transact_over};

/// Entries that wait at the beginning, by two writers.
const WAITING: u64 = 3;

fn log() -> Log {
    let mut log = Log::new(23);
    log.fill(2, WAITING);
    log.integrate(1);
    log
}

fn store(log: &Log) -> &dyn Store {
    &log.store
}

/// Moves what waits, a batch at a time, until it finds nothing; others may be faster.
fn move_all(log: &Log, border: &dyn Store, seed: u64) {
    let mut rng = Seeded::new(seed);
    loop {
        let done = integrate_over(border, &log.keyring, 2, &mut rng).unwrap();
        assert!(done.as_ref().is_none_or(|done| done.broken.is_empty()), "{done:?}");
        if done.is_some_and(|done| !done.more) {
            return;
        }
    }
}

const FIRST: Process<Log> = |log, border| move_all(log, border, 1);
const SECOND: Process<Log> = |log, border| move_all(log, border, 2);
const WRITER: Process<Log> = |log, border| {
    use zamok_core::event::{Detail, EventKind};
    let write = |tx: &mut zamok_core::vault::Transaction<'_>| {
        tx.event(EventKind::CodeAccepted, None, &crate::log::row(), &Detail::new())
    };
    transact_over(border, &log.keyring, crate::log::START + 9, &mut Seeded::new(3), write).unwrap();
};

fn preemptions() -> Option<usize> {
    Some(usize::try_from(Tier::pick(1, 2, 3)).expect("small"))
}

/// What is left is moved, and the log is whole.
fn whole(log: &Log, entries: u64) {
    move_all(log, &log.store, 4);
    let report = audit(&log.store, &log.keyring).unwrap();
    assert!(report.is_clean() && report.leaves == entries, "{report:?}");
}

#[test]
fn of_two_integrators_one_is_elected_in_every_order() {
    let orders = every_order(preemptions(), log, store, &[FIRST, SECOND], |log| whole(log, WAITING));
    assert!(orders > 5, "{orders}");
}

#[test]
fn an_entry_that_is_written_meanwhile_is_no_fault() {
    let orders =
        every_order(preemptions(), log, store, &[FIRST, SECOND, WRITER], |log| whole(log, WAITING + 1));
    assert!(orders > 5, "{orders}");
}
