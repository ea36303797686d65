//! The first layer: one-time passwords without state. No heap, no globals, no std.

mod base32;
mod hotp;
mod ocra;
mod totp;
mod uri;

pub use base32::*;
pub use hotp::*;
pub use ocra::*;
pub use totp::*;
pub use uri::*;

#[cfg(feature = "vault")]
pub(crate) use hotp::parameters as hotp_parameters;
#[cfg(feature = "vault")]
pub(crate) use totp::parameters as totp_parameters;

use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Reason, Window};
use zamok_core::secret::Secret;

use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;

/// HMAC-SHA-1: what authenticator apps expect.
pub const ZAMOK_SHA1: u32 = 1;
/// HMAC-SHA-256.
pub const ZAMOK_SHA256: u32 = 2;
/// HMAC-SHA-512.
pub const ZAMOK_SHA512: u32 = 3;

/// Take a secret below 128 bits, although it can be guessed from a few observed codes: for keys of issuers that made them
/// so, never for our own.
pub const ZAMOK_ACCEPT_WEAK: u32 = 1;
/// Read exactly what the format says, nothing that people and issuers make of it.
pub const ZAMOK_STRICT: u32 = 2;

/// The code was accepted.
pub const ZAMOK_REASON_ACCEPTED: u32 = 1;
/// The digits belong to no step of the window.
pub const ZAMOK_REASON_WRONG: u32 = 2;
/// The digits belong only to steps that were spent.
pub const ZAMOK_REASON_SPENT: u32 = 3;
/// The text is not so many digits.
pub const ZAMOK_REASON_MALFORMED: u32 = 4;
/// The time lies before the T0 of the key.
pub const ZAMOK_REASON_BEFORE_T0: u32 = 5;
/// No counter is left.
pub const ZAMOK_REASON_EXHAUSTED: u32 = 6;
/// The two codes of a resynchronisation are the same.
pub const ZAMOK_REASON_REPEATED: u32 = 7;

/// Most characters of a code.
pub const ZAMOK_CODE_MAX: usize = 10;
/// Longest secret, in bytes.
pub const ZAMOK_SECRET_MAX: usize = 128;

/// What a check found. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct zamok_checked {
    /// `sizeof(zamok_checked)`.
    pub size: u32,
    /// One of `ZAMOK_REASON_…`: for the journal that the operator reads, never for the person who typed the code.
    pub reason: u32,
    /// The accepted counter or time step; 0 when rejected.
    pub step: u64,
    /// How far it lies from the expected one, in steps; 0 when rejected.
    pub drift: i32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: numbers without padding.
unsafe impl crate::pointer::Versioned for zamok_checked {
    const FIRST: usize = 24;
}

impl zamok_checked {
    fn new<S>(checked: &zamok_core::otp::Checked<S>) -> Self {
        use zamok_core::otp::Verdict;
        let (step, drift) = match checked.verdict {
            Verdict::Accepted { step, drift } => (step, drift),
            Verdict::Rejected => (0, 0),
        };
        Self { size: 0, reason: reason(checked.reason), step, drift, reserved: 0 }
    }
}

fn reason(reason: Reason) -> u32 {
    reason.number().into()
}

/// 0 stands for SHA-1.
pub(crate) fn algorithm(number: u32) -> Result<HashAlgorithm, Fault> {
    match number {
        0 | ZAMOK_SHA1 => Ok(HashAlgorithm::Sha1),
        ZAMOK_SHA256 => Ok(HashAlgorithm::Sha256),
        ZAMOK_SHA512 => Ok(HashAlgorithm::Sha512),
        _ => Err(Fault(ZAMOK_E_ARGUMENT)),
    }
}

pub(crate) const fn algorithm_number(algorithm: HashAlgorithm) -> u32 {
    match algorithm {
        HashAlgorithm::Sha1 => ZAMOK_SHA1,
        HashAlgorithm::Sha256 => ZAMOK_SHA256,
        HashAlgorithm::Sha512 => ZAMOK_SHA512,
    }
}

/// 0 stands for six.
pub(crate) fn digits(number: u32) -> Result<Digits, Fault> {
    match number {
        0 => Ok(Digits::SIX),
        _ => Ok(Digits::new(u8::try_from(number).unwrap_or(u8::MAX))?),
    }
}

pub(crate) fn secret(bytes: &[u8], flags: u32) -> Result<Secret, Fault> {
    match flags {
        0 => Ok(Secret::new(bytes)?),
        ZAMOK_ACCEPT_WEAK => Ok(Secret::new_accepting_weak(bytes)?),
        _ => Err(Fault(ZAMOK_E_ARGUMENT)),
    }
}

fn window(past: u32, future: u32) -> Result<Window, Fault> {
    Ok(Window::steps(past, future)?)
}
