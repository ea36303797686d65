//! The functions of `zamok.h`. The header is made from these sources: what stands here in doc comments is what a C
//! programmer reads.
//!
//! Two layers. `engine`: one-time passwords without state, without a heap, without std. `vault`: keys that do not
//! leave, accounts, sessions, signatures, the journal, behind handles. Between them and C stand two modules that know about
//! pointers and panics: `pointer` and `border`.
#![cfg_attr(not(feature = "vault"), no_std)]
#![allow(non_camel_case_types)] // The names are those of the header.
#![allow(clippy::missing_safety_doc)] // The header says once, for all functions, what pointers must be.

mod border;
// The texts are those of `docs/errors.md`, and brackets in them are no links.
#[allow(rustdoc::broken_intra_doc_links)]
mod codes;
mod engine;
mod messages;
mod pointer;
#[cfg(feature = "vault")]
mod vault;
mod version;

pub use codes::*;
pub use engine::*;
#[cfg(feature = "vault")]
pub use vault::*;
pub use version::*;

/// What a function answers: `ZAMOK_OK`, or one of the numbers `ZAMOK_E_…`, which are stable and never used again.
/// A number that this header does not know is an error as well: compare with `ZAMOK_OK`.
pub type zamok_status = i32;
