//! How guesses are counted: each failure delays the next attempt, and too many end them.

use crate::env::UnixTime;
use crate::error::Error;
use crate::wire::{Reader, Writer};

/// How failed attempts delay further ones, and when they end them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Failures in a row before the first delay.
    pub free: u32,
    /// The first delay, in seconds; it doubles with every further failure.
    pub first_delay: u64,
    /// The longest delay, in seconds.
    pub longest_delay: u64,
    /// Failures in a row that disable.
    pub disable_after: u32,
    /// Failures within one span that disable; a success does not clear them.
    pub recent_limit: u32,
    /// How long a span is, in seconds. It begins with its first failure, and takes nothing over from an earlier one.
    pub recent_span: u64,
}

impl Throttle {
    /// How many guesses may be looked at within any `recent_span` seconds, whatever succeeds in between: around
    /// the end of a span all that it bears but its first, and all of the next one, the last of which disables.
    #[must_use]
    pub const fn most_guesses(&self) -> u32 {
        let around = self.recent_limit.saturating_sub(1).saturating_mul(2);
        if around > self.recent_limit { around } else { self.recent_limit }
    }
}

/// Failures as they are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Since the last success.
    pub in_a_row: u32,
    /// Since `recent_since`.
    pub recent: u32,
    /// When the present span began.
    pub recent_since: UnixTime,
    /// Attempts before this time are refused unseen; [`Failures::NEVER`] where too many have ended them.
    pub not_before: UnixTime,
    /// When refusals were last summed up for the journal.
    pub summed_up: UnixTime,
}

impl Failures {
    /// How often refusals while delayed are summed up, in seconds (DESIGN, rule 5).
    pub const SUMMARY: u64 = 60;
    /// When an attempt is looked at again whose budget is used up.
    pub const NEVER: UnixTime = UnixTime(u64::MAX);

    /// Whether an attempt is refused unseen.
    #[must_use]
    pub fn delayed(&self, now: UnixTime) -> bool {
        now < self.not_before
    }

    /// Whether the budget is used up, until somebody forgives the failures.
    #[must_use]
    pub fn exhausted(&self) -> bool {
        self.not_before == Self::NEVER
    }

    /// Counts a failure; answers whether it was one too many.
    #[must_use]
    pub fn fail(&mut self, now: UnixTime, throttle: &Throttle) -> bool {
        if now.since(self.recent_since) >= throttle.recent_span {
            self.recent_since = now;
            self.recent = 0;
        }
        // A span that began in a future which the clock has left again begins now; its failures stay.
        self.recent_since = self.recent_since.min(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.recent = self.recent.saturating_add(1);
        // Without a free failure the first one is delayed, like the last free one.
        if let Some(over) = self.in_a_row.checked_sub(throttle.free.max(1)) {
            let doubling = 1_u64.checked_shl(over).unwrap_or(u64::MAX);
            let delay = throttle.first_delay.saturating_mul(doubling).min(throttle.longest_delay);
            // A clock that was set back does not shorten a delay.
            self.not_before = self.not_before.max(now).plus(delay);
        }
        self.in_a_row >= throttle.disable_after || self.recent >= throttle.recent_limit
    }

    /// Forgets the failures in a row; those of the span stay.
    pub fn succeed(&mut self) {
        self.in_a_row = 0;
        self.not_before = UnixTime(0);
    }

    /// Whether refusals are to be summed up now: once a minute, and when the last sum lies in a future which the clock
    /// has left again.
    #[must_use]
    pub fn summary_due(&self, now: UnixTime) -> bool {
        now.since(self.summed_up) >= Self::SUMMARY || self.summed_up > now
    }

    /// Notes a summary. A delay that is longer than any that is given was set by a clock that had jumped ahead: it
    /// ends after the longest one from now.
    pub fn sum_up(&mut self, now: UnixTime, throttle: &Throttle) {
        self.summed_up = now;
        if !self.exhausted() {
            self.not_before = self.not_before.min(now.plus(throttle.longest_delay));
        }
    }

    /// Writes the fields, 32 bytes.
    pub fn write(&self, writer: &mut Writer) {
        writer.u32(self.in_a_row).u32(self.recent).u64(self.recent_since.0);
        writer.u64(self.not_before.0).u64(self.summed_up.0);
    }

    /// Reads what [`Failures::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Refused`] when cut.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            in_a_row: reader.u32()?,
            recent: reader.u32()?,
            recent_since: UnixTime(reader.u64()?),
            not_before: UnixTime(reader.u64()?),
            summed_up: UnixTime(reader.u64()?),
        })
    }
}
