//! Which kernel runs: what the processor has, and what measured fastest with it.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

/// A family of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variant {
    /// Plain integers, one counter after the other.
    Portable,
    /// Plain integers, compiled for the x86-64 instructions BMI1 and BMI2.
    Bmi2,
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
    const ALL: [Self; 7] =
        [Self::Portable, Self::Bmi2, Self::ShaExt, Self::Avx2, Self::Avx512, Self::Neon, Self::ShaArm];

    /// Whether this machine can run it.
    pub(crate) fn is_available(self) -> bool {
        available() & self.bit() != 0
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A bit for each variant that this machine can run. The processor is asked at the first call; threads that race there
/// find the same answer. [`Variant::Portable`] is always set, so that zero stands for "not yet asked".
fn available() -> u8 {
    static AVAILABLE: AtomicU8 = AtomicU8::new(0);
    match AVAILABLE.load(Ordering::Relaxed) {
        0 => {
            let found = detect().fold(Variant::Portable.bit(), |set, variant| set | variant.bit());
            AVAILABLE.store(found, Ordering::Relaxed);
            found
        }
        known => known,
    }
}

#[cfg(target_arch = "x86_64")]
use crate::x86::detect;

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
use crate::arm::detect;

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
fn detect() -> impl Iterator<Item = Variant> {
    core::iter::empty()
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Bmi2 => "BMI2",
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

/// The first of `choices`, from the fastest down, that this machine can run. The last one is portable.
pub(crate) fn first(hash: &'static str, choices: &[(Variant, usize, Variant, usize)]) -> Choice {
    let available = available();
    let mut chosen = Choice { hash, few: Variant::Portable, few_max: 0, many: Variant::Portable, lanes: 1 };
    for &(few, few_max, many, lanes) in choices {
        if (few.bit() | many.bit()) & !available == 0 {
            chosen = Choice { hash, few, few_max, many, lanes };
            break;
        }
    }
    chosen
}

/// What this machine runs, for SHA-1, SHA-256 and SHA-512.
#[must_use]
pub fn describe() -> [Choice; 3] {
    use crate::hash::{Kernels, Sha1, Sha256, Sha512};
    [Sha1::choice(), Sha256::choice(), Sha512::choice()]
}
