//! `zamok keys`: the keys of the vault by their ids, without their material.

mod change;
mod codes;
mod listing;
mod making;
mod moving;
mod narrowing;
mod signing;

use clap::{Args, Subcommand};
use zamok::CoreError;
use zamok::keys::{KeyId, Purpose};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::secrets;

/// Make keys, look at them, and lead them through their life. Private keys never leave but wrapped.
#[derive(Args, Debug)]
pub(crate) struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the keys: id, kind, purpose, state, label.
    List(listing::List),
    /// Show what is known of a key and of its older versions.
    Show(listing::Show),
    /// Print the public key of a key pair, in PEM.
    Public(listing::Public),
    /// Read back data, a certificate or a public key (DER) that was taken in: never a secret.
    Read(listing::Read),
    /// Make a key.
    New(making::New),
    /// Take in a private key (PKCS#8), a public key (SPKI), a certificate, a secret or data from a file.
    Import(making::Import),
    /// Make the next version of a key; the version before verifies and opens what it protected.
    Rotate(change::Rotate),
    /// Put an active key aside.
    Suspend(change::Suspend),
    /// Take a suspended key back into use. Of a key for codes, the failures are forgiven.
    Resume(change::Resume),
    /// Mark a wrapping key as trusted: keys may leave under it from now on.
    Trust(change::Trust),
    /// Say that others may know a key, for good: it makes and checks nothing more, and opens what it has sealed.
    Compromised(change::Compromised),
    /// Destroy the material of a key, for good.
    Destroy(change::Destroy),
    /// Take abilities away from a key, for good.
    Narrow(narrowing::Narrow),
    /// Give a key another label.
    Rename(narrowing::Rename),
    /// Copy a key under a new id; the copy can do no more than the original.
    Copy(narrowing::Copy),
    /// Sign a file with a key pair of the vault.
    Sign(signing::Sign),
    /// Check the signature of a file with a key pair or a public key of the vault.
    Verify(signing::Verify),
    /// Print the next code of a key that computes codes, as a token does.
    Code(codes::Code),
    /// Write a key to a file, wrapped under another.
    Wrap(moving::Wrap),
    /// Take in a key from a file that `wrap` wrote.
    Unwrap(moving::Unwrap),
}

impl Keys {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        self.carry_out(shared, output).map_err(of_typed_id)
    }

    fn carry_out(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        match &self.what {
            What::List(list) => list.run(shared, output),
            What::Show(show) => show.run(shared, output),
            What::Public(public) => public.run(shared, output),
            What::Read(read) => read.run(shared, output),
            What::New(new) => new.run(shared, output),
            What::Import(import) => import.run(shared, output),
            What::Rotate(rotate) => rotate.run(shared, output),
            What::Suspend(suspend) => suspend.run(shared, output),
            What::Resume(resume) => resume.run(shared, output),
            What::Trust(trust) => trust.run(shared, output),
            What::Compromised(compromised) => compromised.run(shared, output),
            What::Destroy(destroy) => destroy.run(shared, output),
            What::Narrow(narrow) => narrow.run(shared, output),
            What::Rename(rename) => rename.run(shared, output),
            What::Copy(copy) => copy.run(shared, output),
            What::Sign(sign) => sign.run(shared, output),
            What::Verify(verify) => verify.run(shared, output),
            What::Code(code) => code.run(shared, output),
            What::Wrap(wrap) => wrap.run(shared, output),
            What::Unwrap(unwrap) => unwrap.run(shared, output),
        }
    }
}

/// The failure of a command whose key somebody has named by its id: that no key has it says nothing of the store.
pub(crate) fn of_typed_id(failure: Failure) -> Failure {
    match failure.name {
        "unknown-key" => Failure { exit: Exit::Usage, ..failure }.hint("`zamok keys list` shows the keys"),
        "key-state" => failure.hint("`zamok keys show` tells the state of the key"),
        _ => failure,
    }
}

/// Reads the id of a key: 32 hexadecimal digits, as `zamok keys list` shows them.
pub(crate) fn key_id(text: &str) -> Result<KeyId, String> {
    let id = id_bytes(text).map(KeyId);
    id.ok_or_else(|| "a key id has 32 hexadecimal digits; `zamok keys list` shows them".into())
}

/// The 16 bytes of an id in hexadecimal digits.
pub(crate) fn id_bytes(text: &str) -> Option<[u8; 16]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 16 || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut id = [0; 16];
    for (byte, [high, low]) in id.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(id)
}

/// Reads the name of a purpose.
fn purpose(text: &str) -> Result<Purpose, String> {
    Purpose::ALL.into_iter().find(|purpose| purpose.name() == text).ok_or_else(|| {
        let names: Vec<_> = Purpose::ALL.iter().map(|purpose| purpose.name()).collect();
        format!("one of: {}", names.join(", "))
    })
}

/// Asks before something that cannot be undone, unless `--yes` was given: the id has to be typed once more.
fn confirm(id: KeyId, what: &str, is_sure: bool, output: &Output) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    let typed = secrets::code(&format!("{what} Type the id of the key to confirm"), "--yes", output)
        .map_err(|_| Failure::usage("nothing was done: this asks for a confirmation").hint("give --yes"))?;
    if typed == id.to_string() {
        Ok(())
    } else {
        Err(Failure::usage("nothing was done: that is not the id of the key"))
    }
}

/// A purpose that its kind cannot serve deserves more than the error's own words.
fn of_template(error: CoreError) -> Failure {
    let failure = Failure::from(error);
    match error {
        CoreError::KeyPurpose => failure.hint(
            "signing keys serve token, document, certificate, checkpoint or request; aes-256 data or wrapping; agreement keys wrapping; all others data",
        ),
        _ => failure,
    }
}
