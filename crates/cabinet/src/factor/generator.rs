//! Generator apps (RFC 6238): their secret is made in the vault and shown once.

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::UriText;
use zamok_core::vault::one_time::{MovingFactor, OtpParameters};
use zamok_core::vault::spend::Failures;
use zamok_core::vault::{KeyState, keys, one_time, spend};

use super::{Factor, FactorKind, FactorState, FactorStep, Holding};
use crate::Cabinet;
use crate::account;
use crate::challenge::Enrolment;
use crate::error::Error;
use crate::machine::Machine;
use crate::throttle::{Budget, Caller};

/// A generator that was offered: what the person scans.
#[derive(Debug)]
#[must_use]
pub struct Offer {
    /// The `otpauth://` URI with the secret, shown this once.
    pub uri: UriText,
}

impl Cabinet {
    /// Makes a key for a generator app and shows its secret, this once. Whatever the account was offered before and never tested is
    /// destroyed.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the enrolment has ended, or has offered as often as it may;
    /// [`Error::FactorExists`] when the first factor was enrolled meanwhile; [`Error::TooMany`]; the vault's and the store's.
    pub fn offer_generator(&self, enrolment: &Enrolment) -> Result<Offer, Error> {
        self.vault.transact(|tx| {
            let mut uri = None;
            self.offer_factor(tx, enrolment, FactorKind::Generator, "authenticator app", |tx, record, _| {
                let parameters = OtpParameters {
                    factor: MovingFactor::Time { period: self.policy.generator.period },
                    algorithm: HashAlgorithm::Sha1,
                    digits: self.policy.generator.digits(),
                };
                let owner = Some(record.account.subject);
                let key = one_time::generate(tx, parameters, "generator", owner)?;
                uri = Some(one_time::provision(tx, key, &self.issuer, &record.account.login)?);
                Ok(Holding::Key(key))
            })?;
            Ok(Offer { uri: uri.ok_or(CoreError::Refused)? })
        })
    }

    /// Ends an enrolment with the test code, as [`Cabinet::confirm_factor`] does.
    ///
    /// # Errors
    /// As [`Cabinet::confirm_factor`].
    pub fn confirm_generator(&self, enrolment: &Enrolment, code: &str) -> Result<(), Error> {
        self.confirm_factor(enrolment, code)
    }

    /// Takes a generator that failures have disabled back into use, and forgives the failures (R15). For an operator who
    /// has made sure that whoever asks is the owner; journalled with the reason. Of several it is the one added last;
    /// [`Cabinet::resume_factor`] takes any.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`Error::NothingOffered`] when it has no generator;
    /// [`CoreError::KeyState`] when the generator is not disabled; the vault's and the store's.
    pub fn resume_generator(&self, login: &str, reason: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?;
        let generator = self.vault.transact(|tx| {
            let account = account::load(tx, account.id)?.account;
            let mut last = None;
            for id in &account.factors {
                let factor = Factor::load(tx, *id, account.id)?;
                let counts = factor.state == FactorState::Active;
                if counts && matches!(factor.kind, FactorKind::Generator | FactorKind::Token) {
                    last = Some(factor.id);
                }
            }
            last.ok_or(Error::NothingOffered)
        })?;
        self.resume_factor(login, generator, reason)
    }

    /// Takes a factor that failures have disabled back into use, and forgives what strangers failed at with it (R15). For an
    /// operator who has made sure that whoever asks is the owner; journalled with the reason.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login, or the account no such factor; [`CoreError::KeyState`] when it is not
    /// disabled; the vault's and the store's.
    pub fn resume_factor(&self, login: &str, id: super::FactorId, reason: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?;
        self.vault.transact(|tx| {
            let account = account::load(tx, account.id)?.account;
            if !account.factors.contains(&id) {
                return Err(CoreError::Rejected.into());
            }
            let factor = Factor::load(tx, id, account.id)?;
            // What was never tested is not taken back into use: it never was in use.
            if factor.state != FactorState::Active {
                return Err(CoreError::KeyState(KeyState::PreActive).into());
            }
            let mut budget = Budget::of(tx, id.0, Caller::Stranger)?;
            let suspended = match factor.holding {
                Holding::Key(key) => Some((key, keys::info(tx, key)?.state)),
                _ => None,
            };
            match suspended {
                Some((key, KeyState::Suspended)) => spend::resume(tx, key, reason)?,
                _ if budget.failures.exhausted() => {}
                Some((_, state)) => return Err(CoreError::KeyState(state).into()),
                None => return Err(CoreError::KeyState(KeyState::Active).into()),
            }
            FactorState::Disabled.after(FactorStep::Resume).ok_or(CoreError::Refused)?;
            budget.failures = Failures::default();
            budget.put(tx)?;
            let detail = Detail::new().with("reason", reason);
            tx.event(EventKind::FailuresForgiven, Some(account.subject), budget.row(), &detail)?;
            Ok(())
        })
    }
}
