//! `zamok register`: an account with a password and a document key of its own.

use clap::Args;
use serde_json::json;

use crate::arguments::{PasswordSource, Shared};
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Register an account.
#[derive(Args, Debug)]
pub(crate) struct Register {
    /// The login: 1 to 128 bytes without spaces. Case makes no difference.
    login: String,
    #[command(flatten)]
    password: PasswordSource,
}

impl Register {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let password = secrets::password(&self.password, Asked::Twice, output)?;
            let account = zamok.register(&self.login, &password)?;
            output.line(format!("{} is registered.", account.login))?;
            output.remark(format!("next: zamok enrol {}", account.login));
            output.object(&json!({
                "login": account.login,
                "account": account.id.to_string(),
                "registered": account.registered.0,
            }))?;
            Ok(Exit::Done)
        })
    }
}
