#![doc = include_str!("../README.md")]

mod breaker;
mod config;
mod gate;
mod metrics;
mod segment;
mod template;
mod transport;
mod worker;

pub use breaker::{Breaker, Limits};
pub use config::{Carrier, Channels, Config, ConfigFault};
pub use metrics::{Metrics, Outcome};
pub use segment::{Alphabet, Segments, TooLong, country_and_network, read};
pub use template::{TemplateFault, Templates, Words};
pub use transport::{
    CarrierFault, Content, Failed, HttpConfig, HttpGateway, Inbox, Incoming, Log, LogConfig, Parcel,
    ReceiptMapping, Report, ShortReceipt, Smpp, SmppConfig, SmppVersion, Smtp, SmtpConfig, Taken, Transport,
    Unsigned, WebPush, WebPushConfig, Why, read_report, read_short,
};
pub use worker::{Delivery, Step};
