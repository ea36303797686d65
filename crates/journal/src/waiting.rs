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
    is_whole: bool,
}

impl Waiting {
    /// Whether that is everything.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads at least so many rows, where there are so many, and the first entries of all writers that begin.
    pub(crate) fn read(store: &dyn Store, rows: usize) -> Result<Self, Error> {
        let (mut entries, mut after): (_, Option<Cursor>) = (BTreeMap::new(), None);
        let (mut read, mut is_first) = (0, true);
        while read < rows || is_first {
            let page = store.scan(EntryId::TABLE, &Range::all(), PAGE, after.as_ref())?;
            read += page.rows.len();
            // The names of others are none of entries; the audit tells of them.
            for (id, row) in
                page.rows.into_iter().filter_map(|(key, row)| Some((EntryId::of_row(&key)?, row)))
            {
                is_first = id.sequence <= 1;
                entries.insert(id, row);
            }
            after = page.next;
            if after.is_none() {
                return Ok(Self { entries, is_whole: true });
            }
        }
        Ok(Self { entries, is_whole: false })
    }

    /// Whose entries were read.
    pub(crate) fn writers(&self) -> BTreeSet<[u8; 16]> {
        self.entries.keys().map(|id| id.writer).collect()
    }

    /// Takes the next entry of a writer whose entries up to this one are leaves: one of those, if it was put back, else the one
    /// that follows, else one behind a gap.
    pub(crate) fn next(
        &mut self,
        store: &dyn Store,
        writer: [u8; 16],
        sequence: u64,
    ) -> Result<Option<(EntryId, Row)>, Error> {
        let Some(sequence) = sequence.checked_add(1) else { return Ok(None) };
        let next = EntryId { writer, sequence };
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
