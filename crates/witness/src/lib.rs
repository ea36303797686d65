//! Witnesses over HTTP (C2SP tlog-witness): a small one to run, and the client that asks others.
//!
//! What a witness decides is in [`zamok_journal::witness`]; here is what listens and what asks. The server speaks plain
//! HTTP: whoever shows it to the world puts it behind something that ends TLS. The client speaks both.
#![forbid(unsafe_code)]

mod client;
#[cfg(fuzzing)]
pub mod fuzzing;
mod request;
mod server;
mod service;

pub use client::{Client, Gathered, Refusal};
pub use server::{Running, Server};
pub use service::Service;

/// What a witness of ours says, with status 404, when asked for the latest checkpoint of a log that it knows nothing of.
const UNKNOWN: &str = "this witness knows nothing of this log\n";
