//! The portable rounds, compiled with BMI1 and BMI2: rotations into another register (`rorx`) and `andn`,
//! which is half of `Ch` (FIPS 180-4 §4.1), save a third of the time of SHA-512.

use crate::key::Keys;
use crate::{MacKey, Sha1, Sha256, Sha512, portable};

macro_rules! kernel {
    ($hash:ident in $rounds:ident) => {
        /// The truncated tag of each counter.
        #[target_feature(enable = "bmi1,bmi2")]
        pub(crate) fn $rounds<'a, K: Keys<'a, $hash>>(keys: K, counters: &[u64], values: &mut [u32]) {
            /// Not part of the loop, as in the portable kernel.
            #[inline(never)]
            #[target_feature(enable = "bmi1,bmi2")]
            fn one(key: &MacKey<$hash>, counter: u64) -> u32 {
                portable::$rounds::code(key, counter)
            }
            for (index, (&counter, value)) in counters.iter().zip(values).enumerate() {
                *value = one(keys.at(index), counter);
            }
        }
    };
}

kernel!(Sha1 in sha1);
kernel!(Sha256 in sha256);
kernel!(Sha512 in sha512);
