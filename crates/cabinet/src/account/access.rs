//! Who may do what with whose matters (R18): by right of owning them, by a power, or by office. Nothing is allowed because
//! nothing was said.

use std::net::IpAddr;

use zamok_core::event::{Detail, EventKind};

use super::power::{Power, PowerId};
use super::rights::{Right, Role};
use super::{AccountId, AccountState, load};
use crate::Cabinet;
use crate::error::Error;
use crate::session::Session;

/// What makes it lawful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authority {
    /// The matter is one's own.
    Own,
    /// A power over it was given.
    Power(PowerId),
    /// It belongs to the office.
    Office(Role),
}

impl Cabinet {
    /// Whether the account of a live session may do this with a matter of `owner`, now and from this address. What is done for
    /// others is journalled in the owner's history (R73); what one does with one's own is journalled where it is done.
    ///
    /// # Errors
    /// [`Error::NotAllowed`]; [`Error::OutsideLimits`] at another hour or in another network than the account's limits allow;
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn authorise(
        &self,
        session: &Session,
        right: Right,
        owner: AccountId,
        matter: &str,
        address: Option<IpAddr>,
    ) -> Result<Authority, Error> {
        self.vault.transact(|tx| {
            // Using the session holds the address against the account's limits.
            let session = Session { address, ..session.clone() };
            let account = self.owner(tx, &session)?;
            let now = tx.now();
            if owner == account.id {
                let own = account.roles.may_with_own(right);
                return if own { Ok(Authority::Own) } else { Err(Error::NotAllowed) };
            }
            // Whoever is suspended or erased gives no powers, and is no matter of an office.
            let principal = match load(tx, owner) {
                Ok(record) if record.account.state == AccountState::Open => record.account,
                Ok(_) => return Err(Error::NotAllowed),
                Err(error) => return Err(error),
            };
            let mut authority = None;
            for id in &account.powers {
                let power = Power::load(tx, *id)?;
                let for_owner = power.principal == owner && power.agent == account.id;
                // No power goes further than the one who gave it.
                if for_owner && power.allows(now, right, matter) && principal.roles.may_with_own(right) {
                    authority = Some((Authority::Power(*id), id.row(), id.to_string()));
                    break;
                }
            }
            let office = || {
                account
                    .roles
                    .office(right)
                    .map(|role| (Authority::Office(role), owner.row(), role.name().into()))
            };
            let (authority, row, by) = authority.or_else(office).ok_or(Error::NotAllowed)?;
            let detail = Detail::new()
                .with("agent", account.id.to_string())
                .with("by", by)
                .with("right", right.name())
                .with("matter", matter);
            tx.event(EventKind::ActedForAnother, Some(principal.subject), &row, &detail)?;
            Ok(authority)
        })
    }
}
