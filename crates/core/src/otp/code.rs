//! Codes and their decimal digits (RFC 4226 §5.3).

use core::{fmt, slice};

use subtle::{Choice, ConstantTimeEq};
use zamok_lanes::ct;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::decimal::{Modulus, beyond_digits, read_decimal, write_decimal};
use super::mask::Bit;
use super::steam;
use crate::error::Error;

/// How many digits a code has: 6 to 10 (RFC 4226 §5.3; R1).
///
/// A code carries 31 bits, so the first of ten digits is 0, 1 or 2, and eight digits are already nearly all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits(u8);

impl Digits {
    /// Six digits, the usual number.
    pub const SIX: Self = Self(6);
    /// Eight digits.
    pub const EIGHT: Self = Self(8);
    /// Most digits.
    pub const MAX: usize = 10;

    /// Takes a number of digits.
    ///
    /// # Errors
    /// [`Error::Digits`] below 6 or above 10.
    pub const fn new(count: u8) -> Result<Self, Error> {
        if count < 6 || count > 10 {
            return Err(Error::Digits(count));
        }
        Ok(Self(count))
    }

    /// The number of digits.
    #[must_use]
    pub const fn count(self) -> u8 {
        self.0
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::SIX
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A one-time password: its digits, leading zeros included.
///
/// It prints with [`Display`](fmt::Display), since being shown is its purpose; `Debug` shows nothing. Two codes are
/// compared in constant time ([`ConstantTimeEq`]) and never with `==`. Wiped when dropped.
///
/// ```
/// use zamok_core::otp::{Code, Digits};
/// let code = Code::parse("000042", Digits::SIX)?;
/// assert_eq!(code.to_string(), "000042");
/// assert_eq!(format!("{code:?}"), "Code(6 digits, redacted)");
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Code {
    ascii: [u8; Digits::MAX],
    digits: Digits,
}

impl Code {
    /// Takes exactly the digits of a code, as a form field holds them: nothing but ASCII digits.
    ///
    /// This is for forms that want to tell the person what is wrong with what was typed. To verify, hand the raw text to
    /// `verify` or `check`.
    ///
    /// # Errors
    /// [`Error::CodeLength`] for another number of characters, [`Error::CodeCharacter`] with the position (from 0)
    /// of the first character that is no ASCII digit.
    ///
    /// ```
    /// use zamok_core::{Error, otp::{Code, Digits}};
    /// assert_eq!(Code::parse("12345", Digits::SIX).unwrap_err(), Error::CodeLength { expected: 6, found: 5 });
    /// assert_eq!(Code::parse("12345x", Digits::SIX).unwrap_err(), Error::CodeCharacter(5));
    /// assert_eq!(Code::parse("１２３４５６", Digits::SIX).unwrap_err(), Error::CodeCharacter(0)); // full-width
    /// ```
    pub fn parse(text: &str, digits: Digits) -> Result<Self, Error> {
        let mut code = Self { ascii: [b'0'; Digits::MAX], digits };
        let expected = usize::from(digits.0);
        if text.len() != expected {
            return Err(misuse(text, digits));
        }
        code.ascii[..expected].copy_from_slice(text.as_bytes());
        // A well-formed code is read without a branch on its digits; only a malformed one is looked at again.
        let wrong = code.ascii.iter().fold(0, |wrong, byte| wrong | beyond_digits(*byte));
        ct::public(slice::from_ref(&wrong));
        if wrong == 0 { Ok(code) } else { Err(misuse(text, digits)) }
    }

    /// Takes a code as people copy it: blanks around it, and single blanks or hyphens between groups of digits.
    ///
    /// # Errors
    /// Those of [`Code::parse`]; positions count the characters of the text from 0, the length counts digits only.
    ///
    /// ```
    /// use zamok_core::otp::{Code, Digits};
    /// assert_eq!(Code::parse_lenient(" 123 456 ", Digits::SIX)?.to_string(), "123456");
    /// assert_eq!(Code::parse_lenient("123-456", Digits::SIX)?.to_string(), "123456");
    /// assert!(Code::parse("123 456", Digits::SIX).is_err());
    /// # Ok::<(), zamok_core::Error>(())
    /// ```
    pub fn parse_lenient(text: &str, digits: Digits) -> Result<Self, Error> {
        let expected = usize::from(digits.0);
        let mut code = Self { ascii: [b'0'; Digits::MAX], digits };
        let mut found = 0usize;
        // A separator must stand between two digits.
        let mut separator = None;
        let leading = text.chars().take_while(|c| c.is_ascii_whitespace()).count();
        for (position, character) in text.trim_ascii().chars().enumerate() {
            let position = position.saturating_add(leading);
            match character {
                '0'..='9' => {
                    if let Some(place) = code.ascii[..expected].get_mut(found) {
                        // ASCII digits fit a byte.
                        *place = u8::try_from(character).unwrap_or(b'0');
                    }
                    found = found.saturating_add(1);
                    separator = None;
                }
                ' ' | '-' if found > 0 && separator.is_none() => separator = Some(position),
                _ => return Err(Error::CodeCharacter(u8::try_from(position).unwrap_or(u8::MAX))),
            }
        }
        if let Some(position) = separator {
            return Err(Error::CodeCharacter(u8::try_from(position).unwrap_or(u8::MAX)));
        }
        if found != expected {
            return Err(Error::CodeLength {
                expected: digits.0,
                found: u8::try_from(found).unwrap_or(u8::MAX),
            });
        }
        Ok(code)
    }

    /// Writes the last digits of a truncated HMAC value (RFC 4226 §5.3, step 3).
    pub(crate) fn from_value(value: u32, digits: Digits) -> Self {
        let mut code = Self { ascii: [b'0'; Digits::MAX], digits };
        write_decimal(value, &mut code.ascii[..usize::from(digits.0)]);
        code
    }

    /// The digits, to hand them on without an allocator. Showing a code to its owner is its purpose.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ct::public(&self.ascii);
        // Only ASCII digits are ever written.
        core::str::from_utf8(&self.ascii[..usize::from(self.digits.0)]).unwrap_or_default()
    }

    /// How many digits the code has.
    #[must_use]
    pub const fn digits(&self) -> Digits {
        self.digits
    }
}

/// Equality without a timing difference in the digits; their number is not secret.
impl ConstantTimeEq for Code {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.digits.0.ct_eq(&other.digits.0) & self.ascii.ct_eq(&other.ascii)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({} digits, redacted)", self.digits)
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.ascii.zeroize();
    }
}

impl ZeroizeOnDrop for Code {}

/// Names what is wrong with a typed text; not on the verify path.
fn misuse(text: &str, digits: Digits) -> Error {
    ct::public(text.as_bytes());
    let found = text.chars().take(256).count();
    if found != usize::from(digits.0) {
        return Error::CodeLength { expected: digits.0, found: u8::try_from(found).unwrap_or(u8::MAX) };
    }
    let position = text.chars().position(|c| !c.is_ascii_digit()).unwrap_or(found);
    Error::CodeCharacter(u8::try_from(position).unwrap_or(u8::MAX))
}

/// What a person typed, as a number.
#[derive(Clone, Copy)]
pub(crate) struct Typed {
    /// A number that no code has, when the text is malformed.
    pub(crate) value: u64,
}

impl Typed {
    pub(crate) fn new(value: u64, well_formed: Bit) -> Self {
        Self { value: well_formed.pick(value, u64::MAX) }
    }

    /// Unset for anything but exactly so many digits.
    pub(crate) const fn well_formed(self) -> Bit {
        Bit::any(!self.value as u128)
    }
}

/// How the 31 bits of a truncated HMAC become what is shown and typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// RFC 4226 §5.3, step 3.
    Decimal(Digits),
    /// Five characters of an alphabet of 26.
    Steam,
}

impl Form {
    /// What the 31-bit value is reduced by to the number that is shown. The form is public.
    pub(crate) const fn modulus(self) -> Modulus {
        match self {
            Self::Decimal(digits) => Modulus::of_digits(digits.0),
            Self::Steam => const { Modulus::new(steam::CODES) },
        }
    }

    /// Reads a typed text without branching on its characters. Its length is no secret.
    #[inline]
    pub(crate) fn read(self, text: &str) -> Typed {
        match self {
            Self::Decimal(digits) => read_decimal(text, usize::from(digits.0)),
            Self::Steam => steam::read(text),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn parse_names_what_is_wrong() {
        let parse = |text| Code::parse(text, Digits::SIX).map(|code| code.to_string());
        let length = |found| Err(Error::CodeLength { expected: 6, found });
        assert_eq!(parse("012345"), Ok("012345".to_string()));
        assert_eq!(parse(""), length(0));
        assert_eq!(parse("12345"), length(5));
        assert_eq!(parse("123 456"), length(7));
        let long = "1".repeat(1000);
        assert_eq!(parse(&long), length(255));
        assert_eq!(parse("１２３４５６"), Err(Error::CodeCharacter(0)));
        assert_eq!(parse("12é345"), Err(Error::CodeCharacter(2)));
        assert_eq!(parse("12345é"), Err(Error::CodeCharacter(5)));
        assert_eq!(parse("１２"), length(2));
        assert_eq!(parse("12345 "), Err(Error::CodeCharacter(5)));
    }

    #[test]
    fn the_lenient_parser_takes_groups_and_nothing_else() {
        let parse = |text| Code::parse_lenient(text, Digits::SIX).map(|code| code.to_string());
        for text in ["123456", "123 456", "123-456", "12 34 56", " 123456\n", "1-2-3 4-5-6"] {
            assert_eq!(parse(text), Ok("123456".to_string()), "{text:?}");
        }
        for (text, position) in
            [("-123456", 0), ("123456-", 6), ("123  456", 4), ("123_456", 3), (" １23456", 1)]
        {
            assert_eq!(parse(text), Err(Error::CodeCharacter(position)), "{text:?}");
        }
        assert_eq!(parse("123 4567"), Err(Error::CodeLength { expected: 6, found: 7 }));
        assert_eq!(parse("  "), Err(Error::CodeLength { expected: 6, found: 0 }));
    }

    #[test]
    fn digits_outside_6_to_10_are_refused() {
        for count in [0, 1, 5, 11, 255] {
            assert_eq!(Digits::new(count), Err(Error::Digits(count)));
        }
        for count in 6..=10 {
            assert_eq!(Digits::new(count).map(Digits::count), Ok(count));
        }
    }

    #[test]
    fn codes_are_equal_when_digits_and_number_of_digits_are() {
        let code = |text, digits| Code::parse(text, Digits(digits)).unwrap();
        assert!(bool::from(code("000042", 6).ct_eq(&code("000042", 6))));
        assert!(!bool::from(code("000042", 6).ct_eq(&code("000043", 6))));
        assert!(!bool::from(code("000000", 6).ct_eq(&code("0000000", 7))));
    }
}
