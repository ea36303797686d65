//! The one door: a store, its vault and the cabinet over it, made and opened together.

use std::ffi::OsStr;
use std::ops::Deref;
use std::sync::Arc;

use zamok_cabinet::{Begun, Cabinet, Enrolment, Error, Password, Policy, RequestId, Session};
use zamok_core::Error as CoreError;
use zamok_core::store::Store;
use zamok_host::{Options, Passphrase, Vault};
use zamok_journal::{Journal, Report};
use zamok_protocols::jwt::AccessTokens;

use crate::url::StoreUrl;

/// What a new vault and its cabinet are made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The name of the service, as authenticator apps and tokens show it.
    pub issuer: String,
    /// The numbers to go by. Kept in the vault by the name of their profile. Default: [`Policy::strict`].
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
    /// [`CoreError::VaultExists`]; [`Error::IssuerUnusable`]; the vault's and the store's.
    pub fn create(
        url: impl AsRef<OsStr>,
        passphrase: &Passphrase,
        settings: Settings,
    ) -> Result<Self, Error> {
        Self::create_in(StoreUrl::parse(url)?.create()?, passphrase, settings)
    }

    /// As [`Zamok::create`], in a store that the caller made.
    ///
    /// # Errors
    /// As [`Zamok::create`].
    pub fn create_in(
        store: Arc<dyn Store>,
        passphrase: &Passphrase,
        settings: Settings,
    ) -> Result<Self, Error> {
        let Settings { issuer, policy, options } = settings;
        let vault = match Vault::create(store.clone(), passphrase, options.clone()) {
            // Either there is all of it, or an earlier attempt ended before the cabinet was made.
            Err(CoreError::VaultExists) => {
                Vault::unlock(store, passphrase, options).map_err(|error| match error {
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
    pub fn open(url: impl AsRef<OsStr>, passphrase: &Passphrase) -> Result<Self, Error> {
        Self::open_in(StoreUrl::parse(url)?.open()?, passphrase, Options::default())
    }

    /// As [`Zamok::open`], in a store that the caller opened, with other options.
    ///
    /// # Errors
    /// As [`Zamok::open`].
    pub fn open_in(store: Arc<dyn Store>, passphrase: &Passphrase, options: Options) -> Result<Self, Error> {
        let vault = Vault::unlock(store, passphrase, options)?;
        Cabinet::open(Arc::new(vault)).map(|cabinet| Self { cabinet })
    }

    /// The same under other numbers, for as long as it is open: the vault keeps only the name of the profile.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { cabinet: self.cabinet.with_policy(policy) }
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

    /// Recomputes the whole journal and names what does not fit.
    ///
    /// # Errors
    /// [`CoreError::Locked`]; a store's fault. What is wrong with the data is in the report.
    pub fn audit(&self) -> Result<Report, Error> {
        Ok(self.vault().read(zamok_journal::audit)?)
    }

    /// A right to enrol the account's first generator.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a wrong login or password; [`Error::FactorExists`]; the vault's and the store's.
    pub fn begin_enrolment(&self, login: &str, password: &Password) -> Result<Enrolment, Error> {
        match self.begin_login(login, password)? {
            Begun::Enrol(enrolment) => Ok(enrolment),
            Begun::Code(_) => Err(Error::FactorExists),
        }
    }

    /// A login in one go, for a form that asks for password and code together; otherwise [`Cabinet::begin_login`] and
    /// [`Cabinet::answer`].
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the login, the password or the code is wrong; [`Error::NothingOffered`] when the
    /// account has no generator yet; the vault's and the store's.
    pub fn log_in(&self, login: &str, password: &Password, code: &str) -> Result<Session, Error> {
        match self.begin_login(login, password)? {
            Begun::Code(challenge) => self.answer(&challenge, code, self.request_id()?),
            Begun::Enrol(_) => Err(Error::NothingOffered),
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
