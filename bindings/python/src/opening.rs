//! How a vault is made and opened: where, with what, under which numbers, by which clock.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyFileExistsError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PySequence, PyString};
use zamok::backup::shares_in;
use zamok::journal::{Anchor, TrustPolicy};
use zamok::policy::{PolicyFault, Profile};
use zamok::witness::Client;
use zamok::{
    Argon2Cost, Clock as _, CoreError, FileAnchor, Freshness, ManualClock as Inner, Options, Passphrase,
    Pkcs11Key, Pkcs11Uri, Policy, Role, SecretKey, StoreUrl, Vault,
};
use zeroize::Zeroizing;

use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::moment;
use crate::secret::utf8;
use crate::slots::slot_number;

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

/// What opens a slot, where that is no passphrase: give it in the place of one, to `Vault.open` and wherever a vault is made or
/// opened. What it holds is wiped when it is dropped.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Credential(Arc<Opener>);

#[pymethods]
impl Credential {
    /// A key of 32 random bytes.
    ///
    /// Raises `TooLong` for another length.
    #[staticmethod]
    #[pyo3(signature = (key, /))]
    fn key(key: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::of(Opener::Key(key_of(key)?)))
    }

    /// Enough shares of those that `Slots.add_split` made: their texts, in a list or one after the other.
    ///
    /// Raises an error of the family `ShareError`; `Rejected` when one of them was altered.
    #[staticmethod]
    #[pyo3(signature = (texts, /))]
    fn shares(texts: &Bound<'_, PyAny>) -> PyResult<Self> {
        let texts = lines_of(texts)?;
        let text = str::from_utf8(&texts).map_err(|_| PyTypeError::new_err("shares are texts"))?;
        let key = shares_in(text).and_then(|shares| SecretKey::from_shares(&shares)).map_err(Fault::from)?;
        Ok(Self::of(Opener::Shares(key)))
    }

    /// A short PIN (`str` or bytes-like) with the secret of a device, 32 random bytes that lie elsewhere than the store: whoever copies
    /// the store tries every PIN.
    ///
    /// Raises `TooLong` for a secret of another length.
    #[staticmethod]
    #[pyo3(signature = (pin, device_secret, /))]
    fn pin(pin: &Bound<'_, PyAny>, device_secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::of(Opener::Pin(passphrase(pin)?, key_of(device_secret)?)))
    }

    /// A secret key in a PKCS#11 token, by its URI (RFC 7512) with the module, such as
    /// "pkcs11:token=vault;object=zamok?module-path=/usr/lib/softhsm/libsofthsm2.so"; the key computes one HMAC and does not leave. Without
    /// a `pin` (`str` or bytes-like) the token asks for it by itself. Nothing is asked before it is used.
    ///
    /// Raises an error of the family `TokenError` for a URI that is none, or that names no key or no module.
    #[staticmethod]
    #[pyo3(signature = (uri, pin=None, /))]
    fn token(uri: &Bound<'_, PyString>, pin: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        // A `pin-value` is refused, and must not be carried along by the error of another character.
        let (uri, pin) = (Pkcs11Uri::parse(utf8(uri)?), pin.map(passphrase).transpose()?);
        let key = uri.and_then(|uri| Pkcs11Key::new(uri, pin)).map_err(Fault::from)?;
        Ok(Self::of(Opener::Token(key)))
    }

    fn __repr__(&self) -> String {
        let method = match &*self.0 {
            Opener::Passphrase(_) => "a passphrase",
            Opener::Key(_) => "a key",
            Opener::Shares(_) => "shares",
            Opener::Pin(..) => "a PIN",
            Opener::Token(_) => "a token",
        };
        format!("<zamok.Credential of {method}, redacted>")
    }
}

impl Credential {
    pub(crate) fn of(opener: Opener) -> Self {
        Self(Arc::new(opener))
    }
}

/// What opens a slot.
#[derive(Debug)]
pub(crate) enum Opener {
    Passphrase(Passphrase),
    Key(SecretKey),
    Shares(SecretKey),
    Pin(Passphrase, SecretKey),
    Token(Pkcs11Key),
}

impl Opener {
    /// A passphrase is `str`, or bytes-like data that the caller can wipe afterwards, or a `Credential` in its place; a key is 32 bytes.
    pub(crate) fn of(
        passphrase: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Arc<Self>> {
        match (passphrase, key) {
            (Some(passphrase), None) => match passphrase.cast::<Credential>() {
                Ok(credential) => Ok(credential.get().0.clone()),
                Err(_) => Ok(Arc::new(Self::Passphrase(self::passphrase(passphrase)?))),
            },
            (None, Some(key)) => Ok(Arc::new(Self::Key(key_of(key)?))),
            _ => Err(PyTypeError::new_err("give a passphrase or a key, and not both")),
        }
    }

    pub(crate) const fn credential(&self) -> zamok::Credential<'_> {
        match self {
            Self::Passphrase(passphrase) => zamok::Credential::Passphrase(passphrase),
            Self::Key(key) => zamok::Credential::Key(key),
            Self::Shares(key) => zamok::Credential::Shares(key),
            Self::Pin(pin, device) => zamok::Credential::Pin { pin, device },
            Self::Token(key) => zamok::Credential::Token(key),
        }
    }
}

fn key_of(given: &Bound<'_, PyAny>) -> PyResult<SecretKey> {
    Ok(SecretKey::from_slice(Bytes::of(given)?.as_slice()).map_err(Fault::from)?)
}

/// Texts in a list, or in one, or bytes-like: each ends its line.
pub(crate) fn lines_of(given: &Bound<'_, PyAny>) -> PyResult<Zeroizing<Vec<u8>>> {
    let is_one = given.is_instance_of::<PyString>() || PyMemoryView::from(given).is_ok();
    if !is_one && given.cast::<PySequence>().is_ok() {
        let items = given.try_iter()?.map(|text| Ok(text?.cast_into::<PyString>()?));
        let items = items.collect::<PyResult<Vec<_>>>()?;
        let lines = items.iter().map(utf8).collect::<PyResult<Vec<_>>>()?;
        // Made long enough before: what grows leaves copies behind.
        let length = lines.iter().map(|line| line.len() + 1).sum();
        let mut texts = Zeroizing::new(Vec::with_capacity(length));
        for line in lines {
            texts.extend_from_slice(line.as_bytes());
            texts.push(b'\n');
        }
        return Ok(texts);
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Zeroizing::new(utf8(text)?.as_bytes().to_vec()));
    }
    Ok(Zeroizing::new(Bytes::of(given)?.as_slice().to_vec()))
}

/// A passphrase: `str`, or bytes-like data that the caller can wipe afterwards.
pub(crate) fn passphrase(given: &Bound<'_, PyAny>) -> PyResult<Passphrase> {
    Ok(match given.cast::<PyString>() {
        Ok(text) => Passphrase::from(utf8(text)?),
        Err(_) => Passphrase::from(Bytes::of(given)?.as_slice()),
    })
}

/// What a passphrase costs: memory in KiB, passes, lanes, within their bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost(Argon2Cost);

impl<'py> FromPyObject<'_, 'py> for Cost {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let bounded = match given.extract::<(u32, u32, u32)>() {
            Ok((memory_kib, passes, lanes)) => Argon2Cost { memory_kib, passes, lanes }.bounded().ok(),
            Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => None,
            Err(error) => return Err(error),
        };
        bounded.map(Self).ok_or_else(|| {
            let bounds = "8 to 4194304 KiB and at least 8 a lane, 1 to 64 passes, 1 to 16 lanes";
            PyValueError::new_err(format!(
                "a cost is (KiB of memory, passes, lanes): {bounds}; not {}",
                *given
            ))
        })
    }
}

pub(crate) fn cost(given: Option<Cost>) -> Argon2Cost {
    given.map_or_else(|| Options::default().cost, |Cost(cost)| cost)
}

/// Where the store lies; a path need not be UTF-8.
pub(crate) fn place(url: OsString) -> Result<StoreUrl, Fault> {
    Ok(StoreUrl::parse(url)?)
}

/// The options of an opening.
pub(crate) fn options(
    cost: Option<Cost>,
    idle: Option<u64>,
    clock: Option<&Bound<'_, ManualClock>>,
    slot: Option<u64>,
) -> PyResult<Options> {
    // `False` is 0, and means the contrary of what that would do.
    if idle == Some(0) {
        return Err(PyValueError::new_err("idle is a number of seconds from 1 on, or None for never"));
    }
    let slot = slot.map(slot_number).transpose()?;
    let (idle, cost) = (idle.map(Duration::from_secs), self::cost(cost));
    let mut options = Options { idle, cost, slot, ..Options::default() };
    if let Some(clock) = clock {
        options.clock = Arc::new(clock.get().0.clone());
    }
    Ok(options)
}

/// The options of a vault that is there, with what is asked whether it was put back: a file, or the witnesses of a policy.
pub(crate) fn under(options: Options, anchor: Option<PathBuf>, witnesses: Option<&str>) -> PyResult<Options> {
    let anchor: Arc<dyn Anchor> = match (anchor, witnesses) {
        (None, None) => return Ok(options),
        (Some(file), None) => Arc::new(FileAnchor::at(file)),
        (None, Some(policy)) => Arc::new(Client::new(TrustPolicy::parse(policy).map_err(|line| {
            PyValueError::new_err(format!("the witnesses are no policy from line {line} on"))
        })?)),
        _ => return Err(PyTypeError::new_err("give an anchor or its witnesses, and not both")),
    };
    Ok(Options { freshness: Freshness::Anchored(anchor), ..options })
}

/// The options of a vault that is made, with an anchor that is begun: its file is made, or is empty.
pub(crate) fn begun(options: Options, anchor: Option<PathBuf>) -> PyResult<Options> {
    if let Some(file) = &anchor {
        match FileAnchor::create(file) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::metadata(file)?.len() > 0 {
                    let told = format!("{} is there already, and remembers a log", file.display());
                    return Err(PyFileExistsError::new_err(told));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    under(options, anchor, None)
}

/// Gives the anchor of a new vault, where it has one, its first checkpoint, and has the vault open only with it. A vault that its
/// anchor knows nothing of must not ask for it.
pub(crate) fn anchored(vault: &Vault) -> Result<(), CoreError> {
    let (has_anchor, _) = vault.anchoring()?;
    if has_anchor {
        vault.checkpoint()?;
        vault.require_anchor()?;
    }
    Ok(())
}

/// The same for a vault that was made: who made it is told that it is there, whatever was wrong with the anchor.
pub(crate) fn made(vault: &Vault) -> PyResult<()> {
    anchored(vault).map_err(|error| {
        Python::attach(|py| {
            let raised = PyErr::from(Fault::from(error));
            let note = "the vault was made and opens, and is not kept by its anchor yet: mend that, then \
                        `zamok journal anchor`";
            // Without the note it is the same error.
            let _ = raised.value(py).call_method1("add_note", (note,));
            raised
        })
    })
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
            None => Python::attach(|py| {
                py.detach(|| Policy::from_toml(text)).map_err(|fault| unsound(py, &fault))
            }),
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
