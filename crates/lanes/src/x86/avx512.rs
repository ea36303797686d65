//! AVX-512 F: sixteen lanes of SHA-1 and SHA-256, eight of SHA-512 (FIPS 180-4), for HMAC (RFC 2104) of one
//! counter.
//!
//! It has rotations, and any function of three bits in one instruction: the imm8 of `vpternlog` is its truth
//! table, bit `4x + 2y + z` the value for `x`, `y`, `z`.

use core::arch::x86_64::*;
use core::mem::transmute;

use super::load;
use crate::groups::{groups, kernel};
use crate::key::{Keys, MacKey};
use crate::lanes::{Lanes, vector};
use crate::{Sha1, Sha256, Sha512};

/// `Ch` as a truth table.
const CHOOSE: i32 = 0b1100_1010;
/// `Maj` as a truth table.
const MAJORITY: i32 = 0b1110_1000;

vector! {
    U32x16(__m512i): 16 x u32;
    same _mm512_set1_epi32, add _mm512_add_epi32,
    and _mm512_and_si512, or _mm512_or_si512, xor _mm512_xor_si512,
    shl slli_epi32, shr srli_epi32;

    #[inline(always)]
    fn rot<const L: i32, const R: i32>(self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { _mm512_rol_epi32::<L>(self.0) })
    }

    #[inline(always)]
    fn choose(self, y: Self, z: Self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { _mm512_ternarylogic_epi32::<CHOOSE>(self.0, y.0, z.0) })
    }

    #[inline(always)]
    fn majority(self, y: Self, z: Self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { _mm512_ternarylogic_epi32::<MAJORITY>(self.0, y.0, z.0) })
    }
}

vector! {
    U64x8(__m512i): 8 x u64;
    same _mm512_set1_epi64, add _mm512_add_epi64,
    and _mm512_and_si512, or _mm512_or_si512, xor _mm512_xor_si512,
    shl slli_epi64, shr srli_epi64;

    #[inline(always)]
    fn rot<const L: i32, const R: i32>(self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { _mm512_rol_epi64::<L>(self.0) })
    }

    #[inline(always)]
    fn choose(self, y: Self, z: Self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { _mm512_ternarylogic_epi64::<CHOOSE>(self.0, y.0, z.0) })
    }

    #[inline(always)]
    fn majority(self, y: Self, z: Self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { _mm512_ternarylogic_epi64::<MAJORITY>(self.0, y.0, z.0) })
    }
}

/// Shifts with a count of the type that the other units have; it is constant, so the immediate form comes
/// out.
macro_rules! shift {
    ($name:ident, $instruction:ident, $same:ident) => {
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn $name<const N: i32>(register: __m512i) -> __m512i {
            $instruction(register, $same(N.into()))
        }
    };
}

shift!(slli_epi32, _mm512_sllv_epi32, _mm512_set1_epi32);
shift!(srli_epi32, _mm512_srlv_epi32, _mm512_set1_epi32);
shift!(slli_epi64, _mm512_sllv_epi64, _mm512_set1_epi64);
shift!(srli_epi64, _mm512_srlv_epi64, _mm512_set1_epi64);

kernel!("avx512f", Sha1 in sha1, [U32x16; 5], 16);
kernel!("avx512f", Sha256 in sha256, [U32x16; 8], 16);
kernel!("avx512f", Sha512 in sha512, [U64x8; 8], 8);

impl U32x16 {
    /// Both states of one key, in every lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_key<const W: usize>(midstates: &[[u32; W]; 2]) -> [[Self; W]; 2] {
        midstates.map(|state| state.map(|word| Self(_mm512_set1_epi32(word as i32))))
    }

    /// Both states of each key, a key to a lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_keys<const W: usize>(keys: [&[[u32; W]; 2]; 16]) -> [[Self; W]; 2] {
        let mut columns = [[Self(_mm512_setzero_si512()); W]; 2];
        let mut at = 0;
        while at < 2 * W {
            // Four words of each key at a time; the last four may repeat some of those before.
            let start = at.min(2 * W - 4);
            let [a, b, c, d] = [
                quarters([keys[0], keys[4], keys[8], keys[12]], start),
                quarters([keys[1], keys[5], keys[9], keys[13]], start),
                quarters([keys[2], keys[6], keys[10], keys[14]], start),
                quarters([keys[3], keys[7], keys[11], keys[15]], start),
            ];
            let [ab, ab_high] = [_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)];
            let [cd, cd_high] = [_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d)];
            columns.as_flattened_mut()[start..start + 4].copy_from_slice(&[
                Self(_mm512_unpacklo_epi64(ab, cd)),
                Self(_mm512_unpackhi_epi64(ab, cd)),
                Self(_mm512_unpacklo_epi64(ab_high, cd_high)),
                Self(_mm512_unpackhi_epi64(ab_high, cd_high)),
            ]);
            at += 4;
        }
        columns
    }

    /// The counters, upper halves and lower halves.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_counters(counters: &[u64; 16]) -> [Self; 2] {
        [counters.map(|counter| (counter >> 32) as u32), counters.map(|counter| counter as u32)].map(
            |words| {
                // SAFETY: the types are of one size, and every value of either is valid.
                Self(unsafe { transmute::<[u32; 16], __m512i>(words) })
            },
        )
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn into_words(self) -> [u32; 16] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}

impl U64x8 {
    /// Both states of one key, in every lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_key<const W: usize>(midstates: &[[u64; W]; 2]) -> [[Self; W]; 2] {
        midstates.map(|state| state.map(|word| Self(_mm512_set1_epi64(word as i64))))
    }

    /// Both states of each key, a key to a lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_keys<const W: usize>(keys: [&[[u64; W]; 2]; 8]) -> [[Self; W]; 2] {
        let mut columns = [[Self(_mm512_setzero_si512()); W]; 2];
        let mut start = 0;
        while start < 2 * W {
            let [a, b] = [
                quarters([keys[0], keys[2], keys[4], keys[6]], start),
                quarters([keys[1], keys[3], keys[5], keys[7]], start),
            ];
            columns.as_flattened_mut()[start..start + 2]
                .copy_from_slice(&[Self(_mm512_unpacklo_epi64(a, b)), Self(_mm512_unpackhi_epi64(a, b))]);
            start += 2;
        }
        columns
    }

    /// The counters.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_counters(counters: &[u64; 8]) -> [Self; 1] {
        // SAFETY: the types are of one size, and every value of either is valid.
        [Self(unsafe { transmute::<[u64; 8], __m512i>(*counters) })]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn into_words(self) -> [u64; 8] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}

/// Sixteen bytes from word `start` on of each of four keys.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters<W: Into<u64> + Copy, const N: usize>(keys: [&[[W; N]; 2]; 4], start: usize) -> __m512i {
    let [a, b, c, d] = keys.map(|midstates| midstates.as_flattened());
    let quarter = _mm512_castsi128_si512(load(a, start));
    let half = _mm512_inserti32x4::<1>(quarter, load(b, start));
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(half, load(c, start)), load(d, start))
}
