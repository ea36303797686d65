//! Rotation: the next version of a key protects what is new, older ones verify and open what was protected before, for
//! as long as policy says.

use alloc::format;
use alloc::vec::Vec;

use super::attributes::{Flag, Flags, KeyInfo, Purpose};
use super::ciphers;
use super::keys::{self, Asked, KeyId, KeyRecord, VERSIONS};
use super::kinds::KeyKind;
use super::material::Material;
use super::roles::Operation;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::hash;
use crate::store::Range;

/// The most versions of a key, those aside that were destroyed: to destroy it destroys them all in one commit, whose rows are counted
/// ([`Change::MAX_ROWS`](crate::store::Change::MAX_ROWS)).
pub const MOST: usize = 1000;

/// How long older versions still serve. The number comes from the caller's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// Seconds for which a version verifies and opens after it was rotated away; `None`: until somebody ends it.
    pub accept: Option<u64>,
}

/// Draws the next version of an active key. The version before is deactivated: it protects nothing new, and verifies and
/// opens until `policy` ends it. Label, usages, mechanisms and flags stay. Journalled with the reason.
///
/// # Errors
/// [`Error::KeyKind`] for an OTP key, whose successor must be enrolled, and for what is only kept;
/// [`Error::KeyState`] when the key is not active; [`Error::KeyFixed`] when it was made not to be changed; [`Error::TooLong`] for
/// one that has [`MOST`] versions; [`Error::Role`] for whoever makes no keys; [`Error::UnknownKey`]; a store's fault.
pub fn rotate(
    tx: &mut Transaction<'_>,
    id: KeyId,
    policy: &RotationPolicy,
    reason: &str,
) -> Result<u32, Error> {
    let mut old = KeyRecord::load(tx, id)?;
    // The log's key is everybody's who may write to the journal.
    if old.info.purpose != Purpose::Checkpoint {
        tx.keyring().permit(Operation::MakeKeys)?;
    }
    let kind = old.info.kind;
    if matches!(kind, KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. }) {
        return Err(Error::KeyKind);
    }
    if old.info.state != KeyState::Active {
        return Err(Error::KeyState(old.info.state));
    }
    if !old.info.flags.contains(Flag::Modifiable) {
        return Err(Error::KeyFixed);
    }
    let version = old.info.version.checked_add(1).ok_or(Error::CounterExhausted)?;
    if usize::try_from(version).is_ok_and(|version| version > MOST) {
        let is_left = |record: &KeyRecord| record.info.state != KeyState::Destroyed;
        let given = records(tx, id)?.iter().filter(|record| is_left(record)).count() + 1;
        if given > MOST {
            return Err(Error::TooLong { what: "the number of a key's versions", given, limit: MOST });
        }
    }
    let length = old.material.len();
    let Material { secret, public } = Material::draw(tx, kind, Some(length))?;
    let now = tx.now();

    let mut new = KeyRecord::load(tx, id)?;
    new.info.version = version;
    new.info.public_key = (!public.is_empty()).then(|| hash::sha256(&[public.as_slice()]));
    new.info.dates.activated = Some(now);
    // Whatever became of the old secret, this one was drawn here and has been nowhere else.
    new.info.flags = new.info.flags.without(Flags::of(&[Flag::Provisioned])).or(Flags::MADE_HERE);
    (new.material, new.public) = (secret, public);

    old.step_back();
    old.become_state(KeyState::Deactivated, now)?;
    if let Some(seconds) = policy.accept {
        let end = now.plus(seconds);
        old.info.dates.accept_until = Some(old.info.dates.accept_until.map_or(end, |until| until.min(end)));
    }
    old.put(tx)?;
    new.put(tx)?;
    ciphers::begin_count(tx, &new.info)?;
    let detail = Detail::new().with("version", format!("{}", new.info.version)).with("reason", reason);
    tx.event(EventKind::KeyRotated, new.info.owner, new.row(), &detail)?;
    tx.event(EventKind::KeyDeactivated, old.info.owner, old.row(), &Detail::new().with("reason", "rotated"))?;
    Ok(new.info.version)
}

/// What is known of every version of a key, the newest first.
///
/// # Errors
/// [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn list(tx: &mut Transaction<'_>, id: KeyId) -> Result<Vec<KeyInfo>, Error> {
    records(tx, id).map(|records| records.into_iter().map(|record| record.info).collect())
}

/// Every version, the newest first. A version that is missing was deleted by somebody: absence is never permission, and
/// never silent.
pub(super) fn records(tx: &mut Transaction<'_>, id: KeyId) -> Result<Vec<KeyRecord>, Error> {
    let newest = KeyRecord::load(tx, id)?;
    let mut versions = Vec::new();
    for version in (1..newest.info.version).rev() {
        let record = KeyRecord::load_version(tx, id, version).map_err(|error| match error {
            Error::UnknownKey => Error::Refused,
            other => other,
        })?;
        versions.push(record);
    }
    versions.insert(0, newest);
    Ok(versions)
}

/// The versions of a key that may be used so, the newest first. What the newest refuses the key refuses; an older one that is not
/// accepted any more by itself is no misuse, only no help. One authorisation is for all of them.
pub(super) fn allowed(
    tx: &mut Transaction<'_>,
    id: KeyId,
    asked: &Asked<'_>,
) -> Result<Vec<KeyRecord>, Error> {
    let mut records = records(tx, id)?;
    if let Some(newest) = records.first() {
        newest.allow(tx, asked)?;
    }
    let now = tx.now();
    records.retain(|record| record.judge(now, asked).is_ok());
    Ok(records)
}

/// Destroys every older version of a key that is being destroyed; answers how many there were. One that somebody has taken away or
/// altered holds nothing up: the newest answers for it, and an audit names it.
pub(super) fn destroy_older(
    tx: &mut Transaction<'_>,
    newest: &KeyInfo,
    reason: &str,
) -> Result<usize, Error> {
    let mut destroyed = 0;
    for version in 1..newest.version {
        match KeyRecord::load_version(tx, newest.id, version) {
            Err(Error::UnknownKey | Error::Refused) => {}
            Ok(record) if record.info.state == KeyState::Destroyed => {}
            record => {
                keys::change(tx, record?, KeyState::Destroyed, reason)?;
                destroyed += 1;
            }
        }
    }
    Ok(destroyed)
}

/// How many rows of older versions a key has, for audits.
///
/// # Errors
/// A store's fault.
pub fn count_rows(tx: &Transaction<'_>, id: KeyId) -> Result<usize, Error> {
    Ok(tx.store().scan(VERSIONS, &Range::prefix(&id.0), usize::MAX, None)?.rows.len())
}
