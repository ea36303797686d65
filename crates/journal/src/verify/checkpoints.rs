//! The checkpoints that the log signed: each must be what the tree amounted to at its size, and none is there without the key
//! that signed it.

use alloc::vec::Vec;

use zamok_core::Error;
use zamok_core::store::{Row, RowKey};

use super::Audit;
use crate::checkpoint::Checkpoint;
use crate::fault::{Fault, Place, or_fault};
use crate::rows::Head;
use crate::signing::{self, CHECKPOINTS};
use crate::tiles::Tiles;
use crate::tree;

impl Audit<'_> {
    pub(super) fn checkpoints(&mut self) -> Result<(), Error> {
        let mut rows: Vec<(Vec<u8>, Row)> = Vec::new();
        self.each(CHECKPOINTS, None, |_, key, row| {
            rows.push((key.to_vec(), row.clone()));
            Ok(())
        })?;
        // After the rows: a head that is newer than they are covers them.
        let head = match self.store.get(&Head::row())? {
            Some(row) => or_fault(Head::open(self.keyring, &row))?.ok(),
            None => None,
        };
        for (key, _) in &rows {
            // Of what was signed in one commit, neither is gone without the other: absence is never permission.
            let beside = signing::beside(key).filter(|beside| rows.iter().all(|(other, _)| other != beside));
            if let Some(name) = beside.as_deref().and_then(signing::row_name) {
                self.report.note(Place::Checkpoint(name), Fault::Missing);
            }
        }
        for (key, row) in rows {
            let Some(name) = signing::row_name(&key) else {
                self.unexpected(None, CHECKPOINTS, &key);
                continue;
            };
            if let Err(fault) = self.signed_row(&key, &row, head.as_ref())? {
                self.report.note(Place::Checkpoint(name), fault);
            }
        }
        Ok(())
    }

    fn signed_row(&self, key: &[u8], row: &Row, head: Option<&Head>) -> Result<Result<(), Fault>, Error> {
        let place = RowKey::new(CHECKPOINTS, key);
        let body = match or_fault(self.keyring.verify(&place, row))? {
            Ok(body) => body,
            Err(fault) => return Ok(Err(fault)),
        };
        if !signing::is_checkpoint(key) {
            return Ok(Ok(()));
        }
        let signed = match or_fault(signing::decode(body))? {
            Ok(signed) => signed,
            Err(fault) => return Ok(Err(fault)),
        };
        // Without a head the audit has named that already.
        head.map_or(Ok(Ok(())), |head| self.is_prefix(signed.checkpoint(), head))
    }

    /// Whether the tree under the head is an extension of what was signed.
    fn is_prefix(&self, signed: &Checkpoint, head: &Head) -> Result<Result<(), Fault>, Error> {
        if signed.origin != head.origin {
            return Ok(Err(Fault::Foreign));
        }
        if signed.size > head.size {
            return Ok(Err(Fault::Ahead));
        }
        let consistent = Tiles::open(self.store, head.size, &head.root).and_then(|mut tiles| {
            let path = tree::consistency_path(&mut tiles, signed.size, head.size)?;
            Ok(tree::verify_consistency((signed.size, &signed.root), (head.size, &head.root), &path))
        });
        match or_fault(consistent)? {
            Ok(Err(_)) => Ok(Err(Fault::Differs)),
            // Tiles that cannot be read were named already.
            Ok(Ok(())) | Err(_) => Ok(Ok(())),
        }
    }
}
