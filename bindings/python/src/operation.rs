//! Operations: what is shown is what is confirmed, and what is confirmed is executed once.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use zamok::{Error, OperationId, RequestId, Zamok};

use crate::buffer::Bytes;
use crate::content::Content;
use crate::fault::Fault;
use crate::keys::bytes_of;
use crate::login::{Challenge, method_of, request_of};
use crate::session::Session;
use crate::shared::Shared;
use crate::totp::typed;

/// Who confirmed an operation, and how.
#[pyclass(frozen, eq, get_all, module = "zamok")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// When, in seconds since 1970.
    time: u64,
    /// In which session, in hexadecimal.
    session: String,
    /// With what, such as "generator".
    by: &'static str,
}

#[pymethods]
impl Confirmation {
    fn __repr__(&self) -> String {
        format!("<zamok.Confirmation by {} at {}>", self.by, self.time)
    }
}

/// An operation as it was when it was looked at.
#[pyclass(frozen, eq, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation(pub(crate) zamok::Operation);

#[pymethods]
impl Operation {
    /// Its id: 32 hexadecimal digits.
    #[getter]
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    /// The account's id, in hexadecimal.
    #[getter]
    fn account(&self) -> String {
        self.0.account.to_string()
    }

    /// What it says: execute what stands here, not what was remembered elsewhere.
    #[getter]
    fn content(&self) -> Content {
        Content(self.0.content.clone())
    }

    /// What is shown to whoever confirms it, from the bytes that are confirmed: show this, and nothing else.
    #[getter]
    fn text(&self) -> String {
        self.0.text()
    }

    /// What is confirmed: SHA-256 of its id, its account and its content (`docs/formats/operation.md`).
    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.digest())
    }

    /// When it can no longer be confirmed or executed, in seconds since 1970.
    #[getter]
    const fn expires(&self) -> u64 {
        self.0.expires.0
    }

    /// "proposed", "confirmed", "executed" or "cancelled".
    #[getter]
    fn state(&self) -> &'static str {
        match (&self.0.receipt, self.0.confirmed) {
            _ if self.0.is_cancelled() => "cancelled",
            (Some(_), _) => "executed",
            (None, Some(_)) => "confirmed",
            (None, None) => "proposed",
        }
    }

    /// By whom and how it was confirmed, or None while it is not.
    #[getter]
    fn confirmed(&self) -> Option<Confirmation> {
        self.0.confirmed.map(|confirmed| Confirmation {
            time: confirmed.time.0,
            session: confirmed.session.to_string(),
            by: confirmed.by.name(),
        })
    }

    /// What its execution left, or None while it was not executed.
    #[getter]
    fn receipt<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.receipt.as_deref().map(|receipt| PyBytes::new(py, receipt))
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Operation {}, {}>", self.0.id, self.state())
    }
}

/// The operations of a cabinet: proposed in a session, shown, confirmed by a code that stands for the very bytes that were shown,
/// executed once. `Cabinet.operations` is one.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Operations(pub(crate) Shared<Zamok>);

#[pymethods]
impl Operations {
    /// Proposes an operation in a session. `id` is a name of `Cabinet.request_id`, drawn once: proposed again under it, it is the
    /// same operation. Without one, each call is another operation.
    ///
    /// Raises `OperationTaken` when the id names another operation; `SessionEnded`; `ValueError` for what is no id.
    #[pyo3(signature = (session, content, /, *, id=None))]
    fn propose(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        content: &Bound<'_, Content>,
        id: Option<&str>,
    ) -> PyResult<Operation> {
        let (session, content, id) = (&session.get().0, &content.get().0, id.map(name_of).transpose()?);
        let proposed = py.detach(|| {
            let id = id.map_or_else(|| self.0.request_id().map(|RequestId(id)| OperationId(id)), Ok)?;
            self.0.propose(session, id, content)
        });
        Ok(Operation(proposed.map_err(Fault::from)?))
    }

    /// Changes what an operation says. What was confirmed of it is void, and its open challenge with it.
    ///
    /// Raises `OperationUnknown`; `OperationOver` when it was executed or cancelled, or has expired; `SessionEnded`.
    #[pyo3(signature = (session, id, content, /))]
    fn change(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        id: &str,
        content: &Bound<'_, Content>,
    ) -> PyResult<Operation> {
        let (session, content, id) = (&session.get().0, &content.get().0, operation_id(id)?);
        Ok(Operation(py.detach(|| self.0.change_operation(session, id, content)).map_err(Fault::from)?))
    }

    /// Cancels an operation that was not executed.
    ///
    /// Raises as `change`.
    #[pyo3(signature = (session, id, /))]
    fn cancel(&self, py: Python<'_>, session: &Bound<'_, Session>, id: &str) -> PyResult<()> {
        let (session, id) = (&session.get().0, operation_id(id)?);
        Ok(py.detach(|| self.0.cancel_operation(session, id)).map_err(Fault::from)?)
    }

    /// An operation of a session's account.
    ///
    /// Raises `OperationUnknown`, also for one of somebody else; `SessionEnded`.
    #[pyo3(signature = (session, id, /))]
    fn get(&self, py: Python<'_>, session: &Bound<'_, Session>, id: &str) -> PyResult<Operation> {
        let (session, id) = (&session.get().0, operation_id(id)?);
        Ok(Operation(py.detach(|| self.0.operation(session, id)).map_err(Fault::from)?))
    }

    /// An operation for the service that executes it, whoever's it is: the session of its owner may have ended by then. Not for
    /// clients.
    ///
    /// Raises `OperationUnknown`.
    #[pyo3(signature = (id, /))]
    fn to_execute(&self, py: Python<'_>, id: &str) -> PyResult<Operation> {
        let id = operation_id(id)?;
        Ok(Operation(py.detach(|| self.0.operation_to_execute(id)).map_err(Fault::from)?))
    }

    /// Opens the challenge whose answer confirms an operation as it stands; one that was open for it before is dead. `by` asks for a
    /// factor by its name, such as "generator"; a weaker one than the account's strongest is refused.
    ///
    /// Raises `MethodTooWeak`, `MethodUnavailable`; where a code is sent `TooManyMessages`, or `ResendTooSoon` (its `seconds` are to be
    /// waited); `NotAllowed`, `FreshAuthenticationNeeded` where the watch says so; as `change`.
    #[pyo3(signature = (session, id, /, *, by=None))]
    fn challenge(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        id: &str,
        by: Option<&str>,
    ) -> PyResult<Challenge> {
        let (session, id) = (&session.get().0, operation_id(id)?);
        let by = method_of(by)?;
        Ok(py.detach(|| self.0.begin_confirmation(session, id, by)).map_err(Fault::from)?.into())
    }

    /// Confirms an operation with the answer to its challenge: the code stands for what was shown, and for nothing else. `request` is a
    /// name of `Cabinet.request_id`; without one, each call is an attempt of its own.
    ///
    /// Raises `Rejected` for everything that is not a right answer to the challenge that is open for the operation as it stands;
    /// `ApprovalPending`; as `change`.
    #[pyo3(signature = (session, challenge, code, /, *, request=None))]
    fn confirm(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        challenge: Challenge,
        code: &Bound<'_, PyString>,
        request: Option<&str>,
    ) -> PyResult<Operation> {
        let (session, code, request) = (&session.get().0, typed(code), request.map(request_of).transpose()?);
        let confirmed = py.detach(|| {
            let request = request.map_or_else(|| self.0.request_id(), Ok)?;
            self.0.confirm(session, &challenge.inner(), code, request)
        });
        Ok(Operation(confirmed.map_err(Fault::from)?))
    }

    /// Executes a confirmed operation, once: consumes the confirmation and keeps `receipt` (bytes-like, at most 4096 bytes) in one
    /// commit, and returns the receipt. Asked again, it consumes nothing and returns the receipt that was kept first.
    ///
    /// What is done outside of the store is done at least once: whoever does it goes by the operation's id to tell repetitions.
    ///
    /// Raises `OperationNotConfirmed`, `OperationUnknown`; `OperationOver`, also for what was confirmed before a backup that was restored;
    /// `TooLong`.
    #[pyo3(signature = (id, receipt, /))]
    fn execute<'py>(
        &self,
        py: Python<'py>,
        id: &str,
        receipt: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (id, receipt) = (operation_id(id)?, Bytes::of(receipt)?);
        let kept = py.detach(|| self.0.execute(id, |_, _| Ok(receipt.as_slice().to_vec())));
        Ok(PyBytes::new(py, &kept.map_err(Fault::from)?))
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Operations of {:?}>", self.0.issuer())
    }
}

/// The id of an operation that shall be there; what is none names no operation.
fn operation_id(text: &str) -> Result<OperationId, Fault> {
    Ok(bytes_of(text).map(OperationId).ok_or(Error::OperationUnknown)?)
}

/// The id that an operation shall have.
fn name_of(text: &str) -> PyResult<OperationId> {
    bytes_of(text)
        .map(OperationId)
        .ok_or_else(|| PyValueError::new_err("the id of an operation has 32 hexadecimal digits"))
}
