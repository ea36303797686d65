//! The files that this process has open as stores, and those that it inherited open by a fork.
//!
//! SQLite keeps the locks of its process in a table that a fork copies, while POSIX gives the child none of the locks
//! themselves (fork(2)). Where the child opened such a file anew, SQLite would take none, and believe to hold them: so a file
//! that was open at the fork is refused in the child for good.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use zamok_core::store::StoreFault;

use crate::place::Identity;

/// How long a forked child waits for a lock that a thread of its parent may have held: longer than opening takes.
const PATIENCE: Duration = Duration::from_secs(15);
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

static OPEN: Mutex<Vec<Opener>> = Mutex::new(Vec::new());

/// The process that opened first; 0 before.
static FIRST: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opener {
    file: Identity,
    process: u32,
}

/// One handle on an open file: on the list as long as it lives, and in a forked child for ever.
#[derive(Debug)]
pub(crate) struct Opened(Opener);

impl Opened {
    /// Fails with `Unlocked` when a process from which this one was forked had the file open.
    pub(crate) fn enter(file: Identity) -> Result<Self, StoreFault> {
        let opener = Opener { file, process: process::id() };
        let mut open = lock(&OPEN)?;
        if open.iter().any(|other| other.file == file && other.process != opener.process) {
            return Err(StoreFault::Unlocked);
        }
        open.push(opener);
        Ok(Self(opener))
    }

    pub(crate) fn file(&self) -> Identity {
        self.0.file
    }

    /// Whether this process inherited the handle by a fork.
    pub(crate) fn inherited(&self) -> bool {
        self.0.process != process::id()
    }

    #[cfg(test)]
    pub(crate) fn pretend_to_be_forked(&mut self) {
        let mut open = lock(&OPEN).expect("a list");
        let entry = open.iter_mut().find(|opener| **opener == self.0).expect("an entry");
        entry.process = entry.process.wrapping_add(1);
        self.0 = *entry;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // What was inherited stays in SQLite's table, and so on this list.
        if !self.inherited()
            && let Ok(mut open) = lock(&OPEN)
            && let Some(at) = open.iter().position(|opener| *opener == self.0)
        {
            open.swap_remove(at);
        }
    }
}

/// Locks; in a forked child a lock that nobody gives back, held by a thread that did not survive the fork, is `Unlocked`.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, StoreFault> {
    let process = process::id();
    match FIRST.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
        Err(first) if first != process => lock_in_child(mutex, PATIENCE),
        _ => Ok(mutex.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

fn lock_in_child<T>(mutex: &Mutex<T>, patience: Duration) -> Result<MutexGuard<'_, T>, StoreFault> {
    let begun = Instant::now();
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => thread::sleep(BETWEEN_LOOKS),
            Err(TryLockError::WouldBlock) => return Err(StoreFault::Unlocked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_nobody_gives_back_is_refused_and_one_that_is_given_back_is_taken() {
        let mutex = Mutex::new(7);
        let held = lock_in_child(&mutex, Duration::ZERO).expect("it is free");
        assert_eq!(lock_in_child(&mutex, Duration::from_millis(5)).err(), Some(StoreFault::Unlocked));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| lock_in_child(&mutex, PATIENCE).map(|guard| *guard));
            drop(held);
            assert_eq!(waiting.join().ok(), Some(Ok(7)));
        });
    }
}
