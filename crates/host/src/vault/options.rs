//! How a vault is opened, as far as the store does not say it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zamok_core::secret::SecretMemory;
use zamok_core::signature::Backend;
use zamok_core::vault::Role;
use zamok_core::vault::attempts::UnlockPolicy;
use zamok_core::vault::rotation::LEARNED_WITHIN;
use zamok_core::vault::slot::Argon2Cost;
use zamok_journal::Anchor;

#[cfg(feature = "aws-lc")]
use crate::aws_lc::AwsLc;
use crate::clock::{Clock, SystemClock};
use crate::memory::LockedMemory;

/// How a vault is opened. The defaults are those of `CRYPTO.md` §9.
#[derive(Clone)]
pub struct Options {
    /// The clock. Default: [`SystemClock`].
    pub clock: Arc<dyn Clock>,
    /// Where the unlocked keys lie. Default: [`LockedMemory`].
    pub memory: Arc<dyn SecretMemory>,
    /// What computes signatures. Default: AWS-LC where the feature `aws-lc` is on (it is), else the portable code.
    pub backend: Arc<dyn Backend>,
    /// When unlocking is slowed down for users and auditors. Default: 5 failures are free, then 30 s doubling to 1 h;
    /// disabled after 20, until the officer resets the slot; an attempt may be under way for 10 s.
    pub unlock: UnlockPolicy,
    /// The same for officers. Default: 10 failures are free; never disabled, since nobody could undo it.
    pub officer: UnlockPolicy,
    /// What a slot that is made now costs to open; existing slots keep theirs. Default: Argon2id with 256 MiB and 3
    /// passes, in one lane, since the lanes would run one after the other.
    pub cost: Argon2Cost,
    /// The slot to open. Default: the first that is for the role and for the sort of secret.
    pub slot: Option<u8>,
    /// After how long without use the keys are wiped. Default: 15 minutes; `None` for a service that must answer at
    /// any hour and has nobody there to unlock it again.
    pub idle: Option<Duration>,
    /// What is believed of the store's age. Default: [`Freshness::Trusting`].
    pub freshness: Freshness,
    /// How long a move ([`Vault::relocate`](crate::Vault::relocate)) leaves whoever had the old store open to learn of it,
    /// before both stores are compared. Default: twice [`LEARNED_WITHIN`], two minutes. Less is for whoever knows that nobody
    /// has it open, and for tests.
    pub settling: Duration,
}

/// What is believed of the store's age when a vault is opened (`CRYPTO.md` §1). A store that was put back as a whole
/// proves itself: only something outside of it can tell.
#[derive(Clone)]
pub enum Freshness {
    /// The store is taken as it is.
    Trusting,
    /// It is taken as it is, but what may have been spent before the vault was opened counts as spent: time steps up
    /// to that of the opening, with the window after it, are refused.
    Fenced,
    /// An anchor outside of the store is asked: where its journal is not what the anchor remembers, or more, the vault
    /// stays closed. Checkpoints are given to the anchor as they are signed. One that knows nothing of the log opens no vault
    /// that asks for an anchor.
    Anchored(Arc<dyn Anchor>),
    /// As [`Freshness::Anchored`], with an anchor that may know nothing yet: the store is then taken as it is, and the next
    /// checkpoint begins the anchor. For whoever gives a vault a new one and is sure of the store.
    Beginning(Arc<dyn Anchor>),
}

impl Default for Options {
    fn default() -> Self {
        let unlock = UnlockPolicy {
            free: 5,
            first_delay: 30,
            longest_delay: 3600,
            disable_after: Some(20),
            attempt: 10,
        };
        Self {
            clock: Arc::new(SystemClock),
            memory: Arc::new(LockedMemory::new()),
            #[cfg(feature = "aws-lc")]
            backend: Arc::new(AwsLc),
            #[cfg(not(feature = "aws-lc"))]
            backend: Arc::new(zamok_core::signature::Portable),
            unlock,
            officer: UnlockPolicy { free: 10, disable_after: None, ..unlock },
            cost: Argon2Cost { memory_kib: 256 << 10, passes: 3, lanes: 1 },
            slot: None,
            idle: Some(Duration::from_secs(15 * 60)),
            freshness: Freshness::Trusting,
            settling: Duration::from_secs(2 * LEARNED_WITHIN),
        }
    }
}

impl Options {
    /// When unlocking is slowed down for a role.
    #[must_use]
    pub const fn policy(&self, role: Role) -> &UnlockPolicy {
        match role {
            Role::Officer => &self.officer,
            Role::User | Role::Auditor => &self.unlock,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("clock", &self.clock)
            .field("backend", &self.backend.name())
            .field("unlock", &self.unlock)
            .field("officer", &self.officer)
            .field("cost", &self.cost)
            .field("slot", &self.slot)
            .field("idle", &self.idle)
            .field("freshness", &self.freshness)
            .field("settling", &self.settling)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusting => "Trusting",
            Self::Fenced => "Fenced",
            Self::Anchored(_) => "Anchored",
            Self::Beginning(_) => "Beginning",
        })
    }
}
