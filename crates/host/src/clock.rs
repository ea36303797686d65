//! Clocks: the only places where the time comes in.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use zamok_core::UnixTime;

/// Tells the time of day. Whoever needs it to run forward only asks [`Vault::now`](crate::Vault::now).
pub trait Clock: fmt::Debug + Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> UnixTime;
}

/// The clock of the operating system. A time before 1970 reads as 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

/// A clock that stands until it is moved: for tests, demonstrations and replays. Clones show the same time.
///
/// ```
/// use zamok_core::UnixTime;
/// use zamok_host::{Clock, ManualClock};
/// let clock = ManualClock::new(UnixTime(1_000));
/// let shared = clock.clone();
/// clock.advance(30);
/// assert_eq!(shared.now(), UnixTime(1_030));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    seconds: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: UnixTime) -> Self {
        Self { seconds: Arc::new(AtomicU64::new(now.0)) }
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, now: UnixTime) {
        self.seconds.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forward by `seconds`, at most to the end of time.
    pub fn advance(&self, seconds: u64) {
        // Never `Err`: the closure always gives a value.
        let _ = self
            .seconds
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(seconds)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.seconds.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > UnixTime(1_760_000_000));
    }

    #[test]
    fn a_manual_clock_can_be_set_back_and_stops_at_the_end_of_time() {
        let clock = ManualClock::new(UnixTime(100));
        clock.set(UnixTime(40));
        assert_eq!(clock.now(), UnixTime(40));
        clock.advance(u64::MAX);
        assert_eq!(clock.now(), UnixTime(u64::MAX));
    }
}
