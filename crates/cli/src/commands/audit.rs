//! `zamok audit rows`: is every row the one that was written last?

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::Zamok;

use crate::arguments::Shared;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// Compare what the store holds with what the journal says; exits with 1 when something does not fit.
#[derive(Args, Debug)]
pub(crate) struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every row: whether it proves itself, whether it lies behind the journal, whether one is missing or too many.
    Rows,
}

/// Most findings of indexes that are named.
const MOST: usize = 1000;

impl Audit {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| match self.what {
            What::Rows => rows(zamok, output),
        })
    }
}

fn rows(zamok: &Zamok, output: &Output) -> Result<Exit, Failure> {
    opening::integrate(zamok, output)?;
    let report = zamok.audit_rows()?;
    let indexes = zamok.audit_indexes(MOST)?;
    for finding in &report.findings {
        output.line(finding.to_string())?;
    }
    for finding in &indexes {
        output.line(finding.to_string())?;
    }
    if report.further > 0 {
        output.line(format!("{} findings more", report.further))?;
    }
    if !report.settled {
        output.remark(
            "the log grew all the time: rows beyond its head were not judged; look again when it is quiet",
        );
    }
    let is_sound = report.is_clean() && indexes.is_empty();
    let verdict = if is_sound { "nothing is wrong" } else { "something is wrong" };
    output.line(format!(
        "{} rows and {} leaves of the journal looked at: {verdict}.",
        report.rows, report.leaves
    ))?;
    if !is_sound {
        output.remark(
            "keep a copy of the store before you do anything else; docs/operations.md says what comes next",
        );
    }
    let named = report.findings.iter().map(|finding| finding.to_string());
    let named: Vec<_> = named.chain(indexes.iter().map(|finding| finding.to_string())).collect();
    let head = report.head.as_ref();
    output.object(&json!({
        "sound": is_sound,
        "rows": report.rows,
        "leaves": report.leaves,
        "waiting": report.waiting,
        "former": report.former,
        "erased": report.erased,
        "expired": report.expired,
        "unlisted": report.unlisted,
        "settled": report.settled,
        "size": head.map(|head| head.size),
        "root": head.map(|head| hex(&head.root)),
        "findings": named,
        "further": report.further,
    }))?;
    Ok(if is_sound { Exit::Done } else { Exit::Rejected })
}
