//! Sessions and their access tokens.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::{Session, SessionId, Zamok};

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_session};
use super::zamok_id;
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::zamok_status;

/// One kind of factor was shown.
pub const ZAMOK_ASSURANCE_LOW: u32 = 1;
/// Two kinds: something known and something held.
pub const ZAMOK_ASSURANCE_SUBSTANTIAL: u32 = 2;
/// Something known, and a key that cannot leave what holds it.
pub const ZAMOK_ASSURANCE_HIGH: u32 = 3;

/// Most characters of an access token.
pub const ZAMOK_TOKEN_MAX: usize = 4096;

/// What a session is. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_session_info {
    /// `sizeof(zamok_session_info)`.
    pub size: u32,
    /// One of `ZAMOK_ASSURANCE_…`: how sure the service is of who is there.
    pub assurance: u32,
    /// Its id. Not a secret; a service takes it from a token that it has verified, or from its own memory.
    pub id: zamok_id,
    /// Whose it is.
    pub account: zamok_id,
    /// When it was opened, in seconds since 1970.
    pub opened: u64,
    /// When it ends in any case.
    pub expires: u64,
    /// When it was last used.
    pub last_used: u64,
    /// When somebody last showed who he is.
    pub authenticated: u64,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_session_info {
    const FIRST: usize = 72;
}

/// What a session is, as it was when the handle was made.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_session_describe(
    session: *const zamok_session,
    info: *mut zamok_session_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let session = handles::take::<Session>(session)?;
        place.put(&zamok_session_info {
            size: 0,
            assurance: session.assurance() as u32,
            id: zamok_id { bytes: session.id.0 },
            account: zamok_id { bytes: session.account.0 },
            opened: session.opened.0,
            expires: session.expires.0,
            last_used: session.last_used.0,
            authenticated: session.authenticated.0,
        });
        Ok(())
    })
}

/// The session with this id, if it is still live; using it keeps it from going idle.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_session_by_id(
    cabinet: *const zamok_cabinet,
    id: *const zamok_id,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, place) = unsafe { (pointer::array(id.cast())?, Place::new(session)?) };
        let found = handles::take::<Zamok>(cabinet)?.session(SessionId(id))?;
        handles::give(place, Arc::new(found))
    })
}

/// Ends a session: its owner logs out, or an operator shuts the door. Journalled with the reason. Ending it twice is no
/// error; the handle stays, and is to be freed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_session_end(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    reason: *const c_char,
    reason_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let reason = unsafe { pointer::text(reason, reason_length)? };
        let session = handles::take::<Session>(session)?;
        Ok(handles::take::<Zamok>(cabinet)?.end_session(session.id, reason)?)
    })
}

/// Ends the handle, not the session. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_session_free(session: *mut zamok_session) {
    handles::free::<Session>(session);
}

/// An access token for a session and one audience, the service that it is shown to: a JWT of RFC 9068, signed with ES256.
///
/// Each call signs one: where there is no room for `ZAMOK_TOKEN_MAX` characters and a zero byte, nothing is signed.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_token_issue(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    audience: *const c_char,
    audience_length: usize,
    token: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (audience, out) =
            unsafe { (pointer::text(audience, audience_length)?, Buffer::text(token, capacity, length)?) };
        let (cabinet, session) = within(cabinet, session)?;
        out.reserve(ZAMOK_TOKEN_MAX)?;
        Ok(out.put(cabinet.tokens(audience).issue(&session)?.as_bytes())?)
    })
}

/// The live session that a token for this audience stands for.
///
/// Errors: `ZAMOK_E_REJECTED` for anything but an unexpired token of this cabinet for this audience;
/// `ZAMOK_E_SESSION_ENDED` when its session is over.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_token_verify(
    cabinet: *const zamok_cabinet,
    audience: *const c_char,
    audience_length: usize,
    token: *const c_char,
    token_length: usize,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (audience, token, place) = unsafe {
            (
                pointer::text(audience, audience_length)?,
                pointer::text(token, token_length)?,
                Place::new(session)?,
            )
        };
        let found = handles::take::<Zamok>(cabinet)?.tokens(audience).verify(token)?;
        handles::give(place, Arc::new(found))
    })
}

/// A cabinet, and a session of it.
pub(crate) fn within(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
) -> Result<(Arc<Zamok>, Arc<Session>), Trouble> {
    Ok((handles::take(cabinet)?, handles::take(session)?))
}
