//! The names of `crates/store-sqlite/src/primitives.rs` and `crates/host/src/primitives.rs` over loom.

use std::cell::Cell;
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::Condvar;
pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, RwLock};

/// The token of `std::thread::park`. Loom 0.7 has one of its own, which is lost when its thread waits for a mutex.
#[derive(Clone, Debug)]
pub(crate) struct Thread(Arc<(Mutex<bool>, Condvar)>);

loom::thread_local! {
    static THREAD: Thread = Thread(Arc::new((Mutex::new(false), Condvar::new())));
}

pub(crate) fn current() -> Thread {
    THREAD.with(Thread::clone)
}

/// Waits for the token and takes it.
pub(crate) fn park() {
    let Thread(thread) = current();
    let (token, given) = &*thread;
    let mut token = token.lock().expect("nobody panics with it");
    while !*token {
        token = given.wait(token).expect("nobody panics with it");
    }
    *token = false;
}

/// Lets others go on, and the clock.
pub(crate) fn yield_now() {
    loom::thread::yield_now();
    Instant::pass(Duration::from_millis(1));
}

impl Thread {
    pub(crate) fn unpark(&self) {
        let (token, given) = &*self.0;
        *token.lock().expect("nobody panics with it") = true;
        given.notify_one();
    }
}

/// `std::sync::OnceLock`, which loom does not have: whoever sees the value sees what came before it, and it is set once.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    is_set: AtomicBool,
    /// Stands for the value: loom fails when it is read without being ordered after it was written.
    written: UnsafeCell<()>,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            written: UnsafeCell::new(()),
            value: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if !self.is_set.load(Ordering::Acquire) {
            return None;
        }
        self.written.with(|_| self.value.get())
    }

    /// Two who set at once are found by loom: only the one at work answers.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        if self.is_set.load(Ordering::Relaxed) {
            return Err(value);
        }
        self.written.with_mut(|_| self.value.set(value))?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }
}

/// `std::time::Instant`, of a clock that a model moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(Duration);

thread_local! {
    /// All threads of a model run on one thread of the system.
    static SINCE_BEGIN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

impl Instant {
    pub(crate) fn now() -> Self {
        Self(SINCE_BEGIN.get())
    }

    pub(crate) fn elapsed(self) -> Duration {
        SINCE_BEGIN.get().saturating_sub(self.0)
    }

    /// Moves the clock on.
    pub(crate) fn pass(time: Duration) {
        SINCE_BEGIN.set(SINCE_BEGIN.get() + time);
    }
}
