//! The registry of clients: with which key a request may be signed, or a connection opened, and for which account.

use std::net::IpAddr;

use zamok_cabinet::{AccountId, Cabinet, Error as CabinetError};
use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{Cursor, Range, Row, RowKey, Table};
use zamok_core::vault::{KeyKind, Purpose, Transaction, importing, keys};
use zamok_core::wire::{Reader, Writer};

use super::SignatureAlgorithm;
use super::client_key::{CLIENT_KEYS, Client, ClientKey, ClientKeyId, ClientKeyKind, NewClientKey, Read};
use crate::error::Error;
use crate::token::CertificateHash;

/// Which keys an account has.
const CLIENTS: Table = Table(58);
/// The format of that list.
const FORMAT: u8 = 1;

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

pub(super) fn row(account: AccountId) -> RowKey {
    RowKey::new(CLIENTS, account.0)
}

pub(super) fn listed(tx: &mut Transaction<'_>, account: AccountId) -> Result<Vec<ClientKeyId>, CoreError> {
    let Some(body) = tx.state(&row(account))? else { return Ok(Vec::new()) };
    let mut reader = Reader::new(&body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() });
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
    writer.u8(FORMAT).u16(count);
    for id in ids {
        writer.raw(&id.0);
    }
    Ok(tx.put_state(&row(account), writer.as_slice())?)
}
