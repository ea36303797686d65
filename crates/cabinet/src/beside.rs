//! What rooms beside the cabinet need inside of a transaction of their own: sessions, accounts and powers, read so that
//! their commit expects them unchanged. Whoever holds a token, or signs a request, is looked up here; nothing here changes
//! what an account may do. And sums within spans of time, which they count as the cabinet does.

use std::net::IpAddr;

use zamok_core::Error as CoreError;
use zamok_core::store::RowKey;
use zamok_core::vault::{Known, Transaction};

use crate::Cabinet;
use crate::account::{self, Account, AccountId, AccountState, Power, PowerId, PowerState, Rights};
use crate::challenge::{Challenge, ChallengeRecord};
use crate::error::Error;
use crate::session::{self, Seen, Session, SessionId};
use crate::throttle::Cap;

impl AccountId {
    /// The row of this account, for events that tell of it.
    #[must_use]
    pub fn row_key(self) -> RowKey {
        self.row()
    }
}

impl Cabinet {
    /// [`Cabinet::session`] inside of a transaction: a commit expects the session, and its account, unchanged.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`Error::OutsideLimits`]; a store's fault.
    pub fn session_in(&self, tx: &mut Transaction<'_>, id: SessionId) -> Result<Session, Error> {
        self.session_in_from(tx, id, None)
    }

    /// The same, used from this address, which the account's limits are held against (R18).
    ///
    /// # Errors
    /// As [`Cabinet::session_in`].
    pub fn session_in_from(
        &self,
        tx: &mut Transaction<'_>,
        id: SessionId,
        address: Option<IpAddr>,
    ) -> Result<Session, Error> {
        session::live(tx, Seen { id, address }, &self.policy.session)
    }

    /// An open account, inside of a transaction.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when there is none, or it was suspended or erased; a store's fault.
    pub fn account_in(&self, tx: &mut Transaction<'_>, id: AccountId) -> Result<Account, Error> {
        if tx.plain(&id.row())?.is_none() {
            return Err(CoreError::Rejected.into());
        }
        let account = account::load(tx, id)?.account;
        if account.state == AccountState::Open { Ok(account) } else { Err(CoreError::Rejected.into()) }
    }

    /// Whether a challenge is of this account. Nothing is charged: whoever checks who sends an answer asks first.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn challenge_is_of(&self, challenge: &Challenge, account: AccountId) -> Result<bool, Error> {
        self.vault.transact(|tx| {
            Ok(ChallengeRecord::held(tx, challenge.id)?.is_some_and(|found| found.account == account))
        })
    }

    /// A transaction in which [`Cabinet::count_in`] counts: as [`Vault::transact`](zamok_host::Vault::transact),
    /// and run again where others have moved a counter on, or filled it, since it was read.
    ///
    /// # Errors
    /// What `run` returned; the vault's and the store's, but for [`CoreError::Capped`], which is looked into:
    /// [`CoreError::Busy`] when others were faster each time.
    pub fn counting<T, E: From<CoreError> + PartialEq>(
        &self,
        run: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.counted_knowing(&mut Known::default(), run)
    }

    /// Counts one more for each of these ids, within a span of so many seconds, or nothing where one has
    /// reached its limit, which stands beside it. The ids differ, `what` is a name that nobody else counts
    /// under, and a transaction counts once: that of [`Cabinet::counting`], since what it has read others may
    /// have moved on.
    ///
    /// # Errors
    /// [`Error::TooMany`] when one is full; a store's fault.
    pub fn count_in(
        tx: &mut Transaction<'_>,
        what: &'static str,
        span: u64,
        ids: &[(&[u8], u32)],
    ) -> Result<(), Error> {
        let caps = ids.iter().map(|(id, most)| Cap::new(what, id, span, *most)).collect();
        let sums = Cap::read_all(tx, caps)?;
        for (sum, (_, most)) in sums.iter().zip(ids) {
            if sum.is_full() {
                return Err(Error::TooMany { what, limit: *most as usize });
            }
        }
        sums.into_iter().for_each(|sum| sum.count(tx));
        Ok(())
    }

    /// A power that counts now, by which the account of this session acts for another; with that other's account, inside of
    /// a transaction (R73). Its rights are those that the other still has: no power goes further than the one who gave it.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] when the account was not given this power, it has ended, the one who gave it is not there any
    /// more, or has none of its rights; a store's fault.
    pub fn acting_in(
        &self,
        tx: &mut Transaction<'_>,
        session: &Session,
        power: PowerId,
    ) -> Result<(Account, Power), Error> {
        let agent = self.account_in(tx, session.account)?;
        if !agent.powers.contains(&power) {
            return Err(Error::NotAllowed);
        }
        let mut power = Power::load(tx, power)?;
        let counts = power.state == PowerState::Active && tx.now() < power.terms.until;
        if power.agent != agent.id || !counts {
            return Err(Error::NotAllowed);
        }
        let principal = match self.account_in(tx, power.principal) {
            Ok(principal) => principal,
            Err(Error::Core(CoreError::Rejected)) => return Err(Error::NotAllowed),
            Err(error) => return Err(error),
        };
        power.terms.rights = power.terms.rights.held_by(principal.roles);
        if power.terms.rights == Rights::default() { Err(Error::NotAllowed) } else { Ok((principal, power)) }
    }
}
