//! Key material of each kind: drawn inside, or checked when it comes from elsewhere.

use alloc::vec;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::kinds::KeyKind;
use super::transaction::Transaction;
use crate::agreement::{AgreementKey, AgreementPublic, Curve};
use crate::error::Error;
use crate::secret::Secret;
use crate::signature::{SigningKey, VerifyingKey};

/// What a record seals of a key.
pub(super) struct Material {
    /// The secret, or what is kept for reading.
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// SubjectPublicKeyInfo in DER, for key pairs and public keys; else empty.
    pub(super) public: Vec<u8>,
}

impl Material {
    /// Shortest and longest secret of a kind whose length is free, in bytes.
    const FREE: core::ops::RangeInclusive<usize> = 16..=4096;
    /// Bytes of such a secret when nobody asks for another length.
    const USUAL: usize = 32;

    /// Draws a key. `length` is for kinds whose length is free.
    pub(super) fn draw(
        tx: &mut Transaction<'_>,
        kind: KeyKind,
        length: Option<usize>,
    ) -> Result<Self, Error> {
        if let Some(algorithm) = kind.algorithm() {
            let drawn = tx.backend().generate(algorithm);
            let key = match drawn {
                Some(material) => SigningKey::from_bytes(algorithm, &material?)?,
                None => SigningKey::generate(algorithm, &mut tx.env())?,
            };
            return Ok(Self { public: key.verifying_key().to_spki_der(), secret: key.to_bytes()? });
        }
        if let Some(curve) = curve(kind) {
            let key = AgreementKey::generate(curve, &mut tx.env());
            return Ok(Self { public: key.public().to_spki_der(), secret: key.to_bytes() });
        }
        let length = match kind {
            // As long as the hash's output (RFC 4226 §4 R6, RFC 6238 §3 R6).
            KeyKind::Hotp { algorithm, .. } | KeyKind::Totp { algorithm, .. } => algorithm.output_len(),
            KeyKind::Ocra { suite } => suite.algorithm().output_len(),
            KeyKind::Aes256 | KeyKind::Issued => 32,
            KeyKind::Hmac | KeyKind::Generic => length.unwrap_or(Self::USUAL),
            // What is only kept cannot be drawn.
            _ => return Err(Error::KeyKind),
        };
        if !Self::FREE.contains(&length) {
            return Err(Error::KeyMaterial);
        }
        let mut secret = Zeroizing::new(vec![0; length]);
        tx.env().rng.fill_bytes(&mut secret);
        Ok(Self { secret, public: Vec::new() })
    }

    /// Takes what was made elsewhere, in the form of a record: scalars and seeds as they are, RSA as PKCS#8, public
    /// keys as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`Error::KeyMaterial`] when it is no key of this kind.
    pub(super) fn read(kind: KeyKind, secret: Zeroizing<Vec<u8>>) -> Result<Self, Error> {
        let unfit = |error| match error {
            Error::KeyUnsupported => error,
            _ => Error::KeyMaterial,
        };
        let public = if let Some(algorithm) = kind.algorithm() {
            let key = SigningKey::from_bytes(algorithm, &secret).map_err(unfit)?;
            return Ok(Self { public: key.verifying_key().to_spki_der(), secret: key.to_bytes()? });
        } else if let Some(curve) = curve(kind) {
            AgreementKey::from_bytes(curve, &secret).map_err(unfit)?.public().to_spki_der()
        } else {
            match kind {
                KeyKind::Aes256 | KeyKind::Issued if secret.len() != 32 => return Err(Error::KeyMaterial),
                KeyKind::Hmac | KeyKind::Generic if !Self::FREE.contains(&secret.len()) => {
                    return Err(Error::KeyMaterial);
                }
                KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. } => {
                    Secret::new_accepting_weak(&secret).map_err(|_| Error::KeyMaterial)?;
                }
                KeyKind::Certificate => one_sequence(&secret)?,
                KeyKind::PublicKey => {
                    return Ok(Self { public: public_key(&secret)?, secret: Zeroizing::new(Vec::new()) });
                }
                _ => {}
            }
            Vec::new()
        };
        Ok(Self { secret, public })
    }
}

/// The curve of an agreement key.
pub(super) const fn curve(kind: KeyKind) -> Option<Curve> {
    match kind {
        KeyKind::X25519 => Some(Curve::X25519),
        KeyKind::P256Agreement => Some(Curve::P256),
        _ => None,
    }
}

/// A public key of any algorithm that is offered here, in the DER form of this program.
fn public_key(spki: &[u8]) -> Result<Vec<u8>, Error> {
    let verifying = VerifyingKey::from_spki_der(spki).map(|key| key.to_spki_der());
    let any = verifying.or_else(|_| AgreementPublic::from_spki_der(spki).map(|key| key.to_spki_der()));
    any.map_err(|_| Error::KeyMaterial)
}

/// Whether the bytes are one DER SEQUENCE and nothing else, as a certificate is (RFC 5280 §4.1).
fn one_sequence(der: &[u8]) -> Result<(), Error> {
    use p256::pkcs8::der::{AnyRef, Decode as _, Tag, Tagged as _};
    match AnyRef::from_der(der) {
        Ok(any) if any.tag() == Tag::Sequence => Ok(()),
        _ => Err(Error::KeyMaterial),
    }
}
