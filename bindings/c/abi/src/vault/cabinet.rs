//! A cabinet: the accounts of one service.

use std::ffi::c_char;

use zamok::{Password, Zamok};

use super::access::Door;
use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet};
use super::options::zamok_options;
use super::secret::zamok_secret;
use crate::border::Fault;
use crate::pointer::{self, Place};
use crate::zamok_status;

/// Makes a store where there is none, a vault in it, and a cabinet for one service, and opens them. `issuer` is the name of
/// the service, as authenticator apps show it; the rest is as in zamok_vault_create(). A creation that was interrupted
/// is finished.
///
/// Errors: `ZAMOK_E_ISSUER_UNUSABLE`; `ZAMOK_E_POLICY_UNSOUND`; as zamok_vault_create(), `ZAMOK_E_ANCHOR_UNWRITTEN` with the handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_cabinet_create(
    url: *const c_char,
    url_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    issuer: *const c_char,
    issuer_length: usize,
    options: *const zamok_options,
    cabinet: *mut *mut zamok_cabinet,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (door, issuer, place) = unsafe {
            (
                Door::by_passphrase((url, url_length), (passphrase, passphrase_length), options)?,
                pointer::text(issuer, issuer_length)?,
                Place::new(cabinet)?,
            )
        };
        door.make_cabinet(issuer, place)
    })
}

/// The same with another secret than a passphrase, as zamok_vault_create_with().
///
/// Errors: as zamok_cabinet_create() and zamok_vault_create_with().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_cabinet_create_with(
    url: *const c_char,
    url_length: usize,
    secret: *const zamok_secret,
    issuer: *const c_char,
    issuer_length: usize,
    options: *const zamok_options,
    cabinet: *mut *mut zamok_cabinet,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (door, issuer, place) = unsafe {
            (
                Door::by_secret((url, url_length), secret, options)?,
                pointer::text(issuer, issuer_length)?,
                Place::new(cabinet)?,
            )
        };
        door.make_cabinet(issuer, place)
    })
}

/// Opens the vault and the cabinet that are there.
///
/// Errors: as zamok_vault_open().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_cabinet_open(
    url: *const c_char,
    url_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    options: *const zamok_options,
    cabinet: *mut *mut zamok_cabinet,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (door, place) = unsafe {
            (
                Door::by_passphrase((url, url_length), (passphrase, passphrase_length), options)?,
                Place::new(cabinet)?,
            )
        };
        handles::give(place, door.open_cabinet()?)
    })
}

/// The same with another secret than a passphrase, for the vault's user, through the slot that it names or the first that fits.
///
/// Errors: as zamok_vault_open_with().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_cabinet_open_with(
    url: *const c_char,
    url_length: usize,
    secret: *const zamok_secret,
    options: *const zamok_options,
    cabinet: *mut *mut zamok_cabinet,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (door, place) =
            unsafe { (Door::by_secret((url, url_length), secret, options)?, Place::new(cabinet)?) };
        handles::give(place, door.open_cabinet()?)
    })
}

/// Takes the keys away, as zamok_vault_lock() does.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn zamok_cabinet_lock(cabinet: *const zamok_cabinet) -> zamok_status {
    told(|| {
        handles::take::<Zamok>(cabinet)?.vault().lock();
        Ok(())
    })
}

/// Ends the handle; with the last one on a vault its keys are wiped. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_cabinet_free(cabinet: *mut zamok_cabinet) {
    handles::free::<Zamok>(cabinet);
}

/// Makes an account.
///
/// Errors: `ZAMOK_E_LOGIN_UNUSABLE`, `ZAMOK_E_LOGIN_TAKEN`, `ZAMOK_E_PASSWORD_…` after the policy's rules.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_register(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    password: *const c_char,
    password_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, password) =
            unsafe { (pointer::text(login, login_length)?, new_password(password, password_length)?) };
        handles::take::<Zamok>(cabinet)?.register(login, &password)?;
        Ok(())
    })
}

/// A text that a stranger brings: a login, a phone number, a token. What is not UTF-8 is nobody's, and must not look like a fault of the
/// service.
///
/// # Safety
/// As [`pointer::bytes`].
pub(crate) unsafe fn typed_text<'a>(text: *const c_char, length: usize) -> Result<&'a str, Fault> {
    // SAFETY: promised.
    Ok(std::str::from_utf8(unsafe { pointer::bytes(text.cast(), length)? }).unwrap_or(""))
}

/// A password as it was typed; the copy is wiped. What is not UTF-8 is a password that nobody has, and is charged like one.
///
/// # Safety
/// As [`pointer::bytes`].
pub(crate) unsafe fn password(text: *const c_char, length: usize) -> Result<Password, Trouble> {
    // SAFETY: the same promise.
    Ok(Password::new(unsafe { typed_text(text, length)? }))
}

/// A password that somebody shall have from now on.
///
/// # Safety
/// As [`pointer::text`].
pub(crate) unsafe fn new_password(text: *const c_char, length: usize) -> Result<Password, Trouble> {
    // SAFETY: promised.
    Ok(Password::new(unsafe { pointer::text(text, length)? }))
}
