//! What is in a person's hands on the way in: challenges, enrolments, offers; and what they type.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::{Approach, DeviceToken, Error, Evidence, Password, RequestId, UnixTime};

use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::keys::bytes_of;
use crate::totp::typed;

/// A challenge that waits for a code. Its id may travel to the client and back: one that was made up is rejected. Two with one id are
/// equal. `repr` shows what it is called in logs, and no id; a pickle holds the id.
#[pyclass(frozen, eq, hash, from_py_object, module = "zamok")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Challenge {
    id: [u8; 16],
    expires: UnixTime,
    by: Option<Evidence>,
}

// Two are one challenge when they have one id, whatever else is known of it.
impl PartialEq for Challenge {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Challenge {}

impl Hash for Challenge {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl From<zamok::Challenge> for Challenge {
    fn from(zamok::Challenge { id, expires, by }: zamok::Challenge) -> Self {
        Self { id, expires, by: Some(by) }
    }
}

impl Challenge {
    /// As the cabinet takes it, which looks at the id alone: how and until when, the vault knows.
    pub(crate) fn inner(&self) -> zamok::Challenge {
        let Self { id, expires, by } = *self;
        zamok::Challenge { id, expires, by: by.unwrap_or(Evidence::Generator) }
    }
}

#[pymethods]
impl Challenge {
    /// A challenge from what the client brought back: its `id`, as `Challenge.id` gave it. `expires` and `by` are for whoever kept them
    /// as well; to be answered, the id is enough.
    ///
    /// Raises `ValueError` for what is no id, or no name of a factor.
    #[new]
    #[pyo3(signature = (id, /, expires=0, by=None))]
    fn new(id: &Bound<'_, PyString>, expires: u64, by: Option<&str>) -> PyResult<Self> {
        let id = bytes_of(typed(id))
            .ok_or_else(|| PyValueError::new_err("the id of a challenge has 32 hexadecimal digits"))?;
        let by = by.map(|name| {
            Evidence::named(name).ok_or_else(|| PyValueError::new_err("this is no factor's name"))
        });
        Ok(Self { id, expires: UnixTime(expires), by: by.transpose()? })
    }

    /// Its id: 32 hexadecimal digits, a secret of whoever began, which may travel to that client and back, and into no log: what a
    /// device approves needs nothing else from whoever brings it. For logs there is `reference`.
    #[getter]
    fn id(&self) -> String {
        hex(self.id)
    }

    /// What the store, the journal and requests to devices call it: 32 hexadecimal digits, for logs. It answers nothing.
    #[getter]
    fn reference(&self) -> String {
        hex(self.inner().reference())
    }

    /// When it ends, in seconds since 1970; 0 where only the id is known.
    #[getter]
    const fn expires(&self) -> u64 {
        self.expires.0
    }

    /// What it is to be answered with, such as "generator"; None where only the id is known.
    #[getter]
    fn by(&self) -> Option<&'static str> {
        self.by.map(Evidence::name)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (String, u64, Option<&'static str>)) {
        (py.get_type::<Self>().into_any(), (self.id(), self.expires(), self.by()))
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Challenge {}>", self.reference())
    }
}

/// A right to enrol a second factor of an account, or a phone or an address. Its id may travel to the client and back, to this process or
/// another: one that was made up is rejected when something is offered in it. Two with one id are equal. `repr` shows what it is called in
/// logs, and no id; it is neither copied nor pickled.
#[pyclass(frozen, eq, hash, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Enrolment(pub(crate) zamok::Enrolment);

// As with challenges: the id is the enrolment.
impl PartialEq for Enrolment {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Enrolment {}

impl Hash for Enrolment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

#[pymethods]
impl Enrolment {
    /// An enrolment from what the client brought back: its `id`, as `Enrolment.id` gave it. `expires` is for whoever kept it as well.
    ///
    /// Raises `ValueError` for what is no id.
    #[new]
    #[pyo3(signature = (id, /, expires=0))]
    fn new(id: &Bound<'_, PyString>, expires: u64) -> PyResult<Self> {
        let id = bytes_of(typed(id))
            .ok_or_else(|| PyValueError::new_err("the id of an enrolment has 32 hexadecimal digits"))?;
        Ok(Self(zamok::Enrolment { id, expires: UnixTime(expires) }))
    }

    /// Its id: 32 hexadecimal digits, a secret of whoever began, which may travel to that client and back, and into no log: it takes
    /// whatever factor its bearer offers. For logs there is `reference`.
    #[getter]
    fn id(&self) -> String {
        hex(self.0.id)
    }

    /// What the store and the journal call it: 32 hexadecimal digits, for logs. It enrols nothing.
    #[getter]
    fn reference(&self) -> String {
        hex(self.0.reference())
    }

    /// When it ends, in seconds since 1970; 0 where only the id is known.
    #[getter]
    const fn expires(&self) -> u64 {
        self.0.expires.0
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Enrolment {}>", self.reference())
    }
}

/// A generator that was offered: what the person scans, shown this once. `repr` shows no secret.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Offer(pub(crate) zamok::Offer);

#[pymethods]
impl Offer {
    /// The `otpauth://` URI with the secret, as a text that Python cannot wipe: `zamok.qr` draws it.
    #[getter]
    fn uri<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, self.0.uri.as_str())
    }

    fn __repr__(&self) -> &'static str {
        "<zamok.Offer, redacted>"
    }
}

/// A password: `str`, or UTF-8 in bytes-like data that the caller can wipe. What is neither is misuse; what has no UTF-8 is a
/// password that nobody has.
pub(crate) fn password_of(given: &Bound<'_, PyAny>) -> PyResult<Password> {
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Password::new(typed(text)));
    }
    let bytes = Bytes::of(given)?;
    Ok(Password::new(std::str::from_utf8(bytes.as_slice()).unwrap_or("")))
}

/// What a service knows of whoever knocks. A token that is none is that of a stranger, as one of another vault is.
pub(crate) fn approach(
    client: &str,
    device: Option<&str>,
    address: Option<&str>,
    language: &str,
) -> PyResult<Approach> {
    let address = address_of(address)?;
    let device = device.and_then(DeviceToken::parse);
    Ok(Approach { client: client.into(), device, address, language: language.into(), ..Approach::default() })
}

/// The sort of factor that is asked for by its name; what nobody has the name of is not to be had.
pub(crate) fn method_of(name: Option<&str>) -> Result<Option<Evidence>, Fault> {
    Ok(name.map(|name| Evidence::named(name).ok_or(Error::MethodUnavailable)).transpose()?)
}

/// The network address from which somebody comes, as the service sees it; None where it is not known.
pub(crate) fn address_of(text: Option<&str>) -> PyResult<Option<IpAddr>> {
    let parsed = text.map(str::parse::<IpAddr>).transpose();
    parsed.map_err(|_| PyValueError::new_err("this is no network address"))
}

fn hex(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

pub(crate) fn request_of(text: &str) -> PyResult<RequestId> {
    let id = bytes_of(text);
    id.map(RequestId).ok_or_else(|| PyValueError::new_err("the name of a request has 32 hexadecimal digits"))
}
