//! Resynchronisation (RFC 4226 §7.4): two consecutive codes find a token that has drifted out of its window.
//!
//! Thousands of steps are searched in one pass, without an early exit. A caller charges an attempt to the same
//! failure counter as a check, and asks for another factor or an officer: the search is a wide one to guess into.

use zeroize::Zeroize;

use super::code::Typed;
use super::hotp::{self, Hotp, HotpState};
use super::mask::{Bit, highest, low_half, lowest, shift_right};
use super::matching::{Engine, shown};
use super::steam::Steam;
use super::totp::{Totp, TotpParameters, TotpState};
use super::verdict::{Checked, Findings};
use super::window::Steps;
use crate::env::UnixTime;
use crate::error::Error;

/// Most steps of one search, of which the last can only belong to the second code.
const MAX: u32 = 10_001;
const WORDS: usize = (MAX as usize).div_ceil(64);
/// Steps that go through the lanes together: whole words of bits.
const TOGETHER: usize = 256;

impl Hotp {
    /// Furthest look-ahead of a resynchronisation, in counters.
    pub const MAX_RESYNCHRONISATION: u32 = MAX - 2;

    /// Finds the two codes that a token showed one after the other, from the next counter up to `look_ahead` beyond it.
    ///
    /// Both counters are spent by the state that comes out, and the verdict names the second. The lowest pair counts; other
    /// counters with the digits of either code are burned as far as the burned bitmap reaches. Nothing at or below a
    /// spent counter is ever found. The codes must differ: the same one twice is [`Reason::Repeated`].
    ///
    /// # Errors
    /// [`Error::WindowTooWide`] beyond [`MAX_RESYNCHRONISATION`](Self::MAX_RESYNCHRONISATION).
    ///
    /// ```
    /// # use zamok_core::{Error, otp::{Hotp, HotpParameters, HotpState, Verdict}, secret::Secret};
    /// let hotp = Hotp::new(&Secret::new(b"12345678901234567890")?, HotpParameters::default());
    /// let (first, second) = (hotp.code(700), hotp.code(701));
    /// let found = hotp.resynchronise(first.as_str(), second.as_str(), 1000, &HotpState::default())?;
    /// assert_eq!(found.verdict, Verdict::Accepted { step: 701, drift: 701 });
    /// assert_eq!(found.state.next, 702);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// [`Reason::Repeated`]: super::Reason::Repeated
    pub fn resynchronise(
        &self,
        first: &str,
        second: &str,
        look_ahead: u32,
        state: &HotpState,
    ) -> Result<Checked<HotpState>, Error> {
        let count = count(u64::from(look_ahead) + 2)?;
        let steps = Steps::range(state.next, 0, 0, count);
        let codes = Codes::read(&self.engine, first, second);
        let shown = Shown::search(&self.engine, steps, &codes);

        // Burned counters are spent.
        let mut spendable = [u64::MAX; WORDS];
        let [low, high] = super::mask::words(state.burned);
        (spendable[0], spendable[1]) = (!low, !high);
        let fresh = shown.pairs(&spendable);
        let index = first_of(&fresh);
        let step = state.next.wrapping_add(u64::from(index)).wrapping_add(1);

        // What shows either code after the pair is burned, and what was burned before stays so.
        let mut digits = shown.first;
        digits.iter_mut().zip(shown.second).for_each(|(word, second)| *word |= second);
        (digits[0], digits[1]) = (digits[0] | low, digits[1] | high);
        let burned = window_at(&digits, index.wrapping_add(2));

        let mut findings = codes.findings(any(&fresh), any(&shown.pairs(&[u64::MAX; WORDS])));
        findings.exhausted = hotp::exhausted(state);
        let drift = index.wrapping_add(1).cast_signed();
        Ok(findings.conclude(step, drift, || hotp::after(step, burned), state))
    }
}

impl Totp {
    /// Widest drift bound of a resynchronisation, in steps to either side.
    pub const MAX_RESYNCHRONISATION: u32 = (MAX - 2) / 2;

    /// Finds the two codes that a token showed one after the other, the second of which it shows now by its own clock.
    ///
    /// The second code's step must lie within ± `drift_limit` steps of the present one by ours; that distance becomes the
    /// drift. Both steps are spent by the state that comes out, and both must lie above the last accepted one. The
    /// verdict names the second. If several pairs match, the highest counts. The codes must differ: the same one twice
    /// is [`Reason::Repeated`].
    ///
    /// Give later checks no smaller a `drift_limit`, else they bring the drift back within their own.
    ///
    /// # Errors
    /// [`Error::WindowTooWide`] beyond [`MAX_RESYNCHRONISATION`](Self::MAX_RESYNCHRONISATION).
    ///
    /// [`Reason::Repeated`]: super::Reason::Repeated
    pub fn resynchronise(
        &self,
        first: &str,
        second: &str,
        now: UnixTime,
        drift_limit: u32,
        state: &TotpState,
    ) -> Result<Checked<TotpState>, Error> {
        by_time(&self.engine, &self.parameters(), [first, second], now, drift_limit, state)
    }
}

impl Steam {
    /// Finds two codes that followed each other, by the rules of [`Totp::resynchronise`].
    ///
    /// # Errors
    /// Those of [`Totp::resynchronise`].
    pub fn resynchronise(
        &self,
        first: &str,
        second: &str,
        now: UnixTime,
        drift_limit: u32,
        state: &TotpState,
    ) -> Result<Checked<TotpState>, Error> {
        by_time(&self.engine, &TotpParameters::default(), [first, second], now, drift_limit, state)
    }
}

fn by_time(
    engine: &Engine,
    parameters: &TotpParameters,
    [first, second]: [&str; 2],
    now: UnixTime,
    drift_limit: u32,
    state: &TotpState,
) -> Result<Checked<TotpState>, Error> {
    // The first code may lie one step before the bound.
    let count = count(u64::from(drift_limit) * 2 + 2)?;
    let (present, before_t0) = match parameters.step_at(now) {
        Ok(step) => (step, Bit::NO),
        Err(_) => (0, Bit::YES),
    };
    let steps = Steps::range(present, 0, drift_limit + 1, count);
    let codes = Codes::read(engine, first, second);
    let shown = Shown::search(engine, steps, &codes);

    let floor = state.last_step.map_or(u128::MAX, u128::from);
    let mut spendable = [0; WORDS];
    for (index, word) in (0..count).zip((0..WORDS).flat_map(|word| [word; 64])) {
        let above = Bit::negative(floor.wrapping_sub(steps.signed(index)));
        spendable[word] |= above.value() << (index % 64);
    }
    let fresh = shown.pairs(&spendable);
    let index = last_of(&fresh);
    let (step, _) = steps.at(index.wrapping_add(1));
    let drift = index.wrapping_sub(drift_limit).cast_signed();

    let mut findings = codes.findings(any(&fresh), any(&shown.pairs(&[u64::MAX; WORDS])));
    findings.before_t0 = before_t0;
    Ok(findings.conclude(step, drift, || TotpState { last_step: Some(step), drift }, state))
}

fn count(steps: u64) -> Result<u32, Error> {
    let count = u32::try_from(steps).ok().filter(|count| *count <= MAX);
    count.ok_or(Error::WindowTooWide { steps, limit: MAX })
}

/// The two typed codes.
struct Codes {
    first: Typed,
    second: Typed,
}

impl Codes {
    fn read(engine: &Engine, first: &str, second: &str) -> Self {
        Self { first: engine.form.read(first), second: engine.form.read(second) }
    }

    fn findings(&self, fresh: Bit, any: Bit) -> Findings {
        let mut findings = Findings::new(fresh, any, self.first.well_formed() & self.second.well_formed());
        findings.repeated = Bit::equal(self.first.value, self.second.value);
        findings
    }
}

/// One bit a step.
type Bitmap = [u64; WORDS];

/// Which steps show the first code, and which the second.
struct Shown {
    first: Bitmap,
    second: Bitmap,
}

impl Shown {
    fn search(engine: &Engine, steps: Steps, codes: &Codes) -> Self {
        let mut found = Self { first: [0; WORDS], second: [0; WORDS] };
        let mut counters = [0; TOGETHER];
        let mut values = [0; TOGETHER];
        let mut index = 0;
        while index < steps.count {
            let mut together = 0usize;
            for (step, counter) in (index..steps.count).zip(&mut counters) {
                *counter = steps.at(step).0;
                together += 1;
            }
            engine.mac.window(&counters[..together], &mut values[..together]);
            for word in values[..together].chunks(64) {
                let place = index as usize / 64;
                let codes = [&codes.first, &codes.second];
                [found.first[place], found.second[place]] = shown(engine.form, word, steps, index, codes);
                index += 64;
            }
        }
        values.zeroize();
        found
    }

    /// Bit i is set where step i shows the first code and step i + 1 the second, and both may be spent.
    fn pairs(&self, spendable: &Bitmap) -> Bitmap {
        let second = |word: usize| match (self.second.get(word), spendable.get(word)) {
            (Some(second), Some(spendable)) => second & spendable,
            _ => 0,
        };
        core::array::from_fn(|word| {
            let next = second(word) >> 1 | second(word + 1) << 63;
            self.first[word] & spendable[word] & next
        })
    }
}

fn any(bitmap: &Bitmap) -> Bit {
    !Bit::zero(bitmap.iter().fold(0, |any, word| any | word))
}

/// The index of the lowest bit; 0 when none is set.
fn first_of(bitmap: &Bitmap) -> u32 {
    let words = bitmap.iter().enumerate().rev();
    let (place, word) = words.fold((0, 0), |(place, found), (index, word)| {
        let here = !Bit::zero(*word);
        (here.pick(index as u64, place), here.pick(*word, found))
    });
    low_half(place).wrapping_mul(64).wrapping_add(lowest(u128::from(word)))
}

/// The index of the highest bit; 0 when none is set.
fn last_of(bitmap: &Bitmap) -> u32 {
    let words = bitmap.iter().enumerate();
    let (place, word) = words.fold((0, 0), |(place, found), (index, word)| {
        let here = !Bit::zero(*word);
        (here.pick(index as u64, place), here.pick(*word, found))
    });
    low_half(place).wrapping_mul(64).wrapping_add(highest(word))
}

/// The 128 bits from a secret index on.
fn window_at(bitmap: &Bitmap, index: u32) -> u128 {
    let (word, places) = (u64::from(index >> 6), index & 63);
    let mut three = [0; 3];
    for (offset, part) in (0usize..).zip(&mut three) {
        for (place, bits) in (0u64..).zip(bitmap.iter().skip(offset)) {
            *part |= bits & Bit::equal(place, word).mask();
        }
    }
    let two = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
    let low = super::mask::words(shift_right(two(three[0], three[1]), places))[0];
    let high = super::mask::words(shift_right(two(three[1], three[2]), places))[0];
    two(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_are_read_as_the_plain_operations_would() {
        let mut bitmap = [0; WORDS];
        assert_eq!(any(&bitmap).value(), 0);
        for (index, step) in [(9_999usize, 3usize), (700, 64), (64, 1), (63, 1), (0, 1)] {
            bitmap[index / 64] |= 1 << (index % 64);
            assert_eq!(first_of(&bitmap) as usize, index, "{step}");
            assert_eq!(last_of(&bitmap), 9_999);
            assert_eq!(any(&bitmap).value(), 1);
        }
        let plain = |from: usize| {
            (0..128).fold(0u128, |bits, i| {
                let bit = bitmap.get((from + i) / 64).map_or(0, |word| word >> ((from + i) % 64) & 1);
                bits | u128::from(bit) << i
            })
        };
        for from in (0..300).chain(600..702).chain(9_800..10_003) {
            assert_eq!(window_at(&bitmap, u32::try_from(from).unwrap()), plain(from), "{from}");
        }
    }
}
