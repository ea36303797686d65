//! What opens the vault's slots, from where the options name it: a passphrase, a key file, a PIN with a device's secret,
//! shares, a key in a PKCS#11 token.

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use zamok::backup::shares_in;
use zamok::{Credential, Passphrase, Pkcs11Key, Pkcs11Uri, SecretKey};

use crate::arguments::Shared;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// How the vault is opened, where it is not by passphrase alone.
#[derive(Args, Debug)]
pub(crate) struct Opening {
    /// Open with the key in this file: 64 hexadecimal digits, as `openssl rand -hex 32` makes them.
    #[arg(long, value_name = "FILE", env = "ZAMOK_VAULT_KEY_FILE", global = true)]
    pub(crate) vault_key_file: Option<PathBuf>,
    /// Open with a PIN, asked for in the place of the passphrase, and the secret in this file: 64 hexadecimal digits.
    /// Keep it off the disk of the store.
    #[arg(long, value_name = "FILE", env = "ZAMOK_DEVICE_SECRET", global = true)]
    pub(crate) device_secret: Option<PathBuf>,
    /// Open with the shares in this file, one or more of them; may be given several times.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) shares: Vec<PathBuf>,
    /// Ask this file whether the store was put back: it remembers the journal's last checkpoint. Keep it on another disk,
    /// best on another machine's.
    #[arg(long, value_name = "FILE", env = "ZAMOK_ANCHOR", global = true)]
    pub(crate) anchor: Option<PathBuf>,
    /// Ask the witnesses of this policy (C2SP tlog-policy) whether the store was put back.
    #[arg(long, value_name = "FILE", env = "ZAMOK_ANCHOR_WITNESSES", global = true)]
    pub(crate) anchor_witnesses: Option<PathBuf>,
    /// Open with the key in a PKCS#11 token that this URI names (RFC 7512), as in 'pkcs11:token=vault;object=zamok'. The
    /// PIN is read from --pkcs11-pin-file, ZAMOK_PKCS11_PIN, the URI's pin-source, or a prompt.
    #[arg(long, value_name = "URI", env = "ZAMOK_PKCS11", hide_env_values = true, global = true, value_parser = Pkcs11Uri::parse)]
    pub(crate) pkcs11: Option<Pkcs11Uri>,
    /// The token's module, a shared library, where the URI names none with ?module-path=.
    #[arg(long, value_name = "FILE", env = "ZAMOK_PKCS11_MODULE", global = true)]
    pub(crate) pkcs11_module: Option<PathBuf>,
    /// A file with the token's PIN.
    #[arg(long, value_name = "FILE", env = "ZAMOK_PKCS11_PIN_FILE", hide_env_values = true, global = true)]
    pub(crate) pkcs11_pin_file: Option<PathBuf>,
    /// The slot to open; otherwise the first that fits.
    #[arg(long, value_name = "N", global = true)]
    pub(crate) slot: Option<u8>,
    /// What opens the vault was named by a variable.
    #[arg(skip)]
    pub(crate) by_variable: bool,
    /// The anchor was named by a variable.
    #[arg(skip)]
    pub(crate) anchor_by_variable: bool,
}

impl Opening {
    /// Sets aside what variables name where the command line names something else; what is left must fit together.
    pub(crate) fn settle(&mut self, matches: &ArgMatches) -> Result<(), &'static str> {
        let typed = |option| matches.value_source(option) == Some(ValueSource::CommandLine);
        let [key, shares, token, device] = ["vault_key_file", "shares", "pkcs11", "device_secret"].map(typed);
        let opener = key || shares || token || device;
        if opener || typed("passphrase_file") {
            self.vault_key_file.take_if(|_| !key);
            self.pkcs11.take_if(|_| !token);
            // The file of a passphrase is that of the PIN as well.
            self.device_secret.take_if(|_| opener && !device);
        }
        if typed("anchor") || typed("anchor_witnesses") {
            self.anchor.take_if(|_| !typed("anchor"));
            self.anchor_witnesses.take_if(|_| !typed("anchor_witnesses"));
        }
        let named = [
            self.vault_key_file.is_some(),
            !self.shares.is_empty(),
            self.pkcs11.is_some(),
            self.device_secret.is_some(),
        ];
        if named.into_iter().filter(|named| *named).count() > 1 {
            return Err("of --vault-key-file, --shares, --pkcs11 and --device-secret one opens the vault: \
                        a second was named, perhaps by a variable (ZAMOK_VAULT_KEY_FILE, ZAMOK_PKCS11, ZAMOK_DEVICE_SECRET)");
        }
        if self.anchor.is_some() && self.anchor_witnesses.is_some() {
            return Err("of --anchor and --anchor-witnesses one is asked: both were named, perhaps by a \
                        variable (ZAMOK_ANCHOR, ZAMOK_ANCHOR_WITNESSES)");
        }
        self.by_variable = named.contains(&true) && !opener;
        self.anchor_by_variable = self.anchor.is_some() && !typed("anchor")
            || self.anchor_witnesses.is_some() && !typed("anchor_witnesses");
        Ok(())
    }
}

/// A credential that is held.
pub(crate) enum Held {
    Passphrase(Passphrase),
    Pin(Passphrase, SecretKey),
    Key(SecretKey),
    Shares(SecretKey),
    Token(Pkcs11Key),
}

impl Held {
    /// What the options name, or the passphrase.
    pub(crate) fn read(shared: &Shared, output: &Output) -> Result<Self, Failure> {
        Self::asked(shared, Asked::Once, output)
    }

    /// The same for a vault that is made now: a passphrase is asked for twice, and has a shortest length.
    pub(crate) fn read_for_new(shared: &Shared, output: &Output) -> Result<Self, Failure> {
        Self::asked(shared, Asked::Twice, output)
    }

    fn asked(shared: &Shared, asked: Asked, output: &Output) -> Result<Self, Failure> {
        let opening = &shared.opening;
        if let Some(path) = &opening.vault_key_file {
            return Ok(Self::Key(key_in(path, output)?));
        }
        if !opening.shares.is_empty() {
            return Ok(Self::Shares(put_together(&opening.shares, output)?));
        }
        if let Some(uri) = &opening.pkcs11 {
            let pin = TokenPin {
                what: "the token's PIN",
                variable: "ZAMOK_PKCS11_PIN",
                option: "--pkcs11-pin-file",
            };
            let file = opening.pkcs11_pin_file.as_deref();
            return Ok(Self::Token(token(uri, opening.pkcs11_module.as_deref(), file, &pin, output)?));
        }
        // First what lies in files: nobody is asked in vain.
        let device = opening.device_secret.as_ref().map(|path| key_in(path, output)).transpose()?;
        let passphrase =
            secrets::passphrase(shared, if device.is_some() { Asked::Once } else { asked }, output)?;
        Ok(match device {
            Some(device) => Self::Pin(passphrase, device),
            None => Self::Passphrase(passphrase),
        })
    }

    /// What to say when it does not open the slot.
    pub(crate) const fn wrong(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => "the passphrase is wrong",
            Self::Pin(..) => "the PIN or the device's secret is wrong",
            Self::Key(_) => "the key is wrong",
            Self::Shares(_) => "the shares are those of another slot",
            Self::Token(_) => "the token's key is that of another slot",
        }
    }

    /// For the vault.
    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Self::Passphrase(passphrase) => Credential::Passphrase(passphrase),
            Self::Pin(pin, device) => Credential::Pin { pin, device },
            Self::Key(key) => Credential::Key(key),
            Self::Shares(key) => Credential::Shares(key),
            Self::Token(key) => Credential::Token(key),
        }
    }
}

/// The 32 bytes of a file, which holds 64 hexadecimal digits.
pub(crate) fn key_in(path: &Path, output: &Output) -> Result<SecretKey, Failure> {
    let secret = files::read_secret(path, output)?;
    let wrong = || {
        Failure::file(format!("{}: a key is 64 hexadecimal digits", path.display()))
            .hint("make one with `openssl rand -hex 32`")
    };
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    let (pairs, []) = secret.as_chunks::<2>() else { return Err(wrong()) };
    if pairs.len() != bytes.len() {
        return Err(wrong());
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16).ok_or_else(wrong)?;
            *byte = *byte << 4 | u8::try_from(value).map_err(|_| wrong())?;
        }
    }
    Ok(SecretKey::from(*bytes))
}

/// Where the PIN of a token comes from.
pub(crate) struct TokenPin {
    pub(crate) what: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) option: &'static str,
}

/// The key in a token, with its PIN; the token is not asked yet.
pub(crate) fn token(
    uri: &Pkcs11Uri,
    module: Option<&Path>,
    file: Option<&Path>,
    pin: &TokenPin,
    output: &Output,
) -> Result<Pkcs11Key, Failure> {
    let uri = match (uri.module(), module) {
        (None, Some(module)) => uri.clone().with_module(module),
        _ => uri.clone(),
    };
    // First what lies in the URI: nobody is asked in vain.
    Pkcs11Key::new(uri.clone(), None)?;
    let file = file.or(uri.pin_source()).map(Path::to_path_buf);
    let pin = secrets::token_pin(pin.what, file.as_deref(), pin.variable, pin.option, output)?;
    Ok(Pkcs11Key::new(uri, Some(pin))?)
}

/// The key of the shares in these files.
pub(crate) fn put_together(paths: &[PathBuf], output: &Output) -> Result<SecretKey, Failure> {
    let mut shares = Vec::new();
    for path in paths {
        let secret = files::read_secret(path, output)?;
        let text = str::from_utf8(&secret).map_err(|_| Failure::file("a share is text"))?;
        shares.extend(shares_in(text).map_err(|error| {
            let failure = Failure::from(error);
            Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
        })?);
    }
    if shares.is_empty() {
        return Err(Failure::no_secret("there are no shares in these files"));
    }
    Ok(SecretKey::from_shares(&shares)?)
}
