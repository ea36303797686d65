//! The owner's own change of a channel (R9): log in with the current one, choose, confirm with a code on the new one, and on both
//! where policy wants it. The old one is told, and can take it back for a while.

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

use super::{Aside, Factor, FactorId, FactorState, FactorStep, Holding, Since, listing, recovery};
use crate::Cabinet;
use crate::account::{self, AccountRecord, ContactId, power};
use crate::challenge::{
    Challenge, ChallengeRecord, Enrolment, Look, Means, NewChallenge, Purpose, Replaced, RequestId, Ruling,
    State, Wanted,
};
use crate::device;
use crate::error::Error;
use crate::factor::Attempt;
use crate::moment;
use crate::outbox::{Message, MessageKind};
use crate::password::put_back;
use crate::session::{self, Session};
use crate::throttle::Caller;

/// A change of a channel that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Change {
    /// What the new channel is offered and tested in.
    pub enrolment: Enrolment,
    /// What the old channel answers before, where policy wants both: see [`Cabinet::agree`].
    pub agreement: Option<Challenge>,
}

const TAKEN_BACK: &str = "a change was taken back";

impl Cabinet {
    /// Begins to replace a factor by another, of the same kind or of another one, in a session that is fresh. Offer the new one in
    /// the enrolment, and confirm it there. Where policy wants both channels, the old one is asked at once.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the account has no such factor that counts; [`Error::FreshAuthenticationNeeded`];
    /// [`Error::ResendTooSoon`], [`Error::TooManyMessages`] where the old one is sent a code; [`Error::SessionEnded`]; the vault's
    /// and the store's.
    pub fn begin_change(&self, session: &Session, old: FactorId) -> Result<Change, Error> {
        self.counted(|tx| {
            let challenge = self.open_in(tx, session, Some(Replaced::Factor(old)))?;
            let account = account::load(tx, challenge.account)?.account;
            if !account.factors.contains(&old)
                || Factor::load(tx, old, account.id)?.state != FactorState::Active
            {
                return Err(CoreError::Rejected.into());
            }
            let enrolment = challenge.enrolment()?;
            let mut agreement = None;
            if self.policy.contact.old_channel_confirms {
                let session = session::live(tx, session.seen(), &self.policy.session)?;
                let (wanted, about) = (Wanted { evidence: None, factor: Some(old) }, Some(about(&challenge)));
                let asked = self.begin_in(tx, &session, &account, Purpose::Agreement, wanted, about, &[])?;
                agreement = Some(asked.told()?);
            }
            Ok(Change { enrolment, agreement })
        })
    }

    /// Begins to replace a phone or an address that is no factor by another. Offer the new one with [`Cabinet::offer_contact`].
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the account has no such contact; [`Error::NotAllowed`] for one that is a factor: see
    /// [`Cabinet::begin_change`]; otherwise as there.
    pub fn begin_contact_change(&self, session: &Session, old: ContactId) -> Result<Change, Error> {
        self.counted(|tx| {
            let challenge = self.open_in(tx, session, Some(Replaced::Contact(old)))?;
            let account = account::load(tx, challenge.account)?.account;
            let contact = account.contacts.iter().find(|contact| contact.id == old && contact.verified);
            let contact = contact.ok_or(CoreError::Rejected)?.clone();
            if factor_of(tx, &account, old)?.is_some() {
                return Err(Error::NotAllowed);
            }
            let enrolment = challenge.enrolment()?;
            let mut agreement = None;
            if self.policy.contact.old_channel_confirms {
                let evidence = super::channel::evidence_of(contact.kind);
                let means = Means { evidence, factor: [0; 16], contact: Some(old.0) };
                let session = session::live(tx, session.seen(), &self.policy.session)?;
                let caller = device::caller_of(tx, account.id, session.device)?;
                let mut asked = ChallengeRecord::begin(
                    tx,
                    NewChallenge {
                        purpose: Purpose::Agreement,
                        account: &account,
                        session: Some(session.id),
                        operation: Some(about(&challenge)),
                        means: Some(means),
                        caller,
                        address: session.address,
                        shown: Vec::new(),
                        client: &session.client,
                        language: "",
                        lifetime: self.lifetime(means),
                    },
                )?;
                self.send_first(tx, &mut asked, &account, &[])?;
                asked.put(tx)?;
                agreement = Some(asked.told()?);
            }
            Ok(Change { enrolment, agreement })
        })
    }

    /// The old channel agrees to be replaced.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for everything that is not a right answer to the challenge of a change that is under way;
    /// [`Error::ApprovalPending`]; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn agree(
        &self,
        session: &Session,
        agreement: &Challenge,
        code: &str,
        request: RequestId,
    ) -> Result<(), Error> {
        let agreed = self.looked_at(code, |tx, typed| {
            let own = session::live(tx, session.seen(), &self.policy.session)?;
            let attempt = Attempt { typed, request };
            match self.rule(tx, agreement.id, Purpose::Agreement, Some(&own), attempt)? {
                Ruling::Rejected | Ruling::Failed(..) => Ok(Look::Done(false)),
                Ruling::Waiting => Err(Error::ApprovalPending),
                Ruling::Hash(recipe) => Ok(Look::Hash(recipe)),
                Ruling::Repeated(_) => Ok(Look::Done(true)),
                Ruling::Right(mut challenge, account) => {
                    let (id, _) = challenge.operation.ok_or(CoreError::Refused)?;
                    let change =
                        ChallengeRecord::load(tx, id)?.filter(|change| change.is_alive(tx.now(), &account));
                    let Some(mut change) =
                        change.filter(|change| matches!(change.state, State::Open | State::Approved))
                    else {
                        return Err(CoreError::Rejected.into());
                    };
                    change.agreed = true;
                    change.put(tx)?;
                    challenge.close(tx, request)?;
                    Ok(Look::Done(true))
                }
            }
        })?;
        if agreed { Ok(()) } else { Err(CoreError::Rejected.into()) }
    }

    /// Puts what was just tested in the place of what it replaces, and tells that.
    pub(super) fn replace(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        replaced: Replaced,
        by: FactorId,
        shown: u8,
    ) -> Result<(), Error> {
        let account = record.account.id;
        let old = match replaced {
            Replaced::Contact(id) => {
                self.let_go(tx, record, id)?;
                let contact = record.account.contacts.iter().find(|contact| contact.id == id);
                let contact = contact.ok_or(CoreError::Refused)?;
                let fields = [("kind", contact.kind.name()), ("contact", &contact.masked())];
                return tell(tx, MessageKind::ContactRemoved, account, &fields);
            }
            Replaced::Factor(id) => id,
        };
        // The new one stands where the old one stood: an account prefers what comes first.
        let factors = &mut record.account.factors;
        factors.retain(|id| *id != by);
        let place = factors.iter().position(|id| *id == old).ok_or(CoreError::Refused)?;
        factors.insert(place, by);
        // As where one is dropped: what lets nobody in from elsewhere takes the place of no last one that does.
        let usable = super::means(tx, &record.account, Caller::Stranger)?.usable;
        if usable.iter().any(|one| one.factor == old.0) && usable.iter().all(|one| one.factor == old.0) {
            return Err(Error::LastFactor);
        }
        let mut factor = Factor::load(tx, old, account)?;
        let stronger = factor.kind.evidence().strength() > shown;
        self.put_aside(tx, record, &mut factor, Some(by), stronger)
    }

    /// How much was shown in a change: all that its session has, or by the old channel itself.
    pub(super) fn shown(&self, tx: &mut Transaction<'_>, change: &ChallengeRecord) -> Result<u8, Error> {
        match change.session {
            _ if change.agreed => Ok(u8::MAX),
            None => Ok(0),
            Some(id) => {
                let seen = session::Seen { id, address: change.address };
                Ok(super::strength(&session::live(tx, seen, &self.policy.session)?.evidence))
            }
        }
    }

    /// Sets a factor aside, which can take that back for a while, and tells it; where it `counts`, nothing weaker confirms an operation
    /// until then.
    pub(super) fn put_aside(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        factor: &mut Factor,
        by: Option<FactorId>,
        counts: bool,
    ) -> Result<(), Error> {
        let at = tx.now();
        self.put_aside_at(tx, record, factor, by, counts, at)
    }

    /// Sets a factor aside that a surviving journal says was set aside then; whether it had to. By whom is not told: so it counts, and
    /// nothing came in its place. The caller writes the account.
    pub(crate) fn put_aside_again(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        id: FactorId,
        at: UnixTime,
    ) -> Result<bool, Error> {
        let mut factor = Factor::load(tx, id, record.account.id)?;
        let active = factor.state == FactorState::Active;
        if active {
            self.put_aside_at(tx, record, &mut factor, None, true, at)?;
        }
        Ok(active)
    }

    fn put_aside_at(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        factor: &mut Factor,
        by: Option<FactorId>,
        counts: bool,
        at: UnixTime,
    ) -> Result<(), Error> {
        put_aside(tx, record, factor, by, counts, (at, self.policy.contact.reversible))?;
        match factor.holding {
            Holding::Contact(id) => self.let_go(tx, record, id),
            _ => Ok(()),
        }
    }

    /// Takes a change back (R9): the old channel answers a challenge of [`Cabinet::begin_undo`]. It stands where it stood, every session
    /// has ended, and the owner has a new one. With it goes all that came after: factors that were added since are gone, the one that
    /// had replaced it among them, and so are phones and addresses, known devices, powers and recovery codes; what was replaced or dropped
    /// since is back. Where a password of before asked for it, that is the password again, and has to be changed ([`Cabinet::password_due`]);
    /// the channel that answered may then be one that counted all along.
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; [`Error::ApprovalPending`]; the vault's and the store's.
    pub fn undo_change(
        &self,
        challenge: &Challenge,
        code: &str,
        request: RequestId,
    ) -> Result<Session, Error> {
        let session = self.looked_at(code, |tx, typed| {
            let attempt = Attempt { typed, request };
            match self.rule(tx, challenge.id, Purpose::Undo, None, attempt)? {
                Ruling::Rejected | Ruling::Failed(..) => Ok(Look::Done(None)),
                Ruling::Waiting => Err(Error::ApprovalPending),
                Ruling::Hash(recipe) => Ok(Look::Hash(recipe)),
                // The epoch was raised, so that a challenge which was answered is over.
                Ruling::Repeated(_) => Ok(Look::Done(None)),
                Ruling::Right(mut challenge, account) => {
                    let means = challenge.means.ok_or(CoreError::Refused)?;
                    let mut record = account::load(tx, account.id)?;
                    let changed = self.changed(&record, challenge.former, tx.now());
                    if changed.is_some() != challenge.former.is_some() {
                        return Ok(Look::Done(None));
                    }
                    self.restore(tx, &mut record, FactorId(means.factor), changed)?;
                    let now = tx.now();
                    if let Some(former) = challenge.former.and_then(|place| record.take_former(place, now)) {
                        put_back(tx, &mut record, former.password)?;
                    }
                    session::raise_epoch(tx, record, None, TAKEN_BACK)?;
                    let account = account::load(tx, account.id)?.account;
                    let session = self.let_in(tx, &challenge, &account)?;
                    challenge.outcome = Some(session.id);
                    challenge.close(tx, request)?;
                    Ok(Look::Done(Some(session)))
                }
            }
        })?;
        session.ok_or(Error::Core(CoreError::Rejected))
    }

    /// That the password was changed which asks, as though something had been set aside with it; none, where it is the present one.
    pub(crate) fn changed(
        &self,
        record: &AccountRecord,
        former: Option<usize>,
        now: UnixTime,
    ) -> Option<Aside> {
        let at = record.former(now)?.passwords.get(former?)?.changed;
        let until = at.plus(self.policy.contact.reversible);
        Some(Aside { at, until, by: FactorId([0; 16]), counts: false })
    }

    fn restore(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        id: FactorId,
        changed: Option<Aside>,
    ) -> Result<(), Error> {
        let (account, now) = (record.account.id, tx.now());
        let restored = Factor::load(tx, id, account)?;
        // Of the channel and the password, from what was changed first.
        let aside = match (restored.aside, changed) {
            (Some(aside), Some(changed)) if changed.at < aside.at => Aside { by: aside.by, ..changed },
            (aside, changed) => aside.or(changed).ok_or(CoreError::Refused)?,
        };
        let (since, mut first) = (Since::of(&restored, aside), aside.at);
        // What replaced it, and what replaced that.
        let (mut came_in, mut next) = (Vec::new(), aside.by);
        while record.account.factors.contains(&next) && !came_in.contains(&next) {
            came_in.push(next);
            match Factor::load(tx, next, account)?.aside {
                Some(aside) => next = aside.by,
                None => break,
            }
        }
        for other in record.account.factors.clone() {
            let factor = Factor::load(tx, other, account)?;
            if came_in.contains(&other) || since.has(factor.added) {
                first = first.min(factor.added);
                listing::remove(tx, record, other, FactorStep::Remove, TAKEN_BACK)?;
            }
        }
        for other in record.account.factors.clone() {
            let factor = Factor::load(tx, other, account)?;
            let waits = factor.aside.filter(|aside| now < aside.until);
            if waits.is_some_and(|aside| other == id || aside.at >= first) {
                back(tx, record, factor)?;
            }
        }
        for contact in record.account.contacts.clone() {
            let let_go = contact.until.filter(|until| now < *until).map(|until| since.before(until));
            if factor_of(tx, &record.account, contact.id)?.is_some() {
                continue;
            }
            if !contact.verified || since.has(contact.added) {
                account::drop_contact(tx, record, contact.id, TAKEN_BACK)?;
            } else if let_go.is_some_and(|at| at >= first) {
                keep(record, contact.id)?;
            }
        }
        device::remove_since(tx, &record.account, since)?;
        power::end_since(tx, &record.account, since)?;
        recovery::forget_since(tx, &record.account, since)?;
        match restored.aside {
            Some(_) => tell(tx, MessageKind::ChannelRestored, account, &[("factor", restored.kind.name())]),
            // That its password is what it was, every contact is told.
            None => Ok(()),
        }
    }
}

/// Sets a factor aside, since when and for so many seconds, and tells it. The caller lets a contact go, and writes the account.
pub(super) fn put_aside(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    factor: &mut Factor,
    by: Option<FactorId>,
    counts: bool,
    (at, reversible): (UnixTime, u64),
) -> Result<(), Error> {
    let (account, subject) = (record.account.id, Some(record.account.subject));
    let until = at.plus(reversible);
    factor.step(FactorStep::Replace)?;
    factor.aside = Some(Aside { at, until, by: by.unwrap_or(FactorId([0; 16])), counts });
    factor.put(tx)?;
    record.keep_former(at, until);
    let by = match by {
        Some(by) => Factor::load(tx, by, account)?.kind.name(),
        None => "nothing",
    };
    let detail =
        Detail::new().with("factor", factor.kind.name()).with("by", by).with("until", until.0.to_string());
    tx.event(EventKind::FactorReplaced, subject, &factor.id.row(), &detail)?;
    let until = moment::text(until);
    let fields = [("factor", factor.kind.name()), ("by", by), ("until", until.as_str())];
    tell(tx, MessageKind::ChannelReplaced, account, &fields)
}

/// Puts a factor that was set aside back.
fn back(tx: &mut Transaction<'_>, record: &mut AccountRecord, mut factor: Factor) -> Result<(), Error> {
    factor.aside = None;
    factor.step(FactorStep::Restore)?;
    if let Holding::Contact(contact) = factor.holding {
        keep(record, contact)?;
    }
    factor.put(tx)?;
    let detail = Detail::new().with("factor", factor.kind.name());
    tx.event(EventKind::FactorRestored, Some(record.account.subject), &factor.id.row(), &detail)?;
    Ok(())
}

/// A contact that was let go stays.
fn keep(record: &mut AccountRecord, id: ContactId) -> Result<(), Error> {
    let contacts = &mut record.account.contacts;
    let contact = contacts.iter_mut().find(|contact| contact.id == id).ok_or(CoreError::Refused)?;
    contact.until = None;
    Ok(())
}

/// The id of a change, for what the old channel answers: its code stands for this change alone.
fn about(change: &ChallengeRecord) -> ([u8; 16], [u8; 32]) {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(&change.id);
    (change.id, digest)
}

/// The factor that a contact is, if it is one.
pub(crate) fn factor_of(
    tx: &mut Transaction<'_>,
    account: &crate::Account,
    contact: ContactId,
) -> Result<Option<FactorId>, Error> {
    for id in &account.factors {
        if matches!(Factor::load(tx, *id, account.id)?.holding, Holding::Contact(found) if found == contact) {
            return Ok(Some(*id));
        }
    }
    Ok(None)
}

/// Posts a notice to every contact: also to one that was just replaced.
fn tell(
    tx: &mut Transaction<'_>,
    kind: MessageKind,
    account: account::AccountId,
    fields: &[(&str, &str)],
) -> Result<(), Error> {
    let message = Message::notice(tx, kind, account);
    fields.iter().fold(message, |message, (name, value)| message.with(name, value)).post(tx)?;
    Ok(())
}
