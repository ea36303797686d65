//! The three hashes of RFC 6238 as marker types, and the kernels of each.

use core::num::Wrapping;

use crate::dispatch::{Choice, Variant, first};
use crate::key::{Keys, MacKey};
use crate::{portable, sha1, sha256, sha512};

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

    /// The truncated tag of each counter.
    ///
    /// # Safety
    ///
    /// The processor can run `variant`.
    unsafe fn run<'a, K: Keys<'a, Self>>(variant: Variant, keys: K, counters: &[u64], values: &mut [u32])
    where
        Self: Hash;
}

use Variant::{Avx2, Avx512, Bmi2, Neon, Portable, ShaArm, ShaExt};

/// Few, up to how many of them; many, in groups of how many. The first line that the machine can run is the fastest of
/// those below it: a pass of wide lanes takes as long as that many by the other kernel.
type Choices<const N: usize> = [(Variant, usize, Variant, usize); N];

const SHA1: Choices<9> = [
    (ShaExt, 8, Avx512, 16),
    (ShaExt, 6, Avx2, 8),
    (ShaExt, 0, ShaExt, 1),
    (Bmi2, 1, Avx512, 16),
    (Bmi2, 2, Avx2, 8),
    (Bmi2, 0, Bmi2, 1),
    (ShaArm, 0, ShaArm, 1),
    (Portable, 1, Neon, 4),
    (Portable, 0, Portable, 1),
];

const SHA256: Choices<8> = [
    (ShaExt, 10, Avx512, 16),
    (ShaExt, 0, ShaExt, 1),
    (Bmi2, 1, Avx512, 16),
    (Bmi2, 2, Avx2, 8),
    (Bmi2, 0, Bmi2, 1),
    (ShaArm, 0, ShaArm, 1),
    (Portable, 1, Neon, 4),
    (Portable, 0, Portable, 1),
];

const SHA512: Choices<4> =
    [(Bmi2, 1, Avx512, 8), (Bmi2, 2, Avx2, 4), (Bmi2, 0, Bmi2, 1), (Portable, 0, Portable, 1)];

macro_rules! kernels {
    (
        $hash:ident, $name:literal, $rounds:ident, [$word:ty; $state:literal], $tag:literal;
        $choices:expr;
        $($(#[$when:meta])* $variant:ident $kernel:path,)*
    ) => {
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

            fn choice() -> Choice {
                first($name, &$choices)
            }

            unsafe fn run<'a, K: Keys<'a, Self>>(
                variant: Variant,
                keys: K,
                counters: &[u64],
                values: &mut [u32],
            ) {
                match variant {
                    $(
                        $(#[$when])*
                        // SAFETY: the caller knows that the processor can run the variant.
                        Variant::$variant => unsafe { $kernel(keys, counters, values) },
                    )*
                    _ => portable::$rounds::codes(keys, counters, values),
                }
            }
        }
    };
}

kernels! {
    Sha1, "SHA-1", sha1, [u32; 5], 20;
    SHA1;
    #[cfg(target_arch = "x86_64")]
    Bmi2 crate::x86::bmi2::sha1,
    #[cfg(target_arch = "x86_64")]
    ShaExt crate::x86::sha_ext::sha1,
    #[cfg(target_arch = "x86_64")]
    Avx2 crate::x86::avx2::sha1,
    #[cfg(target_arch = "x86_64")]
    Avx512 crate::x86::avx512::sha1,
    #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
    Neon crate::arm::neon::sha1,
    #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "sha2"))]
    ShaArm crate::arm::sha_ext::sha1,
}

kernels! {
    Sha256, "SHA-256", sha256, [u32; 8], 32;
    SHA256;
    #[cfg(target_arch = "x86_64")]
    Bmi2 crate::x86::bmi2::sha256,
    #[cfg(target_arch = "x86_64")]
    ShaExt crate::x86::sha_ext::sha256,
    #[cfg(target_arch = "x86_64")]
    Avx2 crate::x86::avx2::sha256,
    #[cfg(target_arch = "x86_64")]
    Avx512 crate::x86::avx512::sha256,
    #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
    Neon crate::arm::neon::sha256,
    #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "sha2"))]
    ShaArm crate::arm::sha_ext::sha256,
}

kernels! {
    Sha512, "SHA-512", sha512, [u64; 8], 64;
    SHA512;
    #[cfg(target_arch = "x86_64")]
    Bmi2 crate::x86::bmi2::sha512,
    #[cfg(target_arch = "x86_64")]
    Avx2 crate::x86::avx2::sha512,
    #[cfg(target_arch = "x86_64")]
    Avx512 crate::x86::avx512::sha512,
    #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
    Neon crate::arm::neon::sha512,
}
