//! HMAC keys (RFC 2104) as two midstates: the states of the hash behind the inner and the outer pad. A
//! midstate is as good as the key.

use core::fmt;
use core::sync::atomic::{Ordering, compiler_fence};

use crate::dispatch::Variant;
use crate::hash::Hash;
use crate::machine;

/// An HMAC key, ready to compute codes: two midstates, wiped on drop.
///
/// Moving it leaves a copy behind, as with any value: what must not leave one is put where it stays.
#[derive(Clone)]
pub struct MacKey<H: Hash> {
    /// Behind the inner pad, and behind the outer one. An array, so that both can be loaded as one row.
    pub(crate) midstates: [H::State; 2],
}

impl<H: Hash> MacKey<H> {
    /// RFC 2104 §2: the key is padded with zeros to a block of the hash. It takes as long for any key, short
    /// or long.
    ///
    /// # Errors
    ///
    /// [`KeyTooLong`] for more than a block. RFC 2104 has the caller hash such a key first.
    pub fn new(key: &[u8]) -> Result<Self, KeyTooLong> {
        let mut pad = [0; 128];
        if key.len() > H::BLOCK {
            return Err(KeyTooLong { length: key.len(), limit: H::BLOCK });
        }
        pad[..key.len()].copy_from_slice(key);
        let mut midstates = [H::INITIAL; 2];
        pad.iter_mut().for_each(|byte| *byte ^= 0x36);
        H::compress(&mut midstates[0], &pad[..H::BLOCK]);
        pad.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
        H::compress(&mut midstates[1], &pad[..H::BLOCK]);
        wipe(&mut pad);
        Ok(Self { midstates })
    }
}

impl<H: Hash> Drop for MacKey<H> {
    fn drop(&mut self) {
        self.midstates.iter_mut().for_each(|state| wipe(state.as_mut()));
    }
}

impl<H: Hash> fmt::Debug for MacKey<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey<{}>(redacted)", H::NAME)
    }
}

/// A key of more than a block of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTooLong {
    /// Bytes given.
    pub length: usize,
    /// Bytes allowed: [`Hash::BLOCK`].
    pub limit: usize,
}

impl fmt::Display for KeyTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of {} bytes, where a block holds {}", self.length, self.limit)
    }
}

impl core::error::Error for KeyTooLong {}

/// Writes that the compiler may not drop as dead.
fn wipe<W: Default>(words: &mut [W]) {
    for word in words {
        // SAFETY: a reference is valid and aligned for writes, and no `W` used here has anything to drop.
        unsafe { core::ptr::write_volatile(word, W::default()) };
    }
    compiler_fence(Ordering::SeqCst);
}

/// The keys of a call: the same for all counters, or one for each.
pub(crate) trait Keys<'a, H: Hash>: Copy {
    /// Whether it is the same for all.
    const SAME: bool;
    /// The key of counter `index`.
    fn at(self, index: usize) -> &'a MacKey<H>;
    /// Asks for the key of counter `index`, if there is one, to be fetched from memory.
    fn prefetch(self, index: usize);
    /// The keys before counter `index`, and the others.
    fn split_at(self, index: usize) -> (Self, Self);
    /// The truncated tag of each counter.
    ///
    /// # Safety
    ///
    /// The processor can run `variant`.
    unsafe fn run(self, variant: Variant, counters: &[u64], values: &mut [u32]);
}

/// The same key for all counters.
#[derive(Clone, Copy, Debug)]
pub struct One<'a, H: Hash>(pub(crate) &'a MacKey<H>);

impl<'a, H: Hash> Keys<'a, H> for One<'a, H> {
    const SAME: bool = true;

    #[inline(always)]
    fn at(self, _: usize) -> &'a MacKey<H> {
        self.0
    }

    #[inline(always)]
    fn prefetch(self, _: usize) {}

    #[inline(always)]
    fn split_at(self, _: usize) -> (Self, Self) {
        (self, self)
    }

    unsafe fn run(self, variant: Variant, counters: &[u64], values: &mut [u32]) {
        // SAFETY: the caller knows that the processor can run the variant.
        unsafe { H::window(variant, self, counters, values) }
    }
}

/// A key for each counter.
#[derive(Clone, Copy, Debug)]
pub struct Each<'a, H: Hash>(pub(crate) &'a [&'a MacKey<H>]);

impl<'a, H: Hash> Keys<'a, H> for Each<'a, H> {
    const SAME: bool = false;

    #[inline(always)]
    fn at(self, index: usize) -> &'a MacKey<H> {
        self.0[index]
    }

    #[inline(always)]
    fn prefetch(self, index: usize) {
        if let Some(key) = self.0.get(index) {
            machine::prefetch(*key);
        }
    }

    #[inline(always)]
    fn split_at(self, index: usize) -> (Self, Self) {
        let (before, after) = self.0.split_at(index);
        (Self(before), Self(after))
    }

    unsafe fn run(self, variant: Variant, counters: &[u64], values: &mut [u32]) {
        // SAFETY: the caller knows that the processor can run the variant.
        unsafe { H::batch(variant, self, counters, values) }
    }
}
