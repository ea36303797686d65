//! One suite that every Zamok store must pass.
//!
//! Implement [`Factory`] for the store and expand [`conformance!`] in an integration test: every case becomes a test
//! with a sentence for a name.
//!
//! ```
//! use zamok_core::store::MemoryStore;
//! use zamok_store_conformance::{Factory, Fresh};
//!
//! struct InMemory;
//!
//! impl Factory for InMemory {
//!     type Store = MemoryStore;
//!     fn fresh(&self) -> Fresh<MemoryStore> {
//!         Fresh { store: MemoryStore::new(), place: String::new() }
//!     }
//!     fn open(&self, _place: &str) -> MemoryStore {
//!         unreachable!("it declares neither `durable` nor `multi_process`")
//!     }
//! }
//!
//! // In `tests/conformance.rs`:
//! // zamok_store_conformance::conformance! { factory: InMemory, inapplicable: [
//! //     what_was_committed_is_there_after_reopening, …
//! // ] }
//! let report = zamok_store_conformance::run(&InMemory);
//! assert!(report.failed.is_empty(), "{:?}", report.failed);
//! ```
//!
//! A store declares in its [`Capabilities`](zamok_core::store::Capabilities) what it promises. Cases about promises
//! that it does not make are not run; they must be listed as `inapplicable`, by name, and the suite fails when that
//! list is not exact. How often the racing, killing and random cases try, the variable `ZAMOK_TIER` says: see [`Tier`].
//!
//! For tests of what stands above a store there is [`Hooked`], which does something else at some of the
//! questions that it is asked.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod cases;
mod helper;
mod hooked;
mod list;
mod random;
mod suite;
mod tier;

pub use helper::{reexecuted, serve};
pub use hooked::Hooked;
pub use random::Random;
pub use suite::{Case, Factory, Fresh, Needs, Report, cases, run, run_case};
pub use tier::Tier;
