//! Comparing a typed code with every step of a window, in constant time and without an early exit.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

use super::code::{Form, Typed};
use super::window::{Steps, Window};
use crate::hash::HashAlgorithm;
use crate::mac::CounterMac;

/// A key with the form of its codes: what HOTP, TOTP and Steam have in common.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) mac: CounterMac,
    pub(crate) form: Form,
}

impl Engine {
    pub(crate) fn new(algorithm: HashAlgorithm, key: &[u8], form: Form) -> Self {
        Self { mac: CounterMac::new(algorithm, key), form }
    }

    /// The 31-bit value (RFC 4226 §5.3, step 2) of one step.
    pub(crate) fn value(&self, step: u64) -> u32 {
        let mut value = [0];
        self.mac.window(&[step], &mut value);
        value[0]
    }

    /// Which steps have the typed digits: bit i for the step at index i. Not for malformed text, after the same work.
    pub(crate) fn matches(&self, steps: Steps, typed: &Typed) -> u128 {
        // The number of steps is public. Usual windows fit the small buffers.
        if steps.count <= 16 {
            self.matches_in::<16>(steps, typed)
        } else {
            self.matches_in::<128>(steps, typed)
        }
    }

    fn matches_in<const N: usize>(&self, steps: Steps, typed: &Typed) -> u128 {
        let mut counters = [0; N];
        let mut values = [0; N];
        for (index, counter) in (0..steps.count).zip(&mut counters) {
            *counter = steps.at(index).0;
        }
        let count = (0..steps.count).zip(&counters).count();
        self.mac.window(&counters[..count], &mut values[..count]);
        let matched = compare(self.form, &values[..count], steps, typed);
        values[..count].zeroize();
        matched
    }
}

/// Bit i is set when the value at index i shows the typed digits and its step exists.
pub(crate) fn compare(form: Form, values: &[u32], steps: Steps, typed: &Typed) -> u128 {
    (0..Window::MAX_STEPS).zip(values).fold(0, |bits, (index, value)| {
        let (_, exists) = steps.at(index);
        let equal = form.reduce(*value).ct_eq(&typed.value) & exists & typed.well_formed;
        bits | u128::from(equal.unwrap_u8()) << index
    })
}

/// Bit `index` of `bits`; the index is public, the bits are not.
pub(crate) fn bit(bits: u128, index: u32) -> Choice {
    Choice::from((bits >> index).to_le_bytes()[0] & 1)
}

/// Whether any bit is set.
pub(crate) fn any(bits: u128) -> Choice {
    !bits.ct_eq(&0)
}

/// Whether at most one bit is set.
pub(crate) fn at_most_one(bits: u128) -> Choice {
    (bits & bits.wrapping_sub(1)).ct_eq(&0)
}

/// The index of the lowest of `count` bits, and of no other when none is set.
pub(crate) fn lowest(bits: u128, count: u32) -> u32 {
    let mut lowest = 0;
    for index in (0..count).rev() {
        lowest.conditional_assign(&index, bit(bits, index));
    }
    lowest
}

/// `bits >> places` for fewer than 128 secret places: the processor shifts by constants only.
pub(crate) fn shift_right(mut bits: u128, places: u32) -> u128 {
    for stage in 0..7 {
        bits.conditional_assign(&(bits >> (1u32 << stage)), bit(u128::from(places), stage));
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_and_shifted_as_the_plain_operations_do() {
        for seed in 1u32..400 {
            let bits = (u128::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
                & !(u128::MAX << (seed % 128));
            if bits != 0 {
                assert_eq!(lowest(bits, 128), bits.trailing_zeros());
            }
            assert_eq!(bool::from(any(bits)), bits != 0);
            assert_eq!(bool::from(at_most_one(bits)), bits.count_ones() <= 1);
            assert_eq!(shift_right(bits, seed % 128), bits >> (seed % 128));
        }
        assert!(bool::from(at_most_one(1 << 127)));
        assert!(!bool::from(at_most_one(1 << 127 | 1)));
        assert_eq!(shift_right(u128::MAX, 127), 1);
    }
}
