//! `zamok keys narrow`, `rename` and `copy`: attributes that are taken away, and never given back.

use clap::Args;
use serde_json::json;
use zamok::keys::{self, Flag, Flags, KeyId, KeyInfo, Mechanism, Mechanisms, Narrowing, Usage, Usages};

use super::{confirm, key_id};
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// What is taken away.
#[derive(Args, Debug)]
struct Less {
    /// The usages that remain, with commas between.
    #[arg(long, value_delimiter = ',', value_parser = usage)]
    usages: Option<Vec<Usage>>,
    /// The mechanisms that remain, with commas between.
    #[arg(long, value_delimiter = ',', value_parser = mechanism)]
    mechanisms: Option<Vec<Mechanism>>,
    /// Flags that are taken away: wrappable, copyable, modifiable, destroyable.
    #[arg(long, value_delimiter = ',', value_parser = flag)]
    without: Vec<Flag>,
    /// Flags that forbid, and are added: wrap-with-trusted, always-authenticate, audited.
    #[arg(long, value_delimiter = ',', value_parser = flag)]
    with: Vec<Flag>,
    /// A later beginning, in seconds since 1970: before it does nothing.
    #[arg(long, value_name = "TIME")]
    valid_from: Option<u64>,
    /// An earlier end, in seconds since 1970: from then on it protects nothing new.
    #[arg(long, value_name = "TIME")]
    valid_to: Option<u64>,
}

fn named<T>(text: &str, found: Option<T>) -> Result<T, String> {
    found.ok_or_else(|| format!("`{text}` is none; `zamok keys show` lists those of a key"))
}

fn usage(text: &str) -> Result<Usage, String> {
    named(text, Usage::from_name(text))
}

fn mechanism(text: &str) -> Result<Mechanism, String> {
    named(text, Mechanism::from_name(text))
}

fn flag(text: &str) -> Result<Flag, String> {
    named(text, Flag::from_name(text))
}

impl Less {
    fn of(&self, info: &KeyInfo) -> Narrowing {
        Narrowing {
            usages: self.usages.as_ref().map(|usages| Usages::of(usages)),
            mechanisms: self.mechanisms.as_ref().map(|mechanisms| Mechanisms::of(mechanisms)),
            flags: Some(info.flags.without(Flags::of(&self.without)).or(Flags::of(&self.with))),
            valid_from: self.valid_from.map(zamok::UnixTime),
            valid_to: self.valid_to.map(zamok::UnixTime),
            ..Narrowing::default()
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Narrow {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    #[command(flatten)]
    less: Less,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// What people call it from now on.
    label: String,
}

#[derive(Args, Debug)]
pub(crate) struct Copy {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// What people call the copy.
    #[arg(long, default_value = "")]
    label: String,
    #[command(flatten)]
    less: Less,
}

impl Narrow {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        confirm(self.key, "What is taken away is never given back.", self.yes, output)?;
        opening::with_vault(shared, output, |zamok| {
            let info = zamok.vault().transact(|tx| {
                let info = keys::info(tx, self.key)?;
                keys::narrow(tx, self.key, &self.less.of(&info))?;
                keys::info(tx, self.key)
            })?;
            output.line(format!("The key {} can do less now.", self.key))?;
            output.object(&super::listing::object(&info))?;
            Ok(Exit::Done)
        })
    }
}

impl Rename {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            zamok.vault().transact(|tx| {
                let owner = keys::info(tx, self.key)?.owner;
                keys::rename(tx, self.key, &self.label, owner)
            })?;
            output.line(format!("The key {} has another label now.", self.key))?;
            output.object(&json!({"id": self.key.to_string(), "label": self.label}))?;
            Ok(Exit::Done)
        })
    }
}

impl Copy {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let id = zamok.vault().transact(|tx| {
                let info = keys::info(tx, self.key)?;
                let mut less = self.less.of(&info);
                // Trust is the officer's to give, once more.
                less.flags = less.flags.map(|flags| flags.without(Flags::of(&[Flag::Trusted])));
                keys::copy(tx, self.key, &less, &self.label, info.owner)
            })?;
            output.line(format!("The copy is {id}."))?;
            output.object(&json!({"id": id.to_string(), "of": self.key.to_string()}))?;
            Ok(Exit::Done)
        })
    }
}
