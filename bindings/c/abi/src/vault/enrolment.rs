//! Enrolling second factors: a generator app, codes by SMS or by e-mail. Those of devices are in `approval.rs`.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::{Begun, Enrolment, Zamok};

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_challenge, zamok_session};
use super::login::typed;
use super::session::within;
use crate::border::Fault;
use crate::codes::ZAMOK_E_FACTOR_EXISTS;
use crate::pointer::{self, Buffer, Place};
use crate::{ZAMOK_URI_MAX, zamok_status};

/// Opens an enrolment of one more factor, or of a phone or an address, in a session that is fresh. The challenge is one for
/// zamok_enrolment_offer(), zamok_enrolment_offer_channel() and zamok_enrolment_offer_contact().
///
/// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` (zamok_again_begin()); `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_begin(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { Place::new(challenge)? };
        let (cabinet, session) = within(cabinet, session)?;
        handles::give(place, Arc::new(Begun::Enrol(cabinet.begin_factor(&session)?)))
    })
}

/// Makes a key for a generator app and shows its secret, this once: draw a QR code of the URI, then wipe it. One that was
/// offered before and never tested is destroyed.
///
/// It cannot be asked for twice: where there is no room for `ZAMOK_URI_MAX` bytes and a zero byte, nothing is made.
///
/// Errors: `ZAMOK_E_FACTOR_EXISTS` for a challenge that wants a code; `ZAMOK_E_REJECTED` when the enrolment has ended.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_offer(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    uri: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(uri, capacity, length)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let enrolment = enrolment(challenge)?;
        out.reserve(ZAMOK_URI_MAX)?;
        let offer = cabinet.offer_generator(&enrolment)?;
        Ok(out.put(offer.uri.as_str().as_bytes())?)
    })
}

/// Offers codes by SMS to a phone ("+79161234567"), or by e-mail to an address, as a factor, and sends the test code there: it waits
/// in the outbox (zamok_outbox_take()). What was offered before and never tested is gone. Whether somebody else has this
/// phone or address is told to whoever answers the code.
///
/// Errors: `ZAMOK_E_CONTACT_UNUSABLE`; `ZAMOK_E_METHOD_TOO_WEAK` where policy takes no such codes; `ZAMOK_E_RESEND_TOO_SOON`,
/// `ZAMOK_E_TOO_MANY_MESSAGES`; as zamok_enrolment_offer().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_offer_channel(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    address: *const c_char,
    address_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let address = unsafe { pointer::text(address, address_length)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        Ok(cabinet.offer_channel(&enrolment(challenge)?, address)?)
    })
}

/// Offers a phone or an address as a contact that is told of what happens, without making it a factor, and sends the test code
/// there.
///
/// Errors: `ZAMOK_E_NOT_ALLOWED` for an account without a factor; as zamok_enrolment_offer_channel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_offer_contact(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    address: *const c_char,
    address_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let address = unsafe { pointer::text(address, address_length)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        Ok(cabinet.offer_contact(&enrolment(challenge)?, address)?)
    })
}

/// Ends an enrolment with the test code, which the app shows or which was sent: when it is right, the factor, or the contact, counts
/// from now on, and the code is spent. Every other session of the account ends, and its owner is told. Other factors have other
/// tests: zamok_enrolment_offer_certificate(), zamok_enrolment_offer_push(), zamok_enrolment_offer_pin().
///
/// Errors: `ZAMOK_E_REJECTED` for a wrong code or an enrolment that has ended; `ZAMOK_E_NOTHING_OFFERED`;
/// `ZAMOK_E_CONTACT_TAKEN` when another account has the phone or address; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_confirm(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    code: *const c_char,
    code_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let code = unsafe { pointer::bytes(code.cast(), code_length)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        Ok(cabinet.confirm_factor(&enrolment(challenge)?, typed(code))?)
    })
}

pub(crate) fn enrolment(challenge: *const zamok_challenge) -> Result<Enrolment, Trouble> {
    match &*handles::take::<Begun>(challenge)? {
        Begun::Enrol(enrolment) => Ok(*enrolment),
        Begun::Code(_) => Err(Fault(ZAMOK_E_FACTOR_EXISTS).into()),
    }
}
