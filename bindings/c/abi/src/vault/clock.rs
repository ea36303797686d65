//! A clock that stands: for tests and replays.

use std::sync::Arc;

use zamok::{ManualClock, UnixTime};

use super::error::told;
use super::handles::{self, zamok_clock};
use crate::pointer::Place;
use crate::zamok_status;

/// A clock that stands at `now`, in seconds since 1970. Give it in `zamok_options`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_clock_new(now: u64, clock: *mut *mut zamok_clock) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { Place::new(clock)? };
        handles::give(place, Arc::new(ManualClock::new(UnixTime(now))))
    })
}

/// Sets the clock for everybody who goes by it. Within one opened vault time never runs backwards all the same.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn zamok_clock_set(clock: *const zamok_clock, now: u64) -> zamok_status {
    told(|| {
        handles::take::<ManualClock>(clock)?.set(UnixTime(now));
        Ok(())
    })
}

/// Ends the handle; who goes by the clock still does. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_clock_free(clock: *mut zamok_clock) {
    handles::free::<ManualClock>(clock);
}
