//! Leave to use a key once that asks for an authorisation of its own (`CRYPTO.md` §8; PKCS#11 CKA_ALWAYS_AUTHENTICATE).

use std::fmt;

use zamok_core::Error;
use zamok_core::vault::attempts;
use zamok_core::vault::roles::Operation;
use zamok_core::vault::slot::Slot;
use zamok_core::vault::{KeyId, Transaction, doors, keys};

use super::Vault;
use super::open::{charge, failed};
use crate::argon2id::payable;
use crate::credential::Credential;
use crate::random;

/// One use of one key, by whoever has just shown the secret of the slot once more.
///
/// It is used up by [`Authorization::transact`], whatever comes of that; whoever drops it has not used it.
#[must_use]
pub struct Authorization<'v> {
    vault: &'v Vault,
    key: KeyId,
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorization({})", self.key)
    }
}

impl Vault {
    /// Lets a key with [`Flag::AlwaysAuthenticate`](zamok_core::vault::Flag::AlwaysAuthenticate) be used once, for the
    /// secret of the slot through which this handle was opened.
    ///
    /// It is an attempt at that slot, like opening it: charged before the secret is looked at, one at a time, delayed after
    /// failures, forgiven by a success; the journal is told of the key.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use zamok_core::Error;
    /// # use zamok_core::store::MemoryStore;
    /// # use zamok_core::vault::slot::Argon2Cost;
    /// use zamok_core::vault::keys::{self, Flag, Flags, KeyKind, Purpose, Template};
    /// use zamok_core::vault::{Transaction, signing};
    /// # use zamok_host::{Options, Passphrase, Vault};
    /// # let options = Options { cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() };
    /// # let passphrase = Passphrase::from("a long sentence");
    /// # let vault = Vault::create(Arc::new(MemoryStore::new()), &passphrase, options)?;
    /// let mut template = Template::new(KeyKind::P256, Purpose::Document);
    /// template.flags = template.flags.or(Flags::of(&[Flag::AlwaysAuthenticate]));
    /// let key = vault.transact(|tx| keys::generate(tx, &template))?;
    ///
    /// let sign = |tx: &mut Transaction<'_>| signing::sign(tx, key, Purpose::Document, b"a contract", "contract.pdf");
    /// assert_eq!(vault.transact(sign).err(), Some(Error::KeyUnauthorised));
    /// let signature = vault.authorize(key, &passphrase)?.transact(sign)?;
    /// # let _ = signature;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Rejected`] for a wrong secret; [`Error::UnlockNotBefore`] and [`Error::SlotDisabled`] after failures;
    /// [`Error::SlotMethod`] for another sort of secret than the slot's; [`Error::UnknownKey`]; [`Error::Role`] for
    /// officers and auditors, who use no keys; [`Error::Locked`]; [`Error::Token`]; [`Error::Busy`]; a store's fault.
    pub fn authorize<'a>(
        &self,
        key: KeyId,
        secret: impl Into<Credential<'a>>,
    ) -> Result<Authorization<'_>, Error> {
        let secret = secret.into();
        random::catching(|| {
            let keyring = self.current(self.now())?;
            keyring.permit(Operation::UseKeys)?;
            let number = keyring.slot().ok_or(Error::Locked)?;
            let _span = tracing::info_span!("authorize", slot = number, %key).entered();
            let slot = Slot::all(&*self.store)?.into_iter().find(|slot| slot.number == number);
            let slot = slot.ok_or(Error::Locked)?;
            if !secret.fits(slot.method) {
                return Err(Error::SlotMethod);
            }
            // What no attempt could come to must not use attempts up.
            slot.method.cost().map_or(Ok(()), payable)?;
            self.transact(|tx| keys::info(tx, key))?;
            let attempt = charge(&*self.store, &slot, &self.policy, &*self.clock)?;
            let opened =
                secret.derive(&slot).and_then(|kek| doors::open(&*self.store, &slot, &kek, &*self.memory));
            // The keys are here already: that they could be opened is all that was to be known.
            drop(opened.or_else(|error| failed(&*self.store, &slot, attempt, &*self.clock, error))?);
            self.discharging(&self.policy, &mut |tx| attempts::discharge_for(tx, &slot, attempt, key))?;
            tracing::info!("one use of a key was authorised");
            Ok(Authorization { vault: self, key })
        })
    }
}

impl Authorization<'_> {
    /// The key that may be used.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// As [`Vault::transact`], in which the key may be used once. `f` runs again after a conflict, and so may use it again
    /// then: one commit comes of it.
    ///
    /// # Errors
    /// As [`Vault::transact`]; [`Error::KeyUnauthorised`] for a second use within the transaction.
    pub fn transact<T, E: From<Error>>(
        self,
        mut f: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.vault.keyring()?.permit(Operation::Transact)?;
        self.vault.commit(Some(self.key), None, &mut f)
    }
}
