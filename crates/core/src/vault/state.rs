//! The life of a key after NIST SP 800-57 part 1, §7.

use core::fmt;

/// The state of a key. Numbers are part of the record format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyState {
    /// Made, not yet in use: the only state in which an OTP secret may be provisioned.
    PreActive = 1,
    /// In use.
    Active = 2,
    /// Put aside for a while; may become active again.
    Suspended = 3,
    /// No longer protects anything new; still opens and verifies.
    Deactivated = 4,
    /// Known or suspected to be known to others.
    Compromised = 5,
    /// The key material is gone; the record remains.
    Destroyed = 6,
}

impl KeyState {
    /// Reads the number of a record.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::PreActive,
            2 => Self::Active,
            3 => Self::Suspended,
            4 => Self::Deactivated,
            5 => Self::Compromised,
            6 => Self::Destroyed,
            _ => return None,
        })
    }

    /// Whether a key may go from this state to the next (SP 800-57 part 1, figure 3). Nothing leads back from
    /// deactivated, compromised or destroyed.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use KeyState::{Active, Compromised, Deactivated, Destroyed, PreActive, Suspended};
        matches!(
            (self, next),
            (PreActive, Active | Suspended | Compromised | Destroyed | Deactivated)
                | (Active, Suspended | Deactivated | Compromised)
                | (Suspended, Active | Deactivated | Compromised)
                | (Deactivated, Compromised | Destroyed)
                | (Compromised, Destroyed)
        )
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PreActive => "pre-active",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Compromised => "compromised",
            Self::Destroyed => "destroyed",
        })
    }
}
