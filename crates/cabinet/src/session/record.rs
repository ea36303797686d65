//! A session as stored.

use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::{Session, SessionId, State};
use crate::account::AccountId;
use crate::device::DeviceId;
use crate::error::Error;
use crate::evidence::Evidence;

/// Sealed sessions, under their id.
pub(crate) const SESSIONS: Table = Table(37);

const FORMAT: u8 = 2;

pub(crate) fn row(id: SessionId) -> RowKey {
    RowKey::new(SESSIONS, id.0)
}

pub(crate) fn put(tx: &mut Transaction<'_>, session: &Session) -> Result<(), Error> {
    let mut writer = Writer::new();
    writer.u8(FORMAT).raw(&session.id.0).raw(&session.account.0).u64(session.epoch);
    for time in [session.opened, session.expires, session.last_used, session.authenticated] {
        writer.u64(time.0);
    }
    writer.raw(&session.challenge).raw(&session.device.map_or([0; 16], |device| device.0));
    writer.bytes(&session.evidence.iter().map(|kind| *kind as u8).collect::<Vec<_>>())?;
    writer.text(&session.client)?.u8(match session.state {
        State::Live => 1,
        State::Ended => 2,
        State::Absent => return Err(CoreError::Refused.into()),
    });
    Ok(tx.put_record(&row(session.id), &[], writer.as_slice())?)
}

pub(crate) fn load(tx: &mut Transaction<'_>, id: SessionId) -> Result<Session, Error> {
    let opened = tx.record(&row(id))?.ok_or(Error::SessionEnded)?;
    let session = decode(&opened.body)?;
    if session.id == id { Ok(session) } else { Err(CoreError::Refused.into()) }
}

/// Whose session a row holds.
pub(crate) fn owner(body: &[u8]) -> Result<AccountId, CoreError> {
    Ok(decode(body)?.account)
}

/// Reads the body of a session's row.
pub(super) fn decode(body: &[u8]) -> Result<Session, CoreError> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() });
    }
    let session = Session {
        id: SessionId(reader.array()?),
        account: AccountId(reader.array()?),
        epoch: reader.u64()?,
        opened: UnixTime(reader.u64()?),
        expires: UnixTime(reader.u64()?),
        last_used: UnixTime(reader.u64()?),
        authenticated: UnixTime(reader.u64()?),
        challenge: reader.array()?,
        device: Some(reader.array()?).filter(|id| *id != [0; 16]).map(DeviceId),
        evidence: reader
            .bytes()?
            .iter()
            .map(|number| Evidence::from_number(*number))
            .collect::<Result<_, _>>()?,
        client: reader.text()?.into(),
        address: None,
        state: match reader.u8()? {
            1 => State::Live,
            2 => State::Ended,
            _ => return Err(CoreError::Refused),
        },
    };
    reader.end()?;
    Ok(session)
}
