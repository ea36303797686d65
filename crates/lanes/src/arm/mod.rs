//! Kernels for aarch64. Without an operating system a program cannot ask the processor what it has, so these
//! are the instructions that the program is compiled for: NEON, and the SHA extensions with `-C
//! target-feature=+sha2` or a `target-cpu` that has them.
//!
//! All of them have run in an emulator, against the portable kernels. None has been timed, so what is chosen
//! is a guess.

pub(crate) mod neon;
#[cfg(target_feature = "sha2")]
pub(crate) mod sha_ext;

use crate::dispatch::{Variant, kernels};

/// The variants that the program is compiled for.
pub(crate) fn detect() -> impl Iterator<Item = Variant> {
    let sha = if cfg!(target_feature = "sha2") { Some(Variant::ShaArm) } else { None };
    [Variant::Neon].into_iter().chain(sha)
}

kernels! {
    Sha1 in sha1;
    [(ShaArm, 0, ShaArm, 1), (Portable, 1, Neon, 4)];
    Neon in neon,
    #[cfg(target_feature = "sha2")]
    ShaArm in sha_ext,
}

kernels! {
    Sha256 in sha256;
    [(ShaArm, 0, ShaArm, 1), (Portable, 1, Neon, 4)];
    Neon in neon,
    #[cfg(target_feature = "sha2")]
    ShaArm in sha_ext,
}

// Rotations cost NEON two instructions and plain integers none: two lanes gain nothing.
kernels! {
    Sha512 in sha512;
    [];
    Neon in neon,
}

/// Nothing: there is no stable instruction for it.
#[inline(always)]
pub(crate) fn prefetch<T>(_: &T) {}
