//! What stands in a backup: items one after the other, each with its tag, in one order that a reader demands.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::env::UnixTime;
use crate::error::{BackupFault, Error};
use crate::store::{EntryId, RowKey, Table};
use crate::vault::keyring::DataKeyId;
use crate::vault::slot::Key32;
use crate::wire::{Reader, Writer};

const DAMAGED: Error = Error::Backup(BackupFault::Damaged);
/// Longest item, in bytes: a detail twice, sealed and plain, and what stands around it.
const LONGEST: usize = (2 << 20) + (1 << 17);

/// The log at the moment of the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The name of the log.
    pub origin: String,
    /// Leaves of its tree.
    pub size: u64,
    /// Root of its tree.
    pub root: [u8; 32],
    /// The time of its head; 0 when it is empty.
    pub time: UnixTime,
}

/// What there should have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Rows of each table; leaves and details count for theirs.
    pub counts: BTreeMap<u16, u64>,
    /// SHA-256 of all items before.
    pub digest: [u8; 32],
}

/// One thing in a backup. Bodies are plain here, and wiped when dropped.
#[derive(Clone)]
pub enum Item {
    /// The first.
    Begin(Begin),
    /// A key of blind indexes: index rows stay under the keys that they have.
    IndexKey(DataKeyId, Box<Key32>),
    /// A sealed record.
    Record {
        /// Its place.
        row: RowKey,
        /// The version that it had.
        revision: u64,
        /// Its attributes, which are not secret.
        attributes: Vec<u8>,
        /// What was sealed.
        body: Zeroizing<Vec<u8>>,
    },
    /// A state row.
    State {
        /// Its place.
        row: RowKey,
        /// The version that it had.
        revision: u64,
        /// Its body.
        body: Vec<u8>,
    },
    /// A row that proves itself.
    Plain {
        /// Its place.
        row: RowKey,
        /// What it holds.
        value: Vec<u8>,
    },
    /// A leaf of the log; those beyond its head waited to be integrated.
    Leaf {
        /// Its index.
        index: u64,
        /// Its bytes, as the tree hashes them.
        leaf: Vec<u8>,
    },
    /// The detail of an event.
    Detail {
        /// Its entry.
        entry: EntryId,
        /// The sealed row, whose digest the leaf bears.
        sealed: Vec<u8>,
        /// The plain bytes of the detail.
        body: Zeroizing<Vec<u8>>,
    },
    /// The last.
    End(End),
}

impl core::fmt::Debug for Item {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Item({:?}, redacted)", self.place())
    }
}

impl Item {
    /// The tag and the place within it: what orders items.
    fn place(&self) -> (u8, RowKey) {
        let at = |table: u16, key: &[u8]| RowKey::new(Table(table), key);
        match self {
            Self::Begin(_) => (1, at(0, &[])),
            Self::IndexKey(id, _) => (2, at(0, &id.0.to_be_bytes())),
            Self::Record { row, .. } | Self::State { row, .. } | Self::Plain { row, .. } => (3, row.clone()),
            Self::Leaf { index, .. } => (6, at(0, &index.to_be_bytes())),
            Self::Detail { entry, .. } => (7, at(0, &entry.to_bytes())),
            Self::End(_) => (8, at(0, &[])),
        }
    }

    /// For which table it counts.
    fn table(&self) -> Option<u16> {
        match self {
            Self::Record { row, .. } | Self::State { row, .. } | Self::Plain { row, .. } => Some(row.table.0),
            Self::Leaf { .. } => Some(19),
            Self::Detail { .. } => Some(17),
            Self::Begin(_) | Self::IndexKey(..) | Self::End(_) => None,
        }
    }

    /// Writes it: four bytes of length, then tag and fields.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a field beyond the limits of a row.
    pub fn write(&self, out: &mut Writer) -> Result<(), Error> {
        let mut item = Writer::new();
        match self {
            Self::Begin(begin) => {
                item.u8(1).text(&begin.origin)?.u64(begin.size).raw(&begin.root).u64(begin.time.0);
            }
            Self::IndexKey(id, key) => {
                item.u8(2).u32(id.0).raw(key.as_slice());
            }
            Self::Record { row, revision, attributes, body } => {
                item.u8(3).u16(row.table.0).bytes(&row.key)?.u64(*revision).bytes(attributes)?.raw(body);
            }
            Self::State { row, revision, body } => {
                item.u8(4).u16(row.table.0).bytes(&row.key)?.u64(*revision).raw(body);
            }
            Self::Plain { row, value } => {
                item.u8(5).u16(row.table.0).bytes(&row.key)?.raw(value);
            }
            Self::Leaf { index, leaf } => {
                item.u8(6).u64(*index).raw(leaf);
            }
            Self::Detail { entry, sealed, body } => {
                let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
                item.u8(7).raw(&entry.to_bytes()).u32(length).raw(sealed).raw(body);
            }
            Self::End(end) => {
                item.u8(8);
                for (table, count) in &end.counts {
                    item.u16(*table).u64(*count);
                }
                item.raw(&end.digest);
            }
        }
        let given = item.as_slice().len();
        let too_long = Error::TooLong { what: "an item of a backup", given, limit: LONGEST };
        let length = u32::try_from(given).ok().filter(|_| given <= LONGEST).ok_or(too_long)?;
        out.u32(length).raw(item.as_slice());
        Ok(())
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let item = match reader.u8()? {
            1 => {
                let origin = reader.text()?.into();
                let (size, root) = (reader.u64()?, reader.array()?);
                Self::Begin(Begin { origin, size, root, time: UnixTime(reader.u64()?) })
            }
            2 => Self::IndexKey(DataKeyId(reader.u32()?), Box::new(Zeroizing::new(reader.array()?))),
            3 => {
                let (row, revision) = (row(&mut reader)?, reader.u64()?);
                let attributes = reader.bytes()?.to_vec();
                Self::Record { row, revision, attributes, body: Zeroizing::new(rest(&mut reader)?) }
            }
            4 => {
                let (row, revision) = (row(&mut reader)?, reader.u64()?);
                Self::State { row, revision, body: rest(&mut reader)? }
            }
            5 => Self::Plain { row: row(&mut reader)?, value: rest(&mut reader)? },
            6 => Self::Leaf { index: reader.u64()?, leaf: rest(&mut reader)? },
            7 => {
                let entry = EntryId::from_bytes(reader.raw(24)?).ok_or(Error::Refused)?;
                let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
                let sealed = reader.raw(length)?.to_vec();
                Self::Detail { entry, sealed, body: Zeroizing::new(rest(&mut reader)?) }
            }
            8 => {
                let mut end = End::default();
                while reader.remaining() > 32 {
                    let (table, count) = (reader.u16()?, reader.u64()?);
                    if end.counts.last_key_value().is_some_and(|(last, _)| *last >= table) {
                        return Err(Error::Refused);
                    }
                    end.counts.insert(table, count);
                }
                end.digest = reader.array()?;
                Self::End(end)
            }
            _ => return Err(Error::Refused),
        };
        reader.end().map(|()| item)
    }
}

fn row(reader: &mut Reader<'_>) -> Result<RowKey, Error> {
    let table = Table(reader.u16()?);
    Ok(RowKey::new(table, reader.bytes()?))
}

fn rest(reader: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    reader.raw(reader.remaining()).map(<[u8]>::to_vec)
}

/// Counts and hashes items as they pass.
#[derive(Debug, Default)]
pub struct Digest {
    hash: Sha256,
    counts: BTreeMap<u16, u64>,
}

impl Digest {
    /// Takes one in, with its bytes.
    pub fn add(&mut self, item: &Item, bytes: &[u8]) {
        self.hash.update(bytes);
        if let Some(table) = item.table() {
            *self.counts.entry(table).or_default() += 1;
        }
    }

    /// What the end must say.
    #[must_use]
    pub fn end(&self) -> End {
        End { counts: self.counts.clone(), digest: self.hash.clone().finalize().into() }
    }
}

/// Reads items out of chunks as they come, and demands their order, their counts and their digest.
#[derive(Default)]
pub struct Items {
    held: Vec<u8>,
    digest: Digest,
    last: Option<(u8, RowKey)>,
    ended: bool,
}

impl core::fmt::Debug for Items {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Items({} bytes held, redacted)", self.held.len())
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

impl Items {
    /// Takes the bytes of the next chunk in.
    pub fn feed(&mut self, chunk: &[u8]) {
        let mut grown = Vec::with_capacity(self.held.len() + chunk.len());
        grown.extend_from_slice(&self.held);
        grown.extend_from_slice(chunk);
        core::mem::replace(&mut self.held, grown).zeroize();
    }

    /// The items that the chunks so far hold whole, in their order.
    ///
    /// # Errors
    /// [`BackupFault::Damaged`] for anything that a backup does not hold, or not there.
    pub fn take(&mut self) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        let mut from = 0;
        while let Some((length, rest)) = self.held[from..].split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > LONGEST {
                return Err(DAMAGED);
            }
            let Some(bytes) = rest.get(..length) else { break };
            let item = Item::read(bytes).map_err(|_| DAMAGED)?;
            self.check(&item)?;
            let whole = &self.held[from..from + 4 + length];
            self.digest.add(&item, whole);
            items.push(item);
            from += 4 + length;
        }
        self.held[..from].zeroize();
        self.held.drain(..from);
        Ok(items)
    }

    /// After the last chunk: whether everything was there.
    ///
    /// # Errors
    /// [`BackupFault::Damaged`] when it was not.
    pub fn finish(&self) -> Result<(), Error> {
        if self.ended && self.held.is_empty() { Ok(()) } else { Err(DAMAGED) }
    }

    fn check(&mut self, item: &Item) -> Result<(), Error> {
        let place = item.place();
        let follows = match &self.last {
            None => place.0 == 1,
            Some(last) => *last < place,
        };
        let whole = !matches!(item, Item::End(end) if *end != self.digest.end());
        if !follows || !whole || self.ended {
            return Err(DAMAGED);
        }
        self.ended = place.0 == 8;
        self.last = Some(place);
        Ok(())
    }
}
