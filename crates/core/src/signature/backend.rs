//! Who computes with private keys: the portable code beside this file, or what the edges bring along.

use alloc::boxed::Box;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Algorithm, Signature, SigningKey, VerifyingKey};
use crate::env::Env;
use crate::error::Error;
use crate::hash::Digested;
use crate::mechanism::Mechanism;

/// What is signed: a message, or what was hashed of it in parts.
#[derive(Clone, Copy, Debug)]
pub enum Prepared<'a> {
    /// A whole message.
    Message(&'a [u8]),
    /// The digest of a message, for mechanisms that hash first.
    Digest(&'a Digested),
}

impl<'a> Prepared<'a> {
    /// The digest that this mechanism signs.
    ///
    /// # Errors
    /// [`Error::KeyMechanism`] for a mechanism without a hash, or a digest of another one.
    pub fn digest(&self, mechanism: Mechanism) -> Result<Digested, Error> {
        let hash = mechanism.hash().ok_or(Error::KeyMechanism)?;
        match self {
            Self::Message(message) => Ok(hash.digest(message)),
            Self::Digest(digest) if digest.hash() == hash => Ok(**digest),
            Self::Digest(_) => Err(Error::KeyMechanism),
        }
    }

    /// The message.
    ///
    /// # Errors
    /// [`Error::KeyMechanism`] when it was hashed already: this mechanism takes no parts.
    pub const fn message(&self) -> Result<&'a [u8], Error> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Digest(_) => Err(Error::KeyMechanism),
        }
    }
}

/// A private key, ready to sign.
pub trait Signer: Send + Sync {
    /// Signs.
    ///
    /// # Errors
    /// [`Error::KeyMechanism`] for a mechanism of another algorithm; [`Error::Randomness`]; [`Error::Refused`] when
    /// the computation went wrong.
    fn sign(
        &self,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        env: &mut Env<'_>,
    ) -> Result<Signature, Error>;
}

/// Another implementation of some algorithms, chosen when a vault opens. It answers `None` to what it does not do, and
/// the portable one does it.
pub trait Backend: Send + Sync {
    /// What listings and errors call it.
    fn name(&self) -> &'static str;

    /// Takes a private key as a sealed record holds it.
    ///
    /// # Errors
    /// [`Error::Refused`] for material that is no such key.
    fn signer(&self, algorithm: Algorithm, material: &[u8]) -> Option<Result<Box<dyn Signer>, Error>>;

    /// Draws a private key, as a sealed record holds it.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    fn generate(&self, algorithm: Algorithm) -> Option<Result<Zeroizing<Vec<u8>>, Error>>;

    /// Checks a signature in the form that `openssl` writes.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not a signature by this key over just this message.
    fn verify(
        &self,
        key: &VerifyingKey,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        signature: &[u8],
    ) -> Option<Result<(), Error>>;
}

/// The code of this crate alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Backend for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn signer(&self, algorithm: Algorithm, material: &[u8]) -> Option<Result<Box<dyn Signer>, Error>> {
        let key = SigningKey::from_bytes(algorithm, material);
        Some(key.map(|key| Box::new(key) as Box<dyn Signer>))
    }

    fn generate(&self, _: Algorithm) -> Option<Result<Zeroizing<Vec<u8>>, Error>> {
        // Randomness is an argument here: `SigningKey::generate` takes it.
        None
    }

    fn verify(
        &self,
        key: &VerifyingKey,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        signature: &[u8],
    ) -> Option<Result<(), Error>> {
        Some(key.verify(mechanism, prepared, signature))
    }
}
