//! What the kernel says of the pages, and what a forked child finds there.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use zamok_core::Error;
use zamok_core::secret::{SecretMemory, SecretRegion};

use super::arena::{Arenas, Region};
use super::mapping::{Mapping, page_size};
use super::{LockedMemory, Shortage};

/// How a forked child ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its closure returned true.
    Well,
    /// Its closure returned false, or panicked.
    Badly,
    /// A signal ended it.
    BySignal(i32),
}

/// Forks: the child's process id in the parent, `None` in the child, which is ended by an alarm after 30 s.
pub(crate) fn fork() -> Option<libc::pid_t> {
    // SAFETY: the child goes on in a copy of this thread and ends with `_exit`, in `in_child`. Locks that other
    // threads of the harness hold may stay held in it: what the tests run there must not need them, which is what is
    // tested.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        // SAFETY: alarm takes a number of seconds and has no preconditions.
        unsafe { libc::alarm(30) };
        return None;
    }
    Some(child)
}

/// Waits for a child of this process.
pub(crate) fn wait(child: libc::pid_t) -> Ended {
    let mut status = 0;
    // SAFETY: the pointer is to a live integer.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    if libc::WIFSIGNALED(status) {
        Ended::BySignal(libc::WTERMSIG(status))
    } else if libc::WEXITSTATUS(status) == 0 {
        Ended::Well
    } else {
        Ended::Badly
    }
}

/// Runs `check` in a forked child, whose only thread is a copy of this one.
pub(crate) fn in_child(check: impl FnOnce() -> bool) -> Ended {
    if let Some(child) = fork() {
        return wait(child);
    }
    let well = panic::catch_unwind(AssertUnwindSafe(check)).unwrap_or(false);
    // SAFETY: ends the process at once, running nothing of the harness.
    unsafe { libc::_exit(i32::from(!well)) };
}

/// A region that is known to be one of ours.
fn hold(memory: &LockedMemory, bytes: &[u8]) -> Region {
    memory.arenas.hold(bytes).unwrap()
}

/// The `VmFlags` of the mapping that begins at `address` (proc(5), `smaps`).
fn flags_at(address: usize) -> Vec<String> {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let begin = format!("{address:x}-");
    let mapping = smaps.lines().skip_while(|line| !line.starts_with(&begin));
    let flags =
        mapping.map(str::trim).find_map(|line| line.strip_prefix("VmFlags:")).expect("a line of flags");
    flags.split_whitespace().map(str::to_owned).collect()
}

/// A field of `/proc/self/status`, in KiB.
fn status_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn the_kernel_lists_the_pages_as_locked_undumpable_and_wiped_on_fork() {
    let memory = LockedMemory::strict();
    for secret in [&[7_u8; 32][..], &[7; 100_000]] {
        let region = hold(&memory, secret);
        let flags = flags_at(region.arena().start());
        for flag in ["lo", "dd", "wf"] {
            assert!(flags.iter().any(|found| found == flag), "{flag} is not in {flags:?}");
        }
        let status = memory.status();
        assert!(memory.locked() && status.undumpable && status.wiped_on_fork, "{status:?}");
    }
}

#[test]
fn the_process_has_more_locked_memory_while_a_secret_is_held_and_less_afterwards() {
    // In a child, where no other test locks anything meanwhile.
    let ended = in_child(|| {
        let before = status_kib("VmLck");
        let memory = LockedMemory::strict();
        let region = hold(&memory, &[7; 100_000]);
        let during = status_kib("VmLck");
        let told = u64::try_from(memory.status().locked_bytes / 1024).unwrap();
        drop(region);
        drop(memory);
        during >= before + 100 && during == before + told && status_kib("VmLck") == before
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn small_secrets_share_a_page_but_no_cache_line_and_their_place_is_used_again() {
    let memory = LockedMemory::new();
    let page = memory.status().locked_bytes + memory.status().unlocked_bytes;
    let regions: Vec<_> = (0..31_u8).map(|number| hold(&memory, &[number; 128])).collect();
    assert_eq!(
        memory.status().locked_bytes + memory.status().unlocked_bytes,
        page,
        "31 · 128 bytes fit in one page"
    );
    let mut lines: Vec<_> = regions.iter().map(|region| region.address() / 64).collect();
    lines.sort_unstable();
    assert!(lines.windows(2).all(|pair| pair[1] >= pair[0] + 2), "two cache lines each: {lines:?}");
    for (number, region) in (0..31_u8).zip(&regions) {
        assert_eq!(region.expose().unwrap(), [number; 128]);
    }
    let place = regions[7].address();
    let mut regions = regions;
    drop(regions.remove(7));
    assert_eq!(hold(&memory, b"next").address(), place);
    let pages = || memory.status().locked_bytes + memory.status().unlocked_bytes;
    let large = hold(&memory, &[7; 5000]);
    assert!(pages() > page);
    drop(large);
    assert_eq!(pages(), page, "pages of its own come and go with it");
}

#[test]
fn lengths_around_every_border_are_held_whole() {
    let memory = LockedMemory::new();
    for length in [0, 1, 63, 64, 65, 127, 128, 129, 4031, 4032, 4033, 4096, 8128, 65_536] {
        let secret: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
        assert_eq!(hold(&memory, &secret).expose().unwrap(), secret, "{length} bytes");
    }
}

#[test]
fn a_dropped_secret_is_gone_from_its_page() {
    let memory = LockedMemory::new();
    let region = hold(&memory, b"thirty-two bytes of key material");
    let kept = hold(&memory, b"a neighbour");
    let arena = std::sync::Arc::clone(region.arena());
    let found = |needle: &[u8]| arena.content().windows(needle.len()).any(|window| window == needle);
    assert!(found(b"key material"));
    drop(region);
    assert!(!found(b"key material") && !found(b"thirty") && found(b"a neighbour"));
    assert_eq!(kept.expose().unwrap(), b"a neighbour");
    drop(kept);
    assert!(arena.content().iter().all(|byte| *byte == 0));
}

#[test]
fn a_forked_child_finds_zeros_and_is_told_that_the_vault_is_locked() {
    let memory = LockedMemory::new();
    let small = hold(&memory, b"thirty-two bytes of key material");
    let large = hold(&memory, &[7; 10_000]);
    let ended = in_child(|| {
        [&small, &large].iter().all(|region| {
            region.expose().map(<[u8]>::len) == Err(Error::Locked)
                && region.arena().content().iter().all(|byte| *byte == 0)
        })
    });
    assert_eq!(ended, Ended::Well);
    assert_eq!(small.expose().unwrap(), b"thirty-two bytes of key material");
    assert_eq!(large.expose().unwrap(), [7; 10_000]);
}

#[test]
fn a_forked_child_holds_secrets_of_its_own_even_while_the_parents_lock_is_held() {
    let memory = LockedMemory::new();
    let inherited = hold(&memory, b"of the parent");
    let ended = memory.arenas.while_locked(|| {
        in_child(|| {
            let own = hold(&memory, b"of the child");
            let well = own.expose() == Ok(b"of the child") && inherited.expose() == Err(Error::Locked);
            drop((own, inherited));
            well
        })
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn where_the_kernel_does_not_wipe_the_process_id_tells_the_child() {
    let mut mapping = Mapping::new(64).unwrap();
    mapping.granted.wiped_on_fork = false;
    let start = std::ptr::with_exposed_provenance_mut(mapping.expose_start());
    // SAFETY: takes an advice back on the one page of a mapping that is ours; no content changes.
    assert_eq!(unsafe { libc::madvise(start, page_size(), libc::MADV_KEEPONFORK) }, 0);
    mapping.write(0, b"kept");
    assert!(mapping.ours());
    assert_eq!(in_child(|| mapping.read(0, 4) == b"kept" && !mapping.ours()), Ended::Well);
}

#[test]
fn beyond_the_limit_secrets_lie_unlocked_and_it_is_told_or_they_are_refused() {
    let ended = in_child(|| {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a live value; only this child is concerned. Without root the limit binds already,
        // and setuid changes nothing.
        unsafe {
            libc::setrlimit(libc::RLIMIT_MEMLOCK, &none);
            libc::setuid(65_534);
        }
        let told = LockedMemory::new();
        let region = hold(&told, b"secret");
        let status = told.status();
        let strict = LockedMemory::strict();
        let refused = matches!(strict.hold(b"secret").map(|_| ()), Err(Error::TooLong { limit: 0, .. }));
        region.expose() == Ok(b"secret")
            && !told.locked()
            && (status.locked_bytes, status.unlocked_bytes) == (0, page_size())
            && status.undumpable
            && refused
            && !strict.locked()
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn reading_past_the_pages_ends_the_program_instead_of_going_on() {
    let memory = LockedMemory::new();
    let region = hold(&memory, &[7; 4033]);
    for outside in [region.arena().start() - 1, region.arena().end()] {
        let beyond: *const u8 = std::ptr::with_exposed_provenance(outside);
        let ended = in_child(|| {
            // SAFETY: none; the read is meant to hit a guard page, and the kernel ends this child for it.
            let byte = unsafe { beyond.read_volatile() };
            byte == 0
        });
        assert_eq!(ended, Ended::BySignal(libc::SIGSEGV));
    }
}

#[test]
fn threads_that_hold_and_drop_at_once_never_share_a_place() {
    let memory = LockedMemory::new();
    let held = AtomicUsize::new(0);
    thread::scope(|scope| {
        for name in 1..=8_u8 {
            let (memory, held) = (&memory, &held);
            scope.spawn(move || {
                let mut regions = Vec::new();
                for round in 0..500_usize {
                    let length = 1 + (round * 37 + usize::from(name) * 101) % 700;
                    regions.push((length, hold(memory, &vec![name; length])));
                    if round % 3 == 0 {
                        regions.swap_remove(round % regions.len());
                    }
                }
                for (length, region) in &regions {
                    assert_eq!(region.expose().unwrap(), vec![name; *length]);
                }
                held.fetch_add(regions.len(), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(held.into_inner(), 8 * (500 - 167));
}

#[test]
fn a_region_outlives_its_memory_and_debug_shows_no_secret() {
    let memory = LockedMemory::new();
    let region = hold(&memory, b"key");
    drop(memory);
    assert_eq!(region.expose().unwrap(), b"key");
    assert_eq!(format!("{region:?}"), "Region(3 bytes, redacted)");
    let shown = format!("{:?}", LockedMemory::new());
    assert!(shown.starts_with("LockedMemory { status: MemoryStatus {"), "{shown}");
}

#[test]
fn more_memory_than_there_is_gives_an_error() {
    assert!(Mapping::new(usize::MAX).is_err());
    assert!(Mapping::new(usize::MAX / 4).is_err());
    let arenas = Arenas::new(Shortage::Tell);
    assert!(arenas.hold(b"still works").is_ok());
}
