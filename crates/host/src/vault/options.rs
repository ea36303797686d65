//! How a vault is opened, as far as the store does not say it.

use std::fmt;
use std::sync::Arc;

use zamok_core::secret::SecretMemory;
use zamok_core::vault::slot::{Argon2Cost, UnlockPolicy};

use crate::clock::{Clock, SystemClock};
use crate::memory::LockedMemory;

/// How a vault is opened. The defaults are those of `CRYPTO.md` §9 for the officer's slot.
#[derive(Clone)]
pub struct Options {
    /// The clock. Default: [`SystemClock`].
    pub clock: Arc<dyn Clock>,
    /// Where the unlocked keys lie. Default: [`LockedMemory`].
    pub memory: Arc<dyn SecretMemory>,
    /// When unlocking is slowed down. Default: 10 failures are free, then 30 s doubling to 1 h; never disabled, since
    /// no other slot could undo it; an attempt may be under way for 10 s.
    pub unlock: UnlockPolicy,
    /// What a slot that is made now costs to open; existing slots keep theirs. Default: Argon2id with 256 MiB and 3
    /// passes, in one lane, since the lanes would run one after the other.
    pub cost: Argon2Cost,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            memory: Arc::new(LockedMemory::new()),
            unlock: UnlockPolicy {
                free: 10,
                first_delay: 30,
                longest_delay: 3600,
                disable_after: None,
                attempt: 10,
            },
            cost: Argon2Cost { memory_kib: 256 << 10, passes: 3, lanes: 1 },
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("clock", &self.clock)
            .field("unlock", &self.unlock)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}
