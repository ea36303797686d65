//! Proofs that a leaf is in the log, for people to keep: verified offline, from the proof and the keys of those whom
//! the reader trusts.
//!
//! The text is a C2SP tlog-proof whose extra data is the leaf: origin, index, path and a signed checkpoint.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};
use zamok_core::Error;
use zamok_core::event::Leaf;

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::policy::{TrustPolicy, Trusted};
use crate::text;
use crate::tree::{self, Hash};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree of fewer than 2⁶⁴ leaves has no longer path.
const LONGEST_PATH: usize = 64;

/// A claim that the log had this leaf at this index when it signed this checkpoint. [`InclusionProof::verify`] tells
/// whether it is true, and [`InclusionProof::leaf_of_root`] whether at least the tree says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    index: u64,
    path: Vec<Hash>,
    leaf: Vec<u8>,
    checkpoint: SignedCheckpoint,
}

impl InclusionProof {
    pub(crate) const fn new(
        checkpoint: SignedCheckpoint,
        index: u64,
        path: Vec<Hash>,
        leaf: Vec<u8>,
    ) -> Self {
        Self { index, path, leaf, checkpoint }
    }

    /// The name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.stated().origin
    }

    /// The place of the leaf, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The number of leaves of the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.stated().size
    }

    /// The root of the tree.
    #[must_use]
    pub const fn root(&self) -> &Hash {
        &self.stated().root
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

    /// The checkpoint, with its signatures.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    const fn stated(&self) -> &Checkpoint {
        self.checkpoint.checkpoint()
    }

    /// Checks the proof and the signatures, and gives what they prove: this leaf is in the log.
    ///
    /// # Errors
    /// As [`InclusionProof::leaf_of_root`]; [`Error::Rejected`] when no log of the policy signed the checkpoint;
    /// [`Error::Unwitnessed`] without the quorum of witnesses that the policy asks for.
    pub fn verify(&self, policy: &TrustPolicy) -> Result<(Leaf, Trusted), Error> {
        let leaf = self.leaf_of_root()?;
        Ok((leaf, policy.require(&self.checkpoint)?))
    }

    /// Checks the path alone: the leaf is in the tree with this size and root, whoever says that this is the log's.
    ///
    /// # Errors
    /// [`Error::Refused`] when the path does not lead to the root, or when the leaf was written for another log;
    /// [`Error::Format`] when the leaf has another version.
    pub fn leaf_of_root(&self) -> Result<Leaf, Error> {
        tree::verify_inclusion(&tree::leaf(&self.leaf), self.index, self.size(), &self.path, self.root())?;
        let leaf = Leaf::decode(&self.leaf)?;
        if leaf.origin == self.origin() { Ok(leaf) } else { Err(Error::Refused) }
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
        text.push('\n');
        text.push_str(&self.checkpoint.to_string());
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
        let index = text::decimal(line()?.strip_prefix("index ").ok_or(Error::Refused)?)?;
        let path: Vec<_> = lines.map(text::hash).collect::<Result<_, _>>()?;
        if path.len() > LONGEST_PATH {
            return Err(Error::Refused);
        }
        let checkpoint = SignedCheckpoint::parse(note)?;
        let leaf = Base64::decode_vec(leaf).map_err(|_| Error::Refused)?;
        Ok(Self { index, path, leaf, checkpoint })
    }
}
