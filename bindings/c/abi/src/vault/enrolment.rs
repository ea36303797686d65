//! Enrolling the first generator.

use std::ffi::c_char;

use zamok::{Begun, Enrolment, Zamok};

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_challenge};
use super::login::typed;
use crate::border::Fault;
use crate::codes::ZAMOK_E_FACTOR_EXISTS;
use crate::pointer::{self, Buffer};
use crate::{ZAMOK_URI_MAX, zamok_status};

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

/// Ends an enrolment with the test code: when it is right, the generator counts from now on, and the code is spent.
///
/// Errors: `ZAMOK_E_REJECTED` for a wrong code or an enrolment that has ended; `ZAMOK_E_NOTHING_OFFERED`.
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
        Ok(cabinet.confirm_generator(&enrolment(challenge)?, typed(code))?)
    })
}

fn enrolment(challenge: *const zamok_challenge) -> Result<Enrolment, Trouble> {
    match &*handles::take::<Begun>(challenge)? {
        Begun::Enrol(enrolment) => Ok(*enrolment),
        Begun::Code(_) => Err(Fault(ZAMOK_E_FACTOR_EXISTS).into()),
    }
}
