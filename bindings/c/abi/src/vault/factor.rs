//! Second factors of an account: what a challenge can be answered with, and what its owner has.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::account::{FactorId, FactorState};
use zamok::{Begun, RequestId, Zamok};

use super::error::told;
use super::handles::{self, zamok_cabinet, zamok_challenge, zamok_session};
use super::keys::fixed;
use super::login::{typed, waiting};
use super::operation::method_named;
use super::session::within;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Place, StructPlace, Versioned};
use crate::zamok_status;

/// Its test code has not been right yet.
pub const ZAMOK_FACTOR_OFFERED: u32 = 1;
/// It counts.
pub const ZAMOK_FACTOR_ACTIVE: u32 = 2;
/// Failures have disabled it.
pub const ZAMOK_FACTOR_DISABLED: u32 = 3;
/// Another has taken its place, which it can take back for a while.
pub const ZAMOK_FACTOR_SET_ASIDE: u32 = 4;

/// A way to answer a challenge. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_method_info {
    /// `sizeof(zamok_method_info)`.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The factor, for zamok_challenge_switch().
    pub factor: zamok_id,
    /// What it is, such as "generator", "SMS" or "e-mail"; ended by a zero byte.
    pub method: [c_char; 32],
    /// What its owner calls it; ended by a zero byte.
    pub label: [c_char; 136],
    /// Where a code is sent to, masked: "+7···4567"; empty where none is sent. Ended by a zero byte.
    pub hint: [c_char; 264],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_method_info {
    const FIRST: usize = 456;
}
const _: () = assert!(size_of::<zamok_method_info>() == zamok_method_info::FIRST);

/// A factor, as its owner sees it. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_factor_info {
    /// `sizeof(zamok_factor_info)`.
    pub size: u32,
    /// Where it stands: one of `ZAMOK_FACTOR_…`.
    pub state: u32,
    /// Its id.
    pub id: zamok_id,
    /// When it was offered, in seconds since 1970.
    pub added: u64,
    /// When it was last answered with; 0 for never.
    pub last_used: u64,
    /// Until when it can take its place back, where another has taken it; 0 otherwise.
    pub until: u64,
    /// What it is, such as "generator", "SMS" or "e-mail"; ended by a zero byte.
    pub kind: [c_char; 32],
    /// What its owner calls it; ended by a zero byte.
    pub label: [c_char; 136],
    /// Where its codes are sent to, masked; empty where none are. Ended by a zero byte.
    pub hint: [c_char; 264],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_factor_info {
    const FIRST: usize = 480;
}
const _: () = assert!(size_of::<zamok_factor_info>() == zamok_factor_info::FIRST);

/// Sends another code for a challenge, or for an enrolment of a phone or an address; the one before counts no more. The message
/// waits in the outbox (zamok_outbox_take()).
///
/// Errors: `ZAMOK_E_RESEND_TOO_SOON` (zamok_error_text() says how long to wait); `ZAMOK_E_SUPPORT_NEEDED` when as many codes as
/// policy says did not arrive; `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_REJECTED` for a challenge that is over, was made up, or is
/// not answered by something sent.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn zamok_challenge_send_again(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
) -> zamok_status {
    told(|| {
        let cabinet = handles::take::<Zamok>(cabinet)?;
        match &*handles::take::<Begun>(challenge)? {
            Begun::Code(challenge) => Ok(cabinet.send_again(challenge)?),
            Begun::Enrol(enrolment) => Ok(cabinet.send_enrolment_again(enrolment)?),
        }
    })
}

/// The way at a place, from 0, in which an open challenge can be answered: the factors that the account has and this caller may use.
///
/// Errors: `ZAMOK_E_ARGUMENT` beyond the last; `ZAMOK_E_REJECTED` for a challenge that is over or was made up;
/// `ZAMOK_E_NOTHING_OFFERED` for one that wants an enrolment.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_challenge_method(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    index: usize,
    info: *mut zamok_method_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let methods = cabinet.methods(&waiting(challenge)?)?;
        let method = methods.get(index).ok_or(Fault(ZAMOK_E_ARGUMENT))?;
        place.put(&zamok_method_info {
            size: 0,
            reserved: 0,
            factor: zamok_id { bytes: method.factor.0 },
            method: fixed(method.evidence.name()),
            label: fixed(&method.label),
            hint: fixed(method.hint.as_deref().unwrap_or_default()),
        });
        Ok(())
    })
}

/// Answers an open challenge of a login, or of showing again who one is, with another factor: a new challenge takes its place,
/// and the old one is dead. Where it is answered by a code that is sent, it is sent. Wrong answers count on.
///
/// Errors: `ZAMOK_E_METHOD_UNAVAILABLE` for a factor that zamok_challenge_method() does not tell; `ZAMOK_E_RESEND_TOO_SOON`,
/// `ZAMOK_E_SUPPORT_NEEDED`, `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_REJECTED` where as many challenges were opened as policy allows;
/// as zamok_challenge_method().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_challenge_switch(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    factor: *const zamok_id,
    switched: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (factor, place) = unsafe { (pointer::array(factor.cast())?, Place::new(switched)?) };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let begun = cabinet.switch_method(&waiting(challenge)?, FactorId(factor))?;
        handles::give(place, Arc::new(Begun::Code(begun)))
    })
}

/// Opens a challenge in which the owner of a session shows again who he is: critical changes ask for it. `method` asks for a factor
/// by its name, such as "SMS"; empty, it is the one that the account has had longest.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_METHOD_UNAVAILABLE`; `ZAMOK_E_METHOD_TOO_WEAK` for less than the session has seen;
/// `ZAMOK_E_RESEND_TOO_SOON`, `ZAMOK_E_TOO_MANY_MESSAGES`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_again_begin(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    method: *const c_char,
    method_length: usize,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (method, place) = unsafe { (pointer::text(method, method_length)?, Place::new(challenge)?) };
        let (cabinet, session) = within(cabinet, session)?;
        let begun = cabinet.begin_again(&session, method_named(method)?)?;
        handles::give(place, Arc::new(Begun::Code(begun)))
    })
}

/// Answers a challenge of zamok_again_begin(), under the name of this attempt: the session is fresh again.
///
/// Errors: `ZAMOK_E_REJECTED`; `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_NOTHING_OFFERED` for a challenge that wants an enrolment.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_again_answer(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    challenge: *const zamok_challenge,
    code: *const c_char,
    code_length: usize,
    request: *const zamok_id,
    fresh: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (code, request, place) = unsafe {
            (pointer::bytes(code.cast(), code_length)?, pointer::array(request.cast())?, Place::new(fresh)?)
        };
        let (cabinet, session) = within(cabinet, session)?;
        let challenge = waiting(challenge)?;
        let again = cabinet.answer_again(&session, &challenge, typed(code), RequestId(request))?;
        handles::give(place, Arc::new(again))
    })
}

/// The factor of a session's account at a place, from 0: the first that can answer is asked for at a login.
///
/// Errors: `ZAMOK_E_ARGUMENT` beyond the last; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_factor_get(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    index: usize,
    info: *mut zamok_factor_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let (cabinet, session) = within(cabinet, session)?;
        let factors = cabinet.factors(&session)?;
        let factor = factors.get(index).ok_or(Fault(ZAMOK_E_ARGUMENT))?;
        place.put(&zamok_factor_info {
            size: 0,
            state: match factor.state {
                FactorState::Absent => 0,
                FactorState::Offered => ZAMOK_FACTOR_OFFERED,
                FactorState::Active => ZAMOK_FACTOR_ACTIVE,
                FactorState::Disabled => ZAMOK_FACTOR_DISABLED,
                FactorState::SetAside => ZAMOK_FACTOR_SET_ASIDE,
            },
            id: zamok_id { bytes: factor.id.0 },
            added: factor.added.0,
            last_used: factor.last_used.map_or(0, |used| used.0),
            until: factor.until.map_or(0, |until| until.0),
            kind: fixed(factor.kind.name()),
            label: fixed(&factor.label),
            hint: fixed(factor.hint.as_deref().unwrap_or_default()),
        });
        Ok(())
    })
}

/// Asks for a factor first at a login from now on, in a session that is fresh.
///
/// Errors: `ZAMOK_E_REJECTED` when the account has no such factor that counts; `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`
/// (zamok_again_begin()); `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_factor_prefer(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let id = unsafe { pointer::array(id.cast())? };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.prefer_factor(&session, FactorId(id))?)
    })
}

/// Gives a factor of a session's account another label, of at most 128 bytes.
///
/// Errors: `ZAMOK_E_REJECTED` when the account has no such factor; `ZAMOK_E_TOO_LONG`; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_factor_rename(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
    label: *const c_char,
    label_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, label) = unsafe { (pointer::array(id.cast())?, pointer::text(label, label_length)?) };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.rename_factor(&session, FactorId(id), label)?)
    })
}

/// Takes a factor of a session's account away, in a session that is fresh. Every other session ends, and the owner is told. A
/// phone or an address can take that back for a while (zamok_undo_begin()) where policy wants the old channel to agree to
/// changes.
///
/// Errors: `ZAMOK_E_LAST_FACTOR`; `ZAMOK_E_NOT_ALLOWED` for one that can still take something back; as zamok_factor_prefer().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_factor_drop(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let id = unsafe { pointer::array(id.cast())? };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.drop_factor(&session, FactorId(id))?)
    })
}
