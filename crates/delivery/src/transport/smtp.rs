//! E-mail over SMTP, by `lettre`: TLS or nothing (R32, R58), plain text beside HTML, and delivery status notifications where the
//! server has them (RFC 3461), under our transaction id.

use std::io::ErrorKind;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use lettre::address::Address as Mailbox;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Named, Message, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter, RcptParameter};
use serde::Deserialize;
use zamok_cabinet::{Address, Evidence};
use zeroize::Zeroizing;

use super::{CarrierFault, Content, Failed, Parcel, Taken, Transport, Why, left, secret};
use crate::template::Words;

/// How it is configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The server's name, which its certificate must bear.
    pub host: String,
    /// Its port.
    #[serde(default = "submission")]
    pub port: u16,
    /// How TLS begins: `starttls` (587) or `immediate` (465). There is no third way.
    #[serde(default = "starttls")]
    pub tls: String,
    /// A file with the roots to trust; the system's otherwise.
    pub roots_file: Option<PathBuf>,
    /// The name that the server knows us by; without, it takes our mail without.
    pub user: Option<String>,
    /// A file with its password.
    pub password_file: Option<PathBuf>,
    /// Who it is from: `Zamok Bank <codes@bank.example>`.
    pub from: String,
    /// The name that we greet with.
    pub hello: String,
    /// The address that reports go to; the one of `from` otherwise.
    pub bounces_to: Option<String>,
    /// A Maildir folder (`…/new`) in which reports arrive; without, none are waited for.
    pub bounces: Option<PathBuf>,
}

const fn submission() -> u16 {
    587
}

fn starttls() -> String {
    "starttls".into()
}

/// Sends e-mail.
pub struct Smtp {
    name: String,
    config: SmtpConfig,
    from: Named,
    bounces_to: Mailbox,
    tls: TlsParameters,
    credentials: Option<(String, Zeroizing<String>)>,
    /// Connections that nobody uses just now, each with whether its server reports.
    idle: Mutex<Vec<(SmtpConnection, bool)>>,
}

impl core::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Smtp({}, redacted)", self.name)
    }
}

const MOST_IDLE: usize = 8;

impl Smtp {
    /// The carrier.
    ///
    /// # Errors
    /// [`CarrierFault`] for what is configured wrongly.
    pub fn new(name: &str, config: SmtpConfig) -> Result<Self, CarrierFault> {
        let wrong = |what: &str| CarrierFault::new(name, format!("{what}: it cannot be used"));
        if !matches!(config.tls.as_str(), "starttls" | "immediate") {
            return Err(CarrierFault::new(name, "tls: starttls or immediate"));
        }
        let from: Named = config.from.parse().map_err(|_| wrong("from"))?;
        let bounces_to = match &config.bounces_to {
            Some(address) => address.parse().map_err(|_| wrong("bounces_to"))?,
            None => from.email.clone(),
        };
        let mut tls = TlsParameters::builder(config.host.clone());
        if let Some(path) = &config.roots_file {
            let pem = std::fs::read(path)
                .map_err(|error| CarrierFault::new(name, format!("{}: {error}", path.display())))?;
            let root = Certificate::from_pem(&pem).map_err(|_| wrong("roots_file"))?;
            tls = tls.certificate_store(CertificateStore::None).add_root_certificate(root);
        }
        let tls = tls.build_rustls().map_err(|_| wrong("tls"))?;
        let credentials = match (&config.user, &config.password_file) {
            (Some(user), Some(file)) => Some((user.clone(), secret(name, file)?)),
            (None, None) => None,
            _ => return Err(CarrierFault::new(name, "user and password_file belong together")),
        };
        let idle = Mutex::default();
        Ok(Self { name: name.into(), config, from, bounces_to, tls, credentials, idle })
    }

    fn connect(&self, deadline: Instant) -> Result<(SmtpConnection, bool), Failed> {
        let unreachable = |error: SmtpError| Failed::new(Why::Unavailable, word(&error));
        let hello = ClientId::Domain(self.config.hello.clone());
        let place = (self.config.host.as_str(), self.config.port);
        // Names that do not resolve are told apart from servers that are down.
        let addresses: Vec<_> = place
            .to_socket_addrs()
            .map_err(|_| Failed::new(Why::Unavailable, "its name is not known"))?
            .collect();
        let immediate = (self.config.tls == "immediate").then_some(&self.tls);
        // It waits up to four times: for the line, for TLS, to be greeted, to greet.
        let mut reached = Err(Failed::new(Why::Unavailable, "its name is not known"));
        for address in addresses {
            let patience = Some(left(deadline) / 4);
            reached =
                SmtpConnection::connect(address, patience, &hello, immediate, None).map_err(unreachable);
            if reached.is_ok() {
                break;
            }
        }
        let mut connection = reached?;
        if immediate.is_none() {
            in_time(&mut connection, deadline)?;
            connection.starttls(&self.tls, &hello).map_err(unreachable)?;
            nothing_before_tls(&mut connection)?;
        }
        if !connection.is_encrypted() {
            connection.abort();
            return Err(Failed::new(Why::Unavailable, "it has no TLS"));
        }
        // The library does not tell whether the server reports, so it is asked once more, now that nobody listens.
        in_time(&mut connection, deadline)?;
        let answer = connection.command(Ehlo::new(hello)).map_err(unreachable)?;
        in_time(&mut connection, deadline)?;
        if connection.command(Noop).map_err(unreachable)?.message().count() != 1 {
            return Err(Failed::new(Why::Unavailable, INJECTED));
        }
        in_time(&mut connection, deadline)?;
        let reports = answer.message().any(|line| line.eq_ignore_ascii_case("DSN"));
        if let Some((user, password)) = &self.credentials {
            let credentials = Credentials::new(user.clone(), password.to_string());
            let answer = connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .map_err(|_| Failed::new(Why::Unavailable, "it does not know us"))?;
            if !answer.is_positive() {
                return Err(Failed::new(Why::Unavailable, "it does not know us"));
            }
        }
        Ok((connection, reports))
    }

    fn email(&self, words: &Words, to: &Mailbox, parcel: &Parcel<'_>) -> Result<Vec<u8>, Failed> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(parcel.now.0);
        let header =
            |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Named::new(None, to.clone()))
            .subject(words.subject.clone())
            .date(time)
            .message_id(Some(format!("<{}@{}>", parcel.id, self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(words.long.to_string(), html(words)))
            .map_err(|_| Failed::new(Why::Refused, "the message cannot be written"))?;
        let headers = message.headers_mut();
        // RFC 3834 §5: nobody answers with "I am away".
        headers.insert_raw(header("Auto-Submitted", "auto-generated"));
        headers.insert_raw(header("X-Auto-Response-Suppress", "All"));
        headers.insert_raw(header("Content-Language", &words.language));
        Ok(message.formatted())
    }
}

/// What is left is the wait for the next answer: anew for each, since each would wait for as long again.
fn in_time(connection: &mut SmtpConnection, deadline: Instant) -> Result<(), Failed> {
    let is_set = Instant::now() < deadline && connection.set_timeout(Some(left(deadline))).is_ok();
    if is_set { Ok(()) } else { Err(Failed::new(Why::Unavailable, "it does not answer")) }
}

const INJECTED: &str = "somebody has written into its line before TLS";

/// What was written into the line behind the answer to STARTTLS, before TLS, the library takes for answers that came under TLS
/// (CVE-2021-38371 and its like). One of them it has read by now; of two or more the next lies there, and is refused here. After one,
/// all answers come one too late: then the one to NOOP has the lines of the one to EHLO.
fn nothing_before_tls(connection: &mut SmtpConnection) -> Result<(), Failed> {
    let _ = connection.set_timeout(Some(Duration::from_millis(1)));
    match connection.read_response() {
        Err(error) if is_silence(&error) => Ok(()),
        _ => Err(Failed::new(Why::Unavailable, INJECTED)),
    }
}

/// Whether nothing came in time.
fn is_silence(error: &SmtpError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(found) = source {
        if let Some(error) = found.downcast_ref::<std::io::Error>() {
            return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        }
        source = found.source();
    }
    false
}

/// The text as HTML: escaped, paragraphs, the message's own link as one.
fn html(words: &Words) -> String {
    let mut page = format!("<!DOCTYPE html><html lang=\"{}\"><body>", escaped(&words.language));
    for paragraph in words.long.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let text = escaped(paragraph).replace('\n', "<br>");
        let is_link = paragraph.starts_with("https://") && !paragraph.contains(char::is_whitespace);
        // Whatever else looks like a link was written by who knows whom.
        if is_link && paragraph == words.link {
            page.push_str(&format!("<p><a href=\"{text}\">{text}</a></p>"));
        } else {
            page.push_str(&format!("<p>{text}</p>"));
        }
    }
    page.push_str("</body></html>");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An error of the server or the line, without what was said: that may hold the address.
fn word(error: &SmtpError) -> String {
    match error.status() {
        Some(code) => format!("it answered {code}"),
        None if is_silence(error) => "it does not answer".into(),
        None if error.is_tls() => "its certificate is not trusted".into(),
        None => "it cannot be reached".into(),
    }
}

/// What an error before the text was sent means.
fn before(error: &SmtpError) -> Failed {
    if error.is_permanent() {
        Failed::new(Why::Refused, word(error))
    } else if error.is_transient() {
        Failed::new(Why::Busy, word(error))
    } else {
        Failed::new(Why::Unavailable, word(error))
    }
}

impl Transport for Smtp {
    fn name(&self) -> &str {
        &self.name
    }

    fn channel(&self) -> Evidence {
        Evidence::Email
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        let (Address::Email(address), Content::Email(words)) = (parcel.address, parcel.content) else {
            return Err(Failed::new(Why::Refused, "it carries e-mail alone"));
        };
        let to: Mailbox = address.parse().map_err(|_| Failed::new(Why::Refused, "the address is none"))?;
        let email = Zeroizing::new(self.email(words, &to, parcel)?);
        let known = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // A connection that was left alone for long may be dead: that is no failure of the server.
        let usable = known.and_then(|(mut connection, reports)| {
            let _ = connection.set_timeout(Some(left(parcel.deadline) / 4));
            connection.command(Rset).is_ok().then_some((connection, reports))
        });
        let (mut connection, reports) = match usable {
            Some(usable) => usable,
            None => self.connect(parcel.deadline)?,
        };
        let id = parcel.id.to_string();
        let other = |keyword: &str, value: &str| (keyword.to_owned(), Some(value.to_owned()));
        let (mut mail, mut rcpt) = (Vec::new(), Vec::new());
        if !address.is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Failed::new(Why::Refused, "it does not take addresses that are not ASCII"));
            }
            mail.push(MailParameter::SmtpUtfEight);
        }
        let waits = reports && self.config.bounces.is_some();
        if waits {
            for (keyword, value) in [other("RET", "HDRS"), other("ENVID", &id)] {
                mail.push(MailParameter::Other { keyword, value });
            }
            let (keyword, value) = ("NOTIFY".to_owned(), Some("SUCCESS,FAILURE".to_owned()));
            rcpt.push(RcptParameter::Other { keyword, value });
        }
        let envelope = Mail::new(Some(self.bounces_to.clone()), mail);
        in_time(&mut connection, parcel.deadline)?;
        connection.command(envelope).map_err(|error| before(&error))?;
        in_time(&mut connection, parcel.deadline)?;
        connection.command(Rcpt::new(to, rcpt)).map_err(|error| before(&error))?;
        in_time(&mut connection, parcel.deadline)?;
        connection.command(Data).map_err(|error| before(&error))?;
        // From here on it may take it, whatever becomes of us.
        in_time(&mut connection, parcel.deadline).map_err(|failed| Failed { why: Why::Unknown, ..failed })?;
        match connection.message(&email) {
            Ok(_) => {}
            Err(error) if error.is_permanent() || error.is_transient() => return Err(before(&error)),
            Err(error) => return Err(Failed::new(Why::Unknown, word(&error))),
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push((connection, reports));
        }
        Ok(Taken { parts: vec![id], receipts: waits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_shows_what_people_write_and_obeys_nothing_of_it() {
        let mut words = Words {
            subject: String::new(),
            short: Zeroizing::default(),
            long: Zeroizing::new(
                "Pay <b>5</b> & \"more\"\nnow\n\nhttps://bank.example/?a=1&b=2\n\nhttps://x y".into(),
            ),
            language: "en".into(),
            link: "https://bank.example/?a=1&b=2".into(),
        };
        assert_eq!(
            html(&words),
            "<!DOCTYPE html><html lang=\"en\"><body><p>Pay &lt;b&gt;5&lt;/b&gt; &amp; &quot;more&quot;<br>now</p>\
             <p><a href=\"https://bank.example/?a=1&amp;b=2\">https://bank.example/?a=1&amp;b=2</a></p>\
             <p>https://x y</p></body></html>"
        );
        for other in ["", "https://x y", "https://bank.example/"] {
            words.link = other.into();
            assert!(!html(&words).contains("href"), "{other}");
        }
    }
}
