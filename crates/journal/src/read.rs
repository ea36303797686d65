//! Reading the journal: one entry, a subject's entries, the whole log. Nothing is shown before its MAC was checked,
//! and nothing is called integrated before its leaf was found in the tree under the authenticated head.

use alloc::vec::Vec;
use core::ops;

use zamok_core::event::{Detail, Leaf, Subject};
use zamok_core::store::{Cursor, EntryId, Range, Row, RowKey, Store};
use zamok_core::vault::relocation::FormerLog;
use zamok_core::vault::{DETAILS, Entry, Keyring};
use zamok_core::{Error, hash};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::former;
use crate::proof::InclusionProof;
use crate::rows::{Head, LEAVES, former_position, leaf_row, open_leaf, position, position_row};
use crate::tiles::Tiles;
use crate::tree::{self, Hash, HashReader};
use crate::{signing, subjects};

/// The journal of an unlocked vault.
#[derive(Clone, Copy)]
pub struct Journal<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) keyring: &'a Keyring,
}

impl core::fmt::Debug for Journal<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Journal").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

/// What the journal says of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The name of the entry.
    pub id: EntryId,
    /// What happened.
    pub leaf: Leaf,
    /// The bytes of the leaf, which the tree hashes.
    pub bytes: Vec<u8>,
    /// What it means to people.
    pub detail: Telling,
    /// How far it has come.
    pub status: Status,
}

impl Recorded {
    /// Where the listing of its subject goes on after it, for [`Journal::entries_of`]; `None` when it concerns nobody.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        let row = match self.status {
            Status::Former { log, index } => FormerLog::listed(self.leaf.subject?, log, index),
            Status::Waiting | Status::Integrated { .. } => subjects::row_of(&self.leaf)?,
        };
        Some(Cursor(row.key))
    }
}

/// What is left of the detail of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telling {
    /// The event never had one, and its leaf tells nothing more.
    None,
    /// The detail whose digest the leaf bears.
    Told(Detail),
    /// It was deleted. The leaf still proves.
    Erased,
}

/// How far an entry has come on its way into the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Durable and authenticated, not yet in the tree.
    Waiting,
    /// A leaf of the tree.
    Integrated {
        /// Its place, from 0.
        index: u64,
    },
    /// A leaf of a log that the vault had in a former store.
    Former {
        /// The number of that log, from 1.
        log: u32,
        /// Its place there, from 0.
        index: u64,
    },
}

/// What may be relied on of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Durable and authenticated; whoever holds the vault's keys could still drop it unseen.
    Pending,
    /// A checkpoint that the log signed covers it: it can be proved, and a reader who kept the checkpoint would see it go.
    Covered {
        /// Its place, from 0.
        index: u64,
        /// Leaves under the checkpoint.
        size: u64,
    },
    /// A checkpoint that a quorum of witnesses cosigned covers it: nobody can be shown a log without it.
    Witnessed {
        /// Its place, from 0.
        index: u64,
        /// Leaves under the checkpoint.
        size: u64,
    },
}

/// Part of a subject's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The latest first; within one second by writer, of each writer the latest first.
    pub entries: Vec<Recorded>,
    /// Where to go on; `None` when nothing older was left.
    pub next: Option<Cursor>,
}

impl<'a> Journal<'a> {
    /// The journal in this store, under the keys of its vault.
    #[must_use]
    pub const fn new(store: &'a dyn Store, keyring: &'a Keyring) -> Self {
        Self { store, keyring }
    }

    /// The head of the log; `None` before the first integration.
    ///
    /// # Errors
    /// [`Error::Refused`] when it was altered; a store's fault.
    pub fn head(&self) -> Result<Option<Head>, Error> {
        self.store.get(&Head::row())?.map(|row| Head::open(self.keyring, &row)).transpose()
    }

    /// One entry, waiting or integrated; `None` when the journal has none of this name.
    ///
    /// # Errors
    /// [`Error::Refused`] when the entry, its detail or the tree was altered; a store's fault.
    pub fn entry(&self, id: EntryId) -> Result<Option<Recorded>, Error> {
        self.find(id, &mut Prover::new(self))
    }

    /// Up to `limit` entries that concern a subject, latest first, from `after` where one is given: those of the log, then
    /// those of the logs that the vault had in former stores. Looks through all that wait to be integrated. A limit of 0 asks
    /// for nothing: the listing is empty, and says nothing of what is left.
    ///
    /// # Errors
    /// As [`Journal::entry`]; [`Error::Rejected`] when `after` is a place in the listing of another subject;
    /// [`Error::Refused`] when the subject's index leads to nothing, or to an entry that concerns somebody else.
    pub fn entries_of(
        &self,
        subject: Subject,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Listing, Error> {
        if after.is_some_and(|after| !after.0.starts_with(&subject.0)) {
            return Err(Error::Rejected);
        }
        if after.is_some_and(former::is_cursor) {
            return self.former_of(subject, limit, after);
        }
        let (keys, next) = subjects::keys_of(self.store, subject, limit, after)?;
        let mut prover = Prover::new(self);
        let mut entries = Vec::with_capacity(keys.len());
        for key in keys {
            let id = subjects::entry_of(&key).ok_or(Error::Refused)?;
            let recorded = self.find(id, &mut prover)?.ok_or(Error::Refused)?;
            if subjects::row_of(&recorded.leaf).is_none_or(|expected| expected.key != key) {
                return Err(Error::Refused);
            }
            entries.push(recorded);
        }
        if next.is_some() {
            return Ok(Listing { entries, next });
        }
        // What the log of now has nothing of, former ones may.
        let begin = former::begin(subject);
        let former = self.former_of(subject, limit - entries.len(), Some(&begin))?;
        if entries.len() == limit {
            let more = !self.former_of(subject, 1, Some(&begin))?.entries.is_empty();
            return Ok(Listing { entries, next: more.then_some(begin) });
        }
        entries.extend(former.entries);
        Ok(Listing { entries, next: former.next })
    }

    /// The leaves from one index up to another, which may lie beyond the end. For long logs, ask in pages.
    ///
    /// # Errors
    /// [`Error::Refused`] when a leaf is missing, or when a leaf, its detail or the tree was altered; a store's fault.
    pub fn range(&self, range: ops::Range<u64>) -> Result<Vec<Recorded>, Error> {
        const PAGE: usize = 256;
        let mut prover = Prover::new(self);
        let end = range.end.min(self.head()?.map_or(0, |head| head.size));
        let keys = Range { start: range.start.to_be_bytes().into(), end: Some(end.to_be_bytes().into()) };
        let mut entries = Vec::new();
        let (mut next, mut after) = (range.start, None);
        while next < end {
            let page = self.store.scan(LEAVES, &keys, PAGE, after.as_ref())?;
            for (key, row) in page.rows {
                if key != next.to_be_bytes() {
                    return Err(Error::Refused);
                }
                entries.push(self.integrated(next, &row, &mut prover)?);
                next += 1;
            }
            match page.next {
                Some(cursor) => after = Some(cursor),
                None if next < end => return Err(Error::Refused),
                None => {}
            }
        }
        Ok(entries)
    }

    /// A proof, for whoever knows the log's key, that the leaf at this index is in the log: under the latest checkpoint
    /// that a quorum of witnesses cosigned where that covers it, else under the latest.
    ///
    /// # Errors
    /// [`Error::Uncovered`] while no checkpoint covers such a leaf; [`Error::Refused`] when the leaf or the tree was
    /// altered; a store's fault.
    pub fn prove(&self, index: u64) -> Result<InclusionProof, Error> {
        let [latest, witnessed] = self.checkpoints()?;
        let covers = |signed: &SignedCheckpoint| signed.checkpoint().size > index;
        let signed = witnessed.filter(covers).or(latest.filter(covers)).ok_or(Error::Uncovered)?;
        let Checkpoint { size, root, .. } = signed.checkpoint();
        let path = tree::inclusion_path(&mut Tiles::open(self.store, *size, root)?, index, *size)?;
        let row = self.store.get(&leaf_row(index))?.ok_or(Error::Refused)?;
        let leaf = open_leaf(self.keyring, &row.value)?.leaf;
        let proof = InclusionProof::new(signed, index, path, leaf);
        proof.leaf_of_root()?;
        Ok(proof)
    }

    /// The latest checkpoint that the log signed, and the latest that a quorum of witnesses cosigned.
    ///
    /// # Errors
    /// [`Error::Refused`] when one was altered; a store's fault.
    pub fn checkpoints(&self) -> Result<[Option<SignedCheckpoint>; 2], Error> {
        signing::open(self.keyring, |key| Ok(self.store.get(key)?))
    }

    /// How far an entry has come; `None` when the journal has none of this name.
    ///
    /// # Errors
    /// As [`Journal::entry`].
    pub fn receipt(&self, id: EntryId) -> Result<Option<Receipt>, Error> {
        // Before the entry: checkpoints that are signed meanwhile only make the answer better.
        let present = self.checkpoints()?;
        let Some(entry) = self.entry(id)? else { return Ok(None) };
        let (index, [latest, witnessed]) = match entry.status {
            Status::Waiting => return Ok(Some(Receipt::Pending)),
            Status::Integrated { index } => (index, present),
            Status::Former { log, index } => (index, self.former_checkpoints(log)?),
        };
        let covers = |signed: Option<SignedCheckpoint>| {
            signed.map(|signed| signed.checkpoint().size).filter(|size| *size > index)
        };
        Ok(Some(match (covers(witnessed), covers(latest)) {
            (Some(size), _) => Receipt::Witnessed { index, size },
            (None, Some(size)) => Receipt::Covered { index, size },
            (None, None) => Receipt::Pending,
        }))
    }

    /// The present head, and the proof that its tree extends the tree that the log had at size `old`.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the log was never that long; otherwise as [`Journal::prove`].
    pub fn extends(&self, old: u64) -> Result<(Head, Vec<Hash>), Error> {
        let (head, mut tiles) = self.open_tree()?;
        let path = tree::consistency_path(&mut tiles, old, head.size)?;
        Ok((head, path))
    }

    /// The proof that a checkpoint of this log extends the tree that the log had at size `old`.
    ///
    /// # Errors
    /// [`Error::TooLong`] when `old` is beyond the checkpoint; [`Error::Refused`] when the checkpoint is not one of
    /// this log, or the tree was altered; a store's fault.
    pub fn consistency(&self, old: u64, checkpoint: &Checkpoint) -> Result<Vec<Hash>, Error> {
        let mut tiles = Tiles::open(self.store, checkpoint.size, &checkpoint.root)?;
        tree::consistency_path(&mut tiles, old, checkpoint.size)
    }

    /// The tree under a checkpoint.
    pub(crate) fn tiles(&self, checkpoint: &Checkpoint) -> Result<Tiles<'_>, Error> {
        Tiles::open(self.store, checkpoint.size, &checkpoint.root)
    }

    /// The bytes of some leaves, each compared with the tree.
    pub(crate) fn leaves(
        &self,
        range: ops::Range<u64>,
        tiles: &mut Tiles<'_>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        range
            .map(|index| {
                let row = self.store.get(&leaf_row(index))?.ok_or(Error::Refused)?;
                let leaf = open_leaf(self.keyring, &row.value)?.leaf;
                if tiles.node(0, index)? == tree::leaf(&leaf) { Ok(leaf) } else { Err(Error::Refused) }
            })
            .collect()
    }

    /// The head and the tree under it; of a log without leaves, an empty tree without a name.
    fn open_tree(&self) -> Result<(Head, Tiles<'a>), Error> {
        let head = self.head()?.unwrap_or_else(|| Head {
            origin: alloc::string::String::new(),
            size: 0,
            root: tree::empty(),
            time: zamok_core::UnixTime(0),
            closed: zamok_core::UnixTime(0),
        });
        let tiles = Tiles::open(self.store, head.size, &head.root)?;
        Ok((head, tiles))
    }

    fn find(&self, id: EntryId, prover: &mut Prover<'_, 'a>) -> Result<Option<Recorded>, Error> {
        // In this order: an entry moves from the waiting ones to the leaves, never back.
        if let Some(row) = self.store.get(&id.row())? {
            let entry = Entry::open(self.keyring, id, &row.value)?;
            return self.recorded(entry, Status::Waiting).map(Some);
        }
        let Some(row) = self.store.get(&position_row(id))? else { return Ok(None) };
        if let Some((log, index)) = former_position(&row.value) {
            let found = self.former_leaf(log, index)?;
            return if found.id == id { Ok(Some(found)) } else { Err(Error::Refused) };
        }
        let index = position(&row.value)?;
        let row = self.store.get(&leaf_row(index))?.ok_or(Error::Refused)?;
        if Entry::id_of(&row.value)? != id {
            return Err(Error::Refused);
        }
        self.integrated(index, &row, prover).map(Some)
    }

    fn integrated(&self, index: u64, row: &Row, prover: &mut Prover<'_, 'a>) -> Result<Recorded, Error> {
        let entry = open_leaf(self.keyring, &row.value)?;
        prover.check(index, &tree::leaf(&entry.leaf))?;
        self.recorded(entry, Status::Integrated { index })
    }

    fn recorded(&self, entry: Entry, status: Status) -> Result<Recorded, Error> {
        let leaf = Leaf::decode(&entry.leaf)?;
        let detail = detail(self.store, self.keyring, entry.id, &leaf)?;
        Ok(Recorded { id: entry.id, leaf, bytes: entry.leaf, detail, status })
    }
}

/// The detail of an entry, when it is still there and the one that the leaf bears the digest of; what the leaf says itself
/// where it bears none.
pub(crate) fn detail(
    store: &dyn Store,
    keyring: &Keyring,
    id: EntryId,
    leaf: &Leaf,
) -> Result<Telling, Error> {
    let Some(digest) = &leaf.detail else {
        return Ok(leaf.spent.map_or(Telling::None, |spent| Telling::Told(spent.detail())));
    };
    let key = detail_row(id);
    let Some(row) = store.get(&key)? else { return Ok(Telling::Erased) };
    if hash::sha256(&[&row.value]) != *digest {
        return Err(Error::Refused);
    }
    Detail::decode(&keyring.open(&key, &row)?.body).map(Telling::Told)
}

/// The row of the detail of this entry.
pub(crate) fn detail_row(id: EntryId) -> RowKey {
    RowKey::new(DETAILS, id.to_bytes())
}

/// Looks leaves up in the tree under the head, and reads the head again when the log has grown past it.
struct Prover<'j, 'a> {
    journal: &'j Journal<'a>,
    tiles: Option<Tiles<'a>>,
}

impl<'j, 'a> Prover<'j, 'a> {
    const fn new(journal: &'j Journal<'a>) -> Self {
        Self { journal, tiles: None }
    }

    fn check(&mut self, index: u64, leaf: &Hash) -> Result<(), Error> {
        if self.tiles.as_ref().is_none_or(|tiles| index >= tiles.size()) {
            self.tiles = Some(self.journal.open_tree()?.1);
        }
        let tiles = self.tiles.as_mut().filter(|tiles| index < tiles.size()).ok_or(Error::Refused)?;
        if tiles.node(0, index)? == *leaf { Ok(()) } else { Err(Error::Refused) }
    }
}
