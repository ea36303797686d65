//! A circuit breaker for each carrier: after so many failures in a row it is left alone for a while, then tried with one message.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When a carrier is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures in a row.
    pub failures: u32,
    /// How long it is left alone then.
    pub pause: Duration,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    opened: Option<Instant>,
    /// One message tries whether it works again.
    trying: bool,
}

/// Leave to try a carrier with one message. Who has it says how it went; who drops it has learnt nothing, and leaves the breaker as
/// it was.
#[derive(Debug)]
pub struct Leave<'a> {
    breaker: &'a Breaker,
    /// Whether this is the message that tries whether the carrier works again.
    tries: bool,
}

/// Whether a carrier is tried at present.
#[derive(Debug)]
pub struct Breaker {
    limits: Limits,
    state: Mutex<State>,
}

impl Breaker {
    /// A breaker that lets everything through.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Whether a message may try the carrier now.
    #[must_use]
    pub fn lets(&self, now: Instant) -> Option<Leave<'_>> {
        let mut state = self.state();
        let tries = match state.opened {
            None => false,
            Some(opened) if now.saturating_duration_since(opened) >= self.limits.pause && !state.trying => {
                state.trying = true;
                true
            }
            Some(_) => return None,
        };
        Some(Leave { breaker: self, tries })
    }

    /// Whether it is left alone.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state().opened.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// It worked: also a refusal of one message is an answer.
    pub fn worked(self) {
        let mut state = self.breaker.state();
        (state.failures, state.opened) = (0, None);
    }

    /// It did not.
    pub fn failed(self, now: Instant) {
        let mut state = self.breaker.state();
        state.failures = state.failures.saturating_add(1);
        if self.tries || state.failures >= self.breaker.limits.failures.max(1) {
            state.opened = Some(now);
        }
    }
}

/// Whatever came of it, also a panic: the next may try.
impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.tries {
            self.breaker.state().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_one_message_at_a_time_tries_again() {
        let breaker = Breaker::new(Limits { failures: 3, pause: Duration::from_secs(30) });
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let leave = |time| breaker.lets(time).unwrap();
        (0..2).for_each(|_| leave(begin).failed(begin));
        leave(begin).worked();
        // The success between them counts.
        (0..3).for_each(|_| leave(begin).failed(begin));
        assert!(breaker.is_open());
        assert!(breaker.lets(at(29)).is_none());
        let one = leave(at(30));
        assert!(breaker.lets(at(30)).is_none(), "and no other");
        one.failed(at(31));
        assert!(breaker.lets(at(60)).is_none());
        let one = leave(at(61));
        one.worked();
        let (first, second) = (leave(at(61)), leave(at(61)));
        drop((first, second));
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_try_that_came_to_nothing_leaves_the_next_one_its_turn() {
        let breaker = Breaker::new(Limits { failures: 1, pause: Duration::from_secs(30) });
        let begin = Instant::now();
        let late = breaker.lets(begin).unwrap();
        breaker.lets(begin).unwrap().failed(begin);
        let later = begin + Duration::from_secs(30);
        for _ in 0..2 {
            let one = breaker.lets(later).unwrap();
            assert!(breaker.lets(later).is_none());
            drop(one);
        }
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _one = breaker.lets(later).unwrap();
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        // One that was under way before takes nobody's turn.
        let one = breaker.lets(later).unwrap();
        drop(late);
        assert!(breaker.is_open() && breaker.lets(later).is_none());
        one.worked();
        assert!(breaker.lets(later).is_some());
    }
}
