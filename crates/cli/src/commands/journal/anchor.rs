//! `zamok journal anchor`: what remembers the log outside of the store, and is asked whenever the vault is opened.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::journal::Anchor as _;
use zamok::witness::Client;
use zamok::{CoreError, Freshness, Options, Zamok};

use crate::arguments::Shared;
use crate::credentials::Held;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// Have the vault open only with an anchor from now on: something outside of the store that remembers the journal's last
/// checkpoint, so that a store that was put back to an older copy is noticed.
///
/// With a FILE, a new anchor is begun there for the log as it is now; also where the old one is lost, whatever ZAMOK_ANCHOR still
/// names: the store is believed as it is. One that --anchor or --anchor-witnesses names is asked before; without a FILE it is the
/// one that is kept, and witnesses are asked to cosign the log as it is now.
#[derive(Args, Debug)]
pub(super) struct Anchor {
    /// A file that is not there yet, on another disk than the store.
    file: Option<PathBuf>,
}

impl Anchor {
    pub(super) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let named = shared.opening.anchor.is_some() || shared.opening.anchor_witnesses.is_some();
        // A variable goes on naming the former anchor: of a log that has ended, or one that is lost.
        let asked = named && (self.file.is_none() || !shared.opening.anchor_by_variable);
        if self.file.is_none() && !asked {
            return Err(Failure::usage("name an anchor")
                .hint("`zamok journal anchor FILE` begins one; --anchor names one that is there"));
        }
        let store = opening::store(shared)?;
        let held = Held::read(shared, output)?;
        if asked {
            // What is known already is asked before anything else is believed.
            let mut options = opening::options(shared)?;
            let witnesses = opening::witnesses(shared)?;
            if let Some(witnesses) = &witnesses {
                // They may not know the log yet: what they are told of it is told here.
                options.freshness = Freshness::Beginning(witnesses.clone());
            }
            let zamok = open(shared, &held, store.clone(), options)?;
            match &witnesses {
                Some(witnesses) => drop(witnesses.gather(zamok.vault())?),
                None => drop(zamok.vault().checkpoint()?),
            }
            if self.file.is_none() {
                return tell(&zamok, witnesses.as_deref(), "the anchor that was named", output);
            }
        }
        let Some(file) = &self.file else { return Ok(Exit::Usage) };
        if named && !asked {
            output.warning(
                "the anchor that the variable names is not asked; set the variable anew, or it is asked by the next command",
            );
        }
        let freshness = Freshness::Beginning(opening::begin_anchor(file)?);
        let zamok = open(shared, &held, store, Options { freshness, ..Options::default() })?;
        tell(&zamok, None, &file.display().to_string(), output)
    }
}

fn open(
    shared: &Shared,
    held: &Held,
    store: std::sync::Arc<dyn zamok::store::Store>,
    options: Options,
) -> Result<Zamok, Failure> {
    opening::open(store, held, Options { slot: shared.opening.slot, ..options })
}

fn tell(zamok: &Zamok, witnesses: Option<&Client>, anchor: &str, output: &Output) -> Result<Exit, Failure> {
    zamok.vault().require_anchor().map_err(|error| match error {
        CoreError::AnchorMissing => Failure::from(error)
            .hint("nobody of these witnesses has cosigned the log: tell them its key (`zamok journal checkpoint` shows it), then try again"),
        _ => error.into(),
    })?;
    let checkpoint = match witnesses {
        // They say themselves what they remember, after they were told of this as well.
        Some(witnesses) => {
            let untold = |error: CoreError| {
                Failure::from(error).hint(
                    "the vault asks for its witnesses from now on: only what they remember could not be told",
                )
            };
            for (name, refusal) in witnesses.gather(zamok.vault()).map_err(untold)?.refusals {
                output.warning(format!("{name} {refusal}"));
            }
            let remembered = witnesses.last(zamok.vault().origin()).map_err(untold)?;
            remembered.ok_or_else(|| untold(CoreError::AnchorMissing))?
        }
        None => zamok.vault().checkpoint()?.checkpoint().clone(),
    };
    output.line(format!(
        "The vault opens only with its anchor from now on; {anchor} remembers {} entries of {}.",
        checkpoint.size, checkpoint.origin
    ))?;
    output.remark("name it for every command: --anchor FILE, or ZAMOK_ANCHOR");
    output.object(&json!({
        "anchor": anchor,
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": hex(&checkpoint.root),
    }))?;
    Ok(Exit::Done)
}
