//! Entries that are missing in the list of the person whom they concern: erased with the person, as the journal tells, or hidden
//! from a living one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;

use zamok_core::Error;
use zamok_core::event::{EventKind, Leaf, Subject};
use zamok_core::store::{EntryId, Row, RowKey};

use super::Audit;
use crate::fault::{Fault, Place};
use crate::rows::{LEAVES, open_leaf};

/// What the walk has seen of it so far.
#[derive(Default)]
pub(super) struct Unlisted {
    erased: BTreeSet<Subject>,
    /// Of persons of whose erasure the journal has not told yet.
    missing: BTreeMap<Subject, Vec<Place>>,
}

impl Unlisted {
    /// Takes note of an erasure.
    pub(super) fn hear(&mut self, leaf: &Leaf) {
        if let (EventKind::PersonErased | EventKind::AccountErased, Some(subject)) = (leaf.kind, leaf.subject)
        {
            self.erased.insert(subject);
        }
    }
}

impl Audit<'_> {
    /// Looks for the row that lists a leaf.
    pub(super) fn is_listed(&mut self, subject: Subject, row: &RowKey, place: Place) -> Result<(), Error> {
        if self.store.get(row)?.is_some() {
            return Ok(());
        }
        if self.unlisted.erased.contains(&subject) {
            self.report.unlisted += 1;
        } else {
            self.unlisted.missing.entry(subject).or_default().push(place);
        }
        Ok(())
    }

    /// Counts what is missing of persons who were erased, and names the rest.
    pub(super) fn missing_in_lists(&mut self) -> Result<(), Error> {
        if self.unlisted.missing.keys().any(|subject| !self.unlisted.erased.contains(subject)) {
            self.hear_the_latest()?;
        }
        for (subject, places) in mem::take(&mut self.unlisted.missing) {
            if self.unlisted.erased.contains(&subject) {
                self.report.unlisted += places.len() as u64;
            } else {
                places.into_iter().for_each(|place| self.report.note(place, Fault::Missing));
            }
        }
        Ok(())
    }

    /// Somebody may have been erased since the leaves were read. In this order: an entry goes from the waiting ones to the leaves.
    fn hear_the_latest(&mut self) -> Result<(), Error> {
        let hear = |audit: &mut Self, _: &[u8], row: &Row| {
            // What cannot be read is named, or will be.
            let entry = open_leaf(audit.keyring, &row.value).ok();
            if let Some(leaf) = entry.and_then(|entry| Leaf::decode(&entry.leaf).ok()) {
                audit.unlisted.hear(&leaf);
            }
            Ok(())
        };
        self.each(EntryId::TABLE, None, hear)?;
        self.each(LEAVES, self.last_key.clone(), hear)
    }
}
