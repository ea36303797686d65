//! Accounts: registered with a password (R7, R13, R14) and a document key of their own (R37), found by login, phone or
//! e-mail; with roles, rights and limits (R18), and erasable (R27).

mod access;
mod contact;
mod erasure;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod index;
mod leave;
pub(crate) mod power;
mod record;
mod rights;

use std::collections::BTreeMap;

use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{KeyId, KeyKind, Purpose, Transaction, personal, signing};
use zamok_core::wire::hex;
use zamok_core::{Error as CoreError, UnixTime};

use crate::Cabinet;
use crate::error::Error;
use crate::factor::FactorId;
use crate::machine::Machine;
use crate::name::Login;
use crate::password::{Password, PasswordHash};
use crate::throttle::Budget;

pub use access::Authority;
pub use contact::{Contact, ContactId, ContactKind};
pub(crate) use contact::{drop_contact, due, expire, sweep};
pub(crate) use erasure::erase;
pub(crate) use index::{BY_LOGIN, BY_NAME, decoy, find, find_contact, find_or_decoy};
pub use power::{Power, PowerId, PowerKind, PowerState, Terms};
pub(crate) use record::{AccountRecord, Former, erased, load};
pub use rights::{Hours, Limits, Network, Right, Rights, Role, Roles};

/// Sealed account records, under their id.
pub(crate) const ACCOUNTS: Table = Table(32);

/// The id of an account: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub [u8; 16]);

impl core::fmt::Display for AccountId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// There is none.
    Absent,
    /// It can be logged in to.
    Open,
    /// An officer has put it aside.
    Suspended,
    /// Its personal data is gone; its id and pseudonym stay, so that the journal makes sense.
    Erased,
}

/// What can happen to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountStep {
    /// Somebody registers.
    Register,
    /// Password, rights, contacts or factors change.
    Change,
    /// An officer puts it aside.
    Suspend,
    /// An officer takes it back.
    Resume,
    /// Its personal data is erased.
    Erase,
}

impl Machine for AccountState {
    type Step = AccountStep;
    const NOUN: &'static str = "account";
    const ABSENT: Self = Self::Absent;
    const EDGES: &'static [(Self, AccountStep, Self)] = &[
        (Self::Absent, AccountStep::Register, Self::Open),
        (Self::Open, AccountStep::Change, Self::Open),
        (Self::Open, AccountStep::Suspend, Self::Suspended),
        (Self::Suspended, AccountStep::Resume, Self::Open),
        (Self::Open, AccountStep::Erase, Self::Erased),
        (Self::Suspended, AccountStep::Erase, Self::Erased),
    ];
}

/// What the service may know of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The pseudonym under which the journal knows it.
    pub subject: Subject,
    /// Where it stands.
    pub state: AccountState,
    /// The login, in its normal form; empty once it is erased.
    pub login: String,
    /// When it was registered.
    pub registered: UnixTime,
    /// Raised when rights, password or factors change: sessions of an earlier epoch are over.
    pub epoch: u64,
    /// The key that signs its documents.
    pub document_key: KeyId,
    /// What it is to the service (R18).
    pub roles: Roles,
    /// When and from where it may act (R18).
    pub limits: Limits,
    /// Its phones and addresses (R9).
    pub contacts: Vec<Contact>,
    /// What is known of it by name: a confirmed tax number, the state of an application (R18).
    pub attributes: BTreeMap<String, String>,
    /// Its factors: the record lists them, so that a deleted factor locks instead of opening.
    pub(crate) factors: Vec<FactorId>,
    /// Powers that it gave, and that it was given.
    pub(crate) powers: Vec<PowerId>,
}

impl Cabinet {
    /// Registers an account: a login, a password, a document key made inside the vault, all in one commit. It is a citizen's.
    ///
    /// # Errors
    /// [`Error::LoginUnusable`]; [`Error::LoginTaken`], also when somebody has a login that looks the same; the password's
    /// errors; the vault's and the store's.
    pub fn register(&self, login: &str, password: &Password) -> Result<Account, Error> {
        let login = Login::parse(login)?;
        password.check(&[login.as_str(), &self.issuer], &self.policy.password)?;
        self.open_account(&login, &self.hash_password(password)?)
    }

    pub(crate) fn open_account(&self, login: &Login, password: &PasswordHash) -> Result<Account, Error> {
        self.vault.transact(|tx| {
            let account = begin(tx, login, password)?;
            let (subject, row) = (Some(account.subject), account.id.row());
            tx.event(EventKind::AccountRegistered, subject, &row, &Detail::new())?;
            Ok(account)
        })
    }

    /// The account with this login, for operators.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when there is none; the vault's and the store's.
    pub fn account_by_login(&self, login: &str) -> Result<Account, Error> {
        let login = Login::parse(login)?;
        self.vault.transact(|tx| {
            find(tx, &login)?.map(|record| record.account).ok_or(Error::Core(CoreError::Rejected))
        })
    }

    /// The account with this verified phone or e-mail address, for operators, and for logins by phone (R11).
    ///
    /// # Errors
    /// [`Error::ContactUnusable`]; [`CoreError::Rejected`] when there is none; the vault's and the store's.
    pub fn account_by_contact(&self, address: &str) -> Result<Account, Error> {
        let (kind, address) = ContactKind::parse(address)?;
        self.vault.transact(|tx| {
            find_contact(tx, kind, &address)?
                .map(|record| record.account)
                .ok_or(Error::Core(CoreError::Rejected))
        })
    }

    /// The account of a live session.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn account(&self, session: &crate::Session) -> Result<Account, Error> {
        self.vault.transact(|tx| self.owner(tx, session))
    }

    /// Puts an open account aside, or takes a suspended one back; journalled with the reason. Its sessions end. For officers.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`Error::AccountState`] when it is not there to be suspended or
    /// resumed; the vault's and the store's.
    pub fn suspend_account(&self, login: &str, step: AccountStep, reason: &str) -> Result<(), Error> {
        let kind = match step {
            AccountStep::Suspend => EventKind::AccountSuspended,
            AccountStep::Resume => EventKind::AccountResumed,
            _ => return Err(Error::AccountState),
        };
        self.change_account(login, step, kind, |_| Ok(Detail::new().with("reason", reason)))
    }

    /// Changes what an account is to the service, and when and from where it may act (R18). Its sessions end. For officers.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`Error::AccountState`] when it is not open; the vault's and the
    /// store's.
    pub fn set_roles(&self, login: &str, roles: Roles, limits: &Limits) -> Result<(), Error> {
        self.change_rights(login, |account| (account.roles, account.limits) = (roles, limits.clone()))
    }

    /// Changes what an account is to the service alone: its limits stay as they are, whoever changes them meanwhile.
    ///
    /// # Errors
    /// As [`Cabinet::set_roles`].
    pub fn change_roles(&self, login: &str, roles: Roles) -> Result<(), Error> {
        self.change_rights(login, |account| account.roles = roles)
    }

    /// Changes when and from where an account may act alone: its roles stay as they are, whoever changes them meanwhile.
    ///
    /// # Errors
    /// As [`Cabinet::set_roles`].
    pub fn change_limits(&self, login: &str, limits: &Limits) -> Result<(), Error> {
        self.change_rights(login, |account| account.limits = limits.clone())
    }

    fn change_rights(&self, login: &str, change: impl Fn(&mut Account)) -> Result<(), Error> {
        self.change_account(login, AccountStep::Change, EventKind::RightsChanged, |account| {
            change(account);
            let (roles, limits) = (account.roles.to_string(), account.limits.to_string());
            Ok(Detail::new().with("roles", roles).with("limits", limits))
        })
    }

    /// Writes an attribute of an account, or with `None` takes it away; journalled by its name alone. For officers.
    ///
    /// # Errors
    /// [`Error::TooMany`] beyond 64 attributes; otherwise as [`Cabinet::set_roles`].
    pub fn set_attribute(&self, login: &str, name: &str, value: Option<&str>) -> Result<(), Error> {
        const MOST: usize = 64;
        self.change_account(login, AccountStep::Change, EventKind::AttributeChanged, |account| {
            match value {
                Some(value) => account.attributes.insert(name.into(), value.into()),
                None => account.attributes.remove(name),
            };
            if account.attributes.len() > MOST {
                return Err(Error::TooMany { what: "attributes", limit: MOST });
            }
            Ok(Detail::new().with("attribute", name))
        })
    }

    fn change_account(
        &self,
        login: &str,
        step: AccountStep,
        kind: EventKind,
        change: impl Fn(&mut Account) -> Result<Detail, Error>,
    ) -> Result<(), Error> {
        let login = Login::parse(login)?;
        self.vault.transact(|tx| {
            let mut record = find(tx, &login)?.ok_or(CoreError::Rejected)?;
            record.take(step)?;
            let detail = change(&mut record.account)?;
            record.account.epoch += 1;
            record.put(tx)?;
            tx.event(kind, Some(record.account.subject), &record.account.id.row(), &detail)?;
            Ok(())
        })
    }
}

/// Journals that an account was put aside.
pub(crate) fn tell_suspended(tx: &mut Transaction<'_>, account: &Account, reason: &str) -> Result<(), Error> {
    let detail = Detail::new().with("reason", reason);
    tx.event(EventKind::AccountSuspended, Some(account.subject), &account.id.row(), &detail)?;
    Ok(())
}

/// Makes the account that is looked at in the place of one that is not there: an account like others, whose password nobody
/// knows, since it was never one.
pub(crate) fn begin_decoy(tx: &mut Transaction<'_>, cost: Argon2Cost) -> Result<AccountId, Error> {
    let (salt, hash) = (tx.env().random(), tx.env().random());
    let password = PasswordHash::of_nothing(cost, salt, hash);
    let mut account = make(tx, &Login::decoy(), &password)?;
    // It lists a factor, as most accounts do, so that its record is as long as theirs.
    account.factors.push(FactorId(tx.env().random()));
    let id = account.id;
    AccountRecord::new(account, password, tx.now()).put(tx)?;
    index::claim_decoy(tx, id)?;
    Ok(id)
}

/// Makes the rows of a new account. The caller journals it.
fn begin(tx: &mut Transaction<'_>, login: &Login, password: &PasswordHash) -> Result<Account, Error> {
    let account = make(tx, login, password)?;
    index::claim_login(tx, login, account.id)?;
    Ok(account)
}

fn make(tx: &mut Transaction<'_>, login: &Login, password: &PasswordHash) -> Result<Account, Error> {
    let subject = Subject(tx.env().random());
    let document_key = signing::generate(tx, KeyKind::P256, Purpose::Document, "documents", Some(subject))?;
    let account = Account {
        id: AccountId(tx.env().random()),
        subject,
        state: AccountState::Absent.after(AccountStep::Register).ok_or(Error::AccountState)?,
        login: login.as_str().into(),
        registered: tx.now(),
        epoch: 1,
        document_key,
        roles: Role::Citizen.into(),
        limits: Limits::default(),
        contacts: Vec::new(),
        attributes: BTreeMap::new(),
        factors: Vec::new(),
        powers: Vec::new(),
    };
    personal::begin(tx, subject)?;
    Budget::begin(tx, account.id.0)?;
    AccountRecord::new(account.clone(), password.again(), tx.now()).put(tx)?;
    Ok(account)
}

impl AccountId {
    pub(crate) fn row(self) -> RowKey {
        RowKey::new(ACCOUNTS, self.0)
    }
}
