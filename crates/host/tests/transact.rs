//! Commits through the handle: conflicts, errors, time and locking.

mod scene;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use scene::{follow_chains, increment, number, options, row, rows, vault_over};
use zamok_core::secret::{HeapMemory, SecretMemory, SecretRegion};
use zamok_core::store::{CounterKey, EntryId, MemoryStore, Row, Store, Table};
use zamok_core::vault::rotation::LEARNED_WITHIN;
use zamok_core::vault::{Family, Role};
use zamok_core::{Error, UnixTime};
use zamok_host::{ManualClock, Options, Passphrase, Vault};

fn new_vault() -> Vault {
    vault_over(Arc::new(MemoryStore::new()), options())
}

/// Everything that a store holds in the tables that a commit here may touch.
fn everything(store: &dyn Store) -> Vec<Vec<(Vec<u8>, Row)>> {
    [1, 16, 17, 18, 900].map(|table| rows(store, Table(table))).into()
}

#[test]
fn a_conflict_runs_the_closure_again_on_fresh_rows() {
    let vault = new_vault();
    let (target, mut seen) = (row("target"), Vec::new());
    let outcome = vault.transact(|tx| {
        let before = number(tx, &target)?;
        seen.push(before);
        if seen.len() == 1 {
            // Somebody else is faster: between the reading and the commit.
            assert_eq!(vault.transact(|other| increment(other, &target)), Ok(1));
        }
        increment(tx, &target)
    });
    assert_eq!((outcome, seen), (Ok(2), vec![0, 1]));
    assert_eq!(follow_chains(&vault).0, 3);
}

#[test]
fn a_row_that_was_only_read_binds_as_well() {
    let vault = new_vault();
    let (read, written, mut tries) = (row("read"), row("written"), 0);
    let outcome = vault.transact(|tx| {
        let seen = number(tx, &read)?;
        tries += 1;
        if tries == 1 {
            vault.transact(|other| increment(other, &read))?;
        }
        tx.put_state(&written, &seen.to_be_bytes())?;
        Ok::<_, Error>(seen)
    });
    assert_eq!((outcome, tries), (Ok(1), 2));
}

#[test]
fn after_eight_lost_races_the_caller_is_told_busy_and_nothing_was_done() {
    let vault = new_vault();
    let (target, mine, mut tries) = (row("target"), row("mine"), 0);
    let outcome: Result<(), Error> = vault.transact(|tx| {
        tries += 1;
        number(tx, &target)?;
        vault.transact(|other| increment(other, &target))?;
        tx.put_state(&mine, b"never")
    });
    assert_eq!((outcome, tries), (Err(Error::Busy), 8));
    assert_eq!(vault.transact(|tx| Ok::<_, Error>((number(tx, &target)?, tx.state(&mine)?))), Ok((8, None)));
}

#[test]
fn rows_that_are_only_read_are_seen_as_one_moment_had_them() {
    let vault = new_vault();
    let (first, second) = (row("first"), row("second"));
    for fails in [false, true] {
        let (mut tries, start) = (0, vault.transact(|tx| number(tx, &first)).unwrap());
        let outcome: Result<(u64, u64), Error> = vault.transact(|tx| {
            tries += 1;
            let seen = number(tx, &first)?;
            if tries == 1 {
                // Between the two readings somebody changes both, in one commit.
                vault.transact(|other| increment(other, &first).and_then(|_| increment(other, &second)))?;
            }
            let seen = (seen, number(tx, &second)?);
            // A transaction that takes what it sees for damage.
            if fails && seen.0 != seen.1 { Err(Error::Refused) } else { Ok(seen) }
        });
        assert_eq!((outcome, tries), (Ok((start + 1, start + 1)), 2), "fails: {fails}");
    }
}

#[test]
fn sixty_four_threads_on_one_row_all_get_through() {
    let vault = new_vault();
    let target = row("target");
    let barrier = Barrier::new(64);
    let mut counted: Vec<u64> = thread::scope(|scope| {
        let callers: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    vault.transact(|tx| {
                        let next = increment(tx, &target);
                        thread::sleep(Duration::from_micros(300));
                        next
                    })
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap().unwrap()).collect()
    });
    counted.sort_unstable();
    assert_eq!(counted, (1..=64).collect::<Vec<u64>>());
}

#[test]
fn an_error_of_the_closure_commits_nothing() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Core(Error),
        Own(&'static str),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Core(error)
        }
    }
    let vault = new_vault();
    vault.transact(|tx| increment(tx, &row("target"))).unwrap();
    let before = everything(&**vault.store());
    let outcome: Result<(), Mine> = vault.transact(|tx| {
        increment(tx, &row("target"))?;
        tx.add(CounterKey(b"sum".to_vec()), 1, 10);
        Err(Mine::Own("no"))
    });
    assert_eq!(outcome, Err(Mine::Own("no")));
    assert_eq!(everything(&**vault.store()), before);
    assert_eq!(vault.store().counter(&CounterKey(b"sum".to_vec())), Ok(0));
    vault.lock();
    let outcome: Result<(), Mine> = vault.transact(|_| Ok(()));
    assert_eq!(outcome, Err(Mine::Core(Error::Locked)));
}

#[test]
fn a_full_counter_is_told_as_a_spent_budget_and_the_chain_goes_on() {
    let vault = new_vault();
    let counter = CounterKey(b"sum".to_vec());
    let add = || {
        vault.transact(|tx| {
            tx.add(counter.clone(), 6, 10);
            increment(tx, &row("target"))
        })
    };
    assert_eq!((add(), add()), (Ok(1), Err(Error::Capped)));
    assert_eq!(vault.store().counter(&counter), Ok(6));
    assert_eq!(vault.transact(|tx| increment(tx, &row("target"))), Ok(2));
    // One chain of the creation, one of the handle.
    assert_eq!(follow_chains(&vault), (3, 2));
}

#[test]
fn refusals_are_counted_by_the_handle_until_the_journal_was_told() {
    let vault = new_vault();
    let count = |name: &str| vault.transact(|tx| Ok::<_, Error>(tx.count_refusal(&row(name)))).unwrap();
    assert_eq!(["one", "one", "two", "one"].map(count), [1, 2, 1, 3]);
    vault
        .transact(|tx| {
            tx.forget_refusals(&row("one"));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(["one", "two"].map(count), [1, 2]);
}

#[test]
fn time_never_runs_backwards_within_a_handle() {
    let clock = ManualClock::new(UnixTime(1000));
    let options = Options { clock: Arc::new(clock.clone()), ..options() };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vault = vault_over(store, options);
    let told = || (vault.now(), vault.transact(|tx| Ok::<_, Error>(tx.now())).unwrap());
    assert_eq!(told(), (UnixTime(1000), UnixTime(1000)));
    clock.set(UnixTime(400));
    assert_eq!(told(), (UnixTime(1000), UnixTime(1000)));
    clock.set(UnixTime(1001));
    assert_eq!(told(), (UnixTime(1001), UnixTime(1001)));
}

#[test]
fn a_retry_gets_the_time_at_which_it_runs() {
    let clock = ManualClock::new(UnixTime(1000));
    let options = Options { clock: Arc::new(clock.clone()), ..options() };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vault = vault_over(store, options);
    let mut times = Vec::new();
    let outcome = vault.transact(|tx| {
        times.push(tx.now().0);
        if times.len() == 1 {
            clock.advance(30);
            vault.transact(|other| increment(other, &row("target")))?;
        }
        increment(tx, &row("target"))
    });
    // The inner commit was made while the outer had not yet read: it is no conflict.
    assert_eq!((outcome, &times[..]), (Ok(2), &[1000][..]));
    times.clear();
    let outcome = vault.transact(|tx| {
        times.push(tx.now().0);
        let next = increment(tx, &row("target"))?;
        if times.len() == 1 {
            clock.advance(30);
            vault.transact(|other| increment(other, &row("target")))?;
        }
        Ok::<_, Error>(next)
    });
    assert_eq!((outcome, &times[..]), (Ok(4), &[1030, 1060][..]));
}

#[test]
fn what_took_longer_than_other_keys_may_be_unknown_is_done_again_before_it_is_committed() {
    let clock = ManualClock::new(UnixTime(1000));
    let options = Options { clock: Arc::new(clock.clone()), ..options() };
    let vault = vault_over(Arc::new(MemoryStore::new()), options);
    for (took, expected) in [(LEARNED_WITHIN, 1), (LEARNED_WITHIN + 1, 2)] {
        let mut tries = 0;
        let outcome = vault.transact(|tx| {
            tries += 1;
            if tries == 1 {
                clock.advance(took);
            }
            increment(tx, &row("target")).map(drop)
        });
        assert_eq!((outcome, tries), (Ok(()), expected), "{took}");
    }
    assert_eq!(vault.transact(|tx| number(tx, &row("target"))), Ok(2));
}

#[test]
fn locking_wipes_the_keys_once_the_calls_under_way_have_ended() {
    let memory = Arc::new(Counted::default());
    let options = Options { memory: Arc::clone(&memory) as Arc<dyn SecretMemory>, ..options() };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vault = vault_over(store, options);
    let held = || memory.held.load(Ordering::SeqCst);
    assert_eq!((held(), vault.is_locked()), (5, false));
    let outcome = vault.transact(|tx| {
        vault.lock();
        assert_eq!((held(), vault.is_locked()), (5, true));
        increment(tx, &row("target"))
    });
    assert_eq!((outcome, held()), (Ok(1), 0));
    assert_eq!(vault.transact(|tx| increment(tx, &row("target"))), Err(Error::Locked));
    assert_eq!(vault.read(|_, _| Ok(())), Err(Error::Locked));
    assert_eq!(vault.integrate(), Err(Error::Locked));
    vault.lock();
    let shown = format!("{vault:?}");
    assert_eq!(shown, format!("Vault {{ origin: {:?}, locked: true, .. }}", vault.origin()));
}

#[test]
fn integrating_empties_what_waits_also_when_several_do_it() {
    let vault = new_vault();
    let waiting = || rows(&**vault.store(), EntryId::TABLE).len();
    let write = |entries: u32| {
        for _ in 0..entries {
            vault.transact(|tx| increment(tx, &row("target"))).unwrap();
        }
    };
    // More than one batch takes, and the vault's creation.
    write(1100);
    assert_eq!((waiting(), vault.integrate(), waiting()), (1101, Ok(1101), 0));
    assert_eq!(vault.integrate(), Ok(0));
    write(300);
    let added: u64 = thread::scope(|scope| {
        let integrators: Vec<_> = (0..4).map(|_| scope.spawn(|| vault.integrate())).collect();
        integrators.into_iter().map(|integrator| integrator.join().unwrap().unwrap()).sum()
    });
    assert_eq!((added, waiting()), (300, 0));
}

/// Counts the secrets that are held.
#[derive(Debug, Default)]
struct Counted {
    held: Arc<AtomicU64>,
}

struct CountedRegion(Box<dyn SecretRegion>, Arc<AtomicU64>);

impl SecretMemory for Counted {
    fn hold(&self, bytes: &[u8]) -> Result<Box<dyn SecretRegion>, Error> {
        self.held.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(CountedRegion(HeapMemory.hold(bytes)?, Arc::clone(&self.held))))
    }
}

impl SecretRegion for CountedRegion {
    fn expose(&self) -> Result<&[u8], Error> {
        self.0.expose()
    }
}

impl Drop for CountedRegion {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn keys_lie_in_the_memory_that_was_chosen_also_after_an_unlocking_and_a_rotation() {
    let memory = Arc::new(Counted::default());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    drop(vault_over(Arc::clone(&store), options()));
    let held = || memory.held.load(Ordering::SeqCst);
    let passphrase = Passphrase::from("a long sentence");
    let chosen = Options { memory: Arc::clone(&memory) as Arc<dyn SecretMemory>, ..options() };
    let vault = Vault::unlock(Arc::clone(&store), &passphrase, chosen).unwrap();
    assert_eq!(held(), 5, "two roots, and a key of each family");
    let officer = Vault::unlock_as(Role::Officer, store, &passphrase, options()).unwrap();
    officer.rotate(Family::Data).unwrap();
    vault.refresh().unwrap();
    assert_eq!(held(), 6, "and the new one");
    vault.lock();
    assert_eq!(held(), 0);
}
