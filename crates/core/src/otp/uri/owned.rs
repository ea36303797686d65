//! The URI with owned texts.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::{OtpKind, OtpUriRef};
use crate::env::UnixTime;
use crate::error::Error;
#[cfg(doc)]
use crate::error::UriFault;
use crate::hash::HashAlgorithm;
use crate::otp::code::Digits;
use crate::otp::hotp::HotpParameters;
use crate::otp::totp::TotpParameters;
use crate::secret::Secret;

/// A key as an `otpauth://` URI describes it. `Debug` shows no secret.
///
/// ```
/// use zamok_core::otp::{OtpUri, TotpParameters};
/// use zamok_core::secret::Secret;
///
/// let secret = Secret::new(b"12345678901234567890")?;
/// let uri = OtpUri::totp(Some("KPD"), "anna@example.org", &secret, TotpParameters::default())?;
/// assert_eq!(
///     uri.to_uri().as_str(),
///     "otpauth://totp/KPD:anna%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
///      &issuer=KPD&algorithm=SHA1&digits=6&period=30"
/// );
/// let read = OtpUri::parse("otpauth://TOTP/anna?secret=gezd gnbv gy3t qojq gezd gnbv gy3t qojq&algorithm=HmacSHA1")?;
/// assert_eq!((read.issuer(), read.account()), (None, "anna"));
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct OtpUri {
    issuer: Option<String>,
    account: String,
    secret: Secret,
    kind: OtpKind,
    algorithm: HashAlgorithm,
    digits: Digits,
    conflicting_issuer: Option<String>,
}

impl OtpUri {
    /// Longest URI that is read, in bytes.
    pub const MAX: usize = OtpUriRef::MAX;

    /// Describes a TOTP key.
    ///
    /// # Errors
    /// [`UriFault::T0`] when T0 is not 1970: the format cannot say so, and codes would be wrong. [`UriFault::Label`]
    /// for a label that could not be read back: a colon in the issuer, or in the account when there is no issuer; an
    /// empty account; control characters; blanks at an end. [`UriFault::TooLong`]; [`Error::PeriodZero`].
    pub fn totp(
        issuer: Option<&str>,
        account: &str,
        secret: &Secret,
        parameters: TotpParameters,
    ) -> Result<Self, Error> {
        OtpUriRef::totp(issuer, account, secret, parameters).map(|uri| Self::own(&uri))
    }

    /// Describes an HOTP key whose next code is that of `counter`.
    ///
    /// # Errors
    /// [`UriFault::Label`] and [`UriFault::TooLong`] as for [`OtpUri::totp`].
    pub fn hotp(
        issuer: Option<&str>,
        account: &str,
        secret: &Secret,
        parameters: HotpParameters,
        counter: u64,
    ) -> Result<Self, Error> {
        OtpUriRef::hotp(issuer, account, secret, parameters, counter).map(|uri| Self::own(&uri))
    }

    /// Reads a URI as issuers write them.
    ///
    /// Tolerated: either case in scheme, type, names, algorithm and secret; blanks, hyphens and padding in the secret;
    /// `SHA-256` and `HmacSHA256`; a missing issuer; `%3A` that parts the label, where no colon does; `+` for a blank in parameters; unknown
    /// parameters; characters that should have been percent-encoded. Where the label names another issuer than the
    /// parameter, the parameter wins, and [`conflicting_issuer`](OtpUri::conflicting_issuer) tells.
    ///
    /// # Errors
    /// A [`UriFault`]; [`Error::Base32`]; [`Error::SecretTooShort`] below 16 bytes, [`Error::SecretTooLong`] above 128;
    /// [`Error::Digits`]; [`Error::PeriodZero`]. A parameter that stands twice with different values is
    /// [`UriFault::Conflict`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        OtpUriRef::parse(text, &mut memory(text)).map(|uri| Self::own(&uri))
    }

    /// Like [`OtpUri::parse`], and takes a secret below 128 bits, **although such a secret can be guessed from a few
    /// observed codes**: for keys of issuers that made them so, never for our own.
    ///
    /// # Errors
    /// Those of [`OtpUri::parse`]; [`Error::SecretTooShort`] for an empty secret.
    pub fn parse_accepting_weak(text: &str) -> Result<Self, Error> {
        OtpUriRef::parse_accepting_weak(text, &mut memory(text)).map(|uri| Self::own(&uri))
    }

    /// Reads a URI that keeps to the format: nothing of what [`OtpUri::parse`] tolerates, no parameter twice, unknown or
    /// of the other type, no conflicting issuers, an account in the label.
    ///
    /// # Errors
    /// Those of [`OtpUri::parse`]; [`UriFault::Parameter`]; [`UriFault::Label`].
    pub fn parse_strict(text: &str) -> Result<Self, Error> {
        OtpUriRef::parse_strict(text, &mut memory(text)).map(|uri| Self::own(&uri))
    }

    fn own(uri: &OtpUriRef<'_>) -> Self {
        Self {
            issuer: uri.issuer.map(String::from),
            account: String::from(uri.account),
            secret: uri.secret.clone(),
            kind: uri.kind,
            algorithm: uri.algorithm,
            digits: uri.digits,
            conflicting_issuer: uri.conflicting_issuer.map(String::from),
        }
    }

    fn borrowed(&self) -> OtpUriRef<'_> {
        OtpUriRef {
            issuer: self.issuer(),
            account: self.account(),
            secret: self.secret.clone(),
            kind: self.kind,
            algorithm: self.algorithm,
            digits: self.digits,
            conflicting_issuer: self.conflicting_issuer(),
        }
    }

    /// Who issued the key, where that is said.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The issuer that the label named, where the `issuer` parameter named another: the parameter wins.
    ///
    /// A caller shows both, since one of them may be there to mislead.
    #[must_use]
    pub fn conflicting_issuer(&self) -> Option<&str> {
        self.conflicting_issuer.as_deref()
    }

    /// Whose key it is; may be empty in what others wrote.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What moves the key.
    #[must_use]
    pub const fn kind(&self) -> OtpKind {
        self.kind
    }

    /// The hash under the HMAC.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Digits of a code.
    #[must_use]
    pub const fn digits(&self) -> Digits {
        self.digits
    }

    /// The parameters of a TOTP key.
    #[must_use]
    pub const fn totp_parameters(&self) -> Option<TotpParameters> {
        match self.kind {
            OtpKind::Totp { period } => {
                let (algorithm, digits) = (self.algorithm, self.digits);
                Some(TotpParameters { algorithm, digits, period, t0: UnixTime(0) })
            }
            OtpKind::Hotp { .. } => None,
        }
    }

    /// The parameters and the next counter of an HOTP key.
    #[must_use]
    pub const fn hotp_parameters(&self) -> Option<(HotpParameters, u64)> {
        match self.kind {
            OtpKind::Hotp { counter } => {
                Some((HotpParameters { algorithm: self.algorithm, digits: self.digits }, counter))
            }
            OtpKind::Totp { .. } => None,
        }
    }

    /// Writes the URI, every parameter spelled out. It holds the secret: show it to its owner and drop it.
    #[must_use]
    pub fn to_uri(&self) -> UriText {
        let uri = self.borrowed();
        // Room for all of it: a buffer that grew would leave the secret behind in the old one.
        let mut text = Zeroizing::new(String::with_capacity(uri.longest()));
        // Writing to a `String` cannot fail.
        let _ = uri.write_to(&mut *text);
        UriText(text)
    }
}

impl fmt::Debug for OtpUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtpUri")
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .field("kind", &self.kind)
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .finish_non_exhaustive()
    }
}

/// A written `otpauth://` URI. It holds the secret: wiped when dropped, redacted in `Debug`, without `Display`.
#[derive(Clone)]
pub struct UriText(Zeroizing<String>);

impl UriText {
    /// The text, to draw a QR code or to show to the owner of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UriText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UriText({} bytes, redacted)", self.0.len())
    }
}

/// Memory in which a URI is decoded.
fn memory(text: &str) -> Zeroizing<Vec<u8>> {
    // What is longer is refused unread.
    Zeroizing::new(vec![0; text.len().min(OtpUri::MAX)])
}
