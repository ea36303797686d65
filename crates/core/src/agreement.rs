//! Key agreement on X25519 (RFC 7748) and P-256 (NIST SP 800-56A §5.7.1.2), for wrapping keys and nothing else.

use alloc::vec::Vec;

use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::error::Error;

/// SubjectPublicKeyInfo of X25519 (RFC 8410 §4), before its 32 bytes.
const X25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];

/// A curve of agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    X25519,
    P256,
}

/// A private key; the crates beneath wipe it when dropped.
pub(crate) enum AgreementKey {
    X25519(x25519_dalek::StaticSecret),
    P256(p256::SecretKey),
}

impl AgreementKey {
    pub(crate) fn generate(curve: Curve, env: &mut Env<'_>) -> Self {
        match curve {
            Curve::X25519 => Self::X25519(x25519_dalek::StaticSecret::random_from_rng(&mut env.rng)),
            Curve::P256 => Self::P256(p256::SecretKey::generate_from_rng(&mut env.rng)),
        }
    }

    /// The private value of 32 bytes.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::X25519(key) => key.as_bytes().to_vec(),
            Self::P256(key) => Zeroizing::new(key.to_bytes()).to_vec(),
        })
    }

    pub(crate) fn from_bytes(curve: Curve, bytes: &[u8]) -> Result<Self, Error> {
        match curve {
            Curve::X25519 => {
                let bytes: Zeroizing<[u8; 32]> =
                    Zeroizing::new(bytes.try_into().map_err(|_| Error::Refused)?);
                Ok(Self::X25519((*bytes).into()))
            }
            Curve::P256 => p256::SecretKey::from_slice(bytes).map(Self::P256).map_err(|_| Error::Refused),
        }
    }

    pub(crate) fn public(&self) -> AgreementPublic {
        match self {
            Self::X25519(key) => AgreementPublic::X25519(key.into()),
            Self::P256(key) => AgreementPublic::P256(key.public_key()),
        }
    }

    /// The shared secret of 32 bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] for a key of the other curve, or a point of small order, which would make it predictable.
    pub(crate) fn agree(&self, peer: &AgreementPublic) -> Result<Zeroizing<[u8; 32]>, Error> {
        match (self, peer) {
            (Self::X25519(key), AgreementPublic::X25519(peer)) => {
                let shared = key.diffie_hellman(peer);
                // RFC 7748 §6.1: an all-zero value is refused.
                if shared.was_contributory() {
                    Ok(Zeroizing::new(*shared.as_bytes()))
                } else {
                    Err(Error::Refused)
                }
            }
            (Self::P256(key), AgreementPublic::P256(peer)) => {
                let shared = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), peer.as_affine());
                let mut bytes = Zeroizing::new([0; 32]);
                bytes.copy_from_slice(shared.raw_secret_bytes());
                Ok(bytes)
            }
            _ => Err(Error::Refused),
        }
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgreementPublic {
    X25519(x25519_dalek::PublicKey),
    P256(p256::PublicKey),
}

impl AgreementPublic {
    pub(crate) const fn curve(&self) -> Curve {
        match self {
            Self::X25519(_) => Curve::X25519,
            Self::P256(_) => Curve::P256,
        }
    }

    pub(crate) fn to_spki_der(self) -> Vec<u8> {
        match self {
            Self::X25519(key) => [&X25519_SPKI[..], key.as_bytes()].concat(),
            Self::P256(key) => {
                key.to_public_key_der().expect("a point on the curve has a DER form").into_vec()
            }
        }
    }

    pub(crate) fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        if let Some(point) = der.strip_prefix(&X25519_SPKI) {
            let point: [u8; 32] = point.try_into().map_err(|_| Error::Rejected)?;
            return Ok(Self::X25519(point.into()));
        }
        p256::PublicKey::from_public_key_der(der).map(Self::P256).map_err(|_| Error::Rejected)
    }
}
