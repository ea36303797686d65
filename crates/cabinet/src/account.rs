//! Accounts: registered with a password (R7, R13, R14) and a document key of their own (R37), found by their login.

use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::spend::Failures;
use zamok_core::vault::{KeyId, Purpose, Transaction, signing};
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

use crate::Cabinet;
use crate::error::Error;
use crate::factor::FactorId;
use crate::name::Login;
use crate::password::{Password, PasswordHash};

/// Sealed account records, under their id.
const ACCOUNTS: Table = Table(32);
/// Blind index of logins: authenticated rows that name an account.
const LOGINS: Table = Table(33);
/// Failed passwords: authenticated rows, under an account's id, or under a stranger's bucket.
const PASSWORD_FAILURES: Table = Table(34);

/// The id of an account: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub [u8; 16]);

impl core::fmt::Display for AccountId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What the service may know of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The pseudonym under which the journal knows it.
    pub subject: Subject,
    /// The login, in its normal form.
    pub login: String,
    /// When it was registered.
    pub registered: UnixTime,
    /// Raised when rights or factors change: sessions of an earlier epoch are over.
    pub epoch: u64,
    /// The key that signs its documents.
    pub document_key: KeyId,
    /// Its factors: the record lists them, so that a deleted factor locks instead of opening.
    pub(crate) factors: Vec<FactorId>,
}

/// An account with its password: what the sealed record holds.
pub(crate) struct AccountRecord {
    pub(crate) account: Account,
    pub(crate) password: PasswordHash,
}

impl Cabinet {
    /// Registers an account: a login, a password, a document key made inside the vault, all in one commit.
    ///
    /// # Errors
    /// [`Error::LoginUnusable`], [`Error::LoginTaken`], the password's errors; the vault's and the store's.
    pub fn register(&self, login: &str, password: &Password) -> Result<Account, Error> {
        let login = Login::parse(login)?;
        password.check(&login, &self.policy.password)?;
        let salt = self.vault.transact(|tx| Ok::<_, Error>(tx.env().random()))?;
        let hash = PasswordHash::compute(password, self.policy.password.cost, salt, &self.policy.password)?;
        self.vault.transact(|tx| {
            let index = login_row(tx, &login)?;
            if tx.state(&index)?.is_some() {
                return Err(Error::LoginTaken);
            }
            let subject = Subject(tx.env().random());
            let document_key = signing::generate(tx, Purpose::Document, "documents", Some(subject))?;
            let account = Account {
                id: AccountId(tx.env().random()),
                subject,
                login: login.as_str().into(),
                registered: tx.now(),
                epoch: 1,
                document_key,
                factors: Vec::new(),
            };
            tx.put_state(&index, &account.id.0)?;
            put_failures(tx, &failures_row(account.id), &Failures::default())?;
            put(tx, &account, &hash)?;
            tx.event(EventKind::AccountRegistered, Some(subject), &account.id.row(), &Detail::new())?;
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
}

impl AccountId {
    pub(crate) fn row(self) -> RowKey {
        RowKey::new(ACCOUNTS, self.0)
    }
}

fn login_row(tx: &Transaction<'_>, login: &Login) -> Result<RowKey, Error> {
    Ok(RowKey::new(LOGINS, tx.keyring().blind_index("login", login.as_str().as_bytes())?))
}

/// The account that the index names. The index is a hint: the sealed login must be the one that was asked for.
pub(crate) fn find(tx: &mut Transaction<'_>, login: &Login) -> Result<Option<AccountRecord>, Error> {
    let index = login_row(tx, login)?;
    let Some(id) = tx.state(&index)? else { return Ok(None) };
    let id = AccountId(id.as_slice().try_into().map_err(|_| CoreError::Refused)?);
    let record = load(tx, id)?;
    if record.account.login == login.as_str() { Ok(Some(record)) } else { Err(CoreError::Refused.into()) }
}

pub(crate) fn load(tx: &mut Transaction<'_>, id: AccountId) -> Result<AccountRecord, Error> {
    // An account whose record is missing is locked, not new.
    let opened = tx.record(&id.row())?.ok_or(CoreError::Refused)?;
    let record = decode(&opened.body)?;
    if record.account.id == id { Ok(record) } else { Err(CoreError::Refused.into()) }
}

pub(crate) fn put(tx: &mut Transaction<'_>, account: &Account, password: &PasswordHash) -> Result<(), Error> {
    let mut writer = Writer::new();
    writer.u8(1).raw(&account.id.0).raw(&account.subject.0).text(&account.login)?;
    writer.u64(account.registered.0).u64(account.epoch).raw(&account.document_key.0);
    password.write(&mut writer);
    writer.bytes(&account.factors.iter().flat_map(|factor| factor.0).collect::<Vec<_>>())?;
    Ok(tx.put_record(&account.id.row(), &[], writer.as_slice())?)
}

fn decode(body: &[u8]) -> Result<AccountRecord, CoreError> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != 1 {
        return Err(CoreError::Format { found: found.into(), supported: 1 });
    }
    let id = AccountId(reader.array()?);
    let subject = Subject(reader.array()?);
    let login = reader.text()?.into();
    let registered = UnixTime(reader.u64()?);
    let epoch = reader.u64()?;
    let document_key = KeyId(reader.array()?);
    let password = PasswordHash::read(&mut reader)?;
    let (factors, rest) = reader.bytes()?.as_chunks::<16>();
    let factors = factors.iter().copied().map(FactorId).collect();
    if !rest.is_empty() {
        return Err(CoreError::Refused);
    }
    reader.end()?;
    let account = Account { id, subject, login, registered, epoch, document_key, factors };
    Ok(AccountRecord { account, password })
}

pub(crate) fn failures_row(id: AccountId) -> RowKey {
    RowKey::new(PASSWORD_FAILURES, id.0)
}

/// Where guesses at names that nobody has are counted: a bounded number of buckets, so that junk fills nothing.
pub(crate) fn stranger_row(tx: &Transaction<'_>, login: &Login) -> Result<RowKey, Error> {
    let index = tx.keyring().blind_index("stranger", login.as_str().as_bytes())?;
    Ok(RowKey::new(PASSWORD_FAILURES, &index[..2]))
}

pub(crate) fn failures(tx: &mut Transaction<'_>, row: &RowKey) -> Result<Option<Failures>, Error> {
    let Some(body) = tx.state(row)? else { return Ok(None) };
    let mut reader = Reader::new(&body);
    let failures = Failures::read(&mut reader)?;
    reader.end()?;
    Ok(Some(failures))
}

pub(crate) fn put_failures(tx: &mut Transaction<'_>, row: &RowKey, failures: &Failures) -> Result<(), Error> {
    let mut writer = Writer::new();
    failures.write(&mut writer);
    Ok(tx.put_state(row, writer.as_slice())?)
}
