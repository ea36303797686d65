//! What the journal is told of a commit: events are noted while the transaction is made, and become entries when it is closed.

use alloc::vec::Vec;

use super::Transaction;
use crate::error::Error;
use crate::event::{Detail, EventKind, SpentCode, Subject, Told};
use crate::hash;
use crate::store::{EntryId, RowKey, Table};
use crate::vault::place::Place;

/// Sealed details of events, under the id of their entry.
pub const DETAILS: Table = Table(17);

/// An event of which an entry will tell, with the revision that the commit leaves its row with: told before its row is written,
/// it would name the one before, and nobody would notice when that is put back.
pub(super) struct Event {
    kind: EventKind,
    subject: Option<Subject>,
    row: RowKey,
    spent: Option<SpentCode>,
    /// Its detail.
    sealed: Option<Vec<u8>>,
}

/// An entry as it will be appended, with the sealed detail of its event.
pub(super) type Appended = (EntryId, Vec<u8>, Option<Vec<u8>>);

impl Transaction<'_> {
    /// Tells the journal what happened to a row, in the same commit; the id names the entry.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a detail beyond the limits of a row; a store's fault.
    pub fn event(
        &mut self,
        kind: EventKind,
        subject: Option<Subject>,
        row: &RowKey,
        detail: &Detail,
    ) -> Result<EntryId, Error> {
        let id = self.next_entry();
        let sealed = if detail.is_empty() {
            None
        } else {
            let key = RowKey::new(DETAILS, id.to_bytes());
            let place = Place { row: &key, revision: 1, attributes: &[] };
            Some(self.keyring.seal(&place, detail.encode()?.as_slice(), &mut self.env)?)
        };
        self.record_event(kind, subject, row, None, sealed)
    }

    /// Tells the journal, in the same commit, that a code was spent; the leaf says which.
    ///
    /// # Errors
    /// A store's fault.
    pub(in crate::vault) fn code_accepted(
        &mut self,
        subject: Option<Subject>,
        row: &RowKey,
        spent: SpentCode,
    ) -> Result<EntryId, Error> {
        self.record_event(EventKind::CodeAccepted, subject, row, Some(spent), None)
    }

    fn record_event(
        &mut self,
        kind: EventKind,
        subject: Option<Subject>,
        row: &RowKey,
        spent: Option<SpentCode>,
        sealed: Option<Vec<u8>>,
    ) -> Result<EntryId, Error> {
        // The commit expects it as it was when this was told.
        self.seen(row)?;
        let id = self.next_entry();
        self.events.push(Event { kind, subject, row: row.clone(), spent, sealed });
        Ok(id)
    }

    /// The id that the next event gets: state rows name the entry that recorded them.
    #[must_use]
    pub fn next_entry(&self) -> EntryId {
        let next = self.writer.next();
        EntryId { sequence: next.sequence + self.events.len() as u64, ..next }
    }

    /// The entries that tell of the events.
    pub(super) fn entries(&mut self) -> Result<Vec<Appended>, Error> {
        let events = core::mem::take(&mut self.events);
        let mut entries = Vec::with_capacity(events.len());
        for Event { kind, subject, row, spent, sealed } in events {
            let revision = self.seen(&row)?.revision();
            let detail = sealed.as_ref().map(|sealed| hash::sha256(&[sealed]));
            let told = Told { kind, time: self.env.now, subject, row: &row, revision, spent, detail };
            entries.push((self.writer.next(), self.writer.write(self.keyring, &told)?, sealed));
        }
        Ok(entries)
    }
}
