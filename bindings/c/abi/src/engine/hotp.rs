//! HOTP (RFC 4226).

use core::ffi::c_char;

use zamok_core::otp::{Hotp, HotpParameters, HotpState, Window};

use super::totp::typed;
use super::{algorithm, digits, secret, window, zamok_checked};
use crate::border::{Fault, guarded};
use crate::pointer::{self, Buffer, Place, Resident, Seat, Spare, StructPlace, Versioned, has_room};
use crate::zamok_status;

/// An HOTP key, ready to compute, in memory of the caller: made by zamok_hotp_init(), ended by zamok_hotp_wipe(). All that
/// is said of zamok_totp holds here.
#[repr(C, align(64))]
pub struct zamok_hotp {
    /// Not for the caller.
    pub opaque: [u8; 1024],
}

// SAFETY: see the assertion; midstates and parameters are numbers.
unsafe impl Resident for Hotp {
    type Opaque = zamok_hotp;
    const TAG: u64 = 0x7a61_6d6f_6b48_0001;
}
const _: () = assert!(has_room::<Hotp>());

/// The public parameters of an HOTP key. Zeros stand for RFC 4226: SHA-1, 6 digits.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_hotp_parameters {
    /// `sizeof(zamok_hotp_parameters)`.
    pub size: u32,
    /// `ZAMOK_SHA1`, `ZAMOK_SHA256` or `ZAMOK_SHA512`.
    pub algorithm: u32,
    /// Digits of a code, 6 to 10.
    pub digits: u32,
    /// 0, or `ZAMOK_ACCEPT_WEAK`.
    pub flags: u32,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_hotp_parameters {
    const FIRST: usize = 16;
}

/// What is remembered of an HOTP key that verifies: with `size` set and the rest 0, a new key at counter 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_hotp_state {
    /// `sizeof(zamok_hotp_state)`.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The next counter that may be accepted.
    pub next: u64,
    /// Counters after `next` that are spent already, because they showed the digits of an accepted code: bit i stands for
    /// `next` + i. Here the lower 64.
    pub burned_low: u64,
    /// The upper 64.
    pub burned_high: u64,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_hotp_state {
    const FIRST: usize = 32;
}

impl zamok_hotp_state {
    const fn read(self) -> HotpState {
        HotpState { next: self.next, burned: self.burned_low as u128 | (self.burned_high as u128) << 64 }
    }

    fn new(state: &HotpState) -> Self {
        let [low, high] = [state.burned, state.burned >> 64].map(|word| word & u128::from(u64::MAX));
        let word = |word: u128| u64::try_from(word).unwrap_or(0);
        Self { size: 0, reserved: 0, next: state.next, burned_low: word(low), burned_high: word(high) }
    }
}

pub(crate) fn parameters(given: Option<zamok_hotp_parameters>) -> Result<(HotpParameters, u32), Fault> {
    let Some(given) = given else { return Ok((HotpParameters::default(), 0)) };
    let parameters = HotpParameters { algorithm: algorithm(given.algorithm)?, digits: digits(given.digits)? };
    Ok((parameters, given.flags))
}

/// Makes a key ready. `parameters` may be null: the usual ones.
///
/// Errors: as zamok_totp_init().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_hotp_init(
    key: *mut zamok_hotp,
    secret_bytes: *const u8,
    secret_length: usize,
    parameters: *const zamok_hotp_parameters,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        let (seat, bytes, given) = unsafe {
            (
                Seat::<Hotp>::new(key)?,
                pointer::bytes(secret_bytes, secret_length)?,
                pointer::versioned(parameters)?,
            )
        };
        let (parameters, flags) = self::parameters(given)?;
        let secret = secret(bytes, flags)?;
        seat.put(Hotp::new(&secret, parameters));
        Ok(())
    })
}

/// Wipes a key. Null is nothing; a key that was wiped is refused by every function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zamok_hotp_wipe(key: *mut zamok_hotp) {
    // SAFETY: what the header asks of the caller.
    unsafe { pointer::wipe(key.cast(), size_of::<zamok_hotp>()) };
}

/// The code of a counter: up to `ZAMOK_CODE_MAX` characters and a zero byte.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_hotp_code(
    key: *const zamok_hotp,
    counter: u64,
    code: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Hotp>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, out) =
            unsafe { (pointer::resident(key, &mut spare)?, Buffer::text(code, capacity, length)?) };
        out.put(key.code(counter).as_str().as_bytes())
    })
}

/// Looks a typed code up at the expected counter and `look_ahead` beyond it, in constant time.
///
/// **The caller has to spend the counter**: store `*counter_found` + 1 as the next one, in one atomic exchange, before
/// acting on `ZAMOK_OK`. zamok_hotp_check() does more: it also keeps the same digits from counting at another counter.
///
/// Errors: `ZAMOK_E_REJECTED`, also for what is no code; `ZAMOK_E_WINDOW_TOO_WIDE` above 128 counters.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_hotp_verify(
    key: *const zamok_hotp,
    code: *const c_char,
    code_length: usize,
    counter: u64,
    look_ahead: u32,
    counter_found: *mut u64,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Hotp>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, code, place) = unsafe {
            (
                pointer::resident(key, &mut spare)?,
                pointer::bytes(code.cast(), code_length)?,
                Place::new(counter_found)?,
            )
        };
        place.put(key.verify(typed(code), counter, window(0, look_ahead)?)?.step);
        Ok(())
    })
}

/// Checks a typed code against a state and, when it is accepted, moves that state on. Of several counters with these
/// digits the lowest is accepted, and the others are spent with it. **The code is spent only when the new state has been
/// stored**, in one exchange against the one that went in.
///
/// Errors: `ZAMOK_E_REJECTED` (the state is unchanged; `checked`, which may be null, knows why);
/// `ZAMOK_E_WINDOW_TOO_WIDE`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_hotp_check(
    key: *const zamok_hotp,
    code: *const c_char,
    code_length: usize,
    look_ahead: u32,
    state: *mut zamok_hotp_state,
    checked: *mut zamok_checked,
) -> zamok_status {
    guarded(|| {
        let window: Window = window(0, look_ahead)?;
        let mut spare = Spare::<Hotp>::empty();
        // SAFETY: what the header asks of the caller.
        unsafe {
            let (key, code) =
                (pointer::resident(key, &mut spare)?, pointer::bytes(code.cast(), code_length)?);
            move_on(state, checked, |before| Ok(key.check(typed(code), window, before)))
        }
    })
}

/// Finds a counter that has run far ahead, by two codes that followed each other (RFC 4226 section 7.4): both must be
/// right, one behind the other, at most `look_ahead` counters from the expected one, up to 9,999.
///
/// Errors: as zamok_hotp_check().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_hotp_resynchronise(
    key: *const zamok_hotp,
    first: *const c_char,
    first_length: usize,
    second: *const c_char,
    second_length: usize,
    look_ahead: u32,
    state: *mut zamok_hotp_state,
    checked: *mut zamok_checked,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Hotp>::empty();
        // SAFETY: what the header asks of the caller.
        unsafe {
            let key = pointer::resident(key, &mut spare)?;
            let first = pointer::bytes(first.cast(), first_length)?;
            let second = pointer::bytes(second.cast(), second_length)?;
            move_on(state, checked, |before| {
                Ok(key.resynchronise(typed(first), typed(second), look_ahead, before)?)
            })
        }
    })
}

/// # Safety
/// What the header asks of a caller of zamok_hotp_check().
unsafe fn move_on(
    state: *mut zamok_hotp_state,
    checked: *mut zamok_checked,
    check: impl FnOnce(&HotpState) -> Result<zamok_core::otp::Checked<HotpState>, Fault>,
) -> Result<(), Fault> {
    // SAFETY: promised.
    let (before, place, told) = unsafe {
        (
            pointer::required(state)?.read(),
            StructPlace::new(state)?,
            if checked.is_null() { None } else { Some(StructPlace::new(checked)?) },
        )
    };
    let found = check(&before)?;
    if let Some(told) = told {
        told.put(&zamok_checked::new(&found));
    }
    let _ = found.verdict.accepted()?;
    place.put(&zamok_hotp_state::new(&found.state));
    Ok(())
}
