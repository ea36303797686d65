//! `zamok password`: the owner of an account changes its password.

use clap::Args;
use serde_json::json;

use crate::arguments::{NewPasswordSource, PasswordSource, Shared, TokenSource};
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Change the password of your account; every session of it ends, this one as well.
///
/// For whoever has forgotten it, an operator sets another with `zamok accounts reset-password`.
#[derive(Args, Debug)]
pub(crate) struct Password {
    #[command(flatten)]
    token: TokenSource,
    #[command(flatten)]
    old: PasswordSource,
    #[command(flatten)]
    new: NewPasswordSource,
}

impl Password {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let session = opening::session(zamok, &self.token, output)?;
            let login = zamok.account(&session)?.login;
            let old = secrets::password(&self.old, Asked::Once, output)?;
            let new = self.new.read(output)?;
            zamok.change_password(&session, &old, &new).map_err(|error| {
                Failure::from(error).when_rejected(
                    "the old password is wrong",
                    "it is charged like one at a login; an operator sets another with `zamok accounts reset-password`",
                )
            })?;
            output.line("The password is changed, and every session of the account has ended.")?;
            output.remark(format!("next: zamok login {login}"));
            output.object(&json!({"login": login, "changed": true}))?;
            Ok(Exit::Done)
        })
    }
}
