//! How sessions end: by their owner, by an operator, with their device, or when nobody comes back.

use zamok_core::event::{Detail, EventKind};
use zamok_core::store::RowKey;
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

use super::record::decode;
use super::{Doors, Session, SessionId, State, Step, live, load, put, row};
use crate::Cabinet;
use crate::account::{self, Account, AccountRecord};
use crate::device::DeviceId;
use crate::error::Error;
use crate::outbox::{Message, MessageKind};
use crate::policy::Policy;

/// Which sessions of an account end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All but the one from which it is asked.
    Others,
    /// All.
    All,
}

impl Cabinet {
    /// Ends a session, journalled with the reason. Ending it twice is no error.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for one that never was; the vault's and the store's.
    pub fn end_session(&self, id: SessionId, reason: &str) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let session = load(tx, id)?;
            let account = account::load(tx, session.account)?.account;
            Doors::shut(tx, &session)?;
            end(tx, session, &account, Step::LogOut, reason)
        })
    }

    /// Ends another session of the same account, as its owner asks from a live one.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] when the asking one has ended, or the account has no such session; the vault's and the
    /// store's.
    pub fn revoke_session(&self, session: &Session, id: SessionId) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let own = live(tx, session.seen(), &self.policy.session)?;
            let other = load(tx, id)?;
            if other.account != own.account {
                return Err(Error::SessionEnded);
            }
            let account = account::load(tx, own.account)?.account;
            Doors::shut(tx, &other)?;
            end(tx, other, &account, Step::Revoke, "revoked by its owner")
        })
    }

    /// Ends the sessions of an account, as its owner asks from a live one. The account's epoch is raised, so that those end
    /// too that nobody sees, their tokens with them, and every open challenge.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn end_sessions(&self, session: &Session, which: Which) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let own = live(tx, session.seen(), &self.policy.session)?;
            let spared = match which {
                Which::Others => Some(own.id),
                Which::All => None,
            };
            let record = account::load(tx, own.account)?;
            end_all(tx, record, spared, "ended by their owner")
        })
    }

    /// Ends all sessions of an account, as an operator orders, journalled with the reason.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; the vault's and the store's.
    pub fn end_sessions_of(&self, login: &str, reason: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?.id;
        self.vault.transact(|tx| {
            let record = account::load(tx, account)?;
            end_all(tx, record, None, reason)
        })
    }
}

/// Ends every session of an account but the spared one, and tells its owner.
fn end_all(
    tx: &mut Transaction<'_>,
    record: AccountRecord,
    spared: Option<SessionId>,
    reason: &str,
) -> Result<(), Error> {
    let account = record.account.id;
    raise_epoch(tx, record, spared, reason)?;
    Message::notice(tx, MessageKind::SessionsEnded, account).with("reason", reason).post(tx)?;
    Ok(())
}

/// Writes an account with its epoch raised, which ends every session but the spared one, every token and every challenge.
pub(crate) fn raise_epoch(
    tx: &mut Transaction<'_>,
    mut record: AccountRecord,
    spared: Option<SessionId>,
    reason: &str,
) -> Result<(), Error> {
    record.account.epoch += 1;
    record.put(tx)?;
    let account = &record.account;
    let mut doors = Doors::load(tx, account.id)?;
    for door in core::mem::take(&mut doors.sessions) {
        if spared == Some(door.session) {
            continue;
        }
        match load(tx, door.session) {
            Ok(session) => end(tx, session, account, Step::Revoke, reason)?,
            Err(Error::SessionEnded) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(id) = spared {
        let mut session = load(tx, id)?;
        session.epoch = account.epoch;
        put(tx, &session)?;
        doors.list(&session);
    }
    doors.put(tx)?;
    let detail = Detail::new().with("reason", reason).with("epoch", account.epoch.to_string());
    tx.event(EventKind::SessionsEnded, Some(account.subject), &account.id.row(), &detail)?;
    Ok(())
}

/// Writes an account that is erased with its epoch raised, and forgets its sessions, with what they say of its clients.
pub(crate) fn forget_all(tx: &mut Transaction<'_>, record: AccountRecord, reason: &str) -> Result<(), Error> {
    let sessions = Doors::load(tx, record.account.id)?.sessions;
    raise_epoch(tx, record, None, reason)?;
    for door in sessions {
        match load(tx, door.session) {
            Ok(mut session) => {
                session.step(Step::Sweep)?;
                tx.delete(&row(session.id))?;
            }
            Err(Error::SessionEnded) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends the sessions that were opened from a device.
pub(crate) fn end_those_of(
    tx: &mut Transaction<'_>,
    account: &Account,
    device: DeviceId,
) -> Result<(), Error> {
    for door in Doors::load(tx, account.id)?.sessions {
        match load(tx, door.session) {
            Ok(session) if session.device == Some(device) => {
                Doors::shut(tx, &session)?;
                end(tx, session, account, Step::Revoke, "its device was blocked or removed")?;
            }
            Ok(_) | Err(Error::SessionEnded) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends one session, if it has not ended before. The caller keeps the list.
pub(super) fn end(
    tx: &mut Transaction<'_>,
    mut session: Session,
    account: &Account,
    step: Step,
    reason: &str,
) -> Result<(), Error> {
    // Ended before: no step leads from there.
    if session.step(step).is_err() {
        return Ok(());
    }
    put(tx, &session)?;
    let detail = Detail::new().with("reason", reason).with("session", session.id.to_string());
    tx.event(EventKind::SessionEnded, Some(account.subject), &row(session.id), &detail)?;
    Ok(())
}

/// How long a session's row stays once its time is over: as long as it could have lived, and as what was confirmed in it may wait to be
/// executed, which asks for the row.
fn kept(policy: &Policy) -> u64 {
    policy.session.longest.max(policy.operation.lifetime)
}

/// From when on retention does something with a session: a live one lapses; another is removed when it has been over for long enough.
pub(crate) fn due(body: &[u8], policy: &Policy) -> Result<UnixTime, CoreError> {
    let session = decode(body)?;
    Ok(match session.state {
        State::Live => session.expires.min(session.last_used.plus(policy.session.idle)),
        _ => session.expires.plus(kept(policy)),
    })
}

/// Ends a session that has lapsed, journalled with the reason, or removes one that is due; whether it was removed.
pub(crate) fn sweep(tx: &mut Transaction<'_>, key: &RowKey, policy: &Policy) -> Result<bool, Error> {
    let id = SessionId(key.key.as_slice().try_into().map_err(|_| CoreError::Refused)?);
    let mut session = load(tx, id)?;
    let now = tx.now();
    if session.state == State::Live && now < session.expires.plus(kept(policy)) {
        // An account that cannot be read has no sessions that anybody could use.
        let Ok(record) = account::load(tx, session.account) else { return Ok(false) };
        if let Some(reason) = session.over(now, record.account.epoch, &policy.session) {
            Doors::shut(tx, &session)?;
            end(tx, session, &record.account, Step::Lapse, reason)?;
        }
        return Ok(false);
    }
    if session.state == State::Live {
        session.step(Step::Lapse)?;
    }
    session.step(Step::Sweep)?;
    Doors::shut(tx, &session)?;
    tx.delete(key)?;
    Ok(true)
}
