//! What may go from a journal: details and the index of a subject. Leaves stay, and prove what they proved.

use alloc::string::ToString;

use zamok_core::event::{Detail, EventKind, Leaf, Subject};
use zamok_core::store::{EntryId, Range, RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error, UnixTime};

use crate::read::detail_row;
use crate::rows::{LEAVES, open_leaf};
use crate::subjects::{self, SUBJECTS};

/// How far details have been deleted because of their age: one authenticated row under the empty key.
pub const RETENTION: Table = Table(27);

const VERSION: u8 = 1;

/// What one batch deleted, once it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Details that went.
    pub details: u64,
    /// Whether there is more to do: call again.
    pub more: bool,
}

/// Deletes the details of up to `limit` events that concern a subject, and the subject's index of them, so that
/// nothing in the store tells what they were or that they belong together. The leaves stay: they name a pseudonym, and
/// no proof that was made before is lost.
///
/// Entries that still wait lose their details as well; they are listed once they are integrated: integrate first, and nothing
/// is left. A batch takes two rows of a change for each event. The account's own row, and with it what tells whose pseudonym it was, is the caller's to delete. Backups
/// made before hold the details until their key is destroyed.
///
/// # Errors
/// [`Error::Refused`] when the index names what no index can name; a store's fault.
pub fn erase_subject(tx: &mut Transaction<'_>, subject: Subject, limit: usize) -> Result<Erased, Error> {
    let mut waiting = subjects::waiting_of(tx.store(), subject)?.into_iter();
    let mut details = 0;
    // What waits stays there when its detail goes: it does not count against the limit unless it still has one.
    for key in waiting.by_ref() {
        let id = subjects::entry_of(&key).ok_or(Error::Refused)?;
        details += u64::from(delete_detail(tx, id)?);
        if usize::try_from(details).is_ok_and(|details| details >= limit) {
            break;
        }
    }
    let room = limit.saturating_sub(usize::try_from(details).unwrap_or(limit));
    let page = tx.store().scan(SUBJECTS, &Range::prefix(&subject.0), room, None)?;
    let more = page.next.is_some() || waiting.next().is_some() || room == 0;
    for (key, _) in page.rows {
        let id = subjects::entry_of(&key).ok_or(Error::Refused)?;
        details += u64::from(delete_detail(tx, id)?);
        let listed = RowKey::new(SUBJECTS, key);
        if tx.plain(&listed)?.is_some() {
            tx.delete(&listed)?;
        }
    }
    if details > 0 {
        let detail = Detail::new().with("count", details.to_string());
        // About nobody: an entry about the subject would be listed, and have to be erased again.
        tx.event(EventKind::DetailsErased, None, &RowKey::new(RETENTION, []), &detail)?;
    }
    Ok(Erased { details, more })
}

/// Deletes the details of up to `limit` leaves that are older than `before`, from where the last call ended.
///
/// # Errors
/// [`Error::Refused`] for altered rows; a store's fault.
pub fn expire_details(tx: &mut Transaction<'_>, before: UnixTime, limit: usize) -> Result<Erased, Error> {
    let row = RowKey::new(RETENTION, []);
    let from = match tx.state(&row)? {
        None => 0,
        Some(body) => {
            let mut reader = Reader::new(&body);
            let found = reader.u8()?;
            if found != VERSION {
                return Err(Error::Format { found: found.into(), supported: VERSION.into() });
            }
            let from = reader.u64()?;
            reader.end().map(|()| from)?
        }
    };
    let range = Range { start: from.to_be_bytes().into(), end: None };
    let page = tx.store().scan(LEAVES, &range, limit, None)?;
    let mut more = page.next.is_some();
    let (mut next, mut details) = (from, 0);
    for (key, row) in page.rows {
        if key != next.to_be_bytes() {
            return Err(Error::Refused);
        }
        let entry = open_leaf(tx.keyring(), &row.value)?;
        // Leaves stand in the order of integration, so that a younger one may come before an older one of another
        // writer by as much as an integration takes.
        if Leaf::decode(&entry.leaf)?.time >= before {
            more = false;
            break;
        }
        details += u64::from(delete_detail(tx, entry.id)?);
        next += 1;
    }
    if next > from {
        let mut body = Writer::new();
        body.u8(VERSION).u64(next);
        tx.put_state(&row, &body.to_vec())?;
    }
    if details > 0 {
        let detail = Detail::new().with("count", details.to_string()).with("before", before.0.to_string());
        tx.event(EventKind::DetailsExpired, None, &row, &detail)?;
    }
    Ok(Erased { details, more })
}

/// Whether there was a detail to delete.
fn delete_detail(tx: &mut Transaction<'_>, id: EntryId) -> Result<bool, Error> {
    let row = detail_row(id);
    let is_there = tx.plain(&row)?.is_some();
    if is_there {
        tx.delete(&row)?;
    }
    Ok(is_there)
}
