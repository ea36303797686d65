//! What [`crate::queue`] is built on. `audit/models` has a module of the same names over loom.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
pub(crate) use std::thread::{Thread, current, park, yield_now};
pub(crate) use std::time::Instant;
