//! HOTP: one-time passwords by counter (RFC 4226).

use core::fmt;

use super::code::{Code, Digits, Form};
use super::mask::{Bit, lowest, shift_right};
use super::matching::Engine;
use super::verdict::{Checked, Findings, Matched};
use super::window::{Steps, Window};
use crate::error::Error;
use crate::hash::HashAlgorithm;
use crate::secret::Secret;

/// The public parameters of an HOTP key. The default is RFC 4226: SHA-1, six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct HotpParameters {
    /// The hash under the HMAC.
    pub algorithm: HashAlgorithm,
    /// Digits of a code.
    pub digits: Digits,
}

/// What is remembered about an HOTP key that verifies. The default is a new key at counter 0.
///
/// A spent or burned counter never becomes usable again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct HotpState {
    /// The next counter that may be accepted.
    pub next: u64,
    /// Burned counters: bit i stands for `next` + i. They showed the digits of a code that was accepted for an earlier
    /// counter. With `next` = 2⁶⁴ − 1, bit 0 means that the last counter of all is spent.
    pub burned: u128,
}

impl HotpState {
    /// A key whose next counter is `counter`.
    #[must_use]
    pub const fn starting_at(counter: u64) -> Self {
        Self { next: counter, burned: 0 }
    }

    /// The next counter, unless the last one of all has been spent.
    ///
    /// # Errors
    /// [`Error::CounterExhausted`].
    pub const fn next_counter(&self) -> Result<u64, Error> {
        if self.next == u64::MAX && self.burned & 1 == 1 {
            return Err(Error::CounterExhausted);
        }
        Ok(self.next)
    }
}

/// An HOTP key, ready to generate and to check. `Debug` shows no secret; wiped when dropped.
///
/// ```
/// use zamok_core::otp::{Hotp, HotpParameters, HotpState, Verdict, Window};
/// use zamok_core::secret::Secret;
///
/// let hotp = Hotp::new(&Secret::new(b"12345678901234567890")?, HotpParameters::default());
/// assert_eq!(hotp.code(1).to_string(), "287082"); // RFC 4226 appendix D
///
/// // The token is two presses ahead. The state that comes out has to be stored before the answer is given.
/// let checked = hotp.check("359152", Window::look_ahead(10)?, &HotpState::default());
/// assert_eq!(checked.verdict, Verdict::Accepted { step: 2, drift: 2 });
/// assert_eq!(checked.state, HotpState::starting_at(3));
/// let again = hotp.check("359152", Window::look_ahead(10)?, &checked.state);
/// assert_eq!(again.verdict, Verdict::Rejected);
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Hotp {
    pub(crate) engine: Engine,
    parameters: HotpParameters,
}

impl Hotp {
    /// Prepares a key.
    #[must_use]
    pub fn new(secret: &Secret, parameters: HotpParameters) -> Self {
        let engine = Engine::new(parameters.algorithm, secret.expose(), Form::Decimal(parameters.digits));
        Self { engine, parameters }
    }

    /// The public parameters.
    #[must_use]
    pub const fn parameters(&self) -> HotpParameters {
        self.parameters
    }

    /// The code of a counter (RFC 4226 §5.3). Every counter up to 2⁶⁴ − 1 has one.
    #[must_use]
    pub fn code(&self, counter: u64) -> Code {
        Code::from_value(self.engine.value(counter), self.parameters.digits)
    }

    /// Checks a typed code against a stored state, without storing anything.
    ///
    /// Every counter of the window is computed. Of those with these digits that are neither spent nor burned, the
    /// **lowest** is accepted, since jumping further could lock the token out, and the others are burned, so that the
    /// same digits fail there. Malformed text is rejected after the same work. No early exit, and no branch on the
    /// code, the key, the state or the place of a match until the verdict.
    ///
    /// The promise is per counter: equal digits that enter a later window are a fresh guess.
    ///
    /// Use [`Window::steps`] with a step or more of past to have a code repeated by mistake journalled as
    /// [`Reason::Spent`](super::Reason::Spent) instead of wrong.
    pub fn check(&self, text: &str, window: Window, state: &HotpState) -> Checked<HotpState> {
        let typed = self.engine.form.read(text);
        let steps = Steps::around(state.next, 0, window);
        let matched = self.engine.matches(steps, &typed);
        conclude(steps, matched, typed.well_formed(), state)
    }

    /// Looks a typed code up in a window that begins at `counter`, for callers who keep the state themselves.
    ///
    /// **The caller has to spend the counter**: store `step + 1` as the next one, in a compare-and-set, before acting on
    /// the match. [`check`](Self::check) does more: it also keeps the same digits from being accepted at another counter.
    ///
    /// # Errors
    /// [`Error::Rejected`].
    ///
    /// ```
    /// # use zamok_core::{Error, otp::{Hotp, HotpParameters, Window}, secret::Secret};
    /// let hotp = Hotp::new(&Secret::new(b"12345678901234567890")?, HotpParameters::default());
    /// assert_eq!(hotp.verify("287082", 0, Window::look_ahead(3)?)?.step, 1);
    /// assert_eq!(hotp.verify("287082", 2, Window::look_ahead(3)?), Err(Error::Rejected));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn verify(&self, text: &str, counter: u64, window: Window) -> Result<Matched, Error> {
        self.check(text, window, &HotpState::starting_at(counter)).verdict.accepted()
    }
}

/// The rule for a window of counters, given which of them have the typed digits.
pub(crate) fn conclude(
    steps: Steps,
    matched: u128,
    well_formed: Bit,
    state: &HotpState,
) -> Checked<HotpState> {
    // Counters before the next one are spent; so are burned ones.
    let fresh = matched & (!state.burned << steps.past);
    let chosen = lowest(fresh);
    let ahead = chosen.wrapping_sub(steps.past);
    let step = state.next.wrapping_add(u64::from(ahead));

    // What else has these digits is burned; bits are counted from the counter after the accepted one.
    let burned = shift_right(state.burned | (matched >> steps.past), ahead & 0x7f) >> 1;

    let mut findings = Findings::new(Bit::any(fresh), Bit::any(matched), well_formed);
    findings.exhausted = exhausted(state);
    findings.conclude(step, ahead.cast_signed(), || after(step, burned), state)
}

/// The state after `step` was spent; `burned` is counted from the counter after it.
pub(crate) fn after(step: u64, burned: u128) -> HotpState {
    // After the last counter of all there is no next one: it stays, spent.
    let last = Bit::equal(step, u64::MAX);
    HotpState { next: last.pick(u64::MAX, step.wrapping_add(1)), burned: last.pick_wide(1, burned) }
}

/// Whether the last counter of all has been spent.
pub(crate) const fn exhausted(state: &HotpState) -> Bit {
    Bit::zero(!state.next | (state.burned.to_le_bytes()[0] as u64 & 1 ^ 1))
}

impl fmt::Debug for Hotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HotpParameters { algorithm, digits } = self.parameters;
        write!(f, "Hotp({algorithm}, {digits} digits, key redacted)")
    }
}
