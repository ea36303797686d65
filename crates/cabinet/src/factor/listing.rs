//! The factors of an account: listed with label, age and last use, renamed, taken away.

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::spend::Failures;
use zamok_core::vault::{KeyState, Transaction, keys};
use zamok_core::wire::hex;
use zamok_core::{Error as CoreError, UnixTime};

use super::{Factor, FactorId, FactorKind, Holding};
use crate::Cabinet;
use crate::account::{self, AccountRecord};
use crate::device::DeviceId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::machine::Machine;
use crate::outbox::{Message, MessageKind};
use crate::policy::Policy;
use crate::session::{self, Session};
use crate::throttle::{Budget, Caller};

/// Where a factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FactorState {
    /// There is none.
    Absent,
    /// Its test code has not been right yet.
    Offered,
    /// It counts.
    Active,
    /// Failures have disabled it.
    Disabled,
    /// Another has taken its place, which it can take back for a while (R9).
    SetAside,
}

/// What can happen to a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactorStep {
    Offer,
    Withdraw,
    Test,
    Use,
    Disable,
    Resume,
    Replace,
    Restore,
    Remove,
    Sweep,
}

impl Machine for FactorState {
    type Step = FactorStep;
    const NOUN: &'static str = "factor";
    const ABSENT: Self = Self::Absent;
    const EDGES: &'static [(Self, FactorStep, Self)] = &[
        (Self::Absent, FactorStep::Offer, Self::Offered),
        (Self::Offered, FactorStep::Withdraw, Self::Absent),
        (Self::Offered, FactorStep::Test, Self::Active),
        (Self::Active, FactorStep::Use, Self::Active),
        (Self::Active, FactorStep::Disable, Self::Disabled),
        (Self::Disabled, FactorStep::Resume, Self::Active),
        (Self::Offered, FactorStep::Remove, Self::Absent),
        (Self::Active, FactorStep::Remove, Self::Absent),
        (Self::Disabled, FactorStep::Remove, Self::Absent),
        (Self::Active, FactorStep::Replace, Self::SetAside),
        (Self::SetAside, FactorStep::Restore, Self::Active),
        (Self::SetAside, FactorStep::Remove, Self::Absent),
        (Self::SetAside, FactorStep::Sweep, Self::Absent),
    ];
}

/// A factor, as its owner and officers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorInfo {
    /// Its id.
    pub id: FactorId,
    /// Its kind.
    pub kind: FactorKind,
    /// What its owner calls it.
    pub label: String,
    /// Where it stands.
    pub state: FactorState,
    /// When its test was right; before, when it was offered.
    pub added: UnixTime,
    /// When it was last answered with, as exactly as `session.touch` says; `None` for never.
    pub last_used: Option<UnixTime>,
    /// The contact to which its codes are sent, masked.
    pub hint: Option<String>,
    /// Until when it can take its place back, when another has taken it.
    pub until: Option<UnixTime>,
}

impl core::fmt::Display for FactorId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Factor {
    /// Where it stands for strangers: known devices have budgets of their own.
    pub(super) fn standing(&self, tx: &mut Transaction<'_>) -> Result<FactorState, Error> {
        let suspended = match self.holding {
            Holding::Key(key) => keys::info(tx, key)?.state == KeyState::Suspended,
            _ => false,
        };
        let exhausted = Budget::of(tx, self.id.0, Caller::Stranger)?.failures.exhausted();
        Ok(if self.state == FactorState::Active && (suspended || exhausted) {
            FactorState::Disabled
        } else {
            self.state
        })
    }
}

impl Cabinet {
    /// The factors of the account with this login, in its order, for officers.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; the vault's and the store's.
    pub fn factors_of(&self, login: &str) -> Result<Vec<FactorInfo>, Error> {
        let account = self.account_by_login(login)?;
        self.vault.transact(|tx| {
            let record = account::load(tx, account.id)?;
            list(tx, &record)
        })
    }

    /// The failures that strangers share at the password of the account with this login, and at each of its factors, in its order.
    /// Known devices have failures of their own at what they have been right at, and clear none of these. For officers.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; the vault's and the store's.
    pub fn failures_of(&self, login: &str) -> Result<(Failures, Vec<(FactorId, Failures)>), Error> {
        let account = self.account_by_login(login)?;
        self.vault.transact(|tx| {
            let account = account::load(tx, account.id)?.account;
            let mut of = |target| Budget::of(tx, target, Caller::Stranger).map(|budget| budget.failures);
            let password = of(account.id.0)?;
            let factors = account.factors.iter().map(|id| of(id.0).map(|failures| (*id, failures)));
            Ok((password, factors.collect::<Result<_, Error>>()?))
        })
    }

    /// The factors of a session's account, in its order: the first that can answer is asked for at a login.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn factors(&self, session: &Session) -> Result<Vec<FactorInfo>, Error> {
        self.vault.transact(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            let record = account::load(tx, session.account)?;
            list(tx, &record)
        })
    }

    /// Gives a factor of a session's account another label, of at most [`Cabinet::LONGEST_FACTOR_LABEL`] bytes.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the account has no such factor; [`CoreError::TooLong`]; [`Error::SessionEnded`]; the vault's and
    /// the store's.
    pub fn rename_factor(&self, session: &Session, id: FactorId, label: &str) -> Result<(), Error> {
        if label.len() > Self::LONGEST_FACTOR_LABEL {
            let (given, limit) = (label.len(), Self::LONGEST_FACTOR_LABEL);
            return Err(CoreError::TooLong { what: "the label of a factor", given, limit }.into());
        }
        self.vault.transact(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            let record = account::load(tx, session.account)?;
            let mut factor = own(tx, &record, id)?;
            factor.label = label.into();
            factor.put(tx)
        })
    }

    /// Asks for this factor first at a login from now on, in a session that is fresh (R9).
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the account has no such factor that counts; [`Error::FreshAuthenticationNeeded`];
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn prefer_factor(&self, session: &Session, id: FactorId) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let session = session::fresh(tx, session.seen(), &self.policy.session)?;
            let mut record = account::load(tx, session.account)?;
            if own(tx, &record, id)?.state != FactorState::Active {
                return Err(CoreError::Rejected.into());
            }
            record.account.factors.retain(|other| *other != id);
            record.account.factors.insert(0, id);
            record.put(tx)
        })
    }

    /// Takes a factor of a session's account away, in a session that is fresh. Every other session ends, and the owner is told. A phone
    /// or an address can take that back for a while where policy wants the old channel to agree to changes: adding another one
    /// and dropping it is a change as well. So can a factor that is stronger than all that the session has shown, and until then no weaker
    /// one confirms an operation.
    ///
    /// # Errors
    /// [`Error::LastFactor`] when no other lets its owner in from everywhere; [`CoreError::Rejected`] when the account has no such factor; [`Error::NotAllowed`] for one that can still
    /// take back that it was replaced; [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn drop_factor(&self, session: &Session, id: FactorId) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let session = session::fresh(tx, session.seen(), &self.policy.session)?;
            let mut record = account::load(tx, session.account)?;
            let mut factor = own(tx, &record, id)?;
            if factor.aside.is_some_and(|aside| tx.now() < aside.until) {
                return Err(Error::NotAllowed);
            }
            let active = factor.state == FactorState::Active;
            // A PIN, or a device that is not known any more, lets nobody in from elsewhere.
            let usable = super::means(tx, &record.account, Caller::Stranger)?.usable;
            if active && usable.iter().all(|other| other.factor == id.0) {
                return Err(Error::LastFactor);
            }
            let stronger = factor.kind.evidence().strength() > super::strength(&session.evidence);
            let channel = matches!(factor.holding, Holding::Contact(_));
            if active && (stronger || channel && self.policy.contact.old_channel_confirms) {
                self.put_aside(tx, &mut record, &mut factor, None, stronger)?;
            } else {
                remove(tx, &mut record, id, FactorStep::Remove, "by its owner")?;
                tell_removed(tx, &record, &factor)?;
            }
            session::raise_epoch(tx, record, Some(session.id), "a factor was taken away")
        })
    }

    /// Takes a factor of an account away; its sessions end. For officers, journalled with the reason.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login, or the account no such factor; the vault's and the store's.
    pub fn remove_factor(&self, login: &str, id: FactorId, reason: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?;
        self.vault.transact(|tx| {
            let mut record = account::load(tx, account.id)?;
            let factor = own(tx, &record, id)?;
            remove(tx, &mut record, id, FactorStep::Remove, reason)?;
            tell_removed(tx, &record, &factor)?;
            session::raise_epoch(tx, record, None, reason)
        })
    }
}

fn own(tx: &mut Transaction<'_>, record: &AccountRecord, id: FactorId) -> Result<Factor, Error> {
    if !record.account.factors.contains(&id) {
        return Err(CoreError::Rejected.into());
    }
    Factor::load(tx, id, record.account.id)
}

fn list(tx: &mut Transaction<'_>, record: &AccountRecord) -> Result<Vec<FactorInfo>, Error> {
    let mut found = Vec::new();
    for id in &record.account.factors {
        let factor = Factor::load(tx, *id, record.account.id)?;
        let state = factor.standing(tx)?;
        let hint = super::method(tx, &record.account, &factor.means())?.hint;
        let (last_used, until) = (factor.last_used, factor.aside.map(|aside| aside.until));
        let last_used = (last_used > UnixTime(0)).then_some(last_used);
        let Factor { id, kind, label, added, .. } = factor;
        found.push(FactorInfo { id, kind, label, state, added, last_used, hint, until });
    }
    Ok(found)
}

/// Takes every factor of an account away, for its erasure: a row that somebody has taken away keeps the rest from nothing. The caller
/// writes the account.
pub(crate) fn remove_all(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    reason: &str,
) -> Result<(), Error> {
    for id in record.account.factors.clone() {
        match tx.record(&id.row())? {
            Some(_) => remove(tx, record, id, FactorStep::Remove, reason)?,
            None => record.account.factors.retain(|other| *other != id),
        }
    }
    Ok(())
}

/// Takes away what belongs to a device that is gone, and tells its owner; but not the last that the account has, which keeps everybody
/// with the password from enrolling another. What is stronger than what was `shown`, or, where nobody asks, than all that stays, is set
/// aside and counts, and what can still take back that it was set aside stays. Whether the account has to be written.
pub(crate) fn remove_of_device(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    device: DeviceId,
    shown: Option<&[Evidence]>,
    policy: &Policy,
) -> Result<bool, Error> {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for id in &record.account.factors {
        let factor = Factor::load(tx, *id, record.account.id)?;
        match factor.holding {
            Holding::Device(of, _) | Holding::Pin(of, ..) if of == device => own.push(factor),
            // A PIN lets nobody in from elsewhere.
            Holding::Pin(..) => {}
            _ if factor.state == FactorState::Active => others.push(factor.kind.evidence()),
            _ => {}
        }
    }
    let waits = |factor: &Factor| factor.aside.is_some_and(|aside| tx.now() < aside.until);
    own.retain(|factor| (factor.state != FactorState::Active || !others.is_empty()) && !waits(factor));
    let enough = super::strength(shown.unwrap_or(&others));
    for factor in &mut own {
        if factor.state == FactorState::Active && factor.kind.evidence().strength() > enough {
            let span = (tx.now(), policy.contact.reversible);
            super::change::put_aside(tx, record, factor, None, true, span)?;
        } else {
            remove(tx, record, factor.id, FactorStep::Remove, "its device was forgotten")?;
            tell_removed(tx, record, factor)?;
        }
    }
    Ok(!own.is_empty())
}

fn tell_removed(tx: &mut Transaction<'_>, record: &AccountRecord, factor: &Factor) -> Result<(), Error> {
    Message::notice(tx, MessageKind::FactorRemoved, record.account.id)
        .with("factor", factor.kind.name())
        .with("label", &factor.label)
        .post(tx)?;
    Ok(())
}

/// Takes away a factor that a surviving journal says was taken away. The caller writes the account.
pub(crate) fn remove_again(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    id: FactorId,
    reason: &str,
) -> Result<(), Error> {
    remove(tx, record, id, FactorStep::Remove, reason)
}

/// Takes a factor away, and from the account's list. The caller writes the account.
pub(super) fn remove(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    id: FactorId,
    step: FactorStep,
    reason: &str,
) -> Result<(), Error> {
    let account = &mut record.account;
    let factor = Factor::load(tx, id, account.id)?;
    factor.standing(tx)?.after(step).ok_or(CoreError::Refused)?;
    if let Holding::Key(key) = factor.holding {
        for next in [KeyState::Deactivated, KeyState::Destroyed] {
            if keys::info(tx, key)?.state.may_become(next) {
                keys::change_state(tx, key, next, reason)?;
            }
        }
    }
    account.factors.retain(|other| *other != id);
    tx.delete(&id.row())?;
    super::end_budget(tx, id)?;
    let detail = Detail::new().with("factor", factor.kind.name()).with("reason", reason);
    tx.event(EventKind::FactorRemoved, Some(account.subject), &id.row(), &detail)?;
    Ok(())
}
