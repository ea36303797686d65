#![doc = include_str!("../README.md")]

#[cfg(feature = "carriers")]
mod breaker;
#[cfg(feature = "carriers")]
mod config;
mod content;
#[cfg(feature = "carriers")]
mod gate;
#[cfg(feature = "carriers")]
mod metrics;
mod outgoing;
mod segment;
mod template;
#[cfg(feature = "carriers")]
mod transport;
#[cfg(feature = "carriers")]
mod worker;

#[cfg(feature = "carriers")]
pub use breaker::{Breaker, Leave, Limits};
#[cfg(feature = "carriers")]
pub use config::{Carrier, Channels, Config, ConfigFault};
pub use content::Content;
#[cfg(feature = "carriers")]
pub use metrics::{Metrics, Outcome};
pub use outgoing::{Letter, Outgoing};
pub use segment::{Alphabet, Segments, TooLong, country_and_network, read};
pub use template::{TemplateFault, Templates, Words};
#[cfg(all(fuzzing, feature = "carriers"))]
pub use transport::fuzzing;
#[cfg(feature = "carriers")]
pub use transport::{
    CarrierFault, Failed, HttpConfig, HttpGateway, Inbox, Incoming, Log, LogConfig, Parcel, ReceiptMapping,
    Report, ShortReceipt, Smpp, SmppConfig, SmppVersion, Smtp, SmtpConfig, Taken, Transport, Unsigned,
    WebPush, WebPushConfig, Why, read_report, read_short,
};
#[cfg(feature = "carriers")]
pub use worker::{Delivery, Step};
