//! Small secrets in shared pages: a mapping of 64 units of 64 bytes, the first of which is the marker.

use std::fmt;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zamok_core::Error;
use zamok_core::secret::SecretRegion;

use super::mapping::{HEAD, Mapping, lock_limit};
use super::{MemoryStatus, Shortage};

/// Bytes of a unit: a cache line, so that secrets of different owners share none.
const UNIT: usize = 64;
/// Units behind the marker of a shared arena: with it they fill 4 KiB.
const SHARED: usize = 4096 / UNIT - HEAD / UNIT;

/// One mapping and which of its units are taken.
pub(super) struct Arena {
    mapping: Mapping,
    /// Bit n: unit n is taken.
    taken: AtomicU64,
    totals: Arc<Totals>,
}

/// What all arenas of one memory come to.
#[derive(Default)]
struct Totals {
    locked: AtomicUsize,
    unlocked: AtomicUsize,
    dumpable: AtomicBool,
    inherited: AtomicBool,
}

impl Arena {
    fn new(room: usize, shortage: Shortage, totals: &Arc<Totals>) -> Result<Self, Error> {
        let held = totals.locked.load(Ordering::Relaxed);
        let too_long = |what| Error::TooLong { what, given: held.saturating_add(room), limit: lock_limit() };
        let mapping = Mapping::new(room).map_err(|error| {
            tracing::error!(%error, room, "no memory for secrets");
            too_long("memory for secrets in bytes")
        })?;
        if !mapping.granted.locked {
            if shortage == Shortage::Refuse {
                return Err(too_long("locked memory in bytes"));
            }
            tracing::warn!(
                bytes = mapping.len(),
                limit = lock_limit(),
                "secrets lie in memory that could be swapped"
            );
        }
        let sum = if mapping.granted.locked { &totals.locked } else { &totals.unlocked };
        sum.fetch_add(mapping.len(), Ordering::Relaxed);
        totals.dumpable.fetch_or(!mapping.granted.undumpable, Ordering::Relaxed);
        totals.inherited.fetch_or(!mapping.granted.wiped_on_fork, Ordering::Relaxed);
        Ok(Self { mapping, taken: AtomicU64::new(0), totals: Arc::clone(totals) })
    }

    /// Takes the first run of free units that holds `length` bytes.
    fn take(&self, length: usize) -> Option<Units> {
        let count = units(length);
        let run = 1_u64.checked_shl(u32::try_from(count).ok()?)?.wrapping_sub(1);
        let mut taken = self.taken.load(Ordering::Acquire);
        loop {
            let first = (0..=SHARED.checked_sub(count)?).find(|first| taken & (run << first) == 0)?;
            let mask = run << first;
            match self.taken.compare_exchange_weak(taken, taken | mask, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(Units { offset: first * UNIT, mask }),
                Err(now) => taken = now,
            }
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let sum = if self.mapping.granted.locked { &self.totals.locked } else { &self.totals.unlocked };
        sum.fetch_sub(self.mapping.len(), Ordering::Relaxed);
    }
}

/// A run of units that one region has.
struct Units {
    offset: usize,
    mask: u64,
}

fn units(length: usize) -> usize {
    length.div_ceil(UNIT).max(1)
}

/// The arenas of one memory.
pub(super) struct Arenas {
    shared: Mutex<Vec<Arc<Arena>>>,
    totals: Arc<Totals>,
    shortage: Shortage,
    pid: u32,
}

impl Arenas {
    /// Maps the first pages at once, so that the status says something from the start; a failure shows when they are
    /// needed.
    pub(super) fn new(shortage: Shortage) -> Self {
        let totals = Arc::default();
        let first = Arena::new(SHARED * UNIT, shortage, &totals).map(Arc::new);
        Self { shared: Mutex::new(first.into_iter().collect()), totals, shortage, pid: process::id() }
    }

    pub(super) fn hold(&self, bytes: &[u8]) -> Result<Region, Error> {
        // A forked child cannot use the pages of its parent, and their lock may be held by a thread that it does not
        // have: what it holds gets pages of its own.
        let own = units(bytes.len()) > SHARED || self.pid != process::id();
        let (arena, units) = if own { self.own(bytes.len())? } else { self.share(bytes.len())? };
        // The units were just taken, so that they are this region's alone.
        arena.mapping.write(units.offset, bytes);
        Ok(Region { arena, units, length: bytes.len() })
    }

    fn own(&self, length: usize) -> Result<(Arc<Arena>, Units), Error> {
        let arena = Arena::new(length.max(UNIT), self.shortage, &self.totals)?;
        Ok((Arc::new(arena), Units { offset: 0, mask: u64::MAX }))
    }

    fn share(&self, length: usize) -> Result<(Arc<Arena>, Units), Error> {
        // A panic cannot leave the list half changed.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = shared.iter().find_map(|arena| Some((Arc::clone(arena), arena.take(length)?))) {
            return Ok(found);
        }
        let arena = Arc::new(Arena::new(SHARED * UNIT, self.shortage, &self.totals)?);
        let units = arena.take(length).expect("an empty arena holds what is no longer than itself");
        shared.push(Arc::clone(&arena));
        Ok((arena, units))
    }

    /// Runs `f` while the list of shared arenas is locked, as by another thread at the moment of a fork.
    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn while_locked<T>(&self, f: impl FnOnce() -> T) -> T {
        let _shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        f()
    }

    pub(super) fn status(&self) -> MemoryStatus {
        let Totals { locked, unlocked, dumpable, inherited } = &*self.totals;
        let [locked_bytes, unlocked_bytes] = [locked, unlocked].map(|sum| sum.load(Ordering::Relaxed));
        let some = locked_bytes + unlocked_bytes > 0;
        MemoryStatus {
            locked_bytes,
            unlocked_bytes,
            undumpable: some && !dumpable.load(Ordering::Relaxed),
            wiped_on_fork: some && !inherited.load(Ordering::Relaxed),
        }
    }
}

/// One secret, in units of its own.
pub(super) struct Region {
    arena: Arc<Arena>,
    units: Units,
    length: usize,
}

impl SecretRegion for Region {
    fn expose(&self) -> Result<&[u8], Error> {
        if !self.arena.mapping.ours() {
            return Err(Error::Locked);
        }
        // Written before the region was made, wiped only by its drop, which cannot come while the slice lives.
        Ok(self.arena.mapping.read(self.units.offset, self.length))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.arena.mapping.wipe(self.units.offset, self.length);
        self.arena.taken.fetch_and(!self.units.mask, Ordering::Release);
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} bytes, redacted)", self.length)
    }
}

impl Region {
    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn address(&self) -> usize {
        self.arena.mapping.expose_start() + HEAD + self.units.offset
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }
}

#[cfg(all(test, target_os = "linux"))]
impl Arena {
    /// All bytes behind the marker, for a test that looks for what should be gone.
    pub(super) fn content(&self) -> Vec<u8> {
        self.mapping.read(0, self.mapping.room()).to_vec()
    }

    pub(super) fn start(&self) -> usize {
        self.mapping.expose_start()
    }

    pub(super) fn end(&self) -> usize {
        self.start() + self.mapping.len()
    }
}
