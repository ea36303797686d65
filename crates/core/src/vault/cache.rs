//! Opened keys and the rows beside them, kept for the next use.
//!
//! An opened key answers only for the very row, byte for byte, that was authenticated when it was opened. A row that is
//! kept is a guess that saves reading it: a transaction which writes has its version expected by the commit, one that does
//! not reads it once before its end. Wrong guesses are conflicts, and the next attempt reads.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::attributes::KeyInfo;
use crate::secret::{SecretMemory, SecretRegion};
use crate::signature::Signer;
use crate::store::{Row, RowKey};

/// Where opened keys are kept between transactions: bounded, emptied when the vault is locked.
pub trait KeyCache: Send + Sync {
    /// What is kept of the key in this row.
    fn find(&self, row: &RowKey) -> Option<Arc<CachedKey>>;
    /// Keeps a key, in place of one that was kept before.
    fn keep(&self, row: &RowKey, key: Arc<CachedKey>);
    /// The memory in which key material is kept.
    fn memory(&self) -> &dyn SecretMemory;
    /// A state row that was kept.
    fn row(&self, row: &RowKey) -> Option<Arc<Row>>;
    /// Keeps a state row that this process has made and committed, in place of an older version. Its MAC is not looked at again.
    fn keep_row(&self, row: &RowKey, known: &Arc<Row>);
}

/// An opened key.
pub struct CachedKey {
    pub(super) stored: Arc<Row>,
    pub(super) info: KeyInfo,
    pub(super) secret: Box<dyn SecretRegion>,
    pub(super) public: Vec<u8>,
    pub(super) signer: Option<Arc<dyn Signer>>,
}

impl core::fmt::Debug for CachedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CachedKey({}, redacted)", self.info.id)
    }
}
