//! Public keys as JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2), and their thumbprints (RFC 7638).

use serde_json::{Map, Value, json};
use zamok_core::Error as CoreError;
use zamok_core::hash::sha256;
use zamok_core::signature::{Ed25519VerifyingKey, VerifyingKey};

use super::{JwsAlgorithm, decode, encode};

/// SHA-256 of a public key as RFC 7638 writes it: the `jkt` of tokens that are bound to it (RFC 9449 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

impl core::fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

/// A public key as a JSON Web Key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// The key.
    pub key: VerifyingKey,
    /// What it is called (`kid`).
    pub name: Option<String>,
    /// What it signs with (`alg`).
    pub algorithm: Option<JwsAlgorithm>,
}

/// SubjectPublicKeyInfo of an uncompressed point on P-256 and P-384, before the point.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
const P384: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04,
];
/// The algorithm identifier rsaEncryption.
const RSA: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

impl Jwk {
    /// Members of a private key, and of a secret one (RFC 7518 §6): a key that has one is not public any more.
    const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

    /// Reads a public key. Private and symmetric keys are refused, and keys that serve something else than signatures.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for anything but a public key of an algorithm that is offered here.
    pub fn read(object: &Map<String, Value>) -> Result<Self, CoreError> {
        let text = |name: &str| object.get(name).and_then(Value::as_str).ok_or(CoreError::Rejected);
        if Self::PRIVATE.iter().any(|member| object.contains_key(*member)) {
            return Err(CoreError::Rejected);
        }
        if object.get("use").is_some_and(|found| found != "sig") {
            return Err(CoreError::Rejected);
        }
        if object.get("key_ops").is_some_and(|found| !serves_verification(found)) {
            return Err(CoreError::Rejected);
        }
        let number = |name: &str| text(name).and_then(decode);
        let coordinates = |frame: &[u8], length: usize| {
            let (x, y) = (number("x")?, number("y")?);
            // RFC 7518 §6.2.1.2: as long as the field, with leading zeros.
            if x.len() != length || y.len() != length {
                return Err(CoreError::Rejected);
            }
            VerifyingKey::from_spki_der(&[frame, &x, &y].concat())
        };
        let key = match text("kty")? {
            "EC" if text("crv")? == "P-256" => coordinates(P256, 32)?,
            "EC" if text("crv")? == "P-384" => coordinates(P384, 48)?,
            "OKP" if text("crv")? == "Ed25519" => {
                let bytes: [u8; 32] = number("x")?.try_into().map_err(|_| CoreError::Rejected)?;
                VerifyingKey::Ed25519(Ed25519VerifyingKey::from_bytes(&bytes)?)
            }
            "RSA" => rsa(&number("n")?, &number("e")?)?,
            _ => return Err(CoreError::Rejected),
        };
        let algorithm = match object.get("alg") {
            None => None,
            Some(Value::String(name)) => {
                let named = JwsAlgorithm::named(name).filter(|algorithm| algorithm.fits(&key));
                Some(named.ok_or(CoreError::Rejected)?)
            }
            Some(_) => return Err(CoreError::Rejected),
        };
        let name = match object.get("kid") {
            None => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(_) => return Err(CoreError::Rejected),
        };
        Ok(Self { key, name, algorithm })
    }

    /// The members that RFC 7638 §3.2 requires, in its order; `None` for keys that have no JSON form here.
    fn required(key: &VerifyingKey) -> Option<Value> {
        let curve = |name: &str, (x, y): (&[u8], &[u8])| json!({"crv": name, "kty": "EC", "x": encode(x), "y": encode(y)});
        Some(match key {
            VerifyingKey::P256(key) => {
                let (x, y) = key.coordinates();
                curve("P-256", (&x, &y))
            }
            VerifyingKey::P384(key) => {
                let (x, y) = key.coordinates();
                curve("P-384", (&x, &y))
            }
            VerifyingKey::Ed25519(key) => {
                json!({"crv": "Ed25519", "kty": "OKP", "x": encode(&key.to_bytes())})
            }
            VerifyingKey::Rsa(key) => {
                let (n, e) = key.components();
                json!({"e": encode(&e), "kty": "RSA", "n": encode(&n)})
            }
            _ => return None,
        })
    }

    /// The thumbprint of a public key (RFC 7638).
    ///
    /// # Errors
    /// [`CoreError::KeyKind`] for a key that has no JSON form here.
    pub fn thumbprint(key: &VerifyingKey) -> Result<Thumbprint, CoreError> {
        // Members in the order of their names and without blanks: the order in which `serde_json` keeps them.
        let members = Self::required(key).ok_or(CoreError::KeyKind)?;
        Ok(Thumbprint(sha256(&[members.to_string().as_bytes()])))
    }

    /// The key as a JSON object, for signatures.
    ///
    /// # Errors
    /// [`CoreError::KeyKind`] for a key that has no JSON form here.
    pub fn to_json(&self) -> Result<Value, CoreError> {
        let mut object = Self::required(&self.key).ok_or(CoreError::KeyKind)?;
        object["use"] = "sig".into();
        if let Some(name) = &self.name {
            object["kid"] = name.as_str().into();
        }
        if let Some(algorithm) = self.algorithm {
            object["alg"] = algorithm.name().into();
        }
        Ok(object)
    }
}

/// RFC 7517 §4.3: an array of texts, none of them twice. Of a public key that is for signatures, one is `verify`.
fn serves_verification(operations: &Value) -> bool {
    let named = |operations: &[Value]| {
        let once = |(place, operation): (usize, &Value)| {
            operation.is_string() && !operations[..place].contains(operation)
        };
        operations.iter().enumerate().all(once) && operations.iter().any(|operation| operation == "verify")
    };
    operations.as_array().is_some_and(|operations| named(operations))
}

/// SubjectPublicKeyInfo of an RSA key (RFC 8017 appendix A.1.1), which the core then judges.
fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<VerifyingKey, CoreError> {
    // RFC 7518 §6.3.1.1: no leading zeros.
    let minimal = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
    if !minimal(modulus) || !minimal(exponent) || modulus.len() > 512 || exponent.len() > 8 {
        return Err(CoreError::Rejected);
    }
    let integer = |number: &[u8]| {
        let sign: &[u8] = if number[0] & 0x80 == 0 { &[] } else { &[0] };
        element(0x02, &[sign, number].concat())
    };
    let key = element(0x30, &[integer(modulus), integer(exponent)].concat());
    let bits = element(0x03, &[&[0], &key[..]].concat());
    VerifyingKey::from_spki_der(&element(0x30, &[RSA, &bits].concat()))
}

/// An element of DER (X.690 §8.1) of at most 65,535 bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, ..0x80) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}
