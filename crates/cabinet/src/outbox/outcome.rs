//! What a worker says of a message that it has leased: a carrier took it, it is to be tried again, or nobody will ever take it.

use zamok_core::Error as CoreError;
use zamok_core::event::EventKind;
use zamok_core::vault::Transaction;

use super::MessageId;
use super::archive::Ending;
use super::lease::Lease;
use super::receipt::{self, PartState};
use super::row::{self, Part, Row, State};
use crate::Cabinet;
use crate::account;
use crate::error::Error;

/// So many answers are lost: what may have been taken so often is taken for handed over.
const MOST_LOST: u8 = 5;

/// What a carrier took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Who took it.
    pub carrier: String,
    /// Its id of each part; empty for one that it gave none.
    pub parts: Vec<String>,
    /// Whether it will tell how it ended. It is not waited for where a part has no id, by which a receipt would lead here.
    pub receipts: bool,
}

impl Cabinet {
    /// A carrier took all of it: its text is wiped from the outbox, and its receipt waited for where one will come. Saying so twice
    /// is no error; saying so after others had sent it, too, is remembered all the same.
    ///
    /// # Errors
    /// The vault's and the store's: then say it again, or another sends it again when the lease runs out.
    pub fn sent(&self, lease: &Lease, handed: &Handed) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let Some(mut row) = Row::load(tx, &row::key(lease.message.created, lease.message.id))? else {
                return Ok(());
            };
            if row.state == State::Sent {
                return Ok(());
            }
            row.note(tx, &handed.carrier, handed.parts.iter().map(|id| Some(id.clone())))?;
            row.lease = None;
            row.reason.clear();
            let known = !row.parts.is_empty() && row.parts.iter().all(|part| !part.id.is_empty());
            if !handed.receipts || !known {
                return row.end(tx, &self.policy.delivery, Ending::HandedOver, "");
            }
            row.state = State::Sent;
            let due = tx.now().plus(self.policy.delivery.receipt_wait);
            row.put(tx, due)?;
            let subject = account::load(tx, row.message.recipient.account)?.account.subject;
            tx.event(EventKind::MessageSent, Some(subject), &row.key(), &row.told())?;
            Ok(())
        })
    }

    /// It could not be sent now: it is tried again after a pause that doubles, varied by chance, and never after its time. Parts
    /// that the carrier did take are remembered, and not sent again. `carrier` is who has taken a part of it now, or may have taken
    /// it, since his answer was lost: nobody else is given it from then on. Empty for nobody.
    ///
    /// One that names a carrier and no part that was not known before is an answer that was lost: the caps count the message again
    /// when it is sent again, and the fifth ends it as handed over. What is no code rests after the second for the longest pause of
    /// all, after the third for twice as long, and so on. Saying so twice of one lease is no error.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn put_off(
        &self,
        lease: &Lease,
        carrier: &str,
        taken: &[Option<String>],
        reason: &str,
    ) -> Result<(), Error> {
        let policy = &self.policy.delivery;
        self.vault.transact(|tx| {
            let Some(mut row) = Row::load(tx, &row::key(lease.message.created, lease.message.id))? else {
                return Ok(());
            };
            if row.state != State::Queued || row.lease.is_some_and(|(worker, _)| worker != lease.worker) {
                return Ok(());
            }
            // Said before, in a commit whose outcome nobody knew: one answer is lost once.
            let again = row.lease.is_none() && row.attempts == lease.attempt;
            if again && !carrier.is_empty() && row.carrier == carrier {
                return Ok(());
            }
            let known = row.taken();
            if taken.iter().any(Option::is_some) {
                row.note(tx, carrier, taken.iter().cloned())?;
            } else if !carrier.is_empty() {
                row.carrier = carrier.into();
            }
            if !carrier.is_empty() && row.taken() == known {
                row.lost = row.lost.saturating_add(1);
                // What it may have taken may be paid for, and is paid for once more when it is sent again.
                row.counted &= known > 0;
                if row.lost >= MOST_LOST {
                    return row.end(tx, policy, Ending::HandedOver, "its carrier's answers were lost");
                }
            }
            let doubled = policy.retry.saturating_mul(1 << u32::from(row.attempts.saturating_sub(1).min(16)));
            let pause = if row.lost > 1 && !row.message.kind.is_code() {
                // Its few tries have to outlast a carrier that is away; a code has not the time.
                policy.longest_retry.saturating_mul(u64::from(row.lost) - 1)
            } else {
                doubled.min(policy.longest_retry)
            };
            let pause = pause.max(1);
            // Between half of the pause and all of it, so that what failed together does not come back together.
            let chance = u64::from_be_bytes(tx.env().random());
            let pause = pause - chance % (pause / 2 + 1);
            row.lease = None;
            row.reason = row::kept(reason);
            let due = tx.now().plus(pause).min(row.message.expires);
            row.put(tx, due)
        })
    }

    /// No carrier will ever take it.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn refuse(&self, lease: &Lease, carrier: &str, reason: &str) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let Some(mut row) = Row::load(tx, &row::key(lease.message.created, lease.message.id))? else {
                return Ok(());
            };
            if row.state != State::Queued || row.lease.is_some_and(|(worker, _)| worker != lease.worker) {
                return Ok(());
            }
            row.carrier = carrier.into();
            row.end(tx, &self.policy.delivery, Ending::Rejected, reason)
        })
    }

    /// Has a message that waits tried now. Answers whether there is such a one. For officers.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn retry(&self, id: MessageId) -> Result<bool, Error> {
        let mut after = None;
        loop {
            let (page, next) = self.on_their_way(256, after.as_ref())?;
            if let Some(found) = page.into_iter().find(|standing| standing.id == id) {
                return self.vault.transact(|tx| {
                    let Some(mut row) = Row::load(tx, &row::key(found.created, id))? else {
                        return Ok(false);
                    };
                    let now = tx.now();
                    if row.state != State::Queued || row.lease.is_some_and(|(_, until)| now < until) {
                        return Ok(false);
                    }
                    row.put(tx, now)?;
                    Ok(true)
                });
            }
            after = next;
            if after.is_none() {
                return Ok(false);
            }
        }
    }
}

impl Row {
    /// How many of its parts a carrier has.
    fn taken(&self) -> usize {
        self.parts.iter().filter(|part| part.state != PartState::Unsent).count()
    }

    /// Remembers which parts a carrier has, and how its receipts will lead here.
    fn note(
        &mut self,
        tx: &mut Transaction<'_>,
        carrier: &str,
        ids: impl Iterator<Item = Option<String>>,
    ) -> Result<(), Error> {
        self.carrier = carrier.into();
        for (place, id) in ids.enumerate() {
            if place == self.parts.len() {
                self.parts.push(Part { id: String::new(), state: PartState::Unsent });
            }
            let Some(id) = id else { continue };
            let part = &mut self.parts[place];
            if part.id == id && part.state != PartState::Unsent {
                continue;
            }
            *part = Part { id: id.clone(), state: PartState::Sent };
            if !id.is_empty() {
                let hints = receipt::keys(tx, carrier, &receipt::canonical(&id))?;
                tx.put_plain(hints.first().ok_or(CoreError::Refused)?, self.key().key)?;
            }
        }
        Ok(())
    }
}
