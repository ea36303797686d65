//! The tree recomputed from the leaves, beside the tree that the tiles hold. Where the two differ, the hash above
//! decides which of them is wrong.

use alloc::vec::Vec;
use core::mem;

use zamok_core::Error;
use zamok_core::store::Store;

use super::{Audit, Report};
use crate::fault::{Fault, Place};
use crate::tiles::{self, Edge, TileName, WIDTH};
use crate::tree::Hash;

pub(crate) struct Hashes<'a> {
    store: &'a dyn Store,
    /// Everything up to the last full tile of leaves.
    edge: Edge,
    /// The hashes of the leaves after that; `None` where the leaf could not be read.
    pending: Vec<Option<Hash>>,
    /// Whether a hash could be had neither from a leaf nor from a tile: the root cannot be right then.
    lost: bool,
}

/// The hashes of some leaves after leaves and tile were compared.
struct Settled {
    hashes: Vec<Hash>,
    lost: bool,
}

impl<'a> Hashes<'a> {
    pub(crate) fn new(store: &'a dyn Store) -> Self {
        Self { store, edge: Edge::new(), pending: Vec::with_capacity(WIDTH), lost: false }
    }

    /// How many leaves the recomputed tree has.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size() + u64::try_from(self.pending.len()).unwrap_or(u64::MAX)
    }

    /// The next leaf.
    pub(crate) fn push(&mut self, leaf: Option<Hash>, report: &mut Report) -> Result<(), Error> {
        self.pending.push(leaf);
        if self.pending.len() < WIDTH {
            return Ok(());
        }
        let name = TileName { level: 0, index: self.edge.size() / 256 };
        let pending = mem::take(&mut self.pending);
        let parent = self.hash_above(name)?;
        let settled =
            self.settle(name, &pending, report, |stored| parent == Some(tiles::full_root(stored)))?;
        self.lost |= settled.lost;
        let mut full = Vec::new();
        for hash in settled.hashes {
            self.edge.push(hash, |name, hashes| full.push((name, hashes.to_vec())));
        }
        for (name, hashes) in full.into_iter().filter(|(name, _)| name.level > 0) {
            self.compare(name, &hashes, report)?;
        }
        Ok(())
    }

    /// Compares the hashes of leaves with the tile that holds them. `stands` tells whether the tile as stored leads
    /// to the hashes above it: then a leaf that differs was exchanged, else the tile was altered.
    fn settle(
        &self,
        name: TileName,
        leaves: &[Option<Hash>],
        report: &mut Report,
        stands: impl FnOnce(&[Hash]) -> bool,
    ) -> Result<Settled, Error> {
        let stored = match self.stored(name, leaves.len())? {
            Ok(stored) => stored,
            Err(fault) => {
                report.note(Place::Tile(name), fault);
                let hashes = leaves.iter().map(|leaf| leaf.unwrap_or_default()).collect();
                return Ok(Settled { hashes, lost: leaves.contains(&None) });
            }
        };
        let first = name.index * 256;
        let differing: Vec<u64> = (first..)
            .zip(leaves.iter().zip(&stored))
            .filter(|(_, (leaf, stored))| leaf.is_some_and(|leaf| leaf != **stored))
            .map(|(index, _)| index)
            .collect();
        if !differing.is_empty() && !stands(&stored) {
            report.note(Place::Tile(name), Fault::Differs);
            let hashes = leaves.iter().zip(&stored).map(|(leaf, stored)| leaf.unwrap_or(*stored)).collect();
            return Ok(Settled { hashes, lost: false });
        }
        for index in differing {
            report.note(Place::Leaf(index), Fault::Differs);
        }
        Ok(Settled { hashes: stored, lost: false })
    }

    /// The first `width` hashes of a stored tile.
    fn stored(&self, name: TileName, width: usize) -> Result<Result<Vec<Hash>, Fault>, Error> {
        Ok(match self.store.get(&name.row())? {
            None => Err(Fault::Missing),
            Some(row) => tiles::prefix(&row.value, width).map_err(|_| Fault::Differs),
        })
    }

    /// What the level above holds for a full tile.
    fn hash_above(&self, name: TileName) -> Result<Option<Hash>, Error> {
        let above = TileName { level: name.level + 1, index: name.index / 256 };
        let place = usize::from(name.index.to_be_bytes()[7]);
        Ok(self.stored(above, place + 1)?.ok().and_then(|hashes| hashes.last().copied()))
    }

    fn compare(&self, name: TileName, hashes: &[Hash], report: &mut Report) -> Result<(), Error> {
        match self.stored(name, hashes.len())? {
            Ok(stored) if stored == hashes => {}
            Ok(_) => report.note(Place::Tile(name), Fault::Differs),
            Err(fault) => report.note(Place::Tile(name), fault),
        }
        Ok(())
    }

    /// Compares the right edge of the tree, and its root where one is known.
    pub(crate) fn tail(&self, root: Option<&Hash>, report: &mut Report) -> Result<(), Error> {
        let mut lost = self.lost;
        let mut edge = self.edge.clone();
        if !self.pending.is_empty() {
            let name = TileName { level: 0, index: edge.size() / 256 };
            let stands = |stored: &[Hash]| Some(&edge.with(name, stored).root()) == root;
            let settled = self.settle(name, &self.pending, report, stands)?;
            lost |= settled.lost;
            for hash in settled.hashes {
                edge.push(hash, |_, _| {});
            }
        }
        for (name, partial) in edge.partial().filter(|(name, _)| name.level > 0) {
            self.compare(name, partial, report)?;
        }
        if root.is_some_and(|root| *root != edge.root()) && !lost {
            report.note(Place::Head, Fault::Differs);
        }
        if root.is_none() && edge.size() > 0 {
            report.note(Place::Head, Fault::Missing);
        }
        Ok(())
    }
}

impl Audit<'_> {
    /// Compares the right edge of the tree, and its root with the head.
    pub(super) fn tail(&mut self) -> Result<(), Error> {
        let root = self.report.head.as_ref().map(|head| head.root);
        self.hashes.tail(root.as_ref(), &mut self.report)
    }
}
