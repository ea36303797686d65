//! Doing again what the journal says that survived (`CRYPTO.md` §5): keys come to their ends, codes stay spent, persons erased.

use std::collections::BTreeMap;
use std::sync::Arc;

use zamok_core::error::BackupFault;
use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{RowKey, Store};
use zamok_core::vault::departed::{self, DEPARTED};
use zamok_core::vault::relocation::Relocation;
use zamok_core::vault::spend::{self, Since};
use zamok_core::vault::versions::RotationPolicy;
use zamok_core::vault::{KeyId, KeyState, Transaction, keys, personal, questions, versions};
use zamok_core::{Error, UnixTime};

use super::surviving::{JournalEnd, Surviving, Told};
use crate::credential::Credential;
use crate::vault::Vault;

/// A journal that survived, and what is to be done with it beside the vault's own part.
pub struct Replay<'a> {
    /// The store that was lost but for its journal. Nothing is written to it.
    pub store: Arc<dyn Store>,
    /// What opens one of its slots; the auditor's is enough.
    pub secret: Credential<'a>,
    /// Who says that the journal is there to its end.
    pub end: JournalEnd,
    /// What stands above the vault does its part, erasures first, before the new store opens for anybody. It may be asked
    /// again after an interruption, and then finds done what it did.
    pub above: &'a mut Above<'a>,
}

/// What does its part of a replay above the vault.
pub type Above<'a> = dyn FnMut(&Arc<Vault>, &Surviving) -> Result<(), Error> + 'a;

impl std::fmt::Debug for Replay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Replay")
    }
}

/// What came of doing again what a journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Entries that were read.
    pub entries: u64,
    /// Whether none is missing between the backup and the end of what survived.
    pub is_whole: bool,
    /// Whether an anchor, or whoever restored, says that nothing was cut off at its end, and the vault had not begun to leave the store.
    pub is_vouched: bool,
    /// The time of the last entry.
    pub until: UnixTime,
    /// Keys that were put aside, ended or marked again.
    pub keys: u64,
    /// Keys whose steps, counters and failures were brought up to what the journal says.
    pub counters: u64,
    /// Counter keys that had to be suspended: what was spent of them is not told.
    pub suspended: u64,
    /// What the journal tells of and cannot do again, such as keys that were made since.
    pub lost: Vec<Told>,
}

impl Vault {
    /// Does again what the journal says of keys and of persons who were erased. What stands above has had its turn.
    pub(super) fn replay(&self, surviving: &Surviving) -> Result<Replayed, Error> {
        let mut replayed = Replayed {
            entries: surviving.entries,
            is_whole: surviving.is_whole,
            is_vouched: surviving.is_vouched,
            until: surviving.until,
            ..Replayed::default()
        };
        // The gravest word on each key, and on each older version.
        let mut ends: BTreeMap<(KeyId, Option<u32>), &Told> = BTreeMap::new();
        for told in &surviving.told {
            match told.kind {
                EventKind::KeySuspended
                | EventKind::KeyResumed
                | EventKind::KeyDeactivated
                | EventKind::KeyCompromised
                | EventKind::KeyDestroyed
                | EventKind::CodeDisabled => {
                    let Some(key) = version_of(&told.row) else { continue };
                    let grave = |told: &Told| end_of(told.kind).map_or(0, |end| end as u8);
                    // Nothing leads back from an end; of suspending and resuming the last word counts.
                    match ends.get(&key) {
                        Some(before) if grave(before) >= FINAL && grave(before) > grave(told) => {}
                        _ => _ = ends.insert(key, told),
                    }
                }
                EventKind::KeyActivated => {
                    let Some((id, None)) = version_of(&told.row) else { continue };
                    match self.transact(|tx| unlearn(tx, id)) {
                        Ok(true) => replayed.lost.push(told.clone()),
                        // It was made after the backup, as its making tells.
                        Ok(false) | Err(Error::UnknownKey) => {}
                        Err(error) => return Err(error),
                    }
                }
                EventKind::KeyProvisioned => {
                    let Some((id, None)) = version_of(&told.row) else { continue };
                    match self.transact(|tx| spend::note_shown(tx, id, REASON)) {
                        Ok(_) | Err(Error::UnknownKey) => {}
                        Err(error) => return Err(error),
                    }
                }
                // The note of a wrap and of a key that came in has a row of its own; the key's entry stands beside it.
                EventKind::KeyWrapped | EventKind::KeyUnwrapped if told.row.table == DEPARTED => {}
                EventKind::KeyWrapped => {
                    let Some((id, None)) = version_of(&told.row) else { continue };
                    match self.transact(|tx| departed::note_left(tx, id, REASON)) {
                        Ok(_) | Err(Error::UnknownKey) => {}
                        Err(error) => return Err(error),
                    }
                }
                EventKind::PersonErased => {
                    let Ok(subject) = <[u8; 16]>::try_from(told.row.key.as_slice()) else { continue };
                    self.transact(|tx| match tx.record(&told.row)? {
                        Some(_) => personal::erase(tx, Subject(subject), REASON),
                        None => Ok(()),
                    })?;
                }
                kind if is_of_the_vault(kind) => replayed.lost.push(told.clone()),
                _ => {}
            }
        }
        for ((id, version), told) in ends {
            match self.transact(|tx| end(tx, id, version, told.kind)) {
                Ok(true) => replayed.keys += 1,
                Ok(false) => {}
                Err(Error::UnknownKey) => replayed.lost.push(told.clone()),
                Err(error) => return Err(error),
            }
        }
        // How far an earlier attempt came: what it has added up is not added once more.
        let Some(Relocation::Filling { source, items, replayed: before }) = self.read(Relocation::read)?
        else {
            return Err(Error::Backup(BackupFault::Unfinished));
        };
        for (id, since) in &surviving.keys {
            let id = KeyId(*id);
            let is_added = before.is_some_and(|before| id <= before);
            let since = if is_added { Since { rejected: 0, ..*since } } else { *since };
            let so_far = Relocation::Filling { source, items, replayed: Some(id) };
            let again = |tx: &mut Transaction<'_>| spend::replay(tx, id, &since);
            let done = if is_added { self.transact(again) } else { self.fill(&so_far, again) };
            match done {
                Ok(()) => replayed.counters += 1,
                // A key that was made after the backup.
                Err(Error::UnknownKey) => {}
                Err(error) => return Err(error),
            }
        }
        for row in &surviving.asked {
            self.transact(|tx| questions::replay(tx, row))?;
        }
        let detail = Detail::new()
            .with("entries", replayed.entries.to_string())
            .with("whole", if replayed.is_whole { "yes" } else { "no" })
            .with("keys", replayed.keys.to_string())
            .with("counters", replayed.counters.to_string());
        self.transact(|tx| tx.event(EventKind::JournalReplayed, None, &Relocation::row(), &detail))?;
        Ok(replayed)
    }
}

const REASON: &str = "the surviving journal says so";

/// From where on nothing leads back.
const FINAL: u8 = KeyState::Deactivated as u8;

/// The state that such an event leaves a key in, where it is to come to it again.
const fn end_of(kind: EventKind) -> Option<KeyState> {
    Some(match kind {
        EventKind::KeySuspended | EventKind::CodeDisabled => KeyState::Suspended,
        EventKind::KeyDeactivated => KeyState::Deactivated,
        EventKind::KeyCompromised => KeyState::Compromised,
        EventKind::KeyDestroyed => KeyState::Destroyed,
        _ => return None,
    })
}

/// Brings a key, or a version of it, to its end, or puts it aside, where it is not there yet.
fn end(tx: &mut Transaction<'_>, id: KeyId, version: Option<u32>, kind: EventKind) -> Result<bool, Error> {
    let steps: &[KeyState] = match (end_of(kind), version) {
        (None, _) => return Ok(false),
        // A version that was rotated away: the one that followed is lost, and this one serves on.
        (Some(KeyState::Deactivated), Some(_)) => return Ok(false),
        (Some(KeyState::Destroyed), _) => &[KeyState::Deactivated, KeyState::Destroyed],
        (Some(state), _) => &[state],
    };
    let mut changed = false;
    let newest = keys::info(tx, id)?;
    let alone = matches!(end_of(kind), Some(KeyState::Compromised | KeyState::Destroyed));
    if alone && version == Some(newest.version) && newest.version > 1 && newest.state == KeyState::Active {
        // It was ended by itself, once another had followed that is lost. Another follows now: else older ones would end with it.
        versions::rotate(tx, id, &RotationPolicy { accept: None }, REASON)?;
    }
    for next in steps {
        let newest = keys::info(tx, id)?;
        let info = match version {
            Some(version) if version != newest.version => versions::list(tx, id)?
                .into_iter()
                .find(|info| info.version == version)
                .ok_or(Error::UnknownKey)?,
            _ => newest,
        };
        if info.state.may_become(*next) {
            keys::change_version_state(tx, id, info.version, *next, REASON)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Puts a key aside, for good, that became active after the backup: what it was enrolled for is lost. Whether it was so.
fn unlearn(tx: &mut Transaction<'_>, id: KeyId) -> Result<bool, Error> {
    let info = keys::info(tx, id)?;
    // Suspended, it was active never: an earlier attempt, or a journal with gaps, has put it aside already.
    let is_new = info.dates.activated.is_none();
    if info.state == KeyState::PreActive {
        keys::change_state(tx, id, KeyState::Suspended, REASON)?;
    }
    Ok(is_new)
}

/// Which key stands in a row, and which version of it in a row of an older one.
fn version_of(row: &RowKey) -> Option<(KeyId, Option<u32>)> {
    let (id, version) = row.key.split_first_chunk::<16>()?;
    let version = match row.table {
        keys::KEYS if version.is_empty() => None,
        keys::VERSIONS => Some(u32::from_be_bytes(version.try_into().ok()?)),
        _ => return None,
    };
    Some((KeyId(*id), version))
}

/// Whether an event is of the vault itself, and not of what stands above it.
fn is_of_the_vault(kind: EventKind) -> bool {
    kind.number() < 48
}
