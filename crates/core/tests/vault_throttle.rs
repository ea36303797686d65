//! How failures delay attempts and end them (CRYPTO §4, NIST SP 800-63B-4 §3.2.2): each limit at its border, and clocks
//! that jump.

use zamok_core::vault::spend::{Failures, Throttle};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error, UnixTime};

const THROTTLE: Throttle = Throttle {
    free: 3,
    first_delay: 30,
    longest_delay: 200,
    disable_after: 8,
    recent_limit: 10,
    recent_span: 1000,
};

const fn at(second: u64) -> UnixTime {
    UnixTime(second)
}

#[test]
fn delays_begin_after_the_free_failures_double_and_grow_no_longer_than_the_longest() {
    let (mut failures, mut now) = (Failures::default(), 5000);
    for delay in [0, 0, 30, 60, 120, 200, 200] {
        assert!(!failures.fail(at(now), &THROTTLE), "{failures:?}");
        assert_eq!(failures.delayed(at((now + delay).saturating_sub(1))), delay > 0, "{failures:?}");
        now += delay;
        assert!(!failures.delayed(at(now)), "{failures:?}");
    }
    assert!(failures.fail(at(now), &THROTTLE), "the eighth in a row is one too many");
    assert_eq!((failures.in_a_row, failures.recent), (8, 8));
}

#[test]
fn without_a_free_failure_the_first_one_is_delayed() {
    for free in [0, 1] {
        let mut failures = Failures::default();
        assert!(!failures.fail(at(5000), &Throttle { free, ..THROTTLE }));
        assert_eq!(failures.not_before, at(5030));
    }
}

#[test]
fn failures_beyond_counting_are_delayed_as_long_as_any() {
    let mut failures = Failures { in_a_row: u32::MAX, recent: u32::MAX, ..Failures::default() };
    assert!(failures.fail(at(10), &THROTTLE));
    assert_eq!((failures.in_a_row, failures.recent, failures.not_before), (u32::MAX, u32::MAX, at(210)));
}

#[test]
fn a_success_forgives_failures_in_a_row_and_not_those_of_the_span() {
    let mut failures = Failures::default();
    for count in 1..10 {
        assert!(!failures.fail(at(5000), &THROTTLE), "{count}");
        failures.succeed();
        assert_eq!(failures, Failures { recent: count, recent_since: at(5000), ..Failures::default() });
    }
    assert!(failures.fail(at(5000), &THROTTLE), "the tenth within the span is one too many");
    assert_eq!((failures.in_a_row, failures.recent), (1, 10));
}

#[test]
fn a_span_ends_after_its_seconds_and_not_one_earlier() {
    let mut failures = Failures::default();
    for (now, recent, since) in [(5000, 1, 5000), (5999, 2, 5000), (6000, 1, 6000)] {
        let _ = failures.fail(at(now), &THROTTLE);
        assert_eq!((failures.recent, failures.recent_since), (recent, at(since)));
    }
    // The clock was set back: the span begins now, and its failures stay.
    let _ = failures.fail(at(100), &THROTTLE);
    assert_eq!((failures.recent, failures.recent_since), (2, at(100)));
}

/// Every way of spreading up to four failures a second over six seconds, with a success after each.
#[test]
fn within_the_seconds_of_a_span_as_many_guesses_are_looked_at_as_are_said_and_no_more() {
    for (recent_limit, said) in [(1, 1), (2, 2), (3, 4), (4, 6)] {
        let throttle = Throttle { recent_limit, recent_span: 3, ..THROTTLE };
        let mut most = 0;
        for number in 0..5_u32.pow(6) {
            let (mut failures, mut guesses, mut left) = (Failures::default(), [0_u32; 6], number);
            'guesses: for (second, looked_at) in (5000..).zip(&mut guesses) {
                for _ in 0..left % 5 {
                    *looked_at += 1;
                    if failures.fail(at(second), &throttle) {
                        break 'guesses;
                    }
                    failures.succeed();
                }
                left /= 5;
            }
            most = guesses.windows(3).map(|span| span.iter().sum::<u32>()).fold(most, u32::max);
        }
        assert_eq!((most, throttle.most_guesses()), (said, said), "{recent_limit}");
    }
    let most = |recent_limit| Throttle { recent_limit, ..THROTTLE }.most_guesses();
    assert_eq!([30, 100, u32::MAX].map(most), [58, 198, u32::MAX]);
}

#[test]
fn a_clock_that_is_set_back_shortens_no_delay() {
    let mut failures = Failures { in_a_row: 3, not_before: at(5000), ..Failures::default() };
    assert!(!failures.fail(at(10), &THROTTLE));
    assert_eq!(failures.not_before, at(5060));
}

#[test]
fn only_what_never_ends_is_exhausted() {
    assert!(Failures { not_before: Failures::NEVER, ..Failures::default() }.exhausted());
    assert!(!Failures { not_before: at(u64::MAX - 1), ..Failures::default() }.exhausted());
    assert!(!Failures::default().exhausted());
}

#[test]
fn refusals_are_summed_up_once_a_minute_and_when_the_last_sum_lies_in_the_future() {
    let failures = Failures { summed_up: at(1000), ..Failures::default() };
    for (now, due) in [(999, true), (1000, false), (1059, false), (1060, true), (1061, true)] {
        assert_eq!(failures.summary_due(at(now)), due, "{now}");
    }
}

#[test]
fn a_delay_beyond_the_longest_ends_after_the_longest_and_one_without_end_stays() {
    for (not_before, left) in [(5100, 5100), (5200, 5200), (9999, 5200), (u64::MAX, u64::MAX)] {
        let mut failures = Failures { not_before: at(not_before), ..Failures::default() };
        failures.sum_up(at(5000), &THROTTLE);
        assert_eq!((failures.not_before, failures.summed_up), (at(left), at(5000)));
    }
}

#[test]
fn failures_are_thirty_two_bytes_and_read_as_they_were_written() {
    let failures =
        Failures { in_a_row: 1, recent: 2, recent_since: at(3), not_before: at(4), summed_up: at(5) };
    let mut writer = Writer::new();
    failures.write(&mut writer);
    let mut expected = [0; 32];
    (expected[3], expected[7], expected[15], expected[23], expected[31]) = (1, 2, 3, 4, 5);
    assert_eq!(writer.as_slice(), expected);
    assert_eq!(Failures::read(&mut Reader::new(&expected)), Ok(failures));
    assert_eq!(Failures::read(&mut Reader::new(&expected[..31])), Err(Error::Refused));
}
