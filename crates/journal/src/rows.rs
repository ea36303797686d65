//! The rows of the journal: leaves, positions, the head, and how far each writer's chain has come.

use alloc::string::String;
use alloc::vec::Vec;

use zamok_core::store::{EntryId, Row, RowKey, Table};
use zamok_core::vault::{Entry, Keyring};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error, UnixTime};

use crate::checkpoint::Checkpoint;
use crate::tree::Hash;

/// Leaves: index → the entry as its writer made it.
pub const LEAVES: Table = Table(19);
/// Positions: entry id → index. A hint; the leaf itself says which entry it is.
pub const POSITIONS: Table = Table(20);
/// The head: one authenticated row under the empty key.
pub const HEAD: Table = Table(22);
/// Writers: writer → how far its chain was integrated, authenticated.
pub const WRITERS: Table = Table(23);

/// The head of the log: what its tree amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The name of the log; every leaf bears it.
    pub origin: String,
    /// How many leaves the tree has.
    pub size: u64,
    /// The root of the tree (RFC 9162 §2.1.1).
    pub root: Hash,
    /// When it got this size, by the clock of the integrator.
    pub time: UnixTime,
    /// No chain of entries begins at or before this time any more: those that did are over, and forgotten.
    pub closed: UnixTime,
}

impl Head {
    const VERSION: u8 = 1;

    /// The row of the head.
    #[must_use]
    pub fn row() -> RowKey {
        RowKey::new(HEAD, Vec::new())
    }

    /// What a checkpoint of this head says.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size, root: self.root }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut body = Writer::new();
        body.u8(Self::VERSION)
            .text(&self.origin)?
            .u64(self.size)
            .raw(&self.root)
            .u64(self.time.0)
            .u64(self.closed.0);
        Ok(body.to_vec())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::VERSION {
            return Err(Error::Format { found: found.into(), supported: Self::VERSION.into() });
        }
        let origin = String::from(reader.text()?);
        let (size, root) = (reader.u64()?, reader.array()?);
        let (time, closed) = (UnixTime(reader.u64()?), UnixTime(reader.u64()?));
        reader.end()?;
        Ok(Self { origin, size, root, time, closed })
    }

    /// Reads the row of the head.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Format`] for anything else.
    pub fn read(keyring: &Keyring, row: &Row) -> Result<Self, Error> {
        Self::open(keyring, row)
    }

    pub(crate) fn open(keyring: &Keyring, row: &Row) -> Result<Self, Error> {
        Self::decode(keyring.verify(&Self::row(), row)?)
    }
}

/// Whether a log may have this name: one line of text, so that it can stand in a checkpoint.
pub(crate) fn is_origin(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// How far a writer's chain was integrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The sequence of its last entry; 0 when none was.
    pub(crate) sequence: u64,
    /// The MAC of that entry; zeros when none was.
    pub(crate) mac: [u8; 32],
    /// The time of that entry.
    pub(crate) time: UnixTime,
}

impl Chain {
    pub(crate) const START: Self = Self { sequence: 0, mac: [0; 32], time: UnixTime(0) };
    const VERSION: u8 = 1;

    pub(crate) fn row(writer: [u8; 16]) -> RowKey {
        RowKey::new(WRITERS, writer)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Writer::new();
        body.u8(Self::VERSION).u64(self.sequence).raw(&self.mac).u64(self.time.0);
        body.to_vec()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::VERSION {
            return Err(Error::Format { found: found.into(), supported: Self::VERSION.into() });
        }
        let chain = Self { sequence: reader.u64()?, mac: reader.array()?, time: UnixTime(reader.u64()?) };
        reader.end()?;
        Ok(chain)
    }
}

/// The row of the leaf at this index.
pub(crate) fn leaf_row(index: u64) -> RowKey {
    RowKey::new(LEAVES, index.to_be_bytes())
}

/// The row with the position of this entry.
pub(crate) fn position_row(id: EntryId) -> RowKey {
    RowKey::new(POSITIONS, id.to_bytes())
}

/// What a row of [`POSITIONS`] says of an entry in a former log: its number, and the index in it.
pub(crate) fn former_position(value: &[u8]) -> Option<(u32, u64)> {
    let value: &[u8; 12] = value.try_into().ok()?;
    let (number, index) = value.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), u64::from_be_bytes(index.try_into().ok()?)))
}

/// What a row of [`POSITIONS`] says of an entry in the log.
pub(crate) fn position(value: &[u8]) -> Result<u64, Error> {
    value.try_into().map(u64::from_be_bytes).map_err(|_| Error::Refused)
}

/// Opens the entry in a row of [`LEAVES`], which says itself which entry it is.
pub(crate) fn open_leaf(keyring: &Keyring, value: &[u8]) -> Result<Entry, Error> {
    Entry::open(keyring, Entry::id_of(value)?, value)
}
