//! The one neutral form of a token, between any two formats.

use std::fmt;

use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, HotpParameters, OcraSuite, TotpParameters};
use zamok_core::secret::Secret;

use crate::error::Fault;

/// A token as a file describes it. `Debug` shows no secret; the secret is wiped when it is dropped.
#[derive(Clone)]
pub struct TokenRecord {
    /// A serial number, key id or login that tells it from others; may be empty.
    pub id: String,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Whose it is, or what it is called; may be empty.
    pub account: String,
    /// Which codes it makes.
    pub kind: TokenKind,
    /// The secret. Behind a pointer: lists of tokens grow and are taken apart, and leave no copy behind.
    pub secret: Box<Secret>,
    /// What its issuer allows.
    pub policy: TokenPolicy,
    /// What a person should know before trusting it.
    pub warnings: Vec<Warning>,
}

impl TokenRecord {
    /// A token without a policy and without warnings.
    #[must_use]
    pub fn new(id: impl Into<String>, account: impl Into<String>, kind: TokenKind, secret: Secret) -> Self {
        Self {
            id: id.into(),
            issuer: None,
            account: account.into(),
            kind,
            secret: Box::new(secret),
            policy: TokenPolicy::default(),
            warnings: Vec::new(),
        }
    }

    /// What lists show and a vault keeps as the label: issuer, account and id, as far as they are there.
    #[must_use]
    pub fn label(&self) -> String {
        let issuer = self.issuer.as_deref().unwrap_or_default();
        let id = if self.id == self.account { "" } else { self.id.as_str() };
        let parts = [issuer, &self.account, id];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether its owner had disabled it.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.warnings.contains(&Warning::Disabled)
    }

    /// Warns where the token's clock was seen further off than `limit` steps, the most that the policy lets it be
    /// under which its codes will be checked. A check takes a drift beyond the limit for the limit, and looks for the
    /// codes in another place.
    pub fn warn_of_drift(&mut self, limit: u32) {
        if let TokenKind::Totp { drift, .. } = self.kind
            && drift.unsigned_abs() > limit
        {
            self.warn(Warning::Drift);
        }
    }

    /// Adds a warning, once.
    pub(crate) fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .field("kind", &self.kind)
            .field("secret", &self.secret)
            .field("policy", &self.policy)
            .field("warnings", &self.warnings)
            .finish()
    }
}

/// Which codes a token makes, with what moves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// By counter (RFC 4226).
    Hotp {
        /// Hash and digits.
        parameters: HotpParameters,
        /// The counter of the next code.
        counter: u64,
    },
    /// By time (RFC 6238).
    Totp {
        /// Hash, digits, period in seconds, and T0.
        parameters: TotpParameters,
        /// How far the token's clock was seen to lie from the true one, in steps.
        drift: i32,
        /// The last step that is known to be spent.
        last_step: Option<u64>,
    },
    /// By challenge (RFC 6287).
    Ocra {
        /// The suite.
        suite: OcraSuite,
        /// The next counter, where the suite has one.
        counter: Option<u64>,
    },
}

impl TokenKind {
    /// A TOTP token of which nothing is known but its parameters.
    #[must_use]
    pub const fn totp(parameters: TotpParameters) -> Self {
        Self::Totp { parameters, drift: 0, last_step: None }
    }

    pub(crate) const HOTP: &'static str = "HOTP";
    pub(crate) const TOTP: &'static str = "TOTP";
    pub(crate) const OCRA: &'static str = "OCRA";

    /// The name that lists show, and under which a secret is entered in a vault.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hotp { .. } => Self::HOTP,
            Self::Totp { .. } => Self::TOTP,
            Self::Ocra { .. } => Self::OCRA,
        }
    }

    /// The hash under the HMAC.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        match self {
            Self::Hotp { parameters, .. } => parameters.algorithm,
            Self::Totp { parameters, .. } => parameters.algorithm,
            Self::Ocra { suite, .. } => suite.algorithm(),
        }
    }

    /// Digits of a code; 0 for an OCRA suite that answers with the whole HMAC.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        match self {
            Self::Hotp { parameters, .. } => parameters.digits.count(),
            Self::Totp { parameters, .. } => parameters.digits.count(),
            Self::Ocra { suite, .. } => suite.digits(),
        }
    }

    /// HOTP or TOTP from the fields that most formats have.
    pub(crate) fn moving(
        by: By,
        algorithm: HashAlgorithm,
        digits: Digits,
    ) -> Result<Self, zamok_core::Error> {
        match by {
            By::Counter(counter) => {
                Ok(Self::Hotp { parameters: HotpParameters { algorithm, digits }, counter })
            }
            By::Time { period: 0 } => Err(zamok_core::Error::PeriodZero),
            By::Time { period } => {
                Ok(Self::totp(TotpParameters { algorithm, digits, period, t0: UnixTime(0) }))
            }
        }
    }
}

/// What moves a token, as formats without T0 and drift say it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Counter(u64),
    Time { period: u64 },
}

/// What the issuer of a token allows (RFC 6030 §5), as it was read. The importer decides by [`TokenPolicy::check`], and the key in a
/// vault has the dates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenPolicy {
    /// Not to be used before.
    pub start: Option<UnixTime>,
    /// Not to be used after.
    pub expiry: Option<UnixTime>,
    /// What it may be used for; empty: anything.
    pub usage: Vec<KeyUsage>,
    /// How often it may be used.
    pub transactions: Option<u64>,
    /// How a PIN goes with it.
    pub pin: Option<PinPolicy>,
}

impl TokenPolicy {
    /// Whether the token may be used at a moment, for its kind of codes.
    ///
    /// # Errors
    /// [`Fault::PolicyUsage`] when the usages leave it out; [`Fault::PolicyDates`] when it has expired or has not begun.
    pub fn check(&self, kind: &TokenKind, now: UnixTime) -> Result<(), Fault> {
        self.allows(kind)?;
        let early = self.start.is_some_and(|start| now < start);
        let late = self.expiry.is_some_and(|expiry| now > expiry);
        if early || late { Err(Fault::PolicyDates) } else { Ok(()) }
    }

    /// Whether the usages include this kind of codes.
    pub(crate) fn allows(&self, kind: &TokenKind) -> Result<(), Fault> {
        let wanted = match kind {
            TokenKind::Ocra { .. } => KeyUsage::ChallengeResponse,
            TokenKind::Hotp { .. } | TokenKind::Totp { .. } => KeyUsage::Otp,
        };
        if self.usage.is_empty() || self.usage.contains(&wanted) { Ok(()) } else { Err(Fault::PolicyUsage) }
    }

    /// Whether it says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

macro_rules! key_usages {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// What a key may be used for (RFC 6030 §5).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum KeyUsage { $($(#[doc = $doc])+ $name,)+ }

        impl KeyUsage {
            /// The word of the format.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Reads the word of the format.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

key_usages! {
    /// One-time passwords.
    Otp = "OTP";
    /// Challenge and response.
    ChallengeResponse = "CR";
    /// Encryption.
    Encrypt = "Encrypt";
    /// Message digests.
    Integrity = "Integrity";
    /// Checking message digests.
    Verify = "Verify";
    /// Unlocking a device.
    Unlock = "Unlock";
    /// Decryption.
    Decrypt = "Decrypt";
    /// Wrapping keys.
    KeyWrap = "KeyWrap";
    /// Unwrapping keys.
    Unwrap = "Unwrap";
    /// Deriving keys.
    Derive = "Derive";
    /// Making new keys.
    Generate = "Generate";
}

/// How a PIN goes with a key (RFC 6030 §5), as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinPolicy {
    /// The key that holds the PIN.
    pub key_id: Option<String>,
    /// `Local`, `Prepend`, `Append` or `Algorithmic`.
    pub mode: Option<String>,
    /// Wrong PINs in a row that a device endures.
    pub max_failed: Option<u64>,
    /// Shortest PIN.
    pub min_length: Option<u64>,
    /// Longest PIN.
    pub max_length: Option<u64>,
    /// How a PIN is written.
    pub encoding: Option<String>,
}

/// What a person should know of a token that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Its secret has fewer than 128 bits and can be guessed from a few observed codes.
    WeakSecret,
    /// The file held the secret in plain text.
    PlainSecret,
    /// The label named another issuer than the parameter, which won.
    ConflictingIssuer,
    /// A PIN goes with the code; its checking is not taken over.
    Pin,
    /// Its issuer limits how often it may be used; nobody here counts that.
    Transactions,
    /// T0 is not 1970.
    T0,
    /// It is not known which codes are spent already: the last one can be accepted once more.
    SpentUnknown,
    /// A date without a time zone was read as UTC.
    LocalDate,
    /// A number is encoded in a form that can be read in two ways; the decimal one was taken.
    AmbiguousNumber,
    /// The file does not say the period; 30 seconds were taken.
    PeriodAssumed,
    /// The file does not say the hash, and the secret's length is not the usual one of SHA-1: SHA-1 was taken, from privacyIDEA's export
    /// the hash of this length.
    HashAssumed,
    /// The account has recovery codes in the file, which were not taken over.
    RecoveryCodes,
    /// The owner had disabled the token.
    Disabled,
    /// The key of the file's MACs was encrypted in a way that shows no alteration (PSKC in CBC mode).
    LooseMacKey,
    /// Its clock was seen further off than the policy lets it be ([`TokenRecord::warn_of_drift`]).
    Drift,
    /// The device that holds it has a first or a last day (RFC 6030 §4.3.1), which is no policy of the key.
    DeviceDates,
    /// Its issuer names values that were agreed upon outside of the file (`KeyProfileId`, RFC 6030 §4.4), which nobody
    /// here knows.
    KeyProfile,
}

impl Warning {
    /// What lists show.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::WeakSecret => {
                "the secret has fewer than 128 bits: a few observed codes are enough to guess it"
            }
            Self::PlainSecret => "the file holds the secret in plain text: remove it afterwards",
            Self::ConflictingIssuer => "two issuers are named: the parameter was taken, not the label",
            Self::Pin => "a PIN goes with the code: its checking is not taken over",
            Self::Transactions => "the issuer limits how often it may be used: the limit is not taken over",
            Self::T0 => "time is not counted from 1970",
            Self::SpentUnknown => "which codes are spent is not known",
            Self::LocalDate => "a date without a time zone was read as UTC",
            Self::AmbiguousNumber => "a number in it can be read in two ways: the decimal one was taken",
            Self::PeriodAssumed => "the period is not given: 30 seconds were taken",
            Self::HashAssumed => "the hash is not given: it was assumed",
            Self::RecoveryCodes => "recovery codes were not taken over",
            Self::Disabled => "the token was disabled where it comes from",
            Self::LooseMacKey => {
                "the file shows no alteration by somebody who knows a secret in it: trust the way it came, or not at all"
            }
            Self::Drift => {
                "its clock was seen further off than the policy lets it be: its codes may be refused until generator.drift is raised"
            }
            Self::DeviceDates => {
                "the device has a first or a last day: the key does not have it, unless its policy says it too"
            }
            Self::KeyProfile => {
                "the issuer names a profile that was agreed upon outside of the file: it is not looked at"
            }
        }
    }
}

/// Whether secrets below 128 bits are read (RFC 4226 §4, R6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeakSecrets {
    /// They are an error of their entry.
    #[default]
    Refuse,
    /// They are read, with a warning, **although they can be guessed from a few observed codes**.
    AcceptGuessable,
}

impl WeakSecrets {
    /// Takes a secret under this rule.
    pub(crate) fn take(self, bytes: &[u8]) -> Result<Secret, zamok_core::Error> {
        match self {
            Self::Refuse => Secret::new(bytes),
            Self::AcceptGuessable => Secret::new_accepting_weak(bytes),
        }
    }

    /// Completes a record: says when its secret is weak.
    pub(crate) fn mark(record: &mut TokenRecord) {
        if record.secret.expose().len() < Secret::MIN {
            record.warn(Warning::WeakSecret);
        }
    }
}
