//! Everything that a vault holds, item by item, in the order of a backup.

use std::cell::Cell;

use zamok_core::store::{EntryId, Range, Row, RowKey, Store, Table};
use zamok_core::vault::backup::{Begin, Item};
use zamok_core::vault::relocation::{FORMER_LOGS, FormerLog};
use zamok_core::vault::{DETAILS, Entry, Keyring, RELOCATION};
use zamok_core::{Error, UnixTime};
use zamok_journal::{CHECKPOINTS, Head, Journal, LEAVES, POSITIONS, tree};

/// Tables whose rows a backup holds: all but the vault's own and the journal's (`docs/formats/tables.md`); of the journal's the
/// checkpoints, what a witness remembers, and the former logs.
const TABLES: [std::ops::RangeInclusive<u16>; 3] = [2..=15, 24..=26, 28..=79];
/// Rows in one page of a scan.
const PAGE: usize = 256;

/// Hands everything that a still store holds to `each`: the journal up to `log`, where one is given. Whatever fails its
/// authentication ends it: a backup that left rows out would not be one.
pub(crate) fn export(
    store: &dyn Store,
    keyring: &Keyring,
    log: &FormerLog,
    waiting: Waiting,
    each: &mut dyn FnMut(Item) -> Result<(), Error>,
) -> Result<(), Error> {
    let FormerLog { origin, size, root, time, .. } = log.clone();
    each(Item::Begin(Begin { origin, size, root, time }))?;
    for (id, key) in keyring.index_keys()? {
        each(Item::IndexKey(id, key))?;
    }
    for table in TABLES.into_iter().flatten().map(Table).filter(|table| *table != RELOCATION) {
        rows(store, table, &Range::all(), &mut |key, row| {
            // Whether an anchor is asked for belongs to the place that is left.
            let stays = table == CHECKPOINTS && key.key == b"anchor";
            if stays { Ok(()) } else { each(item(keyring, key, row)?) }
        })?;
    }
    let index = Cell::new(0_u64);
    let mut leaf = |key: RowKey, row: Row| {
        let id = if key.table == LEAVES {
            Entry::id_of(&row.value)?
        } else {
            EntryId::of_row(&key.key).ok_or(Error::Refused)?
        };
        let entry = Entry::open(keyring, id, &row.value)?;
        let at = index.get();
        if key.table == LEAVES && key.key != at.to_be_bytes() {
            return Err(Error::Refused);
        }
        index.set(at + 1);
        each(Item::Leaf { index: at, leaf: entry.leaf })
    };
    let leaves = Range { start: Vec::new(), end: Some(size.to_be_bytes().to_vec()) };
    rows(store, LEAVES, &leaves, &mut leaf)?;
    // The last ones may be gone.
    if index.get() != size {
        return Err(Error::Refused);
    }
    if waiting == Waiting::Taken {
        rows(store, EntryId::TABLE, &Range::all(), &mut leaf)?;
    }
    rows(store, DETAILS, &Range::all(), &mut |key, row| {
        let entry = EntryId::from_bytes(&key.key).ok_or(Error::Refused)?;
        let index = store.get(&RowKey::new(POSITIONS, key.key.clone()))?;
        let index = index.and_then(|row| row.value.try_into().ok().map(u64::from_be_bytes));
        let taken = match index {
            Some(index) => index < size,
            None => waiting == Waiting::Taken,
        };
        if !taken {
            return Ok(());
        }
        let body = keyring.open(&key, &row)?.body;
        each(Item::Detail { entry, sealed: row.value, body })
    })
}

/// What becomes of entries beyond the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// They go along.
    Taken,
    /// They are about the store that is left.
    Left,
}

/// The log of a vault as it is now, which will be a former one where it is taken.
pub(crate) fn log(store: &dyn Store, keyring: &Keyring, origin: &str) -> Result<FormerLog, Error> {
    let mut logs = 0;
    rows(store, FORMER_LOGS, &Range::all(), &mut |_, _| {
        logs += 1;
        Ok(())
    })?;
    let number = logs + 1;
    Ok(match Journal::new(store, keyring).head()? {
        Some(Head { origin, size, root, time, .. }) => FormerLog { number, origin, size, root, time },
        None => FormerLog { number, origin: origin.into(), size: 0, root: tree::empty(), time: UnixTime(0) },
    })
}

fn item(keyring: &Keyring, key: RowKey, row: Row) -> Result<Item, Error> {
    Ok(match row.value.first_chunk::<4>() {
        Some(b"ZMKR") => {
            let opened = keyring.open(&key, &row)?;
            Item::Record { row: key, revision: row.version, attributes: opened.attributes, body: opened.body }
        }
        Some(b"ZMKS") => {
            let body = keyring.verify(&key, &row)?.to_vec();
            Item::State { row: key, revision: row.version, body }
        }
        _ if zamok_core::vault::is_plain(key.table) => Item::Plain { row: key, value: row.value },
        _ => return Err(Error::Refused),
    })
}

pub(super) fn rows(
    store: &dyn Store,
    table: Table,
    range: &Range,
    each: &mut dyn FnMut(RowKey, Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = store.scan(table, range, PAGE, after.as_ref())?;
        for (key, row) in page.rows {
            each(RowKey::new(table, key), row)?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the vault itself and of its present log, which a new store gets anew.
    const LEFT: [u16; 9] = [1, 16, 17, 18, 19, 20, 21, 22, 23];

    #[test]
    fn a_backup_holds_every_table_of_the_registry_that_a_new_store_does_not_get_anew() {
        let page = include_str!("../../../../docs/formats/tables.md");
        let (_, page) = page.split_once("## Registry").expect("the registry");
        let (registry, _) = page.split_once("## ").expect("what comes after it");
        let numbers: Vec<u16> =
            registry.lines().filter_map(|line| line.split('|').nth(1)?.trim().parse().ok()).collect();
        assert!(numbers.len() > 50, "{numbers:?}");
        for number in numbers {
            let held = TABLES.iter().any(|range| range.contains(&number));
            // How far details were deleted is told by what is left of them.
            let left = LEFT.contains(&number) || number == 27;
            assert_ne!(held, left, "table {number}");
        }
    }
}
