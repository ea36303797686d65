//! What `vault::held` and `vault::bounded` are built on. `audit/models` has a module of the same names over loom.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, RwLock};
pub(crate) use std::time::Instant;
