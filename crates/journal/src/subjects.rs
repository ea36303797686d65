//! Which entries of the journal concern a subject: an index of empty rows, newest first.
//!
//! A row is subject ‖ inverted time ‖ writer ‖ inverted sequence. It is a hint: whoever follows one compares the leaf
//! with it. The integrator writes it, beside the leaf: until then the entry is found among those that wait.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use zamok_core::Error;
use zamok_core::event::{Leaf, Subject};
use zamok_core::store::{Cursor, EntryId, Range, RowKey, Store, Table};
use zamok_core::vault::Entry;

/// Rows in one page of a scan.
const PAGE: usize = 256;

/// The index of subjects.
pub const SUBJECTS: Table = Table(18);

/// The row under which a leaf stands in the index; `None` when it concerns nobody.
#[must_use]
pub(crate) fn row_of(leaf: &Leaf) -> Option<RowKey> {
    let Leaf { subject, time, entry, .. } = leaf;
    let mut key = Vec::from(subject.as_ref()?.0);
    key.extend((!time.0).to_be_bytes());
    key.extend(entry.writer);
    key.extend((!entry.sequence).to_be_bytes());
    Some(RowKey::new(SUBJECTS, key))
}

/// The entry to which the row under this key leads; `None` for a key that no row of the index can have.
#[must_use]
pub(crate) fn entry_of(key: &[u8]) -> Option<EntryId> {
    let EntryId { writer, sequence } = EntryId::from_bytes(key.get(24..)?)?;
    Some(EntryId { writer, sequence: !sequence })
}

/// The keys that the entries which concern a subject and still wait will have in the index, in its order. The entries are
/// not checked: whoever shows one opens it.
///
/// Looks through everything that waits: as long as the log is integrated every second or so, that is little.
///
/// # Errors
/// A store's fault.
pub(crate) fn waiting_of(store: &dyn Store, subject: Subject) -> Result<BTreeSet<Vec<u8>>, Error> {
    let mut keys = BTreeSet::new();
    let mut after = None;
    loop {
        let page = store.scan(EntryId::TABLE, &Range::all(), PAGE, after.as_ref())?;
        let leaves = page.rows.iter().filter_map(|(_, row)| Entry::peek(&row.value).ok());
        keys.extend(
            leaves.filter(|leaf| leaf.subject == Some(subject)).filter_map(|leaf| Some(row_of(&leaf)?.key)),
        );
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(keys),
        }
    }
}

/// Up to `limit` keys of the index of a subject, those that the waiting entries will have among them, from `after`
/// (exclusive) where one is given; and where to go on.
pub(crate) fn keys_of(
    store: &dyn Store,
    subject: Subject,
    limit: usize,
    after: Option<&Cursor>,
) -> Result<(Vec<Vec<u8>>, Option<Cursor>), Error> {
    // In this order: an entry moves from the waiting ones into the index, never back.
    let mut keys = waiting_of(store, subject)?;
    keys.retain(|key| after.is_none_or(|after| *key > after.0));
    let page = store.scan(SUBJECTS, &Range::prefix(&subject.0), limit, after)?;
    keys.extend(page.rows.into_iter().map(|(key, _)| key));
    let is_cut = keys.len() > limit || page.next.is_some();
    let keys: Vec<Vec<u8>> = keys.into_iter().take(limit).collect();
    let next = keys.last().filter(|_| is_cut).cloned().map(Cursor);
    Ok((keys, next))
}
