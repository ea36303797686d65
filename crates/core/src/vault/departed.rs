//! What has left the vault, wrapped, and what came in. A note names the keys of a material (`docs/formats/state.md`), so that it
//! is known again in whatever wrap it comes, and is held to what became of each (`docs/decisions/0024-what-comes-back.md`).

use alloc::format;
use alloc::vec::Vec;

use super::attributes::{Flag, Flags, KeyInfo, Purpose};
use super::keys::{KeyId, KeyRecord};
use super::kinds::KeyKind;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::mac::hmac_sha256;
use crate::store::{RowKey, Table};
use crate::wire::{Reader, Writer};

/// Which keys have the material that left or came in, under a MAC of kind and material.
pub const DEPARTED: Table = Table(9);
const FORMAT: u8 = 1;
/// The most keys of one material that are noted.
const MOST: usize = 64;
const LABEL: &[u8] = b"zamok/departed/v1";

/// A key of this vault with the material of one that comes in.
pub(super) struct Former {
    /// The version that left; `None` for one that this vault has not come to.
    pub(super) version: Option<KeyInfo>,
    newest: KeyInfo,
}

impl Former {
    fn load(tx: &mut Transaction<'_>, id: KeyId, version: u32) -> Result<Self, Error> {
        let newest = KeyRecord::load(tx, id)?.info;
        let version = if version > newest.version {
            None
        } else {
            // Absence is never permission: a version that is missing was deleted by somebody.
            let found = KeyRecord::load_version(tx, id, version).map_err(|error| match error {
                Error::UnknownKey => Error::Refused,
                other => other,
            })?;
            Some(found.info)
        };
        Ok(Self { version, newest })
    }

    fn is_destroyed(&self) -> bool {
        let version = self.version.as_ref();
        self.newest.state == KeyState::Destroyed
            && version.is_some_and(|version| version.state == KeyState::Destroyed)
    }

    /// Takes from a key on its way in what was taken from this one, and leads it no step back in its life.
    fn hold(&self, info: &mut KeyInfo) -> Result<(), Error> {
        if self.newest.kind != info.kind {
            return Err(Error::KeyKind);
        }
        if self.newest.purpose != info.purpose {
            return Err(Error::KeyPurpose);
        }
        info.narrow_to(&self.newest);
        let known = self.version.as_ref().unwrap_or(&self.newest);
        // What is said of the newest is said of the key.
        for known in [known, &self.newest] {
            if known.state == KeyState::Compromised || known.dates.compromised.is_some() {
                return Err(Error::KeyState(KeyState::Compromised));
            }
        }
        if info.purpose == Purpose::OneTimeCode {
            // Each code would be accepted once by either. To be destroyed is how such a key goes, and no verdict on it.
            return if known.state == KeyState::Destroyed { Ok(()) } else { Err(Error::KeyKind) };
        }
        let Some(version) = &self.version else { return Ok(()) };
        info.narrow_to(version);
        if version.version != self.newest.version && self.newest.state == KeyState::Suspended {
            // Deactivated, it would verify and open what the key itself does not, until it is resumed.
            return Err(Error::KeyState(KeyState::Suspended));
        }
        if version.dates.deactivated.is_some() {
            (info.state, info.dates.deactivated) = (KeyState::Deactivated, version.dates.deactivated);
        } else if version.state == KeyState::Suspended && info.state != KeyState::Deactivated {
            info.state = KeyState::Suspended;
        }
        Ok(())
    }
}

/// What is noted of a material.
#[derive(Default)]
pub(super) struct Note {
    /// Whether it ever left.
    has_left: bool,
    /// The keys that have it or had it, the oldest first.
    keys: Vec<(KeyId, u32)>,
}

impl Note {
    pub(super) fn load(tx: &mut Transaction<'_>, row: &RowKey) -> Result<Self, Error> {
        let Some(body) = tx.state(row)? else { return Ok(Self::default()) };
        let mut reader = Reader::new(&body);
        let found = reader.u8()?;
        if found != FORMAT {
            return Err(Error::Format { found: found.into(), supported: FORMAT.into() });
        }
        let has_left = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(Error::Refused),
        };
        let mut keys = Vec::new();
        while reader.remaining() > 0 {
            keys.push((KeyId(reader.array()?), reader.u32()?));
        }
        Ok(Self { has_left, keys })
    }

    pub(super) fn put(&self, tx: &mut Transaction<'_>, row: &RowKey) -> Result<(), Error> {
        let mut body = Writer::public(2 + 20 * self.keys.len());
        body.u8(FORMAT).u8(self.has_left.into());
        for (id, version) in &self.keys {
            body.raw(&id.0).u32(*version);
        }
        tx.put_state(row, body.as_slice())
    }
}

/// Notes that this key has its material, in the words of the event by which it left or came in.
pub(super) fn note(tx: &mut Transaction<'_>, record: &KeyRecord, event: EventKind) -> Result<(), Error> {
    let KeyInfo { id, version, kind, owner, .. } = &record.info;
    let row = row(*kind, &record.material)?;
    let mut note = Note::load(tx, &row)?;
    let (leaves, is_known) = (event == EventKind::KeyWrapped, note.keys.contains(&(*id, *version)));
    if is_known && (note.has_left || !leaves) {
        return Ok(());
    }
    note.has_left |= leaves;
    if !is_known {
        if !leaves && note.keys.len() >= MOST {
            // Nothing becomes of these any more, and what comes in has just been held to them.
            let mut alive = Vec::new();
            for (id, version) in note.keys {
                if !former(tx, id, version)?.is_destroyed() {
                    alive.push((id, version));
                }
            }
            note.keys = alive;
        }
        note.keys.push((*id, *version));
        let (given, limit) = (note.keys.len(), MOST);
        if given > limit {
            return Err(Error::TooLong { what: "the list of keys with one secret", given, limit });
        }
    }
    note.put(tx, &row)?;
    tx.event(event, *owner, &row, &Detail::new().with("key", format!("{id}"))).map(|_| ())
}

/// Notes once more that a key left, as a journal that outlived its store tells: the newest version was out, and its material is
/// known as what left. Journalled with the reason, where it was not known. Whether it was so.
///
/// # Errors
/// [`Error::UnknownKey`]; [`Error::TooLong`] where 64 other keys are noted with its secret; a store's fault.
pub fn note_left(tx: &mut Transaction<'_>, id: KeyId, reason: &str) -> Result<bool, Error> {
    let mut record = KeyRecord::load(tx, id)?;
    // Of a destroyed one there is no material: an earlier attempt at the replay has noted it.
    if record.info.state == KeyState::Destroyed {
        return Ok(false);
    }
    let is_new = record.info.flags.contains(Flag::NeverExtracted);
    if is_new {
        record.info.flags = record.info.flags.without(Flags::of(&[Flag::NeverExtracted]));
        record.put(tx)?;
        let detail = Detail::new().with("reason", reason);
        tx.event(EventKind::KeyWrapped, record.info.owner, record.row(), &detail)?;
    }
    note(tx, &record, EventKind::KeyWrapped)?;
    Ok(is_new)
}

/// The keys that are known to have this material as this kind, and whether it ever left.
pub(super) fn find(
    tx: &mut Transaction<'_>,
    kind: KeyKind,
    material: &[u8],
) -> Result<(Vec<Former>, bool), Error> {
    let note = Note::load(tx, &row(kind, material)?)?;
    let formers = note.keys.iter().map(|(id, version)| former(tx, *id, *version));
    Ok((formers.collect::<Result<_, _>>()?, note.has_left))
}

/// A key that is noted.
fn former(tx: &mut Transaction<'_>, id: KeyId, version: u32) -> Result<Former, Error> {
    Former::load(tx, id, version).map_err(|error| match error {
        Error::UnknownKey => Error::Refused,
        other => other,
    })
}

/// The key that is meant by id and version, where this vault has it.
pub(super) fn named(tx: &mut Transaction<'_>, id: KeyId, version: u32) -> Result<Option<Former>, Error> {
    match Former::load(tx, id, version) {
        Err(Error::UnknownKey) => Ok(None),
        found => found.map(Some),
    }
}

/// Holds a key on its way in to all that is known of it here.
pub(super) fn hold(info: &mut KeyInfo, formers: &[Former]) -> Result<(), Error> {
    formers.iter().try_for_each(|former| former.hold(info))
}

/// The kind counts: a secret comes back as what it was, and as nothing else.
fn row(kind: KeyKind, material: &[u8]) -> Result<RowKey, Error> {
    let mut name = Writer::new();
    kind.write(&mut name)?;
    Ok(RowKey::new(DEPARTED, hmac_sha256(material, &[LABEL, name.as_slice()])))
}

/// The names of those versions that this vault has.
pub(super) fn ids(formers: &[Former]) -> Vec<(KeyId, u32)> {
    formers.iter().filter_map(|former| former.version.as_ref()).map(|info| (info.id, info.version)).collect()
}
