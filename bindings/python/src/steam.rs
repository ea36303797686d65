//! Steam Guard codes: TOTP whose codes are five letters.

use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::otp;

use crate::fault::Fault;
use crate::totp::typed;
use crate::values::{TotpChecked, TotpState};
use crate::{moment, parameters, secret};

/// A Steam Guard key: SHA-1, steps of 30 seconds from 1970, codes of five characters; wiped when it is dropped.
///
/// Arguments, times and rules are those of `zamok.totp.Totp`. Typed codes are read in either case.
#[pyclass(frozen, module = "zamok.totp")]
#[derive(Debug)]
pub(crate) struct Steam(Box<otp::Steam>);

#[pymethods]
impl Steam {
    #[new]
    #[pyo3(signature = (secret, /))]
    fn new(secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Box::new(otp::Steam::new(&secret::given(secret)?))))
    }

    /// The code of a moment.
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

    /// Looks a typed code up, as `zamok.totp.Totp.verify` does: the caller has to spend the step.
    ///
    /// Raises `Rejected`, `WindowTooWide`.
    #[pyo3(signature = (code, at=None, *, past=1, future=1))]
    fn verify(
        &self,
        code: &Bound<'_, PyString>,
        at: Option<&Bound<'_, PyAny>>,
        past: u64,
        future: u64,
    ) -> PyResult<u64> {
        let (now, window, text) = (moment::at(at)?, parameters::window(past, future)?, typed(code));
        Ok(code.py().detach(|| self.0.verify(text, now, window)).map_err(Fault::from)?.step)
    }

    /// Checks a typed code against a stored state, as `zamok.totp.Totp.check` does.
    ///
    /// Raises `WindowTooWide`.
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

    fn __repr__(&self) -> &'static str {
        "<zamok.totp.Steam, key redacted>"
    }
}
