//! Digital signatures: one file for each algorithm, behind `SigningKey` and [`VerifyingKey`].
//!
//! Private keys exist only inside a vault; what leaves are signatures and public keys.

mod p256;

use alloc::string::String;
use alloc::vec::Vec;

pub(crate) use self::p256::SigningKey as P256SigningKey;
pub use self::p256::{Signature as P256Signature, VerifyingKey as P256VerifyingKey};
use crate::env::Env;
use crate::error::Error;

/// A private key, in the vault's hands.
pub(crate) enum SigningKey {
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5 §6).
    P256(P256SigningKey),
}

impl SigningKey {
    pub(crate) fn sign(&self, message: &[u8], env: &mut Env<'_>) -> Result<Signature, Error> {
        match self {
            Self::P256(key) => key.sign(message, env).map(Signature::P256),
        }
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        match self {
            Self::P256(key) => VerifyingKey::P256(key.verifying_key()),
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyingKey {
    /// ECDSA on P-256 with SHA-256.
    P256(P256VerifyingKey),
}

/// A signature, public as such.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// ECDSA on P-256 with SHA-256.
    P256(P256Signature),
}

impl VerifyingKey {
    /// Checks a signature in the DER form of X9.62, as `openssl dgst` writes it.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not a signature by this key over just this message.
    pub fn verify_der(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        match self {
            Self::P256(key) => key.verify(message, &P256Signature::from_der(signature)?),
        }
    }

    /// Checks a signature in its fixed form, as JWS carries it (RFC 7518 §3.4: r ‖ s, 64 bytes for P-256).
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not a signature by this key over just this message.
    pub fn verify_fixed(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        match self {
            Self::P256(key) => key.verify(message, &P256Signature::from_fixed(signature)?),
        }
    }

    /// SubjectPublicKeyInfo (RFC 5280 §4.1) in DER.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.to_spki_der(),
        }
    }

    /// SubjectPublicKeyInfo in PEM (RFC 7468 §13).
    #[must_use]
    pub fn to_spki_pem(&self) -> String {
        match self {
            Self::P256(key) => key.to_spki_pem(),
        }
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is no public key of an algorithm that is offered here.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        P256VerifyingKey::from_spki_der(der).map(Self::P256)
    }

    /// Reads a SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is no public key of an algorithm that is offered here.
    pub fn from_spki_pem(pem: &str) -> Result<Self, Error> {
        P256VerifyingKey::from_spki_pem(pem).map(Self::P256)
    }
}

impl Signature {
    /// The DER form of X9.62, which `openssl` reads.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        match self {
            Self::P256(signature) => signature.to_der(),
        }
    }

    /// The fixed form of JWS (RFC 7518 §3.4).
    #[must_use]
    pub fn to_fixed(&self) -> Vec<u8> {
        match self {
            Self::P256(signature) => signature.to_fixed().to_vec(),
        }
    }
}
