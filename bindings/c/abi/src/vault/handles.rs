//! Handles. To C they are pointers that nobody may follow; here they are numbers in a table. So a handle that was freed, that
//! is of another kind, or that never was one, is told apart without looking at any memory; and a handle that one thread
//! frees while another uses it lasts until that other is done.

use std::any::Any;
use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use zamok::{Begun, ManualClock, Operation, Session, Zamok};

use super::access::OpenVault;
use super::error::Trouble;
use crate::border::Fault;
use crate::codes::{ZAMOK_E_HANDLE, ZAMOK_E_NULL_POINTER, ZAMOK_E_OUT_OF_HANDLES};
use crate::pointer::Place;

/// What stands behind a handle.
pub(crate) trait Kept: Any + Send + Sync {
    /// The name that C has for it.
    type Handle;
}

// Not `repr(C)`: the header only says their names.

/// An opened vault: keys that do not leave. Any number of threads may use it at once.
pub struct zamok_vault {
    _private: (),
}

/// A vault with the accounts of one service over it. Any number of threads may use it at once.
pub struct zamok_cabinet {
    _private: (),
}

/// What a right password leads to: a challenge that waits for a code, or a right to enrol.
pub struct zamok_challenge {
    _private: (),
}

/// A session that was live when it was looked at.
pub struct zamok_session {
    _private: (),
}

/// Entries of the journal, as they were read.
pub struct zamok_entries {
    _private: (),
}

/// What an operation shall say, while it is put together. Any number of threads may use it at once.
pub struct zamok_content {
    _private: (),
}

/// An operation as it was when it was looked at.
pub struct zamok_operation {
    _private: (),
}

/// The outbox of a cabinet: messages that are to be sent. Any number of threads may take from it at once.
pub struct zamok_outbox {
    _private: (),
}

/// A message that was handed out to be sent.
pub struct zamok_message {
    _private: (),
}

/// A clock that stands until it is set: for tests and replays.
pub struct zamok_clock {
    _private: (),
}

impl Kept for OpenVault {
    type Handle = zamok_vault;
}
impl Kept for Zamok {
    type Handle = zamok_cabinet;
}
impl Kept for Begun {
    type Handle = zamok_challenge;
}
impl Kept for Session {
    type Handle = zamok_session;
}
impl Kept for super::journal::Entries {
    type Handle = zamok_entries;
}
impl Kept for super::content::Draft {
    type Handle = zamok_content;
}
impl Kept for Operation {
    type Handle = zamok_operation;
}
impl Kept for super::outbox::Outbox {
    type Handle = zamok_outbox;
}
impl Kept for super::outbox::Message {
    type Handle = zamok_message;
}
impl Kept for ManualClock {
    type Handle = zamok_clock;
}

/// The table of one process. A forked child begins one of its own: in that of its parent, locks may be held by threads that the
/// child does not have.
struct Table {
    process: u32,
    /// Handles below were given out by the parent.
    first: usize,
    entries: RwLock<HashMap<usize, Arc<dyn Any + Send + Sync>>>,
}

static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
/// The next handle. They count from 1, far below every address that a program could have.
static NEXT: AtomicUsize = AtomicUsize::new(1);
/// A process that opened one handle a nanosecond would come here after two years.
const LAST: usize = usize::MAX >> 8;

fn table() -> &'static Table {
    let process = std::process::id();
    let mut found = TABLE.load(Ordering::Acquire);
    loop {
        // SAFETY: what stands there was leaked below and lives for ever.
        match unsafe { found.as_ref() } {
            Some(table) if table.process == process => return table,
            _ => {}
        }
        let fresh = Table { process, first: NEXT.load(Ordering::SeqCst), entries: RwLock::default() };
        let fresh = Box::into_raw(Box::new(fresh));
        match TABLE.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it was just made, and is never freed.
            Ok(_) => return unsafe { &*fresh },
            Err(other) => {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(fresh) });
                found = other;
            }
        }
    }
}

/// Gives a handle out. Nothing is kept when there is none left.
pub(crate) fn give<T: Kept>(place: Place<*mut T::Handle>, kept: Arc<T>) -> Result<(), Trouble> {
    let table = table();
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    if number > LAST {
        NEXT.store(LAST + 1, Ordering::SeqCst);
        return Err(Fault(ZAMOK_E_OUT_OF_HANDLES).into());
    }
    table.entries.write().unwrap_or_else(PoisonError::into_inner).insert(number, kept);
    place.put(ptr::without_provenance_mut(number));
    Ok(())
}

/// What stands behind a handle, for as long as it is used.
pub(crate) fn take<T: Kept>(handle: *const T::Handle) -> Result<Arc<T>, Trouble> {
    if handle.is_null() {
        return Err(Fault(ZAMOK_E_NULL_POINTER).into());
    }
    let (table, number) = (table(), handle.addr());
    let found = table.entries.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned();
    match found {
        Some(found) => found.downcast::<T>().map_err(|_| Fault(ZAMOK_E_HANDLE).into()),
        // It was given out before this process was forked, by its parent.
        None if (1..table.first).contains(&number) => Err(zamok_core::Error::Locked.into()),
        None => Err(Fault(ZAMOK_E_HANDLE).into()),
    }
}

/// Ends a handle. What is none, or is of another kind, stays as it is.
pub(crate) fn free<T: Kept>(handle: *mut T::Handle) {
    let _ = crate::border::caught(|| {
        let number = handle.addr();
        let mut entries = table().entries.write().unwrap_or_else(PoisonError::into_inner);
        let gone = match entries.get(&number) {
            Some(kept) if (**kept).is::<T>() => entries.remove(&number),
            _ => None,
        };
        // What stands behind it may take its time to end, and others need the table.
        drop(entries);
        drop(gone);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(clock: ManualClock) -> *mut zamok_clock {
        let mut handle = ptr::null_mut();
        // SAFETY: the address of a local.
        let place = unsafe { Place::new(&raw mut handle) }.ok().unwrap();
        assert!(give(place, Arc::new(clock)).is_ok());
        handle
    }

    fn status<T>(found: Result<T, Trouble>) -> i32 {
        match found {
            Ok(_) => 0,
            Err(Trouble::Misuse(fault)) => fault.0,
            Err(Trouble::Cabinet(error)) => error.code().into(),
            Err(Trouble::Unanchored(error)) => error.code().into(),
        }
    }

    #[test]
    fn a_handle_is_what_it_is_until_it_is_freed() {
        let handle = made(ManualClock::default());
        assert_eq!(status(take::<ManualClock>(handle)), 0);
        assert_eq!(status(take::<Session>(handle.cast())), ZAMOK_E_HANDLE);
        free::<Session>(handle.cast());
        assert_eq!(status(take::<ManualClock>(handle)), 0);
        let in_use = take::<ManualClock>(handle);
        free::<ManualClock>(handle);
        free::<ManualClock>(handle);
        assert_eq!(status(take::<ManualClock>(handle)), ZAMOK_E_HANDLE);
        assert!(in_use.is_ok());
        assert_ne!(made(ManualClock::default()), handle);
    }

    #[test]
    fn what_was_never_a_handle_is_refused() {
        let local = 7_u64;
        for address in [usize::MAX, (&raw const local).addr(), LAST] {
            let handle = ptr::without_provenance_mut::<zamok_clock>(address);
            assert_eq!(status(take::<ManualClock>(handle)), ZAMOK_E_HANDLE);
            free::<ManualClock>(handle);
        }
        assert_eq!(status(take::<ManualClock>(ptr::null())), ZAMOK_E_NULL_POINTER);
    }
}
