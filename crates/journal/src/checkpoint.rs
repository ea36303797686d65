//! Checkpoints (C2SP tlog-checkpoint): what a tree amounts to, in three lines that a log signs and witnesses cosign.

use alloc::format;
use alloc::string::String;
use core::fmt;

use base64ct::{Base64, Encoding};
use zamok_core::Error;

use crate::note::{Note, NoteSignature, VerifierKey};
use crate::rows::is_origin;
use crate::text;
use crate::tree::Hash;

/// The name of a log, and the size and root of its tree at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// How many leaves the tree had.
    pub size: u64,
    /// Its root (RFC 9162 §2.1.1).
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a checkpoint's note. Lines after the third are opaque extensions, which must not be empty.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other text.
    pub fn parse(body: &str) -> Result<Self, Error> {
        let mut lines = body.strip_suffix('\n').ok_or(Error::Refused)?.split('\n');
        let mut line = || lines.next().ok_or(Error::Refused);
        let (origin, size, root) = (line()?, text::decimal(line()?)?, text::hash(line()?)?);
        if !is_origin(origin) || lines.any(str::is_empty) {
            return Err(Error::Refused);
        }
        Ok(Self { origin: origin.into(), size, root })
    }
}

/// The text that is signed, its last newline included.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, Base64::encode_string(&self.root))
    }
}

/// A checkpoint in its note, with whatever signatures stand there: [`TrustPolicy::check`](crate::TrustPolicy::check)
/// tells what they are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// A checkpoint that nobody signed yet.
    pub(crate) fn unsigned(checkpoint: Checkpoint) -> Result<Self, Error> {
        let note = Note::new(format!("{checkpoint}"))?;
        Ok(Self { checkpoint, note })
    }

    /// Reads a checkpoint with at least one signature. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other text.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let note = Note::parse(note)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// Origin, size and root.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note as it stands.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Puts a cosignature below it. Of each key one stands there, the latest.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not by this key, or over something else; [`Error::TooLong`] beyond 64 signatures.
    pub fn cosign(&mut self, key: &VerifierKey, line: NoteSignature) -> Result<(), Error> {
        let mut signed = Note::new(self.note.text())?;
        signed.add(line.clone())?;
        signed.signed_by(key)?.ok_or(Error::Rejected)?;
        self.note.renew(key, line)
    }

    pub(crate) const fn note_mut(&mut self) -> &mut Note {
        &mut self.note
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}
