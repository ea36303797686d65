//! Known devices: trusted, listed, blocked, forgotten; and where messages are pushed to.

use std::ffi::c_char;

use zamok::delivery::Subscription;
use zamok::{Device, DeviceId, Zamok};

use super::error::told;
use super::handles::{zamok_cabinet, zamok_session};
use super::keys::fixed;
use super::session::within;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, StructPlace, Versioned};
use crate::zamok_status;

/// Characters of a device's token.
pub const ZAMOK_DEVICE_TOKEN_LENGTH: usize = 109;

/// Bytes of the key that a push subscription comes with: an uncompressed point of P-256 (RFC 8291 §2).
pub const ZAMOK_PUSH_KEY_LENGTH: usize = 65;
/// Bytes of its authentication secret.
pub const ZAMOK_PUSH_SECRET_LENGTH: usize = 16;

/// It is recognised.
pub const ZAMOK_DEVICE_TRUSTED: u32 = 1;
/// It was blocked.
pub const ZAMOK_DEVICE_BLOCKED: u32 = 2;
/// Its time is over: it is a stranger again.
pub const ZAMOK_DEVICE_EXPIRED: u32 = 3;

/// A device that an account is known by. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_device_info {
    /// `sizeof(zamok_device_info)`.
    pub size: u32,
    /// How it stands: one of `ZAMOK_DEVICE_…`.
    pub state: u32,
    /// Its id. Not a secret.
    pub id: zamok_id,
    /// When it became known, in seconds since 1970.
    pub trusted: u64,
    /// When it last logged in.
    pub last_login: u64,
    /// When it is a stranger again.
    pub expires: u64,
    /// What it is called; ended by a zero byte.
    pub label: [c_char; 136],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_device_info {
    const FIRST: usize = 184;
}
const _: () = assert!(size_of::<zamok_device_info>() == zamok_device_info::FIRST);

/// Makes the device of a session known, under a label of at most 128 bytes, and tells the token that it keeps, this once: a secret.
/// From then on, strangers who guess at the account do not lock it out.
///
/// It cannot be asked for twice: where there is no room for `ZAMOK_DEVICE_TOKEN_LENGTH` bytes and a zero byte, nothing happens.
///
/// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` (zamok_again_begin()); `ZAMOK_E_TOO_MANY_DEVICES`; `ZAMOK_E_SESSION_ENDED`;
/// `ZAMOK_E_TOO_LONG`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_trust(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    label: *const c_char,
    label_length: usize,
    token: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (label, out) =
            unsafe { (pointer::text(label, label_length)?, Buffer::text(token, capacity, length)?) };
        let (cabinet, session) = within(cabinet, session)?;
        out.reserve(ZAMOK_DEVICE_TOKEN_LENGTH)?;
        Ok(out.put(cabinet.trust_device(&session, label)?.to_text().as_bytes())?)
    })
}

/// The device of a session's account at a place, from 0: those that were blocked among them.
///
/// Errors: `ZAMOK_E_ARGUMENT` beyond the last; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_get(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    index: usize,
    info: *mut zamok_device_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let (cabinet, session) = within(cabinet, session)?;
        let devices = cabinet.devices(&session)?;
        let device = devices.get(index).ok_or(Fault(ZAMOK_E_ARGUMENT))?;
        place.put(&zamok_device_info {
            size: 0,
            state: state(&cabinet, device),
            id: zamok_id { bytes: device.id.0 },
            trusted: device.trusted.0,
            last_login: device.last_login.0,
            expires: device.expires.0,
            label: fixed(&device.label),
        });
        Ok(())
    })
}

fn state(cabinet: &Zamok, device: &Device) -> u32 {
    if device.is_blocked() {
        ZAMOK_DEVICE_BLOCKED
    } else if cabinet.vault().now() >= device.expires {
        ZAMOK_DEVICE_EXPIRED
    } else {
        ZAMOK_DEVICE_TRUSTED
    }
}

/// Blocks a device at once, lost or stolen: it is not recognised any more, approves nothing, and the sessions that it opened are
/// over. No fresh session is needed, unless the account's only factor lies on it.
///
/// Errors: `ZAMOK_E_DEVICE_UNKNOWN` when the account has no such device, or it is blocked already; `ZAMOK_E_SESSION_ENDED`; for its only
/// factor `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`, and `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_block(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let id = unsafe { pointer::array(id.cast())? };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.block_device(&session, DeviceId(id))?)
    })
}

/// Forgets a device, blocked or not, in a session that is fresh.
///
/// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`; as zamok_device_block().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_remove(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let id = unsafe { pointer::array(id.cast())? };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.remove_device(&session, DeviceId(id))?)
    })
}

/// Has messages pushed to the known device of a session from now on (RFC 8030), sealed for it (RFC 8291): `endpoint` is an https URL,
/// `key` the device's public key, `secret` its authentication secret, as a browser's PushSubscription holds them. Another
/// subscription of the device is replaced, in a session that is fresh.
///
/// Errors: `ZAMOK_E_SUBSCRIPTION_UNUSABLE`; `ZAMOK_E_DEVICE_UNKNOWN` for a session of no known device; `ZAMOK_E_SESSION_ENDED`; where one is
/// replaced `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`, and `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_subscribe(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    endpoint: *const c_char,
    endpoint_length: usize,
    key: *const u8,
    key_length: usize,
    secret: *const u8,
    secret_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (endpoint, key, secret) = unsafe {
            (
                pointer::text(endpoint, endpoint_length)?,
                pointer::bytes(key, key_length)?,
                pointer::bytes(secret, secret_length)?,
            )
        };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.subscribe(&session, &Subscription::new(endpoint, key, secret)?)?)
    })
}

/// Has nothing pushed to the device of a session any more. Twice is no error.
///
/// Errors: as zamok_device_subscribe().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_device_unsubscribe(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
) -> zamok_status {
    told(|| {
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.unsubscribe(&session)?)
    })
}
