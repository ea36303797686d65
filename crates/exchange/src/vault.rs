//! From a record into a vault, through the vault's door for keys that were made elsewhere.

use zamok_core::event::Subject;
use zamok_core::otp::TotpState;
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::{KeyId, Transaction};

use crate::error::Fault;
use crate::record::{TokenKind, TokenRecord};

/// Longest label of a key in a vault, in bytes.
const LABEL: usize = 256;

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
    /// # Errors
    /// Those of [`TokenRecord::fits_vault`], and of the vault.
    pub fn import(&self, tx: &mut Transaction<'_>, owner: Option<Subject>) -> Result<KeyId, Fault> {
        self.fits_vault()?;
        let parameters = match self.kind {
            TokenKind::Hotp { parameters, counter } => ImportedParameters::Hotp { parameters, counter },
            TokenKind::Totp { parameters, drift, last_step } => {
                ImportedParameters::Totp { parameters, state: TotpState { last_step, drift } }
            }
            TokenKind::Ocra { .. } => return Err(Fault::Unsupported("OCRA in a vault")),
        };
        Ok(one_time::import(tx, parameters, &self.secret, &self.label(), owner)?)
    }
}
