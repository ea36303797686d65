//! Data sealed under AES keys of the vault. One-shot only: nothing of a message is shown before all of it is
//! authenticated, so that parts would only be a buffer (`docs/decisions/0011-no-streaming-aead.md`).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::attributes::{KeyInfo, Purpose, Usage};
use super::keys::{Asked, KeyId, KeyRecord};
use super::kinds::KeyKind;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::aead::{self, GCM_NONCE, XAES_NONCE};
use crate::error::Error;
use crate::mechanism::Mechanism;
use crate::store::{RowKey, Table};
use crate::wire::{Reader, Writer};

/// How many messages a key has sealed with random nonces of 96 bits, under id and version.
pub const NONCES: Table = Table(6);
/// How many it may (NIST SP 800-38D §8.3).
const MOST_NONCES: u64 = 1 << 32;

/// A sealed message with the version of the key that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The version of the key.
    pub version: u32,
    /// Nonce ‖ ciphertext ‖ tag.
    pub bytes: Vec<u8>,
}

/// Seals a message with a random nonce: [`Mechanism::XaesGcm`], or [`Mechanism::AesGcm`], which counts its messages and
/// so writes a row for each.
///
/// # Errors
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`], [`Error::KeyMechanism`], [`Error::KeyState`],
/// [`Error::KeyNotValid`] for misuse; [`Error::KeyExhausted`] after 2³² messages, and for a copy or a key that came in by a
/// wrap, which seal with [`Mechanism::XaesGcm`]; [`Error::UnknownKey`]; a store's fault.
pub fn seal(
    tx: &mut Transaction<'_>,
    id: KeyId,
    mechanism: Mechanism,
    associated: &[u8],
    plain: &[u8],
) -> Result<Sealed, Error> {
    let record = KeyRecord::load(tx, id)?;
    let key = keyed(tx, &record, mechanism, Usage::Encrypt)?;
    let bytes = match mechanism {
        Mechanism::XaesGcm => {
            let nonce: [u8; XAES_NONCE] = tx.env().random();
            [&nonce[..], &aead::xaes_seal(&key, &nonce, associated, plain)?].concat()
        }
        Mechanism::AesGcm => {
            count_nonce(tx, &record.info)?;
            let nonce: [u8; GCM_NONCE] = tx.env().random();
            [&nonce[..], &aead::gcm_seal(&key, &nonce, associated, plain)?].concat()
        }
        _ => return Err(Error::KeyMechanism),
    };
    Ok(Sealed { version: record.info.version, bytes })
}

/// Seals a message under AES-256-GCM with the caller's nonce, **which must never come again under this key**: for
/// protocols that count by themselves, and for keys alone that were made to allow
/// [`Mechanism::AesGcmCallerNonce`].
///
/// # Errors
/// As [`seal`].
pub fn seal_with_nonce(
    tx: &mut Transaction<'_>,
    id: KeyId,
    nonce: &[u8; GCM_NONCE],
    associated: &[u8],
    plain: &[u8],
) -> Result<Sealed, Error> {
    let record = KeyRecord::load(tx, id)?;
    let key = keyed(tx, &record, Mechanism::AesGcmCallerNonce, Usage::Encrypt)?;
    let bytes = [&nonce[..], &aead::gcm_seal(&key, nonce, associated, plain)?].concat();
    Ok(Sealed { version: record.info.version, bytes })
}

/// Opens a message with the version of the key that sealed it.
///
/// # Errors
/// [`Error::Rejected`] when it was not sealed so under this key; for misuse as [`seal`].
pub fn open(
    tx: &mut Transaction<'_>,
    id: KeyId,
    mechanism: Mechanism,
    associated: &[u8],
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let record = match KeyRecord::load_version(tx, id, sealed.version) {
        // A version that there is not: nothing was sealed under it. An unknown key and misuse are told before that.
        Err(Error::UnknownKey) => {
            let newest = KeyRecord::load(tx, id)?;
            keyed(tx, &newest, mechanism, Usage::Decrypt)?;
            return Err(Error::Rejected);
        }
        record => record?,
    };
    let key = keyed(tx, &record, mechanism, Usage::Decrypt)?;
    match mechanism {
        Mechanism::XaesGcm => {
            let (nonce, rest) = sealed.bytes.split_first_chunk::<XAES_NONCE>().ok_or(Error::Rejected)?;
            aead::xaes_open(&key, nonce, associated, rest)
        }
        Mechanism::AesGcm | Mechanism::AesGcmCallerNonce => {
            let (nonce, rest) = sealed.bytes.split_first_chunk::<GCM_NONCE>().ok_or(Error::Rejected)?;
            aead::gcm_open(&key, nonce, associated, rest)
        }
        _ => Err(Error::KeyMechanism),
    }
}

fn keyed(
    tx: &mut Transaction<'_>,
    record: &KeyRecord,
    mechanism: Mechanism,
    usage: Usage,
) -> Result<Zeroizing<[u8; 32]>, Error> {
    if record.info.kind != KeyKind::Aes256 {
        return Err(Error::KeyKind);
    }
    let states: &[KeyState] = match usage {
        Usage::Encrypt => &[KeyState::Active],
        // What a compromised key protected must still be read, to be protected anew.
        _ => &[KeyState::Active, KeyState::Deactivated, KeyState::Compromised],
    };
    let asked = Asked { usage, purpose: Purpose::Data, mechanism: Some(mechanism), states };
    record.allow(tx, &asked)?;
    tx.self_test(mechanism)?;
    record.tell_use(tx, mechanism)?;
    aes_key(record)
}

/// The 32 bytes of an AES key.
pub(super) fn aes_key(record: &KeyRecord) -> Result<Zeroizing<[u8; 32]>, Error> {
    record.material.as_slice().try_into().map(Zeroizing::new).map_err(|_| Error::Refused)
}

/// Where the messages of a key are counted.
fn count_row((id, version): (KeyId, u32)) -> RowKey {
    RowKey::new(NONCES, [&id.0[..], &version.to_be_bytes()].concat())
}

/// Begins to count the messages of a new key, or of a new version, where it has any that are counted: nothing is sealed
/// without the row.
pub(super) fn begin_count(tx: &mut Transaction<'_>, info: &KeyInfo) -> Result<(), Error> {
    if info.mechanisms.contains(Mechanism::AesGcm) { put_count(tx, info, 0) } else { Ok(()) }
}

/// Leaves none to a key whose secret others have: a copy, and what came in. Each would count by itself, and the bound is one for
/// all messages under a secret. A next version has its own.
pub(super) fn end_count(tx: &mut Transaction<'_>, info: &KeyInfo) -> Result<(), Error> {
    if info.mechanisms.contains(Mechanism::AesGcm) { put_count(tx, info, MOST_NONCES) } else { Ok(()) }
}

fn count(tx: &mut Transaction<'_>, key: (KeyId, u32)) -> Result<u64, Error> {
    let body = tx.state(&count_row(key))?.ok_or(Error::Refused)?;
    let mut reader = Reader::new(&body);
    let found = reader.u8()?;
    if found != 1 {
        return Err(Error::Format { found: found.into(), supported: 1 });
    }
    let count = reader.u64()?;
    reader.end()?;
    Ok(count)
}

fn put_count(tx: &mut Transaction<'_>, info: &KeyInfo, count: u64) -> Result<(), Error> {
    tx.put_state(&count_row((info.id, info.version)), Writer::new().u8(1).u64(count).as_slice())
}

/// Counts one more message. A row that was put back makes the bound looser, and nothing else depends on it, so that it
/// is not journalled.
fn count_nonce(tx: &mut Transaction<'_>, info: &KeyInfo) -> Result<(), Error> {
    let count = count(tx, (info.id, info.version))?;
    if count >= MOST_NONCES { Err(Error::KeyExhausted) } else { put_count(tx, info, count + 1) }
}
