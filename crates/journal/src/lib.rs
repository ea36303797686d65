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

mod anchor;
mod checkpoint;
mod erase;
mod fault;
mod former;
#[cfg(fuzzing)]
pub mod fuzzing;
mod integrate;
mod layout;
mod note;
mod policy;
mod proof;
mod prune;
mod read;
mod rows;
mod signing;
mod subjects;
mod text;
pub mod tiles;
pub mod tree;
mod verify;
mod waiting;
pub mod witness;

pub use anchor::{Anchor, require_anchor, requires_anchor};
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use erase::{Erased, RETENTION, erase_subject, expire_details};
pub use fault::{Broken, Fault, Finding, Place};
pub use former::{forget_subject, list_former_leaf, put_former_leaf};
pub use integrate::{Integrated, Integrator, MAX_BATCH, integrate};
pub use layout::{Entries, Files, FilesReport, bundled, verify_files};
pub use note::{Note, NoteSignature, SignatureType, Signed, VerifierKey, cosigned_message, is_key_name};
pub use policy::{Party, TrustPolicy, Trusted};
pub use proof::InclusionProof;
pub use prune::{MAX_REST, REMEMBERED, forget_writers, forgetting_is_due};
pub use read::{Journal, Listing, Receipt, Recorded, Status, Telling};
pub use rows::{HEAD, Head, LEAVES, POSITIONS, WRITERS};
pub use signing::{
    CHECKPOINTS, former_key, former_row, is_of_present_log, keep_cosigned, log_key, sign_checkpoint,
};
pub use subjects::SUBJECTS;
pub use tiles::TILES;
pub use verify::{Report, audit, audit_rows};
