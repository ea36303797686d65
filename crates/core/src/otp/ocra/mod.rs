//! OCRA: challenge-response and signatures with one-time passwords (RFC 6287).
//!
//! A server issues a question, uses it once, and never computes responses to questions that a caller chose. A digest
//! to be signed goes into a suite with `QH64`.

mod input;
mod response;
mod suite;

use core::{fmt, slice};

use hmac::{Hmac, KeyInit, Mac};
use zamok_lanes::ct;
use zeroize::Zeroizing;

#[cfg(feature = "alloc")]
pub(crate) use input::encode;
pub use input::{OcraChallenge, OcraInput, OcraPassword, OcraSide};
pub use response::OcraResponse;
pub use suite::{OcraQuestionFormat, OcraSuite};

use input::DataInput;
use response::{Expected, Tag};

use super::mask::Bit;
use super::window::{Steps, Window};
use crate::error::{Error, OcraFault};
use crate::hash::HashAlgorithm;
use crate::secret::Secret;

/// Which counters and time steps a verification tries. What the suite does not name is not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OcraWindow {
    /// Around the expected counter. Counters before it are spent and not tried: only the look-ahead counts.
    pub counter: Window,
    /// Around the time step of the given time.
    pub time: Window,
}

impl OcraWindow {
    /// The expected counter and the present time step alone.
    pub const EXACT: Self = Self { counter: Window::EXACT, time: Window::EXACT };
}

/// What a verification matched. **The caller has to spend it**: the question, and the counter.
#[must_use = "the caller has to spend the question and the counter"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcraMatch {
    /// The counter, where the suite has one; the next one expected is one more.
    pub counter: Option<u64>,
    /// The time step, where the suite has one.
    pub time_step: Option<u64>,
}

/// An OCRA key with its suite, ready to respond and to verify. `Debug` shows no secret; wiped when dropped.
///
/// ```
/// use zamok_core::otp::{Ocra, OcraChallenge, OcraInput, OcraSuite, OcraWindow};
/// use zamok_core::secret::Secret;
///
/// let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08")?;
/// let ocra = Ocra::new(&Secret::new(b"12345678901234567890")?, suite);
/// let input = OcraInput::new(OcraChallenge::OneWay("11111111"));
/// assert_eq!(ocra.response(&input)?.to_string(), "243178"); // RFC 6287 appendix C.1
/// ocra.verify("243178", &input, OcraWindow::EXACT)?;
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Ocra {
    mac: Keyed,
    suite: OcraSuite,
}

impl Ocra {
    /// Prepares a key.
    #[must_use]
    pub fn new(secret: &Secret, suite: OcraSuite) -> Self {
        Self { mac: Keyed::new(suite.algorithm(), secret.expose()), suite }
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> &OcraSuite {
        &self.suite
    }

    /// Computes the response to a challenge (RFC 6287 §7.1, §7.2).
    ///
    /// # Errors
    /// An [`OcraFault`] where the inputs do not fit the suite.
    pub fn response(&self, input: &OcraInput<'_>) -> Result<OcraResponse, Error> {
        let data = DataInput::new(&self.suite, input)?;
        Ok(OcraResponse::new(&self.tag(&data, data.counter, data.time_step), self.suite.digits()))
    }

    /// Computes a signature over the question (RFC 6287 §7.3).
    ///
    /// # Errors
    /// Those of [`Ocra::response`]; [`OcraFault::Mode`] where the suite has session data, which signatures exclude.
    pub fn signature(&self, input: &OcraInput<'_>) -> Result<OcraResponse, Error> {
        self.signs()?;
        self.response(input)
    }

    /// Verifies a typed response, without storing anything.
    ///
    /// Every counter and time step of the windows is computed and compared in constant time, without an early exit;
    /// malformed text is rejected after the same work. Of several matches the lowest counter counts, and of those the
    /// highest time step. The caller spends the question and the counter.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a wrong or malformed text; an [`OcraFault`] where the inputs do not fit the suite;
    /// [`Error::WindowTooWide`] where counters times time steps are more than 128.
    pub fn verify(&self, text: &str, input: &OcraInput<'_>, window: OcraWindow) -> Result<OcraMatch, Error> {
        let data = DataInput::new(&self.suite, input)?;
        let counters = Steps::range(
            data.counter.unwrap_or(0),
            0,
            0,
            match data.counter {
                Some(_) => window.counter.future() + 1,
                None => 1,
            },
        );
        let times = match data.time_step {
            Some(step) => Steps::around(step, 0, window.time),
            None => Steps::range(0, 0, 0, 1),
        };
        let steps = u64::from(counters.count) * u64::from(times.count);
        if steps > u64::from(Window::MAX_STEPS) {
            return Err(Error::WindowTooWide { steps, limit: Window::MAX_STEPS });
        }
        let expected = Expected::read(text, self.suite.digits(), self.suite.algorithm().output_len());
        let (mut any, mut counter, mut time_step) = (Bit::NO, 0, 0);
        // What is found later replaces what was found before: counters fall, time steps rise.
        for counter_index in (0..counters.count).rev() {
            for time_index in 0..times.count {
                let (tried_counter, counter_exists) = counters.at(counter_index);
                let (tried_step, step_exists) = times.at(time_index);
                let tag =
                    self.tag(&data, data.counter.map(|_| tried_counter), data.time_step.map(|_| tried_step));
                // Hidden: whether a counter lies beyond the last one is nobody's business, and a loop would be split by it.
                let here = expected.is(&tag) & (counter_exists & step_exists).hidden();
                counter = here.pick(tried_counter, counter);
                time_step = here.pick(tried_step, time_step);
                any = any | here;
            }
        }
        // The outcome becomes public here.
        let found = any.value();
        ct::public(slice::from_ref(&found));
        if found == 0 {
            return Err(Error::Rejected);
        }
        Ok(OcraMatch { counter: data.counter.map(|_| counter), time_step: data.time_step.map(|_| time_step) })
    }

    /// Verifies a typed signature (RFC 6287 §7.3) as [`Ocra::verify`] does a response.
    ///
    /// # Errors
    /// Those of [`Ocra::verify`]; [`OcraFault::Mode`] where the suite has session data, which signatures exclude.
    pub fn verify_signature(
        &self,
        text: &str,
        input: &OcraInput<'_>,
        window: OcraWindow,
    ) -> Result<OcraMatch, Error> {
        self.signs()?;
        self.verify(text, input, window)
    }

    fn signs(&self) -> Result<(), Error> {
        if self.suite.session_len().is_some() { Err(Error::Ocra(OcraFault::Mode)) } else { Ok(()) }
    }

    fn tag(&self, data: &DataInput<'_>, counter: Option<u64>, time_step: Option<u64>) -> Tag {
        let mut bytes = Zeroizing::new([0; 64]);
        match &self.mac {
            Keyed::Sha1(mac) => {
                let mut mac = mac.clone();
                data.write(&self.suite, counter, time_step, |piece| mac.update(piece));
                bytes[..20].copy_from_slice(&mac.finalize().into_bytes());
            }
            Keyed::Sha256(mac) => {
                let mut mac = mac.clone();
                data.write(&self.suite, counter, time_step, |piece| mac.update(piece));
                bytes[..32].copy_from_slice(&mac.finalize().into_bytes());
            }
            Keyed::Sha512(mac) => {
                let mut mac = mac.clone();
                data.write(&self.suite, counter, time_step, |piece| mac.update(piece));
                bytes.copy_from_slice(&mac.finalize().into_bytes());
            }
        }
        Tag { bytes, len: self.suite.algorithm().output_len() }
    }
}

/// An HMAC key as midstates, for messages of any length; wiped when dropped.
#[derive(Clone)]
enum Keyed {
    Sha1(Hmac<sha1::Sha1>),
    Sha256(Hmac<sha2::Sha256>),
    Sha512(Hmac<sha2::Sha512>),
}

impl Keyed {
    fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        // HMAC takes keys of every length (RFC 2104 §2): the error cannot occur.
        const ANY: &str = "HMAC takes a key of any length";
        match algorithm {
            HashAlgorithm::Sha1 => Self::Sha1(Hmac::new_from_slice(key).expect(ANY)),
            HashAlgorithm::Sha256 => Self::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            HashAlgorithm::Sha512 => Self::Sha512(Hmac::new_from_slice(key).expect(ANY)),
        }
    }
}

impl fmt::Debug for Ocra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ocra({}, key redacted)", self.suite)
    }
}
