//! The unlocked keys of a vault, and the two forms that a row may have under them: sealed, or authenticated.
//!
//! Three families of keys, each with a life of its own: data keys for records and state, journal keys for entries and
//! the journal's rows, index keys for blind indexes. Which family a row belongs to follows from its table. The vault's
//! own rows stand under keys that come from the root key, or from the journal's.

mod held;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

pub(super) use self::held::derived;
use self::held::{Branch, Held, KEY, above, blind, first, hold, mac_key};
use super::place::{Head, Place, SEALED, STATE};
use super::record;
use super::roles::{Operation, Role};
use super::rotation::SETTLED_AFTER;
use super::slot::Key32;
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::mac::{self, ReadyKey};
use crate::secret::{SecretMemory, SecretRegion};
use crate::store::{Row, RowKey, Table};
use crate::wire::Reader;

/// The vault's own rows: its header, its log, its slots, their attempts, its wrapped keys.
pub const VAULT: Table = Table(1);
/// The journal's tables, whose rows stand under journal keys: what an auditor opens.
const JOURNAL: core::ops::RangeInclusive<u16> = 16..=31;

/// The identity of a vault: 128 random bits, in every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VaultId(pub [u8; 16]);

/// The number of a key within its family; the newest seals, older ones still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataKeyId(pub u32);

/// Which keys a wrapped key belongs to. Numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Family {
    /// Records and state rows.
    Data = 1,
    /// Entries, details and the rows of the tree.
    Journal = 2,
    /// Blind indexes; a number is called an epoch.
    Index = 3,
}

impl Family {
    /// The name in the journal and in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Journal => "journal",
            Self::Index => "index",
        }
    }
}

/// The keys of a vault in the clear, on their way into a [`Keyring`]; each family oldest first.
#[derive(Clone, Copy)]
pub struct VaultKeys<'a> {
    /// Data keys.
    pub data: &'a [(DataKeyId, &'a [u8; 32])],
    /// Journal keys.
    pub journal: &'a [(DataKeyId, &'a [u8; 32])],
    /// Index keys.
    pub index: &'a [(DataKeyId, &'a [u8; 32])],
}

impl<'a> VaultKeys<'a> {
    /// The same list for each family: what comes from the keys differs by its labels. For vectors and tests.
    #[must_use]
    pub const fn alike(keys: &'a [(DataKeyId, &'a [u8; 32])]) -> Self {
        Self { data: keys, journal: keys, index: keys }
    }
}

impl core::fmt::Debug for VaultKeys<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("VaultKeys(redacted)")
    }
}

/// The keys of an unlocked vault. Every row passes through here on its way to and from the store.
pub struct Keyring {
    vault: VaultId,
    role: Role,
    /// The slot through which it was opened.
    slot: Option<u8>,
    /// root key ‖ header key, as HMAC takes it
    root: Option<Box<dyn SecretRegion>>,
    /// journal root key ‖ log key, as HMAC takes it
    journal_root: Option<Box<dyn SecretRegion>>,
    /// data key ‖ state key, as HMAC takes it
    data: Vec<Held>,
    /// journal key ‖ state key ‖ entry key, as HMAC takes them
    journal: Vec<Held>,
    /// index key
    index: Vec<Held>,
    /// When the newest index key was made; 0 where it is the only one ever.
    index_since: UnixTime,
    /// Revisions of the header and of the log from which it was made.
    revisions: [u64; 2],
    /// A row was met under a key that is newer than those here.
    stale: AtomicBool,
}

/// A state row in parts.
struct Stated<'a> {
    header: &'a [u8],
    tag: &'a [u8],
    body: &'a [u8],
}

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
        write!(f, "Keyring({}, {} data keys, redacted)", self.role, self.data.len())
    }
}

impl Keyring {
    /// Takes the keys of a vault into memory of the given sort, in the hands of an officer or a user.
    ///
    /// # Errors
    /// [`Error::NoVault`] when a family is empty; what `memory` reports.
    pub fn new(
        vault: VaultId,
        role: Role,
        keys: VaultKeys<'_>,
        memory: &dyn SecretMemory,
    ) -> Result<Self, Error> {
        if keys.data.is_empty() || keys.index.is_empty() {
            return Err(Error::NoVault);
        }
        let data = hold(vault, keys.data, &[b"zamok/state/v1"], memory)?;
        let index = hold(vault, keys.index, &[], memory)?;
        Ok(Self { role, data, index, ..Self::of_journal(vault, keys.journal, memory)? })
    }

    /// Takes the journal's keys alone, in the hands of an auditor.
    ///
    /// # Errors
    /// [`Error::NoVault`] without a key; what `memory` reports.
    pub fn of_journal(
        vault: VaultId,
        keys: &[(DataKeyId, &[u8; 32])],
        memory: &dyn SecretMemory,
    ) -> Result<Self, Error> {
        if keys.is_empty() {
            return Err(Error::NoVault);
        }
        let journal = hold(vault, keys, &[b"zamok/state/v1", b"zamok/journal/v1"], memory)?;
        let (data, index, stale) = (Vec::new(), Vec::new(), AtomicBool::new(false));
        Ok(Self {
            vault,
            role: Role::Auditor,
            slot: None,
            root: None,
            journal_root: None,
            data,
            journal,
            index,
            index_since: UnixTime(0),
            revisions: [0; 2],
            stale,
        })
    }

    /// Gives the keyring its slot and the keys above the families.
    pub(super) fn opened_by(
        self,
        slot: u8,
        root: Option<&[u8; 32]>,
        journal_root: &[u8; 32],
        memory: &dyn SecretMemory,
    ) -> Result<Self, Error> {
        let root = root.map(|root| above(self.vault, root, b"zamok/header/v1", memory)).transpose()?;
        let journal_root = Some(above(self.vault, journal_root, b"zamok/log/v1", memory)?);
        Ok(Self { slot: Some(slot), root, journal_root, ..self })
    }

    pub(super) fn made_from(self, revisions: [u64; 2]) -> Self {
        Self { revisions, ..self }
    }

    pub(super) const fn revisions(&self) -> [u64; 2] {
        self.revisions
    }

    /// The vault to which the keys belong.
    #[must_use]
    pub const fn vault(&self) -> VaultId {
        self.vault
    }

    /// Who opened the vault.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The slot through which the vault was opened.
    #[must_use]
    pub const fn slot(&self) -> Option<u8> {
        self.slot
    }

    /// Refuses what the role may not do.
    ///
    /// # Errors
    /// [`Error::Role`].
    pub const fn permit(&self, operation: Operation) -> Result<(), Error> {
        self.role.permit(operation)
    }

    /// Whether a row was met under a key that is newer than those here: somebody has rotated since.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// The number of the data key that seals now; `None` in the hands of an auditor.
    #[must_use]
    pub fn data_key(&self) -> Option<DataKeyId> {
        self.data.last().map(|held| held.id)
    }

    /// The key that wraps data and index keys.
    pub(super) fn root(&self) -> Result<&[u8; 32], Error> {
        first(self.root.as_deref())
    }

    /// The key that wraps journal keys.
    pub(super) fn journal_root(&self) -> Result<&[u8; 32], Error> {
        first(self.journal_root.as_deref())
    }

    fn family(&self, table: Table) -> Result<&[Held], Error> {
        let held = if JOURNAL.contains(&table.0) { &self.journal } else { &self.data };
        if held.is_empty() { Err(Error::Role(self.role)) } else { Ok(held) }
    }

    fn current(&self, table: Table) -> Result<&Held, Error> {
        Ok(self.family(table)?.last().expect("a family is never empty"))
    }

    fn find<'a>(&self, family: &'a [Held], id: DataKeyId) -> Result<&'a Held, Error> {
        // From the newest, under which most rows are.
        let found = family.iter().rev().find(|held| held.id == id);
        if family.last().is_some_and(|newest| newest.id < id) {
            self.stale.store(true, Ordering::Relaxed);
        }
        found.ok_or(Error::Refused)
    }

    /// The keys of blind indexes, oldest first, for a backup or a move: index rows stay under the keys that they have.
    ///
    /// # Errors
    /// [`Error::Role`] in the hands of an auditor; [`Error::Locked`] when the keys are gone.
    pub fn index_keys(&self) -> Result<Vec<(DataKeyId, Box<Key32>)>, Error> {
        if self.index.is_empty() {
            return Err(Error::Role(self.role));
        }
        let copy = |held: &Held| {
            let key = held.key()?.try_into().map_err(|_| Error::Locked)?;
            Ok((held.id, Box::new(Zeroizing::new(key))))
        };
        self.index.iter().map(copy).collect()
    }

    /// Seals a record for one place and one revision in the store.
    pub(crate) fn seal(&self, place: &Place<'_>, body: &[u8], env: &mut Env<'_>) -> Result<Vec<u8>, Error> {
        let key = self.current(place.row.table)?;
        let header = place.header(SEALED, self.vault, key.id, 0)?;
        Ok(record::seal(key.key()?, RECORD_LABEL, header.as_slice(), body, env))
    }

    /// Opens the record that the store gave for this place.
    ///
    /// # Errors
    /// [`Error::Refused`] for anything that was not sealed for just this place and revision by this vault;
    /// [`Error::Role`] for rows that are not the auditor's.
    pub fn open(&self, key: &RowKey, row: &Row) -> Result<Opened, Error> {
        let family = self.family(key.table)?;
        let mut reader = Reader::new(&row.value);
        let head = Head::read(&mut reader, SEALED)?;
        let header_length = row.value.len() - reader.remaining();
        let (header, sealed) = row.value.split_at(header_length);
        head.stands(self.vault, key, row.version)?;
        let held = self.find(family, head.key)?;
        let body = record::open(held.key()?, RECORD_LABEL, header, sealed)?;
        Ok(Opened { attributes: head.attributes.to_vec(), body })
    }

    /// Writes a state row: not secret, but nobody else can make or move one.
    pub(crate) fn authenticate(&self, place: &Place<'_>) -> Result<Vec<u8>, Error> {
        let (id, key) = match self.above(place.row)? {
            Some(key) => (DataKeyId(0), key),
            None => {
                let held = self.current(place.row.table)?;
                (held.id, held.mac_key(Branch::State)?)
            }
        };
        let mut row = place.header(STATE, self.vault, id, mac::TAG)?;
        let tag = key.tag(&[row.as_slice()]);
        row.raw(&tag);
        Ok(row.into_vec())
    }

    /// The body of a state row that the store gave for this place.
    ///
    /// # Errors
    /// [`Error::Refused`] for anything that was not written for just this place and revision by this vault;
    /// [`Error::Role`] for rows that are not the auditor's.
    pub fn verify<'a>(&self, key: &RowKey, row: &'a Row) -> Result<&'a [u8], Error> {
        let (mac_key, Stated { header, tag, body }) = self.stated(key, row)?;
        mac_key.verify(&[header], tag).map_err(|_| Error::Refused)?;
        Ok(body)
    }

    /// The body of a state row that this process has made itself, and kept byte for byte: of what [`Keyring::verify`] checks,
    /// all but the MAC.
    pub(super) fn recognise<'a>(&self, key: &RowKey, row: &'a Row) -> Result<&'a [u8], Error> {
        self.stated(key, row).map(|(_, stated)| stated.body)
    }

    /// A state row for this place, and the key that must have made its MAC.
    fn stated<'a>(&self, key: &RowKey, row: &'a Row) -> Result<(ReadyKey<'_>, Stated<'a>), Error> {
        let above = self.above(key)?;
        let family = if above.is_some() { &[][..] } else { self.family(key.table)? };
        let mut reader = Reader::new(&row.value);
        let head = Head::read(&mut reader, STATE)?;
        let header_length = row.value.len() - reader.remaining();
        let (header, tag) = row.value.split_at(header_length);
        head.stands(self.vault, key, row.version)?;
        let mac_key = match above {
            Some(_) if head.key.0 != 0 => return Err(Error::Refused),
            Some(key) => key,
            None => self.find(family, head.key)?.mac_key(Branch::State)?,
        };
        Ok((mac_key, Stated { header, tag, body: head.attributes }))
    }

    /// The key of the vault's own rows: the log's is the auditor's too, all others come from the root.
    fn above(&self, row: &RowKey) -> Result<Option<ReadyKey<'_>>, Error> {
        if row.table != VAULT {
            return Ok(None);
        }
        let region = if row.key == super::header::LOG { &self.journal_root } else { &self.root };
        let material = region.as_deref().ok_or(Error::Role(self.role))?.expose()?;
        mac_key(material, KEY).map(Some)
    }

    /// A blind index under the newest index key: HMAC-SHA-256 of a normal form under a key for the field. For what is no row:
    /// rows are found by [`Keyring::blind_indexes`].
    ///
    /// # Errors
    /// [`Error::Locked`] when the keys are gone; [`Error::Role`] in the hands of an auditor.
    pub fn blind_index(&self, field: &str, normal_form: &[u8]) -> Result<[u8; 32], Error> {
        blind(self.index.last().ok_or(Error::Role(self.role))?, field, normal_form)
    }

    /// The blind indexes of a normal form under every index key, the newest first (`CRYPTO.md` §6): where a value may be
    /// entered while the keys are being changed. Whoever enters one expects all of them to be free.
    ///
    /// An index row is a hint. Whoever follows it compares the unsealed field with what was asked for.
    ///
    /// # Errors
    /// As [`Keyring::blind_index`].
    pub fn blind_indexes(&self, field: &str, normal_form: &[u8]) -> Result<Vec<[u8; 32]>, Error> {
        if self.index.is_empty() {
            return Err(Error::Role(self.role));
        }
        self.index.iter().rev().map(|held| blind(held, field, normal_form)).collect()
    }

    /// Under how many index keys, counted from the newest, values are entered at this time: under all of them while some
    /// process may not know the newest yet, so that it finds them and meets them; then under the newest alone.
    #[must_use]
    pub fn entered_epochs(&self, now: UnixTime) -> usize {
        if now < self.index_since.plus(SETTLED_AFTER) { self.index.len().max(1) } else { 1 }
    }

    /// The numbers of the index keys, oldest first.
    #[must_use]
    pub fn index_epochs(&self) -> Vec<DataKeyId> {
        self.index.iter().map(|held| held.id).collect()
    }

    pub(super) fn with_index_since(self, since: UnixTime) -> Self {
        Self { index_since: since, ..self }
    }

    /// The MAC of a journal entry, with the journal key that it was made under.
    pub(crate) fn entry_mac(
        &self,
        id: Option<DataKeyId>,
        parts: &[&[u8]],
    ) -> Result<(DataKeyId, [u8; 32]), Error> {
        let held = match id {
            None => self.journal.last().expect("a family is never empty"),
            Some(id) => self.find(&self.journal, id)?,
        };
        Ok((held.id, held.mac_key(Branch::Entry)?.tag(parts)))
    }

    pub(crate) fn journal_key(&self) -> DataKeyId {
        self.journal.last().expect("a family is never empty").id
    }
}
