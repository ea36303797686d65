//! A carrier for development: messages go into a file, in plain. It does not run in a release unless it is told to, since
//! whoever reads the file can log in as anybody.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::json;
use zamok_cabinet::{Address, Evidence};

use super::{CarrierFault, Content, Failed, Parcel, Taken, Transport, Why};

/// How it is configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The file, to which a line of JSON is added for each message.
    pub file: PathBuf,
    /// What it stands in for: `sms`, `email` or `push`.
    pub channel: String,
    /// Whether it may write codes in plain in a build that is no debug build.
    #[serde(default)]
    pub even_in_release: bool,
}

/// Writes messages into a file.
#[derive(Debug)]
pub struct Log {
    name: String,
    channel: Evidence,
    file: PathBuf,
    turn: Mutex<()>,
}

impl Log {
    /// The carrier.
    ///
    /// # Errors
    /// [`CarrierFault`] in a release without the switch, or for a channel that is none.
    pub fn new(name: &str, config: &LogConfig) -> Result<Self, CarrierFault> {
        Self::in_build(name, config, cfg!(debug_assertions))
    }

    fn in_build(name: &str, config: &LogConfig, debug: bool) -> Result<Self, CarrierFault> {
        if !debug && !config.even_in_release {
            let reason = "it writes codes in plain and is for development: set even_in_release = true if that is meant";
            return Err(CarrierFault::new(name, reason));
        }
        let channel = match config.channel.as_str() {
            "sms" => Evidence::Sms,
            "email" => Evidence::Email,
            "push" => Evidence::Push,
            other => {
                return Err(CarrierFault::new(name, format!("{other:?} is no channel: sms, email, push")));
            }
        };
        Ok(Self { name: name.into(), channel, file: config.file.clone(), turn: Mutex::default() })
    }
}

impl Transport for Log {
    fn name(&self) -> &str {
        &self.name
    }

    fn channel(&self) -> Evidence {
        self.channel
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        let to = match parcel.address {
            Address::Phone(text) | Address::Email(text) => text.as_str(),
            Address::Push(subscription) => subscription.endpoint(),
        };
        let (subject, text, segments) = match parcel.content {
            Content::Sms { text, segments } => ("", text.to_string(), segments.count()),
            Content::Email(words) => (words.subject.as_str(), words.long.to_string(), 1),
            Content::Push(body) => ("", String::from_utf8_lossy(body).into_owned(), 1),
        };
        let id = parcel.id.to_string();
        let line = json!({
            "time": parcel.now.0, "transaction": id, "to": to, "subject": subject, "text": text,
            "segments": segments,
        });
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written =
            options.open(&self.file).and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        match written {
            Ok(()) => Ok(Taken { parts: vec![id], receipts: false }),
            Err(error) => Err(Failed::new(Why::Unavailable, error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_run_in_a_release_unless_it_is_told_to() {
        let config = |even_in_release| LogConfig { file: "x".into(), channel: "sms".into(), even_in_release };
        assert!(Log::in_build("log", &config(false), false).is_err());
        assert!(Log::in_build("log", &config(true), false).is_ok());
        assert!(Log::in_build("log", &config(false), true).is_ok());
        let other = LogConfig { channel: "fax".into(), ..config(true) };
        assert!(Log::in_build("log", &other, true).is_err());
    }
}
