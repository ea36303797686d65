//! Protocols between threads and processes, run through their interleavings by loom. What is run is the source that ships: the
//! store's queue, and what an open handle holds, are compiled here once more, over loom's primitives in the place of those of the
//! standard library; vault and journal are linked, over a store at whose every question another thread may go first.
#![cfg(test)]

mod attempts;
mod border;
#[path = "../../../crates/host/src/vault/bounded.rs"]
mod bounded;
mod group_commit;
#[path = "../../../crates/core/tests/harness/mod.rs"]
mod harness;
#[path = "../../../crates/host/src/vault/held.rs"]
mod held;
mod idle_lock;
mod integrators;
#[path = "../../../crates/journal/tests/log/mod.rs"]
mod log;
mod opened_keys;
mod primitives;
#[path = "../../../crates/store-sqlite/src/queue.rs"]
#[allow(dead_code, reason = "the store's own tests use more of it")]
mod queue;
mod secrets;
