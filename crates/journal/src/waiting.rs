//! Entries that wait to be integrated, as one queue for each writer.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use zamok_core::Error;
use zamok_core::store::{Cursor, EntryId, Page, Range, Row, Store};

/// Rows in one page of a scan.
const PAGE: usize = 256;

/// The waiting entries of one writer, in order of their sequence; unchecked.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) writer: [u8; 16],
    entries: VecDeque<(EntryId, Row)>,
    more: Option<Cursor>,
}

impl Queue {
    /// The next entry. Pages are read as they are needed.
    pub(crate) fn next(&mut self, store: &dyn Store) -> Result<Option<(EntryId, Row)>, Error> {
        while self.entries.is_empty() {
            let Some(cursor) = self.more.take() else { return Ok(None) };
            let page = store.scan(EntryId::TABLE, &Range::prefix(&self.writer), PAGE, Some(&cursor))?;
            self.more = page.next.clone();
            self.entries.extend(entries(page));
        }
        Ok(self.entries.pop_front())
    }
}

/// The queues of all writers with waiting entries, in order of writers. Reads the first page of each.
pub(crate) fn queues(store: &dyn Store) -> Result<Vec<Queue>, Error> {
    let mut queues: Vec<Queue> = Vec::new();
    let (mut range, mut after) = (Range::all(), None);
    loop {
        let page = store.scan(EntryId::TABLE, &range, PAGE, after.as_ref())?;
        let next = page.next.clone();
        for (id, row) in entries(page) {
            match queues.last_mut().filter(|queue| queue.writer == id.writer) {
                Some(queue) => queue.entries.push_back((id, row)),
                None => queues.push(Queue { writer: id.writer, entries: [(id, row)].into(), more: None }),
            }
        }
        let Some(cursor) = next else { return Ok(queues) };
        let Some(last) = EntryId::from_bytes(&cursor.0) else {
            after = Some(cursor);
            continue;
        };
        // The page ended within this writer: leave the rest for later and go on with the next writer.
        if let Some(queue) = queues.last_mut() {
            queue.more = Some(cursor);
        }
        let Some(start) = Range::prefix(&last.writer).end else { return Ok(queues) };
        (range.start, after) = (start, None);
    }
}

/// The rows whose names are entry ids. Others cannot be entries; the audit names them.
fn entries(page: Page) -> impl Iterator<Item = (EntryId, Row)> {
    page.rows.into_iter().filter_map(|(key, row)| Some((EntryId::from_bytes(&key)?, row)))
}
