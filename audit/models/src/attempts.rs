//! Attempts on one key by two processes, in every order of what they ask the store: a code is spent once, every guess is
//! charged, and a key that was suspended accepts nothing more (DESIGN rule 3, CRYPTO §4).

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use zamok_core::event::EventKind;
use zamok_core::otp::Verdict;
use zamok_core::store::{RowKey, Store};
use zamok_core::vault::{Committed, KeyId, KeyState, Transaction, keys, spend};
use zamok_core::{Env, Error};

use crate::border::{Border, Process, every_order};
use crate::harness::{Scene, generous, wrong};

/// A scene with an active TOTP key.
struct Door {
    scene: Scene,
    key: KeyId,
    right: String,
    wrong: String,
    accepted: AtomicUsize,
    conflicts: AtomicUsize,
}

fn door() -> Door {
    let scene = Scene::new("a door");
    let (key, totp) = scene.totp();
    let right = totp.code_at(scene.now()).unwrap().to_string();
    let wrong = wrong(&totp, scene.now());
    Door { scene, key, right, wrong, accepted: AtomicUsize::new(0), conflicts: AtomicUsize::new(0) }
}

fn store(door: &Door) -> &dyn Store {
    &door.scene.store
}

impl Door {
    /// Runs `f` as a process of its own does: again on fresh rows while others are faster.
    fn transact<T>(
        &self,
        border: &Border<'_>,
        f: impl Fn(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            let (chain, mut chance) = (self.scene.chain(), self.scene.chance());
            let env = Env { now: self.scene.now(), rng: &mut chance };
            let mut tx = Transaction::begin(border, &self.scene.keyring, chain, env);
            let outcome = f(&mut tx)?;
            match tx.prepare(outcome)?.commit()? {
                Committed::Done(outcome, _) => return Ok(outcome),
                Committed::Conflict(_) => _ = self.conflicts.fetch_add(1, SeqCst),
                Committed::Capped(_) => panic!("there are no sums"),
            }
        }
    }

    fn try_code(&self, border: &Border<'_>, code: &str) {
        match self.transact(border, |tx| spend::verify(tx, self.key, code, &generous())) {
            Ok(Verdict::Accepted { .. }) => _ = self.accepted.fetch_add(1, SeqCst),
            Ok(Verdict::Rejected) | Err(Error::KeyState(KeyState::Suspended)) => {}
            other => panic!("{other:?}"),
        }
    }

    fn told(&self, kind: EventKind) -> usize {
        self.scene.journal().iter().filter(|told| told.leaf.kind == kind).count()
    }
}

const RIGHT: Process<Door> = |door, border| door.try_code(border, &door.right);
const WRONG: Process<Door> = |door, border| door.try_code(border, &door.wrong);
const SUSPEND: Process<Door> = |door, border| {
    door.transact(border, |tx| keys::change_state(tx, door.key, KeyState::Suspended, "lost")).unwrap();
};

/// Of the test code at the enrolment.
const ENROLLED: usize = 1;

#[test]
fn one_code_is_accepted_once_in_every_order() {
    let orders = every_order(None, door, store, &[RIGHT, RIGHT], |door| {
        assert_eq!(door.accepted.load(SeqCst), 1);
        assert_eq!(door.told(EventKind::CodeAccepted), ENROLLED + 1);
        assert_eq!(door.told(EventKind::CodeRejected), 1, "the second finds it spent");
    });
    assert!(orders > 20, "{orders}");
}

#[test]
fn two_guesses_are_charged_twice_in_every_order() {
    let orders = every_order(None, door, store, &[WRONG, WRONG], |door| {
        assert_eq!(door.scene.state(door.key).in_a_row, 2);
        assert_eq!(door.told(EventKind::CodeRejected), 2);
    });
    assert!(orders > 20, "{orders}");
}

#[test]
fn a_guess_beside_the_right_code_is_charged_or_forgiven_and_never_lost() {
    let orders = every_order(None, door, store, &[RIGHT, WRONG], |door| {
        assert_eq!(door.accepted.load(SeqCst), 1);
        assert_eq!(door.told(EventKind::CodeRejected), 1);
        let state = door.scene.state(door.key);
        assert_eq!(state.recent, 1, "a success forgives it in a row, not in the span");
        assert!(state.in_a_row <= 1, "none where the code came last");
    });
    assert!(orders > 20, "{orders}");
}

#[test]
fn a_key_that_is_suspended_meanwhile_accepts_before_it_or_not_at_all() {
    let orders = every_order(None, door, store, &[RIGHT, SUSPEND], |door| {
        let info = door.scene.transact(|tx| keys::info(tx, door.key)).unwrap();
        assert_eq!(info.state, KeyState::Suspended);
        let (accepted, told) = (door.accepted.load(SeqCst), door.told(EventKind::CodeAccepted));
        assert_eq!(told, ENROLLED + accepted, "what was answered is what the journal says");
        let spent = door.scene.state(door.key).last_step;
        let now = door.scene.now().0 / 30;
        assert_eq!(spent == Some(now), accepted == 1);
        let written = door.scene.store.written.lock().unwrap();
        let last = |table| written.iter().rposition(|(row, _)| *row == RowKey::new(table, door.key.0));
        assert!(last(spend::STATES) < last(keys::KEYS), "a code was spent after the key was suspended");
    });
    assert!(orders > 20, "{orders}");
}
