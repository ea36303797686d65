//! Transports: one carrier each, behind one small trait. A transport hands one message over and says what became of it; receipts
//! come back by a channel, later.

mod dsn;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod log;
mod push;
mod receipt;
mod smpp;
mod smtp;
mod tls;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use zamok_cabinet::{Address, Evidence, MessageId, ReceiptState};
use zamok_core::UnixTime;
use zeroize::Zeroizing;

pub(crate) use crate::content::Content;

pub use dsn::{Report, read_report};
pub use http::{HttpConfig, HttpGateway, ReceiptMapping, Unsigned};
pub use log::{Log, LogConfig};
pub use push::{WebPush, WebPushConfig};
pub use receipt::{ShortReceipt, read_short};
pub use smpp::{Smpp, SmppConfig, SmppVersion};
pub use smtp::{Smtp, SmtpConfig};

/// A message to be handed over.
#[derive(Clone, Debug)]
pub struct Parcel<'a> {
    /// Its id, the transaction id towards the carrier.
    pub id: MessageId,
    /// Where it goes.
    pub address: &'a Address,
    /// What it says.
    pub content: &'a Content,
    /// Ids of parts that this carrier has taken before; empty for none.
    pub taken: &'a [Option<String>],
    /// Whether somebody waits for it.
    pub urgent: bool,
    /// The time by the vault's clock.
    pub now: UnixTime,
    /// From when on it must not be delivered any more.
    pub expires: UnixTime,
    /// Until when the transport may try: beyond, others send it.
    pub deadline: Instant,
}

/// A carrier took all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its id of each part.
    pub parts: Vec<String>,
    /// Whether it will tell how it ended.
    pub receipts: bool,
}

/// Why a carrier did not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It wants less at a time. It is well otherwise.
    Busy,
    /// It cannot be reached, or works not: nothing was handed over.
    Unavailable,
    /// It may have taken it: its answer was lost. Another carrier would send it twice.
    Unknown,
    /// It will never take this one.
    Refused,
    /// The device has unsubscribed.
    Gone,
    /// The way to this one does not work, such as the endpoint that a device gave, or the carrier would not take this one now:
    /// nothing was handed over, and it says nothing of the carrier.
    Unreachable,
}

/// A message that was not handed over, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub why: Why,
    /// The same for people: never the text, nor an address.
    pub reason: String,
    /// Ids of the parts that it has taken; empty for none.
    pub taken: Vec<Option<String>>,
}

impl Failed {
    pub(crate) fn new(why: Why, reason: impl Into<String>) -> Self {
        Self { why, reason: reason.into(), taken: Vec::new() }
    }
}

/// A receipt that came in.
pub struct Incoming {
    /// The carrier, by its name in the configuration.
    pub carrier: String,
    /// The id that it gave the part.
    pub id: String,
    /// How it stands.
    pub state: ReceiptState,
    /// The number that it is about, where it says so.
    pub number: Option<String>,
    /// Why, in its words.
    pub reason: String,
    /// To be told whether the receipt was noted: what was not is told again.
    pub acknowledge: Box<dyn FnOnce(bool) + Send>,
}

impl core::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Incoming({} {:?}, redacted)", self.carrier, self.state)
    }
}

/// Where receipts go.
pub type Inbox = mpsc::Sender<Incoming>;

/// A carrier.
pub trait Transport: Send + Sync + core::fmt::Debug {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// What it carries: [`Evidence::Sms`], [`Evidence::Email`] or [`Evidence::Push`].
    fn channel(&self) -> Evidence;

    /// How many ways it has, such as the services that it pushes to: each fails by itself, and is left alone by itself.
    fn ways(&self) -> usize {
        1
    }

    /// The way that leads to an address, from 0.
    fn way(&self, _: &Address) -> usize {
        0
    }

    /// Hands a message over; blocks until the carrier has answered, or the parcel's deadline.
    ///
    /// # Errors
    /// [`Failed`], with the parts that it took nevertheless.
    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed>;
}

/// What is left until a deadline, at least a little: a wait of zero is none for some systems.
pub(crate) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// How long a name is looked up or a line is made: less than what is left of the time for all, since whoever waited for these in vain
/// has sent nothing.
fn patience(deadline: Instant) -> Duration {
    (left(deadline) / 3).min(Duration::from_secs(10))
}

/// Why a carrier cannot be used as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{carrier}: {reason}")]
pub struct CarrierFault {
    /// The carrier.
    pub carrier: String,
    /// What is wrong.
    pub reason: String,
}

impl CarrierFault {
    pub(crate) fn new(carrier: &str, reason: impl Into<String>) -> Self {
        Self { carrier: carrier.into(), reason: reason.into() }
    }
}

/// Reads a secret from a file, without the line break at its end.
pub(crate) fn secret(carrier: &str, path: &std::path::Path) -> Result<Zeroizing<String>, CarrierFault> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| CarrierFault::new(carrier, format!("{}: {error}", path.display())))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
