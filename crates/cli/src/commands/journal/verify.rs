//! `zamok journal verify`: the whole log recomputed, from the store or from its files alone.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::CoreError;
use zamok::journal::{Files, Finding, verify_files};
use zamok::store::StoreFault;

use super::Trust;
use crate::arguments::Shared;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::opening::{self, Reader};
use crate::output::Output;

/// Recompute the log and name whatever does not fit; exits with 1 when something does not.
///
/// With --files from what `zamok journal export --format tlog` wrote, without a vault.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The folder of the log's files.
    #[arg(long, value_name = "DIR", requires = "Trust")]
    files: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// A folder with the files of a log.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, CoreError> {
        match fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(StoreFault::Unavailable.into()),
        }
    }
}

impl Verify {
    pub(super) fn run(&self, reader: Reader, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let trust = self.trust.read()?;
        match (&self.files, trust) {
            (Some(folder), Some(trust)) => {
                let found = verify_files(&Folder(folder.clone()), &trust).map_err(|error| {
                    let place = folder.display();
                    match error {
                        CoreError::Refused => Failure::rejected(format!("{place} holds no checkpoint")),
                        CoreError::Rejected => Failure::rejected(format!(
                            "nobody who is trusted signed the checkpoint in {place}"
                        )),
                        other => other.into(),
                    }
                })?;
                let witnesses =
                    found.trusted.witnesses.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
                if !witnesses.is_empty() {
                    output.line(format!("cosigned by {}", witnesses.join(", ")))?;
                }
                let checkpoint = found.checkpoint.checkpoint();
                let tree = (checkpoint.size, found.leaves, hex(&checkpoint.root));
                tell(&found.report.findings, found.report.further, tree, output)
            }
            _ => opening::with_journal(reader, shared, output, |vault| {
                if reader == Reader::Operator {
                    opening::settle(vault, output)?;
                }
                let report = vault.read(zamok::journal::audit)?;
                let head = report.head.as_ref();
                let size = head.map_or(0, |head| head.size);
                let root = head.map(|head| hex(&head.root)).unwrap_or_default();
                tell(&report.findings, report.further, (size, report.leaves, root), output)
            }),
        }
    }
}

fn tell(
    findings: &[Finding],
    further: u64,
    (size, leaves, root): (u64, u64, String),
    output: &Output,
) -> Result<Exit, Failure> {
    for finding in findings {
        output.line(finding.to_string())?;
    }
    if further > 0 {
        output.line(format!("{further} findings more"))?;
    }
    let is_sound = findings.is_empty();
    let verdict = if is_sound { "nothing is wrong" } else { "something is wrong" };
    output.line(format!("{size} entries in the tree, {leaves} of them read: {verdict}."))?;
    output.object(&json!({
        "sound": is_sound,
        "size": size,
        "leaves": leaves,
        "root": root,
        "findings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "further": further,
    }))?;
    Ok(if is_sound { Exit::Done } else { Exit::Rejected })
}
