//! A vault alone, for keys without accounts.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::{Options, Policy, Role, Settings, StoreUrl, Vault, Zamok};
use zamok_core::vault::keys::KeyKind;
use zamok_core::vault::spend::SpendPolicy;

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_vault};
use super::options::{self, Chosen, zamok_options};
use super::secret::{Given, zamok_secret};
use super::slots;
use crate::pointer::{self, Place};
use crate::zamok_status;

/// A vault, with the numbers by which codes of its keys are checked.
pub(crate) struct OpenVault {
    pub(crate) vault: Arc<Vault>,
    generator: SpendPolicy,
    token: SpendPolicy,
}

impl OpenVault {
    pub(crate) fn new(vault: Arc<Vault>, policy: &Policy) -> Arc<Self> {
        Arc::new(Self { vault, generator: policy.generator.spend(), token: policy.token.spend() })
    }

    /// Windows, attempts and delays for keys of this kind.
    pub(crate) const fn spending(&self, kind: &KeyKind) -> &SpendPolicy {
        match kind {
            KeyKind::Hotp { .. } => &self.token,
            _ => &self.generator,
        }
    }
}

/// Where a vault lies, what opens it, and how: as a caller gives it.
pub(crate) struct Door<'a> {
    url: &'a str,
    secret: Given,
    chosen: Chosen,
}

impl<'a> Door<'a> {
    /// # Safety
    /// What the header asks of a caller who gives these.
    pub(crate) unsafe fn by_passphrase(
        (url, url_length): (*const c_char, usize),
        (passphrase, length): (*const c_char, usize),
        options: *const zamok_options,
    ) -> Result<Self, Trouble> {
        // SAFETY: promised.
        unsafe { Self::new((url, url_length), Given::passphrase(passphrase, length)?, options) }
    }

    /// # Safety
    /// As [`Door::by_passphrase`].
    pub(crate) unsafe fn by_secret(
        url: (*const c_char, usize),
        secret: *const zamok_secret,
        options: *const zamok_options,
    ) -> Result<Self, Trouble> {
        // SAFETY: promised.
        unsafe { Self::new(url, Given::read(secret)?, options) }
    }

    /// # Safety
    /// As [`Door::by_passphrase`].
    unsafe fn new(
        (url, url_length): (*const c_char, usize),
        secret: Given,
        options: *const zamok_options,
    ) -> Result<Self, Trouble> {
        // SAFETY: promised.
        let (url, chosen) = unsafe { (pointer::text(url, url_length)?, options::read(options)?) };
        let options = Options { slot: secret.slot, ..chosen.options };
        Ok(Self { url, secret, chosen: Chosen { options, ..chosen } })
    }

    /// Makes a vault and opens it. What comes of its anchor stands beside the handle, which is given in any case.
    fn make(self, place: Place<*mut zamok_vault>) -> Result<(), Trouble> {
        let url = StoreUrl::parse(self.url)?;
        self.chosen.begin_anchor()?;
        let made = Vault::create(url.create()?, self.secret.credential(), self.chosen.options)?;
        let kept = options::keep_anchor(&made);
        handles::give(place, OpenVault::new(Arc::new(made), &self.chosen.policy))?;
        kept
    }

    /// Opens the vault that is there.
    fn open(self, role: Role) -> Result<Arc<OpenVault>, Trouble> {
        let store = StoreUrl::parse(self.url)?.open()?;
        let opened = Vault::unlock_as(role, store, self.secret.credential(), self.chosen.options)?;
        Ok(OpenVault::new(Arc::new(opened), &self.chosen.policy))
    }

    /// Makes a vault and a cabinet for a service of this name, and opens them, as [`Door::make`].
    pub(crate) fn make_cabinet(self, issuer: &str, place: Place<*mut zamok_cabinet>) -> Result<(), Trouble> {
        let url = StoreUrl::parse(self.url)?;
        self.chosen.begin_anchor()?;
        let Chosen { options, policy, .. } = self.chosen;
        let settings = Settings::new(issuer).with_policy(policy).with_options(options);
        let made = Zamok::create_in(url.create()?, self.secret.credential(), settings)?;
        let kept = options::keep_anchor(made.vault());
        handles::give(place, Arc::new(made))?;
        kept
    }

    /// Opens the vault and the cabinet that are there.
    pub(crate) fn open_cabinet(self) -> Result<Arc<Zamok>, Trouble> {
        let store = StoreUrl::parse(self.url)?.open()?;
        Ok(Arc::new(Zamok::open_in(store, self.secret.credential(), self.chosen.options)?))
    }
}

/// Makes a store where there is none, and a vault in it, and opens it. `url` is "sqlite:PATH", "postgres://…" or
/// "memory:"; `options` may be null. A passphrase has any bytes; 80 bits of entropy are advised.
///
/// Errors: `ZAMOK_E_VAULT_EXISTS`; `ZAMOK_E_ANCHOR_UNWRITTEN`, with which the handle is given (zamok_options); those of the store
/// (`ZAMOK_E_STORE_…`).
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
        let (door, place) = unsafe {
            (
                Door::by_passphrase((url, url_length), (passphrase, passphrase_length), options)?,
                Place::new(vault)?,
            )
        };
        door.make(place)
    })
}

/// The same with another secret than a passphrase. With shares: make the vault with a key first, then zamok_slot_add_split().
///
/// Errors: as zamok_vault_create(); `ZAMOK_E_ARGUMENT` for what is no secret of its kind; `ZAMOK_E_TOO_LONG` for a key of
/// another length; `ZAMOK_E_SHARE_…`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_vault_create_with(
    url: *const c_char,
    url_length: usize,
    secret: *const zamok_secret,
    options: *const zamok_options,
    vault: *mut *mut zamok_vault,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (door, place) =
            unsafe { (Door::by_secret((url, url_length), secret, options)?, Place::new(vault)?) };
        door.make(place)
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
        let (door, place) = unsafe {
            (
                Door::by_passphrase((url, url_length), (passphrase, passphrase_length), options)?,
                Place::new(vault)?,
            )
        };
        handles::give(place, door.open(Role::User)?)
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
        let (door, place) = unsafe {
            (
                Door::by_passphrase((url, url_length), (passphrase, passphrase_length), options)?,
                Place::new(vault)?,
            )
        };
        handles::give(place, door.open(slots::role(role)?)?)
    })
}

/// The same with any secret, through the slot that it names or the first that is for the role and for this kind of secret.
///
/// Errors: as zamok_vault_open_as(), `ZAMOK_E_REJECTED` also for a wrong key, PIN or secret of a device, and for shares that were
/// altered; `ZAMOK_E_NO_SLOT`, and `ZAMOK_E_SLOT_METHOD` for a slot that is opened otherwise; as zamok_vault_create_with().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_vault_open_with(
    url: *const c_char,
    url_length: usize,
    secret: *const zamok_secret,
    role: u32,
    options: *const zamok_options,
    vault: *mut *mut zamok_vault,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (door, place) =
            unsafe { (Door::by_secret((url, url_length), secret, options)?, Place::new(vault)?) };
        handles::give(place, door.open(slots::role(role)?)?)
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
