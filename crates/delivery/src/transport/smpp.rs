//! SMPP 3.4 and 5.0 over the codec of `rusmpp`: one transceiver in a thread of its own, with a window, `enquire_link`, a pause when
//! the carrier throttles, and a new connection when the old one is gone.
//!
//! A receipt is answered only after it was noted, so that what dies in between is told again.

mod codec;
#[cfg(fuzzing)]
pub(super) mod fuzzing;
mod link;
mod pdu;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, mpsc as blocking};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusmpp::CommandStatus;
use serde::Deserialize;
use tokio::sync::mpsc;
use zamok_cabinet::{Address, Evidence};
use zeroize::Zeroizing;

use super::tls::Trust;
use super::{CarrierFault, Content, Failed, Inbox, Parcel, Taken, Transport, Why, left, secret};
use link::{Answer, Job, Link};

/// The version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum SmppVersion {
    /// 3.4, which every carrier speaks.
    #[default]
    #[serde(rename = "3.4")]
    V34,
    /// 5.0.
    #[serde(rename = "5.0")]
    V50,
}

/// How it is configured. Times are in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmppConfig {
    /// The carrier's name, which its certificate must bear.
    pub host: String,
    /// Its port.
    #[serde(default = "port")]
    pub port: u16,
    /// Whether the line may do without TLS: where a tunnel protects it.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// A file with the roots to trust; the system's otherwise.
    pub roots_file: Option<PathBuf>,
    /// Our own certificate and its key, where the carrier asks for one.
    pub certificate_file: Option<PathBuf>,
    /// The key of it.
    pub key_file: Option<PathBuf>,
    /// The name that the carrier knows us by: at most 15 letters.
    pub system_id: String,
    /// A file with the password: at most 8 letters.
    pub password_file: PathBuf,
    /// The kind of system, where the carrier asks for it.
    #[serde(default)]
    pub system_type: String,
    /// The version.
    #[serde(default)]
    pub version: SmppVersion,
    /// Who it is from: a name of at most 11 letters, a number, or a short code.
    pub sender: String,
    /// Messages that are under way without an answer.
    #[serde(default = "window")]
    pub window: usize,
    /// Seconds after which a silent line is asked whether it lives.
    #[serde(default = "enquire")]
    pub enquire_link: u64,
    /// Seconds that the carrier has to answer.
    #[serde(default = "patience")]
    pub patience: u64,
    /// Milliseconds of the first pause when it throttles; the second is twice as long, and then the message is put off.
    #[serde(default = "throttle")]
    pub throttle_ms: u64,
    /// A tag of the range 0x1400 to 0x3fff under which the transaction id goes along, for carriers that send once under an id.
    pub transaction_tag: Option<u16>,
}

const fn port() -> u16 {
    3550
}

const fn window() -> usize {
    10
}

const fn enquire() -> u64 {
    30
}

const fn patience() -> u64 {
    10
}

const fn throttle() -> u64 {
    250
}

/// A carrier of SMS.
pub struct Smpp {
    name: String,
    config: Arc<SmppConfig>,
    jobs: mpsc::Sender<Job>,
    stops: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl core::fmt::Debug for Smpp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Smpp({}, redacted)", self.name)
    }
}

impl Smpp {
    /// The carrier; it connects at once, and again whenever it must, until it is dropped.
    ///
    /// # Errors
    /// [`CarrierFault`] for what is configured wrongly.
    pub fn new(name: &str, config: SmppConfig, inbox: Inbox) -> Result<Self, CarrierFault> {
        let wrong = |reason: &str| Err(CarrierFault::new(name, reason));
        let password = secret(name, &config.password_file)?;
        // SMPP 3.4 §4.1.1: fields of 16, 9 and 13 octets, the last of them zero.
        if config.system_id.len() > 15 || password.len() > 8 || config.system_type.len() > 12 {
            return wrong("system_id has at most 15 letters, the password 8, system_type 12");
        }
        let plain = [&config.system_id, &config.system_type, &config.sender];
        let is_plain = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if !plain.into_iter().all(|text| is_plain(text)) || !is_plain(&password) {
            return wrong("system_id, password, system_type and sender are ASCII");
        }
        let is_name =
            !config.sender.starts_with('+') && !config.sender.bytes().all(|byte| byte.is_ascii_digit());
        if config.sender.is_empty() || config.sender.len() > if is_name { 11 } else { 20 } {
            return wrong("sender has 1 to 20 digits, or is a name of at most 11 letters");
        }
        if config.window == 0 || config.window > 1000 {
            return wrong("window: 1 to 1,000");
        }
        if config.transaction_tag.is_some_and(|tag| !(0x1400..=0x3fff).contains(&tag)) {
            return wrong("transaction_tag: 0x1400 to 0x3fff (SMPP 3.4 §5.3.1)");
        }
        let identity = match (&config.certificate_file, &config.key_file) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return wrong("certificate_file and key_file belong together"),
        };
        let tls = if config.allow_plaintext && config.roots_file.is_none() && identity.is_none() {
            None
        } else {
            Some(Trust { roots: config.roots_file.clone(), identity }.config(name)?)
        };
        let config = Arc::new(config);
        let (jobs, queue) = mpsc::channel(config.window);
        let stops = Arc::new(AtomicBool::new(false));
        let link = Link {
            name: name.into(),
            config: config.clone(),
            password: Zeroizing::new(password.to_string()),
            tls,
            inbox,
            stops: stops.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("smpp {name}")).spawn(move || link.run(queue));
        let thread = thread.map_err(|error| CarrierFault::new(name, format!("no thread: {error}")))?;
        Ok(Self { name: name.into(), config, jobs, stops, thread: Mutex::new(Some(thread)) })
    }

    /// One part, and twice more while the carrier throttles: whoever waits for it longer keeps others from being sent.
    fn submit(&self, part: &pdu::Part<'_>, deadline: Instant) -> Result<String, Failed> {
        let first = Duration::from_millis(self.config.throttle_ms.max(1));
        let mut pauses = [first, 2 * first].into_iter();
        loop {
            if Instant::now() >= deadline {
                return Err(Failed::new(Why::Busy, "others filled its window until the deadline"));
            }
            let (answer, answered) = blocking::channel();
            let job = Job { pdu: pdu::submit(&self.config, part)?, answer, deadline };
            if let Err(error) = self.jobs.try_send(job) {
                match error {
                    mpsc::error::TrySendError::Full(_) => {
                        // Others fill the window: wait for a place, not for a pause.
                        std::thread::sleep(Duration::from_millis(2));
                        continue;
                    }
                    mpsc::error::TrySendError::Closed(_) => {
                        return Err(Failed::new(Why::Unavailable, "it was stopped"));
                    }
                }
            }
            // The link answers for every job that it took, at the latest when its patience ends.
            let patience = left(deadline) + Duration::from_secs(1);
            match answered.recv_timeout(patience) {
                Ok(Answer::Taken(id)) => return Ok(id),
                Ok(Answer::Down) => {
                    return Err(Failed::new(Why::Unavailable, "there is no connection to it"));
                }
                Ok(Answer::Lost) | Err(_) => {
                    return Err(Failed::new(Why::Unknown, "the connection was lost before its answer"));
                }
                Ok(Answer::Status(status)) => match meaning(status) {
                    Why::Busy => match pauses.next().filter(|pause| *pause < left(deadline)) {
                        Some(pause) => std::thread::sleep(pause),
                        None => return Err(Failed::new(Why::Busy, "it throttles")),
                    },
                    why => return Err(Failed::new(why, format!("status {:#x}", u32::from(status)))),
                },
            }
        }
    }
}

/// What a status says of the message (SMPP 3.4 §5.1.3, 5.0 §4.7.6).
fn meaning(status: CommandStatus) -> Why {
    use CommandStatus as S;
    match status {
        S::EsmeRthrottled | S::EsmeRmsgqful => Why::Busy,
        S::EsmeRinvmsglen
        | S::EsmeRinvdstadr
        | S::EsmeRinvdstton
        | S::EsmeRinvdstnpi
        | S::EsmeRinvesmclass
        | S::EsmeRinvexpiry
        | S::EsmeRinvdcs
        | S::EsmeRinvsrcadr
        | S::EsmeRxPAppn
        | S::EsmeRxRAppn
        | S::EsmeRprohibited => Why::Refused,
        // It would not take this one, for reasons of this one or of its own (0x400 to 0x4ff are the carrier's).
        S::EsmeRsubmitfail | S::EsmeRxTAppn | S::Other(0x400..=0x4ff) => Why::Unreachable,
        _ => Why::Unavailable,
    }
}

impl Transport for Smpp {
    fn name(&self) -> &str {
        &self.name
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        let (Address::Phone(number), Content::Sms { segments, .. }) = (parcel.address, parcel.content) else {
            return Err(Failed::new(Why::Refused, "it carries SMS alone"));
        };
        let mut taken: Vec<Option<String>> = vec![None; segments.count()];
        for (slot, known) in taken.iter_mut().zip(parcel.taken) {
            slot.clone_from(known);
        }
        for place in 0..segments.count() {
            if taken[place].is_some() {
                continue;
            }
            let part = pdu::Part { parcel, number, segments, place };
            match self.submit(&part, parcel.deadline) {
                Ok(id) => taken[place] = Some(id),
                Err(failed) => return Err(Failed { taken, ..failed }),
            }
        }
        Ok(Taken { parts: taken.into_iter().flatten().collect(), receipts: true })
    }
}

impl Drop for Smpp {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_of_the_carrier_counts_against_it() {
        let of = |status: u32| meaning(CommandStatus::from(status));
        for (why, statuses) in [
            (Why::Busy, &[0x14, 0x58][..]),
            (Why::Refused, &[0x1, 0xa, 0xb, 0x62, 0x65, 0x66, 0x101]),
            (Why::Unreachable, &[0x45, 0x64, 0x400, 0x4ff]),
            (Why::Unavailable, &[0x4, 0x8, 0xff, 0x3ff, 0x500]),
        ] {
            assert!(statuses.iter().all(|status| of(*status) == why), "{why:?}");
        }
    }
}
