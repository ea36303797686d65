//! A vault whose state rows are counters, and a reader of the journal chains that counting leaves behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use zamok_core::Error;
use zamok_core::event::{Detail, EventKind, Leaf};
use zamok_core::store::{Cursor, EntryId, Range, Row, RowKey, Store, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{Entry, Transaction};
use zamok_host::{Options, Passphrase, Vault};

const COUNT: Table = Table(900);

pub(crate) fn options() -> Options {
    Options { cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() }
}

pub(crate) fn vault_over(store: Arc<dyn Store>, options: Options) -> Vault {
    Vault::create(store, &Passphrase::from("a long sentence"), options).unwrap()
}

pub(crate) fn row(name: &str) -> RowKey {
    RowKey::new(COUNT, name)
}

pub(crate) fn number(tx: &mut Transaction<'_>, row: &RowKey) -> Result<u64, Error> {
    let body = tx.state(row)?;
    body.map_or(Ok(0), |body| Ok(u64::from_be_bytes(body.try_into().map_err(|_| Error::Refused)?)))
}

/// Adds one to a state row and tells the journal.
pub(crate) fn increment(tx: &mut Transaction<'_>, row: &RowKey) -> Result<u64, Error> {
    let next = number(tx, row)? + 1;
    tx.put_state(row, &next.to_be_bytes())?;
    tx.event(EventKind::KeyCreated, None, row, &Detail::new().with("number", next.to_string()))?;
    Ok(next)
}

pub(crate) fn rows(store: &dyn Store, table: Table) -> Vec<(Vec<u8>, Row)> {
    let mut rows = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = store.scan(table, &Range::all(), 500, cursor.as_ref()).unwrap();
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

/// Opens every waiting entry, follows the chain of each writer from its first to its last, and counts the leaves.
pub(crate) fn follow_chains(vault: &Vault) -> (usize, usize) {
    let mut chains: BTreeMap<[u8; 16], (u64, [u8; 32])> = BTreeMap::new();
    let entries = rows(&**vault.store(), EntryId::TABLE);
    for (key, row) in &entries {
        let id = EntryId::of_row(key).unwrap();
        let entry = vault.read(|_, keyring| Entry::open(keyring, id, &row.value)).unwrap();
        let (sequence, mac) = chains.entry(id.writer).or_default();
        assert_eq!((entry.id.sequence, entry.previous), (*sequence + 1, *mac), "a gap or a fork in a chain");
        (*sequence, *mac) = (entry.id.sequence, entry.mac);
        assert_eq!(Leaf::decode(&entry.leaf).unwrap().origin, vault.origin());
    }
    (entries.len(), chains.len())
}
