//! What may go from a journal: details and the index of a subject. Leaves stay, and prove what they proved.

use alloc::string::ToString;
use alloc::vec::Vec;

use zamok_core::event::{Detail, EventKind, Leaf, Subject};
use zamok_core::store::{EntryId, Range, Row, RowKey, Table};
use zamok_core::vault::relocation::{FORMER_LEAVES, FormerLog};
use zamok_core::vault::{Keyring, Transaction};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error, UnixTime};

use crate::former;
use crate::read::detail_row;
use crate::rows::{LEAVES, open_leaf};
use crate::subjects::{self, SUBJECTS};

/// How far details have been deleted because of their age: authenticated rows, for the log under the empty key, for former logs
/// under `former`.
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
/// no proof that was made before is lost. The journal has to tell of the person's erasure before
/// ([`EventKind::PersonErased`]): the audit names what is missing in the index of anybody else.
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
        details += u64::from(delete_detail(tx, &detail_row(id))?);
        if usize::try_from(details).is_ok_and(|details| details >= limit) {
            break;
        }
    }
    let room = limit.saturating_sub(usize::try_from(details).unwrap_or(limit));
    let page = tx.store().scan(SUBJECTS, &Range::prefix(&subject.0), room, None)?;
    let more = page.next.is_some() || waiting.next().is_some() || room == 0;
    for (key, _) in page.rows {
        let id = subjects::entry_of(&key).ok_or(Error::Refused)?;
        details += u64::from(delete_detail(tx, &detail_row(id))?);
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

/// Deletes the details of leaves that are older than `before`, those of former logs first, from where the last call ended. It looks at
/// up to `limit` leaves. Rows that were altered or are missing keep nothing from going that stands
/// before them, nor in the log of now where they belong to a former one.
///
/// # Errors
/// [`Error::Refused`] for altered or missing rows, when nothing else is left to do; a store's fault.
pub fn expire_details(tx: &mut Transaction<'_>, before: UnixTime, limit: usize) -> Result<Erased, Error> {
    let mut erased = Erased { details: 0, more: false };
    let (mut room, mut altered) = (limit, None);
    for walk in &WALKS {
        if room == 0 {
            erased.more = true;
            break;
        }
        match walk.step(tx, before, room) {
            Ok((seen, step)) => {
                room -= seen;
                erased.details += step.details;
                erased.more |= step.more;
            }
            Err(error @ (Error::Refused | Error::Format { .. })) => altered = Some(error),
            Err(error) => return Err(error),
        }
    }
    match altered {
        Some(error) if room == limit => Err(error),
        Some(_) => Ok(Erased { more: true, ..erased }),
        None => Ok(erased),
    }
}

/// A walk over leaves in the order of their keys. Its row of [`RETENTION`] holds the key of the first leaf that was not looked at yet.
struct Walk {
    row: &'static [u8],
    leaves: Table,
    /// Where it begins.
    start: &'static [u8],
    leaf: fn(&Keyring, &RowKey, &Row) -> Result<Vec<u8>, Error>,
    detail: fn(EntryId) -> RowKey,
}

const WALKS: [Walk; 2] = [
    Walk {
        row: b"former",
        leaves: FORMER_LEAVES,
        start: &[0; 12],
        leaf: |keyring, key, row| keyring.verify(key, row).map(<[u8]>::to_vec),
        detail: former::detail_row,
    },
    Walk {
        row: b"",
        leaves: LEAVES,
        start: &[0; 8],
        leaf: |keyring, _, row| open_leaf(keyring, &row.value).map(|entry| entry.leaf),
        detail: detail_row,
    },
];

impl Walk {
    /// How many leaves it has looked at, and what came of it. Where the first of them cannot be read, nothing is written.
    fn step(
        &self,
        tx: &mut Transaction<'_>,
        before: UnixTime,
        limit: usize,
    ) -> Result<(usize, Erased), Error> {
        let row = RowKey::new(RETENTION, self.row);
        let from = match tx.state(&row)? {
            None => self.start.to_vec(),
            Some(body) => {
                let mut reader = Reader::new(&body);
                let found = reader.u8()?;
                if found != VERSION {
                    return Err(Error::Format { found: found.into(), supported: VERSION.into() });
                }
                let from = reader.raw(self.start.len())?.to_vec();
                reader.end().map(|()| from)?
            }
        };
        let range = Range { start: from.clone(), end: None };
        let page = tx.store().scan(self.leaves, &range, limit, None)?;
        let mut more = page.next.is_some();
        let (mut next, mut seen, mut details) = (from, 0, 0);
        for (key, row) in page.rows {
            let key = RowKey::new(self.leaves, key);
            let leaf = match self.open(tx.keyring(), &key, &row, &next) {
                Ok(leaf) => leaf,
                Err(error) if seen == 0 => return Err(error),
                Err(_) => {
                    more = true;
                    break;
                }
            };
            // Leaves stand in the order of integration, so that a younger one may come before an older one of another
            // writer by as much as an integration takes.
            if leaf.time >= before {
                more = false;
                break;
            }
            details += u64::from(delete_detail(tx, &(self.detail)(leaf.entry))?);
            next = following(&key.key)?;
            seen += 1;
        }
        if seen > 0 {
            let mut body = Writer::new();
            body.u8(VERSION).raw(&next);
            tx.put_state(&row, body.as_slice())?;
        }
        if details > 0 {
            let detail =
                Detail::new().with("count", details.to_string()).with("before", before.0.to_string());
            tx.event(EventKind::DetailsExpired, None, &row, &detail)?;
        }
        Ok((seen, Erased { details, more }))
    }

    /// The leaf in this row, which has to be the next one.
    fn open(&self, keyring: &Keyring, key: &RowKey, row: &Row, next: &[u8]) -> Result<Leaf, Error> {
        if key.key != next && !begins_later(&key.key, next) {
            return Err(Error::Refused);
        }
        Leaf::decode(&(self.leaf)(keyring, key, row)?)
    }
}

/// Whether a key is that of the first leaf of a former log, where the next one of an earlier log would have been `next`.
fn begins_later(key: &[u8], next: &[u8]) -> bool {
    match (FormerLog::place_of(key), FormerLog::place_of(next)) {
        (Some((log, 0)), Some((before, _))) => log > before,
        _ => false,
    }
}

/// The key of the leaf that follows in the same log.
fn following(key: &[u8]) -> Result<Vec<u8>, Error> {
    let (log, index) = key.split_last_chunk::<8>().ok_or(Error::Refused)?;
    let index = u64::from_be_bytes(*index).checked_add(1).ok_or(Error::Refused)?;
    Ok([log, &index.to_be_bytes()].concat())
}

/// Whether there was a detail to delete.
fn delete_detail(tx: &mut Transaction<'_>, row: &RowKey) -> Result<bool, Error> {
    let is_there = tx.plain(row)?.is_some();
    if is_there {
        tx.delete(row)?;
    }
    Ok(is_there)
}
