//! Changes of a key that is there: narrowed, copied, named, trusted.

use alloc::format;

use super::{Dates, Flag, Flags, KeyId, KeyInfo, KeyRecord, Purpose, Usage, Usages, checked_label};
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::mechanism::Mechanisms;
use crate::vault::ciphers;
use crate::vault::finding;
use crate::vault::roles::Operation;
use crate::vault::state::KeyState;
use crate::vault::transaction::Transaction;

/// What is taken away from a key. What is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// The usages that remain.
    pub usages: Option<Usages>,
    /// The mechanisms that remain.
    pub mechanisms: Option<Mechanisms>,
    /// The flags from now on: those that allow only fewer, those that forbid only more.
    pub flags: Option<Flags>,
    /// A later beginning.
    pub valid_from: Option<UnixTime>,
    /// An earlier end.
    pub valid_to: Option<UnixTime>,
    /// An earlier end of verifying and opening.
    pub accept_until: Option<UnixTime>,
}

/// Takes something away from a key, and so from each of its versions, for good; journalled.
///
/// # Errors
/// [`Error::KeyWidened`] for anything that would allow more than before; [`Error::KeyFixed`] when the key was made not
/// to be changed; [`Error::KeyState`] when it was destroyed; [`Error::UnknownKey`]; a store's fault.
pub fn narrow(tx: &mut Transaction<'_>, id: KeyId, narrowing: &Narrowing) -> Result<(), Error> {
    let mut record = modifiable(tx, id)?;
    narrow_info(&mut record.info, narrowing)?;
    record.put(tx)?;
    let info = &record.info;
    let detail = Detail::new()
        .with("usages", format!("{:?}", info.usages))
        .with("mechanisms", format!("{:?}", info.mechanisms))
        .with("flags", format!("{:?}", info.flags));
    tx.event(EventKind::KeyNarrowed, info.owner, record.row(), &detail).map(|_| ())
}

fn narrow_info(info: &mut KeyInfo, narrowing: &Narrowing) -> Result<(), Error> {
    let Narrowing { usages, mechanisms, flags, valid_from, valid_to, accept_until } = *narrowing;
    let usages = usages.unwrap_or(info.usages);
    let mechanisms = mechanisms.unwrap_or(info.mechanisms);
    let flags = flags.unwrap_or(info.flags);
    // What was lost of the past is lost; the past itself is not changed by hand.
    let past = Flags::MADE_HERE.or(Flags::of(&[Flag::Provisioned]));
    let earlier = |new: Option<UnixTime>, old: Option<UnixTime>| match (new, old) {
        (Some(new), Some(old)) if new > old => Err(Error::KeyWidened),
        (new, old) => Ok(new.or(old)),
    };
    let later = |new: Option<UnixTime>, old: Option<UnixTime>| match (new, old) {
        (Some(new), Some(old)) if new < old => Err(Error::KeyWidened),
        (new, old) => Ok(new.or(old)),
    };
    let narrower = usages.is_within(info.usages)
        && mechanisms.is_within(info.mechanisms)
        && flags.narrows(info.flags)
        && flags.and(past) == info.flags.and(past);
    if !narrower {
        return Err(Error::KeyWidened);
    }
    let dates = Dates {
        valid_from: later(valid_from, info.dates.valid_from)?,
        valid_to: earlier(valid_to, info.dates.valid_to)?,
        accept_until: earlier(accept_until, info.dates.accept_until)?,
        ..info.dates
    };
    (info.usages, info.mechanisms, info.flags, info.dates) = (usages, mechanisms, flags, dates);
    Ok(())
}

/// Copies an active key under a new handle, label and owner, so that the copy can do what `narrowing` leaves of it and
/// nothing more; answers its id. Journalled. The copy has a life of its own: what ends the original does not end it.
///
/// Its past comes along (made here, never extracted). Older versions stay behind: what they protected, the original opens. It
/// seals nothing with random nonces of 96 bits, which the original counts alone, until it is rotated.
///
/// # Errors
/// [`Error::KeyFixed`] for a key that may not be copied; [`Error::KeyKind`] for a one-time-password key, whose codes
/// would each be accepted once by either; [`Error::KeyPurpose`] for the journal's key of checkpoints and for wrapping keys;
/// [`Error::KeyState`] when it is not active; [`Error::KeyWidened`] for anything that would allow more;
/// [`Error::Role`]; [`Error::TooLong`]; [`Error::UnknownKey`]; a store's fault.
pub fn copy(
    tx: &mut Transaction<'_>,
    id: KeyId,
    narrowing: &Narrowing,
    label: &str,
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    tx.keyring().permit(Operation::MakeKeys)?;
    checked_label(label)?;
    let mut record = KeyRecord::load(tx, id)?;
    if matches!(record.info.purpose, Purpose::OneTimeCode) {
        return Err(Error::KeyKind);
    }
    // Trust is given to the one key that has a secret: with copies, one could be trusted and another leave.
    if matches!(record.info.purpose, Purpose::Checkpoint | Purpose::Wrapping) {
        return Err(Error::KeyPurpose);
    }
    if record.info.state != KeyState::Active {
        return Err(Error::KeyState(record.info.state));
    }
    if !record.info.flags.contains(Flag::Copyable) {
        return Err(Error::KeyFixed);
    }
    narrow_info(&mut record.info, narrowing)?;
    let new = KeyId(tx.env().random());
    record.row = new.row();
    record.info.id = new;
    record.info.version = 1;
    record.info.label = label.into();
    record.info.owner = owner;
    record.info.dates.created = tx.now();
    record.introduce(
        tx,
        EventKind::KeyCopied,
        &Detail::new().with("of", format!("{id}")).with("label", label),
    )?;
    ciphers::end_count(tx, &record.info)?;
    Ok(new)
}

/// Gives a key another label and owner; journalled.
///
/// # Errors
/// [`Error::TooLong`]; [`Error::KeyFixed`] when the key was made not to be changed; [`Error::KeyState`] when it was
/// destroyed; [`Error::UnknownKey`]; a store's fault.
pub fn rename(tx: &mut Transaction<'_>, id: KeyId, label: &str, owner: Option<Subject>) -> Result<(), Error> {
    checked_label(label)?;
    let mut record = modifiable(tx, id)?;
    finding::forget(tx, &record.info)?;
    record.info.label = label.into();
    record.info.owner = owner;
    record.put(tx)?;
    finding::note(tx, &record.info)?;
    let detail = Detail::new().with("label", label);
    tx.event(EventKind::KeyRenamed, owner, record.row(), &detail).map(|_| ())
}

fn modifiable(tx: &mut Transaction<'_>, id: KeyId) -> Result<KeyRecord, Error> {
    let record = KeyRecord::load(tx, id)?;
    if record.info.state == KeyState::Destroyed {
        return Err(Error::KeyState(KeyState::Destroyed));
    }
    if record.info.flags.contains(Flag::Modifiable) { Ok(record) } else { Err(Error::KeyFixed) }
}

/// Marks a wrapping key as trusted: keys may leave under it from now on, and it does not leave itself. For the security
/// officer; journalled.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::KeyKind`] for a key that wraps nothing;
/// [`Error::KeyState`] when it is not active; [`Error::KeyWidened`] for a symmetric one that was not made here, has left, or may
/// leave; [`Error::UnknownKey`]; a store's fault.
pub fn trust(tx: &mut Transaction<'_>, id: KeyId, reason: &str) -> Result<(), Error> {
    tx.keyring().permit(Operation::MarkKeys)?;
    let mut record = KeyRecord::load(tx, id)?;
    if !record.info.usages.contains(Usage::Wrap) {
        return Err(Error::KeyKind);
    }
    if record.info.state != KeyState::Active {
        return Err(Error::KeyState(record.info.state));
    }
    // Whoever has a copy of a secret key opens what is wrapped under it. A public key opens nothing, whoever brought it.
    let is_alone = Flags::MADE_HERE.is_within(record.info.flags);
    if record.info.kind.is_secret() && (!is_alone || record.info.flags.contains(Flag::Wrappable)) {
        return Err(Error::KeyWidened);
    }
    record.info.flags = record.info.flags.or(Flags::of(&[Flag::Trusted]));
    record.put(tx)?;
    let detail = Detail::new().with("reason", reason);
    tx.event(EventKind::KeyTrusted, record.info.owner, record.row(), &detail).map(|_| ())
}
