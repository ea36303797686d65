//! The vault: keys as handles.

mod commit;
mod secrets;

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use zamok::Policy;
use zamok::keys::{self, KeyKind, RotationPolicy, Template};
use zamok::otp::{HotpParameters, TotpParameters, TotpState};

use crate::backup::{self, Backup};
use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::journal::{Entry, Report};
use crate::keys::{KeyInfo, key_id, kind_of, purpose_of, state_of};
use crate::opening::{self, Cost, ManualClock, Opener};
use crate::shared::Shared;
use crate::slots::{self, Slots, Texts};
use crate::totp::typed;
use crate::vault::commit::{accepted, read};
use crate::{journal, moment, parameters, secret};

/// An open vault: keys go in or are made inside, and only answers come out.
///
/// Use it in a `with` block, which locks it at the end, and share it between threads; every call that waits lets the others run. A
/// process that was forked from this one has no keys: its calls raise `Locked`, and it opens the vault for itself: fork before
/// opening a SQLite store, since the child cannot open a file that was open then (`StoreUnlocked`).
///
/// `url` is `sqlite:PATH`, `postgres://…` or `memory:`. It is opened with a `passphrase` (`str`, or bytes-like data that the caller
/// can wipe), a `key` of 32 bytes, or a `Credential` in the place of the passphrase. `idle` is the number of seconds without use after which it locks itself (900 unless it is given), or None for never.
/// `policy` is the name of a profile or a TOML text: windows and throttles of one-time codes are taken from it. `clock` replaces the
/// system's clock in tests.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Vault {
    vault: Shared<zamok::Vault>,
    policy: Policy,
}

#[pymethods]
impl Vault {
    /// Makes a store where there is none, and a vault in it. `cost` is what a passphrase costs: memory in KiB, passes, lanes of
    /// Argon2id (RFC 9106); the default is 256 MiB and three passes.
    ///
    /// `anchor` is a file that remembers how far the journal was, best on another machine's disk; it is made, or is empty. The vault opens
    /// only with it from then on, and not when the store was put back to an older copy; each `checkpoint` writes to it. Where it cannot be
    /// written, the vault is made all the same and opens without one; the error has a note (`__notes__`) that says so.
    ///
    /// Raises `VaultExists`; `ValueError` for a cost out of its bounds; `FileExistsError` for an anchor that remembers a log already, or
    /// another `OSError`; an error of the family `StoreError`.
    #[staticmethod]
    #[pyo3(signature = (url, passphrase=None, *, key=None, policy=None, cost=None, idle=Some(900), clock=None, anchor=None))]
    #[allow(clippy::too_many_arguments)]
    fn create(
        py: Python<'_>,
        url: OsString,
        passphrase: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        policy: Option<&str>,
        cost: Option<Cost>,
        idle: Option<u64>,
        clock: Option<&Bound<'_, ManualClock>>,
        anchor: Option<PathBuf>,
    ) -> PyResult<Self> {
        let (opener, policy) = (Opener::of(passphrase, key)?, opening::policy(policy)?);
        let (place, options) = (opening::place(url)?, opening::options(cost, idle, clock, None)?);
        let made = py.detach(|| {
            let options = opening::begun(options, anchor)?;
            let store = place.create().map_err(Fault::from)?;
            let vault = zamok::Vault::create(store, opener.credential(), options).map_err(Fault::from)?;
            opening::made(&vault)?;
            Ok::<_, PyErr>(vault.into())
        });
        Ok(Self { vault: made?, policy })
    }

    /// Opens the vault that is there, in a role: "user" works with keys, "officer" keeps the doors, "auditor" reads the journal. `slot`
    /// is the number of the slot to open; without it, the first that is for the role and for the sort of secret. `anchor` is the file that
    /// `create` or `zamok --anchor` began; `anchor_witnesses` in its place the text of a policy (C2SP tlog-policy), whose witnesses are asked.
    ///
    /// Raises `Rejected` for a wrong passphrase; `UnlockNotBefore` while failures delay further attempts (its `until` is a time);
    /// `SlotDisabled`, `NoSlot`, `SlotMethod`; `NoVault`; `AnchorMissing` for a vault that asks for its anchor, or an anchor that is gone; `LogBehind`, `LogForked` when
    /// the anchor knows better; `Unwitnessed` when not most of the witnesses answer; `ValueError` for what is no policy;
    /// an error of the family `StoreError`, `StoreMissing` where there is none.
    #[staticmethod]
    #[pyo3(signature = (url, passphrase=None, *, key=None, role="user", slot=None, policy=None, idle=Some(900), clock=None, anchor=None, anchor_witnesses=None))]
    #[allow(clippy::too_many_arguments)]
    fn open(
        py: Python<'_>,
        url: OsString,
        passphrase: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        role: &str,
        slot: Option<u64>,
        policy: Option<&str>,
        idle: Option<u64>,
        clock: Option<&Bound<'_, ManualClock>>,
        anchor: Option<PathBuf>,
        anchor_witnesses: Option<&str>,
    ) -> PyResult<Self> {
        let (opener, role, policy) =
            (Opener::of(passphrase, key)?, opening::role(role)?, opening::policy(policy)?);
        let (place, options) = (opening::place(url)?, opening::options(None, idle, clock, slot)?);
        let options = opening::under(options, anchor, anchor_witnesses)?;
        let opened = py.detach(|| zamok::Vault::unlock_as(role, place.open()?, opener.credential(), options));
        Ok(Self { vault: opened.map_err(Fault::from)?.into(), policy })
    }

    /// Takes the keys away. What was opened stays usable for nothing else than asking whether it is locked.
    fn lock(&self, py: Python<'_>) {
        py.detach(|| self.vault.lock());
    }

    /// Whether it is locked: by hand, by idleness, or because this process was forked after it was opened.
    #[getter]
    fn locked(&self) -> bool {
        self.vault.is_locked()
    }

    /// The name of the vault's log.
    #[getter]
    fn origin(&self) -> &str {
        self.vault.origin()
    }

    /// The role in which it was opened.
    ///
    /// Raises `Locked`.
    #[getter]
    fn role(&self) -> Result<String, Fault> {
        Ok(self.vault.role()?.to_string())
    }

    /// Its slots: the ways into it.
    #[getter]
    fn slots(&self) -> Slots {
        Slots(self.vault.clone())
    }

    /// Writes everything that it holds into a file that is not there yet, sealed under a passphrase of its own (`str` or bytes-like),
    /// readable by its owner alone. The file has its name only once it is whole and flushed. `cost` is what one attempt at the
    /// passphrase costs, as in `create`.
    ///
    /// Raises `BackupFile` for a file that is there already, or cannot be written; `Refused` when a row was altered; `Locked`; `ValueError`
    /// for a cost out of its bounds.
    #[pyo3(signature = (file, passphrase, /, *, cost=None))]
    fn backup(
        &self,
        py: Python<'_>,
        file: PathBuf,
        passphrase: &Bound<'_, PyAny>,
        cost: Option<Cost>,
    ) -> PyResult<Backup> {
        backup::write(py, &self.vault, &file, &opening::passphrase(passphrase)?, cost)
    }

    /// The same, sealed so that any `needed` of `made` shares open it, at least two. Returns what was written, and the texts of the
    /// shares: give each to another person. Python cannot wipe them.
    ///
    /// Raises `ShareSplit` for numbers that make no shares; as `backup`.
    #[pyo3(signature = (file, /, *, needed, made))]
    fn backup_split<'py>(
        &self,
        py: Python<'py>,
        file: PathBuf,
        needed: i64,
        made: i64,
    ) -> PyResult<(Backup, Texts<'py>)> {
        let (needed, made) = slots::split(needed, made)?;
        backup::write_split(py, &self.vault, &file, needed, made)
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.lock(py);
    }

    /// Makes a key and returns its handle. `kind` is "p256", "p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096", "hmac" or
    /// "aes-256"; `purpose` is "document", "token", "request", "certificate" or "data".
    ///
    /// Raises `ValueError` for another kind or purpose; `KeyKind` where the two do not fit; `Locked`; `Role`.
    #[pyo3(signature = (kind, label, *, purpose="data"))]
    fn create_key(&self, py: Python<'_>, kind: &str, label: &str, purpose: &str) -> PyResult<String> {
        let template = Template::new(kind_of(kind)?, purpose_of(purpose)?).named(label, None);
        self.commit(py, |tx| keys::generate(tx, &template)).map(|id| id.to_string())
    }

    /// Makes a TOTP key inside the vault. It is pre-active: show it once with `provision`, then `activate` it with a test code.
    ///
    /// Raises `Digits`, `PeriodZero`; `ValueError` for an unknown algorithm; `Locked`; `Role`.
    #[pyo3(signature = (label, *, algorithm="SHA1", digits=6, period=30))]
    fn create_totp(
        &self,
        py: Python<'_>,
        label: &str,
        algorithm: &str,
        digits: u64,
        period: u64,
    ) -> PyResult<String> {
        let (algorithm, digits) = (parameters::algorithm(algorithm)?, parameters::digits(digits)?);
        let kind = KeyKind::Totp { algorithm, digits, period, t0: 0 };
        self.create_one_time(py, kind, label, 0)
    }

    /// Makes an HOTP key inside the vault, whose first code is that of `counter`: as `create_totp`.
    #[pyo3(signature = (label, *, algorithm="SHA1", digits=6, counter=0))]
    fn create_hotp(
        &self,
        py: Python<'_>,
        label: &str,
        algorithm: &str,
        digits: u64,
        counter: u64,
    ) -> PyResult<String> {
        let (algorithm, digits) = (parameters::algorithm(algorithm)?, parameters::digits(digits)?);
        self.create_one_time(py, KeyKind::Hotp { algorithm, digits }, label, counter)
    }

    /// Takes in a TOTP key that another system made: active at once, and marked for ever as not made here. `last_step` is the last
    /// step that the other system accepted; without it, one code that was spent there may be accepted here once more.
    ///
    /// Raises as `create_totp`; `SecretTooShort`, `SecretTooLong`.
    #[pyo3(signature = (secret, label, *, algorithm="SHA1", digits=6, period=30, t0=None, last_step=None))]
    #[allow(clippy::too_many_arguments)]
    fn import_totp(
        &self,
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        label: &str,
        algorithm: &str,
        digits: u64,
        period: u64,
        t0: Option<&Bound<'_, PyAny>>,
        last_step: Option<u64>,
    ) -> PyResult<String> {
        let t0 = t0.map(moment::read).transpose()?.unwrap_or_default();
        let (algorithm, digits) = read(algorithm, digits)?;
        let imported = keys::one_time::ImportedParameters::Totp {
            parameters: TotpParameters { algorithm, digits, period, t0 },
            state: TotpState { last_step, drift: 0 },
        };
        let secret = secret::given(secret)?;
        self.commit(py, |tx| keys::one_time::import(tx, imported, &secret, label, None))
            .map(|id| id.to_string())
    }

    /// Takes in an HOTP key that another system made, whose next code is that of `counter`: as `import_totp`.
    #[pyo3(signature = (secret, label, *, counter, algorithm="SHA1", digits=6))]
    fn import_hotp(
        &self,
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        label: &str,
        counter: u64,
        algorithm: &str,
        digits: u64,
    ) -> PyResult<String> {
        let (algorithm, digits) = read(algorithm, digits)?;
        let parameters = HotpParameters { algorithm, digits };
        let imported = keys::one_time::ImportedParameters::Hotp { parameters, counter };
        let secret = secret::given(secret)?;
        self.commit(py, |tx| keys::one_time::import(tx, imported, &secret, label, None))
            .map(|id| id.to_string())
    }

    /// Shows the secret of a pre-active one-time-password key, once, as the `otpauth://` URI for its owner's app; journalled.
    ///
    /// Raises `KeyState` when the key is active already; `KeyUsage` when it was shown before; `UnknownKey`; `UriLabel`.
    #[pyo3(signature = (key, *, issuer, account))]
    fn provision<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        issuer: &str,
        account: &str,
    ) -> PyResult<Bound<'py, PyString>> {
        let id = key_id(key)?;
        let uri = self.commit(py, |tx| keys::one_time::provision(tx, id, issuer, account))?;
        Ok(PyString::new(py, uri.as_str()))
    }

    /// Ends an enrolment with the test code, which is spent by it (R12), and returns its step or counter.
    ///
    /// Raises `Rejected`; `KeyState` when the key is not pre-active; `UnknownKey`, `KeyKind`.
    #[pyo3(signature = (key, code, /))]
    fn activate(&self, py: Python<'_>, key: &str, code: &Bound<'_, PyString>) -> PyResult<u64> {
        let (id, text) = (key_id(key)?, typed(code));
        let verdict = self.commit(py, |tx| {
            let policy = self.spending(&keys::info(tx, id)?);
            keys::spend::activate(tx, id, text, &policy)
        })?;
        accepted(verdict)
    }

    /// Checks a code and spends it in one commit, and returns its step or counter. Of any number of threads and processes that
    /// bring the same code, one gets the answer and all others `Rejected`. Wrong codes are charged, delayed and in the end disable the
    /// key, as the policy says.
    ///
    /// Raises `Rejected` for a wrong, spent, late or malformed code, and while failures delay further tries; `KeyState` when the key
    /// is not active; `UnknownKey`, `KeyKind`, `Busy`; an error of the family `StoreError`.
    #[pyo3(signature = (key, code, /))]
    fn verify(&self, py: Python<'_>, key: &str, code: &Bound<'_, PyString>) -> PyResult<u64> {
        let (id, text) = (key_id(key)?, typed(code));
        let verdict = self.commit(py, |tx| {
            let policy = self.spending(&keys::info(tx, id)?);
            keys::spend::verify(tx, id, text, &policy)
        })?;
        accepted(verdict)
    }

    /// Takes a key that failures have disabled back into use; journalled with the reason.
    ///
    /// Raises `KeyState` when it is not suspended; `UnknownKey`, `KeyKind`.
    #[pyo3(signature = (key, reason, /))]
    fn resume(&self, py: Python<'_>, key: &str, reason: &str) -> PyResult<()> {
        let id = key_id(key)?;
        self.commit(py, |tx| keys::spend::resume(tx, id, reason))
    }

    /// Signs bytes-like data, and returns the signature: DER for ECDSA, fixed length for the others. `name` is what the journal calls
    /// it where the key's use is journalled. `purpose` is what is signed for: the key's own where none is given. For a key of tokens it
    /// has to be given, since what such a key signs is journalled nowhere. `bytes` are read where they lie; other data is copied once.
    ///
    /// Raises `KeyPurpose` for another purpose than the key's, and for a key of tokens where none is given; `KeyKind`, `KeyUsage`,
    /// `KeyState`, `UnknownKey`; `Locked`; `ValueError` for what is no purpose.
    #[pyo3(signature = (key, data, *, name="", purpose=None))]
    fn sign<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        data: &Bound<'py, PyAny>,
        name: &str,
        purpose: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (id, data, asked) = (key_id(key)?, Bytes::of(data)?, purpose.map(purpose_of).transpose()?);
        let signature = self.commit(py, |tx| {
            let purpose = match (asked, keys::info(tx, id)?.purpose) {
                (Some(asked), _) => asked,
                (None, keys::Purpose::Token) => return Err(zamok::CoreError::KeyPurpose),
                (None, own) => own,
            };
            keys::signing::sign(tx, id, purpose, data.as_slice(), name)
        })?;
        Ok(PyBytes::new(py, &signature.to_der()))
    }

    /// The public key of a key pair, as SubjectPublicKeyInfo in PEM (RFC 7468).
    ///
    /// Raises `KeyKind`, `UnknownKey`; `Locked`.
    #[pyo3(signature = (key, /))]
    fn public_key(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        let id = key_id(key)?;
        self.commit(py, |tx| keys::signing::spki_pem(tx, id))
    }

    /// Computes the HMAC of bytes-like data, and returns it with the version of the key, which `check_mac` asks for.
    /// `mechanism` is "hmac-sha256", "hmac-sha384", "hmac-sha512", or "hmac-sha1" for keys that allow it.
    ///
    /// Raises `KeyKind`, `KeyUsage`, `KeyMechanism`, `KeyState`, `UnknownKey`; `Locked`.
    #[pyo3(signature = (key, data, *, mechanism="hmac-sha256"))]
    fn mac<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        data: &Bound<'py, PyAny>,
        mechanism: &str,
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        secrets::tagged(self, py, key, data, mechanism)
    }

    /// Checks an HMAC in constant time.
    ///
    /// Raises `Rejected` when it is not the full, right one; as `mac`.
    #[pyo3(signature = (key, data, version, tag, *, mechanism="hmac-sha256"))]
    fn check_mac(
        &self,
        py: Python<'_>,
        key: &str,
        data: &Bound<'_, PyAny>,
        version: &Bound<'_, PyAny>,
        tag: &Bound<'_, PyAny>,
        mechanism: &str,
    ) -> PyResult<()> {
        secrets::checked(self, py, key, data, (version, tag), mechanism)
    }

    /// Seals bytes-like data under an "aes-256" key (XAES-256-GCM), bound to `associated` data, and returns it with the key's version
    /// in front: 4 bytes, then nonce, ciphertext, tag.
    ///
    /// Raises `KeyKind`, `KeyUsage`, `KeyState`, `UnknownKey`; `Locked`.
    #[pyo3(signature = (key, data, *, associated=None))]
    fn seal<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        data: &Bound<'py, PyAny>,
        associated: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        secrets::sealed(self, py, key, data, associated)
    }

    /// Opens what `seal` made, as `bytes` that Python cannot wipe.
    ///
    /// Raises `Rejected` when it was not sealed so under this key; as `seal`.
    #[pyo3(signature = (key, sealed, *, associated=None))]
    fn open_sealed<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        sealed: &Bound<'py, PyAny>,
        associated: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        secrets::opened(self, py, key, sealed, associated)
    }

    /// What is known of a key.
    ///
    /// Raises `UnknownKey`; `Locked`.
    #[pyo3(signature = (key, /))]
    fn key(&self, py: Python<'_>, key: &str) -> PyResult<KeyInfo> {
        let id = key_id(key)?;
        self.commit(py, |tx| keys::info(tx, id)).map(KeyInfo::from)
    }

    /// Up to `limit` keys by their handles after `after`: those with a label, or, without one, all of them.
    ///
    /// Raises `Locked`.
    #[pyo3(signature = (label=None, *, limit=100, after=None))]
    fn keys(
        &self,
        py: Python<'_>,
        label: Option<&str>,
        limit: usize,
        after: Option<&str>,
    ) -> PyResult<Vec<KeyInfo>> {
        let after = after.map(key_id).transpose()?;
        let (found, _) = self.commit(py, |tx| match label {
            Some(label) => keys::finding::by_label_after(tx, label, limit, after),
            None => keys::finding::list(tx, limit, after),
        })?;
        Ok(found.into_iter().map(KeyInfo::from).collect())
    }

    /// Makes the next version of a key; older versions still verify and open, for `accept` more seconds where that is given.
    /// Returns the new version's number.
    ///
    /// Raises `KeyKind` for one-time-password keys, whose successor must be enrolled; `KeyState`, `UnknownKey`.
    #[pyo3(signature = (key, reason, *, accept=None))]
    fn rotate_key(&self, py: Python<'_>, key: &str, reason: &str, accept: Option<u64>) -> PyResult<u32> {
        let id = key_id(key)?;
        self.commit(py, |tx| {
            keys::versions::rotate(tx, id, &RotationPolicy { accept }, reason)?;
            keys::info(tx, id).map(|info| info.version)
        })
    }

    /// Leads a key on in its life: to "active", "suspended", "deactivated", "compromised" or "destroyed"; journalled with the reason.
    ///
    /// Raises `ValueError` for another state; `KeyState` where no way leads there; `KeyFixed`, `UnknownKey`.
    #[pyo3(signature = (key, state, reason, /))]
    fn change_key_state(&self, py: Python<'_>, key: &str, state: &str, reason: &str) -> PyResult<()> {
        let (id, state) = (key_id(key)?, state_of(state)?);
        self.commit(py, |tx| keys::change_state(tx, id, state, reason))
    }

    /// Moves waiting entries of the journal into its tree, and returns how many.
    ///
    /// Raises `Locked`; an error of the family `StoreError`.
    fn integrate(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(py.detach(|| self.vault.integrate()).map_err(Fault::from)?)
    }

    /// Integrates, signs a checkpoint (C2SP tlog-checkpoint) and returns its text. The anchor, where there is one, keeps it.
    ///
    /// Raises `LogForked`, `LogBehind`; `Locked`; an error of the family `StoreError`, also for an anchor that cannot be written.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| self.vault.checkpoint()).map_err(Fault::from)?.to_string())
    }

    /// The key of the journal's log, as a C2SP vkey: whoever verifies proofs needs it. The first checkpoint makes it.
    ///
    /// Raises `Uncovered` before the first checkpoint; `Locked`.
    fn log_key(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| self.vault.log_key()).map_err(Fault::from)?.to_string())
    }

    /// The integrated entries of the journal from index `first` on, at most `limit`.
    ///
    /// Raises `Refused` when an entry was altered; `Locked`.
    #[pyo3(signature = (first=0, *, limit=100))]
    fn journal(&self, py: Python<'_>, first: u64, limit: u64) -> PyResult<Vec<Entry>> {
        journal::range(py, &self.vault, first, limit)
    }

    /// Recomputes the whole journal, looks at every row, and says what does not fit. What a cabinet finds its accounts by,
    /// `Cabinet.audit` compares.
    ///
    /// Raises `Locked`; `Role` in an auditor's hands; an error of the family `StoreError`. What is wrong with the data is in the report.
    fn audit(&self, py: Python<'_>) -> PyResult<Report> {
        journal::audit(py, &self.vault)
    }

    fn __repr__(&self) -> String {
        let state = if self.vault.is_locked() { "locked" } else { "open" };
        format!("<zamok.Vault {}, {state}>", self.vault.origin())
    }
}
