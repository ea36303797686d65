//! Hardware tokens that count (RFC 4226): handed out at a desk, tested there, and found again when they have run ahead.

use zamok_core::event::{Detail, EventKind};
use zamok_core::otp::{HotpParameters, Verdict};
use zamok_core::secret::Secret;
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::{KeyId, spend};
use zamok_core::{Error as CoreError, UnixTime, hash::HashAlgorithm};

use super::check::keep_wrong;
use super::{Factor, FactorId, FactorKind, FactorState, FactorStep, Holding};
use crate::Cabinet;
use crate::account::{self, AccountStep};
use crate::device;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::outbox::{Message, MessageKind};
use crate::session::{self, Session};
use crate::throttle::{Budget, WrongAnswers};

impl Cabinet {
    /// Hands a token out to an account: its secret as the maker's file says it, the counter of its next code, a label such as its
    /// serial number. It counts once [`Cabinet::confirm_token`] has seen a code of it. For officers.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`Error::TooMany`]; the vault's and the store's.
    pub fn assign_token(
        &self,
        login: &str,
        secret: &Secret,
        counter: u64,
        label: &str,
    ) -> Result<FactorId, Error> {
        if label.len() > Self::LONGEST_FACTOR_LABEL {
            let (given, limit) = (label.len(), Self::LONGEST_FACTOR_LABEL);
            return Err(CoreError::TooLong { what: "the label of a factor", given, limit }.into());
        }
        let account = self.account_by_login(login)?;
        let digits = zamok_core::otp::Digits::new(self.policy.token.digits)?;
        self.vault.transact(|tx| {
            let mut record = account::load(tx, account.id)?;
            record.take(AccountStep::Change)?;
            let most = self.policy.factor.most;
            if record.account.factors.len() >= most {
                return Err(Error::TooMany { what: "factors", limit: most });
            }
            let parameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits };
            let (owner, imported) = (Some(account.subject), ImportedParameters::Hotp { parameters, counter });
            let key = one_time::import(tx, imported, secret, label, owner)?;
            let mut factor = Factor {
                id: FactorId(tx.env().random()),
                account: account.id,
                kind: FactorKind::Token,
                holding: Holding::Key(key),
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
            Budget::begin(tx, factor.id.0)?;
            record.account.factors.push(factor.id);
            record.put(tx)?;
            let detail = Detail::new().with("factor", FactorKind::Token.name());
            tx.event(EventKind::FactorOffered, owner, &factor.id.row(), &detail)?;
            Ok(factor.id)
        })
    }

    /// Ends the handing out with a test code (R12), which is spent.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a wrong code, or when the account has no such token that waits; [`Error::AccountState`] when it is not
    /// open; the vault's and the store's.
    pub fn confirm_token(&self, login: &str, id: FactorId, code: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?;
        let verdict = self.vault.transact(|tx| {
            let (mut record, mut factor, key) = self.token(tx, account.id, id)?;
            record.take(AccountStep::Change)?;
            if factor.state != FactorState::Offered {
                return Err(Error::FactorExists);
            }
            let verdict = spend::verify(tx, key, code, &self.policy.token.spend())?;
            let (row, subject) = (id.row(), Some(account.subject));
            let detail = Detail::new().with("factor", FactorKind::Token.name());
            if let Verdict::Accepted { .. } = verdict {
                factor.step(FactorStep::Test)?;
                factor.added = tx.now();
                factor.put(tx)?;
                record.has_enrolled();
                tx.event(EventKind::FactorEnrolled, subject, &row, &detail)?;
                session::raise_epoch(tx, record, None, "a token was handed out")?;
                Message::notice(tx, MessageKind::FactorAdded, account.id)
                    .with("factor", factor.kind.name())
                    .with("label", &factor.label)
                    .post(tx)?;
            } else {
                tx.event(EventKind::FactorTestFailed, subject, &row, &detail)?;
            }
            Ok(verdict)
        })?;
        verdict.accepted().map(|_| ()).map_err(Error::Core)
    }

    /// Finds a token that has run ahead by two codes in a row (RFC 4226 §7.4), and spends both. A failure is charged like a wrong
    /// code. For an officer who has the token's owner before him; without one: [`Cabinet::resynchronise_own_token`].
    ///
    /// # Errors
    /// As [`Cabinet::confirm_token`].
    pub fn resynchronise_token(&self, login: &str, id: FactorId, codes: [&str; 2]) -> Result<(), Error> {
        let account = self.account_by_login(login)?;
        let look_ahead = self.policy.token.officer_resynchronise;
        let verdict = self.vault.transact(|tx| {
            let (_, _, key) = self.token(tx, account.id, id)?;
            let throttle = &self.policy.token.throttle;
            match spend::resynchronise(tx, key, codes, look_ahead, throttle) {
                Err(CoreError::KeyState(_)) => Ok(Verdict::Rejected),
                verdict => Ok::<_, Error>(verdict?),
            }
        })?;
        verdict.accepted().map(|_| ()).map_err(Error::Core)
    }

    /// Finds a token of a session's account that has run ahead, as [`Cabinet::resynchronise_token`] does, within
    /// `token.resynchronise` counters. The session is fresh, and has shown another factor than a token: none vouches
    /// for itself. A failure is charged like a wrong code at a login from where the session was opened.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for wrong codes, for a token that is delayed or disabled, or when the account has no
    /// such token that counts; [`Error::MethodTooWeak`] when the session has shown nothing but the password and a
    /// token: log in by another factor; [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; the vault's and
    /// the store's.
    pub fn resynchronise_own_token(
        &self,
        session: &Session,
        id: FactorId,
        codes: [&str; 2],
    ) -> Result<(), Error> {
        let found = self.counted(|tx| {
            let session = session::fresh(tx, session.seen(), &self.policy.session)?;
            // A PIN is taken on its known device alone, which is another factor.
            let is_another = |shown: &Evidence| !matches!(shown, Evidence::Password | Evidence::Token);
            if !session.evidence.iter().any(is_another) {
                return Err(Error::MethodTooWeak);
            }
            let (record, factor, key) = self.token(tx, session.account, id)?;
            if factor.state != FactorState::Active {
                return Err(CoreError::Rejected.into());
            }
            let account = record.account;
            let (policy, caller) = (&self.policy, device::caller_of(tx, account.id, session.device)?);
            let mut budget = Budget::of(tx, id.0, caller)?;
            let (look_ahead, throttle) = (policy.token.resynchronise, &policy.token.throttle);
            if budget.is_delayed(tx.now()) {
                budget.refuse(tx, Some(account.subject), throttle, None)?;
                return Ok(false);
            }
            let (charged, failures) = (budget.row().clone(), &mut budget.failures);
            match spend::resynchronise_charging(tx, key, codes, look_ahead, throttle, failures, &charged) {
                Err(CoreError::KeyState(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
                Ok(Verdict::Accepted { .. }) => {
                    budget.put_right(tx)?;
                    return Ok(true);
                }
                Ok(Verdict::Rejected) => {}
            }
            // As with an old password: a full sum takes no more, and keeps nobody from it who is logged in.
            let wrong = WrongAnswers::of(tx, &policy.budget, Some(account.id), caller)?;
            if !wrong.are_too_many() {
                wrong.count(tx);
            }
            if keep_wrong(tx, &account, &factor, &mut budget)? {
                let notice = Message::notice(tx, MessageKind::FactorDisabled, account.id);
                notice.with("factor", factor.kind.evidence().name()).post(tx)?;
            }
            Ok(false)
        })?;
        if found { Ok(()) } else { Err(CoreError::Rejected.into()) }
    }

    fn token(
        &self,
        tx: &mut zamok_core::vault::Transaction<'_>,
        account: account::AccountId,
        id: FactorId,
    ) -> Result<(account::AccountRecord, Factor, KeyId), Error> {
        let record = account::load(tx, account)?;
        if !record.account.factors.contains(&id) {
            return Err(CoreError::Rejected.into());
        }
        let factor = Factor::load(tx, id, account)?;
        match factor.holding {
            Holding::Key(key) if factor.kind == FactorKind::Token => Ok((record, factor, key)),
            _ => Err(CoreError::Rejected.into()),
        }
    }
}
