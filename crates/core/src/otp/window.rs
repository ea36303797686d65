//! The window: which steps are tried in one check (RFC 4226 §7.4, RFC 6238 §5.2).

use super::mask::{Bit, words};
use crate::error::Error;

/// Which steps a check tries around the expected one: so many before, so many after.
///
/// ```
/// use zamok_core::otp::Window;
/// let totp = Window::steps(1, 1)?; // the step before, this one, the next: three steps
/// let hotp = Window::look_ahead(10)?; // the expected counter and ten beyond it: eleven steps
/// assert_eq!((totp.count(), hotp.count()), (3, 11));
/// # Ok::<(), zamok_core::Error>(())
/// ```
///
/// A wider window is easier to guess into: with W steps and d digits, one try succeeds with probability W · 10⁻ᵈ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    past: u8,
    future: u8,
}

impl Window {
    /// Most steps of one window.
    pub const MAX_STEPS: u32 = 128;
    /// The expected step alone.
    pub const EXACT: Self = Self { past: 0, future: 0 };

    /// So many steps before and after the expected one.
    ///
    /// For HOTP, steps before the expected counter are spent: they are computed, and a match there is reported as
    /// [`Reason::Spent`](crate::otp::Reason::Spent), but they are never accepted.
    ///
    /// # Errors
    /// [`Error::WindowTooWide`] when past, present and future are more than 128 steps.
    pub const fn steps(past: u32, future: u32) -> Result<Self, Error> {
        let steps = past as u64 + future as u64 + 1;
        if steps > Self::MAX_STEPS as u64 {
            return Err(Error::WindowTooWide { steps, limit: Self::MAX_STEPS });
        }
        // Both are below 128 here.
        Ok(Self { past: past.to_le_bytes()[0], future: future.to_le_bytes()[0] })
    }

    /// The expected counter and `counters` beyond it (RFC 4226 §7.4, the look-ahead parameter s).
    ///
    /// # Errors
    /// [`Error::WindowTooWide`] when these are more than 128 steps.
    pub const fn look_ahead(counters: u32) -> Result<Self, Error> {
        Self::steps(0, counters)
    }

    /// Steps before the expected one.
    #[must_use]
    pub const fn past(self) -> u32 {
        self.past as u32
    }

    /// Steps after the expected one.
    #[must_use]
    pub const fn future(self) -> u32 {
        self.future as u32
    }

    /// All steps of the window.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.past() + self.future() + 1
    }
}

/// The steps of a window as they lie on the number line, some perhaps below 0 or above 2⁶⁴ − 1.
///
/// Where the window lies may depend on stored drift and counters, so nothing here branches on it: every step is
/// computed, and those that do not exist are masked out.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    /// The first step, in two's complement: the low and the high word. As one number it would be aligned to sixteen bytes.
    first: [u64; 2],
    pub(crate) count: u32,
    pub(crate) past: u32,
}

impl Steps {
    /// The window around `centre` + `drift`.
    pub(crate) fn around(centre: u64, drift: i32, window: Window) -> Self {
        Self::range(centre, drift, window.past(), window.count())
    }

    /// `count` steps of which the first lies `past` before `centre` + `drift`.
    pub(crate) fn range(centre: u64, drift: i32, past: u32, count: u32) -> Self {
        let drift = i128::from(drift).cast_unsigned();
        let first = u128::from(centre).wrapping_add(drift).wrapping_sub(u128::from(past));
        Self { first: words(first), count, past }
    }

    /// A bit for each step, found by its place on the whole number line: bit i is that of the step at index i.
    pub(crate) fn bitmap(&self, bit: impl Fn(u128) -> Bit) -> u128 {
        // The number of steps is public, and few windows need the second word.
        let word = |from, to| {
            (from..to).fold(0u64, |word, index| word | bit(self.signed(index)).value() << (index - from))
        };
        let low = u128::from(word(0, self.count.min(64)));
        if self.count <= 64 { low } else { low | u128::from(word(64, self.count)) << 64 }
    }

    /// The step at `index`, and whether there is such a step.
    pub(crate) const fn at(&self, index: u32) -> (u64, Bit) {
        let [step, beyond] = words(self.signed(index));
        (step, Bit::zero(beyond))
    }

    /// 0 where there is a step at `index`, something else where there is none.
    pub(crate) const fn beyond(&self, index: u32) -> u64 {
        words(self.signed(index))[1]
    }

    /// The step at `index` on the whole number line, in two's complement.
    pub(crate) const fn signed(&self, index: u32) -> u128 {
        let [low, high] = self.first;
        (low as u128 | (high as u128) << 64).wrapping_add(index as u128)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(steps: Steps) -> [Option<u64>; 4] {
        let mut list = [None; 4];
        for (index, place) in (0..steps.count).zip(&mut list) {
            let (step, exists) = steps.at(index);
            assert_eq!(exists.value() == 1, steps.beyond(index) == 0);
            *place = (exists.value() == 1).then_some(step);
        }
        list
    }

    #[test]
    fn windows_are_as_wide_as_they_say_and_no_wider_than_128_steps() {
        assert_eq!(Window::steps(1, 1).map(Window::count), Ok(3));
        assert_eq!(Window::look_ahead(0), Ok(Window::EXACT));
        assert_eq!(Window::look_ahead(127).map(Window::count), Ok(128));
        assert_eq!(Window::steps(127, 0).map(|w| (w.past(), w.future())), Ok((127, 0)));
        let wide = |steps| Err(Error::WindowTooWide { steps, limit: 128 });
        assert_eq!(Window::look_ahead(128), wide(129));
        assert_eq!(Window::steps(64, 64), wide(129));
        assert_eq!(Window::steps(u32::MAX, u32::MAX), wide(0x1_ffff_ffff));
    }

    #[test]
    fn steps_below_zero_and_beyond_the_last_do_not_exist() {
        let window = Window::steps(1, 2).unwrap();
        let last = u64::MAX;
        assert_eq!(listed(Steps::around(7, 0, window)), [Some(6), Some(7), Some(8), Some(9)]);
        assert_eq!(listed(Steps::around(0, 0, window)), [None, Some(0), Some(1), Some(2)]);
        assert_eq!(listed(Steps::around(0, -2, window)), [None, None, None, Some(0)]);
        assert_eq!(listed(Steps::around(1, -1, window)), [None, Some(0), Some(1), Some(2)]);
        assert_eq!(listed(Steps::around(last, 0, window)), [Some(last - 1), Some(last), None, None]);
        assert_eq!(listed(Steps::around(last, 2, window)), [None; 4]);
        assert_eq!(
            listed(Steps::around(last, -3, window)),
            [Some(last - 4), Some(last - 3), Some(last - 2), Some(last - 1)]
        );
    }

    #[test]
    fn a_bitmap_has_the_bit_of_each_step_at_its_place_and_no_other() {
        for count in [1, 2, 63, 64, 65, 127, 128] {
            let steps = Steps::range(1000, 0, 7, count);
            assert_eq!(steps.bitmap(|_| Bit::YES), u128::MAX >> (128 - count), "{count} steps");
            assert_eq!(steps.bitmap(|_| Bit::NO), 0, "{count} steps");
            for place in 0..count {
                let step = 993 + u64::from(place);
                let bits = steps.bitmap(|other| Bit::zero(words(other)[0] ^ step));
                assert_eq!(bits, 1 << place, "step {place} of {count}");
            }
        }
    }
}
