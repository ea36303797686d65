//! AVX-512 F: sixteen lanes of SHA-1 and SHA-256, eight of SHA-512.

use core::arch::x86_64::*;
use core::mem::transmute;

use crate::groups::{groups, kernel};
use crate::key::{Keys, MacKey};
use crate::lanes::{Lanes, vector};
use crate::{Sha1, Sha256, Sha512};

vector! {
    U32x16(__m512i): 16 x u32;
    same _mm512_set1_epi32, add _mm512_add_epi32;
    and _mm512_and_si512, or _mm512_or_si512, xor _mm512_xor_si512;
    shl |x, n| _mm512_sll_epi32(x, _mm_cvtsi32_si128(n)), shr |x, n| _mm512_srl_epi32(x, _mm_cvtsi32_si128(n))
}

vector! {
    U64x8(__m512i): 8 x u64;
    same _mm512_set1_epi64x, add _mm512_add_epi64;
    and _mm512_and_si512, or _mm512_or_si512, xor _mm512_xor_si512;
    shl |x, n| _mm512_sll_epi64(x, _mm_cvtsi32_si128(n)), shr |x, n| _mm512_srl_epi64(x, _mm_cvtsi32_si128(n))
}

kernel!("avx512f", Sha1 in sha1, [U32x16; 5], 8);
kernel!("avx512f", Sha256 in sha256, [U32x16; 8], 8);
kernel!("avx512f", Sha512 in sha512, [U64x8; 8], 4);

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
    fn of_keys<const W: usize>(midstates: [&[[u32; W]; 2]; 8]) -> [[Self; W]; 2] {
        let mut columns = [[Self(_mm512_setzero_si512()); W]; 2];
        let mut at = 0;
        while at < 2 * W {
            // Four words of each key at a time; the last four may repeat some of those before.
            let start = at.min(2 * W - 4);
            let [a, b, c, d] = [
                four(midstates[0], midstates[4], start),
                four(midstates[1], midstates[5], start),
                four(midstates[2], midstates[6], start),
                four(midstates[3], midstates[7], start),
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
    fn of_counters(counters: &[u64; 8]) -> [Self; 2] {
        [counters.map(|counter| (counter >> 32) as u32), counters.map(|counter| counter as u32)].map(|words| {
            // SAFETY: the types are of one size, and every value of either is valid.
            Self(unsafe { transmute::<[u32; 8], __m512i>(words) })
        })
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn into_words(self) -> [u32; 8] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}

/// Four words from `start` on, of one key in the lower half and of another in the upper half.
#[inline]
#[target_feature(enable = "avx512f")]
fn four<const W: usize>(low: &[[u32; W]; 2], high: &[[u32; W]; 2], start: usize) -> __m512i {
    _mm512_set_m128i(super::load(high.as_flattened(), start), super::load(low.as_flattened(), start))
}

impl U64x8 {
    /// Both states of one key, in every lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_key<const W: usize>(midstates: &[[u64; W]; 2]) -> [[Self; W]; 2] {
        midstates.map(|state| state.map(|word| Self(_mm512_set1_epi64x(word as i64))))
    }

    /// Both states of each key, a key to a lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of_keys<const W: usize>(midstates: [&[[u64; W]; 2]; 4]) -> [[Self; W]; 2] {
        let mut columns = [[Self(_mm512_setzero_si512()); W]; 2];
        let mut start = 0;
        while start < 2 * W {
            let [a, b] = [
                two(midstates[0], midstates[2], start),
                two(midstates[1], midstates[3], start),
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
    fn of_counters(counters: &[u64; 4]) -> [Self; 1] {
        // SAFETY: the types are of one size, and every value of either is valid.
        [Self(unsafe { transmute::<[u64; 4], __m512i>(*counters) })]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn into_words(self) -> [u64; 4] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}

/// Two words from `start` on, of one key in the lower half and of another in the upper half.
#[inline]
#[target_feature(enable = "avx512f")]
fn two<const W: usize>(low: &[[u64; W]; 2], high: &[[u64; W]; 2], start: usize) -> __m512i {
    _mm512_set_m128i(super::load(high.as_flattened(), start), super::load(low.as_flattened(), start))
}
