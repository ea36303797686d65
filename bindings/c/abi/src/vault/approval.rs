//! What a device answers: a signature over a challenge, the approval of what its owner was asked on another device, a PIN.

use std::ffi::c_char;

use zamok::{Begun, DeviceAnswer, DeviceId, Pin, Zamok};

use super::enrolment::enrolment;
use super::error::told;
use super::handles::{self, zamok_cabinet, zamok_challenge, zamok_session};
use super::login::typed;
use super::session::within;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer};
use crate::zamok_status;

/// It is there: the answer of a certificate.
pub const ZAMOK_DEVICE_ANSWER_SIGN: u32 = 1;
/// Its owner approves.
pub const ZAMOK_DEVICE_ANSWER_APPROVE: u32 = 2;
/// Its owner does not.
pub const ZAMOK_DEVICE_ANSWER_DECLINE: u32 = 3;

/// Bytes of what a device is asked (docs/formats/device.md).
pub const ZAMOK_DEVICE_QUESTION_LENGTH: usize = 85;

/// Offers a P-256 key that a device holds as a factor, by its public key (SubjectPublicKeyInfo in DER). The test is its signature over
/// zamok_device_message() of what zamok_challenge_question() tells, as `ZAMOK_DEVICE_ANSWER_SIGN`, in base64url, to
/// zamok_enrolment_confirm().
///
/// Errors: `ZAMOK_E_PUBLIC_KEY_UNUSABLE`; `ZAMOK_E_TOO_LONG` for a label; as zamok_enrolment_offer().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_offer_certificate(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    public_key: *const u8,
    public_key_length: usize,
    label: *const c_char,
    label_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (key, label) =
            unsafe { (pointer::bytes(public_key, public_key_length)?, pointer::text(label, label_length)?) };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        Ok(cabinet.offer_certificate(&enrolment(challenge)?, key, label)?)
    })
}

/// Offers approval on a known device of the account as a factor, by the public key that the device made for it
/// (SubjectPublicKeyInfo in DER, P-256), and asks the device: zamok_device_approve() with the number that zamok_challenge_number() tells,
/// then zamok_enrolment_confirm() without a code.
///
/// Errors: `ZAMOK_E_PUBLIC_KEY_UNUSABLE`; `ZAMOK_E_DEVICE_UNKNOWN`; `ZAMOK_E_RESEND_TOO_SOON`, `ZAMOK_E_TOO_MANY_MESSAGES`;
/// `ZAMOK_E_TOO_LONG` for a label; as zamok_enrolment_offer().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_offer_push(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    device: *const zamok_id,
    public_key: *const u8,
    public_key_length: usize,
    label: *const c_char,
    label_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (device, key, label) = unsafe {
            (
                pointer::array(device.cast())?,
                pointer::bytes(public_key, public_key_length)?,
                pointer::text(label, label_length)?,
            )
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        Ok(cabinet.offer_push(&enrolment(challenge)?, DeviceId(device), key, label)?)
    })
}

/// Sets a PIN for the known device of a session; the test is to type it once more (zamok_enrolment_confirm()). From then on
/// zamok_login_begin_by_device() asks for it.
///
/// Errors: `ZAMOK_E_PIN_UNUSABLE` for one that is too short or that everybody tries first; `ZAMOK_E_DEVICE_UNKNOWN` for a session of no
/// known device; as zamok_enrolment_offer().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_enrolment_offer_pin(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    challenge: *const zamok_challenge,
    pin: *const c_char,
    pin_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let pin = Pin::new(typed(unsafe { pointer::bytes(pin.cast(), pin_length)? }));
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.offer_pin(&session, &enrolment(challenge)?, &pin)?)
    })
}

/// What a device signs for a challenge, or to test an enrolment, that is answered by its certificate:
/// `ZAMOK_DEVICE_QUESTION_LENGTH` bytes, for zamok_device_message(). Not a secret.
///
/// Errors: `ZAMOK_E_REJECTED` for one that is over, was made up, or is answered otherwise.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_challenge_question(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    question: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::bytes(question, capacity, length)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let question = match &*handles::take::<Begun>(challenge)? {
            Begun::Code(challenge) => cabinet.question(challenge)?,
            Begun::Enrol(enrolment) => cabinet.enrolment_question(enrolment)?,
        };
        Ok(out.put(&question)?)
    })
}

/// The number to show to whoever waits for the approval of a device, who types it there; after zamok_challenge_send_again() it is
/// another one. Then ask with zamok_login_answer() without a code until it says something else than `ZAMOK_E_APPROVAL_PENDING`.
///
/// Errors: as zamok_challenge_question().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_challenge_number(
    cabinet: *const zamok_cabinet,
    challenge: *const zamok_challenge,
    number: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(number, capacity, length)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let number = match &*handles::take::<Begun>(challenge)? {
            Begun::Code(challenge) => cabinet.number_to_show(challenge)?,
            Begun::Enrol(enrolment) => cabinet.enrolment_number(enrolment)?,
        };
        Ok(out.put(number.as_bytes())?)
    })
}

/// The bytes that a device signs (ECDSA on P-256 with SHA-256): `answer` is one of `ZAMOK_DEVICE_ANSWER_…`, `question` what it was asked,
/// `number` what its owner typed where he approves, and null elsewhere. For the program on the device; no vault is needed.
///
/// Errors: `ZAMOK_E_ARGUMENT` for another answer.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_message(
    answer: u32,
    question: *const u8,
    question_length: usize,
    number: *const c_char,
    number_length: usize,
    message: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (question, number, out) = unsafe {
            (
                pointer::bytes(question, question_length)?,
                pointer::text(number, number_length)?,
                Buffer::bytes(message, capacity, length)?,
            )
        };
        let answer = match answer {
            ZAMOK_DEVICE_ANSWER_SIGN => DeviceAnswer::Sign,
            ZAMOK_DEVICE_ANSWER_APPROVE => DeviceAnswer::Approve,
            ZAMOK_DEVICE_ANSWER_DECLINE => DeviceAnswer::Decline,
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        Ok(out.put(&answer.message(question, number))?)
    })
}

/// A device approves what it was asked: `request` is what the pushed message says, `number` what its owner typed, `signature` that of the
/// device's key over zamok_device_message() of both, in DER or as 64 bytes. Whoever waits goes on. A wrong number ends the
/// request and the challenge: two digits bear no second guess.
///
/// Errors: `ZAMOK_E_REJECTED` for everything that approves nothing.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_approve(
    cabinet: *const zamok_cabinet,
    request: *const u8,
    request_length: usize,
    number: *const c_char,
    number_length: usize,
    signature: *const u8,
    signature_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (request, number, signature) = unsafe {
            (
                pointer::bytes(request, request_length)?,
                pointer::bytes(number.cast(), number_length)?,
                pointer::bytes(signature, signature_length)?,
            )
        };
        Ok(handles::take::<Zamok>(cabinet)?.approve(request, typed(number), signature)?)
    })
}

/// A device declines what it was asked. The challenge is over, and the owner is told: somebody has the password.
///
/// Errors: as zamok_device_approve().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_decline(
    cabinet: *const zamok_cabinet,
    request: *const u8,
    request_length: usize,
    signature: *const u8,
    signature_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (request, signature) = unsafe {
            (pointer::bytes(request, request_length)?, pointer::bytes(signature, signature_length)?)
        };
        Ok(handles::take::<Zamok>(cabinet)?.decline(request, signature)?)
    })
}
