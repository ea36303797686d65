//! The journal's chains under races, errors, lost answers and clones: numbered without gaps, each entry bound to the
//! one before.

mod scene;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use scene::{follow_chains, increment, number, row, rows, vault_over};
use zamok_core::store::{Change, ChangeId, EntryId, MemoryStore, Outcome, Store, StoreFault};
use zamok_core::{Error, UnixTime};
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_journal::MAX_REST;
use zamok_store_conformance::Hooked;

fn new_vault() -> Vault {
    vault_over(Arc::new(MemoryStore::new()), scene::options())
}

#[test]
fn of_64_threads_on_one_row_every_increment_counts_or_is_told_busy() {
    let vault = new_vault();
    let (target, done, busy) = (row("target"), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let counter = match vault.transact(|tx| increment(tx, &target)) {
                        Ok(_) => &done,
                        Err(Error::Busy) => &busy,
                        Err(error) => panic!("{error}"),
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (done, busy) = (done.into_inner(), busy.into_inner());
    assert_eq!(done + busy, 64 * 20);
    assert!(done >= 64, "{done} of {} got through", 64 * 20);
    assert_eq!(vault.transact(|tx| number(tx, &target)), Ok(done));
    let (entries, chains) = follow_chains(&vault);
    assert_eq!(rows(&**vault.store(), EntryId::TABLE).len(), entries);
    assert_eq!(u64::try_from(entries).unwrap(), done + 1);
    assert!(chains <= 65, "{chains} chains for 64 threads and the creation");
}

#[test]
fn a_chain_that_has_rested_for_so_long_that_it_may_be_forgotten_is_not_gone_on_with() {
    let clock = ManualClock::new(UnixTime(1000));
    let options = Options { clock: Arc::new(clock.clone()), ..scene::options() };
    let vault = vault_over(Arc::new(MemoryStore::new()), options);
    let written = || {
        vault.transact(|tx| increment(tx, &row("target"))).unwrap();
        follow_chains(&vault).1
    };
    let chains = written();
    clock.advance(MAX_REST - 1);
    assert_eq!(written(), chains);
    clock.advance(MAX_REST);
    assert_eq!(written(), chains + 1);
}

#[test]
fn a_chain_rests_also_while_commits_write_nothing_in_it() {
    let clock = ManualClock::new(UnixTime(1000));
    let options = Options { clock: Arc::new(clock.clone()), ..scene::options() };
    let vault = vault_over(Arc::new(MemoryStore::new()), options);
    vault.transact(|tx| increment(tx, &row("target"))).unwrap();
    vault.integrate().unwrap();
    let chain = || vault.transact(|tx| Ok::<_, Error>(tx.next_entry().writer)).unwrap();
    let first = chain();
    for _ in 0..23 {
        clock.advance(MAX_REST / 24);
        vault.integrate().unwrap();
        assert_eq!(chain(), first);
    }
    clock.advance(MAX_REST / 24);
    assert_ne!(chain(), first);
}

#[test]
fn chains_stay_unbroken_under_64_threads_with_errors_and_lost_answers_between() {
    let flaky = Arc::new(Flaky::default());
    let commits = flaky.clone();
    let store = Hooked::over(Arc::new(MemoryStore::new()))
        .on_commit(move |store, change| commits.commit(store, change));
    let vault = vault_over(Arc::new(store), scene::options());
    flaky.on.store(true, Ordering::SeqCst);
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..64 {
            let (vault, done) = (&vault, &done);
            scope.spawn(move || {
                for round in 0..20 {
                    let target = row(&format!("{}", (thread + round) % 7));
                    let outcome = vault.transact(|tx| {
                        increment(tx, &target)?;
                        if round % 5 == 4 { Err(Error::UnknownKey) } else { Ok(()) }
                    });
                    match outcome {
                        Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                        Err(Error::Busy | Error::UnknownKey | Error::Store(StoreFault::Unavailable)) => 0,
                        Err(error) => panic!("{error}"),
                    };
                }
            });
        }
    });
    let lost = flaky.lost.lock().unwrap();
    assert!(lost.0 > 10 && lost.1 > 10, "answers lost before and after the commit: {lost:?}");
    let entries = follow_chains(&vault).0;
    assert_eq!(u64::try_from(entries).unwrap(), done.into_inner() + 1);
    let sum =
        (0..7).map(|name| vault.transact(|tx| number(tx, &row(&name.to_string()))).unwrap()).sum::<u64>();
    assert_eq!(sum + 1, u64::try_from(entries).unwrap());
}

#[test]
fn a_chain_that_a_cloned_machine_continued_is_left_and_another_begins() {
    let vault = new_vault();
    vault.transact(|tx| increment(tx, &row("target"))).unwrap();
    let mut clone = vault.transact(|tx| Ok::<_, Error>(tx.next_entry())).unwrap();
    assert_eq!(clone.sequence, 2);
    let mut change = Change::new(ChangeId([7; 16]));
    change.append(clone, b"written by the clone".to_vec()).unwrap();
    assert_eq!(vault.store().commit(&change), Ok(Outcome::Committed));
    let mut tries = 0;
    let outcome = vault.transact(|tx| {
        tries += 1;
        increment(tx, &row("target"))
    });
    assert_eq!((outcome, tries), (Ok(2), 2));
    let next = vault.transact(|tx| Ok::<_, Error>(tx.next_entry())).unwrap();
    clone.writer = next.writer;
    assert_eq!(next, clone, "the second entry of another chain");
}

/// What a store does that loses every seventh answer to a commit, half of them before and half of them after
/// it happened.
#[derive(Default)]
struct Flaky {
    on: AtomicBool,
    commits: AtomicU64,
    /// Answers lost before and after the commit.
    lost: Mutex<(u32, u32)>,
}

impl Flaky {
    fn commit(&self, store: &MemoryStore, change: &Change) -> Result<Outcome, StoreFault> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        if !self.on.load(Ordering::SeqCst) || !number.is_multiple_of(7) {
            return store.commit(change);
        }
        if number.is_multiple_of(2) {
            self.lost.lock().unwrap().0 += 1;
        } else if matches!(store.commit(change)?, Outcome::Committed) {
            self.lost.lock().unwrap().1 += 1;
        }
        Err(StoreFault::OutcomeUnknown)
    }
}

#[test]
fn a_handle_that_rested_for_longer_than_chains_are_remembered_begins_one_that_is_taken_up() {
    let clock = ManualClock::new(UnixTime(1_800_000_000));
    let options = Options { clock: Arc::new(clock.clone()), ..scene::options() };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vault = vault_over(store.clone(), options.clone());
    vault.transact(|tx| increment(tx, &row("target"))).unwrap();
    assert_eq!(vault.integrate(), Ok(2));
    // A month and a day, in which somebody else wrote: whatever did not go on meanwhile is forgotten.
    clock.advance(20 * 86_400);
    drop(Vault::unlock(store, &Passphrase::from("a long sentence"), options).unwrap());
    assert!(vault.integrate().is_ok_and(|count| count > 0));
    clock.advance(11 * 86_400);
    assert_eq!(vault.integrate(), Ok(0));
    let head = vault.read(|store, keyring| zamok_journal::Journal::new(store, keyring).head()).unwrap();
    assert!(head.unwrap().closed > UnixTime(1_800_000_000), "the first chain is forgotten");
    vault.transact(|tx| increment(tx, &row("target"))).unwrap();
    assert_eq!(vault.integrate(), Ok(1), "it goes on in no chain that nobody remembers");
    let report = vault.read(zamok_journal::audit).unwrap();
    assert!(report.is_clean() && report.waiting == 0, "{report:?}");
}
