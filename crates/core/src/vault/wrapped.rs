//! Wrapped keys: the rows in which data, journal and index keys lie (`docs/formats/slot.md`, "Keys").

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::header::{ListedKey, digest};
use super::keyring::{DataKeyId, Family, VAULT, VaultId};
use super::place::FORMAT;
use super::record;
use super::slot::Key32;
use crate::env::Env;
use crate::error::Error;
use crate::store::RowKey;
use crate::wire::Writer;

const MAGIC: &[u8; 4] = b"ZMKD";
const LABEL: &[u8] = b"zamok/data-key/v1";

impl Family {
    /// What the keys of its rows begin with.
    pub(super) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Data => b"data-key/",
            Self::Journal => b"journal-key/",
            Self::Index => b"index-key/",
        }
    }

    pub(super) fn row(self, id: DataKeyId) -> RowKey {
        RowKey::new(VAULT, [self.prefix(), &id.0.to_be_bytes()].concat())
    }

    fn header(self, vault: VaultId, id: DataKeyId) -> Writer {
        let mut header = Writer::new();
        header.raw(MAGIC).u16(FORMAT).raw(&vault.0).u8(self as u8).u32(id.0);
        header
    }

    /// Wraps a key of this family under the key above it.
    pub(super) fn wrap(
        self,
        vault: VaultId,
        id: DataKeyId,
        above: &[u8; 32],
        key: &Key32,
        env: &mut Env<'_>,
    ) -> Vec<u8> {
        record::seal(above, LABEL, self.header(vault, id).as_slice(), key.as_slice(), env)
    }

    /// The keys of just these rows, which must be the ones that are listed: no more, no fewer, no older ones.
    pub(super) fn unwrap<'a>(
        self,
        vault: VaultId,
        above: &[u8; 32],
        listed: &[ListedKey],
        mut rows: impl Iterator<Item = (DataKeyId, &'a [u8])>,
    ) -> Result<Vec<(DataKeyId, Key32)>, Error> {
        let mut keys = Vec::with_capacity(listed.len());
        for key in listed {
            let (id, value) = rows.next().ok_or(Error::Refused)?;
            if id != key.id || digest(value) != key.digest {
                return Err(Error::Refused);
            }
            let header = self.header(vault, id);
            let sealed = value.strip_prefix(header.as_slice()).ok_or(Error::Refused)?;
            let plain = record::open(above, LABEL, header.as_slice(), sealed)?;
            keys.push((id, Zeroizing::new(plain.as_slice().try_into().map_err(|_| Error::Refused)?)));
        }
        if rows.next().is_none() { Ok(keys) } else { Err(Error::Refused) }
    }
}
