//! Forks, an operating system that runs out of randomness, and clocks that stand still.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use zamok_core::event::{Detail, EventKind};
use zamok_core::secret::HeapMemory;
use zamok_core::store::{EntryId, MemoryStore, Range, RowKey, Store, Table};
use zamok_core::vault::rotation::LEARNED_WITHIN;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{Role, Transaction};
use zamok_core::{Error, UnixTime};

use super::learned::tests::AHEAD;
use super::{NewSlot, Options, Vault};
use crate::clock::ManualClock;
use crate::credential::Credential;
use crate::memory::tests::{Ended, fork, in_child, wait};
use crate::passphrase::Passphrase;
use crate::random::tests::DRAWS_LEFT;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

fn passphrase() -> Passphrase {
    Passphrase::from("a long sentence")
}

fn new_vault(options: Options) -> Vault {
    Vault::create(Arc::new(MemoryStore::new()), &passphrase(), options).unwrap()
}

fn cheap() -> Options {
    Options { cost: CHEAP, ..Options::default() }
}

fn row() -> RowKey {
    RowKey::new(Table(900), *b"row")
}

fn write(tx: &mut Transaction<'_>) -> Result<(), Error> {
    tx.put_state(&row(), b"written")?;
    tx.event(EventKind::KeyCreated, None, &row(), &Detail::new()).map(|_| ())
}

/// Rows of the test and entries of the journal in the store.
fn content(vault: &Vault) -> (usize, usize) {
    let count = |table| vault.store().scan(table, &Range::all(), 1000, None).unwrap().rows.len();
    (count(Table(900)), count(EntryId::TABLE))
}

#[test]
fn a_forked_child_finds_the_vault_locked_and_unlocks_it_for_itself() {
    let vault = new_vault(cheap());
    assert_eq!(vault.transact(write), Ok(()));
    let before = content(&vault);
    let ended = in_child(|| {
        let locked = vault.is_locked()
            && vault.transact(write) == Err(Error::Locked)
            && vault.read(|_, _| Ok(())) == Err(Error::Locked)
            && content(&vault) == before;
        vault.lock();
        let own = Vault::unlock(Arc::clone(vault.store()), &passphrase(), cheap()).unwrap();
        let well = locked && own.transact(write) == Ok(()) && own.origin() == vault.origin();
        drop((own, vault));
        well
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn a_parent_goes_on_after_a_fork() {
    let vault = new_vault(cheap());
    assert_eq!(in_child(|| vault.is_locked()), Ended::Well);
    assert!(!vault.is_locked());
    assert_eq!(vault.transact(write), Ok(()));
}

#[test]
fn a_child_forked_inside_of_a_transaction_cannot_commit_it() {
    // With memory that survives a fork, so that the keys are not what stops it.
    let vault = new_vault(Options { memory: Arc::new(HeapMemory), ..cheap() });
    let before = content(&vault);
    let mut children = Vec::new();
    let outcome = vault.transact(|tx| {
        write(tx)?;
        if children.is_empty() {
            children.push(in_child(|| {
                let inner = vault.transact(write);
                inner == Err(Error::Locked) && vault.inherited()
            }));
        }
        Ok::<_, Error>(())
    });
    assert_eq!(outcome, Ok(()));
    assert_eq!(children, [Ended::Well]);
    assert_eq!(content(&vault), (before.0 + 1, before.1 + 1));
}

#[test]
fn a_child_that_returns_from_the_closure_is_stopped_before_the_commit() {
    let ended = in_child(|| {
        let vault = new_vault(Options { memory: Arc::new(HeapMemory), ..cheap() });
        let before = content(&vault);
        let mut grandchild = None;
        let outcome = vault.transact(|tx| {
            write(tx)?;
            grandchild = fork();
            Ok::<_, Error>(())
        });
        match grandchild {
            // This is the grandchild: `in_child` ends it with its answer.
            None => outcome == Err(Error::Locked) && content(&vault) == before,
            Some(grandchild) => outcome == Ok(()) && wait(grandchild) == Ended::Well,
        }
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn a_fork_while_other_threads_commit_leaves_a_child_that_answers() {
    let vault = new_vault(cheap());
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            for _ in 0..2000 {
                assert!(matches!(vault.transact(write), Ok(()) | Err(Error::Busy)));
            }
        });
        let mut children = 0;
        while !busy.is_finished() && children < 50 {
            // Not the store: a `MemoryStore` is itself a lock that a thread of the parent may hold.
            let ended = in_child(|| {
                vault.lock();
                vault.is_locked() && vault.transact(write) == Err(Error::Locked)
            });
            assert_eq!(ended, Ended::Well);
            children += 1;
        }
        assert!(children > 0);
    });
}

#[test]
fn without_randomness_nothing_is_committed_and_the_handle_works_again_later() {
    let vault = new_vault(cheap());
    vault.transact(write).unwrap();
    let before = content(&vault);
    let mut failures = 0;
    for draws in 0.. {
        DRAWS_LEFT.set(Some(draws));
        let outcome = vault.transact(|tx| tx.put_record(&row(), b"", b"secret"));
        DRAWS_LEFT.set(None);
        match outcome {
            Err(error) => assert_eq!(error, Error::Randomness),
            Ok(()) => break,
        }
        assert_eq!(content(&vault), before);
        assert_eq!(vault.transact(|tx| tx.state(&row())), Ok(Some(b"written".to_vec())));
        failures += 1;
    }
    // The id of the change, the salt of the record.
    assert_eq!(failures, 2);
}

#[test]
fn without_randomness_no_vault_is_made_or_unlocked() {
    let store = Arc::new(MemoryStore::new());
    let rows = |store: &MemoryStore| store.scan(Table(1), &Range::all(), 100, None).unwrap().rows.len();
    for draws in 0..5 {
        DRAWS_LEFT.set(Some(draws));
        let outcome = Vault::create(Arc::clone(&store) as Arc<dyn Store>, &passphrase(), cheap());
        DRAWS_LEFT.set(None);
        assert_eq!(outcome.map(|_| ()), Err(Error::Randomness));
        assert_eq!(rows(&store), 0);
    }
    Vault::create(Arc::clone(&store) as Arc<dyn Store>, &passphrase(), cheap()).unwrap();
    DRAWS_LEFT.set(Some(0));
    let outcome = Vault::unlock(store, &passphrase(), cheap());
    DRAWS_LEFT.set(None);
    assert_eq!(outcome.map(|_| ()), Err(Error::Randomness));
}

#[test]
fn another_panic_is_not_mistaken_for_want_of_randomness_and_breaks_nothing() {
    let vault = new_vault(cheap());
    let before = content(&vault);
    let panicked = thread::scope(|scope| {
        let failing = scope.spawn(|| {
            vault.transact(|tx| {
                write(tx)?;
                if tx.now() > UnixTime(0) {
                    std::panic::resume_unwind(Box::new("broken"))
                } else {
                    Ok::<_, Error>(())
                }
            })
        });
        failing.join()
    });
    let payload: Box<dyn std::any::Any + Send> = match panicked {
        Ok(outcome) => panic!("it did not panic: {outcome:?}"),
        Err(payload) => payload,
    };
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"broken"));
    assert_eq!(content(&vault), before);
    assert_eq!(vault.transact(write), Ok(()));
}

#[test]
fn a_handle_whose_clock_was_set_back_learns_within_a_minute_all_the_same() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::new(UnixTime(1_800_000_000)));
    let options = Options { clock: Arc::new(clock.clone()), ..cheap() };
    let vault = Vault::create(store.clone(), &passphrase(), options.clone()).unwrap();
    let officer = Vault::unlock_as(Role::Officer, store, &passphrase(), options).unwrap();
    clock.set(UnixTime(1_800_000_000 - 3600));
    let secret = passphrase();
    let secret = Credential::Passphrase(&secret);
    officer.add_slot(&NewSlot { role: Role::User, label: "", secret, cost: CHEAP }).unwrap();
    officer.remove_slot(1).unwrap();
    assert_eq!(vault.transact(write), Ok(()), "it has a minute to learn of it");
    let before = content(&vault);
    AHEAD.set(Duration::from_secs(LEARNED_WITHIN));
    assert_eq!(vault.transact(write), Err(Error::Locked));
    assert!(vault.is_locked() && content(&vault) == before);
}

#[test]
fn what_takes_longer_than_other_keys_may_be_unknown_is_done_again_whatever_the_clock_says() {
    let vault = new_vault(Options { clock: Arc::new(ManualClock::new(UnixTime(1000))), ..cheap() });
    let mut tries = 0;
    let outcome = vault.transact(|tx| {
        tries += 1;
        if tries == 1 {
            AHEAD.set(Duration::from_secs(LEARNED_WITHIN + 2));
        }
        write(tx)
    });
    assert_eq!((outcome, tries), (Ok(()), 2));
}
