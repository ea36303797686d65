//! A notice to an account becomes a message to each contact that its owner wants to be told by (R59, R60).

use zamok_core::event::EventKind;
use zamok_core::vault::Transaction;

use super::archive::Ending;
use super::lease::Leased;
use super::row::Row;
use super::{Message, MessageId, Priority, Recipient, preferences, subscription};
use crate::Cabinet;
use crate::account::{Account, ContactKind};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::session;

impl Cabinet {
    /// One message for each contact that the account wants to be reached by; without any, it has only its place in the feed.
    pub(super) fn spread(
        &self,
        tx: &mut Transaction<'_>,
        row: Row,
        account: &Account,
    ) -> Result<Leased, Error> {
        let preferences = preferences::load(tx, account)?;
        let (category, priority) = (row.message.category(), row.message.priority());
        let mut contacts: Vec<([u8; 16], Evidence)> = Vec::new();
        let now = tx.now();
        for contact in account.contacts.iter().filter(|contact| contact.takes(now, category)) {
            let channel = match contact.kind {
                ContactKind::Phone => Evidence::Sms,
                ContactKind::Email => Evidence::Email,
            };
            // What can wait does not cost an SMS, unless the owner has asked for it.
            if channel != Evidence::Sms || priority == Priority::High || preferences.wants(category, channel)
            {
                contacts.push((contact.id.0, channel));
            }
        }
        for device in session::devices_of(tx, account.id)? {
            if subscription::load(tx, account, device.0)?.is_some() {
                contacts.push((device.0, Evidence::Push));
            }
        }
        contacts.retain(|(_, channel)| preferences.allows(category, *channel));
        for contact in &contacts {
            let recipient = Recipient { account: account.id, contact: Some(*contact) };
            let message = Message { id: MessageId(tx.env().random()), recipient, ..row.message.clone() };
            let mut one = Row::queued(message);
            one.put(tx, now)?;
            let detail = one.told().with("of", row.message.id.to_string());
            tx.event(EventKind::MessageQueued, Some(account.subject), &one.key(), &detail)?;
        }
        let (ending, reason) = if contacts.is_empty() {
            (Ending::Rejected, "no contact wants it")
        } else {
            (Ending::HandedOver, "to the contacts of the account")
        };
        row.end(tx, &self.policy.delivery, ending, reason)?;
        Ok(if contacts.is_empty() { Leased::Over(Some(ending)) } else { Leased::Spread })
    }
}
