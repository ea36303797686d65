//! `zamok login`: password and code for a session and its access token.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use zamok::{Approach, Begun, Challenge, CoreError, DeviceToken, Error, Evidence, Session, Zamok};

use super::enrol::AFTER_FAILURES;
use crate::arguments::{PasswordSource, Shared};
use crate::failure::{Exit, Failure};
use crate::files::{self, Prepared, Readable};
use crate::moment;
use crate::opening::{self, AUDIENCE};
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Log in with a password and a one-time code; prints an access token.
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// The login of the account.
    login: String,
    #[command(flatten)]
    password: PasswordSource,
    /// The code that the app shows. Otherwise it is asked for, or read from standard input.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Answer with this kind of factor, where the account has several; otherwise the one that it prefers.
    #[arg(long, value_name = "KIND", value_enum)]
    by: Option<By>,
    /// The token of a known device, as `zamok devices trust` wrote it.
    #[arg(long, value_name = "FILE")]
    device_file: Option<PathBuf>,
    /// Write the token to FILE, readable by you alone, instead of printing it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The service that the token is for. Only the default serves with this program's other commands.
    #[arg(long, value_name = "NAME", default_value = AUDIENCE)]
    audience: String,
}

/// A factor whose code can be typed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Generator,
    Token,
    Sms,
    #[value(name = "e-mail")]
    Email,
    /// On its known device alone.
    Pin,
}

impl From<By> for Evidence {
    fn from(by: By) -> Self {
        match by {
            By::Generator => Self::Generator,
            By::Token => Self::Token,
            By::Sms => Self::Sms,
            By::Email => Self::Email,
            By::Pin => Self::Pin,
        }
    }
}

impl Login {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let password = secrets::password(&self.password, Asked::Once, output)?;
            // Before the code is spent: can the token be put where it belongs?
            let prepared =
                self.token_file.as_deref().map(|path| Prepared::new(path, Readable::ByOwner)).transpose()?;
            let approach = Approach {
                device: self.device_file.as_deref().map(device).transpose()?,
                by: self.by.map(Evidence::from),
                ..Approach::default()
            };
            let begun = zamok.begin_login_from(&self.login, &password, &approach).map_err(|error| {
                Failure::from(error).when_rejected("the login or the password is wrong", AFTER_FAILURES)
            })?;
            let Begun::Code(challenge) = begun else {
                let message = "the account has no second factor yet".into();
                return Err(Failure { message, ..Failure::from(Error::NothingOffered) }
                    .hint(format!("enrol one first: `zamok enrol {}`", self.login)));
            };
            if matches!(challenge.by, Evidence::Push | Evidence::Certificate) {
                let message =
                    format!("the account answers by {} on its device, not here", challenge.by.name());
                return Err(Failure::usage(message).hint(
                    "name a factor whose code can be typed with --by; `zamok factors list LOGIN` shows them",
                ));
            }
            let session = self.answer(zamok, &challenge, output)?;
            let token = zamok.tokens(self.audience.as_str()).issue(&session)?;
            let expires = moment::text(session.expires);
            let written = prepared.map(|file| file.write(format!("{token}\n").as_bytes())).transpose()?;
            match &written {
                Some(path) => {
                    output.line(format!(
                        "{} is logged in. The token is in {}.",
                        self.login,
                        path.display()
                    ))?;
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
                "login": self.login,
                "account": session.account.to_string(),
                "session": session.id.to_string(),
                "expires": session.expires.0,
                "token": written.is_none().then_some(token),
                "token_file": written.map(|path| path.display().to_string()),
            }))?;
            Ok(Exit::Done)
        })
    }

    /// Answers the challenge; a person at a terminal may try as often as the challenge allows.
    fn answer(&self, zamok: &Zamok, challenge: &Challenge, output: &Output) -> Result<Session, Failure> {
        let mut tries = match &self.code {
            None if io::stdin().is_terminal() => zamok.policy().challenge.tries,
            _ => 1,
        };
        loop {
            tracing::debug!("waiting for the code");
            let code = match &self.code {
                Some(code) => code.trim().into(),
                None => secrets::code(prompt(challenge.by), output)?,
            };
            tries = tries.saturating_sub(1);
            match zamok.answer(challenge, &code, zamok.request_id()?) {
                Ok(session) => return Ok(session),
                Err(Error::Core(CoreError::Rejected)) if tries > 0 => {
                    output.remark("This code was not accepted. Wait for the next one.");
                }
                Err(error) => {
                    return Err(Failure::from(error).when_rejected(
                        "the code was not accepted",
                        "a code serves once: wait for the next one; the operator sees why with `zamok why LOGIN`",
                    ));
                }
            }
        }
    }
}

/// What is asked for at a terminal.
const fn prompt(by: Evidence) -> &'static str {
    match by {
        Evidence::Token => "The next code of the token",
        Evidence::Sms => "The code that was sent by SMS",
        Evidence::Email => "The code that was sent by e-mail",
        Evidence::Pin => "The PIN of this device",
        _ => "The code that the app shows now",
    }
}

/// The token of a known device.
fn device(path: &Path) -> Result<DeviceToken, Failure> {
    let secret = files::read_secret(path)?;
    let read = std::str::from_utf8(&secret.content).ok().and_then(DeviceToken::parse);
    read.ok_or_else(|| {
        Failure::usage(format!("{} holds no token of a device", path.display()))
            .hint("`zamok devices trust --device-file FILE` writes one")
    })
}
