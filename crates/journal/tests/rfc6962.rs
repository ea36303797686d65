//! The reference tree of RFC 6962 implementations: eight leaves, their roots, inclusion and consistency proofs, as
//! in the unit tests of certificate-transparency.

use zamok_core::Error;
use zamok_journal::tree::{self, Hash, HashReader};

const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const FIRST: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
const SECOND: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const FIRST_TWO: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const THIRD_AND_FOURTH: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const FIRST_FOUR: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const LAST_FOUR: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const FIFTH: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const FIFTH_AND_SIXTH: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const LAST_TWO: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";

/// Index of the leaf, size of the tree, path.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (0, 8, &[SECOND, THIRD_AND_FOURTH, LAST_FOUR]),
    (5, 8, &[FIFTH, LAST_TWO, FIRST_FOUR]),
    (2, 3, &[FIRST_TWO]),
    (1, 5, &[FIRST, THIRD_AND_FOURTH, FIFTH]),
];

/// Older size, newer size, path.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (1, 8, &[SECOND, THIRD_AND_FOURTH, LAST_FOUR]),
    (6, 8, &[FIFTH_AND_SIXTH, LAST_TWO, FIRST_FOUR]),
    (2, 5, &[THIRD_AND_FOURTH, FIFTH]),
];

/// Reads hashes by computing them from the leaves: RFC 9162 §2.1.1 as it is written.
struct Computed;

impl HashReader for Computed {
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Error> {
        if height == 0 {
            return Ok(tree::leaf(LEAVES[usize::try_from(index).unwrap()]));
        }
        Ok(tree::node(&self.node(height - 1, 2 * index)?, &self.node(height - 1, 2 * index + 1)?))
    }
}

fn hash(hex: &str) -> Hash {
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

fn hashes(path: &[&str]) -> Vec<Hash> {
    path.iter().map(|hex| hash(hex)).collect()
}

fn root(size: u64) -> Hash {
    hash(ROOTS[usize::try_from(size).unwrap()])
}

#[test]
fn roots_are_those_of_the_reference() {
    for size in 0..=8 {
        assert_eq!(tree::root(&mut Computed, size).unwrap(), root(size), "size {size}");
    }
}

#[test]
fn inclusion_proofs_are_those_of_the_reference() {
    for (index, size, path) in INCLUSION {
        let path = hashes(path);
        assert_eq!(tree::inclusion_path(&mut Computed, index, size).unwrap(), path, "leaf {index} of {size}");
        let leaf = tree::leaf(LEAVES[usize::try_from(index).unwrap()]);
        tree::verify_inclusion(&leaf, index, size, &path, &root(size)).unwrap();
    }
}

#[test]
fn consistency_proofs_are_those_of_the_reference() {
    for (old, new, path) in CONSISTENCY {
        let path = hashes(path);
        assert_eq!(tree::consistency_path(&mut Computed, old, new).unwrap(), path, "{old} to {new}");
        tree::verify_consistency((old, &root(old)), (new, &root(new)), &path).unwrap();
    }
}

#[test]
fn no_inclusion_proof_holds_for_another_leaf_index_size_or_root_and_none_when_it_is_cut_or_longer() {
    for size in 1..=8 {
        for index in 0..size {
            let path = tree::inclusion_path(&mut Computed, index, size).unwrap();
            let leaf = tree::leaf(LEAVES[usize::try_from(index).unwrap()]);
            let check = |leaf: &Hash, index, path: &[Hash], root: &Hash| {
                tree::verify_inclusion(leaf, index, size, path, root)
            };
            check(&leaf, index, &path, &root(size)).unwrap();
            for other in (0..=size + 1).filter(|other| *other != index) {
                check(&leaf, other, &path, &root(size)).unwrap_err();
            }
            for other in (0..=8).filter(|other| *other != size) {
                check(&leaf, index, &path, &root(other)).unwrap_err();
            }
            check(&tree::leaf(b"other"), index, &path, &root(size)).unwrap_err();
            check(&leaf, index, &[&path[..], &[leaf]].concat(), &root(size)).unwrap_err();
            for place in 0..path.len() {
                let mut altered = path.clone();
                altered[place][31] ^= 1;
                check(&leaf, index, &altered, &root(size)).unwrap_err();
                check(&leaf, index, &path[..place], &root(size)).unwrap_err();
            }
        }
    }
}

#[test]
fn no_consistency_proof_holds_for_other_roots_and_none_when_it_is_cut_or_longer() {
    let error = Err(Error::Refused);
    for new in 1..=8 {
        for old in 0..=new {
            let path = tree::consistency_path(&mut Computed, old, new).unwrap();
            let check = |old_root: &Hash, new_root: &Hash, path: &[Hash]| {
                tree::verify_consistency((old, old_root), (new, new_root), path)
            };
            check(&root(old), &root(new), &path).unwrap();
            for other in 0..=8 {
                if other != old {
                    assert_eq!(check(&root(other), &root(new), &path), error);
                }
                if other != new && old > 0 {
                    assert_eq!(check(&root(old), &root(other), &path), error);
                }
            }
            assert_eq!(check(&root(old), &root(new), &[&path[..], &[root(1)]].concat()), error);
            for place in 0..path.len() {
                let mut altered = path.clone();
                altered[place][0] ^= 1;
                assert_eq!(check(&root(old), &root(new), &altered), error);
                assert_eq!(check(&root(old), &root(new), &path[..place]), error);
            }
            if old < new {
                assert_eq!(tree::verify_consistency((new, &root(new)), (old, &root(old)), &path), error);
            }
        }
    }
}

#[test]
fn a_leaf_or_an_older_tree_beyond_the_end_is_named_with_the_limit() {
    let inclusion = tree::inclusion_path(&mut Computed, 8, 8).unwrap_err();
    assert_eq!(inclusion.to_string(), "the index of a leaf of 8 exceeds the limit of 7");
    let consistency = tree::consistency_path(&mut Computed, 9, 8).unwrap_err();
    assert_eq!(consistency.to_string(), "the size of the older tree of 9 exceeds the limit of 8");
}

#[test]
fn a_proof_reads_few_hashes_of_a_large_tree() {
    struct Counted(usize);
    impl HashReader for Counted {
        fn node(&mut self, height: u32, index: u64) -> Result<Hash, Error> {
            self.0 += 1;
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&index.to_be_bytes());
            hash[31] = u8::try_from(height).unwrap();
            Ok(hash)
        }
    }
    let size = u64::MAX - 12;
    for index in [0, 1, size / 3, size - 1] {
        let mut reader = Counted(0);
        let path = tree::inclusion_path(&mut reader, index, size).unwrap();
        assert!(path.len() <= 64 && reader.0 <= 128, "{} hashes for a path of {}", reader.0, path.len());
        let mut reader = Counted(0);
        let path = tree::consistency_path(&mut reader, index + 1, size).unwrap();
        assert!(path.len() <= 65 && reader.0 <= 192, "{} hashes for a path of {}", reader.0, path.len());
    }
}
