//! HOTP (RFC 4226).

use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::otp::{self, HotpParameters, OtpUri};

use crate::fault::Fault;
use crate::totp::typed;
use crate::values::{HotpChecked, HotpState};
use crate::{parameters, secret, uri};

/// An HOTP key (RFC 4226), ready to generate and to check; wiped when it is dropped.
///
/// `secret` is a `zamok.Secret` or at least 16 bytes of bytes-like data; `algorithm` is SHA1, SHA256 or SHA512; `digits` are 6 to
/// 10. Counters are 0 to 2⁶⁴ − 1.
///
/// A key may be used by any number of threads at once. `repr` shows no secret; copies and pickles are refused.
///
/// Raises `SecretTooShort`, `SecretTooLong`, `Digits`; `ValueError` for an unknown algorithm.
#[pyclass(frozen, module = "zamok.hotp")]
#[derive(Debug)]
pub(crate) struct Hotp(pub(crate) Box<otp::Hotp>);

#[pymethods]
impl Hotp {
    #[new]
    #[pyo3(signature = (secret, /, *, algorithm="SHA1", digits=6))]
    fn new(secret: &Bound<'_, PyAny>, algorithm: &str, digits: u64) -> PyResult<Self> {
        let (algorithm, digits) = (parameters::algorithm(algorithm)?, parameters::digits(digits)?);
        Ok(Self(Box::new(otp::Hotp::new(&secret::given(secret)?, HotpParameters { algorithm, digits }))))
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

    /// The code of a counter (RFC 4226 §5.3), leading zeros included.
    #[pyo3(signature = (counter, /))]
    fn code<'py>(&self, py: Python<'py>, counter: u64) -> Bound<'py, PyString> {
        PyString::new(py, self.0.code(counter).as_str())
    }

    /// Looks a typed code up from `counter` to `look_ahead` beyond it (RFC 4226 §7.4), and returns its counter.
    ///
    /// The caller has to spend it: store the counter + 1 as the next one, in a compare-and-set, before acting on it; `check` with
    /// a stored state, or a `Vault`, does it for you, and keeps the same digits from being accepted at another counter. Every
    /// counter is computed, in constant time; of several with the same digits this is the lowest.
    ///
    /// Raises `Rejected` for any wrong, malformed or other text; `WindowTooWide` beyond 128 counters.
    #[pyo3(signature = (code, counter, *, look_ahead=0))]
    fn verify(&self, code: &Bound<'_, PyString>, counter: u64, look_ahead: u64) -> PyResult<u64> {
        let (text, window) = (typed(code), parameters::window(0, look_ahead)?);
        let verified = if parameters::is_long(self.0.parameters().algorithm, window.count()) {
            code.py().detach(|| self.0.verify(text, counter, window))
        } else {
            self.0.verify(text, counter, window)
        };
        Ok(verified.map_err(Fault::from)?.step)
    }

    /// Checks a typed code against a stored state, and returns what it came to with the state to store.
    ///
    /// `past` counters before the next one are computed as well, so that a code repeated by mistake is told from a wrong one in
    /// `HotpChecked.reason`; they are never accepted.
    ///
    /// Raises `WindowTooWide` beyond 128 counters.
    #[pyo3(signature = (code, *, state, look_ahead=0, past=0))]
    fn check(
        &self,
        code: &Bound<'_, PyString>,
        state: HotpState,
        look_ahead: u64,
        past: u64,
    ) -> PyResult<HotpChecked> {
        let (text, window, state) = (typed(code), parameters::window(past, look_ahead)?, state.inner());
        Ok(HotpChecked(code.py().detach(|| self.0.check(text, window, &state))))
    }

    /// Finds two codes that a token showed one after the other (RFC 4226 §7.4), from the next counter up to `look_ahead`, at
    /// most 9,999, beyond it. Both are spent by the state that comes out.
    ///
    /// Raises `WindowTooWide`.
    #[pyo3(signature = (first, second, *, state, look_ahead))]
    fn resynchronise(
        &self,
        first: &Bound<'_, PyString>,
        second: &Bound<'_, PyString>,
        state: HotpState,
        look_ahead: u64,
    ) -> PyResult<HotpChecked> {
        let (one, two, state) = (typed(first), typed(second), state.inner());
        let look_ahead = parameters::search(look_ahead);
        let found = first.py().detach(|| self.0.resynchronise(one, two, look_ahead, &state));
        Ok(HotpChecked(found.map_err(Fault::from)?))
    }

    fn __repr__(&self) -> String {
        let HotpParameters { algorithm, digits } = self.0.parameters();
        format!("<zamok.hotp.Hotp {}, {digits} digits, key redacted>", algorithm.otpauth_name())
    }
}

/// The `otpauth://` URI of a key for its owner's app: it holds the secret, which Python cannot wipe.
///
/// Raises `UriLabel`, `UriTooLong`.
#[pyfunction]
#[pyo3(signature = (secret, account, *, issuer=None, algorithm="SHA1", digits=6, counter=0))]
pub(crate) fn hotp_uri<'py>(
    secret: &Bound<'py, PyAny>,
    account: &str,
    issuer: Option<&str>,
    algorithm: &str,
    digits: u64,
    counter: u64,
) -> PyResult<Bound<'py, PyString>> {
    let (algorithm, digits) = (parameters::algorithm(algorithm)?, parameters::digits(digits)?);
    let parameters = HotpParameters { algorithm, digits };
    let described =
        OtpUri::hotp(issuer, account, &secret::given(secret)?, parameters, counter).map_err(Fault::from)?;
    Ok(uri::text(secret.py(), &described))
}
