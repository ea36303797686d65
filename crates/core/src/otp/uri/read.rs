//! Reading `otpauth://` URIs: tolerant of what issuers write, or strict.

use alloc::string::String;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{OtpKind, OtpUri};
use crate::error::{Error, UriFault};
use crate::hash::HashAlgorithm;
use crate::otp::code::Digits;
use crate::secret::{Base32Reading, Secret};

const SCHEME: &str = "otpauth://";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Tolerant,
    Strict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weak {
    Refused,
    Accepted,
}

impl OtpUri {
    /// Reads a URI as issuers write them.
    ///
    /// Tolerated: either case in scheme, type, names, algorithm and secret; blanks, hyphens and padding in the secret;
    /// `SHA-256` and `HmacSHA256`; a missing issuer; `%3A` in the label; `+` for a blank in parameters; unknown
    /// parameters; characters that should have been percent-encoded. Where the label names another issuer than the
    /// parameter, the parameter wins, and [`conflicting_issuer`](OtpUri::conflicting_issuer) tells.
    ///
    /// # Errors
    /// A [`UriFault`]; [`Error::Base32`]; [`Error::SecretTooShort`] below 16 bytes, [`Error::SecretTooLong`] above 128;
    /// [`Error::Digits`]; [`Error::PeriodZero`]. A parameter that stands twice with different values is
    /// [`UriFault::Conflict`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        read(text.trim(), Reading::Tolerant, Weak::Refused)
    }

    /// Like [`OtpUri::parse`], and takes a secret below 128 bits, **although such a secret can be guessed from a few
    /// observed codes**: for keys of issuers that made them so, never for our own.
    ///
    /// # Errors
    /// Those of [`OtpUri::parse`]; [`Error::SecretTooShort`] for an empty secret.
    pub fn parse_accepting_weak(text: &str) -> Result<Self, Error> {
        read(text.trim(), Reading::Tolerant, Weak::Accepted)
    }

    /// Reads a URI that keeps to the format: nothing of what [`OtpUri::parse`] tolerates, no parameter twice, unknown or
    /// of the other type, no conflicting issuers, an account in the label.
    ///
    /// # Errors
    /// Those of [`OtpUri::parse`]; [`UriFault::Parameter`]; [`UriFault::Label`].
    pub fn parse_strict(text: &str) -> Result<Self, Error> {
        read(text, Reading::Strict, Weak::Refused)
    }
}

/// The parameters as they stand, percent-decoded.
#[derive(Default)]
struct Parameters {
    secret: Option<Zeroizing<String>>,
    issuer: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
    counter: Option<Zeroizing<String>>,
}

fn read(text: &str, reading: Reading, weak: Weak) -> Result<OtpUri, Error> {
    let fault = |fault| Err(Error::Uri(fault));
    let strict = reading == Reading::Strict;
    if text.len() > OtpUri::MAX {
        return fault(UriFault::TooLong);
    }
    let Some((scheme, rest)) = text.split_at_checked(SCHEME.len()) else { return fault(UriFault::Scheme) };
    if !alike(scheme, SCHEME, reading) {
        return fault(UriFault::Scheme);
    }
    let rest = match rest.split_once('#') {
        Some(_) if strict => return fault(UriFault::Encoding),
        Some((rest, _)) => rest,
        None => rest,
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, label) = path.split_once('/').unwrap_or((path, ""));
    let counted = match kind {
        _ if alike(kind, "totp", reading) => false,
        _ if alike(kind, "hotp", reading) => true,
        _ => return fault(UriFault::Type),
    };

    let label = decode(label, Plus::Literal, reading)?;
    let (label_issuer, account) = match label.split_once(':') {
        Some((issuer, account)) => (Some(issuer.trim()), account.trim()),
        None => (None, label.trim()),
    };
    let label_issuer = label_issuer.filter(|issuer| !issuer.is_empty());
    if strict && account.is_empty() {
        return fault(UriFault::Label);
    }

    let parameters = parameters(query, counted, reading)?;
    let secret = secret(parameters.secret.as_deref().map(String::as_str), reading, weak)?;
    let algorithm = parameters.algorithm.map_or(Ok(HashAlgorithm::Sha1), |name| algorithm(&name, reading))?;
    let digits = match parameters.digits {
        Some(text) => {
            Digits::new(u8::try_from(number(&text, reading)?).map_err(|_| Error::Uri(UriFault::Number))?)?
        }
        None => Digits::SIX,
    };
    let kind = if counted {
        let text = parameters.counter.ok_or(Error::Uri(UriFault::CounterMissing))?;
        OtpKind::Hotp { counter: number(&text, reading)? }
    } else {
        match parameters.period.map_or(Ok(30), |text| number(&text, reading))? {
            0 => return Err(Error::PeriodZero),
            period => OtpKind::Totp { period },
        }
    };

    let issuer = parameters.issuer.as_deref().map(|issuer| issuer.trim()).filter(|issuer| !issuer.is_empty());
    // In a label `+` stands for itself, though some write it for a blank; that alone is no conflict.
    let same = |a: &str, b: &str| a == b || (!strict && a.replace('+', " ").trim() == b);
    let conflicting =
        label_issuer.zip(issuer).filter(|(label, issuer)| !same(label, issuer)).map(|(label, _)| label);
    if strict && conflicting.is_some() {
        return fault(UriFault::Conflict);
    }
    let uri = OtpUri {
        issuer: issuer.or(label_issuer).map(String::from),
        account: String::from(account),
        secret,
        kind,
        algorithm,
        digits,
        conflicting_issuer: conflicting.map(String::from),
    };
    // What issuers left unescaped grows when it is written: what is read can also be handed on.
    if uri.to_uri().as_str().len() > OtpUri::MAX { fault(UriFault::TooLong) } else { Ok(uri) }
}

fn parameters(query: &str, counted: bool, reading: Reading) -> Result<Parameters, Error> {
    let mut found = Parameters::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = ["secret", "issuer", "algorithm", "digits", "period", "counter"];
        let place = match known.iter().position(|known| alike(name, known, reading)) {
            Some(0) => &mut found.secret,
            Some(1) => &mut found.issuer,
            Some(2) => &mut found.algorithm,
            Some(3) => &mut found.digits,
            // The other type's parameter means nothing here.
            Some(4) if !counted => &mut found.period,
            Some(5) if counted => &mut found.counter,
            _ if reading == Reading::Strict => return Err(Error::Uri(UriFault::Parameter)),
            _ => continue,
        };
        let value = decode(value, Plus::Blank, reading)?;
        if let Some(earlier) = place {
            let same = bool::from(earlier.as_bytes().ct_eq(value.as_bytes()));
            if reading == Reading::Strict || !same {
                return Err(Error::Uri(UriFault::Conflict));
            }
        }
        *place = Some(value);
    }
    Ok(found)
}

fn secret(text: Option<&str>, reading: Reading, weak: Weak) -> Result<Secret, Error> {
    let text = text.ok_or(Error::Uri(UriFault::SecretMissing))?;
    let how = match reading {
        Reading::Tolerant => Base32Reading::Tolerant,
        Reading::Strict => Base32Reading::Strict,
    };
    match weak {
        Weak::Refused => Secret::from_base32(text, how),
        Weak::Accepted => Secret::from_base32_accepting_weak(text, how),
    }
}

fn alike(given: &str, expected: &str, reading: Reading) -> bool {
    given == expected || (reading == Reading::Tolerant && given.eq_ignore_ascii_case(expected))
}

/// `SHA1`, `SHA256`, `SHA512`; tolerantly also `sha-256`, `HmacSHA256`, `HMAC_SHA_256`.
fn algorithm(name: &str, reading: Reading) -> Result<HashAlgorithm, Error> {
    let plain: String = match reading {
        Reading::Strict => String::from(name),
        Reading::Tolerant => {
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let name = name.to_ascii_uppercase();
            name.strip_prefix("HMAC").map_or(name.clone(), String::from)
        }
    };
    let known = HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.otpauth_name() == plain);
    known.ok_or(Error::Uri(UriFault::Algorithm))
}

/// A decimal number of ASCII digits below 2⁶⁴.
fn number(text: &str, reading: Reading) -> Result<u64, Error> {
    let text = if reading == Reading::Tolerant { text.trim() } else { text };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = reading == Reading::Tolerant || text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| digits && canonical).ok_or(Error::Uri(UriFault::Number))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Literal,
    Blank,
}

/// Percent-decodes to UTF-8. The result may hold the secret: its buffer is wiped and never grows.
///
/// Control characters are refused, so that a label cannot command the terminal that shows it.
fn decode(text: &str, plus: Plus, reading: Reading) -> Result<Zeroizing<String>, Error> {
    const FAULT: Error = Error::Uri(UriFault::Encoding);
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut half = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or(FAULT);
                let value = half()? << 4 | half()?;
                value.to_le_bytes()[0]
            }
            b'+' if plus == Plus::Blank && reading == Reading::Tolerant => b' ',
            // RFC 3986 §3.3 and §3.4: what may stand unescaped.
            _ if reading == Reading::Strict
                && !byte.is_ascii_alphanumeric()
                && !b"-._~!$&'()*+,;=:@/?".contains(&byte) =>
            {
                return Err(FAULT);
            }
            _ => byte,
        });
    }
    let text = core::str::from_utf8(&bytes).map_err(|_| FAULT)?;
    if text.contains(char::is_control) {
        return Err(FAULT);
    }
    Ok(Zeroizing::new(String::from(text)))
}
