//! A vault alone, for keys without accounts.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::{Passphrase, Policy, StoreUrl, Vault, Zamok};
use zamok_core::vault::spend::SpendPolicy;

use super::error::told;
use super::handles::{self, zamok_cabinet, zamok_vault};
use super::options::{self, zamok_options};
use crate::pointer::{self, Place};
use crate::zamok_status;

/// A vault, with the numbers by which codes of its keys are checked.
pub(crate) struct OpenVault {
    pub(crate) vault: Arc<Vault>,
    pub(crate) spend: SpendPolicy,
}

impl OpenVault {
    pub(crate) fn new(vault: Arc<Vault>, policy: &Policy) -> Arc<Self> {
        Arc::new(Self { vault, spend: policy.one_time() })
    }
}

/// Makes a store where there is none, and a vault in it, and opens it. `url` is "sqlite:PATH", "postgres://…" or
/// "memory:"; `options` may be null. A passphrase has any bytes; 80 bits of entropy are advised.
///
/// Errors: `ZAMOK_E_VAULT_EXISTS`; those of the store (`ZAMOK_E_STORE_…`).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_vault_create(
    url: *const c_char,
    url_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    options: *const zamok_options,
    vault: *mut *mut zamok_vault,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (url, passphrase, (options, policy), place) = unsafe {
            (
                pointer::text(url, url_length)?,
                Passphrase::from(pointer::bytes(passphrase.cast(), passphrase_length)?),
                options::read(options)?,
                Place::new(vault)?,
            )
        };
        let made = Vault::create(StoreUrl::parse(url)?.create()?, &passphrase, options)?;
        handles::give(place, OpenVault::new(Arc::new(made), &policy))
    })
}

/// Opens the vault that is there.
///
/// Errors: `ZAMOK_E_REJECTED` for a wrong passphrase; `ZAMOK_E_UNLOCK_NOT_BEFORE` while failures delay further attempts
/// (zamok_error_text() says until when); `ZAMOK_E_NO_VAULT`; those of the store.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_vault_open(
    url: *const c_char,
    url_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    options: *const zamok_options,
    vault: *mut *mut zamok_vault,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (url, passphrase, (options, policy), place) = unsafe {
            (
                pointer::text(url, url_length)?,
                Passphrase::from(pointer::bytes(passphrase.cast(), passphrase_length)?),
                options::read(options)?,
                Place::new(vault)?,
            )
        };
        let opened = Vault::unlock(StoreUrl::parse(url)?.open()?, &passphrase, options)?;
        handles::give(place, OpenVault::new(Arc::new(opened), &policy))
    })
}

/// Opens the vault that is there in a role, one of `ZAMOK_ROLE_…`, as zamok_vault_open() does for its user: an officer keeps
/// the doors (zamok_slot_add()) and uses nobody's keys, an auditor reads the journal.
///
/// Errors: as zamok_vault_open(); `ZAMOK_E_SLOT_METHOD` when no slot is for this role; `ZAMOK_E_ARGUMENT` for another role.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_vault_open_as(
    url: *const c_char,
    url_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    role: u32,
    options: *const zamok_options,
    vault: *mut *mut zamok_vault,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (url, passphrase, (options, policy), place) = unsafe {
            (
                pointer::text(url, url_length)?,
                Passphrase::from(pointer::bytes(passphrase.cast(), passphrase_length)?),
                options::read(options)?,
                Place::new(vault)?,
            )
        };
        let (role, url) = (super::slots::role(role)?, StoreUrl::parse(url)?);
        let opened = Vault::unlock_as(role, url.open()?, &passphrase, options)?;
        handles::give(place, OpenVault::new(Arc::new(opened), &policy))
    })
}

/// The vault beneath a cabinet: a handle of its own, to be freed by itself. Both are locked when one is.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_cabinet_vault(
    cabinet: *const zamok_cabinet,
    vault: *mut *mut zamok_vault,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { Place::new(vault)? };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        handles::give(place, OpenVault::new(cabinet.vault().clone(), cabinet.policy()))
    })
}

/// Takes the keys away: later calls answer `ZAMOK_E_LOCKED`, and the keys are wiped once calls under way end. Open the
/// vault again for a new handle.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn zamok_vault_lock(vault: *const zamok_vault) -> zamok_status {
    told(|| {
        handles::take::<OpenVault>(vault)?.vault.lock();
        Ok(())
    })
}

/// Ends the handle; with the last one on a vault its keys are wiped. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_vault_free(vault: *mut zamok_vault) {
    handles::free::<OpenVault>(vault);
}
