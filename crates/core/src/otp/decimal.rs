//! Decimal digits of 31-bit values (RFC 4226 §5.3, step 3), written, cut off and read without division, branch or table.

use super::code::Typed;
use super::mask::Bit;

/// Zero for an ASCII digit, something else for every other byte.
pub(crate) const fn beyond_digits(byte: u8) -> u64 {
    // Below '0' the first difference is negative, above '9' the second: the signs tell.
    let byte = byte as u64;
    (byte.wrapping_sub(b'0' as u64) | (b'9' as u64).wrapping_sub(byte)) >> 63
}

/// Reads exactly so many digits, at most ten.
#[inline]
pub(crate) fn read_decimal(text: &str, digits: usize) -> Typed {
    // Text of another length, which is no secret, is replaced: the work is the same.
    let (mut text, mut right_length) = (text.as_bytes(), Bit::YES);
    if text.len() != digits {
        (text, right_length) = (&b"0000000000"[..digits], Bit::NO);
    }
    let (first, last) = text.split_at(digits.saturating_sub(8));
    let (mut value, mut wrong) = read_eight(last);
    if !first.is_empty() {
        let (higher, wrong_there) = read_eight(first);
        value = value.wrapping_add(higher.wrapping_mul(100_000_000));
        wrong |= wrong_there;
    }
    Typed::new(value, right_length & Bit::zero(wrong))
}

/// The number that up to eight digits are, and 0; or any number, and something else.
#[inline]
fn read_eight(text: &[u8]) -> (u64, u64) {
    // All of them side by side in a word, as bytes of 0 to 9, if they are digits.
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut places = 0;
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        // The first four and the last four, where they overlap the same.
        let unused = 64 - 8 * text.len();
        let [first, last] = [first, last].map(|four| u64::from(u32::from_be_bytes(*four)));
        places = (first << 32 >> unused | last) ^ ((EACH * 0x30) >> unused);
    } else {
        for byte in text {
            places = places << 8 | u64::from(byte ^ b'0');
        }
    }
    // From 10 up, 0x76 more carries into the top bit of the byte. From 0x80 up, that is set to begin with.
    let carried = (places & (EACH * 0x7f)).wrapping_add(EACH * 0x76);
    let wrong = (carried | places) & (EACH * 0x80);
    // Neighbours become numbers of two places, these of four, and these one of eight.
    let pairs =
        (places & 0x00ff_00ff_00ff_00ff).wrapping_add((places >> 8 & 0x00ff_00ff_00ff_00ff).wrapping_mul(10));
    let fours =
        (pairs & 0x0000_ffff_0000_ffff).wrapping_add((pairs >> 16 & 0x0000_ffff_0000_ffff).wrapping_mul(100));
    ((fours & 0xffff_ffff).wrapping_add((fours >> 32).wrapping_mul(10_000)), wrong)
}

/// What 31-bit values are reduced by, with its reciprocal.
#[derive(Clone, Copy)]
pub(crate) struct Modulus {
    modulus: u64,
    reciprocal: u64,
    shift: u32,
}

impl Modulus {
    pub(crate) const fn new(modulus: u64) -> Self {
        // Above 31 bits nothing is cut off: the quotient is 0.
        if modulus > 1 << 31 {
            return Self { modulus, reciprocal: 0, shift: 0 };
        }
        let shift = 31 + modulus.next_power_of_two().trailing_zeros();
        Self { modulus, reciprocal: (1 << shift) / modulus + 1, shift }
    }

    /// 10^digits. The number of digits is a public parameter of the key.
    pub(crate) const fn of_digits(digits: u8) -> Self {
        match digits {
            4 => const { Self::new(10_000) },
            5 => const { Self::new(100_000) },
            6 => const { Self::new(1_000_000) },
            7 => const { Self::new(10_000_000) },
            8 => const { Self::new(100_000_000) },
            9 => const { Self::new(1_000_000_000) },
            _ => const { Self::new(10_000_000_000) },
        }
    }

    /// `value / modulus` for `value` below 2³¹, rounded down: multiplication by a rounded-up reciprocal.
    ///
    /// With s = 31 + ⌈log₂ M⌉ and m = ⌊2ˢ / M⌋ + 1, the error m·M − 2ˢ is at most M ≤ 2^(s−31), and so the result is
    /// exact for every value below 2³¹ (Granlund and Montgomery, "Division by Invariant Integers using
    /// Multiplication", theorem 4.2). The product stays below 2⁶⁴.
    #[inline(always)]
    pub(crate) const fn quotient(self, value: u64) -> u64 {
        value.wrapping_mul(self.reciprocal) >> self.shift
    }

    /// The remainder of a 31-bit value, with two multiplications and no division.
    #[inline(always)]
    pub(crate) const fn remainder(self, value: u32) -> u64 {
        let value = value as u64 & 0x7fff_ffff;
        value.wrapping_sub(self.quotient(value).wrapping_mul(self.modulus))
    }
}

/// `value mod 10^digits` for a 31-bit value.
pub(crate) const fn reduce_decimal(value: u32, digits: u8) -> u64 {
    Modulus::of_digits(digits).remainder(value)
}

/// Writes the last decimal places of a 31-bit value, zeros in front.
pub(crate) fn write_decimal(value: u32, places: &mut [u8]) {
    let mut rest = u64::from(value & 0x7fff_ffff);
    for place in places.iter_mut().rev() {
        let tens = const { Modulus::new(10) }.quotient(rest);
        let unit = rest.wrapping_sub(tens.wrapping_mul(10));
        *place = b'0'.wrapping_add(unit.to_le_bytes()[0]);
        rest = tens;
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::format;
    use alloc::string::String;

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
            assert_eq!(Modulus::new(11_881_376).remainder(value), wide % 11_881_376);
            assert_eq!(Modulus::new(26).quotient(wide), wide / 26);
            let mut places = [0; 10];
            write_decimal(value, &mut places);
            assert_eq!(core::str::from_utf8(&places), Ok(format!("{wide:010}").as_str()));
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
        let read = |text: &str, digits| {
            let typed = read_decimal(text, digits);
            (typed.well_formed().value() == 1).then_some(typed.value)
        };
        assert_eq!(read("000000", 6), Some(0));
        assert_eq!(read("012345", 6), Some(12_345));
        assert_eq!(read("9999999999", 10), Some(9_999_999_999));
        assert_eq!(read("12345678", 8), Some(12_345_678));
        assert_eq!(read("123456789", 9), Some(123_456_789));
        assert_eq!(read("12345678901", 10), None);
        for text in [
            "", "12345", "1234567", "12345 ", " 12345", "12345/", "12345:", "-12345", "+12345", "１２",
            "12345\0",
        ] {
            assert_eq!(read(text, 6), None, "{text:?}");
        }
        // Every other byte of ASCII, and of longer characters, in every place.
        for length in 4..=10 {
            for wrong in "\0 /:;@?ABZaz~\u{7f}".chars() {
                for place in 0..length {
                    let text: String = (0..length).map(|at| if at == place { wrong } else { '9' }).collect();
                    assert_eq!(read(&text, length), None, "{text:?}");
                }
            }
            for wrong in ["é", "\u{7ff}", "\u{80}"] {
                let text = format!("{wrong}{}", "0".repeat(length - 2));
                assert_eq!(read(&text, length), None, "{text:?}");
            }
        }
    }
}
