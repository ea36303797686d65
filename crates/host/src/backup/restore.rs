//! Restoring a backup into a new store.

use std::io::Read;
use std::sync::Arc;

use zamok_core::Error;
use zamok_core::error::BackupFault;
use zamok_core::event::EventKind;
use zamok_core::store::{Range, Store, Table};
use zamok_core::vault::backup::Item;
use zamok_core::vault::doors::Heritage;
use zamok_core::vault::relocation::{FORMER_LOGS, Relocation};
use zamok_core::vault::slot::{Key32, VAULT};
use zamok_core::vault::{DataKeyId, Role, VaultId};

use super::BackupKey;
use super::import::{Consequences, Filled, Import, Trust, former};
use super::read::{Checked, Opener};
use super::replay::{Replay, Replayed};
use super::surviving::Surviving;
use crate::credential::Credential;
use crate::vault::{Options, Vault};

/// What a restore came to.
#[derive(Debug)]
pub struct Restored {
    /// The vault in its new store, open.
    pub vault: Vault,
    /// What the backup held.
    pub backup: Checked,
    /// What happened to things whose newest state is not known.
    pub consequences: Consequences,
    /// What a surviving journal was good for, where one was given.
    pub replayed: Option<Replayed>,
    /// Items of an earlier attempt that were not taken in again.
    pub resumed: u64,
}

impl Vault {
    /// Restores a backup into an empty store, under a new secret, and opens it. `open` gives the file from its beginning;
    /// it is read twice: all of it is checked before anything is written.
    ///
    /// Everything that may have happened since the backup is lost, and is answered as `CRYPTO.md` §5 says: sessions and
    /// challenges end, steps of TOTP keys up to now are spent, HOTP keys are suspended. A new log begins, whose first
    /// leaf names the former one. An attempt that did not come to its end goes on, given the same backup and secret;
    /// until then the store opens for nobody. Where the earlier one is still under way, one of both goes on, and the other ends in
    /// [`Error::Busy`]. The secret opens the new store as its officer and as its user: whoever holds a
    /// backup and what opens it has all that the vault held.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a key that is not the backup's, or, when an earlier attempt goes on, for another secret;
    /// [`BackupFault::Damaged`], [`BackupFault::NotEmpty`]; as [`Vault::create`]; a store's fault.
    pub fn restore<'a, R: Read>(
        target: Arc<dyn Store>,
        open: &mut dyn FnMut() -> Result<Opener<R>, Error>,
        key: &BackupKey,
        secret: impl Into<Credential<'a>>,
        options: Options,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Restored, Error> {
        Self::restore_and_replay(target, open, key, secret, options, None, progress)
    }

    /// As [`Vault::restore`], and does again what a journal that survived says was done after the backup: steps and
    /// counters that were spent, failures, keys that were put aside or ended, and what stands above the vault, erasures
    /// first. Counter keys are suspended only where the journal has gaps, where nobody says that it is there to its end
    /// ([`Replay::end`]), or where it does not tell what was spent of them. An attempt that goes on may be given the journal that
    /// the earlier one had not, and the other way round: what is not told now is suspended now.
    ///
    /// # Errors
    /// Besides those of [`Vault::restore`]: [`Error::Rejected`] when the secret opens no slot of the store with the journal;
    /// [`Error::LogForked`] when its log is not the one that the backup was made of, or that its anchor remembers;
    /// [`Error::LogBehind`] when it is older; the anchor's; what `above` returned.
    pub fn restore_and_replay<'a, R: Read>(
        target: Arc<dyn Store>,
        open: &mut dyn FnMut() -> Result<Opener<R>, Error>,
        key: &BackupKey,
        secret: impl Into<Credential<'a>>,
        options: Options,
        replay: Option<Replay<'_>>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Restored, Error> {
        let _span = tracing::info_span!("restore").entered();
        let secret = secret.into();
        let backup = open()?.check(key)?;
        // Before anything is written, too.
        let surviving = match &replay {
            Some(replay) => {
                Some(Surviving::read(&*replay.store, replay.secret, &options, &backup, &replay.end)?)
            }
            None => None,
        };
        let number = backup.end.counts.get(&FORMER_LOGS.0).copied().unwrap_or(0).saturating_add(1);
        let number = u32::try_from(number).map_err(|_| Error::Backup(BackupFault::Damaged))?;
        let (vault, filled) = match Self::arrived(&target, secret, &options, backup.header.id)? {
            Some(found) => found,
            None => {
                let index = index_keys(open()?, key)?;
                let heritage = Heritage {
                    index: &index,
                    event: EventKind::VaultRestored,
                    former: former(&backup.begin, number),
                    relocation: Relocation::Filling { source: backup.header.id, items: 0, replayed: None },
                };
                let vault = Self::settle(target, backup.header.vault, [secret; 2], &heritage, options)?;
                (vault, Filled::default())
            }
        };
        let resumed = filled.items;
        // The first leaf of the new log is in its place before anything else is told.
        vault.integrate()?;
        let vault = Arc::new(vault);
        let trust = match &surviving {
            Some(surviving) if surviving.tells_all() => Trust::Told(surviving),
            _ => Trust::Behind,
        };
        let mut import = Import::new(&vault, trust, backup.header.id, number, filled, progress);
        let mut digest = None;
        open()?.read(key, &mut |item| {
            if let Item::End(end) = &item {
                digest = Some(end.digest);
            }
            import.item(item)
        })?;
        // The file that was read is the file that was checked.
        if digest != Some(backup.end.digest) {
            return Err(Error::Backup(BackupFault::Damaged));
        }
        let consequences = import.finish()?;
        let mut replayed = None;
        if let (Some(replay), Some(surviving)) = (replay, &surviving) {
            (replay.above)(&vault, surviving)?;
            let mut done = vault.replay(surviving)?;
            done.suspended = consequences.suspended;
            replayed = Some(done);
        }
        vault.transact(Relocation::end)?;
        // Whoever did something above the vault has ended.
        let vault = Arc::try_unwrap(vault).map_err(|_| Error::Busy)?.arrive();
        vault.integrate()?;
        tracing::info!("a backup was restored");
        Ok(Restored { vault, backup, consequences, replayed, resumed })
    }

    /// The vault that an earlier attempt began to fill from this source, and how far it came; `None` in an empty store.
    pub(super) fn arrived(
        target: &Arc<dyn Store>,
        secret: Credential<'_>,
        options: &Options,
        source: [u8; 16],
    ) -> Result<Option<(Self, Filled)>, Error> {
        if target.scan(VAULT, &Range::all(), 1, None)?.rows.is_empty() {
            let empty = is_empty(&**target)?;
            return if empty { Ok(None) } else { Err(Error::Backup(BackupFault::NotEmpty)) };
        }
        let vault = Self::enter(Role::User, target.clone(), secret, options.clone())?;
        match vault.read(Relocation::read)? {
            Some(Relocation::Filling { source: found, items, replayed }) if found == source => {
                let vault = vault.filling(Relocation::Filling { source, items, replayed });
                Ok(Some((vault, Filled { items, replayed })))
            }
            _ => Err(Error::Backup(BackupFault::NotEmpty)),
        }
    }
}

fn index_keys<R: Read>(opener: Opener<R>, key: &BackupKey) -> Result<Vec<(DataKeyId, Box<Key32>)>, Error> {
    let mut index = Vec::new();
    opener.read(key, &mut |item| {
        if let Item::IndexKey(id, key) = item {
            index.push((id, key));
        }
        Ok(())
    })?;
    Ok(index)
}

/// The vault that a backup is of.
impl Checked {
    /// Its id.
    #[must_use]
    pub const fn vault(&self) -> VaultId {
        self.header.vault
    }
}

/// Whether nothing at all lies in a store.
pub(super) fn is_empty(store: &dyn Store) -> Result<bool, Error> {
    for table in 0..=Table::LAST.0 {
        if !store.scan(Table(table), &Range::all(), 1, None)?.rows.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
