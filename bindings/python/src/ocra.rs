//! OCRA (RFC 6287).

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::otp::{
    self, OcraChallenge, OcraInput, OcraPassword, OcraQuestionFormat, OcraSide, OcraWindow, Window,
};

use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::totp::typed;
use crate::{moment, parameters, secret};

/// An OCRA suite (RFC 6287 §6), such as `OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1`.
///
/// Raises `OcraVersion`, `OcraCryptoFunction`, `OcraDataInput`.
#[pyclass(frozen, eq, hash, str = "{0}", module = "zamok.ocra")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OcraSuite(otp::OcraSuite);

#[pymethods]
impl OcraSuite {
    #[new]
    #[pyo3(signature = (text, /))]
    fn new(text: &str) -> Result<Self, Fault> {
        Ok(Self(otp::OcraSuite::parse(text)?))
    }

    /// The hash under the HMAC: SHA1, SHA256 or SHA512.
    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.algorithm().otpauth_name()
    }

    /// Digits of a response: 4 to 10, or 0 for the whole HMAC in hexadecimal.
    #[getter]
    fn digits(&self) -> u8 {
        self.0.digits()
    }

    /// Whether a counter goes in.
    #[getter]
    fn has_counter(&self) -> bool {
        self.0.has_counter()
    }

    /// The format of a question, `"A"`, `"N"` or `"H"`, and its greatest length in characters.
    #[getter]
    fn question(&self) -> (&'static str, u8) {
        let (format, most) = self.0.question();
        let format = match format {
            OcraQuestionFormat::Alphanumeric => "A",
            OcraQuestionFormat::Numeric => "N",
            OcraQuestionFormat::Hexadecimal => "H",
        };
        (format, most)
    }

    /// The hash of the password or PIN where one goes in, or None.
    #[getter]
    fn password(&self) -> Option<&'static str> {
        self.0.password().map(zamok::hash::HashAlgorithm::otpauth_name)
    }

    /// Bytes of session data where such go in, or None.
    #[getter]
    fn session_length(&self) -> Option<u16> {
        self.0.session_len()
    }

    /// The time step in seconds where the time goes in, or None.
    #[getter]
    fn time_step(&self) -> Option<u32> {
        self.0.time_step()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (String,)) {
        (py.get_type::<Self>().into_any(), (self.0.to_string(),))
    }

    fn __repr__(&self) -> String {
        format!("OcraSuite('{}')", self.0)
    }
}

/// The inputs of one computation as Python gives them, held for as long as they are used.
struct Given {
    question: String,
    client: Option<String>,
    side: OcraSide,
    counter: Option<u64>,
    password: Option<Bytes>,
    is_digest: bool,
    session: Option<Bytes>,
    time: Option<zamok::UnixTime>,
}

impl Given {
    #[allow(clippy::too_many_arguments)]
    fn new(
        question: &str,
        client_question: Option<&str>,
        by: &str,
        counter: Option<u64>,
        password: Option<&Bound<'_, PyAny>>,
        password_digest: Option<&Bound<'_, PyAny>>,
        session: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let side = match by {
            "client" => OcraSide::Client,
            "server" => OcraSide::Server,
            _ => return Err(PyValueError::new_err("by is \"client\" or \"server\"")),
        };
        if password.is_some() && password_digest.is_some() {
            return Err(PyValueError::new_err("give the password or its digest, not both"));
        }
        Ok(Self {
            question: question.to_owned(),
            client: client_question.map(str::to_owned),
            side,
            counter,
            is_digest: password_digest.is_some(),
            password: password.or(password_digest).map(Bytes::of).transpose()?,
            session: session.map(Bytes::of).transpose()?,
            time: at.map(moment::read).transpose()?,
        })
    }

    fn input(&self) -> OcraInput<'_> {
        let challenge = match &self.client {
            None => OcraChallenge::OneWay(&self.question),
            Some(client) => OcraChallenge::Mutual { client, server: &self.question, by: self.side },
        };
        let password = self.password.as_ref().map(Bytes::as_slice);
        OcraInput {
            counter: self.counter,
            challenge,
            password: password.map(|bytes| {
                if self.is_digest { OcraPassword::Digest(bytes) } else { OcraPassword::Plain(bytes) }
            }),
            session: self.session.as_ref().map(Bytes::as_slice),
            time: self.time,
        }
    }
}

/// What a verification matched: the counter and the time step, each None where the suite has none. Both, and the question, have to
/// be spent.
type Matched = (Option<u64>, Option<u64>);

/// An OCRA key with its suite (RFC 6287), ready to respond and to verify; wiped when it is dropped.
///
/// `secret` is a `zamok.Secret` or at least 16 bytes of bytes-like data; `suite` is an `OcraSuite` or its text.
///
/// Inputs of a computation: `question`, and with `client_question` mutual mode, in which `question` is the server's and `by` says who
/// computes; `counter`; `password` as it was typed, in bytes, or its `password_digest`; `session` data in bytes; the time `at`. Those
/// that the suite names must be there, and no others. A server asks each question once, and computes no response to a question
/// that a caller chose.
///
/// `repr` shows no secret; copies and pickles are refused.
#[pyclass(frozen, module = "zamok.ocra")]
#[derive(Debug)]
pub(crate) struct Ocra(Box<otp::Ocra>);

#[pymethods]
impl Ocra {
    #[new]
    #[pyo3(signature = (secret, suite, /))]
    fn new(secret: &Bound<'_, PyAny>, suite: &Bound<'_, PyAny>) -> PyResult<Self> {
        let suite = match suite.cast::<OcraSuite>() {
            Ok(suite) => suite.get().0,
            Err(_) => otp::OcraSuite::parse(suite.extract::<&str>()?).map_err(Fault::from)?,
        };
        Ok(Self(Box::new(otp::Ocra::new(&secret::given(secret)?, suite))))
    }

    /// The suite.
    #[getter]
    fn suite(&self) -> OcraSuite {
        OcraSuite(*self.0.suite())
    }

    /// Computes the response to a challenge (RFC 6287 §7.1, §7.2).
    ///
    /// Raises an error of the family `OcraError` where the inputs do not fit the suite.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (question, *, client_question=None, by="client", counter=None, password=None, password_digest=None, session=None, at=None))]
    fn response<'py>(
        &self,
        py: Python<'py>,
        question: &str,
        client_question: Option<&str>,
        by: &str,
        counter: Option<u64>,
        password: Option<&Bound<'py, PyAny>>,
        password_digest: Option<&Bound<'py, PyAny>>,
        session: Option<&Bound<'py, PyAny>>,
        at: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let given =
            Given::new(question, client_question, by, counter, password, password_digest, session, at)?;
        let response = py.detach(|| self.0.response(&given.input()));
        Ok(PyString::new(py, response.map_err(Fault::from)?.as_str()))
    }

    /// Computes a signature over the question (RFC 6287 §7.3): as `response`, without session data.
    ///
    /// Raises as `response`; `OcraMode` where the suite has session data.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (question, *, client_question=None, by="client", counter=None, password=None, password_digest=None, at=None))]
    fn signature<'py>(
        &self,
        py: Python<'py>,
        question: &str,
        client_question: Option<&str>,
        by: &str,
        counter: Option<u64>,
        password: Option<&Bound<'py, PyAny>>,
        password_digest: Option<&Bound<'py, PyAny>>,
        at: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let given = Given::new(question, client_question, by, counter, password, password_digest, None, at)?;
        let signature = py.detach(|| self.0.signature(&given.input()));
        Ok(PyString::new(py, signature.map_err(Fault::from)?.as_str()))
    }

    /// Verifies a typed response: the counters from `counter` to `look_ahead` beyond it, and the time steps from `past` before to
    /// `future` after `at`, all of them computed in constant time. Returns the counter and the time step that matched, each None
    /// where the suite has none; the caller has to spend them, and the question.
    ///
    /// Raises `Rejected` for any wrong or malformed text; an error of the family `OcraError` where the inputs do not fit the
    /// suite; `WindowTooWide` where counters times steps are more than 128.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (response, question, *, client_question=None, by="client", counter=None, password=None, password_digest=None, session=None, at=None, look_ahead=0, past=0, future=0))]
    fn verify(
        &self,
        response: &Bound<'_, PyString>,
        question: &str,
        client_question: Option<&str>,
        by: &str,
        counter: Option<u64>,
        password: Option<&Bound<'_, PyAny>>,
        password_digest: Option<&Bound<'_, PyAny>>,
        session: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyAny>>,
        look_ahead: u64,
        past: u64,
        future: u64,
    ) -> PyResult<Matched> {
        let given =
            Given::new(question, client_question, by, counter, password, password_digest, session, at)?;
        let window = window(look_ahead, past, future)?;
        let text = typed(response);
        let matched = response.py().detach(|| self.0.verify(text, &given.input(), window));
        let matched = matched.map_err(Fault::from)?;
        Ok((matched.counter, matched.time_step))
    }

    /// Verifies a typed signature (RFC 6287 §7.3), as `verify` does a response.
    ///
    /// Raises as `verify`; `OcraMode` where the suite has session data.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (signature, question, *, client_question=None, by="client", counter=None, password=None, password_digest=None, at=None, look_ahead=0, past=0, future=0))]
    fn verify_signature(
        &self,
        signature: &Bound<'_, PyString>,
        question: &str,
        client_question: Option<&str>,
        by: &str,
        counter: Option<u64>,
        password: Option<&Bound<'_, PyAny>>,
        password_digest: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyAny>>,
        look_ahead: u64,
        past: u64,
        future: u64,
    ) -> PyResult<Matched> {
        let given = Given::new(question, client_question, by, counter, password, password_digest, None, at)?;
        let window = window(look_ahead, past, future)?;
        let text = typed(signature);
        let matched = signature.py().detach(|| self.0.verify_signature(text, &given.input(), window));
        let matched = matched.map_err(Fault::from)?;
        Ok((matched.counter, matched.time_step))
    }

    fn __repr__(&self) -> String {
        format!("<zamok.ocra.Ocra {}, key redacted>", self.0.suite())
    }
}

fn window(look_ahead: u64, past: u64, future: u64) -> PyResult<OcraWindow> {
    let counter: Window = parameters::window(0, look_ahead)?;
    Ok(OcraWindow { counter, time: parameters::window(past, future)? })
}
