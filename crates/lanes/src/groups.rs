//! Cutting counters into groups of as many as there are lanes, and a kernel for such groups.

use crate::Hash;
use crate::key::{Keys, MacKey};

/// Calls `codes` for each `N` counters and their keys. The last group is filled up with its last counter;
/// what the added lanes compute is dropped.
#[inline(always)]
pub(crate) fn groups<'a, const N: usize, H: Hash, K: Keys<'a, H>>(
    keys: K,
    counters: &[u64],
    values: &mut [u32],
    codes: impl Fn([&'a MacKey<H>; N], &[u64; N]) -> [u32; N],
) {
    let (whole, rest) = counters.as_chunks::<N>();
    let (whole_values, rest_values) = values.as_chunks_mut::<N>();
    for (group, (counters, values)) in whole.iter().zip(whole_values).enumerate() {
        // Keys lie anywhere in memory: those of the next group are fetched while this one is computed.
        (0..N).for_each(|lane| keys.prefetch((group + 1) * N + lane));
        *values = codes(core::array::from_fn(|lane| keys.at(group * N + lane)), counters);
    }
    if let Some(last) = rest.len().checked_sub(1) {
        let first = counters.len() - rest.len();
        let values = codes(
            core::array::from_fn(|lane| keys.at(first + lane.min(last))),
            &core::array::from_fn(|lane| rest[lane.min(last)]),
        );
        rest_values.copy_from_slice(&values[..rest.len()]);
    }
}

/// A kernel for a vector type: `kernel!(unit, hash in its rounds, [vector; words of the state], lanes)`. It
/// needs `of_key`, `of_keys`, `of_counters` and `into_words` of the type, which the unit's file writes.
macro_rules! kernel {
    ($feature:literal, $hash:ident in $rounds:ident, [$vector:ident; $state:literal], $lanes:literal) => {
        /// The truncated tag of each counter.
        #[target_feature(enable = $feature)]
        pub(crate) fn $rounds<'a, K: Keys<'a, $hash>>(keys: K, counters: &[u64], values: &mut [u32]) {
            groups(keys, counters, values, |keys: [&MacKey<$hash>; $lanes], counters| {
                let midstates = if K::SAME {
                    $vector::of_key(&keys[0].midstates)
                } else {
                    $vector::of_keys(keys.map(|key| &key.midstates))
                };
                // Held in memory once, in an aligned place: otherwise the compiler leaves the stack as it is and
                // what it spills there crosses cache lines, at half the speed.
                let midstates = core::hint::black_box(midstates);
                let codes = crate::$rounds::code(midstates, $vector::of_counters(counters));
                codes.into_words().map(|word| word as u32)
            });
        }
    };
}
pub(crate) use kernel;
