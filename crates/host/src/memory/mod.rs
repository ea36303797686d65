//! Memory for secrets: kept out of the swap, out of core dumps and out of forked children, and wiped when dropped.
//!
//! The only module of this room with `unsafe` (`mapping` alone, and the fork in its tests). Small secrets share a
//! page, since locked pages are counted against `RLIMIT_MEMLOCK`.
//!
//! | | Linux, Android | other Unix | elsewhere |
//! |---|---|---|---|
//! | not swapped | `mlock` | `mlock` | no |
//! | not in core dumps | `MADV_DONTDUMP` | no | no |
//! | zeros in a forked child | `MADV_WIPEONFORK` (4.14) | no; the child is refused by its process id | there is no fork |
//! | guard pages | yes | yes | no |
//! | wiped when dropped | yes | yes | yes |

#[cfg(unix)]
mod arena;
#[cfg(unix)]
mod mapping;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests;

use std::fmt;

use zamok_core::Error;
use zamok_core::secret::{SecretMemory, SecretRegion};

/// Pages that hold secrets. Regions live on after it is dropped; pages are kept for reuse until then.
///
/// Where the operating system locks no more pages (`RLIMIT_MEMLOCK`), [`LockedMemory::new`] goes on with pages that
/// could be swapped and says so in [`LockedMemory::status`], which `zamok doctor` shows; a service that had rather
/// stop takes [`LockedMemory::strict`]. In a forked child every region answers [`Error::Locked`].
///
/// ```
/// use zamok_core::secret::SecretMemory;
/// use zamok_host::LockedMemory;
/// let memory = LockedMemory::new();
/// let region = memory.hold(b"thirty-two bytes of key material")?;
/// assert_eq!(region.expose()?, b"thirty-two bytes of key material");
/// # Ok::<(), zamok_core::Error>(())
/// ```
pub struct LockedMemory {
    #[cfg(unix)]
    arenas: arena::Arenas,
}

/// What the operating system granted to a [`LockedMemory`] so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryStatus {
    /// Bytes in pages that are never swapped.
    pub locked_bytes: usize,
    /// Bytes in pages that could be swapped, because the limit was reached or the system locks none.
    pub unlocked_bytes: usize,
    /// All pages are left out of core dumps.
    pub undumpable: bool,
    /// All pages read as zeros in a forked child.
    pub wiped_on_fork: bool,
}

impl MemoryStatus {
    /// Whether every page is locked, and there is one.
    #[must_use]
    pub const fn locked(&self) -> bool {
        self.locked_bytes > 0 && self.unlocked_bytes == 0
    }
}

/// What to do when the operating system locks no more pages.
#[cfg_attr(not(unix), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shortage {
    /// Go on with unlocked pages; the status and a warning tell.
    Tell,
    /// Hold nothing.
    Refuse,
}

impl LockedMemory {
    /// Memory that goes on unlocked, and says so, where no more pages can be locked.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Shortage::Tell)
    }

    /// Memory that holds nothing in pages that could be swapped.
    #[must_use]
    pub fn strict() -> Self {
        Self::with(Shortage::Refuse)
    }

    /// Whether everything that is held, or would be held in the pages at hand, is locked.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.status().locked()
    }
}

#[cfg(unix)]
impl LockedMemory {
    fn with(shortage: Shortage) -> Self {
        Self { arenas: arena::Arenas::new(shortage) }
    }

    /// What the operating system granted so far.
    #[must_use]
    pub fn status(&self) -> MemoryStatus {
        self.arenas.status()
    }
}

/// Errors: [`Error::TooLong`] when there is no memory, or, for [`LockedMemory::strict`], none that can be locked; the
/// limit that it names is `RLIMIT_MEMLOCK` in bytes.
#[cfg(unix)]
impl SecretMemory for LockedMemory {
    fn hold(&self, bytes: &[u8]) -> Result<Box<dyn SecretRegion>, Error> {
        Ok(Box::new(self.arenas.hold(bytes)?))
    }
}

#[cfg(not(unix))]
impl LockedMemory {
    fn with(_: Shortage) -> Self {
        Self {}
    }

    /// Nothing: this system is not known to lock pages.
    #[must_use]
    pub fn status(&self) -> MemoryStatus {
        MemoryStatus { locked_bytes: 0, unlocked_bytes: 0, undumpable: false, wiped_on_fork: false }
    }
}

#[cfg(not(unix))]
impl SecretMemory for LockedMemory {
    fn hold(&self, bytes: &[u8]) -> Result<Box<dyn SecretRegion>, Error> {
        zamok_core::secret::HeapMemory.hold(bytes)
    }
}

/// Knows in which process it was made. The kernel zeroes a page of its own in a forked child, so that asking is no call of
/// the system; where it does not, the process id tells.
pub(crate) struct Birthplace {
    #[cfg(unix)]
    page: Option<mapping::Mapping>,
    pid: u32,
}

impl Birthplace {
    /// This process.
    pub(crate) fn here() -> Self {
        Self {
            #[cfg(unix)]
            page: mapping::Mapping::new(0).ok(),
            pid: std::process::id(),
        }
    }

    /// Whether this is the process in which it was made: not so in a forked child.
    pub(crate) fn is_here(&self) -> bool {
        #[cfg(unix)]
        if let Some(page) = &self.page {
            return page.ours();
        }
        self.pid == std::process::id()
    }
}

/// How many bytes this process may lock; 0 when the system does not tell.
#[cfg(unix)]
pub(crate) fn lock_limit() -> usize {
    mapping::lock_limit()
}

/// The same where nothing is locked: as many as one likes.
#[cfg(not(unix))]
pub(crate) const fn lock_limit() -> usize {
    usize::MAX
}

impl Default for LockedMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LockedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedMemory").field("status", &self.status()).finish_non_exhaustive()
    }
}
