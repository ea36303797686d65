//! The one door: a store, its vault and the cabinet over it, made and opened together.

use std::ffi::OsStr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use zamok_cabinet::watch::Watch;
use zamok_cabinet::{
    AccountId, Approach, Begun, Cabinet, Challenge, Enrolment, Error, Evidence, Password, Policy, Replayed,
    RequestId, Session,
};
use zamok_core::Error as CoreError;
use zamok_core::UnixTime;
use zamok_core::event::{EventKind, Subject};
use zamok_core::store::Store;
use zamok_core::vault::finding::{self, Reindexing};
use zamok_core::vault::{DataKeyId, Keyring, Transaction, rotation};
use zamok_host::backup::Surviving;
use zamok_host::{Cadence, Cosigners, Credential, Keeper, Options, Vault};
use zamok_journal::{Entries, Journal, Report, SignedCheckpoint};
use zamok_protocols::request::{ClientKeyId, Clients};
use zamok_protocols::token::AccessTokens;

use crate::url::StoreUrl;

/// Factors whose code is there before anybody asks for it.
const COMPUTED: [Evidence; 2] = [Evidence::Generator, Evidence::Token];

/// What a new vault and its cabinet are made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The name of the service, as authenticator apps and tokens show it.
    pub issuer: String,
    /// The numbers to go by. Kept in the vault. Default: [`Policy::strict`].
    pub policy: Policy,
    /// Clock, memory, and what unlocking costs.
    pub options: Options,
}

impl Settings {
    /// The defaults, for a service of this name.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), policy: Policy::default(), options: Options::default() }
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same with other options.
    #[must_use]
    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }
}

/// An open vault with the cabinet over it. Everything that a [`Cabinet`] does, it does.
///
/// Share it between threads in an [`Arc`]. Calls block: an asynchronous service wraps them in its runtime's pool for
/// blocking work. [`Vault::lock`] takes the keys away before it is dropped.
#[derive(Debug)]
pub struct Zamok {
    cabinet: Cabinet,
}

impl Zamok {
    /// Makes a store where there is none, a vault in it, and a cabinet for one service, and opens them.
    ///
    /// A creation that was interrupted after the vault was made is finished, given the same passphrase.
    ///
    /// # Errors
    /// [`CoreError::VaultExists`]; [`Error::IssuerUnusable`]; [`Error::PolicyUnsound`]; the vault's and the store's.
    pub fn create<'a>(
        url: impl AsRef<OsStr>,
        secret: impl Into<Credential<'a>>,
        settings: Settings,
    ) -> Result<Self, Error> {
        // Before there is a store, as before there is a vault.
        Cabinet::judge(&settings.issuer, &settings.policy)?;
        Self::create_in(StoreUrl::parse(url)?.create()?, secret, settings)
    }

    /// As [`Zamok::create`], in a store that the caller made.
    ///
    /// # Errors
    /// As [`Zamok::create`].
    pub fn create_in<'a>(
        store: Arc<dyn Store>,
        secret: impl Into<Credential<'a>>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let Settings { issuer, policy, options } = settings;
        // A vault without a cabinet is finished with its own passphrase alone: none is made for what is refused.
        Cabinet::judge(&issuer, &policy)?;
        let secret = secret.into();
        let vault = match Vault::create(store.clone(), secret, options.clone()) {
            // Either there is all of it, or an earlier attempt ended before the cabinet was made.
            Err(CoreError::VaultExists) => {
                Vault::unlock(store, secret, options).map_err(|error| match error {
                    CoreError::Store(_) => error,
                    // It is not for whoever wants a new vault to learn how this one opens.
                    _ => CoreError::VaultExists,
                })?
            }
            made => made?,
        };
        Cabinet::create(Arc::new(vault), &issuer, policy).map(|cabinet| Self { cabinet })
    }

    /// Opens the vault and the cabinet that are there.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a wrong passphrase; [`CoreError::UnlockNotBefore`] while failures delay further
    /// attempts; [`CoreError::NoVault`]; otherwise as [`Vault::unlock`]; the store's.
    pub fn open<'a>(url: impl AsRef<OsStr>, secret: impl Into<Credential<'a>>) -> Result<Self, Error> {
        Self::open_in(StoreUrl::parse(url)?.open()?, secret, Options::default())
    }

    /// As [`Zamok::open`], in a store that the caller opened, with other options.
    ///
    /// # Errors
    /// As [`Zamok::open`].
    pub fn open_in<'a>(
        store: Arc<dyn Store>,
        secret: impl Into<Credential<'a>>,
        options: Options,
    ) -> Result<Self, Error> {
        let vault = Vault::unlock(store, secret, options)?;
        Cabinet::open(Arc::new(vault)).map(|cabinet| Self { cabinet })
    }

    /// The same under other numbers, for as long as it is open, as [`Cabinet::with_policy`].
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { cabinet: self.cabinet.with_policy(policy) }
    }

    /// The same, which asks this watch, as [`Cabinet::with_watch`].
    #[must_use]
    pub fn with_watch(self, watch: Arc<dyn Watch>) -> Self {
        Self { cabinet: self.cabinet.with_watch(watch) }
    }

    /// The accounts, factors, challenges and sessions.
    #[must_use]
    pub const fn cabinet(&self) -> &Cabinet {
        &self.cabinet
    }

    /// The vault beneath.
    #[must_use]
    pub fn vault(&self) -> &Arc<Vault> {
        self.cabinet.vault()
    }

    /// Access tokens for one audience: the service that they are shown to.
    #[must_use]
    pub fn tokens(&self, audience: impl Into<String>) -> AccessTokens<'_> {
        AccessTokens::new(&self.cabinet, audience)
    }

    /// Reads the journal. New entries count as leaves once [`Vault::integrate`] has run.
    ///
    /// # Errors
    /// What `read` returned; [`CoreError::Locked`].
    pub fn journal<T>(&self, read: impl FnOnce(&Journal<'_>) -> Result<T, CoreError>) -> Result<T, Error> {
        Ok(self.vault().read(|store, keyring| read(&Journal::new(store, keyring)))?)
    }

    /// Writes the journal's log under a checkpoint as files (C2SP tlog-tiles), as [`Journal::write_files`] does.
    ///
    /// # Errors
    /// As [`Journal::write_files`].
    pub fn journal_files<E: From<CoreError>>(
        &self,
        signed: &SignedCheckpoint,
        entries: Entries,
        from: u64,
        put: impl FnMut(&str, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let written = self
            .vault()
            .read(|store, keyring| Ok(Journal::new(store, keyring).write_files(signed, entries, from, put)));
        written.unwrap_or_else(|error| Err(error.into()))
    }

    /// Keeps the journal from now on, in a thread: integrates, signs and asks `cosigners` as often as policy says
    /// ([`JournalPolicy`](zamok_cabinet::JournalPolicy)). Any number of processes may; it ends when it is dropped.
    ///
    /// # Errors
    /// The operating system's, when it has no more threads.
    pub fn keep_journal(&self, cosigners: Option<Arc<dyn Cosigners>>) -> std::io::Result<Keeper> {
        let policy = &self.policy().journal;
        let seconds = Duration::from_secs;
        let cadence = Cadence {
            integrate: seconds(policy.integrate),
            checkpoint: seconds(policy.checkpoint),
            witness: seconds(policy.witness),
        };
        Keeper::start(self.vault().clone(), cadence, cosigners)
    }

    /// Recomputes the whole journal and names what does not fit.
    ///
    /// # Errors
    /// [`CoreError::Locked`]; a store's fault. What is wrong with the data is in the report.
    pub fn audit(&self) -> Result<Report, Error> {
        self.audited(zamok_journal::audit)
    }

    /// What an audit found by keys that were the newest when it ended: what another process entered meanwhile under a newer one is no finding.
    fn audited(&self, audit: fn(&dyn Store, &Keyring) -> Result<Report, CoreError>) -> Result<Report, Error> {
        // Whoever plants the number of a key that never was makes nobody look for ever.
        for _ in 0..3 {
            self.vault().refresh()?;
            let looked =
                |store: &dyn Store, keyring: &Keyring| Ok((audit(store, keyring)?, keyring.is_stale()));
            let (report, is_stale) = self.vault().read(looked)?;
            if report.is_clean() || !is_stale {
                return Ok(report);
            }
        }
        self.vault().refresh()?;
        Ok(self.vault().read(audit)?)
    }

    /// Recomputes the whole journal, looks at every row of the vault and of the cabinet, compares rows with the journal
    /// and names what does not fit. [`Cabinet::audit_indexes`] compares the cabinet's rows with each other.
    ///
    /// # Errors
    /// As [`Zamok::audit`].
    pub fn audit_rows(&self) -> Result<Report, Error> {
        self.audited(zamok_journal::audit_rows)
    }

    /// Erases an account, as [`Cabinet::erase_account`] does, and before it the keys by which its clients signed requests. Interrupted in
    /// between, it is asked for again.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; the vault's and the store's.
    pub fn erase_account(&self, login: &str, reason: &str) -> Result<Subject, Error> {
        Clients::new(&self.cabinet).forget(login, reason).map_err(of_clients)?;
        self.cabinet.erase_account(login, reason)
    }

    /// A right to enrol the account's first factor. An account that has one already, or that has lost its last one, is sent nothing.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a wrong login or password; [`Error::FactorExists`]; the vault's and the store's.
    pub fn begin_enrolment(&self, login: &str, password: &Password) -> Result<Enrolment, Error> {
        // Asked for a factor of which nothing is sent: an account that has another one gets no message.
        let approach = Approach { by: Some(Evidence::Generator), ..Approach::default() };
        match self.begin_login_from(login, password, &approach) {
            Ok(Begun::Enrol(enrolment)) => Ok(enrolment),
            Ok(Begun::Code(_)) | Err(Error::MethodUnavailable | Error::MethodTooWeak) => {
                Err(Error::FactorExists)
            }
            Err(error) => Err(error),
        }
    }

    /// A login in one go, for a form that asks for password and code together; otherwise [`Cabinet::begin_login`] and
    /// [`Cabinet::answer`]. For codes of a generator or a hardware token: nothing is sent, to an account that prefers that neither.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the login, the password or the code is wrong; [`Error::MethodUnavailable`] when the account has
    /// neither; [`Error::NothingOffered`] when it has no factor at all yet; the vault's and the store's.
    pub fn log_in(&self, login: &str, password: &Password, code: &str) -> Result<Session, Error> {
        self.log_in_from(login, password, code, &Approach::default())
    }

    /// The same, with what is known of whoever knocks. Of its methods a generator and a token are taken.
    ///
    /// # Errors
    /// As [`Zamok::log_in`].
    pub fn log_in_from(
        &self,
        login: &str,
        password: &Password,
        code: &str,
        approach: &Approach,
    ) -> Result<Session, Error> {
        let mut refused = Error::MethodUnavailable;
        for by in COMPUTED.into_iter().filter(|by| approach.by.is_none_or(|wanted| wanted == *by)) {
            // Asked for by name: what the account prefers may be sent.
            let asking = Approach { by: Some(by), ..approach.clone() };
            match self.begin_login_from(login, password, &asking) {
                Ok(Begun::Code(challenge)) => {
                    let challenge =
                        if approach.by.is_none() { self.preferred(challenge)? } else { challenge };
                    return self.answer(&challenge, code, self.request_id()?);
                }
                Ok(Begun::Enrol(_)) => return Err(Error::NothingOffered),
                Err(Error::MethodUnavailable) => {}
                Err(Error::MethodTooWeak) => refused = Error::MethodTooWeak,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    /// Of generator and token the one that stands first in the account's order.
    fn preferred(&self, challenge: Challenge) -> Result<Challenge, Error> {
        match self.methods(&challenge)?.into_iter().find(|method| COMPUTED.contains(&method.evidence)) {
            Some(first) if first.evidence != challenge.by => self.switch_method(&challenge, first.factor),
            _ => Ok(challenge),
        }
    }

    /// A fresh name for one attempt at a challenge. A client that lost the reply asks again under the same name.
    ///
    /// # Errors
    /// [`CoreError::Randomness`]; [`CoreError::Locked`].
    pub fn request_id(&self) -> Result<RequestId, Error> {
        self.vault().transact(|tx| Ok(RequestId(tx.env().random())))
    }
}

impl Deref for Zamok {
    type Target = Cabinet;

    fn deref(&self) -> &Cabinet {
        &self.cabinet
    }
}

/// What [`Replay::above`](zamok_host::backup::Replay) is for a vault with a cabinet: does again what a surviving journal says
/// was done to accounts and to keys of clients after the backup, erasures first. A vault without a cabinet has nothing of this.
///
/// # Errors
/// [`CoreError::Refused`] when a row was altered; the vault's and the store's.
pub fn replay_accounts(vault: &Arc<Vault>, surviving: &Surviving) -> Result<Replayed, Error> {
    let cabinet = match Cabinet::open(vault.clone()) {
        Ok(cabinet) => cabinet,
        Err(Error::Core(CoreError::NoVault)) => return Ok(Replayed::default()),
        Err(error) => return Err(error),
    };
    let mut replayed = cabinet.replay(surviving)?;
    let (clients, reason) = (Clients::new(&cabinet), "the surviving journal says so");
    for told in &surviving.told {
        match told.kind {
            EventKind::ClientKeyRevoked => {
                let Ok(id) = <[u8; 32]>::try_from(told.row.key.as_slice()) else { continue };
                match clients.revoke(ClientKeyId(id), reason) {
                    Ok(()) => replayed.lost.retain(|lost| lost != told),
                    // It was registered after the backup.
                    Err(zamok_protocols::Error::ClientUnknown) => {}
                    Err(error) => return Err(of_clients(error)),
                }
            }
            // What its owner called them goes as well, also of those that were revoked before.
            EventKind::AccountErased => {
                let Ok(id) = <[u8; 16]>::try_from(told.row.key.as_slice()) else { continue };
                clients.forget_of_erased(AccountId(id), reason).map_err(of_clients)?;
            }
            _ => {}
        }
    }
    Ok(replayed)
}

fn of_clients(error: zamok_protocols::Error) -> Error {
    match error {
        zamok_protocols::Error::Cabinet(error) => error,
        // Whatever else it may say is said of keys that somebody shows.
        _ => Error::Core(CoreError::Refused),
    }
}

/// A step of moving an index to the newest index key.
pub type ReindexStep = fn(&mut Transaction<'_>, &Reindexing, usize) -> Result<Reindexing, CoreError>;

/// What a re-indexing came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Records that were looked at, in all passes.
    pub seen: u64,
    /// Rows that were entered anew, or taken away.
    pub moved: u64,
    /// Rows that cannot be moved: while there are any, older index keys stay.
    pub left: u64,
    /// Index keys that came to their end.
    pub retired: Vec<DataKeyId>,
    /// Older index keys that stay, and before when they must: some process may not know of the newest yet.
    pub kept: Vec<(DataKeyId, UnixTime)>,
}

/// Moves every index, of the vault's keys, of the cabinet, and of `more`, to the newest index key, and ends the older one when
/// nothing stands under it any more. For officers.
///
/// It goes in small commits, beside everything else: whoever looks something up tries both keys, and whoever enters something
/// expects both to be free. Ended at any point, it is simply begun again; older keys end
/// [`SETTLED_AFTER`](zamok_core::vault::rotation::SETTLED_AFTER) seconds after the newest was made at the earliest.
///
/// # Errors
/// [`CoreError::Role`]; [`CoreError::Refused`] for a row that was altered; as [`Vault::transact`].
pub fn reindex(
    vault: &Vault,
    more: &[ReindexStep],
    progress: &mut dyn FnMut(&Reindexing),
) -> Result<Reindexed, CoreError> {
    let steps: Vec<ReindexStep> =
        [finding::reindex as ReindexStep, Cabinet::reindex].into_iter().chain(more.iter().copied()).collect();
    let mut done = Reindexed::default();
    let mut pass = |done: &mut Reindexed| {
        let (mut moved, mut left) = (0, 0);
        for step in &steps {
            let at = vault.step_through(step, progress)?;
            done.seen += at.seen;
            moved += at.moved;
            left += at.left;
        }
        done.moved += moved;
        done.left = left;
        Ok::<_, CoreError>(moved)
    };
    pass(&mut done)?;
    let is_alone = vault.read(|_, keyring| Ok(keyring.entered_epochs(vault.now()) == 1))?;
    // A second look finds nothing, or what somebody entered during the first; under one key alone nobody does.
    if is_alone && pass(&mut done)? > 0 {
        pass(&mut done)?;
    }
    let keys = vault.transact(rotation::index_keys)?;
    if is_alone && done.left == 0 {
        let ended = vault.retire_index_keys()?;
        (done.retired, done.kept) = (ended.retired, ended.kept);
    } else if let [older @ .., (_, since)] = keys.as_slice() {
        let settled = since.plus(rotation::SETTLED_AFTER);
        done.kept = older.iter().map(|(id, _)| (*id, settled)).collect();
    }
    Ok(done)
}
