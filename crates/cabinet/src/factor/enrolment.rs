//! Enrolment (R9, R12): a factor is offered, tested, and counts from then on. The test cannot be used again: what was sent stands
//! for the enrolment alone, and what was computed is spent.

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::{KeyState, Transaction, issued, keys, spend};
use zamok_core::{Error as CoreError, UnixTime, otp::Verdict};

use super::{Factor, FactorId, FactorKind, FactorState, FactorStep, Holding};
use crate::Cabinet;
use crate::account::{self, AccountRecord, ContactId};
use crate::challenge::{
    ChallengeRecord, Enrolment, Look, Means, NewChallenge, Purpose, Replaced, State, Step,
};
use crate::device;
use crate::error::Error;
use crate::outbox::{Message, MessageKind};
use crate::session::{self, Session};
use crate::throttle::{Budget, Caller};

impl Cabinet {
    /// Opens an enrolment of one more factor, or of a phone or an address, in a session that is fresh (R19).
    ///
    /// # Errors
    /// [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn begin_factor(&self, session: &Session) -> Result<Enrolment, Error> {
        self.vault.transact(|tx| self.open_in(tx, session, None)?.enrolment())
    }

    /// Opens an enrolment in a session.
    pub(super) fn open_in(
        &self,
        tx: &mut Transaction<'_>,
        session: &Session,
        replaces: Option<Replaced>,
    ) -> Result<ChallengeRecord, Error> {
        let session = session::fresh(tx, session.seen(), &self.policy.session)?;
        let account = account::load(tx, session.account)?.account;
        let caller = device::caller_of(tx, account.id, session.device)?;
        let mut challenge = ChallengeRecord::begin(
            tx,
            NewChallenge {
                purpose: Purpose::Enrolment,
                account: &account,
                session: Some(session.id),
                operation: None,
                means: None,
                caller,
                address: session.address,
                shown: Vec::new(),
                client: &session.client,
                language: "",
                lifetime: self.policy.challenge.enrolment,
            },
        )?;
        challenge.replaces = replaces;
        challenge.put(tx)?;
        Ok(challenge)
    }

    /// An enrolment that is under way, with its account; within a session, that has to be live.
    pub(super) fn open_enrolment(
        &self,
        tx: &mut Transaction<'_>,
        enrolment: &Enrolment,
    ) -> Result<(ChallengeRecord, AccountRecord), Error> {
        let challenge = ChallengeRecord::held(tx, enrolment.id)?
            .filter(|challenge| challenge.purpose == Purpose::Enrolment)
            .filter(|challenge| matches!(challenge.state, State::Open | State::Approved))
            .ok_or(CoreError::Rejected)?;
        if let Some(id) = challenge.session {
            let seen = session::Seen { id, address: challenge.address };
            session::live(tx, seen, &self.policy.session)?;
        }
        let record = account::load(tx, challenge.account)?;
        if !challenge.is_alive(tx.now(), &record.account) {
            return Err(CoreError::Rejected.into());
        }
        Ok((challenge, record))
    }

    /// Makes room for an offer: one password does not buy rows of the store without end, and what was offered before and never
    /// tested goes away.
    pub(super) fn prepare_offer(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &mut ChallengeRecord,
        record: &mut AccountRecord,
    ) -> Result<(), Error> {
        if challenge.offers >= self.policy.challenge.tries {
            return Err(CoreError::Rejected.into());
        }
        challenge.step(Step::Offer)?;
        challenge.offers += 1;
        let (mut kept, mut counting) = (Vec::new(), 0);
        for id in record.account.factors.clone() {
            let factor = Factor::load(tx, id, record.account.id)?;
            match factor.state {
                // A token waits for its test at the desk that handed it out.
                FactorState::Offered if factor.kind != FactorKind::Token => {
                    withdraw(tx, record, factor)?;
                    continue;
                }
                FactorState::Active => counting += 1,
                _ => {}
            }
            kept.push(id);
        }
        // What nobody has shown to be his is no contact.
        record.account.contacts.retain(|contact| contact.verified);
        if counting > 0 && challenge.session.is_none() {
            return Err(Error::FactorExists);
        }
        record.account.factors = kept;
        Ok(())
    }

    /// Offers a factor in an enrolment. `make` makes what it is of.
    pub(super) fn offer_factor(
        &self,
        tx: &mut Transaction<'_>,
        enrolment: &Enrolment,
        kind: FactorKind,
        label: &str,
        make: impl FnOnce(&mut Transaction<'_>, &mut AccountRecord, FactorId) -> Result<Holding, Error>,
    ) -> Result<(ChallengeRecord, AccountRecord), Error> {
        if label.len() > Self::LONGEST_FACTOR_LABEL {
            let (given, limit) = (label.len(), Self::LONGEST_FACTOR_LABEL);
            return Err(CoreError::TooLong { what: "the label of a factor", given, limit }.into());
        }
        if kind.evidence().strength() < self.policy.factor.weakest && kind != FactorKind::Pin {
            return Err(Error::MethodTooWeak);
        }
        let (mut challenge, mut record) = self.open_enrolment(tx, enrolment)?;
        // What agreed to be replaced was asked as a contact: no factor takes its place.
        if matches!(challenge.replaces, Some(Replaced::Contact(_))) {
            return Err(Error::NotAllowed);
        }
        self.prepare_offer(tx, &mut challenge, &mut record)?;
        let most = self.policy.factor.most;
        if record.account.factors.len() >= most {
            return Err(Error::TooMany { what: "factors", limit: most });
        }
        let id = FactorId(tx.env().random());
        let mut factor = Factor {
            id,
            account: record.account.id,
            kind,
            holding: make(tx, &mut record, id)?,
            state: FactorState::Absent,
            label: label.into(),
            added: tx.now(),
            last_used: UnixTime(0),
            last_sent: UnixTime(0),
            last_unproved: UnixTime(0),
            aside: None,
        };
        factor.step(FactorStep::Offer)?;
        factor.put(tx)?;
        Budget::begin(tx, id.0)?;
        record.account.factors.push(id);
        record.put(tx)?;
        challenge.means = Some(factor.means());
        challenge.sent = 0;
        challenge.put(tx)?;
        let detail = Detail::new().with("factor", kind.name());
        tx.event(EventKind::FactorOffered, Some(record.account.subject), &id.row(), &detail)?;
        Ok((challenge, record))
    }

    /// Longest label of a factor, in bytes.
    pub const LONGEST_FACTOR_LABEL: usize = 128;

    /// Ends an enrolment with its test (R12): the code that the app or token shows, the code that was sent, the PIN once more, the
    /// signature of the device's key in base64url, and nothing where a device has approved. When it is right, the factor, or the
    /// contact, counts from now on. Every other session of the account ends, and its owner is told.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a wrong code or an enrolment that has ended; [`Error::NothingOffered`];
    /// [`Error::ApprovalPending`]; [`Error::OldChannelNeeded`] in a change to which the old channel has not agreed; [`Error::NotAllowed`]
    /// for a factor in the place of a contact, and the other way round;
    /// [`Error::ContactTaken`] when another account has verified the phone or address; [`Error::SessionEnded`]; the vault's
    /// and the store's.
    pub fn confirm_factor(&self, enrolment: &Enrolment, code: &str) -> Result<(), Error> {
        let right = self.looked_at(code, |tx, typed| {
            let (mut challenge, mut record) = self.open_enrolment(tx, enrolment)?;
            let means = match challenge.means {
                Some(means) => Some(means).filter(|means| means.is_there(&record.account)),
                None => waiting_generator(tx, &record)?,
            };
            let means = means.ok_or(Error::NothingOffered)?;
            let contact = means.factor == [0; 16];
            if challenge.replaces.is_some_and(|old| matches!(old, Replaced::Contact(_)) != contact) {
                return Err(Error::NotAllowed);
            }
            let wanted = self.policy.contact.old_channel_confirms;
            if challenge.replaces.is_some() && wanted && !challenge.agreed {
                return Err(Error::OldChannelNeeded);
            }
            let subject = Some(record.account.subject);
            let detail = Detail::new().with("factor", means.evidence.name());
            let tested = match self.test(tx, &challenge, &record, &means, typed)? {
                super::Checked::Hash(recipe) => return Ok(Look::Hash(recipe)),
                super::Checked::Waiting => return Err(Error::ApprovalPending),
                super::Checked::Right => true,
                super::Checked::Wrong { .. } | super::Checked::Unseen => false,
            };
            if !tested {
                let row =
                    if means.factor == [0; 16] { challenge.row() } else { FactorId(means.factor).row() };
                tx.event(EventKind::FactorTestFailed, subject, &row, &detail)?;
                challenge.charge(tx, &record.account, None, self.tries(&means))?;
                return Ok(Look::Done(false));
            }
            challenge.step(Step::Right)?;
            challenge.put(tx)?;
            if let Some(contact) = means.contact {
                self.verify_own(tx, &mut record, ContactId(contact), means.factor == [0; 16])?;
            }
            if means.factor != [0; 16] {
                let mut factor = Factor::load(tx, FactorId(means.factor), record.account.id)?;
                factor.step(FactorStep::Test)?;
                factor.added = tx.now();
                factor.put(tx)?;
                Self::tested_at(tx, &challenge, &factor)?;
                record.has_enrolled();
                tx.event(EventKind::FactorEnrolled, subject, &factor.id.row(), &detail)?;
                Message::notice(tx, MessageKind::FactorAdded, record.account.id)
                    .with("factor", factor.kind.name())
                    .with("label", &factor.label)
                    .post(tx)?;
            }
            // A contact in its own place was shown once more, and stays.
            let itself = |old: &Replaced| matches!(old, Replaced::Contact(id) if means.contact == Some(id.0));
            if let Some(replaced) = challenge.replaces.filter(|old| !itself(old)) {
                let shown = self.shown(tx, &challenge)?;
                self.replace(tx, &mut record, replaced, FactorId(means.factor), shown)?;
            }
            // What an account can be entered by has changed: all that was opened before is over, but for this session (R17).
            session::raise_epoch(tx, record, challenge.session, "a factor or a contact was added")?;
            Ok(Look::Done(true))
        })?;
        if right { Ok(()) } else { Err(CoreError::Rejected.into()) }
    }

    /// Where a factor that can be guessed at was tested: a known device has been right at it.
    fn tested_at(
        tx: &mut Transaction<'_>,
        challenge: &ChallengeRecord,
        factor: &Factor,
    ) -> Result<(), Error> {
        let device = match (&factor.holding, challenge.caller) {
            (Holding::Pin(device, ..), _) => *device,
            (Holding::Key(_), Caller::Device(device)) => device,
            _ => return Ok(()),
        };
        let caller = device::caller_of(tx, challenge.account, Some(device))?;
        Budget::of(tx, factor.id.0, caller)?.put_right(tx)
    }

    /// Looks at the test of an enrolment.
    fn test(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &ChallengeRecord,
        record: &AccountRecord,
        means: &Means,
        typed: &super::Typed<'_>,
    ) -> Result<super::Checked, Error> {
        if means.contact.is_some() {
            return self.check_sent(tx, challenge, typed.text);
        }
        let factor = Factor::load(tx, FactorId(means.factor), record.account.id)?;
        match factor.holding {
            Holding::Key(key) => match spend::activate(tx, key, typed.text, &self.policy.generator.spend()) {
                Ok(Verdict::Accepted { .. }) => Ok(super::Checked::Right),
                Ok(Verdict::Rejected) => Ok(super::Checked::Wrong { disabled: false }),
                Err(CoreError::KeyState(_)) => Ok(super::Checked::Unseen),
                Err(error) => Err(error.into()),
            },
            _ => self.check_holding(tx, challenge, &factor, typed, Caller::Stranger),
        }
    }

    /// Whether a text is the code that was sent for a challenge.
    pub(super) fn check_sent(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &ChallengeRecord,
        text: &str,
    ) -> Result<super::Checked, Error> {
        // A code stands for a sending, and the first has number 1.
        match issued::check(tx, self.challenge_key, &challenge.binding(), self.policy.issued.digits(), text) {
            Ok(()) if challenge.sent > 0 => Ok(super::Checked::Right),
            Ok(()) | Err(CoreError::Rejected) => Ok(super::Checked::Wrong { disabled: false }),
            Err(error) => Err(error.into()),
        }
    }
}

/// A generator that an earlier enrolment offered, which ended without its test: it need not be scanned again.
fn waiting_generator(tx: &mut Transaction<'_>, record: &AccountRecord) -> Result<Option<Means>, Error> {
    let mut waiting = None;
    for id in &record.account.factors {
        let factor = Factor::load(tx, *id, record.account.id)?;
        if factor.state == FactorState::Offered && factor.kind == FactorKind::Generator {
            waiting = Some(factor.means());
        }
    }
    Ok(waiting)
}

/// Takes back an offer that was never tested. The caller takes it from the account's list.
fn withdraw(tx: &mut Transaction<'_>, record: &AccountRecord, mut factor: Factor) -> Result<(), Error> {
    if let Holding::Key(key) = factor.holding {
        // A key that guesses have disabled meanwhile is put away like one that was never tested.
        if keys::info(tx, key)?.state == KeyState::Suspended {
            keys::change_state(tx, key, KeyState::Deactivated, "another factor was offered")?;
        }
        keys::change_state(tx, key, KeyState::Destroyed, "another factor was offered")?;
    }
    factor.step(FactorStep::Withdraw)?;
    tx.delete(&factor.id.row())?;
    super::end_budget(tx, factor.id)?;
    let (subject, row) = (Some(record.account.subject), factor.id.row());
    tx.event(EventKind::FactorWithdrawn, subject, &row, &Detail::new().with("factor", factor.kind.name()))?;
    Ok(())
}
