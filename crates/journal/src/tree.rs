//! The Merkle tree of RFC 9162 §2.1 over SHA-256: hashes, roots, inclusion and consistency proofs.
//!
//! Everything here is a pure function. What needs hashes of the tree takes them from a [`HashReader`], and asks for
//! O(log n) of them.

use alloc::vec::Vec;

use zamok_core::{Error, hash};

/// A SHA-256 hash of the tree. Public, so that ordinary comparison is right.
pub type Hash = [u8; 32];

/// RFC 9162 §2.1.1: the hash of a tree without leaves.
#[must_use]
pub fn empty() -> Hash {
    hash::sha256(&[])
}

/// RFC 9162 §2.1.1: the hash of a leaf.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Hash {
    hash::sha256(&[&[0], bytes])
}

/// RFC 9162 §2.1.1: the hash over two subtrees.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    hash::sha256(&[&[1], left, right])
}

/// Where the hashes of a tree come from.
pub trait HashReader {
    /// The hash of the perfect subtree of 2^`height` leaves that begins at leaf `index`·2^`height`, so that height 0
    /// is the leaves. Only subtrees that lie wholly within the tree are asked for.
    ///
    /// # Errors
    /// [`Error::Refused`] when the hash is missing or altered; a store's fault.
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Error>;
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The hash of the leaves from `start` up to `end`, where `start` is a multiple of the first perfect subtree's size.
fn range(reader: &mut impl HashReader, start: u64, end: u64) -> Result<Hash, Error> {
    let mut peaks = Vec::new();
    let mut next = start;
    while next < end {
        let height = (end - next).ilog2();
        peaks.push(reader.node(height, next >> height)?);
        next += 1 << height;
    }
    Ok(fold(peaks.into_iter().rev()))
}

/// The root over perfect subtrees, given from the last and smallest to the first and largest.
pub(crate) fn fold(peaks: impl IntoIterator<Item = Hash>) -> Hash {
    peaks.into_iter().reduce(|right, left| node(&left, &right)).unwrap_or_else(empty)
}

/// A tree that grows leaf by leaf, of which only the right edge is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The roots of its perfect subtrees, largest first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // As many perfect subtrees as the size has trailing ones become one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(self.peaks.iter().rev().copied())
    }
}

/// RFC 9162 §2.1.1: the root of a tree of `size` leaves.
///
/// # Errors
/// What the reader reports.
pub fn root(reader: &mut impl HashReader, size: u64) -> Result<Hash, Error> {
    range(reader, 0, size)
}

/// RFC 9162 §2.1.3.1: the hashes that lead from leaf `index` to the root of a tree of `size` leaves, lowest first.
///
/// # Errors
/// [`Error::TooLong`] when the tree has no such leaf; what the reader reports.
pub fn inclusion_path(reader: &mut impl HashReader, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
    if index >= size {
        return Err(beyond("the index of a leaf", index, size.saturating_sub(1)));
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range(reader, middle, end)?);
            end = middle;
        } else {
            path.push(range(reader, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// RFC 9162 §2.1.3.2: checks that the leaf with this hash is leaf `index` of the tree of `size` leaves with this root.
///
/// # Errors
/// [`Error::Refused`] when it is not, or when the path is too short or too long.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), Error> {
    // Steps 1 to 3.
    if index >= size {
        return Err(Error::Refused);
    }
    let (mut position, mut last) = (index, size - 1);
    let mut computed = *leaf;
    // Step 4.
    for sibling in path {
        if last == 0 {
            return Err(Error::Refused);
        }
        if position & 1 == 1 || position == last {
            computed = node(sibling, &computed);
            if position & 1 == 0 {
                // Not 0 here, so that fewer than 64 zeros trail.
                let shift = position.trailing_zeros();
                (position, last) = (position >> shift, last >> shift);
            }
        } else {
            computed = node(&computed, sibling);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    // Step 5.
    if last == 0 && computed == *root { Ok(()) } else { Err(Error::Refused) }
}

/// RFC 9162 §2.1.4.1: the hashes that show that a tree of `new` leaves extends its own first `old` leaves.
///
/// Empty when `old` is 0 or equals `new`.
///
/// # Errors
/// [`Error::TooLong`] when `old` exceeds `new`; what the reader reports.
pub fn consistency_path(reader: &mut impl HashReader, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
    if old > new {
        return Err(beyond("the size of the older tree", old, new));
    }
    let mut path = Vec::new();
    if old == 0 {
        return Ok(path);
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range(reader, middle, end)?);
            end = middle;
        } else {
            path.push(range(reader, start, middle)?);
            start = middle;
        }
    }
    // The verifier has the root of the old tree already; only another subtree must be told.
    if start > 0 {
        path.push(range(reader, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// RFC 9162 §2.1.4.2: checks that the tree of `new` leaves under `new_root` extends that of `old` leaves under
/// `old_root`.
///
/// # Errors
/// [`Error::Refused`] when it does not.
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    path: &[Hash],
) -> Result<(), Error> {
    let accept = |holds: bool| if holds { Ok(()) } else { Err(Error::Refused) };
    if old >= new {
        return accept(old == new && path.is_empty() && old_root == new_root);
    }
    if old == 0 {
        // Every tree extends the empty one.
        return accept(path.is_empty() && *old_root == empty());
    }
    // Steps 1 to 3: an old tree that is perfect is itself the first hash.
    let (first, rest) = match path.split_first() {
        _ if old.is_power_of_two() => (old_root, path),
        Some((first, rest)) => (first, rest),
        None => return Err(Error::Refused),
    };
    // Step 4.
    let (mut position, mut last) = (old - 1, new - 1);
    let shift = position.trailing_ones();
    (position, last) = (position >> shift, last >> shift);
    // Step 5.
    let (mut older, mut newer) = (*first, *first);
    // Step 6.
    for sibling in rest {
        if last == 0 {
            return Err(Error::Refused);
        }
        if position & 1 == 1 || position == last {
            older = node(sibling, &older);
            newer = node(sibling, &newer);
            if position & 1 == 0 {
                // Not 0 here, so that fewer than 64 zeros trail.
                let shift = position.trailing_zeros();
                (position, last) = (position >> shift, last >> shift);
            }
        } else {
            newer = node(&newer, sibling);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    // Step 7.
    accept(last == 0 && older == *old_root && newer == *new_root)
}

/// Misuse: a number beyond what the tree holds.
fn beyond(what: &'static str, given: u64, limit: u64) -> Error {
    let bounded = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Error::TooLong { what, given: bounded(given), limit: bounded(limit) }
}
