//! What the server asks of its vault: one commit for each request that passes the checks of form.

use std::sync::Arc;

use zamok_core::Error;
use zamok_host::Vault;
use zamok_journal::witness::{self, AddCheckpoint, Evidence, Verdict};
use zamok_journal::{SignedCheckpoint, TrustPolicy, VerifierKey};

/// A witness: its vault, and the logs that it watches.
#[derive(Clone, Debug)]
pub struct Service {
    vault: Arc<Vault>,
    policy: TrustPolicy,
}

impl Service {
    /// Makes a vault the vault of a witness, under the name that stands in its cosignatures.
    ///
    /// # Errors
    /// [`Error::VaultExists`] when it is one already; [`Error::Refused`] for a name that no key can have; the vault's.
    pub fn found(vault: &Vault, name: &str) -> Result<VerifierKey, Error> {
        vault.transact(|tx| witness::found(tx, name))
    }

    /// The witness in this vault, for the logs of this policy.
    ///
    /// # Errors
    /// [`Error::NoVault`] when it is no vault of a witness; the vault's.
    pub fn open(vault: Arc<Vault>, policy: TrustPolicy) -> Result<Self, Error> {
        let service = Self { vault, policy };
        service.key().map(|_| service)
    }

    /// The key that it cosigns with.
    ///
    /// # Errors
    /// The vault's.
    pub fn key(&self) -> Result<VerifierKey, Error> {
        self.vault.transact(witness::key)
    }

    /// Decides on a request, and remembers what it decided before it answers.
    ///
    /// # Errors
    /// The vault's: nothing was cosigned then.
    pub fn decide(&self, request: &AddCheckpoint) -> Result<Verdict, Error> {
        let verdict = self.vault.transact(|tx| witness::decide(tx, &self.policy, request))?;
        let (origin, size) = (&request.checkpoint.checkpoint().origin, request.checkpoint.checkpoint().size);
        tracing::info!(origin, size, status = verdict.status(), "a checkpoint was judged");
        Ok(verdict)
    }

    /// The latest checkpoint that it cosigned of the log with this [`log_id`](witness::log_id); `None` also for logs
    /// that it does not watch.
    ///
    /// # Errors
    /// The vault's.
    pub fn latest(&self, log: &[u8; 32]) -> Result<Option<SignedCheckpoint>, Error> {
        self.vault.read(|store, keyring| witness::latest(store, keyring, log))
    }

    /// What it keeps of logs that forked.
    ///
    /// # Errors
    /// The vault's.
    pub fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        self.vault.read(witness::evidence)
    }
}
