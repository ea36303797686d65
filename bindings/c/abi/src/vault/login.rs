//! Logging in.

use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;

use zamok::{Approach, Begun, Challenge, Enrolment, Evidence, RequestId, UnixTime, Zamok};

use super::approach::{self, zamok_approach};
use super::cabinet::{password, typed_text};
use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_challenge, zamok_session};
use super::keys::fixed;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_NOTHING_OFFERED;
use crate::pointer::{self, Place, StructPlace, Versioned};
use crate::zamok_status;

/// The challenge waits for a code: zamok_login_answer().
pub const ZAMOK_WANTS_CODE: u32 = 1;
/// The account has no second factor yet: zamok_enrolment_offer().
pub const ZAMOK_WANTS_ENROLMENT: u32 = 2;

/// What a challenge is. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_challenge_info {
    /// `sizeof(zamok_challenge_info)`.
    pub size: u32,
    /// `ZAMOK_WANTS_CODE` or `ZAMOK_WANTS_ENROLMENT`.
    pub wants: u32,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
    /// Its id, which may travel to the client that began and back (zamok_challenge_by_id(), zamok_enrolment_by_id()), and into no log:
    /// what a device approves needs nothing else from whoever brings it, and an enrolment takes whatever factor he offers.
    pub id: zamok_id,
    /// What the code comes from, such as "generator"; ended by a zero byte.
    pub method: [c_char; 32],
    /// What the store, the journal and requests to devices call it: for logs. It answers nothing, and enrols nothing.
    pub reference: zamok_id,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_challenge_info {
    const FIRST: usize = offset_of!(Self, reference);
}
const _: () = assert!(zamok_challenge_info::FIRST == 64);

/// A login in one go, for a form that asks for password and code together: with a code that its owner has already, of a
/// generator or a token. Codes that are sent and approvals on a device come after zamok_login_begin(). An account whose limits
/// name networks logs in through zamok_login_from() alone.
///
/// Errors: `ZAMOK_E_REJECTED` when the login, the password or the code is wrong (also for what is no UTF-8 in them), and nobody is
/// told which, and outside of the account's limits; after a right password `ZAMOK_E_NOTHING_OFFERED` when the account has no factor yet, and
/// `ZAMOK_E_METHOD_UNAVAILABLE` when it has neither generator nor token: nothing was sent, and the code was not looked at;
/// `ZAMOK_E_METHOD_TOO_WEAK` where more is wanted; `ZAMOK_E_LOCKED`; those of the store.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_login(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    password: *const c_char,
    password_length: usize,
    code: *const c_char,
    code_length: usize,
    session: *mut *mut zamok_session,
) -> zamok_status {
    // SAFETY: the same promise; an approach may be null.
    unsafe {
        zamok_login_from(
            cabinet,
            login,
            login_length,
            password,
            password_length,
            code,
            code_length,
            ptr::null(),
            session,
        )
    }
}

/// As zamok_login(), with all that the service knows of whoever knocks; `approach` may be null. Of its methods "generator" and
/// "token" are those of zamok_login(); with any other the answer is `ZAMOK_E_METHOD_UNAVAILABLE`.
///
/// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_login().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_login_from(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    password: *const c_char,
    password_length: usize,
    code: *const c_char,
    code_length: usize,
    approach: *const zamok_approach,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, password, code, approach, place) = unsafe {
            (
                typed_text(login, login_length)?,
                self::password(password, password_length)?,
                pointer::bytes(code.cast(), code_length)?,
                approach::read(approach)?,
                Place::new(session)?,
            )
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let opened = cabinet.log_in_from(login, &password, typed(code), &approach)?;
        handles::give(place, Arc::new(opened))
    })
}

/// Checks a login and a password. `client` is what the service calls the program at the other end, such as "Firefox on
/// Linux"; it may be null. An account whose limits name networks logs in through zamok_login_begin_from() alone.
///
/// Errors: `ZAMOK_E_REJECTED`: an unknown login, a wrong password, either without UTF-8, and a delayed account look alike.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_login_begin(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    password: *const c_char,
    password_length: usize,
    client: *const c_char,
    client_length: usize,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, password, client, place) = unsafe {
            (
                typed_text(login, login_length)?,
                self::password(password, password_length)?,
                pointer::text(client, client_length)?,
                Place::new(challenge)?,
            )
        };
        let approach = Approach { client: client.into(), ..Approach::default() };
        let begun = handles::take::<Zamok>(cabinet)?.begin_login_from(login, &password, &approach)?;
        handles::give(place, Arc::new(begun))
    })
}

/// What a challenge is.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_challenge_describe(
    challenge: *const zamok_challenge,
    info: *mut zamok_challenge_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let mut told = zamok_challenge_info {
            size: 0,
            wants: 0,
            expires: 0,
            id: zamok_id { bytes: [0; 16] },
            method: [0; 32],
            reference: zamok_id { bytes: [0; 16] },
        };
        match &*handles::take::<Begun>(challenge)? {
            Begun::Code(challenge) => {
                (told.wants, told.expires, told.id.bytes) =
                    (ZAMOK_WANTS_CODE, challenge.expires.0, challenge.id);
                told.reference.bytes = challenge.reference();
                // One that came back by its id does not know.
                if challenge.expires != UnixTime(0) {
                    told.method = fixed(challenge.by.name());
                }
            }
            Begun::Enrol(enrolment) => {
                (told.wants, told.expires, told.id.bytes) =
                    (ZAMOK_WANTS_ENROLMENT, enrolment.expires.0, enrolment.id);
                told.reference.bytes = enrolment.reference();
            }
        }
        place.put(&told);
        Ok(())
    })
}

/// The challenge with this id, as a client brought it back. One that was made up is rejected when it is answered. Of its
/// end and method zamok_challenge_describe() knows nothing: keep them where they were told.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_challenge_by_id(
    id: *const zamok_id,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, place) = unsafe { (pointer::array(id.cast())?, Place::new(challenge)?) };
        // Only the id counts when it is answered.
        let challenge = Challenge { id, expires: UnixTime(0), by: Evidence::Generator };
        handles::give(place, Arc::new(Begun::Code(challenge)))
    })
}

/// The enrolment with this id, as a client brought it back, in this process or in another. One that was made up is rejected when
/// something is offered in it. Of its end zamok_challenge_describe() knows nothing.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_by_id(
    id: *const zamok_id,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, place) = unsafe { (pointer::array(id.cast())?, Place::new(challenge)?) };
        handles::give(place, Arc::new(Begun::Enrol(Enrolment { id, expires: UnixTime(0) })))
    })
}

/// Draws a fresh name for one attempt at a challenge. A client that lost the reply asks again under the same name, and gets
/// the same answer.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_request_id(cabinet: *const zamok_cabinet, id: *mut zamok_id) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { Place::new(id)? };
        place.put(zamok_id { bytes: handles::take::<Zamok>(cabinet)?.request_id()?.0 });
        Ok(())
    })
}

/// Answers a challenge with a code, under the name of this attempt. The session is used from the address from which the login
/// began.
///
/// Errors: `ZAMOK_E_REJECTED` for a wrong, used, late or malformed code and for a challenge that is over;
/// `ZAMOK_E_NOTHING_OFFERED` for one that wants an enrolment.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_login_answer(
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
        let opened = cabinet.answer(&waiting(challenge)?, typed(code), RequestId(request))?;
        handles::give(place, Arc::new(opened))
    })
}

/// Ends the handle; the challenge itself ends by being answered or by time. Null is nothing, and so is a handle that was
/// freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_challenge_free(challenge: *mut zamok_challenge) {
    handles::free::<Begun>(challenge);
}

/// A challenge that waits for a code.
pub(crate) fn waiting(challenge: *const zamok_challenge) -> Result<Challenge, Trouble> {
    match &*handles::take::<Begun>(challenge)? {
        Begun::Code(challenge) => Ok(*challenge),
        Begun::Enrol(_) => Err(Fault(ZAMOK_E_NOTHING_OFFERED).into()),
    }
}

/// What was typed. What is not UTF-8 is a wrong code, and is charged like one.
pub(crate) fn typed(code: &[u8]) -> &str {
    std::str::from_utf8(code).unwrap_or("\u{fffd}")
}
