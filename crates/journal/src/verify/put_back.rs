//! Rows that lie behind the journal: an older copy in the place of the newest, or nothing where there should be a row.
//!
//! A row by itself cannot show that it is old when its version was put back with it. The journal can: every entry names
//! the row that its commit wrote, and the version that it got. A row is looked up when an entry tells of it, so that
//! only rows that are gone have to be remembered.

use alloc::collections::{BTreeMap, VecDeque};

use zamok_core::Error;
use zamok_core::event::Leaf;
use zamok_core::store::{EntryId, RowKey};
use zamok_core::vault::{Life, life};

use super::Audit;
use crate::fault::{Fault, Place};
use crate::integrate::MAX_BATCH;

/// Rows that were removed lately. Entries of one writer come in order; those of two, made within one second, are ordered by chance,
/// so that the entry of a removal may come before another writer's entry about what was removed.
#[derive(Default)]
pub(super) struct Removals {
    rows: BTreeMap<RowKey, (EntryId, u64)>,
    order: VecDeque<RowKey>,
}

impl Removals {
    /// As many as may lie between two entries that chance has ordered.
    const REMEMBERED: usize = 2 * MAX_BATCH;

    fn add(&mut self, leaf: &Leaf) {
        if self.rows.insert(leaf.row.clone(), (leaf.entry, leaf.revision)).is_none() {
            self.order.push_back(leaf.row.clone());
        }
        if self.order.len() > Self::REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.rows.remove(&oldest);
        }
    }

    /// Whether another writer has removed what this entry tells of.
    fn explain(&self, leaf: &Leaf) -> bool {
        let removed = self.rows.get(&leaf.row);
        removed.is_some_and(|(by, next)| by.writer != leaf.entry.writer && leaf.revision < *next)
    }
}

impl Audit<'_> {
    /// Looks the row of an entry up. It is read after the entry, so a row that goes on meanwhile is only ever newer.
    pub(super) fn tell(&mut self, leaf: &Leaf) -> Result<(), Error> {
        match self.store.get(&leaf.row)? {
            // The version that a removed row would have had next: whatever is there was put back.
            Some(row) if row.version < leaf.revision => {
                self.report.note(Place::Row(leaf.row.clone()), Fault::Behind);
            }
            Some(_) => {}
            // Revision 0: the event was about the absence of a row, or about a use that wrote none.
            None if leaf.revision == 0 => {}
            None if leaf.kind.removes() => {
                self.gone.remove(&leaf.row);
                self.removed.add(leaf);
            }
            None if self.removed.explain(leaf) => {}
            None if life(leaf.row.table) == Life::Expires => self.report.expired += 1,
            None => {
                self.gone.insert(leaf.row.clone());
            }
        }
        Ok(())
    }

    /// Names the rows that are gone although the journal does not say so.
    pub(super) fn missing_rows(&mut self) {
        for row in core::mem::take(&mut self.gone) {
            self.report.note(Place::Row(row), Fault::Missing);
        }
    }
}
