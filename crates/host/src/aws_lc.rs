//! Signatures by AWS-LC: ECDSA on P-256 and P-384, and RSA, in constant time and several times faster than the portable
//! code. Randomness for nonces and blinding is its own, seeded by the operating system and hedged with the key and the
//! message.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, RsaEncoding, UnparsedPublicKey, VerificationAlgorithm};
use zamok_core::hash::{Digested, MessageHash};
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Algorithm, Backend, Prepared, RsaBits, Signature, Signer, VerifyingKey};
use zamok_core::{Env, Error};
use zeroize::Zeroizing;

/// The back end over AWS-LC.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

/// An elliptic-curve key: `ECPrivateKey` of RFC 5915 without a public key is a frame around the scalar.
const P256_FRAME: ([u8; 7], [u8; 12]) = (
    [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20],
    [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
);
const P384_FRAME: ([u8; 7], [u8; 9]) =
    ([0x30, 0x3e, 0x02, 0x01, 0x01, 0x04, 0x30], [0xa0, 0x07, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]);

struct EcSigner {
    key: EcdsaKeyPair,
    algorithm: Algorithm,
}

struct RsaSigner {
    key: RsaKeyPair,
    bits: RsaBits,
}

impl Backend for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc"
    }

    fn signer(&self, algorithm: Algorithm, material: &[u8]) -> Option<Result<Box<dyn Signer>, Error>> {
        let refused = |_| Error::Refused;
        let key: Result<Box<dyn Signer>, Error> = match algorithm {
            Algorithm::P256 => {
                let der = Zeroizing::new([&P256_FRAME.0[..], material, &P256_FRAME.1].concat());
                EcdsaKeyPair::from_private_key_der(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, &der)
                    .map(|key| Box::new(EcSigner { key, algorithm }) as Box<dyn Signer>)
                    .map_err(refused)
            }
            Algorithm::P384 => {
                let der = Zeroizing::new([&P384_FRAME.0[..], material, &P384_FRAME.1].concat());
                EcdsaKeyPair::from_private_key_der(&signature::ECDSA_P384_SHA384_ASN1_SIGNING, &der)
                    .map(|key| Box::new(EcSigner { key, algorithm }) as Box<dyn Signer>)
                    .map_err(refused)
            }
            Algorithm::Rsa(bits) => match RsaKeyPair::from_pkcs8(material) {
                Ok(key) if key.public_modulus_len() == usize::from(bits as u16) / 8 => {
                    Ok(Box::new(RsaSigner { key, bits }) as Box<dyn Signer>)
                }
                _ => Err(Error::Refused),
            },
            _ => return None,
        };
        Some(key)
    }

    fn generate(&self, algorithm: Algorithm) -> Option<Result<Zeroizing<Vec<u8>>, Error>> {
        let Algorithm::Rsa(bits) = algorithm else { return None };
        let size = match bits {
            RsaBits::Rsa2048 => KeySize::Rsa2048,
            RsaBits::Rsa3072 => KeySize::Rsa3072,
            RsaBits::Rsa4096 => KeySize::Rsa4096,
        };
        let drawn = RsaKeyPair::generate(size).and_then(|key| {
            let document = key.as_der()?;
            Ok(Zeroizing::new(document.as_ref().to_vec()))
        });
        Some(drawn.map_err(|_| Error::Randomness))
    }

    fn verify(
        &self,
        key: &VerifyingKey,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        signature: &[u8],
    ) -> Option<Result<(), Error>> {
        let algorithm = match key.algorithm() {
            Algorithm::P256 | Algorithm::P384 | Algorithm::Rsa(_) => {
                verification(key.algorithm(), mechanism)?
            }
            _ => return None,
        };
        Some(verify(algorithm, &key.to_spki_der(), mechanism, prepared, signature))
    }
}

impl Signer for EcSigner {
    fn sign(
        &self,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        _: &mut Env<'_>,
    ) -> Result<Signature, Error> {
        if mechanism != self.algorithm.mechanism() {
            return Err(Error::KeyMechanism);
        }
        let made = match prepared {
            Prepared::Message(message) => self.key.sign(&SystemRandom::new(), message),
            Prepared::Digest(_) => self.key.sign_digest(&import(&prepared.digest(mechanism)?)?),
        };
        Signature::from_der(self.algorithm, made.map_err(|_| Error::Randomness)?.as_ref())
    }
}

impl Signer for RsaSigner {
    fn sign(
        &self,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        _: &mut Env<'_>,
    ) -> Result<Signature, Error> {
        let encoding = encoding(mechanism).ok_or(Error::KeyMechanism)?;
        let mut bytes = vec![0; self.key.public_modulus_len()];
        let made = match prepared {
            Prepared::Message(message) => self.key.sign(encoding, &SystemRandom::new(), message, &mut bytes),
            Prepared::Digest(_) => {
                self.key.sign_digest(encoding, &import(&prepared.digest(mechanism)?)?, &mut bytes)
            }
        };
        made.map_err(|_| Error::Refused)?;
        // A fault in the computation would give the factors away: nothing leaves that does not verify.
        let algorithm = verification(Algorithm::Rsa(self.bits), mechanism).ok_or(Error::KeyMechanism)?;
        let public = signature::KeyPair::public_key(&self.key);
        verify(algorithm, public.as_ref(), mechanism, prepared, &bytes).map_err(|_| Error::Refused)?;
        Ok(Signature::Rsa(bytes))
    }
}

fn verify(
    algorithm: &'static dyn VerificationAlgorithm,
    public: &[u8],
    mechanism: Mechanism,
    prepared: Prepared<'_>,
    signature: &[u8],
) -> Result<(), Error> {
    let key = UnparsedPublicKey::new(algorithm, public);
    match prepared {
        Prepared::Message(message) => key.verify(message, signature),
        Prepared::Digest(_) => key.verify_digest(&import(&prepared.digest(mechanism)?)?, signature),
    }
    .map_err(|_| Error::Rejected)
}

fn import(digested: &Digested) -> Result<Digest, Error> {
    let algorithm = match digested.hash() {
        MessageHash::Sha256 => &digest::SHA256,
        MessageHash::Sha384 => &digest::SHA384,
        MessageHash::Sha512 => &digest::SHA512,
    };
    Digest::import_less_safe(digested.as_slice(), algorithm).map_err(|_| Error::Refused)
}

fn encoding(mechanism: Mechanism) -> Option<&'static dyn RsaEncoding> {
    Some(match mechanism {
        Mechanism::RsaPssSha256 => &signature::RSA_PSS_SHA256,
        Mechanism::RsaPssSha384 => &signature::RSA_PSS_SHA384,
        Mechanism::RsaPssSha512 => &signature::RSA_PSS_SHA512,
        Mechanism::RsaPkcs1Sha256 => &signature::RSA_PKCS1_SHA256,
        Mechanism::RsaPkcs1Sha384 => &signature::RSA_PKCS1_SHA384,
        Mechanism::RsaPkcs1Sha512 => &signature::RSA_PKCS1_SHA512,
        _ => return None,
    })
}

fn verification(algorithm: Algorithm, mechanism: Mechanism) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (algorithm, mechanism) {
        (Algorithm::P256, Mechanism::EcdsaSha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (Algorithm::P384, Mechanism::EcdsaSha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (Algorithm::Rsa(_), Mechanism::RsaPssSha256) => &signature::RSA_PSS_2048_8192_SHA256,
        (Algorithm::Rsa(_), Mechanism::RsaPssSha384) => &signature::RSA_PSS_2048_8192_SHA384,
        (Algorithm::Rsa(_), Mechanism::RsaPssSha512) => &signature::RSA_PSS_2048_8192_SHA512,
        (Algorithm::Rsa(_), Mechanism::RsaPkcs1Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Algorithm::Rsa(_), Mechanism::RsaPkcs1Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Algorithm::Rsa(_), Mechanism::RsaPkcs1Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        _ => return None,
    })
}
