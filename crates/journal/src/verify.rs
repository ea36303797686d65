//! The audit: recomputes the whole journal from its entries, compares it with every row, and names what differs.
//!
//! It reads a store that others may write to. The tree is judged up to the head that was last read; rows beyond it
//! are judged only when the head stood still meanwhile, because they may be the next batch.

mod checkpoints;
mod every_row;
mod former;
mod hashes;
mod leaves;
mod put_back;
mod strays;
mod unlisted;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use zamok_core::store::{Cursor, EntryId, Range, Row, RowKey, Store};
use zamok_core::vault::{Entry, Keyring};
use zamok_core::{Error, UnixTime, event::Leaf};

pub(crate) use self::hashes::Hashes;
use crate::fault::{Fault, Finding, Place, follows, leaf_of, or_fault};
use crate::read::{self, Telling};
use crate::rows::{Head, LEAVES};
use crate::subjects;

/// Rows in one page of a scan.
const PAGE: usize = 256;
/// How often the audit follows a log that grows under it.
const ROUNDS: usize = 4;

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The head up to which the log was audited; `None` when there is none, or when it was altered.
    pub head: Option<Head>,
    /// Leaves that were read.
    pub leaves: u64,
    /// Entries that wait.
    pub waiting: u64,
    /// Leaves of former logs that were read.
    pub former: u64,
    /// Details that were deleted, whose leaves still prove.
    pub erased: u64,
    /// Rows that were looked at by themselves; 0 when only the journal was audited.
    pub rows: u64,
    /// Entries about rows whose time was over and that are gone, such as sessions.
    pub expired: u64,
    /// Entries that are missing in the index of a person who, as the journal tells, was erased. Those of anybody else are findings: somebody hides
    /// them from their owner.
    pub unlisted: u64,
    /// Whether rows beyond the head were judged; not when the log grew all the time.
    pub settled: bool,
    /// What is wrong, at most [`Report::MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many more findings there were.
    pub further: u64,
}

impl Report {
    /// Most findings that are named.
    pub const MAX_FINDINGS: usize = 1000;

    /// Whether nothing was found wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Names a place once.
    pub(crate) fn note(&mut self, place: Place, fault: Fault) {
        if self.findings.iter().any(|finding| finding.place == place) {
            return;
        }
        if self.findings.len() < Self::MAX_FINDINGS {
            self.findings.push(Finding { place, fault });
        } else {
            self.further += 1;
        }
    }
}

/// Audits the journal in this store: the MAC and place of every leaf, the chain of every writer, every tile, the
/// head, positions, writers' states, subjects' indexes, the digests of details, and the entries that wait. Every row
/// that an entry tells of is looked up as well: one that is older, or gone, was put back or taken away behind the
/// journal's back (`CRYPTO.md` §1b). Logs of former stores are recomputed from their leaves, too.
///
/// It remembers a row only when it is gone and the journal has not said why yet, and who was erased.
///
/// Without an outside anchor it cannot see that the whole store was put back to an earlier day.
///
/// # Errors
/// [`Error::Locked`] when the keys are gone; a store's fault. What is wrong with the data is in the report.
pub fn audit(store: &dyn Store, keyring: &Keyring) -> Result<Report, Error> {
    Audit::of(store, keyring)?.finish()
}

/// As [`audit`], and looks at every other row of the vault and of what stands above it as well: whether it was sealed
/// or authenticated for the place where it lies. A row that nothing else refers to is found here and nowhere else.
///
/// # Errors
/// As [`audit`].
pub fn audit_rows(store: &dyn Store, keyring: &Keyring) -> Result<Report, Error> {
    let mut audit = Audit::of(store, keyring)?;
    audit.every_row()?;
    audit.finish()
}

/// The chain of a writer as the audit follows it.
#[derive(Clone, Copy)]
struct Followed {
    sequence: u64,
    /// `None` after an entry that could not be read.
    mac: Option<[u8; 32]>,
    /// The time of its last entry that could be read.
    time: UnixTime,
}

impl Followed {
    const START: Self = Self { sequence: 0, mac: Some([0; 32]), time: UnixTime(0) };
}

struct Audit<'a> {
    store: &'a dyn Store,
    keyring: &'a Keyring,
    report: Report,
    origin: Option<String>,
    hashes: Hashes<'a>,
    chains: BTreeMap<[u8; 16], Followed>,
    /// The key of the last row of leaves that was looked at.
    last_key: Option<Cursor>,
    /// Rows of which the journal tells, and that are not there.
    gone: BTreeSet<RowKey>,
    removed: put_back::Removals,
    unlisted: unlisted::Unlisted,
}

impl<'a> Audit<'a> {
    /// Walks over the journal.
    fn of(store: &'a dyn Store, keyring: &'a Keyring) -> Result<Self, Error> {
        let mut audit = Self {
            store,
            keyring,
            report: Report::default(),
            origin: None,
            hashes: Hashes::new(store),
            chains: BTreeMap::new(),
            last_key: None,
            gone: BTreeSet::new(),
            removed: put_back::Removals::default(),
            unlisted: unlisted::Unlisted::default(),
        };
        let mut row = store.get(&Head::row())?;
        for round in 1.. {
            let size = audit.read_head(row.as_ref())?;
            audit.leaves(size)?;
            let before = audit.report.clone();
            audit.tail()?;
            let judged = audit.report.clone();
            audit.strays()?;
            let now = store.get(&Head::row())?;
            audit.report.settled = now == row;
            if audit.report.settled {
                break;
            }
            if round == ROUNDS {
                audit.report = judged;
                break;
            }
            (audit.report, row) = (before, now);
        }
        Ok(audit)
    }

    fn finish(mut self) -> Result<Report, Error> {
        self.checkpoints()?;
        self.former_logs()?;
        self.missing_rows();
        self.missing_in_lists()?;
        Ok(self.report)
    }

    /// Reads the head and tells how many leaves there should be; `None` when nothing trustworthy says so.
    fn read_head(&mut self, row: Option<&Row>) -> Result<Option<u64>, Error> {
        self.report.head = None;
        let Some(row) = row else {
            // Without a head there are no leaves; if there are, the head is what is missing.
            let leaves = self.store.scan(LEAVES, &Range::all(), 1, None)?;
            return Ok(leaves.rows.is_empty().then_some(0));
        };
        match or_fault(Head::open(self.keyring, row))? {
            Ok(head) => {
                let size = head.size;
                self.origin = Some(head.origin.clone());
                self.report.head = Some(head);
                Ok(Some(size))
            }
            Err(fault) => {
                self.report.note(Place::Head, fault);
                Ok(None)
            }
        }
    }

    /// Checks an entry wherever it lies: its MAC, its chain, its leaf, its detail. Returns what could be read.
    fn entry(
        &mut self,
        id: EntryId,
        bytes: &[u8],
        place: &Place,
    ) -> Result<Option<(Entry, Option<Leaf>)>, Error> {
        let known = self.chains.get(&id.writer).copied().unwrap_or(Followed::START);
        let entry = match or_fault(Entry::open(self.keyring, id, bytes))? {
            Ok(entry) => entry,
            Err(fault) => {
                self.report.note(place.clone(), fault);
                if known.sequence.checked_add(1) == Some(id.sequence) {
                    self.chains.insert(id.writer, Followed { sequence: id.sequence, mac: None, ..known });
                }
                return Ok(None);
            }
        };
        if let Err(fault) = follows(&entry, known.sequence, known.mac.as_ref()) {
            self.report.note(place.clone(), fault);
        }
        if entry.id.sequence > known.sequence {
            self.chains.insert(id.writer, Followed { sequence: id.sequence, mac: Some(entry.mac), ..known });
        }
        let leaf = match leaf_of(&entry, self.origin.as_deref()) {
            Ok(leaf) => leaf,
            Err(fault) => {
                self.report.note(place.clone(), fault);
                return Ok(Some((entry, None)));
            }
        };
        self.origin.get_or_insert_with(|| leaf.origin.clone());
        if let Some(chain) = self.chains.get_mut(&id.writer) {
            chain.time = leaf.time;
        }
        self.tell(&leaf)?;
        self.unlisted.hear(&leaf);
        self.beside(&leaf, id, place)?;
        Ok(Some((entry, Some(leaf))))
    }

    /// Checks what lies beside a leaf: the detail, and the subject's index.
    fn beside(&mut self, leaf: &Leaf, id: EntryId, place: &Place) -> Result<(), Error> {
        match or_fault(read::detail(self.store, self.keyring, id, leaf))? {
            Ok(Telling::Erased) => self.report.erased += 1,
            Ok(_) if leaf.detail.is_none() && self.store.get(&read::detail_row(id))?.is_some() => {
                self.report.note(Place::Detail(id), Fault::Unexpected);
            }
            Ok(_) => {}
            Err(fault) => self.report.note(Place::Detail(id), fault),
        }
        // Entries that wait are not listed yet.
        let listed = if matches!(place, Place::Waiting(_)) { None } else { subjects::row_of(leaf) };
        match (leaf.subject, listed) {
            (Some(subject), Some(row)) => self.is_listed(subject, &row, Place::Subject(id)),
            _ => Ok(()),
        }
    }
}
