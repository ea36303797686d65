//! What people do with their own account: passwords, other sessions, the way back.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use zamok::{Begun, Which, Zamok};
use zeroize::Zeroizing;

use super::approach::{self, zamok_approach};
use super::cabinet::{new_password, password, typed_text};
use super::error::told;
use super::handles::{self, zamok_cabinet, zamok_challenge, zamok_session};
use super::login::typed;
use super::session::within;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, Place};
use crate::zamok_status;

/// End every session of the account but the one that asks.
pub const ZAMOK_OTHERS: u32 = 1;
/// End every session of the account.
pub const ZAMOK_ALL: u32 = 2;

/// Most characters of the recovery codes of an account, a line for each.
pub const ZAMOK_RECOVERY_CODES_MAX: usize = 2048;

/// Changes the password of the account of a session that is fresh. Every session of the account ends, this one as well, and the
/// owner is told. For a while the old one still begins zamok_undo_begin(), and nothing else.
///
/// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` (zamok_again_begin()); `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone;
/// `ZAMOK_E_REJECTED` when the old one is wrong; `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_PASSWORD_…` after the policy's rules.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_password_change(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    old_password: *const c_char,
    old_length: usize,
    new_password: *const c_char,
    new_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (old, new) =
            unsafe { (password(old_password, old_length)?, self::new_password(new_password, new_length)?) };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.change_password(&session, &old, &new)?)
    })
}

/// When the password of a session's account has to be changed, in seconds since 1970: what is past is due now. 0 where it has to be
/// changed on compromise alone, as policy says unless it has `password.change_after`, and where no undo has taken it back.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_password_due(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    due: *mut u64,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { Place::new(due)? };
        let (cabinet, session) = within(cabinet, session)?;
        place.put(cabinet.password_due(&session)?.map_or(0, |time| time.0));
        Ok(())
    })
}

/// Ends sessions of a session's account, `ZAMOK_OTHERS` or `ZAMOK_ALL`; tokens and open challenges end with them.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_sessions_end(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    which: u32,
) -> zamok_status {
    told(|| {
        let (cabinet, session) = within(cabinet, session)?;
        let which = match which {
            ZAMOK_OTHERS => Which::Others,
            ZAMOK_ALL => Which::All,
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        Ok(cabinet.end_sessions(&session, which)?)
    })
}

/// New recovery codes for the account of a session that is fresh, to be written down: a line for each, shown this once; older ones are void.
/// Wipe them once they are shown.
///
/// Each call makes new ones: where there is no room for `ZAMOK_RECOVERY_CODES_MAX` bytes and a zero byte, none are made.
///
/// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`; `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_recovery_codes(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    codes: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(codes, capacity, length)? };
        let (cabinet, session) = within(cabinet, session)?;
        out.reserve(ZAMOK_RECOVERY_CODES_MAX)?;
        let made = cabinet.new_recovery_codes(&session)?;
        // Made long enough before: what grows leaves copies behind.
        let mut lines = Zeroizing::new(String::with_capacity(ZAMOK_RECOVERY_CODES_MAX));
        for code in &made {
            lines.push_str(code.as_str());
            lines.push('\n');
        }
        Ok(out.put(lines.as_bytes())?)
    })
}

/// A right to enrol anew, for a password and a recovery code, which is spent; the account's factors are taken away. The
/// challenge is one for zamok_enrolment_offer(). An account whose limits name networks comes back through
/// zamok_recover_from() alone.
///
/// Errors: `ZAMOK_E_REJECTED` for anything wrong, and outside of the account's limits.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_recover(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    password: *const c_char,
    password_length: usize,
    code: *const c_char,
    code_length: usize,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    // SAFETY: the same promise; an approach may be null.
    unsafe {
        zamok_recover_from(
            cabinet,
            login,
            login_length,
            password,
            password_length,
            code,
            code_length,
            ptr::null(),
            challenge,
        )
    }
}

/// As zamok_recover(), with all that the service knows of whoever knocks; `approach` may be null. Its method does not count.
///
/// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_recover().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_recover_from(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    password: *const c_char,
    password_length: usize,
    code: *const c_char,
    code_length: usize,
    approach: *const zamok_approach,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, password, code, approach, place) = unsafe {
            (
                typed_text(login, login_length)?,
                self::password(password, password_length)?,
                pointer::bytes(code.cast(), code_length)?,
                approach::read(approach)?,
                Place::new(challenge)?,
            )
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let enrolment = cabinet.recover_from(login, &password, typed(code), &approach)?;
        handles::give(place, Arc::new(Begun::Enrol(enrolment)))
    })
}
