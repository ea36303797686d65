//! Leave to enrol: an account that has had a factor is not given another one for its password alone. Recovery opens one enrolment for
//! whoever has shown a code; otherwise an officer says that the next one may be enrolled, for a short while.

use zamok_core::event::{Detail, EventKind};
use zamok_core::{Error as CoreError, UnixTime};

use super::{AccountRecord, AccountStep, find};
use crate::Cabinet;
use crate::error::Error;
use crate::factor;
use crate::name::Login;
use crate::throttle::Caller;

impl AccountRecord {
    /// Notes that the test of a factor was right. The caller writes the account.
    pub(crate) const fn has_enrolled(&mut self) {
        (self.enrolled, self.leave) = (true, None);
    }

    /// Whether the password alone leads to an enrolment, where no factor counts.
    pub(crate) fn may_enrol(&self, now: UnixTime) -> bool {
        !self.enrolled || self.leave.is_some_and(|until| now < until)
    }
}

impl Cabinet {
    /// Lets the password of an account that has lost its last factor lead to an enrolment once more, as it did at first, for as long as
    /// an enrolment lives ([`ChallengePolicy::enrolment`](crate::ChallengePolicy::enrolment)); until when. For an officer who has its
    /// owner before him; journalled with the reason.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`Error::FactorExists`] while a factor of it counts;
    /// [`Error::AccountState`] when it is not open; the vault's and the store's.
    pub fn let_enrol(&self, login: &str, reason: &str) -> Result<UnixTime, Error> {
        let login = Login::parse(login)?;
        self.vault.transact(|tx| {
            let mut record = find(tx, &login)?.ok_or(CoreError::Rejected)?;
            record.take(AccountStep::Change)?;
            if factor::means(tx, &record.account, Caller::Stranger)?.any_active {
                return Err(Error::FactorExists);
            }
            let until = tx.now().plus(self.policy.challenge.enrolment);
            record.leave = Some(until);
            record.put(tx)?;
            let detail = Detail::new().with("enrol", until.0.to_string()).with("reason", reason);
            let (subject, row) = (Some(record.account.subject), record.account.id.row());
            tx.event(EventKind::RightsChanged, subject, &row, &detail)?;
            Ok(until)
        })
    }
}
