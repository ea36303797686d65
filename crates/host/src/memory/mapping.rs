//! Pages from the operating system, with a marker that only the process which mapped them can read.

use std::ptr::{self, NonNull};
use std::sync::atomic::{Ordering, compiler_fence};
use std::{io, process, slice};

/// Written over the first bytes of a mapping. Not zero: a forked child reads zeros.
const MARKER: u64 = 0x7a61_6d6f_6b21_6c6b;
/// Bytes that the marker takes; what is held lies behind them. One cache line, so that nothing shares it.
pub(super) const HEAD: usize = 64;

/// Pages of this process between two guard pages, unmapped when dropped.
pub(super) struct Mapping {
    /// The guard page in front.
    base: NonNull<u8>,
    /// With both guard pages, in bytes.
    mapped: usize,
    page: usize,
    /// What may be used behind the marker, in bytes.
    room: usize,
    pid: u32,
    pub(super) granted: Granted,
}

/// What the operating system granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) locked: bool,
    pub(super) undumpable: bool,
    pub(super) wiped_on_fork: bool,
}

// SAFETY: the pages belong to the value alone and are unmapped only by its drop. `write` and `wipe` demand that
// nobody else uses the same bytes at the time, as their callers uphold; everything else only reads.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps pages for at least `room` bytes.
    pub(super) fn new(room: usize) -> io::Result<Self> {
        let page = page_size();
        let too_large = || io::Error::from(io::ErrorKind::OutOfMemory);
        let inner = room
            .checked_add(HEAD)
            .and_then(|inner| inner.checked_next_multiple_of(page))
            .ok_or_else(too_large)?;
        let mapped = inner.checked_add(2 * page).ok_or_else(too_large)?;
        // SAFETY: a new anonymous mapping at an address of the kernel's choosing touches no memory that exists.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapped,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast::<u8>()).ok_or_else(too_large)?;
        let granted = Granted { locked: false, undumpable: false, wiped_on_fork: false };
        // From here on a drop unmaps.
        let mut mapping = Self { base, mapped, page, room: inner - HEAD, pid: process::id(), granted };
        let start = mapping.start().cast();
        // SAFETY: start..start + inner are the whole pages between the guards, mapped above and used by nobody yet.
        let opened = unsafe { libc::mprotect(start, inner, libc::PROT_READ | libc::PROT_WRITE) } == 0;
        if !opened {
            return Err(io::Error::last_os_error());
        }
        mapping.granted = Granted {
            // SAFETY: as above; locking changes no content.
            locked: unsafe { libc::mlock(start, inner) } == 0,
            undumpable: advise(start, inner, Advice::DontDump),
            wiped_on_fork: advise(start, inner, Advice::WipeOnFork),
        };
        // SAFETY: the first HEAD bytes are mapped, writable, aligned to a page, and no one else knows of them.
        unsafe { start.cast::<u64>().write_volatile(MARKER) };
        Ok(mapping)
    }

    fn start(&self) -> *mut u8 {
        // SAFETY: the guard page lies inside the mapping, which is longer than two pages.
        unsafe { self.base.as_ptr().add(self.page) }
    }

    /// The bytes at `offset` behind the marker.
    fn at(&self, offset: usize, length: usize) -> *mut u8 {
        assert!(offset <= self.room && length <= self.room - offset, "outside of the mapping");
        // SAFETY: HEAD + room bytes are mapped from the start on, and the offset was just compared with the room.
        unsafe { self.start().add(HEAD + offset) }
    }

    /// Whether this process mapped the pages: false in a forked child, where their content is gone.
    pub(super) fn ours(&self) -> bool {
        if !self.granted.wiped_on_fork && self.pid != process::id() {
            return false;
        }
        // SAFETY: the marker lies in mapped, readable, aligned memory. It is written once before the value is shared;
        // volatile, because the kernel may put zeros in its place at a fork.
        unsafe { self.start().cast::<u64>().read_volatile() == MARKER }
    }

    /// What lies at `offset`.
    ///
    /// Nobody may write or wipe these bytes while the slice lives.
    pub(super) fn read(&self, offset: usize, length: usize) -> &[u8] {
        // SAFETY: `at` has checked the bounds; anonymous pages are initialised with zeros; the slice borrows the
        // mapping; that nobody writes meanwhile is the caller's promise.
        unsafe { slice::from_raw_parts(self.at(offset, length), length) }
    }

    /// Puts bytes at `offset`. Nobody else may use that place meanwhile.
    pub(super) fn write(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: `at` has checked the bounds, the source is another object, and the place is the caller's alone.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(offset, bytes.len()), bytes.len()) };
    }

    /// Puts zeros at `offset`, also where the compiler thinks that nobody will look. Nobody else may use that place.
    pub(super) fn wipe(&self, offset: usize, length: usize) {
        let start = self.at(offset, length);
        for index in 0..length {
            // SAFETY: `at` has checked the bounds, and the place is the caller's alone.
            unsafe { start.add(index).write_volatile(0) };
        }
        compiler_fence(Ordering::SeqCst);
    }

    /// Locked or lockable bytes, without the guards.
    pub(super) fn len(&self) -> usize {
        HEAD + self.room
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn room(&self) -> usize {
        self.room
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn expose_start(&self) -> usize {
        self.start().expose_provenance()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and mapped are those of the mapping made in `new`, which nothing borrows any more. Unmapping
        // also unlocks.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.mapped) };
    }
}

#[derive(Clone, Copy)]
enum Advice {
    DontDump,
    WipeOnFork,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn advise(start: *mut libc::c_void, length: usize, advice: Advice) -> bool {
    let advice = match advice {
        Advice::DontDump => libc::MADV_DONTDUMP,
        Advice::WipeOnFork => libc::MADV_WIPEONFORK,
    };
    // SAFETY: whole pages of one private anonymous mapping; neither advice changes what this process reads.
    unsafe { libc::madvise(start, length, advice) == 0 }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn advise(_: *mut libc::c_void, _: usize, advice: Advice) -> bool {
    match advice {
        Advice::DontDump | Advice::WipeOnFork => false,
    }
}

/// Bytes of a page.
pub(super) fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
}

/// How many bytes this process may lock (`RLIMIT_MEMLOCK`).
pub(super) fn lock_limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a value of the right sort that outlives the call.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    if told { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) } else { 0 }
}
