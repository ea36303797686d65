//! Keys and certificates of clients: with which key a request may be signed, or a connection opened, and for which account.

use base64ct::{Base64, Encoding};
use std::net::IpAddr;

use zamok_cabinet::{AccountId, Cabinet, Error as CabinetError, Limits};
use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::hash::sha256;
use zamok_core::signature::VerifyingKey;
use zamok_core::store::{Cursor, Range, Row, RowKey, Table};
use zamok_core::vault::{KeyId, KeyKind, KeyState, Purpose, Transaction, importing, keys};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};
use zeroize::Zeroizing;

use super::SignatureAlgorithm;
use crate::error::Error;
use crate::jose::{decode, encode};
use crate::token::CertificateHash;

/// Sealed keys of clients, under the SHA-256 of what they are.
const CLIENT_KEYS: Table = Table(57);
/// Which keys an account has.
const CLIENTS: Table = Table(58);

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
    public: Vec<u8>,
    /// The vault's key that keeps a secret.
    secret: Option<KeyId>,
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
    const LABEL: usize = 128;

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

    fn decode(body: &[u8]) -> Result<Self, CoreError> {
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
    fn revoke(
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

/// The registry of a cabinet.
#[derive(Clone, Copy, Debug)]
pub struct Clients<'a> {
    cabinet: &'a Cabinet,
}

impl<'a> Clients<'a> {
    /// Over a cabinet.
    #[must_use]
    pub const fn new(cabinet: &'a Cabinet) -> Self {
        Self { cabinet }
    }

    /// Registers a key for an account, for officers; journalled. An RSA key signs with PSS unless `algorithm` says otherwise.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no open account has this login; [`Error::ClientUnusable`] for a key that cannot sign
    /// requests, or not so; [`Error::ClientTaken`] when it is registered already, or was revoked;
    /// [`CabinetError::TooMany`]; the vault's and the store's.
    pub fn add(
        &self,
        login: &str,
        key: &NewClientKey<'_>,
        algorithm: Option<SignatureAlgorithm>,
        label: &str,
    ) -> Result<ClientKey, Error> {
        let account = self.cabinet.account_by_login(login)?.id;
        if label.len() > ClientKey::LABEL || label.contains(char::is_control) {
            return Err(Error::ClientUnusable);
        }
        let read = Read::of(key, algorithm)?;
        let limit = self.cabinet.policy().access.client_keys;
        self.cabinet.vault().transact(|tx| {
            let account = self.cabinet.account_in(tx, account)?;
            let id = read.id.unwrap_or_else(|| ClientKeyId(tx.env().random()));
            if ClientKey::load(tx, id)?.is_some() {
                return Err(Error::ClientTaken);
            }
            let mut listed = listed(tx, account.id)?;
            let mut live = 0;
            for id in &listed {
                live += usize::from(ClientKey::load(tx, *id)?.is_some_and(|key| !key.revoked));
            }
            if live >= limit {
                return Err(CabinetError::TooMany { what: "keys of clients", limit }.into());
            }
            let secret = match key {
                NewClientKey::Secret(bytes) => {
                    let template = keys::Template::new(KeyKind::Hmac, Purpose::Data);
                    let template = template.named(label, Some(account.subject));
                    Some(importing::raw(tx, &template, bytes.clone())?)
                }
                _ => None,
            };
            let key = ClientKey {
                id,
                account: account.id,
                kind: read.kind,
                algorithm: read.algorithm,
                label: label.into(),
                added: tx.now(),
                revoked: false,
                public: read.public.clone(),
                secret,
            };
            key.put(tx)?;
            listed.push(id);
            list(tx, account.id, &listed)?;
            let detail =
                Detail::new().with("key", id.to_string()).with("kind", read.kind.name()).with("label", label);
            tx.event(EventKind::ClientKeyAdded, Some(account.subject), &id.row(), &detail)?;
            Ok(key)
        })
    }

    /// Lets a key count no more, for good: it is not taken in again. Revoking it twice is no error.
    ///
    /// # Errors
    /// [`Error::ClientUnknown`]; the vault's and the store's.
    pub fn revoke(&self, id: ClientKeyId, reason: &str) -> Result<(), Error> {
        self.cabinet.vault().transact(|tx| {
            let mut key = ClientKey::load(tx, id)?.ok_or(Error::ClientUnknown)?;
            if key.revoked {
                return Ok(());
            }
            let subject = self.cabinet.account_in(tx, key.account).map(|account| account.subject).ok();
            key.revoke(tx, subject, reason)?;
            Ok(())
        })
    }

    /// Revokes every key of an account, and forgets what its owner called them: before the account is erased (R27). An account
    /// without keys, and asking again, is no error.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; the vault's and the store's.
    pub fn forget(&self, login: &str, reason: &str) -> Result<(), Error> {
        let account = self.cabinet.account_by_login(login)?;
        self.forget_keys(account.id, Some(account.subject), reason)
    }

    /// The same for an account that was erased, and has no login any more.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn forget_of_erased(&self, account: AccountId, reason: &str) -> Result<(), Error> {
        self.forget_keys(account, None, reason)
    }

    fn forget_keys(&self, account: AccountId, subject: Option<Subject>, reason: &str) -> Result<(), Error> {
        let forget = |ids: &[ClientKeyId]| {
            self.cabinet.vault().transact(|tx| {
                for id in ids {
                    // A row that somebody has taken away keeps the rest from nothing.
                    let Some(mut key) = ClientKey::load(tx, *id)? else { continue };
                    key.label.clear();
                    match key.revoked {
                        true => key.put(tx)?,
                        false => key.revoke(tx, subject, reason)?,
                    }
                }
                Ok::<_, Error>(())
            })
        };
        let listed = self.cabinet.vault().transact(|tx| Ok::<_, Error>(listed(tx, account)?))?;
        forget(&listed)?;
        // Nor does a list that somebody has taken away: what it named still says whose it is.
        let mut after = None;
        loop {
            let (ids, next) = self.of_account(account, after.as_ref())?;
            let left: Vec<_> = ids.into_iter().filter(|id| !listed.contains(id)).collect();
            if !left.is_empty() {
                forget(&left)?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// The keys of an account among some of all keys, and where the next ones begin.
    fn of_account(
        &self,
        account: AccountId,
        after: Option<&Cursor>,
    ) -> Result<(Vec<ClientKeyId>, Option<Cursor>), Error> {
        const PAGE: usize = 200;
        let read = self.cabinet.vault().read(|store, keyring| {
            let page = store.scan(CLIENT_KEYS, &Range::all(), PAGE, after)?;
            let own = |(key, row): (Vec<u8>, Row)| {
                let id = ClientKeyId(key.as_slice().try_into().ok()?);
                // A row that cannot be read stays for the audit.
                let opened = keyring.open(&id.row(), &row).ok()?;
                let found = ClientKey::decode(&opened.body).ok()?;
                (found.account == account).then_some(id)
            };
            Ok((page.rows.into_iter().filter_map(own).collect(), page.next))
        });
        Ok(read?)
    }

    /// The keys of an account, those that were revoked among them, in the order in which they came.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`CoreError::Refused`] when one is missing; the vault's and the
    /// store's.
    pub fn list(&self, login: &str) -> Result<Vec<ClientKey>, Error> {
        let account = self.cabinet.account_by_login(login)?.id;
        self.cabinet.vault().transact(|tx| {
            let listed = listed(tx, account)?;
            listed
                .into_iter()
                .map(|id| ClientKey::load(tx, id)?.ok_or_else(|| CoreError::Refused.into()))
                .collect()
        })
    }

    /// The client whose certificate this is, as TLS has checked it (R32). Absence is never permission: a certificate that a
    /// trusted authority issued, and that nobody registered, belongs to no account.
    ///
    /// # Errors
    /// As [`Clients::of_certificate_from`], from an unknown address.
    pub fn of_certificate(&self, certificate: CertificateHash) -> Result<Client, Error> {
        self.of_certificate_from(certificate, None)
    }

    /// The same, on a connection from this address, which the limits of the account are held against (R18). Where those name
    /// networks, an unknown address is outside of them.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when it is not registered, was revoked, or its account is not open;
    /// [`OutsideLimits`](CabinetError::OutsideLimits); the vault's and the store's.
    pub fn of_certificate_from(
        &self,
        certificate: CertificateHash,
        address: Option<IpAddr>,
    ) -> Result<Client, Error> {
        self.cabinet.vault().transact(|tx| {
            let (key, limits) = ClientKey::of_request(tx, self.cabinet, ClientKeyId(certificate.0))?;
            if key.kind != ClientKeyKind::Certificate {
                return Err(Error::REJECTED);
            }
            if limits.allow(tx.now(), address) {
                Ok(key.client())
            } else {
                Err(CabinetError::OutsideLimits.into())
            }
        })
    }
}

/// What was read of a new key.
struct Read {
    id: Option<ClientKeyId>,
    kind: ClientKeyKind,
    algorithm: SignatureAlgorithm,
    public: Vec<u8>,
}

impl Read {
    /// Bytes of a shared secret: as long as the hash (RFC 2104 §3).
    const SECRET: usize = 32;

    fn of(key: &NewClientKey<'_>, algorithm: Option<SignatureAlgorithm>) -> Result<Self, Error> {
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

pub(super) fn row(account: AccountId) -> RowKey {
    RowKey::new(CLIENTS, account.0)
}

pub(super) fn listed(tx: &mut Transaction<'_>, account: AccountId) -> Result<Vec<ClientKeyId>, CoreError> {
    let Some(body) = tx.state(&row(account))? else { return Ok(Vec::new()) };
    let mut reader = Reader::new(&body);
    let found = reader.u8()?;
    if found != ClientKey::FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: ClientKey::FORMAT.into() });
    }
    let ids = (0..reader.u16()?).map(|_| reader.array().map(ClientKeyId)).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(ids)
}

pub(super) fn list(tx: &mut Transaction<'_>, account: AccountId, ids: &[ClientKeyId]) -> Result<(), Error> {
    let limit = usize::from(u16::MAX);
    let count = u16::try_from(ids.len()).map_err(|_| CoreError::TooLong {
        what: "the number of keys",
        given: ids.len(),
        limit,
    })?;
    let mut writer = Writer::new();
    writer.u8(ClientKey::FORMAT).u16(count);
    for id in ids {
        writer.raw(&id.0);
    }
    Ok(tx.put_state(&row(account), writer.as_slice())?)
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
