//! What a cabinet answers about people: accounts, sessions, documents that they signed.

use std::collections::BTreeMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zamok::event::Subject;
use zamok::{AccountId, SessionId};

use crate::fault::Fault;
use crate::journal;
use crate::keys::bytes_of;

/// What the service may know of an account.
#[pyclass(frozen, get_all, eq, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its id, in hexadecimal.
    id: String,
    /// The login, in its normal form; empty once the account is erased.
    login: String,
    /// The pseudonym under which the journal knows it, in hexadecimal.
    subject: String,
    /// "open", "suspended" or "erased".
    state: &'static str,
    /// When it was registered, in seconds since 1970.
    registered: u64,
    /// What it is to the service, such as "citizen".
    roles: String,
    /// What is known of it by name.
    attributes: BTreeMap<String, String>,
}

#[pymethods]
impl Account {
    fn __repr__(&self) -> String {
        format!("<zamok.Account {:?}, {}>", self.login, self.state)
    }
}

impl From<zamok::Account> for Account {
    fn from(account: zamok::Account) -> Self {
        let Subject(subject) = account.subject;
        Self {
            id: account.id.to_string(),
            subject: format!("{:032x}", u128::from_be_bytes(subject)),
            state: match account.state {
                zamok::account::AccountState::Open => "open",
                zamok::account::AccountState::Suspended => "suspended",
                zamok::account::AccountState::Erased => "erased",
                zamok::account::AccountState::Absent => "absent",
            },
            registered: account.registered.0,
            roles: account.roles.to_string(),
            login: account.login,
            attributes: account.attributes,
        }
    }
}

/// A session that was live when it was looked at. Only a cabinet makes one; a service that keeps its `id` asks
/// `Cabinet.session` for it again.
#[pyclass(frozen, eq, from_py_object, module = "zamok")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session(pub(crate) zamok::Session);

#[pymethods]
impl Session {
    /// Its id, in hexadecimal. Not a secret; never taken from a client as proof of anything.
    #[getter]
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    /// The account's id, in hexadecimal.
    #[getter]
    fn account(&self) -> String {
        let AccountId(id) = self.0.account;
        format!("{:032x}", u128::from_be_bytes(id))
    }

    /// When it was opened, in seconds since 1970.
    #[getter]
    const fn opened(&self) -> u64 {
        self.0.opened.0
    }

    /// When it ends in any case, in seconds since 1970.
    #[getter]
    const fn expires(&self) -> u64 {
        self.0.expires.0
    }

    /// What was shown, in order, such as ["password", "generator"].
    #[getter]
    fn evidence(&self) -> Vec<&'static str> {
        self.0.evidence.iter().map(|evidence| evidence.name()).collect()
    }

    /// How sure the service is of who is there: "low", "substantial" or "high".
    #[getter]
    fn assurance(&self) -> &'static str {
        self.0.assurance().name()
    }

    /// What the service calls the client.
    #[getter]
    fn client(&self) -> &str {
        &self.0.client
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a session is not pickled: keep its .id, and ask Cabinet.session for it"))
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Session {}, {}>", self.0.id, self.0.assurance().name())
    }
}

/// A detached signature over a document, with what is needed to check it: `zamok.verify_signature`.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct SignedDocument(pub(crate) zamok::SignedDocument);

#[pymethods]
impl SignedDocument {
    /// ECDSA on P-256 over the SHA-256 of the document, in DER.
    #[getter]
    fn signature<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.signature.to_der())
    }

    /// The account's public key, as SubjectPublicKeyInfo in PEM.
    #[getter]
    fn public_key(&self) -> String {
        self.0.public_key.to_spki_pem()
    }

    /// When it was signed, in seconds since 1970.
    #[getter]
    const fn time(&self) -> u64 {
        self.0.time.0
    }

    /// The name of the journal entry that says so.
    #[getter]
    fn entry(&self) -> String {
        journal::name(self.0.entry)
    }

    fn __repr__(&self) -> String {
        format!("<zamok.SignedDocument, entry {}>", self.entry())
    }
}

pub(crate) fn session_id(text: &str) -> Result<SessionId, Fault> {
    match bytes_of(text) {
        Some(id) => Ok(SessionId(id)),
        None => Err(zamok::Error::SessionEnded.into()),
    }
}
