//! Who may use a token: everybody who has it, or only who shows a key (RFC 9449 §6) or a certificate (RFC 8705 §3).

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use zamok_core::Error as CoreError;
use zamok_core::hash::sha256;
use zamok_core::wire::{Reader, Writer};

use crate::jose::{Thumbprint, decode, encode};

/// SHA-256 of a certificate in DER: `x5t#S256` (RFC 8705 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificateHash(pub [u8; 32]);

impl CertificateHash {
    /// The hash of a certificate in DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(sha256(&[der]))
    }
}

impl core::fmt::Display for CertificateHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

/// Whose a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Everybody's who has it.
    #[default]
    Bearer,
    /// The holder's of this key, who proves it with each request (DPoP).
    Key(Thumbprint),
    /// The holder's of this certificate, who shows it on the connection (mutual TLS).
    Certificate(CertificateHash),
}

impl Binding {
    /// How the journal and introspection call it (RFC 7662 §2.2, `token_type`).
    #[must_use]
    pub const fn token_type(&self) -> &'static str {
        match self {
            Self::Bearer | Self::Certificate(_) => "Bearer",
            Self::Key(_) => "DPoP",
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Key(_) => "key",
            Self::Certificate(_) => "certificate",
        }
    }

    /// The claim `cnf` (RFC 7800 §3.1).
    pub(super) fn confirmation(&self) -> Option<Value> {
        match self {
            Self::Bearer => None,
            Self::Key(thumbprint) => Some(json!({"jkt": thumbprint.to_string()})),
            Self::Certificate(hash) => Some(json!({"x5t#S256": hash.to_string()})),
        }
    }

    /// Reads `cnf`. A way of confirming that is not known here, or a second one, cannot be checked, and so is refused.
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, CoreError> {
        let confirmation = match claims.get("cnf") {
            None => return Ok(Self::Bearer),
            Some(Value::Object(confirmation)) if confirmation.len() == 1 => confirmation,
            Some(_) => return Err(CoreError::Rejected),
        };
        let hash = |name: &str| -> Option<[u8; 32]> {
            decode(confirmation.get(name)?.as_str()?).ok()?.try_into().ok()
        };
        if let Some(hash) = hash("jkt") {
            return Ok(Self::Key(Thumbprint(hash)));
        }
        hash("x5t#S256").map(|hash| Self::Certificate(CertificateHash(hash))).ok_or(CoreError::Rejected)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let (kind, hash) = match self {
            Self::Bearer => (0, [0; 32]),
            Self::Key(thumbprint) => (1, thumbprint.0),
            Self::Certificate(hash) => (2, hash.0),
        };
        writer.u8(kind).raw(&hash);
    }

    pub(super) fn load(reader: &mut Reader<'_>) -> Result<Self, CoreError> {
        let (kind, hash) = (reader.u8()?, reader.array()?);
        Ok(match kind {
            0 => Self::Bearer,
            1 => Self::Key(Thumbprint(hash)),
            2 => Self::Certificate(CertificateHash(hash)),
            _ => return Err(CoreError::Refused),
        })
    }
}

/// What came with a token, each part checked before: a proof of possession by [`Proofs`](crate::proof::Proofs), a
/// certificate by TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The key that a proof was made with.
    pub key: Option<Thumbprint>,
    /// The certificate of the connection.
    pub certificate: Option<CertificateHash>,
    /// The address from which it came, as the service sees it: an account's limits are held against it (R18). Where those name
    /// networks, a token from an unknown address is refused.
    pub address: Option<IpAddr>,
}

impl Shown {
    /// A token alone.
    pub const NOTHING: Self = Self { key: None, certificate: None, address: None };

    /// A token with a proof by this key.
    #[must_use]
    pub const fn key(key: Thumbprint) -> Self {
        Self { key: Some(key), ..Self::NOTHING }
    }

    /// A token over a connection of the holder of this certificate.
    #[must_use]
    pub const fn certificate(certificate: CertificateHash) -> Self {
        Self { certificate: Some(certificate), ..Self::NOTHING }
    }

    /// The same, from this address.
    ///
    /// ```
    /// use zamok_protocols::token::Shown;
    ///
    /// let shown = Shown::NOTHING.from_address("192.0.2.1".parse().unwrap());
    /// assert!(shown.address.is_some() && shown.key.is_none());
    /// ```
    #[must_use]
    pub const fn from_address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Whether a token that is bound so may be used with what came along. A proof beside a token that is not bound to its key
    /// is refused as well (RFC 9449 §7.1): whoever sends one believes that it protects him.
    pub(crate) fn fits(&self, binding: &Binding) -> Result<(), CoreError> {
        let fits = match binding {
            Binding::Bearer => self.key.is_none(),
            Binding::Key(key) => self.key == Some(*key),
            Binding::Certificate(hash) => self.key.is_none() && self.certificate == Some(*hash),
        };
        if fits { Ok(()) } else { Err(CoreError::Rejected) }
    }
}
