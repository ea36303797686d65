//! Codes and their decimal digits (RFC 4226 §5.3).

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::mask::Bit;
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
    let found = text.chars().take(256).count();
    if found != usize::from(digits.0) {
        return Error::CodeLength { expected: digits.0, found: u8::try_from(found).unwrap_or(u8::MAX) };
    }
    let position = text.chars().position(|c| !c.is_ascii_digit()).unwrap_or(found);
    Error::CodeCharacter(u8::try_from(position).unwrap_or(u8::MAX))
}

/// Zero for an ASCII digit, something else for every other byte.
const fn beyond_digits(byte: u8) -> u64 {
    // Below '0' the first difference is negative, above '9' the second: the signs tell.
    let byte = byte as u64;
    (byte.wrapping_sub(b'0' as u64) | (b'9' as u64).wrapping_sub(byte)) >> 63
}

/// What a person typed, as a number.
#[derive(Clone, Copy)]
pub(crate) struct Typed {
    /// A number that no code has, when the text is malformed.
    pub(crate) value: u64,
    /// Unset for anything but exactly so many digits.
    pub(crate) well_formed: Bit,
}

impl Typed {
    pub(crate) fn new(value: u64, well_formed: Bit) -> Self {
        Self { value: well_formed.pick(value, u64::MAX), well_formed }
    }
}

/// How the 31 bits of a truncated HMAC become what is shown and typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Decimal(Digits),
}

impl Form {
    /// The number that is shown: the 31-bit value without its higher places. No division: every modulus is a constant.
    pub(crate) fn reduce(self, value: u32) -> u64 {
        match self {
            Self::Decimal(digits) => reduce_decimal(value, digits.0),
        }
    }

    /// Reads a typed text without branching on its characters. Its length is no secret.
    pub(crate) fn read(self, text: &str) -> Typed {
        match self {
            Self::Decimal(digits) => read_decimal(text, usize::from(digits.0)),
        }
    }
}

pub(crate) fn read_decimal(text: &str, digits: usize) -> Typed {
    let text = text.as_bytes();
    let mut right_length = Bit::NO;
    if text.len() == digits {
        right_length = Bit::YES;
    }
    let mut wrong = 0;
    let mut value = 0u64;
    for position in 0..digits {
        let byte = text.get(position).copied().unwrap_or(0);
        wrong |= beyond_digits(byte);
        value = value.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0') & 0x0f));
    }
    Typed::new(value, right_length & Bit::zero(wrong))
}

/// `value mod 10^digits` for a 31-bit value.
pub(crate) fn reduce_decimal(value: u32, digits: u8) -> u64 {
    // The number of digits is a public parameter of the key; each arm multiplies by constants.
    match digits {
        4 => modulo::<10_000>(value),
        5 => modulo::<100_000>(value),
        6 => modulo::<1_000_000>(value),
        7 => modulo::<10_000_000>(value),
        8 => modulo::<100_000_000>(value),
        9 => modulo::<1_000_000_000>(value),
        // 10^10 exceeds 31 bits: nothing is cut off.
        _ => u64::from(value & 0x7fff_ffff),
    }
}

/// Writes the last decimal places of a 31-bit value, zeros in front.
pub(crate) fn write_decimal(value: u32, places: &mut [u8]) {
    let mut rest = u64::from(value & 0x7fff_ffff);
    for place in places.iter_mut().rev() {
        let tens = quotient::<10>(rest);
        let unit = rest.wrapping_sub(tens.wrapping_mul(10));
        *place = b'0'.wrapping_add(unit.to_le_bytes()[0]);
        rest = tens;
    }
}

/// `value mod M` for a 31-bit value, with two multiplications by constants.
pub(crate) fn modulo<const M: u64>(value: u32) -> u64 {
    let value = u64::from(value & 0x7fff_ffff);
    value.wrapping_sub(quotient::<M>(value).wrapping_mul(M))
}

/// `value / M` for `value` below 2³¹, rounded down: multiplication by a rounded-up reciprocal.
///
/// With s = 31 + ⌈log₂ M⌉ and m = ⌊2ˢ / M⌋ + 1, the error m·M − 2ˢ is at most M ≤ 2^(s−31), and so the result is exact
/// for every value below 2³¹ (Granlund and Montgomery, "Division by Invariant Integers using Multiplication", theorem
/// 4.2). The product stays below 2⁶⁴.
pub(crate) const fn quotient<const M: u64>(value: u64) -> u64 {
    let shift = const { 31 + M.next_power_of_two().trailing_zeros() };
    let reciprocal = const { (1u64 << (31 + M.next_power_of_two().trailing_zeros())) / M + 1 };
    value.wrapping_mul(reciprocal) >> shift
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn reduction_without_division_equals_division() {
        let mut value = 0x1234_5678u32;
        let edges = (4..=10).flat_map(|d| {
            let m = 10u64.pow(d);
            [
                0,
                1,
                m - 1,
                m,
                m + 1,
                2 * m - 1,
                2 * m,
                0x7fff_ffff,
                0x7fff_ffff / m * m,
                (0x7fff_ffff / m * m).saturating_sub(1),
            ]
        });
        let random = (0..200_000).map(|_| {
            value ^= value << 13;
            value ^= value >> 17;
            value ^= value << 5;
            u64::from(value & 0x7fff_ffff)
        });
        for wide in edges.chain(random) {
            let Ok(value) = u32::try_from(wide) else { continue };
            if wide > 0x7fff_ffff {
                continue;
            }
            for digits in 4..=10u8 {
                assert_eq!(
                    reduce_decimal(value, digits),
                    wide % 10u64.pow(u32::from(digits)),
                    "{wide} {digits}"
                );
            }
            assert_eq!(modulo::<11_881_376>(value), wide % 11_881_376);
            assert_eq!(quotient::<26>(wide), wide / 26);
            assert_eq!(Code::from_value(value, Digits(10)).to_string(), format!("{wide:010}"));
        }
    }

    #[test]
    fn the_highest_bit_of_a_value_never_counts() {
        for digits in 4..=10 {
            assert_eq!(reduce_decimal(0x8000_0000, digits), 0);
        }
    }

    #[test]
    fn a_typed_code_is_read_as_its_number_or_as_malformed() {
        let read = |text, digits| {
            let typed = read_decimal(text, digits);
            (typed.well_formed.value() == 1).then_some(typed.value)
        };
        assert_eq!(read("000000", 6), Some(0));
        assert_eq!(read("012345", 6), Some(12_345));
        assert_eq!(read("9999999999", 10), Some(9_999_999_999));
        for text in [
            "", "12345", "1234567", "12345 ", " 12345", "12345/", "12345:", "-12345", "+12345", "１２",
            "12345\0",
        ] {
            assert_eq!(read(text, 6), None, "{text:?}");
        }
    }

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
