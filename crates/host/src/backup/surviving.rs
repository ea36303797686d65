//! What survived of a journal after a backup was made (`CRYPTO.md` §5).
//!
//! The store that was lost may be damaged, or have been altered. What is believed of it is what the vault's journal keys
//! authenticate: entries, one by one. Whether any is missing shows in the tree, which grows from the backup's to that of the head,
//! and, of those that wait, in their writers' numbers; that the last ones are missing nobody can tell but an anchor, or whoever
//! knows what became of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use zamok_core::event::{Detail, EventKind, Leaf, Subject};
use zamok_core::store::{EntryId, Range, RowKey, Store};
use zamok_core::vault::spend::{STATES, Since};
use zamok_core::vault::{DETAILS, Entry, Keyring, doors, questions};
use zamok_core::{Error, UnixTime, hash};
use zamok_journal::{Anchor, Head, Journal, LEAVES, tree};

use super::export::rows;
use super::read::Checked;
use crate::credential::Credential;
use crate::vault::{Options, Vault};

/// Who says that a journal is there to its end: its last entries can be cut off without a trace in it.
#[derive(Clone, Debug, Default)]
pub enum JournalEnd {
    /// Nobody: keys that count are suspended as without a journal.
    #[default]
    Unknown,
    /// What remembers the log's last checkpoint: the journal must have come as far. What was written after that checkpoint can be
    /// missing unseen, so that an anchor is worth as much as it is young.
    Anchored(Arc<dyn Anchor>),
    /// Whoever restores, who knows that the store was neither put back nor cut.
    Vouched,
}

impl JournalEnd {
    /// Whether it is so.
    fn holds(&self, store: &dyn Store, keyring: &Keyring, origin: &str) -> Result<bool, Error> {
        let anchor = match self {
            Self::Unknown => return Ok(false),
            Self::Vouched => return Ok(true),
            Self::Anchored(anchor) => anchor,
        };
        let Some(known) = anchor.last(origin)? else {
            tracing::warn!("the anchor knows nothing of the journal that survived");
            return Ok(false);
        };
        match Journal::new(store, keyring).compare(&known) {
            Ok(()) => Ok(true),
            // A tree that was altered proves nothing, and is no reason to forget what its entries say.
            Err(Error::Refused) => Ok(false),
            Err(error) => Err(error),
        }
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
    /// Whether whoever restores says that nothing was cut off at its end, or an anchor that nothing was up to its last checkpoint.
    /// Never so where the vault has begun to leave the store: it may have gone on in another.
    pub is_vouched: bool,
    /// The time of the last entry.
    pub until: UnixTime,
    /// What happened, but for what is summed up in `keys`, and for uses and attempts that change nothing later.
    pub told: Vec<Told>,
    /// What was spent of OTP keys.
    pub keys: BTreeMap<[u8; 16], Since>,
    /// Questions that must not be asked again, by the rows that say so.
    pub asked: BTreeSet<RowKey>,
}

impl Surviving {
    /// Reads what came after this backup.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the secret opens no slot; [`Error::LogForked`] when the store holds another vault or another
    /// log than the backup or its anchor; [`Error::LogBehind`] when it is older than they are; the anchor's; a store's fault.
    pub(crate) fn read(
        store: &dyn Store,
        secret: Credential<'_>,
        options: &Options,
        backup: &Checked,
        end: &JournalEnd,
    ) -> Result<Self, Error> {
        let begin = &backup.begin;
        // One moment: an integrator that still runs would move entries from behind what was read to before it.
        let still = store.snapshot()?;
        let store = match &still {
            Some(still) => &**still,
            None => store,
        };
        let keyring = Vault::keyring_of(store, secret, options)?;
        if keyring.vault() != backup.vault() || doors::origin(store, &keyring)? != begin.origin {
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
        let is_vouched = end.holds(store, &keyring, &begin.origin)?;
        let mut surviving = Self { is_whole: true, is_vouched, ..Self::default() };
        let mut order = Order { writers: &backup.writers, met: BTreeSet::new() };
        let (mut next, mut tree) = (begin.size, backup.frontier.clone());
        let later = Range { start: begin.size.to_be_bytes().to_vec(), end: None };
        rows(store, LEAVES, &later, &mut |key, row| {
            surviving.is_whole &= key.key == next.to_be_bytes();
            next = key.key.as_slice().try_into().map_or(next, u64::from_be_bytes).saturating_add(1);
            let Some((entry, leaf)) = opened(&keyring, Entry::id_of(&row.value), &row.value)? else {
                surviving.is_whole = false;
                return Ok(());
            };
            tree.push(tree::leaf(&entry.leaf));
            match order.meet(entry.id) {
                Met::Before => surviving.is_whole = false,
                Met::Next | Met::Ahead => surviving.entry(store, &keyring, leaf)?,
            }
            Ok(())
        })?;
        // Each leaf in its place, and no other: the tree is that of the head.
        surviving.is_whole &= head.is_some_and(|head| (head.size, head.root) == (tree.size(), tree.root()));
        let mut waiting = Vec::new();
        rows(store, EntryId::TABLE, &Range::all(), &mut |key, row| {
            let id = EntryId::of_row(&key.key).ok_or(Error::Refused);
            match opened(&keyring, id, &row.value)? {
                Some((_, leaf)) => {
                    // They come in order of sequence: of each writer in its own.
                    let met = order.meet(leaf.entry);
                    surviving.is_whole &= met == Met::Next;
                    if met != Met::Before {
                        waiting.push(leaf);
                    }
                }
                None => surviving.is_whole = false,
            }
            Ok(())
        })?;
        waiting.sort_by_key(|leaf: &Leaf| (leaf.time, leaf.entry));
        for leaf in waiting {
            surviving.entry(store, &keyring, leaf)?;
        }
        Ok(surviving)
    }

    /// Whether nothing that was spent since the backup can be missing.
    pub(crate) const fn tells_all(&self) -> bool {
        self.is_whole && self.is_vouched
    }

    /// Takes in what an entry says.
    fn entry(&mut self, store: &dyn Store, keyring: &Keyring, leaf: Leaf) -> Result<(), Error> {
        self.entries += 1;
        self.until = self.until.max(leaf.time);
        // The vault went on in another store, of which this journal tells nothing, whoever vouches for its end.
        if leaf.kind == EventKind::VaultMovedOut {
            self.is_vouched = false;
        }
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
                    if let Some(step) = step {
                        since.note_accepted(step);
                    }
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
        if leaf.kind == EventKind::QuestionAsked && leaf.row.table == questions::ASKED {
            self.asked.insert(leaf.row);
            return Ok(());
        }
        if matters(leaf.kind) {
            let Leaf { kind, time, subject, row, .. } = leaf;
            self.told.push(Told { kind, time, subject, row });
        }
        Ok(())
    }
}

/// An entry that the journal's key made; `None` for anything else.
fn opened(
    keyring: &Keyring,
    id: Result<EntryId, Error>,
    bytes: &[u8],
) -> Result<Option<(Entry, Leaf)>, Error> {
    let entry = id
        .and_then(|id| Entry::open(keyring, id, bytes))
        .and_then(|entry| Leaf::decode(&entry.leaf).map(|leaf| (entry, leaf)));
    match entry {
        Ok(entry) => Ok(Some(entry)),
        Err(Error::Refused | Error::Format { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Which entries were met: each counts once.
struct Order<'a> {
    /// How far each writer's go in the backup.
    writers: &'a BTreeMap<[u8; 16], u64>,
    met: BTreeSet<EntryId>,
}

/// Where an entry stands among those of its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    /// It was met before, or is in the backup.
    Before,
    /// It follows the one before.
    Next,
    /// The one before it was not met.
    Ahead,
}

impl Order<'_> {
    fn meet(&mut self, id: EntryId) -> Met {
        let kept = self.writers.get(&id.writer).copied().unwrap_or(0);
        if id.sequence <= kept || !self.met.insert(id) {
            return Met::Before;
        }
        let before = EntryId { sequence: id.sequence - 1, ..id };
        if before.sequence == kept || self.met.contains(&before) { Met::Next } else { Met::Ahead }
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
            | EventKind::BackedUp
            | EventKind::SignatureMade
            | EventKind::KeyUsed
            | EventKind::QuestionAsked
            | EventKind::FactorTestFailed
            | EventKind::LoginStarted
            | EventKind::CodeRejected
            | EventKind::ChallengeAnswered
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
