//! Every row of the vault and of what stands above it, by itself: whether it proves that it belongs where it lies.
//!
//! The log's tables and those of former logs are judged by the rest of the audit, and the vault's own rows by opening it.

use zamok_core::Error;
use zamok_core::store::{Row, RowKey, Table};
use zamok_core::vault::finding::{self, KEY_INDEX};
use zamok_core::vault::{is_plain, keys::KEYS, spend};

use super::Audit;
use crate::fault::{Place, or_fault};

/// Tables that a vault can have rows in (`docs/formats/tables.md`), without its own, the log's and those of former logs.
const TABLES: [core::ops::RangeInclusive<u16>; 3] = [2..=15, 25..=27, 32..=95];

impl Audit<'_> {
    pub(super) fn every_row(&mut self) -> Result<(), Error> {
        for table in TABLES.into_iter().flatten().map(Table) {
            self.each(table, None, |audit, key, row| audit.by_itself(&RowKey::new(table, key), row))?;
        }
        Ok(())
    }

    fn by_itself(&mut self, key: &RowKey, row: &Row) -> Result<(), Error> {
        self.report.rows += 1;
        let proven = match row.value.first_chunk::<4>() {
            Some(b"ZMKR") if key.table == KEYS => self.keyring.open(key, row).and_then(|opened| {
                // The journal tells of a state row when a code was checked, which may never have happened.
                if let Some(state) = spend::state_row_of(&opened)?
                    && self.store.get(&state)?.is_none()
                {
                    self.gone.insert(state);
                }
                for group in finding::hints_of(self.keyring, &opened)? {
                    let mut is_found = false;
                    for hint in &group {
                        is_found |= self.store.get(hint)?.is_some();
                    }
                    // A key that was renamed meanwhile has another record by now: both change in one commit.
                    let stands = is_found || self.store.get(key)?.as_ref() != Some(row);
                    self.gone.extend(group.into_iter().next().filter(|_| !stands));
                }
                Ok(())
            }),
            // A hint proves nothing and has nothing in it; other plain rows are judged with what they belong to.
            _ if key.table == KEY_INDEX && row.value.is_empty() => Ok(()),
            _ if key.table != KEY_INDEX && is_plain(key.table) => Ok(()),
            Some(b"ZMKR") => self.keyring.open(key, row).map(|_| ()),
            Some(b"ZMKS") => self.keyring.verify(key, row).map(|_| ()),
            _ => Err(Error::Refused),
        };
        if let Err(fault) = or_fault(proven)? {
            self.report.note(Place::Row(key.clone()), fault);
        }
        Ok(())
    }
}
