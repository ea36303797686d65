//! The sealed file: a header in the clear, then chunks, each under keys of its own.
//!
//! A chunk is sealed like a record (`docs/formats/record.md`, "Sealing"): a fresh salt gives its key, nonce and
//! commitment. Its associated data is the hash of the header, its number, and whether it is the last: chunks that are
//! exchanged, repeated, left out, cut off or taken from another backup do not open.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::env::{Env, UnixTime};
use crate::error::{BackupFault, Error};
use crate::hash::sha256;
use crate::vault::keyring::VaultId;
use crate::vault::record;
use crate::vault::shares::ShareSet;
use crate::vault::slot::{Argon2Cost, Key32};
use crate::wire::{Reader, Writer};

const MAGIC: &[u8; 4] = b"ZMKB";
const FORMAT: u16 = 1;
const CHUNK_LABEL: &[u8] = b"zamok/backup/v1";
/// Most plain bytes of a chunk.
pub const CHUNK: usize = 1 << 16;
/// Most bytes of a sealed chunk.
pub const SEALED: usize = CHUNK + record::OVERHEAD;

/// Where the key of a backup comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// A passphrase, through Argon2id.
    Passphrase {
        /// What a guess costs.
        cost: Argon2Cost,
        /// Salt of the derivation.
        salt: [u8; 32],
    },
    /// Shares of a random key.
    Shares(ShareSet),
}

/// What a backup says of itself before it is opened; the chunks authenticate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The vault that it was made of.
    pub vault: VaultId,
    /// Its own id, random.
    pub id: [u8; 16],
    /// When it was made.
    pub made: UnixTime,
    /// How it is opened.
    pub lock: Lock,
}

impl Header {
    /// Bytes of the part that every header has.
    pub const START: usize = 47;

    /// The bytes of the header, with which the file begins.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Writer::new();
        bytes.raw(MAGIC).u16(FORMAT).raw(&self.vault.0).raw(&self.id).u64(self.made.0);
        match &self.lock {
            Lock::Passphrase { cost, salt } => {
                bytes.u8(1).u32(cost.memory_kib).u32(cost.passes).u32(cost.lanes).raw(salt)
            }
            Lock::Shares(set) => bytes.u8(2).raw(&set.to_bytes()[16..]),
        };
        bytes.to_vec()
    }

    /// How many bytes follow [`Header::START`], given these.
    ///
    /// # Errors
    /// [`BackupFault::Foreign`] for what is no backup; [`Error::Format`] for one of a later format.
    pub fn rest(start: &[u8; Self::START]) -> Result<usize, Error> {
        let mut reader = Reader::new(start);
        if reader.array::<4>()? != *MAGIC {
            return Err(Error::Backup(BackupFault::Foreign));
        }
        let found = reader.u16()?;
        if found != FORMAT {
            return Err(Error::Format { found, supported: FORMAT });
        }
        match start[Self::START - 1] {
            1 => Ok(44),
            2 => Ok(ShareSet::LENGTH - 16),
            _ => Err(Error::Backup(BackupFault::Damaged)),
        }
    }

    /// Reads a header. Its cost is bounded, and nothing of it is authenticated before the first chunk is opened.
    ///
    /// # Errors
    /// As [`Header::rest`]; [`BackupFault::Damaged`] for fields that no header has.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let start = bytes.first_chunk().ok_or(Error::Backup(BackupFault::Damaged))?;
        if bytes.len() != Self::START + Self::rest(start)? {
            return Err(Error::Backup(BackupFault::Damaged));
        }
        Self::read(bytes).map_err(|_| Error::Backup(BackupFault::Damaged))
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        reader.raw(MAGIC.len() + 2)?;
        let (vault, id) = (VaultId(reader.array()?), reader.array()?);
        let made = UnixTime(reader.u64()?);
        let lock = match reader.u8()? {
            1 => {
                let cost =
                    Argon2Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
                Lock::Passphrase { cost: cost.bounded()?, salt: reader.array()? }
            }
            _ => {
                let set = reader.raw(ShareSet::LENGTH - 16)?;
                Lock::Shares(ShareSet::from_bytes(&[&vault.0, set].concat())?)
            }
        };
        reader.end().map(|()| Self { vault, id, made, lock })
    }
}

/// Whether a chunk is followed by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// More follow.
    Within = 0,
    /// The file ends with it.
    Last = 1,
}

/// The chunks of one backup in their order, on their way in or out.
pub struct Chunks {
    key: Key32,
    header: [u8; 32],
    next: u64,
}

impl core::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Chunks({} done, redacted)", self.next)
    }
}

impl Chunks {
    /// From the first chunk on.
    #[must_use]
    pub fn new(header: &Header, key: Key32) -> Self {
        Self { key, header: sha256(&[&header.encode()]), next: 0 }
    }

    /// Seals the next chunk, of at most [`CHUNK`] bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] above that.
    pub fn seal(&mut self, body: &[u8], place: Place, env: &mut Env<'_>) -> Result<Vec<u8>, Error> {
        if body.len() > CHUNK {
            return Err(Error::TooLong { what: "a chunk of a backup", given: body.len(), limit: CHUNK });
        }
        let header = self.header(place);
        self.next += 1;
        let row = record::seal(self.key.as_slice(), CHUNK_LABEL, header.as_slice(), body, env);
        Ok(row[header.as_slice().len()..].to_vec())
    }

    /// Opens the next chunk.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the first does not open: the key is another, or the file was altered;
    /// [`BackupFault::Damaged`] for a later one.
    pub fn open(&mut self, sealed: &[u8], place: Place) -> Result<Zeroizing<Vec<u8>>, Error> {
        let header = self.header(place);
        let opened = record::open(self.key.as_slice(), CHUNK_LABEL, header.as_slice(), sealed);
        let first = self.next == 0;
        self.next += 1;
        opened.map_err(|_| if first { Error::Rejected } else { Error::Backup(BackupFault::Damaged) })
    }

    fn header(&self, place: Place) -> Writer {
        let mut header = Writer::new();
        header.raw(&self.header).u64(self.next).u8(place as u8);
        header
    }
}
