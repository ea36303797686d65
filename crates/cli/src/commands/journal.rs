//! `zamok journal`: what the journal says, proofs to keep, the log for others to check.

mod anchor;
mod checkpoint;
mod export;
mod run;
mod tail;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::journal::{Receipt, TrustPolicy, VerifierKey};
use zamok::store::EntryId;
use zamok::{Session, Zamok};

use crate::arguments::{Shared, TokenSource};
use crate::events::{self, Eyes};
use crate::failure::{Exit, Failure};
use crate::files::{self, Prepared, Readable};
use crate::opening::{self, Reader};
use crate::output::Output;

/// Read the journal, prove and verify what it says.
#[derive(Args, Debug)]
pub(crate) struct Journal {
    /// Open with an auditor's slot, for `verify`, `export` and `tail`: the log is read as it is, and nothing is written but
    /// the opening itself.
    #[arg(long, global = true)]
    as_auditor: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Show(Show),
    Prove(Prove),
    Checkpoint(checkpoint::Checkpoint),
    Verify(verify::Verify),
    Export(export::Export),
    Tail(tail::Tail),
    Run(run::Run),
    Anchor(anchor::Anchor),
}

/// Show what the journal says of the account behind an access token, newest first.
#[derive(Args, Debug)]
struct Show {
    #[command(flatten)]
    token: TokenSource,
    /// How many entries to show; a page is longer where many fall into its last second.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Go on where an earlier page ended.
    #[arg(long, value_name = "TEXT")]
    after: Option<String>,
}

/// Prove that an entry of the account behind an access token is in the journal: a file to keep, which
/// `zamok check-proof` checks without a vault.
#[derive(Args, Debug)]
struct Prove {
    #[command(flatten)]
    token: TokenSource,
    /// The number of the entry, as `zamok journal show` names it.
    #[arg(value_name = "ENTRY", value_parser = entry)]
    entry: Place,
    /// Write the proof to FILE instead of printing it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Whom to trust: the key of a log, or a policy file.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct Trust {
    /// The key of the log, as `zamok journal checkpoint` shows it.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// A file that names logs, witnesses and the quorum of witnesses (C2SP tlog-policy).
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl Trust {
    /// What was given; `None` where nothing was.
    pub(crate) fn read(&self) -> Result<Option<TrustPolicy>, Failure> {
        let key = |vkey: &String| {
            VerifierKey::parse(vkey)
                .map(TrustPolicy::log)
                .map_err(|_| Failure::usage("--key takes a name, an id and a key, with `+` between them"))
        };
        match (&self.key, &self.policy) {
            (Some(vkey), _) => key(vkey).map(Some),
            (None, Some(file)) => policy(file).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// A policy file.
pub(crate) fn policy(file: &Path) -> Result<TrustPolicy, Failure> {
    let text = files::read_text(file)?;
    TrustPolicy::parse(&text)
        .map_err(|line| Failure::usage(format!("{}: line {line} is not of a policy", file.display())))
}

/// Which entry of which log: that of now, or a former one by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    log: Option<u32>,
    index: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.log {
            Some(log) => write!(f, "#{log}/{}", self.index),
            None => write!(f, "#{}", self.index),
        }
    }
}

/// The number of an entry, with or without its `#`; of one in a former log after the log's number and a slash.
fn entry(text: &str) -> Result<Place, String> {
    let wrong = || "an entry is named by its number, as in #12 or #1/12".to_owned();
    let text = text.strip_prefix('#').unwrap_or(text);
    let (log, index) = match text.split_once('/') {
        Some((log, index)) => (Some(log.parse().map_err(|_| wrong())?), index),
        None => (None, text),
    };
    Ok(Place { log, index: index.parse().map_err(|_| wrong())? })
}

impl Journal {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let reader = if self.as_auditor { Reader::Auditor } else { Reader::Operator };
        let reads_all = matches!(self.what, What::Verify(_) | What::Export(_) | What::Tail(_));
        if self.as_auditor && !reads_all {
            return Err(Failure::usage(
                "an auditor verifies, exports and follows the log, and does nothing else",
            ));
        }
        match &self.what {
            What::Show(show) => show.run(shared, output),
            What::Prove(prove) => prove.run(shared, output),
            What::Checkpoint(checkpoint) => checkpoint.run(shared, output),
            What::Verify(verify) => verify.run(reader, shared, output),
            What::Export(export) => export.run(reader, shared, output),
            What::Tail(tail) => tail.run(reader, shared, output),
            What::Run(run) => run.run(shared, output),
            What::Anchor(anchor) => anchor.run(shared, output),
        }
    }
}

impl Show {
    fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let after = self.after.as_deref().map(events::cursor).transpose()?;
        opening::with_vault(shared, output, |zamok| {
            let session = opening::session(zamok, &self.token, output)?;
            opening::integrate(zamok, output)?;
            let page = events::page(self.limit.into(), after.as_ref(), |limit, after| {
                zamok.history(&session, limit, after)
            })?;
            for entry in &page.entries {
                output.line(events::line(entry, Eyes::Owner))?;
            }
            let next = page.next.map(|cursor| events::hex(&cursor.0));
            if let Some(next) = &next {
                output.remark(format!(
                    "there is more: zamok journal show --limit {} --after {next}",
                    self.limit
                ));
            }
            let entries: Vec<_> =
                page.entries.iter().map(|entry| events::object(entry, Eyes::Owner)).collect();
            output.object(&json!({"entries": entries, "next": next}))?;
            Ok(Exit::Done)
        })
    }
}

impl Prove {
    fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let session = opening::session(zamok, &self.token, output)?;
            opening::integrate(zamok, output)?;
            self.proof(zamok, &session, self.entry, output)
        })
    }

    fn proof(
        &self,
        zamok: &Zamok,
        session: &Session,
        place: Place,
        output: &Output,
    ) -> Result<Exit, Failure> {
        let index = place.index;
        let Some(id) = named(zamok, session, place)? else {
            return Err(Failure::usage(format!("the journal of this account has no entry {place}"))
                .hint("`zamok journal show` lists them"));
        };
        let file = self.output.as_deref().map(|path| Prepared::unless_there(path, Readable::ByOthers));
        let file = file.transpose()?;
        zamok.vault().checkpoint()?;
        let proof = zamok.prove(session, id)?;
        let receipt = match zamok.standing(session, id)? {
            Receipt::Pending => "pending",
            Receipt::Covered { .. } => "covered",
            Receipt::Witnessed { .. } => "witnessed",
        };
        let text = proof.to_text();
        let written = file.map(|file| file.write(text.as_bytes())).transpose()?;
        match &written {
            Some(path) => {
                let path = path.display();
                output.line(format!("{path} proves that entry {place} is one of {}.", proof.size()))?;
            }
            None if !output.is_for_programs() => output.text(&text)?,
            None => {}
        }
        let key = match place.log {
            Some(log) => zamok.vault().former_key(log)?,
            None => zamok.vault().log_key()?,
        };
        output.remark(format!("next: zamok check-proof FILE --key '{key}', which needs no vault"));
        output.object(&json!({
            "log": place.log,
            "index": index,
            "size": proof.size(),
            "root": events::hex(proof.root()),
            "origin": proof.origin(),
            "key": key.to_string(),
            "receipt": receipt,
            "proof": written.is_none().then_some(text),
            "file": written.map(|path| path.display().to_string()),
        }))?;
        Ok(Exit::Done)
    }
}

/// The entry of the session's account that has this number: nobody is handed the entries of others.
fn named(zamok: &Zamok, session: &Session, place: Place) -> Result<Option<EntryId>, Failure> {
    const PAGE: usize = 256;
    let mut after = None;
    loop {
        let listing = zamok.history(session, PAGE, after.as_ref())?;
        let found = listing
            .entries
            .iter()
            .find(|entry| events::log(entry) == place.log && events::index(entry) == Some(place.index));
        match (found, listing.next) {
            (Some(entry), _) => return Ok(Some(entry.id)),
            (None, Some(next)) => after = Some(next),
            (None, None) => return Ok(None),
        }
    }
}
