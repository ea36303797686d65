//! Taking items into a vault that was made for them, in batches, each of which says how far it came.

use std::collections::BTreeMap;

use zamok_core::Error;
use zamok_core::store::RowKey;
use zamok_core::vault::backup::{Begin, Item};
use zamok_core::vault::relocation::{FORMER_DETAILS, FORMER_LEAVES, FORMER_SUBJECTS, FormerLog, Relocation};
use zamok_core::vault::{KeyId, KeyState, Transaction, dies_at_restore, keys, spend};
use zamok_core::wire::Writer;
use zamok_journal::{CHECKPOINTS, former_row, is_of_present_log, list_former_leaf, put_former_leaf};

use super::surviving::Surviving;
use crate::vault::Vault;

/// Most items of a batch, and most bytes: far below the limits of a change.
const ITEMS: usize = 128;
const BYTES: usize = 1 << 20;

/// What becomes of things whose newest state may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust<'a> {
    /// Nothing can have happened since: the source stood still.
    Whole,
    /// What has happened since the backup is not known (`CRYPTO.md` §5).
    Behind,
    /// A journal without gaps tells what has happened since.
    Told(&'a Surviving),
}

impl Trust<'_> {
    /// What becomes of the OTP key in this record.
    fn judge(&self, row: &RowKey, attributes: &[u8]) -> Result<Option<spend::Restored>, Error> {
        let told = |surviving: &Surviving| {
            let id = <[u8; 16]>::try_from(row.key.as_slice()).ok();
            id.and_then(|id| surviving.keys.get(&id)).is_none_or(|since| !since.untold)
        };
        Ok(match (self, spend::restored(attributes)?) {
            (Self::Whole, _) => None,
            (Self::Told(surviving), Some(spend::Restored::Suspended)) if told(surviving) => None,
            (_, restored) => restored,
        })
    }
}

/// What an import did beside taking rows in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consequences {
    /// Rows whose time is taken to be over, such as sessions and challenges, by table.
    pub dropped: BTreeMap<u16, u64>,
    /// Keys that count time, TOTP and OCRA, whose steps up to now are spent.
    pub fenced: u64,
    /// HOTP and OCRA keys that are suspended until they are enrolled anew: what was spent of them, or whether they are in use, is
    /// not known.
    pub suspended: u64,
}

pub(crate) struct Import<'a> {
    vault: &'a Vault,
    trust: Trust<'a>,
    source: [u8; 16],
    /// The number of the log that the vault had before.
    log: u32,
    batch: Vec<Item>,
    bytes: usize,
    /// Rows of OTP keys that an earlier attempt has taken in, with the attributes of those that are records.
    judged_again: Vec<(RowKey, Option<Vec<u8>>)>,
    /// Items that were met.
    met: u64,
    filled: Filled,
    consequences: Consequences,
    progress: &'a mut dyn FnMut(u64),
}

/// How far an earlier attempt came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filled {
    /// Items that it has taken in.
    pub(crate) items: u64,
    /// The last OTP key of which it has done a surviving journal again.
    pub(crate) replayed: Option<KeyId>,
}

impl<'a> Import<'a> {
    pub(crate) fn new(
        vault: &'a Vault,
        trust: Trust<'a>,
        source: [u8; 16],
        log: u32,
        filled: Filled,
        progress: &'a mut dyn FnMut(u64),
    ) -> Self {
        let (batch, judged_again, consequences) = (Vec::new(), Vec::new(), Consequences::default());
        Self {
            vault,
            trust,
            source,
            log,
            batch,
            bytes: 0,
            judged_again,
            met: 0,
            filled,
            consequences,
            progress,
        }
    }

    pub(crate) fn item(&mut self, item: Item) -> Result<(), Error> {
        self.met += 1;
        self.count(&item)?;
        if self.met <= self.filled.items {
            return self.item_again(item);
        }
        self.bytes += weight(&item);
        self.batch.push(item);
        if self.batch.len() >= ITEMS || self.bytes >= BYTES { self.flush() } else { Ok(()) }
    }

    /// An earlier attempt has taken it in, and may have known more, or less, of what came after the backup.
    fn item_again(&mut self, item: Item) -> Result<(), Error> {
        if self.trust == Trust::Whole {
            return Ok(());
        }
        match item {
            Item::Record { row, attributes, .. } if row.table == keys::KEYS => {
                self.judged_again.push((row, Some(attributes)));
            }
            Item::State { row, .. } if row.table == spend::STATES => self.judged_again.push((row, None)),
            _ => {}
        }
        if self.judged_again.len() >= ITEMS { self.judge_again() } else { Ok(()) }
    }

    fn judge_again(&mut self) -> Result<(), Error> {
        let suspended = self.vault.transact(|tx| {
            let mut suspended = 0;
            for (row, attributes) in &self.judged_again {
                match attributes {
                    // Somebody who was erased again has taken it along.
                    None if tx.state(row)?.is_none() => {}
                    None => spend::fence(tx, row)?,
                    Some(attributes) => {
                        self.restrain(tx, row, attributes)?;
                        let counts = spend::restored(attributes)? == Some(spend::Restored::Suspended);
                        let is_aside = counts && keys::info(tx, id(row)?)?.state == KeyState::Suspended;
                        suspended += u64::from(is_aside);
                    }
                }
            }
            Ok::<_, Error>(suspended)
        })?;
        self.consequences.suspended += suspended;
        self.judged_again.clear();
        Ok(())
    }

    /// Does to a key whose newest state may be lost what has to be done; not a second time.
    fn restrain(&self, tx: &mut Transaction<'_>, row: &RowKey, attributes: &[u8]) -> Result<(), Error> {
        let id = id(row)?;
        match self.trust.judge(row, attributes)? {
            Some(spend::Restored::Suspended) => {
                match keys::info(tx, id)?.state {
                    KeyState::PreActive | KeyState::Active => {
                        keys::change_state(tx, id, KeyState::Suspended, REASON)
                    }
                    // By an earlier attempt, or it has come to its end since.
                    _ => Ok(()),
                }
            }
            // A whole journal tells by itself what was shown.
            Some(spend::Restored::Fenced) if self.trust == Trust::Behind => {
                spend::note_shown(tx, id, REASON).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// Takes the rest in. The caller ends the journey.
    pub(crate) fn finish(mut self) -> Result<Consequences, Error> {
        self.flush()?;
        Ok(self.consequences)
    }

    /// Takes in what is gathered.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.judge_again()?;
        let (source, items, replayed) = (self.source, self.met, self.filled.replayed);
        let marker = Relocation::Filling { source, items, replayed };
        self.vault.fill(&marker, |tx| self.batch.iter().try_for_each(|item| self.take(tx, item)))?;
        self.batch.clear();
        self.bytes = 0;
        (self.progress)(self.met);
        Ok(())
    }

    /// Counted for all items, those of an earlier attempt included, so that the report is whole.
    fn count(&mut self, item: &Item) -> Result<(), Error> {
        if self.trust == Trust::Whole {
            return Ok(());
        }
        match item {
            Item::Record { row, .. } | Item::State { row, .. } if dies_at_restore(row.table) => {
                *self.consequences.dropped.entry(row.table.0).or_default() += 1;
            }
            Item::Record { row, attributes, .. } if row.table == keys::KEYS => {
                match self.trust.judge(row, attributes)? {
                    Some(spend::Restored::Fenced) => self.consequences.fenced += 1,
                    // Of those that an earlier attempt has taken in, what they are now counts.
                    Some(spend::Restored::Suspended) if self.met > self.filled.items => {
                        self.consequences.suspended += 1;
                    }
                    Some(spend::Restored::Suspended) | None => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&self, tx: &mut Transaction<'_>, item: &Item) -> Result<(), Error> {
        let behind = self.trust != Trust::Whole;
        match item {
            Item::Begin(_) | Item::IndexKey(..) | Item::End(_) => Ok(()),
            Item::Record { row, .. } | Item::State { row, .. } if behind && dies_at_restore(row.table) => {
                Ok(())
            }
            Item::Record { row, attributes, body, .. } => {
                tx.put_record(row, attributes, body)?;
                if row.table == keys::KEYS { self.restrain(tx, row, attributes) } else { Ok(()) }
            }
            Item::State { row, body, .. } => {
                tx.put_state(&place(row, self.log), body)?;
                if row.table == FORMER_LEAVES {
                    let (log, index) = FormerLog::place_of(&row.key).ok_or(Error::Refused)?;
                    list_former_leaf(tx, log, index, body)?;
                }
                if behind && row.table == spend::STATES { spend::fence(tx, row) } else { Ok(()) }
            }
            // A hint that came with the leaf already.
            Item::Plain { row, .. } if row.table == FORMER_SUBJECTS => Ok(()),
            Item::Plain { row, value } => tx.put_plain(row, value.clone()),
            Item::Leaf { index, leaf } => put_former_leaf(tx, self.log, *index, leaf),
            Item::Detail { entry, sealed, body } => {
                let length = u32::try_from(sealed.len()).map_err(|_| Error::Refused)?;
                let mut kept = Writer::new();
                kept.u32(length).raw(sealed).raw(body);
                tx.put_record(&RowKey::new(FORMER_DETAILS, entry.to_bytes()), &[], kept.as_slice())
            }
        }
    }
}

/// Why something is taken away that the backup had.
const REASON: &str = "restored from a backup";

/// Which key a row of [`keys::KEYS`] is of.
fn id(row: &RowKey) -> Result<KeyId, Error> {
    row.key.as_slice().try_into().map(KeyId).map_err(|_| Error::Refused)
}

/// Where a state row goes: what the log was signed with is that of a former log from now on.
pub(super) fn place(row: &RowKey, log: u32) -> RowKey {
    if row.table == CHECKPOINTS && is_of_present_log(&row.key) {
        former_row(log, &row.key)
    } else {
        row.clone()
    }
}

/// The former log of a vault that comes from there.
pub(crate) fn former(begin: &Begin, number: u32) -> FormerLog {
    let Begin { origin, size, root, time } = begin.clone();
    FormerLog { number, origin, size, root, time }
}

fn weight(item: &Item) -> usize {
    match item {
        Item::Record { body, .. } => body.len(),
        Item::State { body, .. } => body.len(),
        Item::Plain { value, .. } => value.len(),
        Item::Leaf { leaf, .. } => leaf.len(),
        Item::Detail { sealed, body, .. } => sealed.len() + body.len(),
        Item::Begin(_) | Item::IndexKey(..) | Item::End(_) => 0,
    }
}
