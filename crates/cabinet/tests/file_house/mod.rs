//! A house over a SQLite file, which other threads, handles and processes open with the same passphrase.
#![allow(dead_code, missing_docs, clippy::missing_panics_doc)]

pub(crate) mod child;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use zamok_cabinet::{Cabinet, Policy};
use zamok_core::UnixTime;
use zamok_core::event::EventKind;
use zamok_core::store::Store;
use zamok_core::vault::attempts::UnlockPolicy;
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_journal::{Recorded, Telling, audit};
use zamok_store_sqlite::SqliteStore;

use crate::harness::{House, LIGHT, Phone, light_policy};

/// Only the state of the key decides here: nothing is delayed or disabled, however often a spent code is shown.
pub(crate) fn patient_policy() -> Policy {
    let mut policy = light_policy();
    let throttle = &mut policy.generator.throttle;
    (throttle.free, throttle.disable_after, throttle.recent_limit) = (u32::MAX, u32::MAX, u32::MAX);
    policy.session.most = 4000;
    (policy.budget.device, policy.budget.strangers, policy.budget.everyone) = (u32::MAX, u32::MAX, u32::MAX);
    policy
}

/// The first handle on a new file, and where the file is.
pub(crate) struct FileHouse {
    pub(crate) house: House,
    pub(crate) path: PathBuf,
    folder: TempDir,
}

impl FileHouse {
    /// `wrap` puts something between the vault and the file.
    pub(crate) fn new(wrap: impl FnOnce(SqliteStore) -> Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.db");
        let mut house = House::over(wrap(SqliteStore::create(&path).unwrap()));
        house.cabinet = house.cabinet.with_policy(patient_policy());
        Self { house, path, folder }
    }

    pub(crate) fn plain() -> Self {
        Self::new(|store| Arc::new(store))
    }

    /// Closes every handle; the file stays as long as the folder is held.
    pub(crate) fn close(self) -> (TempDir, PathBuf, ManualClock) {
        (self.folder, self.path, self.house.clock)
    }
}

/// One more cabinet over the vault in this store.
pub(crate) fn unlock(store: Arc<dyn Store>, clock: &ManualClock) -> Result<Cabinet, zamok_core::Error> {
    // An attempt that was killed is over at once: the clock of these tests stands still.
    let unlock = UnlockPolicy { free: 10, disable_after: None, attempt: 0, ..Options::default().unlock };
    let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, unlock, ..Options::default() };
    let vault = Vault::unlock(store, &Passphrase::from("open sesame, please"), options)?;
    Ok(Cabinet::open(Arc::new(vault)).expect("the vault has a cabinet").with_policy(patient_policy()))
}

/// Moves the clock to the next step whose code is not also that of a step near it: equal digits are another guess.
pub(crate) fn next_code(clock: &ManualClock, now: UnixTime, phone: &Phone) -> (UnixTime, String) {
    for step in 1..20 {
        let then = UnixTime(now.0 + 30 * step);
        let code = phone.code(then);
        let near = [-60_i64, -30, 30, 60].map(|offset| UnixTime(then.0.saturating_add_signed(offset)));
        if near.iter().all(|time| phone.code(*time) != code) {
            clock.set(then);
            return (then, code);
        }
    }
    panic!("twenty steps in a row whose digits repeat");
}

/// Everything that the journal says of an account, latest first.
pub(crate) fn journal_of(cabinet: &Cabinet, login: &str) -> Vec<Recorded> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let page = cabinet.history_of(login, 500, after.as_ref()).unwrap();
        entries.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return entries;
        }
    }
}

pub(crate) fn count(entries: &[Recorded], kind: EventKind) -> u64 {
    entries.iter().filter(|entry| entry.leaf.kind == kind).count().try_into().unwrap()
}

/// The sessions that the journal says were opened, sorted.
pub(crate) fn sessions(entries: &[Recorded]) -> Vec<String> {
    let opened = entries.iter().filter(|entry| entry.leaf.kind == EventKind::SessionOpened);
    let mut ids: Vec<String> = opened
        .map(|entry| match &entry.detail {
            Telling::Told(detail) => detail.get("session").expect("a session").to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    ids.sort();
    ids
}

/// Integrates what waits and audits the whole journal: how many leaves it has, or what is wrong.
pub(crate) fn audited(cabinet: &Cabinet) -> Result<u64, String> {
    let vault = cabinet.vault();
    vault.integrate().map_err(|error| format!("the journal does not integrate: {error}"))?;
    let report = vault.read(audit).map_err(|error| format!("the journal cannot be audited: {error}"))?;
    let whole = report.is_clean() && report.settled && report.waiting == 0 && report.unlisted == 0;
    if whole { Ok(report.leaves) } else { Err(format!("the audit found {report:?}")) }
}

/// What SQLite says of the file's structure, through a connection of its own.
pub(crate) fn file_is_sound(path: &Path) -> Result<(), String> {
    let findings = SqliteStore::open(path).and_then(|store| store.check());
    if findings == Ok(Vec::new()) { Ok(()) } else { Err(format!("the file is damaged: {findings:?}")) }
}

/// Prints a line of figures.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{line}").and_then(|()| output.flush()).unwrap();
}

/// Ends this process when a test takes longer than it ever should: a deadlock must not hold the whole run.
pub(crate) struct Deadline(Sender<()>);

impl Deadline {
    pub(crate) fn within(limit: Duration) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            if receiver.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                say(&format!("nothing ended within {limit:?}"));
                std::process::abort();
            }
        });
        Self(sender)
    }
}
