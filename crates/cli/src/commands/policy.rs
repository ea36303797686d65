//! `zamok policy`: the numbers that a service goes by.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, json};
use zamok::guessing::odds;
use zamok::policy::Profile;
use zamok::{Policy as Numbers, Zamok};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::opening;
use crate::output::Output;

/// Show, compare and change the numbers that the service goes by.
///
/// A policy is named by its profile (strict, seeds, nist-aal2) or by a TOML file: a profile, and what differs from it.
/// Without a name, the policy of the vault is meant.
#[derive(Args, Debug)]
pub(crate) struct Policy {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print every number with its source, as a file that --policy and `policy set` take.
    Show {
        /// A profile or a file; otherwise the policy of the vault.
        policy: Option<PathBuf>,
    },
    /// Print what differs between two policies; exit code 1 when something does.
    Diff {
        /// A profile or a file.
        old: PathBuf,
        /// A profile or a file; otherwise the policy of the vault.
        new: Option<PathBuf>,
    },
    /// Go by another policy from now on; journalled with what changed.
    Set {
        /// A profile or a file. What a file leaves out is as its profile has it, not as it was.
        policy: PathBuf,
    },
}

impl Policy {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        match &self.what {
            What::Show { policy } => {
                with_named_or_kept(policy.as_deref(), shared, output, |policy| show(policy, output))
            }
            What::Diff { old, new } => {
                let old = named(old)?;
                with_named_or_kept(new.as_deref(), shared, output, |new| diff(&old, new, output))
            }
            What::Set { policy } => {
                let policy = named(policy)?;
                opening::with_vault(shared, output, |zamok| {
                    let changed = zamok.policy().differences(&policy);
                    zamok.keep_policy(&policy)?;
                    for (name, old, new) in &changed {
                        output.line(format!("{name}: {old} → {new}"))?;
                    }
                    let changed = changed.len();
                    output.line(format!("{changed} numbers changed."))?;
                    output.object(&json!({"changed": changed}))?;
                    Ok(Exit::Done)
                })
            }
        }
    }
}

/// The policy of a profile, or of a file.
pub(crate) fn named(name: &Path) -> Result<Numbers, Failure> {
    if let Some(profile) = name.to_str().and_then(Profile::named) {
        return Ok(Numbers::of(profile));
    }
    let text = files::read_text(name).map_err(|failure| {
        let profiles: Vec<_> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        failure.hint(format!("name a file in TOML (docs/policy.md), or a profile: {}", profiles.join(", ")))
    })?;
    // It would be the default profile: hardly what somebody means who writes nothing.
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{} is empty", name.display()))
            .hint("for the numbers of a profile write profile = \"strict\", or name the profile itself"));
    }
    Numbers::from_toml(&text).map_err(|fault| Failure::usage(format!("{}: {fault}", name.display())))
}

/// Tells something of a policy: within the vault where it is the vault's own, so that it is told whatever becomes of the anchor.
fn with_named_or_kept(
    name: Option<&Path>,
    shared: &Shared,
    output: &Output,
    tell: impl FnOnce(&Numbers) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    match name {
        Some(name) => tell(&named(name)?),
        None => opening::with_vault(shared, output, |zamok: &Zamok| tell(zamok.policy())),
    }
}

fn show(policy: &Numbers, output: &Output) -> Result<Exit, Failure> {
    let (mut group, mut fields) = ("", Map::new());
    let mut numbers = policy.numbers();
    // A group's numbers stand together; what is in no group comes first.
    numbers.sort_by_key(|number| split(&number.name).0.to_owned());
    for number in &numbers {
        let (of, name) = split(&number.name);
        if of != group {
            output.line("")?;
            output.line(format!("[{of}]"))?;
            group = of;
        }
        let source = if number.source.is_empty() { "" } else { " # " };
        output.line(format!("{name} = {}{source}{}", number.value, number.source))?;
        fields.insert(number.name.clone(), number.value.trim_matches('"').into());
    }
    let generator = &policy.generator;
    let steps = generator.past + generator.future + 1;
    let tries = generator.throttle.most_guesses();
    let chance = odds(steps, generator.digits, tries);
    output.remark(format!(
        "{tries} guesses at a generator in recent_span succeed with probability {chance:.1e}: docs/policy.md"
    ));
    output.object(&json!({"policy": fields}))?;
    Ok(Exit::Done)
}

/// The group of a number, and its name there.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn diff(old: &Numbers, new: &Numbers, output: &Output) -> Result<Exit, Failure> {
    let differences = old.differences(new);
    for (name, old, new) in &differences {
        output.line(format!("{name}: {old} → {new}"))?;
    }
    let listed: Vec<_> = differences
        .iter()
        .map(|(name, old, new)| json!({"name": name, "old": old.trim_matches('"'), "new": new.trim_matches('"')}))
        .collect();
    output.object(&json!({"differences": listed}))?;
    Ok(if differences.is_empty() { Exit::Done } else { Exit::Rejected })
}
