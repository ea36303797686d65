//! `zamok journal checkpoint`: what the log amounts to, signed, and cosigned by witnesses.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::journal::SignedCheckpoint;
use zamok::witness::Client;

use super::policy;
use crate::arguments::Shared;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// Sign what the log amounts to now, and take it to witnesses.
///
/// Whoever keeps a checkpoint can tell later whether the log was put back or rewritten. Exits with 1 when fewer witnesses
/// cosign than the policy asks for.
#[derive(Args, Debug)]
pub(super) struct Checkpoint {
    /// A file that names witnesses, where they are reached, and how many it takes (C2SP tlog-policy).
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl Checkpoint {
    pub(super) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let policy = self.policy.as_deref().map(policy).transpose()?;
        opening::with_vault(shared, output, |zamok| {
            let Some(policy) = policy else {
                let signed = zamok.vault().checkpoint()?;
                return tell(&signed, &zamok.vault().log_key()?.to_string(), &[], true, output);
            };
            let gathered = Client::new(policy).gather(zamok.vault())?;
            for (name, refusal) in &gathered.refusals {
                output.remark(format!("{name} {refusal}"));
            }
            let witnesses: Vec<_> =
                gathered.trusted.witnesses.iter().map(|(name, _)| name.as_str()).collect();
            let key = zamok.vault().log_key()?.to_string();
            tell(&gathered.checkpoint, &key, &witnesses, gathered.trusted.is_quorum, output)
        })
    }
}

fn tell(
    signed: &SignedCheckpoint,
    key: &str,
    witnesses: &[&str],
    is_quorum: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let note = signed.to_string();
    if !output.is_for_programs() {
        output.text(&note)?;
    }
    output.remark(format!("the log's key: {key}"));
    if !is_quorum {
        output.remark("too few witnesses have cosigned it");
    }
    let checkpoint = signed.checkpoint();
    output.object(&json!({
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": hex(&checkpoint.root),
        "key": key,
        "witnesses": witnesses,
        "quorum": is_quorum,
        "note": note,
    }))?;
    Ok(if is_quorum { Exit::Done } else { Exit::Rejected })
}
