//! Keys: their attributes, their sealed record, their life (NIST SP 800-57 part 1).
//!
//! Attributes stand in the record's header, authenticated; label and key material are sealed. Nothing here hands out
//! key material: the modules beside it compute with a `KeyRecord` and drop it.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::state::KeyState;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::hash::HashAlgorithm;
use crate::otp::Digits;
use crate::store::{RowKey, Table};
use crate::wire::{Reader, Writer, hex};

/// Sealed records of keys, under their id.
pub const KEYS: Table = Table(2);

/// The handle of a key: 128 random bits. Knowing it grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    pub(super) fn row(self) -> RowKey {
        RowKey::new(KEYS, self.0)
    }
}

impl core::fmt::Display for KeyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What a key is. Numbers are part of the record format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// Counter-based one-time passwords (RFC 4226).
    Hotp {
        /// Hash under the HMAC.
        algorithm: HashAlgorithm,
        /// Digits of a code.
        digits: Digits,
    },
    /// Time-based one-time passwords (RFC 6238).
    Totp {
        /// Hash under the HMAC.
        algorithm: HashAlgorithm,
        /// Digits of a code.
        digits: Digits,
        /// Seconds of a step, at least 1.
        period: u64,
        /// Where step 0 begins, in seconds since 1970.
        t0: u64,
    },
    /// A key pair for ECDSA on P-256.
    P256,
}

impl KeyKind {
    /// The name that listings show.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hotp { .. } => "HOTP",
            Self::Totp { .. } => "TOTP",
            Self::P256 => "P-256",
        }
    }

    fn write(self, writer: &mut Writer) {
        match self {
            Self::Hotp { algorithm, digits } => {
                writer.u8(1).u8(algorithm.number()).u8(digits.count());
            }
            Self::Totp { algorithm, digits, period, t0 } => {
                writer.u8(2).u8(algorithm.number()).u8(digits.count()).u64(period).u64(t0);
            }
            Self::P256 => {
                writer.u8(16);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let kind = reader.u8()?;
        if kind == 16 {
            return Ok(Self::P256);
        }
        let algorithm = HashAlgorithm::from_number(reader.u8()?).ok_or(Error::Refused)?;
        let digits = Digits::new(reader.u8()?).map_err(|_| Error::Refused)?;
        match kind {
            1 => Ok(Self::Hotp { algorithm, digits }),
            2 => Ok(Self::Totp { algorithm, digits, period: reader.u64()?, t0: reader.u64()? }),
            _ => Err(Error::Refused),
        }
    }
}

/// What a key may be used for; a set of these, closed and checked before any mechanism runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Usage {
    /// Checking codes that others computed.
    VerifyCode = 1,
    /// Making signatures.
    Sign = 1 << 2,
}

/// What a key serves; one key, one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// One-time codes of a person.
    OneTimeCode = 1,
    /// Access tokens.
    Token = 2,
    /// Documents of a person.
    Document = 3,
}

impl Purpose {
    /// The name that listings show.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneTimeCode => "one-time code",
            Self::Token => "token",
            Self::Document => "document",
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::OneTimeCode,
            2 => Self::Token,
            3 => Self::Document,
            _ => return None,
        })
    }
}

/// What the vault keeps of a key's past; flags that can be lost, never gained.
mod history {
    pub(super) const LOCAL: u8 = 1;
    pub(super) const ALWAYS_SENSITIVE: u8 = 1 << 1;
    pub(super) const NEVER_EXTRACTED: u8 = 1 << 2;
    /// The secret was shown for enrolment; it is not shown again.
    pub(super) const PROVISIONED: u8 = 1 << 3;
    pub(super) const MADE_HERE: u8 = LOCAL | ALWAYS_SENSITIVE | NEVER_EXTRACTED;
    /// It was somewhere else before, and was shown there: nothing of the three, and no enrolment shows it again.
    pub(super) const MADE_ELSEWHERE: u8 = PROVISIONED;
}

/// What is known of a key, without its material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its handle.
    pub id: KeyId,
    /// Its version; rotation makes the next one.
    pub version: u32,
    /// What it is.
    pub kind: KeyKind,
    /// What it serves.
    pub purpose: Purpose,
    /// Where it stands in its life.
    pub state: KeyState,
    /// When it was made.
    pub created: UnixTime,
    /// When it was activated.
    pub activated: Option<UnixTime>,
    /// Whether it was made inside this vault.
    pub local: bool,
    /// SHA-256 of its SubjectPublicKeyInfo, for key pairs.
    pub public_key: Option<[u8; 32]>,
    /// Its label.
    pub label: String,
    /// Whose it is, under the journal's pseudonym; `None` for the service's own.
    pub owner: Option<Subject>,
}

/// A key with its material, in the hands of the vault.
pub(super) struct KeyRecord {
    pub(super) info: KeyInfo,
    usage: u32,
    history: u8,
    pub(super) material: Zeroizing<Vec<u8>>,
}

/// What a new key shall be.
pub(super) struct NewKey<'a> {
    pub(super) kind: KeyKind,
    pub(super) usage: Usage,
    pub(super) purpose: Purpose,
    pub(super) state: KeyState,
    pub(super) label: &'a str,
    pub(super) owner: Option<Subject>,
    pub(super) public_key: Option<[u8; 32]>,
    pub(super) material: Zeroizing<Vec<u8>>,
}

impl KeyRecord {
    const FORMAT: u8 = 1;
    /// Longest label, in bytes.
    const LABEL: usize = 256;

    /// Makes the record of a key that was drawn inside the vault, and journals it.
    pub(super) fn create(tx: &mut Transaction<'_>, new: NewKey<'_>) -> Result<Self, Error> {
        Self::begin(tx, new, history::MADE_HERE, EventKind::KeyCreated)
    }

    /// Makes the record of a key that comes from elsewhere, and journals it. Nobody knows who has seen its secret, so
    /// that it is neither local nor was it ever only here.
    pub(super) fn import(tx: &mut Transaction<'_>, new: NewKey<'_>) -> Result<Self, Error> {
        Self::begin(tx, new, history::MADE_ELSEWHERE, EventKind::KeyImported)
    }

    fn begin(tx: &mut Transaction<'_>, new: NewKey<'_>, past: u8, event: EventKind) -> Result<Self, Error> {
        if new.label.len() > Self::LABEL {
            return Err(Error::TooLong { what: "a key's label", given: new.label.len(), limit: Self::LABEL });
        }
        let id = KeyId(tx.env().random());
        let created = tx.now();
        let active = matches!(new.state, KeyState::Active);
        let info = KeyInfo {
            id,
            version: 1,
            kind: new.kind,
            purpose: new.purpose,
            state: new.state,
            created,
            activated: active.then_some(created),
            local: past & history::LOCAL != 0,
            public_key: new.public_key,
            label: new.label.into(),
            owner: new.owner,
        };
        let record = Self { info, usage: new.usage as u32, history: past, material: new.material };
        if tx.record(&id.row())?.is_some() {
            return Err(Error::Randomness);
        }
        record.put(tx)?;
        let detail = Detail::new()
            .with("kind", new.kind.name())
            .with("purpose", new.purpose.name())
            .with("label", new.label);
        tx.event(event, new.owner, &id.row(), &detail)?;
        Ok(record)
    }

    /// The record of a key; the commit expects it as it was found.
    pub(super) fn load(tx: &mut Transaction<'_>, id: KeyId) -> Result<Self, Error> {
        let opened = tx.record(&id.row())?.ok_or(Error::UnknownKey)?;
        let record = Self::decode(&opened.attributes, &opened.body)?;
        if record.info.id == id { Ok(record) } else { Err(Error::Refused) }
    }

    pub(super) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let attributes = self.attributes();
        let mut body = Writer::new();
        body.text(&self.info.label)?
            .raw(&self.info.owner.map_or([0; 16], |owner| owner.0))
            .bytes(&self.material)?;
        tx.put_record(&self.info.id.row(), attributes.as_slice(), body.as_slice())
    }

    /// Refuses a key that makes no one-time codes.
    pub(super) fn one_time(&self) -> Result<(), Error> {
        match self.info.kind {
            KeyKind::Hotp { .. } | KeyKind::Totp { .. } => Ok(()),
            KeyKind::P256 => Err(Error::KeyKind),
        }
    }

    /// Refuses a use that the key's usage, purpose or state does not allow, in this order.
    pub(super) fn allow(&self, usage: Usage, purpose: Purpose, states: &[KeyState]) -> Result<(), Error> {
        if self.usage & usage as u32 == 0 {
            return Err(Error::KeyUsage);
        }
        if self.info.purpose != purpose {
            return Err(Error::KeyPurpose);
        }
        if states.contains(&self.info.state) { Ok(()) } else { Err(Error::KeyState(self.info.state)) }
    }

    /// Notes that the secret of the key is shown now: once, and never again.
    pub(super) fn disclose(&mut self) -> Result<(), Error> {
        if self.history & history::PROVISIONED != 0 {
            return Err(Error::KeyUsage);
        }
        self.history =
            (self.history | history::PROVISIONED) & !(history::NEVER_EXTRACTED | history::ALWAYS_SENSITIVE);
        Ok(())
    }

    /// Moves the key on in its life. The caller journals it and puts the record.
    pub(super) fn become_state(&mut self, next: KeyState, now: UnixTime) -> Result<(), Error> {
        if !self.info.state.may_become(next) {
            return Err(Error::KeyState(self.info.state));
        }
        if matches!(next, KeyState::Active) && self.info.activated.is_none() {
            self.info.activated = Some(now);
        }
        if matches!(next, KeyState::Destroyed) {
            self.material = Zeroizing::new(Vec::new());
        }
        self.info.state = next;
        Ok(())
    }

    fn attributes(&self) -> Writer {
        let info = &self.info;
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&info.id.0).u32(info.version);
        info.kind.write(&mut writer);
        writer.u32(self.usage).u8(info.purpose as u8).u8(self.history).u8(info.state as u8);
        writer.u64(info.created.0).optional_u64(info.activated.map(|time| time.0));
        writer.raw(&info.public_key.unwrap_or([0; 32]));
        writer
    }

    fn decode(attributes: &[u8], body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(attributes);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(Error::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let id = KeyId(reader.array()?);
        let version = reader.u32()?;
        let kind = KeyKind::read(&mut reader)?;
        let usage = reader.u32()?;
        let purpose = Purpose::from_number(reader.u8()?).ok_or(Error::Refused)?;
        let history = reader.u8()?;
        let state = KeyState::from_number(reader.u8()?).ok_or(Error::Refused)?;
        let created = UnixTime(reader.u64()?);
        let activated = reader.optional_u64()?.map(UnixTime);
        let public_key = Some(reader.array()?).filter(|digest| *digest != [0; 32]);
        reader.end()?;

        let mut reader = Reader::new(body);
        let label = String::from(reader.text()?);
        let owner = Some(reader.array()?).filter(|owner| *owner != [0; 16]).map(Subject);
        let material = Zeroizing::new(reader.bytes()?.to_vec());
        reader.end()?;
        let local = history & history::LOCAL != 0;
        let info = KeyInfo {
            id,
            version,
            kind,
            purpose,
            state,
            created,
            activated,
            local,
            public_key,
            label,
            owner,
        };
        Ok(Self { info, usage, history, material })
    }
}

/// What is known of a key.
///
/// # Errors
/// [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn info(tx: &mut Transaction<'_>, id: KeyId) -> Result<KeyInfo, Error> {
    KeyRecord::load(tx, id).map(|record| record.info)
}

/// Puts an active key aside, or takes a suspended one back into use, or ends its life; journalled with the reason.
///
/// A key that was never active is not taken into use here: an OTP key becomes active by its test code alone (R12).
///
/// # Errors
/// [`Error::KeyState`] when the life of a key has no such step; [`Error::UnknownKey`]; a store's fault.
pub fn change_state(tx: &mut Transaction<'_>, id: KeyId, next: KeyState, reason: &str) -> Result<(), Error> {
    let mut record = KeyRecord::load(tx, id)?;
    let now = tx.now();
    if next == KeyState::Active && record.info.activated.is_none() {
        return Err(Error::KeyState(record.info.state));
    }
    record.become_state(next, now)?;
    record.put(tx)?;
    let kind = match next {
        KeyState::PreActive => return Err(Error::KeyState(record.info.state)),
        KeyState::Active => EventKind::KeyResumed,
        KeyState::Suspended => EventKind::KeySuspended,
        KeyState::Deactivated => EventKind::KeyDeactivated,
        KeyState::Compromised => EventKind::KeyCompromised,
        KeyState::Destroyed => EventKind::KeyDestroyed,
    };
    tx.event(kind, record.info.owner, &id.row(), &Detail::new().with("reason", reason)).map(|_| ())
}
