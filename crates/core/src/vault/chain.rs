//! The chain of journal entries that one writer makes: numbered without gaps, each with a MAC over the one before.
//!
//! A writer serves one commit at a time; whoever commits in parallel takes several writers. An entry waits as a row
//! of [`EntryId::TABLE`] until the journal's integrator gives it a place in the tree.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;

use super::keyring::{DataKeyId, Keyring};
use crate::env::Env;
use crate::error::Error;
use crate::event::{Leaf, Told};
use crate::store::EntryId;
use crate::wire::{Reader, Writer as Fields};

const VERSION: u8 = 1;
const LABEL: &[u8] = b"zamok/entry/v1";
/// Bytes of an entry around its leaf.
const AROUND: usize = 1 + 4 + 24 + 32 + 2 + 32;

/// One chain of entries, as far as it has been committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Shared: every attempt at a commit takes a copy of its chain.
    origin: Arc<str>,
    last: EntryId,
    last_mac: [u8; 32],
}

impl Writer {
    /// A new chain for the log `origin`, under a random name.
    #[must_use]
    pub fn new(origin: impl Into<String>, env: &mut Env<'_>) -> Self {
        let last = EntryId { writer: env.random(), sequence: 0 };
        Self { origin: origin.into().into(), last, last_mac: [0; 32] }
    }

    /// The log for which it writes.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The id that the next entry gets.
    pub(super) const fn next(&self) -> EntryId {
        EntryId { writer: self.last.writer, sequence: self.last.sequence + 1 }
    }

    /// Makes the bytes of the next entry, which tells of this, and moves on.
    pub(super) fn write(&mut self, keyring: &Keyring, told: &Told<'_>) -> Result<Vec<u8>, Error> {
        let (id, length) = (self.next(), told.length(&self.origin));
        let limit = usize::from(u16::MAX);
        let too_long = Error::TooLong { what: "a field", given: length, limit };
        let mut entry = Fields::public(length + AROUND);
        entry.u8(VERSION).u32(keyring.journal_key().0).raw(&id.to_bytes()).raw(&self.last_mac);
        told.write(entry.u16(u16::try_from(length).map_err(|_| too_long)?), id, &self.origin)?;
        let (_, mac) = keyring.entry_mac(None, &[LABEL, &keyring.vault().0, entry.as_slice()])?;
        self.last = id;
        self.last_mac = mac;
        entry.raw(&mac);
        Ok(entry.into_vec())
    }
}

/// An entry whose MAC was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its writer and number.
    pub id: EntryId,
    /// The MAC of the entry before it in its chain; zeros at the first.
    pub previous: [u8; 32],
    /// Its own MAC.
    pub mac: [u8; 32],
    /// What the tree hashes.
    pub leaf: Vec<u8>,
}

impl Entry {
    /// The id that an entry gives itself, unchecked: every version begins with a version, a data key and the id.
    ///
    /// # Errors
    /// [`Error::Refused`] for bytes that are too short for an entry.
    pub fn id_of(bytes: &[u8]) -> Result<EntryId, Error> {
        let mut reader = Reader::new(bytes);
        let (_version, _data_key) = (reader.u8()?, reader.u32()?);
        EntryId::from_bytes(reader.raw(24)?).ok_or(Error::Refused)
    }

    /// The MAC of what it covers.
    #[cfg(fuzzing)]
    pub(super) fn authenticate(keyring: &Keyring, covered: &[u8]) -> Result<[u8; 32], Error> {
        keyring.entry_mac(None, &[LABEL, &keyring.vault().0, covered]).map(|(_, mac)| mac)
    }

    /// What an entry says, unchecked: for looking for entries that are opened then.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Format`] for what is no entry.
    pub fn peek(bytes: &[u8]) -> Result<Leaf, Error> {
        let mut reader = Reader::new(bytes);
        let (_version, _journal_key) = (reader.u8()?, reader.u32()?);
        let (_id, _previous) = (reader.raw(24)?, reader.raw(32)?);
        Leaf::decode(reader.bytes()?)
    }

    /// Reads an entry that the store gave under `id`, and checks its MAC and that its leaf bears the same id.
    ///
    /// # Errors
    /// [`Error::Refused`] when it was altered, renumbered or made by another vault, or when its leaf belongs to
    /// another entry; [`Error::Format`] for another version; [`Error::Locked`] when the keys are gone.
    pub fn open(keyring: &Keyring, id: EntryId, bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Error::Format { found: version.into(), supported: VERSION.into() });
        }
        let data_key = DataKeyId(reader.u32()?);
        let named: [u8; 24] = reader.array()?;
        let previous = reader.array()?;
        let leaf = reader.bytes()?.to_vec();
        let covered = &bytes[..bytes.len() - reader.remaining()];
        let mac: [u8; 32] = reader.array()?;
        reader.end()?;
        let (_, right) = keyring.entry_mac(Some(data_key), &[LABEL, &keyring.vault().0, covered])?;
        if !bool::from(right.ct_eq(&mac)) || named != id.to_bytes() || Leaf::entry_of(&leaf)? != id {
            return Err(Error::Refused);
        }
        Ok(Self { id, previous, mac, leaf })
    }
}
