//! Slots: the ways into a vault (`docs/formats/slot.md`).
//!
//! A slot wraps a key of the vault under a key encryption key that the edges derive from a secret: the root key for
//! officers and users, the journal's for auditors. What the derivation needs is stored in the clear and is hostile
//! input: it is bounded before use and authenticated by the wrap.

use alloc::string::String;
use alloc::vec::Vec;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

pub use super::keyring::VAULT;
use super::keyring::VaultId;
use super::place::FORMAT;
use super::record;
use super::roles::Role;
use crate::env::Env;
use crate::error::Error;
use crate::store::{RowKey, Store};
use crate::wire::{Reader, Writer};

const MAGIC: &[u8; 4] = b"ZMKU";
const LABEL: &[u8] = b"zamok/slot/v1";
const KEY_LABEL: &[u8] = b"zamok/slot-key/v1";
pub(super) const SLOT: &[u8] = b"slot/";

/// A key of 32 bytes on its way between rooms, wiped when dropped.
pub type Key32 = Zeroizing<[u8; 32]>;

/// What Argon2id (RFC 9106) costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB: 8 to 4,194,304 (4 GiB).
    pub memory_kib: u32,
    /// Passes: 1 to 64.
    pub passes: u32,
    /// Lanes: 1 to 16.
    pub lanes: u32,
}

impl Argon2Cost {
    const NONE: Self = Self { memory_kib: 0, passes: 0, lanes: 0 };

    /// Refuses what could exhaust the machine or is no cost at all.
    ///
    /// # Errors
    /// [`Error::Refused`] outside the bounds of the fields, or with fewer than 8 KiB a lane.
    pub fn bounded(self) -> Result<Self, Error> {
        let sound = (8..=4 << 20).contains(&self.memory_kib)
            && (1..=64).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes;
        if sound { Ok(self) } else { Err(Error::Refused) }
    }
}

/// How the key encryption key of a slot comes about. The edges do it; the numbers are part of the slot format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// 1: a passphrase through Argon2id.
    Passphrase(Argon2Cost),
    /// 2: a short PIN through Argon2id, together with a secret of the device.
    Pin(Argon2Cost),
    /// 3: a key of 32 bytes.
    Key,
    /// 4: a key of 32 bytes that was split among people.
    Shares,
    /// 5: a key that stays inside a PKCS#11 token.
    Token,
}

impl Method {
    const fn number(self) -> u8 {
        match self {
            Self::Passphrase(_) => 1,
            Self::Pin(_) => 2,
            Self::Key => 3,
            Self::Shares => 4,
            Self::Token => 5,
        }
    }

    /// What deriving it costs; `None` where nothing is guessed.
    #[must_use]
    pub const fn cost(self) -> Option<Argon2Cost> {
        match self {
            Self::Passphrase(cost) | Self::Pin(cost) => Some(cost),
            Self::Key | Self::Shares | Self::Token => None,
        }
    }

    /// The name that listings show.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passphrase(_) => "passphrase",
            Self::Pin(_) => "PIN and device secret",
            Self::Key => "key",
            Self::Shares => "shares",
            Self::Token => "token",
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let number = reader.u8()?;
        let cost = Argon2Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        match number {
            1 => Ok(Self::Passphrase(cost.bounded()?)),
            2 => Ok(Self::Pin(cost.bounded()?)),
            _ if cost != Argon2Cost::NONE => Err(Error::Refused),
            3 => Ok(Self::Key),
            4 => Ok(Self::Shares),
            5 => Ok(Self::Token),
            _ => Err(Error::Refused),
        }
    }
}

/// One way in: its number, whom it lets in, and how the key encryption key is derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The vault it opens.
    pub vault: VaultId,
    /// Its number; none is given twice.
    pub number: u8,
    /// Whom it lets in.
    pub role: Role,
    /// How its key is derived.
    pub method: Method,
    /// Salt of the derivation.
    pub salt: [u8; 32],
    /// What people call it, in the clear.
    pub label: String,
}

impl Slot {
    /// Longest label, in bytes.
    pub const MAX_LABEL: usize = 64;

    /// A new way into a vault.
    #[must_use]
    pub fn new(
        vault: VaultId,
        number: u8,
        role: Role,
        method: Method,
        label: &str,
        env: &mut Env<'_>,
    ) -> Self {
        Self { vault, number, role, method, salt: env.random(), label: label.into() }
    }

    /// Reads a slot from the store: its parameters are bounded, but not authenticated before it is opened.
    ///
    /// # Errors
    /// [`Error::NoVault`] in an empty store; [`Error::NoSlot`] when it has no such slot; [`Error::Refused`] and
    /// [`Error::Format`] for what is no sound slot.
    pub fn read(store: &dyn Store, number: u8) -> Result<Self, Error> {
        let slots = Self::all(store)?;
        slots.into_iter().find(|slot| slot.number == number).ok_or(Error::NoSlot(number))
    }

    /// Every slot of the store, in the order of their numbers; not authenticated.
    ///
    /// # Errors
    /// As [`Slot::read`].
    pub fn all(store: &dyn Store) -> Result<Vec<Self>, Error> {
        let rows = super::doors::Rows::read(store)?;
        let slots: Vec<Self> = rows
            .slots()
            .map(|(number, value)| Self::parse(value, number).map(|(slot, _, _)| slot))
            .collect::<Result<_, _>>()?;
        if slots.is_empty() { Err(Error::NoVault) } else { Ok(slots) }
    }

    fn header(&self) -> Result<Writer, Error> {
        let given = self.label.len();
        if given > Self::MAX_LABEL {
            return Err(Error::TooLong { what: "a slot's label", given, limit: Self::MAX_LABEL });
        }
        let cost = self.method.cost().unwrap_or(Argon2Cost::NONE);
        let mut header = Writer::new();
        header.raw(MAGIC).u16(FORMAT).raw(&self.vault.0).u8(self.number).u8(self.role as u8);
        header.u8(self.method.number()).u32(cost.memory_kib).u32(cost.passes).u32(cost.lanes);
        header.raw(&self.salt).text(&self.label)?;
        Ok(header)
    }

    pub(super) fn parse(bytes: &[u8], number: u8) -> Result<(Self, &[u8], &[u8]), Error> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>()? != *MAGIC {
            return Err(Error::Refused);
        }
        let found = reader.u16()?;
        if found > FORMAT {
            return Err(Error::Format { found, supported: FORMAT });
        }
        let vault = VaultId(reader.array()?);
        if reader.u8()? != number {
            return Err(Error::Refused);
        }
        let role = Role::from_number(reader.u8()?).ok_or(Error::Refused)?;
        let method = Method::read(&mut reader)?;
        let salt = reader.array()?;
        let label = String::from(reader.text()?);
        let (header, sealed) = bytes.split_at(bytes.len() - reader.remaining());
        let slot = Self { vault, number, role, method, salt, label };
        let same = slot.header().is_ok_and(|made| made.as_slice() == header);
        if same { Ok((slot, header, sealed)) } else { Err(Error::Refused) }
    }

    /// The key encryption key from material that needs no stretching, bound to this slot: HKDF-SHA-256 with the
    /// slot's salt. Not for a passphrase, whose key is the output of Argon2id itself.
    #[must_use]
    pub fn key_from(&self, material: &[u8]) -> Key32 {
        let mut key = Key32::default();
        let place = [self.number, self.role as u8, self.method.number()];
        Hkdf::<Sha256>::new(Some(&self.salt), material)
            .expand_multi_info(&[KEY_LABEL, &self.vault.0, &place], key.as_mut_slice())
            .expect("32 bytes are one block of HKDF");
        key
    }

    /// Wraps a key of the vault under the key encryption key.
    pub(super) fn wrap(&self, kek: &Key32, key: &[u8; 32], env: &mut Env<'_>) -> Result<Vec<u8>, Error> {
        Ok(record::seal(kek.as_slice(), LABEL, self.header()?.as_slice(), key, env))
    }
}

/// What a slot wraps.
///
/// # Errors
/// [`Error::Rejected`] when the key encryption key was another.
pub(super) fn unwrap(kek: &Key32, header: &[u8], sealed: &[u8]) -> Result<Key32, Error> {
    let plain = record::open(kek.as_slice(), LABEL, header, sealed).map_err(|_| Error::Rejected)?;
    Ok(Zeroizing::new(plain.as_slice().try_into().map_err(|_| Error::Refused)?))
}

/// The row of the slot with this number.
#[must_use]
pub fn slot_row(number: u8) -> RowKey {
    RowKey::new(VAULT, [SLOT, &[number][..]].concat())
}
