//! Reading the journal.

use std::ffi::c_char;
use std::fmt::Write as _;
use std::sync::Arc;

use zamok::journal::{Listing, Recorded, Report, Status, Telling};
use zamok::store::{Cursor, EntryId};
use zamok::{CoreError, IndexFinding, Zamok};

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_entries, zamok_session};
use super::session::within;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::zamok_status;

/// Entries that were read, and where to go on.
pub(crate) struct Entries {
    entries: Vec<Recorded>,
    next: Option<Cursor>,
}

/// One entry. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_entry {
    /// `sizeof(zamok_entry)`.
    pub size: u32,
    /// What happened: the stable numbers of docs/formats/events.md.
    pub kind: u32,
    /// When, in seconds since 1970.
    pub time: u64,
    /// The name of the entry: its writer.
    pub entry_writer: zamok_id,
    /// And its number.
    pub entry_sequence: u64,
    /// Its place in the tree, where `integrated` is 1.
    pub index: u64,
    /// 1 when it is a leaf of the tree, 0 while it waits.
    pub integrated: u32,
    /// 1 when its details were erased; the leaf still proves.
    pub erased: u32,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_entry {
    const FIRST: usize = 56;
}

/// Most entries that are read at once.
pub const ZAMOK_ENTRIES_MAX: usize = 1000;

/// What the journal says of the account of a live session: up to `limit` entries, at least 1 and at most
/// `ZAMOK_ENTRIES_MAX`, the latest first. `after` is what was read before of the same account, where there is more, or null.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_REFUSED` when an entry was altered; `ZAMOK_E_ARGUMENT` for a limit of 0;
/// `ZAMOK_E_REJECTED` when `after` is of another account.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_history(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    limit: usize,
    after: *const zamok_entries,
    entries: *mut *mut zamok_entries,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { Place::new(entries)? };
        let (cabinet, session) = within(cabinet, session)?;
        read(place, limit, after, |limit, after| cabinet.history(&session, limit, after))
    })
}

/// The same for an operator, who names the account by its login.
///
/// Errors: `ZAMOK_E_REJECTED` when no account has this login; otherwise as zamok_history().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_history_of(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    limit: usize,
    after: *const zamok_entries,
    entries: *mut *mut zamok_entries,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, place) = unsafe { (pointer::text(login, login_length)?, Place::new(entries)?) };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        read(place, limit, after, |limit, after| cabinet.history_of(login, limit, after))
    })
}

fn read(
    place: Place<*mut zamok_entries>,
    limit: usize,
    after: *const zamok_entries,
    read: impl FnOnce(usize, Option<&Cursor>) -> Result<Listing, zamok::Error>,
) -> Result<(), Trouble> {
    // Nothing would be read, and what is left be told as nothing.
    if limit == 0 {
        return Err(Fault(ZAMOK_E_ARGUMENT).into());
    }
    let limit = limit.min(ZAMOK_ENTRIES_MAX);
    let after = if after.is_null() { None } else { Some(handles::take::<Entries>(after)?) };
    let listing = match after.as_deref() {
        // After the last there is nothing.
        Some(Entries { next: None, .. }) => Listing { entries: Vec::new(), next: None },
        Some(Entries { next, .. }) => read(limit, next.as_ref())?,
        None => read(limit, None)?,
    };
    handles::give(place, Arc::new(Entries { entries: listing.entries, next: listing.next }))
}

/// How many entries were read, and whether there are more (1) or not (0).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_entries_count(
    entries: *const zamok_entries,
    count: *mut usize,
    more: *mut u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (place, more) = unsafe { (Place::new(count)?, Place::new(more)?) };
        let entries = handles::take::<Entries>(entries)?;
        place.put(entries.entries.len());
        more.put(u32::from(entries.next.is_some()));
        Ok(())
    })
}

/// The entry at a place, from 0, the latest first.
///
/// Errors: `ZAMOK_E_ARGUMENT` beyond the last.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_entries_get(
    entries: *const zamok_entries,
    index: usize,
    entry: *mut zamok_entry,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(entry)? };
        let entries = handles::take::<Entries>(entries)?;
        let found = entries.entries.get(index).ok_or(Fault(ZAMOK_E_ARGUMENT))?;
        let (integrated, index) = match found.status {
            // Of a former log: its place there is no place in the log as it is.
            Status::Waiting | Status::Former { .. } => (0, 0),
            Status::Integrated { index } => (1, index),
        };
        place.put(&zamok_entry {
            size: 0,
            kind: found.leaf.kind.number().into(),
            time: found.leaf.time.0,
            entry_writer: zamok_id { bytes: found.id.writer },
            entry_sequence: found.id.sequence,
            index,
            integrated,
            erased: u32::from(found.detail == Telling::Erased),
        });
        Ok(())
    })
}

/// What an entry says to people: its kind, such as "login.completed", then a line "name: value" for each detail. A value
/// may hold anything that somebody typed; control characters in it are shown as ?.
///
/// Errors: `ZAMOK_E_ARGUMENT` beyond the last.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_entries_text(
    entries: *const zamok_entries,
    index: usize,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(text, capacity, length)? };
        let entries = handles::take::<Entries>(entries)?;
        let found = entries.entries.get(index).ok_or(Fault(ZAMOK_E_ARGUMENT))?;
        let mut text = found.leaf.kind.name().into_owned();
        if let Telling::Told(detail) = &found.detail {
            for (name, value) in detail.fields() {
                let value = value.replace(char::is_control, "?");
                // Writing to a `String` cannot fail.
                let _ = write!(text, "\n{name}: {value}");
            }
        }
        Ok(out.put(text.as_bytes())?)
    })
}

/// Ends the handle. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_entries_free(entries: *mut zamok_entries) {
    handles::free::<Entries>(entries);
}

/// Signs what the journal amounts to (C2SP tlog-checkpoint): a note for others to keep. Entries that waited are leaves
/// afterwards, and an anchor (zamok_options) remembers it.
///
/// A call that asks for the length alone does all of this as well: asked again without new entries, it gives the same note.
///
/// Errors: `ZAMOK_E_LOG_FORKED`, `ZAMOK_E_LOG_BEHIND` when the store was rewritten or put back: nothing is signed then.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_checkpoint(
    cabinet: *const zamok_cabinet,
    note: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(note, capacity, length)? };
        // Asked again without new entries, the same one is given: two calls for the length are harmless.
        let signed = handles::take::<Zamok>(cabinet)?.vault().checkpoint()?;
        Ok(out.put(signed.note().to_string().as_bytes())?)
    })
}

/// A proof of an entry of the session's own account (C2SP tlog-proof), to keep: it names the entry by what zamok_entry or
/// zamok_signed tell.
///
/// Errors: `ZAMOK_E_UNCOVERED` while no checkpoint covers it; `ZAMOK_E_REJECTED` for an entry of somebody else.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_prove(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    entry_writer: *const zamok_id,
    entry_sequence: u64,
    proof: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (writer, out) =
            unsafe { (pointer::array(entry_writer.cast())?, Buffer::text(proof, capacity, length)?) };
        let (cabinet, session) = within(cabinet, session)?;
        let made = cabinet.prove(&session, EntryId { writer, sequence: entry_sequence })?;
        Ok(out.put(made.to_text().as_bytes())?)
    })
}

/// Recomputes the whole journal, looks at every row, compares rows with the journal and what accounts are found by with the
/// accounts, and tells what does not fit: how much was found, which is written also where the text has no room, and a line for
/// each finding, at most 1000 of the rows and 1000 of what accounts are found by. `ZAMOK_OK`, an empty text and a count of 0 are
/// what an honest store has.
///
/// Errors: `ZAMOK_E_BUSY` when the log grew all the time, so that rows which it had not told of yet were passed over: what was
/// found is written all the same; ask again when it is quiet.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_audit(
    cabinet: *const zamok_cabinet,
    findings: *mut u64,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (place, out) = unsafe { (Place::new(findings)?, Buffer::text(text, capacity, length)?) };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let audited = Audited::new(&cabinet.audit_rows()?, &cabinet.audit_indexes(INDEXES_MAX)?);
        place.put(audited.found);
        out.put(audited.lines.join("\n").as_bytes())?;
        audited.is_settled.then_some(()).ok_or(CoreError::Busy.into())
    })
}

/// Most findings of indexes that are named.
const INDEXES_MAX: usize = 1000;

/// What an audit of a cabinet came to.
struct Audited {
    found: u64,
    lines: Vec<String>,
    is_settled: bool,
}

impl Audited {
    fn new(report: &Report, indexes: &[IndexFinding]) -> Self {
        let rows = report.findings.iter().map(ToString::to_string);
        let lines: Vec<String> = rows.chain(indexes.iter().map(ToString::to_string)).collect();
        let found = report.further.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        Self { found, lines, is_settled: report.settled }
    }
}

#[cfg(test)]
mod tests {
    use zamok::IndexFault;
    use zamok::store::{RowKey, Table};

    use super::*;

    #[test]
    fn an_audit_tells_what_rows_and_indexes_have_and_whether_it_saw_all() {
        let report = |settled, further| Report { settled, further, ..Report::default() };
        let row = RowKey::new(Table(33), vec![1]);
        let finding = IndexFinding { index: "login", row, fault: IndexFault::Missing };
        let audited = Audited::new(&report(true, 2), std::slice::from_ref(&finding));
        assert!(audited.is_settled && audited.found == 3 && audited.lines == [finding.to_string()]);
        let audited = Audited::new(&report(false, 0), &[]);
        assert!(!audited.is_settled && audited.found == 0 && audited.lines.is_empty());
    }
}
