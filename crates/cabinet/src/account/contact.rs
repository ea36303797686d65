//! Phones and e-mail addresses of an account (R9): kept in their normal form, found by it once they are verified.

use zamok_core::event::{Detail, EventKind};
use zamok_core::store::RowKey;
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

use super::record::leaving;
use super::{AccountId, AccountRecord, AccountStep, find, index, load};
use crate::error::Error;
use crate::factor;
use crate::name::{self, Login};
use crate::outbox::{Category, Message, MessageKind};
use crate::policy::Policy;
use crate::session::{self, Session};
use crate::{Cabinet, flag};

/// The id of a contact: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContactId(pub [u8; 16]);

impl core::fmt::Display for ContactId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// How somebody can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContactKind {
    /// By SMS, at an E.164 number.
    Phone = 1,
    /// By e-mail.
    Email = 2,
}

/// A phone or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Phone or e-mail.
    pub kind: ContactKind,
    /// In its normal form: `+79161234567`, `ivan@example.org`.
    pub address: String,
    /// Whether a code that was sent there came back.
    pub verified: bool,
    /// When it did, or when it was written down.
    pub added: UnixTime,
    /// When it goes away: another has taken its place (R9).
    pub until: Option<UnixTime>,
}

impl ContactKind {
    /// The name in listings, and the field of the blind index.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "e-mail",
        }
    }

    /// What a text is an address of, and its normal form: what has an `@` is an e-mail address.
    ///
    /// # Errors
    /// [`Error::ContactUnusable`].
    pub fn parse(text: &str) -> Result<(Self, String), Error> {
        if text.contains('@') {
            Ok((Self::Email, name::email(text)?))
        } else {
            Ok((Self::Phone, name::phone(text)?))
        }
    }
}

impl Contact {
    /// One whose code has not come back yet.
    pub(crate) fn unverified(id: ContactId, kind: ContactKind, address: &str, added: UnixTime) -> Self {
        Self { id, kind, address: address.into(), verified: false, added, until: None }
    }

    /// What may be shown to somebody who only knows the login: `+7···4567`, `i···@example.org`.
    #[must_use]
    pub fn masked(&self) -> String {
        match (self.kind, self.address.split_once('@')) {
            (ContactKind::Email, Some((local, domain))) => {
                let first = local.chars().next().unwrap_or_default();
                format!("{first}···@{domain}")
            }
            _ => {
                // E.164 numbers are digits after the sign, eight at least.
                let end = self.address.len().saturating_sub(4);
                format!("{}···{}", &self.address[..2.min(end)], &self.address[end..])
            }
        }
    }

    /// Whether it gets messages of this sort now. One that was dropped or replaced hears for a while of what it can take back, and then
    /// of nothing: it may be somebody else's by now.
    pub(crate) fn takes(&self, now: UnixTime, category: Category) -> bool {
        let leaving = |until| now < until && category == Category::Security;
        self.verified && self.until.is_none_or(leaving)
    }

    /// What the journal says of it: never the address.
    fn told(&self) -> Detail {
        Detail::new().with("contact", self.id.to_string()).with("kind", self.kind.name())
    }

    pub(super) fn write(&self, writer: &mut Writer) -> Result<(), CoreError> {
        writer.raw(&self.id.0).u8(self.kind as u8).text(&self.address)?.u8(u8::from(self.verified));
        writer.u64(self.added.0).u64(self.until.map_or(0, |until| until.0));
        Ok(())
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CoreError> {
        let id = ContactId(reader.array()?);
        let kind = match reader.u8()? {
            1 => ContactKind::Phone,
            2 => ContactKind::Email,
            _ => return Err(CoreError::Refused),
        };
        let (address, verified) = (reader.text()?.into(), flag(reader)?);
        let added = UnixTime(reader.u64()?);
        let until = Some(UnixTime(reader.u64()?)).filter(|until| *until > UnixTime(0));
        Ok(Self { id, kind, address, verified, added, until })
    }
}

impl Cabinet {
    /// Writes a phone or an address that somebody has shown to be the account's: an officer at the desk, with the reason.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`Error::ContactUnusable`]; [`Error::ContactTaken`];
    /// [`Error::TooMany`]; the vault's and the store's.
    pub fn vouch_contact(&self, login: &str, address: &str, reason: &str) -> Result<Contact, Error> {
        let login = Login::parse(login)?;
        let (kind, address) = ContactKind::parse(address)?;
        self.vault.transact(|tx| {
            let mut record = find(tx, &login)?.ok_or(CoreError::Rejected)?;
            self.verified(tx, &mut record, kind, &address, reason)
        })
    }

    /// The address belongs to the account from now on, and leads to it.
    pub(crate) fn verified(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        kind: ContactKind,
        address: &str,
        reason: &str,
    ) -> Result<Contact, Error> {
        record.take(AccountStep::Change)?;
        let contacts = &mut record.account.contacts;
        let most = self.policy.contact.most;
        let (count, limit) = (contacts.len(), usize::try_from(most).unwrap_or(usize::MAX));
        let known = contacts.iter().position(|contact| contact.kind == kind && contact.address == address);
        let place = known.unwrap_or(count);
        let staying = contacts.iter().filter(|contact| contact.until.is_none()).count();
        if known.is_none() && staying >= limit {
            return Err(Error::TooMany { what: "contacts", limit });
        }
        if known.is_none() {
            let id = ContactId(tx.env().random());
            contacts.push(Contact::unverified(id, kind, address, tx.now()));
        }
        if !contacts[place].verified {
            (contacts[place].verified, contacts[place].added) = (true, tx.now());
        }
        contacts[place].until = None;
        let contact = contacts[place].clone();
        // Whoever let it go keeps nobody else from it.
        if let Some(owner) = index::owner_of(tx, kind, address)?.filter(|owner| *owner != record.account.id) {
            let mut former = load(tx, owner)?;
            expire(tx, &mut former)?;
            former.put(tx)?;
        }
        index::claim_contact(tx, kind, address, record.account.id)?;
        expire(tx, record)?;
        record.put(tx)?;
        let row = record.account.id.row();
        let detail = contact.told().with("reason", reason);
        tx.event(EventKind::ContactVerified, Some(record.account.subject), &row, &detail)?;
        Ok(contact)
    }

    /// Takes a phone or an address away. For officers; the owner changes it in a session.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login or the account no such contact; the vault's and the store's.
    pub fn remove_contact(&self, login: &str, id: ContactId, reason: &str) -> Result<(), Error> {
        let login = Login::parse(login)?;
        self.vault.transact(|tx| {
            let mut record = find(tx, &login)?.ok_or(CoreError::Rejected)?;
            if factor::factor_of(tx, &record.account, id)?.is_some() {
                return Err(Error::NotAllowed);
            }
            let contact = record.account.contacts.iter().find(|contact| contact.id == id).cloned();
            drop_contact(tx, &mut record, id, reason)?;
            record.put(tx)?;
            contact.map_or(Ok(()), |contact| tell_removed(tx, &record, &contact))
        })
    }

    /// Takes a phone or an address away, as its owner asks in a session that is fresh. Every contact is told, this one as well: it
    /// is gone once [`ContactPolicy::reversible`](crate::ContactPolicy::reversible) is over.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the account has no such contact; [`Error::NotAllowed`] for one that is a factor: take that away;
    /// [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn drop_contact(&self, session: &Session, id: ContactId) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let session = session::fresh(tx, session.seen(), &self.policy.session)?;
            let mut record = load(tx, session.account)?;
            if factor::factor_of(tx, &record.account, id)?.is_some() {
                return Err(Error::NotAllowed);
            }
            let contact = record.account.contacts.iter().find(|contact| contact.id == id);
            let contact = contact.ok_or(CoreError::Rejected)?.clone();
            self.let_go(tx, &mut record, id)?;
            record.put(tx)?;
            tell_removed(tx, &record, &contact)
        })
    }
}

/// Tells an account's contacts that one is taken away.
fn tell_removed(tx: &mut Transaction<'_>, record: &AccountRecord, contact: &Contact) -> Result<(), Error> {
    Message::notice(tx, MessageKind::ContactRemoved, record.account.id)
        .with("kind", contact.kind.name())
        .with("contact", &contact.masked())
        .post(tx)?;
    Ok(())
}

/// Takes away the contacts whose time is over, whatever the account's state. The caller writes the account.
pub(crate) fn expire(tx: &mut Transaction<'_>, record: &mut AccountRecord) -> Result<(), Error> {
    let now = tx.now();
    let over = |contact: &Contact| contact.until.is_some_and(|until| now >= until);
    let gone: Vec<ContactId> =
        record.account.contacts.iter().filter(|contact| over(contact)).map(|contact| contact.id).collect();
    gone.into_iter().try_for_each(|id| forget(tx, record, id, "its time was over"))
}

/// From when on retention takes a contact of an account away.
pub(crate) fn due(body: &[u8], _: &Policy) -> Result<UnixTime, CoreError> {
    Ok(leaving(body)?.unwrap_or(UnixTime(u64::MAX)))
}

/// Takes away the contacts of an account whose time is over; the account's row stays.
pub(crate) fn sweep(tx: &mut Transaction<'_>, row: &RowKey, _: &Policy) -> Result<bool, Error> {
    let id = AccountId(row.key.as_slice().try_into().map_err(|_| CoreError::Refused)?);
    // An account that cannot be read keeps what it lists.
    let Ok(mut record) = load(tx, id) else { return Ok(false) };
    expire(tx, &mut record)?;
    record.former = record.former.filter(|former| tx.now() < former.until);
    record.put(tx)?;
    Ok(false)
}

/// Takes a contact away, and with it what leads from it to the account. The caller writes the account.
pub(crate) fn drop_contact(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    id: ContactId,
    reason: &str,
) -> Result<(), Error> {
    record.take(AccountStep::Change)?;
    forget(tx, record, id, reason)
}

fn forget(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    id: ContactId,
    reason: &str,
) -> Result<(), Error> {
    let contacts = &mut record.account.contacts;
    let place = contacts.iter().position(|contact| contact.id == id).ok_or(CoreError::Rejected)?;
    let contact = contacts.remove(place);
    if contact.verified {
        index::release_contact(tx, contact.kind, &contact.address)?;
    }
    let detail = contact.told().with("reason", reason);
    let row = record.account.id.row();
    tx.event(EventKind::ContactRemoved, Some(record.account.subject), &row, &detail)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_enough_to_its_owner_and_little_to_others() {
        let contact = |text: &str| {
            let (kind, address) = ContactKind::parse(text).unwrap();
            Contact::unverified(ContactId([0; 16]), kind, &address, UnixTime(0)).masked()
        };
        assert_eq!(contact("+7 916 123-45-67"), "+7···4567");
        assert_eq!(contact("Ivan@Example.ORG"), "i···@example.org");
        assert_eq!(contact("+12345678"), "+1···5678");
    }
}
