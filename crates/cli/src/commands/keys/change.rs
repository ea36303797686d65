//! `zamok keys rotate`, `suspend`, `resume`, `trust`, `compromised` and `destroy`.

use clap::Args;
use serde_json::json;
use zamok::Role;
use zamok::keys::{self, KeyId, KeyState, Purpose, RotationPolicy, spend, versions};

use super::{confirm, key_id};
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Why, for the journal.
    #[arg(long)]
    reason: String,
    /// Seconds for which the version before still verifies and opens; otherwise until it is ended by hand.
    #[arg(long, value_name = "SECONDS")]
    accept: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct Suspend {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Why, for the journal.
    #[arg(long)]
    reason: String,
}

#[derive(Args, Debug)]
pub(crate) struct Resume {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Why, for the journal.
    #[arg(long)]
    reason: String,
}

#[derive(Args, Debug)]
pub(crate) struct Trust {
    /// The wrapping key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Why, for the journal.
    #[arg(long)]
    reason: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Compromised {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Why, for the journal.
    #[arg(long)]
    reason: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Destroy {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Why, for the journal.
    #[arg(long)]
    reason: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

impl Rotate {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let policy = RotationPolicy { accept: self.accept };
            let version =
                zamok.vault().transact(|tx| versions::rotate(tx, self.key, &policy, &self.reason))?;
            output.line(format!("The key is version {version} now."))?;
            output.object(&json!({"id": self.key.to_string(), "version": version}))?;
            Ok(Exit::Done)
        })
    }
}

impl Suspend {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        become_state(shared, output, self.key, &[KeyState::Suspended], &self.reason)
    }
}

impl Resume {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let state = zamok.vault().transact(|tx| {
                // Whoever takes a key for codes back into use has looked into its failures.
                if keys::info(tx, self.key)?.purpose == Purpose::OneTimeCode {
                    spend::resume(tx, self.key, &self.reason)?;
                } else {
                    keys::change_state(tx, self.key, KeyState::Active, &self.reason)?;
                }
                keys::info(tx, self.key).map(|info| info.state)
            })?;
            told(self.key, state, output)
        })
    }
}

impl Trust {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        confirm(self.key, "Keys may leave the vault under this key from now on.", self.yes, output)?;
        opening::as_role(Role::Officer, shared, output, |vault| {
            vault.transact(|tx| keys::trust(tx, self.key, &self.reason))?;
            output.line("The key is trusted to wrap others.")?;
            output.object(&json!({"id": self.key.to_string(), "trusted": true}))?;
            Ok(Exit::Done)
        })
    }
}

impl Compromised {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let warning = "It makes and checks nothing from now on, for good; it still opens what it has sealed.";
        confirm(self.key, warning, self.yes, output)?;
        become_state(shared, output, self.key, &[KeyState::Compromised], &self.reason)
    }
}

impl Destroy {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let warning = "What only this key opens is lost, and its signatures can no longer be checked here.";
        confirm(self.key, warning, self.yes, output)?;
        let way = &[KeyState::Deactivated, KeyState::Destroyed];
        become_state(shared, output, self.key, way, &self.reason)
    }
}

/// Leads a key along this way in one commit, from where it stands.
fn become_state(
    shared: &Shared,
    output: &Output,
    key: KeyId,
    way: &[KeyState],
    reason: &str,
) -> Result<Exit, Failure> {
    opening::with_vault(shared, output, |zamok| {
        let state = zamok.vault().transact(|tx| {
            for next in way {
                let state = keys::info(tx, key)?.state;
                let last = way.last() == Some(next);
                // A step that the key has behind it, or that it may leave out, is left out.
                if last || (state.may_become(*next) && !state.may_become(KeyState::Destroyed)) {
                    keys::change_state(tx, key, *next, reason)?;
                }
            }
            keys::info(tx, key).map(|info| info.state)
        })?;
        told(key, state, output)
    })
}

fn told(key: KeyId, state: KeyState, output: &Output) -> Result<Exit, Failure> {
    output.line(format!("The key is {state}."))?;
    output.object(&json!({"id": key.to_string(), "state": state.to_string()}))?;
    Ok(Exit::Done)
}
