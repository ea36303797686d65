//! Hardware tokens that count (RFC 4226): handed out at a desk, tested there, and found again when they have run ahead.

use clap::Args;
use serde_json::json;
use zamok::Zamok;
use zamok::account::FactorId;

use super::factor_id;
use crate::failure::Failure;
use crate::output::Output;
use crate::secrets;
use crate::seed::Seed;

#[derive(Args, Debug)]
pub(super) struct Assign {
    /// The login of the account.
    login: String,
    #[command(flatten)]
    seed: Seed,
    /// The counter of the token's next code: 0 for a new one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    counter: u64,
    /// What to call it, such as its serial number.
    #[arg(long, default_value = "")]
    label: String,
}

#[derive(Args, Debug)]
pub(super) struct Confirm {
    /// The login of the account.
    login: String,
    /// The id, as `assign` told it.
    #[arg(value_parser = factor_id)]
    id: FactorId,
    /// A code that the token shows. Otherwise it is asked for, or read from standard input.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Resync {
    /// The login of the account.
    login: String,
    /// The id, as `zamok factors list` shows it.
    #[arg(value_parser = factor_id)]
    id: FactorId,
    /// A code that the token shows, and then the one after it. Otherwise they are asked for, or read from two lines of standard
    /// input.
    #[arg(long, value_name = "CODE", num_args = 2)]
    codes: Option<Vec<String>>,
}

fn nobody(failure: Failure) -> Failure {
    failure.when_rejected("no account has this login", "look at how it is spelled")
}

impl Assign {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        let secret = self.seed.read(output)?;
        let id = zamok
            .assign_token(&self.login, &secret, self.counter, &self.label)
            .map_err(|error| nobody(error.into()))?;
        output.line(format!("The token {id} is handed out to {}, and does not count yet.", self.login))?;
        output.remark(format!("next: zamok factors confirm {} {id}", self.login));
        output.object(&json!({"login": self.login, "id": id.to_string(), "state": "offered"}))
    }
}

impl Confirm {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        zamok.account_by_login(&self.login).map_err(|error| nobody(error.into()))?;
        let code = match &self.code {
            Some(code) => code.trim().to_owned(),
            None => secrets::code("A code that the token shows", "--code CODE", output)?,
        };
        zamok.confirm_token(&self.login, self.id, &code).map_err(|error| match error.into() {
            failure @ Failure { name: "factor-exists", .. } => {
                Failure { message: "this token counts already".into(), ..failure }
                    .hint("one that has run ahead is found again by `zamok factors resync`")
            }
            failure => failure.when_rejected(
                "the code was not accepted, or the account has no such token: it does not count yet",
                "does --counter of `assign` fit? Try its next code; `zamok factors list LOGIN` shows the tokens",
            ),
        })?;
        output.line("The token counts from now on. This code is spent.")?;
        output.object(&json!({"login": self.login, "id": self.id.to_string(), "state": "active"}))
    }
}

impl Resync {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        zamok.account_by_login(&self.login).map_err(|error| nobody(error.into()))?;
        let [first, second] = match self.codes.as_deref() {
            Some([first, second]) => [first.trim().to_owned(), second.trim().to_owned()],
            _ => [
                secrets::code("A code that the token shows", "--codes CODE CODE", output)?,
                secrets::code("The code that it shows next", "--codes CODE CODE", output)?,
            ],
        };
        zamok.resynchronise_token(&self.login, self.id, [&first, &second]).map_err(|error| {
            Failure::from(error).when_rejected(
                "the two codes were not found, or the account has no such token",
                &format!(
                    "they must follow each other, and lie at most {} codes ahead; a failure is charged like a wrong code",
                    zamok.policy().token.officer_resynchronise
                ),
            )
        })?;
        output.line("The token is found again. Both codes are spent.")?;
        output.object(&json!({"login": self.login, "id": self.id.to_string(), "resynchronised": true}))
    }
}
