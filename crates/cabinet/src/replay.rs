//! Doing again, in a restored vault, what a surviving journal says was done to accounts after the backup (`CRYPTO.md` §5):
//! erasures first, then whatever takes something away. What the journal tells of and does not hold, such as a new password, is
//! listed.

use std::collections::{BTreeMap, BTreeSet};

use zamok_core::event::{EventKind, Subject};
use zamok_core::store::Range;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::backup::{Surviving, Told};

use crate::account::{self, ACCOUNTS, AccountId, AccountState, AccountStep, power};
use crate::error::Error;
use crate::factor::FactorId;
use crate::machine::Machine;
use crate::{Cabinet, device, factor, outbox};

const REASON: &str = "the surviving journal says so";

/// What was done again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Accounts that were erased again.
    pub erased: u64,
    /// Accounts that were suspended again.
    pub suspended: u64,
    /// Factors that were taken away or set aside again.
    pub factors: u64,
    /// Devices that were blocked again.
    pub devices: u64,
    /// Powers that were ended again.
    pub powers: u64,
    /// Messages that had left, and are not sent again.
    pub messages: u64,
    /// What the journal tells of and cannot do again: passwords, contacts and rights that were changed, accounts and factors
    /// that were made since.
    pub lost: Vec<Told>,
}

/// What is to be done to one account.
#[derive(Default)]
struct Changes {
    /// Whether the last word on it is that it was suspended.
    suspended: bool,
    /// The last word, where it is that it was resumed: what was suspended before the backup stays so.
    resumed: Option<Told>,
    factors: Vec<FactorId>,
    /// When those were set aside that nobody put back.
    aside: BTreeMap<[u8; 16], UnixTime>,
}

impl Cabinet {
    /// Does again what a journal says that survived its store. Asked again, it finds done what it did.
    ///
    /// # Errors
    /// [`CoreError::Refused`] when a row was altered; the vault's and the store's.
    pub fn replay(&self, surviving: &Surviving) -> Result<Replayed, Error> {
        let mut replayed = Replayed::default();
        self.erase_again(surviving, &mut replayed)?;
        let mut changes: BTreeMap<Subject, Changes> = BTreeMap::new();
        for told in &surviving.told {
            let id = <[u8; 16]>::try_from(told.row.key.as_slice()).ok();
            match (told.kind, told.subject, id) {
                (EventKind::AccountErased | EventKind::PersonErased, ..) => {}
                (EventKind::AccountSuspended, Some(subject), _) => {
                    let changes = changes.entry(subject).or_default();
                    (changes.suspended, changes.resumed) = (true, None);
                }
                (EventKind::AccountResumed, Some(subject), _) => {
                    let changes = changes.entry(subject).or_default();
                    (changes.suspended, changes.resumed) = (false, Some(told.clone()));
                }
                (EventKind::FactorRemoved | EventKind::FactorWithdrawn, Some(subject), Some(id)) => {
                    changes.entry(subject).or_default().factors.push(FactorId(id));
                }
                (EventKind::FactorReplaced, Some(subject), Some(id)) => {
                    changes.entry(subject).or_default().aside.insert(id, told.time);
                }
                (EventKind::FactorRestored, Some(subject), Some(id)) => {
                    changes.entry(subject).or_default().aside.remove(&id);
                    replayed.lost.push(told.clone());
                }
                (EventKind::DeviceBlocked | EventKind::DeviceRemoved, _, Some(id)) => {
                    let blocked = self.vault.transact(|tx| device::block_again(tx, id))?;
                    replayed.devices += u64::from(blocked);
                }
                (EventKind::PowerEnded, _, Some(id)) => {
                    replayed.powers += u64::from(self.end_power_again(id)?);
                }
                // What was spread and has not left is spread again, or was lost with its notice.
                (EventKind::MessageQueued, ..) => {}
                (kind, ..) if outbox::left_with(kind).is_some() => {}
                (kind, ..) if kind.number() >= 64 => replayed.lost.push(told.clone()),
                _ => {}
            }
        }
        let accounts = self.accounts_of(changes.keys().copied().collect())?;
        for (subject, changes) in &changes {
            if let Some(id) = accounts.get(subject) {
                self.change_again(*id, changes, &mut replayed)?;
            }
        }
        replayed.messages = self.end_messages_again(surviving, REASON)?;
        Ok(replayed)
    }

    /// Before anything else.
    fn erase_again(&self, surviving: &Surviving, replayed: &mut Replayed) -> Result<(), Error> {
        for told in surviving.told.iter().filter(|told| told.kind == EventKind::AccountErased) {
            let Ok(id) = <[u8; 16]>::try_from(told.row.key.as_slice()) else { continue };
            let erased = self.vault.transact(|tx| match tx.record(&told.row)? {
                // It was registered after the backup.
                None => Ok(None),
                Some(_) => {
                    let record = account::load(tx, AccountId(id))?;
                    if record.account.state == AccountState::Erased {
                        return Ok(Some((record.account.subject, false)));
                    }
                    account::erase(tx, record, REASON).map(|subject| Some((subject, true)))
                }
            })?;
            if let Some((subject, now)) = erased {
                // An earlier attempt may have been cut short in between.
                self.finish_erasure(subject)?;
                if now {
                    self.forget_visits(AccountId(id))?;
                }
                replayed.erased += u64::from(now);
            }
        }
        Ok(())
    }

    fn change_again(&self, id: AccountId, changes: &Changes, replayed: &mut Replayed) -> Result<(), Error> {
        let (suspended, factors, state) = self.vault.transact(|tx| {
            let mut record = account::load(tx, id)?;
            let (mut suspended, mut removed) = (0, 0);
            for factor in &changes.factors {
                if record.account.factors.contains(factor) {
                    factor::remove_again(tx, &mut record, *factor, REASON)?;
                    removed += 1;
                }
            }
            for (id, at) in &changes.aside {
                let factor = FactorId(*id);
                if record.account.factors.contains(&factor) {
                    removed += u64::from(self.put_aside_again(tx, &mut record, factor, *at)?);
                }
            }
            let step = record.account.state.after(AccountStep::Suspend);
            if changes.suspended
                && record.account.state != AccountState::Suspended
                && let Some(state) = step
            {
                record.account.state = state;
                suspended = 1;
                account::tell_suspended(tx, &record.account, REASON)?;
            }
            if suspended + removed > 0 {
                record.account.epoch += 1;
                record.put(tx)?;
            }
            Ok::<_, Error>((suspended, removed, record.account.state))
        })?;
        if state == AccountState::Suspended {
            replayed.lost.extend(changes.resumed.clone());
        }
        replayed.suspended += suspended;
        replayed.factors += factors;
        Ok(())
    }

    fn end_power_again(&self, id: [u8; 16]) -> Result<bool, Error> {
        self.vault.transact(|tx| power::end_again(tx, id))
    }

    /// The accounts of these pseudonyms, by one walk over all accounts.
    fn accounts_of(&self, subjects: BTreeSet<Subject>) -> Result<BTreeMap<Subject, AccountId>, Error> {
        let mut found = BTreeMap::new();
        let mut after = None;
        while !subjects.is_empty() {
            let page = self.vault.store().scan(ACCOUNTS, &Range::all(), 256, after.as_ref());
            let page = page.map_err(CoreError::from)?;
            for (key, _) in page.rows {
                let Ok(id) = <[u8; 16]>::try_from(key.as_slice()) else { continue };
                let subject = self
                    .vault
                    .transact(|tx| Ok::<_, Error>(account::load(tx, AccountId(id))?.account.subject))?;
                if subjects.contains(&subject) {
                    found.insert(subject, AccountId(id));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }
}
