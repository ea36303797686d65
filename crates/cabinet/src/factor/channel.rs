//! Phones and addresses as factors (R9): a code is sent to them, derived and never stored. When something was sent to a factor stands in
//! its record.

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

use super::{Factor, FactorId, FactorState, Holding, kind_of};
use crate::Cabinet;
use crate::account::{Account, AccountRecord, Contact, ContactId, ContactKind};
use crate::challenge::{Enrolment, Means, Replaced};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::outbox::{Message, MessageKind};

impl Cabinet {
    /// Offers codes by SMS to a phone, or by e-mail to an address, as a factor, and sends the test code there at once. It says
    /// nothing of whether another account has this phone or address: whoever answers the code is told.
    ///
    /// # Errors
    /// [`Error::ContactUnusable`]; [`Error::MethodTooWeak`] where policy takes no such codes; [`Error::ResendTooSoon`] and
    /// [`Error::TooManyMessages`]; otherwise as [`Cabinet::offer_generator`].
    pub fn offer_channel(&self, enrolment: &Enrolment, address: &str) -> Result<(), Error> {
        let (kind, address) = ContactKind::parse(address)?;
        self.counted(|tx| {
            let mut contact = None;
            let (mut challenge, record) =
                self.offer_factor(tx, enrolment, kind_of(kind), kind.name(), |tx, record, _| {
                    let id = self.candidate(tx, record, kind, &address)?;
                    contact = Some(id);
                    Ok(Holding::Contact(id))
                })?;
            self.send_first(tx, &mut challenge, &record.account, &[])?;
            challenge.put(tx)
        })
    }

    /// Offers a phone or an address as a contact that is told and found, without making it a factor, and sends the test code
    /// there.
    ///
    /// # Errors
    /// As [`Cabinet::offer_channel`].
    pub fn offer_contact(&self, enrolment: &Enrolment, address: &str) -> Result<(), Error> {
        let (kind, address) = ContactKind::parse(address)?;
        self.counted(|tx| {
            let (mut challenge, mut record) = self.open_enrolment(tx, enrolment)?;
            // The first thing that an account has must be something that it is entered by, and what it is entered by is replaced by such.
            if challenge.session.is_none() || matches!(challenge.replaces, Some(Replaced::Factor(_))) {
                return Err(Error::NotAllowed);
            }
            self.prepare_offer(tx, &mut challenge, &mut record)?;
            let id = self.candidate(tx, &mut record, kind, &address)?;
            record.put(tx)?;
            challenge.means =
                Some(Means { evidence: evidence_of(kind), factor: [0; 16], contact: Some(id.0) });
            challenge.sent = 0;
            self.send_first(tx, &mut challenge, &record.account, &[])?;
            challenge.put(tx)
        })
    }

    /// The contact of an account with this address, verified or not: a new one waits for its code.
    fn candidate(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        kind: ContactKind,
        address: &str,
    ) -> Result<ContactId, Error> {
        let contacts = &mut record.account.contacts;
        if let Some(known) = contacts.iter().find(|other| other.kind == kind && other.address == address) {
            return Ok(known.id);
        }
        let limit = usize::try_from(self.policy.contact.most).unwrap_or(usize::MAX);
        // One that is being replaced makes room.
        if contacts.iter().filter(|contact| contact.until.is_none()).count() >= limit {
            return Err(Error::TooMany { what: "contacts", limit });
        }
        let id = ContactId(tx.env().random());
        contacts.push(Contact::unverified(id, kind, address, tx.now()));
        Ok(id)
    }

    /// The code that was sent to a contact has come back: the contact belongs to the account, and leads to it.
    pub(super) fn verify_own(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        id: ContactId,
        announced: bool,
    ) -> Result<(), Error> {
        let contact = record
            .account
            .contacts
            .iter()
            .find(|contact| contact.id == id)
            .ok_or(CoreError::Refused)?
            .clone();
        let contact = self.verified(tx, record, contact.kind, &contact.address, "by its owner")?;
        if announced {
            Message::notice(tx, MessageKind::ContactAdded, record.account.id)
                .with("kind", contact.kind.name())
                .with("contact", &contact.masked())
                .post(tx)?;
        }
        Ok(())
    }

    /// Tells a contact that it was replaced, and lets it go when that cannot be taken back any more. One that another factor which counts
    /// sends its codes to stays: its owner is let in by it.
    pub(crate) fn let_go(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        id: ContactId,
    ) -> Result<(), Error> {
        for factor in &record.account.factors {
            let factor = Factor::load(tx, *factor, record.account.id)?;
            let held = matches!(factor.holding, Holding::Contact(held) if held == id);
            if held && factor.state == FactorState::Active {
                return Ok(());
            }
        }
        let until = tx.now().plus(self.policy.contact.reversible);
        let contacts = &mut record.account.contacts;
        let contact = contacts.iter_mut().find(|contact| contact.id == id).ok_or(CoreError::Refused)?;
        contact.until = Some(until);
        let detail = Detail::new()
            .with("contact", contact.id.to_string())
            .with("kind", contact.kind.name())
            .with("reason", "replaced by its owner");
        let row = record.account.id.row();
        tx.event(EventKind::ContactRemoved, Some(record.account.subject), &row, &detail)?;
        Ok(())
    }
}

pub(super) const fn evidence_of(kind: ContactKind) -> Evidence {
    kind_of(kind).evidence()
}

/// When something was last sent for a factor, or to the contact that is one, with its owner behind it and without; 0 for never.
pub(crate) fn last_sent(
    tx: &mut Transaction<'_>,
    account: &Account,
    means: &Means,
) -> Result<(UnixTime, UnixTime), Error> {
    let (mut by_owner, mut unproved) = (UnixTime(0), UnixTime(0));
    for id in &account.factors {
        let factor = Factor::load(tx, *id, account.id)?;
        let there = factor.means().contact;
        if id.0 == means.factor || (there.is_some() && there == means.contact) {
            by_owner = by_owner.max(factor.last_sent);
            unproved = unproved.max(factor.last_unproved);
        }
    }
    Ok((by_owner, unproved))
}

/// Notes that something is sent for a factor now: what its owner does not stand behind apart, since it makes him wait for nothing. Of two
/// sendings at once the second one sees the first.
pub(crate) fn note_sending(
    tx: &mut Transaction<'_>,
    account: &Account,
    means: &Means,
    by_owner: bool,
) -> Result<(), Error> {
    if means.factor == [0; 16] {
        return Ok(());
    }
    let mut factor = Factor::load(tx, FactorId(means.factor), account.id)?;
    if by_owner {
        factor.last_sent = tx.now();
    } else {
        factor.last_unproved = tx.now();
    }
    factor.put(tx)
}
