//! What a client's key is: its name, its record, and what is read of a public key, a certificate or a secret that comes in.

use base64ct::{Base64, Encoding};

use zamok_cabinet::{AccountId, Cabinet, Error as CabinetError, Limits};
use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::hash::sha256;
use zamok_core::signature::VerifyingKey;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{KeyId, KeyState, Transaction, keys};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};
use zeroize::Zeroizing;

use super::SignatureAlgorithm;
use crate::error::Error;
use crate::jose::{decode, encode};

/// Sealed keys of clients, under the SHA-256 of what they are.
pub(super) const CLIENT_KEYS: Table = Table(57);

/// What a client's key is called in requests (`keyid`): the SHA-256 of its public key (SubjectPublicKeyInfo) or its certificate
/// in DER, in base64url; a shared secret has a random one. Whoever has the key or the certificate knows the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKeyId(pub [u8; 32]);

impl ClientKeyId {
    /// Reads a name as requests write it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 43).then(|| decode(text).ok()?.try_into().ok().map(Self))?
    }

    pub(super) fn row(self) -> RowKey {
        RowKey::new(CLIENT_KEYS, self.0)
    }
}

impl core::fmt::Display for ClientKeyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

/// What sort of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ClientKeyKind {
    /// A public key: its holder signs requests.
    PublicKey = 1,
    /// A secret that client and service share: it signs requests with HMAC.
    Secret = 2,
    /// A certificate: its holder signs requests, and opens connections (mutual TLS).
    Certificate = 3,
}

impl ClientKeyKind {
    /// The name in listings and in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PublicKey => "public key",
            Self::Secret => "secret",
            Self::Certificate => "certificate",
        }
    }
}

/// A key to be registered.
pub enum NewClientKey<'a> {
    /// A public key, as SubjectPublicKeyInfo in PEM.
    PublicKeyPem(&'a str),
    /// A certificate in DER.
    Certificate(&'a [u8]),
    /// A certificate in PEM (RFC 7468 §5).
    CertificatePem(&'a str),
    /// A shared secret of at least 32 bytes.
    Secret(Zeroizing<Vec<u8>>),
}

impl core::fmt::Debug for NewClientKey<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::PublicKeyPem(_) => "NewClientKey::PublicKeyPem",
            Self::Certificate(_) => "NewClientKey::Certificate",
            Self::CertificatePem(_) => "NewClientKey::CertificatePem",
            Self::Secret(_) => "NewClientKey::Secret(redacted)",
        })
    }
}

/// A registered key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// Its name.
    pub id: ClientKeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What sort of key it is.
    pub kind: ClientKeyKind,
    /// How it signs.
    pub algorithm: SignatureAlgorithm,
    /// What its owner calls it.
    pub label: String,
    /// When it was registered.
    pub added: UnixTime,
    /// Whether it counts no more.
    pub revoked: bool,
    /// SubjectPublicKeyInfo in DER; empty for a secret.
    pub(super) public: Vec<u8>,
    /// The vault's key that keeps a secret.
    pub(super) secret: Option<KeyId>,
}

/// A client that has shown that it holds a registered key, by a signature or by its certificate. Only a check makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The key.
    pub key: ClientKeyId,
    /// The account that it acts for.
    pub account: AccountId,
}

impl ClientKey {
    const FORMAT: u8 = 1;
    /// Bytes of a label at most.
    pub(super) const LABEL: usize = 128;

    pub(super) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), CoreError> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&self.id.0).raw(&self.account.0);
        writer.u8(self.kind as u8).u8(self.algorithm as u8).text(&self.label)?.u64(self.added.0);
        writer.u8(self.revoked.into()).bytes(&self.public)?;
        writer.raw(&self.secret.map_or([0; 16], |key| key.0));
        tx.put_record(&self.id.row(), &[], writer.as_slice())
    }

    pub(super) fn load(tx: &mut Transaction<'_>, id: ClientKeyId) -> Result<Option<Self>, CoreError> {
        let Some(opened) = tx.record(&id.row())? else { return Ok(None) };
        let key = Self::decode(&opened.body)?;
        if key.id == id { Ok(Some(key)) } else { Err(CoreError::Refused) }
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let key = Self {
            id: ClientKeyId(reader.array()?),
            account: AccountId(reader.array()?),
            kind: match reader.u8()? {
                1 => ClientKeyKind::PublicKey,
                2 => ClientKeyKind::Secret,
                3 => ClientKeyKind::Certificate,
                _ => return Err(CoreError::Refused),
            },
            algorithm: SignatureAlgorithm::from_number(reader.u8()?).ok_or(CoreError::Refused)?,
            label: reader.text()?.into(),
            added: UnixTime(reader.u64()?),
            revoked: match reader.u8()? {
                0 => false,
                1 => true,
                _ => return Err(CoreError::Refused),
            },
            public: reader.bytes()?.to_vec(),
            secret: Some(reader.array()?).filter(|id| *id != [0; 16]).map(KeyId),
        };
        reader.end()?;
        Ok(key)
    }

    /// A key that counts, of an account that is open, and when and from where that may act.
    pub(super) fn of_request(
        tx: &mut Transaction<'_>,
        cabinet: &Cabinet,
        id: ClientKeyId,
    ) -> Result<(Self, Limits), CabinetError> {
        let key = Self::load(tx, id)?.filter(|key| !key.revoked).ok_or(CoreError::Rejected)?;
        let limits = cabinet.account_in(tx, key.account)?.limits;
        Ok((key, limits))
    }

    /// Lets it count no more, and destroys what it is made of.
    pub(super) fn revoke(
        &mut self,
        tx: &mut Transaction<'_>,
        subject: Option<Subject>,
        reason: &str,
    ) -> Result<(), CoreError> {
        self.revoked = true;
        if let Some(secret) = self.secret {
            let info = keys::info(tx, secret)?;
            // Once it is destroyed, its name cannot be taken from it any more.
            if info.state != KeyState::Destroyed {
                keys::rename(tx, secret, "", info.owner)?;
            }
            // Whoever keeps the vault's keys may have moved it on before.
            for next in [KeyState::Deactivated, KeyState::Destroyed] {
                if keys::info(tx, secret)?.state.may_become(next) {
                    keys::change_state(tx, secret, next, reason)?;
                }
            }
        }
        self.put(tx)?;
        let detail = Detail::new().with("key", self.id.to_string()).with("reason", reason);
        tx.event(EventKind::ClientKeyRevoked, subject, &self.id.row(), &detail).map(drop)
    }

    pub(super) fn public(&self) -> Result<VerifyingKey, CoreError> {
        VerifyingKey::from_spki_der(&self.public).map_err(|_| CoreError::Refused)
    }

    pub(super) const fn secret(&self) -> Option<KeyId> {
        self.secret
    }

    pub(super) const fn client(&self) -> Client {
        Client { key: self.id, account: self.account }
    }
}

/// What was read of a new key.
pub(super) struct Read {
    pub(super) id: Option<ClientKeyId>,
    pub(super) kind: ClientKeyKind,
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) public: Vec<u8>,
}

impl Read {
    /// Bytes of a shared secret: as long as the hash (RFC 2104 §3).
    const SECRET: usize = 32;

    pub(super) fn of(key: &NewClientKey<'_>, algorithm: Option<SignatureAlgorithm>) -> Result<Self, Error> {
        let (id, kind, public) = match key {
            NewClientKey::Secret(secret) => {
                let usable = secret.len() >= Self::SECRET
                    && algorithm.is_none_or(|algorithm| algorithm == SignatureAlgorithm::HmacSha256);
                if !usable {
                    return Err(Error::ClientUnusable);
                }
                let (kind, algorithm) = (ClientKeyKind::Secret, SignatureAlgorithm::HmacSha256);
                return Ok(Self { id: None, kind, algorithm, public: Vec::new() });
            }
            NewClientKey::PublicKeyPem(pem) => {
                let key = VerifyingKey::from_spki_pem(pem).map_err(|_| Error::ClientUnusable)?;
                (sha256(&[&key.to_spki_der()]), ClientKeyKind::PublicKey, key)
            }
            NewClientKey::Certificate(der) => Self::certificate(der)?,
            NewClientKey::CertificatePem(pem) => {
                Self::certificate(&der_of_pem(pem).ok_or(Error::ClientUnusable)?)?
            }
        };
        let usual = SignatureAlgorithm::of(&public).ok_or(Error::ClientUnusable)?;
        let algorithm = algorithm.unwrap_or(usual);
        if !algorithm.fits(&public) {
            return Err(Error::ClientUnusable);
        }
        Ok(Self { id: Some(ClientKeyId(id)), kind, algorithm, public: public.to_spki_der() })
    }

    fn certificate(der: &[u8]) -> Result<([u8; 32], ClientKeyKind, VerifyingKey), Error> {
        let public = public_key_of(der).ok_or(Error::ClientUnusable)?;
        let key = VerifyingKey::from_spki_der(public).map_err(|_| Error::ClientUnusable)?;
        Ok((sha256(&[der]), ClientKeyKind::Certificate, key))
    }
}

/// The one certificate of a PEM file; text around it is passed over, as RFC 7468 §2 allows.
fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let (_, rest) = pem.split_once(BEGIN)?;
    let (body, rest) = rest.split_once(END)?;
    if rest.contains(BEGIN) {
        // Which of several is meant, nobody says.
        return None;
    }
    let body: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    Base64::decode_vec(&body).ok()
}

/// SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1): the element of `tbsCertificate` behind version, serial number,
/// algorithm, issuer, validity and subject. Whether the certificate is to be trusted is for TLS to say.
pub(super) fn public_key_of(certificate: &[u8]) -> Option<&[u8]> {
    let (outer, rest) = element(certificate, 0x30)?;
    if !rest.is_empty() {
        return None;
    }
    let (mut fields, _) = element(outer, 0x30)?;
    // [0] EXPLICIT Version, which version 1 leaves out.
    if fields.first() == Some(&0xa0) {
        fields = element(fields, 0xa0)?.1;
    }
    for tag in [0x02, 0x30, 0x30, 0x30, 0x30] {
        fields = element(fields, tag)?.1;
    }
    let (_, behind) = element(fields, 0x30)?;
    Some(&fields[..fields.len() - behind.len()])
}

/// The content of an element of DER with this tag, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)), rest.get(2..)?),
        _ => return None,
    };
    (*found == tag).then(|| rest.split_at_checked(length))?
}
