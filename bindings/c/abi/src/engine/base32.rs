//! Base32 (RFC 4648 §6), as secrets are written.

use core::ffi::c_char;

use zamok_core::Error;
use zamok_core::otp::base32;
use zamok_core::secret::{Base32Reading, Secret};
use zeroize::Zeroizing;

use crate::border::{Fault, guarded};
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer};
use crate::zamok_status;

/// Characters that a secret of the greatest length becomes.
const LONGEST: usize = base32::encoded_len(Secret::MAX);

/// Writes a secret of at most `ZAMOK_SECRET_MAX` bytes in capitals and without padding, as authenticator apps expect it.
///
/// Errors: `ZAMOK_E_SECRET_TOO_LONG`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_base32_encode(
    bytes: *const u8,
    bytes_length: usize,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        let (bytes, out) =
            unsafe { (pointer::bytes(bytes, bytes_length)?, Buffer::text(text, capacity, length)?) };
        if bytes.len() > Secret::MAX {
            return Err(Error::SecretTooLong(bytes.len()).into());
        }
        let mut written = Zeroizing::new([0; LONGEST]);
        out.put(base32::encode(bytes, written.as_mut_slice())?.as_bytes())
    })
}

/// Reads a secret as issuers write it and people type it: either case, blanks and hyphens between groups, padding or none;
/// with `ZAMOK_STRICT` as RFC 4648 section 6 writes it. With `ZAMOK_ACCEPT_WEAK` also one below 16 bytes.
///
/// Errors: `ZAMOK_E_BASE32`, `ZAMOK_E_SECRET_TOO_SHORT`, `ZAMOK_E_SECRET_TOO_LONG`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_base32_decode(
    text: *const c_char,
    text_length: usize,
    flags: u32,
    bytes: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        let (text, out) =
            unsafe { (pointer::text(text, text_length)?, Buffer::bytes(bytes, capacity, length)?) };
        out.put(read(text, flags)?.expose())
    })
}

fn read(text: &str, flags: u32) -> Result<Secret, Fault> {
    const BOTH: u32 = super::ZAMOK_STRICT | super::ZAMOK_ACCEPT_WEAK;
    let read = match flags {
        0 => Secret::from_base32(text, Base32Reading::Tolerant),
        super::ZAMOK_STRICT => Secret::from_base32(text, Base32Reading::Strict),
        super::ZAMOK_ACCEPT_WEAK => Secret::from_base32_accepting_weak(text, Base32Reading::Tolerant),
        BOTH => Secret::from_base32_accepting_weak(text, Base32Reading::Strict),
        _ => return Err(Fault(ZAMOK_E_ARGUMENT)),
    };
    Ok(read?)
}
