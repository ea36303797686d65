//! `zamok keys list`, `show`, `public` and `read`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use zamok::UnixTime;
use zamok::keys::{KeyId, KeyInfo, finding, importing, signing, versions};

use super::key_id;
use crate::arguments::Shared;
use crate::events;
use crate::failure::{Exit, Failure};
use crate::files::{Prepared, Readable};
use crate::moment;
use crate::opening;
use crate::output::{Output, visible};

/// Keys that are read in one transaction.
const PAGE: usize = 256;

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only keys with this label.
    #[arg(long)]
    label: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
}

#[derive(Args, Debug)]
pub(crate) struct Public {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Write it to a file instead.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Read {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Write it to a file, readable by you alone, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl List {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let mut after = None;
            loop {
                let (found, next) = zamok.vault().transact(|tx| match &self.label {
                    Some(label) => finding::by_label_after(tx, label, PAGE, after),
                    None => finding::list(tx, PAGE, after),
                })?;
                found.iter().try_for_each(|info| tell(info, output))?;
                match next {
                    Some(next) => after = Some(next),
                    None => return Ok(Exit::Done),
                }
            }
        })
    }
}

impl Show {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            for info in zamok.vault().transact(|tx| versions::list(tx, self.key))? {
                if output.is_for_programs() {
                    output.object(&object(&info))?;
                } else {
                    whole(&info, output)?;
                }
            }
            Ok(Exit::Done)
        })
    }
}

impl Public {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let pem = zamok.vault().transact(|tx| signing::spki_pem(tx, self.key))?;
            let prepare = |path| Prepared::unless_there(path, Readable::ByOthers);
            let written = self.out.as_deref().map(prepare).transpose()?;
            let written = written.map(|file| file.write(pem.as_bytes())).transpose()?;
            match &written {
                Some(path) => output.line(format!("The public key is in {}.", path.display()))?,
                None if !output.is_for_programs() => output.text(&pem)?,
                None => {}
            }
            output.object(&json!({"pem": pem, "file": written.map(|path| path.display().to_string())}))?;
            Ok(Exit::Done)
        })
    }
}

impl Read {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        // It may be anything, and a terminal would obey it.
        if self.out.is_none() && output.is_terminal() {
            return Err(Failure::usage("what is kept is not shown at a terminal")
                .hint("name a file with --out, or lead the output into a pipe"));
        }
        opening::with_vault(shared, output, |zamok| {
            // Before the journal says that it was read: can it be written?
            let prepare = |path| Prepared::unless_there(path, Readable::ByOwner);
            let file = self.out.as_deref().map(prepare).transpose()?;
            let content =
                opening::with_key(zamok, self.key, shared, output, |tx| importing::read(tx, self.key));
            let content = content.map_err(|failure| match failure.name {
                "key-kind" => failure.hint("data, certificates and public keys are read; secrets stay"),
                _ => failure,
            })?;
            let written = file.map(|file| file.write(&content)).transpose()?;
            let path = written.map(|path| path.display().to_string());
            match &path {
                Some(path) => output.line(format!("What is kept is in {path}."))?,
                None if !output.is_for_programs() => output.bytes(&content)?,
                None => {}
            }
            let shown = (path.is_none() && output.is_for_programs()).then(|| events::hex(&content));
            output.object(&json!({"id": self.key.to_string(), "content": shown, "file": path}))?;
            Ok(Exit::Done)
        })
    }
}

fn tell(info: &KeyInfo, output: &Output) -> Result<(), Failure> {
    output.line(format!(
        "{} v{} {:<12} {:<13} {:<11} {}",
        info.id,
        info.version,
        info.kind.name(),
        info.purpose.name(),
        info.state,
        visible(&info.label)
    ))?;
    output.object(&object(info))
}

fn whole(info: &KeyInfo, output: &Output) -> Result<(), Failure> {
    let date = |name: &str, time: Option<UnixTime>| match time {
        Some(time) => output.line(format!("  {name:<13} {}", moment::text(time))),
        None => Ok(()),
    };
    output.line(format!("{} version {}", info.id, info.version))?;
    let names = |items: Vec<&str>| items.join(" ");
    for (name, value) in [
        ("kind", info.kind.name().to_owned()),
        ("purpose", info.purpose.name().to_owned()),
        ("state", info.state.to_string()),
        ("label", visible(&info.label)),
        ("usages", names(info.usages.iter().map(|item| item.name()).collect())),
        ("mechanisms", names(info.mechanisms.iter().map(|item| item.name()).collect())),
        ("flags", names(info.flags.iter().map(|item| item.name()).collect())),
    ] {
        output.line(format!("  {name:<13} {value}"))?;
    }
    let dates = &info.dates;
    date("created", Some(dates.created))?;
    date("activated", dates.activated)?;
    date("valid from", dates.valid_from)?;
    date("valid to", dates.valid_to)?;
    date("accept until", dates.accept_until)?;
    date("deactivated", dates.deactivated)?;
    date("compromised", dates.compromised)?;
    date("destroyed", dates.destroyed)
}

/// What programs get of a key.
pub(super) fn object(info: &KeyInfo) -> Value {
    let dates = &info.dates;
    let time = |time: Option<UnixTime>| time.map(|time| time.0);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    json!({
        "id": info.id.to_string(), "version": info.version, "kind": info.kind.name(),
        "purpose": info.purpose.name(), "state": info.state.to_string(), "label": info.label,
        "usages": info.usages.iter().map(|item| item.name()).collect::<Vec<_>>(),
        "mechanisms": info.mechanisms.iter().map(|item| item.name()).collect::<Vec<_>>(),
        "flags": info.flags.iter().map(|item| item.name()).collect::<Vec<_>>(),
        "created": dates.created.0, "activated": time(dates.activated), "valid_from": time(dates.valid_from),
        "valid_to": time(dates.valid_to), "accept_until": time(dates.accept_until),
        "deactivated": time(dates.deactivated), "compromised": time(dates.compromised),
        "destroyed": time(dates.destroyed), "external_id": hex(&info.external_id),
        "public_key": info.public_key.map(|digest| hex(&digest)),
    })
}
