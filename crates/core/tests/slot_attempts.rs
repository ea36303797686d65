//! Attempts at a slot: counted before the key is derived, delayed, waited for, cleared by a success, told to the journal.

mod harness;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Chance, Lost, NOON, Scene, TestStore};
use zamok_core::event::EventKind;
use zamok_core::secret::HeapMemory;
use zamok_core::store::{Row, RowKey, Store, StoreFault};
use zamok_core::vault::VaultId;
use zamok_core::vault::slot::{self, Argon2Cost, Charge, Key32, Slot, UnlockPolicy, VAULT};
use zamok_core::{Env, Error, UnixTime};

const POLICY: UnlockPolicy =
    UnlockPolicy { free: 3, first_delay: 30, longest_delay: 100, disable_after: Some(9), attempt: 5 };

struct Door {
    scene: Scene,
    slot: Slot,
}

impl Door {
    fn new(seed: &str) -> Self {
        let (store, mut chance) = (TestStore::default(), Chance::new(seed, u64::MAX));
        let mut env = Env { now: UnixTime(NOON), rng: &mut chance };
        let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
        let slot = Slot::new(VaultId(env.random()), 0, cost, &mut env);
        let keyring = slot::create(&store, &slot, &Key32::default(), &HeapMemory, env).unwrap();
        Self { scene: Scene::over(store, keyring, seed), slot }
    }

    fn charge(&self) -> Result<Charge, Error> {
        self.charge_under(&POLICY)
    }

    fn charge_under(&self, policy: &UnlockPolicy) -> Result<Charge, Error> {
        let mut chance = self.scene.chance();
        let mut env = Env { now: self.scene.now(), rng: &mut chance };
        slot::charge(&self.scene.store, &self.slot, policy, &mut env)
    }

    fn discharge(&self) -> Result<(), Error> {
        self.scene.transact(|tx| slot::discharge(tx, &self.slot))
    }

    /// Failures and the time of the last, as they are stored.
    fn stored(&self) -> (u32, u64) {
        let value = self.scene.row(&attempts()).value;
        assert_eq!((value.len(), value[0]), (13, 1));
        (
            u32::from_be_bytes(value[1..5].try_into().unwrap()),
            u64::from_be_bytes(value[5..].try_into().unwrap()),
        )
    }

    fn plant(&self, value: &[u8]) {
        self.scene.store.plant(&attempts(), Some(Row { version: 1, value: value.to_vec() }));
    }
}

fn attempts() -> RowKey {
    RowKey::new(VAULT, *b"attempts/\0")
}

fn planted(failures: u32, last: u64) -> Vec<u8> {
    [&[1][..], &failures.to_be_bytes(), &last.to_be_bytes()].concat()
}

#[test]
fn attempts_are_counted_delayed_ever_longer_and_at_last_disabled() {
    let door = Door::new("delays");
    let mut delays = Vec::new();
    for failures in 1..=9 {
        let charged_at = door.scene.now().0;
        assert_eq!(door.charge(), Ok(Charge::Charged), "attempt {failures}");
        assert_eq!(door.stored(), (failures, charged_at), "durable before it answers");
        // Past the time in which the attempt itself is under way.
        door.scene.wait(5);
        if let Err(Error::UnlockNotBefore(until)) = door.charge() {
            delays.push(until - charged_at);
            door.scene.set(until - 1);
            assert_eq!(door.charge(), Err(Error::UnlockNotBefore(until)));
            door.scene.set(until);
        } else if failures < 9 {
            // That charge was a free one: take it back.
            door.plant_back(failures, charged_at);
        }
    }
    assert_eq!(delays, [30, 60, 100, 100, 100]);
    assert_eq!(door.charge(), Err(Error::SlotDisabled));
    door.scene.wait(1 << 40);
    assert_eq!(door.charge(), Err(Error::SlotDisabled), "for ever");
    assert_eq!(door.stored().0, 9, "refusals are not counted");
}

impl Door {
    /// Writes the attempts row through a transaction, as it is in the clear.
    fn plant_back(&self, failures: u32, last: u64) {
        self.scene.transact(|tx| tx.put_plain(&attempts(), planted(failures, last))).unwrap();
    }
}

#[test]
fn while_an_attempt_is_under_way_others_wait_and_are_not_counted() {
    let door = Door::new("under way");
    door.plant_back(3, NOON - 1000);
    assert_eq!(door.charge(), Ok(Charge::Charged));
    for _ in 0..5 {
        assert_eq!(door.charge(), Ok(Charge::Wait));
        door.scene.wait(1);
    }
    assert_eq!(door.charge(), Err(Error::UnlockNotBefore(NOON + 30)));
    assert_eq!(door.stored(), (4, NOON));
}

#[test]
fn a_success_clears_the_failures_keeps_the_time_and_tells_the_journal() {
    let door = Door::new("success");
    for failures in [1, 2, 3] {
        for _ in 0..failures {
            assert_eq!(door.charge(), Ok(Charge::Charged));
        }
        door.discharge().unwrap();
        assert_eq!(door.stored(), (0, door.scene.now().0));
        let mut news = door.scene.journal();
        news.retain(|told| told.leaf.kind != EventKind::VaultCreated && told.leaf.time == door.scene.now());
        let kinds: Vec<_> = news.iter().map(|told| (told.leaf.kind, told.detail.get("failures"))).collect();
        let number = (failures - 1).to_string();
        let unlocked = (EventKind::VaultUnlocked, None);
        let failed = (EventKind::UnlockFailed, Some(number.as_str()));
        assert_eq!(kinds, if failures == 1 { vec![unlocked] } else { vec![failed, unlocked] });
        door.scene.wait(1000);
    }
}

#[test]
fn a_delay_does_not_end_early_when_the_clock_is_set_back() {
    let door = Door::new("set back");
    door.plant_back(4, NOON);
    for now in [0, NOON / 2, NOON - 5] {
        door.scene.set(now);
        assert_eq!(door.charge(), Err(Error::UnlockNotBefore(NOON + 30)), "at {now}");
    }
    // Clocks of two processes may differ by less than an attempt takes.
    door.scene.set(NOON - 4);
    assert_eq!(door.charge(), Ok(Charge::Wait));
    // A free attempt while the clock is behind is counted at the later time.
    door.plant_back(1, NOON);
    door.scene.set(7);
    assert_eq!(door.charge(), Ok(Charge::Charged));
    assert_eq!(door.stored(), (2, NOON));
}

#[test]
fn without_a_limit_the_longest_delay_is_all() {
    let door = Door::new("unlimited");
    let policy = UnlockPolicy { disable_after: None, ..POLICY };
    door.plant_back(u32::MAX, NOON);
    door.scene.wait(50);
    assert_eq!(door.charge_under(&policy), Err(Error::UnlockNotBefore(NOON + 100)));
    door.scene.wait(50);
    assert_eq!(door.charge_under(&policy), Ok(Charge::Charged));
    assert_eq!(door.stored(), (u32::MAX, NOON + 100), "the count does not wrap");
    let endless = UnlockPolicy { first_delay: u64::MAX, longest_delay: u64::MAX, ..policy };
    assert_eq!(door.charge_under(&endless), Ok(Charge::Wait));
    door.scene.wait(5);
    assert_eq!(door.charge_under(&endless), Err(Error::UnlockNotBefore(u64::MAX)));
}

#[test]
fn hostile_attempt_rows_are_refused_or_only_delay() {
    let door = Door::new("hostile");
    let sound = planted(0, NOON);
    let mut refused: Vec<Vec<u8>> = (0..13).map(|length| sound[..length].to_vec()).collect();
    refused.extend([[&sound[..], &[0]].concat(), [&[2], &sound[1..]].concat(), vec![0xff; 13]]);
    for value in refused {
        door.plant(&value);
        assert_eq!(door.charge(), Err(Error::Refused), "{value:?}");
        assert_eq!(door.discharge(), Err(Error::Refused));
    }
    door.scene.store.plant(&attempts(), None);
    assert_eq!(door.charge(), Err(Error::Refused));
    assert_eq!(door.discharge(), Err(Error::Refused));
    for (failures, last) in [(0, u64::MAX), (8, u64::MAX), (u32::MAX, 0), (u32::MAX, u64::MAX), (8, 0)] {
        door.plant(&planted(failures, last));
        let found = door.charge();
        let allowed = [Ok(Charge::Charged), Ok(Charge::Wait), Err(Error::SlotDisabled)];
        let delayed = matches!(found, Err(Error::UnlockNotBefore(_)));
        assert!(allowed.contains(&found) || delayed, "{failures} {last}: {found:?}");
        door.scene.store.restore();
    }
}

#[test]
fn of_many_attempts_at_once_each_that_is_let_through_is_counted() {
    for _ in 0..harness::tier(5, 30, 300) {
        let door = Door::new("at once");
        let (start, charged) = (Barrier::new(8), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    if door.charge() == Ok(Charge::Charged) {
                        charged.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        let charged = charged.into_inner();
        assert_eq!(door.stored().0 as usize, charged);
        assert!((1..=4).contains(&charged), "three are free, and one more begins the delays: {charged}");
    }
}

#[test]
fn a_charge_that_the_store_does_not_confirm_lets_nobody_in() {
    for (loss, fault) in [
        (Lost::Answer, StoreFault::OutcomeUnknown),
        (Lost::Request, StoreFault::OutcomeUnknown),
        (Lost::Fault(StoreFault::Full), StoreFault::Full),
    ] {
        let door = Door::new("unconfirmed");
        door.scene.store.lose(loss);
        assert_eq!(door.charge(), Err(fault.into()), "{loss:?}");
    }
    let door = Door::new("unconfirmed");
    door.scene.store.lose(Lost::Fenced);
    assert_eq!(door.charge(), Ok(Charge::Wait));
    assert_eq!(door.stored().0, 0);
    assert_eq!(door.scene.store.get(&attempts()).unwrap().unwrap().version, 1);
}
