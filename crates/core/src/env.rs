//! Time and randomness as arguments: no module below the edges reads a clock.

use core::fmt;

use rand_core::CryptoRng;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// What clocks of machines that share a store differ by at most, in seconds. What lies further ahead was written by a clock that
    /// had jumped.
    pub const SKEW: u64 = 60;

    /// Whether it lies further ahead of `now` than clocks differ.
    #[must_use]
    pub const fn is_ahead_of(self, now: Self) -> bool {
        self.0 > now.plus(Self::SKEW).0
    }

    /// This time plus `seconds`, at most the end of time.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this time; 0 when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What an operation may know of the world: the time, and a source of randomness.
pub struct Env<'a> {
    /// The time of this operation.
    pub now: UnixTime,
    /// Randomness that is fit for keys; at the edges it comes straight from the operating system.
    pub rng: &'a mut dyn CryptoRng,
}

impl Env<'_> {
    /// The same world, lent on.
    pub fn lend(&mut self) -> Env<'_> {
        Env { now: self.now, rng: &mut *self.rng }
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("now", &self.now).finish_non_exhaustive()
    }
}
