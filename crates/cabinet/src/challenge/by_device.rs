//! The way in without a password: a known device that has a PIN (R10).

use zamok_core::Error as CoreError;
use zamok_core::vault::Transaction;

use super::login::HOUR;
use super::{Approach, Challenge, ChallengeRecord, NewChallenge, Purpose};
use crate::Cabinet;
use crate::account::{self, AccountState};
use crate::device::{self, DeviceToken};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor;
use crate::throttle::{Budget, Caller, Cap};
use crate::watch::{Answer, Facts, Occasion, Outcome};

impl Cabinet {
    /// Begins a login without a password, from a known device that has a PIN (R10): the device is what its owner holds, the PIN what
    /// he knows. A token that is no known device's any more, or whose account has no PIN for it, is rejected.
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; [`Error::MethodTooWeak`] where the watch wants more than a PIN: log in with the password; the
    /// vault's and the store's.
    pub fn begin_login_by_device(
        &self,
        token: &DeviceToken,
        approach: &Approach,
    ) -> Result<Challenge, Error> {
        self.watched(|tx| self.decide_device(tx, token, approach))?
    }

    /// A refusal commits as well: what the watch found is journalled.
    fn decide_device(
        &self,
        tx: &mut Transaction<'_>,
        token: &DeviceToken,
        approach: &Approach,
    ) -> Result<Result<Challenge, Error>, Error> {
        const REJECTED: Result<Challenge, Error> = Err(Error::Core(CoreError::Rejected));
        let Some(account) = device::account_of(tx, token.device())? else { return Ok(REJECTED) };
        let record = account::load(tx, account)?;
        let caller = self.caller(tx, &record.account, Some(token))?;
        let open = record.account.state == AccountState::Open;
        if !open || !record.account.limits.allow(tx.now(), approach.address) {
            return Ok(REJECTED);
        }
        let Caller::Device(id) = caller else { return Ok(REJECTED) };
        let facts = Facts {
            occasion: Occasion::Login,
            time: tx.now(),
            account,
            roles: record.account.roles,
            device: Some(id),
            address: approach.address,
            client: Approach::cut(&approach.client),
            parameters: &[],
        };
        let (found, subject) = (self.ask_watch(tx, &facts)?, Some(record.account.subject));
        if found.answer().refuses() {
            let (budget, throttle) = (Budget::of(tx, account.0, caller)?, &self.policy.password.throttle);
            self.refuse_found(tx, budget, throttle, &facts, &found, subject)?;
            return Ok(REJECTED);
        }
        let opened = Cap::new("challenges", &id.0, HOUR, self.policy.challenge.per_hour).read(tx)?;
        let means = factor::means(tx, &record.account, caller)?.usable;
        let shown = vec![Evidence::Device];
        let pin = means.into_iter().find(|means| means.suits(Purpose::Login, &shown));
        let Some(means) = pin.filter(|_| !opened.is_full()) else { return Ok(REJECTED) };
        opened.count(tx);
        self.tell_found(tx, &facts, &found, subject, &account.row())?;
        self.tell_watch(tx, &facts, Outcome::Right)?;
        if found.answer() == Answer::StepUp {
            return Ok(Err(Error::MethodTooWeak));
        }
        let mut challenge = ChallengeRecord::begin(
            tx,
            NewChallenge {
                purpose: Purpose::Login,
                account: &record.account,
                session: None,
                operation: None,
                means: Some(means),
                caller,
                address: approach.address,
                shown,
                client: Approach::cut(&approach.client),
                language: Approach::cut(&approach.language),
                lifetime: self.lifetime(means),
            },
        )?;
        self.started(tx, &mut challenge, &record)?;
        challenge.told().map(Ok)
    }
}
