//! A family of refresh tokens: what follows from one grant. It has one good token at a time.

use zamok_cabinet::{AccountId, Error, PowerId, SessionId};
use zamok_core::hash::sha256;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

use super::sender::Binding;

/// Sealed families, under their id.
pub(crate) const FAMILIES: Table = Table(56);

/// The id of a family: 128 random bits. Not a secret: access tokens name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FamilyId(pub(crate) [u8; 16]);

impl core::fmt::Display for FamilyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FamilyId {
    pub(super) fn row(self) -> RowKey {
        RowKey::new(FAMILIES, self.0)
    }
}

/// A family as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) id: FamilyId,
    pub(super) account: AccountId,
    pub(super) session: SessionId,
    pub(super) audience: String,
    pub(super) binding: Binding,
    pub(super) power: Option<PowerId>,
    /// When its session ends at the latest.
    pub(super) expires: UnixTime,
    /// Random, so that the tokens of two families, or of one that was put back, are never the same.
    pub(super) salt: [u8; 32],
    /// Which token is good, counted from 1.
    pub(super) generation: u32,
    pub(super) revoked: bool,
}

impl Family {
    const FORMAT: u8 = 1;
    const LABEL: &[u8] = b"zamok/refresh/v1";

    /// What a token of this family is derived from.
    pub(super) fn subject(&self, generation: u32) -> [u8; 32] {
        sha256(&[Self::LABEL, &self.id.0, &self.salt, &generation.to_be_bytes()])
    }

    pub(super) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), CoreError> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&self.id.0).raw(&self.account.0).raw(&self.session.0);
        writer.text(&self.audience)?;
        self.binding.write(&mut writer);
        writer.raw(&self.power.map_or([0; 16], |power| power.0)).u64(self.expires.0);
        writer.raw(&self.salt).u32(self.generation).u8(self.revoked.into());
        tx.put_record(&self.id.row(), &[], writer.as_slice())
    }

    pub(super) fn load(tx: &mut Transaction<'_>, id: FamilyId) -> Result<Option<Self>, CoreError> {
        let Some(opened) = tx.record(&id.row())? else { return Ok(None) };
        let family = Self::decode(&opened.body)?;
        if family.id == id { Ok(Some(family)) } else { Err(CoreError::Refused) }
    }

    fn decode(body: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let family = Self {
            id: FamilyId(reader.array()?),
            account: AccountId(reader.array()?),
            session: SessionId(reader.array()?),
            audience: reader.text()?.into(),
            binding: Binding::load(&mut reader)?,
            power: Some(reader.array()?).filter(|id| *id != [0; 16]).map(PowerId),
            expires: UnixTime(reader.u64()?),
            salt: reader.array()?,
            generation: reader.u32()?,
            revoked: match reader.u8()? {
                0 => false,
                1 => true,
                _ => return Err(CoreError::Refused),
            },
        };
        reader.end()?;
        Ok(family)
    }

    /// Whether an access token of this family is still good. A family that is not there was revoked.
    pub(super) fn of_token(tx: &mut Transaction<'_>, id: FamilyId, session: SessionId) -> Result<(), Error> {
        match Self::load(tx, id)? {
            Some(family) if !family.revoked && family.session == session => Ok(()),
            _ => Err(CoreError::Rejected.into()),
        }
    }
}

/// From when on retention removes a family: its session has ended by then in any case.
pub(crate) fn due(body: &[u8]) -> Result<UnixTime, CoreError> {
    Family::decode(body).map(|family| family.expires)
}
