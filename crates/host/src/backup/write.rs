//! Writing a backup.

use std::io::Write;

use zamok_core::error::BackupFault;
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::StoreFault;
use zamok_core::vault::backup::frame::{CHUNK, Chunks, Place};
use zamok_core::vault::backup::{Digest, End, Header, Item};
use zamok_core::vault::relocation::FormerLog;
use zamok_core::vault::slot::slot_row;
use zamok_core::wire::{Writer, hex};
use zamok_core::{Env, Error};
use zeroize::Zeroizing;

use super::BackupKey;
use super::export::{Waiting, export, log};
use crate::random::{self, OsRandom};
use crate::vault::Vault;

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The header of the file.
    pub header: Header,
    /// The log as the backup has it.
    pub log: FormerLog,
    /// Rows of each table, and the digest over everything.
    pub end: End,
}

impl Vault {
    /// Writes everything that the vault holds, as one commit left it, sealed under a key of its own. The caller flushes
    /// what it gave and only then gives it its name. `progress` is told how many rows were written so far.
    ///
    /// Whoever has the file and what opens it has all that the vault holds, in every role; the journal says through which slot
    /// it was made.
    ///
    /// It holds a chunk in memory. The view of one moment keeps a store from tidying up meanwhile; commits go on.
    ///
    /// # Errors
    /// [`BackupFault::NoSnapshot`]; [`BackupFault::File`]; [`Error::Refused`] when a row fails its authentication: the
    /// audit of rows names it; [`Error::Role`] in the hands of an auditor; [`Error::Locked`]; a store's fault.
    pub fn backup(
        &self,
        key: &BackupKey,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Written, Error> {
        // Told before the first byte leaves, so that ending it early hides nothing.
        let id = self.transact(|tx| {
            let id: [u8; 16] = tx.env().random();
            let slot = tx.keyring().slot().ok_or(Error::Locked)?;
            let role = tx.keyring().role().to_string();
            let detail = Detail::new().with("backup", hex(&id)).with("role", role);
            tx.event(EventKind::BackedUp, None, &slot_row(slot), &detail)?;
            Ok::<_, Error>(id)
        })?;
        self.integrate()?;
        random::catching(|| {
            self.read(|store, keyring| {
                let still = store.snapshot()?.ok_or(Error::Backup(BackupFault::NoSnapshot))?;
                let mut random = OsRandom::new()?;
                let env = Env { now: self.now(), rng: &mut random };
                let header = Header { vault: keyring.vault(), id, made: env.now, lock: key.lock };
                let mut file = Sealing::begin(&header, key, out, env)?;
                let mut rows = 0;
                let log = log(&*still, keyring, self.origin())?;
                export(&*still, keyring, &log, Waiting::Taken, &mut |item| {
                    rows += 1;
                    progress(rows);
                    file.item(&item)
                })?;
                let end = file.end()?;
                tracing::info!(rows, "a backup was written");
                Ok(Written { header, log, end })
            })
        })
    }
}

/// A backup that is being written.
struct Sealing<'a> {
    out: &'a mut dyn Write,
    env: Env<'a>,
    chunks: Chunks,
    digest: Digest,
    /// Plain bytes that are not sealed yet.
    held: Zeroizing<Vec<u8>>,
}

impl<'a> Sealing<'a> {
    fn begin(header: &Header, key: &BackupKey, out: &'a mut dyn Write, env: Env<'a>) -> Result<Self, Error> {
        put(out, &header.encode())?;
        let chunks = Chunks::new(header, key.key.clone());
        let held = Zeroizing::new(Vec::with_capacity(2 * CHUNK));
        Ok(Self { out, env, chunks, digest: Digest::default(), held })
    }

    fn item(&mut self, item: &Item) -> Result<(), Error> {
        let mut bytes = Writer::new();
        item.write(&mut bytes)?;
        self.digest.add(item, bytes.as_slice());
        for part in bytes.as_slice().chunks(CHUNK) {
            self.held.extend_from_slice(part);
            // The last chunk is never empty: one is held back until more is known to follow.
            while self.held.len() > CHUNK {
                self.chunk(CHUNK, Place::Within)?;
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<End, Error> {
        let end = self.digest.end();
        self.item(&Item::End(end.clone()))?;
        self.chunk(self.held.len(), Place::Last)?;
        Ok(end)
    }

    fn chunk(&mut self, length: usize, place: Place) -> Result<(), Error> {
        let sealed = self.chunks.seal(&self.held[..length], place, &mut self.env)?;
        let mark = u32::try_from(sealed.len()).map_err(|_| StoreFault::Full)? << 1 | place as u32;
        put(self.out, &mark.to_be_bytes())?;
        put(self.out, &sealed)?;
        let rest = Zeroizing::new(self.held[length..].to_vec());
        self.held.clear();
        self.held.extend_from_slice(&rest);
        Ok(())
    }
}

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Error> {
    out.write_all(bytes).map_err(|error| {
        tracing::error!(%error, "the backup cannot be written");
        Error::Backup(BackupFault::File)
    })
}
