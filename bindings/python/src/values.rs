//! Values that callers keep and store themselves: the state of a key, and what a check came to.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use zamok::otp::{self, Checked, Verdict};

/// What is remembered of a TOTP key that verifies: `TotpState(last_step=None, drift=0)` is a new key.
///
/// `last_step` is the last accepted time step: it and all before it are spent. `drift` is how far the token's clock was seen to
/// lie from ours, in steps (RFC 6238 §6).
///
/// Not a secret. Store the state that a check returns, in one compare-and-set against the state that went in, before anybody
/// is let in: only that spends the code.
#[pyclass(frozen, eq, hash, from_py_object, module = "zamok.totp")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TotpState {
    /// The last accepted time step, or None.
    #[pyo3(get)]
    last_step: Option<u64>,
    /// Steps that the token's clock is ahead of ours.
    #[pyo3(get)]
    drift: i32,
}

#[pymethods]
impl TotpState {
    #[new]
    #[pyo3(signature = (last_step=None, drift=0))]
    const fn new(last_step: Option<u64>, drift: i32) -> Self {
        Self { last_step, drift }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (Option<u64>, i32)) {
        (py.get_type::<Self>().into_any(), (self.last_step, self.drift))
    }

    fn __repr__(&self) -> String {
        let last = self.last_step.map_or("None".to_owned(), |step| step.to_string());
        format!("TotpState(last_step={last}, drift={})", self.drift)
    }
}

impl TotpState {
    pub(crate) const fn inner(self) -> otp::TotpState {
        otp::TotpState { last_step: self.last_step, drift: self.drift }
    }
}

impl From<otp::TotpState> for TotpState {
    fn from(state: otp::TotpState) -> Self {
        Self { last_step: state.last_step, drift: state.drift }
    }
}

/// What is remembered of an HOTP key that verifies: `HotpState(next=0, burned=0)` is a new key.
///
/// `next` is the next counter that may be accepted. `burned` is a bitmap of 128 bits, bit i for `next` + i: counters that showed
/// the digits of a code that was accepted for an earlier one.
///
/// Not a secret; see `TotpState` for how to store it.
#[pyclass(frozen, eq, hash, from_py_object, module = "zamok.hotp")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HotpState {
    /// The next counter that may be accepted.
    #[pyo3(get)]
    next: u64,
    burned: u128,
}

#[pymethods]
impl HotpState {
    #[new]
    #[pyo3(signature = (next=0, burned=None))]
    fn new(next: u64, burned: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let burned = match burned {
            None => 0,
            Some(burned) => {
                burned.extract::<u128>().map_err(|_| PyValueError::new_err("burned is an int of 128 bits"))?
            }
        };
        Ok(Self { next, burned })
    }

    /// Burned counters: bit i stands for `next` + i.
    #[getter]
    const fn burned(&self) -> u128 {
        self.burned
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (u64, u128)) {
        (py.get_type::<Self>().into_any(), (self.next, self.burned))
    }

    fn __repr__(&self) -> String {
        format!("HotpState(next={}, burned={:#x})", self.next, self.burned)
    }
}

impl HotpState {
    pub(crate) const fn inner(self) -> otp::HotpState {
        otp::HotpState { next: self.next, burned: self.burned }
    }
}

impl From<otp::HotpState> for HotpState {
    fn from(state: otp::HotpState) -> Self {
        Self { next: state.next, burned: state.burned }
    }
}

/// An answer that is asked for by name: `if checked:` would let everybody in.
fn no_truth() -> PyErr {
    PyTypeError::new_err("a check is neither true nor false: store its .state, then ask .accepted")
}

fn step(verdict: Verdict) -> Option<u64> {
    verdict.accepted().ok().map(|matched| matched.step)
}

fn drift(verdict: Verdict) -> Option<i32> {
    match verdict {
        Verdict::Accepted { drift, .. } => Some(drift),
        Verdict::Rejected => None,
    }
}

/// A check of a TOTP or Steam code with all that it leads to.
///
/// The code is spent only when `state` has been stored in place of the state that went in. `reason` is for a journal that the
/// operator reads, never for whoever typed the code. `bool()` of it is an error.
#[pyclass(frozen, module = "zamok.totp")]
#[derive(Debug)]
pub(crate) struct TotpChecked(pub(crate) Checked<otp::TotpState>);

#[pymethods]
impl TotpChecked {
    /// Whether the code belongs to a step that was not spent before.
    #[getter]
    fn accepted(&self) -> bool {
        step(self.0.verdict).is_some()
    }

    /// The accepted time step, or None.
    #[getter]
    fn step(&self) -> Option<u64> {
        step(self.0.verdict)
    }

    /// Steps from the present one by this clock to the accepted one (negative: the token is behind), or None.
    #[getter]
    fn drift(&self) -> Option<i32> {
        drift(self.0.verdict)
    }

    /// Why it ended so, in words for the operator.
    #[getter]
    fn reason(&self) -> String {
        self.0.reason.to_string()
    }

    /// The state to store: the one that went in, when the code was rejected.
    #[getter]
    fn state(&self) -> TotpState {
        self.0.state.into()
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(no_truth())
    }

    fn __repr__(&self) -> String {
        format!("<zamok.totp.TotpChecked: {}>", self.0.reason)
    }
}

/// A check of an HOTP code with all that it leads to: see `zamok.totp.TotpChecked`.
#[pyclass(frozen, module = "zamok.hotp")]
#[derive(Debug)]
pub(crate) struct HotpChecked(pub(crate) Checked<otp::HotpState>);

#[pymethods]
impl HotpChecked {
    /// Whether the code belongs to a counter that was neither spent nor burned.
    #[getter]
    fn accepted(&self) -> bool {
        step(self.0.verdict).is_some()
    }

    /// The accepted counter, or None.
    #[getter]
    fn counter(&self) -> Option<u64> {
        step(self.0.verdict)
    }

    /// Codes that the token had run ahead, or None.
    #[getter]
    fn ahead(&self) -> Option<i32> {
        drift(self.0.verdict)
    }

    /// Why it ended so, in words for the operator.
    #[getter]
    fn reason(&self) -> String {
        self.0.reason.to_string()
    }

    /// The state to store: the one that went in, when the code was rejected.
    #[getter]
    fn state(&self) -> HotpState {
        self.0.state.into()
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(no_truth())
    }

    fn __repr__(&self) -> String {
        format!("<zamok.hotp.HotpChecked: {}>", self.0.reason)
    }
}
