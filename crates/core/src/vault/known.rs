//! What was opened or authenticated already: a row that is still the same, byte for byte, says the same.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::keyring::{Keyring, Opened};
use crate::error::Error;
use crate::store::{Row, RowKey};

/// Records that a transaction has opened, so that none is opened twice, state rows that it has authenticated, and those that it did
/// not find; for another transaction of the same call, which looks at the same rows again, see
/// [`Transaction::knowing`](super::Transaction::knowing). Wiped when dropped.
#[derive(Default)]
pub struct Known {
    records: BTreeMap<RowKey, (Arc<Row>, Arc<Opened>)>,
    states: BTreeMap<RowKey, Arc<Row>>,
    absent: BTreeSet<RowKey>,
    personal: Vec<Personal>,
}

/// What was sealed for a person and a place.
struct Personal {
    key: Arc<Opened>,
    place: Vec<u8>,
    sealed: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Known({} records, {} state rows, redacted)", self.records.len(), self.states.len())
    }
}

impl Known {
    /// A row as it was when it was looked at, or that there was none: it may have changed since. `None` where nothing is known.
    pub(super) fn row(&self, key: &RowKey) -> Option<Option<Arc<Row>>> {
        let record = self.records.get(key).map(|(row, _)| row);
        let found = record.or_else(|| self.states.get(key)).cloned().map(Some);
        found.or_else(|| self.absent.contains(key).then_some(None))
    }

    /// A state row whose MAC was right.
    pub(super) fn authenticated(&mut self, key: &RowKey, row: Arc<Row>) {
        self.absent.remove(key);
        self.states.insert(key.clone(), row);
    }

    /// A state row that was not there.
    pub(super) fn missing(&mut self, key: &RowKey) {
        self.states.remove(key);
        self.absent.insert(key.clone());
    }

    /// Opens the record that the store gave for this place, unless it was opened before.
    pub(super) fn open(
        &mut self,
        keyring: &Keyring,
        key: &RowKey,
        row: &Arc<Row>,
    ) -> Result<Arc<Opened>, Error> {
        if let Some((known, opened)) = self.records.get(key)
            && (Arc::ptr_eq(known, row) || known == row)
        {
            return Ok(opened.clone());
        }
        let opened = Arc::new(keyring.open(key, row)?);
        self.records.insert(key.clone(), (row.clone(), opened.clone()));
        Ok(opened)
    }

    /// Opens what was sealed for a place under this very key, by `open` unless it was opened before.
    pub(super) fn personal(
        &mut self,
        key: &Arc<Opened>,
        (place, sealed): (&[u8], &[u8]),
        open: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, Error>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let same = |known: &&Personal| {
            Arc::ptr_eq(&known.key, key) && known.place == place && known.sealed == sealed
        };
        if let Some(known) = self.personal.iter().find(same) {
            return Ok(known.plain.clone());
        }
        let plain = open()?;
        let (key, place, sealed) = (key.clone(), place.to_vec(), sealed.to_vec());
        self.personal.push(Personal { key, place, sealed, plain: plain.clone() });
        Ok(plain)
    }
}
