//! A store that a restore or a move fills: of several runs that are at it, one goes on.
//!
//! What the store says of how far it has come is what the run that goes on wrote there last. Every transaction of a handle that
//! fills a store begins with reading it: whoever finds there what another has written, or that the vault is where it stays and may
//! be in service, has come too late, and changes nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use zamok_core::Error;
use zamok_core::vault::Transaction;
use zamok_core::vault::relocation::Relocation;

use super::Vault;

impl Vault {
    /// Where the vault is on its way, as the store says. From here on the commit expects that unchanged.
    pub(crate) fn on_its_way(&self, tx: &mut Transaction<'_>) -> Result<Option<Relocation>, Error> {
        tx.state(&Relocation::row())?;
        Relocation::read(&**self.store(), tx.keyring())
    }

    /// Fills the store from where it has come to.
    pub(crate) fn filling(self, so_far: Relocation) -> Self {
        Self { filling: Some(Mutex::new(so_far)), ..self }
    }

    /// As [`Vault::transact`], and says in the same commit how far the store has been filled.
    pub(crate) fn fill<T>(
        &self,
        so_far: &Relocation,
        mut f: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = self.transact(|tx| {
            let done = f(tx)?;
            so_far.put(tx).map(|()| done)
        })?;
        if let Some(filling) = &self.filling {
            *locked(filling) = so_far.clone();
        }
        Ok(done)
    }

    /// Refuses to go on with filling a store where another run did, or has come to the end.
    pub(super) fn fills_still(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let Some(filling) = &self.filling else { return Ok(()) };
        let so_far = locked(filling).clone();
        if self.on_its_way(tx)? == Some(so_far) {
            return Ok(());
        }
        tracing::warn!("another run fills this store, or has filled it: this one ends");
        Err(Error::Busy)
    }
}

fn locked(filling: &Mutex<Relocation>) -> MutexGuard<'_, Relocation> {
    filling.lock().unwrap_or_else(PoisonError::into_inner)
}
