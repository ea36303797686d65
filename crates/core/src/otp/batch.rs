//! Many keys at once: the steps of every window go through the lanes side by side.

use core::fmt;

use zamok_lanes::{Hash, MacKey};
use zeroize::Zeroize;

use super::code::Typed;
use super::hotp::{self, Hotp, HotpState};
use super::matching::{Engine, compare};
use super::totp::{Around, Totp, TotpState};
use super::verdict::{Checked, Reason, Verdict};
use super::window::{Steps, Window};
use crate::env::UnixTime;
use crate::mac::CounterMac;

/// Steps that go through the lanes together: 64 windows of the usual three steps fill all lanes of every kernel, to the last.
const TOGETHER: usize = 192;
const _: () = assert!(TOGETHER >= Window::MAX_STEPS as usize, "the widest window goes together");

/// One check of a batch: the arguments of [`Totp::check`], and then its answer.
///
/// ```
/// use zamok_core::UnixTime;
/// use zamok_core::otp::{Totp, TotpAttempt, TotpParameters, TotpState, Window};
/// use zamok_core::secret::Secret;
///
/// let keys = [[1; 20], [2; 20], [3; 20]];
/// let keys = keys.map(|key| Totp::new(&Secret::new(&key).unwrap(), TotpParameters::default()).unwrap());
/// let (now, window, state) = (UnixTime(59), Window::steps(1, 1)?, TotpState::default());
/// let codes = [keys[0].code_at(now)?, keys[1].code_at(now)?, keys[0].code_at(now)?];
///
/// let mut attempts: [TotpAttempt<'_>; 3] =
///     core::array::from_fn(|i| TotpAttempt::new(&keys[i], codes[i].as_str(), now, window, state, 2));
/// Totp::verify_batch(&mut attempts);
/// assert!(attempts[0].checked().verdict.accepted().is_ok());
/// assert!(attempts[1].checked().verdict.accepted().is_ok());
/// assert!(attempts[2].checked().verdict.accepted().is_err()); // the code of another key
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct TotpAttempt<'a> {
    key: &'a Totp,
    typed: Typed,
    around: Around,
    state: TotpState,
    checked: Checked<TotpState>,
}

impl<'a> TotpAttempt<'a> {
    /// Takes the arguments of [`Totp::check`].
    #[inline(always)] // Made in its place in the batch, not copied there.
    #[must_use]
    pub fn new(
        key: &'a Totp,
        text: &str,
        now: UnixTime,
        window: Window,
        state: TotpState,
        drift_limit: u32,
    ) -> Self {
        let around = Around::new(&key.parameters(), now, window, &state, drift_limit);
        Self { key, typed: key.engine.form.read(text), around, state, checked: rejected(state) }
    }

    /// The answer: rejected until [`Totp::verify_batch`] has run.
    pub const fn checked(&self) -> &Checked<TotpState> {
        &self.checked
    }
}

/// One check of a batch: the arguments of [`Hotp::check`], and then its answer.
#[derive(Clone)]
pub struct HotpAttempt<'a> {
    key: &'a Hotp,
    typed: Typed,
    steps: Steps,
    state: HotpState,
    checked: Checked<HotpState>,
}

impl<'a> HotpAttempt<'a> {
    /// Takes the arguments of [`Hotp::check`].
    #[inline(always)]
    #[must_use]
    pub fn new(key: &'a Hotp, text: &str, window: Window, state: HotpState) -> Self {
        let steps = Steps::around(state.next, 0, window);
        Self { key, typed: key.engine.form.read(text), steps, state, checked: rejected(state) }
    }

    /// The answer: rejected until [`Hotp::verify_batch`] has run.
    pub const fn checked(&self) -> &Checked<HotpState> {
        &self.checked
    }
}

impl Totp {
    /// Checks many codes of many keys, each as [`Totp::check`] would. Two attempts on one key do not see each other:
    /// the states that went in decide, so only one of the answers can be stored.
    pub fn verify_batch(attempts: &mut [TotpAttempt<'_>]) {
        verify(attempts);
    }
}

impl Hotp {
    /// Checks many codes of many keys, each as [`Hotp::check`] would. Two attempts on one key do not see each other:
    /// the states that went in decide, so only one of the answers can be stored.
    pub fn verify_batch(attempts: &mut [HotpAttempt<'_>]) {
        verify(attempts);
    }
}

const fn rejected<S>(state: S) -> Checked<S> {
    Checked { verdict: Verdict::Rejected, reason: Reason::Wrong, state }
}

/// What a batch needs of an attempt.
trait Attempt<'a> {
    fn engine(&self) -> &'a Engine;
    fn steps(&self) -> Steps;
    fn typed(&self) -> Typed;
    fn conclude(&mut self, matched: u128);
}

impl<'a> Attempt<'a> for TotpAttempt<'a> {
    fn engine(&self) -> &'a Engine {
        &self.key.engine
    }

    fn steps(&self) -> Steps {
        self.around.steps
    }

    fn typed(&self) -> Typed {
        self.typed
    }

    fn conclude(&mut self, matched: u128) {
        self.checked = self.around.conclude(matched, self.typed.well_formed(), &self.state);
    }
}

impl<'a> Attempt<'a> for HotpAttempt<'a> {
    fn engine(&self) -> &'a Engine {
        &self.key.engine
    }

    fn steps(&self) -> Steps {
        self.steps
    }

    fn typed(&self) -> Typed {
        self.typed
    }

    fn conclude(&mut self, matched: u128) {
        self.checked = hotp::conclude(self.steps, matched, self.typed.well_formed(), &self.state);
    }
}

fn verify<'a>(attempts: &mut [impl Attempt<'a>]) {
    // Which hash a key has is public.
    let mut hashes = [false; 3];
    for attempt in attempts.iter() {
        match attempt.engine().mac {
            CounterMac::Sha1(_) => hashes[0] = true,
            CounterMac::Sha256(_) => hashes[1] = true,
            CounterMac::Sha512(_) => hashes[2] = true,
        }
    }
    if hashes[0] {
        verify_with(attempts, |mac| if let CounterMac::Sha1(key) = mac { Some(key) } else { None });
    }
    if hashes[1] {
        verify_with(attempts, |mac| if let CounterMac::Sha256(key) = mac { Some(key) } else { None });
    }
    if hashes[2] {
        verify_with(attempts, |mac| if let CounterMac::Sha512(key) = mac { Some(key) } else { None });
    }
}

/// The attempts whose keys have one hash.
fn verify_with<'a, H: Hash>(
    attempts: &mut [impl Attempt<'a>],
    select: impl Fn(&'a CounterMac) -> Option<&'a MacKey<H>>,
) {
    let mut rest = attempts;
    while let Some(first) = rest.iter().find_map(|attempt| select(&attempt.engine().mac)) {
        let mut keys = [first; TOGETHER];
        let mut counters = [0; TOGETHER];
        let mut values = [0; TOGETHER];
        // As many attempts as fit: a window is never wider than what goes together.
        let (mut filled, mut taken) = (0usize, 0usize);
        for attempt in rest.iter() {
            if let Some(key) = select(&attempt.engine().mac) {
                let steps = attempt.steps();
                let places = keys[filled..].iter_mut().zip(&mut counters[filled..]);
                if steps.count as usize > places.len() {
                    break;
                }
                for (index, (place, counter)) in (0..steps.count).zip(places) {
                    (*place, *counter) = (key, steps.at(index).0);
                    filled += 1;
                }
            }
            taken += 1;
        }
        zamok_lanes::batch(&keys[..filled], &counters[..filled], &mut values[..filled]);

        let (now, later) = rest.split_at_mut(taken);
        let mut computed = &values[..filled];
        for attempt in now.iter_mut().filter(|attempt| select(&attempt.engine().mac).is_some()) {
            let steps = attempt.steps();
            let (own, others) = computed.split_at(steps.count as usize);
            computed = others;
            attempt.conclude(compare(attempt.engine().form, own, steps, &attempt.typed()));
        }
        values.zeroize();
        rest = later;
    }
}

impl fmt::Debug for TotpAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TotpAttempt").field("key", self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for HotpAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HotpAttempt").field("key", self.key).finish_non_exhaustive()
    }
}
