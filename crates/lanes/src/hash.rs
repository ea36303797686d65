//! The three hashes of RFC 6238 as marker types, and the kernels of each.

use core::num::Wrapping;

use crate::dispatch::{Choice, Variant};
use crate::key::{Each, MacKey, One};
use crate::{machine, portable, sha1, sha256, sha512};

/// A hash that [`MacKey`] can be made for. Sealed: [`Sha1`], [`Sha256`] and [`Sha512`].
pub trait Hash: Kernels {
    /// Bytes in a block, and so in the longest key.
    const BLOCK: usize;
}

/// SHA-1 (FIPS 180-4 §6.1). Its collisions do not weaken HMAC; RFC 4226 asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Sha1;

/// SHA-256 (FIPS 180-4 §6.2).
#[derive(Clone, Copy, Debug)]
pub struct Sha256;

/// SHA-512 (FIPS 180-4 §6.4).
#[derive(Clone, Copy, Debug)]
pub struct Sha512;

impl Hash for Sha1 {
    const BLOCK: usize = 64;
}

impl Hash for Sha256 {
    const BLOCK: usize = 64;
}

impl Hash for Sha512 {
    const BLOCK: usize = 128;
}

/// What seals [`Hash`]: the state and the kernels of a hash.
pub trait Kernels: Copy + Sized + 'static {
    /// `u32` or `u64`.
    type Word: Default;
    /// The hash value, in words.
    type State: Copy + AsMut<[Self::Word]>;
    /// The tag of HMAC, in bytes.
    type Tag: AsRef<[u8]> + Copy + Eq + core::fmt::Debug;

    /// The name in FIPS 180-4.
    const NAME: &'static str;
    /// The initial hash value.
    const INITIAL: Self::State;

    /// Puts one block into the state.
    fn compress(state: &mut Self::State, block: &[u8]);

    /// The whole tag of one counter.
    fn tag(key: &MacKey<Self>, counter: u64) -> Self::Tag
    where
        Self: Hash;

    /// What this machine runs.
    fn choice() -> Choice;

    /// The truncated tag of each counter of one key. Not generic over the keys, so that the kernels are compiled
    /// once, here, and not in every crate that calls them.
    ///
    /// # Safety
    ///
    /// The processor can run `variant`.
    unsafe fn window(variant: Variant, key: One<'_, Self>, counters: &[u64], values: &mut [u32])
    where
        Self: Hash;

    /// The same for a key to each counter.
    ///
    /// # Safety
    ///
    /// The processor can run `variant`.
    unsafe fn batch(variant: Variant, keys: Each<'_, Self>, counters: &[u64], values: &mut [u32])
    where
        Self: Hash;
}

macro_rules! hash {
    ($hash:ident, $name:literal, $rounds:ident, [$word:ty; $state:literal], $tag:literal) => {
        impl Kernels for $hash {
            type Word = $word;
            type State = [$word; $state];
            type Tag = [u8; $tag];

            const NAME: &'static str = $name;
            const INITIAL: Self::State = $rounds::INITIAL;

            fn compress(state: &mut Self::State, block: &[u8]) {
                let (bytes, _) = block.as_chunks();
                let words = core::array::from_fn(|i| Wrapping(<$word>::from_be_bytes(bytes[i])));
                *state = $rounds::compress(state.map(Wrapping), words).map(|word| word.0);
            }

            fn tag(key: &MacKey<Self>, counter: u64) -> Self::Tag {
                let mut tag = [0; $tag];
                for (bytes, word) in
                    tag.as_chunks_mut().0.iter_mut().zip(portable::$rounds::hmac(key, counter))
                {
                    *bytes = word.to_be_bytes();
                }
                tag
            }

            #[inline]
            fn choice() -> Choice {
                Choice::first($name, machine::$rounds::CHOICES)
            }

            unsafe fn window(variant: Variant, key: One<'_, Self>, counters: &[u64], values: &mut [u32]) {
                // SAFETY: the caller knows that the processor can run the variant.
                unsafe { machine::$rounds::run(variant, key, counters, values) }
            }

            unsafe fn batch(variant: Variant, keys: Each<'_, Self>, counters: &[u64], values: &mut [u32]) {
                // SAFETY: the caller knows that the processor can run the variant.
                unsafe { machine::$rounds::run(variant, keys, counters, values) }
            }
        }
    };
}

hash!(Sha1, "SHA-1", sha1, [u32; 5], 20);
hash!(Sha256, "SHA-256", sha256, [u32; 8], 32);
hash!(Sha512, "SHA-512", sha512, [u64; 8], 64);
