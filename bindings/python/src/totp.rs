//! TOTP (RFC 6238).

use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::otp::{self, OtpUri, TotpParameters};
use zamok::secret::Base32Reading;

use crate::fault::Fault;
use crate::values::{TotpChecked, TotpState};
use crate::{moment, parameters, secret, uri};

/// A TOTP key (RFC 6238), ready to generate and to check; wiped when it is dropped.
///
/// `secret` is a `zamok.Secret` or at least 16 bytes of bytes-like data; `algorithm` is SHA1, SHA256 or SHA512; `digits` are 6 to
/// 10; `period` is the time step in seconds; `t0` is when step 0 begins. The defaults are what authenticator apps expect.
///
/// Times are whole seconds since 1970 (`int`) or `datetime` with a zone; `None` is now. A naive `datetime` raises
/// `NaiveDatetime`, a `float` raises `TypeError`.
///
/// A key may be used by any number of threads at once. `repr` shows no secret; copies and pickles are refused.
///
/// Raises `SecretTooShort`, `SecretTooLong`, `Digits`, `PeriodZero`; `ValueError` for an unknown algorithm.
// Boxed: the key wants the border of a cache line, which memory of Python does not have.
#[pyclass(frozen, module = "zamok.totp")]
#[derive(Debug)]
pub(crate) struct Totp(pub(crate) Box<otp::Totp>);

#[pymethods]
impl Totp {
    #[new]
    #[pyo3(signature = (secret, /, *, algorithm="SHA1", digits=6, period=30, t0=None))]
    fn new(
        secret: &Bound<'_, PyAny>,
        algorithm: &str,
        digits: u64,
        period: u64,
        t0: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let t0 = t0.map(moment::read).transpose()?.unwrap_or_default();
        let (algorithm, digits) = (parameters::algorithm(algorithm)?, parameters::digits(digits)?);
        let secret = secret::given(secret)?;
        let totp = otp::Totp::new(&secret, TotpParameters { algorithm, digits, period, t0 });
        Ok(Self(Box::new(totp.map_err(Fault::from)?)))
    }

    /// A key with the usual parameters from a secret in base32, read tolerantly.
    ///
    /// Raises as `zamok.Secret.from_base32`.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn from_base32(text: &Bound<'_, PyString>) -> PyResult<Self> {
        let read = zamok::secret::Secret::from_base32(secret::utf8(text)?, Base32Reading::Tolerant);
        let totp = read.and_then(|secret| otp::Totp::new(&secret, TotpParameters::default()));
        Ok(Self(Box::new(totp.map_err(Fault::from)?)))
    }

    /// The hash under the HMAC: SHA1, SHA256 or SHA512.
    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.parameters().algorithm.otpauth_name()
    }

    /// Digits of a code.
    #[getter]
    fn digits(&self) -> u8 {
        self.0.parameters().digits.count()
    }

    /// The time step, in seconds.
    #[getter]
    fn period(&self) -> u64 {
        self.0.parameters().period
    }

    /// When step 0 begins, in seconds since 1970.
    #[getter]
    fn t0(&self) -> u64 {
        self.0.parameters().t0.0
    }

    /// The code of a moment, leading zeros included.
    ///
    /// Raises `TimeBeforeT0`.
    #[pyo3(signature = (at=None))]
    fn code<'py>(&self, py: Python<'py>, at: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyString>> {
        let code = self.0.code_at(moment::at(at)?).map_err(Fault::from)?;
        Ok(PyString::new(py, code.as_str()))
    }

    /// The code of a time step.
    #[pyo3(signature = (step, /))]
    fn code_of_step<'py>(&self, py: Python<'py>, step: u64) -> Bound<'py, PyString> {
        PyString::new(py, self.0.code_of_step(step).as_str())
    }

    /// The time step of a moment (RFC 6238 §4.2).
    ///
    /// Raises `TimeBeforeT0`.
    #[pyo3(signature = (at=None))]
    fn step_at(&self, at: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
        Ok(self.0.step_at(moment::at(at)?).map_err(Fault::from)?)
    }

    /// For how many more seconds the code of this moment is the current one: 1 up to the period.
    ///
    /// Raises `TimeBeforeT0`.
    #[pyo3(signature = (at=None))]
    fn seconds_left(&self, at: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
        Ok(self.0.seconds_left(moment::at(at)?).map_err(Fault::from)?)
    }

    /// Looks a typed code up among the steps from `past` before to `future` after the present one, and returns the step.
    ///
    /// The caller has to spend the step: refuse it and every earlier one from then on, in a compare-and-set, before acting on
    /// it; `check` with a stored state, or a `Vault`, does it for you. Every step of the window is computed, in constant time. Of
    /// several steps with the same digits this is the highest. The default window is what RFC 6238 §5.2 recommends for delay, and
    /// as much for clocks that run ahead.
    ///
    /// Raises `Rejected` for any wrong, malformed or other text; `TimeBeforeT0`; `WindowTooWide` beyond 128 steps.
    #[pyo3(signature = (code, at=None, *, past=1, future=1))]
    fn verify(
        &self,
        code: &Bound<'_, PyString>,
        at: Option<&Bound<'_, PyAny>>,
        past: u64,
        future: u64,
    ) -> PyResult<u64> {
        let (now, window) = (moment::at(at)?, parameters::window(past, future)?);
        let text = typed(code);
        let verified = if parameters::is_long(self.0.parameters().algorithm, window.count()) {
            code.py().detach(|| self.0.verify(text, now, window))
        } else {
            self.0.verify(text, now, window)
        };
        Ok(verified.map_err(Fault::from)?.step)
    }

    /// Checks a typed code against a stored state, and returns what it came to with the state to store.
    ///
    /// The window lies around the present step plus the drift of the state, which is first brought within ± `drift_limit` steps.
    /// Wrong, spent and malformed codes and a time before T0 are answers, not errors: see `TotpChecked.reason`.
    ///
    /// Raises `WindowTooWide` beyond 128 steps.
    #[pyo3(signature = (code, at=None, *, state, past=1, future=1, drift_limit=0))]
    fn check(
        &self,
        code: &Bound<'_, PyString>,
        at: Option<&Bound<'_, PyAny>>,
        state: TotpState,
        past: u64,
        future: u64,
        drift_limit: u32,
    ) -> PyResult<TotpChecked> {
        let (now, window) = (moment::at(at)?, parameters::window(past, future)?);
        let (text, state) = (typed(code), state.inner());
        Ok(TotpChecked(code.py().detach(|| self.0.check(text, now, window, &state, drift_limit))))
    }

    /// Finds two codes that a token showed one after the other, the second of which it shows now (RFC 6238 §6): up to
    /// `drift_limit` steps, at most 4,999, to either side. Both are spent by the state that comes out.
    ///
    /// Raises `WindowTooWide`.
    #[pyo3(signature = (first, second, at=None, *, state, drift_limit))]
    fn resynchronise(
        &self,
        first: &Bound<'_, PyString>,
        second: &Bound<'_, PyString>,
        at: Option<&Bound<'_, PyAny>>,
        state: TotpState,
        drift_limit: u64,
    ) -> PyResult<TotpChecked> {
        let (now, drift_limit) = (moment::at(at)?, parameters::search(drift_limit));
        let (one, two, state) = (typed(first), typed(second), state.inner());
        let found = first.py().detach(|| self.0.resynchronise(one, two, now, drift_limit, &state));
        Ok(TotpChecked(found.map_err(Fault::from)?))
    }

    fn __repr__(&self) -> String {
        let TotpParameters { algorithm, digits, period, t0 } = self.0.parameters();
        let name = algorithm.otpauth_name();
        format!("<zamok.totp.Totp {name}, {digits} digits, {period} s from {}, key redacted>", t0.0)
    }
}

/// What a person typed. Text that has no UTF-8 (lone surrogates) is no code: an empty one, which costs the same work.
pub(crate) fn typed<'a>(code: &'a Bound<'_, PyString>) -> &'a str {
    code.to_str().unwrap_or("")
}

/// The `otpauth://` URI of a key for its owner's app: it holds the secret, which Python cannot wipe.
///
/// Raises `UriLabel`, `UriTooLong`.
#[pyfunction]
#[pyo3(signature = (secret, account, *, issuer=None, algorithm="SHA1", digits=6, period=30))]
pub(crate) fn totp_uri<'py>(
    secret: &Bound<'py, PyAny>,
    account: &str,
    issuer: Option<&str>,
    algorithm: &str,
    digits: u64,
    period: u64,
) -> PyResult<Bound<'py, PyString>> {
    let (algorithm, digits) = (parameters::algorithm(algorithm)?, parameters::digits(digits)?);
    let parameters = TotpParameters { algorithm, digits, period, ..TotpParameters::default() };
    let described =
        OtpUri::totp(issuer, account, &secret::given(secret)?, parameters).map_err(Fault::from)?;
    Ok(uri::text(secret.py(), &described))
}
