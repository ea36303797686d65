//! What is lost of a token on its way into a format that cannot say it. The codes stay the same: what would change them is refused.

use crate::error::Fault;
use crate::format::Format;
use crate::record::{TokenKind, TokenRecord};
use crate::uri::write_uri;
use crate::{migration, pskc};

/// Something that a format does not tell, and that whoever reads it will not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// From when on, or until when, its issuer lets it be used.
    Dates,
    /// What its issuer lets it be used for.
    Usage,
    /// How often its issuer lets it be used.
    Transactions,
    /// How a PIN goes with it.
    Pin,
    /// How far its clock lies from the true one.
    Drift,
    /// The last step that is known to be spent.
    Spent,
    /// That its owner had disabled it.
    Disabled,
    /// Its serial number or id, beside the account.
    Id,
}

impl Loss {
    /// What lists show.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Dates => "from when on or until when it may be used",
            Self::Usage => "what it may be used for",
            Self::Transactions => "how often it may be used",
            Self::Pin => "how a PIN goes with it",
            Self::Drift => "how far its clock is off",
            Self::Spent => "which code was the last one: it can be accepted once more",
            Self::Disabled => "that it was disabled",
            Self::Id => "its serial number",
        }
    }
}

impl TokenRecord {
    /// Whether a file of this format can say the token: its codes, and its names as they are.
    ///
    /// # Errors
    /// What the writer of the format refuses of one token ([`write_uri`],
    /// [`write_migration`](crate::write_migration), [`PskcWriter`](crate::PskcWriter)); [`Fault::Unsupported`] for a
    /// format that is not written.
    pub fn fits(&self, format: Format) -> Result<(), Fault> {
        match format {
            Format::Uri => write_uri(self).map(drop),
            Format::Migration => migration::fits(self),
            Format::Pskc => pskc::fits(self),
            Format::Liboath | Format::GooglePam | Format::PrivacyIdea | Format::Keycloak => {
                Err(Fault::Unsupported("writing this format"))
            }
        }
    }

    /// What a file of this format does not say of the token.
    #[must_use]
    pub fn lost_in(&self, format: Format) -> Vec<Loss> {
        let (drift, last_step) = match self.kind {
            TokenKind::Totp { drift, last_step, .. } => (drift, last_step),
            TokenKind::Hotp { .. } | TokenKind::Ocra { .. } => (0, None),
        };
        let policy = &self.policy;
        // PSKC has a policy, a serial number and a drift; the other formats that are written have none of them.
        let outside_pskc = [
            (Loss::Dates, policy.start.is_some() || policy.expiry.is_some()),
            (Loss::Usage, !policy.usage.is_empty()),
            (Loss::Transactions, policy.transactions.is_some()),
            (Loss::Pin, policy.pin.is_some()),
            (Loss::Drift, drift != 0),
            (Loss::Id, !self.account.is_empty() && !self.id.is_empty() && self.id != self.account),
        ];
        let everywhere = [(Loss::Spent, last_step.is_some()), (Loss::Disabled, self.is_disabled())];
        let outside_pskc = outside_pskc.into_iter().filter(|_| format != Format::Pskc);
        outside_pskc.chain(everywhere).filter_map(|(loss, is_lost)| is_lost.then_some(loss)).collect()
    }
}
