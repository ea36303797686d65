//! New keys for old: rotation of data and journal keys, rewrapping, and the end of a data key.
//!
//! Rotation puts a new key at the head of its family: from the commit on it seals what is written. Rewrapping moves
//! rows under it in small steps of compare-and-set; the rows themselves say how far it has come, so that it can be
//! ended and begun again at any point. A data key ends only when no row stands under it and no process can still
//! write under it; journal keys never end, since old entries are verified for ever.

use alloc::format;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::header::{Header, ListedKey, Log, digest};
use super::keyring::{DataKeyId, Family};
use super::place::{is_sealed, stands_under};
use super::roles::Operation;
use super::slot::Key32;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::store::{Cursor, Range, RowKey, Store, Table};

/// Within how many seconds every process learns of a new key, and ends commits that it began before: part of the
/// format, since all processes rely on each other in it.
pub const LEARNED_WITHIN: u64 = 60;
/// After how many seconds nobody writes under an old key any more: far more than twice as long, for clocks that differ.
pub const SETTLED_AFTER: u64 = 600;
/// Data keys that a vault has at once; further rotations wait for old ones to end.
pub const MAX_KEYS: usize = 64;
/// Tables whose rows stand under data keys: all but the vault's own and the journal's, up to the last that there is.
const TABLES: [core::ops::RangeInclusive<u16>; 2] = [2..=15, 32..=Table::LAST.0];

/// Makes a new key of a family, under which everything is sealed, or entered, from this commit on; answers its number.
/// Journalled. What was entered under an older index key is still found, until [`reindex`](super::finding::reindex) and
/// what stands above have moved it and [`retire`] ends that key.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::DataKeyInUse`] while an older index key has not ended: two
/// epochs at a time; [`Error::TooLong`] with [`MAX_KEYS`] of its family;
/// [`Error::Refused`] for an altered header; a store's fault.
pub fn rotate(tx: &mut Transaction<'_>, family: Family) -> Result<DataKeyId, Error> {
    tx.keyring().permit(Operation::Rotate)?;
    let now = tx.now();
    let vault = tx.keyring().vault();
    let above = match family {
        Family::Journal => Zeroizing::new(*tx.keyring().journal_root()?),
        Family::Data | Family::Index => Zeroizing::new(*tx.keyring().root()?),
    };
    let mut header = Header::load(tx)?;
    let mut log = Log::load(tx)?;
    let listed = header.keys(family).unwrap_or(&mut log.journal);
    if listed.len() >= MAX_KEYS {
        return Err(Error::TooLong { what: "the number of keys", given: listed.len() + 1, limit: MAX_KEYS });
    }
    let newest = listed.last().expect("a list of keys is never empty").id;
    if family == Family::Index && listed.len() > 1 {
        return Err(Error::DataKeyInUse(listed[0].id.0));
    }
    let id = DataKeyId(newest.0.checked_add(1).ok_or(Error::CounterExhausted)?);
    let key: Key32 = Zeroizing::new(tx.env().random());
    let row = family.wrap(vault, id, &above, &key, &mut tx.env());
    listed.push(ListedKey { id, since: now, digest: digest(&row) });
    if family == Family::Journal {
        log.put(tx)?
    } else {
        header.put(tx)?
    }
    tx.put_plain(&family.row(id), row)?;
    let detail = Detail::new().with("family", family.name()).with("key", format!("{}", id.0));
    tx.event(EventKind::VaultKeyRotated, None, &family.row(id), &detail)?;
    Ok(id)
}

/// The index keys of a vault, oldest first, with the time at which each was made.
///
/// # Errors
/// As [`data_keys`].
pub fn index_keys(tx: &mut Transaction<'_>) -> Result<Vec<(DataKeyId, UnixTime)>, Error> {
    Ok(Header::load(tx)?.index.iter().map(|key| (key.id, key.since)).collect())
}

/// The data keys of a vault, oldest first, with the time at which each was made.
///
/// # Errors
/// [`Error::Role`] in the hands of an auditor; [`Error::Refused`] for an altered header; a store's fault.
pub fn data_keys(tx: &mut Transaction<'_>) -> Result<Vec<(DataKeyId, UnixTime)>, Error> {
    Ok(Header::load(tx)?.data.iter().map(|key| (key.id, key.since)).collect())
}

/// How far a rewrapping has come: where to go on. It lives in memory; begun anew, moved rows are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    table: u16,
    after: Option<Cursor>,
    /// Rows that were looked at.
    pub seen: u64,
    /// Rows that were moved to the newest data key.
    pub moved: u64,
    /// Whether every table was walked.
    pub done: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { table: *TABLES[0].start(), after: None, seen: 0, moved: 0, done: false }
    }
}

impl Progress {
    /// The table that is being walked.
    #[must_use]
    pub const fn table(&self) -> Table {
        Table(self.table)
    }
}

/// One step of rewrapping: looks at up to `rows` rows and moves those under older data keys to the newest.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::Refused`] for a row that was altered: nothing is
/// rewrapped over it; a store's fault.
pub fn rewrap(tx: &mut Transaction<'_>, from: &Progress, rows: usize) -> Result<Progress, Error> {
    tx.keyring().permit(Operation::Rotate)?;
    let newest = tx.keyring().data_key().ok_or(Error::Role(tx.keyring().role()))?;
    let mut to = from.clone();
    let mut room = rows.max(1);
    while room > 0 && !to.done {
        let table = Table(to.table);
        let page = tx.store().scan(table, &Range::all(), room, to.after.as_ref())?;
        room = room.saturating_sub(page.rows.len().max(1));
        to.seen += u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
        for (key, row) in page.rows {
            if stands_under(&row.value).is_some_and(|under| under != newest) {
                to.moved += u64::from(move_row(tx, &RowKey::new(table, key), newest)?);
            }
        }
        to.after = page.next;
        if to.after.is_none() {
            to.next_table();
        }
    }
    Ok(to)
}

impl Progress {
    fn next_table(&mut self) {
        let next = TABLES.iter().find_map(|tables| {
            let next = (self.table + 1).max(*tables.start());
            tables.contains(&next).then_some(next)
        });
        match next {
            Some(next) => self.table = next,
            None => self.done = true,
        }
    }
}

/// Seals or authenticates a row again, with the same content, as its next revision.
fn move_row(tx: &mut Transaction<'_>, key: &RowKey, newest: DataKeyId) -> Result<bool, Error> {
    // The scan was a hint: what counts is the row that the commit expects.
    let Some(row) = tx.plain(key)? else { return Ok(false) };
    if stands_under(&row.value).is_none_or(|under| under == newest) {
        return Ok(false);
    }
    if is_sealed(&row.value) {
        let opened = tx.keyring().open(key, &row)?;
        tx.put_record(key, &opened.attributes, &opened.body)?;
    } else {
        let body = tx.keyring().verify(key, &row)?.to_vec();
        tx.put_state(key, &body)?;
    }
    Ok(true)
}

/// Whether a row of the store says that it stands under this data key: one scan over all tables.
///
/// # Errors
/// A store's fault.
pub fn is_in_use(store: &dyn Store, id: DataKeyId, page: usize) -> Result<bool, Error> {
    for table in TABLES.into_iter().flatten() {
        let mut after = None;
        loop {
            let page = store.scan(Table(table), &Range::all(), page, after.as_ref())?;
            if page.rows.iter().any(|(_, row)| stands_under(&row.value) == Some(id)) {
                return Ok(true);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(false)
}

/// Ends an old data or index key: what stands under it is unreadable, or is found no more, for ever. Journalled.
///
/// The caller has made sure, for data keys by [`is_in_use`], that nothing does, and that every process has learned of a newer key
/// since: the next newer one must be [`SETTLED_AFTER`] seconds old.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::DataKeyInUse`] for the newest, or when the next newer
/// one is younger than that; [`Error::KeyKind`] for journal keys; [`Error::NoDataKey`]; [`Error::Refused`] for an altered header; a store's fault.
pub fn retire(tx: &mut Transaction<'_>, family: Family, id: DataKeyId) -> Result<(), Error> {
    tx.keyring().permit(Operation::Rotate)?;
    let mut header = Header::load(tx)?;
    // Journal keys never end: old entries are verified for ever.
    let listed = header.keys(family).ok_or(Error::KeyKind)?;
    let place = listed.iter().position(|key| key.id == id).ok_or(Error::NoDataKey(id.0))?;
    match listed.get(place + 1) {
        Some(newer) if newer.since.plus(SETTLED_AFTER) <= tx.now() => {}
        _ => return Err(Error::DataKeyInUse(id.0)),
    }
    listed.remove(place);
    header.put(tx)?;
    tx.delete(&family.row(id))?;
    let detail = Detail::new().with("family", family.name()).with("key", format!("{}", id.0));
    tx.event(EventKind::VaultKeyRetired, None, &family.row(id), &detail).map(|_| ())
}
