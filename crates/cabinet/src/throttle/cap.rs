//! Sums within spans of time, and what one counter of the store holds of such a sum
//! (`docs/formats/tables.md`, "Counters").
//!
//! A counter can only be added to, and never goes away. So its key names what is counted and the span, and
//! its value holds the number of the window above what was counted in it; moving on to a later window is an
//! addition, too. That is 63 bits, since stores keep signed numbers: the window (30) and the count (33).
//!
//! Every addition has what the limit allows of its window as ceiling: whoever adds to a window that is over,
//! or moves on what somebody else has moved on meanwhile, is refused by the store, and reads again
//! ([`Cabinet::counted`](crate::Cabinet)). What others count in the old window between a reading and the
//! moving on counts in the new one: a sum can be too high by that, and never too low.
//!
//! Windows are numbered modulo 2¹⁶, so that a counter which a clock that was ahead has moved on can be moved
//! on to the present, too: further, to where the number comes again. A counter is believed of the present
//! window, and of one that a clock which is ahead by as much as clocks of machines that share a store differ
//! is in; whatever else it says is of no time that this clock knows, and is nothing.

use zamok_core::store::{CounterKey, StoreFault};
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

use crate::error::Error;

/// What is summed up within a span of time, and how much of it at most: wrong answers, opened challenges,
/// sent messages, nonces. The store adds, so that a hot sum does not livelock; it carries no authentication
/// and decides only whether to go on or to wait, never whether a code is right.
pub(crate) struct Cap {
    counter: CounterKey,
    span: u64,
    most: u64,
}

impl Cap {
    /// At most so many of this within each span of so many seconds.
    pub(crate) fn new(what: &str, id: &[u8], span: u64, most: u32) -> Self {
        let span = span.max(1);
        let key = [what.as_bytes(), b"/", id, b"/", &span.to_be_bytes()].concat();
        Self { counter: CounterKey(key), span, most: most.into() }
    }

    /// Reads what was counted.
    pub(crate) fn read(self, tx: &Transaction<'_>) -> Result<Sum, Error> {
        let value = tx.store().counter(&self.counter).map_err(CoreError::from)?;
        Ok(self.found(value, tx.now()))
    }

    /// Reads several that decide together.
    pub(crate) fn read_all(tx: &Transaction<'_>, caps: Vec<Self>) -> Result<Vec<Sum>, Error> {
        let counters: Vec<CounterKey> = caps.iter().map(|cap| cap.counter.clone()).collect();
        let values = tx.store().counters(&counters).map_err(CoreError::from)?;
        if values.len() != caps.len() {
            return Err(CoreError::from(StoreFault::Corrupt).into());
        }
        Ok(caps.into_iter().zip(values).map(|(cap, value)| cap.found(value, tx.now())).collect())
    }

    fn found(self, value: u64, now: UnixTime) -> Sum {
        Sum { cell: Cell::at(value, now, self.span), counter: self.counter, most: self.most }
    }
}

/// A cap with what one transaction has found, in which it is counted once at most: moved on twice, it would
/// be refused each time.
pub(crate) struct Sum {
    counter: CounterKey,
    cell: Cell,
    most: u64,
}

impl Sum {
    /// Whether it is full.
    pub(crate) const fn is_full(&self) -> bool {
        self.cell.count >= self.most
    }

    /// Whether so many more fit in.
    pub(crate) const fn takes(&self, more: u64) -> bool {
        self.cell.count.saturating_add(more) <= self.most
    }

    /// Counts so many more; the commit fails as capped when others have filled it, or moved it on, meanwhile:
    /// see [`Cabinet::counted`](crate::Cabinet).
    pub(crate) fn count_many(self, tx: &mut Transaction<'_>, more: u64) {
        let Step { delta, ceiling } = self.cell.add(more, self.most);
        tx.add(self.counter, delta, ceiling);
    }

    /// Counts one more, in the same way.
    pub(crate) fn count(self, tx: &mut Transaction<'_>) {
        self.count_many(tx, 1);
    }
}

/// Bits below the window. A limit has 32: of two who move a counter on at once, the second would add more
/// than the limit, whatever the first has left behind.
const BELOW: u32 = 33;
/// Windows that there is room for.
const WINDOWS: u64 = 1 << 30;
/// After so many windows their numbers come again: seven years of hours.
const LAP: u64 = 1 << 16;

/// What to add, and the sum that must not be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    delta: u64,
    ceiling: u64,
}

/// What a counter says of the present: a window, and what was counted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    value: u64,
    window: u64,
    count: u64,
}

impl Cell {
    /// What a value says at a time, of windows of so many seconds, which are not 0.
    const fn at(value: u64, time: UnixTime, span: u64) -> Self {
        let now = time.0 / span;
        let near = time.plus(UnixTime::SKEW).0 / span - now;
        let (found, count) = (value >> BELOW, value & ((1 << BELOW) - 1));
        // How far it is ahead; one behind is `LAP - 1`.
        let ahead = found.wrapping_sub(now) & (LAP - 1);
        let next = found + LAP - ahead;
        // Half of the room is for clocks that were ahead, so that they do not use up what time itself needs,
        // a thousand years of minutes.
        let room = if ahead <= LAP / 2 { WINDOWS / 2 } else { WINDOWS };
        // Where there is none left, the limit stands in the window that was reached, until time comes there.
        if ahead <= near || next >= room {
            Self { value, window: found, count }
        } else {
            Self { value, window: next, count: 0 }
        }
    }

    /// Adds so many more, of at most so many in the window.
    const fn add(self, more: u64, most: u64) -> Step {
        let begin = self.window << BELOW;
        // In this order, since a store may say anything: what was found is no less than what stands in it.
        Step { delta: begin + self.count - self.value + more, ceiling: begin + most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const YEAR: u64 = 365 * 24 * HOUR;
    /// A full hour.
    const BEGIN: u64 = 1_800_000_000;

    fn counted(value: u64, time: u64, span: u64) -> u64 {
        Cell::at(value, UnixTime(time), span).count
    }

    /// As a store adds; `None` where it refuses.
    fn applied(value: u64, Step { delta, ceiling }: Step) -> Option<u64> {
        assert!(i64::try_from(ceiling).is_ok(), "{ceiling:x}");
        value.checked_add(delta).filter(|sum| *sum <= ceiling)
    }

    fn one_more(value: u64, time: u64, span: u64, most: u64) -> Option<u64> {
        applied(value, Cell::at(value, UnixTime(time), span).add(1, most))
    }

    #[test]
    fn a_count_ends_with_its_window_and_a_thousand_windows_are_one_counter() {
        let mut value = 0;
        for window in 0..1000 {
            let begin = BEGIN + window * HOUR;
            assert_eq!(counted(value, begin, HOUR), 0, "{window}");
            for turn in 1..=5 {
                value = one_more(value, begin + turn, HOUR, 5).unwrap();
                assert_eq!(counted(value, begin + HOUR - 1, HOUR), turn, "{window}");
            }
            assert_eq!(one_more(value, begin + HOUR - 1, HOUR, 5), None, "{window}");
        }
    }

    #[test]
    fn a_value_is_laid_out_as_the_format_says() {
        // The example of `docs/formats/tables.md`.
        let value = (0..3).fold(0, |value, _| one_more(value, BEGIN, HOUR, 5).unwrap());
        assert_eq!(value, 354_317_622_050_819);
    }

    #[test]
    fn a_limit_stands_to_the_last_one_whatever_it_is_changed_to() {
        let full = (0..3).fold(0, |value, _| one_more(value, BEGIN, HOUR, 3).unwrap());
        assert_eq!(one_more(full, BEGIN, HOUR, 3), None);
        assert_eq!((one_more(full, BEGIN, HOUR, 2), counted(full, BEGIN, HOUR)), (None, 3));
        let more = one_more(full, BEGIN, HOUR, 4).unwrap();
        assert_eq!((one_more(more, BEGIN, HOUR, 4), counted(more, BEGIN, HOUR)), (None, 4));
        let most = u64::from(u32::MAX);
        let step = Cell::at(0, UnixTime(BEGIN), HOUR).add(most, most);
        let value = applied(0, step).unwrap();
        assert_eq!((one_more(value, BEGIN, HOUR, most), counted(value, BEGIN, HOUR)), (None, most));
        assert_eq!(counted(one_more(value, BEGIN + HOUR, HOUR, most).unwrap(), BEGIN + HOUR, HOUR), 1);
        // More than the limit at once is too much in a new window as well.
        assert_eq!(applied(value, Cell::at(value, UnixTime(BEGIN + HOUR), HOUR).add(4, 3)), None);
    }

    #[test]
    fn of_those_who_have_read_the_same_no_more_get_through_than_fit_in() {
        let mut value = one_more(0, BEGIN, HOUR, 3).unwrap();
        let step = Cell::at(value, UnixTime(BEGIN), HOUR).add(1, 3);
        for _ in 0..2 {
            value = applied(value, step).unwrap();
        }
        assert_eq!(applied(value, step), None);
    }

    #[test]
    fn two_who_move_a_counter_on_at_once_do_not_both_succeed() {
        let most = u64::from(u32::MAX);
        for left in [0, 1, most] {
            let old = 1000 << BELOW | left;
            let step = Cell::at(old, UnixTime(1001 * HOUR), HOUR).add(1, most);
            let moved = applied(old, step).unwrap();
            assert_eq!(counted(moved, 1001 * HOUR, HOUR), 1);
            assert_eq!(applied(moved, step), None, "{left}");
            let further = Cell::at(old, UnixTime(1002 * HOUR), HOUR).add(1, most);
            assert_eq!(applied(moved, further), None, "{left}");
        }
    }

    #[test]
    fn what_others_count_while_a_counter_is_moved_on_makes_it_too_high_and_never_too_low() {
        let old = 1000 << BELOW | 2;
        let (late, moving) = (1001 * HOUR - 1, 1001 * HOUR);
        let step = |most| Cell::at(old, UnixTime(moving), HOUR).add(1, most);
        let others = one_more(old, late, HOUR, 5).and_then(|value| one_more(value, late, HOUR, 5)).unwrap();
        assert_eq!(counted(applied(others, step(3)).unwrap(), moving, HOUR), 3);
        assert_eq!(applied(others, step(2)), None);
        // The other way round, whoever was late is refused, and counts in the window that was reached.
        let moved = applied(old, step(5)).unwrap();
        assert_eq!(applied(moved, Cell::at(old, UnixTime(late), HOUR).add(1, 5)), None);
        assert_eq!(counted(one_more(moved, late, HOUR, 5).unwrap(), moving, HOUR), 2);
    }

    #[test]
    fn machines_whose_clocks_differ_by_a_minute_count_together_and_wear_no_counter_out() {
        for span in [60, 90, HOUR, 24 * HOUR] {
            let (begin, mut value, mut let_through) = (20_000 * 24 * HOUR - 3000, 0, 0);
            for second in 0..6000 {
                for time in [begin + second, begin + second + UnixTime::SKEW] {
                    if let Some(sum) = one_more(value, time, span, 3) {
                        (value, let_through) = (sum, let_through + 1);
                    }
                }
            }
            assert!(value >> BELOW < LAP, "{span}: it went round");
            let windows = 6000 / span;
            assert!((3 * windows..=3 * (windows + 3)).contains(&let_through), "{span}: {let_through}");
        }
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_leaves_no_counter_full() {
        for leap in [HOUR, 24 * HOUR, YEAR / 3, YEAR, 5 * YEAR, 50 * YEAR] {
            let mut value = one_more(0, BEGIN, HOUR, 5).unwrap();
            for turn in 1..=5 {
                value = one_more(value, BEGIN + leap, HOUR, 5).unwrap();
                assert_eq!(counted(value, BEGIN + leap, HOUR), turn, "{leap}");
            }
            for turn in 1..=5 {
                value = one_more(value, BEGIN, HOUR, 5).unwrap();
                assert_eq!(counted(value, BEGIN, HOUR), turn, "{leap}");
            }
            assert_eq!(one_more(value, BEGIN, HOUR, 5), None, "{leap}: the limit stands");
            assert_eq!(counted(value, BEGIN + HOUR, HOUR), 0, "{leap}: and it ends with its window");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_by_no_more_than_clocks_differ_empties_nothing() {
        let full = (0..5).fold(0, |value, _| one_more(value, BEGIN, HOUR, 5).unwrap());
        for back in [1, UnixTime::SKEW] {
            assert_eq!((counted(full, BEGIN - back, HOUR), one_more(full, BEGIN - back, HOUR, 5)), (5, None));
        }
        assert_eq!(counted(full, BEGIN - UnixTime::SKEW - 1, HOUR), 0);
    }

    #[test]
    fn clocks_that_never_agree_lift_no_limit_and_leave_time_its_room() {
        for leap in [90 * 24 * HOUR, YEAR] {
            let mut value = 0;
            for _ in 0..10_000 {
                for time in [BEGIN + leap, BEGIN] {
                    value = one_more(value, time, HOUR, 5).unwrap_or(value);
                }
            }
            for time in [BEGIN + leap, BEGIN, BEGIN + HOUR] {
                assert_eq!((counted(value, time, HOUR), one_more(value, time, HOUR, 5)), (5, None), "{leap}");
            }
            // Time comes there.
            for year in 1..100 {
                let now = BEGIN + leap + year * YEAR;
                value = one_more(value, now, HOUR, 5).unwrap();
                assert_eq!(counted(value, now, HOUR), 1, "{leap}, {year}");
            }
        }
    }

    #[test]
    fn no_time_and_no_value_of_a_store_runs_over() {
        for time in [0, 1, u64::MAX - 1, u64::MAX] {
            for span in [1, 60, u64::MAX] {
                assert_eq!(counted(one_more(0, time, span, 1).unwrap(), time, span), 1, "{time} {span}");
                for value in [1, WINDOWS << BELOW, (1 << 63) - 1, 1 << 63, u64::MAX] {
                    let most = u64::from(u32::MAX);
                    let Step { delta, ceiling } = Cell::at(value, UnixTime(time), span).add(most, most);
                    assert!(delta > 0 && ceiling >= most, "{time} {span} {value:x}");
                }
            }
        }
    }
}
