//! Decimal digits of 31-bit values (RFC 4226 §5.3, step 3), written, cut off and read without division, branch or table.

use super::code::Typed;
use super::mask::Bit;

/// Zero for an ASCII digit, something else for every other byte.
pub(crate) const fn beyond_digits(byte: u8) -> u64 {
    // Below '0' the first difference is negative, above '9' the second: the signs tell.
    let byte = byte as u64;
    (byte.wrapping_sub(b'0' as u64) | (b'9' as u64).wrapping_sub(byte)) >> 63
}

/// Reads exactly so many digits.
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
}
