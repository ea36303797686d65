//! Where a row stands: the header that binds a sealed record or a state row to its vault, its place, its revision and
//! its key (`docs/formats/record.md`, "Header").

use super::keyring::{DataKeyId, VaultId};
use crate::error::Error;
use crate::store::RowKey;
use crate::wire::{Reader, Writer};

/// The magic of a sealed record.
pub(super) const SEALED: &[u8; 4] = b"ZMKR";
/// The magic of a state row.
pub(super) const STATE: &[u8; 4] = b"ZMKS";
pub(super) const FORMAT: u16 = 1;
/// Suite 1: HKDF-SHA-256, AES-256-GCM with a commitment, HMAC-SHA-256.
const SUITE: u8 = 1;

/// Where a row stands, and what it says in the clear.
pub(crate) struct Place<'a> {
    pub(crate) row: &'a RowKey,
    /// The version that the row has in the store once it is written.
    pub(crate) revision: u64,
    /// Attributes of a record; the whole body of a state row.
    pub(crate) attributes: &'a [u8],
}

impl Place<'_> {
    /// Bytes of a header without row key and attributes.
    const FIXED: usize = 4 + 2 + 1 + 16 + 2 + 2 + 4 + 8 + 2;

    /// The header, with room behind it for what follows. Nothing in it is secret.
    pub(super) fn header(
        &self,
        magic: &[u8; 4],
        vault: VaultId,
        key: DataKeyId,
        room: usize,
    ) -> Result<Writer, Error> {
        let mut header = Writer::public(Self::FIXED + self.row.key.len() + self.attributes.len() + room);
        header.raw(magic).u16(FORMAT).u8(SUITE).raw(&vault.0).u16(self.row.table.0);
        header.bytes(&self.row.key)?.u32(key.0).u64(self.revision).bytes(self.attributes)?;
        Ok(header)
    }
}

/// A header as it was read.
pub(super) struct Head<'a> {
    suite: u8,
    vault: [u8; 16],
    table: u16,
    row: &'a [u8],
    pub(super) key: DataKeyId,
    revision: u64,
    pub(super) attributes: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads a header, whatever it says; see [`Head::stands`].
    pub(super) fn read(reader: &mut Reader<'a>, magic: &[u8; 4]) -> Result<Self, Error> {
        if reader.array::<4>()? != *magic {
            return Err(Error::Refused);
        }
        match reader.u16()? {
            FORMAT => {}
            found if found > FORMAT => return Err(Error::Format { found, supported: FORMAT }),
            _ => return Err(Error::Refused),
        }
        Ok(Self {
            suite: reader.u8()?,
            vault: reader.array()?,
            table: reader.u16()?,
            row: reader.bytes()?,
            key: DataKeyId(reader.u32()?),
            revision: reader.u64()?,
            attributes: reader.bytes()?,
        })
    }

    /// Refuses a header that was not made for this vault, row and revision. Each field has one form, so that a header whose
    /// fields are right is right in every byte.
    pub(super) fn stands(&self, vault: VaultId, row: &RowKey, revision: u64) -> Result<(), Error> {
        let place = (SUITE, vault.0, row.table.0, row.key.as_slice(), revision);
        if (self.suite, self.vault, self.table, self.row, self.revision) == place {
            Ok(())
        } else {
            Err(Error::Refused)
        }
    }
}

/// The number of the key that a row says it stands under, unauthenticated; `None` for a row of another form.
pub(super) fn stands_under(value: &[u8]) -> Option<DataKeyId> {
    let mut reader = Reader::new(value);
    let magic = if value.starts_with(SEALED) { SEALED } else { STATE };
    Head::read(&mut reader, magic).ok().map(|head| head.key)
}

/// Whether a row has the form of a sealed record, as its first bytes say.
pub(super) fn is_sealed(value: &[u8]) -> bool {
    value.starts_with(SEALED)
}
