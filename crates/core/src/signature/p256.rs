//! ECDSA on P-256 with SHA-256 (FIPS 186-5 §6), nonces after RFC 6979 with added randomness (hedged).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ::p256::ecdsa;
use ::p256::ecdsa::signature::{RandomizedSigner, Verifier};
use ::p256::elliptic_curve::Generate;
use ::p256::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::error::Error;

/// A private key; the crate beneath wipes it when dropped.
pub(crate) struct SigningKey(ecdsa::SigningKey);

impl SigningKey {
    pub(crate) fn generate(env: &mut Env<'_>) -> Self {
        Self(ecdsa::SigningKey::generate_from_rng(&mut env.rng))
    }

    /// The private scalar, 32 bytes, on its way into a sealed record.
    pub(crate) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        ecdsa::SigningKey::from_slice(bytes).map(Self).map_err(|_| Error::Refused)
    }

    pub(crate) fn sign(&self, message: &[u8], env: &mut Env<'_>) -> Result<Signature, Error> {
        // Hedged (draft-irtf-cfrg-det-sigs-with-noise): a repeated or weak random value alone reveals nothing.
        let signature: ecdsa::Signature =
            self.0.try_sign_with_rng(&mut env.rng, message).map_err(|_| Error::Randomness)?;
        Ok(Signature(signature))
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(*self.0.verifying_key())
    }
}

/// A public key on P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey(ecdsa::VerifyingKey);

impl VerifyingKey {
    pub(super) fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.0.verify(message, &signature.0).map_err(|_| Error::Rejected)
    }

    pub(super) fn to_spki_der(self) -> Vec<u8> {
        self.0.to_public_key_der().expect("a point on the curve has a DER form").into_vec()
    }

    pub(super) fn to_spki_pem(self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("a point on the curve has a PEM form")
    }

    pub(super) fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        ecdsa::VerifyingKey::from_public_key_der(der).map(Self).map_err(|_| Error::Rejected)
    }

    pub(super) fn from_spki_pem(pem: &str) -> Result<Self, Error> {
        ecdsa::VerifyingKey::from_public_key_pem(pem.trim().to_string().as_str())
            .map(Self)
            .map_err(|_| Error::Rejected)
    }

    /// The affine coordinates x and y, 32 bytes each, big-endian, as a JWK carries them (RFC 7518 §6.2.1).
    #[must_use]
    pub fn coordinates(&self) -> ([u8; 32], [u8; 32]) {
        let point = self.0.to_sec1_point(false);
        let bytes = point.as_bytes();
        let (mut x, mut y) = ([0; 32], [0; 32]);
        x.copy_from_slice(&bytes[1..33]);
        y.copy_from_slice(&bytes[33..65]);
        (x, y)
    }
}

/// A signature (r, s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(ecdsa::Signature);

impl Signature {
    pub(super) fn to_der(self) -> Vec<u8> {
        self.0.to_der().as_bytes().to_vec()
    }

    pub(super) fn to_fixed(self) -> [u8; 64] {
        self.0.to_bytes().into()
    }

    pub(super) fn from_der(bytes: &[u8]) -> Result<Self, Error> {
        ecdsa::Signature::from_der(bytes).map(Self).map_err(|_| Error::Rejected)
    }

    pub(super) fn from_fixed(bytes: &[u8]) -> Result<Self, Error> {
        ecdsa::Signature::from_slice(bytes).map(Self).map_err(|_| Error::Rejected)
    }
}
