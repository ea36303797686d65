//! The journal of a vault as a Merkle tree (RFC 9162): integration, reading, proofs, audit.
//!
//! Commits leave their events as chained entries ([`zamok_core::event`]); [`integrate()`] moves them into a dense,
//! append-only tree; [`Journal`] reads it and proves single leaves; [`audit`] recomputes all of it and names whatever
//! does not fit. `docs/formats/journal.md` has every row byte by byte.
//!
//! What this shows and what it does not: without the vault's keys nobody can add, alter, drop, repeat, move or
//! reorder entries unseen. Whoever holds the keys and the store could write another history; signed checkpoints that
//! others have seen stand against that.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod fault;
mod integrate;
mod proof;
mod read;
mod rows;
pub mod tiles;
pub mod tree;
mod verify;
mod waiting;

pub use fault::{Broken, Fault, Finding, Place};
pub use integrate::{Integrated, MAX_BATCH, integrate};
pub use proof::InclusionProof;
pub use read::{Journal, Listing, Recorded, Status, Telling};
pub use rows::{HEAD, Head, LEAVES, POSITIONS, WRITERS};
pub use tiles::TILES;
pub use verify::{Report, audit};
