//! An operation as stored.

use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::{Confirmation, Content, Operation, OperationId, State, Step};
use crate::account::AccountId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::flag;
use crate::policy::Policy;
use crate::session::SessionId;

/// Sealed operations, under their id.
pub(crate) const OPERATIONS: Table = Table(52);

const FORMAT: u8 = 1;
/// What is left of an operation that was removed: the client drew the id, and may draw it again, and an old copy of the row
/// must not fit then.
const REMOVED: &[u8] = &[0];

pub(crate) fn row(id: OperationId) -> RowKey {
    RowKey::new(OPERATIONS, id.0)
}

pub(crate) fn put(tx: &mut Transaction<'_>, operation: &Operation) -> Result<(), Error> {
    let mut writer = Writer::new();
    writer.u8(FORMAT).raw(&operation.id.0).raw(&operation.account.0).u64(operation.epoch);
    writer.u64(operation.expires.0).bytes(&operation.content.to_bytes())?;
    writer.raw(&operation.challenge.unwrap_or([0; 16]));
    match operation.confirmed {
        None => writer.u8(0),
        Some(Confirmation { time, session, by }) => writer.u8(1).u64(time.0).raw(&session.0).u8(by as u8),
    };
    match &operation.receipt {
        None => writer.u8(0),
        Some(receipt) => writer.u8(1).bytes(receipt)?,
    };
    writer.u8(match operation.state {
        State::Proposed => 1,
        State::Confirmed => 2,
        State::Executed => 3,
        State::Cancelled => 4,
        State::Absent => return Err(CoreError::Refused.into()),
    });
    Ok(tx.put_record(&row(operation.id), &[], writer.as_slice())?)
}

pub(crate) fn load(tx: &mut Transaction<'_>, id: OperationId) -> Result<Option<Operation>, Error> {
    let Some(opened) = tx.record(&row(id))? else { return Ok(None) };
    let Some(operation) = decode(&opened.body)? else { return Ok(None) };
    if operation.id == id { Ok(Some(operation)) } else { Err(CoreError::Refused.into()) }
}

/// An operation of this account; those of others are as unknown as those that never were.
pub(super) fn load_of(
    tx: &mut Transaction<'_>,
    id: OperationId,
    account: AccountId,
) -> Result<Operation, Error> {
    load(tx, id)?.filter(|operation| operation.account == account).ok_or(Error::OperationUnknown)
}

/// The operation in a row; `None` where it was removed.
fn decode(body: &[u8]) -> Result<Option<Operation>, CoreError> {
    if body == REMOVED {
        return Ok(None);
    }
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() });
    }
    let id = OperationId(reader.array()?);
    let (account, epoch) = (AccountId(reader.array()?), reader.u64()?);
    let expires = UnixTime(reader.u64()?);
    let content = Content::decode(reader.bytes()?).map_err(|_| CoreError::Refused)?;
    let challenge = Some(reader.array()?).filter(|id| *id != [0; 16]);
    let confirmed = if flag(&mut reader)? {
        let (time, session) = (UnixTime(reader.u64()?), SessionId(reader.array()?));
        Some(Confirmation { time, session, by: Evidence::from_number(reader.u8()?)? })
    } else {
        None
    };
    let receipt = if flag(&mut reader)? { Some(reader.bytes()?.to_vec()) } else { None };
    let state = match reader.u8()? {
        1 => State::Proposed,
        2 => State::Confirmed,
        3 => State::Executed,
        4 => State::Cancelled,
        _ => return Err(CoreError::Refused),
    };
    reader.end()?;
    Ok(Some(Operation { id, account, content, expires, confirmed, receipt, epoch, challenge, state }))
}

/// From when on an operation is removed: an executed one when its id need not be remembered any more, another when it has been
/// over for as long as it could have lived.
pub(crate) fn due(body: &[u8], policy: &Policy) -> Result<UnixTime, CoreError> {
    let Some(operation) = decode(body)? else { return Ok(UnixTime(u64::MAX)) };
    let policy = &policy.operation;
    let kept = if operation.state == State::Executed { policy.remembered } else { policy.lifetime };
    Ok(operation.expires.plus(kept))
}

/// Removes an operation that is due; its row stays and says so.
pub(crate) fn sweep(tx: &mut Transaction<'_>, row: &RowKey, _: &Policy) -> Result<bool, Error> {
    let id = OperationId(row.key.as_slice().try_into().map_err(|_| CoreError::Refused)?);
    let Some(mut operation) = load(tx, id)? else { return Ok(false) };
    operation.step(Step::Sweep)?;
    tx.put_record(row, &[], REMOVED)?;
    Ok(true)
}
