//! Attempts at a slot: one at a time, counted before the key is derived, delayed ever longer, cleared by a success.
//!
//! An attempt is charged by compare-and-set and flushed before the derivation begins, so that a crash or a cut
//! connection costs an attempt instead of giving one away. Counts only ever rise: a success and an officer's reset
//! move the mark up to which attempts are forgiven, and a success forgives no attempt that began after its own.

use alloc::format;
use alloc::vec::Vec;

use super::keyring::VAULT;
use super::keys::{self, KeyId};
use super::roles::Operation;
use super::slot::{Slot, slot_row};
use super::transaction::Transaction;
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::store::{Change, ChangeId, Outcome, Row, RowKey, Store};
use crate::wire::{Reader, Writer};

/// When a slot makes people wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlockPolicy {
    /// Failures in a row without a delay.
    pub free: u32,
    /// Delay after the first failure beyond those, in seconds; it doubles with every further one.
    pub first_delay: u64,
    /// Longest delay, in seconds.
    pub longest_delay: u64,
    /// Failures after which the slot is disabled until an officer resets it; `None` where no other slot could.
    pub disable_after: Option<u32>,
    /// How long an attempt may be under way, in seconds: meanwhile others wait. Afterwards it is taken for dead.
    pub attempt: u64,
}

/// The attempts at a slot. Not authenticated: there is no key yet when they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts that were ever charged.
    charged: u64,
    /// The last of them that is forgiven, by a success or by an officer.
    forgiven: u64,
    /// When the last was charged.
    last: UnixTime,
    /// Until when the last is under way; 0 when it has ended.
    until: UnixTime,
}

impl Attempts {
    const FORMAT: u8 = 1;
    pub(super) fn encode(self) -> Vec<u8> {
        let mut row = Writer::new();
        row.u8(Self::FORMAT).u64(self.charged).u64(self.forgiven).u64(self.last.0).u64(self.until.0);
        row.to_vec()
    }

    pub(super) fn decode(row: Option<&Row>) -> Result<Self, Error> {
        let mut reader = Reader::new(&row.ok_or(Error::Refused)?.value);
        if reader.u8()? != Self::FORMAT {
            return Err(Error::Refused);
        }
        let (charged, forgiven) = (reader.u64()?, reader.u64()?);
        let attempts =
            Self { charged, forgiven, last: UnixTime(reader.u64()?), until: UnixTime(reader.u64()?) };
        reader.end()?;
        if forgiven > charged { Err(Error::Refused) } else { Ok(attempts) }
    }

    /// The attempts at a slot, as the store has them.
    ///
    /// # Errors
    /// [`Error::Refused`] when the row is missing or damaged; a store's fault.
    pub fn read(store: &dyn Store, number: u8) -> Result<Self, Error> {
        Self::decode(store.get(&attempts_row(number))?.as_ref())
    }

    /// Failures since the last success or reset, the one under way included.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.charged - self.forgiven
    }

    /// Whether policy has disabled the slot.
    #[must_use]
    pub fn disabled(&self, policy: &UnlockPolicy) -> bool {
        policy.disable_after.is_some_and(|limit| self.failures() >= u64::from(limit))
    }

    /// Attempts before this time are refused.
    #[must_use]
    pub fn not_before(&self, policy: &UnlockPolicy) -> UnixTime {
        let over = self.failures().saturating_sub(policy.free.into());
        if over == 0 {
            return UnixTime(0);
        }
        let doubling = u32::try_from(over - 1).ok().and_then(|over| 1_u64.checked_shl(over));
        let delay = policy.first_delay.saturating_mul(doubling.unwrap_or(u64::MAX));
        self.last.plus(delay.min(policy.longest_delay))
    }

    /// A time that no honest clock can have told is replaced by this one: a clock that had jumped ahead keeps nobody
    /// out till then, and one that was set back shortens no delay, which then runs anew.
    fn believed(self, now: UnixTime, policy: &UnlockPolicy) -> Self {
        let last = if self.last.is_ahead_of(now) { now } else { self.last };
        let until = if self.until.is_ahead_of(now.plus(policy.attempt)) { UnixTime(0) } else { self.until };
        Self { last, until, ..self }
    }
}

/// An attempt that was charged: the key may be derived now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Attempt {
    number: u64,
}

/// What charging a slot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Charge {
    /// The attempt is counted, durably: derive the key now.
    Charged(Attempt),
    /// Another attempt is under way, of this number: ask again in a moment.
    Wait(u64),
}

/// Counts an attempt to open a slot, before the key is derived.
///
/// # Errors
/// [`Error::UnlockNotBefore`] while delayed, [`Error::SlotDisabled`] when no attempts are left, [`Error::Refused`]
/// when the counter's row is missing or damaged; a store's fault.
pub fn charge(
    store: &dyn Store,
    slot: &Slot,
    policy: &UnlockPolicy,
    env: &mut Env<'_>,
) -> Result<Charge, Error> {
    let key = attempts_row(slot.number);
    let row = store.get(&key)?.ok_or(Error::Refused)?;
    let stored = Attempts::decode(Some(&row))?;
    let attempts = stored.believed(env.now, policy);
    // The attempt under way may be the last that is left: whether it is, shows when it ends.
    if env.now < attempts.until {
        return Ok(Charge::Wait(attempts.charged));
    }
    if attempts.disabled(policy) {
        return Err(Error::SlotDisabled);
    }
    let not_before = attempts.not_before(policy);
    if env.now < not_before {
        if attempts != stored {
            // The delay runs from here on also for those who look later.
            let _ = put(store, &key, row.version, attempts, env)?;
        }
        return Err(Error::UnlockNotBefore(not_before.0));
    }
    let last = env.now.max(attempts.last);
    let number = attempts.charged.checked_add(1).ok_or(Error::SlotDisabled)?;
    let charged = Attempts { charged: number, last, until: env.now.plus(policy.attempt), ..attempts };
    match put(store, &key, row.version, charged, env)? {
        Outcome::Committed => Ok(Charge::Charged(Attempt { number })),
        Outcome::Conflict(_) | Outcome::Capped(_) | Outcome::Fenced => Ok(Charge::Wait(attempts.charged)),
    }
}

/// Ends an attempt that failed, so that the next need not wait. It stays charged.
///
/// # Errors
/// As [`charge`].
pub fn end(store: &dyn Store, slot: &Slot, attempt: Attempt, env: &mut Env<'_>) -> Result<(), Error> {
    let key = attempts_row(slot.number);
    let row = store.get(&key)?.ok_or(Error::Refused)?;
    let attempts = Attempts::decode(Some(&row))?;
    if attempts.charged == attempt.number {
        let ended = Attempts { until: UnixTime(0), ..attempts };
        // On a conflict somebody has charged since: nothing is left to end.
        let _ = put(store, &key, row.version, ended, env)?;
    }
    Ok(())
}

/// Takes an attempt back that was right and still opened nothing, for a reason that is not its own: it counts as no failure,
/// and those before it stay. The journal is told nothing.
///
/// # Errors
/// As [`charge`]; [`Error::Busy`] when others changed the counter all the time.
pub fn take_back(store: &dyn Store, slot: &Slot, attempt: Attempt, env: &mut Env<'_>) -> Result<(), Error> {
    const TRIES: usize = 8;
    let key = attempts_row(slot.number);
    for _ in 0..TRIES {
        let row = store.get(&key)?.ok_or(Error::Refused)?;
        let attempts = Attempts::decode(Some(&row))?;
        // Forgiven meanwhile, with all the others.
        if attempts.forgiven >= attempts.charged {
            return Ok(());
        }
        // Counts only rise: one more is charged, and one more is forgiven.
        let forgiven = attempts.forgiven + 1;
        let until = if attempts.charged == attempt.number { UnixTime(0) } else { attempts.until };
        if put(store, &key, row.version, Attempts { forgiven, until, ..attempts }, env)? == Outcome::Committed
        {
            return Ok(());
        }
    }
    Err(Error::Busy)
}

fn put(
    store: &dyn Store,
    key: &RowKey,
    version: u64,
    attempts: Attempts,
    env: &mut Env<'_>,
) -> Result<Outcome, Error> {
    let mut change = Change::new(ChangeId(env.random()));
    change.update(key.clone(), version, attempts.encode())?;
    Ok(store.commit(&change)?)
}

/// Forgives the failures of a slot up to an attempt that opened it, and tells the journal of them, in one transaction.
///
/// # Errors
/// [`Error::Refused`] when the counter's row is missing or damaged; a store's fault.
pub fn discharge(tx: &mut Transaction<'_>, slot: &Slot, attempt: Attempt) -> Result<(), Error> {
    forgive(tx, slot, attempt)?;
    let detail = Detail::new().with("role", format!("{}", slot.role)).with("method", slot.method.name());
    tx.event(EventKind::VaultUnlocked, None, &slot_row(slot.number), &detail).map(|_| ())
}

/// As [`discharge`], for an attempt that authorised one use of a key in a vault that is open already; the journal is told
/// of the key and the slot.
///
/// # Errors
/// As [`discharge`]; [`Error::UnknownKey`].
pub fn discharge_for(
    tx: &mut Transaction<'_>,
    slot: &Slot,
    attempt: Attempt,
    key: KeyId,
) -> Result<(), Error> {
    forgive(tx, slot, attempt)?;
    let owner = keys::info(tx, key)?.owner;
    let detail = Detail::new().with("slot", format!("{}", slot.number));
    tx.event(EventKind::KeyAuthorised, owner, &key.row(), &detail).map(|_| ())
}

fn forgive(tx: &mut Transaction<'_>, slot: &Slot, attempt: Attempt) -> Result<(), Error> {
    let key = attempts_row(slot.number);
    let attempts = Attempts::decode(tx.plain(&key)?.as_ref())?;
    // One of them is the attempt that has just succeeded.
    let failures = attempt.number.saturating_sub(attempts.forgiven).saturating_sub(1);
    let forgiven = attempts.forgiven.max(attempt.number).min(attempts.charged);
    let until = if attempts.charged == attempt.number { UnixTime(0) } else { attempts.until };
    tx.put_plain(&key, Attempts { forgiven, until, ..attempts }.encode())?;
    if failures > 0 {
        let detail = Detail::new().with("failures", format!("{failures}"));
        tx.event(EventKind::UnlockFailed, None, &key, &detail)?;
    }
    Ok(())
}

/// Forgives the failures of a slot: an officer's word that its owner may try again. Journalled.
///
/// # Errors
/// [`Error::Role`]; [`Error::NoSlot`]; [`Error::Refused`] when the counter's row is damaged; a store's fault.
pub fn reset(tx: &mut Transaction<'_>, number: u8) -> Result<(), Error> {
    tx.keyring().permit(Operation::ResetAttempts)?;
    super::doors::listed(tx, number)?;
    let key = attempts_row(number);
    let attempts = Attempts::decode(tx.plain(&key)?.as_ref())?;
    // The one under way is not known to have failed, and stays charged.
    let under_way = u64::from(tx.now() < attempts.until);
    let forgiven = attempts.forgiven.max(attempts.charged - under_way.min(attempts.charged));
    tx.put_plain(&key, Attempts { forgiven, ..attempts }.encode())?;
    let failures = forgiven - attempts.forgiven;
    let detail = Detail::new().with("slot", format!("{number}")).with("failures", format!("{failures}"));
    tx.event(EventKind::SlotReset, None, &key, &detail).map(|_| ())
}

pub(super) fn attempts_row(number: u8) -> RowKey {
    RowKey::new(VAULT, [b"attempts/", &[number][..]].concat())
}
