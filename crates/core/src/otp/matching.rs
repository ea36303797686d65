//! Comparing a typed code with every step of a window, in constant time and without an early exit.

use zeroize::Zeroize;

use super::code::{Form, Typed};
use super::mask::Bit;
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
        let mut count = 0;
        for (index, counter) in (0..steps.count).zip(&mut counters) {
            *counter = steps.at(index).0;
            count += 1;
        }
        self.mac.window(&counters[..count], &mut values[..count]);
        let matched = compare(self.form, &values[..count], steps, typed);
        values[..count].zeroize();
        matched
    }
}

/// Bit i is set when the value at index i shows the typed digits and its step exists.
pub(crate) fn compare(form: Form, values: &[u32], steps: Steps, typed: &Typed) -> u128 {
    (0..Window::MAX_STEPS).zip(values).fold(0, |bits, (index, value)| {
        let equal = Bit::equal(form.reduce(*value), typed.value) & steps.at(index).1;
        bits | u128::from(equal.value()) << index
    })
}
