//! Doors for the fuzz targets alone: what comes over a line, read without a line.

use zamok_journal::{NoteSignature, Party, SignedCheckpoint};

use crate::client;
use crate::request::{self, Unread};

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Whether the client wants to ask more over this connection.
    pub goes_on: bool,
    /// Its length, in bytes.
    pub head: usize,
    /// The length of the body, in bytes.
    pub body: usize,
}

/// Reads the head of a request; nothing while it is not all there.
///
/// # Errors
/// The status that answers what is refused.
pub fn head(bytes: &[u8], longest: usize) -> Result<Option<Head>, u16> {
    match request::head(bytes, longest) {
        Ok(None) => Ok(None),
        Ok(Some((request, head, body))) => {
            let request::Request { method, path, goes_on, .. } = request;
            Ok(Some(Head { method, path, goes_on, head, body }))
        }
        Err(Unread::Status(status)) => Err(status),
        Err(Unread::Gone) => Err(0),
    }
}

/// The cosignature of a witness in its answer.
#[must_use]
pub fn cosignature(checkpoint: &SignedCheckpoint, witness: &Party, answer: &str) -> Option<NoteSignature> {
    client::cosignature(checkpoint, witness, answer)
}
