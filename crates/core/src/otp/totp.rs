//! TOTP: one-time passwords by time (RFC 6238).

use core::fmt;

use super::code::{Code, Digits, Form};
use super::mask::{Bit, highest_of, within};
use super::matching::Engine;
use super::verdict::{Checked, Findings, Matched};
use super::window::{Steps, Window};
use crate::env::UnixTime;
use crate::error::Error;
use crate::hash::HashAlgorithm;
use crate::secret::Secret;

/// The public parameters of a TOTP key. The default is what authenticator apps expect: SHA-1, six digits, 30 seconds
/// counted from 1970 (RFC 6238 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TotpParameters {
    /// The hash under the HMAC.
    pub algorithm: HashAlgorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// The time step X, in seconds, at least 1.
    pub period: u64,
    /// T0: when step 0 begins.
    pub t0: UnixTime,
}

impl Default for TotpParameters {
    fn default() -> Self {
        Self { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX, period: 30, t0: UnixTime(0) }
    }
}

impl TotpParameters {
    /// The time step of a moment (RFC 6238 §4.2): T = ⌊(now − T0) / X⌋.
    ///
    /// # Errors
    /// [`Error::TimeBeforeT0`]; [`Error::PeriodZero`].
    pub const fn step_at(&self, now: UnixTime) -> Result<u64, Error> {
        let Some(elapsed) = now.0.checked_sub(self.t0.0) else { return Err(Error::TimeBeforeT0) };
        // Nearly every key has steps of half a minute or a minute: division by a constant is a multiplication.
        match self.period {
            0 => Err(Error::PeriodZero),
            30 => Ok(elapsed / 30),
            60 => Ok(elapsed / 60),
            period => Ok(elapsed / period),
        }
    }
}

/// What is remembered about a TOTP key that verifies. The default is a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TotpState {
    /// The last accepted step: it and all before it are spent. Whether there is one is public.
    pub last_step: Option<u64>,
    /// How far the token's clock was seen to lie from ours, in steps; negative when it is behind (RFC 6238 §6).
    pub drift: i32,
}

/// A TOTP key, ready to generate and to check. `Debug` shows no secret; wiped when dropped.
///
/// ```
/// use zamok_core::UnixTime;
/// use zamok_core::otp::{Totp, TotpParameters, TotpState, Verdict, Window};
/// use zamok_core::secret::Secret;
///
/// let totp = Totp::new(&Secret::new(b"12345678901234567890")?, TotpParameters::default())?;
/// let now = UnixTime(1_111_111_109); // RFC 6238 appendix B
/// assert_eq!(totp.code_at(now)?.to_string(), "081804");
///
/// // The state that comes out has to be stored before the answer is given.
/// let checked = totp.check("081804", now, Window::steps(1, 1)?, &TotpState::default(), 2);
/// assert_eq!(checked.verdict, Verdict::Accepted { step: 37_037_036, drift: 0 });
/// let again = totp.check("081804", now, Window::steps(1, 1)?, &checked.state, 2);
/// assert_eq!(again.verdict, Verdict::Rejected);
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
// In this order, and on a border of cache lines, all that a check with SHA-1 needs of a key lies in one line: whoever checks
// a million keys waits for memory half as often.
#[repr(C, align(64))]
pub struct Totp {
    parameters: TotpParameters,
    pub(crate) engine: Engine,
}

impl Totp {
    /// Prepares a key.
    ///
    /// # Errors
    /// [`Error::PeriodZero`].
    pub fn new(secret: &Secret, parameters: TotpParameters) -> Result<Self, Error> {
        if parameters.period == 0 {
            return Err(Error::PeriodZero);
        }
        let engine = Engine::new(parameters.algorithm, secret.expose(), Form::Decimal(parameters.digits));
        Ok(Self { engine, parameters })
    }

    /// Asks for what a check needs of this key to be fetched from memory, and does not wait: for those who go through more
    /// keys than a cache holds, and know the next ones while they check these.
    ///
    /// ```
    /// # use zamok_core::{UnixTime, otp::{Totp, TotpAttempt, TotpParameters, TotpState, Window}, secret::Secret};
    /// # let key = Totp::new(&Secret::new(&[7; 20])?, TotpParameters::default())?;
    /// # let (keys, now) = (vec![key; 130], UnixTime(59));
    /// let mut later = keys.chunks(64).skip(1);
    /// for some in keys.chunks(64) {
    ///     later.next().unwrap_or_default().iter().for_each(Totp::prefetch);
    ///     let attempt = |key| TotpAttempt::new(key, "287082", now, Window::EXACT, TotpState::default(), 0);
    ///     let mut attempts: Vec<TotpAttempt<'_>> = some.iter().map(attempt).collect();
    ///     Totp::verify_batch(&mut attempts);
    /// }
    /// # Ok::<(), zamok_core::Error>(())
    /// ```
    #[inline]
    pub fn prefetch(&self) {
        zamok_lanes::prefetch(&self.parameters);
    }

    /// The public parameters.
    #[must_use]
    pub const fn parameters(&self) -> TotpParameters {
        self.parameters
    }

    /// The time step of a moment (RFC 6238 §4.2).
    ///
    /// # Errors
    /// [`Error::TimeBeforeT0`].
    pub const fn step_at(&self, now: UnixTime) -> Result<u64, Error> {
        self.parameters.step_at(now)
    }

    /// The code of a moment.
    ///
    /// # Errors
    /// [`Error::TimeBeforeT0`].
    pub fn code_at(&self, now: UnixTime) -> Result<Code, Error> {
        self.step_at(now).map(|step| self.code_of_step(step))
    }

    /// The code of a time step.
    #[must_use]
    pub fn code_of_step(&self, step: u64) -> Code {
        Code::from_value(self.engine.value(step), self.parameters.digits)
    }

    /// For how many more seconds the code of this moment is the current one: 1 up to the period.
    ///
    /// # Errors
    /// [`Error::TimeBeforeT0`].
    ///
    /// ```
    /// # use zamok_core::{Error, UnixTime, otp::{Totp, TotpParameters}, secret::Secret};
    /// # let totp = Totp::new(&Secret::new(&[7; 20])?, TotpParameters::default())?;
    /// assert_eq!(totp.seconds_left(UnixTime(59))?, 1);
    /// assert_eq!(totp.seconds_left(UnixTime(60))?, 30);
    /// # Ok::<(), Error>(())
    /// ```
    pub const fn seconds_left(&self, now: UnixTime) -> Result<u64, Error> {
        let TotpParameters { period, t0, .. } = self.parameters;
        match now.0.checked_sub(t0.0) {
            // A key with a period of 0 cannot be made.
            Some(elapsed) => Ok(period - elapsed % period),
            None => Err(Error::TimeBeforeT0),
        }
    }

    /// Checks a typed code against a stored state, without storing anything.
    ///
    /// The window lies around the present step plus the drift of the state, which is first brought within
    /// ± `drift_limit` steps. Every step of the window is computed. Of those with these digits that lie above the last
    /// accepted one, the **highest** is accepted, so that the same digits fail at the others; it costs the person a
    /// minute at worst. Drift is learned only when exactly one step of the window has these digits, and by one step at a
    /// time. Malformed text and a time before T0 are rejected after the same work. No early exit, and no branch on
    /// the code, the key, the stored step, the drift or the place of a match until the verdict.
    ///
    /// The promise is per step: equal digits that enter a later window are a fresh guess.
    pub fn check(
        &self,
        text: &str,
        now: UnixTime,
        window: Window,
        state: &TotpState,
        drift_limit: u32,
    ) -> Checked<TotpState> {
        self.check_around(text, &Around::new(&self.parameters, now, window, state, drift_limit), state)
    }

    #[inline(always)]
    fn check_around(&self, text: &str, around: &Around, state: &TotpState) -> Checked<TotpState> {
        let typed = self.engine.form.read(text);
        let matched = self.engine.matches(around.steps, &typed);
        around.conclude(matched, typed.well_formed(), state)
    }

    /// Looks a typed code up in the window around `now`, for callers who keep the state themselves.
    ///
    /// **The caller has to spend the step**: refuse it and every earlier one from then on, in a compare-and-set, before
    /// acting on the match. Of several steps with the same digits this is the highest, so nothing is left over.
    ///
    /// # Errors
    /// [`Error::Rejected`]; [`Error::TimeBeforeT0`].
    ///
    /// ```
    /// # use zamok_core::{Error, UnixTime, otp::{Totp, TotpParameters, Window}, secret::Secret};
    /// let totp = Totp::new(&Secret::new(b"12345678901234567890")?, TotpParameters::default())?;
    /// let matched = totp.verify("287082", UnixTime(59), Window::steps(1, 1)?)?;
    /// assert_eq!(matched.step, 1);
    /// assert_eq!(totp.verify("287082", UnixTime(90), Window::EXACT), Err(Error::Rejected));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn verify(&self, text: &str, now: UnixTime, window: Window) -> Result<Matched, Error> {
        let present = self.step_at(now)?;
        let state = TotpState::default();
        self.check_around(text, &Around::at(present, window, &state, 0), &state).verdict.accepted()
    }
}

/// A window around a moment, placed by the drift of a state.
#[derive(Clone, Copy)]
pub(crate) struct Around {
    pub(crate) steps: Steps,
    drift: i32,
    limit: i32,
    before_t0: Bit,
}

impl Around {
    #[inline]
    pub(crate) fn new(
        parameters: &TotpParameters,
        now: UnixTime,
        window: Window,
        state: &TotpState,
        drift_limit: u32,
    ) -> Self {
        // Time and parameters are public; drift is not.
        match parameters.step_at(now) {
            Ok(present) => Self::at(present, window, state, drift_limit),
            Err(_) => Self { before_t0: Bit::YES, ..Self::at(0, window, state, drift_limit) },
        }
    }

    /// The window around a present step.
    #[inline]
    pub(crate) fn at(present: u64, window: Window, state: &TotpState, drift_limit: u32) -> Self {
        let limit = i32::try_from(drift_limit).unwrap_or(i32::MAX);
        let drift = within(state.drift, limit);
        Self { steps: Steps::around(present, drift, window), drift, limit, before_t0: Bit::NO }
    }

    /// The rule for a window of time steps, given which of them have the typed digits.
    #[inline(always)]
    pub(crate) fn conclude(&self, matched: u128, well_formed: Bit, state: &TotpState) -> Checked<TotpState> {
        // The last spent step on the whole number line: −1 when there is none.
        let floor = state.last_step.map_or(u128::MAX, u128::from);
        let fresh = matched & self.steps.bitmap(|step| Bit::negative(floor.wrapping_sub(step)));
        let place = highest_of(fresh, self.steps.count);
        let (chosen, _) = self.steps.at(place);
        // How far the match lies from the middle of the window, and from the present.
        let off_centre = place.wrapping_sub(self.steps.past).cast_signed();
        let observed = self.drift.wrapping_add(off_centre);
        // One step at a time, not beyond the limit, and only where no other step has the same digits.
        let only = Bit::at_most_one(matched);
        let later = only & Bit::less(0, off_centre) & Bit::less(self.drift, self.limit);
        let earlier = only & Bit::less(off_centre, 0) & Bit::less(self.limit.wrapping_neg(), self.drift);
        let drift = self.drift.wrapping_add(later.signed()).wrapping_sub(earlier.signed());

        let mut findings = Findings::new(Bit::any(fresh), Bit::any(matched), well_formed);
        findings.before_t0 = self.before_t0;
        findings.conclude(chosen, observed, || TotpState { last_step: Some(chosen), drift }, state)
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TotpParameters { algorithm, digits, period, t0 } = self.parameters;
        write!(f, "Totp({algorithm}, {digits} digits, {period} s from {}, key redacted)", t0.0)
    }
}
