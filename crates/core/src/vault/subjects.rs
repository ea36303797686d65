//! Which entries of the journal concern a subject: an index of empty rows, newest first.
//!
//! A row is subject ‖ inverted time ‖ writer ‖ inverted sequence. It is a hint: whoever follows one compares the leaf
//! with it.

use alloc::vec::Vec;

use crate::event::Leaf;
use crate::store::{EntryId, RowKey, Table};

/// The index of subjects.
pub const SUBJECTS: Table = Table(18);

/// The row under which a leaf stands in the index; `None` when it concerns nobody.
#[must_use]
pub fn row_of(leaf: &Leaf) -> Option<RowKey> {
    let Leaf { subject, time, entry, .. } = leaf;
    let mut key = Vec::from(subject.as_ref()?.0);
    key.extend((!time.0).to_be_bytes());
    key.extend(entry.writer);
    key.extend((!entry.sequence).to_be_bytes());
    Some(RowKey::new(SUBJECTS, key))
}

/// The entry to which the row under this key leads; `None` for a key that no row of the index can have.
#[must_use]
pub fn entry_of(key: &[u8]) -> Option<EntryId> {
    let EntryId { writer, sequence } = EntryId::from_bytes(key.get(24..)?)?;
    Some(EntryId { writer, sequence: !sequence })
}
