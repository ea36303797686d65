//! JSON Web Signature in its compact form (RFC 7515 §7.1), read strictly, and the algorithms that are offered
//! (RFC 7518 §3, RFC 8037 §3.1).

mod json;
mod jwk;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use zamok_core::Error as CoreError;
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Algorithm, Signature, VerifyingKey};
use zamok_core::vault::keys::KeyInfo;

pub(crate) use self::json::object;
pub use self::jwk::{Jwk, Thumbprint};

/// An algorithm of JWS. Which one a signature has is a property of the key, and never taken from what was signed
/// (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JwsAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl JwsAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::EdDsa, Self::Rs256, Self::Ps256];

    /// Its name in headers and key sets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    /// The algorithm of this name; `Ed25519` is the newer name of `EdDSA` on that curve (RFC 9864 §2.2).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(crate) const fn mechanism(self) -> Mechanism {
        match self {
            Self::Es256 => Mechanism::EcdsaSha256,
            Self::Es384 => Mechanism::EcdsaSha384,
            Self::EdDsa => Mechanism::Ed25519,
            Self::Rs256 => Mechanism::RsaPkcs1Sha256,
            Self::Ps256 => Mechanism::RsaPssSha256,
        }
    }

    /// What a key of the vault signs with: fixed by its curve; for RSA PSS, unless the key allows PKCS #1 v1.5 alone.
    pub(crate) fn of(info: &KeyInfo) -> Option<Self> {
        let allowed = |algorithm: &Self| info.mechanisms.contains(algorithm.mechanism());
        Some(match info.kind.algorithm()? {
            Algorithm::P256 => Self::Es256,
            Algorithm::P384 => Self::Es384,
            Algorithm::Ed25519 => Self::EdDsa,
            Algorithm::Rsa(_) => [Self::Ps256, Self::Rs256].into_iter().find(allowed)?,
            _ => return None,
        })
        .filter(allowed)
    }

    /// Whether a public key can have made such a signature.
    pub(crate) const fn fits(self, key: &VerifyingKey) -> bool {
        matches!(
            (self, key.algorithm()),
            (Self::Es256, Algorithm::P256)
                | (Self::Es384, Algorithm::P384)
                | (Self::EdDsa, Algorithm::Ed25519)
                | (Self::Rs256 | Self::Ps256, Algorithm::Rsa(_))
        )
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Reads base64url without padding, in its one form: nothing but the alphabet, and no bits beside the bytes.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, CoreError> {
    Base64UrlUnpadded::decode_vec(text).map_err(|_| CoreError::Rejected)
}

/// The compact form of an object, which is signed.
pub(crate) fn encode_object(object: &Map<String, Value>) -> String {
    encode(&serde_json::to_vec(object).expect("a map with names as keys is JSON"))
}

/// A JWS as it was sent: nothing of it is verified.
pub(crate) struct Compact<'a> {
    /// The header, without a repeated or deeply nested member.
    pub(crate) header: Map<String, Value>,
    /// What is signed.
    pub(crate) signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart: three parts of strict base64url, the first of them a JSON object.
    pub(crate) fn parse(token: &'a str, longest: usize) -> Result<Self, CoreError> {
        if token.len() > longest {
            return Err(CoreError::Rejected);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(CoreError::Rejected)?;
        let (header, payload) = signed.split_once('.').ok_or(CoreError::Rejected)?;
        if payload.contains('.') || signature.is_empty() {
            return Err(CoreError::Rejected);
        }
        let header = object(&decode(header)?)?;
        Ok(Self { header, signed, payload, signature: decode(signature)? })
    }

    /// A member of the header that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// The signature in the form that `openssl` writes. Wrong lengths, and parts of an ECDSA signature that are 0 or not below
    /// the order (CVE-2022-21449), are refused here already.
    pub(crate) fn signature(&self, key: &VerifyingKey) -> Result<Vec<u8>, CoreError> {
        Signature::from_fixed(key.algorithm(), &self.signature).map(|signature| signature.to_der())
    }

    /// The payload. To be asked for only once the signature is found right (RFC 8725 §3.3).
    pub(crate) fn payload(&self) -> Result<Map<String, Value>, CoreError> {
        object(&decode(self.payload)?)
    }
}
