//! `zamok recovery`: the way back for whoever has lost the second factor.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use super::enrol::AFTER_FAILURES;
use crate::arguments::{PasswordSource, Shared, TokenSource, Yes};
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::files::{Prepared, Readable};
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Make recovery codes, or come back with one after the second factor was lost.
#[derive(Args, Debug)]
pub(crate) struct Recovery {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a new set of recovery codes for your account and show it, this once; the set before counts no more.
    Codes {
        #[command(flatten)]
        token: TokenSource,
        /// Write the codes to FILE, a line each and readable by you alone, instead of printing them.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Come back with a password and a recovery code: every factor is taken away, every session ends, and you enrol anew.
    Use {
        /// The login of the account.
        login: String,
        #[command(flatten)]
        password: PasswordSource,
        /// A file with the code; otherwise it is asked for, or read from standard input.
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        #[command(flatten)]
        yes: Yes,
    },
}

impl Recovery {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        if let What::Use { login, yes, .. } = &self.what {
            output.remark(format!(
                "every factor of {login} will be gone, with the other recovery codes and every session"
            ));
            yes.confirm("recover", output)?;
        }
        opening::with_vault(shared, output, |zamok| match &self.what {
            What::Codes { token, out } => {
                let session = opening::session(zamok, token, output)?;
                // Before there are new codes: the old ones would be gone, and the new ones nowhere.
                let file =
                    out.as_deref().map(|path| Prepared::unless_there(path, Readable::ByOwner)).transpose()?;
                let codes = zamok.new_recovery_codes(&session)?;
                let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
                let lines = Zeroizing::new(format!("{}\n", codes.join("\n")));
                // The set before counts no more: what cannot be written is shown.
                let (written, unwritten) = match file.map(|file| file.write(lines.as_bytes())).transpose() {
                    Ok(written) => (written, None),
                    Err(failure) => (None, Some(failure)),
                };
                match &written {
                    Some(path) => output.line(format!("The recovery codes are in {}.", path.display()))?,
                    None if !output.is_for_programs() => output.text(&lines)?,
                    None => {}
                }
                output.remark(
                    "Keep them away from the phone: each serves once, and with the password opens the way back.",
                );
                output.object(&json!({
                    "count": codes.len(),
                    "codes": written.is_none().then_some(&codes),
                    "file": written.map(|path| path.display().to_string()),
                }))?;
                unwritten.map_or(Ok(Exit::Done), |failure| {
                    Err(failure.hint("the codes were shown instead, this once: keep them").afterwards())
                })
            }
            What::Use { login, password, code_file, .. } => {
                let password = secrets::password(password, Asked::Once, output)?;
                let code = secrets::recovery_code(code_file.as_deref(), output)?;
                let enrolment = zamok.recover(login, &password, &code).map_err(|error| {
                    Failure::from(error)
                        .when_rejected("the login, the password or the code is wrong", AFTER_FAILURES)
                })?;
                output
                    .line("Every factor of the account is gone, with the other codes and every session.")?;
                let id = hex(&enrolment.id);
                output.remark(format!("next: zamok enrol {login} --enrolment {id}"));
                output.object(&json!({
                    "login": login, "recovered": true, "enrolment": id, "expires": enrolment.expires.0,
                }))?;
                Ok(Exit::Done)
            }
        })
    }
}
