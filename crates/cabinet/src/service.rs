//! The service itself: its name, its profile of policy, its token key, in one authenticated row.

use std::sync::Arc;

use zamok_core::Error as CoreError;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{KeyId, Purpose, Transaction, signing};
use zamok_core::wire::{Reader, Writer};
use zamok_host::Vault;

use crate::Cabinet;
use crate::error::Error;
use crate::policy::Policy;

/// The one row of the service.
const SERVICE: Table = Table(38);

struct Service {
    issuer: String,
    profile: String,
    token_key: KeyId,
}

impl Cabinet {
    /// Makes the cabinet of a new vault. `issuer` is the service's name, as authenticator apps and tokens show it.
    ///
    /// # Errors
    /// [`Error::IssuerUnusable`]; [`Error::ProfileUnknown`]; [`CoreError::VaultExists`] when the vault has a cabinet; the
    /// vault's and the store's.
    pub fn create(vault: Arc<Vault>, issuer: &str, policy: Policy) -> Result<Self, Error> {
        // What apps show before the colon of a label cannot hold one, nor anything that a terminal would obey.
        let usable = !issuer.is_empty()
            && issuer.len() <= Self::LONGEST_ISSUER
            && issuer.trim() == issuer
            && !issuer.contains(|character: char| character == ':' || character.is_control());
        if !usable {
            return Err(Error::IssuerUnusable);
        }
        // It would be made, and never opened again.
        Policy::named(policy.profile).ok_or(Error::ProfileUnknown)?;
        let token_key = vault.transact(|tx| {
            if load(tx)?.is_some() {
                return Err(Error::Core(CoreError::VaultExists));
            }
            let token_key = signing::generate(tx, Purpose::Token, "access tokens", None)?;
            let mut writer = Writer::new();
            writer.u8(1).text(issuer)?.text(policy.profile)?.raw(&token_key.0);
            tx.put_state(&row(), writer.as_slice())?;
            Ok(token_key)
        })?;
        Ok(Self { vault, policy, issuer: issuer.into(), token_key })
    }

    /// Longest name of a service, in bytes.
    const LONGEST_ISSUER: usize = 128;

    /// Opens the cabinet of a vault, under the named profile of policy with which it was made. Numbers that were changed in
    /// a profile are not kept: [`Cabinet::with_policy`] sets them again.
    ///
    /// # Errors
    /// [`CoreError::NoVault`] when the vault has no cabinet; [`CoreError::Refused`] when its row was altered;
    /// [`Error::ProfileUnknown`]; the vault's and the store's.
    pub fn open(vault: Arc<Vault>) -> Result<Self, Error> {
        let service = vault.transact(|tx| load(tx)?.ok_or(Error::Core(CoreError::NoVault)))?;
        let policy = Policy::named(&service.profile).ok_or(Error::ProfileUnknown)?;
        Ok(Self { vault, policy, issuer: service.issuer, token_key: service.token_key })
    }

    /// The same cabinet under other numbers, for as long as it is open.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The key that signs access tokens.
    #[must_use]
    pub const fn token_key(&self) -> KeyId {
        self.token_key
    }
}

fn row() -> RowKey {
    RowKey::new(SERVICE, *b"service")
}

fn load(tx: &mut Transaction<'_>) -> Result<Option<Service>, Error> {
    let Some(body) = tx.state(&row())? else { return Ok(None) };
    let mut reader = Reader::new(&body);
    let found = reader.u8()?;
    if found != 1 {
        return Err(CoreError::Format { found: found.into(), supported: 1 }.into());
    }
    let service = Service {
        issuer: reader.text()?.into(),
        profile: reader.text()?.into(),
        token_key: KeyId(reader.array()?),
    };
    reader.end()?;
    Ok(Some(service))
}
