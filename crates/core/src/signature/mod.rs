//! Digital signatures: one file for each algorithm, behind `SigningKey` and [`VerifyingKey`].
//!
//! Private keys exist only inside a vault; what leaves are signatures and public keys.

mod backend;
mod ecdsa;
mod ed25519;
#[cfg(feature = "ml-dsa")]
mod ml_dsa;
mod rsa;

use alloc::string::String;
use alloc::vec::Vec;

use ::p256::pkcs8::der::pem::{LineEnding, PemLabel as _};
use ::p256::pkcs8::der::{Decode as _, Document};
use ::p256::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

pub use self::backend::{Backend, Portable, Prepared, Signer};
pub use self::ecdsa::p256::{Signature as P256Signature, VerifyingKey as P256VerifyingKey};
pub use self::ecdsa::p384::{Signature as P384Signature, VerifyingKey as P384VerifyingKey};
use self::ecdsa::{p256, p384};
pub use self::ed25519::{Signature as Ed25519Signature, VerifyingKey as Ed25519VerifyingKey};
#[cfg(feature = "ml-dsa")]
pub use self::ml_dsa::VerifyingKey as MlDsa65VerifyingKey;
pub use self::rsa::{RsaBits, VerifyingKey as RsaVerifyingKey};
use crate::env::Env;
use crate::error::Error;
use crate::mechanism::Mechanism;

/// Keys on curves of X9.62 (RFC 5480 §2.1.1).
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// P-256 (RFC 5480 §2.1.1.1).
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// P-384.
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// Ed25519 (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RSA (RFC 8017 appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// ML-DSA-65 (RFC 9881 §2).
#[cfg(feature = "ml-dsa")]
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");

/// An algorithm of signatures, with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256; material is the scalar, 32 bytes.
    P256,
    /// ECDSA on P-384; material is the scalar, 48 bytes.
    P384,
    /// Ed25519; material is the seed, 32 bytes.
    Ed25519,
    /// RSA; material is PKCS#8 in DER.
    Rsa(RsaBits),
    /// ML-DSA-65; material is the seed, 32 bytes.
    MlDsa65,
}

impl Algorithm {
    /// The mechanism that is meant where none is named. For RSA: PSS with SHA-256.
    #[must_use]
    pub const fn mechanism(self) -> Mechanism {
        match self {
            Self::P256 => Mechanism::EcdsaSha256,
            Self::P384 => Mechanism::EcdsaSha384,
            Self::Ed25519 => Mechanism::Ed25519,
            Self::Rsa(_) => Mechanism::RsaPssSha256,
            Self::MlDsa65 => Mechanism::MlDsa65,
        }
    }

    /// Whether a mechanism is one of this algorithm.
    pub(crate) const fn takes(self, mechanism: Mechanism) -> bool {
        use Mechanism as M;
        match self {
            Self::P256 => matches!(mechanism, M::EcdsaSha256),
            Self::P384 => matches!(mechanism, M::EcdsaSha384),
            Self::Ed25519 => matches!(mechanism, M::Ed25519),
            Self::Rsa(_) => matches!(
                mechanism,
                M::RsaPssSha256
                    | M::RsaPssSha384
                    | M::RsaPssSha512
                    | M::RsaPkcs1Sha256
                    | M::RsaPkcs1Sha384
                    | M::RsaPkcs1Sha512
            ),
            Self::MlDsa65 => matches!(mechanism, M::MlDsa65),
        }
    }
}

/// A private key, in the vault's hands.
pub(crate) enum SigningKey {
    P256(p256::SigningKey),
    P384(p384::SigningKey),
    Ed25519(ed25519::SigningKey),
    Rsa(rsa::SigningKey),
    #[cfg(feature = "ml-dsa")]
    MlDsa65(ml_dsa::SigningKey),
}

impl SigningKey {
    pub(crate) fn generate(algorithm: Algorithm, env: &mut Env<'_>) -> Result<Self, Error> {
        Ok(match algorithm {
            Algorithm::P256 => Self::P256(p256::SigningKey::generate(env)),
            Algorithm::P384 => Self::P384(p384::SigningKey::generate(env)),
            Algorithm::Ed25519 => Self::Ed25519(ed25519::SigningKey::generate(env)),
            Algorithm::Rsa(bits) => Self::Rsa(rsa::SigningKey::generate(bits, env)?),
            #[cfg(feature = "ml-dsa")]
            Algorithm::MlDsa65 => Self::MlDsa65(ml_dsa::SigningKey::generate(env)),
            #[cfg(not(feature = "ml-dsa"))]
            Algorithm::MlDsa65 => return Err(Error::KeyUnsupported),
        })
    }

    /// Takes the material of a record.
    pub(crate) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Error> {
        match algorithm {
            Algorithm::P256 => p256::SigningKey::from_bytes(bytes).map(Self::P256),
            Algorithm::P384 => p384::SigningKey::from_bytes(bytes).map(Self::P384),
            Algorithm::Ed25519 => ed25519::SigningKey::from_bytes(bytes).map(Self::Ed25519),
            Algorithm::Rsa(bits) => {
                let key = rsa::SigningKey::from_bytes(bytes)?;
                if key.bits() == bits { Ok(Self::Rsa(key)) } else { Err(Error::Refused) }
            }
            #[cfg(feature = "ml-dsa")]
            Algorithm::MlDsa65 => ml_dsa::SigningKey::from_bytes(bytes).map(Self::MlDsa65),
            #[cfg(not(feature = "ml-dsa"))]
            Algorithm::MlDsa65 => Err(Error::KeyUnsupported),
        }
    }

    /// What a sealed record holds of it: the forms are told at [`Algorithm`].
    pub(crate) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(match self {
            Self::P256(key) => key.to_bytes(),
            Self::P384(key) => key.to_bytes(),
            Self::Ed25519(key) => Zeroizing::new(key.to_bytes().to_vec()),
            Self::Rsa(key) => key.to_bytes()?,
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa65(key) => key.to_bytes(),
        })
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        match self {
            Self::P256(key) => VerifyingKey::P256(key.verifying_key()),
            Self::P384(key) => VerifyingKey::P384(key.verifying_key()),
            Self::Ed25519(key) => VerifyingKey::Ed25519(key.verifying_key()),
            Self::Rsa(key) => VerifyingKey::Rsa(key.verifying_key()),
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa65(key) => VerifyingKey::MlDsa65(key.verifying_key()),
        }
    }
}

impl Signer for SigningKey {
    fn sign(
        &self,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        env: &mut Env<'_>,
    ) -> Result<Signature, Error> {
        match (self, mechanism) {
            (Self::P256(key), Mechanism::EcdsaSha256) => {
                key.sign(&prepared.digest(mechanism)?, env).map(Signature::P256)
            }
            (Self::P384(key), Mechanism::EcdsaSha384) => {
                key.sign(&prepared.digest(mechanism)?, env).map(Signature::P384)
            }
            (Self::Ed25519(key), Mechanism::Ed25519) => Ok(Signature::Ed25519(key.sign(prepared.message()?))),
            (Self::Rsa(key), _) => key.sign(mechanism, &prepared.digest(mechanism)?, env).map(Signature::Rsa),
            #[cfg(feature = "ml-dsa")]
            (Self::MlDsa65(key), Mechanism::MlDsa65) => {
                key.sign(prepared.message()?, env).map(Signature::MlDsa65)
            }
            _ => Err(Error::KeyMechanism),
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyingKey {
    /// ECDSA on P-256 with SHA-256.
    P256(P256VerifyingKey),
    /// ECDSA on P-384 with SHA-384.
    P384(P384VerifyingKey),
    /// Ed25519.
    Ed25519(Ed25519VerifyingKey),
    /// RSA signatures.
    Rsa(RsaVerifyingKey),
    /// ML-DSA-65.
    #[cfg(feature = "ml-dsa")]
    MlDsa65(MlDsa65VerifyingKey),
}

/// A signature, public as such.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// ECDSA on P-256 with SHA-256.
    P256(P256Signature),
    /// ECDSA on P-384 with SHA-384.
    P384(P384Signature),
    /// Ed25519.
    Ed25519(Ed25519Signature),
    /// RSA, as long as the modulus.
    Rsa(Vec<u8>),
    /// ML-DSA-65, 3309 bytes.
    MlDsa65(Vec<u8>),
}

impl VerifyingKey {
    /// The algorithm of the key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::P256,
            Self::P384(_) => Algorithm::P384,
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::Rsa(key) => Algorithm::Rsa(key.bits()),
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa65(_) => Algorithm::MlDsa65,
        }
    }

    /// Checks a signature in the form that `openssl` writes: DER of X9.62 for ECDSA, plain bytes for all others.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not a signature by this key over just this message; [`Error::KeyMechanism`] when
    /// the mechanism is of another algorithm.
    pub fn verify(
        &self,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        signature: &[u8],
    ) -> Result<(), Error> {
        match (self, mechanism) {
            (Self::P256(key), Mechanism::EcdsaSha256) => {
                key.verify(&prepared.digest(mechanism)?, &P256Signature::from_der(signature)?)
            }
            (Self::P384(key), Mechanism::EcdsaSha384) => {
                key.verify(&prepared.digest(mechanism)?, &P384Signature::from_der(signature)?)
            }
            (Self::Ed25519(key), Mechanism::Ed25519) => {
                key.verify(prepared.message()?, &Ed25519Signature::from_bytes(signature)?)
            }
            (Self::Rsa(key), _) => key.verify(mechanism, &prepared.digest(mechanism)?, signature),
            #[cfg(feature = "ml-dsa")]
            (Self::MlDsa65(key), Mechanism::MlDsa65) => key.verify(prepared.message()?, signature),
            _ => Err(Error::KeyMechanism),
        }
    }

    /// [`VerifyingKey::verify`] over a whole message, by the mechanism that is meant where none is named.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not a signature by this key over just this message.
    pub fn verify_der(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.verify(self.algorithm().mechanism(), Prepared::Message(message), signature)
    }

    /// Checks a signature in its fixed form, as JWS carries it (RFC 7518 §3.4: r ‖ s, 64 bytes for P-256 and 96 for
    /// P-384; RFC 8037 §3.1: 64 bytes for Ed25519; RSA as it is).
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not a signature by this key over just this message.
    pub fn verify_fixed(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let der = match self {
            Self::P256(_) => P256Signature::from_fixed(signature)?.to_der(),
            Self::P384(_) => P384Signature::from_fixed(signature)?.to_der(),
            _ => return self.verify_der(message, signature),
        };
        self.verify_der(message, &der)
    }

    /// SubjectPublicKeyInfo (RFC 5280 §4.1) in DER.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.to_spki_der(),
            Self::P384(key) => key.to_spki_der(),
            Self::Ed25519(key) => key.to_spki_der(),
            Self::Rsa(key) => key.to_spki_der(),
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa65(key) => key.to_spki_der(),
        }
    }

    /// SubjectPublicKeyInfo in PEM (RFC 7468 §13).
    #[must_use]
    pub fn to_spki_pem(&self) -> String {
        spki_pem(&self.to_spki_der())
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is no public key of an algorithm that is offered here.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::Rejected)?;
        match info.algorithm.oid {
            EC => match info.algorithm.parameters_oid().map_err(|_| Error::Rejected)? {
                P256 => P256VerifyingKey::from_spki_der(der).map(Self::P256),
                P384 => P384VerifyingKey::from_spki_der(der).map(Self::P384),
                _ => Err(Error::Rejected),
            },
            ED25519 => Ed25519VerifyingKey::from_spki_der(der).map(Self::Ed25519),
            RSA => RsaVerifyingKey::from_spki_der(der).map(Self::Rsa),
            #[cfg(feature = "ml-dsa")]
            ML_DSA_65 => MlDsa65VerifyingKey::from_spki_der(der).map(Self::MlDsa65),
            _ => Err(Error::Rejected),
        }
    }

    /// Reads a SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is no public key of an algorithm that is offered here.
    pub fn from_spki_pem(pem: &str) -> Result<Self, Error> {
        let (label, document) = Document::from_pem(pem.trim()).map_err(|_| Error::Rejected)?;
        SubjectPublicKeyInfoRef::validate_pem_label(label).map_err(|_| Error::Rejected)?;
        Self::from_spki_der(document.as_bytes())
    }
}

/// A SubjectPublicKeyInfo of any algorithm, from DER to PEM.
pub(crate) fn spki_pem(der: &[u8]) -> String {
    Document::try_from(der)
        .and_then(|document| document.to_pem(SubjectPublicKeyInfoRef::PEM_LABEL, LineEnding::LF))
        .expect("what was made as DER has a PEM form")
}

impl Signature {
    /// The form that `openssl` reads: DER of X9.62 for ECDSA, plain bytes for all others.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        match self {
            Self::P256(signature) => signature.to_der(),
            Self::P384(signature) => signature.to_der(),
            _ => self.to_fixed(),
        }
    }

    /// The fixed form of JWS (RFC 7518 §3.4, RFC 8037 §3.1).
    #[must_use]
    pub fn to_fixed(&self) -> Vec<u8> {
        match self {
            Self::P256(signature) => signature.to_fixed(),
            Self::P384(signature) => signature.to_fixed(),
            Self::Ed25519(signature) => signature.to_bytes().to_vec(),
            Self::Rsa(signature) | Self::MlDsa65(signature) => signature.clone(),
        }
    }

    /// Takes a signature of another implementation, in the fixed form of JWS.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it has not that form: another length, or for ECDSA a part that is 0 or no scalar.
    pub fn from_fixed(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Error> {
        match algorithm {
            Algorithm::P256 => P256Signature::from_fixed(bytes).map(Self::P256),
            Algorithm::P384 => P384Signature::from_fixed(bytes).map(Self::P384),
            Algorithm::Ed25519 => Ed25519Signature::from_bytes(bytes).map(Self::Ed25519),
            Algorithm::Rsa(_) => Ok(Self::Rsa(bytes.to_vec())),
            Algorithm::MlDsa65 => Ok(Self::MlDsa65(bytes.to_vec())),
        }
    }

    /// Takes a signature of another implementation, in the form that `openssl` writes.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has not that form.
    pub fn from_der(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Error> {
        match algorithm {
            Algorithm::P256 => P256Signature::from_der(bytes).map(Self::P256),
            Algorithm::P384 => P384Signature::from_der(bytes).map(Self::P384),
            Algorithm::Ed25519 => Ed25519Signature::from_bytes(bytes).map(Self::Ed25519),
            Algorithm::Rsa(_) => Ok(Self::Rsa(bytes.to_vec())),
            Algorithm::MlDsa65 => Ok(Self::MlDsa65(bytes.to_vec())),
        }
        .map_err(|_| Error::Refused)
    }
}
