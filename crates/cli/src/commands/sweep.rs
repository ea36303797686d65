//! `zamok sweep`: removes what is over.

use clap::Args;
use serde_json::json;
use zamok::SweepPlace;

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// Remove challenges, sessions, refresh tokens and nonces that have been over for long, and what the journal tells in words
/// for longer than policy keeps it (`journal.details`), in small steps beside the work; once a night is enough.
#[derive(Args, Debug)]
pub(crate) struct Sweep {}

impl Sweep {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let (mut seen, mut removed, mut unread) = (0, 0, 0);
            let mut next = Some(SweepPlace::default());
            while let Some(place) = next {
                let step = zamok.sweep(&place)?;
                (seen, removed, unread) = (seen + step.seen, removed + step.removed, unread + step.unread);
                next = step.next;
            }
            let cleared = zamok::protocols::retention::sweep(zamok.cabinet())?;
            (seen, removed, unread) =
                (seen + cleared.seen, removed + cleared.removed, unread + cleared.unread);
            let mut details = 0;
            loop {
                let step = zamok.sweep_journal()?;
                details += step.details;
                if !step.more {
                    break;
                }
            }
            output.line(format!("{removed} of {seen} rows removed."))?;
            if zamok.policy().journal.details > 0 {
                output.line(format!(
                    "{details} details of the journal removed; their entries stay and prove."
                ))?;
            }
            if unread > 0 {
                output.remark(format!("{unread} rows could not be read and stay: run `zamok audit rows`"));
            }
            output
                .object(&json!({"seen": seen, "removed": removed, "unread": unread, "details": details}))?;
            Ok(Exit::Done)
        })
    }
}
