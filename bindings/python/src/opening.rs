//! How a vault is made and opened: where, with what, under which numbers, by which clock.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::policy::{PolicyFault, Profile};
use zamok::{
    Argon2Cost, Clock as _, Credential, ManualClock as Inner, Options, Passphrase, Policy, Role, SecretKey,
    StoreUrl,
};

use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::moment;

/// A clock that is set by hand, for tests: `ManualClock(start)`. Any number of vaults may go by one.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct ManualClock(Inner);

#[pymethods]
impl ManualClock {
    #[new]
    #[pyo3(signature = (start, /))]
    fn new(start: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Inner::new(moment::read(start)?)))
    }

    /// What it shows, in seconds since 1970.
    #[getter]
    fn now(&self) -> u64 {
        self.0.now().0
    }

    /// Sets it.
    #[pyo3(signature = (to, /))]
    fn set(&self, to: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.set(moment::read(to)?);
        Ok(())
    }

    /// Puts it forward by so many seconds.
    #[pyo3(signature = (seconds, /))]
    fn advance(&self, seconds: u64) {
        self.0.advance(seconds);
    }

    fn __repr__(&self) -> String {
        format!("<zamok.ManualClock at {}>", self.0.now().0)
    }
}

/// What opens a slot: a passphrase, or a key of 32 bytes.
#[derive(Debug)]
pub(crate) enum Opener {
    Passphrase(Passphrase),
    Key(SecretKey),
}

impl Opener {
    /// A passphrase is `str`, or bytes-like data that the caller can wipe afterwards; a key is 32 bytes.
    pub(crate) fn of(
        passphrase: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        match (passphrase, key) {
            (Some(passphrase), None) => Ok(Self::Passphrase(self::passphrase(passphrase)?)),
            (None, Some(key)) => {
                let bytes = Bytes::of(key)?;
                Ok(Self::Key(SecretKey::from_slice(bytes.as_slice()).map_err(Fault::from)?))
            }
            _ => Err(PyTypeError::new_err("give a passphrase or a key, and not both")),
        }
    }

    pub(crate) const fn credential(&self) -> Credential<'_> {
        match self {
            Self::Passphrase(passphrase) => Credential::Passphrase(passphrase),
            Self::Key(key) => Credential::Key(key),
        }
    }
}

/// A passphrase: `str`, or bytes-like data that the caller can wipe afterwards.
pub(crate) fn passphrase(given: &Bound<'_, PyAny>) -> PyResult<Passphrase> {
    Ok(match given.cast::<PyString>() {
        Ok(text) => Passphrase::from(text.to_str()?),
        Err(_) => Passphrase::from(Bytes::of(given)?.as_slice()),
    })
}

/// What a passphrase costs: memory in KiB, passes, lanes.
pub(crate) fn cost(given: Option<(u32, u32, u32)>) -> Argon2Cost {
    given.map_or_else(
        || Options::default().cost,
        |(memory_kib, passes, lanes)| Argon2Cost { memory_kib, passes, lanes },
    )
}

/// Where the store lies; a path need not be UTF-8.
pub(crate) fn place(url: OsString) -> Result<StoreUrl, Fault> {
    Ok(StoreUrl::parse(url)?)
}

/// The options of an opening.
pub(crate) fn options(
    cost: Option<(u32, u32, u32)>,
    idle: Option<u64>,
    clock: Option<&Bound<'_, ManualClock>>,
) -> Options {
    let (idle, cost) = (idle.map(Duration::from_secs), self::cost(cost));
    let mut options = Options { idle, cost, ..Options::default() };
    if let Some(clock) = clock {
        options.clock = Arc::new(clock.get().0.clone());
    }
    options
}

pub(crate) fn role(name: &str) -> PyResult<Role> {
    match name {
        "user" => Ok(Role::User),
        "officer" => Ok(Role::Officer),
        "auditor" => Ok(Role::Auditor),
        _ => Err(PyValueError::new_err("the role is \"user\", \"officer\" or \"auditor\"")),
    }
}

/// The numbers to go by: the name of a profile, or a policy's TOML.
pub(crate) fn policy(text: Option<&str>) -> PyResult<Policy> {
    match text {
        None => Ok(Policy::default()),
        Some(text) => match Profile::named(text) {
            Some(profile) => Ok(Policy::of(profile)),
            None => Python::attach(|py| Policy::from_toml(text).map_err(|fault| unsound(py, &fault))),
        },
    }
}

/// The class of number 611, with everything that is wrong with the text.
fn unsound(py: Python<'_>, fault: &PolicyFault) -> PyErr {
    let class = py.import("zamok.errors").and_then(|module| module.getattr("PolicyUnsound"));
    class
        .and_then(|class| class.call1((fault.to_string(),)))
        .map_or_else(|problem| problem, PyErr::from_value)
}

/// Every number of a policy as TOML: of a profile (`"strict"`, `"seeds"`, `"nist-aal2"`), or of a text that names those that
/// differ. What the numbers mean, and where they come from, is in docs/policy.md.
///
/// Raises `PolicyUnsound`.
#[pyfunction]
#[pyo3(signature = (policy="strict", /))]
pub(crate) fn policy_text(policy: &str) -> PyResult<String> {
    Ok(self::policy(Some(policy))?.to_toml())
}
