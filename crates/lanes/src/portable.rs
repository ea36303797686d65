//! One lane of plain integers, for every processor; it also derives the midstates of a key.

use core::hint::black_box;
use core::num::Wrapping;

use crate::key::Keys;
use crate::lanes::Lanes;
use crate::{MacKey, Sha1, Sha256, Sha512};

macro_rules! one_lane {
    ($($word:ty),*) => {$(
        impl Lanes for Wrapping<$word> {
            type Word = $word;

            #[inline(always)]
            fn same(self, word: $word) -> Self {
                Wrapping(word)
            }

            #[inline(always)]
            fn shl<const N: i32>(self) -> Self {
                Wrapping(self.0 << N)
            }

            #[inline(always)]
            fn shr<const N: i32>(self) -> Self {
                Wrapping(self.0 >> N)
            }

            #[inline(always)]
            fn rot<const L: i32, const R: i32>(self) -> Self {
                Wrapping(self.0.rotate_left(L as u32))
            }

            /// The barrier keeps the compiler from seeing a choice between two values and making it a branch.
            #[inline(always)]
            fn odd(self) -> Self {
                Wrapping(black_box(self.0 & 1).wrapping_neg())
            }
        }
    )*};
}

one_lane!(u32, u64);

macro_rules! kernel {
    ($rounds:ident, $hash:ident, $state:ty, $counter:ident) => {
        pub(crate) mod $rounds {
            use super::*;

            /// The whole tag of one counter.
            pub(crate) fn hmac(key: &MacKey<$hash>, counter: u64) -> $state {
                let midstates = key.midstates.map(|state| state.map(Wrapping));
                crate::$rounds::hmac(midstates, $counter(counter)).map(|word| word.0)
            }

            /// The truncated tag of each counter.
            pub(crate) fn codes<'a, K: Keys<'a, $hash>>(keys: K, counters: &[u64], values: &mut [u32]) {
                for (index, (&counter, value)) in counters.iter().zip(values).enumerate() {
                    *value = code(keys.at(index), counter);
                }
            }

            /// Not part of the loop: what could be computed once for a key would only fill the registers.
            #[inline(never)]
            fn code(key: &MacKey<$hash>, counter: u64) -> u32 {
                let midstates = key.midstates.map(|state| state.map(Wrapping));
                crate::$rounds::code(midstates, $counter(counter)).0 as u32
            }
        }
    };
}

kernel!(sha1, Sha1, [u32; 5], halves);
kernel!(sha256, Sha256, [u32; 8], halves);
kernel!(sha512, Sha512, [u64; 8], whole);

/// The counter in words of 32 bits.
#[inline(always)]
fn halves(counter: u64) -> [Wrapping<u32>; 2] {
    [Wrapping((counter >> 32) as u32), Wrapping(counter as u32)]
}

/// The counter in words of 64 bits.
#[inline(always)]
fn whole(counter: u64) -> [Wrapping<u64>; 1] {
    [Wrapping(counter)]
}
