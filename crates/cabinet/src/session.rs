//! Sessions (R7, R17): opened by an answered challenge, ended by idleness, by time, by a new epoch, or on demand.

use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

use crate::account::{self, Account, AccountId};
use crate::error::Error;
use crate::policy::SessionPolicy;
use crate::{Cabinet, flag};

/// Sealed sessions, under their id.
const SESSIONS: Table = Table(37);

/// The id of a session: 128 random bits. Not a secret: tokens, the store and the journal name it. A service takes it from
/// a token that it has verified, or from its own memory, and never from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

impl core::fmt::Display for SessionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A session that was live when it was looked at. Only the cabinet makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// The account's epoch in which it was opened.
    pub epoch: u64,
    /// When it was opened.
    pub opened: UnixTime,
    /// When it ends in any case.
    pub expires: UnixTime,
    last_used: UnixTime,
    challenge: [u8; 16],
    ended: bool,
}

impl Cabinet {
    /// The session with this id, if it is still live; using it keeps it from going idle.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn session(&self, id: SessionId) -> Result<Session, Error> {
        self.vault.transact(|tx| live(tx, id, &self.policy.session))
    }

    /// Ends a session, journalled with the reason. Ending it twice is no error.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for one that never was; the vault's and the store's.
    pub fn end_session(&self, id: SessionId, reason: &str) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let mut session = load(tx, id)?;
            if !session.ended {
                let subject = account::load(tx, session.account)?.account.subject;
                session.ended = true;
                put(tx, &session)?;
                let detail = Detail::new().with("reason", reason).with("session", id.to_string());
                tx.event(EventKind::SessionEnded, Some(subject), &row(id), &detail)?;
            }
            Ok(())
        })
    }
}

/// Opens a session for a challenge that was answered in the same transaction.
pub(crate) fn open(
    tx: &mut Transaction<'_>,
    account: &Account,
    challenge: [u8; 16],
    policy: &SessionPolicy,
) -> Result<Session, Error> {
    let now = tx.now();
    let session = Session {
        id: SessionId(tx.env().random()),
        account: account.id,
        epoch: account.epoch,
        opened: now,
        expires: now.plus(policy.longest),
        last_used: now,
        challenge,
        ended: false,
    };
    put(tx, &session)?;
    let detail = Detail::new().with("session", session.id.to_string()).with("challenge", hex(&challenge));
    tx.event(EventKind::SessionOpened, Some(account.subject), &row(session.id), &detail)?;
    Ok(session)
}

/// A session that may be used now; the commit that it is used in expects it, and its account, unchanged.
pub(crate) fn live(
    tx: &mut Transaction<'_>,
    id: SessionId,
    policy: &SessionPolicy,
) -> Result<Session, Error> {
    let mut session = load(tx, id)?;
    let account = account::load(tx, session.account)?.account;
    let now = tx.now();
    let over = session.ended
        || now >= session.expires
        || now < session.opened
        || now.since(session.last_used) >= policy.idle
        || session.epoch != account.epoch;
    if over {
        return Err(Error::SessionEnded);
    }
    if now.since(session.last_used) >= policy.touch {
        session.last_used = now;
        put(tx, &session)?;
    }
    Ok(session)
}

fn row(id: SessionId) -> RowKey {
    RowKey::new(SESSIONS, id.0)
}

fn put(tx: &mut Transaction<'_>, session: &Session) -> Result<(), Error> {
    let mut writer = Writer::new();
    writer.u8(1).raw(&session.id.0).raw(&session.account.0).u64(session.epoch).u64(session.opened.0);
    writer
        .u64(session.expires.0)
        .u64(session.last_used.0)
        .raw(&session.challenge)
        .u8(u8::from(session.ended));
    Ok(tx.put_record(&row(session.id), &[], writer.as_slice())?)
}

fn load(tx: &mut Transaction<'_>, id: SessionId) -> Result<Session, Error> {
    let opened = tx.record(&row(id))?.ok_or(Error::SessionEnded)?;
    let mut reader = Reader::new(&opened.body);
    let found = reader.u8()?;
    if found != 1 {
        return Err(CoreError::Format { found: found.into(), supported: 1 }.into());
    }
    let session = Session {
        id: SessionId(reader.array()?),
        account: AccountId(reader.array()?),
        epoch: reader.u64()?,
        opened: UnixTime(reader.u64()?),
        expires: UnixTime(reader.u64()?),
        last_used: UnixTime(reader.u64()?),
        challenge: reader.array()?,
        ended: flag(&mut reader)?,
    };
    reader.end()?;
    if session.id == id { Ok(session) } else { Err(CoreError::Refused.into()) }
}
