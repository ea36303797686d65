//! The vault's header and its log: the authenticated lists of its slots and of its keys.
//!
//! A wrapped row proves that somebody with the right key made it, not that it is still meant to be there. So the header
//! lists each slot and each key with the SHA-256 of its row: one that was taken away, added or replaced by an older
//! version of itself is noticed when the vault is opened. The header stands under the root key; the log, which names
//! the journal's keys, under the journal's, so that an auditor can read it.

use alloc::string::String;
use alloc::vec::Vec;

use super::keyring::{DataKeyId, Family, Keyring, VAULT};
use super::roles::Role;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::hash;
use crate::store::{Row, RowKey};
use crate::wire::{Reader, Writer};

/// The key of the log's row.
pub(super) const LOG: &[u8] = b"log";
const HEADER: &[u8] = b"vault";
const VERSION: u8 = 1;

/// A slot as the header lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListedSlot {
    pub(super) number: u8,
    pub(super) role: Role,
    pub(super) digest: [u8; 32],
}

/// A wrapped key as the header or the log lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListedKey {
    pub(super) id: DataKeyId,
    /// When it was made.
    pub(super) since: UnixTime,
    pub(super) digest: [u8; 32],
}

/// What the vault's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) created: UnixTime,
    /// The number of the next slot: none is given twice.
    pub(super) next_slot: u8,
    pub(super) slots: Vec<ListedSlot>,
    pub(super) data: Vec<ListedKey>,
    pub(super) index: Vec<ListedKey>,
}

/// What the vault's log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) origin: String,
    pub(super) journal: Vec<ListedKey>,
}

pub(super) fn header_row() -> RowKey {
    RowKey::new(VAULT, HEADER)
}

pub(super) fn log_row() -> RowKey {
    RowKey::new(VAULT, LOG)
}

impl Header {
    pub(super) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.put_state(&header_row(), self.encode()?.as_slice())
    }

    pub(super) fn load(tx: &mut Transaction<'_>) -> Result<Self, Error> {
        Self::decode(&tx.state(&header_row())?.ok_or(Error::Refused)?)
    }

    pub(super) fn verify(keyring: &Keyring, row: Option<&Row>) -> Result<Self, Error> {
        Self::decode(keyring.verify(&header_row(), row.ok_or(Error::Refused)?)?)
    }

    pub(super) fn encode(&self) -> Result<Writer, Error> {
        let mut body = Writer::new();
        body.u8(VERSION).u64(self.created.0).u8(self.next_slot);
        body.u8(u8::try_from(self.slots.len()).map_err(|_| Error::SlotsFull)?);
        for slot in &self.slots {
            body.u8(slot.number).u8(slot.role as u8).raw(&slot.digest);
        }
        write_keys(&mut body, &self.data)?;
        write_keys(&mut body, &self.index)?;
        Ok(body)
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = begin(body)?;
        let created = UnixTime(reader.u64()?);
        let next_slot = reader.u8()?;
        let mut slots = Vec::new();
        for _ in 0..reader.u8()? {
            let number = reader.u8()?;
            let role = Role::from_number(reader.u8()?).ok_or(Error::Refused)?;
            slots.push(ListedSlot { number, role, digest: reader.array()? });
        }
        let (data, index) = (read_keys(&mut reader)?, read_keys(&mut reader)?);
        reader.end()?;
        Ok(Self { created, next_slot, slots, data, index })
    }

    pub(super) fn keys(&mut self, family: Family) -> Option<&mut Vec<ListedKey>> {
        match family {
            Family::Data => Some(&mut self.data),
            Family::Index => Some(&mut self.index),
            Family::Journal => None,
        }
    }
}

impl Log {
    pub(super) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.put_state(&log_row(), self.encode()?.as_slice())
    }

    pub(super) fn load(tx: &mut Transaction<'_>) -> Result<Self, Error> {
        Self::decode(&tx.state(&log_row())?.ok_or(Error::Refused)?)
    }

    pub(super) fn verify(keyring: &Keyring, row: Option<&Row>) -> Result<Self, Error> {
        Self::decode(keyring.verify(&log_row(), row.ok_or(Error::Refused)?)?)
    }

    pub(super) fn encode(&self) -> Result<Writer, Error> {
        let mut body = Writer::new();
        body.u8(VERSION).text(&self.origin)?;
        write_keys(&mut body, &self.journal)?;
        Ok(body)
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = begin(body)?;
        let origin = String::from(reader.text()?);
        let journal = read_keys(&mut reader)?;
        reader.end()?;
        Ok(Self { origin, journal })
    }
}

/// What a list keeps of a row.
pub(super) fn digest(value: &[u8]) -> [u8; 32] {
    hash::sha256(&[value])
}

fn begin(body: &[u8]) -> Result<Reader<'_>, Error> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found == VERSION {
        return Ok(reader);
    }
    Err(Error::Format { found: found.into(), supported: VERSION.into() })
}

fn write_keys(body: &mut Writer, keys: &[ListedKey]) -> Result<(), Error> {
    let given = keys.len();
    let limit = usize::from(u8::MAX);
    body.u8(u8::try_from(given).map_err(|_| Error::TooLong { what: "the number of keys", given, limit })?);
    for key in keys {
        body.u32(key.id.0).u64(key.since.0).raw(&key.digest);
    }
    Ok(())
}

/// Ascending and not empty: the last one seals.
fn read_keys(reader: &mut Reader<'_>) -> Result<Vec<ListedKey>, Error> {
    let mut keys: Vec<ListedKey> = Vec::new();
    for _ in 0..reader.u8()? {
        let id = DataKeyId(reader.u32()?);
        let key = ListedKey { id, since: UnixTime(reader.u64()?), digest: reader.array()? };
        if keys.last().is_some_and(|last| last.id >= key.id) {
            return Err(Error::Refused);
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(Error::Refused) } else { Ok(keys) }
}
