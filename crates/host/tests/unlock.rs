//! The way in: charged before the derivation, slowed down after failures, told to the journal.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zamok_core::event::{Detail, EventKind, Leaf};
use zamok_core::store::{Change, ChangeId, EntryId, MemoryStore, Outcome, Range, RowKey, Store, StoreFault};
use zamok_core::vault::attempts::{Attempts, Charge, UnlockPolicy, charge};
use zamok_core::vault::slot::{Argon2Cost, Slot, VAULT};
use zamok_core::vault::{DETAILS, Entry};
use zamok_core::{Env, Error, UnixTime};
use zamok_host::{Clock, ManualClock, Options, OsRandom, Passphrase, Vault};
use zamok_store_conformance::Hooked;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
const POLICY: UnlockPolicy =
    UnlockPolicy { free: 3, first_delay: 30, longest_delay: 3600, disable_after: None, attempt: 0 };

/// An empty store, and a clock that stands.
struct Scene {
    store: Arc<MemoryStore>,
    clock: ManualClock,
    policy: UnlockPolicy,
}

impl Scene {
    fn empty() -> Self {
        Self { store: Arc::default(), clock: ManualClock::new(UnixTime(1_000_000)), policy: POLICY }
    }

    fn with_vault() -> Self {
        let scene = Self::empty();
        drop(scene.create("right").unwrap());
        scene
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn options(&self) -> Options {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Options { clock, cost: CHEAP, unlock: self.policy, ..Options::default() }
    }

    fn create(&self, passphrase: &str) -> Result<Vault, Error> {
        Vault::create(self.store(), &Passphrase::from(passphrase), self.options())
    }

    fn unlock(&self, passphrase: &str) -> Result<Vault, Error> {
        Vault::unlock(self.store(), &Passphrase::from(passphrase), self.options())
    }

    fn try_unlock(&self, passphrase: &str) -> Result<(), Error> {
        self.unlock(passphrase).map(|_| ())
    }

    /// Failures since the last success, as they stand in the store.
    fn failures(&self) -> u64 {
        Attempts::read(&*self.store, 1).unwrap().failures()
    }
}

/// The journal's entries by time, then by chain: kinds, and the `failures` that they tell.
fn journal(vault: &Vault) -> Vec<(EventKind, Option<String>)> {
    vault
        .read(|store, keyring| {
            let mut told = Vec::new();
            for (key, row) in store.scan(EntryId::TABLE, &Range::all(), 100, None)?.rows {
                let entry = Entry::open(keyring, EntryId::of_row(&key).unwrap(), &row.value)?;
                let leaf = Leaf::decode(&entry.leaf)?;
                let detail = RowKey::new(DETAILS, entry.id.to_bytes());
                let detail =
                    store.get(&detail)?.map(|row| Detail::decode(&keyring.open(&detail, &row)?.body));
                let failures =
                    detail.transpose()?.and_then(|detail| detail.get("failures").map(str::to_owned));
                told.push((leaf.time, entry.id.writer, entry.id.sequence, leaf.kind, failures));
            }
            told.sort_unstable_by_key(|(time, writer, sequence, ..)| (*time, *writer, *sequence));
            Ok(told.into_iter().map(|(.., kind, failures)| (kind, failures)).collect())
        })
        .unwrap()
}

#[test]
fn a_vault_is_unlocked_by_its_passphrase_and_keeps_its_name() {
    let scene = Scene::empty();
    let origin = scene.create("right").unwrap().origin().to_owned();
    scene.clock.advance(1);
    let vault = scene.unlock("right").unwrap();
    assert_eq!(vault.origin(), origin);
    assert_eq!(journal(&vault), [(EventKind::VaultCreated, None), (EventKind::VaultUnlocked, None)]);
}

#[test]
fn a_wrong_passphrase_is_rejected_whatever_is_wrong_with_it() {
    for wrong in ["", "Right", "right ", "wrong", "right\0"] {
        assert_eq!(Scene::with_vault().try_unlock(wrong), Err(Error::Rejected), "{wrong:?}");
    }
}

#[test]
fn an_empty_store_holds_no_vault_and_a_second_creation_finds_one() {
    let scene = Scene::empty();
    assert_eq!(scene.try_unlock("right"), Err(Error::NoVault));
    scene.create("right").unwrap();
    assert_eq!(scene.create("other").map(|_| ()), Err(Error::VaultExists));
    assert_eq!(scene.try_unlock("right"), Ok(()));
}

#[test]
fn of_two_creations_at_once_one_makes_the_vault_and_its_passphrase_opens_it() {
    for _ in 0..50 {
        let scene = Scene::empty();
        let made: Vec<_> = thread::scope(|scope| {
            let names = ["first", "second"];
            let racers = names.map(|name| (name, scope.spawn(|| scene.create(name).map(|_| ()))));
            racers.map(|(name, racer)| (name, racer.join().unwrap())).into()
        });
        let winners: Vec<_> = made.iter().filter(|(_, made)| made.is_ok()).map(|(name, _)| *name).collect();
        assert_eq!(winners.len(), 1, "{made:?}");
        for (name, made) in made {
            assert!(matches!(made, Ok(()) | Err(Error::VaultExists)), "{made:?}");
            let expected = if name == winners[0] { Ok(()) } else { Err(Error::Rejected) };
            assert_eq!(scene.try_unlock(name), expected);
        }
    }
}

#[test]
fn an_attempt_is_in_the_store_while_the_key_is_still_being_derived() {
    let scene = Scene::empty();
    let slow = Argon2Cost { memory_kib: 64 << 10, passes: 6, lanes: 1 };
    Vault::create(scene.store(), &Passphrase::from("right"), Options { cost: slow, ..scene.options() })
        .unwrap();
    // Whether an attempt goes on after it was seen to be charged. A busy machine may look too late: it looks again.
    let seen_charged = |before: u64| {
        thread::scope(|scope| {
            let attempt = scope.spawn(|| scene.try_unlock("wrong"));
            while scene.failures() == before && !attempt.is_finished() {
                thread::yield_now();
            }
            let charged = Instant::now();
            assert_eq!(attempt.join().unwrap(), Err(Error::Rejected));
            assert_eq!(scene.failures(), before + 1);
            charged.elapsed() > Duration::from_millis(30)
        })
    };
    assert!((0..20).any(seen_charged), "charged at the end: the derivation came first");
}

#[test]
fn an_attempt_that_cannot_be_charged_is_not_made() {
    let scene = Scene::with_vault();
    let memory = Arc::new(MemoryStore::new());
    for (key, row) in scene.store.scan(VAULT, &Range::all(), 100, None).unwrap().rows {
        let mut change = Change::new(ChangeId(random()));
        change.insert(RowKey::new(VAULT, key), row.value).unwrap();
        assert_eq!(memory.commit(&change), Ok(Outcome::Committed));
    }
    // It has no room: it reads, and refuses every commit.
    let store = Arc::new(Hooked::over(memory).on_commit(|_, _| Err(StoreFault::Full)));
    for passphrase in ["right", "wrong"] {
        let outcome = Vault::unlock(
            Arc::clone(&store) as Arc<dyn Store>,
            &Passphrase::from(passphrase),
            scene.options(),
        );
        assert_eq!(outcome.map(|_| ()), Err(Error::Store(StoreFault::Full)));
    }
}

#[test]
fn attempts_that_died_after_the_charge_are_counted_and_told_at_the_next_success() {
    let scene = Scene::with_vault();
    // As if the process had been killed in the middle of the derivation.
    charge_for_others(&scene, 2);
    assert_eq!((scene.try_unlock("wrong"), scene.failures()), (Err(Error::Rejected), 3));
    scene.clock.advance(1);
    let vault = scene.unlock("right").unwrap();
    assert_eq!(scene.failures(), 0);
    let expected = [
        (EventKind::VaultCreated, None),
        (EventKind::UnlockFailed, Some("3".to_owned())),
        (EventKind::VaultUnlocked, None),
    ];
    assert_eq!(journal(&vault), expected);
}

#[test]
fn after_the_free_failures_the_delay_doubles_up_to_its_limit_and_success_clears_it() {
    let scene = Scene::with_vault();
    for _ in 0..3 {
        assert_eq!(scene.try_unlock("wrong"), Err(Error::Rejected));
    }
    for delay in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        assert_eq!(scene.try_unlock("wrong"), Err(Error::Rejected));
        let until = scene.clock.now().0 + delay;
        for passphrase in ["wrong", "right"] {
            assert_eq!(scene.try_unlock(passphrase), Err(Error::UnlockNotBefore(until)));
        }
        scene.clock.advance(delay - 1);
        assert_eq!(scene.try_unlock("right"), Err(Error::UnlockNotBefore(until)));
        scene.clock.advance(1);
    }
    assert_eq!((scene.failures(), scene.try_unlock("right"), scene.failures()), (12, Ok(()), 0));
    assert_eq!(scene.try_unlock("wrong"), Err(Error::Rejected));
    assert_eq!(scene.try_unlock("right"), Ok(()));
}

#[test]
fn a_clock_that_is_set_back_shortens_no_delay() {
    let scene = Scene::with_vault();
    for _ in 0..4 {
        assert_eq!(scene.try_unlock("wrong"), Err(Error::Rejected));
    }
    // It runs anew from there, once, whoever asks.
    scene.clock.set(UnixTime(5));
    for _ in 0..3 {
        assert_eq!(scene.try_unlock("right"), Err(Error::UnlockNotBefore(35)));
        scene.clock.advance(10);
    }
    assert_eq!(scene.try_unlock("right"), Ok(()));
}

#[test]
fn a_slot_is_disabled_where_policy_says_so_even_for_the_right_passphrase() {
    let mut scene = Scene::with_vault();
    scene.policy.disable_after = Some(2);
    assert_eq!(scene.try_unlock("wrong"), Err(Error::Rejected));
    assert_eq!(scene.try_unlock("wrong"), Err(Error::Rejected));
    scene.clock.advance(1_000_000);
    assert_eq!(scene.try_unlock("right"), Err(Error::SlotDisabled));
    assert_eq!(scene.failures(), 2);
}

#[test]
fn eight_threads_with_the_right_passphrase_all_get_in() {
    for free in [10, 0] {
        let mut scene = Scene::with_vault();
        // Each waits for its turn: also without a free failure nobody is refused for another's attempt.
        scene.policy = UnlockPolicy { free, attempt: 10, ..POLICY };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| scene.try_unlock("right"))).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), Ok(()));
            }
        });
        assert_eq!(scene.failures(), 0);
    }
}

/// Charges attempts whose derivations never end, so that further ones must wait.
fn charge_for_others(scene: &Scene, attempts: u32) {
    let slot = Slot::read(&*scene.store, 1).unwrap();
    for _ in 0..attempts {
        let env = &mut Env { now: scene.clock.now(), rng: &mut OsRandom::new().unwrap() };
        assert!(matches!(charge(&*scene.store, &slot, &scene.policy, env), Ok(Charge::Charged(_))));
    }
}

#[test]
fn an_attempt_waits_for_those_under_way_and_then_gets_its_turn() {
    let mut scene = Scene::with_vault();
    scene.policy.attempt = 10;
    charge_for_others(&scene, 1);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| scene.try_unlock("right"));
        thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        scene.clock.advance(10);
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

#[test]
fn an_attempt_does_not_wait_for_ever() {
    let mut scene = Scene::with_vault();
    scene.policy.attempt = 1;
    charge_for_others(&scene, 1);
    let started = Instant::now();
    assert_eq!(scene.try_unlock("right"), Err(Error::Busy));
    assert!((2..60).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(scene.failures(), 1);
}

#[test]
fn parallel_guesses_are_each_charged() {
    let mut scene = Scene::with_vault();
    scene.policy = UnlockPolicy { free: 20, attempt: 10, ..POLICY };
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(scene.try_unlock("wrong"), Err(Error::Rejected)));
        }
    });
    assert_eq!(scene.failures(), 16);
}

#[test]
fn two_handles_write_different_chains() {
    let scene = Scene::with_vault();
    let chains: HashSet<_> = (0..4)
        .map(|_| {
            scene.unlock("right").unwrap().transact(|tx| Ok::<_, Error>(tx.next_entry().writer)).unwrap()
        })
        .collect();
    assert_eq!(chains.len(), 4);
}

#[test]
fn debug_of_options_shows_the_policy() {
    let shown = format!("{:?}", Options::default());
    assert!(shown.starts_with("Options { clock: SystemClock,"), "{shown}");
    assert!(shown.contains("unlock: UnlockPolicy { free: 5,"), "{shown}");
}

fn random<const N: usize>() -> [u8; N] {
    Env { now: UnixTime(0), rng: &mut OsRandom::new().unwrap() }.random()
}

#[test]
fn the_defaults_are_those_of_the_page() {
    // CRYPTO.md §9.
    let options = Options::default();
    assert_eq!(options.cost, Argon2Cost { memory_kib: 256 << 10, passes: 3, lanes: 1 });
    assert_eq!(options.idle, Some(Duration::from_secs(15 * 60)));
    let user =
        UnlockPolicy { free: 5, first_delay: 30, longest_delay: 3600, disable_after: Some(20), attempt: 10 };
    assert_eq!(options.unlock, user);
    assert_eq!(options.officer, UnlockPolicy { free: 10, disable_after: None, ..user });
}
