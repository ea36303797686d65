//! The archive: what became of messages that are over (R58), without their text. Whose it was to, and where, is sealed under the
//! person's own key, so that an erasure takes it along.

use zamok_core::store::{Cursor, Range, RowKey, Table};
use zamok_core::vault::{Transaction, personal};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::row::{self, OUTBOX, Row, Standing};
use super::{MessageId, MessageKind};
use crate::Cabinet;
use crate::account::{self, Account, AccountId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::policy::DeliveryPolicy;

/// Sealed records of messages that are over, under the id of the message.
const ARCHIVE: Table = Table(53);

/// How a message ended. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ending {
    /// A carrier took it, and tells no more.
    HandedOver = 1,
    /// It arrived, as its carrier says.
    Delivered = 2,
    /// No carrier took it, or it could not be delivered.
    Rejected = 3,
    /// Its time was over before it was sent or delivered.
    Expired = 4,
}

impl Ending {
    const ALL: [Self; 4] = [Self::HandedOver, Self::Delivered, Self::Rejected, Self::Expired];

    /// The name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HandedOver => "handed over",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// A message that is over.
#[derive(Clone, PartialEq, Eq)]
pub struct Archived {
    /// Its id.
    pub id: MessageId,
    /// What it was.
    pub kind: MessageKind,
    /// Whose.
    pub account: AccountId,
    /// By which channel it went; `None` when it never came so far.
    pub channel: Option<Evidence>,
    /// Where it went; empty when the account was erased, or had no such contact.
    pub address: String,
    /// When it was made.
    pub created: UnixTime,
    /// When it ended.
    pub ended: UnixTime,
    /// How.
    pub ending: Ending,
    /// Why, where there is more to say.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u16,
    /// The carrier that had it; empty for none.
    pub carrier: String,
    /// The ids that the carrier gave its parts.
    pub parts: Vec<String>,
}

impl core::fmt::Debug for Archived {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Archived({:?} {} {}, redacted)", self.kind, self.id, self.ending.name())
    }
}

const FORMAT: u8 = 1;

fn row_of(id: MessageId) -> RowKey {
    RowKey::new(ARCHIVE, id.0)
}

/// Remembers a message that is over; answers until when.
pub(super) fn add(
    tx: &mut Transaction<'_>,
    policy: &DeliveryPolicy,
    row: &Row,
    ending: Ending,
    account: &Account,
) -> Result<UnixTime, Error> {
    let (message, now) = (&row.message, tx.now());
    let until = now.plus(policy.archive.max(1));
    let contact = message.recipient.contact;
    let address = contact.and_then(|(id, _)| account.contacts.iter().find(|contact| contact.id.0 == id));
    let erased = account.state == account::AccountState::Erased;
    let sealed = match address {
        Some(contact) if !erased => {
            personal::seal(tx, account.subject, &message.id.0, contact.address.as_bytes())?
        }
        _ => Vec::new(),
    };
    let mut writer = Writer::new();
    writer.u8(FORMAT).raw(&message.id.0).u16(message.kind as u16).raw(&account.id.0);
    writer.u8(contact.map_or(0, |(_, channel)| channel as u8)).bytes(&sealed)?;
    writer.u64(message.created.0).u64(now.0).u64(until.0).u8(ending as u8).text(&row.reason)?;
    writer.u16(row.attempts).text(&row.carrier)?;
    writer.u8(u8::try_from(row.parts.len()).map_err(|_| CoreError::Refused)?);
    for part in &row.parts {
        writer.text(&part.id)?;
    }
    tx.put_record(&row_of(message.id), &[], writer.as_slice())?;
    Ok(until)
}

pub(super) fn decode(body: &[u8]) -> Result<(Archived, UnixTime, Vec<u8>), CoreError> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() });
    }
    let id = MessageId(reader.array()?);
    let kind = MessageKind::from_number(reader.u16()?)?;
    let account = AccountId(reader.array()?);
    let channel = match reader.u8()? {
        0 => None,
        number => Some(Evidence::from_number(number)?),
    };
    let sealed = reader.bytes()?.to_vec();
    let (created, ended, until) = (UnixTime(reader.u64()?), UnixTime(reader.u64()?), UnixTime(reader.u64()?));
    let number = reader.u8()?;
    let ending = Ending::ALL.into_iter().find(|ending| *ending as u8 == number).ok_or(CoreError::Refused)?;
    let reason = reader.text()?.into();
    let (attempts, carrier) = (reader.u16()?, reader.text()?.into());
    let parts = (0..reader.u8()?).map(|_| Ok(reader.text()?.into())).collect::<Result<_, CoreError>>()?;
    reader.end()?;
    let address = String::new();
    let archived = Archived {
        id,
        kind,
        account,
        channel,
        address,
        created,
        ended,
        ending,
        reason,
        attempts,
        carrier,
        parts,
    };
    Ok((archived, until, sealed))
}

pub(super) fn load(tx: &mut Transaction<'_>, id: MessageId) -> Result<Option<Archived>, Error> {
    let Some(opened) = tx.record(&row_of(id))? else { return Ok(None) };
    let (mut archived, _, sealed) = decode(&opened.body)?;
    if archived.id != id {
        return Err(CoreError::Refused.into());
    }
    let account = account::load(tx, archived.account)?.account;
    if !sealed.is_empty()
        && let Some(plain) = personal::open(tx, account.subject, &id.0, &sealed)?
    {
        archived.address = String::from_utf8(plain.to_vec()).map_err(|_| CoreError::Refused)?;
    }
    Ok(Some(archived))
}

/// Forgets a message whose time in the archive is over, with what leads to it. Answers when to look again, otherwise.
pub(super) fn sweep(tx: &mut Transaction<'_>, id: MessageId) -> Result<Option<UnixTime>, Error> {
    let row = row_of(id);
    let Some(opened) = tx.record(&row)? else { return Ok(None) };
    let (archived, until, _) = decode(&opened.body)?;
    if tx.now() < until {
        return Ok(Some(until));
    }
    tx.delete(&row)?;
    row::forget_receipts(tx, &archived.carrier, &archived.parts)?;
    Ok(None)
}

impl Cabinet {
    /// A message that is over, by its id. For officers (R58).
    ///
    /// # Errors
    /// [`CoreError::Refused`] when it was altered; the vault's and the store's.
    pub fn archived(&self, id: MessageId) -> Result<Option<Archived>, Error> {
        self.vault.transact(|tx| load(tx, id))
    }

    /// The archive, a page at a time, in no order. For officers (R58).
    ///
    /// # Errors
    /// As [`Cabinet::archived`].
    pub fn archive(
        &self,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<(Vec<Archived>, Option<Cursor>), Error> {
        let page = self.vault.read(|store, _| Ok(store.scan(ARCHIVE, &Range::all(), limit, after)?))?;
        let mut found = Vec::with_capacity(page.rows.len());
        for (key, _) in page.rows {
            let id = MessageId(key.try_into().map_err(|_| CoreError::Refused)?);
            found.extend(self.archived(id)?);
        }
        Ok((found, page.next))
    }

    /// Messages that are on their way, oldest first, a page at a time. For officers.
    ///
    /// # Errors
    /// [`CoreError::Refused`] when one was altered; the vault's and the store's.
    pub fn on_their_way(
        &self,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<(Vec<Standing>, Option<Cursor>), Error> {
        let page = self.vault.read(|store, keyring| {
            let page = store.scan(OUTBOX, &Range::all(), limit, after)?;
            let open = |(key, row): (Vec<u8>, zamok_core::store::Row)| {
                let opened = keyring.open(&RowKey::new(OUTBOX, key), &row)?;
                Ok(Row::decode(&opened.body)?.standing())
            };
            Ok((page.rows.into_iter().map(open).collect::<Result<Vec<_>, CoreError>>()?, page.next))
        })?;
        Ok(page)
    }
}
