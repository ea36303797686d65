//! Two pieces of work, measured in turns: what disturbs the machine disturbs both, and the ratio stands.
//!
//! Time is that of this thread on the processor, so that other programs cost nothing but cache.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Turns of each side.
    pub(crate) rounds: usize,
    /// Least duration of one turn of one side.
    pub(crate) turn: Duration,
    /// Whether sizes are reduced (`--quick`).
    pub(crate) quick: bool,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 41, turn: Duration::from_millis(20), quick: false };
    pub(crate) const QUICK: Self = Self { rounds: 15, turn: Duration::from_millis(5), quick: true };

    /// The size of a piece of work that `--quick` makes smaller.
    pub(crate) const fn size(self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// What a comparison came to, in nanoseconds a unit.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// Median of the ratios of neighbouring turns.
    pub(crate) ratio: f64,
    pub(crate) ratio_min: f64,
    /// What was reduced or is to be known, in words.
    pub(crate) note: String,
}

/// Measures `ours` against `theirs`; each call does `units` units of work.
pub(crate) fn pair(
    effort: Effort,
    units: (usize, usize),
    mut ours: impl FnMut(),
    mut theirs: impl FnMut(),
) -> Measured {
    let calls = (calls_for(effort.turn, &mut ours), calls_for(effort.turn, &mut theirs));
    let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        // Who begins changes from round to round.
        let (our_time, their_time) = if round % 2 == 0 {
            let first = turn(calls.0, units.0, &mut ours);
            (first, turn(calls.1, units.1, &mut theirs))
        } else {
            let first = turn(calls.1, units.1, &mut theirs);
            (turn(calls.0, units.0, &mut ours), first)
        };
        our_times.push(our_time);
        their_times.push(their_time);
        ratios.push(our_time / their_time);
    }
    Measured {
        ours: median(&mut our_times),
        theirs: median(&mut their_times),
        ratio: median(&mut ratios),
        ratio_min: ratios.first().copied().unwrap_or(f64::NAN),
        note: String::new(),
    }
}

/// Measures two sides that keep their own time: each call answers nanoseconds a unit. The ratio is that of the rates,
/// so that more is better.
pub(crate) fn interleaved(
    effort: Effort,
    mut ours: impl FnMut() -> Result<f64, String>,
    mut theirs: impl FnMut() -> Result<f64, String>,
) -> Result<Measured, String> {
    // The first turn of each side fills caches and files.
    ours()?;
    theirs()?;
    let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds.min(9) {
        let (our_time, their_time) = if round % 2 == 0 {
            let first = ours()?;
            (first, theirs()?)
        } else {
            let first = theirs()?;
            (ours()?, first)
        };
        our_times.push(our_time);
        their_times.push(their_time);
        ratios.push(their_time / our_time);
    }
    Ok(Measured {
        ours: median(&mut our_times),
        theirs: median(&mut their_times),
        ratio: median(&mut ratios),
        ratio_min: ratios.first().copied().unwrap_or(f64::NAN),
        note: String::new(),
    })
}

/// The least time of one call of a piece of work by itself, in nanoseconds.
pub(crate) fn alone(effort: Effort, mut work: impl FnMut()) -> f64 {
    let calls = calls_for(effort.turn, &mut work);
    (0..effort.rounds.min(11)).map(|_| turn(calls, 1, &mut work)).fold(f64::INFINITY, f64::min)
}

/// How many calls fill a turn.
fn calls_for(turn: Duration, work: &mut impl FnMut()) -> u32 {
    work();
    let mut calls = 1_u32;
    loop {
        let begun = now();
        (0..calls).for_each(|_| black_box(&mut *work)());
        let taken = now().saturating_sub(begun);
        if taken >= turn || calls >= 1 << 28 {
            return calls;
        }
        let wanted = turn.as_secs_f64() / taken.as_secs_f64().max(1e-9) * 1.1;
        calls = grown(calls, wanted);
    }
}

fn grown(calls: u32, factor: f64) -> u32 {
    // At most tenfold at once, so that a first call that was lucky does not mislead.
    let next = f64::from(calls) * factor.clamp(1.2, 10.0);
    let mut grown = calls.max(1);
    while f64::from(grown) < next {
        grown = grown.saturating_add((grown / 5).max(1));
    }
    grown
}

/// Nanoseconds a unit.
fn turn(calls: u32, units: usize, work: &mut impl FnMut()) -> f64 {
    let begun = now();
    (0..calls).for_each(|_| black_box(&mut *work)());
    let units = u32::try_from(units).map_or(f64::from(u32::MAX), f64::from);
    now().saturating_sub(begun).as_secs_f64() * 1e9 / (f64::from(calls) * units)
}

/// What this thread has had of the processor.
pub(crate) fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// What this process, with all its threads, has had of the processors.
pub(crate) fn process_now() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// The median; sorts on the way.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
