//! A vault on its way from one store into another: by a restore, or by moving house (`CRYPTO.md` §5).
//!
//! One row says so, from the first commit into the new store until the last: whoever opens the vault meanwhile is told to
//! finish first. In the store that was left it stays, and says where the vault went. Every vault has it, empty where the vault
//! stays, so that deleting it opens nothing. Rows of [`FormerLog`] keep what the log
//! was before, since the new store begins a new one.

use alloc::string::String;
use alloc::vec::Vec;

use super::doors;
use super::keyring::Keyring;
use super::keys::KeyId;
use super::roles::Operation;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::{BackupFault, Error};
use crate::event::Subject;
use crate::store::{RowKey, Store, Table};
use crate::wire::{Reader, Writer};

/// Former logs of the vault: number → origin, size, root. Former logs lie under journal keys: auditors read them.
pub const FORMER_LOGS: Table = Table(28);
/// Leaves of former logs: number of the log, index → the leaf, authenticated; together they are the tree of the root.
pub const FORMER_LEAVES: Table = Table(29);
/// Details of entries in former logs: entry id → the sealed row as it was, and what it said.
pub const FORMER_DETAILS: Table = Table(30);
/// Which leaves of former logs concern a subject: subject, inverted number, inverted index; empty rows, a hint.
pub const FORMER_SUBJECTS: Table = Table(31);
/// Whether a vault is on its way.
pub const RELOCATION: Table = Table(15);

const VERSION: u8 = 1;

/// Where a vault is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relocation {
    /// This store is being filled.
    Filling {
        /// From what: the id of a backup, or the digest of the store that is moved.
        source: [u8; 16],
        /// Items that have come.
        items: u64,
        /// The last OTP key of which a surviving journal was done again; they come in the order of their ids.
        replayed: Option<KeyId>,
    },
    /// The vault leaves this store; nothing is written here any more.
    Leaving {
        /// The URL of the store into which it goes.
        to: String,
        /// The log as it goes; what comes to it later is about the store that is left.
        log: Option<FormerLog>,
    },
    /// The vault has left this store.
    Left {
        /// The URL of the store into which it went.
        to: String,
        /// The log as it went.
        log: Option<FormerLog>,
    },
}

impl Relocation {
    /// The row that says so.
    #[must_use]
    pub fn row() -> RowKey {
        RowKey::new(RELOCATION, Vec::new())
    }

    /// What the row says; `None` for a vault that stays where it is.
    ///
    /// # Errors
    /// [`Error::Refused`] when it was altered or is missing; a store's fault.
    pub fn read(store: &dyn Store, keyring: &Keyring) -> Result<Option<Self>, Error> {
        let row = store.get(&Self::row())?.ok_or(Error::Refused)?;
        let body = keyring.verify(&Self::row(), &row)?;
        if body.is_empty() { Ok(None) } else { Self::decode(body).map(Some) }
    }

    /// Refuses a vault that is not where it stays.
    ///
    /// # Errors
    /// [`BackupFault::Unfinished`], [`BackupFault::Moved`]; as [`Relocation::read`].
    pub fn refuse(store: &dyn Store, keyring: &Keyring) -> Result<(), Error> {
        match Self::read(store, keyring)? {
            None => Ok(()),
            Some(Self::Filling { .. } | Self::Leaving { .. }) => Err(Error::Backup(BackupFault::Unfinished)),
            Some(Self::Left { .. }) => Err(Error::Backup(BackupFault::Moved)),
        }
    }

    /// Says so. Of a vault that leaves, every handle that is open learns it as it learns of other keys: its header is written
    /// anew.
    ///
    /// # Errors
    /// [`Error::Role`] for a vault that leaves, unless an officer opened it; [`Error::Refused`] for an altered header; a
    /// store's fault.
    pub fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        if self.is_departure() {
            tx.keyring().permit(Operation::Move)?;
            doors::touch(tx)?;
        }
        tx.put_state(&Self::row(), self.encode()?.as_slice())
    }

    pub(super) fn encode(&self) -> Result<Writer, Error> {
        let mut body = Writer::new();
        body.u8(VERSION);
        match self {
            Self::Filling { source, items, replayed } => {
                body.u8(1).raw(source).u64(*items);
                match replayed {
                    None => body.u8(0),
                    Some(key) => body.u8(1).raw(&key.0),
                }
            }
            Self::Leaving { to, log } => write_log(body.u8(2).text(to)?, log.as_ref())?,
            Self::Left { to, log } => write_log(body.u8(3).text(to)?, log.as_ref())?,
        };
        Ok(body)
    }

    /// Whether the vault leaves its store, or has left it.
    #[must_use]
    pub const fn is_departure(&self) -> bool {
        matches!(self, Self::Leaving { .. } | Self::Left { .. })
    }

    /// The vault has arrived, or stays after all.
    ///
    /// # Errors
    /// A store's fault.
    pub fn end(tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.empty(&Self::row())
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != VERSION {
            return Err(Error::Format { found: found.into(), supported: VERSION.into() });
        }
        let relocation = match reader.u8()? {
            1 => {
                let (source, items) = (reader.array()?, reader.u64()?);
                let replayed = match reader.u8()? {
                    0 => None,
                    1 => Some(KeyId(reader.array()?)),
                    _ => return Err(Error::Refused),
                };
                Self::Filling { source, items, replayed }
            }
            2 => Self::Leaving { to: reader.text()?.into(), log: read_log(&mut reader)? },
            3 => Self::Left { to: reader.text()?.into(), log: read_log(&mut reader)? },
            _ => return Err(Error::Refused),
        };
        reader.end().map(|()| relocation)
    }
}

fn write_log<'w>(body: &'w mut Writer, log: Option<&FormerLog>) -> Result<&'w mut Writer, Error> {
    let Some(log) = log else { return Ok(body.u8(0)) };
    Ok(body.u8(1).u32(log.number).text(&log.origin)?.u64(log.size).raw(&log.root).u64(log.time.0))
}

fn read_log(reader: &mut Reader<'_>) -> Result<Option<FormerLog>, Error> {
    Ok(match reader.u8()? {
        0 => None,
        1 => {
            let (number, origin) = (reader.u32()?, reader.text()?.into());
            let (size, root) = (reader.u64()?, reader.array()?);
            Some(FormerLog { number, origin, size, root, time: UnixTime(reader.u64()?) })
        }
        _ => return Err(Error::Refused),
    })
}

/// A log that the vault had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerLog {
    /// 1 for the first, one more for each that followed.
    pub number: u32,
    /// Its name.
    pub origin: String,
    /// Leaves of its tree.
    pub size: u64,
    /// Root of its tree.
    pub root: [u8; 32],
    /// When its last head was made.
    pub time: UnixTime,
}

impl FormerLog {
    /// Its row. Size, root and origin are part of the key: the leaf that tells of the row names them with it.
    ///
    /// # Errors
    /// [`Error::TooLong`] for an origin of more than 200 bytes.
    pub fn row(&self) -> Result<RowKey, Error> {
        let (given, limit) = (self.origin.len(), 200);
        if given > limit {
            return Err(Error::TooLong { what: "the name of a log", given, limit });
        }
        let mut key = Writer::new();
        key.u32(self.number).u64(self.size).raw(&self.root).raw(self.origin.as_bytes());
        Ok(RowKey::new(FORMER_LOGS, key.to_vec()))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// As [`FormerLog::row`]; a store's fault.
    pub fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut body = Writer::new();
        body.u8(VERSION).u64(self.time.0);
        tx.put_state(&self.row()?, body.as_slice())
    }

    /// Reads a row of [`FORMER_LOGS`], key and body.
    ///
    /// # Errors
    /// [`Error::Refused`] for what is none.
    pub fn decode(key: &[u8], body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(key);
        let (number, size, root) = (reader.u32()?, reader.u64()?, reader.array()?);
        let origin =
            core::str::from_utf8(reader.raw(reader.remaining())?).map_err(|_| Error::Refused)?.into();
        let mut reader = Reader::new(body);
        if reader.u8()? != VERSION {
            return Err(Error::Refused);
        }
        let time = UnixTime(reader.u64()?);
        reader.end().map(|()| Self { number, origin, size, root, time })
    }

    /// The row that lists one of its leaves for a subject: the newest first.
    #[must_use]
    pub fn listed(subject: Subject, number: u32, index: u64) -> RowKey {
        let key = [&subject.0[..], &(!number).to_be_bytes(), &(!index).to_be_bytes()].concat();
        RowKey::new(FORMER_SUBJECTS, key)
    }

    /// Number and index to which a row of [`FORMER_SUBJECTS`] leads; `None` for a key that no row of it can have.
    #[must_use]
    pub fn listed_leaf(key: &[u8]) -> Option<(u32, u64)> {
        let rest: &[u8; 12] = key.get(16..)?.try_into().ok()?;
        let (number, index) = rest.split_first_chunk::<4>()?;
        let index: [u8; 8] = index.try_into().ok()?;
        Some((!u32::from_be_bytes(*number), !u64::from_be_bytes(index)))
    }

    /// Number and index in the key of a row of [`FORMER_LEAVES`].
    #[must_use]
    pub fn place_of(key: &[u8]) -> Option<(u32, u64)> {
        let (number, index) = key.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*number), u64::from_be_bytes(index.try_into().ok()?)))
    }

    /// The row of one of its leaves.
    #[must_use]
    pub fn leaf(number: u32, index: u64) -> RowKey {
        RowKey::new(FORMER_LEAVES, [&number.to_be_bytes()[..], &index.to_be_bytes()].concat())
    }
}
