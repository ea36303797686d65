//! Signed documents.

use std::ffi::c_char;

use zamok::signature::VerifyingKey;
use zamok::{CoreError, Zamok};

use super::error::told;
use super::handles::{self, zamok_cabinet, zamok_session};
use super::session::within;
use super::zamok_id;
use crate::pointer::{self, Buffer, StructPlace, Versioned};
use crate::zamok_status;

/// Longest signature of a document, in bytes: ECDSA on P-256 in DER.
pub const ZAMOK_DOCUMENT_SIGNATURE_MAX: usize = 72;

/// What the journal says of a signature. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_signed {
    /// `sizeof(zamok_signed)`.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// When it was made, in seconds since 1970.
    pub time: u64,
    /// The entry that says so, which is the signature's id: its writer.
    pub entry_writer: zamok_id,
    /// And its number.
    pub entry_sequence: u64,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_signed {
    const FIRST: usize = 40;
}

/// Signs a document with the account's own key, in a session that is fresh: a detached signature, ECDSA over its SHA-256, in DER. It
/// leaves only with the journal entry that records it; `name` is what that calls the document. `signed` may be null.
///
/// Each call signs anew: where there is no room for `ZAMOK_DOCUMENT_SIGNATURE_MAX` bytes, nothing is signed.
///
/// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`; `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_sign(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    document: *const u8,
    document_length: usize,
    name: *const c_char,
    name_length: usize,
    signature: *mut u8,
    capacity: usize,
    length: *mut usize,
    signed: *mut zamok_signed,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (document, name, out, place) = unsafe {
            (
                pointer::bytes(document, document_length)?,
                pointer::text(name, name_length)?,
                Buffer::bytes(signature, capacity, length)?,
                if signed.is_null() { None } else { Some(StructPlace::new(signed)?) },
            )
        };
        let (cabinet, session) = within(cabinet, session)?;
        out.reserve(ZAMOK_DOCUMENT_SIGNATURE_MAX)?;
        let made = cabinet.sign(&session, document, name)?;
        out.put(&made.signature.to_der())?;
        if let Some(place) = place {
            place.put(&zamok_signed {
                size: 0,
                reserved: 0,
                time: made.time.0,
                entry_writer: zamok_id { bytes: made.entry.writer },
                entry_sequence: made.entry.sequence,
            });
        }
        Ok(())
    })
}

/// The public key that checks an account's documents: SubjectPublicKeyInfo in PEM, as `openssl` reads it.
///
/// Errors: `ZAMOK_E_REJECTED` when no account has this login; `ZAMOK_E_KEY_STATE` when the key is compromised.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_document_key(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    pem: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, out) =
            unsafe { (pointer::text(login, login_length)?, Buffer::text(pem, capacity, length)?) };
        Ok(out.put(handles::take::<Zamok>(cabinet)?.document_key(login)?.to_spki_pem().as_bytes())?)
    })
}

/// Checks a detached signature with a public key in PEM: ECDSA on P-256 or P-384 in DER, Ed25519, RSA (PSS with SHA-256). Needs
/// no vault.
///
/// Errors: `ZAMOK_E_REJECTED` for any wrong signature; `ZAMOK_E_KEY_MATERIAL` for what is no such key.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_signature_verify(
    pem: *const c_char,
    pem_length: usize,
    document: *const u8,
    document_length: usize,
    signature: *const u8,
    signature_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (pem, document, signature) = unsafe {
            (
                pointer::text(pem, pem_length)?,
                pointer::bytes(document, document_length)?,
                pointer::bytes(signature, signature_length)?,
            )
        };
        let key = VerifyingKey::from_spki_pem(pem).map_err(|_| CoreError::KeyMaterial)?;
        Ok(key.verify_der(document, signature)?)
    })
}
