//! Who knocks at the door, and the doors beside the one with a password and a code: a known device, its PIN, a phone alone.

use std::ffi::c_char;
use std::mem::offset_of;
use std::net::IpAddr;
use std::sync::Arc;

use zamok::{Approach, Begun, DeviceToken, Zamok};

use super::cabinet::{password, typed_text};
use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_challenge};
use super::operation::method_named;
use crate::border::Fault;
use crate::codes::{ZAMOK_E_ARGUMENT, ZAMOK_E_REJECTED};
use crate::pointer::{self, Place, Versioned};
use crate::zamok_status;

/// What a service knows of whoever knocks. With `size` set and the rest 0: nothing.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_approach {
    /// `sizeof(zamok_approach)`.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// What the service calls the program at the other end, such as "Firefox on Linux"; 128 bytes are kept.
    pub client: *const c_char,
    /// Its length.
    pub client_length: usize,
    /// The token of a known device, as zamok_device_trust() gave it. One that is none is that of a stranger, and no error.
    pub device: *const c_char,
    /// Its length.
    pub device_length: usize,
    /// The factor to answer with, by its name, such as "SMS"; empty for the one that the account prefers.
    pub method: *const c_char,
    /// Its length.
    pub method_length: usize,
    /// The network address from which it comes, as the service sees it ("192.0.2.7", "2001:db8::7"): limits of the account are held
    /// against it. Empty: not known.
    pub address: *const c_char,
    /// Its length.
    pub address_length: usize,
    /// The language of messages (BCP 47); empty for the account's own.
    pub language: *const c_char,
    /// Its length.
    pub language_length: usize,
}

// SAFETY: numbers and pointers without padding.
unsafe impl Versioned for zamok_approach {
    const FIRST: usize = offset_of!(Self, language_length) + size_of::<usize>();
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(zamok_approach::FIRST == 88);

/// # Safety
/// What the header asks of a caller who gives one.
pub(crate) unsafe fn read(approach: *const zamok_approach) -> Result<Approach, Trouble> {
    // SAFETY: promised.
    let Some(given) = (unsafe { pointer::versioned(approach)? }) else { return Ok(Approach::default()) };
    // SAFETY: the same, of what the struct points to.
    let (client, device, method, address, language) = unsafe {
        (
            pointer::text(given.client, given.client_length)?,
            typed_text(given.device, given.device_length)?,
            pointer::text(given.method, given.method_length)?,
            pointer::text(given.address, given.address_length)?,
            pointer::text(given.language, given.language_length)?,
        )
    };
    Ok(Approach {
        device: DeviceToken::parse(device),
        by: method_named(method)?,
        address: from(address)?,
        language: language.into(),
        client: client.into(),
        ..Approach::default()
    })
}

/// The address from which somebody comes; none where it is empty.
pub(crate) fn from(address: &str) -> Result<Option<IpAddr>, Fault> {
    match address {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Fault(ZAMOK_E_ARGUMENT)),
    }
}

/// As zamok_login_begin(), with all that the service knows of whoever knocks. `approach` may be null.
///
/// Errors: `ZAMOK_E_METHOD_UNAVAILABLE` for a method that the account has not, after a right password; `ZAMOK_E_ARGUMENT` for an address
/// that is none; as zamok_login_begin().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_login_begin_from(
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
                read(approach)?,
                Place::new(challenge)?,
            )
        };
        let begun = handles::take::<Zamok>(cabinet)?.begin_login_from(login, &password, &approach)?;
        handles::give(place, Arc::new(begun))
    })
}

/// Begins a login without a password, from the known device of `approach`, whose owner has a PIN for it
/// (zamok_enrolment_offer_pin()): the PIN answers the challenge.
///
/// Errors: `ZAMOK_E_REJECTED` for a token that is no known device's any more, or has no PIN; `ZAMOK_E_METHOD_TOO_WEAK` where more than a
/// PIN is wanted now: log in with the password.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_login_begin_by_device(
    cabinet: *const zamok_cabinet,
    approach: *const zamok_approach,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (approach, place) = unsafe { (read(approach)?, Place::new(challenge)?) };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let device = approach.device.clone().ok_or(Fault(ZAMOK_E_REJECTED))?;
        let begun = cabinet.begin_login_by_device(&device, &approach)?;
        handles::give(place, Arc::new(Begun::Code(begun)))
    })
}

/// Begins a login without a password, by a phone alone ("+79161234567"), for an account that has no stronger factor: a code is sent
/// to it. Whether a phone is known is told to nobody: there is a challenge for every one. `approach` may be null.
///
/// Errors: `ZAMOK_E_NOT_ALLOWED` where policy has no such logins (`contact.login`); `ZAMOK_E_CONTACT_UNUSABLE` for what is no phone.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_login_begin_by_phone(
    cabinet: *const zamok_cabinet,
    phone: *const c_char,
    phone_length: usize,
    approach: *const zamok_approach,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (phone, approach, place) =
            unsafe { (typed_text(phone, phone_length)?, read(approach)?, Place::new(challenge)?) };
        let begun = handles::take::<Zamok>(cabinet)?.begin_login_by_phone(phone, &approach)?;
        handles::give(place, Arc::new(Begun::Code(begun)))
    })
}
