//! The bytes of a leaf, written where they are needed: a commit writes one for each event.

use super::{EventKind, Leaf, SpentCode, Subject};
use crate::env::UnixTime;
use crate::error::Error;
use crate::store::{EntryId, RowKey};
use crate::wire::Writer;

/// All that a leaf says beside its entry and its log.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) kind: EventKind,
    pub(crate) time: UnixTime,
    pub(crate) subject: Option<Subject>,
    pub(crate) row: &'a RowKey,
    pub(crate) revision: u64,
    pub(crate) spent: Option<SpentCode>,
    pub(crate) detail: Option<[u8; 32]>,
}

impl Told<'_> {
    /// Bytes of a leaf without origin, row key and code.
    const FIXED: usize = 1 + 2 + 8 + 24 + 2 + 16 + 2 + 2 + 8 + 1 + 32;
    const SPENT: usize = 8 + 4;

    /// How many bytes the leaf has.
    pub(crate) fn length(&self, origin: &str) -> usize {
        let spent = if self.spent.is_some() { Self::SPENT } else { 0 };
        Self::FIXED + origin.len() + self.row.key.len() + spent
    }

    /// Writes the bytes that the tree hashes.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the origin has more than 65,535 bytes.
    pub(crate) fn write(&self, writer: &mut Writer, entry: EntryId, origin: &str) -> Result<(), Error> {
        writer.u8(Leaf::VERSION).u16(self.kind.number()).u64(self.time.0);
        writer.raw(&entry.to_bytes()).text(origin)?;
        writer.raw(&self.subject.map_or([0; 16], |subject| subject.0));
        writer.u16(self.row.table.0).bytes(&self.row.key)?.u64(self.revision);
        match self.spent {
            None => writer.u8(0),
            Some(SpentCode { step, drift }) => writer.u8(1).u64(step).raw(&drift.to_be_bytes()),
        };
        writer.raw(&self.detail.unwrap_or([0; 32]));
        Ok(())
    }
}
