//! ML-DSA-65 (FIPS 204), hedged, with an empty context. The crate beneath is unaudited; the feature is off by default.

use alloc::vec::Vec;

use ::ml_dsa::signature::Keypair as _;
use ::ml_dsa::{EncodedSignature, MlDsa65, Signature, pkcs8};
use pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::error::Error;

/// A private key; the crate beneath wipes it when dropped.
pub(crate) struct SigningKey(::ml_dsa::SigningKey<MlDsa65>);

impl SigningKey {
    pub(crate) fn generate(env: &mut Env<'_>) -> Self {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(env.random());
        Self(::ml_dsa::SigningKey::from_seed(&(*seed).into()))
    }

    /// The seed ξ, 32 bytes (FIPS 204 §5.1), on its way into a sealed record.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.as_seed().to_vec())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.try_into().map_err(|_| Error::Refused)?);
        Ok(Self(::ml_dsa::SigningKey::from_seed(&(*seed).into())))
    }

    pub(crate) fn sign(&self, message: &[u8], env: &mut Env<'_>) -> Result<Vec<u8>, Error> {
        let signed = self.0.expanded_key().sign_randomized(message, b"", &mut env.rng);
        signed.map(|signature| signature.encode().to_vec()).map_err(|_| Error::Randomness)
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyingKey(::ml_dsa::VerifyingKey<MlDsa65>);

impl Eq for VerifyingKey {}

impl VerifyingKey {
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let encoded = EncodedSignature::<MlDsa65>::try_from(signature).map_err(|_| Error::Rejected)?;
        let signature = Signature::<MlDsa65>::decode(&encoded).ok_or(Error::Rejected)?;
        if self.0.verify_with_context(message, b"", &signature) { Ok(()) } else { Err(Error::Rejected) }
    }

    pub(crate) fn to_spki_der(&self) -> Vec<u8> {
        self.0.to_public_key_der().expect("1952 bytes have a DER form").into_vec()
    }

    pub(crate) fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        ::ml_dsa::VerifyingKey::from_public_key_der(der).map(Self).map_err(|_| Error::Rejected)
    }
}
