//! A house whose logins are killed, and what must hold after every kill.
#![allow(missing_docs)]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zamok_cabinet::{Cabinet, Error, SessionId};
use zamok_core::event::EventKind;
use zamok_core::store::{Change, Outcome, RowKey, Store, StoreFault};
use zamok_core::vault::slot::VAULT;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::{Clock as _, ManualClock};
use zamok_journal::Recorded;
use zamok_store_sqlite::{FAILPOINT_VARIABLE, SqliteStore};

use crate::altered_store::{altered, hasty, torn};
use crate::file_house::child::{Other, order, tell};
use crate::file_house::{Deadline, FileHouse, audited, count, journal_of, next_code, say, sessions, unlock};
use crate::harness::{Phone, challenge, request};

const NOW: &str = "ZAMOK_CABINET_NOW";
const CODE: &str = "ZAMOK_CABINET_CODE";
/// How many answered sessions are looked at after every kill.
const LOOKED_AT: usize = 10;

/// How far a login had come when it was killed, by what the store held then and by what the parent had heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fell {
    Nothing,
    Charged,
    Unlocked,
    Begun,
    Committed,
    Answered,
}

impl fmt::Display for Fell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "before any commit",
            Self::Charged => "between commits: the attempt to unlock was charged",
            Self::Unlocked => "between commits: the vault was unlocked",
            Self::Begun => "between commits: the challenge was open",
            Self::Committed => "after the login's commit, before the answer",
            Self::Answered => "after the answer",
        })
    }
}

/// Commits, and rows written in them, since the process began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) commits: u64,
    pub(crate) writes: u64,
}

/// A login that nobody kills.
pub(crate) struct Measured {
    pub(crate) begun: Counts,
    pub(crate) answered: Counts,
    pub(crate) begun_after: Duration,
    pub(crate) answered_after: Duration,
}

/// The child: opens the file, logs in with the code that it was given, and tells how it goes.
pub(crate) fn login(task: &str, path: &Path) {
    let _deadline = Deadline::within(Duration::from_secs(60));
    let (commits, writes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counts = {
        let (commits, writes) = (Arc::clone(&commits), Arc::clone(&writes));
        move || format!("{} {}", commits.load(Ordering::SeqCst), writes.load(Ordering::SeqCst))
    };
    let commit: fn(&Arc<dyn Store>, &Change) -> Result<Outcome, StoreFault> = match task {
        "login" => |store, change| store.commit(change),
        "hasty login" => hasty,
        "torn login" => torn,
        _ => panic!("`{task}` is no task"),
    };
    let store = altered(SqliteStore::open(path).unwrap(), move |store, change| {
        let outcome = commit(store, change)?;
        commits.fetch_add(1, Ordering::SeqCst);
        writes.fetch_add(change.writes().count() as u64, Ordering::SeqCst);
        Ok(outcome)
    });
    let clock = ManualClock::new(UnixTime(std::env::var(NOW).unwrap().parse().unwrap()));
    let cabinet = match unlock(store, &clock) {
        Ok(cabinet) => cabinet,
        Err(CoreError::UnlockNotBefore(time)) => return tell(&format!("delayed {time}")),
        Err(error) => panic!("{error}"),
    };
    let begun = challenge(&cabinet, "ivan").unwrap();
    tell(&format!("begun {}", counts()));
    match cabinet.answer(&begun, &std::env::var(CODE).unwrap(), request()) {
        Ok(session) => tell(&format!("answered {} {}", session.id, counts())),
        Err(error) => tell(&format!("refused {error}")),
    }
    // Until it is killed, or its parent is gone.
    while order().is_some() {}
}

/// A file with two citizens, one of whom logs in again and again and is killed. No handle on it is open meanwhile.
pub(crate) struct Besieged {
    test: &'static str,
    task: &'static str,
    path: PathBuf,
    clock: ManualClock,
    phone: Phone,
    /// Sessions that a parent heard of, the latest last.
    answered: VecDeque<String>,
    rounds: u64,
    fell: BTreeMap<Fell, u64>,
    leaves: u64,
    since: Instant,
    _folder: TempDir,
}

impl Besieged {
    /// Children are to run `task` in the test of this name.
    pub(crate) fn new(test: &'static str, task: &'static str) -> Self {
        let since = Instant::now();
        let house = FileHouse::plain();
        house.house.citizen("olga");
        let phone = house.house.citizen("ivan");
        let (folder, path, clock) = house.close();
        let (answered, fell) = (VecDeque::new(), BTreeMap::new());
        Self { test, task, path, clock, phone, answered, rounds: 0, fell, leaves: 0, since, _folder: folder }
    }

    fn start(&self, code: &str, failpoint: Option<&str>) -> Other {
        let now = self.clock.now().0.to_string();
        let mut settings = vec![(NOW, now.as_str()), (CODE, code)];
        settings.extend(failpoint.map(|point| (FAILPOINT_VARIABLE, point)));
        Other::start(self.test, self.task, &self.path, &settings)
    }

    fn next_code(&self) -> String {
        next_code(&self.clock, self.clock.now(), &self.phone).1
    }

    /// Lets a login come to its answer, and measures it.
    pub(crate) fn undisturbed(&mut self) -> Measured {
        let (before, code) = (self.attempts(), self.next_code());
        let start = Instant::now();
        let mut other = self.start(&code, None);
        let begun = other.hear().expect("a begun login");
        let begun_after = start.elapsed();
        let answered = other.hear().expect("an answer");
        let answered_after = start.elapsed();
        other.kill();
        let measured =
            Measured { begun: counts(&begun), answered: counts(&answered), begun_after, answered_after };
        assert_eq!(self.inspect(before, &code, &[begun, answered]), Ok(Fell::Answered));
        measured
    }

    /// A login dies at a named point of the store. What is wrong afterwards is the error.
    pub(crate) fn killed_at(&mut self, failpoint: &str) -> Result<Fell, String> {
        let (before, code) = (self.attempts(), self.next_code());
        let mut other = self.start(&code, Some(failpoint));
        let told = other.rest();
        assert!(other.was_killed(), "{failpoint} was never reached: {told:?}");
        self.inspect(before, &code, &told)
    }

    /// A login dies some time after its process began, or after it told something that begins so.
    pub(crate) fn killed_after(&mut self, told: Option<&str>, delay: Duration) -> Result<Fell, String> {
        let (before, code) = (self.attempts(), self.next_code());
        let mut other = self.start(&code, None);
        let mut heard = Vec::new();
        while told.is_some_and(|awaited| heard.last().is_none_or(|last: &String| !last.starts_with(awaited)))
        {
            heard.push(other.hear().expect("the child lives"));
        }
        thread::sleep(delay);
        heard.extend(other.kill());
        self.inspect(before, &code, &heard)
    }

    /// A login dies right after its attempt to unlock was charged, and nobody opens the file afterwards.
    pub(crate) fn dies_while_unlocking(&self) {
        let before = self.attempts();
        let mut other = self.start("000000", Some("after-commit:1"));
        let told = other.rest();
        assert!(other.was_killed(), "{told:?}");
        assert_eq!(self.attempts(), before + 1, "the attempt was not charged");
    }

    /// Attempts to unlock are refused for so many seconds; waits until they no longer are.
    pub(crate) fn is_delayed_for(&self, seconds: u64) {
        let last = self.clock.now();
        // Before that, an attempt may still be under way, for which another would wait.
        self.clock.advance(11);
        let until = last.0 + seconds;
        let told = self.start("000000", None).rest();
        assert_eq!(told, [format!("delayed {until}")]);
        self.clock.set(UnixTime(until));
    }

    /// The version of the row that counts attempts to unlock: each adds one, each success adds another.
    fn attempts(&self) -> u64 {
        let store = SqliteStore::open(&self.path).expect("the file opens at once");
        store.get(&RowKey::new(VAULT, *b"attempts/\x01")).unwrap().expect("the slot's row").version
    }

    /// What must hold after a kill, whenever it came.
    fn inspect(&mut self, attempts: u64, code: &str, told: &[String]) -> Result<Fell, String> {
        let charged = self.attempts() - attempts;
        let store = SqliteStore::open(&self.path).map_err(|fault| format!("it does not open: {fault}"))?;
        let damage = store.check();
        if damage != Ok(Vec::new()) {
            return Err(format!("the file is damaged: {damage:?}"));
        }
        let cabinet =
            unlock(Arc::new(store), &self.clock).map_err(|error| format!("it is locked: {error}"))?;
        let found = self.entries(&cabinet)?;
        let opened = sessions(&found);
        let answered = told.iter().find_map(|line| line.strip_prefix("answered ")?.split(' ').next());
        if told.iter().any(|line| !line.starts_with("begun ") && !line.starts_with("answered ")) {
            return Err(format!("the child told {told:?}"));
        }
        if answered.is_some_and(|id| opened != [id]) {
            return Err("an answered session is not in the journal".into());
        }
        if count(&found, EventKind::CodeAccepted) != opened.len() as u64 || opened.len() > 1 {
            return Err(format!("half a login was committed: {found:?}"));
        }
        let fell = match (answered, opened.len(), count(&found, EventKind::LoginStarted), charged) {
            (Some(_), ..) => Fell::Answered,
            (None, 1.., ..) => Fell::Committed,
            (None, 0, 1, 2) => Fell::Begun,
            (None, 0, 0, 2) => Fell::Unlocked,
            (None, 0, 0, 1) => Fell::Charged,
            (None, 0, 0, 0) => Fell::Nothing,
            other => return Err(format!("the commits are out of order: {other:?}")),
        };
        self.presented_again(&cabinet, code, opened.first())?;
        self.nothing_is_missing(&cabinet, answered)?;
        self.leaves = audited(&cabinet)?;
        self.rounds += 1;
        *self.fell.entry(fell).or_default() += 1;
        Ok(fell)
    }

    /// What the journal says of this step: the clock stands still from the start of the child on.
    fn entries(&self, cabinet: &Cabinet) -> Result<Vec<Recorded>, String> {
        let listing =
            cabinet.history_of("ivan", 100, None).map_err(|error| format!("no journal: {error}"))?;
        Ok(listing.entries.into_iter().filter(|entry| entry.leaf.time == self.clock.now()).collect())
    }

    /// The same code in the same step, with new challenges: it has been accepted once in all, before the kill or now.
    fn presented_again(&self, cabinet: &Cabinet, code: &str, opened: Option<&String>) -> Result<(), String> {
        let mut session = opened.cloned();
        for _ in 0..3 {
            let begun = challenge(cabinet, "ivan").map_err(|error| format!("no new login: {error}"))?;
            match (cabinet.answer(&begun, code, request()), &session) {
                (Ok(again), None) => session = Some(again.id.to_string()),
                (Err(Error::Core(CoreError::Rejected)), Some(_)) => {}
                (Ok(_), Some(_)) if opened.is_some() => {
                    return Err("a code that was accepted before the kill is accepted again".into());
                }
                (Ok(_), Some(_)) => return Err("a code is accepted twice after the kill".into()),
                (Err(error), _) => return Err(format!("a code that nobody has used is refused: {error}")),
            }
        }
        let found = self.entries(cabinet)?;
        let once = count(&found, EventKind::CodeAccepted) == 1 && sessions(&found) == session.as_slice();
        if once { Ok(()) } else { Err(format!("the journal does not tell of one acceptance: {found:?}")) }
    }

    /// Accounts that were registered, and sessions that were answered, are still there.
    fn nothing_is_missing(&mut self, cabinet: &Cabinet, answered: Option<&str>) -> Result<(), String> {
        for login in ["ivan", "olga"] {
            cabinet.account_by_login(login).map_err(|error| format!("{login} is gone: {error}"))?;
        }
        self.answered.extend(answered.map(str::to_owned));
        for id in self.answered.iter().rev().take(LOOKED_AT) {
            cabinet.session(session_id(id)).map_err(|error| format!("an answered session: {error}"))?;
        }
        Ok(())
    }

    /// Compares the whole journal with everything that was ever answered, and prints where the kills fell.
    pub(crate) fn story_ends(&self, how: &str) {
        let store = SqliteStore::open(&self.path).unwrap();
        let cabinet = unlock(Arc::new(store), &self.clock).unwrap();
        let journal = journal_of(&cabinet, "ivan");
        let opened = sessions(&journal);
        assert!(self.answered.iter().all(|id| opened.binary_search(id).is_ok()), "an answer was lost");
        // Each step's code was accepted once, by whomever; one more ended the enrolment.
        assert_eq!(opened.len() as u64, self.rounds);
        assert_eq!(count(&journal, EventKind::CodeAccepted), self.rounds + 1);
        let mut lines = format!(
            "{} logins killed {how}, {} answered; {} leaves audited; {:.1} s",
            self.rounds,
            self.answered.len(),
            self.leaves,
            self.since.elapsed().as_secs_f64()
        );
        for (fell, times) in &self.fell {
            let _never_fails = write!(lines, "\n{times:6} {fell}");
        }
        say(&lines);
    }
}

/// The last two numbers of what a child told.
fn counts(told: &str) -> Counts {
    let numbers: Vec<&str> = told.rsplit(' ').take(2).collect();
    let [writes, commits] = numbers[..] else { panic!("`{told}` has no counts") };
    Counts { commits: commits.parse().unwrap(), writes: writes.parse().unwrap() }
}

fn session_id(text: &str) -> SessionId {
    let mut id = [0; 16];
    for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap();
    }
    SessionId(id)
}
