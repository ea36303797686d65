//! Slots: the ways into a vault. For officers, but for looking, and for users who change their own.

use std::ffi::c_char;

use zamok::{Credential, NewSlot, Options, Role, SlotInfo, Vault};
use zamok_core::Error as CoreError;

use super::access::OpenVault;
use super::error::{Trouble, told};
use super::handles::{self, zamok_vault};
use super::keys::fixed;
use super::options::{self, Chosen, zamok_options};
use super::secret::{self, Given, zamok_secret};
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::zamok_status;

/// Keeps the doors: slots, rotation. Uses nobody's keys.
pub const ZAMOK_ROLE_OFFICER: u32 = 1;
/// Works with keys and accounts.
pub const ZAMOK_ROLE_USER: u32 = 2;
/// Reads and verifies the journal.
pub const ZAMOK_ROLE_AUDITOR: u32 = 3;

/// What a slot is, as the store shows it to anyone. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_slot_info {
    /// `sizeof(zamok_slot_info)`.
    pub size: u32,
    /// Whom it lets in: one of `ZAMOK_ROLE_…`.
    pub role: u32,
    /// Failed attempts since the last success or reset.
    pub failures: u64,
    /// Attempts before this time are refused, in seconds since 1970.
    pub not_before: u64,
    /// 1 when failures have disabled it until an officer resets it.
    pub disabled: u32,
    /// 0.
    pub reserved: u32,
    /// How it is opened, such as "passphrase"; ended by a zero byte.
    pub method: [c_char; 32],
    /// What people call it; ended by a zero byte.
    pub label: [c_char; 72],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_slot_info {
    const FIRST: usize = 136;
}
const _: () = assert!(size_of::<zamok_slot_info>() == zamok_slot_info::FIRST);

pub(crate) fn role(number: u32) -> Result<Role, Fault> {
    match number {
        ZAMOK_ROLE_OFFICER => Ok(Role::Officer),
        ZAMOK_ROLE_USER => Ok(Role::User),
        ZAMOK_ROLE_AUDITOR => Ok(Role::Auditor),
        _ => Err(Fault(ZAMOK_E_ARGUMENT)),
    }
}

/// The numbers of a vault's slots, a byte each.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slots(
    vault: *const zamok_vault,
    numbers: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::bytes(numbers, capacity, length)? };
        let vault = handles::take::<OpenVault>(vault)?;
        let slots = listed(&vault)?;
        Ok(out.put(&slots.iter().map(|slot| slot.number).collect::<Vec<_>>())?)
    })
}

/// What a slot is.
///
/// Errors: `ZAMOK_E_NO_SLOT`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slot_describe(
    vault: *const zamok_vault,
    number: u32,
    info: *mut zamok_slot_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let vault = handles::take::<OpenVault>(vault)?;
        let slot = found(&vault, number)?;
        place.put(&zamok_slot_info {
            size: 0,
            role: match slot.role {
                Role::Officer => ZAMOK_ROLE_OFFICER,
                Role::User => ZAMOK_ROLE_USER,
                Role::Auditor => ZAMOK_ROLE_AUDITOR,
            },
            failures: slot.failures,
            not_before: slot.not_before.0,
            disabled: slot.is_disabled.into(),
            reserved: 0,
            method: fixed(slot.method.name()),
            label: fixed(&slot.label),
        });
        Ok(())
    })
}

/// Adds a slot that a passphrase opens, and tells its number. `role` is one of `ZAMOK_ROLE_…`; `label` is what people call it,
/// at most 64 bytes, not secret. What one attempt costs is in `options`, of which nothing else counts; they may be null.
///
/// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault; `ZAMOK_E_SLOTS_FULL`; `ZAMOK_E_TOO_LONG`; `ZAMOK_E_ARGUMENT` for
/// another role.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slot_add(
    vault: *const zamok_vault,
    role: u32,
    label: *const c_char,
    label_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    options: *const zamok_options,
    number: *mut u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (label, secret, Chosen { options, .. }, place) = unsafe {
            (
                pointer::text(label, label_length)?,
                Given::passphrase(passphrase, passphrase_length)?,
                options::read(options)?,
                Place::new(number)?,
            )
        };
        add(vault, role, label, &secret, &options, place)
    })
}

/// The same for a slot that any secret opens; which slot it names does not count. For shares there is zamok_slot_add_split().
///
/// Errors: as zamok_slot_add() and zamok_vault_create_with().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slot_add_with(
    vault: *const zamok_vault,
    role: u32,
    label: *const c_char,
    label_length: usize,
    secret: *const zamok_secret,
    options: *const zamok_options,
    number: *mut u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (label, secret, Chosen { options, .. }, place) = unsafe {
            (
                pointer::text(label, label_length)?,
                Given::read(secret)?,
                options::read(options)?,
                Place::new(number)?,
            )
        };
        add(vault, role, label, &secret, &options, place)
    })
}

/// Adds a slot that any `needed` of `made` shares open, at least two, and tells its number: the key is drawn here and is nowhere
/// else. The texts of the shares are written one after the other, a remark in front of each, as the program `zamok` and
/// `ZAMOK_SECRET_SHARES` read them. Give each to another person, and wipe them here.
///
/// They cannot be told twice: where there is no room for `made` times `ZAMOK_SHARE_MAX` bytes and a zero byte, nothing is done.
///
/// Errors: `ZAMOK_E_SHARE_SPLIT` for numbers that make no shares; as zamok_slot_add().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slot_add_split(
    vault: *const zamok_vault,
    role: u32,
    label: *const c_char,
    label_length: usize,
    needed: u32,
    made: u32,
    shares: *mut c_char,
    capacity: usize,
    length: *mut usize,
    number: *mut u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (label, out, place) = unsafe {
            (
                pointer::text(label, label_length)?,
                Buffer::text(shares, capacity, length)?,
                Place::new(number)?,
            )
        };
        let vault = handles::take::<OpenVault>(vault)?;
        let role = self::role(role)?;
        let added = split(&vault, needed, made, &out, |secret| {
            vault.vault.add_slot(&NewSlot { role, label, secret, cost: Options::default().cost })
        })?;
        place.put(added.into());
        Ok(())
    })
}

/// Gives a slot another passphrase. An empty label keeps the one that it has. Old copies of the store still open with the old
/// passphrase. `options` are as for zamok_slot_add().
///
/// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault, or its user through this slot; `ZAMOK_E_NO_SLOT`;
/// `ZAMOK_E_TOO_LONG`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slot_change(
    vault: *const zamok_vault,
    number: u32,
    label: *const c_char,
    label_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    options: *const zamok_options,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (label, secret, Chosen { options, .. }) = unsafe {
            (
                pointer::text(label, label_length)?,
                Given::passphrase(passphrase, passphrase_length)?,
                options::read(options)?,
            )
        };
        let vault = handles::take::<OpenVault>(vault)?;
        Ok(change(&vault, number, label, secret.credential(), &options)?)
    })
}

/// Gives a slot any other secret, as zamok_slot_change() does; which slot the secret names does not count.
///
/// Errors: as zamok_slot_change() and zamok_vault_create_with().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slot_change_with(
    vault: *const zamok_vault,
    number: u32,
    label: *const c_char,
    label_length: usize,
    secret: *const zamok_secret,
    options: *const zamok_options,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (label, secret, Chosen { options, .. }) =
            unsafe { (pointer::text(label, label_length)?, Given::read(secret)?, options::read(options)?) };
        let vault = handles::take::<OpenVault>(vault)?;
        Ok(change(&vault, number, label, secret.credential(), &options)?)
    })
}

/// Gives a slot shares in the place of its secret, as zamok_slot_add_split() makes them. Shares that it had before open it no more.
///
/// Errors: as zamok_slot_change() and zamok_slot_add_split().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_slot_change_split(
    vault: *const zamok_vault,
    number: u32,
    label: *const c_char,
    label_length: usize,
    needed: u32,
    made: u32,
    shares: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (label, out) =
            unsafe { (pointer::text(label, label_length)?, Buffer::text(shares, capacity, length)?) };
        let vault = handles::take::<OpenVault>(vault)?;
        split(&vault, needed, made, &out, |secret| change(&vault, number, label, secret, &Options::default()))
    })
}

/// Takes a slot away. Old copies of the store still open with its secret.
///
/// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault; `ZAMOK_E_NO_SLOT`; `ZAMOK_E_LAST_SLOT` for the last one of an
/// officer or a user.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn zamok_slot_remove(vault: *const zamok_vault, number: u32) -> zamok_status {
    told(|| {
        let vault = handles::take::<OpenVault>(vault)?;
        Ok(vault.vault.remove_slot(found(&vault, number)?.number)?)
    })
}

/// Forgives the failed attempts at a slot, also of one that was disabled.
///
/// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault; `ZAMOK_E_NO_SLOT`.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn zamok_slot_reset(vault: *const zamok_vault, number: u32) -> zamok_status {
    told(|| {
        let vault = handles::take::<OpenVault>(vault)?;
        Ok(vault.vault.reset_slot(found(&vault, number)?.number)?)
    })
}

/// Adds a slot, and tells its number.
fn add(
    vault: *const zamok_vault,
    role: u32,
    label: &str,
    secret: &Given,
    options: &Options,
    place: Place<u32>,
) -> Result<(), Trouble> {
    let vault = handles::take::<OpenVault>(vault)?;
    let role = self::role(role)?;
    // Before anything is stretched.
    match vault.vault.role()? {
        Role::Officer => {}
        other => return Err(CoreError::Role(other).into()),
    }
    let new = NewSlot { role, label, secret: secret.credential(), cost: options.cost };
    place.put(vault.vault.add_slot(&new)?.into());
    Ok(())
}

/// Gives a slot another secret, and another label where one is given.
fn change(
    vault: &OpenVault,
    number: u32,
    label: &str,
    secret: Credential<'_>,
    options: &Options,
) -> Result<(), CoreError> {
    let slot = found(vault, number)?;
    let label = if label.is_empty() { &slot.label } else { label };
    vault.vault.change_slot(slot.number, &NewSlot { role: slot.role, label, secret, cost: options.cost })
}

/// Draws a key for a slot, splits it, and tells the shares once the slot has it.
fn split<T>(
    vault: &OpenVault,
    needed: u32,
    made: u32,
    out: &Buffer,
    put: impl FnOnce(Credential<'_>) -> Result<T, CoreError>,
) -> Result<T, Trouble> {
    let (needed, made) = secret::numbers(needed, made)?;
    out.reserve(secret::room(made))?;
    let (key, shares) = vault.vault.new_shares(needed, made)?;
    let done = put(Credential::Shares(&key))?;
    out.put(secret::texts(&shares, "slot").as_bytes())?;
    Ok(done)
}

fn listed(vault: &OpenVault) -> Result<Vec<SlotInfo>, CoreError> {
    // Anyone may look, but through an open vault.
    vault.vault.role()?;
    Vault::slots(&**vault.vault.store(), &Options::default())
}

fn found(vault: &OpenVault, number: u32) -> Result<SlotInfo, CoreError> {
    let slot = listed(vault)?.into_iter().find(|slot| u32::from(slot.number) == number);
    slot.ok_or_else(|| CoreError::NoSlot(u8::try_from(number).unwrap_or(u8::MAX)))
}
