//! Times as Python gives them: whole seconds since 1970, or a `datetime` that knows its zone.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyType};
use zamok::{CoreError, UnixTime};

use crate::fault::Fault;

/// The given time, or that of the system's clock.
pub(crate) fn at(given: Option<&Bound<'_, PyAny>>) -> PyResult<UnixTime> {
    match given {
        Some(given) => read(given),
        // A clock before 1970 is the beginning of time: every TOTP window begins there.
        None => Ok(UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())),
    }
}

/// Reads a time.
pub(crate) fn read(given: &Bound<'_, PyAny>) -> PyResult<UnixTime> {
    // By far the commonest, and cheap: exactly an `int`.
    if given.is_exact_instance_of::<PyInt>() {
        return seconds(given);
    }
    let py = given.py();
    static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if given.is_instance(DATETIME.import(py, "datetime", "datetime")?)? {
        return zoned(given);
    }
    if given.is_instance_of::<PyBool>() || given.is_instance_of::<PyFloat>() {
        return Err(PyTypeError::new_err(
            "a time is an int of whole seconds since 1970, or a datetime with a zone; use int(time.time())",
        ));
    }
    // Whatever has `__index__`: integers of other packages.
    seconds(given)
}

fn seconds(given: &Bound<'_, PyAny>) -> PyResult<UnixTime> {
    match given.extract::<u64>() {
        Ok(seconds) => Ok(UnixTime(seconds)),
        Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) && given.lt(0)? => {
            Err(Fault::from(CoreError::TimeBeforeT0).into())
        }
        Err(error) => Err(error),
    }
}

/// The whole seconds from 1970 to an aware `datetime`, its fold and its zone's rules minded; parts of a second are dropped.
fn zoned(given: &Bound<'_, PyAny>) -> PyResult<UnixTime> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = given.py();
    if given.call_method0("utcoffset")?.is_none() {
        let class = py.import("zamok.errors")?.getattr("NaiveDatetime")?;
        let raised = class.call1((
            "a datetime without a zone could be any of 26 hours: use datetime.now(timezone.utc), or .astimezone()",
        ))?;
        return Err(PyErr::from_value(raised));
    }
    let epoch = EPOCH.get_or_try_init(py, || {
        let module = py.import("datetime")?;
        let utc = module.getattr("timezone")?.getattr("utc")?;
        module.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc)).map(Bound::unbind)
    })?;
    let since = given.sub(epoch.bind(py))?;
    let (days, seconds): (i64, i64) =
        (since.getattr("days")?.extract()?, since.getattr("seconds")?.extract()?);
    u64::try_from(days * 86_400 + seconds)
        .map(UnixTime)
        .map_err(|_| Fault::from(CoreError::TimeBeforeT0).into())
}

/// A time as a `datetime` in UTC.
pub(crate) fn in_utc(py: Python<'_>, time: UnixTime) -> PyResult<Bound<'_, PyAny>> {
    let module = py.import("datetime")?;
    let utc = module.getattr("timezone")?.getattr("utc")?;
    module.getattr("datetime")?.call_method1("fromtimestamp", (time.0, utc))
}
