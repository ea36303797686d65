//! Sending a code, and sending another (R3, R5): not sooner than policy says, not more often, and never counted as a
//! failure. A new code kills the one before, since each is bound to the number of its sending. A request to a device is sent
//! in the same way.

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::{Transaction, issued};
use zamok_core::wire::hex;
use zamok_core::{Error as CoreError, UnixTime};

use super::{Challenge, ChallengeRecord, Enrolment, Purpose, State, Step};
use crate::Cabinet;
use crate::account::{self, Account};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor;
use crate::outbox::{Message, MessageKind, Recipient};
use crate::session;
use crate::throttle::{Caller, Cap, Pause, Sum};

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

impl Cabinet {
    /// Sends another code for a challenge, or asks its device again; the one before counts no more. A login by a phone alone is begun
    /// anew instead.
    ///
    /// # Errors
    /// [`Error::ResendTooSoon`] with the seconds to wait; [`Error::SupportNeeded`] when as many codes as policy says did not
    /// arrive; [`Error::TooManyMessages`]; [`CoreError::Rejected`] for a challenge that is over, was made up, or is not
    /// answered by something sent; the vault's and the store's.
    pub fn send_again(&self, challenge: &Challenge) -> Result<(), Error> {
        self.resend(challenge.id)
    }

    /// Sends another code for an enrolment of a phone or an address.
    ///
    /// # Errors
    /// As [`Cabinet::send_again`].
    pub fn send_enrolment_again(&self, enrolment: &Enrolment) -> Result<(), Error> {
        self.resend(enrolment.id)
    }

    fn resend(&self, ticket: [u8; 16]) -> Result<(), Error> {
        self.counted(|tx| {
            let mut challenge = ChallengeRecord::held(tx, ticket)?.ok_or(CoreError::Rejected)?;
            let account = account::load(tx, challenge.account)?.account;
            let sends = challenge.means.is_some_and(|means| means.sends() && means.is_there(&account));
            let open = challenge.state == State::Open && challenge.is_alive(tx.now(), &account);
            // Nobody is told whether a phone is known: who waits for a code to it begins anew.
            if !open || !sends || challenge.is_by_phone() {
                return Err(CoreError::Rejected.into());
            }
            let text = match (challenge.purpose, challenge.operation) {
                (Purpose::Operation, Some((id, _))) => vec![("text", self.operation_text(tx, id)?)],
                _ => Vec::new(),
            };
            self.send(tx, &mut challenge, &account, &text)?;
            challenge.put(tx)
        })
    }

    /// Sends the first code of a new challenge, where it is answered by something sent.
    pub(crate) fn send_first(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &mut ChallengeRecord,
        account: &Account,
        fields: &[(&str, String)],
    ) -> Result<(), Error> {
        if challenge.means.is_some_and(|means| means.sends()) {
            self.send(tx, challenge, account, fields)
        } else {
            Ok(())
        }
    }

    /// Who stands behind what a challenge sends.
    fn behind(&self, tx: &mut Transaction<'_>, challenge: &ChallengeRecord) -> Result<Behind, Error> {
        // A change was begun in a session that was fresh; a device has shown its token.
        let asked = match challenge.purpose {
            Purpose::Undo if challenge.former.is_some() && challenge.caller == Caller::Stranger => {
                return Ok(Behind::Former);
            }
            Purpose::Operation | Purpose::Again => challenge.session,
            _ if challenge.is_by_phone() && challenge.caller == Caller::Stranger => {
                return Ok(Behind::Nobody);
            }
            _ => None,
        };
        let Some(id) = asked else { return Ok(Behind::Owner) };
        match session::load(tx, id) {
            Ok(session) if session.stale(tx.now(), &self.policy.session).is_none() => Ok(Behind::Owner),
            Ok(_) | Err(Error::SessionEnded) => Ok(Behind::Session),
            Err(error) => Err(error),
        }
    }

    fn send(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &mut ChallengeRecord,
        account: &Account,
        fields: &[(&str, String)],
    ) -> Result<(), Error> {
        let (policy, now) = (&self.policy.issued, tx.now());
        if challenge.sent >= policy.support_after {
            return Err(Error::SupportNeeded);
        }
        let means = challenge.means.ok_or(CoreError::Refused)?;
        // What lies further ahead was written by a clock that had jumped, and keeps nobody waiting.
        let wait = |last: UnixTime| {
            if last.is_ahead_of(now) { 0 } else { policy.resend.saturating_sub(now.since(last)) }
        };
        if challenge.sent > 0 && wait(challenge.last_sent) > 0 {
            return Err(Error::ResendTooSoon { seconds: wait(challenge.last_sent) });
        }
        // Another challenge is no way around the pause, nor is offering the same phone anew: it belongs to the phone, the address or the
        // device (R5). Only the owner waits for nothing that he did not ask for.
        let behind = self.behind(tx, challenge)?;
        let there = account.contacts.iter().find(|contact| means.contact == Some(contact.id.0));
        let pause = there.map(|contact| Pause::of(tx, account.id, &contact.address)).transpose()?;
        let (by_owner, unproved) = factor::last_sent(tx, account, &means)?;
        let paused = pause.as_ref().map_or(UnixTime(0), Pause::last);
        let unproved = if behind == Behind::Owner { 0 } else { wait(unproved) };
        let seconds = wait(by_owner).max(wait(paused)).max(unproved);
        if seconds > 0 {
            return Err(Error::ResendTooSoon { seconds });
        }
        let target = factor::target(tx, account, &means)?;
        let mut caps = match means.evidence {
            Evidence::Push => vec![behind.cap("asked", &target, HOUR, self.policy.push.per_hour)],
            _ => vec![
                behind.cap("sent", &target, HOUR, policy.per_hour),
                behind.cap("sent", &target, DAY, policy.per_day),
            ],
        };
        if challenge.purpose == Purpose::Enrolment {
            // Nobody has shown yet that the phone is his: one account does not make strangers' phones ring without end.
            caps.push(Cap::new("enrolling", &account.id.0, HOUR, policy.per_hour));
            caps.push(Cap::new("enrolling", &account.id.0, DAY, policy.per_day));
        }
        let sums = Cap::read_all(tx, caps)?;
        if sums.iter().any(Sum::is_full) {
            return Err(Error::TooManyMessages);
        }
        sums.into_iter().for_each(|sum| sum.count(tx));
        // Nothing was written until here: a refusal before may be committed with what it refuses.
        factor::note_sending(tx, account, &means, behind == Behind::Owner)?;
        // What is offered has no record yet that the next offer finds, and a contact that is no factor has none at all.
        if (challenge.purpose == Purpose::Enrolment || means.factor == [0; 16])
            && let Some(pause) = pause
        {
            pause.begin(tx);
        }
        challenge.step(Step::Send)?;
        challenge.sent += 1;
        challenge.last_sent = now;
        let recipient = Recipient { account: account.id, contact: Some((target, means.evidence)) };
        let expires: UnixTime = challenge.expires;
        let message = Message::new(tx, challenge.message_kind(), recipient, &challenge.language, expires);
        let message = message.of(challenge.sending());
        let message = if means.evidence == Evidence::Push {
            // The number stays with whoever waits: the person reads it there and types it here.
            let client = challenge.client.clone();
            message.with("request", &hex(&challenge.binding().to_bytes())).with("client", &client)
        } else {
            let code = issued::code(tx, self.challenge_key, &challenge.binding(), policy.digits())?;
            message.with("code", code.as_str())
        };
        let message = fields.iter().fold(message, |message, (name, value)| message.with(name, value));
        let transaction = message.post(tx)?;
        let detail = Detail::new()
            .with("challenge", hex(&challenge.id))
            .with("channel", means.evidence.name())
            .with("sending", challenge.sent.to_string())
            .with("transaction", transaction.to_string());
        // The row is written after this, in the same commit.
        challenge.put(tx)?;
        tx.event(EventKind::CodeSent, Some(account.subject), &challenge.row(), &detail)?;
        Ok(())
    }
}

/// Who stands behind a sending: what others ask for keeps nothing from whoever has shown something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// A password, a known device, or a session in which its owner has shown who he is a short while ago.
    Owner,
    /// A session, old or of a phone alone: whoever has stolen it asks like its owner.
    Session,
    /// A password of before, of which no known device tells: whoever knew it asks the owner's phone, which still lets its owner in.
    Former,
    /// Nobody: whoever knows a phone number.
    Nobody,
}

impl Behind {
    /// At most so many within a span; of what the owner does not stand behind half as many, and counted apart.
    fn cap(self, what: &str, target: &[u8], span: u64, most: u32) -> Cap {
        match self {
            Self::Owner => Cap::new(what, target, span, most),
            Self::Session => Cap::new(&format!("{what}-session"), target, span, most.div_ceil(2)),
            Self::Former => Cap::new(&format!("{what}-former"), target, span, most.div_ceil(2)),
            Self::Nobody => Cap::new(&format!("{what}-nobody"), target, span, most.div_ceil(2)),
        }
    }
}

impl ChallengeRecord {
    fn message_kind(&self) -> MessageKind {
        let push = self.means.is_some_and(|means| means.evidence == Evidence::Push);
        match self.purpose {
            _ if push => MessageKind::ApprovalRequest,
            Purpose::Login => MessageKind::LoginCode,
            Purpose::Enrolment => MessageKind::EnrolmentCode,
            Purpose::Operation => MessageKind::OperationCode,
            Purpose::Again => MessageKind::AgainCode,
            Purpose::Agreement => MessageKind::AgreementCode,
            Purpose::Undo => MessageKind::UndoCode,
        }
    }
}
