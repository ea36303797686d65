//! Errors: one number, one class of `zamok.errors`, one message. The table is `docs/errors.md`.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use zamok::{CoreError, Error};

/// An error of the house on its way to Python.
#[derive(Debug)]
pub(crate) struct Fault(Error);

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<Fault> for PyErr {
    fn from(Fault(error): Fault) -> Self {
        Python::attach(|py| raised(py, error).unwrap_or_else(|problem| problem))
    }
}

fn raised(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    // The commonest by far, and the one that somebody may cause a million times an hour: no text, no look-up.
    if error == Error::Core(CoreError::Rejected) {
        static REJECTED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        // Made at once: a lazy one costs an allocation and a detour more.
        return Ok(PyErr::from_value(REJECTED.import(py, "zamok.errors", "Rejected")?.call0()?));
    }
    static BY_CODE: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let by_code = BY_CODE.get_or_try_init(py, || {
        let table = py.import("zamok.errors")?.getattr("BY_CODE")?;
        table.cast_into::<PyDict>().map(Bound::unbind).map_err(PyErr::from)
    })?;
    // A number without a class is a version of the package that was put together wrongly; the error is told all the same.
    let Some(class) = by_code.bind(py).get_item(error.code())? else {
        return Ok(PyException::new_err(format!("{error} ({})", error.code())));
    };
    let raised = class.call1((error.to_string(),))?;
    match error {
        Error::Core(CoreError::UnlockNotBefore(until)) => raised.setattr("until", until)?,
        Error::Core(CoreError::CodeCharacter(position)) => raised.setattr("position", position)?,
        Error::Core(CoreError::Base32(position)) => raised.setattr("position", position)?,
        Error::ResendTooSoon { seconds } => raised.setattr("seconds", seconds)?,
        _ => {}
    }
    Ok(PyErr::from_value(raised))
}
