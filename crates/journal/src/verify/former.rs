//! Logs of former stores: no leaf is missing, together they are the tree that the log is known by, each is found by its entry,
//! and what lies beside belongs to a leaf.
//!
//! What cannot be seen: that leaves beyond the size of a former log were taken away from its end, with all that leads to them.
//! They waited when the log ended, and are in no tree.

use alloc::collections::BTreeMap;
use core::ops;

use zamok_core::Error;
use zamok_core::event::Leaf;
use zamok_core::store::{EntryId, Row, RowKey, Table};
use zamok_core::vault::relocation::{FORMER_DETAILS, FORMER_LEAVES, FORMER_LOGS, FORMER_SUBJECTS, FormerLog};

use super::Audit;
use crate::fault::{Fault, Place, or_fault};
use crate::former;
use crate::read::Telling;
use crate::rows::{former_position, position_row};
use crate::tree::{self, Frontier};

/// How far a former log was walked.
#[derive(Default)]
struct Walked {
    /// `None` when its row is not there, or is not to be believed.
    log: Option<FormerLog>,
    /// The index that comes next.
    next: u64,
    tree: Frontier,
    /// Whether a leaf was missing or could not be believed: the root cannot be right then.
    lost: bool,
}

impl Audit<'_> {
    pub(super) fn former_logs(&mut self) -> Result<(), Error> {
        let mut logs: BTreeMap<u32, Walked> = BTreeMap::new();
        self.each(FORMER_LOGS, None, |audit, key, row| {
            let place = RowKey::new(FORMER_LOGS, key);
            let read = audit.keyring.verify(&place, row).and_then(|body| FormerLog::decode(key, body));
            let log = or_fault(read)?.map_err(|fault| audit.report.note(Place::Row(place), fault)).ok();
            if let Some(number) = key.first_chunk() {
                let lost = log.is_none();
                logs.insert(u32::from_be_bytes(*number), Walked { log, lost, ..Walked::default() });
            }
            Ok(())
        })?;
        self.each(FORMER_LEAVES, None, |audit, key, row| {
            let Some((number, index)) = FormerLog::place_of(key) else {
                audit.unexpected(None, FORMER_LEAVES, key);
                return Ok(());
            };
            let walked = logs.entry(number).or_insert_with(|| {
                // Named once for all that follow.
                audit.unexpected(None, FORMER_LEAVES, key);
                Walked { lost: true, ..Walked::default() }
            });
            audit.former_leaf(walked, number, index, row)
        })?;
        for Walked { log, next, tree, lost } in logs.into_values() {
            let Some(log) = log else { continue };
            self.missing_leaves(log.number, next..log.size);
            if !lost && next >= log.size && tree.root() != log.root {
                self.report.note(Place::Row(log.row()?), Fault::Differs);
            }
        }
        self.each(FORMER_DETAILS, None, |audit, key, _| {
            let leaf = EntryId::from_bytes(key).map(|id| audit.former_leaf_of(id)).transpose()?.flatten();
            let belongs = leaf.is_some_and(|leaf| leaf.map_or(true, |leaf| leaf.detail.is_some()));
            audit.belongs(belongs, FORMER_DETAILS, key);
            Ok(())
        })?;
        self.each(FORMER_SUBJECTS, None, |audit, key, row| {
            let listed = FormerLog::listed_leaf(key).filter(|_| row.value.is_empty());
            let leaf = listed.map(|(log, index)| audit.former_leaf_at(log, index)).transpose()?.flatten();
            let is_of = |leaf: Leaf| leaf.subject.is_some_and(|subject| key.starts_with(&subject.0));
            audit.belongs(leaf.is_some_and(|leaf| leaf.map_or(true, is_of)), FORMER_SUBJECTS, key);
            Ok(())
        })
    }

    /// The next leaf of a former log, and what lies beside it.
    fn former_leaf(&mut self, walked: &mut Walked, number: u32, index: u64, row: &Row) -> Result<(), Error> {
        let place = FormerLog::leaf(number, index);
        let read = self.keyring.verify(&place, row).and_then(|bytes| Ok((Leaf::decode(bytes)?, bytes)));
        let (leaf, bytes) = match or_fault(read)? {
            Ok(read) => read,
            Err(fault) => {
                self.report.note(Place::Row(place), fault);
                // What nobody believes says nothing of where the log ends.
                walked.next += u64::from(index == walked.next);
                walked.lost = true;
                return Ok(());
            }
        };
        self.report.former += 1;
        walked.lost |= index > walked.next;
        self.missing_leaves(number, walked.next..index);
        walked.next = index + 1;
        if walked.log.as_ref().is_some_and(|log| index < log.size) {
            walked.tree.push(tree::leaf(bytes));
        }
        // The first leaf of a log names the log before it.
        if index == 0 && leaf.row.table == FORMER_LOGS && self.store.get(&leaf.row)?.is_none() {
            self.report.note(Place::Row(leaf.row.clone()), Fault::Missing);
        }
        self.unlisted.hear(&leaf);
        self.beside_former(&leaf, number, index)
    }

    fn beside_former(&mut self, leaf: &Leaf, number: u32, index: u64) -> Result<(), Error> {
        let position = self.store.get(&position_row(leaf.entry))?;
        match position.map(|row| former_position(&row.value)) {
            Some(Some(place)) if place == (number, index) => {}
            Some(_) => self.report.note(Place::Position(leaf.entry), Fault::Differs),
            None => self.report.note(Place::Position(leaf.entry), Fault::Missing),
        }
        if let Some(subject) = leaf.subject {
            let listed = FormerLog::listed(subject, number, index);
            self.is_listed(subject, &listed, Place::Row(listed.clone()))?;
        }
        match or_fault(former::detail(self.store, self.keyring, leaf))? {
            Ok(Telling::Erased) => self.report.erased += 1,
            Ok(_) => {}
            Err(fault) => self.report.note(Place::Row(former::detail_row(leaf.entry)), fault),
        }
        Ok(())
    }

    fn missing_leaves(&mut self, number: u32, range: ops::Range<u64>) {
        for index in range {
            self.report.note(Place::Row(FormerLog::leaf(number, index)), Fault::Missing);
        }
    }

    /// The leaf to which the position of an entry leads: when it is in a former log, and that entry's or not to be believed.
    fn former_leaf_of(&self, id: EntryId) -> Result<Option<Result<Leaf, Fault>>, Error> {
        let Some(position) = self.store.get(&position_row(id))? else { return Ok(None) };
        let Some((log, index)) = former_position(&position.value) else { return Ok(None) };
        let leaf = self.former_leaf_at(log, index)?;
        Ok(leaf.filter(|leaf| leaf.as_ref().map_or(true, |leaf| leaf.entry == id)))
    }

    /// The leaf of a former log, where there is one; a fault was named already, or will be.
    pub(super) fn former_leaf_at(&self, log: u32, index: u64) -> Result<Option<Result<Leaf, Fault>>, Error> {
        let place = FormerLog::leaf(log, index);
        let row = self.store.get(&place)?;
        row.map(|row| or_fault(self.keyring.verify(&place, &row).and_then(Leaf::decode))).transpose()
    }

    fn belongs(&mut self, does: bool, table: Table, key: &[u8]) {
        if !does {
            self.unexpected(None, table, key);
        }
    }
}
