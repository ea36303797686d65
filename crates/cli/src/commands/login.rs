//! `zamok login`: password and second factor, PIN and known device, or a phone alone, for a session and its access token.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use zamok::{Approach, Begun, Challenge, CoreError, DeviceToken, Error, Evidence, Session, Zamok};
use zeroize::Zeroizing;

use super::answer::Destination;
use super::enrol::AFTER_FAILURES;
use crate::arguments::{PasswordSource, PinSource, Shared};
use crate::challenges;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Log in with a password and a second factor; prints an access token.
///
/// A code is asked for at once, and the approval of a device waited for. In two steps: --begin shows the challenge, and `zamok
/// answer` ends the login. A signature takes two steps. A PIN takes the place of the password, on its known device alone; so does a
/// phone, with --by-phone, where policy and the account allow it.
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// The login of the account; its phone, with --by-phone.
    login: String,
    #[command(flatten)]
    password: PasswordSource,
    /// The code that the factor shows, or that was sent. Otherwise it is asked for, or read from standard input.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Answer with this kind of factor, where the account has several; otherwise the one that it prefers.
    #[arg(long, value_name = "KIND", value_enum)]
    by: Option<By>,
    /// Log in with a phone alone, and no password: a code is sent to it. Whether somebody has it is not told.
    #[arg(long, conflicts_with_all = ["by", "take_back"])]
    by_phone: bool,
    #[command(flatten)]
    pin: PinSource,
    /// The token of a known device, as `zamok devices trust` wrote it.
    #[arg(long, value_name = "FILE")]
    device_file: Option<PathBuf>,
    /// Show the challenge, and leave it to `zamok answer`.
    #[arg(long, conflicts_with = "code")]
    begin: bool,
    /// Where a device's key answers: write what it has to sign to FILE.
    #[arg(long, value_name = "FILE", requires = "begin")]
    question: Option<PathBuf>,
    /// Take the last change of a channel back: the channel that was replaced answers, whatever the account prefers, and what came in
    /// its place is gone. With the password of before, that it was changed is taken back as well.
    #[arg(long, conflicts_with = "by")]
    take_back: bool,
    #[command(flatten)]
    destination: Destination,
}

/// A factor that answers a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Generator,
    Token,
    Sms,
    #[value(name = "e-mail")]
    Email,
    /// The device is asked, and its owner approves there.
    Push,
    /// With --device-file, instead of the password.
    Pin,
    /// A signature by the key of a device, with --begin.
    Certificate,
}

impl From<By> for Evidence {
    fn from(by: By) -> Self {
        match by {
            By::Generator => Self::Generator,
            By::Token => Self::Token,
            By::Sms => Self::Sms,
            By::Email => Self::Email,
            By::Push => Self::Push,
            By::Pin => Self::Pin,
            By::Certificate => Self::Certificate,
        }
    }
}

impl Login {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        if self.by == Some(By::Pin) && self.code.is_some() {
            return Err(Failure::usage("a PIN is never an argument: it serves more than once")
                .hint("use the prompt, --pin-file or ZAMOK_PIN, and change the PIN that was just shown"));
        }
        // Before a code is sent that nobody is asked for.
        let is_asked = self.code.is_none()
            && !self.begin
            && !matches!(self.by, Some(By::Pin | By::Push | By::Certificate));
        if is_asked && output.is_for_programs() && io::stdin().is_terminal() {
            return Err(secrets::no_code("--code CODE; --begin leaves it to `zamok answer`", output));
        }
        opening::with_vault(shared, output, |zamok| {
            let approach = Approach {
                device: self.device_file.as_deref().map(|path| device(path, output)).transpose()?,
                by: self.by.map(Evidence::from),
                ..Approach::default()
            };
            let question = challenges::question_file(self.question.as_deref())?;
            // What opens the way is there before anything begins; so is the place of the token, before a code is spent.
            let knock = self.knock(zamok, &approach, output)?;
            let prepared = self.destination.prepare()?;
            let challenge = self.challenge(zamok, &knock, &approach)?;
            if self.begin {
                let mut object = challenges::show(zamok, &challenge, question, output)?;
                object[if self.by_phone { "phone" } else { "login" }] = self.login.as_str().into();
                let take_back = if self.take_back { " --take-back" } else { "" };
                output.remark(format!("next: zamok answer {}{take_back}", crate::events::hex(&challenge.id)));
                output.object(&object)?;
                return Ok(Exit::Done);
            }
            let session = self.answer(zamok, &challenge, &knock, output)?;
            let login = zamok.account(&session)?.login;
            self.destination.give(zamok, &session, &login, prepared, output)?;
            Ok(Exit::Done)
        })
    }

    /// Reads what the login begins with.
    fn knock(&self, zamok: &Zamok, approach: &Approach, output: &Output) -> Result<Knock, Failure> {
        if self.by_phone {
            return Ok(Knock::Phone);
        }
        if self.by != Some(By::Pin) {
            return secrets::password(&self.password, Asked::Once, output).map(Knock::Password);
        }
        let Some(device) = &approach.device else {
            return Err(Failure::usage("a PIN counts on its known device alone")
                .hint("name the device's token with --device-file"));
        };
        let unknown = "this device is not known to the account";
        let hint = "`zamok devices list LOGIN` shows the devices";
        let devices = zamok
            .devices_of(&self.login)
            .map_err(|error| Failure::from(error).when_rejected(unknown, hint))?;
        if !devices.iter().any(|known| known.id == device.device()) {
            return Err(Failure::rejected(unknown).hint(hint));
        }
        if self.begin {
            return Ok(Knock::Device(device.clone(), Zeroizing::default()));
        }
        Ok(Knock::Device(device.clone(), secrets::pin(&self.pin, output)?))
    }

    /// Begins the login, or the way back.
    fn challenge(&self, zamok: &Zamok, knock: &Knock, approach: &Approach) -> Result<Challenge, Failure> {
        let password = match knock {
            Knock::Password(password) => password,
            Knock::Phone => {
                return zamok.begin_login_by_phone(&self.login, approach).map_err(|error| match error {
                    Error::NotAllowed => {
                        let message = "policy lets nobody in by a phone alone".into();
                        Failure { message, ..Failure::from(error) }
                            .hint("its number `contact.login` is false: `zamok policy show`; log in with the password")
                    }
                    error => error.into(),
                });
            }
            Knock::Device(device, _) => {
                return zamok.begin_login_by_device(device, approach).map_err(|error| {
                    Failure::from(error).when_rejected(
                        "this device is not known any more, or has no PIN",
                        "log in with the password; `zamok devices list LOGIN` shows the devices",
                    )
                });
            }
        };
        let wrong = |error: Error| {
            Failure::from(error).when_rejected("the login or the password is wrong", AFTER_FAILURES)
        };
        if self.take_back {
            return zamok.begin_undo(&self.login, password, approach).map_err(|error| match error {
                Error::MethodUnavailable => {
                    let message = "no channel was replaced lately".into();
                    Failure { message, ..Failure::from(error) }
                        .hint("`zamok factors list LOGIN` shows what is set aside, and until when")
                }
                error => wrong(error),
            });
        }
        match zamok.begin_login_from(&self.login, password, approach).map_err(wrong)? {
            Begun::Code(challenge) => Ok(challenge),
            Begun::Enrol(_) => {
                let message = "the account has no second factor yet".into();
                Err(Failure { message, ..Failure::from(Error::NothingOffered) }
                    .hint(format!("enrol one first: `zamok enrol {}`", self.login)))
            }
        }
    }

    /// Answers the challenge; a person at a terminal may try as often as the challenge allows.
    fn answer(
        &self,
        zamok: &Zamok,
        challenge: &Challenge,
        knock: &Knock,
        output: &Output,
    ) -> Result<Session, Failure> {
        match (challenge.by, knock) {
            (_, Knock::Device(_, pin)) => return self.try_it(zamok, challenge, pin).map_err(refused),
            (Evidence::Push, _) => return self.wait(zamok, challenge, output),
            (Evidence::Certificate, _) => {
                return Err(Failure::usage("the account answers by a signature of its device")
                    .hint("begin with --begin --question FILE, sign the file, and end with `zamok answer`"));
            }
            _ => {}
        }
        let mut tries = match &self.code {
            None if io::stdin().is_terminal() => zamok.policy().challenge.tries,
            _ => 1,
        };
        loop {
            tracing::debug!("waiting for the code");
            let code = match &self.code {
                Some(code) => code.trim().into(),
                None => secrets::code(prompt(challenge.by), "--code CODE", output)?,
            };
            tries = tries.saturating_sub(1);
            match self.try_it(zamok, challenge, &code) {
                Ok(session) => return Ok(session),
                Err(Error::Core(CoreError::Rejected)) if tries > 0 => {
                    output.remark("This code was not accepted. Wait for the next one.");
                }
                Err(error) => return Err(refused(error)),
            }
        }
    }

    fn try_it(&self, zamok: &Zamok, challenge: &Challenge, text: &str) -> Result<Session, Error> {
        let request = zamok.request_id()?;
        if self.take_back {
            zamok.undo_change(challenge, text, request)
        } else {
            zamok.answer(challenge, text, request)
        }
    }

    /// Shows the number, and waits until its device has approved.
    fn wait(&self, zamok: &Zamok, challenge: &Challenge, output: &Output) -> Result<Session, Failure> {
        if output.is_for_programs() {
            return Err(Failure::usage(
                "the account answers by the approval of its device, for which a number is shown",
            )
            .hint("begin with --begin, and end with `zamok answer --approved`"));
        }
        let number = zamok.number_to_show(challenge)?;
        output.remark(format!("The number is {number}: type it on the device that was asked."));
        loop {
            match self.try_it(zamok, challenge, "") {
                Err(Error::ApprovalPending) if zamok.vault().now() < challenge.expires => {
                    thread::sleep(BETWEEN_LOOKS);
                }
                Ok(session) => return Ok(session),
                Err(error) => {
                    return Err(Failure::from(error).when_rejected(
                        "the device did not approve",
                        "a wrong number, and a request that was declined, end the login: begin again",
                    ));
                }
            }
        }
    }
}

/// How long an approval may go unnoticed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What a login begins with.
enum Knock {
    Password(zamok::Password),
    /// A phone, which a code is sent to.
    Phone,
    /// A known device, and the PIN that answers.
    Device(DeviceToken, Zeroizing<String>),
}

fn refused(error: Error) -> Failure {
    Failure::from(error).when_rejected(
        "the code was not accepted",
        "a code serves once: wait for the next one; the operator sees why with `zamok why LOGIN`",
    )
}

/// What is asked for at a terminal.
const fn prompt(by: Evidence) -> &'static str {
    match by {
        Evidence::Token => "The next code of the token",
        Evidence::Sms => "The code that was sent by SMS",
        Evidence::Email => "The code that was sent by e-mail",
        _ => "The code that the app shows now",
    }
}

/// The token of a known device.
fn device(path: &Path, output: &Output) -> Result<DeviceToken, Failure> {
    let secret = files::read_secret(path, output)?;
    let read = std::str::from_utf8(&secret).ok().and_then(DeviceToken::parse);
    read.ok_or_else(|| {
        Failure::usage(format!("{} holds no token of a device", path.display()))
            .hint("`zamok devices trust --device-file FILE` writes one")
    })
}
