//! Rows that belong to no leaf, states of writers, and the entries that wait.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use zamok_core::event::Leaf;
use zamok_core::store::{Cursor, EntryId, Range, Row, RowKey, Table};
use zamok_core::vault::DETAILS;
use zamok_core::{Error, UnixTime};

use super::{Audit, Followed, PAGE};
use crate::fault::{Fault, Place, or_fault};
use crate::rows::{
    Chain, HEAD, LEAVES, POSITIONS, WRITERS, former_position, leaf_row, open_leaf, position, position_row,
};
use crate::subjects::{self, SUBJECTS};
use crate::tiles::{TILES, TileName};

impl Audit<'_> {
    /// Judges every row that the walk over the leaves did not lead to.
    pub(super) fn strays(&mut self) -> Result<(), Error> {
        let integrated = self.chains.clone();
        let after = self.last_key.clone();
        self.each(LEAVES, after, |audit, key, _| {
            let index = <[u8; 8]>::try_from(key).map(u64::from_be_bytes);
            audit.unexpected(index.ok().map(Place::Leaf), LEAVES, key);
            Ok(())
        })?;
        self.each(HEAD, None, |audit, key, _| {
            if !key.is_empty() {
                audit.unexpected(None, HEAD, key);
            }
            Ok(())
        })?;
        let size = self.hashes.size();
        self.each(TILES, None, |audit, key, row| {
            let name = TileName::from_bytes(key);
            let width = name.map_or(0, |name| name.width(size));
            if width == 0 || row.value.len() > 32 * width {
                audit.unexpected(name.map(Place::Tile), TILES, key);
            }
            Ok(())
        })?;
        self.each(POSITIONS, None, |audit, key, row| {
            let id = EntryId::from_bytes(key);
            // Entries of former logs are found by their leaves there.
            if let Some(((log, index), id)) = former_position(&row.value).zip(id) {
                let leaf = audit.former_leaf_at(log, index)?;
                if !leaf.is_some_and(|leaf| leaf.map_or(true, |leaf| leaf.entry == id)) {
                    audit.unexpected(Some(Place::Position(id)), POSITIONS, key);
                }
                return Ok(());
            }
            if !id.is_some_and(|id| audit.has(id)) {
                audit.unexpected(id.map(Place::Position), POSITIONS, key);
            }
            Ok(())
        })?;
        self.writers()?;
        self.waiting()?;
        self.each(DETAILS, None, |audit, key, _| {
            let id = EntryId::from_bytes(key);
            let known = match id {
                None => false,
                // The entry may have been appended after those that wait were looked at.
                Some(id) => audit.has(id) || audit.store.get(&id.row())?.is_some(),
            };
            if !known {
                audit.unexpected(id.map(Place::Detail), DETAILS, key);
            }
            Ok(())
        })?;
        self.each(SUBJECTS, None, |audit, key, row| audit.listed(key, row))?;
        self.chains = integrated;
        Ok(())
    }

    /// Looks at every row of a table.
    pub(super) fn each(
        &mut self,
        table: Table,
        mut after: Option<Cursor>,
        mut judge: impl FnMut(&mut Self, &[u8], &Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        loop {
            let page = self.store.scan(table, &Range::all(), PAGE, after.as_ref())?;
            for (key, row) in &page.rows {
                judge(self, key, row)?;
            }
            match page.next {
                Some(cursor) => after = Some(cursor),
                None => return Ok(()),
            }
        }
    }

    pub(super) fn unexpected(&mut self, place: Option<Place>, table: Table, key: &[u8]) {
        let place = place.unwrap_or_else(|| Place::Row(RowKey::new(table, key)));
        self.report.note(place, Fault::Unexpected);
    }

    /// Whether an entry is among those that were followed so far.
    fn has(&self, id: EntryId) -> bool {
        self.chains.get(&id.writer).is_some_and(|chain| (1..=chain.sequence).contains(&id.sequence))
    }

    /// The states of writers must be where their leaves end.
    fn writers(&mut self) -> Result<(), Error> {
        let mut stated = Vec::new();
        self.each(WRITERS, None, |audit, key, row| {
            let Ok(writer) = <[u8; 16]>::try_from(key) else {
                audit.unexpected(None, WRITERS, key);
                return Ok(());
            };
            stated.push(writer);
            let state = or_fault(audit.keyring.verify(&Chain::row(writer), row).and_then(Chain::decode))?;
            let fault = match (state, audit.chains.get(&writer)) {
                (Err(fault), _) => fault,
                (Ok(_), None) => Fault::Unexpected,
                (Ok(state), Some(chain)) if agree(&state, chain) => return Ok(()),
                (Ok(_), Some(_)) => Fault::Differs,
            };
            audit.report.note(Place::Writer(writer), fault);
            Ok(())
        })?;
        // Scanned in order of keys.
        let closed = self.report.head.as_ref().map_or(UnixTime(0), |head| head.closed);
        let missing = self.chains.iter().filter(|(_, chain)| chain.time > closed);
        let missing =
            missing.map(|(writer, _)| *writer).filter(|writer| stated.binary_search(writer).is_err());
        for writer in missing.collect::<Vec<_>>() {
            self.report.note(Place::Writer(writer), Fault::Missing);
        }
        Ok(())
    }

    /// The entries that wait must go on where the leaves end.
    fn waiting(&mut self) -> Result<(), Error> {
        // How far each writer has come: what is committed while they are read, behind what was read and before it, is no gap, and
        // none of what is judged.
        let mut ends = BTreeMap::new();
        self.each(EntryId::TABLE, None, |_, key, _| {
            ends.extend(EntryId::of_row(key).map(|id| (id.writer, id.sequence)));
            Ok(())
        })?;
        self.each(EntryId::TABLE, None, |audit, key, row| {
            let Some(id) = EntryId::of_row(key) else {
                audit.unexpected(None, EntryId::TABLE, key);
                return Ok(());
            };
            if ends.get(&id.writer).is_none_or(|end| id.sequence > *end) {
                return Ok(());
            }
            audit.report.waiting += 1;
            audit.entry(id, &row.value, &Place::Waiting(id)).map(|_| ())
        })
    }

    /// A row of a subject's index must name an entry that concerns the subject.
    fn listed(&mut self, key: &[u8], row: &Row) -> Result<(), Error> {
        let Some(id) = subjects::entry_of(key).filter(|_| row.value.is_empty()) else {
            self.unexpected(None, SUBJECTS, key);
            return Ok(());
        };
        let row = match self.store.get(&id.row())? {
            Some(waiting) => Some(waiting),
            None => match self.store.get(&position_row(id))?.map(|row| position(&row.value)) {
                Some(Ok(index)) => self.store.get(&leaf_row(index))?,
                _ => None,
            },
        };
        let entry =
            row.and_then(|row| open_leaf(self.keyring, &row.value).ok()).filter(|entry| entry.id == id);
        let fits = match entry.map(|entry| Leaf::decode(&entry.leaf)) {
            Some(Ok(leaf)) => subjects::row_of(&leaf).is_some_and(|expected| expected.key == key),
            // An entry that cannot be found or read was named already.
            Some(Err(_)) => true,
            None => self.has(id),
        };
        if !fits {
            self.report.note(Place::Subject(id), Fault::Unexpected);
        }
        Ok(())
    }
}

fn agree(state: &Chain, followed: &Followed) -> bool {
    state.sequence == followed.sequence && followed.mac.is_none_or(|mac| mac == state.mac)
}
