//! Reading the journal: one entry, a subject's entries, the whole log. Nothing is shown before its MAC was checked,
//! and nothing is called integrated before its leaf was found in the tree under the authenticated head.

use alloc::vec::Vec;
use core::ops;

use zamok_core::event::{Detail, Leaf, Subject};
use zamok_core::store::{Cursor, EntryId, Range, Row, RowKey, Store};
use zamok_core::vault::{DETAILS, Entry, Keyring, SUBJECTS, subjects};
use zamok_core::{Error, hash};

use crate::proof::InclusionProof;
use crate::rows::{Head, LEAVES, leaf_row, open_leaf, position, position_row};
use crate::tiles::Tiles;
use crate::tree::{self, Hash, HashReader};

/// The journal of an unlocked vault.
#[derive(Clone, Copy)]
pub struct Journal<'a> {
    store: &'a dyn Store,
    keyring: &'a Keyring,
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

/// What is left of the detail of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telling {
    /// The event never had one.
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

    /// Up to `limit` entries that concern a subject, latest first, from `after` where one is given.
    ///
    /// # Errors
    /// As [`Journal::entry`]; [`Error::Refused`] when the subject's index leads to nothing, or to an entry that
    /// concerns somebody else.
    pub fn entries_of(
        &self,
        subject: Subject,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Listing, Error> {
        let page = self.store.scan(SUBJECTS, &Range::prefix(&subject.0), limit, after)?;
        let mut prover = Prover::new(self);
        let mut entries = Vec::with_capacity(page.rows.len());
        for (key, _) in page.rows {
            let id = subjects::entry_of(&key).ok_or(Error::Refused)?;
            let recorded = self.find(id, &mut prover)?.ok_or(Error::Refused)?;
            if subjects::row_of(&recorded.leaf).is_none_or(|expected| expected.key != key) {
                return Err(Error::Refused);
            }
            entries.push(recorded);
        }
        Ok(Listing { entries, next: page.next })
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

    /// A proof, under the present head, that the leaf at this index is in the log.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the log has no such leaf; [`Error::Refused`] when the leaf or the tree was altered; a
    /// store's fault.
    pub fn prove(&self, index: u64) -> Result<InclusionProof, Error> {
        let (head, mut tiles) = self.open_tree()?;
        let path = tree::inclusion_path(&mut tiles, index, head.size)?;
        let row = self.store.get(&leaf_row(index))?.ok_or(Error::Refused)?;
        let leaf = open_leaf(self.keyring, &row.value)?.leaf;
        let proof = InclusionProof::new(head, index, path, leaf);
        proof.verify()?;
        Ok(proof)
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

    /// The head and the tree under it; of a log without leaves, an empty tree without a name.
    fn open_tree(&self) -> Result<(Head, Tiles<'a>), Error> {
        let head = self.head()?.unwrap_or_else(|| Head {
            origin: alloc::string::String::new(),
            size: 0,
            root: tree::empty(),
            time: zamok_core::UnixTime(0),
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
        let detail = detail(self.store, self.keyring, entry.id, leaf.detail.as_ref())?;
        Ok(Recorded { id: entry.id, leaf, bytes: entry.leaf, detail, status })
    }
}

/// The detail of an entry, when it is still there and the one that the leaf bears the digest of.
pub(crate) fn detail(
    store: &dyn Store,
    keyring: &Keyring,
    id: EntryId,
    digest: Option<&[u8; 32]>,
) -> Result<Telling, Error> {
    let Some(digest) = digest else { return Ok(Telling::None) };
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
