//! Wiping, tested from outside: what a process that handled secrets still holds of them after they were dropped, in its own
//! memory and in a core dump.

mod memory;
mod needles;
mod story;

pub use memory::{Found, own_memory, scrub_stack};
pub use needles::{Needle, masked, plain};
pub use story::{Ending, known, tell};
