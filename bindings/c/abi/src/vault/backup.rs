//! Backups: everything that a vault holds, in one sealed file, and back from it.

use std::ffi::c_char;
use std::mem::offset_of;
use std::path::Path;
use std::sync::Arc;

use zamok::backup::{self, BackupKey, End, Header, JournalEnd, Lock, LostStore};
use zamok::{
    Clock as _, CoreError, Credential, Env, FileAnchor, OsRandom, Passphrase, StoreUrl, SystemClock,
};
use zeroize::Zeroizing;

use super::access::OpenVault;
use super::error::{Trouble, told};
use super::handles::{self, zamok_vault};
use super::options::{self, Chosen, zamok_options};
use super::{secret, zamok_id};
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::zamok_status;

/// Room for the text of one share, in bytes.
pub const ZAMOK_SHARE_MAX: usize = 256;

/// What a backup holds. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_backup_info {
    /// `sizeof(zamok_backup_info)`.
    pub size: u32,
    /// How many shares open it; 0 where a passphrase does.
    pub shares: u32,
    /// Its id.
    pub id: zamok_id,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// Rows that it holds.
    pub rows: u64,
    /// SHA-256 over all of them: two backups of one moment have the same.
    pub digest: [u8; 32],
    /// Leaves of the journal's log.
    pub log_size: u64,
    /// The root of its tree.
    pub log_root: [u8; 32],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_backup_info {
    const FIRST: usize = 112;
}
const _: () = assert!(size_of::<zamok_backup_info>() == zamok_backup_info::FIRST);

impl zamok_backup_info {
    fn new(header: &Header, end: &End, log_size: u64, log_root: [u8; 32]) -> Self {
        let shares = match header.lock {
            Lock::Passphrase { .. } => 0,
            Lock::Shares(set) => set.threshold.into(),
        };
        Self {
            size: 0,
            shares,
            id: zamok_id { bytes: header.id },
            made: header.made.0,
            rows: end.counts.values().sum(),
            digest: end.digest,
            log_size,
            log_root,
        }
    }
}

/// What is restored. With `size` set and the rest 0 first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_backup_source {
    /// `sizeof(zamok_backup_source)`.
    pub size: u32,
    /// 1 where the caller knows that the store with the journal was neither put back to an older copy nor cut; else 0.
    pub journal_is_whole: u32,
    /// The backup: the path of its file.
    pub file: *const c_char,
    /// Its length.
    pub file_length: usize,
    /// What opens it: its passphrase, or the texts of enough shares, one after the other.
    pub secret: *const c_char,
    /// Its length.
    pub secret_length: usize,
    /// The URL of the store that was lost, where its journal survived: what it says was done after the backup is done again.
    /// Nothing is written to it. Empty where nothing survived.
    pub journal: *const c_char,
    /// Its length.
    pub journal_length: usize,
    /// A passphrase of that store; the auditor's is enough.
    pub journal_secret: *const c_char,
    /// Its length.
    pub journal_secret_length: usize,
    /// The path of the file that was the anchor of that store, with which the journal is compared: without one nobody knows whether
    /// its end was cut off, and counter keys are suspended (unless `journal_is_whole`). Null: none.
    pub journal_anchor: *const c_char,
    /// Its length.
    pub journal_anchor_length: usize,
}

// SAFETY: numbers and pointers without padding.
unsafe impl Versioned for zamok_backup_source {
    const FIRST: usize = offset_of!(Self, journal_secret_length) + size_of::<usize>();
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(zamok_backup_source::FIRST == 72);

/// What a restore came to. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_restored {
    /// `sizeof(zamok_restored)`.
    pub size: u32,
    /// One of `ZAMOK_REPLAYED_…`.
    pub replayed: u32,
    /// Sessions, challenges and the like that have ended.
    pub dropped: u64,
    /// TOTP keys whose codes up to now are spent.
    pub fenced: u64,
    /// HOTP keys that are suspended until they are enrolled anew.
    pub suspended: u64,
    /// Items that an earlier attempt had taken in.
    pub resumed: u64,
    /// Events that the surviving journal told of.
    pub events: u64,
    /// From when on nobody knows what happened, in seconds since 1970.
    pub unknown_since: u64,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_restored {
    const FIRST: usize = 56;
}
const _: () = assert!(size_of::<zamok_restored>() == zamok_restored::FIRST);

/// No journal survived.
pub const ZAMOK_REPLAYED_NOTHING: u32 = 0;
/// The surviving journal has gaps, and nobody knows what stood there.
pub const ZAMOK_REPLAYED_WITH_GAPS: u32 = 1;
/// The surviving journal is whole.
pub const ZAMOK_REPLAYED_ALL: u32 = 2;

/// Writes everything that a vault holds into a file that is not there yet, sealed under a passphrase of its own, for the eyes of
/// its owner alone. It has its name only once it is whole and flushed. What one attempt at the passphrase costs is in
/// `options`, of which nothing else counts; they may be null, and so may `info`.
///
/// Errors: `ZAMOK_E_BACKUP_FILE` for a file that is there already, or cannot be written; `ZAMOK_E_REFUSED` when a row was
/// altered; those of the store.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_backup(
    vault: *const zamok_vault,
    file: *const c_char,
    file_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    options: *const zamok_options,
    info: *mut zamok_backup_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (file, passphrase, Chosen { options, .. }, place) = unsafe {
            (
                pointer::text(file, file_length)?,
                Passphrase::from(pointer::bytes(passphrase.cast(), passphrase_length)?),
                options::read(options)?,
                if info.is_null() { None } else { Some(StructPlace::new(info)?) },
            )
        };
        let vault = handles::take::<OpenVault>(vault)?;
        write(&vault, file, place, || {
            drawing(|env| BackupKey::from_passphrase(&passphrase, options.cost, env))
        })
    })
}

/// The same, sealed so that any `needed` of `made` shares open it: at least two. Their texts are written one after the other,
/// a remark in front of each, as the program `zamok` reads them. Give each to another person, and wipe them here. `info` may
/// be null.
///
/// They cannot be told twice: where there is no room for `made` times `ZAMOK_SHARE_MAX` bytes and a zero byte, nothing is
/// written.
///
/// Errors: `ZAMOK_E_SHARE_SPLIT` for numbers that make no shares; as zamok_backup().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_backup_split(
    vault: *const zamok_vault,
    file: *const c_char,
    file_length: usize,
    needed: u32,
    made: u32,
    shares: *mut c_char,
    capacity: usize,
    length: *mut usize,
    info: *mut zamok_backup_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (file, out, place) = unsafe {
            (
                pointer::text(file, file_length)?,
                Buffer::text(shares, capacity, length)?,
                if info.is_null() { None } else { Some(StructPlace::new(info)?) },
            )
        };
        let vault = handles::take::<OpenVault>(vault)?;
        let (needed, made) = secret::numbers(needed, made)?;
        out.reserve(secret::room(made))?;
        let mut texts = Zeroizing::new(String::new());
        let id = vault.vault.read(|_, keyring| Ok(keyring.vault()))?;
        write(&vault, file, place, || {
            let (key, shares) = drawing(|env| BackupKey::split(id, needed, made, env))?;
            texts = secret::texts(&shares, "backup");
            Ok(key)
        })?;
        Ok(out.put(texts.as_bytes())?)
    })
}

/// Checks all of a backup without restoring it: that `secret`, its passphrase or the texts of enough shares, opens it, and that
/// nothing was cut or altered. `info` may be null.
///
/// Errors: `ZAMOK_E_REJECTED` for another secret; `ZAMOK_E_BACKUP_FILE`, `ZAMOK_E_BACKUP_FOREIGN`, `ZAMOK_E_BACKUP_DAMAGED`;
/// `ZAMOK_E_SHARE_…`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_backup_check(
    file: *const c_char,
    file_length: usize,
    secret: *const c_char,
    secret_length: usize,
    info: *mut zamok_backup_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (file, secret, place) = unsafe {
            (
                pointer::text(file, file_length)?,
                pointer::bytes(secret.cast(), secret_length)?,
                if info.is_null() { None } else { Some(StructPlace::new(info)?) },
            )
        };
        let checked = backup::check_file(Path::new(file), secret)?;
        if let Some(place) = place {
            let log = &checked.begin;
            place.put(&zamok_backup_info::new(&checked.header, &checked.end, log.size, log.root));
        }
        Ok(())
    })
}

/// Restores a backup into a store that holds nothing, which is made where there is none, under a new passphrase, and opens the
/// vault. All of the file is checked before anything is written. An attempt that was interrupted goes on when the same is
/// asked again; until then the store opens for nobody.
///
/// Whatever may have happened since the backup is lost, but for what a surviving journal tells: sessions and challenges end,
/// codes of TOTP keys up to now are spent, HOTP keys are suspended, and a new log begins (docs/operations.md). `options` and
/// `restored` may be null.
///
/// Errors: `ZAMOK_E_REJECTED` for another secret, or, when an earlier attempt goes on, another passphrase;
/// `ZAMOK_E_BACKUP_NOT_EMPTY`; with a journal `ZAMOK_E_LOG_FORKED`, `ZAMOK_E_LOG_BEHIND` when it is not that of the backup;
/// `ZAMOK_E_ANCHOR_UNWRITTEN` when all is restored but for the anchor: `restored` is filled and the handle given then, and the
/// same asked again is `ZAMOK_E_BACKUP_NOT_EMPTY`; as zamok_backup_check() and zamok_vault_create().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_restore(
    source: *const zamok_backup_source,
    url: *const c_char,
    url_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    options: *const zamok_options,
    restored: *mut zamok_restored,
    vault: *mut *mut zamok_vault,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (source, url, passphrase, chosen, told, place) = unsafe {
            (
                pointer::required(source)?,
                pointer::text(url, url_length)?,
                Passphrase::from(pointer::bytes(passphrase.cast(), passphrase_length)?),
                options::read(options)?,
                if restored.is_null() { None } else { Some(StructPlace::new(restored)?) },
                Place::new(vault)?,
            )
        };
        // SAFETY: the same, of what the struct points to.
        let (file, secret, journal, journal_secret) = unsafe {
            (
                pointer::text(source.file, source.file_length)?,
                pointer::bytes(source.secret.cast(), source.secret_length)?,
                pointer::text(source.journal, source.journal_length)?,
                Passphrase::from(pointer::bytes(source.journal_secret.cast(), source.journal_secret_length)?),
            )
        };
        let url = StoreUrl::parse(url)?;
        // SAFETY: the same.
        let end = match (
            unsafe { pointer::text(source.journal_anchor, source.journal_anchor_length)? },
            source.journal_is_whole,
        ) {
            ("", 0) => JournalEnd::Unknown,
            ("", 1) => JournalEnd::Vouched,
            (anchor, 0) => JournalEnd::Anchored(Arc::new(FileAnchor::at(anchor))),
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        let lost = match journal {
            "" if source.journal_secret_length == 0 && matches!(end, JournalEnd::Unknown) => None,
            // What belongs to a journal, and no journal: what that one tells would be lost for good.
            "" => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
            journal => Some(LostStore {
                store: StoreUrl::parse(journal)?.open()?,
                secret: Credential::Passphrase(&journal_secret),
                end,
            }),
        };
        chosen.begin_anchor()?;
        let Chosen { options, policy, .. } = chosen;
        let target = || Ok(url.create()?);
        let (done, _) = backup::restore_file(Path::new(file), secret, target, &passphrase, options, lost)?;
        // What it came to cannot be asked for again.
        if let Some(told) = told {
            told.put(&zamok_restored::new(&done));
        }
        let kept = options::keep_anchor(&done.vault);
        handles::give(place, OpenVault::new(Arc::new(done.vault), &policy))?;
        kept
    })
}

impl zamok_restored {
    fn new(done: &backup::Restored) -> Self {
        let (replayed, events, until) = match &done.replayed {
            None => (ZAMOK_REPLAYED_NOTHING, 0, 0),
            Some(told) if told.is_whole => (ZAMOK_REPLAYED_ALL, told.entries, told.until.0),
            Some(told) => (ZAMOK_REPLAYED_WITH_GAPS, told.entries, told.until.0),
        };
        Self {
            size: 0,
            replayed,
            dropped: done.consequences.dropped.values().sum(),
            fenced: done.consequences.fenced,
            suspended: done.consequences.suspended,
            resumed: done.resumed,
            events,
            unknown_since: until.max(done.backup.header.made.0),
        }
    }
}

/// Writes a backup, and tells what it holds.
fn write(
    vault: &OpenVault,
    file: &str,
    place: Option<StructPlace<zamok_backup_info>>,
    key: impl FnOnce() -> Result<BackupKey, CoreError>,
) -> Result<(), Trouble> {
    let written = backup::write_file(&vault.vault, Path::new(file), key)?;
    if let Some(place) = place {
        place.put(&zamok_backup_info::new(&written.header, &written.end, written.log.size, written.log.root));
    }
    Ok(())
}

fn drawing<T>(draw: impl FnOnce(Env<'_>) -> Result<T, CoreError>) -> Result<T, CoreError> {
    let mut random = OsRandom::new()?;
    draw(Env { now: SystemClock.now(), rng: &mut random })
}
