//! The tree as tiles after C2SP tlog-tiles: tile `n` of level `l` holds the hashes of up to 256 consecutive perfect
//! subtrees of 256^`l` leaves, from number 256·`n` on. The last tile of a level may be partial.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use zamok_core::Error;
use zamok_core::store::{RowKey, Store, Table};

use crate::tree::{self, Hash, HashReader};

/// Tiles: level and index → hashes. They are believed only as far as they lead to the root of the head.
pub const TILES: Table = Table(21);

/// Hashes in a full tile.
pub const WIDTH: usize = 256;
/// Height of the subtree that a full tile spans.
const HEIGHT: u32 = 8;
/// Levels of a tree of fewer than 2⁶⁴ leaves.
const LEVELS: u8 = 8;

/// The place of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileName {
    /// 0 holds the hashes of leaves.
    pub level: u8,
    /// From left to right.
    pub index: u64,
}

impl TileName {
    /// Its row: level, then index, big-endian.
    #[must_use]
    pub fn row(self) -> RowKey {
        RowKey::new(TILES, [&[self.level][..], &self.index.to_be_bytes()].concat())
    }

    /// Reads a row key of [`TILES`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (level, index) = bytes.split_first()?;
        Some(Self { level: *level, index: u64::from_be_bytes(index.try_into().ok()?) })
    }

    /// The path under which C2SP tlog-tiles publishes the tile when it has `width` hashes.
    #[must_use]
    pub fn path(self, width: usize) -> String {
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let partial = if width < WIDTH { format!(".p/{width}") } else { String::new() };
        format!("tile/{}/{number}{partial}", self.level)
    }

    /// How many hashes the tile has in a tree of `size` leaves.
    #[must_use]
    pub fn width(self, size: u64) -> usize {
        let edge = Self::edge(self.level, size);
        match self.index.cmp(&edge.index) {
            core::cmp::Ordering::Less => WIDTH,
            core::cmp::Ordering::Equal => low_byte(shifted(size, self.level)),
            core::cmp::Ordering::Greater => 0,
        }
    }

    /// The last tile of a level, which is partial, or has no hashes at all.
    #[must_use]
    fn edge(level: u8, size: u64) -> Self {
        Self { level, index: shifted(size, level.saturating_add(1)) }
    }
}

/// How many whole subtrees of 256^`level` leaves there are.
fn shifted(size: u64, level: u8) -> u64 {
    size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0)
}

fn low_byte(number: u64) -> usize {
    usize::from(number.to_be_bytes()[7])
}

/// The first `width` hashes of a tile's row, which may have grown since the head was read.
pub(crate) fn prefix(value: &[u8], width: usize) -> Result<Vec<Hash>, Error> {
    let (hashes, rest) = value.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() > WIDTH {
        return Err(Error::Refused);
    }
    Ok(hashes.get(..width).ok_or(Error::Refused)?.to_vec())
}

/// The bytes of a tile's row.
pub(crate) fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// The root of a full tile.
pub(crate) fn full_root(hashes: &[Hash]) -> Hash {
    Layers::over(hashes.to_vec()).peaks().next().unwrap_or_else(tree::empty)
}

/// A tile with every hash that can be computed from it: layer `h` holds the perfect subtrees of height `h`.
struct Layers(Vec<Vec<Hash>>);

impl Layers {
    fn over(hashes: Vec<Hash>) -> Self {
        let mut layers = Vec::from([hashes]);
        while let Some(last) = layers.last().filter(|last| last.len() > 1) {
            let above = last.as_chunks::<2>().0.iter().map(|[left, right]| tree::node(left, right)).collect();
            layers.push(above);
        }
        Self(layers)
    }

    /// The perfect subtrees that together make the tile, from the last and smallest to the first and largest.
    fn peaks(&self) -> impl Iterator<Item = Hash> {
        self.0.iter().filter(|layer| layer.len() % 2 == 1).filter_map(|layer| layer.last().copied())
    }

    fn get(&self, height: u32, index: u64) -> Option<Hash> {
        let layer = self.0.get(usize::try_from(height).ok()?)?;
        layer.get(usize::try_from(index).ok()?).copied()
    }
}

/// The right edge of a tree: its partial tiles, which suffice to compute the root and to let the tree grow.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    size: u64,
    /// Hashes of the partial tile of each level; always fewer than [`WIDTH`].
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads the edge of a tree of `size` leaves and compares it with its root. `read` gives the hashes of a tile,
    /// of which it is told the width; it is asked about tiles of width 0 as well, so that it can refuse strays.
    pub(crate) fn load(
        size: u64,
        root: &Hash,
        mut read: impl FnMut(TileName, usize) -> Result<Vec<Hash>, Error>,
    ) -> Result<Self, Error> {
        let mut edge = Self { size, levels: Vec::new() };
        for level in 0..LEVELS {
            let name = TileName::edge(level, size);
            edge.levels.push(read(name, name.width(size))?);
            if shifted(size, level + 1) == 0 {
                break;
            }
        }
        if edge.root() == *root { Ok(edge) } else { Err(Error::Refused) }
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let layers: Vec<_> = self.levels.iter().map(|hashes| Layers::over(hashes.clone())).collect();
        tree::fold(layers.iter().flat_map(Layers::peaks))
    }

    /// Adds a leaf. Tiles that become full go to `full`, lowest level first.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(TileName, &[Hash])) {
        let mut hash = leaf;
        for level in 0..LEVELS {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::with_capacity(WIDTH));
            }
            let hashes = &mut self.levels[place];
            hashes.push(hash);
            if hashes.len() < WIDTH {
                break;
            }
            full(TileName::edge(level, self.size), hashes);
            hash = full_root(hashes);
            hashes.clear();
        }
        self.size += 1;
    }

    /// The partial tiles, lowest level first; those without hashes are left out.
    pub fn partial(&self) -> impl Iterator<Item = (TileName, &[Hash])> {
        let tiles = (0..LEVELS).zip(&self.levels).filter(|(_, hashes)| !hashes.is_empty());
        tiles.map(|(level, hashes)| (TileName::edge(level, self.size), hashes.as_slice()))
    }

    /// The same edge with other hashes in the tile of one level.
    pub(crate) fn with(&self, name: TileName, hashes: &[Hash]) -> Self {
        let mut changed = self.clone();
        if let Some(level) = changed.levels.get_mut(usize::from(name.level)) {
            *level = hashes.to_vec();
        }
        changed
    }
}

/// The tiles in a store, each checked against the root before one of its hashes is given.
///
/// Of each level it keeps the edge and the tile that was read last, so that reading a log from end to end, or making
/// a proof, checks each tile once.
pub struct Tiles<'a> {
    store: &'a dyn Store,
    size: u64,
    levels: Vec<Level>,
}

struct Level {
    edge: Layers,
    last: Option<(u64, Layers)>,
}

impl core::fmt::Debug for Tiles<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tiles").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<'a> Tiles<'a> {
    /// Opens the tree of `size` leaves under `root`; the root must come from an authenticated head.
    ///
    /// # Errors
    /// [`Error::Refused`] when the tiles on the right edge do not lead to the root; a store's fault.
    pub fn open(store: &'a dyn Store, size: u64, root: &Hash) -> Result<Self, Error> {
        let edge = Edge::load(size, root, |name, width| match width {
            0 => Ok(Vec::new()),
            _ => prefix(&store.get(&name.row())?.ok_or(Error::Refused)?.value, width),
        })?;
        let levels = edge.levels.into_iter().map(|hashes| Level { edge: Layers::over(hashes), last: None });
        Ok(Self { store, size, levels: levels.collect() })
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of a tile, as many hashes as it has in this tree.
    pub(crate) fn tile(&mut self, name: TileName) -> Result<Vec<u8>, Error> {
        let width = name.width(self.size);
        if width == WIDTH {
            self.fetch(name)?;
        }
        let level = self.levels.get(usize::from(name.level)).ok_or(Error::Refused)?;
        let layers =
            if width == WIDTH { level.last.as_ref().map(|(_, layers)| layers) } else { Some(&level.edge) };
        let hashes = layers.and_then(|layers| layers.0.first()).ok_or(Error::Refused)?;
        Ok(bytes(hashes))
    }

    /// Makes sure that the full tile is the one that was read last on its level.
    fn fetch(&mut self, name: TileName) -> Result<(), Error> {
        let place = usize::from(name.level);
        let level = self.levels.get(place).ok_or(Error::Refused)?;
        if level.last.as_ref().is_some_and(|(index, _)| *index == name.index) {
            return Ok(());
        }
        let row = self.store.get(&name.row())?.ok_or(Error::Refused)?;
        let layers = Layers::over(prefix(&row.value, WIDTH)?);
        // A full tile is the preimage of one hash in the level above.
        if layers.peaks().next() != Some(self.node(HEIGHT * u32::from(name.level + 1), name.index)?) {
            return Err(Error::Refused);
        }
        self.levels[place].last = Some((name.index, layers));
        Ok(())
    }
}

impl HashReader for Tiles<'_> {
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Error> {
        let level = u8::try_from(height / HEIGHT).map_err(|_| Error::Refused)?;
        let within = height % HEIGHT;
        let tile = index >> (HEIGHT - within);
        let edge = TileName::edge(level, self.size).index;
        if tile > edge {
            return Err(Error::Refused);
        }
        if tile < edge {
            self.fetch(TileName { level, index: tile })?;
        }
        let level = self.levels.get(usize::from(level)).ok_or(Error::Refused)?;
        let layers =
            if tile < edge { level.last.as_ref().map(|(_, layers)| layers) } else { Some(&level.edge) };
        let first = tile << (HEIGHT - within);
        layers.and_then(|layers| layers.get(within, index - first)).ok_or(Error::Refused)
    }
}
