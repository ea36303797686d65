//! How passwords change: by their owner, by an officer, by import; and when they have to (R13).

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::Transaction;

use super::rules::{self, Strength};
use super::{ImportedPassword, Password, PasswordHash};
use crate::Cabinet;
use crate::account::{self, Account, AccountRecord};
use crate::device;
use crate::error::Error;
use crate::name::Login;
use crate::outbox::{Message, MessageKind};
use crate::session::{self, Session};
use crate::throttle::{Budget, WrongAnswers};

impl Cabinet {
    /// How hard a password would be to guess for whoever knows the login: for a form that shows it while somebody types.
    ///
    /// # Errors
    /// [`Error::PasswordTooLong`], [`Error::PasswordUnusable`].
    pub fn password_strength(&self, login: &str, password: &Password) -> Result<Strength, Error> {
        let normal = password.normal_form(self.policy.password.longest)?;
        Ok(rules::strength(&normal, &[login, &self.issuer]))
    }

    /// Changes the password of the account of a session that is fresh, given the old one (ASVS 6.2.3). Every session of the account
    /// ends, this one as well, and the owner is told. For `contact.reversible` seconds, or for as long as what is set aside within them takes
    /// that back, the old one still asks the channel that has counted longest whether this, and what else was changed, shall be taken back
    /// ([`Cabinet::begin_undo`]), and opens nothing else. Of several old ones it is the first two: a thief changes it twice as well.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`Error::FreshAuthenticationNeeded`]; [`CoreError::Rejected`] for a wrong old password, which is charged like one at login; what
    /// strangers have used up keeps nobody from it who is logged in; the new password's errors; the vault's and the store's.
    pub fn change_password(&self, session: &Session, old: &Password, new: &Password) -> Result<(), Error> {
        let account = self.vault.transact(|tx| self.fresh_owner(tx, session))?;
        let hash = self.checked_hash(&account, new)?;
        for _ in 0..Self::PASSWORD_CHANGES {
            let recipe =
                self.vault.transact(|tx| Ok::<_, Error>(account::load(tx, account.id)?.password.recipe))?;
            let typed = PasswordHash::compute(old, &recipe, &self.policy.password)?;
            let right = self.watched(|tx| {
                let account = self.fresh_owner(tx, session)?;
                let mut record = account::load(tx, account.id)?;
                // A login has made the hash anew meanwhile: what was typed is hashed once more, as it is now.
                if record.password.recipe != typed.recipe {
                    return Ok(None);
                }
                let caller = device::caller_of(tx, account.id, session.device)?;
                let mut budget = Budget::of(tx, account.id.0, caller)?;
                let throttle = &self.policy.password.throttle;
                if budget.is_delayed(tx.now()) {
                    budget.refuse(tx, Some(account.subject), throttle, None)?;
                    return Ok(Some(false));
                }
                if !record.password.matches(&typed) {
                    let _never_disabled = budget.failures.fail(tx.now(), throttle);
                    budget.put(tx)?;
                    // A full sum takes no more, and keeps this from being charged no less.
                    let wrong = WrongAnswers::of(tx, &self.policy.budget, Some(account.id), caller)?;
                    if !wrong.are_too_many() {
                        wrong.count(tx);
                    }
                    let detail = Detail::new().with("reason", "wrong old password");
                    tx.event(EventKind::PasswordRejected, Some(account.subject), budget.row(), &detail)?;
                    return Ok(Some(false));
                }
                record.keep_password(tx.now(), self.policy.contact.reversible);
                replace(tx, &mut record, hash.again(), "by its owner")?;
                record.put(tx)?;
                Ok::<_, Error>(Some(true))
            })?;
            match right {
                Some(true) => return Ok(()),
                Some(false) => return Err(CoreError::Rejected.into()),
                None => {}
            }
        }
        Err(CoreError::Busy.into())
    }

    /// Gives an account another password. For an officer who has made sure that whoever asks is the owner; journalled with the
    /// reason. The second factor stays what it is, and the owner is told. No old password takes anything back.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; the new password's errors; the vault's and the store's.
    pub fn reset_password(&self, login: &str, new: &Password, reason: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?;
        let hash = self.checked_hash(&account, new)?;
        self.vault.transact(|tx| {
            let mut record = account::load(tx, account.id)?;
            record.former = None;
            replace(tx, &mut record, hash.again(), reason)?;
            record.put(tx)
        })
    }

    /// Registers an account with the hash that another system made of its password. The next login makes it anew.
    ///
    /// # Errors
    /// [`Error::LoginUnusable`], [`Error::LoginTaken`]; the vault's and the store's.
    pub fn register_imported(&self, login: &str, password: &ImportedPassword) -> Result<Account, Error> {
        self.open_account(&Login::parse(login)?, &password.0)
    }

    /// When the password of a live session's account has to be changed; `None` where the policy says on compromise only, and it was not put
    /// back by [`Cabinet::undo_change`], after which it is at once.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn password_due(&self, session: &Session) -> Result<Option<zamok_core::UnixTime>, Error> {
        let span = self.policy.password.change_after;
        self.vault.transact(|tx| {
            let account = self.owner(tx, session)?;
            let record = account::load(tx, account.id)?;
            let changed = record.password_changed;
            Ok(if record.password_due { Some(changed) } else { (span > 0).then(|| changed.plus(span)) })
        })
    }

    pub(crate) fn checked_hash(&self, account: &Account, new: &Password) -> Result<PasswordHash, Error> {
        let mut context = vec![account.login.as_str(), self.issuer.as_str()];
        context.extend(account.contacts.iter().map(|contact| contact.address.as_str()));
        context.extend(account.contacts.iter().filter_map(|contact| contact.address.split('@').next()));
        new.check(&context, &self.policy.password)?;
        self.hash_password(new)
    }

    pub(crate) fn hash_password(&self, password: &Password) -> Result<PasswordHash, Error> {
        let salt = self.vault.transact(|tx| Ok::<_, Error>(tx.env().random()))?;
        let policy = &self.policy.password;
        PasswordHash::make(password, policy.cost, salt, policy)
    }

    /// The account of a live session.
    pub(crate) fn owner(&self, tx: &mut Transaction<'_>, session: &Session) -> Result<Account, Error> {
        let session = session::live(tx, session.seen(), &self.policy.session)?;
        Ok(account::load(tx, session.account)?.account)
    }

    /// The same, where it has to be fresh: what is given here outlasts the session.
    pub(crate) fn fresh_owner(&self, tx: &mut Transaction<'_>, session: &Session) -> Result<Account, Error> {
        let session = session::fresh(tx, session.seen(), &self.policy.session)?;
        Ok(account::load(tx, session.account)?.account)
    }
}

/// A password of before counts again, since a channel of that time has taken back what came after; and has to be changed. The caller writes the account.
pub(crate) fn put_back(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    former: PasswordHash,
) -> Result<(), Error> {
    replace(tx, record, former, "a change was taken back")?;
    record.password_due = true;
    Ok(())
}

/// The caller writes the account.
fn replace(
    tx: &mut Transaction<'_>,
    record: &mut AccountRecord,
    hash: PasswordHash,
    reason: &str,
) -> Result<(), Error> {
    record.password = hash;
    record.password_changed = tx.now();
    // Whoever knew the old one is out.
    record.account.epoch += 1;
    record.password_due = false;
    let detail = Detail::new().with("reason", reason);
    let row = record.account.id.row();
    tx.event(EventKind::PasswordChanged, Some(record.account.subject), &row, &detail)?;
    Message::notice(tx, MessageKind::PasswordChanged, record.account.id).post(tx)?;
    Ok(())
}
