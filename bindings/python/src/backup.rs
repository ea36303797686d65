//! Backups: everything that a vault holds, in one sealed file, and back from it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use zamok::backup::{self, BackupKey, End, Header, JournalEnd, Lock, LostStore};
use zamok::{Clock as _, CoreError, Env, FileAnchor, OsRandom, Passphrase, SystemClock};

use crate::fault::Fault;
use crate::opening::{self, Cost, ManualClock, Opener};
use crate::slots::{self, Texts};
use crate::vault::Vault;

/// What a backup holds.
#[pyclass(frozen, eq, get_all, module = "zamok.backup")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Backup {
    /// Its id, in hexadecimal.
    id: String,
    /// When it was made, in seconds since 1970.
    made: u64,
    /// Rows that it holds.
    rows: u64,
    /// SHA-256 over all of them, in hexadecimal.
    digest: String,
    /// How many shares open it, or None where a passphrase does.
    shares: Option<u8>,
    /// The name of the journal's log.
    origin: String,
    /// Leaves of the log.
    log_size: u64,
    /// The root of its tree, in hexadecimal.
    log_root: String,
}

#[pymethods]
impl Backup {
    fn __repr__(&self) -> String {
        format!("<zamok.backup.Backup of {}, {} rows, made at {}>", self.origin, self.rows, self.made)
    }
}

impl Backup {
    fn new(header: &Header, end: &End, origin: String, size: u64, root: &[u8]) -> Self {
        let shares = match header.lock {
            Lock::Passphrase { .. } => None,
            Lock::Shares(set) => Some(set.threshold),
        };
        Self {
            id: hex(&header.id),
            made: header.made.0,
            rows: end.counts.values().sum(),
            digest: hex(&end.digest),
            shares,
            origin,
            log_size: size,
            log_root: hex(root),
        }
    }
}

/// What a restore came to.
#[pyclass(frozen, get_all, module = "zamok.backup")]
#[derive(Debug)]
pub(crate) struct Restored {
    /// The vault in its new store, open. A cabinet over it is opened with `Cabinet.open`.
    vault: Py<Vault>,
    /// What the backup held.
    backup: Py<Backup>,
    /// Sessions, challenges and the like that have ended.
    dropped: u64,
    /// TOTP keys whose codes up to now are spent.
    fenced: u64,
    /// HOTP keys that are suspended until they are enrolled anew.
    suspended: u64,
    /// Items that an earlier attempt had taken in.
    resumed: u64,
    /// Events that the surviving journal told of, or None where there was none.
    events: Option<u64>,
    /// Whether the surviving journal is without gaps, or None where there was none.
    whole: Option<bool>,
    /// What the journal tells of and does not hold, so that it was not done again: names of events.
    lost: Vec<String>,
    /// From when on nobody knows what happened, in seconds since 1970.
    unknown_since: u64,
    /// What was wrong with the anchor, or None. All else is restored then, and the vault opens without an anchor: mend it, and have the
    /// vault kept by it (`zamok journal anchor`).
    anchor_error: Option<Py<PyAny>>,
}

#[pymethods]
impl Restored {
    // The error may hold, by its traceback, a frame that holds this.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.vault)?;
        visit.call(&self.backup)?;
        visit.call(&self.anchor_error)
    }

    fn __repr__(&self) -> String {
        let anchor = if self.anchor_error.is_some() { ", not anchored" } else { "" };
        format!("<zamok.backup.Restored, unknown since {}{anchor}>", self.unknown_since)
    }
}

/// Checks all of a backup without restoring it, and returns what it holds: that `secret` opens it, and that nothing was cut or
/// altered. `secret` is its passphrase (`str` or bytes-like), or the texts of enough shares, in a list or one after the other.
///
/// Raises `Rejected` for another secret; `BackupFile`, `BackupForeign`, `BackupDamaged`; an error of the family `ShareError`.
#[pyfunction]
#[pyo3(signature = (file, secret, /))]
pub(crate) fn check(py: Python<'_>, file: PathBuf, secret: &Bound<'_, PyAny>) -> PyResult<Backup> {
    let secret = opening::lines_of(secret)?;
    let checked = py.detach(|| backup::check_file(&file, &secret)).map_err(Fault::from)?;
    Ok(held(&checked))
}

/// Restores a backup into a store that holds nothing, which is made where there is none, under a new secret, and opens the vault.
/// All of the file is checked before anything is written. An attempt that was interrupted goes on when the same is asked again;
/// until then the store opens for nobody.
///
/// `secret` opens the backup, as in `check`. `url` and what follows is as in `Vault.create`; the anchor is a new one, too, and where it
/// cannot be written, `Restored.anchor_error` says why: the rest is restored. `journal` is the URL of the store that was lost, where
/// its journal survived, and `journal_passphrase` or `journal_key` what opens one of its slots; the auditor's is enough: what it says
/// was done after the backup is done again. Nothing is written to it. HOTP keys are suspended all the same unless `journal_anchor`, the
/// file that was that store's anchor, tells that the journal is there to its end, or `journal_is_whole` says that the store was neither
/// put back nor cut.
///
/// Whatever else may have happened since is lost: sessions and challenges end, codes of TOTP keys up to now are spent, HOTP keys are
/// suspended, and a new log begins (docs/operations.md).
///
/// Raises as `check` and `Vault.create`; `BackupNotEmpty`; `Rejected` also for another secret when an earlier attempt goes on, or
/// of the store with the journal; `LogForked`, `LogBehind` for a journal that is not that of the backup.
#[pyfunction]
#[pyo3(signature = (
    file, secret, url, passphrase=None, *, key=None, policy=None, cost=None, idle=Some(900), clock=None,
    anchor=None, journal=None, journal_passphrase=None, journal_key=None, journal_anchor=None, journal_is_whole=false
))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn restore(
    py: Python<'_>,
    file: PathBuf,
    secret: &Bound<'_, PyAny>,
    url: OsString,
    passphrase: Option<&Bound<'_, PyAny>>,
    key: Option<&Bound<'_, PyAny>>,
    policy: Option<&str>,
    cost: Option<Cost>,
    idle: Option<u64>,
    clock: Option<&Bound<'_, ManualClock>>,
    anchor: Option<PathBuf>,
    journal: Option<OsString>,
    journal_passphrase: Option<&Bound<'_, PyAny>>,
    journal_key: Option<&Bound<'_, PyAny>>,
    journal_anchor: Option<PathBuf>,
    journal_is_whole: bool,
) -> PyResult<Restored> {
    let secret = opening::lines_of(secret)?;
    let (opener, policy) = (Opener::of(passphrase, key)?, opening::policy(policy)?);
    let (place, options) = (opening::place(url)?, opening::options(cost, idle, clock, None)?);
    let is_vouched = journal_anchor.is_some() || journal_is_whole;
    let end = match (journal_anchor, journal_is_whole) {
        (None, false) => JournalEnd::Unknown,
        (None, true) => JournalEnd::Vouched,
        (Some(file), false) => JournalEnd::Anchored(Arc::new(FileAnchor::at(file))),
        (Some(_), true) => {
            return Err(PyTypeError::new_err(
                "give the anchor of a journal, or say that it is whole, and not both",
            ));
        }
    };
    let lost = match journal {
        None if journal_passphrase.is_none() && journal_key.is_none() && !is_vouched => None,
        None => return Err(PyTypeError::new_err("what belongs to a journal is given, and no journal")),
        Some(journal) => Some((opening::place(journal)?, Opener::of(journal_passphrase, journal_key)?)),
    };
    let done = py.detach(|| {
        let options = opening::begun(options, anchor)?;
        let lost = lost.as_ref().map(|(place, opener)| {
            let (secret, end) = (opener.credential(), end.clone());
            place.open().map(|store| LostStore { store, secret, end })
        });
        let (lost, target) = (lost.transpose().map_err(Fault::from)?, || Ok(place.create()?));
        let done = backup::restore_file(&file, &secret, target, opener.credential(), options, lost);
        let (done, accounts) = done.map_err(Fault::from)?;
        // What it came to cannot be asked for again: it is told whatever becomes of the anchor.
        let kept = opening::anchored(&done.vault);
        Ok::<_, PyErr>((done, accounts, kept))
    });
    let (done, accounts, kept) = done?;
    let told = done.replayed.as_ref();
    let until = told.map_or(0, |told| told.until.0);
    let names = told.map(|told| &told.lost[..]).unwrap_or_default().iter().chain(&accounts.lost);
    Ok(Restored {
        backup: Py::new(py, held(&done.backup))?,
        dropped: done.consequences.dropped.values().sum(),
        fenced: done.consequences.fenced,
        suspended: done.consequences.suspended,
        resumed: done.resumed,
        events: told.map(|told| told.entries),
        whole: told.map(|told| told.is_whole),
        lost: names.map(|told| told.kind.name().into_owned()).collect(),
        unknown_since: until.max(done.backup.header.made.0),
        anchor_error: kept.err().map(|error| PyErr::from(Fault::from(error)).into_value(py).into_any()),
        vault: Py::new(py, Vault::of(done.vault.into(), policy))?,
    })
}

/// Writes a backup under a passphrase.
pub(crate) fn write(
    py: Python<'_>,
    vault: &zamok::Vault,
    file: &Path,
    passphrase: &Passphrase,
    cost: Option<Cost>,
) -> PyResult<Backup> {
    let cost = opening::cost(cost);
    let written = py.detach(|| {
        backup::write_file(vault, file, || drawing(|env| BackupKey::from_passphrase(passphrase, cost, env)))
    });
    let written = written.map_err(Fault::from)?;
    let log = written.log;
    Ok(Backup::new(&written.header, &written.end, log.origin, log.size, &log.root))
}

/// Writes a backup under shares.
pub(crate) fn write_split<'py>(
    py: Python<'py>,
    vault: &zamok::Vault,
    file: &Path,
    needed: u8,
    made: u8,
) -> PyResult<(Backup, Texts<'py>)> {
    let mut shares = Vec::new();
    let written = py.detach(|| {
        let id = vault.read(|_, keyring| Ok(keyring.vault()))?;
        backup::write_file(vault, file, || {
            let (key, drawn) = drawing(|env| BackupKey::split(id, needed, made, env))?;
            shares = drawn;
            Ok(key)
        })
    });
    let written = written.map_err(Fault::from)?;
    let log = written.log;
    let backup = Backup::new(&written.header, &written.end, log.origin, log.size, &log.root);
    Ok((backup, slots::texts(py, &shares)))
}

fn held(checked: &backup::Checked) -> Backup {
    let log = &checked.begin;
    Backup::new(&checked.header, &checked.end, log.origin.clone(), log.size, &log.root)
}

fn drawing<T>(draw: impl FnOnce(Env<'_>) -> Result<T, CoreError>) -> Result<T, CoreError> {
    let mut random = OsRandom::new()?;
    draw(Env { now: SystemClock.now(), rng: &mut random })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
