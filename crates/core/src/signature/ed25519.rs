//! Ed25519 (RFC 8032 §5.1, FIPS 186-5 §7.6): deterministic, over the message itself.

use alloc::vec::Vec;

use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{self as dalek, Signer as _};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::error::Error;

/// A private key; the crate beneath wipes it when dropped.
pub(crate) struct SigningKey(dalek::SigningKey);

impl SigningKey {
    pub(crate) fn generate(env: &mut Env<'_>) -> Self {
        Self(dalek::SigningKey::from_bytes(&Zeroizing::new(env.random())))
    }

    /// The seed, 32 bytes (RFC 8032 §5.1.5), on its way into a sealed record.
    pub(crate) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        dalek::SigningKey::try_from(bytes).map(Self).map_err(|_| Error::Refused)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message))
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }
}

/// A public key on edwards25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey(dalek::VerifyingKey);

impl VerifyingKey {
    /// Without the cofactor, and never for keys or nonces of small order, which would fit many messages.
    pub(super) fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.0.verify_strict(message, &signature.0).map_err(|_| Error::Rejected)
    }

    pub(super) fn to_spki_der(self) -> Vec<u8> {
        self.0.to_public_key_der().expect("32 bytes have a DER form").into_vec()
    }

    pub(super) fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        dalek::VerifyingKey::from_public_key_der(der).map(Self).map_err(|_| Error::Rejected)
    }

    /// Reads the 32 bytes of RFC 8032 §5.1.5, as C2SP notes and JWKs carry them.
    ///
    /// # Errors
    /// [`Error::Rejected`] when they are no point of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        dalek::VerifyingKey::from_bytes(bytes).map(Self).map_err(|_| Error::Rejected)
    }

    /// The 32 bytes of RFC 8032 §5.1.5.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

/// A signature, R ‖ S, 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(dalek::Signature);

impl Signature {
    pub(super) fn to_bytes(self) -> [u8; 64] {
        self.0.to_bytes()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        dalek::Signature::from_slice(bytes).map(Self).map_err(|_| Error::Rejected)
    }
}
