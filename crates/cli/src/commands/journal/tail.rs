//! `zamok journal tail`: the last entries of the whole log, and those that come.

use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use zamok::Vault;

use crate::arguments::Shared;
use crate::events::{self, Eyes};
use crate::failure::{Exit, Failure};
use crate::opening::{self, Reader};
use crate::output::Output;

/// Show the last entries of the whole log, for the operator, oldest first.
#[derive(Args, Debug)]
pub(super) struct Tail {
    /// How many entries to show.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=1000))]
    limit: u16,
    /// Go on with the entries that come, until interrupted.
    #[arg(long)]
    follow: bool,
}

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// Entries that are read at once.
const PAGE: u64 = 256;

impl Tail {
    pub(super) fn run(&self, reader: Reader, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let integrate = |vault: &Vault| {
            if reader == Reader::Operator { opening::settle(vault, output) } else { Ok(()) }
        };
        opening::with_journal(reader, shared, output, |vault| {
            integrate(vault)?;
            let mut next = size(vault)?.saturating_sub(self.limit.into());
            loop {
                let mut entries = Vec::new();
                loop {
                    let page =
                        opening::read(vault, |journal| journal.range(next..next.saturating_add(PAGE)))?;
                    if page.is_empty() {
                        break;
                    }
                    next += u64::try_from(page.len()).unwrap_or(u64::MAX);
                    for entry in &page {
                        output.line(events::line(entry, Eyes::Operator))?;
                        entries.push(events::object(entry, Eyes::Operator));
                    }
                }
                if !self.follow {
                    output.object(&json!({ "entries": entries }))?;
                    return Ok(Exit::Done);
                }
                entries.iter().try_for_each(|entry| output.object(entry))?;
                thread::sleep(PAUSE);
                integrate(vault)?;
            }
        })
    }
}

fn size(vault: &Vault) -> Result<u64, Failure> {
    Ok(opening::read(vault, |journal| journal.head())?.map_or(0, |head| head.size))
}
