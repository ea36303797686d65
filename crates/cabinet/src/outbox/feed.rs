//! The feed of an account (R59): what it was told, latest first, filtered by category. Codes never come here. The texts are
//! sealed under the person's own key.

use std::collections::BTreeSet;

use zamok_core::store::{Cursor, Range, RowKey, Table};
use zamok_core::vault::{Transaction, personal};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::{Category, Message, MessageId, MessageKind, Priority, Recipient, due, row};
use crate::Cabinet;
use crate::account::{self, Account, AccountId, AccountState};
use crate::error::Error;
use crate::policy::DeliveryPolicy;
use crate::session::Session;

/// Sealed entries, under their account, their time, latest first, and their id.
const FEED: Table = Table(65);
const FORMAT: u8 = 1;

/// What an account was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// The message, to be put into words.
    pub message: Message,
    /// What sort of news it is.
    pub category: Category,
    /// How urgent it is.
    pub priority: Priority,
}

/// Which entries are wanted. The default wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// Of these categories; empty for all.
    pub categories: BTreeSet<Category>,
    /// At least this urgent.
    pub priority: Option<Priority>,
    /// Not older than this.
    pub since: Option<UnixTime>,
}

/// A page of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// Entries, latest first. A page may hold fewer than were asked for, and still not be the last.
    pub entries: Vec<FeedEntry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

impl FeedFilter {
    fn wants(&self, entry: &FeedEntry) -> bool {
        (self.categories.is_empty() || self.categories.contains(&entry.category))
            && self.priority.is_none_or(|least| entry.priority >= least)
            && self.since.is_none_or(|since| entry.message.created >= since)
    }
}

fn key(account: AccountId, created: UnixTime, id: MessageId) -> RowKey {
    RowKey::new(FEED, [&account.0[..], &(!created.0).to_be_bytes(), &id.0].concat())
}

pub(super) fn add(tx: &mut Transaction<'_>, message: &Message) -> Result<(), Error> {
    let account = account::load(tx, message.recipient.account)?.account;
    if account.state == AccountState::Erased {
        return Ok(());
    }
    let row = key(account.id, message.created, message.id);
    let mut fields = Writer::new();
    message.write_fields(&mut fields)?;
    let sealed = personal::seal(tx, account.subject, &message.id.0, fields.as_slice())?;
    let mut writer = Writer::new();
    writer.u8(FORMAT).u16(message.kind as u16).text(&message.language)?.bytes(&sealed)?;
    // Whose feed it is tells where to look once its time is over, and keeps its hint apart from the archive's of the same message.
    let about = [&row::key(message.created, message.id).key[..], &account.id.0].concat();
    let hint = due::hint(message.created.plus(Message::NOTICE), &about);
    // Both are named by the message, whose id was drawn in this transaction.
    tx.suppose_new(&row);
    tx.suppose_new(&hint);
    tx.put_record(&row, &[], writer.as_slice())?;
    tx.put_plain(&hint, account.id.0.to_vec()).map_err(Error::from)
}

/// Forgets an entry whose time is over. Answers when to look again, otherwise.
pub(super) fn sweep(
    tx: &mut Transaction<'_>,
    policy: &DeliveryPolicy,
    account: &[u8],
    about: &[u8],
) -> Result<Option<UnixTime>, Error> {
    let (Ok(account), Some((created, rest))) = (account.try_into(), about.split_first_chunk::<8>()) else {
        return Ok(None);
    };
    let Some(id) = rest.first_chunk::<16>() else { return Ok(None) };
    let created = UnixTime(u64::from_be_bytes(*created));
    let row = key(AccountId(account), created, MessageId(*id));
    if tx.record(&row)?.is_none() {
        return Ok(None);
    }
    let until = created.plus(policy.feed);
    if tx.now() < until {
        return Ok(Some(until));
    }
    tx.delete(&row)?;
    Ok(None)
}

fn open(tx: &mut Transaction<'_>, account: &Account, row: &RowKey) -> Result<Option<FeedEntry>, Error> {
    let Some(opened) = tx.record(row)? else { return Ok(None) };
    let place = row.key.get(16..24).and_then(|time| time.try_into().ok()).zip(row.key.get(24..40));
    let (created, id) = place.ok_or(CoreError::Refused)?;
    let (created, id) = (UnixTime(!u64::from_be_bytes(created)), MessageId(id.try_into().expect("16 bytes")));
    let mut reader = Reader::new(&opened.body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() }.into());
    }
    let kind = MessageKind::from_number(reader.u16()?)?;
    let (language, sealed) = (reader.text()?.into(), reader.bytes()?.to_vec());
    reader.end()?;
    let recipient = Recipient { account: account.id, contact: None };
    let fields = Vec::new();
    let (expires, sending) = (created, None);
    let mut message = Message { id, kind, recipient, language, created, expires, sending, fields };
    let plain = personal::open(tx, account.subject, &id.0, &sealed)?.ok_or(CoreError::Refused)?;
    let mut reader = Reader::new(&plain);
    message.read_fields(&mut reader)?;
    reader.end()?;
    let message = message.shown(tx)?;
    let (category, priority) = (message.category(), message.priority());
    Ok(Some(FeedEntry { message, category, priority }))
}

impl Cabinet {
    /// What the account of a live session was told, latest first: looks at `limit` entries after `after`, and gives those that
    /// are wanted. A limit of 0 asks for nothing: the page is empty, and says nothing of what is left.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`CoreError::Refused`] when an entry was altered; the vault's and the store's.
    pub fn feed(
        &self,
        session: &Session,
        filter: &FeedFilter,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<FeedPage, Error> {
        let account = self.account(session)?;
        let range = Range::prefix(&account.id.0);
        let page = self.vault.read(|store, _| Ok(store.scan(FEED, &range, limit, after)?))?;
        let mut entries = Vec::with_capacity(page.rows.len());
        for (key, _) in page.rows {
            let row = RowKey::new(FEED, key);
            entries.extend(self.vault.transact(|tx| open(tx, &account, &row))?);
        }
        entries.retain(|entry| filter.wants(entry));
        Ok(FeedPage { entries, next: page.next })
    }

    /// Where the feed of a live session's account goes on after a message, for [`Cabinet::feed`].
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`CoreError::Rejected`] when the feed has no such message, or has it no more; the vault's and the
    /// store's.
    pub fn feed_after(&self, session: &Session, id: MessageId) -> Result<Cursor, Error> {
        const PAGE: usize = 256;
        let range = Range::prefix(&self.account(session)?.id.0);
        let mut after = None;
        loop {
            let page = self.vault.read(|store, _| Ok(store.scan(FEED, &range, PAGE, after.as_ref())?))?;
            let found =
                page.rows.into_iter().map(|(key, _)| key).find(|key| key.get(24..) == Some(&id.0[..]));
            match (found, page.next) {
                (Some(key), _) => return Ok(Cursor(key)),
                (None, None) => return Err(CoreError::Rejected.into()),
                (None, next) => after = next,
            }
        }
    }
}
