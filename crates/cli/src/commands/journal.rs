//! `zamok journal`: what the journal says of the owner's account, and proofs for the owner to keep.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::{Session, Zamok};

use crate::arguments::{Shared, TokenSource};
use crate::events::{self, Eyes};
use crate::failure::{Exit, Failure};
use crate::files::{Prepared, Readable};
use crate::opening;
use crate::output::Output;

/// Show what the journal says of the account behind an access token, newest first.
#[derive(Args, Debug)]
pub(crate) struct Journal {
    #[command(flatten)]
    token: TokenSource,
    /// How many entries to show; a page is longer where many fall into its last second.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Go on where an earlier page ended.
    #[arg(long, value_name = "TEXT")]
    after: Option<String>,
    /// Prove that this entry, named by its number, is in the journal's Merkle tree.
    #[arg(long, value_name = "ENTRY", value_parser = entry, conflicts_with = "after")]
    prove: Option<u64>,
    /// Write the proof to FILE instead of printing it.
    #[arg(long, value_name = "FILE", requires = "prove")]
    output: Option<PathBuf>,
}

/// The number of an entry, with or without its `#`.
fn entry(text: &str) -> Result<u64, String> {
    text.strip_prefix('#').unwrap_or(text).parse().map_err(|_| "an entry is named by its number".into())
}

impl Journal {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let after = self.after.as_deref().map(events::cursor).transpose()?;
        opening::with_vault(shared, output, |zamok| {
            let session = opening::session(zamok, &self.token, output)?;
            opening::integrate(zamok, output);
            if let Some(index) = self.prove {
                return self.proof(zamok, &session, index, output);
            }
            let page = events::page(self.limit.into(), after.as_ref(), |limit, after| {
                zamok.history(&session, limit, after)
            })?;
            for entry in &page.entries {
                output.line(events::line(entry, Eyes::Owner))?;
            }
            let next = page.next.map(|cursor| events::hex(&cursor.0));
            if let Some(next) = &next {
                output.remark(format!("there is more: zamok journal --limit {} --after {next}", self.limit));
            }
            let entries: Vec<_> =
                page.entries.iter().map(|entry| events::object(entry, Eyes::Owner)).collect();
            output.object(&json!({"entries": entries, "next": next}))?;
            Ok(Exit::Done)
        })
    }

    fn proof(&self, zamok: &Zamok, session: &Session, index: u64, output: &Output) -> Result<Exit, Failure> {
        if !concerns(zamok, session, index)? {
            return Err(Failure::usage(format!("the journal of this account has no entry #{index}"))
                .hint("`zamok journal` lists them"));
        }
        let file = self.output.as_deref().map(|path| Prepared::new(path, Readable::ByOthers)).transpose()?;
        let proof = zamok.journal(|journal| journal.prove(index))?;
        let text = proof.to_text();
        let written = file.map(|file| file.write(text.as_bytes())).transpose()?;
        match &written {
            Some(path) => {
                let path = path.display();
                output.line(format!("{path} proves that entry #{index} is one of {}.", proof.size()))?;
            }
            None if !output.is_for_programs() => output.text(&text)?,
            None => {}
        }
        output.remark("next: zamok check-proof FILE, which needs no vault");
        output.object(&json!({
            "index": index,
            "size": proof.size(),
            "root": events::hex(proof.root()),
            "origin": proof.origin(),
            "proof": written.is_none().then_some(text),
            "file": written.map(|path| path.display().to_string()),
        }))?;
        Ok(Exit::Done)
    }
}

/// Whether an entry concerns the account of the session: nobody is handed the entries of others.
fn concerns(zamok: &Zamok, session: &Session, index: u64) -> Result<bool, Failure> {
    const PAGE: usize = 256;
    let mut after = None;
    loop {
        let listing = zamok.history(session, PAGE, after.as_ref())?;
        if listing.entries.iter().any(|entry| events::index(entry) == Some(index)) {
            return Ok(true);
        }
        match listing.next {
            Some(next) => after = Some(next),
            None => return Ok(false),
        }
    }
}
