//! From a record into a vault, through the vault's door for keys that were made elsewhere, and not twice.

use zamok_core::Error as CoreError;
use zamok_core::event::Subject;
use zamok_core::otp::{HotpParameters, TotpParameters, TotpState};
use zamok_core::store::{Range, RowKey, Table};
use zamok_core::vault::finding::Reindexing;
use zamok_core::vault::keys::Template;
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::{KeyId, KeyKind, KeyState, Purpose, Transaction, keys};
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::record::{TokenKind, TokenRecord};

/// Which key a secret was taken in as: under a blind index of kind and secret, the key's id (`docs/formats/tables.md`).
const IMPORTS: Table = Table(48);
/// The domain of that index.
const FIELD: &str = "imported secret";

/// Longest label of a key in a vault, in bytes.
const LABEL: usize = 256;

/// What became of a token on its way into a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Import {
    /// It is a key of its own now.
    New(KeyId),
    /// Its secret was taken in before, as this key, which was left as it is.
    AlreadyThere(KeyId),
}

impl Import {
    /// The key that has the token's secret.
    #[must_use]
    pub const fn key(self) -> KeyId {
        match self {
            Self::New(id) | Self::AlreadyThere(id) => id,
        }
    }
}

impl TokenRecord {
    /// Whether a vault has room for the label.
    ///
    /// # Errors
    /// [`Fault::TooLong`] for the label.
    pub fn fits_vault(&self) -> Result<(), Fault> {
        if self.label().len() > LABEL {
            return Err(Fault::TooLong { what: "the label", limit: LABEL as u64 });
        }
        Ok(())
    }

    /// Takes the token into a vault as an active key, with its counter, T0, drift and spent step, under its label, and with the
    /// dates of its issuer's policy. One that its owner had disabled is suspended in the same commit.
    ///
    /// A secret that was taken in before with the same kind of token is not taken in again: two keys with one secret would
    /// each accept every code once. Counter, label and parameters of the key that is there stay. That holds whatever became of
    /// the key: one that was compromised does not come back this way, and what one that was destroyed had spent stays spent.
    ///
    /// # Errors
    /// Those of [`TokenRecord::fits_vault`], and of the vault.
    pub fn import(&self, tx: &mut Transaction<'_>, owner: Option<Subject>) -> Result<Import, Fault> {
        self.fits_vault()?;
        let rows = self.rows(tx)?;
        for row in &rows {
            if let Some(body) = tx.state(row)? {
                return Ok(Import::AlreadyThere(KeyId(body.try_into().map_err(|_| CoreError::Refused)?)));
            }
        }
        let (kind, parameters) = self.parameters();
        let (label, policy) = (self.label(), &self.policy);
        let template = Template {
            valid_from: policy.start,
            // The policy names the last second, the key the first one after.
            valid_to: policy.expiry.map(|last| last.plus(1)),
            ..Template::new(kind, Purpose::OneTimeCode).named(&label, owner)
        };
        let id = one_time::import_from(tx, parameters, &self.secret, &template)?;
        if self.is_disabled() {
            keys::change_state(tx, id, KeyState::Suspended, "disabled where it comes from")?;
        }
        for row in rows.iter().take(tx.keyring().entered_epochs(tx.now())) {
            tx.put_state(row, &id.0)?;
        }
        Ok(Import::New(id))
    }

    fn parameters(&self) -> (KeyKind, ImportedParameters) {
        match self.kind {
            TokenKind::Hotp { parameters, counter } => {
                let HotpParameters { algorithm, digits } = parameters;
                (KeyKind::Hotp { algorithm, digits }, ImportedParameters::Hotp { parameters, counter })
            }
            TokenKind::Totp { parameters, drift, last_step } => {
                let TotpParameters { algorithm, digits, period, t0 } = parameters;
                let state = TotpState { last_step, drift };
                let kind = KeyKind::Totp { algorithm, digits, period, t0: t0.0 };
                (kind, ImportedParameters::Totp { parameters, state })
            }
            TokenKind::Ocra { suite, counter } => {
                let counter = counter.unwrap_or(0);
                (KeyKind::Ocra { suite }, ImportedParameters::Ocra { suite, counter })
            }
        }
    }

    /// Where the secret is entered: one row for each index key, the newest first.
    fn rows(&self, tx: &Transaction<'_>) -> Result<Vec<RowKey>, CoreError> {
        let (kind, secret) = (prefix(self.kind.name()), self.secret.expose());
        let mut normal = Zeroizing::new(Vec::with_capacity(kind.len() + secret.len()));
        normal.extend_from_slice(&kind);
        normal.extend_from_slice(secret);
        let indexes = tx.keyring().blind_indexes(FIELD, &normal)?;
        Ok(indexes.into_iter().map(|index| RowKey::new(IMPORTS, index)).collect())
    }
}

/// What stands before the secret in the normal form.
fn prefix(kind: &str) -> Vec<u8> {
    [kind.as_bytes(), b" "].concat()
}

/// One step of moving the index of imported secrets to the newest index key: looks at up to `rows` of its rows. The secret
/// itself stays in the vault. A row whose key was destroyed cannot be moved, and is counted in `left`: while there is one, the
/// older index key is needed. For officers.
///
/// # Errors
/// [`CoreError::Role`] unless an officer opened the vault; [`CoreError::Refused`] for rows that were altered; a store's fault.
pub fn reindex_imports(
    tx: &mut Transaction<'_>,
    from: &Reindexing,
    rows: usize,
) -> Result<Reindexing, CoreError> {
    let mut to = from.clone();
    let page = tx.store().scan(IMPORTS, &Range::all(), rows.max(1), from.after.as_ref())?;
    let alone = tx.keyring().entered_epochs(tx.now()) == 1;
    for (key, _) in page.rows {
        let row = RowKey::new(IMPORTS, key);
        let Some(body) = tx.state(&row)? else { continue };
        to.seen += 1;
        let id = KeyId(body.as_slice().try_into().map_err(|_| CoreError::Refused)?);
        let name = match keys::info(tx, id)?.kind {
            KeyKind::Hotp { .. } => TokenKind::HOTP,
            KeyKind::Totp { .. } => TokenKind::TOTP,
            KeyKind::Ocra { .. } => TokenKind::OCRA,
            _ => return Err(CoreError::Refused),
        };
        let Some(indexes) = one_time::blind_indexes_of(tx, id, FIELD, &prefix(name))? else {
            to.left += 1;
            continue;
        };
        let newest = RowKey::new(IMPORTS, indexes[0]);
        if row == newest {
            continue;
        }
        if tx.state(&newest)?.is_none() {
            tx.put_state(&newest, &id.0)?;
            to.moved += 1;
        }
        if alone {
            tx.empty(&row)?;
            to.moved += 1;
        }
    }
    to.after = page.next;
    to.done = to.after.is_none();
    Ok(to)
}
