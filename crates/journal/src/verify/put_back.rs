//! Rows that lie behind the journal: an older copy in the place of the newest, or nothing where there should be a row.
//!
//! A row by itself cannot show that it is old when its version was put back with it. The journal can: every entry names
//! the row that its commit wrote, and the version that it got.

use zamok_core::Error;
use zamok_core::event::{EventKind, Leaf};

use super::Audit;
use crate::fault::{Fault, Place};

/// The last that the journal tells of a row.
#[derive(Clone, Copy)]
pub(super) struct Told {
    revision: u64,
    kind: EventKind,
}

impl Audit<'_> {
    pub(super) fn tell(&mut self, leaf: &Leaf) {
        let told = Told { revision: leaf.revision, kind: leaf.kind };
        let last = self.told.entry(leaf.row.clone()).or_insert(told);
        if told.revision >= last.revision {
            *last = told;
        }
    }

    /// Looks every row up. It is read after the journal, so a row that goes on meanwhile is only ever newer.
    pub(super) fn put_back(&mut self) -> Result<(), Error> {
        for (row, told) in core::mem::take(&mut self.told) {
            let version = self.store.get(&row)?.map(|row| row.version);
            let fault = match version {
                // Revision 0: the event was about the absence of a row, or about a use that wrote none.
                None if told.revision == 0 || told.kind.removes() => continue,
                None => Fault::Missing,
                Some(version) if version < told.revision => Fault::Behind,
                Some(_) => continue,
            };
            self.report.note(Place::Row(row), fault);
        }
        Ok(())
    }
}
