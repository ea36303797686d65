//! Failures: an exit code for the shell, a number and a name for programs, a message and the next step for people.

mod known;

use std::process::ExitCode;

use zamok::store::StoreFault;
use zamok::{CoreError, Error, UnixTime};

use self::known::known;
use crate::moment;

/// The exit codes, as `zamok --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Rejected = 1,
    Usage = 2,
    Store = 3,
    Vault = 4,
    Files = 5,
    Altered = 6,
    Again = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that was not carried out.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The number in the one table of errors; from 900 on, this program's own.
    pub(crate) code: u16,
    pub(crate) name: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// Nobody reads: say nothing.
    pub(crate) is_silent: bool,
    /// The command was carried out and has told it: a program has its object already.
    pub(crate) is_afterwards: bool,
}

impl Failure {
    fn new(exit: Exit, code: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, name, message: message.into(), hint: None, is_silent: false, is_afterwards: false }
    }

    /// Arguments that make no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, 900, "usage", message)
    }

    /// A file that could not be read or written.
    pub(crate) fn file(message: impl Into<String>) -> Self {
        Self::new(Exit::Files, 901, "file", message)
    }

    /// A secret that is nowhere to be had.
    pub(crate) fn no_secret(message: impl Into<String>) -> Self {
        Self::new(Exit::Files, 902, "no-secret", message)
    }

    /// Standard output that does not take any more.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        let is_silent = error.kind() == std::io::ErrorKind::BrokenPipe;
        let failure = Self::new(Exit::Files, 903, "output", format!("standard output: {error}"));
        Self { is_silent, ..failure }
    }

    /// A check that failed, with words that say which.
    pub(crate) fn rejected(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, ..Self::from(Error::Core(CoreError::Rejected)) }
    }

    /// The same, of a command that was carried out and has told it.
    pub(crate) fn afterwards(self) -> Self {
        Self { is_afterwards: true, ..self }
    }

    /// The same with the next step.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, with words that fit the place where a check failed; other failures stay what they are.
    pub(crate) fn when_rejected(self, message: &str, hint: &str) -> Self {
        if self.name == "rejected" { Self { message: message.into(), ..self }.hint(hint) } else { self }
    }

    /// A vault that did not open: a check that failed here was that of the secret, which `wrong` says in words.
    pub(crate) fn of_opening(error: impl Into<Error>, wrong: &str) -> Self {
        let failure = Self::from(error.into());
        match failure.name {
            "rejected" => Self { exit: Exit::Vault, ..failure }.when_rejected(
                wrong,
                "try again; `zamok slots list` shows the slots, and until when failures delay attempts",
            ),
            _ => failure,
        }
    }
}

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        Error::Core(error).into()
    }
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        Error::from(fault).into()
    }
}

impl From<zamok::protocols::Error> for Failure {
    fn from(error: zamok::protocols::Error) -> Self {
        match error {
            zamok::protocols::Error::Cabinet(error) => error.into(),
            error => {
                let (_, name, exit, hint) = known(error.code());
                let failure = Self::new(exit, error.code(), name, error.to_string());
                if hint.is_empty() { failure } else { failure.hint(hint) }
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = error.code();
        let (_, name, exit, hint) = known(code);
        let message = match error {
            Error::Core(CoreError::UnlockNotBefore(time)) => {
                format!("unlocking is delayed after failed attempts until {}", moment::text(UnixTime(time)))
            }
            other => other.to_string(),
        };
        let failure = Self::new(exit, code, name, message);
        if hint.is_empty() { failure } else { failure.hint(hint) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_takes_its_words_from_the_place_and_others_keep_theirs() {
        let rejected = Failure::from(CoreError::Rejected).when_rejected("no", "try");
        assert_eq!((rejected.message.as_str(), rejected.exit), ("no", Exit::Rejected));
        let busy = Failure::from(CoreError::Busy).when_rejected("no", "try");
        assert_ne!(busy.message, "no");
        assert_eq!(Failure::of_opening(CoreError::Rejected, "wrong").exit, Exit::Vault);
    }
}
