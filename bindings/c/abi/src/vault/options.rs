//! How a vault is made and opened.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use zamok::{Argon2Cost, ManualClock, Options, Policy};

use super::error::Trouble;
use super::handles::{self, zamok_clock};
use crate::border::Fault;
use crate::codes::{ZAMOK_E_ARGUMENT, ZAMOK_E_POLICY_UNSOUND};
use crate::pointer::{self, Versioned};

/// How a vault is made and opened. With `size` set and the rest 0, and as null: the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_options {
    /// `sizeof(zamok_options)`.
    pub size: u32,
    /// Memory that one attempt at the passphrase of a vault that is made now costs, in KiB (Argon2id). Default: 262144.
    pub argon2_memory_kib: u32,
    /// Passes over it. Default: 3.
    pub argon2_passes: u32,
    /// Seconds without use after which the keys are wiped and calls answer `ZAMOK_E_LOCKED`. Default: 900.
    /// `ZAMOK_NEVER` for a service that must answer at any hour.
    pub idle_seconds: u32,
    /// The numbers that a new cabinet goes by, as docs/policy.md writes them (TOML), or a profile: `profile = "strict"`.
    /// Null: the strict ones. An existing cabinet keeps its own.
    pub policy: *const c_char,
    /// Its length.
    pub policy_length: usize,
    /// A clock for tests and replays. Null: that of the system.
    pub clock: *const zamok_clock,
}

// SAFETY: numbers and pointers without padding.
unsafe impl Versioned for zamok_options {
    const FIRST: usize = size_of::<Self>();
}

/// `idle_seconds`: keys are never wiped by themselves.
pub const ZAMOK_NEVER: u32 = 4_294_967_295;

/// # Safety
/// What the header asks of a caller who gives options.
pub(crate) unsafe fn read(options: *const zamok_options) -> Result<(Options, Policy), Trouble> {
    // SAFETY: promised.
    let Some(given) = (unsafe { pointer::versioned(options)? }) else {
        return Ok((Options::default(), Policy::default()));
    };
    let mut options = Options::default();
    let Argon2Cost { memory_kib, passes, lanes } = options.cost;
    let or = |given: u32, usual: u32| if given == 0 { usual } else { given };
    options.cost = Argon2Cost {
        memory_kib: or(given.argon2_memory_kib, memory_kib),
        passes: or(given.argon2_passes, passes),
        lanes,
    };
    if options.cost.memory_kib < 8 || options.cost.passes > 1000 || options.cost.memory_kib > 16 << 20 {
        return Err(Fault(ZAMOK_E_ARGUMENT).into());
    }
    match given.idle_seconds {
        0 => {}
        ZAMOK_NEVER => options.idle = None,
        seconds => options.idle = Some(Duration::from_secs(seconds.into())),
    }
    if !given.clock.is_null() {
        options.clock = Arc::new(ManualClock::clone(&*handles::take::<ManualClock>(given.clock)?));
    }
    // SAFETY: promised.
    let policy = match unsafe { pointer::text(given.policy, given.policy_length)? } {
        "" => Policy::default(),
        text => Policy::from_toml(text).map_err(|_| Fault(ZAMOK_E_POLICY_UNSOUND))?,
    };
    Ok((options, policy))
}
