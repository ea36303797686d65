//! What was opened or authenticated already: a row that is still the same, byte for byte, says the same.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::keyring::{Keyring, Opened};
use crate::error::Error;
use crate::store::{Row, RowKey};

/// Records that a transaction has opened, so that none is opened twice, and state rows that it has authenticated; for another
/// transaction of the same call, which looks at the same rows again, see
/// [`Transaction::knowing`](super::Transaction::knowing). Wiped when dropped.
#[derive(Default)]
pub struct Known {
    records: BTreeMap<RowKey, (Arc<Row>, Arc<Opened>)>,
    states: BTreeMap<RowKey, Arc<Row>>,
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
    /// A row as it was when it was looked at: it may have changed since.
    pub(super) fn row(&self, key: &RowKey) -> Option<Arc<Row>> {
        let record = self.records.get(key).map(|(row, _)| row);
        record.or_else(|| self.states.get(key)).cloned()
    }

    /// A state row whose MAC was right.
    pub(super) fn authenticated(&mut self, key: &RowKey, row: Arc<Row>) {
        self.states.insert(key.clone(), row);
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
