//! The service itself: its name, its policy, its token key, in one authenticated row.

use std::sync::Arc;

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{KeyId, KeyKind, Purpose, Transaction, issued, signing};
use zamok_core::wire::{Reader, Writer};
use zamok_host::Vault;

use crate::error::Error;
use crate::policy::Policy;
use crate::{Cabinet, account, factor};

/// The one row of the service.
const SERVICE: Table = Table(38);

pub(crate) struct Service {
    issuer: String,
    policy: Policy,
    token_key: KeyId,
    challenge_key: KeyId,
}

impl Cabinet {
    /// Makes the cabinet of a new vault. `issuer` is the service's name, as authenticator apps and tokens show it.
    ///
    /// # Errors
    /// [`Error::IssuerUnusable`]; [`Error::PolicyUnsound`]; [`CoreError::VaultExists`] when the vault has a cabinet; the
    /// vault's and the store's.
    pub fn create(vault: Arc<Vault>, issuer: &str, policy: Policy) -> Result<Self, Error> {
        Self::judge(issuer, &policy)?;
        let service = vault.transact(|tx| {
            if Service::load(tx)?.is_some() {
                return Err(Error::Core(CoreError::VaultExists));
            }
            let token_key = signing::generate(tx, KeyKind::P256, Purpose::Token, "access tokens", None)?;
            let challenge_key = issued::generate(tx, "codes and devices")?;
            let service = Service { issuer: issuer.into(), policy: policy.clone(), token_key, challenge_key };
            service.put(tx)?;
            let decoy = account::begin_decoy(tx, policy.password.cost)?;
            factor::begin_decoy(tx, decoy, &policy.recovery)?;
            Ok(service)
        })?;
        Ok(service.over(vault))
    }

    /// Whether a service may have this name and go by these numbers: for whoever asks before there is a vault for it.
    ///
    /// # Errors
    /// [`Error::IssuerUnusable`]; [`Error::PolicyUnsound`].
    pub fn judge(issuer: &str, policy: &Policy) -> Result<(), Error> {
        // What apps show before the colon of a label cannot hold one, nor anything that a terminal would obey.
        let usable = !issuer.is_empty()
            && issuer.len() <= Self::LONGEST_ISSUER
            && issuer.trim() == issuer
            && !issuer.contains(|character: char| character == ':' || character.is_control());
        if !usable {
            return Err(Error::IssuerUnusable);
        }
        policy.judge().map_err(|_| Error::PolicyUnsound)
    }

    /// Longest name of a service, in bytes.
    const LONGEST_ISSUER: usize = 128;

    /// Opens the cabinet of a vault, under the policy that it keeps.
    ///
    /// # Errors
    /// [`CoreError::NoVault`] when the vault has no cabinet; [`CoreError::Refused`] when its row was altered;
    /// [`Error::PolicyUnsound`] when this program does not know a number of its policy; the vault's and the store's.
    pub fn open(vault: Arc<Vault>) -> Result<Self, Error> {
        let service = vault.transact(|tx| Service::load(tx)?.ok_or(Error::Core(CoreError::NoVault)))?;
        Ok(service.over(vault))
    }

    /// The same cabinet under other numbers, for as long as it is open. They are the caller's own: [`Policy::judge`] is not
    /// asked. [`Cabinet::keep_policy`] asks it, and makes them last.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Keeps other numbers in the vault, journalled with what changed. Whoever has the cabinet open, here and elsewhere, goes
    /// by the old ones until it is opened again.
    ///
    /// # Errors
    /// [`Error::PolicyUnsound`]; the vault's and the store's.
    pub fn keep_policy(&self, policy: &Policy) -> Result<(), Error> {
        policy.judge().map_err(|_| Error::PolicyUnsound)?;
        self.vault.transact(|tx| {
            let mut service = Service::load(tx)?.ok_or(CoreError::NoVault)?;
            let changed: Vec<String> = service
                .policy
                .differences(policy)
                .into_iter()
                .map(|(name, old, new)| format!("{name}: {old} to {new}"))
                .collect();
            if changed.is_empty() {
                return Ok(());
            }
            service.policy = policy.clone();
            service.put(tx)?;
            let detail = Detail::new().with("changed", changed.join("; "));
            tx.event(EventKind::PolicyChanged, None, &row(), &detail)?;
            Ok(())
        })
    }

    /// The key that signs access tokens.
    #[must_use]
    pub const fn token_key(&self) -> KeyId {
        self.token_key
    }
}

pub(crate) fn row() -> RowKey {
    RowKey::new(SERVICE, *b"service")
}

impl Service {
    const FORMAT: u8 = 2;

    fn over(self, vault: Arc<Vault>) -> Cabinet {
        let Self { issuer, policy, token_key, challenge_key } = self;
        Cabinet { vault, policy, issuer, token_key, challenge_key, watch: None }
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).text(&self.issuer)?.text(&self.policy.to_toml())?.raw(&self.token_key.0);
        writer.raw(&self.challenge_key.0);
        Ok(tx.put_state(&row(), writer.as_slice())?)
    }

    pub(crate) fn load(tx: &mut Transaction<'_>) -> Result<Option<Self>, Error> {
        let Some(body) = tx.state(&row())? else { return Ok(None) };
        let mut reader = Reader::new(&body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() }.into());
        }
        let service = Self {
            issuer: reader.text()?.into(),
            policy: Policy::kept(reader.text()?).map_err(|_| Error::PolicyUnsound)?,
            token_key: KeyId(reader.array()?),
            challenge_key: KeyId(reader.array()?),
        };
        reader.end()?;
        Ok(Some(service))
    }
}
