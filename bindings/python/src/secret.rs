//! Shared secrets of one-time-password keys.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use zamok::CoreError;
use zamok::otp::base32;
use zamok::secret::{Base32Reading, Secret as Inner};
use zeroize::Zeroizing;

use crate::buffer::Bytes;
use crate::fault::Fault;

/// The shared secret of a one-time-password key: 16 to 128 bytes (RFC 4226 §4, R6), wiped when it is dropped.
///
/// `Secret(data)` takes bytes-like data; text comes in through `from_base32`. `accept_weak=True` takes secrets from one byte
/// on, although one below 128 bits can be guessed from a few observed codes: for keys of issuers that made them so.
///
/// `repr` shows no secret; copies and pickles are refused. Python cannot wipe the `bytes` or `str` that a secret was made from:
/// read it into a `bytearray` and overwrite that, or let the vault make it.
///
/// Raises `SecretTooShort`, `SecretTooLong`.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Secret(pub(crate) Inner);

#[pymethods]
impl Secret {
    #[new]
    #[pyo3(signature = (data, /, *, accept_weak=false))]
    fn new(data: &Bound<'_, PyAny>, accept_weak: bool) -> PyResult<Self> {
        Ok(Self(from_bytes(data, accept_weak)?))
    }

    /// Reads base32 (RFC 4648 §6).
    ///
    /// Tolerant by default: either case, blanks, hyphens, padding or none, as people type it. `strict=True` takes the RFC's own
    /// form alone.
    ///
    /// Raises `Base32` with the `position` of the first character that does not belong (named in the message, never shown),
    /// `SecretTooShort`, `SecretTooLong`.
    #[staticmethod]
    #[pyo3(signature = (text, /, *, strict=false, accept_weak=false))]
    fn from_base32(text: &Bound<'_, PyString>, strict: bool, accept_weak: bool) -> PyResult<Self> {
        let text = utf8(text)?;
        let reading = if strict { Base32Reading::Strict } else { Base32Reading::Tolerant };
        let read = if accept_weak {
            Inner::from_base32_accepting_weak(text, reading)
        } else {
            Inner::from_base32(text, reading)
        };
        Ok(Self(read.map_err(Fault::from)?))
    }

    /// Draws a secret of `length` bytes, 16 to 128, from the operating system. 20 is what RFC 4226 §4 recommends.
    ///
    /// Raises `SecretTooShort`, `SecretTooLong`, `Randomness`.
    #[staticmethod]
    #[pyo3(signature = (length=20))]
    fn random(length: usize) -> PyResult<Self> {
        if length > Inner::MAX {
            return Err(Fault::from(CoreError::SecretTooLong(length)).into());
        }
        let mut bytes = Zeroizing::new([0; Inner::MAX]);
        let drawn = zamok::OsRandom::new().map_err(Fault::from)?.try_fill(&mut bytes[..length]);
        drawn.map_err(Fault::from)?;
        Ok(Self(Inner::new(&bytes[..length]).map_err(Fault::from)?))
    }

    /// The bytes, as a copy that Python cannot wipe: to hand the key to another program, and for nothing else.
    fn reveal<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.expose())
    }

    /// The secret in base32, capitals, without padding, as a copy that Python cannot wipe.
    fn reveal_base32<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyString>, Fault> {
        let mut buffer = Zeroizing::new([0; base32::encoded_len(Inner::MAX)]);
        Ok(PyString::new(py, base32::encode(self.0.expose(), &mut buffer[..])?))
    }

    /// Bytes of the secret; its length is not secret.
    fn __len__(&self) -> usize {
        self.0.expose().len()
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Secret of {} bytes, redacted>", self.0.expose().len())
    }
}

/// Takes a secret from bytes-like data.
fn from_bytes(data: &Bound<'_, PyAny>, accept_weak: bool) -> PyResult<Inner> {
    let bytes = Bytes::of(data)?;
    let secret =
        if accept_weak { Inner::new_accepting_weak(bytes.as_slice()) } else { Inner::new(bytes.as_slice()) };
    Ok(secret.map_err(Fault::from)?)
}

/// The secret that a key is made from: a `Secret`, or bytes-like data of at least 16 bytes.
pub(crate) fn given(secret: &Bound<'_, PyAny>) -> PyResult<Inner> {
    if let Ok(secret) = secret.cast::<Secret>() {
        return Ok(secret.get().0.clone());
    }
    if secret.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(
            "a key is made from a Secret or from bytes; text in base32 is read by Secret.from_base32(text)",
        ));
    }
    from_bytes(secret, false)
}

/// A text as UTF-8. Python's own error would carry all of it along (`UnicodeEncodeError.object`), and it may be a secret.
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    text.to_str().map_err(|_| PyValueError::new_err("the text has lone surrogates, and so no UTF-8"))
}
