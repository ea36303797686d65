//! Index rows and the records that they lead to, compared with each other.
//!
//! Whoever can write to the store can delete the row of a login, so that somebody else could register it. No use of a
//! single row shows that; walking over all of them does: each record says which index rows it must have, and each index
//! row leads to a record that says so.

use std::fmt;

use zamok_core::Error as CoreError;
use zamok_core::store::{Range, Row, RowKey, Store, Table};
use zamok_core::vault::finding::Reindexing;
use zamok_core::vault::roles::Operation;
use zamok_core::vault::{Keyring, Transaction};

use crate::{Cabinet, account};

/// An index: authenticated rows under a blind index, each with the id of the record that it leads to.
pub(crate) struct Index {
    /// What is looked up in it.
    pub(crate) name: &'static str,
    /// Its rows.
    pub(crate) rows: Table,
    /// The records that they lead to, under the id that the rows hold.
    pub(crate) records: Table,
    /// The index rows that a record must have, from its opened body: of each name one row for each index key, the newest
    /// first, at least one of which is there.
    pub(crate) of: Claims,
}

type Claims = fn(&dyn Store, &Keyring, &[u8]) -> Result<Vec<Vec<RowKey>>, CoreError>;

/// Every index of the cabinet.
const INDEXES: [Index; 2] = [account::BY_LOGIN, account::BY_NAME];

/// Rows in one page of a scan.
const PAGE: usize = 256;

/// What is wrong with an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexFault {
    /// A record has no row in the index: it is not found, and its name looks free.
    Missing,
    /// Two records claim one row of the index: only one of them is found.
    Doubled,
    /// A row leads to a record that is not there, or that is called otherwise.
    Dangling,
    /// A row fails its authentication.
    Altered,
}

/// Something wrong in an index, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFinding {
    /// Of which index.
    pub index: &'static str,
    /// The row: of the index, or the record that lacks one.
    pub row: RowKey,
    /// What is wrong with it.
    pub fault: IndexFault,
}

impl fmt::Display for IndexFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = format!("row {} of table {}", zamok_core::wire::hex(&self.row.key), self.row.table.0);
        match self.fault {
            IndexFault::Missing => write!(f, "{row} has no row in the index of {}s", self.index),
            IndexFault::Doubled => write!(f, "{row} shares its {} with another", self.index),
            IndexFault::Dangling => {
                write!(f, "{row}, of the index of {}s, leads to no such record", self.index)
            }
            IndexFault::Altered => {
                write!(f, "{row}, of the index of {}s, fails its authentication", self.index)
            }
        }
    }
}

impl Cabinet {
    /// Compares every index with the records that it leads to, and names what does not fit; at most `limit` findings.
    ///
    /// It walks over a store that others may write to, and looks again before it names a row. It holds a page of rows
    /// in memory, never all of them.
    ///
    /// # Errors
    /// [`CoreError::Locked`]; a store's fault. What is wrong with the data is in the findings.
    pub fn audit_indexes(&self, limit: usize) -> Result<Vec<IndexFinding>, crate::Error> {
        self.vault.refresh()?;
        Ok(self.vault.read(|store, keyring| {
            let mut findings = Vec::new();
            for index in &INDEXES {
                let walk = Walk { store, keyring, index };
                walk.each(index.records, |key, row| walk.record(key, row), &mut findings, limit)?;
                walk.each(index.rows, |key, row| walk.row(key, row), &mut findings, limit)?;
            }
            Ok(findings)
        })?)
    }
}

impl Cabinet {
    /// One step of moving every index of the cabinet to the newest index key: looks at up to `rows` accounts. Rows under older
    /// keys are emptied once nobody enters there any more. For officers; logins go on meanwhile.
    ///
    /// # Errors
    /// [`CoreError::Role`] unless an officer opened the vault; [`CoreError::Refused`] for a record that was altered; a store's
    /// fault.
    pub fn reindex(
        tx: &mut Transaction<'_>,
        from: &Reindexing,
        rows: usize,
    ) -> Result<Reindexing, CoreError> {
        tx.keyring().permit(Operation::Rotate)?;
        let mut to = from.clone();
        let records = account::BY_LOGIN.records;
        let page = tx.store().scan(records, &Range::all(), rows.max(1), from.after.as_ref())?;
        let alone = tx.keyring().entered_epochs(tx.now()) == 1;
        for (key, _) in page.rows {
            let record = RowKey::new(records, key);
            // The scan was a hint: what counts is the record that the commit expects.
            let Some(opened) = tx.record(&record)? else { continue };
            to.seen += 1;
            for index in &INDEXES {
                for epochs in (index.of)(tx.store(), tx.keyring(), &opened.body)? {
                    let Some((newest, older)) = epochs.split_first() else { continue };
                    match tx.state(newest)? {
                        Some(id) if id == record.key => {}
                        // Somebody else's: the audit names it.
                        Some(_) => continue,
                        None => {
                            tx.put_state(newest, &record.key)?;
                            to.moved += 1;
                        }
                    }
                    for row in older.iter().filter(|_| alone) {
                        if tx.state(row)?.is_some_and(|id| id == record.key) {
                            tx.empty(row)?;
                            to.moved += 1;
                        }
                    }
                }
            }
        }
        to.after = page.next;
        to.done = to.after.is_none();
        Ok(to)
    }
}

struct Walk<'a> {
    store: &'a dyn Store,
    keyring: &'a Keyring,
    index: &'a Index,
}

impl Walk<'_> {
    fn each(
        &self,
        table: Table,
        judge: impl Fn(&RowKey, &Row) -> Result<Option<IndexFault>, CoreError>,
        findings: &mut Vec<IndexFinding>,
        limit: usize,
    ) -> Result<(), CoreError> {
        let mut after = None;
        loop {
            let page = self.store.scan(table, &Range::all(), PAGE, after.as_ref())?;
            for (key, row) in page.rows {
                let key = RowKey::new(table, key);
                // Somebody may be changing it just now: what is wrong is still wrong on a second look.
                let Some(_) = judge(&key, &row)? else { continue };
                let Some(again) = self.store.get(&key)? else { continue };
                let Some(fault) = judge(&key, &again)? else { continue };
                if findings.len() < limit {
                    findings.push(IndexFinding { index: self.index.name, row: key, fault });
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A record must have its rows in the index. One that cannot be opened is named by the audit of rows.
    fn record(&self, key: &RowKey, row: &Row) -> Result<Option<IndexFault>, CoreError> {
        let Some(rows) =
            readable((|| (self.index.of)(self.store, self.keyring, &self.keyring.open(key, row)?.body))())?
        else {
            return Ok(None);
        };
        for epochs in rows {
            let mut is_found = false;
            for expected in epochs {
                match self.leads_to(&expected)? {
                    Some(id) if id == key.key => is_found = true,
                    Some(_) => return Ok(Some(IndexFault::Doubled)),
                    None => {}
                }
            }
            if !is_found {
                return Ok(Some(IndexFault::Missing));
            }
        }
        Ok(None)
    }

    /// A row of the index must lead to a record that claims it.
    fn row(&self, key: &RowKey, row: &Row) -> Result<Option<IndexFault>, CoreError> {
        let Some(id) = readable(self.keyring.verify(key, row))? else { return Ok(Some(IndexFault::Altered)) };
        if id.is_empty() {
            return Ok(None);
        }
        let record = RowKey::new(self.index.records, id);
        let Some(found) = self.store.get(&record)? else { return Ok(Some(IndexFault::Dangling)) };
        let claimed = readable((|| {
            (self.index.of)(self.store, self.keyring, &self.keyring.open(&record, &found)?.body)
        })())?;
        Ok(claimed.is_some_and(|rows| !rows.concat().contains(key)).then_some(IndexFault::Dangling))
    }

    /// The id in a row of the index; `None` where there is no row, or an emptied one.
    fn leads_to(&self, key: &RowKey) -> Result<Option<Vec<u8>>, CoreError> {
        let Some(row) = self.store.get(key)? else { return Ok(None) };
        Ok(readable(self.keyring.verify(key, &row))?.filter(|id| !id.is_empty()).map(<[u8]>::to_vec))
    }
}

/// What was read, or nothing where it fails by itself.
fn readable<T>(read: Result<T, CoreError>) -> Result<Option<T>, CoreError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(CoreError::Refused | CoreError::Format { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
