//! Operations: what you see is what you confirm (R19, R20, R55).
//!
//! An operation is proposed in a session, shown, confirmed by a code that stands for the very bytes that were shown, and
//! executed once. Any change voids what was confirmed. The confirmation is consumed in the commit of the execution, and the
//! operation's id makes both idempotent: whatever is asked twice is done once and answered twice.

mod content;
mod record;

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::Transaction;
use zamok_core::wire::hex;
use zamok_core::{Error as CoreError, UnixTime};

pub use self::content::{Content, Template, Value};
use self::record::load_of;
pub(crate) use self::record::{OPERATIONS, due, load, put, row, sweep};
use crate::Cabinet;
use crate::account::{self, Account, AccountId};
use crate::challenge::{self, Challenge, ChallengeRecord, Look, Purpose, RequestId, Ruling, Wanted};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::Attempt;
use crate::machine::Machine;
use crate::outbox::{Message, MessageKind};
use crate::session::{self, Session, SessionId};
use crate::watch::{self, Answer, Occasion, Outcome};

/// The name that a client gives to an operation: 128 random bits, drawn once. Everything that is asked about it again under
/// the same name is answered alike; it is also the idempotency key of whatever is done outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub [u8; 16]);

impl core::fmt::Display for OperationId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// An operation as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// Whose it is.
    pub account: AccountId,
    /// What it says.
    pub content: Content,
    /// When it can no longer be confirmed or executed.
    pub expires: UnixTime,
    /// By what it was confirmed; `None` while it is not.
    pub confirmed: Option<Confirmation>,
    /// What its execution left; `None` while it has not happened.
    pub receipt: Option<Vec<u8>>,
    pub(crate) epoch: u64,
    /// The challenge that is open for it.
    pub(crate) challenge: Option<[u8; 16]>,
    pub(crate) state: State,
}

/// Who confirmed an operation, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// When.
    pub time: UnixTime,
    /// In which session.
    pub session: SessionId,
    /// With what.
    pub by: Evidence,
}

/// How an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Proposed,
    Confirmed,
    Executed,
    Cancelled,
}

/// What happens to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Propose,
    Change,
    Challenge,
    Confirm,
    Execute,
    Repeat,
    Cancel,
    Sweep,
}

impl Machine for State {
    type Step = Step;
    const NOUN: &'static str = "operation";
    const ABSENT: Self = Self::Absent;
    const EDGES: &'static [(Self, Step, Self)] = &[
        (Self::Absent, Step::Propose, Self::Proposed),
        (Self::Proposed, Step::Change, Self::Proposed),
        (Self::Proposed, Step::Challenge, Self::Proposed),
        (Self::Proposed, Step::Confirm, Self::Confirmed),
        (Self::Proposed, Step::Cancel, Self::Cancelled),
        (Self::Proposed, Step::Sweep, Self::Absent),
        (Self::Confirmed, Step::Change, Self::Proposed),
        (Self::Confirmed, Step::Execute, Self::Executed),
        (Self::Confirmed, Step::Cancel, Self::Cancelled),
        (Self::Confirmed, Step::Sweep, Self::Absent),
        (Self::Executed, Step::Repeat, Self::Executed),
        (Self::Executed, Step::Sweep, Self::Absent),
        (Self::Cancelled, Step::Sweep, Self::Absent),
    ];
}

impl Operation {
    /// What is shown to whoever confirms it, from the bytes that are confirmed.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.text()
    }

    /// What is confirmed: SHA-256 of its id, its account and the bytes of its content (`docs/formats/operation.md`).
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.content.digest(self.id.0, self.account.0)
    }

    /// Whether its owner has cancelled it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.state == State::Cancelled
    }

    fn step(&mut self, step: Step) -> Result<(), Error> {
        self.state = self.state.after(step).ok_or(Error::OperationOver)?;
        Ok(())
    }

    fn tell(&self, tx: &mut Transaction<'_>, account: &Account, kind: EventKind) -> Result<(), Error> {
        let detail = Detail::new()
            .with("operation", self.id.to_string())
            .with("template", self.content.template().name.as_str())
            .with("digest", hex(&self.digest()));
        tx.event(kind, Some(account.subject), &row(self.id), &detail)?;
        Ok(())
    }
}

impl Cabinet {
    /// Longest receipt, in bytes.
    pub const LONGEST_RECEIPT: usize = 4096;

    /// Proposes an operation in a session. Proposed again under the same id, it is the same operation.
    ///
    /// # Errors
    /// [`Error::OperationTaken`] when the id names another one; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn propose(&self, session: &Session, id: OperationId, content: &Content) -> Result<Operation, Error> {
        self.vault.transact(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            let account = account::load(tx, session.account)?.account;
            if let Some(known) = load(tx, id)? {
                let same = known.account == account.id && known.content == *content;
                return if same { Ok(known) } else { Err(Error::OperationTaken) };
            }
            let mut operation = Operation {
                id,
                account: account.id,
                content: content.clone(),
                expires: tx.now().plus(self.policy.operation.lifetime),
                confirmed: None,
                receipt: None,
                epoch: account.epoch,
                challenge: None,
                state: State::Absent,
            };
            operation.step(Step::Propose)?;
            put(tx, &operation)?;
            operation.tell(tx, &account, EventKind::OperationProposed)?;
            Ok(operation)
        })
    }

    /// Changes what an operation says. What was confirmed of it is void, and the open challenge with it.
    ///
    /// # Errors
    /// [`Error::OperationUnknown`]; [`Error::OperationOver`] when it was executed or cancelled, or its time is over;
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn change_operation(
        &self,
        session: &Session,
        id: OperationId,
        content: &Content,
    ) -> Result<Operation, Error> {
        self.vault.transact(|tx| {
            let (mut operation, account, _) = self.open_operation(tx, session, id)?;
            if operation.content == *content {
                return Ok(operation);
            }
            operation.step(Step::Change)?;
            replace(tx, operation.challenge.take())?;
            operation.content = content.clone();
            operation.confirmed = None;
            put(tx, &operation)?;
            operation.tell(tx, &account, EventKind::OperationChanged)?;
            Ok(operation)
        })
    }

    /// Cancels an operation that was not executed.
    ///
    /// # Errors
    /// As [`Cabinet::change_operation`].
    pub fn cancel_operation(&self, session: &Session, id: OperationId) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let (mut operation, account, _) = self.open_operation(tx, session, id)?;
            operation.step(Step::Cancel)?;
            replace(tx, operation.challenge.take())?;
            operation.confirmed = None;
            put(tx, &operation)?;
            operation.tell(tx, &account, EventKind::OperationCancelled)
        })
    }

    /// Opens the challenge whose answer confirms an operation as it stands. One that was open for it before is dead.
    ///
    /// `by` asks for a factor; a weaker one than the account's strongest is refused, also while that one cannot be used: on a device
    /// that was blocked, for instance, until it is dropped. A session that a phone alone has opened confirms nothing: with the phone's
    /// second code it shows no second factor.
    ///
    /// # Errors
    /// [`Error::MethodTooWeak`], [`Error::MethodUnavailable`]; [`Error::TooManyMessages`]; [`Error::NotAllowed`] and
    /// [`Error::FreshAuthenticationNeeded`] where the watch says so; otherwise as
    /// [`Cabinet::change_operation`].
    pub fn begin_confirmation(
        &self,
        session: &Session,
        id: OperationId,
        by: Option<Evidence>,
    ) -> Result<Challenge, Error> {
        self.watched(|tx| {
            let (mut operation, account, session) = self.open_operation(tx, session, id)?;
            if let Some(refused) = self.watch_operation(tx, &operation, &account, &session)? {
                return Ok(Err(refused));
            }
            operation.step(Step::Challenge)?;
            replace(tx, operation.challenge.take())?;
            let about = Some((id.0, operation.digest()));
            let fields = [("text", operation.text())];
            let wanted = Wanted { evidence: by, factor: None };
            let challenge =
                self.begin_in(tx, &session, &account, Purpose::Operation, wanted, about, &fields)?;
            operation.challenge = Some(challenge.id);
            put(tx, &operation)?;
            challenge.told().map(Ok)
        })?
    }

    /// Asks the watch about an operation: why it is not to be confirmed now, which is journalled.
    fn watch_operation(
        &self,
        tx: &mut Transaction<'_>,
        operation: &Operation,
        account: &Account,
        session: &Session,
    ) -> Result<Option<Error>, Error> {
        let parameters = watch::parameters_of(&operation.content);
        let facts = watch::session_facts(tx, Occasion::Operation, session, account, &parameters);
        let found = self.ask_watch(tx, &facts)?;
        let refused = match found.answer() {
            Answer::Delay | Answer::Block => Some(Error::NotAllowed),
            Answer::StepUp => session.stale(tx.now(), &self.policy.session),
            Answer::Allow => None,
        };
        if refused.is_some() {
            self.refuse_in_session(tx, &facts, &found, account.subject)?;
            return Ok(refused);
        }
        self.tell_found(tx, &facts, &found, Some(account.subject), &row(operation.id))?;
        self.tell_watch(tx, &facts, Outcome::Right)?;
        Ok(None)
    }

    /// Confirms an operation with the answer to its challenge: the code stands for what was shown, and for nothing else.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for everything that is not a right answer to the challenge that is open for the operation as
    /// it stands; otherwise as [`Cabinet::change_operation`].
    pub fn confirm(
        &self,
        session: &Session,
        challenge: &Challenge,
        code: &str,
        request: RequestId,
    ) -> Result<Operation, Error> {
        let confirmed = self.looked_at(code, |tx, typed| {
            let own = session::live(tx, session.seen(), &self.policy.session)?;
            let attempt = Attempt { typed, request };
            match self.rule(tx, challenge.id, Purpose::Operation, Some(&own), attempt)? {
                Ruling::Rejected => Ok(Look::Done(None)),
                Ruling::Waiting => Err(Error::ApprovalPending),
                Ruling::Hash(recipe) => Ok(Look::Hash(recipe)),
                Ruling::Failed(challenge, account) => {
                    announce_rejection(tx, &challenge, &account)?;
                    Ok(Look::Done(None))
                }
                Ruling::Repeated(challenge) => {
                    let (id, _) = challenge.operation.ok_or(CoreError::Refused)?;
                    load_of(tx, OperationId(id), own.account).map(|operation| Look::Done(Some(operation)))
                }
                Ruling::Right(mut challenge, account) => {
                    let (id, digest) = challenge.operation.ok_or(CoreError::Refused)?;
                    let (mut operation, _, _) = self.open_operation(tx, &own, OperationId(id))?;
                    // Both would have killed the challenge: a change of the bytes, and another challenge.
                    if operation.digest() != digest || operation.challenge != Some(challenge.id) {
                        return Err(CoreError::Refused.into());
                    }
                    let by = challenge.means.ok_or(CoreError::Refused)?.evidence;
                    operation.step(Step::Confirm)?;
                    operation.challenge = None;
                    operation.confirmed = Some(Confirmation { time: tx.now(), session: own.id, by });
                    put(tx, &operation)?;
                    operation.tell(tx, &account, EventKind::OperationConfirmed)?;
                    challenge.close(tx, request)?;
                    Ok(Look::Done(Some(operation)))
                }
            }
        })?;
        confirmed.ok_or(Error::Core(CoreError::Rejected))
    }

    /// Executes a confirmed operation, once. `execute` runs in the transaction that consumes the confirmation, so that what
    /// it writes there and the consumption are one commit; what it returns, at most [`Cabinet::LONGEST_RECEIPT`] bytes, is
    /// the receipt, which is given again whenever the same operation is executed again.
    ///
    /// What happens outside of the store happens at least once: `execute` runs again after a conflict, and whoever does the
    /// outer work tells repetitions by the operation's id.
    ///
    /// # Errors
    /// [`Error::OperationNotConfirmed`]; [`Error::OperationUnknown`]; [`Error::OperationOver`], also for what was confirmed before a
    /// backup that was restored; [`CoreError::TooLong`] for the receipt; what `execute` returned; the vault's and the store's.
    pub fn execute<F>(&self, id: OperationId, mut execute: F) -> Result<Vec<u8>, Error>
    where
        F: FnMut(&mut Transaction<'_>, &Operation) -> Result<Vec<u8>, Error>,
    {
        self.vault.transact(|tx| {
            let mut operation = load(tx, id)?.ok_or(Error::OperationUnknown)?;
            let account = account::load(tx, operation.account)?.account;
            if operation.state == State::Executed {
                operation.step(Step::Repeat)?;
                return operation.receipt.ok_or(Error::Core(CoreError::Refused));
            }
            if !operation.is_open(tx.now(), &account) {
                return Err(Error::OperationOver);
            }
            let Some(confirmed) = &operation.confirmed else { return Err(Error::OperationNotConfirmed) };
            // A session that ended keeps its row for longer than this. Without one a backup was restored, and what was confirmed in it may
            // have been executed, changed or cancelled since.
            match session::load(tx, confirmed.session) {
                Ok(_) => {}
                Err(Error::SessionEnded) => return Err(Error::OperationOver),
                Err(error) => return Err(error),
            }
            operation.step(Step::Execute)?;
            let receipt = execute(tx, &operation)?;
            if receipt.len() > Self::LONGEST_RECEIPT {
                let (given, limit) = (receipt.len(), Self::LONGEST_RECEIPT);
                return Err(CoreError::TooLong { what: "a receipt", given, limit }.into());
            }
            operation.receipt = Some(receipt.clone());
            put(tx, &operation)?;
            operation.tell(tx, &account, EventKind::OperationExecuted)?;
            Ok(receipt)
        })
    }

    /// An operation of a session's account.
    ///
    /// # Errors
    /// [`Error::OperationUnknown`]; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn operation(&self, session: &Session, id: OperationId) -> Result<Operation, Error> {
        self.vault.transact(|tx| {
            let account = session::live(tx, session.seen(), &self.policy.session)?.account;
            load_of(tx, id, account)
        })
    }

    /// An operation for the service that executes it, whoever's it is: its owner's session may have ended by then. Never for a
    /// client, whose [`Cabinet::operation`] is.
    ///
    /// # Errors
    /// [`Error::OperationUnknown`]; the vault's and the store's.
    pub fn operation_to_execute(&self, id: OperationId) -> Result<Operation, Error> {
        self.vault.transact(|tx| load(tx, id)?.ok_or(Error::OperationUnknown))
    }

    /// What an operation says, for the message that goes with its code.
    pub(crate) fn operation_text(&self, tx: &mut Transaction<'_>, id: [u8; 16]) -> Result<String, Error> {
        Ok(load(tx, OperationId(id))?.ok_or(CoreError::Refused)?.text())
    }

    /// An operation that can still be changed, confirmed or executed, with its account and the live session.
    fn open_operation(
        &self,
        tx: &mut Transaction<'_>,
        session: &Session,
        id: OperationId,
    ) -> Result<(Operation, Account, Session), Error> {
        let session = session::live(tx, session.seen(), &self.policy.session)?;
        let account = account::load(tx, session.account)?.account;
        let operation = load_of(tx, id, account.id)?;
        if operation.is_open(tx.now(), &account) {
            Ok((operation, account, session))
        } else {
            Err(Error::OperationOver)
        }
    }
}

impl Operation {
    fn is_open(&self, now: UnixTime, account: &Account) -> bool {
        let open = matches!(self.state, State::Proposed | State::Confirmed);
        open && now < self.expires && self.epoch == account.epoch
    }
}

/// Kills the challenge that was open for an operation.
fn replace(tx: &mut Transaction<'_>, challenge: Option<[u8; 16]>) -> Result<(), Error> {
    let Some(id) = challenge else { return Ok(()) };
    let Some(mut challenge) = ChallengeRecord::load(tx, id)? else { return Ok(()) };
    if challenge.step(challenge::Step::Replace).is_ok() {
        challenge.put(tx)?;
    }
    Ok(())
}

/// Tells the owner that codes for an operation were wrong too often (R20).
fn announce_rejection(
    tx: &mut Transaction<'_>,
    challenge: &ChallengeRecord,
    account: &Account,
) -> Result<(), Error> {
    let (id, _) = challenge.operation.ok_or(CoreError::Refused)?;
    let Some(operation) = load(tx, OperationId(id))? else { return Ok(()) };
    operation.tell(tx, account, EventKind::OperationRejected)?;
    let notice = Message::notice(tx, MessageKind::OperationRejected, account.id);
    notice.with("text", &operation.text()).post(tx)?;
    Ok(())
}
