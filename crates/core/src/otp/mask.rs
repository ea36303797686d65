//! Arithmetic in place of branches: what a check knows about secrets stays in bits and masks until its verdict.
//!
//! `subtle` passes every single step through a volatile read, which for a window of three costs as much as one of
//! its three codes. Here a bit is hidden from the optimiser once, where it becomes a mask ([`Bit::mask`]), so that
//! no selection can be turned back into a branch.

use core::hint::black_box;
use core::ops::{BitAnd, BitOr, Not};

/// A secret yes or no: 1 or 0.
#[derive(Clone, Copy)]
pub(crate) struct Bit(u64);

impl Bit {
    pub(crate) const NO: Self = Self(0);
    pub(crate) const YES: Self = Self(1);

    /// Whether `a` and `b` are equal: the sign of d | −d is set for every difference d but 0.
    pub(crate) const fn equal(a: u64, b: u64) -> Self {
        Self::zero(a ^ b)
    }

    /// Whether `value` is 0.
    pub(crate) const fn zero(value: u64) -> Self {
        Self(((value | value.wrapping_neg()) >> 63) ^ 1)
    }

    /// Whether no bit is set.
    pub(crate) const fn none(bits: u128) -> Self {
        let [low, high] = words(bits);
        Self::zero(low | high)
    }

    /// Whether any bit is set.
    pub(crate) const fn any(bits: u128) -> Self {
        Self(Self::none(bits).0 ^ 1)
    }

    /// Whether at most one bit is set.
    pub(crate) const fn at_most_one(bits: u128) -> Self {
        Self::none(bits & bits.wrapping_sub(1))
    }

    /// Bit `index`; the index is public, the bits are not.
    pub(crate) const fn at(bits: u128, index: u32) -> Self {
        Self(words(bits >> index)[0] & 1)
    }

    /// The highest bit: the sign of a difference in two's complement.
    pub(crate) const fn sign(value: u64) -> Self {
        Self(value >> 63)
    }

    /// Whether `a` < `b`.
    pub(crate) const fn less(a: i32, b: i32) -> Self {
        Self::sign((a as i64).wrapping_sub(b as i64).cast_unsigned())
    }

    /// Whether `low` ≤ `byte` ≤ `high`: neither difference is negative.
    pub(crate) const fn between(byte: u8, low: u8, high: u8) -> Self {
        let (byte, low, high) = (byte as u64, low as u64, high as u64);
        Self(Self::sign(byte.wrapping_sub(low) | high.wrapping_sub(byte)).0 ^ 1)
    }

    /// Whether a number in two's complement is negative.
    pub(crate) const fn negative(value: u128) -> Self {
        Self::sign(words(value)[1])
    }

    /// `byte` for yes, 0 for no.
    #[inline(always)]
    pub(crate) fn keep(self, byte: u8) -> u8 {
        (self.mask() & u64::from(byte)).to_le_bytes()[0]
    }

    /// All ones for yes, all zeros for no; opaque to the optimiser.
    #[inline(always)]
    pub(crate) fn mask(self) -> u64 {
        black_box(self.0).wrapping_neg()
    }

    /// The masks of several bits, hidden together: one trip through memory for all.
    #[inline(always)]
    pub(crate) fn masks<const N: usize>(bits: [Self; N]) -> [u64; N] {
        black_box(bits.map(|bit| bit.0)).map(u64::wrapping_neg)
    }

    /// The same bit, opaque to the optimiser: nothing that is computed with it is skipped where it is 0.
    #[inline(always)]
    pub(crate) fn hidden(self) -> Self {
        Self(black_box(self.0))
    }

    /// The bit itself, for building bitmaps and for sums.
    pub(crate) const fn value(self) -> u64 {
        self.0
    }

    /// The bit itself, for sums with a sign.
    pub(crate) const fn signed(self) -> i32 {
        low_half(self.0).cast_signed()
    }

    /// `yes` or `no`.
    #[inline(always)]
    pub(crate) fn pick(self, yes: u64, no: u64) -> u64 {
        no ^ ((yes ^ no) & self.mask())
    }

    /// `yes` or `no`.
    #[inline(always)]
    pub(crate) fn pick_wide(self, yes: u128, no: u128) -> u128 {
        let mask = u128::from(self.mask());
        no ^ ((yes ^ no) & (mask | mask << 64))
    }
}

impl BitAnd for Bit {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Bit {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for Bit {
    type Output = Self;
    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// The low and the high word.
pub(crate) const fn words(value: u128) -> [u64; 2] {
    let b = value.to_le_bytes();
    [
        u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        u64::from_le_bytes([b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]),
    ]
}

/// The low 32 bits.
pub(crate) const fn low_half(value: u64) -> u32 {
    let b = value.to_le_bytes();
    u32::from_le_bytes([b[0], b[1], b[2], b[3]])
}

/// The index of the lowest bit set; 0 when none is. Counts the zeros below it, all bits alike.
pub(crate) const fn lowest(bits: u128) -> u32 {
    let alone = bits & bits.wrapping_neg();
    alone.wrapping_sub(Bit::any(bits).0 as u128).count_ones()
}

/// The index of the highest bit set; 0 when none is. Fills up what lies below it, and counts that.
pub(crate) const fn highest(bits: u64) -> u32 {
    let bits = bits | bits >> 1;
    let bits = bits | bits >> 2;
    let bits = bits | bits >> 4;
    let bits = bits | bits >> 8;
    let bits = bits | bits >> 16;
    let bits = bits | bits >> 32;
    (bits >> 1).count_ones()
}

/// The same for the bits of a window of `count` steps, which is public: few windows need the second word, and most have so few
/// steps that it is quicker to count the places that have something at or above them.
pub(crate) fn highest_of(bits: u128, count: u32) -> u32 {
    let [low, high] = words(bits);
    if count <= 8 {
        let above = (1..count).map(|place| low_half((low >> place).wrapping_neg() >> 63));
        // No `sum`: a debug build asks after each addition whether it went over, a branch on what is added.
        return above.fold(0, u32::wrapping_add);
    }
    if count <= 64 {
        return highest(low);
    }
    let in_high = !Bit::zero(high);
    highest(in_high.pick(high, low)).wrapping_add(low_half(in_high.0) << 6)
}

/// `bits >> places` for fewer than 128 secret places: the processor shifts by constants only.
pub(crate) fn shift_right(bits: u128, places: u32) -> u128 {
    let masks = Bit::masks([0, 1, 2, 3, 4, 5, 6].map(|stage| Bit::at(u128::from(places), stage)));
    (0u32..).zip(masks).fold(bits, |bits, (stage, mask)| {
        let mask = u128::from(mask) | u128::from(mask) << 64;
        bits ^ ((bits ^ bits >> (1u32 << stage)) & mask)
    })
}

/// `value` brought within ± `limit`, which is not negative.
pub(crate) fn within(value: i32, limit: i32) -> i32 {
    let low = limit.wrapping_neg();
    let [below, above] = Bit::masks([Bit::less(value, low), Bit::less(limit, value)]).map(low_half);
    let choose = |mask: u32, yes: i32, no: i32| no ^ ((yes ^ no) & mask.cast_signed());
    choose(below, low, choose(above, limit, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_and_shifted_as_the_plain_operations_do() {
        for seed in 1u32..400 {
            let spread = u128::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let bits = spread & !(u128::MAX << (seed % 128));
            if bits != 0 {
                assert_eq!(lowest(bits), bits.trailing_zeros());
                assert_eq!(highest_of(bits, 128), bits.ilog2());
                assert_eq!(highest_of(bits >> 64, 64), (bits >> 64 | 1).ilog2());
            }
            assert_eq!(Bit::any(bits).value() == 1, bits != 0);
            assert_eq!(Bit::none(bits).value() == 1, bits == 0);
            assert_eq!(Bit::at_most_one(bits).value() == 1, bits.count_ones() <= 1);
            assert_eq!(Bit::negative(spread).value(), u64::from(spread.cast_signed() < 0));
            assert_eq!(shift_right(bits, seed % 128), bits >> (seed % 128));
        }
        assert_eq!(Bit::at_most_one(1 << 127).value(), 1);
        assert_eq!(Bit::at_most_one(1 << 127 | 1).value(), 0);
        assert_eq!(shift_right(u128::MAX, 127), 1);
        assert_eq!(
            [0, 1, 2, 3, 1 << 63, 1 << 64, 3 << 63, u128::MAX].map(|bits| highest_of(bits, 128)),
            [0, 0, 1, 1, 63, 64, 64, 127]
        );
        for (count, bits) in (1..=10).flat_map(|count| (0..1u128 << count).map(move |bits| (count, bits))) {
            assert_eq!(highest_of(bits, count), (bits | 1).ilog2(), "{bits:b} of {count}");
        }
        assert_eq!(
            [0, 1, 2, 3, 1 << 63, 1 << 64, 3 << 63, 1 << 127].map(lowest),
            [0, 0, 1, 0, 63, 64, 63, 127]
        );
    }

    #[test]
    fn equality_and_choice_hold_at_the_edges() {
        let edges = [0, 1, 2, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, u64::MAX - 1, u64::MAX];
        for a in edges {
            for b in edges {
                let equal = Bit::equal(a, b);
                assert_eq!(equal.value() == 1, a == b);
                assert_eq!(equal.pick(a, 77), if a == b { a } else { 77 });
                assert_eq!((!equal).pick_wide(u128::MAX, 5), if a == b { 5 } else { u128::MAX });
                assert_eq!((equal | Bit::YES).value() & (equal & Bit::NO).mask(), 0);
            }
        }
    }

    #[test]
    fn bounds_are_those_of_the_plain_operations() {
        for value in [i32::MIN, i32::MIN + 1, -129, -3, -2, -1, 0, 1, 2, 3, 128, i32::MAX - 1, i32::MAX] {
            for limit in [0, 1, 2, 100, i32::MAX] {
                assert_eq!(within(value, limit), value.clamp(-limit, limit), "{value} {limit}");
            }
        }
    }
}
