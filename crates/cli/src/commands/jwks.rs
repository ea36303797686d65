//! `zamok jwks`: the public key of access tokens, for services that check them by themselves.

use clap::Args;
use serde_json::Value;

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening::{self, AUDIENCE};
use crate::output::Output;

/// Print the public key that checks access tokens, as a JWK set.
#[derive(Args, Debug)]
pub(crate) struct Jwks {
    /// Print it in PEM instead.
    #[arg(long, conflicts_with = "json")]
    pem: bool,
}

impl Jwks {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let tokens = zamok.tokens(AUDIENCE);
            if self.pem {
                output.text(&tokens.public_key_pem()?)?;
                return Ok(Exit::Done);
            }
            let set = tokens.jwks()?;
            if output.is_for_programs() {
                let object: Value = serde_json::from_str(&set).unwrap_or_default();
                output.object(&object)?;
            } else {
                output.text(&format!("{set}\n"))?;
            }
            Ok(Exit::Done)
        })
    }
}
