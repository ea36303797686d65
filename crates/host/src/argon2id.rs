//! Argon2id (RFC 9106): how passphrases and passwords become keys, within bounds for the whole process.
//!
//! Every derivation of the process passes one gate, first come, first served: at most as many run at once as there
//! are processors, and together they use at most [`TOTAL_KIB`]. So a burst of logins queues up instead of driving the
//! machine into its swap.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{process, thread};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zamok_core::Error;
use zamok_core::vault::slot::Argon2Cost;
use zeroize::Zeroize;

/// Memory of all derivations at once, and so of the greatest single one: 2 GiB, the first choice of RFC 9106 §4.
const TOTAL_KIB: u32 = 2 << 20;
/// Memory times passes of one derivation: 16 GiB, some 15 seconds of work. What is stored may have been planted.
const WORK_KIB: u32 = 16 << 20;
const MEMORY: &str = "the memory of Argon2id in KiB";

/// Derives `out` from a secret and a salt.
///
/// May wait for others first: see the bounds of the process above. The working memory is wiped.
///
/// # Errors
/// [`Error::Refused`] for a cost outside [`Argon2Cost::bounded`], a salt under 8 bytes or an `out` under 4 (RFC 9106
/// §3.1); [`Error::TooLong`] for more than 2 GiB of memory, more than 16 GiB of memory times passes, or when the
/// memory is not to be had.
pub fn argon2id(secret: &[u8], salt: &[u8], cost: Argon2Cost, out: &mut [u8]) -> Result<(), Error> {
    payable(cost)?;
    let Argon2Cost { memory_kib, passes, lanes } = cost;
    let params = Params::new(memory_kib, passes, lanes, Some(out.len())).map_err(|_| Error::Refused)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);

    let _permit = Gate::of_this_process().enter(memory_kib);
    let mut memory = Memory(Vec::new());
    let blocks = argon2.params().block_count();
    memory.0.try_reserve_exact(blocks).map_err(|_| too_long(MEMORY, memory_kib, TOTAL_KIB))?;
    memory.0.resize(blocks, Block::new());
    argon2.hash_password_into_with_memory(secret, salt, out, &mut memory.0[..]).map_err(|_| Error::Refused)
}

/// Refuses a cost that no derivation of this process could pay.
pub(crate) fn payable(cost: Argon2Cost) -> Result<(), Error> {
    let Argon2Cost { memory_kib, passes, .. } = cost.bounded()?;
    if memory_kib > TOTAL_KIB {
        return Err(too_long(MEMORY, memory_kib, TOTAL_KIB));
    }
    match memory_kib.checked_mul(passes) {
        Some(0..=WORK_KIB) => Ok(()),
        work => Err(too_long(
            "the memory times the passes of Argon2id in KiB",
            work.unwrap_or(u32::MAX),
            WORK_KIB,
        )),
    }
}

fn too_long(what: &'static str, given: u32, limit: u32) -> Error {
    let [given, limit] = [given, limit].map(|kib| usize::try_from(kib).unwrap_or(usize::MAX));
    Error::TooLong { what, given, limit }
}

/// Working memory: from its last blocks the output can be computed, so it is wiped.
struct Memory(Vec<Block>);

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Lets derivations in by twos or by tens, but never out of turn.
struct Gate {
    pid: u32,
    /// Derivations at once.
    places: usize,
    /// Their memory together.
    total_kib: u32,
    state: Mutex<Queue>,
    moved: Condvar,
    /// The gate of a process that was forked from this one: it must not wait for threads that it does not have.
    child: OnceLock<Box<Gate>>,
}

#[derive(Debug, Default)]
struct Queue {
    next_ticket: u64,
    serving: u64,
    jobs: usize,
    kib: u32,
}

/// A place inside the gate, given back when dropped.
struct Permit<'a> {
    gate: &'a Gate,
    kib: u32,
}

impl Gate {
    fn new(places: usize, total_kib: u32) -> Self {
        let (state, moved, child) = (Mutex::default(), Condvar::new(), OnceLock::new());
        Self { pid: process::id(), places, total_kib, state, moved, child }
    }

    fn of_this_process() -> &'static Self {
        static FIRST: OnceLock<Gate> = OnceLock::new();
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let mut gate = FIRST.get_or_init(|| Self::new(processors(), TOTAL_KIB));
        while gate.pid != process::id() {
            gate = gate.child.get_or_init(|| Box::new(Self::new(gate.places, gate.total_kib)));
        }
        gate
    }

    // A count is changed in one step, so what a panicking thread leaves behind is sound.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, kib: u32) -> Permit<'_> {
        debug_assert!(kib <= self.total_kib, "it would wait for ever");
        let mut queue = self.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        let fits = |queue: &Queue| queue.jobs < self.places && queue.kib <= self.total_kib - kib;
        while queue.serving != ticket || !fits(&queue) {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.serving += 1;
        queue.jobs += 1;
        queue.kib += kib;
        drop(queue);
        self.moved.notify_all();
        Permit { gate: self, kib }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut queue = self.gate.queue();
        queue.jobs -= 1;
        queue.kib -= self.kib;
        drop(queue);
        self.gate.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    /// Waits until so many stand before the gate.
    fn until_waiting(gate: &Gate, count: u64) {
        let waiting = |queue: MutexGuard<'_, Queue>| queue.next_ticket - queue.serving;
        let deadline = Instant::now() + Duration::from_secs(20);
        while waiting(gate.queue()) < count {
            assert!(Instant::now() < deadline, "fewer than {count} are kept waiting");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn neither_places_nor_memory_are_ever_given_twice() {
        for (places, kib, most) in [(4, 10, 4), (8, 30, 3), (8, 100, 1), (1, 1, 1)] {
            let gate = Gate::new(places, 100);
            let (inside, memory, seen) = (AtomicUsize::new(0), AtomicU32::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..24 {
                    scope.spawn(|| {
                        let _permit = gate.enter(kib);
                        seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        assert!(memory.fetch_add(kib, Ordering::SeqCst) + kib <= 100);
                        thread::sleep(Duration::from_millis(2));
                        memory.fetch_sub(kib, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            });
            assert_eq!(seen.into_inner(), most, "{places} places, {kib} of 100 KiB each");
        }
    }

    #[test]
    fn a_great_one_is_not_overtaken_by_small_ones_that_came_later() {
        let gate = Gate::new(8, 100);
        let (entered, order) = mpsc::channel();
        thread::scope(|scope| {
            let first = gate.enter(50);
            for (name, kib, waiting) in [("great", 80, 1), ("small", 30, 2), ("smaller", 1, 3)] {
                let (gate, entered) = (&gate, entered.clone());
                scope.spawn(move || {
                    let _permit = gate.enter(kib);
                    entered.send(name).unwrap();
                });
                until_waiting(gate, waiting);
            }
            assert!(order.try_recv().is_err());
            drop(first);
        });
        assert_eq!(order.try_iter().next(), Some("great"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_forked_child_does_not_wait_for_the_threads_of_its_parent() {
        use crate::memory::tests::{Ended, in_child};
        let gate = Gate::of_this_process();
        let permits: Vec<_> = (0..gate.places).map(|_| gate.enter(8)).collect();
        let ended = in_child(|| {
            let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
            argon2id(b"secret", b"somesalt", cost, &mut [0; 32]) == Ok(())
        });
        assert_eq!(ended, Ended::Well);
        drop(permits);
    }
}
