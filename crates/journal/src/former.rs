//! Logs that the vault had in former stores (`CRYPTO.md` §5): read as before, by the same people, and proved as before.
//!
//! A restore and a move begin a new log whose first leaf names the one before. Its leaves lie beside, each authenticated for its
//! number and place, and together they hash to the root that the new log's first leaf names.

use alloc::vec::Vec;
use core::ops;

use zamok_core::event::{Detail, Leaf, Subject};
use zamok_core::store::{Cursor, EntryId, Range, RowKey, Store};
use zamok_core::vault::relocation::{FORMER_DETAILS, FORMER_LEAVES, FORMER_LOGS, FORMER_SUBJECTS, FormerLog};
use zamok_core::vault::{Keyring, Transaction};
use zamok_core::wire::Reader;
use zamok_core::{Error, hash};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::proof::InclusionProof;
use crate::read::{Journal, Listing, Recorded, Status, Telling};
use crate::rows::position_row;
use crate::signing;
use crate::tree::{self, Frontier, Hash, HashReader};

/// Length of a row's key in the list of a subject's leaves in former logs.
const LISTED: usize = 28;
/// Leaves that are read at once.
const PAGE: usize = 256;

/// Whether a listing goes on in former logs here.
pub(crate) fn is_cursor(cursor: &Cursor) -> bool {
    cursor.0.len() == LISTED
}

/// Where the listing of a subject's entries in former logs begins.
pub(crate) fn begin(subject: Subject) -> Cursor {
    let mut key = Vec::from(subject.0);
    key.resize(LISTED, 0);
    Cursor(key)
}

impl Journal<'_> {
    /// The logs that the vault had before, the oldest first.
    ///
    /// # Errors
    /// [`Error::Refused`] when a row was altered; a store's fault.
    pub fn former_logs(&self) -> Result<Vec<FormerLog>, Error> {
        let mut logs = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.scan(FORMER_LOGS, &Range::all(), PAGE, after.as_ref())?;
            for (key, row) in page.rows {
                let place = RowKey::new(FORMER_LOGS, key);
                logs.push(FormerLog::decode(&place.key, self.keyring.verify(&place, &row)?)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(logs);
            }
        }
    }

    /// The latest checkpoint that a former log signed, and the latest that a quorum of witnesses cosigned.
    ///
    /// # Errors
    /// [`Error::Refused`] when one was altered; a store's fault.
    pub fn former_checkpoints(&self, log: u32) -> Result<[Option<SignedCheckpoint>; 2], Error> {
        signing::open_former(self.keyring, log, |key| Ok(self.store.get(key)?))
    }

    /// Leaves of a former log from one index up to another, which may lie beyond the end; also those that waited when the
    /// log ended, which are in no tree.
    ///
    /// # Errors
    /// [`Error::Refused`] when a leaf is missing, or a leaf or its detail was altered; a store's fault.
    pub fn former_range(&self, log: u32, range: ops::Range<u64>) -> Result<Vec<Recorded>, Error> {
        let end = range.end.max(range.start);
        let bounds =
            Range { start: FormerLog::leaf(log, range.start).key, end: Some(FormerLog::leaf(log, end).key) };
        let mut entries = Vec::new();
        let (mut next, mut after) = (range.start, None);
        loop {
            let page = self.store.scan(FORMER_LEAVES, &bounds, PAGE, after.as_ref())?;
            for (key, row) in page.rows {
                if key != FormerLog::leaf(log, next).key {
                    return Err(Error::Refused);
                }
                let leaf = self.keyring.verify(&RowKey::new(FORMER_LEAVES, key), &row)?.to_vec();
                entries.push(self.former_recorded(log, next, leaf)?);
                next += 1;
            }
            after = page.next;
            if after.is_none() {
                return Ok(entries);
            }
        }
    }

    /// A proof that a leaf was in a former log, for whoever knows that log's key
    /// ([`former_key`](crate::former_key)). It reads all leaves of the log.
    ///
    /// # Errors
    /// [`Error::Uncovered`] when the log never signed a checkpoint that covers the leaf; [`Error::Refused`] when leaves are
    /// missing or altered; a store's fault.
    pub fn prove_former(&self, log: u32, index: u64) -> Result<InclusionProof, Error> {
        let [latest, witnessed] = self.former_checkpoints(log)?;
        let covers = |signed: &SignedCheckpoint| signed.checkpoint().size > index;
        let signed = witnessed.filter(covers).or(latest.filter(covers)).ok_or(Error::Uncovered)?;
        let Checkpoint { size, .. } = *signed.checkpoint();
        let path = tree::inclusion_path(&mut Leaves { journal: self, log }, index, size)?;
        let leaf = self.former_leaf(log, index)?.bytes;
        let proof = InclusionProof::new(signed, index, path, leaf);
        proof.leaf_of_root()?;
        Ok(proof)
    }

    pub(crate) fn former_leaf(&self, log: u32, index: u64) -> Result<Recorded, Error> {
        let key = FormerLog::leaf(log, index);
        let row = self.store.get(&key)?.ok_or(Error::Refused)?;
        let leaf = self.keyring.verify(&key, &row)?.to_vec();
        self.former_recorded(log, index, leaf)
    }

    /// Entries of former logs that concern a subject, the latest first.
    pub(crate) fn former_of(
        &self,
        subject: Subject,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Listing, Error> {
        let page = self.store.scan(FORMER_SUBJECTS, &Range::prefix(&subject.0), limit, after)?;
        let mut entries = Vec::with_capacity(page.rows.len());
        for (key, _) in page.rows {
            let (log, index) = FormerLog::listed_leaf(&key).ok_or(Error::Refused)?;
            let recorded = self.former_leaf(log, index)?;
            if recorded.leaf.subject != Some(subject) {
                return Err(Error::Refused);
            }
            entries.push(recorded);
        }
        Ok(Listing { entries, next: page.next })
    }

    fn former_recorded(&self, log: u32, index: u64, bytes: Vec<u8>) -> Result<Recorded, Error> {
        let leaf = Leaf::decode(&bytes)?;
        let detail = detail(self.store, self.keyring, &leaf)?;
        Ok(Recorded { id: leaf.entry, leaf, bytes, detail, status: Status::Former { log, index } })
    }
}

/// The detail of a leaf of a former log, when it is still there: what was sealed then bears the digest, what it said lies beside.
pub(crate) fn detail(store: &dyn Store, keyring: &Keyring, leaf: &Leaf) -> Result<Telling, Error> {
    let Some(digest) = &leaf.detail else {
        return Ok(leaf.spent.map_or(Telling::None, |spent| Telling::Told(spent.detail())));
    };
    let key = detail_row(leaf.entry);
    let Some(row) = store.get(&key)? else { return Ok(Telling::Erased) };
    let opened = keyring.open(&key, &row)?;
    let mut reader = Reader::new(&opened.body);
    let length = usize::try_from(reader.u32()?).map_err(|_| Error::Refused)?;
    if hash::sha256(&[reader.raw(length)?]) != *digest {
        return Err(Error::Refused);
    }
    Detail::decode(reader.raw(reader.remaining())?).map(Telling::Told)
}

/// The row of the detail of an entry in a former log.
pub(crate) fn detail_row(id: EntryId) -> RowKey {
    RowKey::new(FORMER_DETAILS, id.to_bytes())
}

/// The tree of a former log, computed from its leaves.
struct Leaves<'j, 'a> {
    journal: &'j Journal<'a>,
    log: u32,
}

impl HashReader for Leaves<'_, '_> {
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Error> {
        let start = index << height;
        hashed(self.journal, self.log, start..start + (1 << height))
    }
}

/// The root over some leaves of a former log, none of which may be missing.
fn hashed(journal: &Journal<'_>, log: u32, range: ops::Range<u64>) -> Result<Hash, Error> {
    let mut frontier = Frontier::default();
    let bounds = Range {
        start: FormerLog::leaf(log, range.start).key,
        end: Some(FormerLog::leaf(log, range.end).key),
    };
    let mut after = None;
    loop {
        let page = journal.store.scan(FORMER_LEAVES, &bounds, PAGE, after.as_ref())?;
        for (key, row) in page.rows {
            if key != FormerLog::leaf(log, range.start + frontier.size()).key {
                return Err(Error::Refused);
            }
            frontier.push(tree::leaf(journal.keyring.verify(&RowKey::new(FORMER_LEAVES, key), &row)?));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if frontier.size() == range.end - range.start { Ok(frontier.root()) } else { Err(Error::Refused) }
}

/// Takes a leaf of a former log into a vault that comes from elsewhere.
///
/// # Errors
/// [`Error::Refused`] for bytes that are no leaf; a store's fault.
pub fn put_former_leaf(tx: &mut Transaction<'_>, log: u32, index: u64, leaf: &[u8]) -> Result<(), Error> {
    tx.put_state(&FormerLog::leaf(log, index), leaf)?;
    list_former_leaf(tx, log, index, leaf)
}

/// Makes a leaf of a former log found: by its entry, and by its subject.
///
/// # Errors
/// As [`put_former_leaf`].
pub fn list_former_leaf(tx: &mut Transaction<'_>, log: u32, index: u64, leaf: &[u8]) -> Result<(), Error> {
    let position = [&log.to_be_bytes()[..], &index.to_be_bytes()].concat();
    tx.put_plain(&position_row(Leaf::entry_of(leaf)?), position)?;
    if let Some(subject) = Leaf::decode(leaf)?.subject {
        tx.put_plain(&FormerLog::listed(subject, log, index), Vec::new())?;
    }
    Ok(())
}

/// Deletes the details of up to `limit` entries in former logs that concern a subject, and what lists them; answers how many
/// were listed. The leaves stay, and prove.
///
/// # Errors
/// [`Error::Refused`] for altered rows; a store's fault.
pub fn forget_subject(tx: &mut Transaction<'_>, subject: Subject, limit: usize) -> Result<usize, Error> {
    let rows = tx.store().scan(FORMER_SUBJECTS, &Range::prefix(&subject.0), limit, None)?.rows;
    for (key, _) in &rows {
        let (log, index) = FormerLog::listed_leaf(key).ok_or(Error::Refused)?;
        if let Some(leaf) = tx.state(&FormerLog::leaf(log, index))? {
            let detail = detail_row(Leaf::entry_of(&leaf)?);
            if tx.plain(&detail)?.is_some() {
                tx.delete(&detail)?;
            }
        }
        let listed = RowKey::new(FORMER_SUBJECTS, key.clone());
        tx.plain(&listed)?;
        tx.delete(&listed)?;
    }
    Ok(rows.len())
}
