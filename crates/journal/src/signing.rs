//! Signed checkpoints in the vault: the log's own key says what the tree amounts to, and never signs anything that
//! does not extend what it signed before (`CRYPTO.md` §5).
//!
//! Signing is no event of its own: each would need the next checkpoint, without end.

use alloc::string::ToString;
use alloc::vec::Vec;

use zamok_core::Error;
use zamok_core::signature::VerifyingKey;
use zamok_core::store::{Range, Row, RowKey, Table};
use zamok_core::vault::relocation::FormerLog;
use zamok_core::vault::{KeyId, KeyKind, Keyring, Purpose, Transaction, finding, signing};
use zamok_core::wire::{Reader, Writer};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::note::{NoteSignature, SignatureType, VerifierKey};
use crate::policy::{TrustPolicy, Trusted};
use crate::rows::Head;
use crate::tiles::Tiles;
use crate::tree;

/// The log's signing key and its checkpoints, and whether the vault asks for an anchor, authenticated: `key`, `latest`,
/// `witnessed`, `anchor`.
pub const CHECKPOINTS: Table = Table(24);

const VERSION: u8 = 1;
const KEY: &[u8] = b"key";
const LATEST: &[u8] = b"latest";
const WITNESSED: &[u8] = b"witnessed";
/// What the keys of logs are called among the vault's keys.
const LABEL: &str = "journal checkpoints";
pub(crate) const ANCHOR: &[u8] = b"anchor";

/// Signs what the tree amounts to now, and keeps it as the latest checkpoint. Where nothing was added since, that one
/// stays. The log's key is made at the first call.
///
/// The caller commits, and shows nothing before: of two that sign at once, the one that comes second begins again.
///
/// # Errors
/// [`Error::Uncovered`] while the log is empty; [`Error::LogBehind`] and [`Error::LogForked`] when the tree is not an
/// extension of the last one that was signed: nothing is signed any more until a person has looked at it;
/// [`Error::Refused`] for altered rows, and where what was signed last is gone; a store's fault.
pub fn sign_checkpoint(tx: &mut Transaction<'_>) -> Result<SignedCheckpoint, Error> {
    // In this order: the head that is read then is that of the last checkpoint, or a later one.
    let last = read(tx, LATEST)?;
    let row = tx.store().get(&Head::row())?.ok_or(Error::Uncovered)?;
    let now = Head::open(tx.keyring(), &row)?.checkpoint();
    match last {
        Some(last) => {
            extends(tx, &now, last.checkpoint())?;
            if last.checkpoint().size == now.size {
                return Ok(last);
            }
        }
        // A log that has a key has signed: without the row nobody knows what. One that has signed meanwhile has the row by now.
        None if has_signed_before(tx)? || has_unnamed_key(tx)? => return Err(Error::Refused),
        None => {}
    }
    let (id, key) = signing_key(tx, &now.origin)?;
    let mut signed = SignedCheckpoint::unsigned(now)?;
    let signature = signing::sign_checkpoint(tx, id, signed.note().text().as_bytes())?;
    signed.note_mut().add(NoteSignature::new(&key, signature.to_fixed()))?;
    write(tx, LATEST, &signed)?;
    Ok(signed)
}

/// Takes up what witnesses said of a checkpoint of this log: their signatures stand below the latest checkpoint, if
/// that is the one, the latest of each, and the latest checkpoint with a quorum is kept for proofs.
///
/// # Errors
/// [`Error::Rejected`] when this log did not sign it, or a signature of one of the policy's witnesses is not theirs;
/// [`Error::Refused`] for altered rows; a store's fault.
pub fn keep_cosigned(
    tx: &mut Transaction<'_>,
    policy: &TrustPolicy,
    signed: &SignedCheckpoint,
) -> Result<Trusted, Error> {
    let (_, key) = signing_key(tx, &signed.checkpoint().origin)?;
    let policy = policy.clone().with_log(key.clone());
    let mut kept = read(tx, LATEST)?.filter(|latest| latest.note().text() == signed.note().text());
    let mut all = match &kept {
        Some(latest) => latest.clone(),
        None => SignedCheckpoint::unsigned(signed.checkpoint().clone())?,
    };
    for line in signed.note().signatures() {
        // Nobody fills the row with lines that nobody asked for, nor with one each time that a log at rest is cosigned.
        if let Some(witness) = policy.witnesses().find(|witness| line.is_by(&witness.key)) {
            all.note_mut().renew(&witness.key, line.clone())?;
        } else if line.is_by(&key) {
            all.note_mut().add(line.clone())?;
        }
    }
    let trusted = policy.check(&all)?;
    if kept.take().is_some_and(|latest| latest != all) {
        write(tx, LATEST, &all)?;
    }
    let before = read(tx, WITNESSED)?.map_or(0, |witnessed| witnessed.checkpoint().size);
    // A policy that asks for nobody makes no witness of nobody.
    if trusted.is_quorum && !trusted.witnesses.is_empty() && all.checkpoint().size > before {
        write(tx, WITNESSED, &all)?;
    }
    Ok(trusted)
}

/// The key that this log signs with, as others are told it.
///
/// # Errors
/// [`Error::Uncovered`] before the first checkpoint; [`Error::Refused`] for altered rows; a store's fault.
pub fn log_key(tx: &mut Transaction<'_>) -> Result<VerifierKey, Error> {
    let origin = read(tx, LATEST)?.ok_or(Error::Uncovered)?.checkpoint().origin.clone();
    Ok(signing_key(tx, &origin)?.1)
}

/// Whether the log has a key and no checkpoint: they are made in one commit.
fn has_signed_before(tx: &mut Transaction<'_>) -> Result<bool, Error> {
    let has_key = tx.state(&RowKey::new(CHECKPOINTS, KEY))?.is_some();
    Ok(has_key && tx.store().get(&RowKey::new(CHECKPOINTS, LATEST))?.is_none())
}

/// Whether a key was made for checkpoints that neither this log names nor a former one: a log that has lost both rows.
fn has_unnamed_key(tx: &mut Transaction<'_>) -> Result<bool, Error> {
    /// More logs than a vault has had.
    const MOST: usize = 4096;
    let own = RowKey::new(CHECKPOINTS, KEY);
    if tx.state(&own)?.is_some() {
        return Ok(false);
    }
    let mut named = Vec::new();
    for (key, row) in tx.store().scan(CHECKPOINTS, &Range::all(), MOST, None)?.rows {
        if of_former(&key).is_some_and(|(_, name)| name == KEY) {
            let place = RowKey::new(CHECKPOINTS, key);
            let mut reader = versioned(tx.keyring().verify(&place, &row)?)?;
            named.push(KeyId(reader.array()?));
        }
    }
    let made = finding::by_label(tx, LABEL, MOST)?;
    let is_unnamed = made.iter().any(|key| key.purpose == Purpose::Checkpoint && !named.contains(&key.id));
    // One that another process has made meanwhile has its row by now.
    Ok(is_unnamed && tx.store().get(&own)?.is_none())
}

/// Refuses a tree that is not `last` or an extension of it.
fn extends(tx: &Transaction<'_>, now: &Checkpoint, last: &Checkpoint) -> Result<(), Error> {
    if now.origin != last.origin {
        return Err(Error::LogForked);
    }
    if now.size < last.size {
        return Err(Error::LogBehind { found: now.size, anchored: last.size });
    }
    let mut tiles = Tiles::open(tx.store(), now.size, &now.root)?;
    let path = tree::consistency_path(&mut tiles, last.size, now.size)?;
    tree::verify_consistency((last.size, &last.root), (now.size, &now.root), &path)
        .map_err(|_| Error::LogForked)
}

/// The log's key, made where there is none.
fn signing_key(tx: &mut Transaction<'_>, origin: &str) -> Result<(KeyId, VerifierKey), Error> {
    let row = RowKey::new(CHECKPOINTS, KEY);
    let id = match tx.state(&row)? {
        Some(body) => {
            let mut reader = versioned(&body)?;
            let id = KeyId(reader.array()?);
            reader.end().map(|()| id)?
        }
        // A log that has signed has a key: without its row nobody knows which.
        None if read(tx, LATEST)?.is_some() => return Err(Error::Refused),
        None => {
            let id = signing::generate(tx, KeyKind::Ed25519, Purpose::Checkpoint, LABEL, None)?;
            tx.put_state(&row, &[&[VERSION][..], &id.0].concat())?;
            id
        }
    };
    let (_, VerifyingKey::Ed25519(public)) = signing::public_key(tx, id)? else { return Err(Error::KeyKind) };
    Ok((id, VerifierKey::new(origin, SignatureType::Ed25519, public.to_bytes())?))
}

fn read(tx: &mut Transaction<'_>, name: &[u8]) -> Result<Option<SignedCheckpoint>, Error> {
    tx.state(&RowKey::new(CHECKPOINTS, name))?.map(|body| decode(&body)).transpose()
}

fn write(tx: &mut Transaction<'_>, name: &[u8], signed: &SignedCheckpoint) -> Result<(), Error> {
    tx.put_state(&RowKey::new(CHECKPOINTS, name), &encode(signed)?)
}

/// The row of a former log's key or checkpoint, by the name that it had while the log was the vault's.
#[must_use]
pub fn former_row(number: u32, name: &[u8]) -> RowKey {
    RowKey::new(CHECKPOINTS, [&number.to_be_bytes()[..], name].concat())
}

/// Whether a row of [`CHECKPOINTS`] belongs to the log as it is, and goes with it when it becomes a former one.
#[must_use]
pub fn is_of_present_log(key: &[u8]) -> bool {
    [KEY, LATEST, WITNESSED].contains(&key)
}

/// Number and name of a row of a former log.
pub(crate) fn of_former(key: &[u8]) -> Option<(u32, &[u8])> {
    let (number, name) = key.split_first_chunk::<4>()?;
    is_of_present_log(name).then(|| (u32::from_be_bytes(*number), name))
}

/// The latest checkpoint of a former log, and the latest that witnesses cosigned.
pub(crate) fn open_former(
    keyring: &Keyring,
    number: u32,
    mut get: impl FnMut(&RowKey) -> Result<Option<Row>, Error>,
) -> Result<[Option<SignedCheckpoint>; 2], Error> {
    let mut named = |name: &[u8]| {
        let key = former_row(number, name);
        get(&key)?.map(|row| decode(keyring.verify(&key, &row)?)).transpose()
    };
    Ok([named(LATEST)?, named(WITNESSED)?])
}

/// The key that a former log signed with, as others are told it: whoever holds proofs of it needs it.
///
/// # Errors
/// [`Error::Uncovered`] when the log never signed anything; [`Error::Refused`] for altered rows; a store's fault.
pub fn former_key(tx: &mut Transaction<'_>, log: &FormerLog) -> Result<VerifierKey, Error> {
    let body = tx.state(&former_row(log.number, KEY))?.ok_or(Error::Uncovered)?;
    let mut reader = versioned(&body)?;
    let id = KeyId(reader.array()?);
    reader.end()?;
    let (_, VerifyingKey::Ed25519(public)) = signing::public_key(tx, id)? else { return Err(Error::KeyKind) };
    VerifierKey::new(&log.origin, SignatureType::Ed25519, public.to_bytes())
}

/// The key of the row that was made in one commit with this one: a log's key, and its latest checkpoint.
pub(crate) fn beside(key: &[u8]) -> Option<Vec<u8>> {
    let (number, name) =
        of_former(key).map_or((&[][..], key), |(_, name)| key.split_at(key.len() - name.len()));
    let other = match name {
        KEY => LATEST,
        LATEST => KEY,
        _ => return None,
    };
    Some([number, other].concat())
}

/// What a row under this key is called; `None` for keys that no row has.
pub(crate) fn row_name(key: &[u8]) -> Option<&'static str> {
    match key {
        KEY => Some("key"),
        LATEST => Some("latest"),
        WITNESSED => Some("witnessed"),
        ANCHOR => Some("anchor"),
        _ => match of_former(key)?.1 {
            KEY => Some("key of a former log"),
            LATEST => Some("latest of a former log"),
            _ => Some("witnessed of a former log"),
        },
    }
}

/// Whether the row under this key holds a checkpoint.
pub(crate) fn is_checkpoint(key: &[u8]) -> bool {
    key == LATEST || key == WITNESSED
}

/// Version, then the note.
pub(crate) fn encode(signed: &SignedCheckpoint) -> Result<Vec<u8>, Error> {
    let mut body = Writer::new();
    body.u8(VERSION).text(&signed.to_string())?;
    Ok(body.to_vec())
}

pub(crate) fn decode(body: &[u8]) -> Result<SignedCheckpoint, Error> {
    let mut reader = versioned(body)?;
    let signed = SignedCheckpoint::parse(reader.text()?)?;
    reader.end().map(|()| signed)
}

fn versioned(body: &[u8]) -> Result<Reader<'_>, Error> {
    let mut reader = Reader::new(body);
    match reader.u8()? {
        VERSION => Ok(reader),
        found => Err(Error::Format { found: found.into(), supported: VERSION.into() }),
    }
}

/// The latest checkpoint, and the latest that a quorum of witnesses cosigned, as the store has them.
pub(crate) fn open(
    keyring: &Keyring,
    mut get: impl FnMut(&RowKey) -> Result<Option<Row>, Error>,
) -> Result<[Option<SignedCheckpoint>; 2], Error> {
    let mut named = |name: &[u8]| {
        let key = RowKey::new(CHECKPOINTS, name);
        get(&key)?.map(|row| decode(keyring.verify(&key, &row)?)).transpose()
    };
    Ok([named(LATEST)?, named(WITNESSED)?])
}
