//! Keys: made or taken in after a template, changed only so that they can do less, led through their life (NIST
//! SP 800-57 part 1).
//!
//! Attributes stand in the record's header, authenticated; label, owner and key material are sealed. Nothing here hands
//! out key material: the modules beside it compute with a `KeyRecord` and drop it.

mod change;
mod template;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use zeroize::Zeroizing;

pub use self::change::{Narrowing, copy, narrow, rename, trust};
pub use self::template::Template;
pub use super::attributes::{Dates, Flag, Flags, KeyInfo, Purpose, Usage, Usages};
use super::cache::CachedKey;
use super::ciphers;
use super::finding;
pub use super::kinds::KeyKind;
use super::material::Material;
use super::roles::Operation;
use super::state::KeyState;
use super::transaction::Transaction;
use super::versions;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::hash;
use crate::mechanism::Mechanism;
use crate::signature::Signer;
use crate::store::{RowKey, Table};
use crate::wire::{Reader, Writer, hex};

/// Sealed records of keys in their newest version, under their id.
pub const KEYS: Table = Table(2);
/// Sealed records of older versions, under id and version.
pub const VERSIONS: Table = Table(4);

/// The handle of a key: 128 random bits. Knowing it grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    pub(super) fn row(self) -> RowKey {
        RowKey::new(KEYS, self.0)
    }

    pub(super) fn version_row(self, version: u32) -> RowKey {
        RowKey::new(VERSIONS, [&self.0[..], &version.to_be_bytes()].concat())
    }
}

impl core::fmt::Display for KeyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A key with its material, in the hands of the vault.
pub(super) struct KeyRecord {
    pub(super) info: KeyInfo,
    pub(super) material: Zeroizing<Vec<u8>>,
    /// SubjectPublicKeyInfo in DER; empty where there is none.
    pub(super) public: Vec<u8>,
    row: RowKey,
    signer: Option<Arc<dyn Signer>>,
    /// Of an older version, the state of the newest, which binds it as well.
    newest: Option<KeyState>,
}

/// What is asked of a key.
pub(super) struct Asked<'a> {
    pub(super) usage: Usage,
    pub(super) purpose: Purpose,
    pub(super) mechanism: Option<Mechanism>,
    pub(super) states: &'a [KeyState],
}

impl KeyRecord {
    /// Journals a use of a key of which each is to be known. A use that fails writes nothing.
    pub(super) fn tell_use(&self, tx: &mut Transaction<'_>, mechanism: Mechanism) -> Result<(), Error> {
        self.tell_use_as(tx, mechanism.name())
    }

    /// The same of a use that is no mechanism.
    pub(super) fn tell_use_as(&self, tx: &mut Transaction<'_>, how: &str) -> Result<(), Error> {
        if self.info.flags.contains(Flag::Audited) {
            let detail = Detail::new().with("mechanism", how);
            tx.event(EventKind::KeyUsed, self.info.owner, self.row(), &detail)?;
        }
        Ok(())
    }

    /// Makes the record of a key and journals it. What was drawn here is local and was only ever here; of what comes
    /// from elsewhere nobody knows who has seen it.
    pub(super) fn begin(
        tx: &mut Transaction<'_>,
        template: &Template<'_>,
        material: Material,
        (past, event): (Flags, EventKind),
        state: KeyState,
    ) -> Result<Self, Error> {
        // The log's key is everybody's who may write to the journal.
        if template.purpose != Purpose::Checkpoint {
            tx.keyring().permit(Operation::MakeKeys)?;
        }
        template.check()?;
        let id = KeyId(tx.env().random());
        let now = tx.now();
        let public_key = (!material.public.is_empty()).then(|| hash::sha256(&[material.public.as_slice()]));
        let info = KeyInfo {
            id,
            version: 1,
            kind: template.kind,
            usages: template.usages,
            purpose: template.purpose,
            mechanisms: template.mechanisms,
            flags: template.flags.or(past),
            state,
            dates: Dates {
                created: now,
                activated: (state == KeyState::Active).then_some(now),
                valid_from: template.valid_from,
                valid_to: template.valid_to,
                ..Dates::default()
            },
            external_id: template.external_id.to_vec(),
            public_key,
            label: template.label.into(),
            owner: template.owner,
        };
        let Material { secret, public } = material;
        let record = Self { info, material: secret, public, row: id.row(), signer: None, newest: None };
        let detail = Detail::new()
            .with("kind", template.kind.name())
            .with("purpose", template.purpose.name())
            .with("label", template.label);
        record.introduce(tx, event, &detail)?;
        ciphers::begin_count(tx, &record.info)?;
        Ok(record)
    }

    /// Puts a key where none was, to be found by its label, and journals it.
    fn introduce(&self, tx: &mut Transaction<'_>, event: EventKind, detail: &Detail) -> Result<(), Error> {
        if tx.record(&self.row)?.is_some() {
            return Err(Error::Randomness);
        }
        self.put(tx)?;
        finding::note(tx, &self.info)?;
        tx.event(event, self.info.owner, &self.row, detail).map(|_| ())
    }

    /// The newest version of a key; the commit expects it as it was found.
    pub(super) fn load(tx: &mut Transaction<'_>, id: KeyId) -> Result<Self, Error> {
        let record = Self::load_row(tx, id.row())?;
        if record.info.id == id { Ok(record) } else { Err(Error::Refused) }
    }

    /// A version of a key, the newest or an older one. Whatever is taken from the newest is taken from the key: an older one is
    /// held to its usages, mechanisms, flags and dates, and judged by its state beside its own.
    pub(super) fn load_version(tx: &mut Transaction<'_>, id: KeyId, version: u32) -> Result<Self, Error> {
        let newest = Self::load(tx, id)?;
        if newest.info.version == version {
            return Ok(newest);
        }
        let mut record = Self::load_row(tx, id.version_row(version))?;
        if (record.info.id, record.info.version) != (id, version) {
            return Err(Error::Refused);
        }
        record.info.narrow_to(&newest.info);
        record.newest = Some(newest.info.state);
        Ok(record)
    }

    fn load_row(tx: &mut Transaction<'_>, row: RowKey) -> Result<Self, Error> {
        let kept = tx.cache().and_then(|cache| cache.find(&row));
        let stored = tx.unwritten(&row, kept.as_ref().map(|kept| &kept.stored))?;
        if let (Some(kept), Some(stored)) = (&kept, &stored) {
            // The very bytes that were authenticated when they were opened.
            if Arc::ptr_eq(&kept.stored, stored) || kept.stored == *stored {
                let material = Zeroizing::new(kept.secret.expose()?.to_vec());
                let (info, public, signer) = (kept.info.clone(), kept.public.clone(), kept.signer.clone());
                return Ok(Self { info, material, public, row, signer, newest: None });
            }
        }
        let opened = tx.record(&row)?.ok_or(Error::UnknownKey)?;
        let mut record = Self::decode(row, &opened.attributes, &opened.body)?;
        if let (Some(cache), Some(stored)) = (tx.cache(), stored) {
            // A key with which nothing here computes is listed and ended all the same; who signs with it is told.
            record.signer = record.make_signer(tx).ok().flatten().map(Arc::from);
            // No room in locked memory is no failure: the key is opened again next time.
            if let Ok(secret) = cache.memory().hold(&record.material) {
                let (info, public) = (record.info.clone(), record.public.clone());
                let signer = record.signer.clone();
                cache.keep(&record.row, Arc::new(CachedKey { stored, info, secret, public, signer }));
            }
        }
        Ok(record)
    }

    pub(super) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let lengths = [self.info.label.len(), self.material.len(), self.public.len()];
        let attributes = self.info.encode(lengths)?;
        let mut body = Writer::new();
        body.raw(self.info.label.as_bytes())
            .raw(&self.info.owner.map_or([0; 16], |owner| owner.0))
            .raw(&self.material)
            .raw(&self.public);
        tx.put_record(&self.row, attributes.as_slice(), body.as_slice())
    }

    /// Reads an opened row.
    pub(super) fn decode(row: RowKey, attributes: &[u8], body: &[u8]) -> Result<Self, Error> {
        let (mut info, [label, material, public]) = KeyInfo::decode(attributes)?;
        let mut reader = Reader::new(body);
        info.label = String::from(core::str::from_utf8(reader.raw(label)?).map_err(|_| Error::Refused)?);
        info.owner = Some(reader.array()?).filter(|owner| *owner != [0; 16]).map(Subject);
        let material = Zeroizing::new(reader.raw(material)?.to_vec());
        let public = reader.raw(public)?.to_vec();
        reader.end()?;
        Ok(Self { info, material, public, row, signer: None, newest: None })
    }

    /// The row in which this version stands.
    pub(super) const fn row(&self) -> &RowKey {
        &self.row
    }

    /// Makes it an older version, in a row of its own.
    pub(super) fn step_back(&mut self) {
        self.row = self.info.id.version_row(self.info.version);
        self.signer = None;
    }

    /// Refuses a key that makes no one-time codes.
    pub(super) fn one_time(&self) -> Result<(), Error> {
        match self.info.kind {
            KeyKind::Hotp { .. } | KeyKind::Totp { .. } => Ok(()),
            _ => Err(Error::KeyKind),
        }
    }

    /// Refuses a use that the role, usage, purpose, mechanism, state or dates do not allow, in this order; last of all
    /// one that needs an authorisation and has none.
    pub(super) fn allow(&self, tx: &mut Transaction<'_>, asked: &Asked<'_>) -> Result<(), Error> {
        if asked.purpose != Purpose::Checkpoint {
            tx.keyring().permit(Operation::UseKeys)?;
        }
        self.judge(tx.now(), asked)?;
        let info = &self.info;
        if info.flags.contains(Flag::AlwaysAuthenticate) && !tx.spend_authorization(info.id) {
            return Err(Error::KeyUnauthorised);
        }
        Ok(())
    }

    /// Refuses a use that the usage, purpose, mechanism, state or dates do not allow.
    pub(super) fn judge(&self, now: UnixTime, asked: &Asked<'_>) -> Result<(), Error> {
        let info = &self.info;
        if !info.usages.contains(asked.usage) {
            return Err(Error::KeyUsage);
        }
        if info.purpose != asked.purpose {
            return Err(Error::KeyPurpose);
        }
        if asked.mechanism.is_some_and(|mechanism| !info.mechanisms.contains(mechanism)) {
            return Err(Error::KeyMechanism);
        }
        if !asked.states.contains(&info.state) {
            return Err(Error::KeyState(info.state));
        }
        if let Some(newest) = self.newest.filter(|newest| !asked.states.contains(newest)) {
            return Err(Error::KeyState(newest));
        }
        if info.dates.allow(asked.usage, now) { Ok(()) } else { Err(Error::KeyNotValid) }
    }

    /// The private key, ready to sign.
    pub(super) fn signer(&mut self, tx: &Transaction<'_>) -> Result<Arc<dyn Signer>, Error> {
        if self.info.kind.algorithm().is_none() {
            return Err(Error::KeyKind);
        }
        if self.info.state == KeyState::Destroyed {
            return Err(Error::KeyState(KeyState::Destroyed));
        }
        if self.signer.is_none() {
            self.signer = self.make_signer(tx)?.map(Arc::from);
        }
        self.signer.clone().ok_or(Error::KeyKind)
    }

    fn make_signer(&self, tx: &Transaction<'_>) -> Result<Option<Box<dyn Signer>>, Error> {
        match self.info.kind.algorithm() {
            Some(algorithm) if self.info.state != KeyState::Destroyed => {
                tx.signer(algorithm, &self.material).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Notes that the secret of the key is shown now: once, and never again.
    pub(super) fn disclose(&mut self) -> Result<(), Error> {
        if self.info.flags.contains(Flag::Provisioned) {
            return Err(Error::KeyUsage);
        }
        let lost = Flags::of(&[Flag::NeverExtracted, Flag::AlwaysSensitive]);
        self.info.flags = self.info.flags.or(Flags::of(&[Flag::Provisioned])).without(lost);
        Ok(())
    }

    /// Moves the key on in its life. The caller journals it and puts the record.
    pub(super) fn become_state(&mut self, next: KeyState, now: UnixTime) -> Result<(), Error> {
        if !self.info.state.may_become(next) {
            return Err(Error::KeyState(self.info.state));
        }
        let dates = &mut self.info.dates;
        match next {
            KeyState::Active => {
                dates.activated.get_or_insert(now);
            }
            KeyState::Deactivated => dates.deactivated = Some(now),
            KeyState::Compromised => dates.compromised = Some(now),
            KeyState::Destroyed => {
                if !self.info.flags.contains(Flag::Destroyable) {
                    return Err(Error::KeyFixed);
                }
                dates.destroyed = Some(now);
                self.material = Zeroizing::new(Vec::new());
            }
            KeyState::PreActive | KeyState::Suspended => {}
        }
        self.info.state = next;
        self.signer = None;
        Ok(())
    }
}

/// Draws a key after a template. An OTP key is pre-active, every other is active.
///
/// # Errors
/// [`Error::KeyPurpose`], [`Error::KeyUsage`], [`Error::KeyMechanism`], [`Error::KeyWidened`], [`Error::TooLong`] for a
/// template that its kind does not bear; [`Error::KeyKind`] for a kind that is only kept or has its own way of being
/// made; [`Error::KeyMaterial`] for a length out of range; [`Error::KeyUnsupported`]; a store's fault.
pub fn generate(tx: &mut Transaction<'_>, template: &Template<'_>) -> Result<KeyId, Error> {
    if matches!(template.kind, KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. }) {
        // They have a state row as well: `one_time::generate`.
        return Err(Error::KeyKind);
    }
    template.check()?;
    let material = Material::draw(tx, template.kind, template.length)?;
    let made = (Flags::MADE_HERE, EventKind::KeyCreated);
    KeyRecord::begin(tx, template, material, made, KeyState::Active).map(|record| record.info.id)
}

/// What is known of a key in its newest version.
///
/// # Errors
/// [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn info(tx: &mut Transaction<'_>, id: KeyId) -> Result<KeyInfo, Error> {
    KeyRecord::load(tx, id).map(|record| record.info)
}

/// Puts an active key aside, or takes a suspended one back into use, or ends its life; journalled with the reason. Older
/// versions do no more than the newest is let: what puts a key aside puts them aside, and to destroy it destroys them all.
///
/// An OTP key that verifies codes and was never active is not taken into use here: it becomes active by its test code
/// alone (R12). One that only computes codes has no test code here; it is taken into use once the other side knows its
/// secret.
///
/// # Errors
/// [`Error::KeyState`] when the life of a key has no such step; [`Error::KeyFixed`] when the key was made not to be
/// destroyed; [`Error::UnknownKey`]; a store's fault.
pub fn change_state(tx: &mut Transaction<'_>, id: KeyId, next: KeyState, reason: &str) -> Result<(), Error> {
    let record = KeyRecord::load(tx, id)?;
    // Keys were destroyed once whose older versions were not.
    let again = next == KeyState::Destroyed && record.info.state == KeyState::Destroyed;
    if again && versions::destroy_older(tx, &record.info, reason)? > 0 {
        return Ok(());
    }
    change(tx, record, next, reason)
}

/// [`change_state`] for one version of a key: an older one can become compromised or be destroyed by itself, the newest only
/// with all others.
///
/// # Errors
/// As [`change_state`].
pub fn change_version_state(
    tx: &mut Transaction<'_>,
    id: KeyId,
    version: u32,
    next: KeyState,
    reason: &str,
) -> Result<(), Error> {
    let record = KeyRecord::load_version(tx, id, version)?;
    change(tx, record, next, reason)
}

pub(super) fn change(
    tx: &mut Transaction<'_>,
    mut record: KeyRecord,
    next: KeyState,
    reason: &str,
) -> Result<(), Error> {
    let now = tx.now();
    let is_new = record.info.dates.activated.is_none();
    if next == KeyState::Active && is_new && record.info.usages.contains(Usage::VerifyCode) {
        return Err(Error::KeyState(record.info.state));
    }
    record.become_state(next, now)?;
    if next == KeyState::Destroyed && record.newest.is_none() {
        versions::destroy_older(tx, &record.info, reason)?;
    }
    record.put(tx)?;
    let kind = match next {
        KeyState::PreActive => return Err(Error::KeyState(record.info.state)),
        KeyState::Active if is_new => EventKind::KeyActivated,
        KeyState::Active => EventKind::KeyResumed,
        KeyState::Suspended => EventKind::KeySuspended,
        KeyState::Deactivated => EventKind::KeyDeactivated,
        KeyState::Compromised => EventKind::KeyCompromised,
        KeyState::Destroyed => EventKind::KeyDestroyed,
    };
    tx.event(kind, record.info.owner, record.row(), &Detail::new().with("reason", reason)).map(|_| ())
}

fn checked_label(label: &str) -> Result<(), Error> {
    let (given, limit) = (label.len(), KeyInfo::LABEL);
    if given > limit { Err(Error::TooLong { what: "a key's label", given, limit }) } else { Ok(()) }
}
