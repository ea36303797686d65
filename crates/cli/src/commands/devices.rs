//! `zamok devices`: the devices that an account is known by (R21).

mod approval;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zamok::{Device, DeviceId, Zamok};

use super::keys::id_bytes;
use crate::arguments::{Shared, TokenSource};
use crate::failure::{Exit, Failure};
use crate::files::{Prepared, Readable};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// List the known devices of an account, block one that was lost, and answer as one.
#[derive(Args, Debug)]
pub(crate) struct Devices {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write what the key of a device has to sign to approve, or to decline, what it was asked. No vault is opened.
    ToSign(approval::ToSign),
    #[command(flatten)]
    Opened(Opened),
}

/// What is done in an open vault.
#[derive(Debug, Subcommand)]
enum Opened {
    /// The known devices of an account, those that were blocked among them.
    List {
        /// Its login.
        login: String,
    },
    /// Block a device that was lost or stolen: it is not recognised any more, approves nothing, and its sessions end.
    Block {
        /// The login of the account.
        login: String,
        /// The device's id, as `list` shows it.
        #[arg(value_parser = device_id)]
        device: DeviceId,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// Make this device known to your account: whoever guesses elsewhere no longer locks it out.
    Trust {
        #[command(flatten)]
        token: TokenSource,
        /// What to call the device: type and model.
        #[arg(long, default_value = "")]
        label: String,
        /// Write the device's own token to FILE, readable by you alone: `zamok login --device-file FILE` shows it.
        #[arg(long, value_name = "FILE")]
        device_file: PathBuf,
    },
    /// Have messages pushed to the device of your session, as its browser subscribed.
    Subscribe(approval::Subscribe),
    /// As a device: approve what it was asked, with the number that whoever waits is shown.
    Approve(approval::Approve),
    /// As a device: decline what it was asked; what it was asked for is over, and its owner is told.
    Decline(approval::Decline),
    /// Forget a device of your account, blocked or not; its sessions end.
    Forget {
        /// The device's id, as `list` shows it.
        #[arg(value_parser = device_id)]
        device: DeviceId,
        #[command(flatten)]
        token: TokenSource,
    },
}

/// Reads the id of a device.
pub(crate) fn device_id(text: &str) -> Result<DeviceId, String> {
    let id = id_bytes(text).map(DeviceId);
    id.ok_or_else(|| "the id of a device has 32 hexadecimal digits; `zamok devices list` shows them".into())
}

impl Devices {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        match &self.what {
            What::ToSign(to_sign) => to_sign.run(output),
            What::Opened(opened) => opening::with_vault(shared, output, |zamok| opened.run(zamok, output)),
        }
    }
}

impl Opened {
    fn run(&self, zamok: &Zamok, output: &Output) -> Result<Exit, Failure> {
        match self {
            Self::Subscribe(subscribe) => subscribe.run(zamok, output),
            Self::Approve(approve) => approve.run(zamok, output),
            Self::Decline(decline) => decline.run(zamok, output),
            Self::List { login } => list(zamok, login, output),
            Self::Block { login, device, reason } => {
                zamok.block_device_of(login, *device, reason).map_err(|error| nobody(error.into()))?;
                output.line("The device is blocked, and the sessions that it opened have ended.")?;
                output.object(&json!({"login": login, "blocked": device.to_string()}))?;
                Ok(Exit::Done)
            }
            Self::Trust { token, label, device_file } => {
                let session = opening::session(zamok, token, output)?;
                // Before the token is shown: it could not be shown again.
                let file = Prepared::unless_there(device_file, Readable::ByOwner)?;
                let device = zamok.trust_device(&session, label)?;
                let path = file.write(format!("{}\n", *device.to_text()).as_bytes())?;
                output.line(format!("The device is known. Its token is in {}.", path.display()))?;
                let (device, path) = (device.device().to_string(), path.display().to_string());
                output.object(&json!({"device": device, "device_file": path}))?;
                Ok(Exit::Done)
            }
            Self::Forget { device, token } => {
                let session = opening::session(zamok, token, output)?;
                zamok.remove_device(&session, *device)?;
                output.line("The device is forgotten, and the sessions that it opened have ended.")?;
                output.object(&json!({"removed": device.to_string()}))?;
                Ok(Exit::Done)
            }
        }
    }
}

fn nobody(failure: Failure) -> Failure {
    failure.when_rejected("no account has this login", "look at how it is spelled")
}

fn list(zamok: &Zamok, login: &str, output: &Output) -> Result<Exit, Failure> {
    let devices = zamok.devices_of(login).map_err(|error| nobody(error.into()))?;
    if devices.is_empty() {
        output.line(format!("{login} has no known device."))?;
    }
    let now = zamok.vault().now();
    let standing = |device: &Device| {
        if device.is_blocked() {
            "blocked"
        } else if now >= device.expires {
            "expired"
        } else {
            "trusted"
        }
    };
    for device in &devices {
        output.line(format!(
            "{}  {}  since {}  last login {}  until {}  {}",
            device.id,
            standing(device),
            moment::text(device.trusted),
            moment::text(device.last_login),
            moment::text(device.expires),
            device.label,
        ))?;
    }
    let listed: Vec<Value> = devices
        .iter()
        .map(|device| {
            json!({
                "device": device.id.to_string(),
                "state": standing(device),
                "label": device.label,
                "trusted": device.trusted.0,
                "last_login": device.last_login.0,
                "expires": device.expires.0,
            })
        })
        .collect();
    output.object(&json!({"login": login, "devices": listed}))?;
    Ok(Exit::Done)
}
