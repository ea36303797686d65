//! Leases: one worker at a time has a message, for a while. Whoever leases sends under the message's id and says how it went;
//! whoever dies in between leaves a lease that runs out, and another sends under the same id.

use zamok_core::store::RowKey;
use zamok_core::vault::Transaction;
use zamok_core::wire::hex;
use zamok_core::{Error as CoreError, UnixTime};

use super::archive::{self, Ending};
use super::due::{self, Due, forget_hint};
use super::receipt::PartState;
use super::row::{OUTBOX, Part, Row, State};
use super::{Message, MessageId, Priority, Subscription, feed, preferences, subscription};
use crate::Cabinet;
use crate::account::{self, Account, AccountState, ContactKind};
use crate::challenge;
use crate::error::Error;
use crate::evidence::Evidence;

/// The id of a worker: 128 random bits, drawn when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WorkerId(pub [u8; 16]);

impl core::fmt::Display for WorkerId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Where a message goes, in plain: for the moment of sending.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// An E.164 number.
    Phone(String),
    /// An e-mail address.
    Email(String),
    /// What a device has subscribed with.
    Push(Subscription),
}

impl core::fmt::Debug for Address {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Phone(_) => "Phone(redacted)",
            Self::Email(_) => "Email(redacted)",
            Self::Push(_) => "Push(redacted)",
        })
    }
}

/// What a message weighs, before it is sent: for the caps (R57).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Units that are paid for: segments of an SMS, 1 otherwise.
    pub units: u32,
    /// The network that it goes to, as far as it shows: a prefix of the number, the domain of the address.
    pub network: String,
    /// The country that it goes to: the calling code; empty where there is none.
    pub country: String,
}

/// A message that this worker may send until [`Lease::until`].
#[derive(Clone)]
pub struct Lease {
    /// What is to be sent.
    pub message: Message,
    /// Where.
    pub address: Address,
    /// How often it was tried, this time included.
    pub attempt: u16,
    /// Ids of the parts that a carrier took before; `None` for those that it has yet to take. Empty when there are none.
    pub taken: Vec<Option<String>>,
    /// The carrier that took them, or may have taken all of it: no other is given it. Empty for none.
    pub carrier: String,
    /// From when on others may send it.
    pub until: UnixTime,
    /// The language that its account prefers; empty for none.
    pub preferred: String,
    pub(super) worker: WorkerId,
}

impl core::fmt::Debug for Lease {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lease")
            .field("message", &self.message)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Leased {
    /// Send it now.
    Ready(Box<Lease>),
    /// Somebody has it, or it is put off: there will be a hint again.
    Waits,
    /// It has ended, or there was nothing to do but to tidy up.
    Over(Option<Ending>),
    /// It was spread over the contacts of its account, each with a message of its own that is due now.
    Spread,
}

/// Seconds after which a row that was altered is looked at again.
const ASIDE: u64 = 600;

/// Has the row looked at later: as many altered ones as are read at once would hide everything behind them.
fn set_aside(tx: &mut Transaction<'_>, due: &Due) -> Result<(), Error> {
    let hint = due.hint();
    if tx.plain(&hint)?.is_some() {
        tx.put_plain(&due.hint_at(tx.now().plus(ASIDE)), due.value.clone())?;
        tx.delete(&hint)?;
    }
    Ok(())
}

/// Why a message is not sent now.
pub(super) enum Stop {
    /// It never will be.
    End(Ending, &'static str),
    /// Not before then.
    PutOff(UnixTime, &'static str),
}

impl Cabinet {
    /// Takes what is due in hand: leases a message to a worker, spreads a notice over the contacts of its account, ends what is
    /// over, tidies up. `weigh` renders a message to tell what it weighs, or refuses it with the reason; it may run more than once.
    ///
    /// # Errors
    /// [`CoreError::Refused`] and [`CoreError::Format`] for a row that was altered, which stays for the audit and is looked at again
    /// after ten minutes, so that it stands in no other's way; the vault's and the store's.
    pub fn lease(
        &self,
        due: &Due,
        worker: WorkerId,
        weigh: &dyn Fn(&Message, &str, &Address) -> Result<Load, &'static str>,
    ) -> Result<Leased, Error> {
        let leased = self.counted(|tx| self.take(tx, due, worker, weigh));
        match leased {
            Err(error @ Error::Core(CoreError::Refused | CoreError::Format { .. })) => {
                self.vault.transact(|tx| set_aside(tx, due))?;
                Err(error)
            }
            other => other,
        }
    }

    fn take(
        &self,
        tx: &mut Transaction<'_>,
        due: &Due,
        worker: WorkerId,
        weigh: &dyn Fn(&Message, &str, &Address) -> Result<Load, &'static str>,
    ) -> Result<Leased, Error> {
        let (policy, now) = (&self.policy.delivery, tx.now());
        let hint = due.hint();
        if !due.value.is_empty() {
            let again = feed::sweep(tx, policy, &due.value, &due.key)?;
            return self.tidied(tx, due, &hint, again);
        }
        let key = RowKey::new(OUTBOX, due.key.clone());
        let Some(mut row) = Row::load(tx, &key)? else {
            let id = due.key.get(8..).and_then(|id| id.try_into().ok()).map(MessageId);
            let again = id.map_or(Ok(None), |id| archive::sweep(tx, id))?;
            return self.tidied(tx, due, &hint, again);
        };
        match row.due {
            Some(real) if real != due.time => {
                // It is there, unless the row could not be read for a while.
                let right = due.hint_at(real);
                if tx.plain(&right)?.is_none() {
                    tx.put_plain(&right, Vec::new())?;
                }
                forget_hint(tx, &hint)?;
                return Ok(Leased::Over(None));
            }
            Some(real) if now < real => return Ok(Leased::Waits),
            _ => {}
        }
        if row.state == State::Sent {
            row.end(tx, policy, Ending::Expired, "no receipt came")?;
            return Ok(Leased::Over(Some(Ending::Expired)));
        }
        let account = account::load(tx, row.message.recipient.account)?.account;
        let stop = match self.stopped(tx, &row, &account)? {
            Ok(address) => {
                let preferred = preferences::load(tx, &account)?.language;
                return match self.weighed(tx, &mut row, &preferred, &address, weigh)? {
                    Ok(()) => self.granted(tx, row, worker, address, preferred),
                    Err(stop) => self.stop(tx, row, &stop),
                };
            }
            Err(None) => return self.spread(tx, row, &account),
            Err(Some(stop)) => stop,
        };
        self.stop(tx, row, &stop)
    }

    fn tidied(
        &self,
        tx: &mut Transaction<'_>,
        due: &Due,
        hint: &RowKey,
        again: Option<UnixTime>,
    ) -> Result<Leased, Error> {
        if again == Some(due.time) {
            return Ok(Leased::Waits);
        }
        forget_hint(tx, hint)?;
        if let Some(again) = again {
            tx.put_plain(&due::hint(again, &due.key), due.value.clone())?;
        }
        Ok(Leased::Over(None))
    }

    /// The address that a message may go to now; otherwise why not, or `None` for a notice that is to be spread.
    fn stopped(
        &self,
        tx: &mut Transaction<'_>,
        row: &Row,
        account: &Account,
    ) -> Result<Result<Address, Option<Stop>>, Error> {
        let (policy, now, message) = (&self.policy.delivery, tx.now(), &row.message);
        let end = |ending, reason| Ok(Err(Some(Stop::End(ending, reason))));
        let worth =
            if message.kind.is_code() { message.expires } else { message.created.plus(policy.notice) };
        if now >= message.expires || now >= worth {
            return end(Ending::Expired, "its time was over");
        }
        if account.state == AccountState::Erased {
            return end(Ending::Rejected, "the account was erased");
        }
        if !counts(tx, message, account)? {
            return end(Ending::Expired, SUPERSEDED);
        }
        let Some((id, channel)) = message.recipient.contact else { return Ok(Err(None)) };
        let preferences = preferences::load(tx, account)?;
        if !preferences.allows(message.category(), channel) {
            return end(Ending::Rejected, "the owner does not want it");
        }
        if message.priority() == Priority::Normal
            && let Some(quiet) = preferences.quiet.filter(|_| !message.kind.is_code())
            && let Some(over) = quiet.over(now)
        {
            return Ok(Err(Some(Stop::PutOff(over.min(message.expires), "quiet hours"))));
        }
        let address = match channel {
            Evidence::Push => subscription::load(tx, account, id)?.map(Address::Push),
            Evidence::Sms | Evidence::Email => {
                let wanted = if channel == Evidence::Sms { ContactKind::Phone } else { ContactKind::Email };
                let found =
                    account.contacts.iter().find(|contact| contact.id.0 == id && contact.kind == wanted);
                // The code that verifies a contact is the one that goes to one that is not verified.
                let verifies = message.kind == super::MessageKind::EnrolmentCode;
                let usable = found.filter(|contact| verifies || contact.takes(now, message.category()));
                usable.map(|contact| match contact.kind {
                    ContactKind::Phone => Address::Phone(contact.address.clone()),
                    ContactKind::Email => Address::Email(contact.address.clone()),
                })
            }
            _ => None,
        };
        match address {
            Some(address) => Ok(Ok(address)),
            None => end(Ending::Rejected, "the account has no such contact"),
        }
    }

    /// Whether what is leased still counts. A worker asks before it turns to another carrier: meanwhile another code may have been
    /// sent, or the challenge answered.
    ///
    /// # Errors
    /// [`CoreError::Refused`] when a row was altered; the vault's and the store's.
    pub fn still_counts(&self, lease: &Lease) -> Result<bool, Error> {
        let message = &lease.message;
        if message.sending.is_none() {
            return Ok(true);
        }
        self.vault.transact(|tx| {
            let account = account::load(tx, message.recipient.account)?.account;
            counts(tx, message, &account)
        })
    }

    fn granted(
        &self,
        tx: &mut Transaction<'_>,
        mut row: Row,
        worker: WorkerId,
        address: Address,
        preferred: String,
    ) -> Result<Leased, Error> {
        let until = tx.now().plus(self.policy.delivery.lease);
        row.attempts = row.attempts.saturating_add(1);
        row.lease = Some((worker, until));
        row.put(tx, until)?;
        let taken = |part: &Part| (part.state != PartState::Unsent).then(|| part.id.clone());
        let taken = row.parts.iter().map(taken).collect();
        let Row { message, attempts, carrier, .. } = row;
        let message = message.shown(tx)?;
        let lease = Lease { message, address, attempt: attempts, taken, carrier, until, preferred, worker };
        Ok(Leased::Ready(Box::new(lease)))
    }

    fn stop(&self, tx: &mut Transaction<'_>, mut row: Row, stop: &Stop) -> Result<Leased, Error> {
        match *stop {
            Stop::End(ending, reason) => {
                row.end(tx, &self.policy.delivery, ending, reason)?;
                Ok(Leased::Over(Some(ending)))
            }
            Stop::PutOff(until, reason) => {
                row.reason = reason.into();
                row.lease = None;
                row.put(tx, until)?;
                Ok(Leased::Waits)
            }
        }
    }
}

/// Why a code is not sent that nobody can use any more.
pub(super) const SUPERSEDED: &str = "its code does not count any more";

/// Whether what a message carries still counts: another code has not taken its place, and its challenge waits for an answer. A
/// message that carries no code always does.
pub(super) fn counts(tx: &mut Transaction<'_>, message: &Message, account: &Account) -> Result<bool, Error> {
    message.sending.map_or(Ok(true), |sending| challenge::counts(tx, sending, account))
}
