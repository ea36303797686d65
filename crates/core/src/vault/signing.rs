//! Signing keys: made inside, used through their handle, for one purpose each.

use zeroize::Zeroizing;

use super::keys::{KeyId, KeyInfo, KeyKind, KeyRecord, NewKey, Purpose, Usage};
use super::state::KeyState;
use super::transaction::Transaction;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::hash;
use crate::signature::{P256SigningKey, Signature, SigningKey, VerifyingKey};
use crate::wire::hex;

/// Makes an active P-256 key for one purpose.
///
/// # Errors
/// [`Error::KeyPurpose`] for the purpose of one-time codes; [`Error::TooLong`]; a store's fault.
pub fn generate(
    tx: &mut Transaction<'_>,
    purpose: Purpose,
    label: &str,
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    if purpose == Purpose::OneTimeCode {
        return Err(Error::KeyPurpose);
    }
    let key = P256SigningKey::generate(&mut tx.env());
    let public = VerifyingKey::P256(key.verifying_key()).to_spki_der();
    let new = NewKey {
        kind: KeyKind::P256,
        usage: Usage::Sign,
        purpose,
        state: KeyState::Active,
        label,
        owner,
        public_key: Some(hash::sha256(&[&public])),
        material: Zeroizing::new(key.to_bytes().to_vec()),
    };
    KeyRecord::create(tx, new).map(|record| record.info.id)
}

/// Signs a message. A signature by a document key is journalled with the message's SHA-256 and `name`, and leaves
/// only with that commit; a token key's is journalled where the session that it serves is.
///
/// # Errors
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`], [`Error::KeyState`] for misuse;
/// [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn sign(
    tx: &mut Transaction<'_>,
    id: KeyId,
    purpose: Purpose,
    message: &[u8],
    name: &str,
) -> Result<Signature, Error> {
    let record = KeyRecord::load(tx, id)?;
    let key = signing_key(&record)?;
    record.allow(Usage::Sign, purpose, &[KeyState::Active])?;
    let signature = key.sign(message, &mut tx.env())?;
    if purpose == Purpose::Document {
        let digest = hex(&hash::sha256(&[message]));
        let detail =
            Detail::new().with("purpose", purpose.name()).with("digest", digest).with("document", name);
        tx.event(EventKind::SignatureMade, record.info.owner, &id.row(), &detail)?;
    }
    Ok(signature)
}

/// The public key of a key pair; it may leave in every state but destroyed.
///
/// # Errors
/// [`Error::KeyKind`] when the key is no pair, [`Error::KeyState`] when it was destroyed; [`Error::UnknownKey`];
/// [`Error::Refused`] for an altered record; a store's fault.
pub fn public_key(tx: &mut Transaction<'_>, id: KeyId) -> Result<(KeyInfo, VerifyingKey), Error> {
    let record = KeyRecord::load(tx, id)?;
    let key = signing_key(&record)?.verifying_key();
    if Some(hash::sha256(&[&key.to_spki_der()])) != record.info.public_key {
        return Err(Error::Refused);
    }
    Ok((record.info, key))
}

fn signing_key(record: &KeyRecord) -> Result<SigningKey, Error> {
    match record.info.kind {
        KeyKind::P256 if record.info.state == KeyState::Destroyed => {
            Err(Error::KeyState(KeyState::Destroyed))
        }
        KeyKind::P256 => P256SigningKey::from_bytes(&record.material).map(SigningKey::P256),
        KeyKind::Hotp { .. } | KeyKind::Totp { .. } => Err(Error::KeyKind),
    }
}
