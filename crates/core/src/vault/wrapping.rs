//! Keys on their way out and in, always wrapped (`docs/formats/wrapped-key.md`).
//!
//! The vault's own wrap authenticates kind and attributes: unwrapping restores them and never widens. AES key wrap
//! (RFC 5649) carries none: by it comes in what left this vault, as what it was, and stays. What is known of a key that left
//! stands in [`departed`]. Wrapping keys come in by no wrap.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::attributes::{Dates, Flag, Flags, KeyInfo, Purpose, Usage};
use super::ciphers::{self, aes_key};
use super::departed::{self, Former};
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
use crate::env::Env;
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
/// [`Error::KeyNotWrappable`] for a key that may not leave, as a trusted wrapping key, and one for OCRA with neither counter
/// nor time, whose questions would stay behind; [`Error::KeyNotTrusted`] and [`Error::KeyTooWeak`] for a
/// wrapping key that may not take it; [`Error::KeyState`] for a compromised or destroyed key; [`Error::TooLong`] where 64
/// other keys are noted with its secret; [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`],
/// [`Error::KeyMechanism`], [`Error::KeyNotValid`] for misuse of `by`; [`Error::UnknownKey`]; a store's fault. The dates of the key
/// that leaves go with it, and hold nothing up.
pub fn wrap(tx: &mut Transaction<'_>, by: KeyId, id: KeyId, mechanism: Mechanism) -> Result<Vec<u8>, Error> {
    let wrapper = KeyRecord::load(tx, by)?;
    wrapping_key(&wrapper, mechanism)?;
    let states = &[KeyState::Active];
    let (usage, purpose) = (Usage::Wrap, Purpose::Wrapping);
    wrapper.allow(tx, &Asked { usage, purpose, mechanism: Some(mechanism), states })?;

    let mut record = KeyRecord::load(tx, id)?;
    if by == id
        || !record.info.kind.is_secret()
        || !record.info.flags.contains(Flag::Wrappable)
        || record.info.flags.contains(Flag::Trusted)
        || is_spent_by_question(record.info.kind)
    {
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
    departed::note(tx, &record, EventKind::KeyWrapped)?;
    Ok(bytes)
}

/// Takes in a key from the vault's own wrap, with the attributes that it had: it is active or what it was, was not made
/// here, and can do no more than before. Where this vault has or had it, it can do no more than is left of it here,
/// protects nothing new once it was deactivated here, and what was spent of it stays spent. `owner` is whose it is in this
/// vault.
///
/// Of [`Mechanism::EnvelopeTo`] nobody knows who wrapped it: whoever has the public key can.
///
/// # Errors
/// [`Error::Rejected`] when it was not wrapped for this key, or was altered; for misuse of `by` as [`wrap`];
/// [`Error::KeyPurpose`] for a wrapping key, which comes in by no wrap; [`Error::KeyTooWeak`] for a key that is stronger
/// than what it came under; [`Error::KeyState`] for one that is compromised here, and for an older version of one that is
/// suspended; [`Error::TooLong`] where 64 keys with its secret left or came in and are not destroyed; [`Error::KeyKind`] for a
/// one-time-password key that this vault still has, since each of its codes would be accepted once by either, and for one
/// of OCRA with neither counter nor time; [`Error::KeyUsage`] where nothing is left that it may be used for;
/// [`Error::UnknownKey`]; a store's fault.
pub fn unwrap(
    tx: &mut Transaction<'_>,
    by: KeyId,
    bytes: &[u8],
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    let envelope = Envelope::read(bytes).map_err(|_| Error::Rejected)?;
    let wrappers = unwrapping_keys(tx, by, envelope.mechanism)?;
    tx.self_test(envelope.mechanism)?;
    let mut verdict = Err(Error::Rejected);
    for wrapper in wrappers {
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
        if let Ok(opened) = envelope.open(&key) {
            wrapper.tell_use(tx, envelope.mechanism)?;
            verdict = Ok((opened, strength(&wrapper)?));
            break;
        }
    }
    let (body, wrapping) = verdict?;
    let (mut info, _) = KeyInfo::decode(envelope.attributes).map_err(|_| Error::Rejected)?;
    info.owner = owner;
    restore(tx, info, &body, wrapping)
}

/// Takes in bare key bytes from AES key wrap (RFC 5649). The wrap says nothing of them; what left this vault is known by its
/// material, and nothing else is taken. The key can do what `template` and the key that left both allow; it was not made
/// here, wraps nothing, and never leaves again.
///
/// # Errors
/// [`Error::Rejected`] when it was not wrapped under this key; [`Error::KeyMaterial`] when it is no key of the
/// template's kind; [`Error::KeyKind`] when no key of that kind with this material left the vault, for a kind that is
/// read, and for a one-time-password key; [`Error::KeyPurpose`] for a wrapping key, which comes in by no wrap, and for
/// another purpose than it had; [`Error::KeyNotWrappable`] for a template that lets it leave; as [`unwrap`].
pub fn unwrap_bare(
    tx: &mut Transaction<'_>,
    by: KeyId,
    bytes: &[u8],
    template: &Template<'_>,
) -> Result<KeyId, Error> {
    let mechanism = Mechanism::AesKeyWrap;
    let wrappers = unwrapping_keys(tx, by, mechanism)?;
    if template.purpose == Purpose::Wrapping {
        return Err(Error::KeyPurpose);
    }
    if template.flags.contains(Flag::Wrappable) {
        return Err(Error::KeyNotWrappable);
    }
    // What is read would show it; of codes it would be unknown what is spent.
    let is_one_time =
        matches!(template.kind, KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. });
    if !template.kind.is_secret() || is_one_time {
        return Err(Error::KeyKind);
    }
    tx.self_test(mechanism)?;
    let mut opened = Err(Error::Rejected);
    for wrapper in wrappers {
        let key = aes_key(&wrapper)?;
        opened = aead::key_unwrap(&key, bytes);
        if opened.is_ok() {
            wrapper.tell_use(tx, mechanism)?;
            break;
        }
    }
    let plain = opened?;
    let material = super::importing::from_plain_form(template.kind, &plain)?;
    // Typed freely, it would come back as whatever serves its holder. Absence is never permission.
    let (formers, has_left) = departed::find(tx, template.kind, &material.secret)?;
    if !has_left {
        return Err(Error::KeyKind);
    }
    let Template { valid_from, valid_to, .. } = *template;
    let info = KeyInfo {
        id: by,
        version: 1,
        kind: template.kind,
        usages: template.usages,
        purpose: template.purpose,
        mechanisms: template.mechanisms,
        flags: template.flags,
        state: KeyState::Active,
        dates: Dates { activated: Some(tx.now()), valid_from, valid_to, ..Dates::default() },
        external_id: template.external_id.to_vec(),
        public_key: None,
        label: String::from(template.label),
        owner: template.owner,
    };
    arrive(tx, info, material, &formers, Spent::default())
}

/// Whether the responses of a key change with the question alone: what is spent of it stands in the vault that asked.
fn is_spent_by_question(kind: KeyKind) -> bool {
    matches!(kind, KeyKind::Ocra { suite } if !suite.has_counter() && suite.time_step().is_none())
}

/// The versions of a key that open what came by this mechanism, the newest first.
fn unwrapping_keys(
    tx: &mut Transaction<'_>,
    by: KeyId,
    mechanism: Mechanism,
) -> Result<Vec<KeyRecord>, Error> {
    wrapping_key(&KeyRecord::load(tx, by)?, mechanism)?;
    let states = &[KeyState::Active, KeyState::Deactivated];
    let (usage, purpose) = (Usage::Unwrap, Purpose::Wrapping);
    versions::allowed(tx, by, &Asked { usage, purpose, mechanism: Some(mechanism), states })
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
    let spent = spend::spent(tx, record)?;
    let mut body = Writer::new();
    body.text(&record.info.label)?.bytes(&record.material)?;
    spent.write(&mut body);
    seal(mechanism, [name, ephemeral, attributes.as_slice()], key, body.as_slice(), &mut tx.env())
}

/// A body under a header of these fields.
pub(super) fn seal(
    mechanism: Mechanism,
    [name, ephemeral, attributes]: [&[u8]; 3],
    key: &[u8],
    body: &[u8],
    env: &mut Env<'_>,
) -> Result<Vec<u8>, Error> {
    let mut header = Writer::new();
    header.raw(MAGIC).u16(FORMAT).u8(mechanism as u8).bytes(name)?.bytes(ephemeral)?;
    header.bytes(attributes)?;
    Ok(record::seal(key, LABEL, header.as_slice(), body, env))
}

/// The body of what [`seal`] made.
pub(super) fn open(key: &[u8], bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    Envelope::read(bytes)?.open(key)
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

    fn open(&self, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        record::open(key, LABEL, self.header, self.sealed)
    }
}

pub(super) fn restore(
    tx: &mut Transaction<'_>,
    mut info: KeyInfo,
    body: &[u8],
    wrapping: u16,
) -> Result<KeyId, Error> {
    let mut reader = Reader::new(body);
    info.label = reader.text()?.into();
    let secret = Zeroizing::new(reader.bytes()?.to_vec());
    let spent = Spent::read(&mut reader)?;
    reader.end()?;
    // No vault wraps these.
    if !info.kind.is_secret() || matches!(info.state, KeyState::Compromised | KeyState::Destroyed) {
        return Err(Error::Rejected);
    }
    if info.purpose == Purpose::Wrapping {
        return Err(Error::KeyPurpose);
    }
    if is_spent_by_question(info.kind) {
        return Err(Error::KeyKind);
    }
    let wrapped = info.kind.strength(secret.len());
    if wrapping < wrapped {
        return Err(Error::KeyTooWeak { wrapping, wrapped });
    }
    let material = Material::read(info.kind, secret)?;
    // The key that the wrap names, and those that have its material: elsewhere it had another name.
    let named = departed::named(tx, info.id, info.version)?;
    let (known, _) = departed::find(tx, info.kind, &material.secret)?;
    let formers: Vec<Former> = named.into_iter().chain(known).collect();
    arrive(tx, info, material, &formers, spent)
}

/// Makes a key of what came in, held to what is known of it here.
fn arrive(
    tx: &mut Transaction<'_>,
    mut info: KeyInfo,
    material: Material,
    formers: &[Former],
    spent: Spent,
) -> Result<KeyId, Error> {
    departed::hold(&mut info, formers)?;
    // Nobody knows where it was meanwhile, and trust is given in one vault.
    let lost = Flags::MADE_HERE.or(Flags::of(&[Flag::Trusted, Flag::Provisioned]));
    let template = Template {
        kind: info.kind,
        purpose: info.purpose,
        usages: info.usages,
        mechanisms: info.mechanisms,
        flags: info.flags.without(lost),
        label: &info.label,
        owner: info.owner,
        external_id: &info.external_id,
        length: None,
        valid_from: info.dates.valid_from,
        valid_to: info.dates.valid_to,
    };
    // A secret for codes is shown in one place alone: this is another.
    let is_one_time = info.purpose == Purpose::OneTimeCode;
    let past = if is_one_time { Flags::of(&[Flag::Provisioned]) } else { Flags::NONE };
    let event = (past, EventKind::KeyUnwrapped);
    let mut record = KeyRecord::begin(tx, &template, material, event, info.state)?;
    record.info.dates = Dates { created: tx.now(), ..info.dates };
    record.put(tx)?;
    let ids = departed::ids(formers);
    ciphers::end_count(tx, &record.info)?;
    let entry = tx.next_entry();
    departed::note(tx, &record, EventKind::KeyUnwrapped)?;
    if is_one_time {
        spend::resume_from(tx, &record, spent, &ids, entry)?;
    }
    Ok(record.info.id)
}
