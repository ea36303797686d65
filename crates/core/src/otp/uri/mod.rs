//! `otpauth://` URIs, as QR codes carry them: the Key Uri Format of Google Authenticator, as its peers read it.
//! <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>

mod read;

use alloc::string::String;
use core::fmt::{self, Write as _};

use zeroize::Zeroizing;

use super::base32;
use super::code::Digits;
use super::hotp::HotpParameters;
use super::totp::TotpParameters;
use crate::env::UnixTime;
use crate::error::{Error, UriFault};
use crate::hash::HashAlgorithm;
use crate::secret::Secret;

/// What moves a key: the type of the URI with its own parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OtpKind {
    /// By counter.
    Hotp {
        /// The counter of the next code.
        counter: u64,
    },
    /// By time, counted from 1970: the format has no T0.
    Totp {
        /// The time step, in seconds, at least 1.
        period: u64,
    },
}

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
    pub const MAX: usize = 4096;

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
        let TotpParameters { algorithm, digits, period, t0 } = parameters;
        if t0 != UnixTime(0) {
            return Err(Error::Uri(UriFault::T0));
        }
        if period == 0 {
            return Err(Error::PeriodZero);
        }
        Self::labelled(issuer, account, secret, OtpKind::Totp { period }, algorithm, digits)
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
        let HotpParameters { algorithm, digits } = parameters;
        Self::labelled(issuer, account, secret, OtpKind::Hotp { counter }, algorithm, digits)
    }

    fn labelled(
        issuer: Option<&str>,
        account: &str,
        secret: &Secret,
        kind: OtpKind,
        algorithm: HashAlgorithm,
        digits: Digits,
    ) -> Result<Self, Error> {
        let unclear = |name: &str| name.is_empty() || name.trim() != name || name.contains(char::is_control);
        let colon = issuer.unwrap_or(account).contains(':');
        if colon || unclear(account) || issuer.is_some_and(unclear) {
            return Err(Error::Uri(UriFault::Label));
        }
        let (issuer, account) = (issuer.map(String::from), String::from(account));
        let uri = Self {
            issuer,
            account,
            secret: secret.clone(),
            kind,
            algorithm,
            digits,
            conflicting_issuer: None,
        };
        if uri.longest() > Self::MAX {
            return Err(Error::Uri(UriFault::TooLong));
        }
        Ok(uri)
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
        // Room for all of it: a buffer that grew would leave the secret behind in the old one.
        let mut text = Zeroizing::new(String::with_capacity(self.longest()));
        text.push_str(match self.kind {
            OtpKind::Hotp { .. } => "otpauth://hotp/",
            OtpKind::Totp { .. } => "otpauth://totp/",
        });
        // A label is read up to its first colon: an issuer that holds one stands in the query alone.
        let prefix = self.issuer.as_deref().filter(|issuer| !issuer.contains(':'));
        escape(prefix.unwrap_or_default(), &mut text);
        if prefix.is_some() || self.account.contains(':') {
            text.push(':');
        }
        escape(&self.account, &mut text);
        let mut buffer = Zeroizing::new([0; base32::encoded_len(Secret::MAX)]);
        text.push_str("?secret=");
        text.push_str(base32::encode(self.secret.expose(), &mut buffer[..]).unwrap_or_default());
        if let Some(issuer) = &self.issuer {
            text.push_str("&issuer=");
            escape(issuer, &mut text);
        }
        // Writing to a `String` cannot fail.
        let _ = write!(text, "&algorithm={}&digits={}", self.algorithm.otpauth_name(), self.digits);
        let _ = match self.kind {
            OtpKind::Hotp { counter } => write!(text, "&counter={counter}"),
            OtpKind::Totp { period } => write!(text, "&period={period}"),
        };
        UriText(text)
    }

    /// Bytes that the written URI has at most.
    fn longest(&self) -> usize {
        const FIXED: usize =
            "otpauth://totp/:?secret=&issuer=&algorithm=SHA512&digits=10&counter=".len() + 20;
        let issuer = self.issuer.as_ref().map_or(0, String::len).saturating_mul(6);
        let account = self.account.len().saturating_mul(3);
        FIXED + base32::encoded_len(Secret::MAX) + issuer.saturating_add(account)
    }
}

/// Appends `text` in percent-encoding (RFC 3986 §2.1); only unreserved characters stay.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
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
