//! The cabinet: accounts, enrolment, logins, sessions, tokens, signatures, over a vault.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use zamok::protocols::token::Shown;
use zamok::{Approach, Begun, RequestId, Settings, Which, Zamok};

use crate::buffer::Bytes;
use crate::devices::Devices;
use crate::factor::Factors;
use crate::fault::Fault;
use crate::journal::{self, Entry, Report};
use crate::login::{Challenge, Enrolment, Offer, address_of, approach, method_of, password_of, request_of};
use crate::notices::Notices;
use crate::opening::{self, Cost, ManualClock, Opener};
use crate::operation::Operations;
use crate::session::{Account, Session, SignedDocument, session_id};
use crate::shared::Shared;
use crate::totp::typed;
use crate::vault::Vault;

/// The accounts of one service, over a vault.
///
/// Use it in a `with` block, which locks the vault at the end, and share it between threads; every call that waits lets the others
/// run. A process that was forked from this one has no keys: its calls raise `Locked`, and it opens the cabinet for itself: fork before
/// opening a SQLite store, since the child cannot open a file that was open then (`StoreUnlocked`).
///
/// Passwords and passphrases are `str`, or bytes-like data (UTF-8) that the caller can wipe. An unknown login, a wrong password, a
/// wrong, spent or late code and a delayed account all raise `Rejected`; the journal knows which.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Cabinet(pub(crate) Shared<Zamok>);

#[pymethods]
impl Cabinet {
    /// Makes a store where there is none, a vault in it, and a cabinet for the service that `issuer` names. Arguments are those of
    /// `Vault.create`; the policy is kept in the vault.
    ///
    /// Raises `IssuerUnusable`, `PolicyUnsound`; as `Vault.create`.
    #[staticmethod]
    #[pyo3(signature = (url, passphrase=None, *, issuer, key=None, policy=None, cost=None, idle=Some(900), clock=None, anchor=None))]
    #[allow(clippy::too_many_arguments)]
    fn create(
        py: Python<'_>,
        url: OsString,
        passphrase: Option<&Bound<'_, PyAny>>,
        issuer: &str,
        key: Option<&Bound<'_, PyAny>>,
        policy: Option<&str>,
        cost: Option<Cost>,
        idle: Option<u64>,
        clock: Option<&Bound<'_, ManualClock>>,
        anchor: Option<PathBuf>,
    ) -> PyResult<Self> {
        let (opener, policy) = (Opener::of(passphrase, key)?, opening::policy(policy)?);
        let (place, options) = (opening::place(url)?, opening::options(cost, idle, clock, None)?);
        let settings = Settings::new(issuer).with_policy(policy);
        let made = py.detach(|| {
            let settings = settings.with_options(opening::begun(options, anchor)?);
            let store = place.create().map_err(Fault::from)?;
            let zamok = Zamok::create_in(store, opener.credential(), settings).map_err(Fault::from)?;
            opening::made(zamok.vault())?;
            Ok::<_, PyErr>(zamok.into())
        });
        Ok(Self(made?))
    }

    /// Opens the vault and the cabinet that are there. Arguments are those of `Vault.open`, in the role "user".
    ///
    /// Raises `Rejected` for a wrong passphrase; `UnlockNotBefore` while failures delay further attempts; as `Vault.open`.
    #[staticmethod]
    #[pyo3(signature = (url, passphrase=None, *, key=None, slot=None, idle=Some(900), clock=None, anchor=None, anchor_witnesses=None))]
    #[allow(clippy::too_many_arguments)]
    fn open(
        py: Python<'_>,
        url: OsString,
        passphrase: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        slot: Option<u64>,
        idle: Option<u64>,
        clock: Option<&Bound<'_, ManualClock>>,
        anchor: Option<PathBuf>,
        anchor_witnesses: Option<&str>,
    ) -> PyResult<Self> {
        let opener = Opener::of(passphrase, key)?;
        let (place, options) = (opening::place(url)?, opening::options(None, idle, clock, slot)?);
        let options = opening::under(options, anchor, anchor_witnesses)?;
        let opened = py.detach(|| Zamok::open_in(place.open()?, opener.credential(), options));
        Ok(Self(opened.map_err(Fault::from)?.into()))
    }

    /// Takes the keys away.
    fn lock(&self, py: Python<'_>) {
        py.detach(|| self.0.vault().lock());
    }

    /// Whether it is locked: by hand, by idleness, or because this process was forked after it was opened.
    #[getter]
    fn locked(&self) -> bool {
        self.0.vault().is_locked()
    }

    /// The service's name.
    #[getter]
    fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// The numbers that it goes by, as TOML.
    #[getter]
    fn policy(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.policy().to_toml())
    }

    /// The vault beneath: keys, slots, backups. Both are locked when one is.
    #[getter]
    fn vault(&self) -> Vault {
        Vault::beneath(&self.0)
    }

    /// Second factors: enrolled, chosen, listed.
    #[getter]
    fn factors(&self) -> Factors {
        Factors(self.0.clone())
    }

    /// Known devices, and what they answer.
    #[getter]
    fn devices(&self) -> Devices {
        Devices(self.0.clone())
    }

    /// What accounts are told.
    #[getter]
    fn notices(&self) -> Notices {
        Notices(self.0.clone())
    }

    /// Operations that are confirmed as they were shown, and executed once.
    #[getter]
    fn operations(&self) -> Operations {
        Operations(self.0.clone())
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) {
        self.lock(py);
    }

    /// Registers an account: a login, a password, a document key made inside the vault.
    ///
    /// Raises `LoginUnusable`, `LoginTaken`; `PasswordTooShort` and the other errors of passwords; `Locked`, `Busy`.
    #[pyo3(signature = (login, password, /))]
    fn register(&self, py: Python<'_>, login: &str, password: &Bound<'_, PyAny>) -> PyResult<Account> {
        let password = password_of(password)?;
        Ok(py.detach(|| self.0.register(login, &password)).map_err(Fault::from)?.into())
    }

    /// Checks a login and a password. What comes back is a `Challenge`, to be answered with a code, or an `Enrolment` when the account
    /// has no second factor yet. `client` is what the service calls the client, `device` the token of a known device, `by` the factor to
    /// answer with, such as "SMS" (otherwise the one that the account prefers), `address` the network address that the service sees,
    /// which limits of the account are held against, `language` that of messages (BCP 47).
    ///
    /// Raises `Rejected`; after a right password `MethodUnavailable`, and where a code is sent `TooManyMessages`, or `ResendTooSoon` (its
    /// `seconds` are to be waited); `ValueError` for an address that is none; `Locked`, `Busy`.
    #[pyo3(signature = (login, password, /, *, client="", device=None, by=None, address=None, language=""))]
    #[allow(clippy::too_many_arguments)]
    fn begin_login<'py>(
        &self,
        py: Python<'py>,
        login: &Bound<'py, PyString>,
        password: &Bound<'py, PyAny>,
        client: &str,
        device: Option<&Bound<'py, PyString>>,
        by: Option<&str>,
        address: Option<&str>,
        language: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (login, password) = (typed(login), password_of(password)?);
        let approach =
            Approach { by: method_of(by)?, ..approach(client, device.map(typed), address, language)? };
        let begun =
            py.detach(|| self.0.begin_login_from(login, &password, &approach)).map_err(Fault::from)?;
        Ok(match begun {
            Begun::Code(challenge) => Bound::new(py, Challenge::from(challenge))?.into_any(),
            Begun::Enrol(enrolment) => Bound::new(py, Enrolment(enrolment))?.into_any(),
        })
    }

    /// Begins a login without a password, by a phone alone ("+79161234567"), for an account that has no stronger factor: a code is sent to
    /// it. Whether a phone is known is told to nobody: there is a challenge for every one.
    ///
    /// Raises `NotAllowed` where policy has no such logins (`contact.login`); `ContactUnusable` for what is no phone; `Locked`, `Busy`.
    #[pyo3(signature = (phone, /, *, client="", device=None, address=None, language=""))]
    #[allow(clippy::too_many_arguments)]
    fn begin_login_by_phone(
        &self,
        py: Python<'_>,
        phone: &Bound<'_, PyString>,
        client: &str,
        device: Option<&Bound<'_, PyString>>,
        address: Option<&str>,
        language: &str,
    ) -> PyResult<Challenge> {
        let device = device.map(typed);
        let (phone, approach) = (typed(phone), approach(client, device, address, language)?);
        Ok(py.detach(|| self.0.begin_login_by_phone(phone, &approach)).map_err(Fault::from)?.into())
    }

    /// A right to enrol the account's first generator, for its password.
    ///
    /// Raises `Rejected`; `FactorExists`, also when the account has lost its last factor; `Locked`, `Busy`.
    #[pyo3(signature = (login, password, /))]
    fn begin_enrolment(
        &self,
        py: Python<'_>,
        login: &Bound<'_, PyString>,
        password: &Bound<'_, PyAny>,
    ) -> PyResult<Enrolment> {
        let (login, password) = (typed(login), password_of(password)?);
        Ok(Enrolment(py.detach(|| self.0.begin_enrolment(login, &password)).map_err(Fault::from)?))
    }

    /// Makes a key for a generator app and shows its secret, this once: draw `Offer.uri` with `zamok.qr`.
    ///
    /// Raises `Rejected` when the enrolment has ended, or has offered as often as it may; `FactorExists`.
    #[pyo3(signature = (enrolment, /))]
    fn offer_generator(&self, py: Python<'_>, enrolment: &Bound<'_, Enrolment>) -> PyResult<Offer> {
        let enrolment = enrolment.get().0;
        Ok(Offer(py.detach(|| self.0.offer_generator(&enrolment)).map_err(Fault::from)?))
    }

    /// Ends an enrolment with the test code, which is spent by it (R12).
    ///
    /// Raises `Rejected` for a wrong code; `NothingOffered`; `FactorExists`.
    #[pyo3(signature = (enrolment, code, /))]
    fn confirm_generator(
        &self,
        py: Python<'_>,
        enrolment: &Bound<'_, Enrolment>,
        code: &Bound<'_, PyString>,
    ) -> PyResult<()> {
        let (enrolment, code) = (enrolment.get().0, typed(code));
        Ok(py.detach(|| self.0.confirm_generator(&enrolment, code)).map_err(Fault::from)?)
    }

    /// A login in one go, for a form that asks for password and code together: with a code that its owner has already, of a generator or
    /// a token. Codes that are sent and approvals on a device come after `begin_login`. `address` is as there:
    /// without one, an account whose limits name networks is outside of them.
    ///
    /// Raises `Rejected`, also outside of the account's limits; after a right password `NothingOffered` when the account has no factor yet,
    /// `MethodUnavailable` when it has neither generator nor token (nothing was sent, and the code was not looked at), `MethodTooWeak` where
    /// more is wanted; `ValueError` for an address that is none; `Locked`, `Busy`.
    #[pyo3(signature = (login, password, code, /, *, address=None))]
    fn log_in(
        &self,
        py: Python<'_>,
        login: &Bound<'_, PyString>,
        password: &Bound<'_, PyAny>,
        code: &Bound<'_, PyString>,
        address: Option<&str>,
    ) -> PyResult<Session> {
        let (login, password, code) = (typed(login), password_of(password)?, typed(code));
        let approach = Approach { address: address_of(address)?, ..Approach::default() };
        let opened = py.detach(|| self.0.log_in_from(login, &password, code, &approach));
        Ok(Session(opened.map_err(Fault::from)?))
    }

    /// A fresh name for one attempt at a challenge, 32 hexadecimal digits. A client that lost the reply asks again under the same name,
    /// and gets the same answer without being charged again.
    ///
    /// Raises `Locked`.
    fn request_id(&self, py: Python<'_>) -> PyResult<String> {
        let RequestId(id) = py.detach(|| self.0.request_id()).map_err(Fault::from)?;
        Ok(format!("{:032x}", u128::from_be_bytes(id)))
    }

    /// Answers a challenge with a code: the code is spent, the session opened and both journalled in one commit. `request` is a name of
    /// `request_id`; without one, each call is an attempt of its own.
    ///
    /// Raises `Rejected`; `ValueError` for what is no name of a request; `Locked`, `Busy`.
    #[pyo3(signature = (challenge, code, /, *, request=None))]
    fn answer(
        &self,
        py: Python<'_>,
        challenge: Challenge,
        code: &Bound<'_, PyString>,
        request: Option<&str>,
    ) -> PyResult<Session> {
        let (code, request) = (typed(code), request.map(request_of).transpose()?);
        let answered = py.detach(|| {
            let request = request.map_or_else(|| self.0.request_id(), Ok)?;
            self.0.answer(&challenge.inner(), code, request)
        });
        Ok(Session(answered.map_err(Fault::from)?))
    }

    /// Opens a challenge in which the owner of a session shows again who they are: critical changes ask for it.
    ///
    /// Raises `SessionEnded`; `MethodUnavailable`; `MethodTooWeak` where nothing is left as strong as what the session has seen; where a code
    /// is sent `TooManyMessages`, or `ResendTooSoon` (its `seconds` are to be waited).
    #[pyo3(signature = (session, /))]
    fn begin_again(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Challenge> {
        let session = &session.get().0;
        Ok(py.detach(|| self.0.begin_again(session, None)).map_err(Fault::from)?.into())
    }

    /// Answers a challenge of `begin_again`: the session is fresh again.
    ///
    /// Raises `Rejected`; `SessionEnded`.
    #[pyo3(signature = (session, challenge, code, /, *, request=None))]
    fn answer_again(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        challenge: Challenge,
        code: &Bound<'_, PyString>,
        request: Option<&str>,
    ) -> PyResult<Session> {
        let (session, code, request) = (&session.get().0, typed(code), request.map(request_of).transpose()?);
        let answered = py.detach(|| {
            let request = request.map_or_else(|| self.0.request_id(), Ok)?;
            self.0.answer_again(session, &challenge.inner(), code, request)
        });
        Ok(Session(answered.map_err(Fault::from)?))
    }

    /// The session with this id, if it is still live; using it keeps it from going idle. `address` is the network address from which it is
    /// used, as the service sees it: the account's limits are held against it, now and in whatever the answer is used for.
    ///
    /// Raises `SessionEnded`, also for what is no id; `OutsideLimits` where the account is not used now, or not from there;
    /// `ValueError` for an address that is none.
    #[pyo3(signature = (id, /, *, address=None))]
    fn session(&self, py: Python<'_>, id: &Bound<'_, PyString>, address: Option<&str>) -> PyResult<Session> {
        let (id, address) = (session_id(typed(id))?, address_of(address)?);
        Ok(Session(py.detach(|| self.0.session_from(id, address)).map_err(Fault::from)?))
    }

    /// The live sessions of a session's account, latest first.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn sessions(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Vec<Session>> {
        let session = &session.get().0;
        let found = py.detach(|| self.0.sessions(session)).map_err(Fault::from)?;
        Ok(found.into_iter().map(Session).collect())
    }

    /// Ends a session: logs out. Ending it twice is no error.
    ///
    /// Raises `SessionEnded` for one that never was.
    #[pyo3(signature = (session, reason="logged out", /))]
    fn log_out(&self, py: Python<'_>, session: &Bound<'_, Session>, reason: &str) -> PyResult<()> {
        let id = session.get().0.id;
        Ok(py.detach(|| self.0.end_session(id, reason)).map_err(Fault::from)?)
    }

    /// Ends the other sessions of a session's account, or with `all=True` this one as well; tokens and open challenges end with them.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, /, *, all=false))]
    fn end_sessions(&self, py: Python<'_>, session: &Bound<'_, Session>, all: bool) -> PyResult<()> {
        let (session, which) = (&session.get().0, if all { Which::All } else { Which::Others });
        Ok(py.detach(|| self.0.end_sessions(session, which)).map_err(Fault::from)?)
    }

    /// The account of a live session.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn account(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Account> {
        let session = &session.get().0;
        Ok(py.detach(|| self.0.account(session)).map_err(Fault::from)?.into())
    }

    /// Changes the password of the account of a session that is fresh. Every session of the account ends, this one as well, and the owner
    /// is told. For a while the old one still begins `Factors.begin_undo`, and nothing else.
    ///
    /// Raises `FreshAuthenticationNeeded` (`begin_again`); `MethodTooWeak` after a login by a phone alone; `Rejected` when the old one is
    /// wrong; `SessionEnded`; the errors of passwords.
    #[pyo3(signature = (session, old, new, /))]
    fn change_password(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        old: &Bound<'_, PyAny>,
        new: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (session, old, new) = (&session.get().0, password_of(old)?, password_of(new)?);
        Ok(py.detach(|| self.0.change_password(session, &old, &new)).map_err(Fault::from)?)
    }

    /// When the password of a session's account has to be changed, in seconds since 1970: what is past is due now. None where it has to be
    /// changed on compromise alone, as policy says unless it has `password.change_after`, and where no undo has taken it back.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn password_due(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Option<u64>> {
        let session = &session.get().0;
        Ok(py.detach(|| self.0.password_due(session)).map_err(Fault::from)?.map(|time| time.0))
    }

    /// New recovery codes for the account of a session that is fresh, to be written down; older ones are void.
    ///
    /// Raises `FreshAuthenticationNeeded`; `MethodTooWeak` after a login by a phone alone; `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn new_recovery_codes<'py>(
        &self,
        py: Python<'py>,
        session: &Bound<'py, Session>,
    ) -> PyResult<Vec<Bound<'py, PyString>>> {
        let session = &session.get().0;
        let codes = py.detach(|| self.0.new_recovery_codes(session)).map_err(Fault::from)?;
        Ok(codes.iter().map(|code| PyString::new(py, code.as_str())).collect())
    }

    /// A right to enrol anew for a password and a recovery code, which is spent; the account's factors are taken away. `address` is as in
    /// `log_in`.
    ///
    /// Raises `Rejected`, also outside of the account's limits; `ValueError` for an address that is none.
    #[pyo3(signature = (login, password, code, /, *, address=None))]
    fn recover(
        &self,
        py: Python<'_>,
        login: &Bound<'_, PyString>,
        password: &Bound<'_, PyAny>,
        code: &Bound<'_, PyString>,
        address: Option<&str>,
    ) -> PyResult<Enrolment> {
        let (login, password, code) = (typed(login), password_of(password)?, typed(code));
        let approach = Approach { address: address_of(address)?, ..Approach::default() };
        let begun = py.detach(|| self.0.recover_from(login, &password, code, &approach));
        Ok(Enrolment(begun.map_err(Fault::from)?))
    }

    /// Takes a generator that guesses have disabled back into use; for operators, journalled with the reason.
    ///
    /// Raises `Rejected` when no account has this login; `KeyState` when it is not disabled.
    #[pyo3(signature = (login, reason, /))]
    fn resume_generator(&self, py: Python<'_>, login: &str, reason: &str) -> PyResult<()> {
        Ok(py.detach(|| self.0.resume_generator(login, reason)).map_err(Fault::from)?)
    }

    /// Issues an access token (JWT with ES256, RFC 9068) for a live session and one audience.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, *, audience))]
    fn issue_token(&self, py: Python<'_>, session: &Bound<'_, Session>, audience: &str) -> PyResult<String> {
        let session = &session.get().0;
        Ok(py.detach(|| self.0.tokens(audience).issue(session)).map_err(Fault::from)?)
    }

    /// The live session that an access token stands for. `address` is that from which it was shown, as in `session`.
    ///
    /// Raises `Rejected` for anything but an unexpired token of this cabinet for this audience, and for one with which somebody acts for
    /// another; `SessionEnded`, `OutsideLimits`; `ValueError` for an address that is none.
    #[pyo3(signature = (token, *, audience, address=None))]
    fn verify_token(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyString>,
        audience: &str,
        address: Option<&str>,
    ) -> PyResult<Session> {
        let (token, shown) = (typed(token), Shown { address: address_of(address)?, ..Shown::NOTHING });
        let found = py.detach(|| self.0.tokens(audience).verify_shown(token, &shown));
        Ok(Session(found.map_err(Fault::from)?))
    }

    /// The keys of access tokens as a JWK set (RFC 7517 §5), for services that check tokens without asking.
    ///
    /// Raises `Locked`.
    fn jwks(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| self.0.tokens("").jwks()).map_err(Fault::from)?)
    }

    /// Signs a document (bytes-like) with the account's own key, in a session that is fresh. The signature leaves only with the journal entry that records it.
    /// `bytes` are read where they lie; other data is copied once.
    ///
    /// Raises `FreshAuthenticationNeeded`; `MethodTooWeak` after a login by a phone alone; `SessionEnded`.
    #[pyo3(signature = (session, document, name, /))]
    fn sign(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        document: &Bound<'_, PyAny>,
        name: &str,
    ) -> PyResult<SignedDocument> {
        let (session, document) = (&session.get().0, Bytes::of(document)?);
        let signed = py.detach(|| self.0.sign(session, document.as_slice(), name)).map_err(Fault::from)?;
        Ok(SignedDocument(signed))
    }

    /// What the journal says of a session's account, latest first, at most `limit` entries: those after the entry whose id is
    /// `after`, where that is given. A limit of 0 asks for nothing.
    ///
    /// Raises `SessionEnded`; `Rejected` when `after` is an entry of somebody else, or none; `Refused` when an entry was
    /// altered; `ValueError` for an `after` that is no entry's id.
    #[pyo3(signature = (session, /, *, limit=50, after=None))]
    fn history(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        limit: usize,
        after: Option<&str>,
    ) -> PyResult<Vec<Entry>> {
        let (session, after) = (&session.get().0, after.map(journal::entry_id).transpose()?);
        let listing = py.detach(|| {
            let after = after.map(|entry| journal::after(self.0.vault(), entry)).transpose()?;
            self.0.history(session, limit, after.as_ref())
        });
        Ok(listing.map_err(Fault::from)?.entries.into_iter().map(Entry::from).collect())
    }

    /// The same for an operator, who names the account by its login.
    ///
    /// Raises `Rejected` when no account has this login, or when `after` is an entry of somebody else, or none; `Refused` when
    /// an entry was altered; `ValueError` for an `after` that is no entry's id; `Locked`.
    #[pyo3(signature = (login, /, *, limit=50, after=None))]
    fn history_of(
        &self,
        py: Python<'_>,
        login: &str,
        limit: usize,
        after: Option<&str>,
    ) -> PyResult<Vec<Entry>> {
        let after = after.map(journal::entry_id).transpose()?;
        let listing = py.detach(|| {
            let after = after.map(|entry| journal::after(self.0.vault(), entry)).transpose()?;
            self.0.history_of(login, limit, after.as_ref())
        });
        Ok(listing.map_err(Fault::from)?.entries.into_iter().map(Entry::from).collect())
    }

    /// A proof (C2SP tlog-proof) of an entry of the session's own account, to keep: `zamok.journal.verify_proof` checks it offline.
    ///
    /// Raises `Uncovered` while no checkpoint covers the entry; `Rejected` for an entry of somebody else, or none; `SessionEnded`.
    #[pyo3(signature = (session, entry, /))]
    fn prove(&self, py: Python<'_>, session: &Bound<'_, Session>, entry: &str) -> PyResult<String> {
        let (session, entry) = (&session.get().0, journal::entry_id(entry)?);
        Ok(py.detach(|| self.0.prove(session, entry)).map_err(Fault::from)?.to_text())
    }

    /// Moves waiting entries of the journal into its tree, and returns how many.
    ///
    /// Raises `Locked`; an error of the family `StoreError`.
    fn integrate(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(py.detach(|| self.0.vault().integrate()).map_err(Fault::from)?)
    }

    /// Integrates, signs a checkpoint (C2SP tlog-checkpoint) and returns its text. The anchor, where there is one, keeps it.
    ///
    /// Raises `LogForked`, `LogBehind`; `Locked`; an error of the family `StoreError`, also for an anchor that cannot be written.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| self.0.vault().checkpoint()).map_err(Fault::from)?.to_string())
    }

    /// The key of the journal's log, as a C2SP vkey: whoever verifies proofs needs it. The first checkpoint makes it.
    ///
    /// Raises `Uncovered` before the first checkpoint; `Locked`.
    fn log_key(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| self.0.vault().log_key()).map_err(Fault::from)?.to_string())
    }

    /// The integrated entries of the whole journal from index `first` on, at most `limit`; for operators.
    ///
    /// Raises `Refused` when an entry was altered; `Locked`.
    #[pyo3(signature = (first=0, *, limit=100))]
    fn journal(&self, py: Python<'_>, first: u64, limit: u64) -> PyResult<Vec<Entry>> {
        journal::range(py, self.0.vault(), first, limit)
    }

    /// Recomputes the whole journal, looks at every row, compares what accounts are found by with the accounts, and says what does not
    /// fit.
    ///
    /// Raises `Locked`; an error of the family `StoreError`. What is wrong with the data is in the report.
    fn audit(&self, py: Python<'_>) -> PyResult<Report> {
        journal::audit_all(py, &self.0)
    }

    fn __repr__(&self) -> String {
        let state = if self.0.vault().is_locked() { "locked" } else { "open" };
        format!("<zamok.Cabinet of {:?}, {state}>", self.0.issuer())
    }
}
