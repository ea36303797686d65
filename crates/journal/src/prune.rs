//! Forgetting writers whose chains are over, so that their states do not grow for ever: every handle of a vault begins a
//! chain of its own, and ends it without a word.
//!
//! What a state guards against is that an old entry is integrated once more. For chains that are forgotten the head
//! does: it says until when chains are closed, and no chain that begins earlier is taken up again.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use zamok_core::store::{Cursor, EntryId, Range};
use zamok_core::vault::{Entry, Transaction};
use zamok_core::{Error, UnixTime};

use crate::fault::{leaf_of, or_fault};
use crate::rows::{Chain, Head, WRITERS};

/// For how many seconds a writer is remembered after its last entry: 30 days.
pub const REMEMBERED: u64 = 30 * DAY;
/// For how many seconds a chain may rest before whoever holds it has to begin another one: a day.
pub const MAX_REST: u64 = DAY;
const DAY: u64 = 86_400;
/// Most writers that are forgotten in one commit.
const MOST: usize = 1000;
const PAGE: usize = 256;

/// Whether writers are to be forgotten at this time: once a day.
#[must_use]
pub const fn forgetting_is_due(head: &Head, now: UnixTime) -> bool {
    now.0 >= head.closed.0.saturating_add(REMEMBERED + DAY)
}

/// Forgets up to 1,000 writers whose last entry is older than [`REMEMBERED`], and closes the time before; answers how
/// many. While it is 1,000, there may be more. Nobody is forgotten unless somebody has written in between, a day ago or earlier.
///
/// # Errors
/// [`Error::Refused`] when the head or a writer's state was altered; a store's fault.
pub fn forget_writers(tx: &mut Transaction<'_>) -> Result<usize, Error> {
    let before = UnixTime(tx.now().0.saturating_sub(REMEMBERED));
    let Some(body) = tx.state(&Head::row())? else { return Ok(0) };
    let head = Head::decode(&body)?;
    // A chain that begins with an entry that has waited for so long must still be taken up.
    if waits_since(tx, before)? {
        return Ok(0);
    }
    let (mut over, mut is_lived) = (Vec::new(), false);
    let mut after: Option<Cursor> = None;
    while over.len() < MOST || !is_lived {
        let page = tx.store().scan(WRITERS, &Range::all(), PAGE, after.as_ref())?;
        for (key, state) in page.rows {
            let row = Chain::row(key.as_slice().try_into().map_err(|_| Error::Refused)?);
            let chain = Chain::decode(tx.keyring().verify(&row, &state)?)?;
            is_lived |= chain.time > before && chain.time.plus(MAX_REST) <= tx.now();
            if chain.time <= before && over.len() < MOST {
                over.push(row);
            }
        }
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => break,
        }
    }
    // A clock that has just jumped ahead finds nobody who wrote within what it takes for the last month.
    if !is_lived {
        return Ok(0);
    }
    for row in &over {
        tx.state(row)?;
        tx.delete(row)?;
    }
    // In the same commit: whoever puts an entry of theirs back comes too late.
    let closed = head.closed.max(before);
    tx.put_state(&Head::row(), &Head { closed, ..head }.encode()?)?;
    Ok(over.len())
}

/// Whether an entry waits that is as old, or that cannot be read.
fn waits_since(tx: &Transaction<'_>, before: UnixTime) -> Result<bool, Error> {
    let (mut writers, mut after): (BTreeSet<[u8; 16]>, Option<Cursor>) = (BTreeSet::new(), None);
    loop {
        let page = tx.store().scan(EntryId::TABLE, &Range::all(), PAGE, after.as_ref())?;
        let entries = page.rows.iter().filter_map(|(key, row)| Some((EntryId::of_row(key)?, row)));
        for (id, row) in entries {
            // The first of each writer.
            if !writers.insert(id.writer) {
                continue;
            }
            let time = match or_fault(Entry::open(tx.keyring(), id, &row.value))? {
                Ok(entry) => leaf_of(&entry, None).ok().map(|leaf| leaf.time),
                Err(_) => None,
            };
            if time.is_none_or(|time| time <= before) {
                return Ok(true);
            }
        }
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(false),
        }
    }
}
