//! The choice of a factor: what a challenge can be answered with instead, and doing so.

use zamok_core::Error as CoreError;
use zamok_core::vault::Transaction;

use super::{Challenge, ChallengeRecord, Means, NewChallenge, Purpose, State, Step};
use crate::Cabinet;
use crate::account::{self, Account};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::{self, FactorId};
use crate::policy::Policy;
use crate::session;

/// A way to answer a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The factor.
    pub factor: FactorId,
    /// Its kind.
    pub evidence: Evidence,
    /// What its owner calls it.
    pub label: String,
    /// Where a code is sent to, masked: `+7···4567`. `None` where none is.
    pub hint: Option<String>,
}

impl Cabinet {
    /// What an open challenge can be answered with: the factors that the account has, policy takes, and this caller may use,
    /// in the account's order.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a challenge that is over or was made up; the vault's and the store's.
    pub fn methods(&self, challenge: &Challenge) -> Result<Vec<Method>, Error> {
        self.vault.transact(|tx| {
            let (challenge, account) = open(tx, challenge)?;
            let means = self.serving(tx, &challenge, &account)?;
            means.into_iter().map(|means| factor::method(tx, &account, &means)).collect()
        })
    }

    /// Answers an open challenge of a login, or of authenticating again, with another factor: a new challenge in its place, and
    /// the old one is dead. Wrong answers count on, and so do codes that were sent to the same factor: changing it buys no further try. However
    /// often it is changed, the challenge ends when the longest that could have been begun in its place would end; and it counts as one more
    /// of those that policy allows in an hour.
    ///
    /// # Errors
    /// [`Error::MethodUnavailable`] for a factor that [`Cabinet::methods`] does not list; [`Error::ResendTooSoon`],
    /// [`Error::SupportNeeded`] and [`Error::TooManyMessages`] where a code would be sent; [`CoreError::Rejected`] where as many challenges
    /// were opened as policy allows; otherwise as [`Cabinet::methods`].
    pub fn switch_method(&self, challenge: &Challenge, factor: FactorId) -> Result<Challenge, Error> {
        self.counted(|tx| {
            let (mut before, account) = open(tx, challenge)?;
            if !matches!(before.purpose, Purpose::Login | Purpose::Again) {
                return Err(Error::MethodUnavailable);
            }
            let serving = self.serving(tx, &before, &account)?;
            let means =
                serving.into_iter().find(|means| means.factor == factor.0).ok_or(Error::MethodUnavailable)?;
            // What a session alone has begun is not counted, and must not use up what passwords open.
            if before.purpose == Purpose::Login {
                let opened = self.opened(account.id, before.caller).read(tx)?;
                if opened.is_full() {
                    return Err(CoreError::Rejected.into());
                }
                opened.count(tx);
            }
            let mut challenge = ChallengeRecord::begin(
                tx,
                NewChallenge {
                    purpose: before.purpose,
                    account: &account,
                    session: before.session,
                    operation: None,
                    means: Some(means),
                    caller: before.caller,
                    address: before.address,
                    shown: before.shown.clone(),
                    client: &before.client,
                    language: &before.language,
                    lifetime: self.lifetime(means),
                },
            )?;
            (challenge.wrong, challenge.demand) = (before.wrong, before.demand);
            challenge.opened = before.opened;
            challenge.expires = challenge.expires.min(before.opened.plus(self.longest_lifetime()));
            if before.means == challenge.means {
                (challenge.sent, challenge.last_sent) = (before.sent, before.last_sent);
            }
            self.send_first(tx, &mut challenge, &account, &[])?;
            challenge.put(tx)?;
            before.step(Step::Replace)?;
            before.put(tx)?;
            challenge.told()
        })
    }

    /// How long a challenge lives at most, whatever it is answered by.
    fn longest_lifetime(&self) -> u64 {
        let Policy { push, issued, challenge, .. } = &self.policy;
        push.lifetime.max(issued.lifetime).max(challenge.lifetime)
    }

    fn serving(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &ChallengeRecord,
        account: &Account,
    ) -> Result<Vec<Means>, Error> {
        // Who has shown nothing is told nothing: a phone that is known looks like one that is not.
        if challenge.is_by_phone() {
            return Err(CoreError::Rejected.into());
        }
        let found = factor::means(tx, account, challenge.caller)?;
        let mut means = found.usable;
        means.retain(|means| means.suits(challenge.purpose, &challenge.shown));
        let weakest = Means::weakest(challenge.purpose, found.best, self.policy.factor.weakest);
        let mut weakest = challenge.demand.weakest(&means).max(weakest);
        if let (Purpose::Again, Some(id)) = (challenge.purpose, challenge.session) {
            weakest = weakest.max(session::load(tx, id)?.strength());
        }
        means.retain(|means| means.serves(challenge.purpose, weakest));
        Ok(means)
    }
}

fn open(tx: &mut Transaction<'_>, challenge: &Challenge) -> Result<(ChallengeRecord, Account), Error> {
    let challenge = ChallengeRecord::held(tx, challenge.id)?
        .filter(|challenge| matches!(challenge.state, State::Open | State::Approved))
        .filter(|challenge| challenge.purpose != Purpose::Enrolment)
        .ok_or(CoreError::Rejected)?;
    let account = account::load(tx, challenge.account)?.account;
    if challenge.is_alive(tx.now(), &account) {
        Ok((challenge, account))
    } else {
        Err(CoreError::Rejected.into())
    }
}
