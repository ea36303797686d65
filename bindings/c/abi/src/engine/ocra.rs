//! OCRA (RFC 6287).

use core::ffi::c_char;
use core::mem::offset_of;

use zamok_core::UnixTime;
use zamok_core::otp::{
    Ocra, OcraChallenge, OcraInput, OcraPassword, OcraSide, OcraSuite, OcraWindow, Window,
};

use super::totp::typed;
use super::{secret, window};
use crate::border::{Fault, guarded};
use crate::codes::{ZAMOK_E_ARGUMENT, ZAMOK_E_NULL_POINTER};
use crate::pointer::{self, Buffer, Resident, Seat, Spare, StructPlace, Versioned, has_room};
use crate::zamok_status;

/// An OCRA key with its suite, in memory of the caller: made by zamok_ocra_init(), ended by zamok_ocra_wipe(). All that
/// is said of zamok_totp holds here.
#[repr(C, align(64))]
pub struct zamok_ocra {
    /// Not for the caller.
    pub opaque: [u8; 1024],
}

// SAFETY: see the assertion; midstates and the suite are numbers.
unsafe impl Resident for Ocra {
    type Opaque = zamok_ocra;
    const TAG: u64 = 0x7a61_6d6f_6b4f_0001;
}
const _: () = assert!(has_room::<Ocra>());

/// Most characters of a response: HMAC-SHA-512 in hexadecimal, for a suite of 0 digits.
pub const ZAMOK_RESPONSE_MAX: usize = 128;

/// `counter` is given.
pub const ZAMOK_OCRA_COUNTER: u32 = 1;
/// `time` is given.
pub const ZAMOK_OCRA_TIME: u32 = 2;
/// `password` is given, as it was typed: the suite's hash is taken of it.
pub const ZAMOK_OCRA_PASSWORD: u32 = 4;
/// `password` is given, and is its hash.
pub const ZAMOK_OCRA_PASSWORD_DIGEST: u32 = 8;
/// `session` is given.
pub const ZAMOK_OCRA_SESSION: u32 = 16;
/// Both questions are given, and the server computes: mutual challenge-response.
pub const ZAMOK_OCRA_MUTUAL_SERVER: u32 = 32;
/// Both questions are given, and the client computes.
pub const ZAMOK_OCRA_MUTUAL_CLIENT: u32 = 64;
/// A plain signature (RFC 6287 section 7.3): suites with session data are refused.
pub const ZAMOK_OCRA_SIGNATURE: u32 = 128;

/// The inputs of one computation: those that the suite names, and no others.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_ocra_input {
    /// `sizeof(zamok_ocra_input)`.
    pub size: u32,
    /// `ZAMOK_OCRA_…`, joined with |: what is given besides the question.
    pub given: u32,
    /// The counter; when verifying, the next one expected.
    pub counter: u64,
    /// The time, in seconds since 1970.
    pub time: u64,
    /// The question; in mutual mode that of the server.
    pub question: *const c_char,
    /// Its length.
    pub question_length: usize,
    /// In mutual mode the question of the client.
    pub client_question: *const c_char,
    /// Its length.
    pub client_question_length: usize,
    /// The password or PIN, or its digest.
    pub password: *const u8,
    /// Its length.
    pub password_length: usize,
    /// The session data.
    pub session: *const u8,
    /// Its length.
    pub session_length: usize,
}

// SAFETY: numbers and pointers; on 32 bits without padding as well.
unsafe impl Versioned for zamok_ocra_input {
    const FIRST: usize = offset_of!(Self, session_length) + size_of::<usize>();
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(zamok_ocra_input::FIRST == 88);

/// What a verification matched. **The caller has to spend it**: the question, and the counter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_ocra_match {
    /// `sizeof(zamok_ocra_match)`.
    pub size: u32,
    /// `ZAMOK_OCRA_COUNTER` and `ZAMOK_OCRA_TIME`: which of the two the suite has.
    pub given: u32,
    /// The counter; the next one expected is one more.
    pub counter: u64,
    /// The time step.
    pub time_step: u64,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_ocra_match {
    const FIRST: usize = 24;
}

/// Makes a key ready for a suite such as "OCRA-1:HOTP-SHA1-6:QN08". `flags` is 0 or `ZAMOK_ACCEPT_WEAK`.
///
/// Errors: those of the suite (`ZAMOK_E_OCRA_VERSION`, `…_CRYPTO_FUNCTION`, `…_DATA_INPUT`); as zamok_totp_init().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_ocra_init(
    key: *mut zamok_ocra,
    secret_bytes: *const u8,
    secret_length: usize,
    suite: *const c_char,
    suite_length: usize,
    flags: u32,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        let (seat, bytes, suite) = unsafe {
            (
                Seat::<Ocra>::new(key)?,
                pointer::bytes(secret_bytes, secret_length)?,
                pointer::text(suite, suite_length)?,
            )
        };
        let suite = OcraSuite::parse(suite)?;
        seat.put(Ocra::new(&secret(bytes, flags)?, suite));
        Ok(())
    })
}

/// Wipes a key. Null is nothing; a key that was wiped is refused by every function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zamok_ocra_wipe(key: *mut zamok_ocra) {
    // SAFETY: what the header asks of the caller.
    unsafe { pointer::wipe(key.cast(), size_of::<zamok_ocra>()) };
}

/// The response to a challenge, or a signature: up to `ZAMOK_RESPONSE_MAX` characters and a zero byte.
///
/// Errors: `ZAMOK_E_OCRA_…` where the inputs do not fit the suite.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_ocra_respond(
    key: *const zamok_ocra,
    input: *const zamok_ocra_input,
    response: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Ocra>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, input, out) = unsafe {
            (
                pointer::resident(key, &mut spare)?,
                pointer::required(input)?,
                Buffer::text(response, capacity, length)?,
            )
        };
        // SAFETY: as above.
        let (input, signs) = unsafe { read(&input) }?;
        let response = if signs { key.signature(&input) } else { key.response(&input) }?;
        out.put(response.as_str().as_bytes())
    })
}

/// Verifies a typed response, or a signature, in constant time: at the expected counter and `look_ahead` beyond it, and in
/// so many time steps before and after the given time; together at most 128.
///
/// Errors: `ZAMOK_E_REJECTED`, also for what is no response; `ZAMOK_E_OCRA_…` where the inputs do not fit the suite;
/// `ZAMOK_E_WINDOW_TOO_WIDE`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_ocra_verify(
    key: *const zamok_ocra,
    input: *const zamok_ocra_input,
    response: *const c_char,
    response_length: usize,
    look_ahead: u32,
    past: u32,
    future: u32,
    matched: *mut zamok_ocra_match,
) -> zamok_status {
    guarded(|| {
        let mut spare = Spare::<Ocra>::empty();
        // SAFETY: what the header asks of the caller.
        let (key, input, response, place) = unsafe {
            (
                pointer::resident(key, &mut spare)?,
                pointer::required(input)?,
                pointer::bytes(response.cast(), response_length)?,
                StructPlace::new(matched)?,
            )
        };
        // SAFETY: as above.
        let (input, signs) = unsafe { read(&input) }?;
        let window = OcraWindow { counter: Window::look_ahead(look_ahead)?, time: window(past, future)? };
        let found = if signs {
            key.verify_signature(typed(response), &input, window)
        } else {
            key.verify(typed(response), &input, window)
        }?;
        let mut given = 0;
        if found.counter.is_some() {
            given |= ZAMOK_OCRA_COUNTER;
        }
        if found.time_step.is_some() {
            given |= ZAMOK_OCRA_TIME;
        }
        place.put(&zamok_ocra_match {
            size: 0,
            given,
            counter: found.counter.unwrap_or(0),
            time_step: found.time_step.unwrap_or(0),
        });
        Ok(())
    })
}

/// The inputs, and whether a signature is meant.
///
/// # Safety
/// What the header asks of a caller, for every pointer of the struct.
unsafe fn read<'a>(input: &zamok_ocra_input) -> Result<(OcraInput<'a>, bool), Fault> {
    const PASSWORDS: u32 = ZAMOK_OCRA_PASSWORD | ZAMOK_OCRA_PASSWORD_DIGEST;
    const MUTUAL: u32 = ZAMOK_OCRA_MUTUAL_SERVER | ZAMOK_OCRA_MUTUAL_CLIENT;
    const ALL: u32 =
        ZAMOK_OCRA_COUNTER | ZAMOK_OCRA_TIME | PASSWORDS | ZAMOK_OCRA_SESSION | MUTUAL | ZAMOK_OCRA_SIGNATURE;
    let given = |flags: u32| input.given & flags != 0;
    let contradicts = |flags: u32| input.given & flags == flags;
    if given(!ALL) || contradicts(PASSWORDS) || contradicts(MUTUAL) {
        return Err(Fault(ZAMOK_E_ARGUMENT));
    }
    // SAFETY: promised for each.
    let (question, client, password, session) = unsafe {
        (
            pointer::text(input.question, input.question_length)?,
            pointer::text(input.client_question, input.client_question_length)?,
            pointer::bytes(input.password, input.password_length)?,
            pointer::bytes(input.session, input.session_length)?,
        )
    };
    // What is there and not said to be given would be left out in silence.
    let said = (password.is_empty() || given(PASSWORDS)) && (session.is_empty() || given(ZAMOK_OCRA_SESSION));
    if !said || (!client.is_empty() && !given(MUTUAL)) {
        return Err(Fault(ZAMOK_E_ARGUMENT));
    }
    if input.question.is_null() {
        return Err(Fault(ZAMOK_E_NULL_POINTER));
    }
    let challenge = if given(ZAMOK_OCRA_MUTUAL_SERVER) {
        OcraChallenge::Mutual { client, server: question, by: OcraSide::Server }
    } else if given(ZAMOK_OCRA_MUTUAL_CLIENT) {
        OcraChallenge::Mutual { client, server: question, by: OcraSide::Client }
    } else {
        OcraChallenge::OneWay(question)
    };
    let password = if given(ZAMOK_OCRA_PASSWORD) {
        Some(OcraPassword::Plain(password))
    } else if given(ZAMOK_OCRA_PASSWORD_DIGEST) {
        Some(OcraPassword::Digest(password))
    } else {
        None
    };
    let read = OcraInput {
        counter: given(ZAMOK_OCRA_COUNTER).then_some(input.counter),
        challenge,
        password,
        session: given(ZAMOK_OCRA_SESSION).then_some(session),
        time: given(ZAMOK_OCRA_TIME).then_some(UnixTime(input.time)),
    };
    Ok((read, given(ZAMOK_OCRA_SIGNATURE)))
}
