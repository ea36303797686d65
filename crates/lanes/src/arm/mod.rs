//! Kernels for aarch64. Without an operating system a program cannot ask the processor what it has, so these are the
//! instructions that the program is compiled for: NEON unless it is switched off, the SHA extensions with
//! `-C target-feature=+sha2` or a `target-cpu` that has them.
//!
//! All of them have run in an emulator, against the portable kernels; none has been timed.

#[cfg(target_feature = "neon")]
pub(crate) mod neon;
#[cfg(target_feature = "sha2")]
pub(crate) mod sha_ext;

use crate::dispatch::Variant;

/// The variants that the program is compiled for.
pub(crate) fn detect() -> impl Iterator<Item = Variant> {
    [(Variant::Neon, cfg!(target_feature = "neon")), (Variant::ShaArm, cfg!(target_feature = "sha2"))]
        .into_iter()
        .filter_map(|(variant, has)| has.then_some(variant))
}
