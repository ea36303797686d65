//! Backups as files: written whole or not at all, opened by a passphrase or by shares, whichever the file asks for.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use zamok_cabinet::{Error, Replayed};
use zamok_core::Error as CoreError;
use zamok_core::error::BackupFault;
use zamok_core::store::Store;
use zamok_core::vault::backup::{Header, Lock};
use zamok_core::vault::shares::Share;
use zamok_host::backup::{BackupKey, Checked, JournalEnd, Opener, Replay, Restored, Surviving, Written};
use zamok_host::{Credential, Options, Passphrase, Vault};
use zeroize::Zeroizing;

use crate::door::replay_accounts;

const UNUSABLE: CoreError = CoreError::Backup(BackupFault::File);

/// Writes everything that a vault holds into a file that is not there yet, for its owner's eyes alone: under another name
/// first, flushed, and named once it is whole. `key` is asked for when the file can be written.
///
/// # Errors
/// [`BackupFault::File`] for a file that is there already, or cannot be written; what `key` returned; as [`Vault::backup`].
pub fn write_file(
    vault: &Vault,
    path: &Path,
    key: impl FnOnce() -> Result<BackupKey, CoreError>,
) -> Result<Written, CoreError> {
    if path.file_name().is_none() || path.symlink_metadata().is_ok() {
        return Err(UNUSABLE);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Before anything is drawn: of what fails at its end, nobody would have the key.
    let opened = File::open(folder).map_err(|_| UNUSABLE)?;
    // `tempfile` makes files that their owner alone may read.
    let file = tempfile::Builder::new().prefix(".zamok-").tempfile_in(folder).map_err(|_| UNUSABLE)?;
    let key = key()?;
    let mut out = BufWriter::new(file.as_file());
    let written = vault.backup(&key, &mut out, &mut |_| {})?;
    out.flush().map_err(|_| UNUSABLE)?;
    drop(out);
    file.as_file().sync_all().map_err(|_| UNUSABLE)?;
    // Somebody may have made a file of this name meanwhile.
    file.persist_noclobber(path).map_err(|_| UNUSABLE)?;
    // A name that is not in the folder after a power cut is no file.
    if opened.sync_all().is_err() {
        // Its key is lost with this error.
        let _ = std::fs::remove_file(path);
        return Err(UNUSABLE);
    }
    Ok(written)
}

/// The key of a backup from what its holder has: the passphrase, or the text of enough shares, as the header asks for.
///
/// # Errors
/// Those of [`shares_in`] and [`BackupKey::by_shares`]; [`CoreError::Rejected`] for a text of shares that is none.
pub fn key_of(header: &Header, secret: &[u8]) -> Result<BackupKey, CoreError> {
    match header.lock {
        Lock::Passphrase { .. } => BackupKey::by_passphrase(header, &Passphrase::from(secret)),
        Lock::Shares(_) => {
            let text = str::from_utf8(secret).map_err(|_| CoreError::Rejected)?;
            BackupKey::by_shares(header, &shares_in(text)?)
        }
    }
}

/// The shares in a text, one after the other, with remarks (lines that begin with `#`) and blank lines anywhere.
///
/// # Errors
/// As [`Share::parse`], for the first that is none.
pub fn shares_in(text: &str) -> Result<Vec<Share>, CoreError> {
    let mut shares = Vec::new();
    let mut one = Zeroizing::new(String::with_capacity(text.len() + 1));
    let mut symbols = 0;
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        one.push_str(line);
        one.push('\n');
        symbols += line.chars().filter(|character| !character.is_whitespace() && *character != '-').count();
        if symbols >= Share::CHARACTERS {
            shares.push(Share::parse(&one)?);
            one.clear();
            symbols = 0;
        }
    }
    if symbols > 0 {
        // A share that lacks a line: the error says how much is there.
        shares.push(Share::parse(&one)?);
    }
    Ok(shares)
}

/// Checks all of a backup, and keeps none of it. `secret` is as for [`key_of`].
///
/// # Errors
/// [`BackupFault::File`], [`BackupFault::Foreign`], [`BackupFault::Damaged`]; [`CoreError::Rejected`] for another secret; as
/// [`key_of`].
pub fn check_file(path: &Path, secret: &[u8]) -> Result<Checked, CoreError> {
    let opener = open(path)?;
    let key = key_of(opener.header(), secret)?;
    opener.check(&key)
}

/// A store that was lost but for its journal, and what opens one of its slots; the auditor's is enough.
#[derive(Clone)]
pub struct LostStore<'a> {
    /// The store. Nothing is written to it.
    pub store: Arc<dyn Store>,
    /// What opens it.
    pub secret: Credential<'a>,
    /// Who says that its journal is there to its end.
    pub end: JournalEnd,
}

impl std::fmt::Debug for LostStore<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LostStore")
    }
}

/// Restores a backup into an empty store, under a new secret, and opens it, as [`Vault::restore_and_replay`] does with
/// what stands above the vault. `secret` is as for [`key_of`]; `target` is asked for once all of the backup was checked. An
/// attempt that did not come to its end goes on when the same is asked again.
///
/// # Errors
/// Those of [`check_file`]; as [`Vault::restore_and_replay`] and [`replay_accounts`].
pub fn restore_file<'a>(
    path: &Path,
    secret: &[u8],
    target: impl FnOnce() -> Result<Arc<dyn Store>, CoreError>,
    new_secret: impl Into<Credential<'a>>,
    options: Options,
    lost: Option<LostStore<'_>>,
) -> Result<(Restored, Replayed), Error> {
    let opener = open(path)?;
    let key = key_of(opener.header(), secret)?;
    opener.check(&key)?;
    let mut accounts = Replayed::default();
    let mut above = |vault: &Arc<Vault>, surviving: &Surviving| match replay_accounts(vault, surviving) {
        Ok(done) => {
            accounts = done;
            Ok(())
        }
        Err(Error::Core(error)) => Err(error),
        Err(_) => Err(CoreError::Refused),
    };
    let replay =
        lost.map(|lost| Replay { store: lost.store, secret: lost.secret, end: lost.end, above: &mut above });
    let restored = Vault::restore_and_replay(
        target()?,
        &mut || open(path),
        &key,
        new_secret,
        options,
        replay,
        &mut |_| {},
    )?;
    Ok((restored, accounts))
}

fn open(path: &Path) -> Result<Opener<BufReader<File>>, CoreError> {
    Opener::new(BufReader::new(File::open(path).map_err(|_| UNUSABLE)?))
}
