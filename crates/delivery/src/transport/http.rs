//! A gateway over HTTPS: a signed JSON body whose names the configuration gives, an answer with the gateway's id, and receipts
//! that it posts back.
//!
//! `X-Zamok-Signature: t=TIME,v1=HMAC` is over the time, a full stop and the body, with SHA-256, so that a body cannot be
//! altered and an old one not be sent again; `Idempotency-Key` is the transaction id, under which a gateway sends once.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;

use aws_lc_rs::hmac;
use serde::Deserialize;
use serde_json::{Map, Value};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use zamok_cabinet::{Address, Evidence, ReceiptState};
use zamok_core::UnixTime;
use zamok_core::wire::{hex, unhex};
use zeroize::{Zeroize as _, Zeroizing};

use super::{CarrierFault, Content, Failed, Parcel, Taken, Transport, Why, left, patience, secret, tls};

/// How it is configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where messages are posted to.
    pub url: String,
    /// Whether the URL may be one of `http`: for a gateway on the same machine.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// A file with the secret that both sides sign with.
    pub secret_file: PathBuf,
    /// A file with the roots to trust; the system's otherwise.
    pub roots_file: Option<PathBuf>,
    /// Other headers, such as `Authorization`, each from a file.
    #[serde(default)]
    pub headers_from_files: BTreeMap<String, PathBuf>,
    /// Who it is from, as the gateway wants it; `{sender}` in the body.
    #[serde(default)]
    pub sender: String,
    /// The body: names of JSON, and values with `{number}`, `{text}`, `{transaction}`, `{sender}`, `{seconds}` (until it
    /// expires) and `{segments}`.
    pub body: BTreeMap<String, String>,
    /// Where the answer has the gateway's id (RFC 6901); the transaction id otherwise.
    pub answer_id: Option<String>,
    /// How its receipts look; without, it sends none.
    pub receipts: Option<ReceiptMapping>,
}

/// How the receipts of a gateway look.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptMapping {
    /// Where the id is (RFC 6901).
    pub id: String,
    /// Where the state is.
    pub state: String,
    /// Where the reason is, if anywhere.
    pub reason: Option<String>,
    /// States that mean that it arrived.
    pub delivered: Vec<String>,
    /// States that mean that it will not arrive.
    pub rejected: Vec<String>,
    /// States that mean that its time was over.
    pub expired: Vec<String>,
}

/// A gateway over HTTPS.
pub struct HttpGateway {
    name: String,
    config: HttpConfig,
    key: hmac::Key,
    headers: Vec<(String, Zeroizing<String>)>,
    agent: Agent,
}

/// A receipt that is not the gateway's, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// It is not signed by the secret of this carrier, not just now, or not at all.
    #[error("the receipt is not signed by the gateway")]
    Signature,
    /// It does not look as the configuration says.
    #[error("the receipt has no id or no state")]
    Form,
}

impl core::fmt::Debug for HttpGateway {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "HttpGateway({}, redacted)", self.name)
    }
}

/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 64 << 10;
/// How far the clock of a gateway may be from ours, in seconds.
const SKEW: u64 = 300;
const SIGNATURE: &str = "X-Zamok-Signature";

pub(super) fn agent(name: &str, roots: Option<&PathBuf>) -> Result<Agent, CarrierFault> {
    let roots = match roots {
        Some(path) => tls::certificates(name, path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect::<Vec<_>>();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build();
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).tls_config(tls).build();
    Ok(config.into())
}

impl HttpGateway {
    /// The carrier.
    ///
    /// # Errors
    /// [`CarrierFault`] for what is configured wrongly.
    pub fn new(name: &str, config: HttpConfig) -> Result<Self, CarrierFault> {
        if !config.url.starts_with("https://") && !config.allow_plaintext {
            return Err(CarrierFault::new(name, "its url does not begin with https://"));
        }
        let secret_text = secret(name, &config.secret_file)?;
        if secret_text.len() < 16 {
            return Err(CarrierFault::new(name, "its secret has less than 16 characters"));
        }
        for value in config.body.values() {
            let fits = placeholders(value).is_ok_and(|names| names.iter().all(|name| PLACES.contains(name)));
            if !fits {
                return Err(CarrierFault::new(name, format!("body: {value:?} names what is not there")));
            }
        }
        if !config.body.values().any(|value| value.contains("{text}")) {
            return Err(CarrierFault::new(name, "body: the {text} of the message is nowhere"));
        }
        let headers = config
            .headers_from_files
            .iter()
            .map(|(header, path)| Ok((header.clone(), secret(name, path)?)))
            .collect::<Result<_, CarrierFault>>()?;
        let agent = agent(name, config.roots_file.as_ref())?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret_text.as_bytes());
        Ok(Self { name: name.into(), config, key, headers, agent })
    }

    fn sign(&self, time: UnixTime, body: &[u8]) -> String {
        let signed = Zeroizing::new([time.0.to_string().as_bytes(), b".", body].concat());
        format!("t={},v1={}", time.0, hex(hmac::sign(&self.key, &signed).as_ref()))
    }

    fn body(&self, number: &str, text: &str, segments: usize, parcel: &Parcel<'_>) -> Zeroizing<Vec<u8>> {
        let seconds = parcel.expires.since(parcel.now).to_string();
        let (transaction, segments) = (parcel.id.to_string(), segments.to_string());
        let mut body = Map::new();
        for (name, value) in &self.config.body {
            let filled = fill(value, |place| match place {
                "number" => number,
                "text" => text,
                "transaction" => &transaction,
                "sender" => &self.config.sender,
                "seconds" => &seconds,
                _ => &segments,
            });
            body.insert(name.clone(), Value::String(filled));
        }
        // As long as it can become, every sign escaped: what grew would leave the text where it was.
        let longest =
            |(name, value): (&String, &Value)| 6 * (name.len() + value.as_str().map_or(0, str::len) + 1);
        let mut written = Zeroizing::new(Vec::with_capacity(2 + body.iter().map(longest).sum::<usize>()));
        let complete = serde_json::to_writer(&mut *written, &body).is_ok();
        debug_assert!(complete, "names and texts are JSON");
        for value in body.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
        written
    }

    /// Reads a receipt that the gateway posts: signed as our messages are, within five minutes.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn receipt(
        &self,
        signature: &str,
        body: &[u8],
        now: UnixTime,
    ) -> Result<(String, ReceiptState, String), Unsigned> {
        let (text, mac) = signature
            .strip_prefix("t=")
            .and_then(|rest| rest.split_once(",v1="))
            .ok_or(Unsigned::Signature)?;
        let time: u64 = text.parse().map_err(|_| Unsigned::Signature)?;
        // As it was signed, and in no other form.
        if time.to_string() != text {
            return Err(Unsigned::Signature);
        }
        let mac = unhex::<32>(mac.as_bytes()).ok_or(Unsigned::Signature)?;
        let signed = [time.to_string().as_bytes(), b".", body].concat();
        hmac::verify(&self.key, &signed, &mac).map_err(|_| Unsigned::Signature)?;
        if now.0.abs_diff(time) > SKEW {
            return Err(Unsigned::Signature);
        }
        let mapping = self.config.receipts.as_ref().ok_or(Unsigned::Form)?;
        let value: Value = serde_json::from_slice(body).map_err(|_| Unsigned::Form)?;
        let at = |place: &str| value.pointer(place).and_then(text_of);
        let (id, state) = (at(&mapping.id).ok_or(Unsigned::Form)?, at(&mapping.state).ok_or(Unsigned::Form)?);
        let found = if mapping.delivered.contains(&state) {
            ReceiptState::Delivered
        } else if mapping.rejected.contains(&state) {
            ReceiptState::Rejected
        } else if mapping.expired.contains(&state) {
            ReceiptState::Expired
        } else {
            ReceiptState::OnTheWay
        };
        let reason = mapping.reason.as_deref().and_then(at).unwrap_or(state);
        Ok((id, found, reason))
    }
}

const PLACES: [&str; 6] = ["number", "text", "transaction", "sender", "seconds", "segments"];

fn placeholders(mut text: &str) -> Result<Vec<&str>, ()> {
    let mut found = Vec::new();
    while let Some((_, rest)) = text.split_once('{') {
        let (name, rest) = rest.split_once('}').ok_or(())?;
        found.push(name);
        text = rest;
    }
    Ok(found)
}

/// Filled once, from left to right: what a value holds is never read as a place.
fn fill<'a>(template: &str, value: impl Fn(&str) -> &'a str) -> String {
    let filled =
        placeholders(template).unwrap_or_default().iter().map(|place| value(place).len()).sum::<usize>();
    // Room for all of it, so that it never grows out of its place.
    let (mut text, mut rest) = (String::with_capacity(template.len() + filled), template);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(value(name));
        rest = after;
    }
    text.push_str(rest);
    text
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
    .filter(|text| !text.is_empty() && text.len() <= 128)
}

/// What an error before any answer means: a request that was under way may have arrived.
pub(super) fn unanswered(error: &ureq::Error) -> Failed {
    match error {
        // An address that is none, and a proxy that makes no connection: nothing of the message has gone out.
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::Tls(_) => Failed::new(Why::Unavailable, "it cannot be reached"),
        ureq::Error::Rustls(_) => Failed::new(Why::Unavailable, "its certificate is not trusted"),
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            Failed::new(Why::Unavailable, "it cannot be reached")
        }
        ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Failed::new(Why::Unavailable, "it refuses connections")
        }
        ureq::Error::Io(error) if never_reached(error) => {
            Failed::new(Why::Unavailable, "it cannot be reached")
        }
        _ => Failed::new(Why::Unknown, "its answer was lost"),
    }
}

/// Whether there was no connection on which a request could have gone out: no way there, or no answer of the names' service, whose
/// errors the standard library gives no kind and always the same words.
fn never_reached(error: &std::io::Error) -> bool {
    let no_way = [
        ErrorKind::NetworkUnreachable,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::AddrNotAvailable,
    ];
    no_way.contains(&error.kind()) || error.to_string().starts_with("failed to lookup address information")
}

/// What a status means; `None` when it took the message.
const fn why_not(status: u16) -> Option<Why> {
    match status {
        200..=299 => None,
        // What stands before the gateway cannot tell whether the gateway took it; and one that has it in hand under the same
        // `Idempotency-Key` has not said yet.
        409 | 502 | 504 => Some(Why::Unknown),
        408 | 425 | 429 | 503 => Some(Why::Busy),
        // It is elsewhere, wants other credentials or money: that says nothing of the message.
        300..=399 | 401..=404 | 500..=599 => Some(Why::Unavailable),
        _ => Some(Why::Refused),
    }
}

impl Transport for HttpGateway {
    fn name(&self) -> &str {
        &self.name
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        let (Address::Phone(number), Content::Sms { text, segments }) = (parcel.address, parcel.content)
        else {
            return Err(Failed::new(Why::Refused, "it carries SMS alone"));
        };
        let body = self.body(number, text, segments.count(), parcel);
        let transaction = parcel.id.to_string();
        let patience = patience(parcel.deadline);
        let mut request = self
            .agent
            .post(&self.config.url)
            .config()
            .timeout_global(Some(left(parcel.deadline)))
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .build()
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", &transaction)
            .header(SIGNATURE, self.sign(parcel.now, &body));
        for (header, value) in &self.headers {
            request = request.header(header, value.as_str());
        }
        let mut answer = request.send(&body[..]).map_err(|error| unanswered(&error))?;
        let status = answer.status().as_u16();
        if let Some(why) = why_not(status) {
            return Err(Failed::new(why, format!("status {status}")));
        }
        let id = match &self.config.answer_id {
            None => Some(transaction),
            Some(place) => {
                let mut text = Vec::new();
                // An answer that was cut is none: the same again under the same id is answered whole.
                let read = answer.body_mut().as_reader().take(LONGEST_ANSWER).read_to_end(&mut text);
                read.map_err(|_| Failed::new(Why::Unknown, "its answer was lost"))?;
                let value: Option<Value> = serde_json::from_slice(&text).ok();
                value.as_ref().and_then(|value| value.pointer(place)).and_then(text_of)
            }
        };
        // It took the message, whatever it said of the id: then no receipt will be found.
        let receipts = id.is_some() && self.config.receipts.is_some();
        Ok(Taken { parts: vec![id.unwrap_or_default()], receipts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_certainly_not_taken_may_go_to_another() {
        let statuses = [200, 202, 400, 401, 404, 429, 500, 502, 503, 504];
        let certain = |status: &u16| why_not(*status).is_some_and(|why| why != Why::Unknown);
        let found: Vec<_> = statuses.into_iter().filter(certain).collect();
        assert_eq!(found, [400, 401, 404, 429, 500, 503]);
        let unknown =
            [ureq::Error::Timeout(ureq::Timeout::RecvResponse), ureq::Error::Timeout(ureq::Timeout::Global)];
        assert!(unknown.iter().all(|error| unanswered(error).why == Why::Unknown));
        let certain = [
            ureq::Error::Timeout(ureq::Timeout::Connect),
            ureq::Error::HostNotFound,
            ureq::Error::Io(ErrorKind::NetworkUnreachable.into()),
            ureq::Error::Io(ErrorKind::HostUnreachable.into()),
        ];
        assert!(certain.iter().all(|error| unanswered(error).why == Why::Unavailable));
        // A name that there is not (RFC 6761 §6.4), asked for as it is asked for in earnest.
        let unknown = ureq::get("http://nobody.invalid/").call().unwrap_err();
        assert_eq!(unanswered(&unknown).why, Why::Unavailable, "{unknown:?}");
        let cut = ureq::Error::Io(ErrorKind::ConnectionReset.into());
        assert_eq!(unanswered(&cut).why, Why::Unknown);
        let proxy = ureq::Error::ConnectProxyFailed("proxy server responded 502".into());
        assert_eq!(unanswered(&proxy).why, Why::Unavailable);
        assert!([302, 307, 402].iter().all(|status| why_not(*status) == Some(Why::Unavailable)));
        assert_eq!(why_not(409), Some(Why::Unknown), "it has it in hand");
    }

    #[test]
    fn a_gateway_in_plain_or_with_a_short_secret_is_no_carrier_unless_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let gateway = |url: &str, allow_plaintext: bool, secret: &str| {
            std::fs::write(&file, secret).unwrap();
            let body = BTreeMap::from([("text".to_owned(), "{text}".to_owned())]);
            let config = HttpConfig {
                url: url.into(),
                allow_plaintext,
                secret_file: file.clone(),
                roots_file: None,
                headers_from_files: BTreeMap::new(),
                sender: String::new(),
                body,
                answer_id: None,
                receipts: None,
            };
            HttpGateway::new("gateway", config).is_ok()
        };
        let secret = "0123456789abcdef";
        assert!(gateway("https://gateway.example/", false, secret));
        assert!(gateway("http://127.0.0.1/", true, secret));
        for url in ["http://gateway.example/", "httpx://gateway.example/", "gateway.example"] {
            assert!(!gateway(url, false, secret), "{url}");
        }
        assert!(!gateway("https://gateway.example/", false, &secret[1..]));
    }
}
