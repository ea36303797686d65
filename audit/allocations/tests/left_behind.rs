//! What held a secret is given back without it: buffers that grow, regions, secrets behind a pointer.
#![allow(missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::slice;

use zamok_core::secret::{HeapMemory, Secret, SecretMemory as _};
use zamok_core::vault::backup::Items;
use zamok_core::wire::Writer;

const SECRET: &[u8] = b"thirty-two bytes of key material";

thread_local! {
    /// How many blocks held the secret; `None` while nobody asks.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The system's allocator, which looks at what is given back.
struct Watching;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

// SAFETY: every call goes on to the system's allocator; what is looked at besides is a block that its owner gives back.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is handed on. Zeros, so that every byte may be read later.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(left) = LEFT.get() {
            // SAFETY: the block began as zeros, has this length, and is nobody else's until it was given back.
            let block = unsafe { slice::from_raw_parts(pointer, layout.size()) };
            let found = block.windows(SECRET.len()).any(|window| window == SECRET);
            LEFT.set(Some(left + u64::from(found)));
        }
        // SAFETY: the pointer came from `System` with this layout, since `alloc` took it there.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// In how many blocks the work left the secret.
fn left_by(work: impl FnOnce()) -> u64 {
    LEFT.set(Some(0));
    work();
    LEFT.replace(None).unwrap_or_default()
}

#[test]
fn a_planted_copy_is_seen() {
    assert_eq!(left_by(|| drop(black_box(SECRET.to_vec()))), 1);
    assert_eq!(left_by(|| ()), 0);
}

#[test]
fn a_writer_that_grows_leaves_nothing_where_it_was() {
    let left = left_by(|| {
        let mut writer = Writer::new();
        writer.raw(SECRET);
        for _ in 0..10 {
            writer.raw(&[7; 1000]);
        }
        assert!(black_box(&writer).as_slice().starts_with(SECRET));
    });
    assert_eq!(left, 0);
}

#[test]
fn what_is_held_for_a_while_is_gone_when_it_is_given_back() {
    assert_eq!(left_by(|| drop(black_box(HeapMemory.hold(SECRET).unwrap()))), 0, "a region");
    assert_eq!(left_by(|| drop(black_box(Box::new(Secret::new(SECRET).unwrap())))), 0, "a secret");
    let left = left_by(|| {
        let mut items = Items::default();
        items.feed(SECRET);
        items.feed(&[7; 100]);
        drop(black_box(items));
    });
    assert_eq!(left, 0, "items of a backup");
}
