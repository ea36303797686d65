//! What a check answers: the verdict for the caller, the reason for the journal, the state to store.

use core::hint::black_box;
use core::{fmt, slice};

use zamok_lanes::ct;

use super::mask::Bit;
use crate::error::Error;

/// The answer to a check: all that the person who typed the code may learn.
#[must_use = "a code is spent only when the new state has been stored"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The code belongs to a step that was not spent before.
    Accepted {
        /// The accepted counter (HOTP) or time step (TOTP).
        step: u64,
        /// How far the step lies from the expected one: steps from the present one by this clock (TOTP; negative for
        /// a token that is behind, or a slow typist), or codes that the token had run ahead (HOTP).
        drift: i32,
    },
    /// Anything else. Says no more on purpose.
    Rejected,
}

impl Verdict {
    /// The verdict as a `Result`, for `?`.
    ///
    /// # Errors
    /// [`Error::Rejected`].
    pub const fn accepted(self) -> Result<Matched, Error> {
        match self {
            Self::Accepted { step, .. } => Ok(Matched { step }),
            Self::Rejected => Err(Error::Rejected),
        }
    }
}

/// Why a check ended as it did: for the journal that the operator reads, never for the person who typed the code.
///
/// Numbers are stable: journal entries hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Reason {
    /// The code was accepted.
    Accepted = 1,
    /// The digits belong to no step of the window.
    Wrong = 2,
    /// The digits belong only to steps that were spent: at or below the last accepted one, or burned.
    Spent = 3,
    /// The text is not so many ASCII digits.
    Malformed = 4,
    /// The time lies before the T0 of the key, where no steps are (TOTP).
    BeforeT0 = 5,
    /// The counter 2⁶⁴ − 1 has been used: no counter is left (HOTP).
    Exhausted = 6,
    /// The two codes of a resynchronisation are the same.
    Repeated = 7,
}

impl Reason {
    /// The stable number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Wrong => 2,
            Self::Spent => 3,
            Self::Malformed => 4,
            Self::BeforeT0 => 5,
            Self::Exhausted => 6,
            Self::Repeated => 7,
        }
    }

    /// Reads a stable number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Accepted,
            2 => Self::Wrong,
            3 => Self::Spent,
            4 => Self::Malformed,
            5 => Self::BeforeT0,
            6 => Self::Exhausted,
            7 => Self::Repeated,
            _ => return None,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accepted => "accepted",
            Self::Wrong => "wrong code",
            Self::Spent => "code already used",
            Self::Malformed => "not a code",
            Self::BeforeT0 => "time before the T0 of the key",
            Self::Exhausted => "counter exhausted",
            Self::Repeated => "the same code twice",
        })
    }
}

/// A check with everything it leads to.
///
/// **The code is spent only when `state` has been stored**, in one compare-and-set against the state that went in.
/// Until then nobody may act on the verdict.
#[must_use = "a code is spent only when the new state has been stored"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked<S> {
    /// What to answer.
    pub verdict: Verdict,
    /// What to journal.
    pub reason: Reason,
    /// The state to store: the one that went in, unchanged, when the verdict is [`Verdict::Rejected`].
    pub state: S,
}

/// A step that a stateless `verify` matched.
#[must_use = "the caller has to spend the step, or the same code is accepted again"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matched {
    /// The counter (HOTP) or time step (TOTP) that the code belongs to.
    pub step: u64,
}

/// What was found out about a code, still without a branch on it.
pub(crate) struct Findings {
    /// A step that may be spent has these digits.
    pub(crate) fresh: Bit,
    /// Any step of the window has these digits.
    pub(crate) any: Bit,
    pub(crate) well_formed: Bit,
    pub(crate) before_t0: Bit,
    pub(crate) exhausted: Bit,
    pub(crate) repeated: Bit,
}

impl Findings {
    pub(crate) const fn new(fresh: Bit, any: Bit, well_formed: Bit) -> Self {
        Self { fresh, any, well_formed, before_t0: Bit::NO, exhausted: Bit::NO, repeated: Bit::NO }
    }

    /// What weighs most, and nothing about what it outweighs: all bits up to that of the reason.
    ///
    /// The optimiser sees one opaque number, so that it cannot ask for the findings one by one.
    fn outcome(&self) -> u64 {
        let bits = self.any.value()
            | self.fresh.value() << 1
            | self.exhausted.value() << 2
            | self.before_t0.value() << 3
            | self.repeated.value() << 4
            | (!self.well_formed).value() << 5;
        let bits = bits | bits >> 1;
        let bits = bits | bits >> 2;
        black_box(bits | bits >> 4)
    }

    /// Makes the outcome public. This is the one place where a check branches on what it found.
    // The new state is put together behind the branch: made before it, it went through memory.
    #[inline]
    pub(crate) fn conclude<S: Copy>(
        self,
        step: u64,
        drift: i32,
        accepted: impl FnOnce() -> S,
        unchanged: &S,
    ) -> Checked<S> {
        let outcome = self.outcome();
        ct::public(slice::from_ref(&outcome));
        let reason = match outcome {
            0b00_0000 => Reason::Wrong,
            0b00_0001 => Reason::Spent,
            0b00_0011 => {
                let verdict = Verdict::Accepted { step, drift };
                return Checked { verdict, reason: Reason::Accepted, state: accepted() };
            }
            0b00_0111 => Reason::Exhausted,
            0b00_1111 => Reason::BeforeT0,
            0b01_1111 => Reason::Repeated,
            _ => Reason::Malformed,
        };
        Checked { verdict: Verdict::Rejected, reason, state: *unchanged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_their_numbers() {
        for number in 1..=7 {
            assert_eq!(Reason::from_number(number).map(Reason::number), Some(number));
        }
        assert_eq!([0, 8, 255].map(Reason::from_number), [None; 3]);
    }

    #[test]
    fn only_a_fresh_match_is_accepted() {
        let choices =
            |bits: u8| core::array::from_fn(|i| if bits >> i & 1 == 1 { Bit::YES } else { Bit::NO });
        for bits in 0..64u8 {
            let [fresh, any, well_formed, before_t0, exhausted, repeated] = choices(bits);
            let findings = Findings { fresh, any, well_formed, before_t0, exhausted, repeated };
            let checked = findings.conclude(9, -1, || "new", &"old");
            let accepted = bits & 0b11_1101 == 0b00_0101;
            assert_eq!(checked.verdict.accepted().is_ok(), accepted, "{bits:06b}");
            assert_eq!(checked.state, if accepted { "new" } else { "old" });
            assert_eq!(checked.reason == Reason::Accepted, accepted);
        }
    }
}
