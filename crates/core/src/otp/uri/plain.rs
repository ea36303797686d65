//! The URI without an allocator: texts are borrowed, and written into memory of the caller.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::OtpKind;
use super::read::{Reading, Weak, read};
use crate::env::UnixTime;
use crate::error::{Error, UriFault};
use crate::hash::HashAlgorithm;
use crate::otp::base32;
use crate::otp::code::Digits;
use crate::otp::hotp::HotpParameters;
use crate::otp::totp::TotpParameters;
use crate::secret::Secret;

/// A key as an `otpauth://` URI describes it, with borrowed texts: for targets without an allocator. `OtpUri` is the same with
/// owned ones. `Debug` shows no secret.
///
/// ```
/// use zamok_core::otp::{OtpUriRef, TotpParameters};
/// use zamok_core::secret::Secret;
///
/// let secret = Secret::new(b"12345678901234567890")?;
/// let mut memory = [0; 256];
/// let uri = OtpUriRef::totp(Some("KPD"), "anna", &secret, TotpParameters::default())?;
/// let text = uri.write(&mut memory)?;
/// assert!(text.starts_with("otpauth://totp/KPD:anna?secret=GEZDGNBVGY3T"));
///
/// let mut decoded = [0; 256];
/// assert_eq!(OtpUriRef::parse(text, &mut decoded)?.account(), "anna");
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct OtpUriRef<'a> {
    pub(super) issuer: Option<&'a str>,
    pub(super) account: &'a str,
    pub(super) secret: Secret,
    pub(super) kind: OtpKind,
    pub(super) algorithm: HashAlgorithm,
    pub(super) digits: Digits,
    pub(super) conflicting_issuer: Option<&'a str>,
}

impl<'a> OtpUriRef<'a> {
    /// Longest URI that is read, in bytes.
    pub const MAX: usize = 4096;

    /// Describes a TOTP key, as [`OtpUri::totp`](super::OtpUri::totp) does.
    ///
    /// # Errors
    /// As there.
    pub fn totp(
        issuer: Option<&'a str>,
        account: &'a str,
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

    /// Describes an HOTP key whose next code is that of `counter`, as [`OtpUri::hotp`](super::OtpUri::hotp) does.
    ///
    /// # Errors
    /// As there.
    pub fn hotp(
        issuer: Option<&'a str>,
        account: &'a str,
        secret: &Secret,
        parameters: HotpParameters,
        counter: u64,
    ) -> Result<Self, Error> {
        let HotpParameters { algorithm, digits } = parameters;
        Self::labelled(issuer, account, secret, OtpKind::Hotp { counter }, algorithm, digits)
    }

    fn labelled(
        issuer: Option<&'a str>,
        account: &'a str,
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
        let secret = secret.clone();
        let uri = Self { issuer, account, secret, kind, algorithm, digits, conflicting_issuer: None };
        if uri.longest() > Self::MAX {
            return Err(Error::Uri(UriFault::TooLong));
        }
        Ok(uri)
    }

    /// Reads a URI as issuers write them, with the tolerance of [`OtpUri::parse`](super::OtpUri::parse). Label and
    /// issuer are decoded into `memory`, which is as long as the text or longer.
    ///
    /// # Errors
    /// As there; [`Error::TooLong`] where `memory` is shorter than the text.
    pub fn parse(text: &str, memory: &'a mut [u8]) -> Result<Self, Error> {
        read(text.trim(), Reading::Tolerant, Weak::Refused, memory)
    }

    /// Like [`OtpUriRef::parse`], and takes a secret below 128 bits, **although such a secret can be guessed from a few
    /// observed codes**: for keys of issuers that made them so, never for our own.
    ///
    /// # Errors
    /// Those of [`OtpUriRef::parse`]; [`Error::SecretTooShort`] for an empty secret.
    pub fn parse_accepting_weak(text: &str, memory: &'a mut [u8]) -> Result<Self, Error> {
        read(text.trim(), Reading::Tolerant, Weak::Accepted, memory)
    }

    /// Reads a URI that keeps to the format, as [`OtpUri::parse_strict`](super::OtpUri::parse_strict) does.
    ///
    /// # Errors
    /// As there; [`Error::TooLong`] where `memory` is shorter than the text.
    pub fn parse_strict(text: &str, memory: &'a mut [u8]) -> Result<Self, Error> {
        read(text, Reading::Strict, Weak::Refused, memory)
    }

    /// Who issued the key, where that is said.
    #[must_use]
    pub const fn issuer(&self) -> Option<&'a str> {
        self.issuer
    }

    /// The issuer that the label named, where the `issuer` parameter named another: the parameter wins.
    #[must_use]
    pub const fn conflicting_issuer(&self) -> Option<&'a str> {
        self.conflicting_issuer
    }

    /// Whose key it is; may be empty in what others wrote.
    #[must_use]
    pub const fn account(&self) -> &'a str {
        self.account
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

    /// Writes the URI into `memory`, every parameter spelled out. It holds the secret: wipe it once it was shown.
    ///
    /// # Errors
    /// [`Error::TooLong`] when `memory` is shorter than [`written_len`](Self::written_len); nothing is left in it then.
    pub fn write<'b>(&self, memory: &'b mut [u8]) -> Result<&'b str, Error> {
        let mut sink = Memory { memory, at: 0 };
        // Sinks that count beyond their end never fail.
        let _ = self.write_to(&mut sink);
        let (given, limit) = (sink.at, sink.memory.len());
        let memory = sink.memory;
        if given > limit {
            memory.zeroize();
            return Err(Error::TooLong { what: "an otpauth URI, for the memory to write it", given, limit });
        }
        Ok(core::str::from_utf8(&memory[..given]).unwrap_or_default())
    }

    /// Bytes of the written URI.
    #[must_use]
    pub fn written_len(&self) -> usize {
        let mut sink = Memory { memory: &mut [], at: 0 };
        let _ = self.write_to(&mut sink);
        sink.at
    }

    pub(super) fn write_to(&self, text: &mut impl fmt::Write) -> fmt::Result {
        text.write_str(match self.kind {
            OtpKind::Hotp { .. } => "otpauth://hotp/",
            OtpKind::Totp { .. } => "otpauth://totp/",
        })?;
        // A label is read up to its first colon: an issuer that holds one stands in the query alone.
        let prefix = self.issuer.filter(|issuer| !issuer.contains(':'));
        escape(prefix.unwrap_or_default(), text)?;
        if prefix.is_some() || self.account.contains(':') {
            text.write_char(':')?;
        }
        escape(self.account, text)?;
        let mut buffer = Zeroizing::new([0; base32::encoded_len(Secret::MAX)]);
        text.write_str("?secret=")?;
        text.write_str(base32::encode(self.secret.expose(), &mut buffer[..]).unwrap_or_default())?;
        if let Some(issuer) = self.issuer {
            text.write_str("&issuer=")?;
            escape(issuer, text)?;
        }
        write!(text, "&algorithm={}&digits={}", self.algorithm.otpauth_name(), self.digits)?;
        match self.kind {
            OtpKind::Hotp { counter } => write!(text, "&counter={counter}"),
            OtpKind::Totp { period } => write!(text, "&period={period}"),
        }
    }

    /// Bytes that the written URI has at most.
    pub(super) fn longest(&self) -> usize {
        const FIXED: usize =
            "otpauth://totp/:?secret=&issuer=&algorithm=SHA512&digits=10&counter=".len() + 20;
        let issuer = self.issuer.map_or(0, str::len).saturating_mul(6);
        let account = self.account.len().saturating_mul(3);
        FIXED + base32::encoded_len(Secret::MAX) + issuer.saturating_add(account)
    }
}

/// Memory of a fixed length; what does not fit is counted.
struct Memory<'a> {
    memory: &'a mut [u8],
    at: usize,
}

impl fmt::Write for Memory<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(place) = self.memory.get_mut(self.at) {
                *place = byte;
            }
            self.at = self.at.saturating_add(1);
        }
        Ok(())
    }
}

/// Appends `text` in percent-encoding (RFC 3986 §2.1); only unreserved characters stay.
fn escape(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.write_char(char::from(byte))?;
            }
            _ => write!(out, "%{byte:02X}")?,
        }
    }
    Ok(())
}

impl fmt::Debug for OtpUriRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtpUriRef")
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .field("kind", &self.kind)
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "otpauth://totp/Bank:ivan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Other&algorithm=SHA1\
                        &digits=6&period=30";

    #[test]
    fn memory_that_is_too_short_is_an_error_and_left_without_the_secret() {
        let mut memory = [0xff; TEXT.len()];
        for length in 0..TEXT.len() {
            let read = OtpUriRef::parse(TEXT, &mut memory[..length]).map(|_| ());
            assert!(
                matches!(read, Err(Error::TooLong { given, limit, .. }) if (given, limit) == (TEXT.len(), length))
            );
        }
        let uri = OtpUriRef::parse(TEXT, &mut memory).unwrap();
        let len = uri.written_len();
        let mut out = [0xff; 200];
        for length in 0..len {
            assert!(uri.write(&mut out[..length]).is_err());
            assert!(out[..length].iter().all(|byte| *byte == 0));
        }
        assert_eq!(uri.write(&mut out[..len]).map(str::len), Ok(len));
    }

    #[test]
    fn what_was_decoded_on_the_way_to_the_secret_is_wiped() {
        let mut memory = [0; 256];
        let uri = OtpUriRef::parse(TEXT, &mut memory).unwrap();
        assert_eq!(
            (uri.issuer(), uri.account(), uri.conflicting_issuer()),
            (Some("Other"), "ivan", Some("Bank"))
        );
        assert!(!memory.windows(4).any(|four| four == b"GEZD"));
        let _ = OtpUriRef::parse(&TEXT.replace("SHA1", "MD5"), &mut memory);
        assert!(!memory.windows(4).any(|four| four == b"GEZD"));
    }
}
