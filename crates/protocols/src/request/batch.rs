//! Batches: many blocks under one signature (R29). A signed manifest says how many there are, how long each is and what its
//! SHA-256 is, in order; the receiver compares each block as it comes. A hash without the signature above it says nothing.

use zamok_cabinet::Cabinet;
use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::hash::sha256;
use zamok_core::wire::{Reader, Writer};

use super::client_key::Client;
use crate::error::Error;

/// What a batch consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    blocks: Vec<Block>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    length: u64,
    digest: [u8; 32],
}

impl Manifest {
    const MAGIC: &[u8; 4] = b"ZMBM";
    const FORMAT: u8 = 1;
    /// Most blocks of one batch.
    pub const MOST: usize = 16_384;

    /// The manifest of these blocks, in this order.
    ///
    /// # Errors
    /// [`Error::Batch`] for no block, or more than [`Manifest::MOST`].
    pub fn of<'b>(blocks: impl IntoIterator<Item = &'b [u8]>) -> Result<Self, Error> {
        let blocks = blocks.into_iter().map(|block| Block {
            length: u64::try_from(block.len()).unwrap_or(u64::MAX),
            digest: sha256(&[block]),
        });
        Self::bounded(blocks.collect())
    }

    fn bounded(blocks: Vec<Block>) -> Result<Self, Error> {
        if blocks.is_empty() || blocks.len() > Self::MOST {
            return Err(Error::Batch("a batch has 1 to 16,384 blocks"));
        }
        Ok(Self { blocks })
    }

    /// How many blocks there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.blocks.len()
    }

    /// The bytes that are the body of the signed request (`docs/formats/request.md`).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(Self::MAGIC).u8(Self::FORMAT).u32(u32::try_from(self.blocks.len()).unwrap_or(u32::MAX));
        for block in &self.blocks {
            writer.u64(block.length).raw(&block.digest);
        }
        writer.to_vec()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Batch`] for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let cut = |_| Error::Batch("it is cut short");
        let mut reader = Reader::new(bytes);
        if reader.raw(4).map_err(cut)? != Self::MAGIC || reader.u8().map_err(cut)? != Self::FORMAT {
            return Err(Error::Batch("it is none, or of another version"));
        }
        let count = reader.u32().map_err(cut)?;
        // What it says must be there before anything is set aside for it.
        if usize::try_from(count).ok().and_then(|count| count.checked_mul(40)) != Some(reader.remaining()) {
            return Err(Error::Batch("its length does not fit its count"));
        }
        let block = |reader: &mut Reader<'_>| Ok(Block { length: reader.u64()?, digest: reader.array()? });
        let blocks = (0..count).map(|_| block(&mut reader)).collect::<Result<_, CoreError>>().map_err(cut)?;
        Self::bounded(blocks)
    }
}

/// A batch whose manifest was signed, and whose blocks are coming.
#[derive(Debug)]
pub struct Receiving<'a> {
    cabinet: &'a Cabinet,
    /// Who sends it.
    pub client: Client,
    manifest: Manifest,
    next: usize,
}

impl<'a> Receiving<'a> {
    pub(super) const fn new(cabinet: &'a Cabinet, client: Client, manifest: Manifest) -> Self {
        Self { cabinet, client, manifest, next: 0 }
    }

    /// What was signed.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Compares the next block. One that does not fit is refused and journalled as an incident, and may be sent again.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for another block than the next; [`Error::Batch`] behind the last; the vault's and the store's.
    pub fn accept(&mut self, block: &[u8]) -> Result<(), Error> {
        let wanted = self.manifest.blocks.get(self.next).ok_or(Error::Batch("all blocks are there"))?;
        let length = u64::try_from(block.len()).unwrap_or(u64::MAX);
        if length != wanted.length || sha256(&[block]) != wanted.digest {
            self.tell(self.next)?;
            return Err(Error::REJECTED);
        }
        self.next += 1;
        Ok(())
    }

    fn tell(&self, place: usize) -> Result<(), Error> {
        self.cabinet.vault().transact(|tx| {
            let account = self.cabinet.account_in(tx, self.client.account)?;
            let detail = Detail::new()
                .with("key", self.client.key.to_string())
                .with("block", place.to_string())
                .with("blocks", self.manifest.count().to_string());
            let row = account.id.row_key();
            tx.event(EventKind::BlockRefused, Some(account.subject), &row, &detail)?;
            Ok(())
        })
    }

    /// Ends the batch: every block has come.
    ///
    /// # Errors
    /// [`Error::Batch`] when one is missing.
    pub fn finish(self) -> Result<Client, Error> {
        if self.next == self.manifest.count() {
            Ok(self.client)
        } else {
            Err(Error::Batch("blocks are missing"))
        }
    }
}
