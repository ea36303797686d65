//! Failures: an exit code for the shell, a number and a name for programs, a message and the next step for people.

use std::process::ExitCode;

use zamok::store::StoreFault;
use zamok::{CoreError, Error, UnixTime};

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
}

impl Failure {
    fn new(exit: Exit, code: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, name, message: message.into(), hint: None, is_silent: false }
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

    /// The same with the next step.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, with words that fit the place where a check failed; other failures stay what they are.
    pub(crate) fn when_rejected(self, message: &str, hint: &str) -> Self {
        if self.name == "rejected" { Self { message: message.into(), ..self }.hint(hint) } else { self }
    }

    /// A vault that did not open: a check that failed here was that of the passphrase.
    pub(crate) fn of_opening(error: impl Into<Error>) -> Self {
        let failure = Self::from(error.into());
        match failure.name {
            "rejected" => Self { exit: Exit::Vault, ..failure }.when_rejected(
                "the passphrase is wrong",
                "try again; after 10 failures in a row attempts are delayed",
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

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = error.code();
        let known = KNOWN.iter().find(|known| known.0 == code);
        let (_, name, exit, hint) = *known.unwrap_or(&(code, "other", Exit::Usage, ""));
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

const RESTORE: &str =
    "stop using this store, keep a copy of it, and restore a backup; `zamok doctor` names what does not fit";

/// Numbers, names, exit codes and next steps. Numbers and names are stable.
const KNOWN: &[(u16, &str, Exit, &str)] = &[
    (100, "rejected", Exit::Rejected, ""),
    (101, "refused", Exit::Altered, RESTORE),
    (211, "randomness", Exit::Again, "the operating system gave no randomness; try again"),
    (301, "unknown-key", Exit::Altered, RESTORE),
    (305, "key-state", Exit::Rejected, "`zamok why LOGIN` tells what happened to the key"),
    (306, "too-long", Exit::Usage, ""),
    (401, "locked", Exit::Vault, "the vault was locked meanwhile; open it again"),
    (
        402,
        "unlock-not-before",
        Exit::Vault,
        "wait until then; the right passphrase is refused as well before it",
    ),
    (403, "slot-disabled", Exit::Vault, "restore a backup whose passphrase is known"),
    (404, "vault-exists", Exit::Vault, "use it with the other commands, or name another place with --store"),
    (405, "no-vault", Exit::Vault, "make one with `zamok init`"),
    (406, "format", Exit::Store, "use the version of zamok that wrote it"),
    (501, "busy", Exit::Again, "nothing was changed; try again"),
    (
        510,
        "store-unavailable",
        Exit::Store,
        "check the disk, the folder and the limits of this process, and try again",
    ),
    (511, "store-outcome-unknown", Exit::Again, "look at the journal whether it happened, then try again"),
    (512, "store-corrupt", Exit::Store, "keep a copy of the file, and restore a backup"),
    (513, "store-full", Exit::Store, "nothing was changed; make room on the disk and try again"),
    (
        514,
        "store-read-only",
        Exit::Store,
        "zamok counts and journals every attempt: give it the right to write",
    ),
    (515, "store-gone", Exit::Store, "put the file back, or restore a backup, and start again"),
    (
        516,
        "store-missing",
        Exit::Store,
        "name the right one with --store or ZAMOK_STORE, or make one with `zamok init`",
    ),
    (517, "store-denied", Exit::Store, "run as the user to whom the store belongs"),
    (518, "store-contended", Exit::Again, "nothing was changed; try again"),
    (519, "store-layout", Exit::Store, "use the version of zamok that wrote it, or a later one"),
    (520, "store-not-durable", Exit::Store, "put the store on a local file system"),
    (521, "store-url", Exit::Usage, "a store is named as in sqlite:zamok.db or sqlite:/var/lib/zamok.db"),
    (522, "store-foreign", Exit::Store, "name another place with --store; this file was left as it is"),
    (601, "login-unusable", Exit::Usage, ""),
    (602, "login-taken", Exit::Usage, "choose another login; case and width make no difference"),
    (603, "password-too-short", Exit::Usage, ""),
    (604, "password-too-long", Exit::Usage, ""),
    (605, "password-classes", Exit::Usage, ""),
    (606, "password-unusable", Exit::Usage, "choose one without the login in it, such as four random words"),
    (607, "factor-exists", Exit::Usage, "log in with it: `zamok login LOGIN`"),
    (608, "nothing-offered", Exit::Usage, "enrol a generator first: `zamok enrol LOGIN`"),
    (609, "session-ended", Exit::Rejected, "`zamok login LOGIN` opens a new one"),
    (610, "issuer-unusable", Exit::Usage, ""),
    (611, "profile-unknown", Exit::Store, "use the version of zamok that made this vault, or a later one"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_one_number_and_one_name() {
        for (place, known) in KNOWN.iter().enumerate() {
            for other in &KNOWN[place + 1..] {
                assert!(known.0 < other.0 && known.1 != other.1, "{known:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_failed_check_takes_its_words_from_the_place_and_others_keep_theirs() {
        let rejected = Failure::from(CoreError::Rejected).when_rejected("no", "try");
        assert_eq!((rejected.message.as_str(), rejected.exit), ("no", Exit::Rejected));
        let busy = Failure::from(CoreError::Busy).when_rejected("no", "try");
        assert_ne!(busy.message, "no");
        assert_eq!(Failure::of_opening(CoreError::Rejected).exit, Exit::Vault);
    }
}
