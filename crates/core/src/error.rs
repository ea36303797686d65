//! One small error for the whole core, with numbers that C and Python share.
//!
//! A failed check says only that it failed ([`Error::Rejected`], [`Error::Refused`]); misuse of the interface names
//! the value and the limit. Numbers are stable: a retired number stays reserved. The table is `docs/errors.md`.

mod fault;

pub use self::fault::{BackupFault, OcraFault, ShareFault, TokenFault, UriFault};
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
    /// The key does not allow the mechanism, or it is of another algorithm.
    #[error("the key does not allow this mechanism")]
    KeyMechanism,
    /// Attributes of a key are taken away, never given back.
    #[error("attributes of a key can be taken away, never given back")]
    KeyWidened,
    /// The key may not leave, not even wrapped.
    #[error("the key may not leave the vault, not even wrapped")]
    KeyNotWrappable,
    /// The wrapping key was not marked as trusted.
    #[error("the wrapping key was not marked as trusted")]
    KeyNotTrusted,
    /// The wrapping key is weaker than the key that it would wrap.
    #[error("a wrapping key of {wrapping} bits of strength cannot protect one of {wrapped}")]
    KeyTooWeak {
        /// Bits of strength of the wrapping key.
        wrapping: u16,
        /// Bits of strength of the key to be wrapped.
        wrapped: u16,
    },
    /// The key is used before or after the time for which it was made.
    #[error("the key is used outside of the time for which it was made")]
    KeyNotValid,
    /// The key was made so that it cannot be changed, destroyed or copied.
    #[error("the key was made so that this cannot be done to it")]
    KeyFixed,
    /// The key asks for an authorisation of its own for each use.
    #[error("each use of the key needs an authorisation of its own")]
    KeyUnauthorised,
    /// What was given is no key of this kind.
    #[error("what was given is no key of this kind")]
    KeyMaterial,
    /// This build does not compute with keys of this kind.
    #[error("this build does not compute with keys of this kind")]
    KeyUnsupported,
    /// A mechanism gave a wrong answer to a question whose answer is known: the vault is closed.
    #[error("the self-test of {0} failed: the vault is closed")]
    SelfTest(&'static str),
    /// The key has sealed as much as its mechanism bears.
    #[error("the key has sealed as many messages as its mechanism bears")]
    KeyExhausted,

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
    /// Whoever opened the vault in this role may not do this.
    #[error("this is not for the vault's {0}")]
    Role(crate::vault::Role),
    /// The vault has no slot of this number.
    #[error("the vault has no slot {0}")]
    NoSlot(u8),
    /// A vault keeps at least one officer and one user.
    #[error("a vault keeps at least one {0}: this is the last")]
    LastSlot(crate::vault::Role),
    /// No slot can be added: 32 are in use, or 255 were given in the life of the vault.
    #[error("the vault has no room for another slot")]
    SlotsFull,
    /// No slot is for this role and this sort of secret.
    #[error("no slot of the vault is for this role and this sort of secret")]
    SlotMethod,
    /// The vault has no data key of this number.
    #[error("the vault has no data key {0}")]
    NoDataKey(u32),
    /// A data key must not end yet: it is the newest, or some process may still write under it.
    #[error("data key {0} is still in use")]
    DataKeyInUse(u32),
    /// A row is older than one that this process has seen in its place: the store, or a part of it, was put back.
    #[error("a row is older than it was before: the store was put back")]
    PutBack,
    /// A PKCS#11 token that could not do its part.
    #[error("token: {0}")]
    Token(TokenFault),

    /// Rows of this table are emptied and never deleted, because their keys can come again.
    #[error("rows of table {0} are emptied, never deleted")]
    RowStays(u16),
    /// A share of a key that was split among several people is not usable as it was given.
    #[error("share: {0}")]
    Share(ShareFault),
    /// The journal's log is not an extension of what was signed, anchored or witnessed before: it was rewritten.
    #[error("the journal does not extend what was signed or anchored before: it was rewritten")]
    LogForked,
    /// The journal's log is shorter than what was signed, anchored or witnessed before: the store was put back.
    #[error(
        "the journal has {found} entries where {anchored} were signed or anchored: the store was put back"
    )]
    LogBehind {
        /// Entries of the log.
        found: u64,
        /// Entries that it had before.
        anchored: u64,
    },
    /// No signed checkpoint covers the entry yet.
    #[error("no signed checkpoint covers the entry yet")]
    Uncovered,
    /// Too few witnesses have cosigned the checkpoint.
    #[error("too few witnesses have cosigned the checkpoint")]
    Unwitnessed,
    /// The vault is opened only together with its anchor (`CRYPTO.md` §1c), which was not named or is not there.
    #[error("this vault opens only with its anchor, which was not named or is not there")]
    AnchorMissing,

    /// A backup cannot be made, read or restored.
    #[error("backup: {0}")]
    Backup(BackupFault),

    /// Others changed the same rows again and again: nothing was changed; try again.
    #[error("the same rows keep changing: nothing was done, try again")]
    Busy,
    /// A counter of the change has reached its ceiling: a budget is spent. Nothing was done, and trying again at once
    /// helps nobody.
    #[error("a budget is spent: nothing was done")]
    Capped,
    /// The store could not do its part; nothing was granted.
    #[error("store: {0}")]
    Store(#[from] StoreFault),
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
            Self::KeyMechanism => 307,
            Self::KeyWidened => 308,
            Self::KeyNotWrappable => 309,
            Self::KeyNotTrusted => 310,
            Self::KeyTooWeak { .. } => 311,
            Self::KeyNotValid => 312,
            Self::KeyFixed => 313,
            Self::KeyUnauthorised => 314,
            Self::KeyMaterial => 315,
            Self::KeyUnsupported => 316,
            Self::SelfTest(_) => 317,
            Self::KeyExhausted => 318,
            Self::Locked => 401,
            Self::UnlockNotBefore(_) => 402,
            Self::SlotDisabled => 403,
            Self::VaultExists => 404,
            Self::NoVault => 405,
            Self::Format { .. } => 406,
            Self::Role(_) => 407,
            Self::NoSlot(_) => 408,
            Self::LastSlot(_) => 409,
            Self::SlotsFull => 410,
            Self::SlotMethod => 411,
            Self::NoDataKey(_) => 412,
            Self::DataKeyInUse(_) => 413,
            Self::PutBack => 414,
            Self::Token(fault) => match fault {
                TokenFault::Failed => 415,
                TokenFault::Module => 416,
                TokenFault::Absent => 417,
                TokenFault::Ambiguous => 418,
                TokenFault::NoKey => 419,
                TokenFault::Pin => 420,
                TokenFault::PinLocked => 421,
                TokenFault::PinUnset => 422,
                TokenFault::KeyUnfit => 423,
                TokenFault::KeyExists => 424,
                TokenFault::Uri(_) => 425,
            },
            Self::Share(fault) => match fault {
                ShareFault::Length { .. } => 430,
                ShareFault::Line(_) => 431,
                ShareFault::Few { .. } => 432,
                ShareFault::Mixed => 433,
                ShareFault::Twice(_) => 434,
                ShareFault::Split { .. } => 435,
            },
            Self::RowStays(_) => 436,
            Self::Backup(fault) => match fault {
                BackupFault::File => 440,
                BackupFault::Foreign => 441,
                BackupFault::Damaged => 442,
                BackupFault::NotEmpty => 443,
                BackupFault::NoSnapshot => 444,
                BackupFault::Unfinished => 445,
                BackupFault::Moved => 446,
                BackupFault::Changed => 447,
            },
            Self::LogForked => 450,
            Self::LogBehind { .. } => 451,
            Self::Uncovered => 452,
            Self::Unwitnessed => 453,
            Self::AnchorMissing => 454,
            Self::Busy => 501,
            Self::Capped => 502,
            Self::Store(fault) => fault.code(),
        }
    }
}
