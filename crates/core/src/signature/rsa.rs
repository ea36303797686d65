//! RSA signatures (RFC 8017 §8), and nothing else: no decryption is offered.
//!
//! The crate beneath has an open timing advisory (RUSTSEC-2023-0071). It is met in the open: the private operation is
//! always blinded, a signature is verified before it leaves, and where an operating system exists another back end
//! does the work (`docs/decisions/0010-rsa-timing.md`).

use alloc::vec::Vec;

use ::rsa::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use ::rsa::traits::PublicKeyParts as _;
use ::rsa::{Pkcs1v15Sign, PrivateKey, Pss, PublicKey};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::error::Error;
use crate::hash::{Digested, MessageHash};
use crate::mechanism::Mechanism;

/// The length of an RSA modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum RsaBits {
    /// 2048 bits: 112 bits of strength (NIST SP 800-57 part 1, table 2).
    Rsa2048 = 2048,
    /// 3072 bits: 128 bits of strength.
    Rsa3072 = 3072,
    /// 4096 bits: about 152 bits of strength.
    Rsa4096 = 4096,
}

impl RsaBits {
    /// Every length.
    pub const ALL: [Self; 3] = [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// The length with this number of bits.
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|length| u32::from(*length as u16) == bits)
    }
}

/// A private key; the crate beneath wipes it when dropped.
pub(crate) struct SigningKey {
    private: PrivateKey,
    bits: RsaBits,
}

impl SigningKey {
    pub(crate) fn generate(bits: RsaBits, env: &mut Env<'_>) -> Result<Self, Error> {
        let private =
            PrivateKey::new(&mut env.rng, usize::from(bits as u16)).map_err(|_| Error::Randomness)?;
        Ok(Self { private, bits })
    }

    /// PKCS#8 in DER, on its way into a sealed record.
    pub(crate) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let document = self.private.to_pkcs8_der().map_err(|_| Error::Refused)?;
        Ok(Zeroizing::new(document.as_bytes().to_vec()))
    }

    /// Reads PKCS#8 in DER and checks that the numbers fit each other.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let private = PrivateKey::from_pkcs8_der(bytes).map_err(|_| Error::Refused)?;
        let bits = RsaBits::from_bits(private.n().bit_width_vartime()).ok_or(Error::Refused)?;
        private.validate().map_err(|_| Error::Refused)?;
        Ok(Self { private, bits })
    }

    pub(crate) const fn bits(&self) -> RsaBits {
        self.bits
    }

    pub(crate) fn sign(
        &self,
        mechanism: Mechanism,
        digest: &Digested,
        env: &mut Env<'_>,
    ) -> Result<Vec<u8>, Error> {
        let (key, rng, hashed) = (&self.private, &mut env.rng, digest.as_slice());
        let signature = match (is_pss(mechanism)?, digest.hash()) {
            (true, MessageHash::Sha256) => {
                key.sign_with_rng(rng, Pss::<Sha256>::new_blinded_with_salt(32), hashed)
            }
            (true, MessageHash::Sha384) => {
                key.sign_with_rng(rng, Pss::<Sha384>::new_blinded_with_salt(48), hashed)
            }
            (true, MessageHash::Sha512) => {
                key.sign_with_rng(rng, Pss::<Sha512>::new_blinded_with_salt(64), hashed)
            }
            (false, hash) => key.sign_with_rng(rng, pkcs1(hash), hashed),
        }
        .map_err(|_| Error::Refused)?;
        // A fault in the computation would give the factors away: nothing leaves that does not verify.
        self.verifying_key().verify(mechanism, digest, &signature).map_err(|_| Error::Refused)?;
        Ok(signature)
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey { public: self.private.to_public_key(), bits: self.bits }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    public: PublicKey,
    bits: RsaBits,
}

impl VerifyingKey {
    /// The length of the modulus.
    #[must_use]
    pub const fn bits(&self) -> RsaBits {
        self.bits
    }

    /// Modulus and public exponent, big-endian without leading zeros, as a JWK carries them (RFC 7518 §6.3.1).
    #[must_use]
    pub fn components(&self) -> (Vec<u8>, Vec<u8>) {
        (self.public.n_bytes().to_vec(), self.public.e_bytes().to_vec())
    }

    pub(crate) fn verify(
        &self,
        mechanism: Mechanism,
        digest: &Digested,
        signature: &[u8],
    ) -> Result<(), Error> {
        let (key, hashed) = (&self.public, digest.as_slice());
        match (is_pss(mechanism)?, digest.hash()) {
            (true, MessageHash::Sha256) => key.verify(Pss::<Sha256>::new_with_salt(32), hashed, signature),
            (true, MessageHash::Sha384) => key.verify(Pss::<Sha384>::new_with_salt(48), hashed, signature),
            (true, MessageHash::Sha512) => key.verify(Pss::<Sha512>::new_with_salt(64), hashed, signature),
            (false, hash) => key.verify(pkcs1(hash), hashed, signature),
        }
        .map_err(|_| Error::Rejected)
    }

    pub(crate) fn to_spki_der(&self) -> Vec<u8> {
        self.public.to_public_key_der().expect("a modulus and an exponent have a DER form").into_vec()
    }

    pub(crate) fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let public = PublicKey::from_public_key_der(der).map_err(|_| Error::Rejected)?;
        let bits = RsaBits::from_bits(public.n().bit_width_vartime()).ok_or(Error::Rejected)?;
        Ok(Self { public, bits })
    }
}

fn pkcs1(hash: MessageHash) -> Pkcs1v15Sign {
    match hash {
        MessageHash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        MessageHash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        MessageHash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    }
}

const fn is_pss(mechanism: Mechanism) -> Result<bool, Error> {
    match mechanism {
        Mechanism::RsaPssSha256 | Mechanism::RsaPssSha384 | Mechanism::RsaPssSha512 => Ok(true),
        Mechanism::RsaPkcs1Sha256 | Mechanism::RsaPkcs1Sha384 | Mechanism::RsaPkcs1Sha512 => Ok(false),
        _ => Err(Error::KeyMechanism),
    }
}
