//! Anchors: what somebody outside of the store remembers of the log, so that a store that was put back to an earlier
//! day, or rewritten by whoever holds its keys, is noticed (`CRYPTO.md` §1c).

use zamok_core::Error;
pub use zamok_core::vault::anchoring::{is_required as requires_anchor, require as require_anchor};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::read::Journal;
use crate::tree;

/// A place outside of the store that remembers the last checkpoint it was given: a file elsewhere, a witness.
pub trait Anchor: Send + Sync + core::fmt::Debug {
    /// What it remembers of this log; `None` when it was never given anything of it. One that cannot tell fails:
    /// absence is never permission.
    ///
    /// # Errors
    /// A store's fault when it cannot be reached or read; [`Error::Refused`] when what it holds was altered.
    fn last(&self, origin: &str) -> Result<Option<Checkpoint>, Error>;

    /// Remembers a later checkpoint, durably, before it answers.
    ///
    /// # Errors
    /// As [`Anchor::last`]; [`Error::LogBehind`] and [`Error::LogForked`] when it remembers one that this does not
    /// extend.
    fn keep(&self, checkpoint: &SignedCheckpoint) -> Result<(), Error>;
}

impl Journal<'_> {
    /// Compares the log with what is remembered of it elsewhere: it must be that, or an extension of it.
    ///
    /// # Errors
    /// [`Error::LogBehind`] when it is shorter: the store was put back. [`Error::LogForked`] when it is another log,
    /// or was rewritten. [`Error::Refused`] when the tree was altered; a store's fault.
    pub fn compare(&self, known: &Checkpoint) -> Result<(), Error> {
        let head = self.head()?;
        let found = head.as_ref().map_or(0, |head| head.size);
        if head.as_ref().is_some_and(|head| head.origin != known.origin) {
            return Err(Error::LogForked);
        }
        if found < known.size {
            return Err(Error::LogBehind { found, anchored: known.size });
        }
        let (head, path) = self.extends(known.size)?;
        tree::verify_consistency((known.size, &known.root), (head.size, &head.root), &path)
            .map_err(|_| Error::LogForked)
    }
}
