//! How much is tried: `ZAMOK_TIER`, as `docs/testing.md` says.

use std::env::VarError;

/// The count of the tier.
pub(crate) fn pick(check: u32, ci: u32, full: u32) -> u32 {
    match std::env::var("ZAMOK_TIER").as_deref() {
        Ok("check") => check,
        Ok("ci") | Err(VarError::NotPresent) => ci,
        Ok("full") => full,
        other => panic!("ZAMOK_TIER is check, ci or full, not {other:?}"),
    }
}
