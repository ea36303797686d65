//! Reading a backup: nothing of it is believed before its chunk was opened, and all of it is checked before any is used.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};

use zamok_core::Error;
use zamok_core::error::BackupFault;
use zamok_core::event::Leaf;
use zamok_core::vault::backup::frame::{Chunks, Header, Place, SEALED};
use zamok_core::vault::backup::{Begin, End, Item, Items};
use zamok_journal::tree::{self, Frontier};

use super::BackupKey;

const DAMAGED: Error = Error::Backup(BackupFault::Damaged);

/// A backup of which the header was read.
#[derive(Debug)]
pub struct Opener<R> {
    input: R,
    header: Header,
}

/// What a whole backup holds, after all of it was checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The header of the file.
    pub header: Header,
    /// The log as the backup has it.
    pub begin: Begin,
    /// Rows of each table, and the digest over everything.
    pub end: End,
    /// Entries of the journal that waited to be integrated.
    pub waiting: u64,
    /// The tree of the log as the backup has it, so that what comes later can be added.
    pub(super) frontier: Frontier,
    /// How far each writer's entries go in it.
    pub(super) writers: BTreeMap<[u8; 16], u64>,
}

impl<R: Read> Opener<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// As [`Header::decode`]; [`BackupFault::File`].
    pub fn new(mut input: R) -> Result<Self, Error> {
        let mut bytes = vec![0; Header::START];
        fill(&mut input, &mut bytes).map_err(|error| match error {
            DAMAGED => Error::Backup(BackupFault::Foreign),
            other => other,
        })?;
        let rest = Header::rest(bytes.first_chunk().ok_or(DAMAGED)?)?;
        bytes.resize(Header::START + rest, 0);
        fill(&mut input, &mut bytes[Header::START..])?;
        Ok(Self { header: Header::decode(&bytes)?, input })
    }

    /// What it says of itself, unauthenticated.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Opens it and hands every item to `each`. Until it has come to its end without an error, the file may have been cut.
    ///
    /// # Errors
    /// [`Error::Rejected`] for another key; [`BackupFault::Damaged`]; [`BackupFault::File`]; what `each` returned.
    pub fn read(
        mut self,
        key: &BackupKey,
        each: &mut dyn FnMut(Item) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut chunks = Chunks::new(&self.header, key.key.clone());
        let mut items = Items::default();
        let mut sealed = Vec::with_capacity(SEALED);
        loop {
            let mut mark = [0; 4];
            fill(&mut self.input, &mut mark)?;
            let mark = u32::from_be_bytes(mark);
            let length = usize::try_from(mark >> 1).ok().filter(|length| *length <= SEALED).ok_or(DAMAGED)?;
            let place = if mark & 1 == 1 { Place::Last } else { Place::Within };
            sealed.resize(length, 0);
            fill(&mut self.input, &mut sealed)?;
            items.feed(&chunks.open(&sealed, place)?);
            for item in items.take()? {
                each(item)?;
            }
            if place == Place::Last {
                break;
            }
        }
        items.finish()?;
        // Nothing may follow.
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(DAMAGED),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Opens it, checks all of it, and keeps none: chunks, order, counts, digest, and that its leaves are the tree of its
    /// head.
    ///
    /// # Errors
    /// As [`Opener::read`].
    pub fn check(self, key: &BackupKey) -> Result<Checked, Error> {
        let header = self.header;
        let (mut begun, mut ended) = (None::<Begin>, None);
        let (mut frontier, mut writers, mut waiting) = (Frontier::default(), BTreeMap::new(), 0);
        self.read(key, &mut |item| {
            match item {
                Item::Begin(begin) => begun = Some(begin),
                Item::End(end) => ended = Some(end),
                Item::Leaf { index, leaf } => {
                    if index != frontier.size() + waiting {
                        return Err(DAMAGED);
                    }
                    if begun.as_ref().is_some_and(|begin| index < begin.size) {
                        frontier.push(tree::leaf(&leaf));
                        if let Ok(id) = Leaf::entry_of(&leaf) {
                            writers.insert(id.writer, id.sequence);
                        }
                    } else {
                        waiting += 1;
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let (begin, end) = begun.zip(ended).ok_or(DAMAGED)?;
        if frontier.size() != begin.size || frontier.root() != begin.root {
            return Err(DAMAGED);
        }
        Ok(Checked { header, begin, end, waiting, frontier, writers })
    }
}

fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), Error> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => DAMAGED,
        _ => failed(&error),
    })
}

fn failed(error: &std::io::Error) -> Error {
    tracing::error!(%error, "the backup cannot be read");
    Error::Backup(BackupFault::File)
}
