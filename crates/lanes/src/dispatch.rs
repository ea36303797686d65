//! Which kernel runs.

use core::fmt;

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

    pub(crate) fn is_available(self) -> bool {
        self == Self::Portable
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
    /// The counters in a group.
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

/// What this machine runs, for SHA-1, SHA-256 and SHA-512.
#[must_use]
pub fn describe() -> [Choice; 3] {
    use crate::hash::{Kernels, Sha1, Sha256, Sha512};
    [Sha1::choice(), Sha256::choice(), Sha512::choice()]
}
