//! The owner's own change of a factor, with the consent of the one that it replaces, and taking it back.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use zamok::account::FactorId;
use zamok::{Begun, RequestId, Zamok};

use super::approach::{self, zamok_approach};
use super::cabinet::{password, typed_text};
use super::error::told;
use super::handles::{self, zamok_cabinet, zamok_challenge, zamok_session};
use super::login::{typed, waiting};
use super::session::within;
use super::zamok_id;
use crate::pointer::{self, Place};
use crate::zamok_status;

/// Begins to replace a factor (its id is from zamok_factor_get()) by another, of the same kind or of another one, in a session
/// that is fresh. Offer the new one in `enrolment` and confirm it there, as after zamok_enrolment_begin(): until then the old
/// one counts. Where policy wants both channels, the old one is asked at once: `agreement` is for zamok_change_agree(),
/// before the new one is confirmed; otherwise it is null.
///
/// Errors: `ZAMOK_E_REJECTED` when the account has no such factor that counts; `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`
/// (zamok_again_begin()); `ZAMOK_E_RESEND_TOO_SOON`, `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_change_begin(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    factor: *const zamok_id,
    enrolment: *mut *mut zamok_challenge,
    agreement: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (factor, enrolment, agreement) =
            unsafe { (pointer::array(factor.cast())?, Place::new(enrolment)?, Place::new(agreement)?) };
        let (cabinet, session) = within(cabinet, session)?;
        let begun = cabinet.begin_change(&session, FactorId(factor))?;
        handles::give(enrolment, Arc::new(Begun::Enrol(begun.enrolment)))?;
        match begun.agreement {
            Some(challenge) => handles::give(agreement, Arc::new(Begun::Code(challenge))),
            None => {
                agreement.put(ptr::null_mut());
                Ok(())
            }
        }
    })
}

/// The factor that is to be replaced agrees, with its answer to the challenge of zamok_change_begin(), under the name of this
/// attempt.
///
/// Errors: `ZAMOK_E_REJECTED` for everything that is not a right answer to the challenge of a change that is under way;
/// `ZAMOK_E_APPROVAL_PENDING`; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_change_agree(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    agreement: *const zamok_challenge,
    code: *const c_char,
    code_length: usize,
    request: *const zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (code, request) =
            unsafe { (pointer::bytes(code.cast(), code_length)?, pointer::array(request.cast())?) };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.agree(&session, &waiting(agreement)?, typed(code), RequestId(request))?)
    })
}

/// Checks a login and a password, which may be the one before, and asks a factor that was replaced, dropped or set aside lately
/// whether that shall be taken back: the one that the account has had longest, unless `approach` names another. For an owner who was
/// told of a change that was not his. `approach` may be null.
///
/// Errors: `ZAMOK_E_METHOD_UNAVAILABLE` when nothing was replaced lately; as zamok_login_begin_from().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_undo_begin(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    password: *const c_char,
    password_length: usize,
    approach: *const zamok_approach,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, password, approach, place) = unsafe {
            (
                typed_text(login, login_length)?,
                self::password(password, password_length)?,
                approach::read(approach)?,
                Place::new(challenge)?,
            )
        };
        let begun = handles::take::<Zamok>(cabinet)?.begin_undo(login, &password, &approach)?;
        handles::give(place, Arc::new(Begun::Code(begun)))
    })
}

/// Takes a change back, with the answer of the factor that was replaced to the challenge of zamok_undo_begin(): it stands where
/// it stood, what came in since is gone, what was dropped since is back, every session has ended, and the owner has a new one.
///
/// Errors: `ZAMOK_E_REJECTED`; `ZAMOK_E_APPROVAL_PENDING`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_undo_answer(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    code: *const c_char,
    code_length: usize,
    request: *const zamok_id,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (code, request, place) = unsafe {
            (pointer::bytes(code.cast(), code_length)?, pointer::array(request.cast())?, Place::new(session)?)
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let opened = cabinet.undo_change(&waiting(challenge)?, typed(code), RequestId(request))?;
        handles::give(place, Arc::new(opened))
    })
}
