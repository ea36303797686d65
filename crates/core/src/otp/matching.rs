//! Comparing a typed code with every step of a window, in constant time and without an early exit.

use zeroize::Zeroize;

use super::code::{Form, Typed};
use super::mask::Bit;
use super::window::Steps;
use crate::hash::HashAlgorithm;
use crate::mac::CounterMac;

/// A key with the form of its codes: what HOTP, TOTP and Steam have in common.
#[derive(Clone)]
// The form lies before the key material, of which SHA-1 needs only the first bytes.
#[repr(C)]
pub(crate) struct Engine {
    pub(crate) form: Form,
    pub(crate) mac: CounterMac,
}

impl Engine {
    pub(crate) fn new(algorithm: HashAlgorithm, key: &[u8], form: Form) -> Self {
        Self { form, mac: CounterMac::new(algorithm, key) }
    }

    /// The 31-bit value (RFC 4226 §5.3, step 2) of one step.
    pub(crate) fn value(&self, step: u64) -> u32 {
        let mut value = [0];
        self.mac.window(&[step], &mut value);
        value[0]
    }

    /// Which steps have the typed digits: bit i for the step at index i. Not for malformed text, after the same work.
    pub(crate) fn matches(&self, steps: Steps, typed: &Typed) -> u128 {
        // The number of steps is public. The usual windows have buffers of their size, and loops without an end test.
        match steps.count {
            1 => self.matches_in::<1>(1, steps, typed),
            2 => self.matches_in::<2>(2, steps, typed),
            3 => self.matches_in::<3>(3, steps, typed),
            4..=16 => self.matches_in::<16>(steps.count as usize, steps, typed),
            _ => self.matches_in::<128>(steps.count as usize, steps, typed),
        }
    }

    #[inline(always)]
    fn matches_in<const N: usize>(&self, count: usize, steps: Steps, typed: &Typed) -> u128 {
        let (mut counters, mut values) = ([0; N], [0; N]);
        let (counters, values) = (&mut counters[..count], &mut values[..count]);
        for (index, counter) in (0..).zip(&mut *counters) {
            *counter = steps.at(index).0;
        }
        self.mac.window(counters, values);
        let matched = compare(self.form, values, steps, typed);
        values.zeroize();
        matched
    }
}

/// Bit i is set when the value at index i shows the typed digits and its step exists. For at most 128 values.
#[inline(always)]
pub(crate) fn compare(form: Form, values: &[u32], steps: Steps, typed: &Typed) -> u128 {
    if values.len() <= 64 {
        let [word] = shown(form, values, steps, 0, [typed]);
        return u128::from(word);
    }
    let (low, high) = values.split_at(64);
    let [low] = shown(form, low, steps, 0, [typed]);
    let [high] = shown(form, high, steps, 64, [typed]);
    u128::from(low) | u128::from(high) << 64
}

/// For each typed code, which of at most 64 values show it, where their steps exist; they begin at index `from`.
#[inline(always)]
pub(crate) fn shown<const N: usize>(
    form: Form,
    values: &[u32],
    steps: Steps,
    from: u32,
    typed: [&Typed; N],
) -> [u64; N] {
    let modulus = form.modulus();
    let mut words = [0; N];
    for (place, value) in (0..64).zip(values) {
        let digits = modulus.remainder(*value);
        let beyond = steps.beyond(from + place);
        for (word, typed) in words.iter_mut().zip(typed) {
            // One test for both: other digits, or no such step.
            *word |= Bit::zero((digits ^ typed.value) | beyond).value() << place;
        }
    }
    words
}
