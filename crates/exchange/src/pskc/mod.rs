//! PSKC, the Portable Symmetric Key Container (RFC 6030): read one device at a time, written one token at a time.
//!
//! A container of any length is read in bounded memory: what is held at once is one `KeyPackage`, of at most 1 MiB.

mod crypto;
mod header;
mod key;
mod write;
mod xml;

use std::collections::VecDeque;
use std::io::Read;

pub use self::crypto::MacHash;
use self::header::Opener;
pub use self::header::PskcKey;
pub(crate) use self::write::fits;
pub use self::write::{Protection, PskcWriter};
use self::xml::{Piece, Pieces};
use crate::error::{ExchangeError, Fault, Position, Scope};
use crate::record::{TokenRecord, WeakSecrets};

/// How a container is read.
#[derive(Clone, Debug)]
pub struct PskcOptions {
    /// What opens encrypted values.
    pub key: PskcKey,
    /// Whether secrets below 128 bits are read.
    pub weak: WeakSecrets,
    /// Most rounds of PBKDF2 that are computed. OWASP recommends 1,300,000 for HMAC-SHA-1; a file that asks for far
    /// more wants to keep its reader busy.
    pub max_iterations: u32,
}

impl Default for PskcOptions {
    fn default() -> Self {
        Self { key: PskcKey::None, weak: WeakSecrets::Refuse, max_iterations: 5_000_000 }
    }
}

/// The tokens of a container, one after the other.
///
/// An error of [`Scope::Entry`] concerns one key, and reading goes on after it; after one of [`Scope::File`] there is
/// nothing more. A failed MAC is of the second sort: an altered file is not read further.
pub struct PskcReader<R: Read> {
    pieces: Pieces<R>,
    opener: Opener,
    weak: WeakSecrets,
    ready: VecDeque<Result<TokenRecord, ExchangeError>>,
    /// Whether a package was met: the container's own elements come before.
    began: bool,
    done: bool,
    signed: bool,
}

impl<R: Read> PskcReader<R> {
    /// Reads the root of a container.
    ///
    /// # Errors
    /// What is no PSKC of version 1.0, holds a document type definition, or cannot be read.
    pub fn new(input: R, options: PskcOptions) -> Result<Self, ExchangeError> {
        let mut pieces = Pieces::new(input);
        let root = pieces.root()?;
        let fail = |fault| ExchangeError::file(fault, Position::Byte(0));
        if !root.is_pskc("KeyContainer") {
            return Err(fail(Fault::Format("PSKC (RFC 6030)")));
        }
        if !matches!(root.attribute("Version"), None | Some("1" | "1.0")) {
            return Err(fail(Fault::Version));
        }
        let PskcOptions { key, weak, max_iterations } = options;
        let (opener, ready) = (Opener::new(key, max_iterations), VecDeque::new());
        Ok(Self { pieces, opener, weak, ready, began: false, done: false, signed: false })
    }

    /// Whether the container has a signature, which is not verified. Known once every token was read.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signed
    }

    /// Reads the next child of the container.
    fn advance(&mut self) -> Result<(), ExchangeError> {
        let (child, start) = match self.pieces.next()? {
            Piece::Child(child, start) => (child, start),
            Piece::End => {
                self.done = true;
                return Ok(());
            }
        };
        let at = Position::Byte(start);
        let fail = |fault| ExchangeError::file(fault, at);
        let early = || if self.began { Err(fail(Fault::Malformed("PSKC"))) } else { Ok(()) };
        match (child.space, child.name.as_str()) {
            (xml::Space::Pskc, "EncryptionKey") => {
                early()?;
                self.opener.encryption_key(&child).map_err(fail)?;
            }
            (xml::Space::Pskc, "MACMethod") => {
                early()?;
                self.opener.mac_method(&child).map_err(fail)?;
            }
            (xml::Space::Pskc, "KeyPackage") => {
                self.began = true;
                if !child.children.iter().any(|child| child.is_pskc("Key")) {
                    return Err(ExchangeError::entry(Fault::Missing("Key"), at));
                }
                for key in child.children.iter().filter(|child| child.is_pskc("Key")) {
                    let record = key::record(&child, key, &mut self.opener, self.weak);
                    self.ready.push_back(record.map_err(|fault| match fault {
                        Fault::KeyNeeded | Fault::KeyUnfit(_) | Fault::Refused => fail(fault),
                        _ => ExchangeError::entry(fault, at),
                    }));
                }
            }
            (xml::Space::Signature | xml::Space::Pskc, "Signature") => self.signed = true,
            // Drafts before RFC 6030 call a package otherwise: its keys are not passed over in silence.
            (xml::Space::Pskc, _) if child.holds_key() => {
                let fault = Fault::Unsupported("a key outside of a KeyPackage");
                return Err(ExchangeError::entry(fault, at));
            }
            // Extensions, and what other versions may bring.
            _ => {}
        }
        Ok(())
    }
}

impl<R: Read> Iterator for PskcReader<R> {
    type Item = Result<TokenRecord, ExchangeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = loop {
            if let Some(ready) = self.ready.pop_front() {
                break ready;
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.advance() {
                break Err(error);
            }
        };
        if next.as_ref().is_err_and(|error| error.scope() == Scope::File) {
            self.done = true;
            self.ready.clear();
        }
        Some(next)
    }
}

impl<R: Read> std::fmt::Debug for PskcReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PskcReader").field("done", &self.done).finish_non_exhaustive()
    }
}
