//! Making a vault, and the way in (`CRYPTO.md` §3).

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zamok_core::store::{Range, Store};
use zamok_core::vault::VaultId;
use zamok_core::vault::slot::{self, Charge, Key32, Slot, UnlockPolicy, VAULT};
use zamok_core::{Env, Error};

use super::{Options, Vault};
use crate::argon2id::{argon2id, payable};
use crate::clock::Clock;
use crate::passphrase::Passphrase;
use crate::random::{self, OsRandom};

/// The slot of the officer.
const OFFICER: u8 = 0;
/// How long an attempt that must wait for another sleeps before it asks again.
const POLL: Duration = Duration::from_millis(10);

impl Vault {
    /// Makes a vault in an empty store and opens it. Of several that try at once, one makes it.
    ///
    /// # Errors
    /// [`Error::VaultExists`] when there is one, or remains of one; [`Error::Refused`] or [`Error::TooLong`] for a
    /// cost beyond the bounds of [`argon2id`](crate::argon2id); [`Error::Randomness`]; a store's fault.
    pub fn create(store: Arc<dyn Store>, passphrase: &Passphrase, options: Options) -> Result<Self, Error> {
        let _span = tracing::info_span!("create").entered();
        random::catching(|| {
            let mut random = OsRandom::new()?;
            let mut env = Env { now: options.clock.now(), rng: &mut random };
            // Looked at before the work of the derivation; the commit decides. Remains of a vault are left alone.
            if !store.scan(VAULT, &Range::all(), 1, None)?.rows.is_empty() {
                return Err(Error::VaultExists);
            }
            let slot = Slot::new(VaultId(env.random()), OFFICER, options.cost, &mut env);
            let key = derive(&slot, passphrase)?;
            let keyring = slot::create(&*store, &slot, &key, &*options.memory, env)?;
            let origin = slot::origin(&*store, &keyring)?;
            tracing::info!("a vault was made");
            Ok(Self::new(store, options.clock, keyring, origin))
        })
    }

    /// Opens a vault with the passphrase of the officer's slot.
    ///
    /// The attempt is counted durably before the key is derived, so that cutting it short does not make it free; a
    /// success clears the count and tells the journal, in one commit, before the handle is given. While attempts of
    /// others are under way it waits, at most for [`UnlockPolicy::attempt`] and a second.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a wrong passphrase, or a slot that was altered so that it asks for another one;
    /// [`Error::UnlockNotBefore`] while failures delay further attempts;
    /// [`Error::SlotDisabled`]; [`Error::NoVault`] in an empty store; [`Error::Refused`] and [`Error::Format`] for
    /// rows that were altered or written by another version; [`Error::TooLong`] for a stored cost beyond the bounds
    /// of [`argon2id`](crate::argon2id); [`Error::Busy`] when others kept it waiting or the slot was changed
    /// meanwhile; [`Error::Randomness`]; a store's fault.
    pub fn unlock(store: Arc<dyn Store>, passphrase: &Passphrase, options: Options) -> Result<Self, Error> {
        let _span = tracing::info_span!("unlock", slot = OFFICER).entered();
        random::catching(|| {
            let deadline =
                Instant::now() + Duration::from_secs(options.unlock.attempt.saturating_add(1).min(3600));
            let slot = Slot::read(&*store, OFFICER)?;
            // Refused before it is charged: a cost that no attempt could pay must not use attempts up.
            payable(slot.cost)?;
            charge(&*store, &slot, &options.unlock, &*options.clock, deadline)?;
            let key = derive(&slot, passphrase)?;
            let keyring = slot::open(&*store, &slot, &key, &*options.memory)
                .inspect_err(|error| tracing::warn!(%error, "an attempt to unlock failed"))?;
            let origin = slot::origin(&*store, &keyring)?;
            let vault = Self::new(store, options.clock, keyring, origin);
            loop {
                match vault.transact(|tx| slot::discharge(tx, &slot)) {
                    // Others charge the same row: they cannot keep doing so for long.
                    Err(Error::Busy) if Instant::now() < deadline => {}
                    other => break other?,
                }
            }
            tracing::info!("the vault was unlocked");
            Ok(vault)
        })
    }
}

/// Counts the attempt, waiting while others are under way.
fn charge(
    store: &dyn Store,
    slot: &Slot,
    policy: &UnlockPolicy,
    clock: &dyn Clock,
    deadline: Instant,
) -> Result<(), Error> {
    let mut random = OsRandom::new()?;
    loop {
        let mut env = Env { now: clock.now(), rng: &mut random };
        match slot::charge(store, slot, policy, &mut env) {
            Ok(Charge::Charged) => return Ok(()),
            Ok(Charge::Wait) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(Charge::Wait) => {
                tracing::warn!("other attempts to unlock were under way for too long");
                return Err(Error::Busy);
            }
            Err(error) => {
                tracing::warn!(%error, "no attempt to unlock was allowed");
                return Err(error);
            }
        }
    }
}

/// The key encryption key of a slot.
fn derive(slot: &Slot, passphrase: &Passphrase) -> Result<Key32, Error> {
    let mut key = Key32::default();
    argon2id(passphrase.expose(), &slot.salt, slot.cost, key.as_mut_slice())?;
    Ok(key)
}
