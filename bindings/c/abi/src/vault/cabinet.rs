//! A cabinet: the accounts of one service.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::{Passphrase, Password, Settings, StoreUrl, Zamok};

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet};
use super::options::{self, zamok_options};
use crate::pointer::{self, Place};
use crate::zamok_status;

/// Makes a store where there is none, a vault in it, and a cabinet for one service, and opens them. `issuer` is the name of
/// the service, as authenticator apps show it; the rest is as in zamok_vault_create(). A creation that was interrupted
/// is finished.
///
/// Errors: `ZAMOK_E_VAULT_EXISTS`; `ZAMOK_E_ISSUER_UNUSABLE`; `ZAMOK_E_POLICY_UNSOUND`; those of the store.
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
        let (url, passphrase, issuer, (options, policy), place) = unsafe {
            (
                pointer::text(url, url_length)?,
                Passphrase::from(pointer::bytes(passphrase.cast(), passphrase_length)?),
                pointer::text(issuer, issuer_length)?,
                options::read(options)?,
                Place::new(cabinet)?,
            )
        };
        let settings = Settings::new(issuer).with_policy(policy).with_options(options);
        handles::give(place, Arc::new(Zamok::create(url, &passphrase, settings)?))
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
        let (url, passphrase, options, place) = unsafe {
            (
                pointer::text(url, url_length)?,
                Passphrase::from(pointer::bytes(passphrase.cast(), passphrase_length)?),
                options::read(options)?.0,
                Place::new(cabinet)?,
            )
        };
        let opened = Zamok::open_in(StoreUrl::parse(url)?.open()?, &passphrase, options)?;
        handles::give(place, Arc::new(opened))
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
            unsafe { (pointer::text(login, login_length)?, self::password(password, password_length)?) };
        handles::take::<Zamok>(cabinet)?.register(login, &password)?;
        Ok(())
    })
}

/// A password as it was typed; the copy is wiped.
///
/// # Safety
/// As [`pointer::text`].
pub(crate) unsafe fn password(text: *const c_char, length: usize) -> Result<Password, Trouble> {
    // SAFETY: promised.
    Ok(Password::new(unsafe { pointer::text(text, length)? }))
}
