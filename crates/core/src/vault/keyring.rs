//! The unlocked keys of a vault, and the two forms that a row may have under them: sealed, or authenticated.

use alloc::boxed::Box;
use alloc::vec::Vec;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::record;
use crate::env::Env;
use crate::error::Error;
use crate::mac;
use crate::secret::{SecretMemory, SecretRegion};
use crate::store::{Row, RowKey};
use crate::wire::{Reader, Writer};

/// The identity of a vault: 128 random bits, in every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VaultId(pub [u8; 16]);

/// The number of a data key; the newest seals, older ones still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataKeyId(pub u32);

/// The data keys of an unlocked vault. Every row passes through here on its way to and from the store.
pub struct Keyring {
    vault: VaultId,
    /// Ascending; never empty.
    keys: Vec<DataKey>,
}

struct DataKey {
    id: DataKeyId,
    /// data key ‖ state key ‖ index key ‖ journal key
    material: Box<dyn SecretRegion>,
}

/// Which of the keys that come from a data key.
#[derive(Clone, Copy)]
enum Branch {
    Record = 0,
    State = 1,
    Index = 2,
    Journal = 3,
}

const KEY: usize = 32;
const SEALED: &[u8; 4] = b"ZMKR";
const STATE: &[u8; 4] = b"ZMKS";
const FORMAT: u16 = 1;
/// Suite 1: HKDF-SHA-256, AES-256-GCM with a commitment, HMAC-SHA-256.
const SUITE: u8 = 1;
const RECORD_LABEL: &[u8] = b"zamok/record/v1";

/// A sealed record after it was opened.
pub struct Opened {
    /// What the header says of the record, authenticated and not secret.
    pub attributes: Vec<u8>,
    /// What was sealed.
    pub body: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Opened {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Opened({} bytes, redacted)", self.body.len())
    }
}

impl core::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Keyring({} data keys, redacted)", self.keys.len())
    }
}

impl Keyring {
    /// Takes the data keys of a vault, oldest first, into memory of the given sort.
    ///
    /// # Errors
    /// [`Error::NoVault`] without a key; what `memory` reports.
    pub fn new(
        vault: VaultId,
        data_keys: &[(DataKeyId, &[u8; 32])],
        memory: &dyn SecretMemory,
    ) -> Result<Self, Error> {
        if data_keys.is_empty() {
            return Err(Error::NoVault);
        }
        let mut keys = Vec::with_capacity(data_keys.len());
        for (id, data_key) in data_keys {
            let mut material = Zeroizing::new([0; 4 * KEY]);
            material[..KEY].copy_from_slice(*data_key);
            let labels: [&[u8]; 3] = [b"zamok/state/v1", b"zamok/index/v1", b"zamok/journal/v1"];
            let branches = Hkdf::<Sha256>::new(Some(&vault.0), *data_key);
            for (label, key) in labels.into_iter().zip(material[KEY..].chunks_exact_mut(KEY)) {
                branches.expand(label, key).expect("32 bytes are one block of HKDF");
            }
            keys.push(DataKey { id: *id, material: memory.hold(material.as_slice())? });
        }
        keys.sort_by_key(|key| key.id);
        Ok(Self { vault, keys })
    }

    /// The vault to which the keys belong.
    #[must_use]
    pub const fn vault(&self) -> VaultId {
        self.vault
    }

    fn current(&self) -> &DataKey {
        self.keys.last().expect("a keyring is never empty")
    }

    fn data_key(&self, id: DataKeyId) -> Result<&DataKey, Error> {
        self.keys.iter().find(|key| key.id == id).ok_or(Error::Refused)
    }

    /// Seals a record for one place and one revision in the store.
    pub(crate) fn seal(&self, place: &Place<'_>, body: &[u8], env: &mut Env<'_>) -> Result<Vec<u8>, Error> {
        let key = self.current();
        let header = place.header(SEALED, self.vault, key.id)?;
        Ok(record::seal(key.branch(Branch::Record)?, RECORD_LABEL, header.as_slice(), body, env))
    }

    /// Opens the record that the store gave for this place.
    ///
    /// # Errors
    /// [`Error::Refused`] for anything that was not sealed for just this place and revision by this vault.
    pub fn open(&self, key: &RowKey, row: &Row) -> Result<Opened, Error> {
        let mut reader = Reader::new(&row.value);
        let head = Header::read(&mut reader, SEALED)?;
        let header_length = row.value.len() - reader.remaining();
        let (header, sealed) = row.value.split_at(header_length);
        let data_key = self.data_key(head.data_key)?;
        let place = Place { row: key, revision: row.version, attributes: head.attributes };
        if place.header(SEALED, self.vault, head.data_key)?.as_slice() != header {
            return Err(Error::Refused);
        }
        let body = record::open(data_key.branch(Branch::Record)?, RECORD_LABEL, header, sealed)?;
        Ok(Opened { attributes: head.attributes.to_vec(), body })
    }

    /// Writes a state row: not secret, but nobody else can make or move one.
    pub(crate) fn authenticate(&self, place: &Place<'_>) -> Result<Vec<u8>, Error> {
        let key = self.current();
        let mut row = place.header(STATE, self.vault, key.id)?;
        let tag = mac::hmac_sha256(key.branch(Branch::State)?, &[row.as_slice()]);
        Ok(row.raw(&tag).to_vec())
    }

    /// The body of a state row that the store gave for this place.
    ///
    /// # Errors
    /// [`Error::Refused`] for anything that was not written for just this place and revision by this vault.
    pub fn verify<'a>(&self, key: &RowKey, row: &'a Row) -> Result<&'a [u8], Error> {
        let mut reader = Reader::new(&row.value);
        let head = Header::read(&mut reader, STATE)?;
        let header_length = row.value.len() - reader.remaining();
        let (header, tag) = row.value.split_at(header_length);
        let data_key = self.data_key(head.data_key)?;
        let place = Place { row: key, revision: row.version, attributes: head.attributes };
        if place.header(STATE, self.vault, head.data_key)?.as_slice() != header {
            return Err(Error::Refused);
        }
        mac::verify_hmac_sha256(data_key.branch(Branch::State)?, &[header], tag)
            .map_err(|_| Error::Refused)?;
        Ok(head.attributes)
    }

    /// A blind index: HMAC-SHA-256 of a normal form under the index key, one domain for each field.
    ///
    /// An index row is a hint. Whoever follows it compares the unsealed field with what was asked for.
    ///
    /// # Errors
    /// [`Error::Locked`] when the keys are gone.
    pub fn blind_index(&self, field: &str, normal_form: &[u8]) -> Result<[u8; 32], Error> {
        let length = u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes();
        let parts: [&[u8]; 3] = [&length, field.as_bytes(), normal_form];
        // The index key is that of the oldest data key: rotating data keys must not lose what is indexed.
        let oldest = self.keys.first().expect("a keyring is never empty");
        Ok(mac::hmac_sha256(oldest.branch(Branch::Index)?, &parts))
    }

    /// The MAC of a journal entry, with the data key that it was made under.
    pub(crate) fn entry_mac(
        &self,
        id: Option<DataKeyId>,
        parts: &[&[u8]],
    ) -> Result<(DataKeyId, [u8; 32]), Error> {
        let key = match id {
            None => self.current(),
            Some(id) => self.data_key(id)?,
        };
        Ok((key.id, mac::hmac_sha256(key.branch(Branch::Journal)?, parts)))
    }

    pub(crate) fn current_id(&self) -> DataKeyId {
        self.current().id
    }
}

impl DataKey {
    fn branch(&self, branch: Branch) -> Result<&[u8], Error> {
        let start = branch as usize * KEY;
        self.material.expose()?.get(start..start + KEY).ok_or(Error::Locked)
    }
}

/// Where a row stands, and what it says in the clear.
pub(crate) struct Place<'a> {
    pub(crate) row: &'a RowKey,
    /// The version that the row has in the store once it is written.
    pub(crate) revision: u64,
    /// Attributes of a record; the whole body of a state row.
    pub(crate) attributes: &'a [u8],
}

impl Place<'_> {
    fn header(&self, magic: &[u8; 4], vault: VaultId, data_key: DataKeyId) -> Result<Writer, Error> {
        let mut header = Writer::new();
        header.raw(magic).u16(FORMAT).u8(SUITE).raw(&vault.0).u16(self.row.table.0);
        header.bytes(&self.row.key)?.u32(data_key.0).u64(self.revision).bytes(self.attributes)?;
        Ok(header)
    }
}

struct Header<'a> {
    data_key: DataKeyId,
    attributes: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads what is needed to make the header again; the caller then compares the whole.
    fn read(reader: &mut Reader<'a>, magic: &[u8; 4]) -> Result<Self, Error> {
        if reader.array::<4>()? != *magic {
            return Err(Error::Refused);
        }
        let found = reader.u16()?;
        if found > FORMAT {
            return Err(Error::Format { found, supported: FORMAT });
        }
        let _suite = reader.u8()?;
        let _vault: [u8; 16] = reader.array()?;
        let _table = reader.u16()?;
        let _row = reader.bytes()?;
        let data_key = DataKeyId(reader.u32()?);
        let _revision = reader.u64()?;
        let attributes = reader.bytes()?;
        Ok(Self { data_key, attributes })
    }
}
