//! Real servers for tests: PostgreSQL and PgBouncer, each in a temporary folder of its own, run by an unprivileged user,
//! and gone when the test is gone; and a [`Wire`] between a client and a server that can be stalled and cut; a
//! [`Proxy`] for servers over TCP that stalls, cuts and repeats by a schedule drawn from a seed.
//!
//! ```no_run
//! let cluster = zamok_servers::Cluster::start();
//! let url = cluster.url("postgres");
//! assert_eq!(cluster.ask("postgres", "SELECT 1 + 1"), "2");
//! ```
//!
//! Everything panics with the reason when a program is missing or fails: a peer that is not there is a failed test.
#![forbid(unsafe_code)]

mod bouncer;
mod caretaker;
mod cluster;
mod program;
mod proxy;
mod wire;

pub use bouncer::Bouncer;
pub use cluster::{Certificates, Cluster};
pub use program::pgbench;
pub use proxy::{Mishap, Proxy, Schedule, Turn};
pub use wire::{Trap, Way, What, Wire};
