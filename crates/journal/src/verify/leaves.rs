//! The walk over the leaves: each in its place, each the next of its writer's chain.

use alloc::vec::Vec;

use zamok_core::Error;
use zamok_core::store::{Cursor, Range, Row, RowKey};
use zamok_core::vault::Entry;

use super::{Audit, PAGE};
use crate::fault::{Fault, Place};
use crate::rows::{LEAVES, position, position_row};
use crate::tree;

impl Audit<'_> {
    /// Walks on up to `size` leaves; without a size, as far as there are leaves without a gap.
    pub(super) fn leaves(&mut self, size: Option<u64>) -> Result<(), Error> {
        let range = Range { start: Vec::new(), end: size.map(|size| size.to_be_bytes().into()) };
        let mut next = self.hashes.size();
        while size.is_none_or(|size| next < size) {
            let page = self.store.scan(LEAVES, &range, PAGE, self.last_key.as_ref())?;
            for (key, row) in page.rows {
                let index = <[u8; 8]>::try_from(key.as_slice()).map(u64::from_be_bytes);
                match index {
                    Ok(index) if index == next || (index > next && size.is_some()) => {
                        self.missing(next, index)?;
                        self.leaf(index, &row)?;
                        next = index + 1;
                    }
                    Ok(_) => return Ok(()),
                    Err(_) => {
                        self.report.note(Place::Row(RowKey::new(LEAVES, key.clone())), Fault::Unexpected)
                    }
                }
                self.last_key = Some(Cursor(key));
            }
            if page.next.is_none() {
                break;
            }
        }
        self.missing(next, size.unwrap_or(next))
    }

    /// Leaves without a row: the tree goes on with the hashes that the tiles have for them.
    fn missing(&mut self, from: u64, to: u64) -> Result<(), Error> {
        for index in from..to {
            self.report.note(Place::Leaf(index), Fault::Missing);
            self.hashes.push(None, &mut self.report)?;
        }
        Ok(())
    }

    fn leaf(&mut self, index: u64, row: &Row) -> Result<(), Error> {
        let place = Place::Leaf(index);
        let read = match Entry::id_of(&row.value) {
            Ok(id) => self.entry(id, &row.value, &place)?,
            Err(_) => {
                self.report.note(place, Fault::Altered);
                None
            }
        };
        let hash = read.as_ref().map(|(entry, _)| tree::leaf(&entry.leaf));
        self.hashes.push(hash, &mut self.report)?;
        self.report.leaves += 1;
        let Some((entry, _)) = read else { return Ok(()) };
        let fault = match self.store.get(&position_row(entry.id))? {
            None => Fault::Missing,
            Some(row) if position(&row.value) == Ok(index) => return Ok(()),
            Some(_) => Fault::Differs,
        };
        self.report.note(Place::Position(entry.id), fault);
        Ok(())
    }
}
