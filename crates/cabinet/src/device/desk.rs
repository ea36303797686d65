//! What an officer sees of known devices, and does when their owner cannot log in: the phone was stolen.

use super::{Device, DeviceId, block, load_of};
use crate::Cabinet;
use crate::account;
use crate::error::Error;
use crate::session::Doors;

impl Cabinet {
    /// The devices of the account with this login, the blocked ones included, for officers.
    ///
    /// # Errors
    /// [`zamok_core::Error::Rejected`] when no account has this login; the vault's and the store's.
    pub fn devices_of(&self, login: &str) -> Result<Vec<Device>, Error> {
        let account = self.account_by_login(login)?.id;
        self.vault.transact(|tx| {
            Doors::load(tx, account)?.devices.into_iter().map(|id| load_of(tx, id, account)).collect()
        })
    }

    /// Blocks a device of an account as [`Cabinet::block_device`] does, for an officer who has made sure that whoever asks is the
    /// owner; journalled with the reason.
    ///
    /// # Errors
    /// [`zamok_core::Error::Rejected`] when no account has this login; [`Error::DeviceUnknown`] when it has no such device, or it is blocked
    /// already; the vault's and the store's.
    pub fn block_device_of(&self, login: &str, id: DeviceId, reason: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?.id;
        self.vault.transact(|tx| {
            let account = account::load(tx, account)?.account;
            block(tx, &account, id, Some(reason))
        })
    }
}
