//! `zamok check-proof`: an inclusion proof of the journal, checked from the file alone.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::CoreError;
use zamok::journal::InclusionProof;

use super::journal::Trust;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::moment;
use crate::output::Output;

/// Check a proof that `zamok journal prove` gave. Needs no vault.
///
/// With the log's key, or a policy that names it and witnesses, it is proved that the entry is in that log. Without, only
/// that it is in the tree with the root that the proof names: compare it with one that you know from elsewhere.
#[derive(Args, Debug)]
pub(crate) struct CheckProof {
    /// The proof.
    file: PathBuf,
    /// The root that it must lead to, in hex.
    #[arg(long, value_name = "HEX")]
    root: Option<String>,
    #[command(flatten)]
    trust: Trust,
}

impl CheckProof {
    pub(crate) fn run(&self, output: &Output) -> Result<Exit, Failure> {
        let path = self.file.display();
        let proof = InclusionProof::from_text(&files::read_text(&self.file)?)
            .map_err(|_| Failure::rejected(format!("{path} is not a proof")))?;
        let leaf = proof.leaf_of_root().map_err(|error| match error {
            CoreError::Refused => {
                Failure::rejected(format!("{path} proves nothing: it does not lead to its root"))
                    .hint("it was altered, or belongs to another log")
            }
            other => other.into(),
        })?;
        let trusted =
            self.trust.read()?.map(|policy| proof.verify(&policy)).transpose().map_err(|error| {
                let untrusted = format!("{path} proves nothing: nobody who is trusted signed its root");
                Failure::from(error).when_rejected(&untrusted, "is this the key of that log?")
            })?;
        let root = hex(proof.root());
        if self.root.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&root)) {
            return Err(Failure::rejected(format!("{path} leads to another root: {root}")));
        }
        let (index, size, kind) = (proof.index(), proof.size(), leaf.kind.name());
        output.line(format!("Entry #{index} of {size} in the log {}:", proof.origin()))?;
        output.line(format!("{kind} at {}", moment::text(leaf.time)))?;
        output.line(format!("root {root}"))?;
        match &trusted {
            Some((_, trusted)) if trusted.witnesses.is_empty() => output.line("signed by the log")?,
            Some((_, trusted)) => {
                let names: Vec<_> = trusted.witnesses.iter().map(|(name, _)| name.as_str()).collect();
                output.line(format!("signed by the log, cosigned by {}", names.join(", ")))?;
            }
            None => output.remark("nobody's signature was checked: give --key or --policy"),
        }
        output.object(&json!({
            "valid": true,
            "signed": trusted.is_some(),
            "witnesses": trusted.map(|(_, trusted)| trusted.witnesses.into_iter().map(|(name, _)| name).collect::<Vec<_>>()),
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
