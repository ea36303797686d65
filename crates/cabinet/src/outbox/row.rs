//! The row of a message on its way: what is to be sent, and how far it has come. Byte by byte in `docs/formats/outbox.md`.

use zamok_core::event::Detail;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::archive::{self, Ending};
use super::due::{self, forget_hint};
use super::lease::WorkerId;
use super::receipt::{self, PartState};
use super::{Message, MessageId, MessageKind, Recipient};
use crate::account::{self, AccountId};
use crate::challenge::Sending;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::policy::DeliveryPolicy;

/// Sealed messages, under the time of their making and their id.
pub(super) const OUTBOX: Table = Table(44);

const FORMAT: u8 = 4;

/// Where a message stands, while it is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// No carrier has taken all of it yet.
    Queued = 1,
    /// A carrier has it, and will tell how it ended.
    Sent = 2,
}

/// A part of a message, which carriers know by an id of theirs. Empty for one that none has taken yet, or that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) state: PartState,
}

/// Where a message stands, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub id: MessageId,
    /// What it is.
    pub kind: MessageKind,
    /// Whose.
    pub account: AccountId,
    /// By which channel; `None` while it is not yet spread over the contacts of its account.
    pub channel: Option<Evidence>,
    /// When it was made.
    pub created: UnixTime,
    /// From when on it is not sent any more.
    pub expires: UnixTime,
    /// Whether a carrier has it and only its receipt is waited for.
    pub sent: bool,
    /// How often it was tried.
    pub attempts: u16,
    /// When it is looked at next.
    pub due: UnixTime,
    /// The carrier that has it, has a part of it, or may have it; empty for none.
    pub carrier: String,
    /// Why it waits: what the last attempt said. Empty before the first.
    pub reason: String,
}

pub(super) struct Row {
    pub(super) message: Message,
    pub(super) state: State,
    /// When its hint is due; `None` before it was ever written.
    pub(super) due: Option<UnixTime>,
    pub(super) attempts: u16,
    pub(super) lease: Option<(WorkerId, UnixTime)>,
    /// Whether the caps have counted it.
    pub(super) counted: bool,
    /// How often a carrier's answer was lost.
    pub(super) lost: u8,
    pub(super) carrier: String,
    pub(super) reason: String,
    pub(super) parts: Vec<Part>,
    /// Blind index of the address that it went to.
    pub(super) address: [u8; 32],
}

pub(super) fn key(created: UnixTime, id: MessageId) -> RowKey {
    RowKey::new(OUTBOX, [&created.0.to_be_bytes()[..], &id.0].concat())
}

impl Row {
    pub(super) const fn queued(message: Message) -> Self {
        Self {
            message,
            state: State::Queued,
            due: None,
            attempts: 0,
            lease: None,
            counted: false,
            lost: 0,
            carrier: String::new(),
            reason: String::new(),
            parts: Vec::new(),
            address: [0; 32],
        }
    }

    pub(super) fn key(&self) -> RowKey {
        key(self.message.created, self.message.id)
    }

    /// Writes it, to be looked at again at `due`. What is sent is written without its text.
    pub(super) fn put(&mut self, tx: &mut Transaction<'_>, due: UnixTime) -> Result<(), Error> {
        let row = self.key();
        if let Some(before) = self.due
            && before != due
        {
            forget_hint(tx, &due::hint_of(&self.message, before, &row.key))?;
        }
        if self.due != Some(due) {
            let hint = due::hint_of(&self.message, due, &row.key);
            if self.due.is_none() {
                // It was never written: its id was drawn for it in this transaction.
                tx.suppose_new(&row);
                tx.suppose_new(&hint);
            }
            tx.put_plain(&hint, Vec::new())?;
        }
        self.due = Some(due);
        let message = &self.message;
        let mut writer = Writer::new();
        writer.u8(FORMAT).raw(&message.id.0).u16(message.kind as u16).raw(&message.recipient.account.0);
        let (contact, channel) =
            message.recipient.contact.map_or(([0; 16], 0), |(id, kind)| (id, kind as u8));
        writer
            .u8(channel)
            .raw(&contact)
            .text(&message.language)?
            .u64(message.created.0)
            .u64(message.expires.0);
        let (challenge, number) =
            message.sending.map_or(([0; 16], 0), |sending| (sending.challenge, sending.number));
        writer.raw(&challenge).u32(number);
        writer.u8(self.state as u8).u64(due.0).u16(self.attempts).u8(u8::from(self.counted)).u8(self.lost);
        let (worker, until) = self.lease.unwrap_or((WorkerId([0; 16]), UnixTime(0)));
        writer.raw(&worker.0).u64(until.0).text(&self.carrier)?.text(&self.reason)?.raw(&self.address);
        writer.u8(u8::try_from(self.parts.len()).map_err(|_| CoreError::Refused)?);
        for part in &self.parts {
            writer.text(&part.id)?.u8(part.state as u8);
        }
        match self.state {
            State::Queued => message.write_fields(&mut writer)?,
            State::Sent => {
                writer.u8(0);
            }
        }
        Ok(tx.put_record(&row, &[], writer.as_slice())?)
    }

    pub(super) fn load(tx: &mut Transaction<'_>, row: &RowKey) -> Result<Option<Self>, Error> {
        let Some(opened) = tx.record(row)? else { return Ok(None) };
        let found = Self::decode(&opened.body)?;
        if found.key() == *row { Ok(Some(found)) } else { Err(CoreError::Refused.into()) }
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() });
        }
        let id = MessageId(reader.array()?);
        let kind = MessageKind::from_number(reader.u16()?)?;
        let account = AccountId(reader.array()?);
        let channel = reader.u8()?;
        let contact: [u8; 16] = reader.array()?;
        let contact = match channel {
            0 => None,
            channel => Some((contact, Evidence::from_number(channel)?)),
        };
        let language = reader.text()?.into();
        let (created, expires) = (UnixTime(reader.u64()?), UnixTime(reader.u64()?));
        let (challenge, number) = (reader.array()?, reader.u32()?);
        let sending = (number != 0).then_some(Sending { challenge, number });
        let state = match reader.u8()? {
            1 => State::Queued,
            2 => State::Sent,
            _ => return Err(CoreError::Refused),
        };
        let (due, attempts) = (Some(UnixTime(reader.u64()?)), reader.u16()?);
        let (counted, lost) = (crate::flag(&mut reader)?, reader.u8()?);
        let (worker, until) = (WorkerId(reader.array()?), UnixTime(reader.u64()?));
        let lease = (until.0 != 0).then_some((worker, until));
        let (carrier, reason, address) = (reader.text()?.into(), reader.text()?.into(), reader.array()?);
        let parts = (0..reader.u8()?)
            .map(|_| Ok(Part { id: reader.text()?.into(), state: PartState::from_number(reader.u8()?)? }))
            .collect::<Result<_, CoreError>>()?;
        let recipient = Recipient { account, contact };
        let fields = Vec::new();
        let mut message = Message { id, kind, recipient, language, created, expires, sending, fields };
        message.read_fields(&mut reader)?;
        reader.end()?;
        Ok(Self { message, state, due, attempts, lease, counted, lost, carrier, reason, parts, address })
    }

    /// What the journal says of it.
    pub(super) fn told(&self) -> Detail {
        let channel = self.message.recipient.contact.map_or("all", |(_, channel)| channel.name());
        let detail = Detail::new()
            .with("message", self.message.kind.name())
            .with("channel", channel)
            .with("transaction", self.message.id.to_string());
        if self.carrier.is_empty() { detail } else { detail.with("carrier", self.carrier.clone()) }
    }

    /// Takes it out of the outbox, journalled with how it ended; the archive remembers it as long as policy says (R58).
    pub(super) fn end(
        mut self,
        tx: &mut Transaction<'_>,
        policy: &DeliveryPolicy,
        ending: Ending,
        reason: &str,
    ) -> Result<(), Error> {
        let row = self.key();
        if let Some(due) = self.due {
            forget_hint(tx, &due::hint_of(&self.message, due, &row.key))?;
        }
        tx.delete(&row)?;
        self.reason = kept(reason);
        let account = account::load(tx, self.message.recipient.account)?.account;
        let until = archive::add(tx, policy, &self, ending, &account)?;
        tx.put_plain(&due::hint(until, &row.key), Vec::new())?;
        let detail = if reason.is_empty() { self.told() } else { self.told().with("reason", &self.reason) };
        tx.event(ending.event(), Some(account.subject), &row, &detail)?;
        Ok(())
    }

    pub(super) fn standing(&self) -> Standing {
        let message = &self.message;
        Standing {
            id: message.id,
            kind: message.kind,
            account: message.recipient.account,
            channel: message.recipient.contact.map(|(_, channel)| channel),
            created: message.created,
            expires: message.expires,
            sent: self.state == State::Sent,
            attempts: self.attempts,
            due: self.due.unwrap_or(message.created),
            carrier: self.carrier.clone(),
            reason: self.reason.clone(),
        }
    }
}

/// What is kept of a reason: a carrier may say as much as it likes.
pub(super) fn kept(reason: &str) -> String {
    reason.chars().take(200).collect()
}

/// Deletes the hints that lead from a carrier's ids to a message.
pub(super) fn forget_receipts(tx: &mut Transaction<'_>, carrier: &str, ids: &[String]) -> Result<(), Error> {
    for id in ids {
        for hint in receipt::keys(tx, carrier, &receipt::canonical(id))? {
            forget_hint(tx, &hint)?;
        }
    }
    Ok(())
}
