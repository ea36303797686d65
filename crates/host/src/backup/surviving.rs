//! What survived of a journal after a backup was made, and doing again what it says (`CRYPTO.md` §5).
//!
//! The store that was lost may be damaged, or have been altered. What is believed of it is what the vault's journal keys
//! authenticate: entries, one by one. Whether any is missing shows in their order; that the last ones are missing nobody can tell
//! but an anchor.

use std::collections::BTreeMap;
use std::sync::Arc;

use zamok_core::event::{Detail, EventKind, Leaf, Subject};
use zamok_core::store::{EntryId, Range, RowKey, Store};
use zamok_core::vault::backup::Begin;
use zamok_core::vault::relocation::Relocation;
use zamok_core::vault::spend::{self, STATES, Since};
use zamok_core::vault::{DETAILS, Entry, KeyId, KeyState, Keyring, VaultId, doors, keys, personal};
use zamok_core::{Error, UnixTime, hash};
use zamok_journal::{Head, LEAVES};

use super::export::rows;
use crate::credential::Credential;
use crate::vault::{Options, Vault};

/// A journal that survived, and what is to be done with it beside the vault's own part.
pub struct Replay<'a> {
    /// The store that was lost but for its journal. Nothing is written to it.
    pub store: Arc<dyn Store>,
    /// What opens one of its slots; the auditor's is enough.
    pub secret: Credential<'a>,
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

/// Something that happened after the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub kind: EventKind,
    /// When.
    pub time: UnixTime,
    /// Whom it concerned.
    pub subject: Option<Subject>,
    /// The row that it was about.
    pub row: RowKey,
}

/// What survived of a journal since a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surviving {
    /// Entries that were read.
    pub entries: u64,
    /// Whether none is missing between the backup and the end of what survived.
    pub is_whole: bool,
    /// The time of the last entry.
    pub until: UnixTime,
    /// What happened, but for what is summed up in `keys`, and for uses and attempts that change nothing later.
    pub told: Vec<Told>,
    /// What was spent of OTP keys.
    pub keys: BTreeMap<[u8; 16], Since>,
}

/// What came of doing again what a journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Entries that were read.
    pub entries: u64,
    /// Whether none is missing between the backup and the end of what survived.
    pub is_whole: bool,
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

impl Surviving {
    /// Reads what came after the backup that begins so.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the secret opens no slot; [`Error::LogForked`] when the store holds another vault or another
    /// log than the backup; [`Error::LogBehind`] when it is older than the backup; a store's fault.
    pub(crate) fn read(
        store: &dyn Store,
        secret: Credential<'_>,
        options: &Options,
        vault: VaultId,
        begin: &Begin,
    ) -> Result<Self, Error> {
        let keyring = Vault::keyring_of(store, secret, options)?;
        if keyring.vault() != vault || doors::origin(store, &keyring)? != begin.origin {
            return Err(Error::LogForked);
        }
        let head = match store.get(&Head::row())? {
            Some(row) => Head::read(&keyring, &row).ok(),
            None => None,
        };
        let size = head.as_ref().map_or(0, |head| head.size);
        if head.is_some() && size < begin.size {
            return Err(Error::LogBehind { found: size, anchored: begin.size });
        }
        let mut surviving = Self { is_whole: head.is_some(), ..Self::default() };
        let mut next = begin.size;
        let later = Range { start: begin.size.to_be_bytes().to_vec(), end: None };
        rows(store, LEAVES, &later, &mut |key, row| {
            surviving.is_whole &= key.key == next.to_be_bytes();
            next = key.key.as_slice().try_into().map_or(next, u64::from_be_bytes).saturating_add(1);
            let id = Entry::id_of(&row.value);
            surviving.entry(store, &keyring, id, &row.value)
        })?;
        surviving.is_whole &= next == size.max(begin.size);
        rows(store, EntryId::TABLE, &Range::all(), &mut |key, row| {
            let id = EntryId::from_bytes(&key.key).ok_or(Error::Refused);
            surviving.entry(store, &keyring, id, &row.value)
        })?;
        Ok(surviving)
    }

    /// Takes an entry in when the journal's key made it; otherwise something is missing.
    fn entry(
        &mut self,
        store: &dyn Store,
        keyring: &Keyring,
        id: Result<EntryId, Error>,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let leaf =
            id.and_then(|id| Entry::open(keyring, id, bytes)).and_then(|entry| Leaf::decode(&entry.leaf));
        let leaf = match leaf {
            Ok(leaf) => leaf,
            Err(Error::Refused | Error::Format { .. }) => {
                self.is_whole = false;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.entries += 1;
        self.until = self.until.max(leaf.time);
        let step = || -> Result<Option<u64>, Error> {
            // Of codes that were accepted the leaf itself says which, so that no erasure hides it.
            if let Some(spent) = &leaf.spent {
                return Ok(Some(spent.step));
            }
            let Some(digest) = leaf.detail else { return Ok(None) };
            let key = RowKey::new(DETAILS, leaf.entry.to_bytes());
            let Some(row) = store.get(&key)? else { return Ok(None) };
            if hash::sha256(&[&row.value]) != digest {
                return Ok(None);
            }
            let detail = keyring.open(&key, &row).and_then(|opened| Detail::decode(&opened.body));
            Ok(detail.ok().and_then(|detail| detail.get("step")?.parse().ok()))
        };
        if leaf.row.table == STATES
            && let Ok(id) = <[u8; 16]>::try_from(leaf.row.key.as_slice())
        {
            let since = self.keys.entry(id).or_default();
            match leaf.kind {
                EventKind::CodeAccepted => {
                    let step = step()?;
                    since.untold |= step.is_none();
                    since.accepted = since.accepted.max(step);
                    since.rejected = 0;
                }
                EventKind::CodeGenerated => {
                    let step = step()?;
                    since.untold |= step.is_none();
                    since.generated = since.generated.max(step);
                }
                EventKind::CodeRejected => since.rejected = since.rejected.saturating_add(1),
                EventKind::FailuresForgiven => since.rejected = 0,
                _ => {}
            }
            return Ok(());
        }
        if matters(leaf.kind) {
            let Leaf { kind, time, subject, row, .. } = leaf;
            self.told.push(Told { kind, time, subject, row });
        }
        Ok(())
    }
}

/// Whether an event has changed something that lasts, beyond what dies at a restore anyway.
fn matters(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::VaultUnlocked
            | EventKind::UnlockFailed
            | EventKind::SlotReset
            | EventKind::VaultMovedOut
            | EventKind::SignatureMade
            | EventKind::KeyUsed
            | EventKind::KeyProvisioned
            | EventKind::QuestionAsked
            | EventKind::FactorTestFailed
            | EventKind::LoginStarted
            | EventKind::PasswordRejected
            | EventKind::SessionOpened
            | EventKind::ChallengeRejected
            | EventKind::LoginRefusedWhileDelayed
            | EventKind::SessionEnded
            | EventKind::SessionsEnded
            | EventKind::CodeSent
            | EventKind::AuthenticatedAgain
            | EventKind::NewDevice
            | EventKind::RecoveryRejected
            | EventKind::ActedForAnother
            | EventKind::DetailsErased
            | EventKind::DetailsExpired
    )
}

impl Vault {
    /// Does again what the journal says of keys and of persons who were erased. What stands above has had its turn.
    pub(super) fn replay(&self, surviving: &Surviving) -> Result<Replayed, Error> {
        let mut replayed = Replayed {
            entries: surviving.entries,
            is_whole: surviving.is_whole,
            until: surviving.until,
            ..Replayed::default()
        };
        // The last word on each key.
        let mut ends: BTreeMap<[u8; 16], &Told> = BTreeMap::new();
        for told in &surviving.told {
            match told.kind {
                EventKind::KeySuspended
                | EventKind::KeyResumed
                | EventKind::KeyDeactivated
                | EventKind::KeyCompromised
                | EventKind::KeyDestroyed
                | EventKind::CodeDisabled => {
                    if let Ok(id) = <[u8; 16]>::try_from(told.row.key.as_slice())
                        && told.row.table == keys::KEYS
                    {
                        ends.insert(id, told);
                    }
                }
                EventKind::KeyActivated => {}
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
        for (id, told) in ends {
            match self.transact(|tx| end(tx, KeyId(id), told.kind)) {
                Ok(true) => replayed.keys += 1,
                Ok(false) => {}
                Err(Error::UnknownKey) => replayed.lost.push(told.clone()),
                Err(error) => return Err(error),
            }
        }
        for (id, since) in &surviving.keys {
            match self.transact(|tx| spend::replay(tx, KeyId(*id), since)) {
                Ok(()) => replayed.counters += 1,
                // A key that was made after the backup.
                Err(Error::UnknownKey) => {}
                Err(error) => return Err(error),
            }
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

/// Brings a key to its end, or puts it aside, where it is not there yet.
fn end(tx: &mut zamok_core::vault::Transaction<'_>, id: KeyId, kind: EventKind) -> Result<bool, Error> {
    let steps: &[KeyState] = match kind {
        EventKind::KeySuspended | EventKind::CodeDisabled => &[KeyState::Suspended],
        EventKind::KeyDeactivated => &[KeyState::Deactivated],
        EventKind::KeyCompromised => &[KeyState::Compromised],
        EventKind::KeyDestroyed => &[KeyState::Deactivated, KeyState::Destroyed],
        _ => return Ok(false),
    };
    let mut changed = false;
    for next in steps {
        let state = keys::info(tx, id)?.state;
        if state != *next && state.may_become(*next) {
            keys::change_state(tx, id, *next, REASON)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Whether an event is of the vault itself, and not of what stands above it.
fn is_of_the_vault(kind: EventKind) -> bool {
    kind.number() < 48
}
