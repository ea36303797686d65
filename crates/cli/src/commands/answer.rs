//! `zamok answer`: the second step of a login that was begun by another command.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::{Challenge, Session, Zamok};

use crate::arguments::Shared;
use crate::challenges::{self, Reply, challenge};
use crate::failure::{Exit, Failure};
use crate::files::{Overwrite, Prepared, Readable};
use crate::moment;
use crate::opening::{self, AUDIENCE};
use crate::output::Output;

/// Answer the challenge of a login that `zamok login --begin` began; prints an access token.
#[derive(Args, Debug)]
pub(crate) struct Answer {
    /// The challenge, as `zamok login --begin` told it.
    #[arg(value_parser = challenge)]
    challenge: Challenge,
    #[command(flatten)]
    reply: Reply,
    /// The challenge is one of `zamok login --take-back`: the change is taken back.
    #[arg(long)]
    take_back: bool,
    #[command(flatten)]
    destination: Destination,
}

impl Answer {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            if self.reply.is_to_be_sent_again() {
                challenges::send_again(zamok, &self.challenge, output)?;
                return Ok(Exit::Done);
            }
            self.reply.reserve();
            // Before the answer is spent: can the token be put where it belongs?
            let prepared = self.destination.prepare()?;
            let text = self.reply.read(output)?;
            let session = if self.take_back {
                zamok.undo_change(&self.challenge, &text, zamok.request_id()?)
            } else {
                zamok.answer(&self.challenge, &text, zamok.request_id()?)
            };
            let session = session.map_err(|error| challenges::over(error.into()))?;
            let login = zamok.account(&session)?.login;
            self.destination.give(zamok, &session, &login, prepared, output)?;
            Ok(Exit::Done)
        })
    }
}

/// Where the access token goes, and for whom it is.
#[derive(Args, Debug)]
pub(crate) struct Destination {
    /// Write the token to FILE, readable by you alone, instead of printing it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
    /// The service that the token is for. Only the default serves with this program's other commands.
    #[arg(long, value_name = "NAME", default_value = AUDIENCE)]
    audience: String,
}

impl Destination {
    /// Makes sure that the token can be written.
    pub(crate) fn prepare(&self) -> Result<Option<Prepared>, Failure> {
        let prepare = |path| self.overwrite.prepare(path, Readable::ByOwner);
        self.token_file.as_deref().map(prepare).transpose()
    }

    /// Gives the token of a session out.
    pub(crate) fn give(
        &self,
        zamok: &Zamok,
        session: &Session,
        login: &str,
        prepared: Option<Prepared>,
        output: &Output,
    ) -> Result<(), Failure> {
        let token = zamok.tokens(self.audience.as_str()).issue(session)?;
        let expires = moment::text(session.expires);
        let written = prepared.map(|file| file.write(format!("{token}\n").as_bytes())).transpose()?;
        match &written {
            Some(path) => {
                output.line(format!("{login} is logged in. The token is in {}.", path.display()))?;
            }
            // Nothing but the token, so that a shell can take it.
            None if !output.is_for_programs() => output.text(&format!("{token}\n"))?,
            None => {}
        }
        output.remark(format!(
            "The session ends at {expires}, or after {} minutes without use; the token, after {} minutes.",
            zamok.policy().session.idle / 60,
            zamok.policy().session.access_token / 60,
        ));
        output.object(&json!({
            "login": login,
            "account": session.account.to_string(),
            "session": session.id.to_string(),
            "expires": session.expires.0,
            "token": written.is_none().then_some(token),
            "token_file": written.map(|path| path.display().to_string()),
        }))
    }
}
