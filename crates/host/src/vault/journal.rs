//! What a vault does for its journal: integration, signed checkpoints, what witnesses said of them.

use std::sync::atomic::Ordering;

use zamok_core::Error;
use zamok_journal::{Anchor, Head, Integrator, Journal, SignedCheckpoint, TrustPolicy, Trusted, VerifierKey};

use super::Vault;

impl Vault {
    /// Gives every waiting journal entry its place in the log's tree; answers how many leaves were added.
    ///
    /// Any number of threads and processes may call it: each batch is one commit, and those that come second go on
    /// where the first ended.
    ///
    /// # Errors
    /// [`Error::Refused`] when the tree or a writer's chain was altered: the log does not grow over it;
    /// [`Error::Busy`] when other integrators were faster all the time; [`Error::Locked`]; a store's fault.
    pub fn integrate(&self) -> Result<u64, Error> {
        let mut added = 0;
        let mut busy = 0;
        let mut integrator = Integrator::default();
        let mut has_learned = false;
        loop {
            match self.transact(|tx| integrator.integrate(tx, zamok_journal::MAX_BATCH)) {
                Ok(batch) => {
                    busy = 0;
                    added += u64::try_from(batch.count).unwrap_or(u64::MAX);
                    if !batch.broken.is_empty() && !has_learned {
                        has_learned = true;
                        // Perhaps they were written under a key of which this process does not know yet.
                        let keyring = self.keyring()?;
                        if keyring.is_stale() && self.learn(&keyring)? {
                            continue;
                        }
                    }
                    if !batch.broken.is_empty() {
                        tracing::error!(writers = batch.broken.len(), "chains of journal entries are broken");
                    }
                    if !batch.more || batch.count == 0 {
                        self.forget_writers(batch.head.as_ref());
                        return Ok(added);
                    }
                }
                Err(Error::Busy) if busy < Self::TRIES => busy += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets the chains that are over, once a day. Whatever hinders it hinders nothing else: it is for tomorrow then.
    fn forget_writers(&self, head: Option<&Head>) {
        const BETWEEN: u64 = 60 * 60;
        let now = self.now();
        let is_due = head.is_some_and(|head| zamok_journal::forgetting_is_due(head, now));
        // It stays due where nobody may be forgotten: not all writers are looked at after every batch.
        if !is_due || now.0.abs_diff(self.looked.load(Ordering::Relaxed)) < BETWEEN {
            return;
        }
        self.looked.store(now.0, Ordering::Relaxed);
        loop {
            match self.transact(zamok_journal::forget_writers) {
                Ok(1000..) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "writers of the journal were not forgotten");
                    return;
                }
            }
        }
    }

    /// Signs what the journal's tree amounts to, after the entries that wait were integrated. Where nothing was added
    /// since the last checkpoint, that one is given. The log's key is made at the first call. An anchor
    /// ([`Freshness::Anchored`](crate::Freshness)) remembers it before this answers.
    ///
    /// # Errors
    /// [`Error::LogBehind`] and [`Error::LogForked`] when the journal does not extend what was signed before: nothing is
    /// signed then. [`Error::AnchorMissing`] where the vault asks for an anchor and this one knows nothing of the log;
    /// [`Error::Busy`] when others sign all the time; the anchor's; otherwise as [`Vault::integrate`].
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, Error> {
        self.integrate()?;
        let signed = self.transact(zamok_journal::sign_checkpoint)?;
        if let Some(anchor) = &self.anchor {
            self.keep(&**anchor, &signed)?;
        }
        Ok(signed)
    }

    /// Gives the anchor what was signed, unless another process has given it more meanwhile. Either way the log must be
    /// what the anchor remembers, or more: it may have been put back while this handle was open.
    fn keep(&self, anchor: &dyn Anchor, signed: &SignedCheckpoint) -> Result<(), Error> {
        for _ in 0..Self::TRIES {
            match anchor.last(&self.origin) {
                Ok(Some(known)) => {
                    self.read(|store, keyring| Journal::new(store, keyring).compare(&known))?;
                    if known.size >= signed.checkpoint().size {
                        return Ok(());
                    }
                }
                // It knew something: it was emptied, and is not begun again with whatever the store says now.
                Ok(None) if !self.begins_anchor && self.read(zamok_journal::requires_anchor)? => {
                    return Err(Error::AnchorMissing);
                }
                Ok(None) => {}
                // Witnesses that do not answer are asked again when they are to cosign.
                Err(Error::Unwitnessed) => tracing::warn!("too few witnesses say what they remember"),
                Err(error) => return Err(error),
            }
            match anchor.keep(signed) {
                Err(Error::LogBehind { .. }) => {}
                kept => return kept,
            }
        }
        Err(Error::Busy)
    }

    /// Has the vault open only with an anchor from now on ([`Freshness::Anchored`](crate::Freshness)); it is not taken
    /// back. Journalled. First a checkpoint is signed and given to the anchor, which has to remember it, or a later one.
    ///
    /// # Errors
    /// [`Error::AnchorMissing`] unless this handle was opened with one, and where it knows nothing of the log all the same, such as
    /// witnesses that nobody has asked to cosign it; the anchor's, when it cannot tell what it remembers, such
    /// as witnesses that offer no such call; as [`Vault::checkpoint`].
    pub fn require_anchor(&self) -> Result<(), Error> {
        let anchor = self.anchor.as_ref().ok_or(Error::AnchorMissing)?;
        // Asked before it is needed: one that cannot tell would shut the vault for good.
        anchor.last(&self.origin)?;
        self.checkpoint()?;
        anchor.last(&self.origin)?.ok_or(Error::AnchorMissing)?;
        self.transact(zamok_journal::require_anchor)
    }

    /// Whether this handle was opened with an anchor, and whether the vault asks for one.
    ///
    /// # Errors
    /// As [`Vault::read`].
    pub fn anchoring(&self) -> Result<(bool, bool), Error> {
        Ok((self.anchor.is_some(), self.read(zamok_journal::requires_anchor)?))
    }

    /// Keeps what witnesses said of a checkpoint, for the proofs that are made from now on.
    ///
    /// # Errors
    /// [`Error::Rejected`] when this log did not sign it, or a signature of one of the policy's witnesses is not theirs;
    /// [`Error::Refused`] for altered rows; [`Error::Locked`]; a store's fault.
    pub fn keep_cosigned(&self, policy: &TrustPolicy, signed: &SignedCheckpoint) -> Result<Trusted, Error> {
        self.transact(|tx| zamok_journal::keep_cosigned(tx, policy, signed))
    }

    /// The key that the journal's checkpoints are signed with: what others need to check them.
    ///
    /// # Errors
    /// [`Error::Uncovered`] before the first checkpoint; [`Error::Locked`]; a store's fault.
    pub fn log_key(&self) -> Result<VerifierKey, Error> {
        self.transact(zamok_journal::log_key)
    }

    /// The key that a former log was signed with, by the number of the log: what others need to check proofs of it.
    ///
    /// # Errors
    /// [`Error::Uncovered`] when there is no such log, or it never signed anything; [`Error::Locked`]; a store's fault.
    pub fn former_key(&self, number: u32) -> Result<VerifierKey, Error> {
        let logs = self.read(|store, keyring| Journal::new(store, keyring).former_logs())?;
        let log = logs.into_iter().find(|log| log.number == number).ok_or(Error::Uncovered)?;
        self.transact(|tx| zamok_journal::former_key(tx, &log))
    }
}
