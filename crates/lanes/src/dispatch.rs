//! Which kernel runs: what the processor has, and what measured fastest with it.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::machine;

/// A family of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variant {
    /// Plain integers, one counter after the other.
    Portable,
    /// x86-64 SHA extensions, up to four counters interleaved. SHA-1 and SHA-256.
    ShaExt,
    /// x86-64 AVX2: eight lanes, four of SHA-512.
    Avx2,
    /// x86-64 AVX-512 F: sixteen lanes, eight of SHA-512.
    Avx512,
    /// aarch64 NEON: four lanes, two of SHA-512.
    Neon,
    /// aarch64 SHA extensions, interleaved. SHA-1 and SHA-256.
    ShaArm,
}

impl Variant {
    const ALL: [Self; 6] = [Self::Portable, Self::ShaExt, Self::Avx2, Self::Avx512, Self::Neon, Self::ShaArm];

    /// Whether this machine can run it.
    pub(crate) fn is_available(self) -> bool {
        available() & self.bit() != 0
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A bit for each variant that this machine can run; zero stands for "not yet asked".
static AVAILABLE: AtomicU8 = AtomicU8::new(0);

/// The processor is asked at the first call; threads that race there find the same answer.
/// [`Variant::Portable`] is always set.
#[inline]
fn available() -> u8 {
    #[cold]
    #[inline(never)]
    fn detect() -> u8 {
        let found = machine::detect().fold(Variant::Portable.bit(), |set, variant| set | variant.bit());
        AVAILABLE.store(found, Ordering::Relaxed);
        found
    }

    match AVAILABLE.load(Ordering::Relaxed) {
        0 => detect(),
        known => known,
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::ShaExt | Self::ShaArm => "SHA extensions",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
            Self::Neon => "NEON",
        })
    }
}

/// The variants that this machine can run.
pub fn variants() -> impl Iterator<Item = Variant> {
    Variant::ALL.into_iter().filter(|variant| variant.is_available())
}

/// Makes this process use `variant` and portable code alone, as if the processor had nothing else: for checkers,
/// which have to see every kernel through the engine above.
///
/// # Panics
///
/// If this machine cannot run the variant.
#[cfg(feature = "force")]
#[doc(hidden)]
pub fn restrict_to(variant: Variant) {
    assert!(variant.is_available(), "{variant} on this machine");
    AVAILABLE.store(variant.bit() | Variant::Portable.bit(), Ordering::Relaxed);
}

/// A line of a machine's table: few by …, up to how many; many by …, in groups of how many. The first line
/// that the processor can run counts, so the fastest comes first; portable needs no line.
pub(crate) type Line = (Variant, usize, Variant, usize);

/// What [`window`](crate::window) and [`batch`](crate::batch) run for one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// The name of the hash in FIPS 180-4.
    pub hash: &'static str,
    /// Runs what whole groups of `lanes` leave over, if that is at most `few_max` counters.
    pub few: Variant,
    /// The most counters that `few` is quicker for.
    pub few_max: usize,
    /// Runs whole groups, and a rest above `few_max`.
    pub many: Variant,
    /// The counters in a group: a power of two.
    pub lanes: usize,
}

impl Choice {
    #[inline]
    pub(crate) fn first(hash: &'static str, lines: &[Line]) -> Self {
        let available = available();
        for &(few, few_max, many, lanes) in lines {
            if (few.bit() | many.bit()) & !available == 0 {
                return Self { hash, few, few_max, many, lanes };
            }
        }
        Self { hash, few: Variant::Portable, few_max: 0, many: Variant::Portable, lanes: 1 }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, few, few_max, many, lanes } = self;
        if *few_max == 0 {
            write!(f, "{hash}: {many} by {lanes}")
        } else {
            write!(f, "{hash}: {many} by {lanes}; a rest of up to {few_max} by {few}")
        }
    }
}

/// What this machine runs, for SHA-1, SHA-256 and SHA-512.
#[must_use]
pub fn describe() -> [Choice; 3] {
    use crate::hash::{Kernels, Sha1, Sha256, Sha512};
    [Sha1::choice(), Sha256::choice(), Sha512::choice()]
}

/// The kernels of a machine for one hash, as a module: `CHOICES` and `run`.
macro_rules! kernels {
    ($hash:ident in $rounds:ident; $choices:expr; $($(#[$when:meta])* $variant:ident in $unit:ident,)*) => {
        pub(crate) mod $rounds {
            use crate::dispatch::{Line, Variant};

            /// From measurements.
            pub(crate) const CHOICES: &[Line] = {
                #[allow(unused_imports)]
                use Variant::*;
                &$choices
            };

            /// The truncated tag of each counter; portable, if the variant has no kernel for this hash.
            ///
            /// # Safety
            ///
            /// The processor can run `variant`.
            pub(crate) unsafe fn run<'a, K: crate::key::Keys<'a, crate::$hash>>(
                variant: Variant,
                keys: K,
                counters: &[u64],
                values: &mut [u32],
            ) {
                match variant {
                    $(
                        $(#[$when])*
                        // SAFETY: the caller knows that the processor can run the variant.
                        Variant::$variant => unsafe { super::$unit::$rounds(keys, counters, values) },
                    )*
                    _ => crate::portable::$rounds::codes(keys, counters, values),
                }
            }
        }
    };
}
pub(crate) use kernels;
