//! Answering a challenge: with what it asks for, once, and within its time (R4).

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::{Transaction, issued};
use zamok_core::wire::hex;

use super::{Challenge, ChallengeRecord, Means, NewChallenge, Purpose, RequestId, State, Step, Wanted};
use crate::Cabinet;
use crate::account::{self, Account};
use crate::device;
use crate::error::Error;
use crate::evidence::{Assurance, Evidence};
use crate::factor::{self, Attempt, Checked, PinRecipe, Typed};
use crate::outbox::{Message, MessageKind};
use crate::session::{self, Opening, Seen, Session};
use crate::throttle::{Budget, Caller, WrongAnswers};
use crate::watch::{self, Facts, Occasion, Outcome};

/// What one look at an answer comes to.
pub(crate) enum Look<T> {
    /// It is decided.
    Done(T),
    /// A hash is needed first.
    Hash(PinRecipe),
}

/// What an answer amounts to.
pub(crate) enum Ruling {
    /// It is charged where there was something to charge, which commits as well.
    Rejected,
    /// It used up the last try.
    Failed(ChallengeRecord, Account),
    /// It is the one that was accepted before, under the same name.
    Repeated(ChallengeRecord),
    /// A device has not approved it yet: nothing was looked at.
    Waiting,
    /// A PIN was typed, whose hash takes long: it is made outside of the transaction, and the answer looked at again.
    Hash(PinRecipe),
    /// It is right. The caller closes the challenge with [`ChallengeRecord::close`] in the same transaction.
    Right(ChallengeRecord, Account),
}

impl Cabinet {
    /// Answers a challenge with a code, and opens the session that it was made for.
    ///
    /// A wrong, a used, a malformed and a late code look alike. The code is spent, the session opened and both
    /// journalled in one commit.
    ///
    /// The code is what the factor shows or what was sent; the PIN; the signature of a device's key in base64url
    /// ([`Cabinet::question`]); and nothing, where a device approves ([`Cabinet::number_to_show`]).
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; [`Error::ApprovalPending`] while a device has not approved: ask again; the vault's and the
    /// store's errors.
    pub fn answer(&self, challenge: &Challenge, code: &str, request: RequestId) -> Result<Session, Error> {
        let session = self.looked_at(code, |tx, typed| {
            let attempt = Attempt { typed, request };
            match self.rule(tx, challenge.id, Purpose::Login, None, attempt)? {
                Ruling::Rejected | Ruling::Failed(..) => Ok(Look::Done(None)),
                Ruling::Waiting => Err(Error::ApprovalPending),
                Ruling::Hash(recipe) => Ok(Look::Hash(recipe)),
                // A lost reply is given again while the challenge lives: its names must not open the session for ever.
                Ruling::Repeated(challenge) => match challenge.outcome {
                    Some(id) => {
                        let seen = Seen { id, address: challenge.address };
                        session::live(tx, seen, &self.policy.session).map(|session| Look::Done(Some(session)))
                    }
                    None => Err(CoreError::Refused.into()),
                },
                Ruling::Right(mut challenge, account) => {
                    let session = self.let_in(tx, &challenge, &account)?;
                    challenge.outcome = Some(session.id);
                    challenge.close(tx, request)?;
                    Ok(Look::Done(Some(session)))
                }
            }
        })?;
        session.ok_or(Error::Core(CoreError::Rejected))
    }

    /// Opens the session that a challenge was made for.
    pub(crate) fn let_in(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &ChallengeRecord,
        account: &Account,
    ) -> Result<Session, Error> {
        let opening = Opening {
            account,
            challenge: challenge.id,
            evidence: challenge.evidence(),
            caller: challenge.caller,
            client: &challenge.client,
            address: challenge.address,
        };
        session::open(tx, opening, &self.policy.session)
    }

    /// Runs a transition that looks at what was typed, again with its hash where it needs one.
    pub(crate) fn looked_at<T>(
        &self,
        text: &str,
        mut look: impl FnMut(&mut Transaction<'_>, &Typed<'_>) -> Result<Look<T>, Error>,
    ) -> Result<T, Error> {
        let mut typed = Typed { text, pin: None };
        // The recipe of a PIN may change between two looks, but not for ever.
        for _ in 0..3 {
            match self.watched(|tx| look(tx, &typed))? {
                Look::Done(done) => return Ok(done),
                Look::Hash(recipe) => typed.pin = Some(recipe.compute(text, &self.policy)?),
            }
        }
        Err(CoreError::Busy.into())
    }

    /// Opens a challenge in which the owner of a session shows again who he is: by the factor that is asked for, or by the
    /// first in the account's order that is strong enough. That is whatever withstands as much as the strongest that the session has
    /// shown, and the PIN of its device: a phone that lies beside an old session makes no more of it than it was opened with.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`Error::MethodUnavailable`]; [`Error::MethodTooWeak`]; [`Error::ResendTooSoon`] and
    /// [`Error::TooManyMessages`]; the vault's and the store's.
    pub fn begin_again(&self, session: &Session, by: Option<Evidence>) -> Result<Challenge, Error> {
        self.counted(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            let account = account::load(tx, session.account)?.account;
            let wanted = Wanted { evidence: by, factor: None };
            let challenge = self.begin_in(tx, &session, &account, Purpose::Again, wanted, None, &[])?;
            challenge.told()
        })
    }

    /// Answers a challenge of [`Cabinet::begin_again`]: the session is fresh again.
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; [`Error::ApprovalPending`]; [`Error::SessionEnded`]; the vault's and the store's errors.
    pub fn answer_again(
        &self,
        session: &Session,
        challenge: &Challenge,
        code: &str,
        request: RequestId,
    ) -> Result<Session, Error> {
        let again = self.looked_at(code, |tx, typed| {
            let own = session::live(tx, session.seen(), &self.policy.session)?;
            let attempt = Attempt { typed, request };
            match self.rule(tx, challenge.id, Purpose::Again, Some(&own), attempt)? {
                Ruling::Rejected | Ruling::Failed(..) => Ok(Look::Done(None)),
                Ruling::Waiting => Err(Error::ApprovalPending),
                Ruling::Hash(recipe) => Ok(Look::Hash(recipe)),
                Ruling::Repeated(_) => Ok(Look::Done(Some(own))),
                Ruling::Right(mut challenge, account) => {
                    let shown = challenge.means.ok_or(CoreError::Refused)?.evidence;
                    let policy = &self.policy.session;
                    let session = session::authenticated_again(tx, own.seen(), &account, shown, policy)?;
                    challenge.outcome = Some(session.id);
                    challenge.close(tx, request)?;
                    Ok(Look::Done(Some(session)))
                }
            }
        })?;
        again.ok_or(Error::Core(CoreError::Rejected))
    }

    /// Opens a challenge within a live session, and sends its code where it is answered by one.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn begin_in(
        &self,
        tx: &mut Transaction<'_>,
        session: &Session,
        account: &Account,
        purpose: Purpose,
        wanted: Wanted,
        operation: Option<([u8; 16], [u8; 32])>,
        fields: &[(&str, String)],
    ) -> Result<ChallengeRecord, Error> {
        let caller = device::caller_of(tx, account.id, session.device)?;
        let found = factor::means(tx, account, caller)?;
        let mut weakest = Means::weakest(purpose, found.best, self.policy.factor.weakest);
        if purpose == Purpose::Again {
            weakest = weakest.max(session.strength());
        }
        let means = Means::pick(&found.usable, wanted, purpose, weakest)?.ok_or(Error::MethodUnavailable)?;
        // What one phone has opened, its next code does not confirm: both together are one factor (R11, R19).
        let shown: Vec<Evidence> = session.evidence.iter().copied().chain([means.evidence]).collect();
        if purpose == Purpose::Operation && Assurance::of(&shown) < Assurance::Substantial {
            return Err(Error::MethodTooWeak);
        }
        let mut challenge = ChallengeRecord::begin(
            tx,
            NewChallenge {
                purpose,
                account,
                session: Some(session.id),
                operation,
                means: Some(means),
                caller,
                address: session.address,
                shown: Vec::new(),
                client: &session.client,
                language: "",
                lifetime: self.lifetime(means),
            },
        )?;
        self.send_first(tx, &mut challenge, account, fields)?;
        challenge.put(tx)?;
        Ok(challenge)
    }

    /// Looks at an answer. Whatever is not one to an open challenge of this purpose, session and account's epoch is
    /// rejected alike, after the same sort of work.
    pub(crate) fn rule(
        &self,
        tx: &mut Transaction<'_>,
        ticket: [u8; 16],
        purpose: Purpose,
        session: Option<&Session>,
        attempt: Attempt<'_>,
    ) -> Result<Ruling, Error> {
        let request = attempt.request;
        let Some(mut challenge) = ChallengeRecord::held(tx, ticket)? else { return self.dead(tx) };
        let account = account::load(tx, challenge.account)?.account;
        let meant = challenge.purpose == purpose && challenge.session == session.map(|session| session.id);
        if !meant || !challenge.is_alive(tx.now(), &account) {
            return self.dead(tx);
        }
        let again = challenge.last == Some(request);
        match challenge.state {
            State::Answered if again => {
                challenge.step(Step::Repeat)?;
                return Ok(Ruling::Repeated(challenge));
            }
            State::Open | State::Approved if !again => {}
            _ => return self.dead(tx),
        }
        let (means, caller) = (challenge.means.ok_or(CoreError::Refused)?, challenge.caller);
        // A device that was blocked or forgotten meanwhile finishes nothing that it began.
        if let Caller::Device(id) = caller
            && device::caller_of(tx, account.id, Some(id))? != caller
        {
            return self.dead(tx);
        }
        let wrong = WrongAnswers::of(tx, &self.policy.budget, Some(account.id), caller)?;
        if wrong.are_too_many() {
            let budget = Budget::of(tx, account.id.0, caller)?;
            budget.refuse(tx, Some(account.subject), &self.policy.password.throttle, None)?;
            return self.dead(tx);
        }
        let client = challenge.client.clone();
        let facts = Facts {
            occasion: Occasion::Code,
            time: tx.now(),
            account: account.id,
            roles: account.roles,
            device: watch::device_of(caller),
            address: challenge.address,
            client: &client,
            parameters: &[],
        };
        let found = self.ask_watch(tx, &facts)?;
        if found.answer().refuses() {
            let (budget, throttle) = (Budget::of(tx, account.id.0, caller)?, &self.policy.password.throttle);
            self.refuse_found(tx, budget, throttle, &facts, &found, Some(account.subject))?;
            return self.dead(tx);
        }
        let checked = self.check_factor(tx, &account, &challenge, &means, attempt.typed)?;
        match checked {
            Checked::Right => {
                self.tell_found(tx, &facts, &found, Some(account.subject), &challenge.row())?;
                self.tell_watch(tx, &facts, Outcome::Right)?;
                return Ok(Ruling::Right(challenge, account));
            }
            Checked::Waiting => return Ok(Ruling::Waiting),
            Checked::Hash(recipe) => return Ok(Ruling::Hash(recipe)),
            Checked::Wrong { disabled } => {
                wrong.count(tx);
                self.tell_found(tx, &facts, &found, Some(account.subject), &challenge.row())?;
                self.tell_watch(tx, &facts, Outcome::Wrong)?;
                if disabled {
                    let notice = Message::notice(tx, MessageKind::FactorDisabled, account.id);
                    notice.with("factor", means.evidence.name()).post(tx)?;
                }
            }
            // It was not the watch who refused: what he found is neither told nor journalled.
            Checked::Unseen => {}
        }
        let over = challenge.charge(tx, &account, Some(request), self.tries(&means))?;
        Ok(if over { Ruling::Failed(challenge, account) } else { Ruling::Rejected })
    }

    /// Wrong answers that end a challenge which is answered so.
    pub(crate) fn tries(&self, means: &Means) -> u32 {
        if means.contact.is_some() { self.policy.issued.tries } else { self.policy.challenge.tries }
    }

    /// Rejects after the work of a check, so that what is over does not look different from what is wrong.
    fn dead(&self, tx: &mut Transaction<'_>) -> Result<Ruling, Error> {
        let nothing = ChallengeRecord::nothing();
        let digits = self.policy.issued.digits();
        match issued::check(tx, self.challenge_key, &nothing, digits, "") {
            Err(CoreError::Rejected) => Ok(Ruling::Rejected),
            Err(error) => Err(error.into()),
            Ok(()) => Err(CoreError::Refused.into()),
        }
    }
}

impl ChallengeRecord {
    /// Closes an open challenge over its right answer.
    pub(crate) fn close(&mut self, tx: &mut Transaction<'_>, request: RequestId) -> Result<(), Error> {
        self.step(Step::Right)?;
        self.last = Some(request);
        self.put(tx)?;
        if self.counts_tries() {
            // Put back, the row would take the same code again.
            let detail = Detail::new().with("challenge", hex(&self.id));
            tx.event(EventKind::ChallengeAnswered, None, &self.row(), &detail)?;
        }
        Ok(())
    }

    /// What was shown, with the answer.
    fn evidence(&self) -> Vec<Evidence> {
        self.shown.iter().copied().chain(self.means.map(|means| means.evidence)).collect()
    }

    /// What no code stands for: sendings begin with 1.
    fn nothing() -> issued::Binding {
        issued::Binding {
            challenge: [0; 16],
            account: [0; 16],
            session: [0; 16],
            purpose: 0,
            operation: [0; 32],
            sending: 0,
        }
    }
}
