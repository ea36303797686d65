//! The journal: entries, audit, proofs.

use std::collections::BTreeMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use zamok::event::Subject;
use zamok::journal::{
    InclusionProof, Journal, Recorded, Status, Telling, TrustPolicy, VerifierKey, audit_rows,
};
use zamok::store::{Cursor, EntryId};
use zamok::{CoreError, IndexFinding, Zamok};

use crate::fault::Fault;

/// What the journal says of one event.
#[pyclass(frozen, get_all, eq, module = "zamok.journal")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name of the entry: its writer in hexadecimal, a hyphen, its number in the writer's chain.
    id: String,
    /// What happened, such as "login.session-opened".
    kind: String,
    /// When, in seconds since 1970.
    time: u64,
    /// Whom it concerns, under the journal's pseudonym in hexadecimal, or None.
    subject: Option<String>,
    /// What it means to people, by name; empty where there is nothing more to say.
    detail: BTreeMap<String, String>,
    /// Whether the detail was erased. The entry still proves.
    erased: bool,
    /// Its place in the tree from 0, or None while it waits to be integrated.
    index: Option<u64>,
}

#[pymethods]
impl Entry {
    fn __repr__(&self) -> String {
        let index = self.index.map_or("waiting".to_owned(), |index| format!("leaf {index}"));
        format!("<zamok.journal.Entry {} at {}, {index}>", self.kind, self.time)
    }
}

impl From<Recorded> for Entry {
    fn from(recorded: Recorded) -> Self {
        let erased = recorded.detail == Telling::Erased;
        let detail = match &recorded.detail {
            Telling::Told(detail) => {
                detail.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            }
            Telling::None | Telling::Erased => BTreeMap::new(),
        };
        Self {
            id: name(recorded.id),
            kind: recorded.leaf.kind.to_string(),
            time: recorded.leaf.time.0,
            subject: recorded.leaf.subject.map(pseudonym),
            detail,
            erased,
            index: match recorded.status {
                // Of a former log: its place there is no place in the log as it is.
                Status::Waiting | Status::Former { .. } => None,
                Status::Integrated { index } => Some(index),
            },
        }
    }
}

/// The name of an entry.
pub(crate) fn name(id: EntryId) -> String {
    format!("{:032x}-{}", u128::from_be_bytes(id.writer), id.sequence)
}

/// Reads the name of an entry.
pub(crate) fn entry_id(name: &str) -> PyResult<EntryId> {
    let read = name.split_once('-').and_then(|(writer, sequence)| {
        // A number has no sign.
        let is_number = sequence.bytes().all(|byte| byte.is_ascii_digit());
        let sequence = sequence.parse::<u64>().ok().filter(|_| is_number)?;
        Some(EntryId { writer: crate::keys::bytes_of(writer)?, sequence })
    });
    read.ok_or_else(|| PyValueError::new_err("this is not the name of an entry"))
}

/// Where the entries of an account go on after the one of this name.
pub(crate) fn after(vault: &zamok::Vault, entry: EntryId) -> Result<Cursor, CoreError> {
    let found = vault.read(|store, keyring| Journal::new(store, keyring).entry(entry))?;
    found.and_then(|found| found.cursor()).ok_or(CoreError::Rejected)
}

fn pseudonym(subject: Subject) -> String {
    format!("{:032x}", u128::from_be_bytes(subject.0))
}

/// Integrated entries.
pub(crate) fn range(py: Python<'_>, vault: &zamok::Vault, first: u64, limit: u64) -> PyResult<Vec<Entry>> {
    let read = py.detach(|| {
        vault.read(|store, keyring| Journal::new(store, keyring).range(first..first.saturating_add(limit)))
    });
    Ok(read.map_err(Fault::from)?.into_iter().map(Entry::from).collect())
}

/// What an audit found.
#[pyclass(frozen, get_all, module = "zamok.journal")]
#[derive(Debug)]
pub(crate) struct Report {
    /// Whether every row was judged (`settled`), and nothing was found wrong.
    clean: bool,
    /// Leaves that were read.
    leaves: u64,
    /// Entries that wait to be integrated.
    waiting: u64,
    /// Rows that were looked at by themselves.
    rows: u64,
    /// Whether every row was judged. False when the log grew all the time: rows that it had not told of yet were passed over, and the
    /// audit is to be asked again when it is quiet.
    settled: bool,
    /// What is wrong, each a sentence; at most 1,000, and 1,000 of what a cabinet finds its accounts by.
    findings: Vec<String>,
    /// How many more findings there were.
    further: u64,
}

#[pymethods]
impl Report {
    fn __bool__(&self) -> PyResult<bool> {
        Err(pyo3::exceptions::PyTypeError::new_err("a report is neither true nor false: ask .clean"))
    }

    fn __repr__(&self) -> String {
        let found = self.findings.len();
        format!("<zamok.journal.Report of {} leaves, {} rows: {found} findings>", self.leaves, self.rows)
    }
}

/// Most findings of indexes that are named.
const MOST: usize = 1000;

impl Report {
    fn new(report: &zamok::journal::Report, indexes: &[IndexFinding]) -> Self {
        let named = report.findings.iter().map(ToString::to_string);
        Self {
            clean: report.settled && report.is_clean() && indexes.is_empty(),
            leaves: report.leaves,
            waiting: report.waiting,
            rows: report.rows,
            settled: report.settled,
            findings: named.chain(indexes.iter().map(ToString::to_string)).collect(),
            further: report.further,
        }
    }
}

/// Looks at everything in a vault.
pub(crate) fn audit(py: Python<'_>, vault: &zamok::Vault) -> PyResult<Report> {
    let report = py.detach(|| {
        // What another process entered under a key that this handle has not learned would be taken for a stranger's.
        vault.refresh()?;
        vault.read(audit_rows)
    });
    Ok(Report::new(&report.map_err(Fault::from)?, &[]))
}

/// The same with what a cabinet has in it.
pub(crate) fn audit_all(py: Python<'_>, zamok: &Zamok) -> PyResult<Report> {
    let found = py.detach(|| Ok::<_, zamok::Error>((zamok.audit_rows()?, zamok.audit_indexes(MOST)?)));
    let (report, indexes) = found.map_err(Fault::from)?;
    Ok(Report::new(&report, &indexes))
}

/// What a proof proves: that this event is in the log.
#[pyclass(frozen, get_all, eq, module = "zamok.journal")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// The name of the log.
    origin: String,
    /// The place of the entry, from 0.
    index: u64,
    /// Leaves under the checkpoint.
    size: u64,
    /// The name of the entry.
    id: String,
    /// What happened.
    kind: String,
    /// When, in seconds since 1970.
    time: u64,
    /// Whom it concerns, under the journal's pseudonym, or None.
    subject: Option<String>,
    /// The witnesses that cosigned, by the names of their keys, and when each did.
    witnesses: Vec<(String, u64)>,
}

#[pymethods]
impl Proved {
    fn __repr__(&self) -> String {
        let Self { kind, time, index, size, origin, .. } = self;
        format!("<zamok.journal.Proved {kind} at {time}: leaf {index} of {size} in {origin}>")
    }
}

/// Verifies the text of a `.tlog-proof` offline, and returns what it proves. `trust` is the log's vkey, or a policy (C2SP
/// tlog-policy) that names logs, witnesses and the quorum that is enough. Needs no vault.
///
/// Raises `Refused` when the proof does not lead to its root, or is none; `Rejected` when no log of the policy signed it;
/// `Unwitnessed` without the quorum; `ValueError` for a trust that is neither.
#[pyfunction]
#[pyo3(signature = (proof, trust, /))]
pub(crate) fn verify_proof(py: Python<'_>, proof: &str, trust: &str) -> PyResult<Proved> {
    let policy = match VerifierKey::parse(trust.trim()) {
        Ok(key) => TrustPolicy::log(key),
        Err(_) => TrustPolicy::parse(trust).map_err(|line| {
            PyValueError::new_err(format!("the trust is no vkey, and no policy from line {line} on"))
        })?,
    };
    py.detach(|| {
        let proof = InclusionProof::from_text(proof)?;
        let (leaf, trusted) = proof.verify(&policy)?;
        Ok::<_, Fault>(Proved {
            origin: proof.origin().to_owned(),
            index: proof.index(),
            size: proof.size(),
            id: name(leaf.entry),
            kind: leaf.kind.to_string(),
            time: leaf.time.0,
            subject: leaf.subject.map(pseudonym),
            witnesses: trusted.witnesses.into_iter().map(|(name, time)| (name, time.0)).collect(),
        })
    })
    .map_err(PyErr::from)
}
