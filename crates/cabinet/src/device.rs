//! Known devices (R21): trusted in a session, recognised by a token, blocked at once when lost, strangers again in time.
//!
//! A device that is known has a budget of its own at what it has been right at: who guesses from elsewhere cannot lock it out. It is no
//! factor, and replaces none.

mod desk;
mod token;

use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{Transaction, issued};
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

pub use self::token::DeviceToken;
use crate::Cabinet;
use crate::account::{self, Account, AccountId};
use crate::error::Error;
use crate::factor::{self, Since};
use crate::machine::Machine;
use crate::outbox::{self, Message, MessageKind};
use crate::policy::Policy;
use crate::session::{self, Doors, Session};
use crate::throttle::{Budget, Caller};

/// Sealed devices, under their id.
pub(crate) const DEVICES: Table = Table(45);

/// The id of a known device: 128 random bits. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub [u8; 16]);

impl core::fmt::Display for DeviceId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A device as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is called: type and model, as the service names them.
    pub label: String,
    /// When it became known.
    pub trusted: UnixTime,
    /// When it last logged in.
    pub last_login: UnixTime,
    /// When it is a stranger again.
    pub expires: UnixTime,
    state: State,
}

/// How a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Trusted,
    Blocked,
}

/// What happens to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Trust,
    LogIn,
    Block,
    Remove,
    Sweep,
}

impl Machine for State {
    type Step = Step;
    const NOUN: &'static str = "device";
    const ABSENT: Self = Self::Absent;
    const EDGES: &'static [(Self, Step, Self)] = &[
        (Self::Absent, Step::Trust, Self::Trusted),
        (Self::Trusted, Step::Trust, Self::Trusted),
        (Self::Trusted, Step::LogIn, Self::Trusted),
        (Self::Trusted, Step::Block, Self::Blocked),
        (Self::Trusted, Step::Remove, Self::Absent),
        (Self::Trusted, Step::Sweep, Self::Absent),
        (Self::Blocked, Step::Remove, Self::Absent),
        (Self::Blocked, Step::Sweep, Self::Absent),
    ];
}

impl Device {
    /// Whether it was blocked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.state == State::Blocked
    }

    /// Whether it is recognised.
    fn is_known(&self, now: UnixTime) -> bool {
        self.state == State::Trusted && now < self.expires && !self.trusted.is_ahead_of(now)
    }

    fn step(&mut self, step: Step) -> Result<(), Error> {
        self.state = self.state.after(step).ok_or(Error::DeviceUnknown)?;
        Ok(())
    }
}

impl Cabinet {
    /// Makes the device of a session known, under a label of at most 128 bytes; the token is shown this once, and the owner is told. A session that a known
    /// device has opened stays with it (blocked, it takes the session along): there this makes the same device known for longer, with the same
    /// token.
    ///
    /// # Errors
    /// [`Error::FreshAuthenticationNeeded`]; [`Error::TooManyDevices`]; [`Error::SessionEnded`]; [`CoreError::TooLong`]; the vault's and the store's.
    pub fn trust_device(&self, session: &Session, label: &str) -> Result<DeviceToken, Error> {
        if label.len() > Self::LONGEST_LABEL {
            let (given, limit) = (label.len(), Self::LONGEST_LABEL);
            return Err(CoreError::TooLong { what: "the label of a device", given, limit }.into());
        }
        self.vault.transact(|tx| {
            let mut session = session::fresh(tx, session.seen(), &self.policy.session)?;
            let account = account::load(tx, session.account)?.account;
            let now = tx.now();
            let known = match session.device {
                Some(id) => load(tx, id)?.filter(|known| known.account == account.id && known.is_known(now)),
                None => None,
            };
            let expires = now.plus(self.policy.device.trusted);
            let device = if let Some(mut device) = known {
                (device.label, device.expires) = (label.into(), expires);
                device.step(Step::Trust)?;
                put(tx, &device)?;
                device
            } else {
                let mut doors = Doors::load(tx, account.id)?;
                if doors.devices.len() >= usize::try_from(self.policy.device.most).unwrap_or(usize::MAX) {
                    return Err(Error::TooManyDevices);
                }
                // A factor remembers its use as exactly as a session does.
                let since = UnixTime(session.opened.0.saturating_sub(self.policy.session.touch));
                let mut right_at = factor::shown_since(tx, &account, &session.evidence, since)?;
                right_at.push(account.id.0);
                let (id, label) = (DeviceId(tx.env().random()), label.into());
                let (account, trusted, last_login, state) = (account.id, now, now, State::Absent);
                let mut device = Device { id, account, label, trusted, last_login, expires, state };
                device.step(Step::Trust)?;
                put(tx, &device)?;
                Budget::begin_device(tx, id, right_at)?;
                doors.devices.push(id);
                doors.put(tx)?;
                session.device = Some(id);
                session::put(tx, &session)?;
                device
            };
            let id = device.id;
            tell(tx, EventKind::DeviceTrusted, account.subject, &device)?;
            let notice = Message::notice(tx, MessageKind::DeviceTrusted, account.id);
            notice.with("device", &device.label).post(tx)?;
            let proof = issued::token(tx, self.challenge_key, &subject(account.id, id))?;
            Ok(DeviceToken { id, proof })
        })
    }

    /// Longest label of a device, in bytes.
    const LONGEST_LABEL: usize = 128;

    /// The devices of a session's account, the blocked ones included.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn devices(&self, session: &Session) -> Result<Vec<Device>, Error> {
        self.vault.transact(|tx| {
            let account = session::live(tx, session.seen(), &self.policy.session)?.account;
            Doors::load(tx, account)?.devices.into_iter().map(|id| load_of(tx, id, account)).collect()
        })
    }

    /// Blocks a device at once, lost or stolen: it is not recognised any more, and the sessions that it opened are over. No
    /// fresh authentication is needed, since nothing is given away, unless the account is entered by what lies on this device alone: an
    /// old session shuts nobody out. An officer blocks such a one ([`Cabinet::block_device_of`]).
    ///
    /// # Errors
    /// [`Error::DeviceUnknown`] when the account has no such device, or it is blocked already; [`Error::FreshAuthenticationNeeded`] and
    /// [`Error::MethodTooWeak`] where the only factor lies on it; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn block_device(&self, session: &Session, id: DeviceId) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            let account = account::load(tx, session.account)?.account;
            match session.stale(tx.now(), &self.policy.session) {
                Some(error) if factor::is_alone_on(tx, &account, id)? => Err(error),
                _ => block(tx, &account, id, None),
            }
        })
    }

    /// Forgets a device, blocked or not, and with it the factors that it held, unless those are all that the account has. One that is
    /// stronger than all that the session has shown is set aside, as by [`Cabinet::drop_factor`]. It needs a fresh authentication, and
    /// every other session ends where a factor goes.
    ///
    /// # Errors
    /// [`Error::DeviceUnknown`]; [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; the vault's and the
    /// store's.
    pub fn remove_device(&self, session: &Session, id: DeviceId) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let session = session::fresh(tx, session.seen(), &self.policy.session)?;
            let mut record = account::load(tx, session.account)?;
            let device = load_of(tx, id, record.account.id)?;
            let shown = Some(&session.evidence[..]);
            let taken = factor::remove_of_device(tx, &mut record, id, shown, &self.policy)?;
            remove(tx, &record.account, device, Step::Remove)?;
            if !taken {
                return Ok(());
            }
            // One that the device itself has opened has ended with it.
            let spared = (session.device != Some(id)).then_some(session.id);
            session::raise_epoch(tx, record, spared, "a factor was taken away")
        })
    }

    /// Who shows this token: the known device, or a stranger. A wrong token, one of another account, of a blocked device or
    /// of one whose time is over makes a stranger.
    pub(crate) fn caller(
        &self,
        tx: &mut Transaction<'_>,
        account: &Account,
        token: Option<&DeviceToken>,
    ) -> Result<Caller, Error> {
        let Some(token) = token else { return Ok(Caller::Stranger) };
        let right = issued::check_token(tx, self.challenge_key, &subject(account.id, token.id), &token.proof);
        match right {
            Ok(()) => {}
            Err(CoreError::Rejected) => return Ok(Caller::Stranger),
            Err(error) => return Err(error.into()),
        }
        caller_of(tx, account.id, Some(token.id))
    }
}

fn subject(account: AccountId, device: DeviceId) -> [u8; 32] {
    let mut subject = [0; 32];
    subject[..16].copy_from_slice(&account.0);
    subject[16..].copy_from_slice(&device.0);
    subject
}

/// Whose device this is, known or not.
pub(crate) fn account_of(tx: &mut Transaction<'_>, id: DeviceId) -> Result<Option<AccountId>, Error> {
    Ok(load(tx, id)?.map(|device| device.account))
}

/// The caller that a device is now: itself, while it is known, and a stranger afterwards.
pub(crate) fn caller_of(
    tx: &mut Transaction<'_>,
    account: AccountId,
    device: Option<DeviceId>,
) -> Result<Caller, Error> {
    let Some(id) = device else { return Ok(Caller::Stranger) };
    let now = tx.now();
    let known = load(tx, id)?.is_some_and(|device| device.account == account && device.is_known(now));
    Ok(if known { Caller::Device(id) } else { Caller::Stranger })
}

/// Whether it is the account's, and neither blocked nor forgotten; its time may be over.
pub(crate) fn stands(tx: &mut Transaction<'_>, id: DeviceId, account: AccountId) -> Result<bool, Error> {
    Ok(load(tx, id)?.is_some_and(|device| device.account == account && device.state == State::Trusted))
}

/// Notes a login from a known device; `false` when it is known no longer.
pub(crate) fn logged_in(tx: &mut Transaction<'_>, account: AccountId, id: DeviceId) -> Result<bool, Error> {
    let now = tx.now();
    let Some(mut device) = load(tx, id)?.filter(|device| device.account == account && device.is_known(now))
    else {
        return Ok(false);
    };
    device.step(Step::LogIn)?;
    device.last_login = now;
    put(tx, &device)?;
    Ok(true)
}

/// From when on a device is forgotten.
pub(crate) fn due(body: &[u8], _: &Policy) -> Result<UnixTime, CoreError> {
    Ok(decode(body)?.expires)
}

/// Blocks a device, ends the sessions that it opened, and tells its owner; journalled, by an officer with the reason.
fn block(
    tx: &mut Transaction<'_>,
    account: &Account,
    id: DeviceId,
    reason: Option<&str>,
) -> Result<(), Error> {
    let mut device = load_of(tx, id, account.id)?;
    device.step(Step::Block)?;
    put(tx, &device)?;
    let detail = told(&device);
    let detail = match reason {
        Some(reason) => detail.with("reason", reason),
        None => detail,
    };
    tx.event(EventKind::DeviceBlocked, Some(account.subject), &row(id), &detail)?;
    session::end_those_of(tx, account, id)?;
    Message::notice(tx, MessageKind::DeviceBlocked, account.id).with("device", &device.label).post(tx)?;
    Ok(())
}

/// Forgets a device that is due.
pub(crate) fn sweep(tx: &mut Transaction<'_>, row: &RowKey, policy: &Policy) -> Result<bool, Error> {
    let id = DeviceId(row.key.as_slice().try_into().map_err(|_| CoreError::Refused)?);
    let Some(device) = load(tx, id)? else { return Ok(false) };
    let Ok(mut record) = account::load(tx, device.account) else { return Ok(false) };
    if factor::remove_of_device(tx, &mut record, id, None, policy)? {
        record.put(tx)?;
    }
    remove(tx, &record.account, device, Step::Sweep)?;
    Ok(true)
}

/// Forgets the devices that became known since, with a change that is taken back.
pub(crate) fn remove_since(tx: &mut Transaction<'_>, account: &Account, since: Since) -> Result<(), Error> {
    for id in Doors::load(tx, account.id)?.devices {
        let device = load_of(tx, id, account.id)?;
        if since.has(device.trusted) {
            remove(tx, account, device, Step::Remove)?;
        }
    }
    Ok(())
}

/// Forgets every device of an account, for its erasure: a row that somebody has taken away keeps the rest from nothing.
pub(crate) fn remove_all(tx: &mut Transaction<'_>, account: &Account) -> Result<(), Error> {
    for id in Doors::load(tx, account.id)?.devices {
        match load_of(tx, id, account.id) {
            Ok(device) => remove(tx, account, device, Step::Remove)?,
            Err(Error::DeviceUnknown) => {}
            Err(error) => return Err(error),
        }
    }
    let mut doors = Doors::load(tx, account.id)?;
    doors.devices.clear();
    doors.put(tx)
}

fn remove(tx: &mut Transaction<'_>, account: &Account, mut device: Device, step: Step) -> Result<(), Error> {
    device.step(step)?;
    let mut doors = Doors::load(tx, account.id)?;
    doors.devices.retain(|id| *id != device.id);
    doors.put(tx)?;
    session::end_those_of(tx, account, device.id)?;
    tx.delete(&row(device.id))?;
    Budget::end_device(tx, device.id)?;
    outbox::remove_subscription(tx, device.id)?;
    tell(tx, EventKind::DeviceRemoved, account.subject, &device)
}

/// Blocks a device that a surviving journal says was blocked or forgotten; its sessions have ended with the restore.
pub(crate) fn block_again(tx: &mut Transaction<'_>, id: [u8; 16]) -> Result<bool, Error> {
    let Some(mut device) = load(tx, DeviceId(id))? else { return Ok(false) };
    if device.is_blocked() {
        return Ok(false);
    }
    device.step(Step::Block)?;
    put(tx, &device)?;
    let account = account::load(tx, device.account)?.account;
    tell(tx, EventKind::DeviceBlocked, account.subject, &device)?;
    Ok(true)
}

fn tell(tx: &mut Transaction<'_>, kind: EventKind, subject: Subject, device: &Device) -> Result<(), Error> {
    tx.event(kind, Some(subject), &row(device.id), &told(device))?;
    Ok(())
}

fn told(device: &Device) -> Detail {
    Detail::new().with("device", device.id.to_string()).with("label", device.label.as_str())
}

pub(crate) fn row(id: DeviceId) -> RowKey {
    RowKey::new(DEVICES, id.0)
}

pub(crate) fn put(tx: &mut Transaction<'_>, device: &Device) -> Result<(), Error> {
    let mut writer = Writer::new();
    writer.u8(1).raw(&device.id.0).raw(&device.account.0).text(&device.label)?;
    writer.u64(device.trusted.0).u64(device.last_login.0).u64(device.expires.0);
    writer.u8(match device.state {
        State::Trusted => 1,
        State::Blocked => 2,
        State::Absent => return Err(CoreError::Refused.into()),
    });
    Ok(tx.put_record(&row(device.id), &[], writer.as_slice())?)
}

pub(crate) fn load(tx: &mut Transaction<'_>, id: DeviceId) -> Result<Option<Device>, Error> {
    let Some(opened) = tx.record(&row(id))? else { return Ok(None) };
    let device = decode(&opened.body)?;
    if device.id == id { Ok(Some(device)) } else { Err(CoreError::Refused.into()) }
}

fn decode(body: &[u8]) -> Result<Device, CoreError> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != 1 {
        return Err(CoreError::Format { found: found.into(), supported: 1 });
    }
    let device = Device {
        id: DeviceId(reader.array()?),
        account: AccountId(reader.array()?),
        label: reader.text()?.into(),
        trusted: UnixTime(reader.u64()?),
        last_login: UnixTime(reader.u64()?),
        expires: UnixTime(reader.u64()?),
        state: match reader.u8()? {
            1 => State::Trusted,
            2 => State::Blocked,
            _ => return Err(CoreError::Refused),
        },
    };
    reader.end()?;
    Ok(device)
}

/// Whether it is the account's, trusted, and its time is not over.
pub(crate) fn is_known(tx: &mut Transaction<'_>, id: DeviceId, account: AccountId) -> Result<bool, Error> {
    let now = tx.now();
    Ok(load(tx, id)?.is_some_and(|device| device.account == account && device.is_known(now)))
}

fn load_of(tx: &mut Transaction<'_>, id: DeviceId, account: AccountId) -> Result<Device, Error> {
    load(tx, id)?.filter(|device| device.account == account).ok_or(Error::DeviceUnknown)
}
