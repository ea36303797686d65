//! Text of files as bytes and numbers: base64, hexadecimal, base32, dates. Errors never repeat what was read.

use base64ct::{Base64, Encoding as _};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::base32;
use zamok_core::wire::unhex_into;
use zeroize::Zeroizing;

use crate::error::Fault;

/// Longest value that is decoded, in bytes of text.
const LONGEST: usize = 64 * 1024;

/// Bytes that are wiped.
pub(crate) type Bytes = Zeroizing<Vec<u8>>;

/// Base64 with whitespace anywhere, padded or not, as XML and URLs carry it.
pub(crate) fn base64(text: &str, what: &'static str) -> Result<Bytes, Fault> {
    let wrong = Fault::Encoding { what, encoding: "base64" };
    if text.len() > LONGEST {
        return Err(Fault::TooLong { what, limit: LONGEST as u64 });
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len() + 4));
    plain.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }));
    while plain.last() == Some(&b'=') {
        plain.pop();
    }
    while !plain.len().is_multiple_of(4) {
        plain.push(b'=');
    }
    let mut out = Zeroizing::new(vec![0; plain.len() / 4 * 3]);
    let len = Base64::decode(plain.as_slice(), &mut out).map_err(|_| wrong)?.len();
    out.truncate(len);
    Ok(out)
}

/// Writes padded base64.
pub(crate) fn to_base64(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64::encode_string(bytes))
}

/// Hexadecimal, in either case.
pub(crate) fn hexadecimal(text: &str, what: &'static str) -> Result<Bytes, Fault> {
    if text.len() > LONGEST {
        return Err(Fault::TooLong { what, limit: LONGEST as u64 });
    }
    let mut out = Zeroizing::new(vec![0; text.len() / 2]);
    unhex_into(text.as_bytes(), &mut out).ok_or(Fault::Encoding { what, encoding: "hexadecimal" })?;
    Ok(out)
}

/// Base32 as issuers write it.
pub(crate) fn from_base32(text: &str, what: &'static str) -> Result<Bytes, Fault> {
    if text.len() > LONGEST {
        return Err(Fault::TooLong { what, limit: LONGEST as u64 });
    }
    let mut out = Zeroizing::new(vec![0; text.len()]);
    let len = base32::decode(text, &mut out).map_err(|_| Fault::Encoding { what, encoding: "base32" })?;
    out.truncate(len);
    Ok(out)
}

/// A decimal number without a sign.
pub(crate) fn number(text: &str, what: &'static str) -> Result<u64, Fault> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().map_err(|_| Fault::Number(what)) } else { Err(Fault::Number(what)) }
}

/// A decimal number with or without a sign.
pub(crate) fn signed(text: &str, what: &'static str) -> Result<i32, Fault> {
    text.trim().parse().map_err(|_| Fault::Number(what))
}

/// The name of a hash as files write it: `SHA1`, `sha-256`, `HmacSHA512`, `HMAC_SHA_256`.
pub(crate) fn algorithm(name: &str) -> Result<HashAlgorithm, Fault> {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let name = name.to_ascii_uppercase();
    let plain = name.strip_prefix("HMAC").unwrap_or(&name);
    let known = HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.otpauth_name() == plain);
    known.ok_or(match plain {
        "MD5" => Fault::Unsupported("MD5"),
        _ => Fault::Unsupported("this hash"),
    })
}

/// Whether a date said its time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Given,
    TakenAsUtc,
}

/// An xs:dateTime (or xs:date) of the years 1970 to 9999. Fractions of a second are dropped.
pub(crate) fn date(text: &str, what: &'static str) -> Result<(UnixTime, Zone), Fault> {
    read_date(text.trim()).ok_or(Fault::Number(what))
}

fn read_date(text: &str) -> Option<(UnixTime, Zone)> {
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let digits = |from: usize, len: usize| -> Option<i64> {
        let part = text.get(from..from + len)?;
        if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
    };
    let sign = |at: usize, byte: u8| (text.as_bytes().get(at) == Some(&byte)).then_some(());
    let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
    sign(4, b'-')?;
    sign(7, b'-')?;
    let (mut seconds, mut rest) = (0, text.get(10..)?);
    if rest.starts_with('T') {
        let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
        sign(13, b':')?;
        sign(16, b':')?;
        if hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        seconds = hour * 3600 + minute * 60 + second;
        rest = rest.get(9..)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    let (offset, zone) = match rest {
        "Z" | "z" => (0, Zone::Given),
        "" => (0, Zone::TakenAsUtc),
        _ => {
            let sign = match rest.chars().next()? {
                '+' => 1,
                '-' => -1,
                _ => return None,
            };
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            let part = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok())?.map(i64::from);
            let (hours, minutes) = (part(hours)?, part(minutes)?);
            if hours > 14 || minutes > 59 {
                return None;
            }
            (sign * (hours * 3600 + minutes * 60), Zone::Given)
        }
    };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let total = days_since_1970(year, month, day) * 86_400 + seconds - offset;
    Some((UnixTime(u64::try_from(total).ok()?), zone))
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let earlier = year - 1;
    let leaps = earlier / 4 - earlier / 100 + earlier / 400;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    // 719,162 days lie before 1970.
    earlier * 365 + leaps + months + day - 1 - 719_162
}

/// Writes an xs:dateTime in UTC; times beyond the year 9999 have none.
pub(crate) fn write_date(time: UnixTime) -> Option<String> {
    let days = i64::try_from(time.0 / 86_400).ok().filter(|days| *days < 2_932_897)?;
    let (hour, minute, second) = (time.0 / 3600 % 24, time.0 / 60 % 60, time.0 % 60);
    // The first guess is at most one year too early.
    let mut year = 1970 + days / 366;
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_since_1970(year, month + 1, 1) <= days {
        month += 1;
    }
    let day = days - days_since_1970(year, month, 1) + 1;
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2006-05-31T00:00:00Z", 1_149_033_600),
            ("2000-02-29T23:59:59.999Z", 951_868_799),
            ("2006-05-31T02:00:00+02:00", 1_149_033_600),
            ("2006-05-30T19:00:00-05:00", 1_149_033_600),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(date(text, "date"), Ok((UnixTime(seconds), Zone::Given)), "{text}");
        }
        assert_eq!(date("2006-05-31", "date"), Ok((UnixTime(1_149_033_600), Zone::TakenAsUtc)));
        for text in [
            "",
            "2006",
            "2006-13-01T00:00:00Z",
            "2006-02-29T00:00:00Z",
            "2006-05-31T25:00:00Z",
            "2006-05-31T00:00:00+2:00",
            "2006-05-31Tx",
            "1969-12-31T23:59:59Z",
            "+006-05-31T00:00:00Z",
            "２006-05-31",
            "2006-05-31T00:00:00+99:00",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(date(text, "date"), Err(Fault::Number("date")), "{text}");
        }
        for seconds in [0, 1_149_033_600, 951_868_799, 253_402_300_799, 68_169_600, 4_102_444_799] {
            let text = write_date(UnixTime(seconds)).unwrap();
            assert_eq!(date(&text, "date"), Ok((UnixTime(seconds), Zone::Given)), "{text}");
        }
        assert_eq!(write_date(UnixTime(253_402_300_800)), None);
        assert_eq!(write_date(UnixTime(u64::MAX)), None);
    }

    #[test]
    fn encodings_are_read_as_files_write_them() {
        assert_eq!(base64(" MTIz\n NDU= ", "x").unwrap().as_slice(), b"12345");
        assert_eq!(base64("MTIzNDU", "x").unwrap().as_slice(), b"12345");
        assert_eq!(base64("-_-_", "x").unwrap(), base64("+/+/", "x").unwrap());
        assert_eq!(base64("", "x").unwrap().len(), 0);
        for text in ["M", "MTIzNDU!", "=MTI", "MT=Iz"] {
            assert_eq!(base64(text, "x"), Err(Fault::Encoding { what: "x", encoding: "base64" }), "{text}");
        }
        assert_eq!(hexadecimal("00fFa9", "x").unwrap().as_slice(), [0, 255, 0xa9]);
        assert!(hexadecimal("0", "x").is_err() && hexadecimal("0g", "x").is_err());
        assert_eq!(number(" 18446744073709551615 ", "x"), Ok(u64::MAX));
        for text in ["18446744073709551616", "+1", "-1", "", "1x"] {
            assert_eq!(number(text, "x"), Err(Fault::Number("x")), "{text}");
        }
    }

    #[test]
    fn hashes_have_many_names_and_md5_is_refused_by_its_own() {
        for name in ["SHA256", "sha-256", "HmacSHA256", "HMAC_SHA_256", "hmac-sha256"] {
            assert_eq!(algorithm(name), Ok(HashAlgorithm::Sha256), "{name}");
        }
        assert_eq!(algorithm("HMAC-MD5"), Err(Fault::Unsupported("MD5")));
        assert_eq!(algorithm("SHA3"), Err(Fault::Unsupported("this hash")));
    }
}
