//! Who has this login, phone or address: blind indexes (`CRYPTO.md` §6). A row of theirs is a hint: what the account's record
//! says must be what was asked for.

use zamok_core::Error as CoreError;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{Keyring, Transaction};

use super::contact::ContactKind;
use super::record::{self, AccountRecord, load};
use super::{ACCOUNTS, Account, AccountId};
use crate::error::Error;
use crate::index::Index;
use crate::name::Login;

/// Blind index of logins: authenticated rows that name an account.
const LOGINS: Table = Table(33);
/// Blind index of how logins look, and of verified phones and addresses: authenticated rows that name an account.
const NAMES: Table = Table(40);

/// The index by which accounts are found by login.
pub(crate) const BY_LOGIN: Index = Index {
    name: "login",
    rows: LOGINS,
    records: ACCOUNTS,
    of: |store, keyring, body| {
        let account = record::read(store, keyring, body)?;
        let login = Some(&account.login).filter(|login| !login.is_empty());
        login.iter().map(|login| places(keyring, LOGINS, "login", login)).collect()
    },
};

/// The index by which logins that look the same are kept apart, and accounts found by phone and address.
pub(crate) const BY_NAME: Index = Index {
    name: "name",
    rows: NAMES,
    records: ACCOUNTS,
    of: |store, keyring, body| {
        let account = record::read(store, keyring, body)?;
        let mut rows = Vec::new();
        if let Ok(login) = Login::parse(&account.login) {
            rows.push(places(keyring, NAMES, "skeleton", &login.skeleton())?);
        }
        for contact in account.contacts.iter().filter(|contact| contact.verified) {
            rows.push(places(keyring, NAMES, contact.kind.name(), &contact.address)?);
        }
        Ok(rows)
    },
};

/// Where a name may be entered: one row for each index key, the newest first.
fn places(keyring: &Keyring, table: Table, field: &str, normal: &str) -> Result<Vec<RowKey>, CoreError> {
    let indexes = keyring.blind_indexes(field, normal.as_bytes())?;
    Ok(indexes.into_iter().map(|index| RowKey::new(table, index)).collect())
}

fn rows(tx: &Transaction<'_>, table: Table, field: &str, normal: &str) -> Result<Vec<RowKey>, Error> {
    Ok(places(tx.keyring(), table, field, normal)?)
}

/// To whom a name leads, under whichever index key it was entered: all of its rows are looked at, so that the commit expects
/// what each of them says.
fn hint(tx: &mut Transaction<'_>, rows: &[RowKey]) -> Result<Option<AccountId>, Error> {
    let mut found = None;
    for row in rows {
        let Some(id) = tx.state(row)? else { continue };
        found = found.or(Some(AccountId(id.as_slice().try_into().map_err(|_| CoreError::Refused)?)));
    }
    Ok(found)
}

/// Enters a name that is free under every index key.
fn enter(tx: &mut Transaction<'_>, rows: &[RowKey], id: AccountId) -> Result<(), Error> {
    let entered = tx.keyring().entered_epochs(tx.now());
    Ok(rows.iter().take(entered).try_for_each(|row| tx.put_state(row, &id.0))?)
}

/// Gives a name up under every index key.
fn leave(tx: &mut Transaction<'_>, rows: &[RowKey]) -> Result<(), Error> {
    for row in rows {
        if tx.state(row)?.is_some() {
            tx.empty(row)?;
        }
    }
    Ok(())
}

/// Takes a login, and with it every login that looks the same (UTS 39 §4).
pub(super) fn claim_login(tx: &mut Transaction<'_>, login: &Login, id: AccountId) -> Result<(), Error> {
    let own = rows(tx, LOGINS, "login", login.as_str())?;
    let looks = rows(tx, NAMES, "skeleton", &login.skeleton())?;
    for rows in [own, looks] {
        if hint(tx, &rows)?.is_some() {
            return Err(Error::LoginTaken);
        }
        enter(tx, &rows, id)?;
    }
    Ok(())
}

/// Makes the account that is looked at in the place of one that is not there findable, by a name that is no login.
pub(super) fn claim_decoy(tx: &mut Transaction<'_>, id: AccountId) -> Result<(), Error> {
    let own = rows(tx, LOGINS, "login", Login::decoy().as_str())?;
    enter(tx, &own, id)
}

pub(super) fn claim_contact(
    tx: &mut Transaction<'_>,
    kind: ContactKind,
    address: &str,
    id: AccountId,
) -> Result<(), Error> {
    let rows = rows(tx, NAMES, kind.name(), address)?;
    match hint(tx, &rows)? {
        Some(owner) if owner == id => Ok(()),
        Some(_) => Err(Error::ContactTaken),
        None => enter(tx, &rows, id),
    }
}

/// Who has this phone or address, by the index.
pub(super) fn owner_of(
    tx: &mut Transaction<'_>,
    kind: ContactKind,
    address: &str,
) -> Result<Option<AccountId>, Error> {
    let rows = rows(tx, NAMES, kind.name(), address)?;
    hint(tx, &rows)
}

pub(super) fn release_contact(
    tx: &mut Transaction<'_>,
    kind: ContactKind,
    address: &str,
) -> Result<(), Error> {
    let rows = rows(tx, NAMES, kind.name(), address)?;
    leave(tx, &rows)
}

/// Gives up every name of an account.
pub(super) fn release(tx: &mut Transaction<'_>, account: &Account) -> Result<(), Error> {
    let login = Login::parse(&account.login)?;
    let own = rows(tx, LOGINS, "login", login.as_str())?;
    let looks = rows(tx, NAMES, "skeleton", &login.skeleton())?;
    leave(tx, &own)?;
    leave(tx, &looks)?;
    for contact in account.contacts.iter().filter(|contact| contact.verified) {
        release_contact(tx, contact.kind, &contact.address)?;
    }
    Ok(())
}

/// The account with this login.
pub(crate) fn find(tx: &mut Transaction<'_>, login: &Login) -> Result<Option<AccountRecord>, Error> {
    let rows = rows(tx, LOGINS, "login", login.as_str())?;
    let Some(id) = hint(tx, &rows)? else { return Ok(None) };
    let record = load(tx, id)?;
    if record.account.login == login.as_str() { Ok(Some(record)) } else { Err(CoreError::Refused.into()) }
}

/// The account that is looked at in the place of one that is not there.
pub(crate) fn decoy(tx: &mut Transaction<'_>) -> Result<Option<AccountId>, Error> {
    let rows = rows(tx, LOGINS, "login", Login::decoy().as_str())?;
    hint(tx, &rows)
}

/// The account with this login, and that it is there; or the decoy, after the same sort of work, so that the time tells nobody
/// which it was. `None` where there is no decoy either.
pub(crate) fn find_or_decoy(
    tx: &mut Transaction<'_>,
    login: &Login,
) -> Result<(Option<AccountRecord>, bool), Error> {
    if let Some(record) = find(tx, login)? {
        // As many rows are asked for as in the other case.
        let nowhere = rows(tx, LOGINS, "no login", login.as_str())?;
        hint(tx, &nowhere)?;
        return Ok((Some(record), true));
    }
    Ok((find(tx, &Login::decoy())?, false))
}

/// The account that has verified this phone or address.
pub(crate) fn find_contact(
    tx: &mut Transaction<'_>,
    kind: ContactKind,
    address: &str,
) -> Result<Option<AccountRecord>, Error> {
    let rows = rows(tx, NAMES, kind.name(), address)?;
    let Some(id) = hint(tx, &rows)? else { return Ok(None) };
    let record = load(tx, id)?;
    let now = tx.now();
    let has =
        |contact: &&super::Contact| contact.verified && contact.kind == kind && contact.address == address;
    match record.account.contacts.iter().find(has) {
        // One that its owner let go leads nowhere.
        Some(contact) if contact.until.is_some_and(|until| now >= until) => Ok(None),
        Some(_) => Ok(Some(record)),
        None => Err(CoreError::Refused.into()),
    }
}
