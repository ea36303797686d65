//! Entries that wait to be integrated.
//!
//! Their rows lie in order of sequence, then writer. Whoever wants a writer's next entry knows its sequence, and so its name.

use alloc::collections::{BTreeMap, BTreeSet};

use zamok_core::Error;
use zamok_core::store::{Cursor, EntryId, Range, Row, Store};

/// Rows in one page of a scan.
const PAGE: usize = 256;

/// What was read of the rows that wait, from the front; unchecked.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    entries: BTreeMap<EntryId, Row>,
    after: Option<Cursor>,
    is_whole: bool,
}

impl Waiting {
    /// Whether everything was read that waited.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads on, at least so many rows where there are so many, and the first entries of all writers that begin; answers whose
    /// entries they are. What was read before and is still there is forgotten.
    pub(crate) fn read(&mut self, store: &dyn Store, rows: usize) -> Result<BTreeSet<[u8; 16]>, Error> {
        self.entries.clear();
        let (mut read, mut is_first) = (0, true);
        while !self.is_whole && (read < rows || is_first) {
            let page = store.scan(EntryId::TABLE, &Range::all(), PAGE, self.after.as_ref())?;
            read += page.rows.len();
            // The names of others are none of entries; the audit tells of them.
            let entries = page.rows.into_iter().filter_map(|(key, row)| Some((EntryId::of_row(&key)?, row)));
            for (id, row) in entries {
                is_first = id.sequence <= 1;
                self.entries.insert(id, row);
            }
            self.is_whole = page.next.is_none();
            self.after = page.next;
        }
        Ok(self.entries.keys().map(|id| id.writer).collect())
    }

    /// Takes the next entry of a writer whose entries up to this one are leaves: one of those, if it was put back, else the one
    /// that follows, else one behind a gap.
    pub(crate) fn next(
        &mut self,
        store: &dyn Store,
        writer: [u8; 16],
        sequence: u64,
    ) -> Result<Option<(EntryId, Row)>, Error> {
        let next = EntryId { writer, sequence: sequence.saturating_add(1) };
        let of_writer = EntryId { writer, sequence: 0 }..=EntryId { writer, sequence: u64::MAX };
        let read = self.entries.range(of_writer).next().map(|(id, _)| *id);
        // One may lie behind what was read; or before it, where it was committed when its place had been passed.
        if read.map_or(!self.is_whole, |read| read > next)
            && let Some(row) = store.get(&next.row())?
        {
            return Ok(Some((next, row)));
        }
        Ok(read.and_then(|read| self.entries.remove_entry(&read)))
    }
}
