//! Safe calls of `libzamok.so`, loaded at run time: what a C program pays for a check, with its loader's indirection.

use std::ffi::{OsStr, c_char};
use std::fmt;

use libloading::Library;

/// `zamok_totp` of zamok.h.
#[repr(C, align(64))]
struct Opaque([u8; 1024]);

/// `zamok_status zamok_totp_init(key, secret, length, parameters)`
type Init = unsafe extern "C" fn(*mut Opaque, *const u8, usize, *const u8) -> i32;
/// `zamok_status zamok_totp_verify(key, code, length, now, past, future, *step)`
type Verify = unsafe extern "C" fn(*const Opaque, *const c_char, usize, u64, u32, u32, *mut u64) -> i32;

/// A TOTP key of the loaded library.
pub struct Libzamok {
    key: Box<Opaque>,
    verify: Verify,
    // Last, so that the function above never outlives it.
    _library: Library,
}

impl fmt::Debug for Libzamok {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Libzamok(key redacted)")
    }
}

impl Libzamok {
    /// Loads the library from a path and makes a key ready: SHA-1, six digits, 30 seconds.
    ///
    /// # Errors
    /// What the loader says; the status of the library where it refuses the secret.
    pub fn load(path: &OsStr, secret: &[u8]) -> Result<Self, String> {
        let describe = |error: libloading::Error| format!("{}: {error}", path.display());
        // SAFETY: it is our own library, which has no constructors with preconditions.
        let library = unsafe { Library::new(path) }.map_err(describe)?;
        // SAFETY: the types are those of zamok.h.
        let (init, verify) = unsafe {
            (
                *library.get::<Init>(b"zamok_totp_init\0").map_err(describe)?,
                *library.get::<Verify>(b"zamok_totp_verify\0").map_err(describe)?,
            )
        };
        let mut key = Box::new(Opaque([0; 1024]));
        // SAFETY: the key has room as zamok.h says, the secret is read for its length, null are the usual parameters.
        let status = unsafe { init(&raw mut *key, secret.as_ptr(), secret.len(), std::ptr::null()) };
        if status == 0 {
            Ok(Self { key, verify, _library: library })
        } else {
            Err(format!("zamok_totp_init: {status}"))
        }
    }

    /// Whether a code is one of the `past` + 1 + `future` steps around `now`.
    #[must_use]
    pub fn totp_verify(&self, code: &str, now: u64, past: u32, future: u32) -> bool {
        let mut step = 0;
        // SAFETY: the key was made ready, the code is read for its length, `step` is written once.
        let status = unsafe {
            (self.verify)(
                &raw const *self.key,
                code.as_ptr().cast(),
                code.len(),
                now,
                past,
                future,
                &raw mut step,
            )
        };
        status == 0
    }
}
