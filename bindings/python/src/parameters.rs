//! Names and numbers of arguments, read into types that cannot be wrong.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use zamok::CoreError;
use zamok::hash::HashAlgorithm;
use zamok::otp::{Digits, Window};

use crate::fault::Fault;

/// `"SHA1"`, `"SHA256"` or `"SHA512"`, in either case, with or without a hyphen.
pub(crate) fn algorithm(name: &str) -> PyResult<HashAlgorithm> {
    let plain: String = name.chars().filter(|character| *character != '-').collect();
    let known = HashAlgorithm::ALL.into_iter().find(|one| one.otpauth_name().eq_ignore_ascii_case(&plain));
    known.ok_or_else(|| PyValueError::new_err("the algorithm is SHA1, SHA256 or SHA512"))
}

/// A number of digits; what is beyond a byte is told as 255.
pub(crate) fn digits(count: u64) -> Result<Digits, Fault> {
    Ok(Digits::new(u8::try_from(count).unwrap_or(u8::MAX))?)
}

/// A window; numbers that no window has are told as such.
pub(crate) fn window(past: u64, future: u64) -> Result<Window, Fault> {
    let too_wide = CoreError::WindowTooWide {
        steps: past.saturating_add(future).saturating_add(1),
        limit: Window::MAX_STEPS,
    };
    let (past, future) =
        (u32::try_from(past).map_err(|_| too_wide)?, u32::try_from(future).map_err(|_| too_wide)?);
    Ok(Window::steps(past, future)?)
}

/// Whether computing so many steps takes long enough to let other threads run meanwhile: about 5 µs.
pub(crate) const fn is_long(algorithm: HashAlgorithm, steps: u32) -> bool {
    match algorithm {
        HashAlgorithm::Sha1 | HashAlgorithm::Sha256 => steps > 32,
        HashAlgorithm::Sha512 => steps > 12,
    }
}

/// Steps of a search; a number that no search has is told as too wide.
pub(crate) fn search(steps: u64) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}
