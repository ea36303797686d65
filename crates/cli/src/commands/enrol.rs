//! `zamok enrol`: the first factor of an account: an app, offered as a QR code, or another kind, and its test.

use std::io::{self, IsTerminal};

use clap::Args;
use serde_json::json;
use zamok::{Enrolment, Zamok};

use super::factors::offering::{Kind, Offering};
use crate::arguments::{PasswordSource, Shared};
use crate::challenges;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Enrol the first factor: show the QR code of an authenticator app, then check its first code; or send a code, or take a
/// device's key.
///
/// In a terminal it asks for the first code at once. Elsewhere it takes two steps: the first prints the QR code, the
/// second is the same command with --confirm CODE. A QR code is shown once; to show another, run the first step again.
/// Another kind is tested by `zamok factors test`. Further factors are added in a session, with `zamok factors add`.
#[derive(Args, Debug)]
pub(crate) struct Enrol {
    /// The login of the account.
    login: String,
    #[command(flatten)]
    password: PasswordSource,
    /// What is enrolled.
    #[arg(long, value_enum, default_value_t = Kind::Generator)]
    kind: Kind,
    #[command(flatten)]
    offering: Offering,
    /// The enrolment that `zamok recovery use` has opened, in the place of the password.
    #[arg(long, value_name = "ID", value_parser = challenges::enrolment)]
    enrolment: Option<Enrolment>,
    /// The first code of the app: ends the enrolment that was begun before.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["qr", "kind"])]
    confirm: Option<String>,
}

impl Enrol {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        if self.kind == Kind::Pin {
            return Err(Failure::usage("a PIN is set in a session of its known device").hint(
                "enrol another factor first, log in, make the device known with `zamok devices trust`, then `zamok factors add pin`",
            ));
        }
        let offer = match &self.confirm {
            Some(_) => None,
            None => Some(self.offering.read(self.kind, output)?),
        };
        opening::with_vault(shared, output, |zamok| {
            let enrolment = match self.enrolment {
                Some(enrolment) => enrolment,
                None => self.begun(zamok, output)?,
            };
            if let Some(code) = &self.confirm {
                return self.confirmed(zamok, &enrolment, code, output);
            }
            if let Some(offer) = offer {
                let mut object = offer.make(zamok, &enrolment, None, output)?;
                object["login"] = self.login.as_str().into();
                output.object(&object)?;
            }
            if output.is_for_programs() || !io::stdin().is_terminal() || !self.kind.is_typed() {
                let next = match self.kind {
                    Kind::Generator => {
                        let held = self.enrolment.map(|held| format!(" --enrolment {}", hex(&held.id)));
                        format!(
                            "scan it with an authenticator app, then: zamok enrol {}{} --confirm CODE",
                            self.login,
                            held.unwrap_or_default()
                        )
                    }
                    _ => format!("zamok factors test {}", hex(&enrolment.id)),
                };
                output.remark(format!("next: {next}"));
                return Ok(Exit::Done);
            }
            self.ask(zamok, &enrolment, output)
        })
    }

    /// The enrolment that the password opens.
    fn begun(&self, zamok: &Zamok, output: &Output) -> Result<Enrolment, Failure> {
        let password = secrets::password(&self.password, Asked::Once, output)?;
        zamok.begin_enrolment(&self.login, &password).map_err(|error| {
            let failure =
                Failure::from(error).when_rejected("the login or the password is wrong", AFTER_FAILURES);
            match failure.name {
                "factor-exists" => {
                    let message = "the account has a second factor already, or has lost its last one".into();
                    let hint = "log in with it: `zamok login LOGIN`; `zamok factors add` adds another in the session. After a loss \
                                `zamok recovery use` opens an enrolment, or the desk: `zamok factors let-enrol`";
                    Failure { message, ..failure }.hint(hint)
                }
                _ => failure,
            }
        })
    }

    /// Asks for the first code until it is right, as often as a login would.
    fn ask(&self, zamok: &Zamok, enrolment: &Enrolment, output: &Output) -> Result<Exit, Failure> {
        let mut tries = zamok.policy().challenge.tries;
        loop {
            let code = secrets::code(self.kind.prompt(), "--confirm CODE", output)?;
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
                "the code was not accepted: the factor does not count yet",
                "is the clock of the phone right? Wait for its next code, or begin again with `zamok enrol`",
            )
        })?;
        output.line(format!(
            "The factor of {} counts from now on. This code is spent: log in with the next one.",
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
