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
    fn new() -> Self {
        Self { pid: process::id(), state: Mutex::default(), moved: Condvar::new(), child: OnceLock::new() }
    }

    fn of_this_process() -> &'static Self {
        static FIRST: OnceLock<Gate> = OnceLock::new();
        let mut gate = FIRST.get_or_init(Self::new);
        while gate.pid != process::id() {
            gate = gate.child.get_or_init(|| Box::new(Self::new()));
        }
        gate
    }

    // A count is changed in one step, so what a panicking thread leaves behind is sound.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, kib: u32) -> Permit<'_> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let mut queue = self.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        while queue.serving != ticket || queue.jobs >= processors || queue.kib > TOTAL_KIB - kib {
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
