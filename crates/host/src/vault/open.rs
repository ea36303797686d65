//! Making a vault, and the way in (`CRYPTO.md` §3).

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zamok_core::store::{Range, Store};
use zamok_core::vault::attempts::{self, Attempt, Charge, UnlockPolicy};
use zamok_core::vault::doors::{self, Heritage};
use zamok_core::vault::relocation::Relocation;
use zamok_core::vault::slot::{Key32, Slot, VAULT};
use zamok_core::vault::{Keyring, Role, Transaction, VaultId};
use zamok_core::{Env, Error};
use zamok_journal::{Journal, requires_anchor};

use super::{Freshness, Options, Vault};
use crate::argon2id::payable;
use crate::clock::Clock;
use crate::credential::Credential;
use crate::random::{self, OsRandom};

/// How long an attempt that must wait for another sleeps before it asks again.
const POLL: Duration = Duration::from_millis(10);

impl Vault {
    /// Makes a vault in an empty store and opens it as its user. Of several that try at once, one makes it.
    ///
    /// Officer and user get a slot each, which the same secret opens until one of them changes theirs; with two
    /// people from the start, [`Vault::create_for`].
    ///
    /// # Errors
    /// [`Error::VaultExists`] when there is one, or remains of one; [`Error::Refused`] or [`Error::TooLong`] for a
    /// cost beyond the bounds of [`argon2id`](crate::argon2id); [`Error::Token`]; [`Error::Randomness`]; a store's
    /// fault.
    pub fn create<'a>(
        store: Arc<dyn Store>,
        secret: impl Into<Credential<'a>>,
        options: Options,
    ) -> Result<Self, Error> {
        let secret = secret.into();
        Self::create_for(store, secret, secret, options)
    }

    /// As [`Vault::create`], with a secret for the officer and one for the user.
    ///
    /// # Errors
    /// As [`Vault::create`].
    pub fn create_for<'a>(
        store: Arc<dyn Store>,
        officer: impl Into<Credential<'a>>,
        user: impl Into<Credential<'a>>,
        options: Options,
    ) -> Result<Self, Error> {
        let _span = tracing::info_span!("create").entered();
        let (officer, user) = (officer.into(), user.into());
        random::catching(|| {
            let mut random = OsRandom::new()?;
            let mut env = Env { now: options.clock.now(), rng: &mut random };
            // Looked at before the work of the derivation; the commit decides. Remains of a vault are left alone.
            if !store.scan(VAULT, &Range::all(), 1, None)?.rows.is_empty() {
                return Err(Error::VaultExists);
            }
            let slots = first_slots(VaultId(env.random()), officer, user, &options, &mut env)?;
            let keyring = doors::create(&*store, &slots, &*options.memory, env)?;
            let vault = Self::new(store, &options, keyring)?;
            tracing::info!("a vault was made");
            Ok(vault)
        })
    }

    /// Makes a vault in an empty store for one that comes from elsewhere, and opens it as its user. It travels.
    pub(crate) fn settle(
        store: Arc<dyn Store>,
        vault: VaultId,
        [officer, user]: [Credential<'_>; 2],
        heritage: &Heritage<'_>,
        options: Options,
    ) -> Result<Self, Error> {
        random::catching(|| {
            let mut random = OsRandom::new()?;
            let mut env = Env { now: options.clock.now(), rng: &mut random };
            let slots = first_slots(vault, officer, user, &options, &mut env)?;
            let keyring = doors::settle(&*store, &slots, heritage, &*options.memory, env)?;
            let vault = Self { travels: true, ..Self::new(store, &options, keyring)? };
            Ok(vault.filling(heritage.relocation.clone()))
        })
    }

    /// Opens a vault as its user.
    ///
    /// # Errors
    /// As [`Vault::unlock_as`].
    pub fn unlock<'a>(
        store: Arc<dyn Store>,
        secret: impl Into<Credential<'a>>,
        options: Options,
    ) -> Result<Self, Error> {
        Self::unlock_as(Role::User, store, secret, options)
    }

    /// Opens a vault in a role, through [`Options::slot`] or the first slot that is for the role and the secret.
    ///
    /// The attempt is counted durably before the key is derived, so that cutting it short does not make it free; a
    /// success clears the count and tells the journal, in one commit, before the handle is given. One attempt at a
    /// slot is under way at a time: others wait for it, as long as the attempts before them go on.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a wrong secret, or a slot that was altered so that it asks for another one;
    /// [`Error::UnlockNotBefore`] while failures delay further attempts;
    /// [`Error::SlotDisabled`]; [`Error::NoVault`] in an empty store; [`Error::SlotMethod`] when no slot is for this
    /// role and sort of secret; [`Error::Refused`] and [`Error::Format`] for rows that were altered, put back or
    /// written by another version; [`Error::TooLong`] for a stored cost beyond the bounds of
    /// [`argon2id`](crate::argon2id); [`Error::Token`]; [`Error::AnchorMissing`], also for an anchor that knows nothing of this
    /// log where the vault asks for one; [`Error::LogBehind`] and
    /// [`Error::LogForked`] when the anchor knows better, and its own errors: none of these is a failed attempt;
    /// [`Error::Busy`] when others kept it waiting or the slot was changed meanwhile; [`Error::Randomness`]; a store's
    /// fault.
    pub fn unlock_as<'a>(
        role: Role,
        store: Arc<dyn Store>,
        secret: impl Into<Credential<'a>>,
        options: Options,
    ) -> Result<Self, Error> {
        let vault = Self::come_in(role, store, secret.into(), options)?;
        // Auditors read the journal alone, which is whole in a store that is being filled.
        if role != Role::Auditor {
            vault.read(Relocation::refuse)?;
        }
        Ok(vault)
    }

    /// Opens a vault although it may be on its way into or out of this store. It travels until [`Vault::arrive`]. A slot that is
    /// asked for counts for its own role.
    pub(crate) fn enter(
        role: Role,
        store: Arc<dyn Store>,
        secret: Credential<'_>,
        options: Options,
    ) -> Result<Self, Error> {
        let is_of_role = |number: u8| -> Result<bool, Error> {
            Ok(Slot::all(&*store)?.iter().any(|slot| slot.number == number && slot.role == role))
        };
        let slot = match options.slot {
            Some(number) if is_of_role(number)? => Some(number),
            _ => None,
        };
        let vault = Self::come_in(role, store, secret, Options { slot, ..options })?;
        Ok(Self { travels: true, ..vault })
    }

    /// The vault is where it stays.
    pub(crate) fn arrive(self) -> Self {
        Self { travels: false, filling: None, ..self }
    }

    /// The keys that a secret opens in a store of which nothing else is asked: the auditor's slot is tried first. No attempt
    /// is counted, since nothing may be written there; whoever has the files could try as well.
    pub(crate) fn keyring_of(
        store: &dyn Store,
        secret: Credential<'_>,
        options: &Options,
    ) -> Result<Keyring, Error> {
        let mut slots = Slot::all(store)?;
        slots.sort_by_key(|slot| std::cmp::Reverse(slot.role as u8));
        let mut last = Error::SlotMethod;
        for slot in slots.into_iter().filter(|slot| secret.fits(slot.method)) {
            slot.method.cost().map_or(Ok(()), payable)?;
            match secret.derive(&slot).and_then(|key| doors::open(store, &slot, &key, &*options.memory)) {
                Ok(keyring) => return Ok(keyring),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn come_in(
        role: Role,
        store: Arc<dyn Store>,
        secret: Credential<'_>,
        options: Options,
    ) -> Result<Self, Error> {
        random::catching(|| {
            let slot = choose(&*store, role, &secret, options.slot)?;
            let _span = tracing::info_span!("unlock", slot = slot.number, %role).entered();
            let policy = options.policy(role);
            // Refused before it is charged: a cost that no attempt could pay must not use attempts up.
            slot.method.cost().map_or(Ok(()), payable)?;
            let attempt = charge(&*store, &slot, policy, &*options.clock)?;
            let opened =
                secret.derive(&slot).and_then(|key| doors::open(&*store, &slot, &key, &*options.memory));
            let keyring = opened.or_else(|error| failed(&*store, &slot, attempt, &*options.clock, error))?;
            confirm(&*store, &keyring, &options.freshness)
                .or_else(|error| unconfirmed(&*store, &slot, attempt, &*options.clock, error))?;
            let vault = Self::new(store, &options, keyring)?;
            vault.discharging(policy, &mut |tx| attempts::discharge(tx, &slot, attempt))?;
            tracing::info!("the vault was unlocked");
            Ok(vault)
        })
    }

    /// Forgives an attempt that was right, before anybody has anything of it.
    pub(super) fn discharging(
        &self,
        policy: &UnlockPolicy,
        discharge: &mut dyn FnMut(&mut Transaction<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + patience(policy);
        loop {
            match self.commit(None, None, discharge) {
                // Others charge the same row: they cannot keep doing so for long.
                Err(Error::Busy) if Instant::now() < deadline => {}
                other => return other,
            }
        }
    }
}

/// Ends an attempt that failed. It stays charged; the next one need not wait for it.
pub(super) fn failed<T>(
    store: &dyn Store,
    slot: &Slot,
    attempt: Attempt,
    clock: &dyn Clock,
    error: Error,
) -> Result<T, Error> {
    tracing::warn!(%error, "an attempt at a slot failed");
    let mut random = OsRandom::new()?;
    let mut env = Env { now: clock.now(), rng: &mut random };
    attempts::end(store, slot, attempt, &mut env)?;
    Err(error)
}

/// Ends an attempt whose secret was right, and which the anchor kept out: that is no failure.
fn unconfirmed(
    store: &dyn Store,
    slot: &Slot,
    attempt: Attempt,
    clock: &dyn Clock,
    error: Error,
) -> Result<(), Error> {
    tracing::warn!(%error, "the anchor keeps the vault shut");
    let mut random = OsRandom::new()?;
    let mut env = Env { now: clock.now(), rng: &mut random };
    if let Err(error) = attempts::take_back(store, slot, attempt, &mut env) {
        tracing::warn!(%error, "the attempt stays charged");
    }
    Err(error)
}

/// A slot for the officer and one for the user.
fn first_slots(
    vault: VaultId,
    officer: Credential<'_>,
    user: Credential<'_>,
    options: &Options,
    env: &mut Env<'_>,
) -> Result<Vec<(Slot, Key32)>, Error> {
    let mut slots = Vec::new();
    for (number, role, secret) in [(0, Role::Officer, officer), (1, Role::User, user)] {
        let method = secret.method(options.cost);
        secret.check()?;
        let slot = Slot::new(vault, number, role, method, &role.to_string(), env);
        let key = secret.derive(&slot)?;
        slots.push((slot, key));
    }
    Ok(slots)
}

/// The slot that is asked for, or the first that fits.
fn choose(store: &dyn Store, role: Role, secret: &Credential<'_>, number: Option<u8>) -> Result<Slot, Error> {
    let slots = Slot::all(store)?;
    if let Some(number) = number.filter(|number| slots.iter().all(|slot| slot.number != *number)) {
        return Err(Error::NoSlot(number));
    }
    let fits = |slot: &Slot| {
        slot.role == role && secret.fits(slot.method) && number.is_none_or(|number| slot.number == number)
    };
    slots.into_iter().find(fits).ok_or(Error::SlotMethod)
}

/// Asks the anchor where there is one, or where there has to be one.
fn confirm(store: &dyn Store, keyring: &Keyring, freshness: &Freshness) -> Result<(), Error> {
    let is_required = requires_anchor(store, keyring)?;
    let (anchor, begins) = match freshness {
        Freshness::Trusting | Freshness::Fenced if is_required => return Err(Error::AnchorMissing),
        Freshness::Trusting | Freshness::Fenced => return Ok(()),
        Freshness::Anchored(anchor) => (anchor, false),
        Freshness::Beginning(anchor) => (anchor, true),
    };
    match anchor.last(&doors::origin(store, keyring)?)? {
        Some(known) => Journal::new(store, keyring).compare(&known),
        // Emptied, it would take the log that was put back for the first that it is given.
        None if is_required && !begins => Err(Error::AnchorMissing),
        None => {
            tracing::warn!("the anchor knows nothing of this log: a store that was put back is not noticed");
            Ok(())
        }
    }
}

/// How long an attempt waits for one other that does not end.
fn patience(policy: &UnlockPolicy) -> Duration {
    Duration::from_secs(policy.attempt.saturating_add(1).min(3600))
}

/// Counts the attempt, waiting while others are under way.
pub(super) fn charge(
    store: &dyn Store,
    slot: &Slot,
    policy: &UnlockPolicy,
    clock: &dyn Clock,
) -> Result<Attempt, Error> {
    let mut random = OsRandom::new()?;
    let mut deadline = Instant::now() + patience(policy);
    let mut before = None;
    loop {
        let mut env = Env { now: clock.now(), rng: &mut random };
        match attempts::charge(store, slot, policy, &mut env) {
            Ok(Charge::Charged(attempt)) => return Ok(attempt),
            // The queue moves on: so do we in it.
            Ok(Charge::Wait(number)) if before != Some(number) => {
                before = Some(number);
                deadline = Instant::now() + patience(policy);
            }
            Ok(Charge::Wait(_)) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(Charge::Wait(_)) => {
                tracing::warn!("another attempt to unlock was under way for too long");
                return Err(Error::Busy);
            }
            Err(error) => {
                tracing::warn!(%error, "no attempt to unlock was allowed");
                return Err(error);
            }
        }
    }
}
