//! TOTP (RFC 6238).

use core::ffi::c_char;

use zamok_core::UnixTime;
use zamok_core::otp::{Totp, TotpAttempt, TotpParameters, TotpState, Verdict};

use super::{algorithm, digits, secret, window, zamok_checked};
use crate::border::{Fault, guarded};
use crate::codes::{ZAMOK_E_ARGUMENT, ZAMOK_E_NULL_POINTER, ZAMOK_E_REJECTED, ZAMOK_OK};
use crate::pointer::{self, Buffer, Place, Resident, Seat, Spare, StructPlace, Versioned, has_room};
use crate::zamok_status;

/// A TOTP key, ready to compute, in memory of the caller: made by zamok_totp_init(), ended by zamok_totp_wipe(). It holds
/// no pointers: it may be copied and moved, and every copy is to be wiped. Its memory is aligned to 64 bytes, as that of a
/// variable is: malloc() gives less, aligned_alloc(64, sizeof(zamok_totp)) enough.
#[repr(C, align(64))]
pub struct zamok_totp {
    /// Not for the caller.
    pub opaque: [u8; 1024],
}

// SAFETY: see the assertion; midstates and parameters are numbers.
unsafe impl Resident for Totp {
    type Opaque = zamok_totp;
    const TAG: u64 = 0x7a61_6d6f_6b54_0001;
}
const _: () = assert!(has_room::<Totp>());

/// The public parameters of a TOTP key. Zeros stand for what authenticator apps expect: SHA-1, 6 digits, 30 seconds, from
/// 1970 on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_totp_parameters {
    /// `sizeof(zamok_totp_parameters)`.
    pub size: u32,
    /// `ZAMOK_SHA1`, `ZAMOK_SHA256` or `ZAMOK_SHA512`.
    pub algorithm: u32,
    /// Digits of a code, 6 to 10.
    pub digits: u32,
    /// 0, or `ZAMOK_ACCEPT_WEAK`.
    pub flags: u32,
    /// The time step, in seconds.
    pub period: u64,
    /// T0: when step 0 begins, in seconds since 1970.
    pub t0: u64,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_totp_parameters {
    const FIRST: usize = 32;
}

/// What is remembered of a TOTP key that verifies: with `size` set and the rest 0, a new key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_totp_state {
    /// `sizeof(zamok_totp_state)`.
    pub size: u32,
    /// 1 when there is a last step.
    pub has_last_step: u32,
    /// The last accepted step: it and all before it are spent.
    pub last_step: u64,
    /// How far the token's clock lies from ours, in steps; negative when it is behind.
    pub drift: i32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_totp_state {
    const FIRST: usize = 24;
}

impl zamok_totp_state {
    fn read(self) -> Result<TotpState, Fault> {
        let last_step = match self.has_last_step {
            0 => None,
            1 => Some(self.last_step),
            _ => return Err(Fault(ZAMOK_E_ARGUMENT)),
        };
        Ok(TotpState { last_step, drift: self.drift })
    }

    fn new(state: &TotpState) -> Self {
        let (has_last_step, last_step) = (u32::from(state.last_step.is_some()), state.last_step.unwrap_or(0));
        Self { size: 0, has_last_step, last_step, drift: state.drift, reserved: 0 }
    }
}

pub(crate) fn parameters(given: Option<zamok_totp_parameters>) -> Result<(TotpParameters, u32), Fault> {
    let Some(given) = given else { return Ok((TotpParameters::default(), 0)) };
    let parameters = TotpParameters {
        algorithm: algorithm(given.algorithm)?,
        digits: digits(given.digits)?,
        period: if given.period == 0 { 30 } else { given.period },
        t0: UnixTime(given.t0),
    };
    Ok((parameters, given.flags))
}

/// Makes a key ready. `parameters` may be null: the usual ones.
///
/// Errors: `ZAMOK_E_SECRET_TOO_SHORT` below 16 bytes (RFC 4226 section 4), `ZAMOK_E_SECRET_TOO_LONG` above 128,
/// `ZAMOK_E_DIGITS`, `ZAMOK_E_ARGUMENT`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_totp_init(
    key: *mut zamok_totp,
    secret_bytes: *const u8,
    secret_length: usize,
    parameters: *const zamok_totp_parameters,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        let (seat, bytes, given) = unsafe {
            (
                Seat::<Totp>::new(key)?,
                pointer::bytes(secret_bytes, secret_length)?,
                pointer::versioned(parameters)?,
            )
        };
        let (parameters, flags) = self::parameters(given)?;
        let secret = secret(bytes, flags)?;
        seat.put(Totp::new(&secret, parameters)?);
        Ok(())
    })
}

/// Wipes a key. Null is nothing; a key that was wiped is refused by every function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zamok_totp_wipe(key: *mut zamok_totp) {
    // SAFETY: what the header asks of the caller.
    unsafe { pointer::wipe(key.cast(), size_of::<zamok_totp>()) };
}

/// The code of a moment, in seconds since 1970: up to `ZAMOK_CODE_MAX` characters and a zero byte.
///
/// Errors: `ZAMOK_E_TIME_BEFORE_T0`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_totp_code(
    key: *const zamok_totp,
    now: u64,
    code: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Totp>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, out) =
            unsafe { (pointer::resident(key, &mut spare)?, Buffer::text(code, capacity, length)?) };
        out.put(key.code_at(UnixTime(now))?.as_str().as_bytes())
    })
}

/// For how many more seconds the code of this moment is the current one: 1 up to the period.
///
/// Errors: `ZAMOK_E_TIME_BEFORE_T0`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_totp_seconds_left(
    key: *const zamok_totp,
    now: u64,
    seconds: *mut u64,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Totp>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, place) = unsafe { (pointer::resident(key, &mut spare)?, Place::new(seconds)?) };
        place.put(key.seconds_left(UnixTime(now))?);
        Ok(())
    })
}

/// Looks a typed code up in a window of steps around `now`: so many before, so many after. All steps are computed, in
/// constant time.
///
/// **The caller has to spend the step**: refuse it and every earlier one from then on, in one atomic exchange, before
/// acting on `ZAMOK_OK`. zamok_totp_check() keeps count of that.
///
/// Errors: `ZAMOK_E_REJECTED`, also for what is no code; `ZAMOK_E_TIME_BEFORE_T0`; `ZAMOK_E_WINDOW_TOO_WIDE` above 128
/// steps.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_totp_verify(
    key: *const zamok_totp,
    code: *const c_char,
    code_length: usize,
    now: u64,
    past: u32,
    future: u32,
    step: *mut u64,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Totp>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, code, place) = unsafe {
            (
                pointer::resident(key, &mut spare)?,
                pointer::bytes(code.cast(), code_length)?,
                Place::new(step)?,
            )
        };
        let matched = key.verify(typed(code), UnixTime(now), window(past, future)?)?;
        place.put(matched.step);
        Ok(())
    })
}

/// Checks a typed code against a state and, when it is accepted, moves that state on.
///
/// The window lies around the present step and the drift of the state, which is kept within `drift_limit` steps. Of the
/// steps with these digits above the last accepted one the highest is accepted. **The code is spent only when the new
/// state has been stored**, in one exchange against the one that went in.
///
/// Errors: `ZAMOK_E_REJECTED` (the state is unchanged; `checked`, which may be null, knows why); misuse as in
/// zamok_totp_verify().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_totp_check(
    key: *const zamok_totp,
    code: *const c_char,
    code_length: usize,
    now: u64,
    past: u32,
    future: u32,
    drift_limit: u32,
    state: *mut zamok_totp_state,
    checked: *mut zamok_checked,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Totp>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, code, before, place, told) = unsafe {
            (
                pointer::resident(key, &mut spare)?,
                pointer::bytes(code.cast(), code_length)?,
                pointer::required(state)?.read()?,
                StructPlace::new(state)?,
                if checked.is_null() { None } else { Some(StructPlace::new(checked)?) },
            )
        };
        let found = key.check(typed(code), UnixTime(now), window(past, future)?, &before, drift_limit);
        if let Some(told) = told {
            told.put(&zamok_checked::new(&found));
        }
        let _ = found.verdict.accepted()?;
        place.put(&zamok_totp_state::new(&found.state));
        Ok(())
    })
}

/// One check of a batch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_totp_attempt {
    /// In: the key.
    pub key: *const zamok_totp,
    /// In: what was typed.
    pub code: *const c_char,
    /// In: its length.
    pub code_length: usize,
    /// In: the time, in seconds since 1970.
    pub now: u64,
    /// In: the last accepted step, where `has_last_step` is 1. Out: the new one, when the status is `ZAMOK_OK`.
    pub last_step: u64,
    /// In and out.
    pub has_last_step: u32,
    /// In and out: the drift of the state.
    pub drift: i32,
    /// Out: `ZAMOK_OK` for an accepted code, `ZAMOK_E_REJECTED`, or what was wrong with this entry.
    pub status: zamok_status,
    /// Out: one of `ZAMOK_REASON_…`; 0 for misuse.
    pub reason: u32,
}

/// Checks of a batch that are computed together; more fit no longer on a small stack.
const TOGETHER: usize = 16;

/// Checks many codes, each as zamok_totp_check() does, with several keys side by side: a few times faster than one by one.
/// `attempt_size` is `sizeof(zamok_totp_attempt)`.
///
/// Answers `ZAMOK_OK` when every entry was looked at: each has its own status. Nothing of an entry with misuse is computed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_totp_check_batch(
    attempts: *mut zamok_totp_attempt,
    count: usize,
    attempt_size: usize,
    past: u32,
    future: u32,
    drift_limit: u32,
) -> zamok_status {
    guarded(|| {
        if attempt_size != size_of::<zamok_totp_attempt>() {
            return Err(Fault(crate::codes::ZAMOK_E_STRUCT_SIZE));
        }
        let window = window(past, future)?;
        if count == 0 {
            return Ok(());
        }
        if attempts.is_null() {
            return Err(Fault(ZAMOK_E_NULL_POINTER));
        }
        if count.checked_mul(attempt_size).is_none_or(|all| all > isize::MAX.unsigned_abs()) {
            return Err(Fault(crate::codes::ZAMOK_E_LENGTH_TOO_GREAT));
        }
        for first in (0..count).step_by(TOGETHER) {
            let some = TOGETHER.min(count - first);
            // SAFETY: the entries lie one behind the other, as the header asks of the caller.
            unsafe { check_some(attempts.add(first), some, window, drift_limit) };
        }
        Ok(())
    })
}

/// # Safety
/// `count` entries can be read and written, and what they name be read.
unsafe fn check_some(
    entries: *mut zamok_totp_attempt,
    count: usize,
    window: zamok_core::otp::Window,
    drift_limit: u32,
) {
    let mut spares: [Spare<Totp>; TOGETHER] = core::array::from_fn(|_| Spare::empty());
    let mut spare = spares.iter_mut();
    let lent: [Result<_, Fault>; TOGETHER] = core::array::from_fn(|at| {
        let spare = spare.next().filter(|_| at < count).ok_or(Fault(ZAMOK_OK))?;
        // SAFETY: promised for every entry below `count`.
        unsafe {
            let entry = entries.add(at).read_unaligned();
            let key = pointer::resident(entry.key, spare)?;
            let code = pointer::bytes(entry.code.cast(), entry.code_length)?;
            let state = zamok_totp_state {
                size: 0,
                has_last_step: entry.has_last_step,
                last_step: entry.last_step,
                drift: entry.drift,
                reserved: 0,
            };
            Ok((key, code, state.read()?, UnixTime(entry.now)))
        }
    });
    // A key for entries that have none keeps the array whole: nothing reads their answers.
    let Some((some_key, ..)) = lent.iter().find_map(|lent| lent.as_ref().ok()) else {
        for (at, lent) in lent.iter().enumerate().take(count) {
            if let Err(fault) = lent {
                // SAFETY: as above.
                unsafe { tell(entries.add(at), fault.0, 0, None) };
            }
        }
        return;
    };
    let mut computed: [TotpAttempt<'_>; TOGETHER] = core::array::from_fn(|at| match &lent[at] {
        Ok((key, code, state, now)) => TotpAttempt::new(key, typed(code), *now, window, *state, drift_limit),
        Err(_) => TotpAttempt::new(some_key, "", UnixTime(0), window, TotpState::default(), drift_limit),
    });
    Totp::verify_batch(&mut computed[..count]);
    for (at, (lent, attempt)) in lent.iter().zip(&computed).enumerate().take(count) {
        let (status, reason, state) = match lent {
            Err(fault) => (fault.0, 0, None),
            Ok(_) => {
                let checked = attempt.checked();
                match checked.verdict {
                    Verdict::Accepted { .. } => {
                        (ZAMOK_OK, super::reason(checked.reason), Some(checked.state))
                    }
                    Verdict::Rejected => (ZAMOK_E_REJECTED, super::reason(checked.reason), None),
                }
            }
        };
        // SAFETY: as above.
        unsafe { tell(entries.add(at), status, reason, state) };
    }
}

/// # Safety
/// The entry can be read and written.
unsafe fn tell(entry: *mut zamok_totp_attempt, status: zamok_status, reason: u32, state: Option<TotpState>) {
    // SAFETY: promised.
    unsafe {
        let mut told = entry.read_unaligned();
        (told.status, told.reason) = (status, reason);
        if let Some(state) = state {
            told.has_last_step = u32::from(state.last_step.is_some());
            told.last_step = state.last_step.unwrap_or(0);
            told.drift = state.drift;
        }
        entry.write_unaligned(told);
    }
}

/// What was typed. What is not UTF-8 is no code, like every other text that is none. Codes are ASCII, which is seen without a
/// branch on their characters.
#[inline(always)]
pub(crate) fn typed(code: &[u8]) -> &str {
    if code.iter().fold(0, |all, byte| all | byte).is_ascii() {
        // SAFETY: ASCII is UTF-8.
        unsafe { core::str::from_utf8_unchecked(code) }
    } else {
        core::str::from_utf8(code).unwrap_or("")
    }
}
