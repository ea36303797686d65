//! The log as files after C2SP tlog-tiles: `checkpoint`, `tile/<level>/<number>`, `tile/entries/<number>`. Written from
//! the store, and verified from the files alone, without a key of the vault.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use zamok_core::Error;
use zamok_core::event::Leaf;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};

use crate::checkpoint::SignedCheckpoint;
use crate::fault::{Fault, Place};
use crate::policy::{TrustPolicy, Trusted};
use crate::read::Journal;
use crate::tiles::{TILES, TileName, WIDTH};
use crate::tree;
use crate::verify::{Hashes, Report};

/// Whether entries are written beside the tree. They name accounts by pseudonyms and rows by their keys: for auditors,
/// not for the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    /// The tree alone: enough for whoever has proofs and wants to see that the log only grows.
    Withheld,
    /// Every leaf, in bundles.
    Included,
}

/// The file of a checkpoint.
const CHECKPOINT: &str = "checkpoint";

/// The path of a bundle with `width` entries.
fn bundle_path(index: u64, width: usize) -> String {
    TileName { level: 0, index }.path(width).replacen("tile/0/", "tile/entries/", 1)
}

/// How many of the first `size` entries lie in full bundles that are there, without a gap: where an export with entries goes
/// on. `has` tells whether there is such a file.
pub fn bundled(size: u64, has: impl Fn(&str) -> bool) -> u64 {
    let full = size / 256;
    256 * (0..full).find(|index| !has(&bundle_path(*index, WIDTH))).unwrap_or(full)
}

impl Journal<'_> {
    /// Writes the log under a checkpoint as files, the checkpoint last. Full files that a tree of `from` leaves had are
    /// left out: they never change.
    ///
    /// # Errors
    /// [`Error::Refused`] when a leaf or a tile was altered, or the checkpoint is not one of this log; a store's fault;
    /// what `put` returned.
    pub fn write_files<E: From<Error>>(
        &self,
        signed: &SignedCheckpoint,
        entries: Entries,
        from: u64,
        mut put: impl FnMut(&str, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let size = signed.checkpoint().size;
        let mut tiles = self.tiles(signed.checkpoint())?;
        for level in 0.. {
            if (TileName { level, index: 0 }).width(size) == 0 {
                break;
            }
            for index in first(from, u32::from(level) + 1).. {
                let name = TileName { level, index };
                let width = name.width(size);
                if width == 0 {
                    break;
                }
                put(&name.path(width), &tiles.tile(name)?)?;
            }
        }
        if entries == Entries::Included {
            for index in first(from, 1).. {
                let start = index * 256;
                if start >= size {
                    break;
                }
                let leaves = self.leaves(start..(start + 256).min(size), &mut tiles)?;
                let mut bundle = Vec::new();
                for leaf in &leaves {
                    let length = u16::try_from(leaf.len()).map_err(|_| Error::Refused)?;
                    bundle.extend(length.to_be_bytes());
                    bundle.extend(leaf);
                }
                put(&bundle_path(index, leaves.len()), &bundle)?;
            }
        }
        put(CHECKPOINT, format!("{signed}").as_bytes())
    }
}

/// The first file of a level that a tree of `size` leaves did not have in full.
fn first(size: u64, level: u32) -> u64 {
    size.checked_shr(8 * level).unwrap_or(0)
}

/// Where the files of a log come from.
pub trait Files: Send + Sync {
    /// The bytes of a file; `None` where there is none.
    ///
    /// # Errors
    /// A store's fault when it cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error>;
}

/// What was found in the files of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesReport {
    /// The checkpoint of the files.
    pub checkpoint: SignedCheckpoint,
    /// Whose signatures it bears, by the policy.
    pub trusted: Trusted,
    /// Leaves that were read; 0 where the files hold the tree alone.
    pub leaves: u64,
    /// Tree and leaves, each place that does not fit.
    pub report: Report,
}

/// Recomputes a log from its files, and names each place that does not fit: leaves, bundles, tiles, and the order of
/// each writer's entries.
///
/// # Errors
/// [`Error::Refused`] when the checkpoint is missing or no checkpoint; [`Error::Rejected`] and [`Error::Unwitnessed`]
/// when the policy does not trust it: nothing else means anything then. Faults of reading.
pub fn verify_files(files: &dyn Files, policy: &TrustPolicy) -> Result<FilesReport, Error> {
    let note = files.read(CHECKPOINT)?.ok_or(Error::Refused)?;
    let signed = SignedCheckpoint::parse(str::from_utf8(&note).map_err(|_| Error::Refused)?)?;
    let trusted = policy.require(&signed)?;
    let size = signed.checkpoint().size;
    let store = FileStore { files, size };
    let mut check = Check {
        origin: &signed.checkpoint().origin,
        hashes: Hashes::new(&store),
        report: Report::default(),
        chains: BTreeMap::new(),
        leaves: 0,
    };
    // The last one as well: where the first alone is gone, it is missed.
    let bundle = |index: u64| read_any(files, |width| bundle_path(index, width), width(size, index));
    let with_entries = size > 0 && (bundle(0)?.is_some() || bundle((size - 1) / 256)?.is_some());
    for index in 0.. {
        let width = width(size, index);
        if width == 0 {
            break;
        }
        if with_entries { check.bundle(files, index, width)? } else { check.tile(&store, index, width)? }
    }
    let Check { hashes, mut report, leaves, .. } = check;
    hashes.tail(Some(&signed.checkpoint().root), &mut report)?;
    Ok(FilesReport { checkpoint: signed, trusted, leaves, report })
}

fn width(size: u64, index: u64) -> usize {
    TileName { level: 0, index }.width(size)
}

struct Check<'a> {
    origin: &'a str,
    hashes: Hashes<'a>,
    report: Report,
    /// The last sequence of each writer.
    chains: BTreeMap<[u8; 16], u64>,
    leaves: u64,
}

impl Check<'_> {
    fn bundle(&mut self, files: &dyn Files, index: u64, width: usize) -> Result<(), Error> {
        let leaves = match read_any(files, |width| bundle_path(index, width), width)? {
            None => Err(Fault::Missing),
            Some(bytes) => split(&bytes, width).ok_or(Fault::Differs),
        };
        let leaves = match leaves {
            Ok(leaves) => leaves,
            Err(fault) => {
                self.report.note(Place::Bundle(index), fault);
                for _ in 0..width {
                    self.hashes.push(None, &mut self.report)?;
                }
                return Ok(());
            }
        };
        for bytes in leaves {
            let place = Place::Leaf(self.hashes.size());
            let fault = match Leaf::decode(&bytes) {
                Ok(leaf) if leaf.origin != self.origin => Some(Fault::Foreign),
                Ok(leaf) => {
                    let last = self.chains.entry(leaf.entry.writer).or_default();
                    let fault = match leaf.entry.sequence {
                        sequence if sequence <= *last => Some(Fault::Repeated),
                        sequence if sequence > *last + 1 => Some(Fault::Gap),
                        _ => None,
                    };
                    *last = leaf.entry.sequence.max(*last);
                    fault
                }
                Err(_) => Some(Fault::Unreadable),
            };
            let place_fault = fault.map(|fault| (place, fault));
            self.hashes.push(Some(tree::leaf(&bytes)), &mut self.report)?;
            self.leaves += 1;
            if let Some((place, fault)) = place_fault {
                self.report.note(place, fault);
            }
        }
        Ok(())
    }

    /// Without entries the lowest tiles stand for them.
    fn tile(&mut self, store: &FileStore<'_>, index: u64, width: usize) -> Result<(), Error> {
        let row = store.get(&TileName { level: 0, index }.row())?;
        let hashes = row.map(|row| row.value.as_chunks::<32>().0.to_vec()).unwrap_or_default();
        for place in 0..width {
            self.hashes.push(hashes.get(place).copied(), &mut self.report)?;
        }
        Ok(())
    }
}

/// The entries of a bundle, which must be just so many.
fn split(mut bytes: &[u8], width: usize) -> Option<Vec<Vec<u8>>> {
    let mut leaves = Vec::with_capacity(width);
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        leaves.push(leaf.to_vec());
        bytes = rest;
    }
    // A full bundle may stand where a partial one was.
    leaves.truncate(width);
    (bytes.is_empty() && leaves.len() == width).then_some(leaves)
}

/// A file of so many entries; where it is gone, the full one that took its place.
fn read_any(
    files: &dyn Files,
    path: impl Fn(usize) -> String,
    width: usize,
) -> Result<Option<Vec<u8>>, Error> {
    match files.read(&path(width))? {
        None if width < WIDTH => files.read(&path(WIDTH)),
        found => Ok(found),
    }
}

/// The tiles among the files, as rows of a store that can only be read.
struct FileStore<'a> {
    files: &'a dyn Files,
    size: u64,
}

impl Store for FileStore<'_> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: true, multi_process: true }
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        let name = TileName::from_bytes(&key.key).filter(|_| key.table == TILES);
        let Some(name) = name else { return Ok(None) };
        let width = name.width(self.size);
        let read = read_any(self.files, |width| name.path(width), width).map_err(|error| match error {
            Error::Store(fault) => fault,
            _ => StoreFault::Unavailable,
        })?;
        Ok(read.map(|value| Row { version: 1, value }))
    }

    fn scan(&self, _: Table, _: &Range, _: usize, _: Option<&Cursor>) -> Result<Page, StoreFault> {
        Err(StoreFault::Unavailable)
    }

    fn commit(&self, _: &Change) -> Result<Outcome, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn resolve(&self, _: ChangeId) -> Result<Resolution, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn counter(&self, _: &CounterKey) -> Result<u64, StoreFault> {
        Err(StoreFault::Unavailable)
    }
}
