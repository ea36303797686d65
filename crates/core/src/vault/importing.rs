//! Keys and objects that were made elsewhere: PKCS#8 (RFC 5958), SubjectPublicKeyInfo, raw secrets, data and
//! certificates. Each is marked for ever as not made here. Wrapping keys never come in this way.

use alloc::vec::Vec;

use p256::pkcs8::der::asn1::OctetStringRef;
use p256::pkcs8::der::pem::PemLabel as _;
use p256::pkcs8::der::{Decode as _, Document, SecretDocument};
use p256::pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, ObjectIdentifier, PrivateKeyInfoRef,
    SubjectPublicKeyInfoRef,
};
use zeroize::Zeroizing;

use super::attributes::{Flags, Purpose, Usage};
use super::keys::{Asked, KeyId, KeyRecord, Template};
use super::kinds::KeyKind;
use super::material::Material;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::error::Error;
use crate::event::EventKind;
use crate::signature::RsaBits;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Takes in key bytes in the form of a record: scalars and seeds as they are, RSA as PKCS#8, public keys as
/// SubjectPublicKeyInfo in DER, other secrets and objects as they are.
///
/// # Errors
/// [`Error::KeyMaterial`] when it is no key of the template's kind; [`Error::KeyPurpose`] for a wrapping key, which is
/// made inside; [`Error::KeyKind`] for an OTP key, which has its own way in; those of
/// [`keys::generate`](super::keys::generate) for the template; a store's fault.
pub fn raw(
    tx: &mut Transaction<'_>,
    template: &Template<'_>,
    secret: Zeroizing<Vec<u8>>,
) -> Result<KeyId, Error> {
    if template.purpose == Purpose::Wrapping && template.kind != KeyKind::PublicKey {
        return Err(Error::KeyPurpose);
    }
    if matches!(template.kind, KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. }) {
        return Err(Error::KeyKind);
    }
    let material = Material::read(template.kind, secret)?;
    let event = (Flags::NONE, EventKind::KeyImported);
    KeyRecord::begin(tx, template, material, event, KeyState::Active).map(|record| record.info.id)
}

/// The kind and the material of a private key in PKCS#8, in DER without a password.
///
/// # Errors
/// [`Error::KeyMaterial`] when it is no key of an algorithm that is offered here.
pub fn pkcs8_der(der: &[u8]) -> Result<(KeyKind, Zeroizing<Vec<u8>>), Error> {
    let unfit = |_| Error::KeyMaterial;
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::KeyMaterial)?;
    let inner = info.private_key.as_bytes();
    match info.algorithm.oid {
        EC => {
            let curve = info.algorithm.parameters_oid().map_err(|_| Error::KeyMaterial)?;
            match curve {
                P256 => {
                    let key = p256::SecretKey::from_pkcs8_der(der).map_err(unfit)?;
                    Ok((KeyKind::P256, Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec())))
                }
                P384 => {
                    let key = p384::SecretKey::from_pkcs8_der(der).map_err(unfit)?;
                    Ok((KeyKind::P384, Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec())))
                }
                _ => Err(Error::KeyMaterial),
            }
        }
        ED25519 => {
            // RFC 8410 §7: the seed is an OCTET STRING within the OCTET STRING.
            let seed = <&OctetStringRef>::from_der(inner).map_err(|_| Error::KeyMaterial)?;
            Ok((KeyKind::Ed25519, Zeroizing::new(seed.as_bytes().to_vec())))
        }
        RSA => {
            let bits = RsaBits::ALL.into_iter().find(|bits| {
                let algorithm = crate::signature::Algorithm::Rsa(*bits);
                crate::signature::SigningKey::from_bytes(algorithm, der).is_ok()
            });
            let bits = bits.ok_or(Error::KeyMaterial)?;
            Ok((KeyKind::Rsa { bits }, Zeroizing::new(der.to_vec())))
        }
        _ => Err(Error::KeyMaterial),
    }
}

/// [`pkcs8_der`] in PEM (RFC 7468 §10).
///
/// # Errors
/// As [`pkcs8_der`].
pub fn pkcs8_pem(pem: &str) -> Result<(KeyKind, Zeroizing<Vec<u8>>), Error> {
    let (label, document) = SecretDocument::from_pem(pem.trim()).map_err(|_| Error::KeyMaterial)?;
    PrivateKeyInfoRef::validate_pem_label(label).map_err(|_| Error::KeyMaterial)?;
    pkcs8_der(document.as_bytes())
}

/// The DER of a SubjectPublicKeyInfo in PEM (RFC 7468 §13), for signatures or for agreement: [`raw`] looks at what it is.
///
/// # Errors
/// [`Error::KeyMaterial`] when it is no PEM, or of something else.
pub fn spki_pem(pem: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (label, document) = Document::from_pem(pem.trim()).map_err(|_| Error::KeyMaterial)?;
    SubjectPublicKeyInfoRef::validate_pem_label(label).map_err(|_| Error::KeyMaterial)?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

/// What was stored, of data, a certificate, or somebody's public key (as SubjectPublicKeyInfo).
///
/// # Errors
/// [`Error::KeyKind`] for a secret, which is never read; [`Error::KeyUsage`], [`Error::KeyState`],
/// [`Error::KeyNotValid`] for misuse; [`Error::UnknownKey`]; a store's fault.
pub fn read(tx: &mut Transaction<'_>, id: KeyId) -> Result<Zeroizing<Vec<u8>>, Error> {
    let record = KeyRecord::load(tx, id)?;
    if record.info.kind.is_secret() {
        return Err(Error::KeyKind);
    }
    let states = &[KeyState::Active, KeyState::Deactivated];
    let asked = Asked { usage: Usage::Read, purpose: record.info.purpose, mechanism: None, states };
    record.allow(tx, &asked)?;
    if record.info.kind == KeyKind::Data {
        record.tell_use_as(tx, "read")?;
    }
    let public = record.info.kind == KeyKind::PublicKey;
    Ok(if public { Zeroizing::new(record.public.clone()) } else { record.material })
}

/// PKCS#8 for signing keys, the bare secret for all others: what RFC 5649 wraps.
pub(super) fn to_plain_form(kind: KeyKind, material: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let refused = |_| Error::Refused;
    let document = match kind {
        KeyKind::P256 | KeyKind::P256Agreement => p256::SecretKey::from_slice(material)
            .map_err(|_| Error::Refused)?
            .to_pkcs8_der()
            .map_err(refused)?,
        KeyKind::P384 => p384::SecretKey::from_slice(material)
            .map_err(|_| Error::Refused)?
            .to_pkcs8_der()
            .map_err(refused)?,
        KeyKind::Ed25519 => {
            // RFC 8410 §7: a fixed frame around the seed.
            const FRAME: [u8; 16] = [
                0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
                0x20,
            ];
            return Ok(Zeroizing::new([&FRAME[..], material].concat()));
        }
        _ => return Ok(Zeroizing::new(material.to_vec())),
    };
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

/// The other way round, checked.
pub(super) fn from_plain_form(kind: KeyKind, plain: &[u8]) -> Result<Material, Error> {
    let material = if kind.algorithm().is_some() && kind != KeyKind::MlDsa65 {
        let (found, material) = pkcs8_der(plain)?;
        if found != kind {
            return Err(Error::KeyMaterial);
        }
        material
    } else {
        Zeroizing::new(plain.to_vec())
    };
    Material::read(kind, material)
}
