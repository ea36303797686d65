//! Where secrets come from: a file, a variable, the terminal. Never an argument.

use std::env;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use zamok::{Passphrase, Password, Policy};
use zeroize::Zeroizing;

use crate::arguments::{BackupSource, PasswordSource, PinSource, Shared, TokenSource};
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::signals;

/// Whether a secret is asked for once, or is new and asked for twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Once,
    Twice,
}

/// The vault's passphrase.
pub(crate) fn passphrase(shared: &Shared, asked: Asked, output: &Output) -> Result<Passphrase, Failure> {
    let source = Source {
        what: "the vault's passphrase",
        prompt: "Passphrase of the vault",
        file: shared.passphrase_file.as_deref(),
        variable: "ZAMOK_PASSPHRASE",
        option: "--passphrase-file",
    };
    passphrase_of(&source.read(asked, output)?, asked)
}

/// The passphrase of a backup.
pub(crate) fn backup_passphrase(
    source: &BackupSource,
    asked: Asked,
    output: &Output,
) -> Result<Passphrase, Failure> {
    let source = Source {
        what: "the passphrase of the backup",
        prompt: "Passphrase of the backup",
        file: source.backup_passphrase_file.as_deref(),
        variable: "ZAMOK_BACKUP_PASSPHRASE",
        option: "--backup-passphrase-file",
    };
    passphrase_of(&source.read(asked, output)?, asked)
}

/// The passphrase of a store whose journal survived.
pub(crate) fn journal_passphrase(file: Option<&Path>, output: &Output) -> Result<Passphrase, Failure> {
    let source = Source {
        what: "the passphrase of the store with the journal",
        prompt: "Passphrase of the store with the journal",
        file,
        variable: "ZAMOK_JOURNAL_PASSPHRASE",
        option: "--journal-passphrase-file",
    };
    passphrase_of(&source.read(Asked::Once, output)?, Asked::Once)
}

/// The officer's passphrase, where a file or the variable names one: nobody is asked.
pub(crate) fn officer_passphrase(
    file: Option<&Path>,
    output: &Output,
) -> Result<Option<Passphrase>, Failure> {
    const VARIABLE: &str = "ZAMOK_OFFICER_PASSPHRASE";
    if file.is_none() && env::var_os(VARIABLE).is_none() {
        return Ok(None);
    }
    let source = Source {
        what: "the officer's passphrase",
        prompt: "Passphrase of the officer",
        file,
        variable: VARIABLE,
        option: "--officer-passphrase-file",
    };
    passphrase_of(&source.read(Asked::Once, output)?, Asked::Once).map(Some)
}

/// A passphrase; a new one has a shortest length.
fn passphrase_of(secret: &[u8], asked: Asked) -> Result<Passphrase, Failure> {
    if asked == Asked::Twice {
        long_enough(secret)?;
    }
    Ok(Passphrase::from(secret))
}

/// The passphrase, or the PIN, that a slot of the vault gets.
pub(crate) fn new_passphrase(
    file: Option<&Path>,
    is_pin: bool,
    output: &Output,
) -> Result<Passphrase, Failure> {
    let source = Source {
        what: if is_pin { "the new PIN" } else { "the new passphrase" },
        prompt: if is_pin { "New PIN" } else { "New passphrase" },
        file,
        variable: "ZAMOK_NEW_PASSPHRASE",
        option: "--new-passphrase-file",
    };
    let secret = source.read(Asked::Twice, output)?;
    if !is_pin {
        long_enough(&secret)?;
    }
    Ok(Passphrase::from(secret.as_slice()))
}

/// The PIN of a token.
pub(crate) fn token_pin(
    what: &'static str,
    file: Option<&Path>,
    variable: &'static str,
    option: &'static str,
    output: &Output,
) -> Result<Passphrase, Failure> {
    let source = Source { what, prompt: "PIN of the token", file, variable, option };
    Ok(Passphrase::from(source.read(Asked::Once, output)?.as_slice()))
}

/// A recovery code, in a file, from the terminal or from a line of standard input. It serves once.
pub(crate) fn recovery_code(file: Option<&Path>, output: &Output) -> Result<Zeroizing<String>, Failure> {
    let Some(path) = file else {
        return code("Recovery code", "--code-file FILE", output).map(Zeroizing::new);
    };
    let secret = files::read_secret(path, output)?;
    let text =
        str::from_utf8(&secret).map_err(|_| Failure::usage(format!("{} is not text", path.display())))?;
    Ok(Zeroizing::new(text.trim().into()))
}

/// The PIN of a known device.
pub(crate) fn pin(source: &PinSource, output: &Output) -> Result<Zeroizing<String>, Failure> {
    let source = Source {
        what: "the PIN of the device",
        prompt: "PIN of this device",
        file: source.pin_file.as_deref(),
        variable: "ZAMOK_PIN",
        option: "--pin-file",
    };
    source.read_text(output)
}

/// The PIN that a known device gets. Its test is to type it once more.
pub(crate) fn new_pin(file: Option<&Path>, output: &Output) -> Result<Zeroizing<String>, Failure> {
    let source = Source {
        what: "the new PIN",
        prompt: "New PIN of this device",
        file,
        variable: "ZAMOK_NEW_PIN",
        option: "--new-pin-file",
    };
    source.read_text(output)
}

/// The PIN that goes into a response of the holder's device.
pub(crate) fn ocra_pin(file: Option<&Path>, output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let source = Source {
        what: "the PIN of the device's holder",
        prompt: "PIN of the device's holder",
        file,
        variable: "ZAMOK_OCRA_PIN",
        option: "--pin-file",
    };
    source.read(Asked::Once, output)
}

/// As long as a login password has to be at least; it protects more.
fn long_enough(secret: &[u8]) -> Result<(), Failure> {
    let shortest = Policy::default().password.shortest;
    let found = String::from_utf8_lossy(secret).chars().count();
    if found >= shortest {
        return Ok(());
    }
    let message = format!("the passphrase has {found} characters, at least {shortest} are needed");
    let hint = "whoever copies the disk can try passphrases at leisure: take six random words or more";
    Err(Failure::usage(message).hint(hint))
}

/// The password of an account.
pub(crate) fn password(source: &PasswordSource, asked: Asked, output: &Output) -> Result<Password, Failure> {
    let source = Source {
        what: "the account's password",
        prompt: "Password of the account",
        file: source.password_file.as_deref(),
        variable: "ZAMOK_PASSWORD",
        option: "--password-file",
    };
    let secret = source.read(asked, output)?;
    let text = str::from_utf8(&secret).map_err(|_| Failure::usage("the password is not UTF-8 text"))?;
    Ok(Password::new(text))
}

/// The password that an account gets.
pub(crate) fn new_password(file: Option<&Path>, output: &Output) -> Result<Password, Failure> {
    let source = Source {
        what: "the new password",
        prompt: "New password of the account",
        file,
        variable: "ZAMOK_NEW_PASSWORD",
        option: "--new-password-file",
    };
    let secret = source.read(Asked::Twice, output)?;
    let text = str::from_utf8(&secret).map_err(|_| Failure::usage("the new password is not UTF-8 text"))?;
    Ok(Password::new(text))
}

/// The access token of a login. It opens a session, so it is treated as a secret; it is never asked for.
pub(crate) fn token(source: &TokenSource, output: &Output) -> Result<Zeroizing<String>, Failure> {
    let source = Source {
        what: "the access token",
        prompt: "",
        file: source.token_file.as_deref(),
        variable: "ZAMOK_TOKEN",
        option: "--token-file",
    };
    let secret = source.found(output)?.ok_or_else(|| {
        Failure::no_secret("there is no access token").hint(
            "log in with `zamok login LOGIN --token-file FILE`, and name the file here, or set ZAMOK_TOKEN",
        )
    })?;
    let text = str::from_utf8(&secret).map_err(|_| Failure::usage("the token is not text"))?;
    Ok(Zeroizing::new(text.trim().into()))
}

/// A one-time code, from the terminal or from a line of standard input; `option` is what else gives it. It is shown as it is typed:
/// it serves once. Programs are not asked.
pub(crate) fn code(prompt: &str, option: &str, output: &Output) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        if output.is_for_programs() {
            return Err(no_code(option, output));
        }
        output.prompt(prompt);
    }
    let mut line = String::new();
    let mut input = io::stdin().lock().take(256);
    let read = input.read_line(&mut line);
    match read {
        Ok(0) => Err(no_code(option, output)),
        Ok(_) => Ok(line.trim().into()),
        Err(error) => Err(Failure::file(format!("cannot read standard input: {error}"))),
    }
}

/// There is no code, and nobody is asked for one.
pub(crate) fn no_code(option: &str, output: &Output) -> Failure {
    let prompt = if output.is_for_programs() { "" } else { "type it at the prompt, " };
    Failure::no_secret("there is no code")
        .hint(format!("{prompt}give it on standard input, or with {option}"))
}

struct Source<'a> {
    what: &'static str,
    prompt: &'static str,
    file: Option<&'a Path>,
    variable: &'static str,
    option: &'static str,
}

impl Source<'_> {
    fn read(&self, asked: Asked, output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let secret = match self.found(output)? {
            Some(secret) => secret,
            None => self.ask(asked)?,
        };
        if secret.is_empty() {
            Err(Failure::no_secret(format!("{} is empty", self.what)))
        } else {
            Ok(secret)
        }
    }

    /// The same of a secret that is text, asked for once.
    fn read_text(&self, output: &Output) -> Result<Zeroizing<String>, Failure> {
        let secret = self.read(Asked::Once, output)?;
        let text = str::from_utf8(&secret);
        let text = text.map_err(|_| Failure::usage(format!("{} is not UTF-8 text", self.what)))?;
        Ok(Zeroizing::new(text.into()))
    }

    /// The secret in the file or the variable, where one is named.
    fn found(&self, output: &Output) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        if let Some(path) = self.file {
            return files::read_secret(path, output).map(Some);
        }
        Ok(env::var_os(self.variable).map(|value| Zeroizing::new(value.into_encoded_bytes())))
    }

    fn ask(&self, asked: Asked) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if !io::stdin().is_terminal() {
            let message = format!("{} is needed, and there is no terminal to ask for it", self.what);
            return Err(Failure::no_secret(message).hint(format!(
                "put it into a file and name it with {}, or set {}",
                self.option, self.variable
            )));
        }
        let ask = |prompt: &str| {
            signals::at_prompt(|| rpassword::prompt_password(prompt))
                .map(Zeroizing::new)
                .map_err(|error| Failure::no_secret(format!("cannot read from the terminal: {error}")))
        };
        let secret = ask(&format!("{}: ", self.prompt))?;
        if asked == Asked::Twice && ask("Once more: ")? != secret {
            return Err(Failure::usage("the two do not agree").hint("try again; nothing was changed"));
        }
        Ok(Zeroizing::new(secret.as_bytes().to_vec()))
    }
}
