//! How a vault is made and opened.

use std::ffi::c_char;
use std::io::ErrorKind;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zamok::store::StoreFault;
use zamok::{Argon2Cost, FileAnchor, Freshness, ManualClock, Options, Policy, Vault};

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
    /// Memory that one attempt at the passphrase of a vault that is made now costs, in KiB (Argon2id), 8 to 4194304. Default:
    /// 262144.
    pub argon2_memory_kib: u32,
    /// Passes over it, 1 to 64. Default: 3.
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
    /// The path of a file that remembers how far the journal has come, as `zamok --anchor` has it: best on another machine's
    /// disk. A store that was put back behind it stays closed (`ZAMOK_E_LOG_BEHIND`, `ZAMOK_E_LOG_FORKED`), and so does a vault
    /// that has an anchor where none is named (`ZAMOK_E_ANCHOR_MISSING`). zamok_checkpoint() carries it on. Where a vault is
    /// made or restored, the file is made, or taken when it is empty; one that remembers is `ZAMOK_E_STORE_EXISTS`; from then
    /// on the vault opens with its anchor alone. Where the file cannot be written then, the vault is there without it, and the
    /// answer is `ZAMOK_E_ANCHOR_UNWRITTEN`, with the handle. Null: none.
    pub anchor: *const c_char,
    /// Its length.
    pub anchor_length: usize,
}

// SAFETY: numbers and pointers without padding.
unsafe impl Versioned for zamok_options {
    const FIRST: usize = offset_of!(Self, anchor);
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(zamok_options::FIRST == 40);

/// `idle_seconds`: keys are never wiped by themselves.
pub const ZAMOK_NEVER: u32 = 4_294_967_295;

/// What options say.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) options: Options,
    pub(crate) policy: Policy,
    pub(crate) anchor: Option<PathBuf>,
}

impl Chosen {
    /// Makes the file of the anchor of a new vault, or takes one that is empty.
    pub(crate) fn begin_anchor(&self) -> Result<(), Trouble> {
        let Some(path) = &self.anchor else { return Ok(()) };
        let Err(error) = FileAnchor::create(path) else { return Ok(()) };
        Err(match error.kind() {
            ErrorKind::AlreadyExists if is_empty(path) => return Ok(()),
            ErrorKind::AlreadyExists => StoreFault::Exists,
            ErrorKind::NotFound => StoreFault::Missing,
            ErrorKind::PermissionDenied => StoreFault::Denied,
            ErrorKind::StorageFull => StoreFault::Full,
            _ => StoreFault::Unavailable,
        }
        .into())
    }
}

fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.len() == 0)
}

/// Tells the anchor of a new vault of it, where it was given one, and has it open with that alone. A vault that its anchor knows
/// nothing of must not ask for it.
pub(crate) fn keep_anchor(vault: &Vault) -> Result<(), Trouble> {
    let kept = || {
        if let (true, false) = vault.anchoring()? {
            vault.checkpoint()?;
            vault.require_anchor()?;
        }
        Ok(())
    };
    kept().map_err(Trouble::Unanchored)
}

/// # Safety
/// What the header asks of a caller who gives options.
pub(crate) unsafe fn read(options: *const zamok_options) -> Result<Chosen, Trouble> {
    // SAFETY: promised.
    let Some(given) = (unsafe { pointer::versioned(options)? }) else { return Ok(Chosen::default()) };
    let mut options = Options::default();
    let Argon2Cost { memory_kib, passes, lanes } = options.cost;
    let or = |given: u32, usual: u32| if given == 0 { usual } else { given };
    let cost = Argon2Cost {
        memory_kib: or(given.argon2_memory_kib, memory_kib),
        passes: or(given.argon2_passes, passes),
        lanes,
    };
    options.cost = cost.bounded().map_err(|_| Fault(ZAMOK_E_ARGUMENT))?;
    match given.idle_seconds {
        0 => {}
        ZAMOK_NEVER => options.idle = None,
        seconds => options.idle = Some(Duration::from_secs(seconds.into())),
    }
    if !given.clock.is_null() {
        options.clock = Arc::new(ManualClock::clone(&*handles::take::<ManualClock>(given.clock)?));
    }
    // SAFETY: promised.
    let anchor = match unsafe { pointer::text(given.anchor, given.anchor_length)? } {
        "" => None,
        path => Some(PathBuf::from(path)),
    };
    if let Some(path) = &anchor {
        options.freshness = Freshness::Anchored(Arc::new(FileAnchor::at(path)));
    }
    // SAFETY: promised.
    let policy = match unsafe { pointer::text(given.policy, given.policy_length)? } {
        "" => Policy::default(),
        text => Policy::from_toml(text).map_err(|_| Fault(ZAMOK_E_POLICY_UNSOUND))?,
    };
    Ok(Chosen { options, policy, anchor })
}
