//! The OCRA suite (RFC 6287 §6): which function, and over which inputs.

use core::fmt;

use crate::error::{Error, OcraFault};
use crate::hash::HashAlgorithm;

/// What characters a challenge question has (RFC 6287 §6.3, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OcraQuestionFormat {
    /// `A`: ASCII letters and digits.
    Alphanumeric,
    /// `N`: decimal digits.
    Numeric,
    /// `H`: hexadecimal digits, in either case.
    Hexadecimal,
}

/// An OCRA suite, such as `OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1`. The text itself is part of what is authenticated.
///
/// ```
/// use zamok_core::otp::OcraSuite;
/// let suite = OcraSuite::parse("OCRA-1:HOTP-SHA512-8:C-QN08-PSHA1-S064-T1M")?;
/// assert_eq!((suite.digits(), suite.session_len(), suite.time_step()), (8, Some(64), Some(60)));
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OcraSuite {
    text: [u8; Self::MAX],
    len: usize,
    algorithm: HashAlgorithm,
    digits: u8,
    counter: bool,
    question: (OcraQuestionFormat, u8),
    password: Option<HashAlgorithm>,
    session: Option<u16>,
    time_step: Option<u32>,
}

impl OcraSuite {
    /// Longest suite, in bytes; the longest that RFC 6287 can write has 46.
    pub const MAX: usize = 64;

    /// Reads a suite. Case matters, as in the RFC; the inputs stand in the RFC's order, since so they are hashed. The RFC's
    /// defaults are understood: `Q` is `QN08`, `P` is `PSHA1`, `S` is `S064`, `T` is `T1M`.
    ///
    /// # Errors
    /// [`OcraFault::Version`], [`OcraFault::CryptoFunction`], [`OcraFault::DataInput`]. A time step of `0H`, which
    /// RFC 6287 lists, is refused: no time advances by it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fault = |fault| Error::Ocra(fault);
        let mut parts = text.splitn(3, ':');
        if parts.next() != Some("OCRA-1") || text.len() > Self::MAX {
            return Err(fault(OcraFault::Version));
        }
        let function = parts.next().and_then(crypto_function);
        let (algorithm, digits) = function.ok_or(fault(OcraFault::CryptoFunction))?;

        let mut inputs = parts.next().ok_or(fault(OcraFault::DataInput))?.split('-').peekable();
        let counter = inputs.next_if_eq(&"C").is_some();
        let question = inputs.next().and_then(question).ok_or(fault(OcraFault::DataInput))?;
        let password = optional(inputs.next_if(|input| input.starts_with('P')), password)?;
        let session = optional(inputs.next_if(|input| input.starts_with('S')), session)?;
        let time_step = optional(inputs.next_if(|input| input.starts_with('T')), time_step)?;
        if inputs.next().is_some() {
            return Err(fault(OcraFault::DataInput));
        }
        let mut bytes = [0; Self::MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self {
            text: bytes,
            len: text.len(),
            algorithm,
            digits,
            counter,
            question,
            password,
            session,
            time_step,
        })
    }

    /// The suite as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It came from a `str`.
        core::str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }

    /// The hash under the HMAC.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Digits of a response: 4 to 10, or 0 for the whole HMAC.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// Whether a counter goes in.
    #[must_use]
    pub const fn has_counter(&self) -> bool {
        self.counter
    }

    /// The format of a challenge question and its greatest length in characters, 4 to 64.
    #[must_use]
    pub const fn question(&self) -> (OcraQuestionFormat, u8) {
        self.question
    }

    /// The hash of the password or PIN, where one goes in.
    #[must_use]
    pub const fn password(&self) -> Option<HashAlgorithm> {
        self.password
    }

    /// Bytes of session data, where such go in: 0 to 512.
    #[must_use]
    pub const fn session_len(&self) -> Option<u16> {
        self.session
    }

    /// The time step in seconds, where the time goes in.
    #[must_use]
    pub const fn time_step(&self) -> Option<u32> {
        self.time_step
    }
}

impl fmt::Display for OcraSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for OcraSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OcraSuite({})", self.as_str())
    }
}

fn optional<T>(input: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
    // The letter, which is one byte, is known.
    match input {
        Some(input) => read(&input[1..]).map(Some).ok_or(Error::Ocra(OcraFault::DataInput)),
        None => Ok(None),
    }
}

/// RFC 6287 §6.2: `HOTP-SHA1-6`.
fn crypto_function(text: &str) -> Option<(HashAlgorithm, u8)> {
    let (hash, digits) = text.strip_prefix("HOTP-")?.split_once('-')?;
    let digits = match digits {
        "0" => 0,
        "10" => 10,
        _ => u8::try_from(number(digits, 1, 1)?).ok().filter(|digits| *digits >= 4)?,
    };
    Some((hash_named(hash)?, digits))
}

/// RFC 6287 §6.3: `QN08`. One of the RFC's own examples writes `QH8`.
fn question(text: &str) -> Option<(OcraQuestionFormat, u8)> {
    let format = text.strip_prefix('Q')?;
    if format.is_empty() {
        return Some((OcraQuestionFormat::Numeric, 8));
    }
    let (format, length) = format.split_at_checked(1)?;
    let format = match format {
        "A" => OcraQuestionFormat::Alphanumeric,
        "N" => OcraQuestionFormat::Numeric,
        "H" => OcraQuestionFormat::Hexadecimal,
        _ => return None,
    };
    let length = u8::try_from(number(length, 1, 2)?).ok().filter(|length| (4..=64).contains(length))?;
    Some((format, length))
}

fn password(text: &str) -> Option<HashAlgorithm> {
    if text.is_empty() { Some(HashAlgorithm::Sha1) } else { hash_named(text) }
}

fn hash_named(text: &str) -> Option<HashAlgorithm> {
    HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.otpauth_name() == text)
}

fn session(text: &str) -> Option<u16> {
    match text {
        "" => Some(64),
        _ => u16::try_from(number(text, 3, 3)?).ok().filter(|length| *length <= 512),
    }
}

/// RFC 6287 §6.3, table 5: `[1-59]S`, `[1-59]M`, `[0-48]H`.
fn time_step(text: &str) -> Option<u32> {
    if text.is_empty() {
        return Some(60);
    }
    let (count, unit) = text.split_at_checked(text.len() - 1)?;
    let count = number(count, 1, 2)?;
    let (seconds, most) = match unit {
        "S" => (1, 59),
        "M" => (60, 59),
        "H" => (3600, 48),
        _ => return None,
    };
    (1..=most).contains(&count).then_some(count * seconds)
}

/// A decimal number of so many ASCII digits, at most three.
fn number(text: &str, least: usize, most: usize) -> Option<u32> {
    let digits = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn suite(text: &str) -> OcraSuite {
        OcraSuite::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_part_is_read_and_the_text_is_kept() {
        use OcraQuestionFormat::{Alphanumeric, Hexadecimal, Numeric};
        let full = suite("OCRA-1:HOTP-SHA512-10:C-QA64-PSHA512-S512-T48H");
        assert_eq!(full.to_string(), "OCRA-1:HOTP-SHA512-10:C-QA64-PSHA512-S512-T48H");
        assert_eq!(format!("{full:?}"), "OcraSuite(OCRA-1:HOTP-SHA512-10:C-QA64-PSHA512-S512-T48H)");
        assert_eq!((full.algorithm(), full.digits()), (HashAlgorithm::Sha512, 10));
        assert!(full.has_counter());
        assert_eq!(full.question(), (Alphanumeric, 64));
        assert_eq!(full.password(), Some(HashAlgorithm::Sha512));
        assert_eq!((full.session_len(), full.time_step()), (Some(512), Some(48 * 3600)));

        let least = suite("OCRA-1:HOTP-SHA1-0:QH8");
        assert_eq!((least.algorithm(), least.digits(), least.has_counter()), (HashAlgorithm::Sha1, 0, false));
        assert_eq!(least.question(), (Hexadecimal, 8));
        assert_eq!((least.password(), least.session_len(), least.time_step()), (None, None, None));

        let bare = suite("OCRA-1:HOTP-SHA256-4:Q-P-S-T");
        assert_eq!(bare.question(), (Numeric, 8));
        assert_eq!(bare.password(), Some(HashAlgorithm::Sha1));
        assert_eq!((bare.session_len(), bare.time_step()), (Some(64), Some(60)));
        assert_eq!(suite("OCRA-1:HOTP-SHA1-6:QN04-S000-T59S").session_len(), Some(0));
        assert_eq!(suite("OCRA-1:HOTP-SHA1-6:QN04-T01M").time_step(), Some(60));
    }

    #[test]
    fn what_is_not_a_suite_is_refused_by_its_part() {
        for text in
            ["", "OCRA", "ocra-1:HOTP-SHA1-6:QN08", "OCRA-2:HOTP-SHA1-6:QN08", " OCRA-1:HOTP-SHA1-6:QN08"]
        {
            assert_eq!(OcraSuite::parse(text), Err(Error::Ocra(OcraFault::Version)), "{text}");
        }
        let long = format!("OCRA-1:HOTP-SHA1-6:QN08{}", "0".repeat(64));
        assert_eq!(OcraSuite::parse(&long), Err(Error::Ocra(OcraFault::Version)));
        for function in [
            "",
            "HOTP",
            "HOTP-SHA1",
            "HOTP-SHA1-3",
            "HOTP-SHA1-11",
            "HOTP-SHA1-06",
            "HOTP-SHA1-1",
            "HOTP-SHA384-6",
            "HOTP--6",
            "TOTP-SHA1-6",
            "HOTP-sha1-6",
            "HOTP-SHA1-+6",
            "HOTP-SHA1-",
        ] {
            let text = format!("OCRA-1:{function}:QN08");
            assert_eq!(OcraSuite::parse(&text), Err(Error::Ocra(OcraFault::CryptoFunction)), "{text}");
        }
        assert_eq!(OcraSuite::parse("OCRA-1:HOTP-SHA1-6"), Err(Error::Ocra(OcraFault::DataInput)));
        for input in [
            "",
            "C",
            "C-",
            "QN03",
            "QN65",
            "QN008",
            "QX08",
            "QN",
            "Q08",
            "QN+8",
            "qn08",
            "QN08-",
            "QN08-C",
            "C-C-QN08",
            "QN08-PSHA2",
            "QN08-PMD5",
            "QN08-S64",
            "QN08-S513",
            "QN08-S0064",
            "QN08-T0S",
            "QN08-T60S",
            "QN08-T60M",
            "QN08-T0H",
            "QN08-T49H",
            "QN08-T1D",
            "QN08-TM",
            "QN08-T1M-S064",
            "QN08-S064-PSHA1",
            "QN08-QN08",
            "QN08-T1M-T1M",
            "QN08:T1M",
            "QN08-Té",
            "QN08-T1é",
            "Qé08",
        ] {
            let text = format!("OCRA-1:HOTP-SHA1-6:{input}");
            assert_eq!(OcraSuite::parse(&text), Err(Error::Ocra(OcraFault::DataInput)), "{text}");
        }
    }
}
