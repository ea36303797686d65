//! What a worker's threads take from.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zamok_cabinet::Due;

/// Messages that wait in this process, below which the outbox is looked at again.
const SHORT: usize = 16;
/// How long one message that stays in hand may keep the others from being found.
const LONGEST_LOOK: Duration = Duration::from_millis(500);
/// How long a thread sleeps before it looks whether to stop.
const NAP: Duration = Duration::from_millis(20);

/// Sleeps, unless it is told to stop.
pub(super) fn pause(length: Duration, stop: &AtomicBool) {
    let until = Instant::now() + length;
    while Instant::now() < until && !stop.load(Ordering::SeqCst) {
        std::thread::sleep(NAP.min(length));
    }
}

/// What this process has in hand, so that its threads do not ask the store for what another of them does.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<(VecDeque<Due>, HashSet<Due>)>,
    changed: Condvar,
}

impl Queue {
    /// Answers how many of them are new.
    pub(super) fn add(&self, due: Vec<Due>) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.1.len();
        for due in due {
            if state.1.insert(due.clone()) {
                state.0.push_back(due);
            }
        }
        self.changed.notify_all();
        state.1.len() - before
    }

    pub(super) fn take(&self, stop: &AtomicBool) -> Option<Due> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stop.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(due) = state.0.pop_front() {
                return Some(due);
            }
            let waited = self.changed.wait_timeout(state, 5 * NAP);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn done(&self, due: &Due) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.remove(due);
        self.changed.notify_all();
    }

    /// Until the threads are about to run out of work, or one stays in hand for long.
    pub(super) fn wait_until_short(&self, stop: &AtomicBool) {
        let until = Instant::now() + LONGEST_LOOK;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.0.len() > SHORT && Instant::now() < until && !stop.load(Ordering::SeqCst) {
            let waited = self.changed.wait_timeout(state, 2 * NAP);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }
}
