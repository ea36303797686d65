//! One small error for the whole core, with numbers that C and Python share.
//!
//! A failed check says only that it failed ([`Error::Rejected`], [`Error::Refused`]); misuse of the interface names
//! the value and the limit. Numbers are stable: a retired number stays reserved. The table is `docs/errors.md`.

use crate::store::StoreFault;

/// What went wrong. Small, `Copy`, and without secrets, so that it can be logged and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A code, password, signature or passphrase did not match, or was not to be tried now. Says no more on purpose.
    #[error("rejected")]
    Rejected,
    /// Stored or transported data failed its authentication: forged, altered, moved, or sealed by another vault.
    #[error("the data failed its authentication: it was altered, moved, or belongs to another vault")]
    Refused,

    /// A code has 6 to 10 digits (RFC 4226 §5.3, R6).
    #[error("a code has 6 to 10 digits, not {0}")]
    Digits(u8),
    /// The time step of TOTP must be at least one second (RFC 6238 §4.1).
    #[error("a time step of 0 seconds does not advance")]
    PeriodZero,
    /// A secret shorter than 16 bytes (RFC 4226 §4, R6) without the opt-in that names the risk; or empty.
    #[error("a secret of {0} bytes is below the 16 that RFC 4226 requires")]
    SecretTooShort(usize),
    /// A secret longer than [`Secret::MAX`](crate::secret::Secret::MAX).
    #[error("a secret of {0} bytes exceeds the limit of 128")]
    SecretTooLong(usize),
    /// A typed code has another number of digits than the key.
    #[error("the code has {found} characters where {expected} belong")]
    CodeLength {
        /// Digits that the key shows.
        expected: u8,
        /// Characters that were given, at most 255.
        found: u8,
    },
    /// A typed code holds something that is not an ASCII digit (for Steam: not of its alphabet); positions count from 0.
    #[error("the character at position {0} does not belong in a code")]
    CodeCharacter(u8),
    /// The moving factor has reached 2⁶⁴ − 1 and cannot advance.
    #[error("the counter is exhausted")]
    CounterExhausted,
    /// A window wider than the engine serves in one call.
    #[error("a window of {steps} steps exceeds the limit of {limit}")]
    WindowTooWide {
        /// Steps that were asked for.
        steps: u64,
        /// Steps that are served.
        limit: u32,
    },
    /// The time lies before the epoch T0 of the key (RFC 6238 §4.2).
    #[error("the time lies before the T0 of the key")]
    TimeBeforeT0,
    /// Text that is not base32 (RFC 4648 §6); the position counts characters from 0.
    #[error("the character at position {0} is not base32")]
    Base32(usize),
    /// An `otpauth://` URI that cannot be used.
    #[error("otpauth URI: {0}")]
    Uri(UriFault),
    /// An OCRA suite, or inputs that do not fit it.
    #[error("OCRA: {0}")]
    Ocra(OcraFault),
    /// The operating system or the caller's generator gave no randomness.
    #[error("no randomness was to be had")]
    Randomness,

    /// No key has this id, or its row is missing: the same answer, since absence is never permission.
    #[error("no such key")]
    UnknownKey,
    /// The mechanism does not fit the kind of the key.
    #[error("the key is of another kind than the mechanism needs")]
    KeyKind,
    /// The key's usage does not allow the operation.
    #[error("the key's usage does not allow this operation")]
    KeyUsage,
    /// The key serves another purpose.
    #[error("the key serves another purpose")]
    KeyPurpose,
    /// The key's state (NIST SP 800-57 part 1, §7) does not allow the operation.
    #[error("the key is {0}, which does not allow this operation")]
    KeyState(crate::vault::KeyState),
    /// A length or a count lies beyond what the format holds.
    #[error("{what} of {given} exceeds the limit of {limit}")]
    TooLong {
        /// What was too long.
        what: &'static str,
        /// Bytes that were given.
        given: usize,
        /// Bytes that fit.
        limit: usize,
    },

    /// The vault is locked, or this process was forked after it was unlocked.
    #[error("the vault is locked")]
    Locked,
    /// Unlocking is delayed after failures; try again at this time (seconds since 1970).
    #[error("unlocking is delayed after failed attempts until {0} (seconds since 1970)")]
    UnlockNotBefore(u64),
    /// The unlock slot was disabled after too many failures.
    #[error("this way of unlocking was disabled after too many failed attempts")]
    SlotDisabled,
    /// The store already holds a vault.
    #[error("the store already holds a vault")]
    VaultExists,
    /// The store holds no vault.
    #[error("the store holds no vault: create one first")]
    NoVault,
    /// The data was written by another version of the format.
    #[error("format version {found} is not the supported version {supported}")]
    Format {
        /// Version found in the data.
        found: u16,
        /// Version that this program reads.
        supported: u16,
    },

    /// Others changed the same rows again and again: nothing was changed; try again.
    #[error("the same rows keep changing: nothing was done, try again")]
    Busy,
    /// The store could not do its part; nothing was granted.
    #[error("store: {0}")]
    Store(#[from] StoreFault),
}

/// Why an `otpauth://` URI was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriFault {
    /// It does not begin with `otpauth://`.
    #[error("it does not begin with otpauth://")]
    Scheme,
    /// The type is neither `hotp` nor `totp`.
    #[error("the type is neither hotp nor totp")]
    Type,
    /// The label or the issuer is not valid percent-encoded UTF-8.
    #[error("the label or a value is not percent-encoded UTF-8")]
    Encoding,
    /// The `secret` parameter is missing.
    #[error("the secret is missing")]
    SecretMissing,
    /// The `algorithm` is unknown.
    #[error("the algorithm is not SHA1, SHA256 or SHA512")]
    Algorithm,
    /// `digits`, `period` or `counter` is not a number in range.
    #[error("digits, period or counter is not a number in range")]
    Number,
    /// An HOTP URI without its `counter`.
    #[error("the counter of an HOTP key is missing")]
    CounterMissing,
    /// A parameter stands twice with different values, or the issuers disagree (strict reading only).
    #[error("a parameter is given twice, or the issuers disagree")]
    Conflict,
    /// Longer than the reader accepts.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// The key counts from another time than 1970, which the format cannot say.
    #[error("a T0 other than 1970 cannot be written in it")]
    T0,
    /// An issuer or account that could not be read back: empty, with blanks at an end, control characters, or a colon.
    #[error("the issuer or account is empty or holds a colon, control characters or outer blanks")]
    Label,
    /// A parameter that is unknown or belongs to the other type (strict reading only).
    #[error("a parameter is unknown or does not belong to the type")]
    Parameter,
}

/// Why an OCRA suite (RFC 6287 §6) was not understood, or which input does not fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcraFault {
    /// The suite does not begin with `OCRA-1:`, or is longer than 64 bytes.
    #[error("the suite does not begin with OCRA-1: or is longer than 64 bytes")]
    Version,
    /// The crypto function is unknown.
    #[error("the crypto function is not HOTP with SHA1, SHA256 or SHA512 and 0 or 4 to 10 digits")]
    CryptoFunction,
    /// The data input is not understood.
    #[error("the data input is not [C-]Qfxx[-PSHAn][-Snnn][-Tnu]")]
    DataInput,
    /// An input that the suite names is missing.
    #[error("an input that the suite names is missing")]
    Missing,
    /// An input is given that the suite does not name.
    #[error("an input is given that the suite does not name")]
    Surplus,
    /// A question is empty or longer than the suite allows.
    #[error("a question is empty or longer than the suite allows")]
    QuestionLength,
    /// A question holds a character that is not of the suite's format.
    #[error("a question holds a character that is not of the suite's format")]
    QuestionCharacter,
    /// The password's digest is not as long as the suite's hash makes it.
    #[error("the digest of the password has the wrong length")]
    PasswordLength,
    /// The session data is longer than the suite allows.
    #[error("the session data is longer than the suite allows")]
    SessionLength,
    /// Signatures take no session data (RFC 6287 §7.3).
    #[error("a signature takes no session data")]
    Mode,
}

impl Error {
    /// The stable number of this error, shared by every binding.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Rejected => 100,
            Self::Refused => 101,
            Self::Digits(_) => 201,
            Self::PeriodZero => 202,
            Self::SecretTooShort(_) => 203,
            Self::SecretTooLong(_) => 204,
            Self::CodeLength { .. } => 205,
            Self::CodeCharacter(_) => 206,
            Self::CounterExhausted => 207,
            Self::WindowTooWide { .. } => 208,
            Self::TimeBeforeT0 => 209,
            Self::Base32(_) => 210,
            Self::Randomness => 211,
            Self::Uri(fault) => match fault {
                UriFault::Scheme => 220,
                UriFault::Type => 221,
                UriFault::Encoding => 222,
                UriFault::SecretMissing => 223,
                UriFault::Algorithm => 224,
                UriFault::Number => 225,
                UriFault::CounterMissing => 226,
                UriFault::Conflict => 227,
                UriFault::TooLong => 228,
                UriFault::T0 => 229,
                UriFault::Label => 230,
                UriFault::Parameter => 231,
            },
            Self::Ocra(fault) => match fault {
                OcraFault::Version => 240,
                OcraFault::CryptoFunction => 241,
                OcraFault::DataInput => 242,
                OcraFault::Missing => 243,
                OcraFault::Surplus => 244,
                OcraFault::QuestionLength => 245,
                OcraFault::QuestionCharacter => 246,
                OcraFault::PasswordLength => 247,
                OcraFault::SessionLength => 248,
                OcraFault::Mode => 249,
            },
            Self::UnknownKey => 301,
            Self::KeyKind => 302,
            Self::KeyUsage => 303,
            Self::KeyPurpose => 304,
            Self::KeyState(_) => 305,
            Self::TooLong { .. } => 306,
            Self::Locked => 401,
            Self::UnlockNotBefore(_) => 402,
            Self::SlotDisabled => 403,
            Self::VaultExists => 404,
            Self::NoVault => 405,
            Self::Format { .. } => 406,
            Self::Busy => 501,
            Self::Store(fault) => fault.code(),
        }
    }
}
