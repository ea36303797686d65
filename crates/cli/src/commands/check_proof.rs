//! `zamok check-proof`: an inclusion proof of the journal, checked from the file alone.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::CoreError;
use zamok::journal::InclusionProof;

use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::moment;
use crate::output::Output;

/// Check a proof that `zamok journal --prove` gave. Needs no vault.
///
/// A proof shows that the entry is in the tree with the root that it names. Compare that root with one that you know
/// from elsewhere: the proof itself cannot tell where it comes from.
#[derive(Args, Debug)]
pub(crate) struct CheckProof {
    /// The proof.
    file: PathBuf,
    /// The root that it must lead to, in hex.
    #[arg(long, value_name = "HEX")]
    root: Option<String>,
}

impl CheckProof {
    pub(crate) fn run(&self, output: &Output) -> Result<Exit, Failure> {
        let path = self.file.display();
        let proof = InclusionProof::from_text(&files::read_text(&self.file)?)
            .map_err(|_| Failure::rejected(format!("{path} is not a proof")))?;
        let leaf = proof.verify().map_err(|error| match error {
            CoreError::Refused => {
                Failure::rejected(format!("{path} proves nothing: it does not lead to its root"))
                    .hint("it was altered, or belongs to another log")
            }
            other => other.into(),
        })?;
        let root = hex(proof.root());
        if self.root.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&root)) {
            return Err(Failure::rejected(format!("{path} leads to another root: {root}")));
        }
        let (index, size, kind) = (proof.index(), proof.size(), leaf.kind.name());
        output.line(format!("Entry #{index} of {size} in the log {}:", proof.origin()))?;
        output.line(format!("{kind} at {}", moment::text(leaf.time)))?;
        output.line(format!("root {root}"))?;
        output.object(&json!({
            "valid": true,
            "index": index,
            "size": size,
            "root": root,
            "origin": proof.origin(),
            "event": kind,
            "time": leaf.time.0,
        }))?;
        Ok(Exit::Done)
    }
}
