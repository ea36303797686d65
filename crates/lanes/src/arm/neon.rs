//! NEON: four lanes of SHA-1 and SHA-256, two of SHA-512 (FIPS 180-4), for HMAC (RFC 2104) of one counter.

use core::arch::aarch64::*;
use core::mem::transmute;

use crate::groups::{groups, kernel};
use crate::key::{Keys, MacKey};
use crate::lanes::{Lanes, vector};
use crate::{Sha1, Sha256, Sha512};

vector! {
    U32x4(uint32x4_t): 4 x u32;
    same vdupq_n_u32, add vaddq_u32,
    and vandq_u32, or vorrq_u32, xor veorq_u32,
    shl vshlq_n_u32, shr vshrq_n_u32;

    #[inline(always)]
    fn choose(self, y: Self, z: Self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { vbslq_u32(self.0, y.0, z.0) })
    }

    /// Where `self` and `y` differ, `z` decides.
    #[inline(always)]
    fn majority(self, y: Self, z: Self) -> Self {
        (self ^ y).choose(z, y)
    }
}

vector! {
    U64x2(uint64x2_t): 2 x u64;
    same vdupq_n_u64, add vaddq_u64,
    and vandq_u64, or vorrq_u64, xor veorq_u64,
    shl vshlq_n_u64, shr vshrq_n_u64;

    #[inline(always)]
    fn choose(self, y: Self, z: Self) -> Self {
        // SAFETY: `self` proves that the processor has the instruction.
        Self(unsafe { vbslq_u64(self.0, y.0, z.0) })
    }

    /// Where `self` and `y` differ, `z` decides.
    #[inline(always)]
    fn majority(self, y: Self, z: Self) -> Self {
        (self ^ y).choose(z, y)
    }
}

kernel!("neon", Sha1 in sha1, [U32x4; 5], 4);
kernel!("neon", Sha256 in sha256, [U32x4; 8], 4);
kernel!("neon", Sha512 in sha512, [U64x2; 8], 2);

impl U32x4 {
    /// Both states of one key, in every lane.
    #[inline]
    #[target_feature(enable = "neon")]
    fn of_key<const W: usize>(midstates: &[[u32; W]; 2]) -> [[Self; W]; 2] {
        midstates.map(|state| state.map(|word| Self(vdupq_n_u32(word))))
    }

    /// Both states of each key, a key to a lane.
    #[inline]
    #[target_feature(enable = "neon")]
    fn of_keys<const W: usize>(keys: [&[[u32; W]; 2]; 4]) -> [[Self; W]; 2] {
        let rows = keys.map(|midstates| midstates.as_flattened());
        let mut columns = [[Self(vdupq_n_u32(0)); W]; 2];
        for (word, column) in columns.as_flattened_mut().iter_mut().enumerate() {
            *column = Self::of_words(rows.map(|row| row[word]));
        }
        columns
    }

    /// The counters, upper halves and lower halves.
    #[inline]
    #[target_feature(enable = "neon")]
    fn of_counters(counters: &[u64; 4]) -> [Self; 2] {
        [
            Self::of_words(counters.map(|counter| (counter >> 32) as u32)),
            Self::of_words(counters.map(|counter| counter as u32)),
        ]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn of_words(words: [u32; 4]) -> Self {
        // SAFETY: the types are of one size, and every value of either is valid.
        Self(unsafe { transmute::<[u32; 4], uint32x4_t>(words) })
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn into_words(self) -> [u32; 4] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}

impl U64x2 {
    /// Both states of one key, in every lane.
    #[inline]
    #[target_feature(enable = "neon")]
    fn of_key<const W: usize>(midstates: &[[u64; W]; 2]) -> [[Self; W]; 2] {
        midstates.map(|state| state.map(|word| Self(vdupq_n_u64(word))))
    }

    /// Both states of each key, a key to a lane.
    #[inline]
    #[target_feature(enable = "neon")]
    fn of_keys<const W: usize>(keys: [&[[u64; W]; 2]; 2]) -> [[Self; W]; 2] {
        let rows = keys.map(|midstates| midstates.as_flattened());
        let mut columns = [[Self(vdupq_n_u64(0)); W]; 2];
        for (word, column) in columns.as_flattened_mut().iter_mut().enumerate() {
            *column = Self::of_words(rows.map(|row| row[word]));
        }
        columns
    }

    /// The counters.
    #[inline]
    #[target_feature(enable = "neon")]
    fn of_counters(counters: &[u64; 2]) -> [Self; 1] {
        [Self::of_words(*counters)]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn of_words(words: [u64; 2]) -> Self {
        // SAFETY: the types are of one size, and every value of either is valid.
        Self(unsafe { transmute::<[u64; 2], uint64x2_t>(words) })
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn into_words(self) -> [u64; 2] {
        // SAFETY: the types are of one size, and every value of either is valid.
        unsafe { transmute(self.0) }
    }
}
