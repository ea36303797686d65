//! `zamok logout`: ends the session behind an access token.

use clap::Args;
use serde_json::json;

use crate::arguments::{Shared, TokenSource};
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// End the session of an access token.
#[derive(Args, Debug)]
pub(crate) struct Logout {
    #[command(flatten)]
    token: TokenSource,
}

impl Logout {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let session = opening::session(zamok, &self.token, output)?;
            zamok.end_session(session.id, "logged out")?;
            output.line("The session has ended; its tokens are worthless here.")?;
            output.object(&json!({"session": session.id.to_string(), "ended": true}))?;
            Ok(Exit::Done)
        })
    }
}
