//! `zamok enrol`: a generator app, offered as a QR code and confirmed by its first code.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use zamok::{Enrolment, Zamok};

use crate::arguments::{PasswordSource, Shared};
use crate::failure::{Exit, Failure};
use crate::files::{Prepared, Readable};
use crate::opening;
use crate::output::Output;
use crate::qr::{Picture, Qr};
use crate::secrets::{self, Asked};

/// Enrol an authenticator app: show its QR code, then check its first code.
///
/// In a terminal it asks for the first code at once. Elsewhere it takes two steps: the first prints the QR code, the
/// second is the same command with --confirm CODE. A QR code is shown once; to show another, run the first step again.
#[derive(Args, Debug)]
pub(crate) struct Enrol {
    /// The login of the account.
    login: String,
    #[command(flatten)]
    password: PasswordSource,
    /// Write the QR code to FILE.svg or FILE.png, readable by you alone, instead of the terminal.
    #[arg(long, value_name = "FILE", conflicts_with = "confirm")]
    qr: Option<PathBuf>,
    /// The first code of the app: ends the enrolment that was begun before.
    #[arg(long, value_name = "CODE")]
    confirm: Option<String>,
}

impl Enrol {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let picture =
            self.qr.as_deref().map(|path| Picture::of(path).map(|picture| (path, picture))).transpose()?;
        opening::with_vault(shared, output, |zamok| {
            let password = secrets::password(&self.password, Asked::Once, output)?;
            let enrolment = zamok.begin_enrolment(&self.login, &password).map_err(|error| {
                Failure::from(error).when_rejected("the login or the password is wrong", AFTER_FAILURES)
            })?;
            if let Some(code) = &self.confirm {
                return self.confirmed(zamok, &enrolment, code, output);
            }
            self.offer(zamok, &enrolment, picture, output)?;
            if output.is_for_programs() || !io::stdin().is_terminal() {
                output.remark(format!(
                    "next: scan it with an authenticator app, then: zamok enrol {} --confirm CODE",
                    self.login
                ));
                return Ok(Exit::Done);
            }
            self.ask(zamok, &enrolment, output)
        })
    }

    /// Shows the secret, this once.
    fn offer(
        &self,
        zamok: &Zamok,
        enrolment: &Enrolment,
        picture: Option<(&Path, Picture)>,
        output: &Output,
    ) -> Result<(), Failure> {
        // Before the secret is shown: it could not be shown again.
        let prepared = picture
            .map(|(path, picture)| Prepared::new(path, Readable::ByOwner).map(|file| (file, picture)))
            .transpose()?;
        let offer = zamok.offer_generator(enrolment)?;
        let uri = offer.uri.as_str();
        let qr = Qr::new(uri)?;
        let written = prepared
            .map(|(file, picture)| file.write(&qr.to_picture(picture)?))
            .transpose()?
            .map(|path| path.display().to_string());
        match &written {
            Some(path) => {
                output
                    .line(format!("The QR code is in {path}. It holds the secret: remove it afterwards."))?;
            }
            None if !output.is_for_programs() => {
                output.text(&qr.to_text(output.is_terminal()))?;
                output.line(uri)?;
            }
            None => {}
        }
        output.object(&json!({"login": self.login, "state": "offered", "uri": uri, "qr": written}))
    }

    /// Asks for the first code until it is right, as often as a login would.
    fn ask(&self, zamok: &Zamok, enrolment: &Enrolment, output: &Output) -> Result<Exit, Failure> {
        let mut tries = zamok.policy().challenge.tries;
        loop {
            let code = secrets::code("The code that the app shows now", output)?;
            tries = tries.saturating_sub(1);
            match self.confirmed(zamok, enrolment, &code, output) {
                Err(failure) if failure.name == "rejected" && tries > 0 => {
                    output.remark("This code was not accepted. Wait for the next one.");
                }
                ended => return ended,
            }
        }
    }

    fn confirmed(
        &self,
        zamok: &Zamok,
        enrolment: &Enrolment,
        code: &str,
        output: &Output,
    ) -> Result<Exit, Failure> {
        zamok.confirm_generator(enrolment, code.trim()).map_err(|error| {
            Failure::from(error).when_rejected(
                "the code was not accepted: the app does not count yet",
                "is the clock of the phone right? Wait for its next code, or begin again with `zamok enrol`",
            )
        })?;
        output.line(format!(
            "The app of {} counts from now on. This code is spent: log in with the next one.",
            self.login
        ))?;
        output.remark(format!("next: zamok login {}", self.login));
        output.object(&json!({"login": self.login, "state": "enrolled"}))?;
        Ok(Exit::Done)
    }
}

/// What to do when a login and a password did not go together.
pub(super) const AFTER_FAILURES: &str =
    "after 5 failures in a row attempts are delayed; the operator sees why with `zamok why LOGIN`";
