//! From a record into a vault, through the vault's door for keys that were made elsewhere, and not twice.

use zamok_core::Error as CoreError;
use zamok_core::event::Subject;
use zamok_core::otp::TotpState;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::{KeyId, Transaction};
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
    /// Whether a vault has keys of this kind, and room for the label.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] for OCRA; [`Fault::TooLong`] for the label.
    pub fn fits_vault(&self) -> Result<(), Fault> {
        if matches!(self.kind, TokenKind::Ocra { .. }) {
            return Err(Fault::Unsupported("OCRA in a vault"));
        }
        if self.label().len() > LABEL {
            return Err(Fault::TooLong { what: "the label", limit: LABEL as u64 });
        }
        Ok(())
    }

    /// Takes the token into a vault as an active key, with its counter, T0, drift and spent step, under its label.
    ///
    /// A secret that was taken in before with the same kind of token is not taken in again: two keys with one secret would
    /// each accept every code once. Counter, label and parameters of the key that is there stay. That holds whatever became of
    /// the key: one that was compromised does not come back this way, and what one that was destroyed had spent stays spent.
    ///
    /// # Errors
    /// Those of [`TokenRecord::fits_vault`], and of the vault.
    pub fn import(&self, tx: &mut Transaction<'_>, owner: Option<Subject>) -> Result<Import, Fault> {
        self.fits_vault()?;
        let parameters = match self.kind {
            TokenKind::Hotp { parameters, counter } => ImportedParameters::Hotp { parameters, counter },
            TokenKind::Totp { parameters, drift, last_step } => {
                ImportedParameters::Totp { parameters, state: TotpState { last_step, drift } }
            }
            TokenKind::Ocra { .. } => return Err(Fault::Unsupported("OCRA in a vault")),
        };
        let row = self.row(tx)?;
        if let Some(body) = tx.state(&row)? {
            return Ok(Import::AlreadyThere(KeyId(body.try_into().map_err(|_| CoreError::Refused)?)));
        }
        let id = one_time::import(tx, parameters, &self.secret, &self.label(), owner)?;
        tx.put_state(&row, &id.0)?;
        Ok(Import::New(id))
    }

    fn row(&self, tx: &Transaction<'_>) -> Result<RowKey, CoreError> {
        let (kind, secret) = (self.kind.name().as_bytes(), self.secret.expose());
        let mut normal = Zeroizing::new(Vec::with_capacity(kind.len() + 1 + secret.len()));
        normal.extend_from_slice(kind);
        normal.push(b' ');
        normal.extend_from_slice(secret);
        Ok(RowKey::new(IMPORTS, tx.keyring().blind_index(FIELD, &normal)?))
    }
}
