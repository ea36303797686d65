//! Sessions (R7, R17): opened by an answered challenge, ended by idleness, by time, by a new epoch of the account, or on
//! demand. Each remembers what was shown when it was opened, how far that goes, and when it was shown last.

mod doors;
mod ending;
mod record;

use std::net::IpAddr;

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::Transaction;
use zamok_core::wire::hex;
use zamok_core::{Error as CoreError, UnixTime};

pub(crate) use self::doors::{Doors, devices_of};
pub use self::ending::Which;
pub(crate) use self::ending::{due, end_those_of, forget_all, raise_epoch, sweep};
pub(crate) use self::record::{SESSIONS, load, owner, put, row};
use crate::Cabinet;
use crate::account::{self, Account, AccountId};
use crate::device::{self, DeviceId};
use crate::error::Error;
use crate::evidence::{Assurance, Evidence};
use crate::factor;
use crate::machine::Machine;
use crate::outbox::{Message, MessageKind};
use crate::policy::SessionPolicy;
use crate::throttle::Caller;

/// The id of a session: 128 random bits. Not a secret: tokens, the store and the journal name it. A service takes it from
/// a token that it has verified, or from its own memory, and never from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// When it was last used, as exactly as policy remembers it.
    pub last_used: UnixTime,
    /// When somebody last showed who he is.
    pub authenticated: UnixTime,
    /// What was shown, in order.
    pub evidence: Vec<Evidence>,
    /// The known device that it was opened from.
    pub device: Option<DeviceId>,
    /// What the service calls the client: type and model, browser, place.
    pub client: String,
    /// The address from which it is being used, as the service has seen it: what the account's limits are held against.
    /// It is not kept.
    pub address: Option<IpAddr>,
    pub(crate) challenge: [u8; 16],
    pub(crate) state: State,
}

/// A session as somebody names it, and the address from which.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) id: SessionId,
    pub(crate) address: Option<IpAddr>,
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Live,
    Ended,
}

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Open,
    Use,
    Again,
    LogOut,
    Revoke,
    Lapse,
    Sweep,
}

impl Machine for State {
    type Step = Step;
    const NOUN: &'static str = "session";
    const ABSENT: Self = Self::Absent;
    const EDGES: &'static [(Self, Step, Self)] = &[
        (Self::Absent, Step::Open, Self::Live),
        (Self::Live, Step::Use, Self::Live),
        (Self::Live, Step::Again, Self::Live),
        (Self::Live, Step::LogOut, Self::Ended),
        (Self::Live, Step::Revoke, Self::Ended),
        (Self::Live, Step::Lapse, Self::Ended),
        (Self::Ended, Step::Sweep, Self::Absent),
    ];
}

impl Session {
    /// How sure the service is of who is there.
    #[must_use]
    pub fn assurance(&self) -> Assurance {
        Assurance::of(&self.evidence)
    }

    /// How much what was shown in it withstands at most: whoever shows himself again shows no less. A PIN on its device withstands as much as
    /// an approval there.
    pub(crate) fn strength(&self) -> u8 {
        let pin = self.evidence.contains(&Evidence::Pin);
        factor::strength(&self.evidence).max(if pin { Evidence::Push.strength() } else { 0 })
    }

    /// What is looked at when it is used.
    pub(crate) const fn seen(&self) -> Seen {
        Seen { id: self.id, address: self.address }
    }

    pub(crate) fn step(&mut self, step: Step) -> Result<(), Error> {
        self.state = self.state.after(step).ok_or(Error::SessionEnded)?;
        Ok(())
    }

    /// Why it is not one for a critical change, if it is not: only something that its owner knows makes it one, and only for a while.
    pub(crate) fn stale(&self, now: UnixTime, policy: &SessionPolicy) -> Option<Error> {
        if !self.evidence.iter().any(|shown| shown.is_known()) {
            Some(Error::MethodTooWeak)
        } else if self.authenticated.is_ahead_of(now) || now.since(self.authenticated) >= policy.fresh {
            Some(Error::FreshAuthenticationNeeded)
        } else {
            None
        }
    }

    /// Why it is over, if it is.
    pub(crate) fn over(&self, now: UnixTime, epoch: u64, policy: &SessionPolicy) -> Option<&'static str> {
        // A clock that stands well before its beginning was set back: nothing is known of its end then.
        if self.state != State::Live || self.opened.is_ahead_of(now) {
            Some("ended")
        } else if now >= self.expires {
            Some("its time was over")
        } else if now.since(self.last_used) >= policy.idle {
            Some("idle")
        } else if self.epoch != epoch {
            Some("the account's rights or secrets changed")
        } else {
            None
        }
    }
}

impl Cabinet {
    /// The session with this id, if it is still live; using it keeps it from going idle. An account whose limits name networks
    /// is used through [`Cabinet::session_from`] alone.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`Error::OutsideLimits`]; the vault's and the store's.
    pub fn session(&self, id: SessionId) -> Result<Session, Error> {
        self.session_from(id, None)
    }

    /// The same, used from this address: it is held against the account's limits, now and in whatever the session that comes
    /// back is used for (R18).
    ///
    /// # Errors
    /// As [`Cabinet::session`].
    pub fn session_from(&self, id: SessionId, address: Option<IpAddr>) -> Result<Session, Error> {
        self.vault.transact(|tx| live(tx, Seen { id, address }, &self.policy.session))
    }

    /// The live session with this id, if its owner has shown who he is recently enough for a critical change (R19).
    ///
    /// # Errors
    /// [`Error::FreshAuthenticationNeeded`]: see [`Cabinet::begin_again`]; otherwise as [`Cabinet::session`].
    pub fn fresh_session(&self, id: SessionId) -> Result<Session, Error> {
        self.fresh_session_from(id, None)
    }

    /// The same, used from this address.
    ///
    /// # Errors
    /// As [`Cabinet::fresh_session`].
    pub fn fresh_session_from(&self, id: SessionId, address: Option<IpAddr>) -> Result<Session, Error> {
        self.vault.transact(|tx| fresh(tx, Seen { id, address }, &self.policy.session))
    }

    /// The live sessions of a session's account, latest first.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn sessions(&self, session: &Session) -> Result<Vec<Session>, Error> {
        self.vault.transact(|tx| {
            let account = live(tx, session.seen(), &self.policy.session)?.account;
            self.live_sessions(tx, account)
        })
    }

    /// The same for an operator, who names the account by its login.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; the vault's and the store's.
    pub fn sessions_of(&self, login: &str) -> Result<Vec<Session>, Error> {
        let account = self.account_by_login(login)?.id;
        self.vault.transact(|tx| self.live_sessions(tx, account))
    }

    fn live_sessions(&self, tx: &mut Transaction<'_>, account: AccountId) -> Result<Vec<Session>, Error> {
        let (now, epoch) = (tx.now(), account::load(tx, account)?.account.epoch);
        let mut sessions = Vec::new();
        for door in Doors::load(tx, account)?.sessions.into_iter().rev() {
            let session = match load(tx, door.session) {
                Ok(session) => session,
                // A restore has ended it, and left the list.
                Err(Error::SessionEnded) => continue,
                Err(error) => return Err(error),
            };
            if session.over(now, epoch, &self.policy.session).is_none() {
                sessions.push(session);
            }
        }
        Ok(sessions)
    }
}

/// What a session is opened with.
pub(crate) struct Opening<'a> {
    pub(crate) address: Option<IpAddr>,
    pub(crate) account: &'a Account,
    pub(crate) challenge: [u8; 16],
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) caller: Caller,
    pub(crate) client: &'a str,
}

/// Opens a session for a challenge that was answered in the same transaction. When the account has as many as policy
/// allows, the oldest ends. A device that is not known is announced (R16).
pub(crate) fn open(
    tx: &mut Transaction<'_>,
    opening: Opening<'_>,
    policy: &SessionPolicy,
) -> Result<Session, Error> {
    let Opening { address, account, challenge, evidence, caller, client } = opening;
    let now = tx.now();
    let device = match caller {
        Caller::Device(id) if device::logged_in(tx, account.id, id)? => Some(id),
        _ => None,
    };
    let mut session = Session {
        id: SessionId(tx.env().random()),
        account: account.id,
        epoch: account.epoch,
        opened: now,
        expires: now.plus(policy.longest),
        last_used: now,
        authenticated: now,
        evidence,
        device,
        client: client.into(),
        address,
        challenge,
        state: State::Absent,
    };
    session.step(Step::Open)?;
    tx.suppose_new(&row(session.id));
    put(tx, &session)?;
    let shown: Vec<&str> = session.evidence.iter().map(|kind| kind.name()).collect();
    let detail = Detail::new()
        .with("session", session.id.to_string())
        .with("challenge", hex(&challenge))
        .with("factors", shown.join(", "))
        .with("assurance", session.assurance().name())
        .with("client", client);
    tx.event(EventKind::SessionOpened, Some(account.subject), &row(session.id), &detail)?;
    if device.is_none() {
        tx.event(
            EventKind::NewDevice,
            Some(account.subject),
            &row(session.id),
            &Detail::new().with("client", client),
        )?;
        let time = crate::moment::text(now);
        let notice = Message::notice(tx, MessageKind::NewDevice, account.id);
        notice.with("client", client).with("time", &time).post(tx)?;
    }
    let mut doors = Doors::load(tx, account.id)?;
    doors.let_in(tx, &session, account, policy)?;
    doors.put(tx)?;
    Ok(session)
}

/// A session that may be used now; the commit that it is used in expects it, and its account, unchanged.
pub(crate) fn live(tx: &mut Transaction<'_>, seen: Seen, policy: &SessionPolicy) -> Result<Session, Error> {
    let mut session = load(tx, seen.id)?;
    session.address = seen.address;
    let account = account::load(tx, session.account)?.account;
    let now = tx.now();
    if session.over(now, account.epoch, policy).is_some() {
        return Err(Error::SessionEnded);
    }
    // A device that was blocked or forgotten has taken its sessions along, also those that no list names any more.
    if let Some(id) = session.device
        && !device::stands(tx, id, session.account)?
    {
        return Err(Error::SessionEnded);
    }
    // Outside of its hours or networks it may not act, whatever it was opened for (R18).
    if !account.limits.allow(now, seen.address) {
        return Err(Error::OutsideLimits);
    }
    if now.since(session.last_used) >= policy.touch {
        session.step(Step::Use)?;
        session.last_used = now;
        put(tx, &session)?;
    }
    Ok(session)
}

/// A live session whose owner has shown who he is recently enough for a critical change. A phone alone opens none for that (R11):
/// whoever has it for a moment would enrol what stays.
pub(crate) fn fresh(tx: &mut Transaction<'_>, seen: Seen, policy: &SessionPolicy) -> Result<Session, Error> {
    let session = live(tx, seen, policy)?;
    match session.stale(tx.now(), policy) {
        None => Ok(session),
        Some(error) => Err(error),
    }
}

/// Notes that the owner of a session has shown again who he is.
pub(crate) fn authenticated_again(
    tx: &mut Transaction<'_>,
    seen: Seen,
    account: &Account,
    shown: Evidence,
    policy: &SessionPolicy,
) -> Result<Session, Error> {
    let (mut session, id) = (live(tx, seen, policy)?, seen.id);
    if session.account != account.id {
        return Err(CoreError::Refused.into());
    }
    session.step(Step::Again)?;
    session.authenticated = tx.now();
    if !session.evidence.contains(&shown) {
        session.evidence.push(shown);
    }
    put(tx, &session)?;
    let detail = Detail::new().with("session", id.to_string()).with("factor", shown.name());
    tx.event(EventKind::AuthenticatedAgain, Some(account.subject), &row(id), &detail)?;
    Ok(session)
}
