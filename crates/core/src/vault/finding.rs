//! Finding keys: by label and owner through blind indexes, or all of them in order.
//!
//! An index row is a hint: its key is the HMAC of what was asked for and the id that it leads to, its value is empty. The
//! record decides, once it is unsealed.

use alloc::vec::Vec;

use super::attributes::KeyInfo;
use super::keyring::{Keyring, Opened};
use super::keys::{KEYS, KeyId, KeyRecord};
use super::roles::Operation;
use super::transaction::Transaction;
use crate::error::Error;
use crate::event::Subject;
use crate::store::{Cursor, Range, RowKey, Table};

/// Which keys have a label or an owner: blind index (32 bytes), key id; empty rows.
pub const KEY_INDEX: Table = Table(5);

const LABEL: &str = "key/label";
const OWNER: &str = "key/owner";

/// The hints that an opened row of [`KEYS`] must have beside it: of each group at least one, since there is a row for each
/// index key and rows are moved from one to the next.
///
/// # Errors
/// [`Error::Refused`] and [`Error::Format`] for what is no record of a key; [`Error::Locked`].
pub fn hints_of(keyring: &Keyring, key: &Opened) -> Result<Vec<Vec<RowKey>>, Error> {
    let (info, _) = KeyInfo::decode(&key.attributes)?;
    let record = KeyRecord::decode(info.id.row(), &key.attributes, &key.body)?;
    hints(keyring, &record.info)
}

/// Every hint that may lead to a key: a group for each field, in it one for each index key, the newest first.
fn hints(keyring: &Keyring, info: &KeyInfo) -> Result<Vec<Vec<RowKey>>, Error> {
    let mut hints = Vec::new();
    if !info.label.is_empty() {
        hints.push(keyring.blind_indexes(LABEL, info.label.as_bytes())?);
    }
    if let Some(owner) = info.owner {
        hints.push(keyring.blind_indexes(OWNER, &owner.0)?);
    }
    let row = |blind: [u8; 32]| RowKey::new(KEY_INDEX, [&blind[..], &info.id.0].concat());
    Ok(hints.into_iter().map(|group| group.into_iter().map(row).collect()).collect())
}

pub(super) fn note(tx: &mut Transaction<'_>, info: &KeyInfo) -> Result<(), Error> {
    let entered = tx.keyring().entered_epochs(tx.now());
    for group in hints(tx.keyring(), info)? {
        group.iter().take(entered).try_for_each(|hint| tx.put_plain(hint, Vec::new()))?;
    }
    Ok(())
}

pub(super) fn forget(tx: &mut Transaction<'_>, info: &KeyInfo) -> Result<(), Error> {
    for hint in hints(tx.keyring(), info)?.concat() {
        if tx.plain(&hint)?.is_some() {
            tx.delete(&hint)?;
        }
    }
    Ok(())
}

/// How far the moving of index rows has come. It lives in memory; begun anew, rows that were moved are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reindexing {
    /// Where to go on.
    pub after: Option<Cursor>,
    /// Records that were looked at.
    pub seen: u64,
    /// Rows that were entered under the newest key, or taken away under an older one.
    pub moved: u64,
    /// Rows that cannot be moved, and are found under an older key alone.
    pub left: u64,
    /// Whether every record was looked at.
    pub done: bool,
}

/// One step of moving the index of keys to the newest index key: looks at up to `rows` keys. Rows under older keys are taken
/// away once nobody enters there any more.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::Refused`] for a record that was altered; a store's fault.
pub fn reindex(tx: &mut Transaction<'_>, from: &Reindexing, rows: usize) -> Result<Reindexing, Error> {
    tx.keyring().permit(Operation::Rotate)?;
    let mut to = from.clone();
    let page = tx.store().scan(KEYS, &Range::all(), rows.max(1), from.after.as_ref())?;
    let alone = tx.keyring().entered_epochs(tx.now()) == 1;
    for (key, _) in page.rows {
        let id = KeyId(key.as_slice().try_into().map_err(|_| Error::Refused)?);
        let info = KeyRecord::load(tx, id)?.info;
        to.seen += 1;
        for group in hints(tx.keyring(), &info)? {
            let Some((newest, older)) = group.split_first() else { continue };
            if tx.plain(newest)?.is_none() {
                tx.put_plain(newest, Vec::new())?;
                to.moved += 1;
            }
            for hint in older.iter().filter(|_| alone) {
                if tx.plain(hint)?.is_some() {
                    tx.delete(hint)?;
                    to.moved += 1;
                }
            }
        }
    }
    to.after = page.next;
    to.done = to.after.is_none();
    Ok(to)
}

/// Keys with this label, at most `limit` of them, in order of their ids.
///
/// # Errors
/// [`Error::Refused`] for an altered record; a store's fault.
pub fn by_label(tx: &mut Transaction<'_>, label: &str, limit: usize) -> Result<Vec<KeyInfo>, Error> {
    by_label_after(tx, label, limit, None).map(|(found, _)| found)
}

/// The same after `after`. The second answer is where to go on.
///
/// # Errors
/// As [`by_label`].
pub fn by_label_after(
    tx: &mut Transaction<'_>,
    label: &str,
    limit: usize,
    after: Option<KeyId>,
) -> Result<(Vec<KeyInfo>, Option<KeyId>), Error> {
    let blind = tx.keyring().blind_indexes(LABEL, label.as_bytes())?;
    follow(tx, &blind, limit, after, |info| info.label == label)
}

/// Keys of this owner, at most `limit` of them, in order of their ids.
///
/// # Errors
/// [`Error::Refused`] for an altered record; a store's fault.
pub fn by_owner(tx: &mut Transaction<'_>, owner: Subject, limit: usize) -> Result<Vec<KeyInfo>, Error> {
    let blind = tx.keyring().blind_indexes(OWNER, &owner.0)?;
    follow(tx, &blind, limit, None, |info| info.owner == Some(owner)).map(|(found, _)| found)
}

fn follow(
    tx: &mut Transaction<'_>,
    blind: &[[u8; 32]],
    limit: usize,
    from: Option<KeyId>,
    wanted: impl Fn(&KeyInfo) -> bool,
) -> Result<(Vec<KeyInfo>, Option<KeyId>), Error> {
    let mut found: Vec<KeyInfo> = Vec::new();
    let mut goes_on = false;
    for blind in blind {
        let mut after = from.map(|id| Cursor([&blind[..], &id.0].concat()));
        let mut here = 0;
        // Hints of somebody else's making fill pages, and hide nothing behind them.
        loop {
            let page = tx.store().scan(KEY_INDEX, &Range::prefix(blind), limit.max(1), after.as_ref())?;
            for (key, _) in page.rows {
                // A longer one would lead back behind its place.
                let id = key.strip_prefix(blind).and_then(|id| id.try_into().ok()).map(KeyId);
                let Some(id) = id else { continue };
                match KeyRecord::load(tx, id) {
                    // It leads nowhere, or to a key with another label.
                    Err(Error::UnknownKey) => {}
                    Ok(record) if !wanted(&record.info) => {}
                    record => {
                        here += 1;
                        if found.iter().all(|info| info.id != id) {
                            found.push(record?.info);
                        }
                    }
                }
            }
            after = page.next;
            if after.is_none() || here >= limit {
                break;
            }
        }
        goes_on |= after.is_some();
    }
    found.sort_by_key(|info| info.id.0);
    goes_on |= found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| goes_on).map(|info| info.id);
    Ok((found, next))
}

/// Every key in its newest version, in order of ids: at most `limit` after `after`. The second answer is where to go on.
///
/// # Errors
/// [`Error::Refused`] for an altered record; a store's fault.
pub fn list(
    tx: &mut Transaction<'_>,
    limit: usize,
    after: Option<KeyId>,
) -> Result<(Vec<KeyInfo>, Option<KeyId>), Error> {
    let cursor = after.map(|id| Cursor(id.0.to_vec()));
    let page = tx.store().scan(KEYS, &Range::all(), limit, cursor.as_ref())?;
    let mut found = Vec::new();
    for (key, _) in page.rows {
        let id = KeyId(key.as_slice().try_into().map_err(|_| Error::Refused)?);
        found.push(KeyRecord::load(tx, id)?.info);
    }
    let next = page.next.and(found.last().map(|info| info.id));
    Ok((found, next))
}
