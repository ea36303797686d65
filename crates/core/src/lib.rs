//! The core of Zamok: one-time passwords, sealed records, keys as handles. `no_std`; see `ARCHITECTURE.md`.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
pub mod aead;
#[cfg(feature = "alloc")]
mod agreement;
pub mod env;
pub mod error;
#[cfg(feature = "alloc")]
pub mod event;
pub mod hash;
pub mod mac;
pub mod mechanism;
pub mod otp;
pub mod secret;
mod sets;
#[cfg(feature = "alloc")]
pub mod signature;
pub mod store;
pub mod vault;
#[cfg(feature = "alloc")]
pub mod wire;

pub use env::{Env, UnixTime};
pub use error::Error;
