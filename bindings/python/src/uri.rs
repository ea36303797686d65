//! `otpauth://` URIs, as QR codes carry them.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::otp::{self, OtpKind};

use crate::fault::Fault;
use crate::hotp::Hotp;
use crate::secret::{Secret, utf8};
use crate::totp::Totp;

/// A key as an `otpauth://` URI describes it (Key Uri Format). `repr` shows no secret; copies and pickles are refused.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct OtpUri(otp::OtpUri);

#[pymethods]
impl OtpUri {
    /// Reads a URI as issuers write them, or with `strict=True` only as the format has it. `accept_weak=True` takes secrets below
    /// 128 bits, which can be guessed from a few observed codes.
    ///
    /// Raises an error of the family `UriError`; `Base32`, `SecretTooShort`, `SecretTooLong`, `Digits`, `PeriodZero`;
    /// `ValueError` when both `strict` and `accept_weak` are asked for.
    #[staticmethod]
    #[pyo3(signature = (text, /, *, strict=false, accept_weak=false))]
    fn parse(text: &Bound<'_, PyString>, strict: bool, accept_weak: bool) -> PyResult<Self> {
        let text = utf8(text)?;
        let read = match (strict, accept_weak) {
            (false, false) => otp::OtpUri::parse(text),
            (true, false) => otp::OtpUri::parse_strict(text),
            (false, true) => otp::OtpUri::parse_accepting_weak(text),
            (true, true) => {
                return Err(pyo3::exceptions::PyValueError::new_err("a strict reader takes no weak secrets"));
            }
        };
        Ok(Self(read.map_err(Fault::from)?))
    }

    /// `"totp"` or `"hotp"`.
    #[getter]
    fn kind(&self) -> &'static str {
        match self.0.kind() {
            OtpKind::Totp { .. } => "totp",
            OtpKind::Hotp { .. } => "hotp",
        }
    }

    /// The issuer, or None.
    #[getter]
    fn issuer(&self) -> Option<&str> {
        self.0.issuer()
    }

    /// The issuer that the label names, where the parameter names another one, which wins; or None.
    #[getter]
    fn conflicting_issuer(&self) -> Option<&str> {
        self.0.conflicting_issuer()
    }

    /// The account.
    #[getter]
    fn account(&self) -> &str {
        self.0.account()
    }

    /// The hash under the HMAC: SHA1, SHA256 or SHA512.
    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.algorithm().otpauth_name()
    }

    /// Digits of a code.
    #[getter]
    fn digits(&self) -> u8 {
        self.0.digits().count()
    }

    /// The time step in seconds, or None for HOTP.
    #[getter]
    fn period(&self) -> Option<u64> {
        self.0.totp_parameters().map(|parameters| parameters.period)
    }

    /// The counter of the next code, or None for TOTP.
    #[getter]
    fn counter(&self) -> Option<u64> {
        self.0.hotp_parameters().map(|(_, counter)| counter)
    }

    /// The secret.
    #[getter]
    fn secret(&self) -> Secret {
        Secret(self.0.secret().clone())
    }

    /// The TOTP key.
    ///
    /// Raises `TypeError` when it is an HOTP key.
    fn totp(&self) -> PyResult<Totp> {
        let parameters =
            self.0.totp_parameters().ok_or_else(|| PyTypeError::new_err("the URI is of an HOTP key"))?;
        Ok(Totp(Box::new(otp::Totp::new(self.0.secret(), parameters).map_err(Fault::from)?)))
    }

    /// The HOTP key; `counter` says where it stands.
    ///
    /// Raises `TypeError` when it is a TOTP key.
    fn hotp(&self) -> PyResult<Hotp> {
        let (parameters, _) =
            self.0.hotp_parameters().ok_or_else(|| PyTypeError::new_err("the URI is of a TOTP key"))?;
        Ok(Hotp(Box::new(otp::Hotp::new(self.0.secret(), parameters))))
    }

    /// The URI, as a text that Python cannot wipe.
    fn reveal<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        text(py, &self.0)
    }

    fn __repr__(&self) -> String {
        let issuer = self.0.issuer().map_or("no issuer".to_owned(), |issuer| format!("{issuer:?}"));
        format!("<zamok.OtpUri {} of {issuer}, {:?}, secret redacted>", self.kind(), self.0.account())
    }
}

/// The text of a URI for Python.
pub(crate) fn text<'py>(py: Python<'py>, uri: &otp::OtpUri) -> Bound<'py, PyString> {
    PyString::new(py, uri.to_uri().as_str())
}
