//! The watch that notices when logins and requests stop being normal (R15, R34): rules in TOML behind
//! [`zamok_cabinet::watch::Watch`]. `docs/risk.md` says how thresholds were chosen.
//!
//! What is counted lies in counters of the store, in a table of fixed size, so that every process sees the same attacker
//! and nobody who makes up names or addresses makes it grow, or pushes anything out of it.
//!
//! ```
//! use std::sync::Arc;
//! use zamok_risk::{Nowhere, Risk, Rules};
//!
//! let rules = Rules::from_toml(
//!     r#"
//!     [[rule]]
//!     name = "spraying-network"
//!     kind = "spraying"
//!     per = "network"
//!     window = 3600
//!     limit = 12
//!     answer = "block"
//!     "#,
//! )?;
//! let watch = Arc::new(Risk::new(rules, Arc::new(Nowhere)));
//! // `cabinet.with_watch(watch)` asks it from then on.
//! # drop(watch);
//! # Ok::<(), zamok_risk::RulesFault>(())
//! ```

mod alert;
mod board;
mod case;
mod cell;
#[cfg(fuzzing)]
pub mod fuzzing;
mod habits;
mod judge;
mod place;
mod replay;
mod risk;
mod rules;

pub use alert::{Alert, RuleSummary, Summary};
pub use judge::Look;
pub use place::{Locate, Nowhere, Place};
pub use replay::{Label, LineFault, LogEvent, Replay, RuleScore, Score};
pub use risk::Risk;
pub use rules::{Rule, Rules, RulesFault};
