//! Errors of the second layer: a status, and the values that belong to it.

use std::cell::RefCell;
use std::ffi::c_char;

use crate::border::{Fault, caught, guarded};
use crate::codes::{ZAMOK_E_ANCHOR_UNWRITTEN, ZAMOK_E_PANIC, ZAMOK_OK};
use crate::messages::message;
use crate::pointer::Buffer;
use crate::zamok_status;

/// Why a function of the second layer did not do what was asked.
pub(crate) enum Trouble {
    Misuse(Fault),
    Cabinet(zamok::Error),
    /// It was done, but for the anchor, with which this was wrong.
    Unanchored(zamok_core::Error),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Misuse(fault)
    }
}

impl From<zamok::Error> for Trouble {
    fn from(error: zamok::Error) -> Self {
        Self::Cabinet(error)
    }
}

impl From<zamok_core::Error> for Trouble {
    fn from(error: zamok_core::Error) -> Self {
        Self::Cabinet(error.into())
    }
}

impl From<zamok_core::store::StoreFault> for Trouble {
    fn from(fault: zamok_core::store::StoreFault) -> Self {
        Self::Cabinet(fault.into())
    }
}

impl Trouble {
    fn status(&self) -> zamok_status {
        match self {
            Self::Misuse(fault) => fault.0,
            Self::Cabinet(error) => error.code().into(),
            Self::Unanchored(_) => ZAMOK_E_ANCHOR_UNWRITTEN,
        }
    }

    /// What it says with its values, where it says more than its status.
    fn said(&self) -> Option<String> {
        match self {
            Self::Misuse(_) => None,
            Self::Cabinet(error) => Some(error.to_string()),
            Self::Unanchored(error) => Some(format!("{}: {error}", message(self.status()).to_string_lossy())),
        }
    }
}

thread_local! {
    /// What the last failed call of this thread said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of a function, and remembers what was wrong.
pub(crate) fn told(body: impl FnOnce() -> Result<(), Trouble>) -> zamok_status {
    let (status, said) = match caught(body) {
        Some(Ok(())) => return ZAMOK_OK,
        Some(Err(trouble)) => (trouble.status(), trouble.said()),
        None => (ZAMOK_E_PANIC, None),
    };
    let said = said.unwrap_or_else(|| message(status).to_string_lossy().into_owned());
    // A thread that is ending has no place for it any more.
    let _ = SAID.try_with(|place| {
        if let Ok(mut place) = place.try_borrow_mut() {
            *place = said;
        }
    });
    status
}

/// What the last call of this thread that failed would say, with its values: "the vault is locked" or "unlocking is
/// delayed after failed attempts until 1800000030 (seconds since 1970)". Of functions with handles; those of one-time
/// passwords keep nothing. No secret is ever in it.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_error_text(
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(text, capacity, length)? };
        let said = SAID.try_with(|place| place.try_borrow().map(|said| said.clone()).unwrap_or_default());
        out.put(said.unwrap_or_default().as_bytes())
    })
}
