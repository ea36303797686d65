//! AVX2: eight lanes of SHA-1 and SHA-256, four of SHA-512 (FIPS 180-4), for HMAC (RFC 2104) of one counter.

use core::arch::x86_64::*;
use core::mem::transmute;

use super::load;
use crate::groups::{groups, kernel};
use crate::key::{Keys, MacKey};
use crate::lanes::{Lanes, vector};
use crate::{Sha1, Sha256, Sha512};

vector! {
    U32x8(__m256i): 8 x u32;
    same _mm256_set1_epi32, add _mm256_add_epi32,
    and _mm256_and_si256, or _mm256_or_si256, xor _mm256_xor_si256,
    shl _mm256_slli_epi32, shr _mm256_srli_epi32
}

vector! {
    U64x4(__m256i): 4 x u64;
    same _mm256_set1_epi64x, add _mm256_add_epi64,
    and _mm256_and_si256, or _mm256_or_si256, xor _mm256_xor_si256,
    shl _mm256_slli_epi64, shr _mm256_srli_epi64
}

kernel!("avx2", Sha1 in sha1, [U32x8; 5], 8);
kernel!("avx2", Sha256 in sha256, [U32x8; 8], 8);
kernel!("avx2", Sha512 in sha512, [U64x4; 8], 4);

impl U32x8 {
    /// Both states of one key, in every lane.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_key<const W: usize>(midstates: &[[u32; W]; 2]) -> [[Self; W]; 2] {
        midstates.map(|state| state.map(|word| Self(_mm256_set1_epi32(word as i32))))
    }

    /// Both states of each key, a key to a lane.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_keys<const W: usize>(keys: [&[[u32; W]; 2]; 8]) -> [[Self; W]; 2] {
        let mut columns = [[Self(_mm256_setzero_si256()); W]; 2];
        let mut at = 0;
        while at < 2 * W {
            // Four words of each key at a time; the last four may repeat some of those before.
            let start = at.min(2 * W - 4);
            let [a, b, c, d] = [
                halves(keys[0], keys[4], start),
                halves(keys[1], keys[5], start),
                halves(keys[2], keys[6], start),
                halves(keys[3], keys[7], start),
            ];
            let [ab, ab_high] = [_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)];
            let [cd, cd_high] = [_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d)];
            columns.as_flattened_mut()[start..start + 4].copy_from_slice(&[
                Self(_mm256_unpacklo_epi64(ab, cd)),
                Self(_mm256_unpackhi_epi64(ab, cd)),
                Self(_mm256_unpacklo_epi64(ab_high, cd_high)),
                Self(_mm256_unpackhi_epi64(ab_high, cd_high)),
            ]);
            at += 4;
        }
        columns
    }

    /// The counters, upper halves and lower halves.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_counters(counters: &[u64; 8]) -> [Self; 2] {
        [counters.map(|counter| (counter >> 32) as u32), counters.map(|counter| counter as u32)].map(
            |words| {
                // SAFETY: the types are of one size, and every value of either is valid.
                Self(unsafe { transmute::<[u32; 8], __m256i>(words) })
            },
        )
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn into_words(self) -> [u32; 8] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}

impl U64x4 {
    /// Both states of one key, in every lane.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_key<const W: usize>(midstates: &[[u64; W]; 2]) -> [[Self; W]; 2] {
        midstates.map(|state| state.map(|word| Self(_mm256_set1_epi64x(word as i64))))
    }

    /// Both states of each key, a key to a lane.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_keys<const W: usize>(keys: [&[[u64; W]; 2]; 4]) -> [[Self; W]; 2] {
        let mut columns = [[Self(_mm256_setzero_si256()); W]; 2];
        let mut start = 0;
        while start < 2 * W {
            let [a, b] = [halves(keys[0], keys[2], start), halves(keys[1], keys[3], start)];
            columns.as_flattened_mut()[start..start + 2]
                .copy_from_slice(&[Self(_mm256_unpacklo_epi64(a, b)), Self(_mm256_unpackhi_epi64(a, b))]);
            start += 2;
        }
        columns
    }

    /// The counters.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_counters(counters: &[u64; 4]) -> [Self; 1] {
        // SAFETY: the types are of one size, and every value of either is valid.
        [Self(unsafe { transmute::<[u64; 4], __m256i>(*counters) })]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn into_words(self) -> [u64; 4] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}

/// Sixteen bytes from word `start` on of each of two keys.
#[inline]
#[target_feature(enable = "avx2")]
fn halves<W: Into<u64> + Copy, const N: usize>(
    low: &[[W; N]; 2],
    high: &[[W; N]; 2],
    start: usize,
) -> __m256i {
    _mm256_set_m128i(load(high.as_flattened(), start), load(low.as_flattened(), start))
}
