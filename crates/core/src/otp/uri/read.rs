//! Reading `otpauth://` URIs: tolerant of what issuers write, or strict. Without an allocator: texts are decoded into
//! memory of the caller.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{OtpKind, OtpUriRef};
use crate::error::{Error, UriFault};
use crate::hash::HashAlgorithm;
use crate::otp::code::Digits;
use crate::secret::{Base32Reading, Secret};

const SCHEME: &str = "otpauth://";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Tolerant,
    Strict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weak {
    Refused,
    Accepted,
}

/// The parameters as they stand: checked, not yet decoded.
#[derive(Default)]
struct Parameters<'t> {
    secret: Option<&'t str>,
    issuer: Option<&'t str>,
    algorithm: Option<&'t str>,
    digits: Option<&'t str>,
    period: Option<&'t str>,
    counter: Option<&'t str>,
}

/// Reads a URI; label and issuer are decoded into `scratch`, which is at least as long as the text.
pub(super) fn read<'a>(
    text: &str,
    reading: Reading,
    weak: Weak,
    scratch: &'a mut [u8],
) -> Result<OtpUriRef<'a>, Error> {
    let fault = |fault| Err(Error::Uri(fault));
    let strict = reading == Reading::Strict;
    if text.len() > OtpUriRef::MAX {
        return fault(UriFault::TooLong);
    }
    let (given, limit) = (text.len(), scratch.len());
    if given > limit {
        return Err(Error::TooLong { what: "an otpauth URI, for the memory to decode it", given, limit });
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

    let (for_label, scratch) = scratch.split_at_mut(label.len());
    // A colon parts the label, and one that is encoded belongs to a name then; where none stands as such, the encoded one parts.
    let (label_issuer, account): (Option<&'a str>, &'a str) = match label.split_once(':') {
        Some((issuer, account)) => {
            let (for_issuer, for_account) = for_label.split_at_mut(issuer.len());
            let issuer: &'a str = decode(issuer, Plus::Literal, reading, for_issuer)?;
            let account: &'a str = decode(account, Plus::Literal, reading, for_account)?;
            (Some(issuer.trim()), account.trim())
        }
        None => {
            let label: &'a str = decode(label, Plus::Literal, reading, for_label)?;
            match label.split_once(':') {
                Some((issuer, account)) => (Some(issuer.trim()), account.trim()),
                None => (None, label.trim()),
            }
        }
    };
    let label_issuer = label_issuer.filter(|issuer| !issuer.is_empty());
    if strict && account.is_empty() {
        return fault(UriFault::Label);
    }

    let parameters = parameters(query, counted, reading, scratch)?;
    let text = parameters.secret.ok_or(Error::Uri(UriFault::SecretMissing))?;
    let secret = decoded(text, reading, scratch, |text| secret(text, reading, weak))?;
    let algorithm = match parameters.algorithm {
        Some(text) => decoded(text, reading, scratch, |name| algorithm(name, reading))?,
        None => HashAlgorithm::Sha1,
    };
    let number =
        |text: &str, scratch: &mut [u8]| decoded(text, reading, scratch, |text| number(text, reading));
    let digits = match parameters.digits {
        Some(text) => {
            let count = u8::try_from(number(text, scratch)?).map_err(|_| Error::Uri(UriFault::Number))?;
            Digits::new(count)?
        }
        None => Digits::SIX,
    };
    let kind = if counted {
        let text = parameters.counter.ok_or(Error::Uri(UriFault::CounterMissing))?;
        OtpKind::Hotp { counter: number(text, scratch)? }
    } else {
        match parameters.period.map_or(Ok(30), |text| number(text, scratch))? {
            0 => return Err(Error::PeriodZero),
            period => OtpKind::Totp { period },
        }
    };

    let issuer: Option<&'a str> = match parameters.issuer {
        Some(text) => {
            let issuer: &'a str = decode(text, Plus::Blank, reading, scratch)?;
            Some(issuer.trim()).filter(|issuer| !issuer.is_empty())
        }
        None => None,
    };
    // In a label `+` stands for itself, though some write it for a blank; that alone is no conflict.
    let conflicting = label_issuer
        .zip(issuer)
        .filter(|(label, issuer)| label != issuer && (strict || !same_with_blanks(label, issuer)))
        .map(|(label, _)| label);
    if strict && conflicting.is_some() {
        return fault(UriFault::Conflict);
    }
    let uri = OtpUriRef {
        issuer: issuer.or(label_issuer),
        account,
        secret,
        kind,
        algorithm,
        digits,
        conflicting_issuer: conflicting,
    };
    // What issuers left unescaped grows when it is written: what is read can also be handed on.
    if uri.written_len() > OtpUriRef::MAX { fault(UriFault::TooLong) } else { Ok(uri) }
}

/// Whether two issuers are the same when `+` in the first stands for a blank.
fn same_with_blanks(label: &str, issuer: &str) -> bool {
    let label = label.trim_matches(|c: char| c == '+' || c.is_whitespace());
    label.chars().map(|c| if c == '+' { ' ' } else { c }).eq(issuer.chars())
}

fn parameters<'t>(
    query: &'t str,
    counted: bool,
    reading: Reading,
    scratch: &mut [u8],
) -> Result<Parameters<'t>, Error> {
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
            // KeePassXC and others write `encoder=steam`: these codes are no digits.
            None if alike(name, "encoder", reading) && !value.is_empty() => {
                return Err(Error::Uri(UriFault::Parameter));
            }
            _ if reading == Reading::Strict => return Err(Error::Uri(UriFault::Parameter)),
            _ => continue,
        };
        let (for_earlier, scratch) = scratch.split_at_mut(place.map_or(0, str::len));
        let same = decoded(value, reading, scratch, |value| match *place {
            None => Ok(true),
            Some(earlier) => decoded(earlier, reading, for_earlier, |earlier| {
                Ok(bool::from(earlier.as_bytes().ct_eq(value.as_bytes())))
            }),
        })?;
        if place.is_some() && (reading == Reading::Strict || !same) {
            return Err(Error::Uri(UriFault::Conflict));
        }
        *place = Some(value);
    }
    Ok(found)
}

fn secret(text: &str, reading: Reading, weak: Weak) -> Result<Secret, Error> {
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
    // The longest that is known has ten letters and digits.
    let mut plain = [0; 16];
    let mut kept = 0;
    for byte in name.bytes() {
        let byte = match reading {
            Reading::Strict => byte,
            Reading::Tolerant if byte.is_ascii_alphanumeric() => byte.to_ascii_uppercase(),
            Reading::Tolerant => continue,
        };
        *plain.get_mut(kept).ok_or(Error::Uri(UriFault::Algorithm))? = byte;
        kept += 1;
    }
    let mut plain = &plain[..kept];
    if reading == Reading::Tolerant {
        plain = plain.strip_prefix(b"HMAC").unwrap_or(plain);
    }
    let known = HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.otpauth_name().as_bytes() == plain);
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

/// Shows the decoded value of a parameter, and wipes it afterwards: it may be the secret.
fn decoded<T>(
    text: &str,
    reading: Reading,
    scratch: &mut [u8],
    look: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    let scratch = &mut scratch[..text.len()];
    let seen = decode(text, Plus::Blank, reading, scratch).and_then(look);
    scratch.zeroize();
    seen
}

/// Percent-decodes to UTF-8, into memory as long as the text.
///
/// Control characters are refused, so that a label cannot command the terminal that shows it.
fn decode<'a>(text: &str, plus: Plus, reading: Reading, out: &'a mut [u8]) -> Result<&'a str, Error> {
    const FAULT: Error = Error::Uri(UriFault::Encoding);
    let mut len = 0;
    let mut rest = text.bytes();
    for place in &mut *out {
        let Some(byte) = rest.next() else { break };
        *place = match byte {
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
        };
        len += 1;
    }
    let text = core::str::from_utf8(&out[..len]).map_err(|_| FAULT)?;
    if text.contains(char::is_control) {
        return Err(FAULT);
    }
    Ok(text)
}
