//! The configuration of a worker, as TOML (`docs/delivery.md`). It names files with secrets and holds none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use zamok_cabinet::Cabinet;

use crate::breaker::Limits;
use crate::template::{TemplateFault, Templates};
use crate::transport::{
    CarrierFault, HttpConfig, HttpGateway, Inbox, Log, LogConfig, Smpp, SmppConfig, Smtp, SmtpConfig,
    Transport, WebPush, WebPushConfig,
};

/// How messages are delivered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The language of whoever prefers none.
    #[serde(default = "english")]
    pub language: String,
    /// The domain that phones fill codes in for; empty for none.
    #[serde(default)]
    pub domain: String,
    /// Files with templates, over those that ship.
    #[serde(default)]
    pub templates: Vec<PathBuf>,
    /// Segments of one SMS at most: what is longer is not sent.
    #[serde(default = "segments")]
    pub most_segments: usize,
    /// Messages that are sent at the same time by each channel.
    #[serde(default = "threads")]
    pub threads: usize,
    /// Milliseconds between two looks at the outbox, when there was nothing to do.
    #[serde(default = "poll")]
    pub poll_ms: u64,
    /// Failures in a row after which a carrier is left alone.
    #[serde(default = "failures")]
    pub breaker_failures: u32,
    /// Seconds that it is left alone.
    #[serde(default = "pause")]
    pub breaker_pause: u64,
    /// Where receipts of HTTP gateways are taken: an address behind a proxy that speaks TLS, such as `127.0.0.1:8090`.
    pub receipts_at: Option<String>,
    /// Milliseconds that a carrier waits for the answer to a receipt which came before the answer that names its id, before it is
    /// asked to tell again.
    #[serde(default = "early_answer")]
    pub early_answer_ms: u64,
    /// A file that the counts are written to, for a collector.
    pub metrics_file: Option<PathBuf>,
    /// Which carriers a channel uses, the first that works.
    pub channels: Channels,
    /// The carriers, by their names.
    pub carriers: BTreeMap<String, Carrier>,
}

/// Which carriers a channel uses, in order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    /// SMS.
    #[serde(default)]
    pub sms: Vec<String>,
    /// E-mail.
    #[serde(default)]
    pub email: Vec<String>,
    /// Push.
    #[serde(default)]
    pub push: Vec<String>,
}

/// A carrier.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Carrier {
    /// SMS over SMPP.
    Smpp(SmppConfig),
    /// SMS over a gateway.
    Http(HttpConfig),
    /// E-mail.
    Smtp(SmtpConfig),
    /// Web Push.
    WebPush(WebPushConfig),
    /// A file, for development.
    Log(LogConfig),
}

fn english() -> String {
    "en".into()
}

const fn segments() -> usize {
    8
}

const fn threads() -> usize {
    8
}

const fn poll() -> u64 {
    500
}

/// A carrier with a window of one sends nothing while it waits for an answer.
pub(crate) const fn early_answer() -> u64 {
    500
}

const fn failures() -> u32 {
    5
}

const fn pause() -> u64 {
    30
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// It is no TOML, or names what is not there.
    #[error("not a configuration: {0}")]
    Syntax(String),
    /// A file could not be read.
    #[error("{0}")]
    File(String),
    /// A number is out of bounds.
    #[error("{0}")]
    Bounds(&'static str),
    /// A channel names a carrier that is not there, or that carries something else.
    #[error("channels.{channel}: {carrier:?} is no carrier for it")]
    Channel {
        /// The channel.
        channel: &'static str,
        /// The carrier.
        carrier: String,
    },
    /// A carrier cannot be used.
    #[error(transparent)]
    Carrier(#[from] CarrierFault),
    /// Templates cannot be used.
    #[error("templates: {0}")]
    Template(#[from] TemplateFault),
}

impl Config {
    /// Reads a configuration. Paths in it are relative to `folder`.
    ///
    /// # Errors
    /// [`ConfigFault`].
    pub fn from_toml(text: &str, folder: &Path) -> Result<Self, ConfigFault> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| ConfigFault::Syntax(error.message().to_owned()))?;
        if !(1..=256).contains(&config.threads) {
            return Err(ConfigFault::Bounds("threads: 1 to 256"));
        }
        if !(1..=255).contains(&config.most_segments) {
            return Err(ConfigFault::Bounds("most_segments: 1 to 255"));
        }
        if !(1..=60_000).contains(&config.poll_ms) {
            return Err(ConfigFault::Bounds("poll_ms: 1 to 60,000"));
        }
        if !(1..=60_000).contains(&config.early_answer_ms) {
            return Err(ConfigFault::Bounds("early_answer_ms: 1 to 60,000"));
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:".contains(&byte);
        if !config.domain.bytes().all(plain) {
            return Err(ConfigFault::Bounds("domain: a name such as bank.example"));
        }
        let place = |path: &mut PathBuf| *path = folder.join(&*path);
        config.templates.iter_mut().for_each(place);
        config.metrics_file.iter_mut().for_each(place);
        for carrier in config.carriers.values_mut() {
            match carrier {
                Carrier::Smpp(smpp) => {
                    place(&mut smpp.password_file);
                    smpp.roots_file.iter_mut().for_each(place);
                    smpp.certificate_file.iter_mut().chain(&mut smpp.key_file).for_each(place);
                }
                Carrier::Http(http) => {
                    place(&mut http.secret_file);
                    http.roots_file.iter_mut().for_each(place);
                    http.headers_from_files.values_mut().for_each(place);
                }
                Carrier::Smtp(smtp) => {
                    smtp.password_file.iter_mut().chain(&mut smtp.roots_file).for_each(place);
                    smtp.bounces.iter_mut().for_each(place);
                }
                Carrier::WebPush(push) => push.roots_file.iter_mut().for_each(place),
                Carrier::Log(log) => place(&mut log.file),
            }
        }
        config.check_channels()?;
        Ok(config)
    }

    fn check_channels(&self) -> Result<(), ConfigFault> {
        let lists =
            [("sms", &self.channels.sms), ("email", &self.channels.email), ("push", &self.channels.push)];
        for (channel, list) in lists {
            for name in list {
                let fits = match self.carriers.get(name) {
                    Some(Carrier::Smpp(_) | Carrier::Http(_)) => channel == "sms",
                    Some(Carrier::Smtp(_)) => channel == "email",
                    Some(Carrier::WebPush(_)) => channel == "push",
                    Some(Carrier::Log(log)) => log.channel == channel,
                    None => false,
                };
                if !fits {
                    return Err(ConfigFault::Channel { channel, carrier: name.clone() });
                }
            }
        }
        Ok(())
    }

    /// The templates: those that ship, and the service's own over them.
    ///
    /// # Errors
    /// [`ConfigFault`].
    pub fn templates(&self, service: &str) -> Result<Templates, ConfigFault> {
        // The service's own language may be one of its own.
        let mut templates = Templates::new(service, &self.domain, "en", self.most_segments)?;
        for path in &self.templates {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigFault::File(format!("{}: {error}", path.display())))?;
            templates.add(&text)?;
        }
        templates.set_default(&self.language)?;
        Ok(templates)
    }

    pub(crate) const fn limits(&self) -> Limits {
        Limits { failures: self.breaker_failures, pause: Duration::from_secs(self.breaker_pause) }
    }

    /// The carriers that a channel uses, ready to send.
    pub(crate) fn carriers(&self, cabinet: &Arc<Cabinet>, inbox: &Inbox) -> Result<Carriers, ConfigFault> {
        let (mut transports, mut gateways): (Vec<Arc<dyn Transport>>, Vec<Arc<HttpGateway>>) =
            Default::default();
        let mut bounces = Vec::new();
        let used = self.channels.sms.iter().chain(&self.channels.email).chain(&self.channels.push);
        for name in used {
            match &self.carriers[name] {
                Carrier::Smpp(config) => {
                    transports.push(Arc::new(Smpp::new(name, config.clone(), inbox.clone())?));
                }
                Carrier::Http(config) => {
                    let gateway = Arc::new(HttpGateway::new(name, config.clone())?);
                    gateways.push(gateway.clone());
                    transports.push(gateway);
                }
                Carrier::Smtp(config) => {
                    bounces.extend(config.bounces.clone().map(|folder| (name.clone(), folder)));
                    transports.push(Arc::new(Smtp::new(name, config.clone())?));
                }
                Carrier::WebPush(config) => {
                    transports.push(Arc::new(WebPush::new(name, config.clone(), cabinet.clone())?));
                }
                Carrier::Log(config) => transports.push(Arc::new(Log::new(name, config)?)),
            }
        }
        Ok(Carriers { transports, gateways, bounces })
    }
}

/// What a worker sends by, and hears from.
#[derive(Debug, Default)]
pub(crate) struct Carriers {
    pub(crate) transports: Vec<Arc<dyn Transport>>,
    pub(crate) gateways: Vec<Arc<HttpGateway>>,
    pub(crate) bounces: Vec<(String, PathBuf)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
language = "ru"
domain = "bank.example"
[channels]
sms = ["a", "b"]
push = ["log"]
[carriers.a]
kind = "smpp"
host = "smsc.example"
system_id = "zamok"
password_file = "secrets/smpp"
sender = "Zamok"
[carriers.b]
kind = "http"
url = "https://gateway.example/send"
secret_file = "/etc/zamok/gateway"
body = { to = "{number}", text = "{text}" }
[carriers.log]
kind = "log"
file = "messages"
channel = "push"
"#;

    #[test]
    fn paths_are_relative_to_the_file_and_mistakes_are_named() {
        let config = Config::from_toml(GOOD, Path::new("/etc/zamok")).unwrap();
        let Carrier::Smpp(smpp) = &config.carriers["a"] else { panic!() };
        assert_eq!(smpp.password_file, Path::new("/etc/zamok/secrets/smpp"));
        assert_eq!((smpp.port, smpp.window), (3550, 10));
        assert_eq!(config.early_answer_ms, 500);
        let wrong = |old: &str, new: &str| {
            let text = GOOD.replace(old, new);
            assert_ne!(text, GOOD);
            Config::from_toml(&text, Path::new("")).err().unwrap().to_string()
        };
        assert_eq!(wrong("push = [\"log\"]", "push = [\"a\"]"), "channels.push: \"a\" is no carrier for it");
        assert!(wrong("sender =", "sendre =").contains("sendre"));
        assert!(wrong("kind = \"http\"", "kind = \"fax\"").contains("fax"));
        assert!(wrong("domain = \"bank.example\"", "domain = \"a b\"").contains("domain"));
        assert!(wrong("language", "threads = 0\nlanguage").contains("threads"));
        assert!(wrong("language", "early_answer_ms = 60001\nlanguage").contains("early_answer_ms"));
    }
}
