//! Versions, messages, wiping: what belongs to neither layer.

use core::ffi::{CStr, c_char};

use crate::messages::message;
use crate::{pointer, zamok_status};

/// The version of the interface in this header. It grows when something is changed or taken away, and is the number
/// behind `libzamok.so.`; what is only added leaves it as it is.
pub const ZAMOK_ABI_VERSION: u32 = 0;

/// The version of the interface in the library that runs. A program that loads the library by hand compares it with
/// `ZAMOK_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_abi_version() -> u32 {
    ZAMOK_ABI_VERSION
}

/// The version of the library, such as "0.1.0". The text lasts as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// What a status means, in one English sentence that lasts as long as the program; never null. It names no values: where
/// those help, zamok_error_text() has them. The table is docs/errors.md.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_status_message(status: zamok_status) -> *const c_char {
    message(status).as_ptr()
}

/// Overwrites bytes with zeros, which no optimiser leaves out. Null, and a length of 0, are nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zamok_wipe(bytes: *mut u8, length: usize) {
    // SAFETY: what the header asks of the caller.
    unsafe { pointer::wipe(bytes, length) };
}
