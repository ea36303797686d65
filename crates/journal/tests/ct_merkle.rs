//! Against an independent implementation, the crate `ct-merkle`: roots, inclusion and consistency proofs of random
//! trees, byte for byte, ours read from tiles in a store.

mod log;

use std::collections::BTreeMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use log::{Seeded, tier};
use sha2::Sha256;
use zamok_core::store::{Change, ChangeId, MemoryStore, Outcome, Store};
use zamok_journal::tiles::{Edge, TileName, Tiles};
use zamok_journal::tree;

/// A tree as the journal keeps it: as tiles in a store.
struct Tree {
    store: MemoryStore,
    edge: Edge,
}

impl Tree {
    fn over(leaves: &[[u8; 8]]) -> Self {
        let mut edge = Edge::new();
        let mut tiles = BTreeMap::new();
        for leaf in leaves {
            edge.push(tree::leaf(leaf), |name, hashes| {
                tiles.insert(name, hashes.concat());
            });
        }
        tiles.extend(edge.partial().map(|(name, hashes)| (name, hashes.concat())));
        let store = MemoryStore::new();
        let mut change = Change::new(ChangeId([1; 16]));
        for (name, bytes) in tiles {
            change.insert(name.row(), bytes).unwrap();
        }
        assert_eq!(store.commit(&change).unwrap(), Outcome::Committed);
        Self { store, edge }
    }

    fn tiles(&self) -> Tiles<'_> {
        Tiles::open(&self.store, self.edge.size(), &self.edge.root()).unwrap()
    }
}

fn compare(size: usize, rng: &mut Seeded) {
    let leaves: Vec<[u8; 8]> = (0..size).map(|_| rng.below(u64::MAX).to_be_bytes()).collect();
    let ours = Tree::over(&leaves);
    let mut theirs = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    leaves.iter().for_each(|leaf| theirs.push(*leaf));
    let root = ours.edge.root();
    assert_eq!(root.as_slice(), theirs.root().as_bytes().as_slice(), "root of {size} leaves");

    let mut tiles = ours.tiles();
    let total = ours.edge.size();
    assert_eq!(tree::root(&mut tiles, total).unwrap(), root);
    for place in [0, size - 1, rng.index(size), rng.index(size)] {
        let index = u64::try_from(place).unwrap();
        let path = tree::inclusion_path(&mut tiles, index, total).unwrap();
        assert_eq!(path.concat(), theirs.prove_inclusion(place).as_bytes(), "leaf {place} of {size}");
        tree::verify_inclusion(&tree::leaf(&leaves[place]), index, total, &path, &root).unwrap();
        tree::verify_inclusion(&tree::leaf(b"other"), index, total, &path, &root).unwrap_err();
    }
    for old in [1, size, 1 + rng.index(size), 1 + rng.index(size)] {
        let older = u64::try_from(old).unwrap();
        let path = tree::consistency_path(&mut tiles, older, total).unwrap();
        assert_eq!(path.concat(), theirs.prove_consistency(size - old).as_bytes(), "{old} to {size}");
        let old_root = tree::root(&mut tiles, older).unwrap();
        tree::verify_consistency((older, &old_root), (total, &root), &path).unwrap();
        if old < size {
            tree::verify_consistency((older, &tree::empty()), (total, &root), &path).unwrap_err();
        }
    }
}

#[test]
fn every_small_tree_and_every_border_of_tiles_agrees() {
    let mut rng = Seeded::new(1);
    let borders = [255, 256, 257, 511, 512, 513, 1023, 65_535, 65_536, 65_537, 65_792];
    let small = tier(40, 130, 600);
    for size in (1..=small).chain(borders) {
        compare(size, &mut rng);
    }
}

/// 1,000 trees of 1 to 100,000 leaves in the full tier; fewer and mostly smaller ones before.
#[test]
fn random_trees_agree() {
    let (trees, largest) = (tier(10, 40, 1000), tier(2_000, 20_000, 100_000));
    let mut rng = Seeded::new(2);
    for _ in 0..trees {
        let size = 1 + rng.index(largest);
        compare(size, &mut rng);
    }
}

#[test]
fn tiles_have_the_places_and_widths_of_the_specification() {
    // The example of C2SP tlog-tiles: 70,000 leaves.
    let name = |level, index| TileName { level, index };
    assert_eq!(name(0, 272).width(70_000), 256);
    assert_eq!(name(0, 273).width(70_000), 112);
    assert_eq!(name(0, 274).width(70_000), 0);
    assert_eq!(name(1, 0).width(70_000), 256);
    assert_eq!(name(1, 1).width(70_000), 17);
    assert_eq!(name(2, 0).width(70_000), 1);
    assert_eq!(name(3, 0).width(70_000), 0);
    assert_eq!((name(0, 0).width(256), name(0, 1).width(256), name(1, 0).width(256)), (256, 0, 1));
    assert_eq!(name(0, 1_234_067).path(256), "tile/0/x001/x234/067");
    assert_eq!(name(2, 5).path(17), "tile/2/005.p/17");
    assert_eq!(TileName::from_bytes(&name(3, 258).row().key), Some(name(3, 258)));
}

#[test]
fn no_hash_of_an_altered_tile_is_ever_given() {
    let leaves: Vec<[u8; 8]> = (0..70_000_u64).map(u64::to_be_bytes).collect();
    let ours = Tree::over(&leaves);
    let size = ours.edge.size();
    let mut rng = Seeded::new(3);
    let honest: Vec<_> =
        (0..64).map(|round| tree::inclusion_path(&mut ours.tiles(), round * 1000, size).unwrap()).collect();
    for _ in 0..tier(50, 400, 4000) {
        let name = match rng.below(4) {
            0 => TileName { level: 0, index: 273 },
            1 => TileName { level: 1, index: rng.below(2) },
            2 => TileName { level: 2, index: 0 },
            _ => TileName { level: 0, index: rng.below(273) },
        };
        let mut hostile = log::Hostile::over(&ours.store);
        let length = ours.store.get(&name.row()).unwrap().unwrap().value.len();
        hostile.flip(&name.row(), rng.index(length));
        let Ok(mut tiles) = Tiles::open(&hostile, size, &ours.edge.root()) else { continue };
        let leaf = if name.level == 0 { name.index * 256 } else { rng.below(size) };
        let round = rng.below(64);
        for index in [leaf, round * 1000] {
            match tree::inclusion_path(&mut tiles, index, size) {
                Err(error) => assert_eq!(error, zamok_core::Error::Refused),
                Ok(path) => assert!(index != round * 1000 || path == honest[usize::try_from(round).unwrap()]),
            }
        }
        if name.level == 0 && name.index < 273 {
            tree::inclusion_path(&mut tiles, leaf, size).unwrap_err();
        }
    }
}
