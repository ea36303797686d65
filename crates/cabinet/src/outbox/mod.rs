//! The outbox: messages that are to be sent, sealed and written in the same commit as what they tell of. The cabinet
//! sends nothing itself; a worker leases what is due, sends it, and says how it ended (R57, R58).
//!
//! A message is *queued* until a carrier took it, *sent* until the carrier told how it ended, and then *delivered*, *rejected* or
//! *expired*. Its text is wiped from its row as soon as a carrier took it; once it is over, only the archive remembers it.

mod again;
mod archive;
mod caps;
mod category;
mod due;
mod feed;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod lease;
mod notice;
mod outcome;
mod preferences;
mod receipt;
mod row;
mod spread;
mod subscription;

use zamok_core::event::EventKind;
use zamok_core::store::{Cursor, Range, RowKey};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer, hex, unhex};
use zamok_core::{Error as CoreError, UnixTime};
use zeroize::Zeroizing;

use crate::Cabinet;
use crate::account::{self, AccountId};
use crate::challenge::Sending;
use crate::error::Error;
use crate::evidence::Evidence;

pub(crate) use again::ending as left_with;
pub use archive::{Archived, Ending};
pub use category::{Category, Priority};
pub use due::Due;
pub use feed::{FeedEntry, FeedFilter, FeedPage};
pub use lease::{Address, Lease, Leased, Load, WorkerId};
pub use notice::Notice;
pub use outcome::Handed;
pub use preferences::{Preferences, Quiet};
pub use receipt::{Matched, Receipt, ReceiptState};
pub use row::Standing;
pub use subscription::Subscription;
pub(crate) use subscription::remove as remove_subscription;

use row::{OUTBOX, Row, State};

/// What a message is. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum MessageKind {
    /// A code for a login. Fields: `code`.
    LoginCode = 1,
    /// A code that ends an enrolment. Fields: `code`.
    EnrolmentCode = 2,
    /// A code that confirms an operation. Fields: `code`, `text`: what is confirmed.
    OperationCode = 3,
    /// A code for authenticating again. Fields: `code`.
    AgainCode = 4,
    /// A device is asked to approve a challenge. Fields: `request`: what it signs, in hexadecimal (`docs/formats/device.md`);
    /// `client`; `text` where an operation is confirmed.
    ApprovalRequest = 5,
    /// A code by which an old channel agrees to be replaced (R9). Fields: `code`.
    AgreementCode = 6,
    /// A code by which an old channel takes back that it was replaced (R9). Fields: `code`.
    UndoCode = 7,
    /// Somebody logged in from a device that was not known (R16). Fields: `client`, `time`.
    NewDevice = 16,
    /// Strangers failed too often at a factor, which takes nothing from them any more (R15). Fields: `factor`.
    FactorDisabled = 17,
    /// All sessions were ended. Fields: `reason`.
    SessionsEnded = 18,
    /// Codes for an operation were wrong too often (R20). Fields: `text`: what was to be confirmed.
    OperationRejected = 19,
    /// A device was blocked. Fields: `device`.
    DeviceBlocked = 20,
    /// A factor was added. Fields: `factor`, `label`.
    FactorAdded = 21,
    /// A factor was taken away. Fields: `factor`, `label`.
    FactorRemoved = 22,
    /// A channel was replaced by another, or dropped, and can take that back (R9). Fields: `factor`, `by`, `until`.
    ChannelReplaced = 23,
    /// That a channel was replaced was taken back, and every session has ended. Fields: `factor`.
    ChannelRestored = 24,
    /// A phone or an address was added. Fields: `kind`, `contact`: masked.
    ContactAdded = 25,
    /// A phone or an address was taken away, or will be. Fields: `kind`, `contact`: masked.
    ContactRemoved = 26,
    /// A device has declined to approve something that somebody began with the password. Fields: `client`.
    ApprovalDeclined = 27,
    /// A device is known from now on. Fields: `device`.
    DeviceTrusted = 28,
    /// Somebody was given a power over this account's matters (R73). Fields: `agent`: the login of the other, or his id once he was
    /// erased; `until`.
    PowerGiven = 29,
    /// New recovery codes were made, and the old ones count no more.
    RecoveryCodesMade = 30,
    /// The password was changed, or reset at the desk.
    PasswordChanged = 31,
    /// What a service has to say (R59, R60). Fields: `title`, `text`, `link`, `category`, `priority`.
    Notice = 32,
    /// Somebody used a recovery code: every session has ended, and another factor can be enrolled.
    RecoveryUsed = 33,
}

/// The id of a message, and the transaction id under which it is sent: sent twice under one id, it arrives once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub [u8; 16]);

impl core::fmt::Display for MessageId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl MessageId {
    /// Reads what `Display` writes: 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text.as_bytes()).map(Self)
    }
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Whose it is.
    pub account: AccountId,
    /// The one contact, by its id, and the kind of channel; `None` for every contact that the account has, as it prefers.
    pub contact: Option<([u8; 16], Evidence)>,
}

/// A message that waits to be sent. `Debug` shows no field; the fields are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// What it is.
    pub kind: MessageKind,
    /// Where it goes.
    pub recipient: Recipient,
    /// The language that was asked for, as BCP 47 writes it; empty for the account's own.
    pub language: String,
    /// When it was made.
    pub created: UnixTime,
    /// From when on it must not be sent any more.
    pub expires: UnixTime,
    /// Whose code it carries, or whose request: once that counts no more, it is not sent.
    sending: Option<Sending>,
    fields: Vec<(String, Zeroizing<String>)>,
}

/// How a message ended, by the word of a service that delivers it itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was handed over to the next carrier.
    HandedOver,
    /// No carrier takes it.
    Rejected,
    /// Its time was over before it could be sent.
    Expired,
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Message({:?} {}, {} fields, redacted)", self.kind, self.id, self.fields.len())
    }
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        Self::LoginCode,
        Self::EnrolmentCode,
        Self::OperationCode,
        Self::AgainCode,
        Self::ApprovalRequest,
        Self::AgreementCode,
        Self::UndoCode,
        Self::NewDevice,
        Self::FactorDisabled,
        Self::SessionsEnded,
        Self::OperationRejected,
        Self::DeviceBlocked,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::ChannelReplaced,
        Self::ChannelRestored,
        Self::ContactAdded,
        Self::ContactRemoved,
        Self::ApprovalDeclined,
        Self::DeviceTrusted,
        Self::PowerGiven,
        Self::RecoveryCodesMade,
        Self::PasswordChanged,
        Self::Notice,
        Self::RecoveryUsed,
    ];

    /// The name in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoginCode => "login code",
            Self::EnrolmentCode => "enrolment code",
            Self::OperationCode => "operation code",
            Self::AgainCode => "code for authenticating again",
            Self::NewDevice => "new device",
            Self::FactorDisabled => "factor disabled",
            Self::SessionsEnded => "sessions ended",
            Self::OperationRejected => "operation rejected",
            Self::DeviceBlocked => "device blocked",
            Self::ApprovalRequest => "request for approval",
            Self::AgreementCode => "code for agreeing to a change",
            Self::UndoCode => "code for taking a change back",
            Self::FactorAdded => "factor added",
            Self::FactorRemoved => "factor removed",
            Self::ChannelReplaced => "channel replaced",
            Self::ChannelRestored => "channel restored",
            Self::ContactAdded => "contact added",
            Self::ContactRemoved => "contact removed",
            Self::ApprovalDeclined => "approval declined",
            Self::DeviceTrusted => "device trusted",
            Self::PowerGiven => "power given",
            Self::RecoveryCodesMade => "recovery codes made",
            Self::PasswordChanged => "password changed",
            Self::Notice => "notice",
            Self::RecoveryUsed => "recovery code used",
        }
    }

    /// Whether it carries a code that somebody waits for.
    #[must_use]
    pub const fn is_code(self) -> bool {
        matches!(
            self,
            Self::LoginCode
                | Self::EnrolmentCode
                | Self::OperationCode
                | Self::AgainCode
                | Self::ApprovalRequest
                | Self::AgreementCode
                | Self::UndoCode
        )
    }

    fn from_number(number: u16) -> Result<Self, CoreError> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number).ok_or(CoreError::Refused)
    }
}

impl Message {
    /// The longest that a notice is worth sending, in seconds; the policy's `delivery.notice` is within it.
    pub(crate) const NOTICE: u64 = 7 * 24 * 60 * 60;

    /// A message that goes away unsent at `expires`.
    pub(crate) fn new(
        tx: &mut Transaction<'_>,
        kind: MessageKind,
        recipient: Recipient,
        language: &str,
        expires: UnixTime,
    ) -> Self {
        let (id, created) = (MessageId(tx.env().random()), tx.now());
        let (language, sending, fields) = (language.into(), None, Vec::new());
        Self { id, kind, recipient, language, created, expires, sending, fields }
    }

    /// A notice to an account, by every contact it has.
    pub(crate) fn notice(tx: &mut Transaction<'_>, kind: MessageKind, account: AccountId) -> Self {
        let expires = tx.now().plus(Self::NOTICE);
        Self::new(tx, kind, Recipient { account, contact: None }, "", expires)
    }

    /// It carries what was sent for a challenge.
    pub(crate) const fn of(mut self, sending: Sending) -> Self {
        self.sending = Some(sending);
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// The value of a field, to be put into a template.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Every field by its name: what a template fills in.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Puts it into the outbox, and what is no code into the feed of its account (R59): both in this commit.
    pub(crate) fn post(&self, tx: &mut Transaction<'_>) -> Result<MessageId, Error> {
        let mut row = Row::queued(self.clone());
        row.put(tx, self.created)?;
        if !self.kind.is_code() && self.recipient.contact.is_none() {
            feed::add(tx, self)?;
        }
        Ok(self.id)
    }

    /// As it is shown. The login of somebody else is looked up for that and kept nowhere, so that erasing him takes it from there, too
    /// (R27); of whoever is erased, his id is shown.
    fn shown(mut self, tx: &mut Transaction<'_>) -> Result<Self, Error> {
        if self.kind != MessageKind::PowerGiven {
            return Ok(self);
        }
        for (_, value) in self.fields.iter_mut().filter(|(name, _)| name == "agent") {
            let Some(MessageId(id)) = MessageId::parse(value) else { continue };
            match account::load(tx, AccountId(id)) {
                Ok(record) if !record.account.login.is_empty() => {
                    *value = Zeroizing::new(record.account.login)
                }
                Ok(_) | Err(Error::Core(CoreError::Refused)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self)
    }

    fn write_fields(&self, writer: &mut Writer) -> Result<(), CoreError> {
        writer.u8(u8::try_from(self.fields.len()).map_err(|_| CoreError::Refused)?);
        for (name, value) in &self.fields {
            writer.text(name)?.text(value)?;
        }
        Ok(())
    }

    fn read_fields(&mut self, reader: &mut Reader<'_>) -> Result<(), CoreError> {
        self.fields = (0..reader.u8()?)
            .map(|_| Ok((reader.text()?.to_owned(), Zeroizing::new(reader.text()?.to_owned()))))
            .collect::<Result<_, CoreError>>()?;
        Ok(())
    }
}

impl Cabinet {
    /// Messages that wait to be sent, oldest first, at most so many: for services that deliver themselves. Those that a worker
    /// has handed over, and that only wait for a receipt, are not among them; codes that count no more end here, unsent.
    ///
    /// # Errors
    /// [`CoreError::Refused`] when one was altered; the vault's and the store's.
    pub fn outbox(&self, limit: usize) -> Result<Vec<Message>, Error> {
        let (mut messages, mut after): (Vec<Message>, Option<Cursor>) = (Vec::new(), None);
        loop {
            let page = self.vault.read(|store, _| {
                Ok(store.scan(OUTBOX, &Range::all(), limit.clamp(1, 256), after.as_ref())?)
            })?;
            for (key, _) in page.rows {
                if messages.len() >= limit {
                    return Ok(messages);
                }
                let key = RowKey::new(OUTBOX, key);
                // One that another worker has just settled is gone.
                messages.extend(self.vault.transact(|tx| self.waiting(tx, &key))?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(messages);
            }
        }
    }

    fn waiting(&self, tx: &mut Transaction<'_>, key: &RowKey) -> Result<Option<Message>, Error> {
        let Some(row) = Row::load(tx, key)?.filter(|row| row.state == State::Queued) else { return Ok(None) };
        let account = account::load(tx, row.message.recipient.account)?.account;
        if lease::counts(tx, &row.message, &account)? {
            return row.message.shown(tx).map(Some);
        }
        row.end(tx, &self.policy.delivery, Ending::Expired, lease::SUPERSEDED)?;
        Ok(None)
    }

    /// Takes a message out of the outbox, journalled with how it ended. Who delivers sends first and settles then, so that one
    /// that dies in between sends twice under one id, and never not at all. Settling twice is no error.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn settle(&self, message: &Message, settled: Settled) -> Result<(), Error> {
        let ending = match settled {
            Settled::HandedOver => Ending::HandedOver,
            Settled::Rejected => Ending::Rejected,
            Settled::Expired => Ending::Expired,
        };
        self.vault.transact(|tx| match Row::load(tx, &row::key(message.created, message.id))? {
            Some(row) => row.end(tx, &self.policy.delivery, ending, "settled by the service"),
            None => Ok(()),
        })
    }
}

impl Ending {
    const fn event(self) -> EventKind {
        match self {
            Self::HandedOver => EventKind::MessageHandedOver,
            Self::Delivered => EventKind::MessageDelivered,
            Self::Rejected => EventKind::MessageRejected,
            Self::Expired => EventKind::MessageExpired,
        }
    }
}
