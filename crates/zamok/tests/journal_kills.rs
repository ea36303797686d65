//! The journal's work in a process that is killed at every named point of each of its commits (R36): appending, integrating,
//! signing, cosigning, forgetting writers, erasing, expiring. What is left is a log that opens with its anchor, that the
//! audit finds whole, that extends whatever was told of it, and on which the same work is done to its end.
#![allow(missing_docs, clippy::print_stdout)]

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use zamok::event::{Detail, EventKind};
use zamok::journal::{Journal, SignedCheckpoint, Telling, TrustPolicy};
use zamok::store::{MemoryStore, RowKey, Table};
use zamok::witness::Service;
use zamok::{
    Argon2Cost, FileAnchor, Freshness, ManualClock, Options, Passphrase, Password, Policy, Settings,
    StoreUrl, UnixTime, UnlockPolicy, Vault, Zamok,
};
use zamok_journal::witness::{AddCheckpoint, Verdict};
use zamok_store_sqlite::{FAILPOINT_VARIABLE, FAILPOINTS};

const SIGKILL: i32 = 9;
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const NOON: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
/// Late enough that writers are forgotten and details are over.
const LATER: u64 = NOON + 40 * DAY;

const JOB: &str = "ZAMOK_JOURNAL_JOB";
const FOLDER: &str = "ZAMOK_JOURNAL_FOLDER";

fn tier(check: usize, ci: usize, full: usize) -> usize {
    match std::env::var("ZAMOK_TIER").as_deref() {
        Err(_) | Ok("ci") => ci,
        Ok("check") => check,
        Ok("full") => full,
        Ok(other) => panic!("ZAMOK_TIER={other}"),
    }
}

fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

fn options(folder: &Path, now: u64) -> Options {
    Options {
        clock: Arc::new(ManualClock::new(UnixTime(now))),
        cost: CHEAP,
        // An attempt that was killed is over at once: the clock of these tests stands still.
        unlock: UnlockPolicy { free: 100, disable_after: None, attempt: 0, ..Options::default().unlock },
        freshness: Freshness::Anchored(Arc::new(FileAnchor::at(folder.join("anchor")))),
        ..Options::default()
    }
}

fn url(folder: &Path) -> StoreUrl {
    StoreUrl::Sqlite(folder.join("vault.db"))
}

fn open(folder: &Path, now: u64) -> Zamok {
    let store = url(folder).open().expect("the store opens after every kill");
    Zamok::open_in(store, &passphrase(), options(folder, now)).expect("the vault opens with its anchor")
}

fn password() -> Password {
    Password::new("correct horse battery")
}

/// A store with accounts and a log of some length, part of it waiting; and its anchor.
fn prepare(folder: &Path) {
    FileAnchor::create(folder.join("anchor")).unwrap();
    let mut policy = Policy::strict();
    (policy.password.cost, policy.journal.details) = (CHEAP, 30 * DAY);
    let settings = Settings::new("Bank").with_policy(policy).with_options(options(folder, NOON));
    let zamok = Zamok::create_in(url(folder).create().unwrap(), &passphrase(), settings).unwrap();
    zamok.vault().require_anchor().unwrap();
    for login in ["anna", "boris"] {
        zamok.register(login, &password()).unwrap();
    }
    zamok.vault().checkpoint().unwrap();
    (0..5).for_each(|number| append(zamok.vault(), number));
}

fn row(number: u64) -> RowKey {
    RowKey::new(Table(900), number.to_be_bytes())
}

fn append(vault: &Vault, number: u64) {
    let detail = Detail::new().with("step", number.to_string());
    vault.transact(|tx| tx.event(EventKind::CodeAccepted, None, &row(number), &detail)).unwrap();
}

/// What a child does, over and over after kills: each job tells what it has done.
const JOBS: [(&str, u64); 7] = [
    ("append", NOON),
    ("integrate", NOON),
    ("checkpoint", NOON),
    ("cosign", NOON),
    ("forget", LATER),
    ("erase", NOON),
    ("expire", LATER),
];

fn work(job: &str, zamok: &Zamok, tell: &mut dyn FnMut(String)) {
    let vault = zamok.vault();
    match job {
        "append" => (100..103).for_each(|number| {
            append(vault, number);
            tell(format!("appended {number}"));
        }),
        "integrate" => loop {
            let batch = vault.transact(|tx| zamok_journal::integrate(tx, 2)).unwrap();
            tell(format!("size {}", batch.head.map_or(0, |head| head.size)));
            if !batch.more {
                break;
            }
        },
        "checkpoint" => tell(format!("signed {}", note(&vault.checkpoint().unwrap()))),
        "cosign" => {
            let (policy, signed) = cosigned(vault);
            tell(format!("signed {}", note(&signed)));
            let trusted = vault.keep_cosigned(&policy, &signed).unwrap();
            assert!(trusted.is_quorum);
            tell(format!("witnessed {}", signed.checkpoint().size));
        }
        "forget" => {
            vault.integrate().unwrap();
            let forgotten = vault.transact(zamok_journal::forget_writers).unwrap();
            tell(format!("forgotten {forgotten}"));
        }
        "erase" => match zamok.erase_account("anna", "asked for it") {
            Ok(subject) => tell(format!("erased {subject:?}")),
            // An earlier attempt came as far as the account itself, and told nobody: the pseudonym is known from before.
            Err(_) => zamok.finish_erasure(subject_of(zamok.vault(), EventKind::AccountErased)).unwrap(),
        },
        "expire" => loop {
            let step = zamok.sweep_journal().unwrap();
            tell(format!("expired {}", step.details));
            if !step.more {
                break;
            }
        },
        other => panic!("{other}"),
    }
}

/// A witness that lives in memory, and the checkpoint with its line.
fn cosigned(vault: &Vault) -> (TrustPolicy, SignedCheckpoint) {
    let mut signed = vault.checkpoint().unwrap();
    let log = vault.log_key().unwrap();
    let options = Options { cost: CHEAP, ..Options::default() };
    let own = Arc::new(Vault::create(Arc::new(MemoryStore::new()), &passphrase(), options).unwrap());
    let key = Service::found(&own, "witness.example/w").unwrap();
    let service = Service::open(own, TrustPolicy::log(log.clone())).unwrap();
    let request = AddCheckpoint { old: 0, path: Vec::new(), checkpoint: signed.clone() };
    let Verdict::Cosigned(line) = service.decide(&request).unwrap() else { panic!("it is the first one") };
    signed.cosign(&key, line).unwrap();
    let policy = format!("log {log}\nwitness w {key}\nquorum w\n");
    (TrustPolicy::parse(&policy).unwrap(), signed)
}

/// A note on one line.
fn note(signed: &SignedCheckpoint) -> String {
    signed.to_string().replace('\n', "\\n")
}

fn subject_of(vault: &Vault, kind: EventKind) -> zamok::event::Subject {
    vault.integrate().unwrap();
    let all = vault.read(|store, keyring| Journal::new(store, keyring).range(0..u64::MAX)).unwrap();
    all.iter().rev().find(|entry| entry.leaf.kind == kind).and_then(|entry| entry.leaf.subject).expect("one")
}

/// The child's side of both tests.
fn child() -> bool {
    let (Ok(job), Some(folder)) = (std::env::var(JOB), std::env::var_os(FOLDER)) else { return false };
    let folder = PathBuf::from(folder);
    let now = JOBS.iter().find(|known| known.0 == job).map_or(NOON, |known| known.1);
    let mut tell = |line: String| {
        let mut out = std::io::stdout().lock();
        // The harness may have left a line open.
        write!(out, "\ntold {line}\n").and_then(|()| out.flush()).expect("the parent listens");
    };
    let zamok = open(&folder, now);
    tell("open".into());
    match job.as_str() {
        "keep" => keep(&zamok),
        _ => work(&job, &zamok, &mut tell),
    }
    tell("done".into());
    true
}

fn command(test: &str, job: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(JOB, job).env(FOLDER, folder);
    command
}

fn told(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.strip_prefix("told ")).map(str::to_owned).collect()
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Every leaf as the log has it now: kind, row, and whether its detail can be read.
fn leaves(zamok: &Zamok) -> Vec<(EventKind, RowKey, Telling)> {
    let all = zamok.journal(|journal| journal.range(0..u64::MAX)).unwrap();
    all.into_iter().map(|entry| (entry.leaf.kind, entry.leaf.row, entry.detail)).collect()
}

fn is_whole(zamok: &Zamok, killed: &str) {
    zamok.vault().integrate().unwrap_or_else(|error| panic!("{killed}: {error}"));
    let report = zamok.audit_rows().unwrap();
    assert!(report.is_clean() && report.settled && report.waiting == 0, "{killed}: {report:?}");
    let indexes = zamok.audit_indexes(10).unwrap();
    assert!(indexes.is_empty(), "{killed}: {indexes:?}");
}

/// Looks at what a killed child left, and does its work to the end.
fn survive(folder: &Path, job: &str, now: u64, told: &[String], killed: &str) {
    let zamok = open(folder, now);
    is_whole(&zamok, killed);
    let before = leaves(&zamok);
    let is_there = |number: u64| before.iter().filter(|leaf| leaf.1 == row(number)).count();
    for line in told {
        match line.split_once(' ') {
            Some(("appended", number)) => {
                assert_eq!(is_there(number.parse().unwrap()), 1, "{killed}: an answered entry is gone");
            }
            Some(("size", size)) => {
                let size: u64 = size.parse().unwrap();
                let head = zamok.journal(|journal| journal.head()).unwrap().expect("a head");
                assert!(head.size >= size, "{killed}: the tree shrank from {size} to {}", head.size);
            }
            Some(("signed", note)) => {
                let signed = SignedCheckpoint::parse(&note.replace("\\n", "\n")).unwrap();
                zamok.journal(|journal| journal.compare(signed.checkpoint())).expect("an extension");
                let remembered = fs::read_to_string(folder.join("anchor")).unwrap();
                let remembered = SignedCheckpoint::parse(&remembered).unwrap();
                assert!(remembered.checkpoint().size >= signed.checkpoint().size, "{killed}");
            }
            Some(("witnessed", size)) => {
                let [latest, witnessed] = zamok.journal(|journal| journal.checkpoints()).unwrap();
                let size: u64 = size.parse().unwrap();
                assert!(latest.is_some() && witnessed.expect("kept").checkpoint().size >= size, "{killed}");
            }
            Some(("erased", _)) => assert!(zamok.register("anna", &password()).is_ok(), "{killed}"),
            _ => {}
        }
    }
    assert!((100..103).all(|number| is_there(number) <= 1) && (0..5).all(|number| is_there(number) == 1));
    if told.iter().any(|line| line.starts_with("erased")) {
        return is_whole(&zamok, killed);
    }
    work(job, &zamok, &mut |_| {});
    is_whole(&zamok, killed);
    let after = leaves(&zamok);
    assert_eq!(after.len() > before.len(), after.len() != before.len(), "{killed}: leaves went");
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((old.0, &old.1), (new.0, &new.1), "{killed}: a leaf moved");
        assert!(new.2 == old.2 || new.2 == Telling::Erased, "{killed}: a detail changed");
    }
    match job {
        "erase" => {
            let subject = subject_of(zamok.vault(), EventKind::AccountErased);
            let left = zamok.journal(|journal| journal.entries_of(subject, 100, None)).unwrap();
            assert!(left.entries.is_empty(), "{killed}: {} entries are still listed", left.entries.len());
            assert!(zamok.register("anna", &password()).is_ok(), "{killed}: the name is free again");
        }
        "expire" => assert_eq!(
            after.iter().take(9).filter(|leaf| matches!(leaf.2, Telling::Told(_))).count(),
            0,
            "{killed}: old details are still there"
        ),
        "forget" => {
            let head = zamok.journal(|journal| journal.head()).unwrap().expect("a head");
            assert_eq!(head.closed, UnixTime(LATER - 30 * DAY), "{killed}: nobody was forgotten");
        }
        _ => {}
    }
}

#[test]
fn the_journals_work_killed_at_every_named_point_leaves_a_whole_log_that_goes_on() {
    if child() {
        return;
    }
    const TEST: &str = "the_journals_work_killed_at_every_named_point_leaves_a_whole_log_that_goes_on";
    let base = tempfile::tempdir().unwrap();
    prepare(base.path());
    let mut kills = 0;
    for (job, now) in JOBS {
        let begun = tempfile::tempdir().unwrap();
        copy(base.path(), begun.path());
        if now == LATER {
            // The month was lived through: else nobody is forgotten.
            drop(open(begun.path(), LATER - 2 * DAY));
        }
        // Passages of the first commits belong to the unlocking, which has tests of its own.
        let mut of_this_job = 0;
        for point in FAILPOINTS {
            let within = point == "between-writes";
            let (first, step) = if within { (4, tier(40, 7, 1)) } else { (3, tier(3, 1, 1)) };
            for nth in (first..).step_by(step) {
                let folder = tempfile::tempdir().unwrap();
                copy(begun.path(), folder.path());
                let mut child = command(TEST, job, folder.path());
                let output = child.env(FAILPOINT_VARIABLE, format!("{point}:{nth}")).output().unwrap();
                let told = told(&output);
                if output.status.success() {
                    assert_eq!(told.last().map(String::as_str), Some("done"), "{job}");
                    break;
                }
                assert_eq!(output.status.signal(), Some(SIGKILL), "{job}: {output:?}");
                survive(folder.path(), job, now, &told, &format!("{job} killed at {point}:{nth}"));
                of_this_job += 1;
            }
        }
        assert!(of_this_job >= FAILPOINTS.len() - 1, "{job} was killed {of_this_job} times");
        kills += of_this_job;
    }
    println!("{kills} kills, {} jobs", JOBS.len());
}

/// Integrates and signs until there are as many entries as two writers write.
fn keep(zamok: &Zamok) {
    let vault = zamok.vault();
    let from = u64::from(std::process::id()) << 32;
    for number in 0..40 {
        append(vault, from + number);
        let _ = vault.transact(|tx| zamok_journal::integrate(tx, 7));
        if number % 8 == 7 {
            vault.checkpoint().expect("signed, by this one or another");
        }
    }
}

#[test]
fn processes_that_integrate_and_sign_against_each_other_make_one_history_also_when_one_is_killed() {
    if child() {
        return;
    }
    const TEST: &str =
        "processes_that_integrate_and_sign_against_each_other_make_one_history_also_when_one_is_killed";
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let spawn = |fail: Option<&str>| {
        let mut command = command(TEST, "keep", folder.path());
        if let Some(fail) = fail {
            command.env(FAILPOINT_VARIABLE, fail);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children =
        [spawn(None), spawn(None), spawn(Some("before-commit:30")), spawn(Some("after-commit:50"))];
    let ends: Vec<_> = children.map(|child| child.wait_with_output().unwrap()).into();
    assert!(ends[..2].iter().all(|end| end.status.success()), "{ends:?}");
    assert!(ends[2..].iter().all(|end| end.status.signal() == Some(SIGKILL)), "{ends:?}");
    let zamok = open(folder.path(), NOON);
    is_whole(&zamok, "four keepers, two of them killed");
    let mut rows: Vec<_> = leaves(&zamok)
        .into_iter()
        .filter(|leaf| leaf.0 == EventKind::CodeAccepted && leaf.1.key.len() == 8)
        .map(|leaf| leaf.1)
        .collect();
    let count = rows.len();
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), count, "an entry became two leaves");
    assert!(count >= 5 + 80, "{count}: entries of those who lived are missing");
}
