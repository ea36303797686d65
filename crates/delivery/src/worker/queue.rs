//! What a worker's threads take from: a line for each channel, with threads of its own, so that one that is slow keeps nobody of
//! another waiting. In each line codes go first, and a quarter of the threads takes nothing else.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zamok_cabinet::{Due, Evidence};

/// Messages that wait in a line, below which the outbox is looked at again.
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

/// Messages by one channel; or what goes by none, since it is yet to be spread, or tidied up.
#[derive(Default)]
struct Line {
    codes: VecDeque<Due>,
    others: VecDeque<Due>,
    /// How many of the others are in hand.
    busy: usize,
    /// Whether the last look has brought something.
    grew: bool,
}

impl Line {
    fn length(&self) -> usize {
        self.codes.len() + self.others.len()
    }
}

#[derive(Default)]
struct State {
    lines: [Line; Queue::LINES],
    /// What this process has, waiting or in hand, so that its threads do not ask the store for what another of them does.
    known: HashSet<Due>,
}

pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// How many of the threads of a line may be busy with what is no code.
    most: usize,
}

impl Queue {
    /// How many lines there are.
    pub(super) const LINES: usize = 4;

    /// Lines with so many threads each.
    pub(super) fn new(threads: usize) -> Self {
        let kept = (threads / 4).max(1);
        Self { state: Mutex::default(), changed: Condvar::new(), most: threads.saturating_sub(kept).max(1) }
    }

    fn line(due: &Due) -> usize {
        match due.channel() {
            Some(Evidence::Sms) => 1,
            Some(Evidence::Email) => 2,
            Some(_) => 3,
            None => 0,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers how many of them are new.
    pub(super) fn add(&self, found: Vec<Due>) -> usize {
        let mut state = self.state();
        let before = state.known.len();
        state.lines.iter_mut().for_each(|line| line.grew = false);
        for due in found {
            if state.known.insert(due.clone()) {
                let line = &mut state.lines[Self::line(&due)];
                line.grew = true;
                if due.is_code() { line.codes.push_back(due) } else { line.others.push_back(due) }
            }
        }
        self.changed.notify_all();
        state.known.len() - before
    }

    /// The next in a line.
    pub(super) fn take(&self, line: usize, stop: &AtomicBool) -> Option<Due> {
        let mut state = self.state();
        loop {
            if stop.load(Ordering::SeqCst) {
                return None;
            }
            let line = &mut state.lines[line];
            if let Some(due) = line.codes.pop_front() {
                return Some(due);
            }
            if line.busy < self.most
                && let Some(due) = line.others.pop_front()
            {
                line.busy += 1;
                return Some(due);
            }
            let waited = self.changed.wait_timeout(state, 5 * NAP);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn done(&self, due: &Due) {
        let mut state = self.state();
        state.known.remove(due);
        if !due.is_code() {
            state.lines[Self::line(due)].busy -= 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Until one of the lines that the last look has filled is about to run out of work, or one message stays in hand for long.
    pub(super) fn wait_until_short(&self, stop: &AtomicBool) {
        let until = Instant::now() + LONGEST_LOOK;
        let mut state = self.state();
        while Instant::now() < until && !stop.load(Ordering::SeqCst) {
            if state.lines.iter().any(|line| line.grew && line.length() <= SHORT) {
                return;
            }
            let waited = self.changed.wait_timeout(state, 2 * NAP);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }
}
