//! Keys by name: what is known of one, the words for kinds, purposes, mechanisms and states, and what needs no vault.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use zamok::CoreError;
use zamok::keys::{self, KeyId, KeyKind, KeyState, Mechanism, Purpose, RsaBits};
use zamok::signature::VerifyingKey;

use crate::buffer::Bytes;
use crate::fault::Fault;

/// What is known of a key of a vault, without its material.
#[pyclass(frozen, get_all, eq, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyInfo {
    /// Its handle: 32 hexadecimal digits. Knowing it grants nothing.
    id: String,
    /// Its version; rotation makes the next one.
    version: u32,
    /// What it is, such as "P-256".
    kind: String,
    /// What it serves, such as "data".
    purpose: String,
    /// Where it stands in its life (NIST SP 800-57): "pre-active", "active", "suspended", "deactivated", "compromised",
    /// "destroyed".
    state: String,
    /// Its label.
    label: String,
    /// When it was made or taken in, in seconds since 1970.
    created: u64,
    /// Whether it was made inside this vault.
    local: bool,
}

#[pymethods]
impl KeyInfo {
    fn __repr__(&self) -> String {
        format!("<zamok.KeyInfo {} {:?}, {}, {}>", self.kind, self.label, self.purpose, self.state)
    }
}

impl From<keys::KeyInfo> for KeyInfo {
    fn from(info: keys::KeyInfo) -> Self {
        Self {
            id: info.id.to_string(),
            version: info.version,
            kind: info.kind.name().to_owned(),
            purpose: info.purpose.name().to_owned(),
            state: info.state.to_string(),
            created: info.dates.created.0,
            local: info.is_local(),
            label: info.label,
        }
    }
}

/// Reads a handle; what is none names no key.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Fault> {
    Ok(KeyId(bytes_of(text).ok_or(CoreError::UnknownKey)?))
}

/// Sixteen bytes from 32 hexadecimal digits.
pub(crate) fn bytes_of(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}

pub(crate) fn kind_of(name: &str) -> PyResult<KeyKind> {
    Ok(match name {
        "p256" => KeyKind::P256,
        "p384" => KeyKind::P384,
        "ed25519" => KeyKind::Ed25519,
        "rsa-2048" => KeyKind::Rsa { bits: RsaBits::Rsa2048 },
        "rsa-3072" => KeyKind::Rsa { bits: RsaBits::Rsa3072 },
        "rsa-4096" => KeyKind::Rsa { bits: RsaBits::Rsa4096 },
        "hmac" => KeyKind::Hmac,
        "aes-256" => KeyKind::Aes256,
        _ => return Err(PyValueError::new_err("no kind of key that is made here has this name")),
    })
}

pub(crate) fn purpose_of(name: &str) -> PyResult<Purpose> {
    let found = [Purpose::Document, Purpose::Token, Purpose::Request, Purpose::Certificate, Purpose::Data];
    let found = found.into_iter().find(|purpose| purpose.name() == name);
    found.ok_or_else(|| PyValueError::new_err("the purpose is document, token, request, certificate or data"))
}

pub(crate) fn mechanism_of(name: &str) -> PyResult<Mechanism> {
    Mechanism::from_name(name).ok_or_else(|| PyValueError::new_err("no mechanism has this name"))
}

pub(crate) fn state_of(name: &str) -> PyResult<KeyState> {
    let found = (1..=6).filter_map(KeyState::from_number).find(|state| state.to_string() == name);
    found.ok_or_else(|| PyValueError::new_err("no state of a key has this name"))
}

/// Verifies a signature over bytes-like data by a public key in PEM (SubjectPublicKeyInfo): ECDSA on P-256 and P-384 in DER,
/// Ed25519, RSA with PSS and SHA-256. Needs no vault.
///
/// Raises `Rejected` for any wrong signature; `KeyMaterial` for what is no such key.
#[pyfunction]
#[pyo3(signature = (public_key, data, signature, /))]
pub(crate) fn verify_signature(
    py: Python<'_>,
    public_key: &str,
    data: &Bound<'_, PyAny>,
    signature: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (data, signature) = (Bytes::of(data)?, Bytes::of(signature)?);
    let verified = py.detach(|| {
        let key = VerifyingKey::from_spki_pem(public_key).map_err(|_| CoreError::KeyMaterial)?;
        key.verify_der(data.as_slice(), signature.as_slice())
    });
    Ok(verified.map_err(Fault::from)?)
}
