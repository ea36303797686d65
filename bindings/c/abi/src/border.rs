//! The border: an error becomes a status, and so does a panic. Nothing unwinds into C.

use crate::codes::{ZAMOK_E_PANIC, ZAMOK_OK};
use crate::zamok_status;

/// Why a function of the engine did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) zamok_status);

impl From<zamok_core::Error> for Fault {
    fn from(error: zamok_core::Error) -> Self {
        Self(error.code().into())
    }
}

/// Runs the body of a function.
pub(crate) fn guarded(body: impl FnOnce() -> Result<(), Fault>) -> zamok_status {
    match caught(body) {
        Some(Ok(())) => ZAMOK_OK,
        Some(Err(fault)) => fault.0,
        None => ZAMOK_E_PANIC,
    }
}

/// What the body answers, or nothing when it panicked. Whatever it was about to change is behind locks that survive
/// that, or local; outputs are written last.
#[cfg(feature = "vault")]
pub(crate) fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).ok()
}

/// Without std there is no unwinding: the handler of the program stops it.
#[cfg(not(feature = "vault"))]
pub(crate) fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    Some(body())
}

#[cfg(all(test, feature = "vault"))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(guarded(|| panic!("on purpose")), ZAMOK_E_PANIC);
        assert_eq!(guarded(|| Ok(())), ZAMOK_OK);
        assert_eq!(guarded(|| Err(Fault::from(zamok_core::Error::Rejected))), 100);
    }
}
