//! What one counter of the store holds. A counter can only be added to, and never goes away; so each holds the number of its
//! window above what was counted in it, and moving on to a later window is an addition, too.
//!
//! Two layouts, both of 63 bits, since stores keep signed numbers:
//!
//! - counts: the window (27), what was counted in the window before it (18) and in it (18);
//! - marks: the window (27) and 18 slots of 2 bits, each marked once; the second bit bears three who mark it at once.
//!
//! Windows are numbered modulo 2²¹, so that a cell which a clock that was ahead has moved on can be moved on to the present, too:
//! further, to where the number comes again. A cell is believed of the present window, the one before it and the next (of windows
//! shorter than a minute, the next two: so far do clocks of machines that share a store differ); whatever else it says is of no
//! time that this clock knows, and reads as nothing.
//!
//! Every addition has the greatest value of its window as ceiling: whoever moves a cell on that somebody else has moved on
//! meanwhile is refused by the store, and reads again.

use zamok_core::UnixTime;

/// Bits below the window.
const BELOW: u32 = 36;
const WINDOWS: u64 = 1 << 27;
/// After so many windows their numbers come again: four years of the shortest.
const LAP: u64 = 1 << 21;
const COUNT: u32 = 18;
const MOST: u64 = (1 << COUNT) - 1;
/// A count stops here, so that those who add at the same time do not run over.
const FULL: u64 = MOST - 4096;
/// Slots of a cell of marks.
pub(crate) const SLOTS: u64 = 18;

/// What to add, and the sum that must not be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) delta: u64,
    pub(crate) ceiling: u64,
}

/// The number of the window in which a time lies.
const fn window(time: u64, span: u64) -> u64 {
    time / if span == 0 { 1 } else { span }
}

/// How far the window of a cell is ahead of another; one behind is `LAP - 1`.
const fn ahead(at: u64, now: u64) -> u64 {
    at.wrapping_sub(now) & (LAP - 1)
}

/// Windows beyond the present one that a cell is believed of: the next, or as many as clocks differ by. Two machines that do not
/// believe each other move a cell on by turns, until there is no more room in it.
const fn near(span: u64) -> u64 {
    if span == 0 || span >= UnixTime::SKEW { 1 } else { UnixTime::SKEW.div_ceil(span) }
}

/// The next window of a cell that has the number of `now`; `None` where there is no room for it. Time itself has room for two
/// centuries; half of it is for clocks that were ahead, so that they do not use it up.
const fn moved(at: u64, now: u64) -> Option<u64> {
    let ahead = ahead(at, now);
    let next = at + LAP - ahead;
    let room = if ahead < LAP / 2 { WINDOWS / 2 } else { WINDOWS };
    if next < room { Some(next) } else { None }
}

/// What a cell says of the present: its window, the count before, the count. `None` for a cell that says nothing of it, and of
/// which no more can be said.
const fn counts(value: u64, now: u64, near: u64) -> Option<(u64, u64, u64)> {
    let (at, before, count) = (value >> BELOW, value >> COUNT & MOST, value & MOST);
    match (ahead(at, now), moved(at, now)) {
        // One that is set back a little stays in the window that was reached.
        (ahead, _) if ahead <= near => Some((at, before, count)),
        (_, None) => None,
        (behind, Some(next)) => Some((next, if behind == LAP - 1 { count } else { 0 }, 0)),
    }
}

/// How often something was counted within the last `span` seconds: the present window, and of the one before it the part that
/// the span still reaches, as if it were spread evenly.
pub(crate) const fn counted(value: u64, time: u64, span: u64) -> u64 {
    let now = window(time, span);
    let Some((at, before, count)) = counts(value, now, near(span)) else { return 0 };
    let left = if ahead(at, now) > 0 { span } else { span - time % span };
    count + before * left / span
}

/// Counts once more; `None` when the cell is full, which is beyond every limit, or cannot be moved on.
pub(crate) const fn count(value: u64, time: u64, span: u64) -> Option<Step> {
    let Some((at, before, count)) = counts(value, window(time, span), near(span)) else { return None };
    if count >= FULL {
        return None;
    }
    let next = at << BELOW | before << COUNT | (count + 1);
    let ceiling = at << BELOW | before << COUNT | MOST;
    Some(Step { delta: next - value, ceiling })
}

/// Which half of a span a time lies in, and whether its number is odd: halves that follow each other have cells of their own.
pub(crate) const fn half(time: u64, span: u64) -> u64 {
    window(time, span / 2)
}

/// Whether the marks of a cell are those of a half, or of the next that has the same cell.
const fn is_of_half(value: u64, half: u64) -> bool {
    matches!(ahead(value >> BELOW, half), 0 | 2)
}

/// The slots that are marked in a half, one bit each.
pub(crate) const fn marks(value: u64, half: u64) -> u32 {
    if !is_of_half(value, half) {
        return 0;
    }
    let (mut bits, mut slot) = (0, 0);
    while slot < SLOTS {
        if value >> (2 * slot) & 3 != 0 {
            bits |= 1 << slot;
        }
        slot += 1;
    }
    bits
}

/// Marks a slot; `None` when it is marked, or the cell cannot be moved on.
pub(crate) const fn mark(value: u64, half: u64, slot: u64) -> Option<Step> {
    let kept = if is_of_half(value, half) {
        value
    } else {
        let Some(next) = moved(value >> BELOW, half) else { return None };
        next << BELOW
    };
    if kept >> (2 * slot) & 3 != 0 {
        return None;
    }
    let at = kept >> BELOW;
    let ceiling = at << BELOW | ((1 << BELOW) - 1);
    Some(Step { delta: kept + (1 << (2 * slot)) - value, ceiling })
}

/// About how many different things have marked so many of the slots: −m·ln(1 − k/m), rounded (Whang, Vander-Zanden and Taylor
/// 1990, linear counting). All slots marked is more than can be told.
pub(crate) const fn distinct(marked: u32) -> u64 {
    const ABOUT: [u64; 19] = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 15, 17, 20, 23, 27, 32, 40, 52, u64::MAX];
    ABOUT[marked.count_ones() as usize % ABOUT.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(value: u64, step: Option<Step>) -> u64 {
        let Some(Step { delta, ceiling }) = step else { return value };
        let sum = value.checked_add(delta).unwrap();
        assert!(sum <= ceiling && i64::try_from(ceiling).is_ok(), "{sum:x} {ceiling:x}");
        sum
    }

    #[test]
    fn a_count_slides_out_of_its_span() {
        let (span, begin) = (60, 60 * 1000);
        let mut value = 0;
        for _ in 0..10 {
            value = add(value, count(value, begin + 59, span));
        }
        assert_eq!(counted(value, begin + 59, span), 10);
        assert_eq!(counted(value, begin + 60, span), 10);
        assert_eq!(counted(value, begin + 90, span), 5);
        assert_eq!(counted(value, begin + 120, span), 0);
        value = add(value, count(value, begin + 90, span));
        assert_eq!(counted(value, begin + 90, span), 6);
        assert_eq!(counted(value, begin + 120, span), 1);
        assert_eq!(counted(value, begin + 10_000, span), 0);
    }

    #[test]
    fn a_clock_that_was_set_back_a_little_forgets_nothing_and_no_time_overflows() {
        let mut value = 0;
        for _ in 0..3 {
            value = add(value, count(value, 6_000, 60));
        }
        assert_eq!(counted(value, 5_950, 60), 3);
        value = add(value, count(value, 5_950, 60));
        assert_eq!(counted(value, 6_000, 60), 4);
        for time in [0, u64::MAX - 1, u64::MAX] {
            let value = add(0, count(0, time, 60));
            assert_eq!(counted(value, time, 60), 1, "{time}");
            let value = add(0, mark(0, half(time, 120), 17));
            assert_eq!(marks(value, half(time, 120)), 1 << 17, "{time}");
        }
    }

    #[test]
    fn a_clock_that_was_ahead_once_blinds_nobody_and_shuts_nobody_out() {
        const YEAR: u64 = 365 * 24 * 3600;
        let (span, begin) = (60, 1_800_000_000);
        for leap in [120, 3600, YEAR / 3, YEAR, 5 * YEAR] {
            // As cells were written before windows came again, and as they are now.
            for mut value in [0, window(begin, span) << BELOW] {
                for _ in 0..9 {
                    value = add(value, count(value, begin + leap, span));
                }
                assert_eq!(counted(value, begin + leap, span), 9);
                assert_eq!(counted(value, begin, span), 0, "{leap}");
                for turn in 1..=5 {
                    value = add(value, count(value, begin, span));
                    assert_eq!(counted(value, begin, span), turn);
                }
                assert_eq!(counted(value, begin + 120, span), 0, "and it forgets");
            }
            let (now, then) = (half(begin, 120), half(begin + leap, 120));
            let mut value = (0..SLOTS).fold(0, |value, slot| add(value, mark(value, then, slot)));
            if ahead(then, now) > 2 {
                assert_eq!(marks(value, now), 0, "{leap}");
                value = add(value, mark(value, now, 3));
                assert_eq!(marks(value, now), 1 << 3);
            }
        }
    }

    #[test]
    fn clocks_that_never_agree_leave_time_its_room() {
        let (span, begin, leap) = (60, 1_800_000_000_u64, 86_400 * 90);
        let mut value = 0;
        for _ in 0..1000 {
            value = add(value, count(value, begin + leap, span));
            value = add(value, count(value, begin, span));
        }
        assert_eq!(counted(value, begin, span), 0, "there is no more room for them");
        // Time comes there.
        for year in 1..100 {
            let now = begin + leap + year * 86_400 * 365;
            value = add(value, count(value, now, span));
            assert_eq!(counted(value, now, span), 1, "{year}");
        }
    }

    #[test]
    fn machines_whose_clocks_differ_by_a_minute_count_together_and_wear_no_cell_out() {
        for span in [30, 45, 59, 60, 600] {
            let (begin, mut value, mut let_through) = (1_800_000_000_u64, 0, 0_u64);
            for second in 0..6_000 {
                for time in [begin + second, begin + second + UnixTime::SKEW] {
                    if counted(value, time, span) == 0 {
                        value = add(value, count(value, time, span));
                        let_through += 1;
                    }
                }
            }
            assert!(value >> BELOW < LAP, "{span}: it went round");
            // One for each window that one of the clocks was in.
            let windows = (begin + 5_999 + UnixTime::SKEW) / span - begin / span + 1;
            assert!(let_through <= windows, "{span}: {let_through} of {windows} were let through");
        }
    }

    #[test]
    fn a_full_cell_stays_full_and_leaves_room_for_those_who_add_at_once() {
        let full = 1000 << BELOW | FULL;
        assert_eq!(count(full, 60_000, 60), None);
        let value = full - 1;
        let step = count(value, 60_000, 60).unwrap();
        assert!(value + 4000 * step.delta <= step.ceiling);
        assert_eq!(counted(full, 60_000, 60), FULL);
    }

    #[test]
    fn two_who_move_a_cell_on_at_once_do_not_both_succeed() {
        let old = add(0, count(0, 60_000, 60));
        let Step { delta, ceiling } = count(old, 60_060, 60).unwrap();
        assert!(old + delta <= ceiling && old + 2 * delta > ceiling);
        let old = add(0, mark(0, 1000, 3));
        let Step { delta, ceiling } = mark(old, 1002, 3).unwrap();
        assert!(old + delta <= ceiling && old + 2 * delta > ceiling);
    }

    #[test]
    fn a_slot_is_marked_once_and_the_number_of_marks_tells_how_many_made_them() {
        let mut value = 0;
        for slot in [0, 5, 17, 5, 0] {
            value = add(value, mark(value, 7, slot));
        }
        assert_eq!(marks(value, 7), 1 | 1 << 5 | 1 << 17);
        assert_eq!(marks(value, 8), 0, "another half");
        assert_eq!(mark(value, 7, 5), None);
        for marked in 0..SLOTS {
            let about = -18.0 * (1.0 - marked as f64 / 18.0).ln();
            let bits = (1_u32 << marked) - 1;
            assert!((distinct(bits) as f64 - about).abs() <= 0.5, "{marked}: {about}");
        }
        assert_eq!(distinct((1 << SLOTS) - 1), u64::MAX);
    }
}
