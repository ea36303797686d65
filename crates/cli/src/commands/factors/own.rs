//! What the owner of an account does with its factors, in a session.

use clap::Args;
use serde_json::json;
use zamok::Zamok;
use zamok::account::FactorId;

use super::factor_id;
use crate::arguments::TokenSource;
use crate::failure::Failure;
use crate::opening;
use crate::output::Output;

#[derive(Args, Debug)]
pub(super) struct Prefer {
    /// The id, as `zamok factors list` shows it.
    #[arg(value_parser = factor_id)]
    id: FactorId,
    #[command(flatten)]
    token: TokenSource,
}

#[derive(Args, Debug)]
pub(super) struct Rename {
    /// The id, as `zamok factors list` shows it.
    #[arg(value_parser = factor_id)]
    id: FactorId,
    /// What to call it from now on.
    label: String,
    #[command(flatten)]
    token: TokenSource,
}

#[derive(Args, Debug)]
pub(super) struct Drop {
    /// The id, as `zamok factors list` shows it.
    #[arg(value_parser = factor_id)]
    id: FactorId,
    #[command(flatten)]
    token: TokenSource,
}

fn not_there(failure: Failure) -> Failure {
    failure.when_rejected(
        "the account has no such factor that counts",
        "`zamok factors list LOGIN` shows the factors",
    )
}

impl Prefer {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        let session = opening::session(zamok, &self.token, output)?;
        zamok.prefer_factor(&session, self.id).map_err(|error| not_there(error.into()))?;
        output.line("Logins ask for this factor first from now on.")?;
        output.object(&json!({"preferred": self.id.to_string()}))
    }
}

impl Rename {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        let session = opening::session(zamok, &self.token, output)?;
        zamok.rename_factor(&session, self.id, &self.label).map_err(|error| not_there(error.into()))?;
        output.line("The factor has another label now.")?;
        output.object(&json!({"id": self.id.to_string(), "label": self.label}))
    }
}

impl Drop {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        let session = opening::session(zamok, &self.token, output)?;
        zamok.drop_factor(&session, self.id).map_err(|error| not_there(error.into()))?;
        output.line("The factor is gone, and every other session of the account has ended.")?;
        output.remark("tokens from before are worth nothing: log in again with `zamok login LOGIN`");
        output.object(&json!({"removed": self.id.to_string()}))
    }
}
