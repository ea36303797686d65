//! Safe calls of the system's liboath (OATH Toolkit), loaded at run time, as a peer in comparisons.

use std::ffi::{CString, c_char, c_int, c_uint};

use libloading::Library;

/// `int oath_totp_validate2(secret, length, now, step, start, window, *position, otp)`
type Validate =
    unsafe extern "C" fn(*const c_char, usize, i64, c_uint, i64, usize, *mut c_int, *const c_char) -> c_int;
/// `int oath_hotp_generate(secret, length, counter, digits, checksum, truncation offset, output)`
type Generate = unsafe extern "C" fn(*const c_char, usize, u64, c_uint, bool, usize, *mut c_char) -> c_int;

/// The loaded library.
#[derive(Debug)]
pub struct Liboath {
    validate: Validate,
    generate: Generate,
    // Last, so that the functions above never outlive it.
    _library: Library,
}

impl Liboath {
    /// Loads `liboath.so.0`, which the package of `oathtool` brings along.
    ///
    /// # Errors
    /// What the loader says.
    pub fn load() -> Result<Self, String> {
        let describe = |error: libloading::Error| format!("liboath.so.0: {error}");
        // SAFETY: liboath has no constructors with preconditions; it is the system's own copy.
        let library = unsafe { Library::new("liboath.so.0") }.map_err(describe)?;
        // SAFETY: the type is that of `int oath_init (void)` in oath.h.
        let init =
            unsafe { library.get::<unsafe extern "C" fn() -> c_int>(b"oath_init\0") }.map_err(describe)?;
        // SAFETY: it takes nothing and may be called at any time, also repeatedly (oath.h).
        if unsafe { init() } != 0 {
            return Err("oath_init failed".into());
        }
        // SAFETY: `Validate` is the type of this function in oath.h on a platform with 64-bit time_t.
        let validate = *unsafe { library.get::<Validate>(b"oath_totp_validate2\0") }.map_err(describe)?;
        // SAFETY: `Generate` is the type of this function in oath.h.
        let generate = *unsafe { library.get::<Generate>(b"oath_hotp_generate\0") }.map_err(describe)?;
        Ok(Self { validate, generate, _library: library })
    }

    /// Whether a 6-digit code is one of the `2 · window + 1` steps of 30 seconds around `now`.
    #[must_use]
    pub fn totp_validate(&self, secret: &[u8], now: i64, window: usize, code: &CString) -> bool {
        let mut position = 0;
        // SAFETY: the secret is read for its length, the code is terminated, `position` is written once.
        let found = unsafe {
            (self.validate)(
                secret.as_ptr().cast(),
                secret.len(),
                now,
                30,
                0,
                window,
                &raw mut position,
                code.as_ptr(),
            )
        };
        found >= 0
    }

    /// The 6-digit code of a counter.
    #[must_use]
    pub fn hotp_generate(&self, secret: &[u8], counter: u64) -> [u8; 6] {
        let mut output: [c_char; 8] = [0; 8];
        // SAFETY: the secret is read for its length; six digits and a terminator fit the output; a truncation offset
        // of all ones asks for dynamic truncation (oath.h).
        unsafe {
            (self.generate)(
                secret.as_ptr().cast(),
                secret.len(),
                counter,
                6,
                false,
                usize::MAX,
                output.as_mut_ptr(),
            )
        };
        let mut digits = [0; 6];
        for (digit, character) in digits.iter_mut().zip(output) {
            *digit = character.to_ne_bytes()[0];
        }
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_the_values_of_rfc_4226() {
        let oath = Liboath::load().expect("run `cargo xtask setup`");
        assert_eq!(&oath.hotp_generate(b"12345678901234567890", 0), b"755224");
        assert!(oath.totp_validate(b"12345678901234567890", 59, 1, &CString::new("287082").unwrap()));
        assert!(!oath.totp_validate(b"12345678901234567890", 59, 1, &CString::new("287083").unwrap()));
    }
}
