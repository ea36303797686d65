//! HMAC over one 8-byte counter, in SIMD lanes: the inner loop of one-time passwords.
//!
//! A code of HOTP (RFC 4226) or TOTP (RFC 6238) is HMAC (RFC 2104) with SHA-1, SHA-256 or SHA-512 (FIPS
//! 180-4) over a big-endian counter, truncated to 31 bits (RFC 4226 §5.3). [`MacKey`] keeps a key as the two
//! states behind its inner and outer pad, so that a code costs two compressions; [`window`] computes many
//! counters of one key at once and [`batch`] one counter of each of many keys. Decimal digits and comparison
//! are the caller's.
//!
//! ```
//! use zamok_lanes::{MacKey, Sha1, window};
//!
//! let key = MacKey::<Sha1>::new(b"12345678901234567890")?;
//! let mut values = [0; 3];
//! window(&key, &[0, 1, 2], &mut values);
//! assert_eq!(values.map(|value| value % 1_000_000), [755_224, 287_082, 359_152]); // RFC 4226 appendix D
//! # Ok::<(), zamok_lanes::KeyTooLong>(())
//! ```
//!
//! # Constant time
//!
//! No branch, no address and no shift count depends on a key, a tag or a code; the number of counters is
//! public. The markers in [`ct`] let a checker confirm it. Keys are wiped when dropped; registers and spilled
//! words are not.
//!
//! # Which instructions
//!
//! [`describe`] tells what runs. On x86-64 the processor is asked once, without an operating system. On
//! aarch64 it cannot be asked without one, so the instructions are those that the program is compiled for.

#![no_std]
#![cfg_attr(
    not(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"),
    )),
    expect(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "without a vector unit nobody computes in groups"
    )
)]

mod dispatch;
mod groups;
mod hash;
mod key;
mod lanes;
mod portable;
mod sha1;
mod sha256;
mod sha512;
mod truncate;

// The vector units of the machine. Targets that keep SSE or NEON from their programs (kernels of operating
// systems) have none.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[path = "x86/mod.rs"]
mod machine;
#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
#[path = "arm/mod.rs"]
mod machine;
#[cfg(not(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"),
)))]
#[path = "other.rs"]
mod machine;

pub mod ct;

#[cfg(feature = "force")]
#[doc(hidden)]
pub use dispatch::restrict_to;
pub use dispatch::{Choice, Variant, describe, variants};
pub use hash::{Hash, Sha1, Sha256, Sha512};
pub use key::{KeyTooLong, MacKey};

use key::{Each, Keys, One};

/// Many counters of one key: `values[i]` becomes the 31 bits of RFC 4226 §5.3 of HMAC(`key`, `counters[i]`).
///
/// # Panics
///
/// If `counters` and `values` differ in length.
pub fn window<H: Hash>(key: &MacKey<H>, counters: &[u64], values: &mut [u32]) {
    assert_eq!(counters.len(), values.len(), "as many values as counters");
    choose(One(key), counters, values);
}

/// Many keys: `values[i]` becomes the 31 bits of RFC 4226 §5.3 of HMAC(`keys[i]`, `counters[i]`).
///
/// # Panics
///
/// If `keys`, `counters` and `values` differ in length.
pub fn batch<H: Hash>(keys: &[&MacKey<H>], counters: &[u64], values: &mut [u32]) {
    assert_eq!(keys.len(), counters.len(), "as many keys as counters");
    assert_eq!(counters.len(), values.len(), "as many values as counters");
    choose(Each(keys), counters, values);
}

/// The whole of HMAC(`key`, `counter`), for callers that truncate otherwise.
#[must_use]
pub fn tag<H: Hash>(key: &MacKey<H>, counter: u64) -> H::Tag {
    H::tag(key, counter)
}

/// Asks for `value` to be fetched from memory, up to its first 128 bytes, and does not wait: of use some hundred nanoseconds
/// before it is read.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    machine::prefetch(value);
}

/// Whole groups go to the wide lanes, and so does a rest that is worth one more pass.
fn choose<'a, H: Hash, K: Keys<'a, H>>(keys: K, counters: &[u64], values: &mut [u32]) {
    let choice = H::choice();
    let rest = counters.len() & (choice.lanes - 1);
    let many = counters.len() - if rest <= choice.few_max { rest } else { 0 };

    let (many_keys, few_keys) = keys.split_at(many);
    let (many_counters, few_counters) = counters.split_at(many);
    let (many_values, few_values) = values.split_at_mut(many);
    // SAFETY: `choice` names only variants that this processor can run.
    unsafe {
        if many > 0 {
            many_keys.run(choice.many, many_counters, many_values);
        }
        if !few_counters.is_empty() {
            few_keys.run(choice.few, few_counters, few_values);
        }
    }
}

/// [`window`] by one kernel, for tests and benches.
///
/// # Panics
///
/// As [`window`], and if this machine cannot run the variant.
#[cfg(feature = "force")]
#[doc(hidden)]
pub fn window_with<H: Hash>(variant: Variant, key: &MacKey<H>, counters: &[u64], values: &mut [u32]) {
    assert!(variant.is_available(), "{variant} on this machine");
    assert_eq!(counters.len(), values.len(), "as many values as counters");
    // SAFETY: this processor can run the variant.
    unsafe { One(key).run(variant, counters, values) }
}

/// [`batch`] by one kernel, for tests and benches.
///
/// # Panics
///
/// As [`batch`], and if this machine cannot run the variant.
#[cfg(feature = "force")]
#[doc(hidden)]
pub fn batch_with<H: Hash>(variant: Variant, keys: &[&MacKey<H>], counters: &[u64], values: &mut [u32]) {
    assert!(variant.is_available(), "{variant} on this machine");
    assert_eq!(keys.len(), counters.len(), "as many keys as counters");
    assert_eq!(counters.len(), values.len(), "as many values as counters");
    // SAFETY: this processor can run the variant.
    unsafe { Each(keys).run(variant, counters, values) }
}
