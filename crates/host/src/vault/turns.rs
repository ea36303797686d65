//! Callers that lost a race on a row take turns on it, so that of many on one row each loses at most a few. Who has lost on
//! several rows takes turns on all of them. Whoever comes new to a row on which others take turns takes one as well: else
//! ever new callers would be ahead of the one that has waited.
//!
//! A turn is a courtesy among the threads of one handle, not a lock: the commit alone decides. Whoever waits in vain goes
//! on without a turn.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zamok_core::store::RowKey;

/// Rows share so many queues; two rows in one queue only wait for each other.
const QUEUES: usize = 64;
/// Longest wait for a turn: for a store that answers slowly, and against a caller that never ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// The queues of one handle.
#[derive(Debug)]
pub(super) struct Turns {
    queues: Vec<Queue>,
    hash: RandomState,
    /// Turns that are held or waited for: mostly none.
    busy: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    taken: Mutex<bool>,
    free: Condvar,
}

/// The turn of one caller; over when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    queue: &'a Queue,
    /// Counted as long as it lives.
    _busy: Busy<'a>,
    pid: u32,
}

/// One turn that is held or waited for.
#[derive(Debug)]
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Turns {
    fn default() -> Self {
        let queues = (0..QUEUES).map(|_| Queue::default()).collect();
        Self { queues, hash: RandomState::new(), busy: AtomicUsize::new(0) }
    }
}

impl Turns {
    /// Waits for a turn on each of these rows. The caller holds no other turn; where it had to wait for too long, it goes on
    /// without.
    pub(super) fn wait_for<'a>(&self, rows: impl IntoIterator<Item = &'a RowKey>) -> Vec<Turn<'_>> {
        // In one order for everybody, so that no two wait for each other.
        let numbers: BTreeSet<usize> = rows.into_iter().map(|row| self.number(row)).collect();
        let wait =
            |number| self.queues.get(number).and_then(|queue: &Queue| queue.wait(Busy::new(&self.busy)));
        numbers.into_iter().filter_map(wait).collect()
    }

    /// Those of the rows on which somebody has the turn.
    pub(super) fn taken<'a>(&self, rows: impl IntoIterator<Item = &'a RowKey>) -> Vec<&'a RowKey> {
        if self.busy.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let taken = |row: &&RowKey| self.queues.get(self.number(row)).is_some_and(|queue| *queue.taken());
        rows.into_iter().filter(taken).collect()
    }

    fn number(&self, row: &RowKey) -> usize {
        usize::try_from(self.hash.hash_one(row) % QUEUES as u64).unwrap_or(0)
    }
}

impl Queue {
    fn wait<'a>(&'a self, busy: Busy<'a>) -> Option<Turn<'a>> {
        let (mut taken, wait) = self
            .free
            .wait_timeout_while(self.taken(), PATIENCE, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        if wait.timed_out() && *taken {
            return None;
        }
        *taken = true;
        Some(Turn { queue: self, _busy: busy, pid: process::id() })
    }

    // Nothing panics while it is held.
    fn taken(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // A forked child may inherit the lock from a thread that it does not have.
        if self.pid == process::id() {
            *self.queue.taken() = false;
            self.queue.free.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::thread;
    use std::time::Instant;

    use zamok_core::store::Table;

    use super::*;

    #[test]
    fn one_caller_at_a_time_has_the_turn_and_everyone_gets_one() {
        let (turns, row) = (Turns::default(), RowKey::new(Table(900), *b"row"));
        let (inside, had) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let turn = turns.wait_for([&row]);
                    assert_eq!(turn.len(), 1, "a turn within seconds");
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    had.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(had.into_inner(), 32);
    }

    #[test]
    fn a_newcomer_sees_on_which_rows_others_take_turns() {
        let turns = Turns::default();
        let rows: Vec<_> = (0..4 * QUEUES).map(|row| RowKey::new(Table(900), row.to_be_bytes())).collect();
        assert_eq!(turns.taken(&rows), Vec::<&RowKey>::new());
        let turn = turns.wait_for([&rows[7]]);
        let taken = turns.taken(&rows);
        assert!(taken.contains(&&rows[7]) && taken.len() < rows.len() / 4, "{} rows", taken.len());
        drop(turn);
        assert_eq!(turns.taken(&rows), Vec::<&RowKey>::new());
        assert_eq!(turns.busy.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn callers_that_lost_on_several_rows_do_not_wait_for_each_other() {
        let turns = Turns::default();
        let rows: Vec<_> = (0..QUEUES).map(|row| RowKey::new(Table(900), row.to_be_bytes())).collect();
        let begun = Instant::now();
        thread::scope(|scope| {
            for first in 0..8 {
                let (turns, rows) = (&turns, &rows);
                scope.spawn(move || {
                    for shift in 0..QUEUES {
                        let (one, other) =
                            (&rows[(first + shift) % QUEUES], &rows[(first * 7 + shift * 3) % QUEUES]);
                        let held = if first % 2 == 0 { [one, other] } else { [other, one] };
                        assert!(!turns.wait_for(held).is_empty());
                    }
                });
            }
        });
        assert!(begun.elapsed() < PATIENCE, "somebody waited in vain");
    }

    #[test]
    fn a_caller_that_panics_gives_its_turn_back() {
        let (turns, row) = (Turns::default(), RowKey::new(Table(900), *b"row"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _turn = turns.wait_for([&row]);
            panic!("in the middle of it");
        }));
        assert!(panicked.is_err() && turns.wait_for([&row]).len() == 1);
    }
}
