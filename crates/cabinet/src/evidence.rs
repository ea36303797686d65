//! What somebody has shown of himself, and how far that goes: kinds of factors and levels of assurance (R10, and NIST
//! SP 800-63B-4 §2).

use zamok_core::Error as CoreError;

/// A kind of factor. The numbers are part of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Evidence {
    /// A password.
    Password = 1,
    /// A PIN.
    Pin = 2,
    /// A code of a generator app.
    Generator = 3,
    /// A code of a hardware token.
    Token = 4,
    /// A code that came by SMS.
    Sms = 5,
    /// A code that came by e-mail.
    Email = 6,
    /// Approval on a device.
    Push = 7,
    /// A signature by a key that a device holds.
    Certificate = 8,
    /// A recovery code.
    Recovery = 9,
    /// A known device that has shown its token. It is something held, and never asked for in a challenge.
    Device = 10,
}

/// How sure the service is of who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Assurance {
    /// One kind of factor.
    Low = 1,
    /// Two kinds: something known and something held.
    Substantial = 2,
    /// Something known, and a key that cannot leave what holds it.
    High = 3,
}

impl Evidence {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Password,
        Self::Pin,
        Self::Generator,
        Self::Token,
        Self::Sms,
        Self::Email,
        Self::Push,
        Self::Certificate,
        Self::Recovery,
        Self::Device,
    ];

    /// The name in listings and in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Pin => "PIN",
            Self::Generator => "generator",
            Self::Token => "token",
            Self::Sms => "SMS",
            Self::Email => "e-mail",
            Self::Push => "push",
            Self::Certificate => "certificate",
            Self::Recovery => "recovery code",
            Self::Device => "known device",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How much it withstands beside a password, weakest first: a client gets no weaker one than the account's best where
    /// policy wants the best. What is sent can be read on its way, and the more so by e-mail; a code can be talked out of
    /// its owner; a signature cannot.
    #[must_use]
    pub const fn strength(self) -> u8 {
        match self {
            Self::Password | Self::Pin | Self::Device => 0,
            Self::Email | Self::Recovery => 1,
            Self::Sms => 2,
            Self::Generator | Self::Push => 3,
            Self::Token => 4,
            Self::Certificate => 5,
        }
    }

    /// Whether it is something that its owner knows.
    pub(crate) const fn is_known(self) -> bool {
        matches!(self, Self::Password | Self::Pin)
    }

    pub(crate) fn from_number(number: u8) -> Result<Self, CoreError> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number).ok_or(CoreError::Refused)
    }
}

impl Assurance {
    /// What all of this together gives.
    #[must_use]
    pub fn of(shown: &[Evidence]) -> Self {
        let known = shown.iter().any(|kind| kind.is_known());
        let held = shown.iter().any(|kind| !kind.is_known());
        match known && held {
            true if shown.iter().any(|kind| kind.strength() >= Evidence::Token.strength()) => Self::High,
            true => Self::Substantial,
            false => Self::Low,
        }
    }

    /// The name in listings and in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Substantial => "substantial",
            Self::High => "high",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Evidence::{Certificate, Email, Generator, Password, Pin, Sms, Token};

    #[test]
    fn two_of_one_kind_are_one_factor() {
        for (shown, level) in [
            (&[][..], Assurance::Low),
            (&[Password], Assurance::Low),
            (&[Password, Pin], Assurance::Low),
            (&[Sms, Email], Assurance::Low),
            (&[Password, Email], Assurance::Substantial),
            (&[Pin, Generator], Assurance::Substantial),
            (&[Evidence::Device, Pin], Assurance::Substantial),
            (&[Evidence::Device], Assurance::Low),
            (&[Password, Sms, Token], Assurance::High),
            (&[Certificate], Assurance::Low),
            (&[Pin, Certificate], Assurance::High),
        ] {
            assert_eq!(Assurance::of(shown), level, "{shown:?}");
        }
    }

    #[test]
    fn numbers_come_back_as_they_were_written() {
        for kind in Evidence::ALL {
            assert_eq!(Evidence::from_number(kind as u8), Ok(kind));
        }
        assert_eq!(Evidence::from_number(0), Err(CoreError::Refused));
        assert_eq!(Evidence::from_number(11), Err(CoreError::Refused));
    }
}
