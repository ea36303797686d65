//! What stands open to an account: its sessions and its known devices, in one authenticated row.
//!
//! The row lists; it grants nothing. Ending all sessions raises the account's epoch, which reaches those too that no list
//! names.

use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::ending::end;
use super::{Session, SessionId, Step, load};
use crate::account::{Account, AccountId};
use crate::device::DeviceId;
use crate::error::Error;
use crate::policy::SessionPolicy;

/// Open sessions and known devices: authenticated rows, under the id of their account.
const DOORS: Table = Table(47);

pub(crate) struct Doors {
    account: AccountId,
    /// Oldest first.
    pub(crate) sessions: Vec<OpenDoor>,
    pub(crate) devices: Vec<DeviceId>,
}

/// A session that was opened and has not been ended: whether it has lapsed, its own row says.
#[derive(Clone, Copy)]
pub(crate) struct OpenDoor {
    pub(crate) session: SessionId,
    epoch: u64,
    expires: UnixTime,
}

impl Doors {
    const FORMAT: u8 = 1;

    pub(crate) fn load(tx: &mut Transaction<'_>, account: AccountId) -> Result<Self, Error> {
        let Some(body) = tx.state(&RowKey::new(DOORS, account.0))? else {
            return Ok(Self { account, sessions: Vec::new(), devices: Vec::new() });
        };
        let mut reader = Reader::new(&body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() }.into());
        }
        let sessions = (0..reader.u16()?)
            .map(|_| {
                let (session, epoch) = (SessionId(reader.array()?), reader.u64()?);
                Ok(OpenDoor { session, epoch, expires: UnixTime(reader.u64()?) })
            })
            .collect::<Result<_, CoreError>>()?;
        let devices =
            (0..reader.u16()?).map(|_| reader.array().map(DeviceId)).collect::<Result<_, CoreError>>()?;
        reader.end()?;
        Ok(Self { account, sessions, devices })
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).u16(count(self.sessions.len())?);
        for door in &self.sessions {
            writer.raw(&door.session.0).u64(door.epoch).u64(door.expires.0);
        }
        writer.u16(count(self.devices.len())?);
        for device in &self.devices {
            writer.raw(&device.0);
        }
        Ok(tx.put_state(&RowKey::new(DOORS, self.account.0), writer.as_slice())?)
    }

    /// Lists a session that was opened, or moved to another epoch. Those whose time is over leave the list, and the oldest
    /// end when there are too many.
    pub(super) fn let_in(
        &mut self,
        tx: &mut Transaction<'_>,
        session: &Session,
        account: &Account,
        policy: &SessionPolicy,
    ) -> Result<(), Error> {
        let now = tx.now();
        self.sessions.retain(|door| door.epoch == account.epoch && now < door.expires);
        self.list(session);
        let most = usize::try_from(policy.most.max(1)).unwrap_or(usize::MAX);
        let too_many = self.sessions.len().saturating_sub(most);
        for door in self.sessions.drain(..too_many).collect::<Vec<_>>() {
            match load(tx, door.session) {
                Ok(oldest) => end(tx, oldest, account, Step::Revoke, "too many sessions")?,
                // A restore has ended it, and left the list.
                Err(Error::SessionEnded) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Lists a session.
    pub(super) fn list(&mut self, session: &Session) {
        let (epoch, expires) = (session.epoch, session.expires);
        self.sessions.push(OpenDoor { session: session.id, epoch, expires });
    }

    /// Forgets a session.
    pub(super) fn shut(tx: &mut Transaction<'_>, session: &Session) -> Result<(), Error> {
        let mut doors = Self::load(tx, session.account)?;
        let before = doors.sessions.len();
        doors.sessions.retain(|door| door.session != session.id);
        if doors.sessions.len() == before { Ok(()) } else { doors.put(tx) }
    }
}

/// The known devices of an account, blocked or not.
pub(crate) fn devices_of(tx: &mut Transaction<'_>, account: AccountId) -> Result<Vec<DeviceId>, Error> {
    Ok(Doors::load(tx, account)?.devices)
}

fn count(length: usize) -> Result<u16, CoreError> {
    let limit = usize::from(u16::MAX);
    u16::try_from(length).map_err(|_| CoreError::TooLong {
        what: "the list of an account",
        given: length,
        limit,
    })
}
