//! How a handle learns of keys, slots and departures that others brought about: it compares its keys with the store, within a
//! minute by any clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use zamok_core::vault::relocation::Relocation;
use zamok_core::vault::{Keyring, Role, doors, rotation};
use zamok_core::{Error, UnixTime};

use super::Vault;

/// A moment by two clocks: the handle's, which jumps with the machine's and stands still while one that was set back catches up,
/// and one that nobody sets, which may stand still while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// In seconds since 1970.
    time: u64,
    /// In milliseconds since the handle was opened.
    elapsed: u64,
}

impl Moment {
    /// Seconds from an earlier one to this, by the clock that counts more.
    pub(super) fn since(self, earlier: Self) -> u64 {
        let elapsed = self.elapsed.saturating_sub(earlier.elapsed) / 1000;
        self.time.saturating_sub(earlier.time).max(elapsed)
    }
}

/// When the keys were last compared with the store.
#[derive(Debug)]
pub(super) struct Learned {
    opened: Instant,
    time: AtomicU64,
    elapsed: AtomicU64,
}

impl Learned {
    pub(super) fn new(now: UnixTime) -> Self {
        Self { opened: instant(), time: AtomicU64::new(now.0), elapsed: AtomicU64::new(0) }
    }

    /// This moment, when the handle's clock shows `now`.
    pub(super) fn moment(&self, now: UnixTime) -> Moment {
        let elapsed = instant().saturating_duration_since(self.opened).as_millis();
        Moment { time: now.0, elapsed: u64::try_from(elapsed).unwrap_or(u64::MAX) }
    }

    /// Whether they are to be compared again.
    fn is_due(&self, at: Moment) -> bool {
        let (time, elapsed) = (self.time.load(Ordering::Relaxed), self.elapsed.load(Ordering::Relaxed));
        at.since(Moment { time, elapsed }) >= rotation::LEARNED_WITHIN
    }

    /// They were compared with what the store held then, or later.
    fn note(&self, at: Moment) {
        self.time.fetch_max(at.time, Ordering::Relaxed);
        self.elapsed.fetch_max(at.elapsed, Ordering::Relaxed);
    }
}

fn instant() -> Instant {
    let now = Instant::now();
    #[cfg(test)]
    let now = now + tests::AHEAD.get();
    now
}

impl Vault {
    /// The keys, compared with the store when they were not for a while.
    pub(super) fn current(&self, now: UnixTime) -> Result<Arc<Keyring>, Error> {
        let keyring = self.lent()?;
        if !self.learned.is_due(self.learned.moment(now)) {
            return Ok(keyring);
        }
        self.learn(&keyring)?;
        self.keyring()
    }

    /// Compares the keys with the store at once, for whoever is about to look at everything: a handle that does not know of
    /// the newest index key would take what was entered under it for a stranger's.
    ///
    /// # Errors
    /// [`Error::Locked`], also when the slot was taken away or the vault leaves the store; [`Error::Refused`] for altered rows; a
    /// store's fault.
    pub fn refresh(&self) -> Result<(), Error> {
        let known = self.keyring()?;
        self.learn(&known).map(|_| ())
    }

    /// Takes the keys of now, and answers whether they are others. A handle whose slot is gone, or whose vault leaves, is locked.
    pub(super) fn learn(&self, known: &Keyring) -> Result<bool, Error> {
        let asked = self.learned.moment(self.now());
        match doors::reopen(&*self.store, known, &*self.memory) {
            Ok(None) => {
                self.learned.note(asked);
                Ok(false)
            }
            Ok(Some(fresh)) => {
                if !self.travels && self.has_left(&fresh)? {
                    tracing::warn!("the vault leaves this store: the handle is locked");
                    self.lock();
                    return Err(Error::Locked);
                }
                // A handle that was locked meanwhile stays locked.
                if !self.held.replace(fresh) {
                    return Err(Error::Locked);
                }
                self.learned.note(asked);
                tracing::info!("the vault's keys or slots were changed, and learned again");
                Ok(true)
            }
            Err(error) => {
                if error == Error::Locked {
                    self.lock();
                }
                Err(error)
            }
        }
    }

    /// Whether nobody works with the vault in this store any more. Auditors read on.
    fn has_left(&self, keyring: &Keyring) -> Result<bool, Error> {
        if keyring.role() == Role::Auditor {
            return Ok(false);
        }
        Ok(Relocation::read(&*self.store, keyring)?.is_some_and(|at| at.is_departure()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    thread_local! {
        /// How far the clock that nobody sets is ahead in this thread.
        pub(crate) static AHEAD: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    #[test]
    fn the_clock_that_counts_more_counts() {
        let learned = Learned::new(UnixTime(1_000));
        let at = |time| learned.moment(UnixTime(time));
        assert!(!learned.is_due(at(1_059)));
        assert!(learned.is_due(at(1_060)));
        learned.note(at(1_060));
        assert!(!learned.is_due(at(1_060)));
        AHEAD.set(Duration::from_secs(rotation::LEARNED_WITHIN));
        assert!(learned.is_due(at(1_060)), "the handle's clock stands still");
        learned.note(at(1_060));
        assert!(!learned.is_due(at(1_060)));
        AHEAD.set(Duration::ZERO);
    }
}
