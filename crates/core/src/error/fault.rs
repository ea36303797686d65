//! What exactly was wrong, for the errors of which there are several sorts: URIs, OCRA, tokens, shares, backups.

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
    /// A parameter that is unknown or belongs to the other type (strict reading only), or that asks for codes which are not served:
    /// `encoder`.
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

/// Why a PKCS#11 token could not do its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// The token, or its module, failed in a way that has no name here; the log has the code of PKCS#11.
    #[error("it failed")]
    Failed,
    /// The module, a shared library, cannot be loaded, or is no PKCS#11 module.
    #[error("its module cannot be loaded")]
    Module,
    /// No token is there to which the URI fits.
    #[error("no such token is there")]
    Absent,
    /// The URI fits several tokens, or several keys in one.
    #[error("several tokens or keys fit: say more of the one that is meant")]
    Ambiguous,
    /// The token has no such key, or does not show it.
    #[error("it has no such key")]
    NoKey,
    /// The token took another PIN than was given.
    #[error("its PIN is wrong")]
    Pin,
    /// The token takes no PIN any more, after too many wrong ones.
    #[error("its PIN is locked")]
    PinLocked,
    /// The token has no PIN yet, or wants a new one first, or none was given to it.
    #[error("its PIN was not set, has to be changed, or was not given")]
    PinUnset,
    /// The key computes no HMAC-SHA-256, or could leave the token.
    #[error("the key computes no HMAC-SHA-256, or could leave the token")]
    KeyUnfit,
    /// The token has a key of this name already.
    #[error("it has a key of this name already")]
    KeyExists,
    /// Text that is no PKCS#11 URI (RFC 7512), or says what is not to be said there.
    #[error("the URI cannot be used: {0}")]
    Uri(&'static str),
}

/// Why shares of a key cannot be made or put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareFault {
    /// The text has another number of characters than a share.
    #[error("a share has {expected} characters, not {given}")]
    Length {
        /// Characters that were given; blanks, hyphens and remarks are not counted.
        given: usize,
        /// Characters of a share.
        expected: usize,
    },
    /// The check characters of this line, counted from 1, do not fit it and the lines before.
    #[error("line {0} was copied wrongly, or belongs to another share")]
    Line(u8),
    /// Fewer shares than the key was split for.
    #[error("{given} of the {needed} shares that are needed")]
    Few {
        /// Shares that were given.
        given: u8,
        /// Shares that open.
        needed: u8,
    },
    /// The shares are not all of one set, or are those of another vault.
    #[error("they are of different sets, or of another vault")]
    Mixed,
    /// The same share was given twice.
    #[error("share {0} was given twice")]
    Twice(u8),
    /// A key is split so that at least 2 of at most 255 shares open.
    #[error("{threshold} of {count} cannot be made: at least 2 must be needed, and at most 255 be made")]
    Split {
        /// Shares that were to be needed.
        threshold: u8,
        /// Shares that were to be made.
        count: u8,
    },
}

/// Why a backup cannot be made, read or restored, or a vault not be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupFault {
    /// The file could not be read or written.
    #[error("the file cannot be read or written")]
    File,
    /// The file is something else.
    #[error("the file is no backup of Zamok")]
    Foreign,
    /// The file was cut, altered, or put together from several.
    #[error("the file was cut or altered")]
    Damaged,
    /// The store into which it is to be restored holds something already.
    #[error("the target is not empty: restore into a new store")]
    NotEmpty,
    /// The store shows no single moment of itself.
    #[error("this sort of store gives no view of one moment")]
    NoSnapshot,
    /// A restore or a move into this store did not come to its end.
    #[error("the store was not filled to the end: run the same command again")]
    Unfinished,
    /// The vault was moved to another store.
    #[error("the vault has moved to another store")]
    Moved,
    /// The store that a vault leaves was written to meanwhile.
    #[error("the store that is left was written to meanwhile: end everything that has it open")]
    Changed,
}
