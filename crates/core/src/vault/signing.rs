//! Signatures: made through the handle of a key, for its one purpose; checked with keys of the vault.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::attributes::{KeyInfo, Purpose, Usage};
use super::keys::{self, Asked, KeyId, KeyRecord, Template};
use super::kinds::KeyKind;
use super::state::KeyState;
use super::transaction::Transaction;
use super::versions;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::hash::{self, Digested, Hashing};
use crate::mechanism::Mechanism;
use crate::signature::{Prepared, Signature, VerifyingKey};
use crate::vault::Flag;
use crate::wire::hex;

/// Makes an active signing key for one purpose.
///
/// # Errors
/// [`Error::KeyKind`] for a kind that makes no signatures; [`Error::KeyPurpose`] for a purpose that needs none;
/// [`Error::TooLong`]; a store's fault.
pub fn generate(
    tx: &mut Transaction<'_>,
    kind: KeyKind,
    purpose: Purpose,
    label: &str,
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    if kind.algorithm().is_none() {
        return Err(Error::KeyKind);
    }
    keys::generate(tx, &Template::new(kind, purpose).named(label, owner))
}

/// Signs a message with the mechanism that is meant where none is named. A signature by an audited key (those of
/// documents and certificates are) is journalled with the message's SHA-256 and `name`, and leaves only with that
/// commit; a token key's is journalled where the session that it serves is.
///
/// # Errors
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyState`], [`Error::KeyNotValid`] for misuse;
/// [`Error::KeyPurpose`] for another purpose than the key's, and for checkpoints, which [`sign_checkpoint`] alone
/// signs; [`Error::KeyUnauthorised`]; [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn sign(
    tx: &mut Transaction<'_>,
    id: KeyId,
    purpose: Purpose,
    message: &[u8],
    name: &str,
) -> Result<Signature, Error> {
    sign_with(tx, id, None, purpose, Prepared::Message(message), name)
}

/// [`sign`] with a mechanism of the caller's choice (`None`: the usual one), over a message or over the digest of one that
/// came in parts ([`Signing`]).
///
/// # Errors
/// As [`sign`]; [`Error::KeyMechanism`] for a mechanism that the key does not allow, or that takes no digest.
pub fn sign_with(
    tx: &mut Transaction<'_>,
    id: KeyId,
    mechanism: Option<Mechanism>,
    purpose: Purpose,
    prepared: Prepared<'_>,
    name: &str,
) -> Result<Signature, Error> {
    if purpose == Purpose::Checkpoint {
        // Whether it is a signing key is told first, as for every other purpose.
        let mut record = KeyRecord::load(tx, id)?;
        return record.signer(tx).and(Err(Error::KeyPurpose));
    }
    let (record, signature, mechanism) = make(tx, id, mechanism, purpose, prepared)?;
    if record.info.flags.contains(Flag::Audited) {
        let detail = Detail::new()
            .with("purpose", purpose.name())
            .with("mechanism", mechanism.name())
            .with("digest", digest_of(prepared))
            .with("document", name);
        tx.event(EventKind::SignatureMade, record.info.owner, record.row(), &detail)?;
    }
    Ok(signature)
}

/// Signs a checkpoint of a journal. For the journal alone, in the transaction that compares and sets the size and the
/// root that the checkpoint names (`CRYPTO.md` §5): whoever calls this answers for both being an extension.
///
/// # Errors
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`], [`Error::KeyState`] for misuse;
/// [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn sign_checkpoint(tx: &mut Transaction<'_>, id: KeyId, checkpoint: &[u8]) -> Result<Signature, Error> {
    let prepared = Prepared::Message(checkpoint);
    make(tx, id, None, Purpose::Checkpoint, prepared).map(|(_, signature, _)| signature)
}

fn make(
    tx: &mut Transaction<'_>,
    id: KeyId,
    mechanism: Option<Mechanism>,
    purpose: Purpose,
    prepared: Prepared<'_>,
) -> Result<(KeyRecord, Signature, Mechanism), Error> {
    let mut record = KeyRecord::load(tx, id)?;
    let signer = record.signer(tx)?;
    let algorithm = record.info.kind.algorithm().ok_or(Error::KeyKind)?;
    let mechanism = mechanism.unwrap_or(algorithm.mechanism());
    let states = &[KeyState::Active];
    record.allow(tx, &Asked { usage: Usage::Sign, purpose, mechanism: Some(mechanism), states })?;
    tx.self_test(mechanism)?;
    let signature = signer.sign(mechanism, prepared, &mut tx.env())?;
    Ok((record, signature, mechanism))
}

/// What the journal calls the message: its SHA-256, or the digest that was given.
fn digest_of(prepared: Prepared<'_>) -> String {
    match prepared {
        Prepared::Message(message) => hex(&hash::sha256(&[message])),
        Prepared::Digest(digest) => hex(digest.as_slice()),
    }
}

/// A message that comes in parts, for mechanisms that hash first. Ed25519 and ML-DSA take messages whole.
#[derive(Clone, Debug)]
pub struct Signing {
    mechanism: Mechanism,
    hashing: Hashing,
}

impl Signing {
    /// Begins a message.
    ///
    /// # Errors
    /// [`Error::KeyMechanism`] for a mechanism that takes messages whole.
    pub fn new(mechanism: Mechanism) -> Result<Self, Error> {
        let hashing = Hashing::new(mechanism.hash().ok_or(Error::KeyMechanism)?);
        Ok(Self { mechanism, hashing })
    }

    /// Goes on with it.
    pub fn update(&mut self, part: &[u8]) {
        self.hashing.update(part);
    }

    /// Ends it and signs, as [`sign_with`].
    ///
    /// # Errors
    /// As [`sign_with`].
    pub fn finish(
        self,
        tx: &mut Transaction<'_>,
        id: KeyId,
        purpose: Purpose,
        name: &str,
    ) -> Result<Signature, Error> {
        let (mechanism, digest) = self.digest();
        sign_with(tx, id, Some(mechanism), purpose, Prepared::Digest(&digest), name)
    }

    /// Ends it; for [`sign_with`] and [`verify`] in a transaction that may run again.
    #[must_use]
    pub fn digest(self) -> (Mechanism, Digested) {
        (self.mechanism, self.hashing.finish())
    }
}

/// Checks a signature with a key of the vault: a pair, in any version that policy still accepts, or somebody else's public
/// key. The signature is in the form that `openssl` writes.
///
/// # Errors
/// [`Error::Rejected`] when no accepted version made it; [`Error::KeyKind`], [`Error::KeyUsage`],
/// [`Error::KeyPurpose`], [`Error::KeyMechanism`], [`Error::KeyState`], [`Error::KeyNotValid`] for misuse;
/// [`Error::UnknownKey`]; a store's fault.
pub fn verify(
    tx: &mut Transaction<'_>,
    id: KeyId,
    mechanism: Option<Mechanism>,
    purpose: Purpose,
    prepared: Prepared<'_>,
    signature: &[u8],
) -> Result<(), Error> {
    let states = &[KeyState::Active, KeyState::Deactivated];
    let newest = verifying_key(&KeyRecord::load(tx, id)?)?;
    let mechanism = mechanism.unwrap_or(newest.algorithm().mechanism());
    let asked = Asked { usage: Usage::Verify, purpose, mechanism: Some(mechanism), states };
    let records = versions::allowed(tx, id, &asked)?;
    // A record of somebody else's public key allows every signature: misuse is told before anything is tried.
    if !newest.algorithm().takes(mechanism) {
        return Err(Error::KeyMechanism);
    }
    tx.self_test(mechanism)?;
    if let Some(record) = records.first() {
        record.tell_use(tx, mechanism)?;
    }
    let mut verdict = Err(Error::Rejected);
    let mut newest = Some(newest);
    for record in records {
        let key = newest.take().map_or_else(|| verifying_key(&record), Ok)?;
        let found = tx.backend().verify(&key, mechanism, prepared, signature);
        match found.unwrap_or_else(|| key.verify(mechanism, prepared, signature)) {
            Err(Error::Rejected) => {}
            found => {
                verdict = found;
                break;
            }
        }
    }
    verdict
}

/// Checks a signature with a public key that the caller vouches for, by the vault's back end. The signature is in the form
/// that `openssl` writes.
///
/// # Errors
/// [`Error::Rejected`] when it is not a signature by this key over just this message; [`Error::KeyMechanism`] for a
/// mechanism of another algorithm; [`Error::SelfTest`].
pub fn verify_with(
    tx: &Transaction<'_>,
    key: &VerifyingKey,
    mechanism: Mechanism,
    prepared: Prepared<'_>,
    signature: &[u8],
) -> Result<(), Error> {
    if !key.algorithm().takes(mechanism) {
        return Err(Error::KeyMechanism);
    }
    tx.self_test(mechanism)?;
    let found = tx.backend().verify(key, mechanism, prepared, signature);
    found.unwrap_or_else(|| key.verify(mechanism, prepared, signature))
}

/// The public key of a key pair in its newest version, or somebody else's that is kept; it may leave in every state but
/// destroyed.
///
/// # Errors
/// [`Error::KeyKind`] when the key signs and verifies nothing, [`Error::KeyState`] when it was destroyed;
/// [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn public_key(tx: &mut Transaction<'_>, id: KeyId) -> Result<(KeyInfo, VerifyingKey), Error> {
    let record = KeyRecord::load(tx, id)?;
    let key = verifying_key(&record)?;
    Ok((record.info, key))
}

/// The public keys of the newest version, as [`public_key`], and of every older one that still verifies, the newest first.
///
/// # Errors
/// As [`public_key`].
pub fn public_keys(tx: &mut Transaction<'_>, id: KeyId) -> Result<Vec<(KeyInfo, VerifyingKey)>, Error> {
    let now = tx.now();
    let states = &[KeyState::Active, KeyState::Deactivated];
    let mut found = Vec::new();
    for (age, record) in versions::records(tx, id)?.into_iter().enumerate() {
        let asked = Asked { usage: Usage::Verify, purpose: record.info.purpose, mechanism: None, states };
        if age == 0 || record.judge(now, &asked).is_ok() {
            let key = verifying_key(&record)?;
            found.push((record.info, key));
        }
    }
    Ok(found)
}

/// SubjectPublicKeyInfo of any key pair or public key, also one for agreement, in PEM.
///
/// # Errors
/// As [`public_key`].
pub fn spki_pem(tx: &mut Transaction<'_>, id: KeyId) -> Result<String, Error> {
    let record = KeyRecord::load(tx, id)?;
    Ok(crate::signature::spki_pem(public_bytes(&record)?).to_string())
}

/// SubjectPublicKeyInfo in DER, which fits the digest in the header.
pub(super) fn public_bytes(record: &KeyRecord) -> Result<&[u8], Error> {
    if record.public.is_empty() {
        return Err(Error::KeyKind);
    }
    if record.info.state == KeyState::Destroyed {
        return Err(Error::KeyState(KeyState::Destroyed));
    }
    if Some(hash::sha256(&[&record.public])) != record.info.public_key {
        return Err(Error::Refused);
    }
    Ok(&record.public)
}

fn verifying_key(record: &KeyRecord) -> Result<VerifyingKey, Error> {
    let KeyInfo { kind, purpose, .. } = &record.info;
    // A public key on P-256 may be one that keys are wrapped for: it verifies nothing, whatever its form could.
    let is_theirs = *kind == KeyKind::PublicKey && *purpose != Purpose::Wrapping;
    if kind.algorithm().is_none() && !is_theirs {
        return Err(Error::KeyKind);
    }
    VerifyingKey::from_spki_der(public_bytes(record)?).map_err(|_| Error::KeyKind)
}
