//! `zamok resume`: takes a disabled generator back into use.

use clap::Args;
use serde_json::json;

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// Take a generator that failures have disabled back into use, after you have made sure who asks.
#[derive(Args, Debug)]
pub(crate) struct Resume {
    /// The login of the account.
    login: String,
    /// Why, for the journal.
    #[arg(long)]
    reason: String,
}

impl Resume {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            zamok.resume_generator(&self.login, &self.reason).map_err(|error| {
                let failure = Failure::from(error)
                    .when_rejected("no account has this login", "look at how it is spelled");
                match failure.name {
                    "nothing-offered" => Failure {
                        message: "the account has no generator that counts".into(),
                        ..failure
                    }
                    .hint(
                        "`zamok factors list LOGIN` shows its factors, `zamok factors resume` takes any back",
                    ),
                    "key-state" => Failure { message: "the generator is not disabled".into(), ..failure }
                        .hint("`zamok why LOGIN` tells what was refused"),
                    _ => failure,
                }
            })?;
            output
                .line("The generator counts again, and its failures are forgiven. The journal says why.")?;
            output.object(&json!({"login": self.login, "resumed": true}))?;
            Ok(Exit::Done)
        })
    }
}
