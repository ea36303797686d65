//! Keys on their way out and in, always wrapped (`docs/formats/wrapped-key.md`).
//!
//! The vault's own wrap authenticates kind and attributes: unwrapping restores them and never widens. AES key wrap
//! (RFC 5649) carries none: what comes in by it is typed by whoever unwraps it, and stays.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::attributes::{Flag, Flags, KeyInfo, Purpose, Usage};
use super::ciphers::{self, aes_key};
use super::keys::{Asked, KeyId, KeyRecord, Template};
use super::kinds::KeyKind;
use super::material::{Material, curve};
use super::record;
use super::signing::public_bytes;
use super::spend::{self, Spent};
use super::state::KeyState;
use super::transaction::Transaction;
use super::versions;
use crate::aead;
use crate::agreement::{AgreementKey, AgreementPublic};
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::hash;
use crate::mechanism::Mechanism;
use crate::wire::{Reader, Writer};

const MAGIC: &[u8; 4] = b"ZMKW";
const FORMAT: u16 = 1;
const LABEL: &[u8] = b"zamok/wrap/v1";

/// Wraps a key under another: [`Mechanism::Envelope`] or [`Mechanism::AesKeyWrap`] under an AES key,
/// [`Mechanism::EnvelopeTo`] for the public key of another vault. Journalled; the key is known for ever as one that left.
///
/// # Errors
/// [`Error::KeyNotWrappable`] for a key that may not leave; [`Error::KeyNotTrusted`] and [`Error::KeyTooWeak`] for a
/// wrapping key that may not take it; [`Error::KeyState`] for a compromised or destroyed key;
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`], [`Error::KeyMechanism`] for misuse;
/// [`Error::UnknownKey`]; a store's fault.
pub fn wrap(tx: &mut Transaction<'_>, by: KeyId, id: KeyId, mechanism: Mechanism) -> Result<Vec<u8>, Error> {
    let wrapper = KeyRecord::load(tx, by)?;
    wrapping_key(&wrapper, mechanism)?;
    let states = &[KeyState::Active];
    let (usage, purpose) = (Usage::Wrap, Purpose::Wrapping);
    wrapper.allow(tx, &Asked { usage, purpose, mechanism: Some(mechanism), states })?;

    let mut record = KeyRecord::load(tx, id)?;
    if by == id || !record.info.kind.is_secret() || !record.info.flags.contains(Flag::Wrappable) {
        return Err(Error::KeyNotWrappable);
    }
    if matches!(record.info.state, KeyState::Compromised | KeyState::Destroyed) {
        return Err(Error::KeyState(record.info.state));
    }
    if record.info.flags.contains(Flag::WrapWithTrusted) && !wrapper.info.flags.contains(Flag::Trusted) {
        return Err(Error::KeyNotTrusted);
    }
    let wrapping = strength(&wrapper)?;
    let wrapped = record.info.kind.strength(record.material.len());
    if wrapping < wrapped {
        return Err(Error::KeyTooWeak { wrapping, wrapped });
    }
    tx.self_test(mechanism)?;

    let bytes = match mechanism {
        Mechanism::AesKeyWrap => {
            let key = aes_key(&wrapper)?;
            aead::key_wrap(&key, &plain_form(&record)?)?
        }
        Mechanism::Envelope => {
            let name = [&by.0[..], &wrapper.info.version.to_be_bytes()].concat();
            let key = Zeroizing::new(wrapper.material.to_vec());
            envelope(tx, &record, mechanism, &name, &[], &key)?
        }
        _ => {
            let spki = public_bytes(&wrapper)?;
            let peer = AgreementPublic::from_spki_der(spki).map_err(|_| Error::KeyKind)?;
            let ephemeral = AgreementKey::generate(peer.curve(), &mut tx.env());
            let shared = ephemeral.agree(&peer)?;
            let name = hash::sha256(&[spki]);
            envelope(tx, &record, mechanism, &name, &ephemeral.public().to_spki_der(), shared.as_slice())?
        }
    };
    record.info.flags = record.info.flags.without(Flags::of(&[Flag::NeverExtracted]));
    record.put(tx)?;
    let by = alloc::format!("{by}");
    let detail = Detail::new().with("by", by).with("mechanism", mechanism.name());
    tx.event(EventKind::KeyWrapped, record.info.owner, record.row(), &detail)?;
    Ok(bytes)
}

/// Takes in a key from the vault's own wrap, with the attributes that it had: it is active or what it was, was not made
/// here, and can do no more than before. `owner` is whose it is in this vault.
///
/// # Errors
/// [`Error::Rejected`] when it was not wrapped for this key, or was altered; for misuse of `by` as [`wrap`];
/// [`Error::KeyKind`] for a one-time-password key that this vault still has, since each of its codes would be accepted once by
/// either; [`Error::UnknownKey`]; a store's fault.
pub fn unwrap(
    tx: &mut Transaction<'_>,
    by: KeyId,
    bytes: &[u8],
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    let envelope = Envelope::read(bytes).map_err(|_| Error::Rejected)?;
    let mut verdict = Err(Error::Rejected);
    for (age, wrapper) in versions::records(tx, by)?.into_iter().enumerate() {
        wrapping_key(&wrapper, envelope.mechanism)?;
        let states = &[KeyState::Active, KeyState::Deactivated];
        let mechanism = Some(envelope.mechanism);
        let asked = Asked { usage: Usage::Unwrap, purpose: Purpose::Wrapping, mechanism, states };
        match wrapper.allow(tx, &asked) {
            Err(_) if age > 0 => continue,
            allowed => allowed?,
        }
        tx.self_test(envelope.mechanism)?;
        let key = match envelope.mechanism {
            Mechanism::Envelope => Zeroizing::new(wrapper.material.to_vec()),
            _ => {
                let curve = curve(wrapper.info.kind).ok_or(Error::KeyKind)?;
                let Ok(ephemeral) = AgreementPublic::from_spki_der(envelope.ephemeral) else { break };
                let own = AgreementKey::from_bytes(curve, &wrapper.material)?;
                let Ok(shared) = own.agree(&ephemeral) else { break };
                Zeroizing::new(shared.to_vec())
            }
        };
        if let Ok(opened) = record::open(&key, LABEL, envelope.header, envelope.sealed) {
            verdict = Ok(opened);
            break;
        }
    }
    let body = verdict?;
    let (info, _) = KeyInfo::decode(envelope.attributes).map_err(|_| Error::Rejected)?;
    restore(tx, info, &body, owner)
}

/// Takes in bare key bytes from AES key wrap (RFC 5649). The wrap says nothing of them: `template` does. The key was not
/// made here, wraps nothing, and never leaves again.
///
/// # Errors
/// [`Error::Rejected`] when it was not wrapped under this key; [`Error::KeyMaterial`] when it is no key of the
/// template's kind; [`Error::KeyPurpose`] for a wrapping key, which comes in by no wrap; [`Error::KeyNotWrappable`] for a
/// template that lets it leave; as [`unwrap`].
pub fn unwrap_bare(
    tx: &mut Transaction<'_>,
    by: KeyId,
    bytes: &[u8],
    template: &Template<'_>,
) -> Result<KeyId, Error> {
    let wrapper = KeyRecord::load(tx, by)?;
    let mechanism = Mechanism::AesKeyWrap;
    wrapping_key(&wrapper, mechanism)?;
    let states = &[KeyState::Active, KeyState::Deactivated];
    let (usage, purpose) = (Usage::Unwrap, Purpose::Wrapping);
    wrapper.allow(tx, &Asked { usage, purpose, mechanism: Some(mechanism), states })?;
    if template.purpose == Purpose::Wrapping {
        return Err(Error::KeyPurpose);
    }
    if template.flags.contains(Flag::Wrappable) {
        return Err(Error::KeyNotWrappable);
    }
    if matches!(template.kind, KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. }) {
        // What is spent of it would be unknown.
        return Err(Error::KeyKind);
    }
    tx.self_test(mechanism)?;
    let key = aes_key(&wrapper)?;
    let plain = aead::key_unwrap(&key, bytes)?;
    let material = super::importing::from_plain_form(template.kind, &plain)?;
    let event = (Flags::NONE, EventKind::KeyUnwrapped);
    KeyRecord::begin(tx, template, material, event, KeyState::Active).map(|record| record.info.id)
}

/// Refuses a key that has nothing to do with this mechanism.
fn wrapping_key(wrapper: &KeyRecord, mechanism: Mechanism) -> Result<(), Error> {
    match (wrapper.info.kind, mechanism) {
        (KeyKind::Aes256, Mechanism::Envelope | Mechanism::AesKeyWrap)
        | (KeyKind::PublicKey | KeyKind::X25519 | KeyKind::P256Agreement, Mechanism::EnvelopeTo) => Ok(()),
        (
            KeyKind::Aes256 | KeyKind::PublicKey | KeyKind::X25519 | KeyKind::P256Agreement,
            Mechanism::Envelope | Mechanism::AesKeyWrap | Mechanism::EnvelopeTo,
        ) => Err(Error::KeyMechanism),
        (_, Mechanism::Envelope | Mechanism::AesKeyWrap | Mechanism::EnvelopeTo) => Err(Error::KeyKind),
        _ => Err(Error::KeyMechanism),
    }
}

fn strength(wrapper: &KeyRecord) -> Result<u16, Error> {
    match wrapper.info.kind {
        KeyKind::PublicKey => {
            let public = AgreementPublic::from_spki_der(public_bytes(wrapper)?);
            public.map(|_| KeyKind::X25519.strength(32)).map_err(|_| Error::KeyKind)
        }
        kind => Ok(kind.strength(wrapper.material.len())),
    }
}

/// What RFC 5649 wraps: PKCS#8 for key pairs, the bare secret for all others, as PKCS#11 does.
fn plain_form(record: &KeyRecord) -> Result<Zeroizing<Vec<u8>>, Error> {
    super::importing::to_plain_form(record.info.kind, &record.material)
}

fn envelope(
    tx: &mut Transaction<'_>,
    record: &KeyRecord,
    mechanism: Mechanism,
    name: &[u8],
    ephemeral: &[u8],
    key: &[u8],
) -> Result<Vec<u8>, Error> {
    let attributes =
        record.info.encode([record.info.label.len(), record.material.len(), record.public.len()])?;
    let mut header = Writer::new();
    header.raw(MAGIC).u16(FORMAT).u8(mechanism as u8).bytes(name)?.bytes(ephemeral)?;
    header.bytes(attributes.as_slice())?;
    let spent = spend::spent(tx, record)?;
    let mut body = Writer::new();
    body.text(&record.info.label)?.bytes(&record.material)?;
    spent.write(&mut body);
    Ok(record::seal(key, LABEL, header.as_slice(), body.as_slice(), &mut tx.env()))
}

/// A wrapped key, taken apart and not yet opened.
struct Envelope<'a> {
    mechanism: Mechanism,
    ephemeral: &'a [u8],
    attributes: &'a [u8],
    header: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>()? != *MAGIC || reader.u16()? != FORMAT {
            return Err(Error::Refused);
        }
        let number = reader.u8()?;
        let mechanism = [Mechanism::Envelope, Mechanism::EnvelopeTo]
            .into_iter()
            .find(|mechanism| *mechanism as u8 == number)
            .ok_or(Error::Refused)?;
        let _name = reader.bytes()?;
        let ephemeral = reader.bytes()?;
        let attributes = reader.bytes()?;
        let (header, sealed) = bytes.split_at(bytes.len() - reader.remaining());
        Ok(Self { mechanism, ephemeral, attributes, header, sealed })
    }
}

fn restore(
    tx: &mut Transaction<'_>,
    info: KeyInfo,
    body: &[u8],
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    let mut reader = Reader::new(body);
    let label = reader.text()?;
    let secret = Zeroizing::new(reader.bytes()?.to_vec());
    let spent = Spent::read(&mut reader)?;
    reader.end()?;
    // Where the key was wrapped in this vault, what was spent of it since counts too.
    let original = match KeyRecord::load(tx, info.id) {
        Ok(original) => Some(original),
        Err(Error::UnknownKey) => None,
        Err(error) => return Err(error),
    };
    let spent = match &original {
        Some(original) if original.info.purpose == Purpose::OneTimeCode => {
            if original.info.state != KeyState::Destroyed {
                return Err(Error::KeyKind);
            }
            spend::spent(tx, original)?
        }
        _ => spent,
    };
    let material = Material::read(info.kind, secret)?;
    // Nobody knows where it was meanwhile, and trust is given in one vault.
    let lost = Flags::MADE_HERE.or(Flags::of(&[Flag::Trusted, Flag::Provisioned]));
    let template = Template {
        kind: info.kind,
        purpose: info.purpose,
        usages: info.usages,
        mechanisms: info.mechanisms,
        flags: info.flags.without(lost),
        label,
        owner,
        external_id: &info.external_id,
        length: None,
        valid_from: info.dates.valid_from,
        valid_to: info.dates.valid_to,
    };
    let entry = tx.next_entry();
    let past = info.flags.and(Flags::of(&[Flag::Provisioned]));
    let event = (past, EventKind::KeyUnwrapped);
    let mut record = KeyRecord::begin(tx, &template, material, event, info.state)?;
    record.info.dates = super::attributes::Dates { created: tx.now(), ..info.dates };
    record.put(tx)?;
    if original.is_some() {
        ciphers::copy_count(tx, &info, &record.info)?;
    }
    if info.purpose == Purpose::OneTimeCode {
        spend::resume_from(tx, &record, &spent, entry)?;
    }
    Ok(record.info.id)
}
