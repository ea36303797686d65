//! An allocator that remembers the largest piece that was asked for: a length that an input names is not set aside before so many
//! bytes are there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: Measuring = Measuring;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// What readers may set aside whatever they read, in bytes, and for each byte that they read.
const ANYWAY: usize = 64 << 10;
const EACH: usize = 64;

/// Runs this.
///
/// # Panics
/// When it asks for a piece of memory that is out of proportion to an input of so many bytes.
pub fn within<T>(length: usize, act: impl FnOnce() -> T) -> T {
    LARGEST.set(0);
    let outcome = act();
    let largest = LARGEST.get();
    assert!(largest <= ANYWAY + EACH * length, "{largest} bytes at once for an input of {length}");
    outcome
}

/// The system's allocator, measured.
struct Measuring;

fn note(size: usize) {
    // Not there any more while a thread ends.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

// SAFETY: every call goes on to the system's allocator unchanged; measuring touches only a thread-local integer that needs no
// allocation of its own.
unsafe impl GlobalAlloc for Measuring {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the pointer came from `System` with this layout, since `alloc` took it there.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
