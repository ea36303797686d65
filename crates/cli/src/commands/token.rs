//! `zamok token`: what a token is worth, and how it is ended; which key signs tokens.

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::keys::KeyId;
use zamok::protocols::token::use_token_key;

use super::keys::key_id;
use crate::arguments::{Shared, TokenSource};
use crate::failure::{Exit, Failure};
use crate::opening::{self, AUDIENCE};
use crate::output::Output;
use crate::secrets;

/// Ask what a token is worth, end it, or choose the key that signs tokens.
#[derive(Args, Debug)]
pub(crate) struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Print what an access or a refresh token is worth, as RFC 7662 has it; of one that is not good, only that.
    Introspect {
        #[command(flatten)]
        token: TokenSource,
        /// The service that the token is for.
        #[arg(long, value_name = "NAME", default_value = AUDIENCE)]
        audience: String,
    },
    /// End what a token stands for: its family of refresh tokens, or its session. One that is not good is no error.
    Revoke {
        #[command(flatten)]
        token: TokenSource,
        /// The service that the token is for.
        #[arg(long, value_name = "NAME", default_value = AUDIENCE)]
        audience: String,
        /// Why, for the journal.
        #[arg(long, default_value = "revoked by an operator")]
        reason: String,
    },
    /// Let another key sign access tokens from now on; those that signed before go on checking.
    UseKey {
        /// The key, as `zamok keys list` shows it: of purpose `token`, on P-256, P-384 or Ed25519, or RSA.
        #[arg(value_parser = key_id)]
        key: KeyId,
    },
}

impl Token {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| match &self.action {
            Action::Introspect { token, audience } => {
                let token = secrets::token(token, output)?;
                let answer = zamok.tokens(audience).introspect(&token)?;
                if output.is_for_programs() {
                    output.object(&answer.to_json())?;
                } else {
                    output.text(&format!("{:#}\n", answer.to_json()))?;
                }
                Ok(if answer.is_active() { Exit::Done } else { Exit::Rejected })
            }
            Action::Revoke { token, audience, reason } => {
                let token = secrets::token(token, output)?;
                zamok.tokens(audience).revoke(&token, reason)?;
                output.line("The token is worth nothing here, whatever it was worth before.")?;
                output.object(&json!({"revoked": true}))?;
                Ok(Exit::Done)
            }
            Action::UseKey { key } => {
                let algorithm = use_token_key(zamok.cabinet(), *key)?;
                output.line(format!("{key} signs access tokens from now on, with {}.", algorithm.name()))?;
                output.remark("services that keep a copy of the key set fetch it again: `zamok jwks`");
                output.object(&json!({"key": key.to_string(), "alg": algorithm.name()}))?;
                Ok(Exit::Done)
            }
        })
    }
}
