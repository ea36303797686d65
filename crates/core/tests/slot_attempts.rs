//! Attempts at a slot: one at a time, counted before the key is derived, delayed, cleared by a success or an officer,
//! told to the journal.

mod harness;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Chance, Lost, NOON, Scene, TestStore, new_vault, open_by};
use zamok_core::event::EventKind;
use zamok_core::store::{Row, RowKey, Store, StoreFault};
use zamok_core::vault::attempts::{self, Attempt, Attempts, Charge, UnlockPolicy};
use zamok_core::vault::slot::{Slot, VAULT};
use zamok_core::vault::{Role, roles::Operation};
use zamok_core::{Env, Error, UnixTime};

const POLICY: UnlockPolicy =
    UnlockPolicy { free: 3, first_delay: 30, longest_delay: 100, disable_after: Some(9), attempt: 5 };
const KEK: [u8; 32] = [1; 32];

struct Door {
    scene: Scene,
    slot: Slot,
}

impl Door {
    /// A new vault and its user's slot, with the keys in the hands of an officer.
    fn new(seed: &str) -> Self {
        let (store, mut chance) = (TestStore::default(), Chance::new(seed, u64::MAX));
        new_vault(&store, &KEK, Env { now: UnixTime(NOON), rng: &mut chance }).unwrap();
        let slot = Slot::read(&store, 1).unwrap();
        let officer = open_by(&store, 0, &KEK).unwrap();
        Self { scene: Scene::over(store, officer, seed), slot }
    }

    fn charge(&self) -> Result<Charge, Error> {
        self.charge_under(&POLICY)
    }

    fn charge_under(&self, policy: &UnlockPolicy) -> Result<Charge, Error> {
        let mut chance = self.scene.chance();
        let mut env = Env { now: self.scene.now(), rng: &mut chance };
        attempts::charge(&self.scene.store, &self.slot, policy, &mut env)
    }

    /// Charges an attempt that is allowed.
    fn charged(&self) -> Attempt {
        match self.charge() {
            Ok(Charge::Charged(attempt)) => attempt,
            other => panic!("{other:?}"),
        }
    }

    fn end(&self, attempt: Attempt) {
        let mut chance = self.scene.chance();
        let mut env = Env { now: self.scene.now(), rng: &mut chance };
        attempts::end(&self.scene.store, &self.slot, attempt, &mut env).unwrap();
    }

    /// An attempt that fails.
    fn fail(&self) {
        self.end(self.charged());
    }

    fn take_back(&self, attempt: Attempt) {
        let mut chance = self.scene.chance();
        let mut env = Env { now: self.scene.now(), rng: &mut chance };
        attempts::take_back(&self.scene.store, &self.slot, attempt, &mut env).unwrap();
    }

    fn discharge(&self, attempt: Attempt) -> Result<(), Error> {
        self.scene.transact(|tx| attempts::discharge(tx, &self.slot, attempt))
    }

    /// Charged, forgiven, the time of the last, the end of the one under way, as they are stored.
    fn stored(&self) -> [u64; 4] {
        let value = self.scene.row(&attempts_row()).value;
        assert_eq!((value.len(), value[0]), (33, 1));
        [1, 9, 17, 25].map(|at| u64::from_be_bytes(value[at..at + 8].try_into().unwrap()))
    }

    fn failures(&self) -> u64 {
        let [charged, forgiven, ..] = self.stored();
        assert_eq!(Attempts::read(&self.scene.store, 1).unwrap().failures(), charged - forgiven);
        charged - forgiven
    }

    fn plant(&self, value: &[u8]) {
        self.scene.store.plant(&attempts_row(), Some(Row { version: 1, value: value.to_vec() }));
    }

    /// Writes the attempts row through a transaction, as it is in the clear.
    fn write(&self, fields: [u64; 4]) {
        self.scene.transact(|tx| tx.put_plain(&attempts_row(), row(fields))).unwrap();
    }

    /// What the journal was told since the vault was made: kinds and the number of failures.
    fn told(&self) -> Vec<(EventKind, Option<String>)> {
        let told = self.scene.journal().into_iter().filter(|told| told.leaf.kind != EventKind::VaultCreated);
        told.map(|told| (told.leaf.kind, told.detail.get("failures").map(Into::into))).collect()
    }
}

fn attempts_row() -> RowKey {
    RowKey::new(VAULT, *b"attempts/\x01")
}

fn row(fields: [u64; 4]) -> Vec<u8> {
    fields.iter().fold(vec![1], |row, field| [&row[..], &field.to_be_bytes()].concat())
}

#[test]
fn attempts_are_counted_delayed_ever_longer_and_at_last_disabled() {
    let door = Door::new("delays");
    let mut delays = Vec::new();
    for failures in 1..=9 {
        let now = door.scene.now().0;
        let attempt = door.charged();
        assert_eq!(door.stored(), [failures, 0, now, now + 5], "durable before it answers");
        door.end(attempt);
        assert_eq!(door.stored(), [failures, 0, now, 0], "it stays charged");
        if let Err(Error::UnlockNotBefore(until)) = door.charge() {
            delays.push(until - now);
            door.scene.set(until - 1);
            assert_eq!(door.charge(), Err(Error::UnlockNotBefore(until)));
            door.scene.set(until);
        } else if failures < 9 {
            // That charge was a free one: take it back.
            door.write([failures, 0, now, 0]);
        }
    }
    assert_eq!(delays, [30, 60, 100, 100, 100]);
    assert_eq!(door.charge(), Err(Error::SlotDisabled));
    door.scene.wait(1 << 40);
    assert_eq!(door.charge(), Err(Error::SlotDisabled), "for ever");
    assert_eq!(door.failures(), 9, "refusals are not counted");
    assert!(Attempts::read(&door.scene.store, 1).unwrap().disabled(&POLICY));
}

#[test]
fn while_an_attempt_is_under_way_others_wait_and_are_not_counted() {
    let door = Door::new("under way");
    let attempt = door.charged();
    for _ in 0..5 {
        assert_eq!(door.charge(), Ok(Charge::Wait(1)));
        door.scene.wait(1);
    }
    // It is taken for dead now, and costs an attempt; if it lives after all, it ends no other's.
    let second = door.charged();
    door.end(attempt);
    assert_eq!(door.charge(), Ok(Charge::Wait(2)));
    door.end(second);
    assert_eq!((door.failures(), door.charged()), (2, door.charged_as(3)));
}

impl Door {
    /// The attempt of this number, seen through its `Debug`: attempts are made by charging alone.
    fn charged_as(&self, number: u64) -> Attempt {
        self.write([number - 1, 0, NOON, 0]);
        self.charged()
    }
}

#[test]
fn a_success_forgives_the_failures_before_it_and_none_after_and_tells_the_journal() {
    let door = Door::new("success");
    let mut expected = Vec::new();
    for failures in [0, 1, 2] {
        for _ in 0..failures {
            door.fail();
        }
        let attempt = door.charged();
        door.discharge(attempt).unwrap();
        assert_eq!(door.failures(), 0);
        assert_eq!(door.stored()[2..], [door.scene.now().0, 0]);
        if failures > 0 {
            expected.push((EventKind::UnlockFailed, Some(failures.to_string())));
        }
        expected.push((EventKind::VaultUnlocked, None));
        assert_eq!(door.told(), expected);
        door.scene.wait(1000);
    }
    // A slow one that succeeds at last forgives nothing that began after it, nor ends what is under way.
    let slow = door.charged();
    door.scene.wait(5);
    let guess = door.charged();
    door.discharge(slow).unwrap();
    assert_eq!((door.failures(), door.charge()), (1, Ok(Charge::Wait(guess_number(&door)))));
    door.end(guess);
    assert_eq!(door.failures(), 1);
    // Nor does one that comes after all take a later success back.
    let late = door.charged();
    door.scene.wait(1000);
    let last = door.charged();
    door.discharge(last).unwrap();
    door.discharge(late).unwrap();
    assert_eq!(door.failures(), 0);
}

fn guess_number(door: &Door) -> u64 {
    door.stored()[0]
}

#[test]
fn attempts_that_are_taken_back_count_no_more_in_whatever_order_they_end() {
    for first in [0, 1] {
        let door = Door::new("taken back");
        let slow = door.charged();
        door.scene.wait(5);
        let both = [slow, door.charged()];
        door.take_back(both[first]);
        assert_eq!(door.failures(), 1, "of two");
        door.take_back(both[1 - first]);
        assert_eq!(door.failures(), 0);
        // A failure before it stays, and a success that has forgiven it leaves nothing to take back.
        door.fail();
        let slow = door.charged();
        door.take_back(slow);
        assert_eq!(door.failures(), 1);
        let late = door.charged();
        door.scene.wait(5);
        door.discharge(door.charged()).unwrap();
        door.take_back(late);
        assert_eq!(door.failures(), 0);
    }
}

#[test]
fn an_officer_resets_a_slot_that_was_disabled_and_nobody_else_does() {
    let door = Door::new("reset");
    for _ in 0..9 {
        door.scene.wait(1000);
        door.fail();
    }
    door.scene.wait(1000);
    assert_eq!(door.charge(), Err(Error::SlotDisabled));
    for (slot, role) in [(1, Role::User), (2, Role::Auditor)] {
        assert!(!role.may(Operation::ResetAttempts));
        let theirs = open_by(&door.scene.store, slot, &KEK).unwrap();
        let (chain, mut chance) = (door.scene.chain(), door.scene.chance());
        let env = Env { now: door.scene.now(), rng: &mut chance };
        let mut tx = zamok_core::vault::Transaction::begin(&door.scene.store, &theirs, chain, env);
        assert_eq!(attempts::reset(&mut tx, 1), Err(Error::Role(role)));
    }
    assert_eq!(door.scene.transact(|tx| attempts::reset(tx, 7)), Err(Error::NoSlot(7)));
    door.scene.transact(|tx| attempts::reset(tx, 1)).unwrap();
    assert_eq!((door.failures(), door.stored()[0]), (0, 9), "what was charged is never taken back");
    assert_eq!(door.told(), [(EventKind::SlotReset, Some("9".into()))]);
    // The one that is under way at a reset stays charged: it is not known to have failed.
    let under_way = door.charged();
    door.scene.transact(|tx| attempts::reset(tx, 1)).unwrap();
    assert_eq!(door.failures(), 1);
    door.end(under_way);
}

#[test]
fn a_clock_that_is_set_back_shortens_no_delay_and_one_that_had_jumped_ahead_keeps_nobody_out() {
    let door = Door::new("clocks");
    door.write([4, 0, NOON, 0]);
    // Clocks of two machines may differ by a minute.
    door.scene.set(NOON - 60);
    assert_eq!(door.charge(), Err(Error::UnlockNotBefore(NOON + 30)));
    // From a future that the clock has left again, the whole delay runs anew, once.
    for now in [NOON - 61, 1000] {
        door.write([4, 0, NOON, 0]);
        door.scene.set(now);
        assert_eq!(door.charge(), Err(Error::UnlockNotBefore(now + 30)), "at {now}");
        assert_eq!(door.stored(), [4, 0, now, 0]);
        door.scene.wait(29);
        assert_eq!(door.charge(), Err(Error::UnlockNotBefore(now + 30)), "at {now}");
        door.scene.wait(1);
        door.fail();
    }
    // An attempt that lies in such a future is not under way.
    door.write([1, 0, NOON, NOON + 5]);
    door.scene.set(NOON - 61);
    door.fail();
    door.write([1, 0, NOON, NOON + 5]);
    door.scene.set(NOON - 4);
    assert_eq!(door.charge(), Ok(Charge::Wait(1)));
    // A free attempt while the clock is behind is counted at the later time.
    door.write([1, 0, NOON, 0]);
    door.scene.set(NOON - 30);
    door.fail();
    assert_eq!(door.stored(), [2, 0, NOON, 0]);
}

#[test]
fn without_a_limit_the_longest_delay_is_all() {
    let door = Door::new("unlimited");
    let policy = UnlockPolicy { disable_after: None, ..POLICY };
    door.write([u64::MAX - 1, 0, NOON, 0]);
    door.scene.wait(50);
    assert_eq!(door.charge_under(&policy), Err(Error::UnlockNotBefore(NOON + 100)));
    door.scene.wait(50);
    assert!(matches!(door.charge_under(&policy), Ok(Charge::Charged(_))));
    door.scene.wait(100);
    assert_eq!(door.charge_under(&policy), Err(Error::SlotDisabled), "the count does not wrap");
    let endless = UnlockPolicy { first_delay: u64::MAX, longest_delay: u64::MAX, ..policy };
    door.write([9, 0, NOON + 200, 0]);
    assert_eq!(door.charge_under(&endless), Err(Error::UnlockNotBefore(u64::MAX)));
}

#[test]
fn hostile_attempt_rows_are_refused_or_only_delay() {
    let door = Door::new("hostile");
    let attempt = door.charged();
    let sound = row([0, 0, NOON, 0]);
    let mut refused: Vec<Vec<u8>> = (0..33).map(|length| sound[..length].to_vec()).collect();
    refused.extend([[&sound[..], &[0]].concat(), [&[2], &sound[1..]].concat(), row([0, 1, NOON, 0])]);
    for value in refused {
        door.plant(&value);
        assert_eq!(door.charge(), Err(Error::Refused), "{value:?}");
        assert_eq!(door.discharge(attempt), Err(Error::Refused));
    }
    door.scene.store.plant(&attempts_row(), None);
    assert_eq!(door.charge(), Err(Error::Refused));
    assert_eq!(door.discharge(attempt), Err(Error::Refused));
    let edges = [0, 1, 8, NOON, u64::MAX];
    for charged in edges {
        for [forgiven, last, until] in edges.map(|edge| [edge.min(charged), edge, u64::MAX - edge]) {
            door.plant(&row([charged, forgiven, last, until]));
            let found = door.charge();
            let allowed = matches!(
                found,
                Ok(_) | Err(Error::SlotDisabled | Error::UnlockNotBefore(_) | Error::Store(_))
            );
            assert!(allowed, "{charged} {forgiven} {last} {until}: {found:?}");
            if let Err(Error::UnlockNotBefore(until)) = found {
                assert!(until <= NOON + 60 + 100, "nobody is kept out for longer than a delay");
            }
            door.scene.store.restore();
        }
    }
}

#[test]
fn of_many_attempts_at_once_one_is_let_through_and_each_that_follows_is_counted() {
    for _ in 0..harness::tier(5, 30, 300) {
        let door = Door::new("at once");
        let (start, charged, inside) = (Barrier::new(8), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..20 {
                        if let Ok(Charge::Charged(attempt)) = door.charge() {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are under way");
                            charged.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            door.end(attempt);
                        }
                    }
                });
            }
        });
        let charged = charged.into_inner();
        assert_eq!(usize::try_from(door.failures()), Ok(charged));
        assert_eq!(charged, 4, "three are free, and one more begins the delays");
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
    assert_eq!(door.charge(), Ok(Charge::Wait(0)));
    assert_eq!(door.failures(), 0);
    assert_eq!(door.scene.store.get(&attempts_row()).unwrap().unwrap().version, 1);
}
