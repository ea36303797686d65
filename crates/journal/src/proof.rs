//! Proofs that a leaf is in the log, for people to keep: verified offline, from the proof alone.
//!
//! The text is a C2SP tlog-proof whose extra data is the leaf. Its checkpoint is not signed yet: the proof shows
//! that the leaf is in the tree with this root, and the reader compares origin, size and root with a head that they
//! trust. Signature lines below the checkpoint, where there are any, are not looked at.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};
use zamok_core::Error;
use zamok_core::event::Leaf;

use crate::rows::{Head, is_origin};
use crate::tree::{self, Hash};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree of fewer than 2⁶⁴ leaves has no longer path.
const LONGEST_PATH: usize = 64;

/// A claim that the log had this leaf at this index when it had this size and root. [`InclusionProof::verify`]
/// tells whether it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    origin: String,
    index: u64,
    size: u64,
    root: Hash,
    path: Vec<Hash>,
    leaf: Vec<u8>,
}

impl InclusionProof {
    pub(crate) fn new(head: Head, index: u64, path: Vec<Hash>, leaf: Vec<u8>) -> Self {
        Self { origin: head.origin, index, size: head.size, root: head.root, path, leaf }
    }

    /// The name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The place of the leaf, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The number of leaves of the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree: what a verified proof is worth depends on where the reader knows it from.
    #[must_use]
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// The hashes from the leaf's sibling up to the root's child.
    #[must_use]
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The bytes of the leaf.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// Checks the proof and gives what it proves: this leaf is in the tree with this size and root.
    ///
    /// # Errors
    /// [`Error::Refused`] when the path does not lead to the root, or when the leaf was written for another log;
    /// [`Error::Format`] when the leaf has another version.
    pub fn verify(&self) -> Result<Leaf, Error> {
        tree::verify_inclusion(&tree::leaf(&self.leaf), self.index, self.size, &self.path, &self.root)?;
        let leaf = Leaf::decode(&self.leaf)?;
        if leaf.origin == self.origin { Ok(leaf) } else { Err(Error::Refused) }
    }

    /// As [`InclusionProof::verify`], under a head that the caller trusts.
    ///
    /// # Errors
    /// As [`InclusionProof::verify`]; [`Error::Refused`] when the proof was made for another head.
    pub fn verify_under(&self, head: &Head) -> Result<Leaf, Error> {
        if (self.origin.as_str(), self.size, self.root) != (head.origin.as_str(), head.size, head.root) {
            return Err(Error::Refused);
        }
        self.verify()
    }

    /// The text of a `.tlog-proof` file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text =
            format!("{FIRST_LINE}\nextra {}\nindex {}\n", Base64::encode_string(&self.leaf), self.index);
        for hash in &self.path {
            text.push_str(&Base64::encode_string(hash));
            text.push('\n');
        }
        let root = Base64::encode_string(&self.root);
        text.push_str(&format!("\n{}\n{}\n{root}\n", self.origin, self.size));
        text
    }

    /// Reads the text of a `.tlog-proof` file. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other text.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let (proof, note) = text.split_once("\n\n").ok_or(Error::Refused)?;
        let mut lines = proof.split('\n');
        let mut line = || lines.next().ok_or(Error::Refused);
        if line()? != FIRST_LINE {
            return Err(Error::Refused);
        }
        let leaf = line()?.strip_prefix("extra ").ok_or(Error::Refused)?;
        let index = number(line()?.strip_prefix("index ").ok_or(Error::Refused)?)?;
        let path: Vec<_> = lines.map(hash).collect::<Result<_, _>>()?;
        if path.len() > LONGEST_PATH {
            return Err(Error::Refused);
        }
        let (origin, size, root) = checkpoint(note)?;
        let leaf = Base64::decode_vec(leaf).map_err(|_| Error::Refused)?;
        Ok(Self { origin: origin.into(), index, size, root, path, leaf })
    }
}

/// C2SP tlog-checkpoint: origin, size and root, each on its line; signatures below an empty line are left alone.
fn checkpoint(note: &str) -> Result<(&str, u64, Hash), Error> {
    let body = match note.split_once("\n\n") {
        None => note.strip_suffix('\n').ok_or(Error::Refused)?,
        Some((body, signatures)) => {
            let mut lines = signatures.strip_suffix('\n').ok_or(Error::Refused)?.split('\n');
            if !lines.all(|line| line.starts_with("\u{2014} ")) {
                return Err(Error::Refused);
            }
            body
        }
    };
    let lines: Vec<_> = body.split('\n').collect();
    let [origin, size, root] = lines.as_slice() else { return Err(Error::Refused) };
    if !is_origin(origin) {
        return Err(Error::Refused);
    }
    Ok((origin, number(size)?, hash(root)?))
}

/// A decimal without sign or leading zeros.
fn number(text: &str) -> Result<u64, Error> {
    let number: u64 = text.parse().map_err(|_| Error::Refused)?;
    if number.to_string() == text { Ok(number) } else { Err(Error::Refused) }
}

fn hash(text: &str) -> Result<Hash, Error> {
    let mut hash = [0; 32];
    let decoded = Base64::decode(text, &mut hash).map_err(|_| Error::Refused)?;
    if decoded.len() == 32 { Ok(hash) } else { Err(Error::Refused) }
}
