//! `kill -9` at every commit of rotation, rewrapping and unlocking, and in the middle of a backup: nothing is lost, no
//! attempt is forgotten, and what was begun goes on. Kills of restores and moves are in `backup.rs`.
#![allow(missing_docs, clippy::print_stdout)]

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use zamok::backup::{BackupKey, Opener};
use zamok::guessing::{SpendPolicy, Throttle};
use zamok::keys::one_time::{self, ImportedParameters};
use zamok::keys::{self, KeyId, KeyKind, Mechanism, Purpose, Template, finding, macs, spend};
use zamok::otp::{Digits, Hotp, HotpParameters, Verdict, Window};
use zamok::secret::Secret;
use zamok::store::Store;
use zamok::{
    Argon2Cost, CoreError as Error, DataKeyId, Env, Family, ManualClock, Options, OsRandom, Passphrase, Role,
    StoreUrl, UnixTime, UnlockPolicy, Vault,
};
use zamok_core::hash::HashAlgorithm;
use zamok_core::vault::attempts::Attempts;
use zamok_core::vault::rotation::SETTLED_AFTER;
use zamok_store_sqlite::FAILPOINTS;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const NOON: UnixTime = UnixTime(1_800_000_000);
const HOTP: HotpParameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
/// MAC keys: with their state, index rows and details enough rows for several steps of a rewrapping.
const KEYS: usize = 90;

fn passphrase(role: Role) -> Passphrase {
    Passphrase::from(if role == Role::Officer { "the officer's words" } else { "the user's own words" })
}

fn options(now: UnixTime) -> Options {
    // An attempt that was killed is over at once: the clock of these tests stands still.
    let unlock = UnlockPolicy { free: 5, attempt: 0, ..Options::default().unlock };
    let officer = UnlockPolicy { free: u32::MAX, attempt: 0, ..Options::default().officer };
    Options { clock: Arc::new(ManualClock::new(now)), cost: CHEAP, unlock, officer, ..Options::default() }
}

fn store(path: &Path) -> Arc<dyn Store> {
    StoreUrl::Sqlite(path.into()).open().unwrap()
}

fn open(path: &Path, role: Role, now: UnixTime) -> Result<Vault, Error> {
    Vault::unlock_as(role, store(path), &passphrase(role), options(now))
}

fn code(counter: u64) -> String {
    Hotp::new(&Secret::new(&[0x31; 20]).unwrap(), HOTP).code(counter).as_str().to_owned()
}

fn policy() -> SpendPolicy {
    let throttle = Throttle {
        free: u32::MAX,
        first_delay: 1,
        longest_delay: 1,
        disable_after: u32::MAX,
        recent_limit: u32::MAX,
        recent_span: 1,
    };
    let (window, look_ahead) = (Window::steps(1, 1).unwrap(), Window::look_ahead(5).unwrap());
    SpendPolicy { window, drift_limit: 0, look_ahead, throttle }
}

/// A vault in a file: MAC keys with labels, and a token whose first code is spent.
struct House {
    folder: tempfile::TempDir,
    macs: Vec<(KeyId, Vec<u8>)>,
    token: KeyId,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = StoreUrl::Sqlite(folder.path().join("vault.db")).create().unwrap();
        let (officer, user) = (passphrase(Role::Officer), passphrase(Role::User));
        let vault = Vault::create_for(place, &officer, &user, options(NOON)).unwrap();
        let macs = (0..KEYS).map(|number| {
            let label = format!("key {number}");
            let template = Template::new(KeyKind::Hmac, Purpose::Data).named(&label, None);
            let key = vault.transact(|tx| keys::generate(tx, &template)).unwrap();
            (key, tag(&vault, key).unwrap())
        });
        let macs = macs.collect();
        let parameters = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
        let secret = Secret::new(&[0x31; 20]).unwrap();
        let token = vault.transact(|tx| one_time::import(tx, parameters, &secret, "token", None)).unwrap();
        let spent = vault.transact(|tx| spend::verify(tx, token, &code(0), &policy())).unwrap();
        assert!(matches!(spent, Verdict::Accepted { .. }));
        Self { folder, macs, token }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    /// Everything is there, works, is found, stays spent, and agrees with the journal.
    #[track_caller]
    fn is_whole(&self, now: UnixTime, when: &str) {
        let vault = open(&self.path(), Role::User, now).unwrap_or_else(|error| panic!("{when}: {error}"));
        for (number, (key, expected)) in self.macs.iter().enumerate() {
            assert_eq!(tag(&vault, *key).as_ref(), Ok(expected), "{when}: key {number}");
        }
        let found = vault.transact(|tx| finding::by_label(tx, "key 7", 10)).unwrap();
        assert_eq!(found.iter().map(|info| info.id).collect::<Vec<_>>(), [self.macs[7].0], "{when}");
        let again = vault.transact(|tx| spend::verify(tx, self.token, &code(0), &policy()));
        assert_eq!(again, Ok(Verdict::Rejected), "{when}: a code was spent before");
        vault.integrate().unwrap();
        let report = vault.read(zamok_journal::audit_rows).unwrap();
        assert!(report.is_clean(), "{when}: {report:?}");
    }

    /// This test binary in another process, with a work to do.
    fn child(&self, work: &str, now: UnixTime, failpoint: Option<&str>) -> Output {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "a_process_that_works", "--nocapture"]);
        child.env("ZAMOK_TEST_WORK", work).env("ZAMOK_TEST_PLACE", self.path());
        child.env("ZAMOK_TEST_NOW", now.0.to_string()).env_remove("ZAMOK_FAILPOINT");
        if let Some(failpoint) = failpoint {
            child.env("ZAMOK_FAILPOINT", failpoint);
        }
        child.output().unwrap()
    }

    /// Runs the work to its end, killed at a later passage of the point each time; answers how often.
    fn until_done(&self, work: &str, point: &str, stride: usize, now: UnixTime) -> usize {
        let mut kills = 0;
        for nth in (1..).step_by(stride) {
            let failpoint = format!("{point}:{nth}");
            if !was_killed(&self.child(work, now, Some(&failpoint))) {
                return kills;
            }
            kills += 1;
            assert!(kills < 300, "{work} never comes to its end");
            self.is_whole(now, &format!("{work} killed at {failpoint}"));
        }
        unreachable!()
    }
}

fn tag(vault: &Vault, key: KeyId) -> Result<Vec<u8>, Error> {
    vault.transact(|tx| macs::tag(tx, key, Mechanism::HmacSha256, b"a message")).map(|tagged| tagged.tag)
}

/// Whether a signal ended it; anything else than that and a success is a failure of the test.
#[track_caller]
fn was_killed(output: &Output) -> bool {
    if output.status.success() {
        return false;
    }
    assert_eq!(output.status.signal(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// What the child told.
fn told(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split_once("child: ").map(|(_, told)| told.to_owned())).collect()
}

/// The work of a child process, which a named point of the store kills, or the work itself.
#[test]
fn a_process_that_works() {
    let Ok(work) = std::env::var("ZAMOK_TEST_WORK") else { return };
    let path = PathBuf::from(std::env::var_os("ZAMOK_TEST_PLACE").unwrap());
    let now = UnixTime(std::env::var("ZAMOK_TEST_NOW").unwrap().parse().unwrap());
    match work.split(' ').collect::<Vec<_>>().as_slice() {
        ["rotate", family] => {
            let family = if *family == "data" { Family::Data } else { Family::Journal };
            let officer = open(&path, Role::Officer, now).unwrap();
            let key = officer.rotate(family).unwrap();
            officer.integrate().unwrap();
            println!("child: {}", key.0);
        }
        ["rewrap"] => {
            let done = open(&path, Role::Officer, now).unwrap().rewrap(&mut |_| {}).unwrap();
            println!("child: {} {}", done.moved, done.retired.len());
        }
        ["unlock", words @ ..] => {
            let words = Passphrase::from(words.join(" "));
            match Vault::unlock(store(&path), &words, options(now)) {
                Ok(_) => println!("child: open"),
                Err(error) => println!("child: {error}"),
            }
        }
        ["backup", limit] => {
            let limit = limit.parse().unwrap();
            let vault = open(&path, Role::User, now).unwrap();
            let mut out = Mortal { file: File::create(path.with_extension("backup")).unwrap(), left: limit };
            vault.backup(&backup_key(now), &mut out, &mut |_| {}).unwrap();
            println!("child: written");
        }
        _ => panic!("{work}"),
    }
}

/// A file that ends its writer, as `kill -9` does, after so many bytes.
struct Mortal {
    file: File,
    left: usize,
}

impl Write for Mortal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = bytes.len().min(self.left);
        if room == 0 && !bytes.is_empty() {
            let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
            loop {
                std::thread::park();
            }
        }
        let written = self.file.write(&bytes[..room])?;
        self.left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn backup_key(now: UnixTime) -> BackupKey {
    let mut random = OsRandom::new().unwrap();
    let env = Env { now, rng: &mut random };
    BackupKey::from_passphrase(&Passphrase::from("another six random words"), CHEAP, env).unwrap()
}

#[test]
fn a_rotation_that_is_killed_at_any_commit_has_happened_or_has_not() {
    let house = House::new();
    let mut kills = 0;
    for family in ["data", "journal"] {
        for point in FAILPOINTS {
            let stride = if point == "between-writes" { 3 } else { 1 };
            kills += house.until_done(&format!("rotate {family}"), point, stride, NOON);
        }
        // Numbers of keys are given in order, and none twice.
        let output = house.child(&format!("rotate {family}"), NOON, None);
        let last: u32 = told(&output)[0].parse().unwrap();
        let output = house.child(&format!("rotate {family}"), NOON, None);
        assert_eq!(told(&output), [(last + 1).to_string()]);
    }
    println!("{kills} kills of a rotation");
    assert!(kills >= 20, "{kills}");
    // What stands under so many keys comes under one, and the others end.
    let later = UnixTime(NOON.0 + SETTLED_AFTER);
    let officer = open(&house.path(), Role::Officer, later).unwrap();
    let done = officer.rewrap(&mut |_| {}).unwrap();
    assert!(done.retired.len() >= 4 && done.kept.is_empty(), "{done:?}");
    drop(officer);
    house.is_whole(later, "at the end");
}

#[test]
fn a_rewrapping_that_is_killed_at_any_commit_loses_nothing_and_is_simply_begun_again() {
    let house = House::new();
    let mut now = NOON;
    let mut kills = 0;
    for point in FAILPOINTS {
        let newest = open(&house.path(), Role::Officer, now).unwrap().rotate(Family::Data).unwrap();
        // Old enough for the old key to end: kills fall between that, too.
        now = UnixTime(now.0 + SETTLED_AFTER);
        let stride = if point == "between-writes" { 23 } else { 1 };
        let at_point = house.until_done("rewrap", point, stride, now);
        assert!(at_point >= 3, "{at_point} kills at {point}");
        kills += at_point;
        let officer = open(&house.path(), Role::Officer, now).unwrap();
        let left = officer.transact(zamok_core::vault::rotation::data_keys).unwrap();
        let left: Vec<DataKeyId> = left.into_iter().map(|(id, _)| id).collect();
        assert_eq!(left, [newest], "every other key has come to its end");
    }
    println!("{kills} kills of a rewrapping");
}

#[test]
fn an_attempt_to_unlock_that_is_killed_was_charged_before_it_could_tell_anything() {
    let house = House::new();
    let failures = || Attempts::read(&*store(&house.path()), 1).unwrap().failures();
    let forgive = || open(&house.path(), Role::Officer, NOON).unwrap().reset_slot(1).unwrap();
    let mut kills = 0;
    for point in FAILPOINTS {
        // Commit 1 charges the attempt, before the secret is looked at; commit 2 ends one that failed.
        for (commit, charged) in [(1, u64::from(point == "after-commit")), (2, 1)] {
            let before = failures();
            let output = house.child("unlock a wrong one", NOON, Some(&format!("{point}:{commit}")));
            assert!(was_killed(&output), "{point}:{commit}");
            assert_eq!(told(&output), Vec::<String>::new(), "{point}:{commit}");
            assert_eq!(failures(), before + charged, "{point}:{commit}");
            kills += 1;
        }
        // Whoever is answered was charged.
        let before = failures();
        let output = house.child("unlock a wrong one", NOON, None);
        assert_eq!(told(&output), ["rejected"]);
        assert_eq!(failures(), before + 1);
        // A success forgives in its second commit, and no handle is given before.
        let right = "unlock the user's own words";
        let output = house.child(right, NOON, Some(&format!("{point}:1")));
        assert!(was_killed(&output) && told(&output).is_empty());
        let before = failures();
        // Between the writes of the second commit: the first has one write of its own.
        let second = if point == "between-writes" { 3 } else { 2 };
        let output = house.child(right, NOON, Some(&format!("{point}:{second}")));
        assert!(was_killed(&output) && told(&output).is_empty(), "{point}");
        let expected = if point == "after-commit" { 0 } else { before + 1 };
        assert_eq!(failures(), expected, "{point}");
        kills += 2;
        forgive();
        assert_eq!(told(&house.child(right, NOON, None)), ["open"]);
    }
    // Kills are no free guesses: five are free, then everybody waits, the right one too.
    for _ in 0..6 {
        assert!(was_killed(&house.child("unlock a wrong one", NOON, Some("after-commit:1"))));
    }
    let output = house.child("unlock the user's own words", NOON, None);
    assert!(told(&output)[0].starts_with("unlocking is delayed"), "{:?}", told(&output));
    println!("{kills} kills of an attempt");
    forgive();
    house.is_whole(NOON, "at the end");
}

#[test]
fn a_backup_that_is_killed_is_no_backup_and_the_next_one_is_whole() {
    let house = House::new();
    let file = house.path().with_extension("backup");
    let check = |path: &Path| {
        let opener = Opener::new(BufReader::new(File::open(path).unwrap()))?;
        let key = BackupKey::by_passphrase(opener.header(), &Passphrase::from("another six random words"))?;
        opener.check(&key).map(drop)
    };
    assert!(!was_killed(&house.child(&format!("backup {}", usize::MAX), NOON, None)));
    let whole = usize::try_from(std::fs::metadata(&file).unwrap().len()).unwrap();
    assert_eq!(check(&file), Ok(()));
    let places = [0, 1, 40, 200, whole / 4, whole / 2, whole - 200, whole - 33, whole - 1];
    for limit in places {
        assert!(was_killed(&house.child(&format!("backup {limit}"), NOON, None)), "{limit}");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), u64::try_from(limit).unwrap());
        assert!(check(&file).is_err(), "cut after {limit} of {whole} bytes");
        house.is_whole(NOON, &format!("a backup killed after {limit} bytes"));
    }
    // And at every commit of the process that makes it.
    let mut kills = 0;
    for point in FAILPOINTS {
        let stride = if point == "between-writes" { 3 } else { 1 };
        kills += house.until_done(&format!("backup {}", usize::MAX), point, stride, NOON);
        assert_eq!(check(&file), Ok(()), "the one that came to its end");
    }
    println!("{} kills of a backup", kills + places.len());
    assert!(kills >= 5, "{kills}");
}
