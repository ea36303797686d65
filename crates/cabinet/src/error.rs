//! What the cabinet answers when something was not done: the core's errors, and misuse of its own.

/// Why a transition of the cabinet did not happen. Small, `Copy`, without secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The core's error; [`zamok_core::Error::Rejected`] for every failed check.
    #[error(transparent)]
    Core(#[from] zamok_core::Error),
    /// The login is none: empty, longer than 128 bytes, or with characters that RFC 8265 §3.3 disallows.
    #[error("this is not a usable login: use 1 to 128 letters, digits or signs without spaces")]
    LoginUnusable,
    /// Somebody has this login, or one that is the same after case mapping.
    #[error("this login is taken")]
    LoginTaken,
    /// The password has too few characters.
    #[error("the password has {found} characters, at least {shortest} are needed")]
    PasswordTooShort {
        /// Characters that were given.
        found: usize,
        /// Characters that the policy asks for.
        shortest: usize,
    },
    /// The password is longer than the policy reads.
    #[error("the password exceeds {longest} bytes")]
    PasswordTooLong {
        /// Bytes that the policy allows.
        longest: usize,
    },
    /// The policy asks for upper case, lower case, a digit and another character.
    #[error("the password needs upper and lower case, a digit and another character")]
    PasswordClasses,
    /// The password contains the login, is one character repeated, or holds characters that RFC 8265 §4.2 disallows.
    #[error("the password is too easy to guess, or has characters that cannot be typed everywhere")]
    PasswordUnusable,
    /// The account has a generator already.
    #[error("the account has a generator already")]
    FactorExists,
    /// Nothing is being enrolled: offer a generator first.
    #[error("nothing is being enrolled: offer a generator first")]
    NothingOffered,
    /// The service's name is empty, longer than 128 bytes, or has a colon, control characters or blanks at an end.
    #[error("this is not a usable name for a service: 1 to 128 bytes without a colon")]
    IssuerUnusable,
    /// The cabinet was made under a profile of policy that this program does not know.
    #[error("the cabinet was made under a profile of policy that this program does not know")]
    ProfileUnknown,
    /// The session has ended, or never was.
    #[error("the session has ended: log in again")]
    SessionEnded,
}

impl Error {
    /// The stable number of this error, in the one table with [`zamok_core::Error::code`].
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Core(error) => error.code(),
            Self::LoginUnusable => 601,
            Self::LoginTaken => 602,
            Self::PasswordTooShort { .. } => 603,
            Self::PasswordTooLong { .. } => 604,
            Self::PasswordClasses => 605,
            Self::PasswordUnusable => 606,
            Self::FactorExists => 607,
            Self::NothingOffered => 608,
            Self::SessionEnded => 609,
            Self::IssuerUnusable => 610,
            Self::ProfileUnknown => 611,
        }
    }
}

impl From<zamok_core::store::StoreFault> for Error {
    fn from(fault: zamok_core::store::StoreFault) -> Self {
        Self::Core(fault.into())
    }
}
