//! Workers that are killed: at every named point of a commit, between the hand-over and its note, and at random times. Nothing is
//! lost, what is sent again is what nobody had acknowledged, under the same id, and every code works once (R57).
#![allow(missing_docs, clippy::print_stdout)]

mod harness;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use harness::{LIGHT, PASSPHRASE, light_policy, notify, tally, texter, wide};
use serde_json::json;
use zamok_cabinet::{Cabinet, Category, Challenge, Ending, Evidence, Policy, Priority};
use zamok_delivery::{Content, Delivery, Failed, Parcel, Taken, Transport};
use zamok_host::{Options, Passphrase, Vault};
use zamok_store_conformance::{Random, Tier};
use zamok_store_sqlite::{FAILPOINT_VARIABLE, FAILPOINTS, SqliteStore};

const TASK: &str = "ZAMOK_DELIVERY_TASK";
/// What dies where, besides the named points of a commit.
const POINTS: [&str; 2] = ["handed over, not noted", "leased, not handed over"];

/// Leases that a test can wait for.
fn policy() -> Policy {
    let mut policy = wide(light_policy());
    policy.delivery.lease = 1;
    policy.delivery.retry = 1;
    policy.delivery.longest_retry = 1;
    // One person waits for many codes at a time.
    policy.issued.resend = 0;
    (policy.issued.per_hour, policy.issued.per_day) = (1_000_000, 1_000_000);
    policy.challenge.per_hour = 1_000_000;
    policy
}

/// A carrier that writes down what it took, flushed, and then lets the process die where it is told to.
#[derive(Debug)]
struct Paper {
    log: PathBuf,
    dies: Option<(usize, u64)>,
    calls: std::sync::atomic::AtomicU64,
}

impl Transport for Paper {
    fn name(&self) -> &str {
        "paper"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let dies = |point: usize| self.dies == Some((point, call));
        if dies(1) {
            std::process::abort();
        }
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        // One write: two processes never mix their lines.
        let Content::Sms { text, .. } = parcel.content else { panic!("it carries SMS") };
        let line = json!({"id": parcel.id.to_string(), "text": text.as_str()});
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
        log.sync_data().unwrap();
        if dies(0) {
            std::process::abort();
        }
        Ok(Taken { parts: vec![parcel.id.to_string()], receipts: false })
    }
}

fn open(folder: &Path) -> Arc<Cabinet> {
    let store = SqliteStore::open(folder.join("zamok.db")).unwrap();
    let options = Options { cost: LIGHT, ..Options::default() };
    let vault = Vault::unlock(Arc::new(store), &Passphrase::from(PASSPHRASE), options).unwrap();
    Arc::new(Cabinet::open(Arc::new(vault)).unwrap().with_policy(policy()))
}

fn worker(folder: &Path, dies: Option<(usize, u64)>) -> (Arc<Cabinet>, Delivery) {
    let cabinet = open(folder);
    let paper = Arc::new(Paper { log: folder.join("log"), dies, calls: 0.into() });
    (cabinet.clone(), harness::delivery(&cabinet, vec![paper]))
}

/// The child: works until there is nothing left, or until it dies.
fn work(task: &str) {
    let (folder, dies) = task.split_once('|').unwrap();
    let dies = dies.split_once(':').map(|(point, nth)| (point.parse().unwrap(), nth.parse().unwrap()));
    let (cabinet, delivery) = worker(Path::new(folder), dies);
    while !cabinet.on_their_way(1, None).unwrap().0.is_empty() {
        delivery.step().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Town {
    folder: tempfile::TempDir,
    kills: usize,
    notices: usize,
    /// Challenges whose codes nobody has typed yet, and how many were.
    open: Vec<Challenge>,
    typed: usize,
}

impl Town {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(folder.path().join("zamok.db")).unwrap();
        let options = Options { cost: LIGHT, ..Options::default() };
        let vault = Vault::create(Arc::new(store), &Passphrase::from(PASSPHRASE), options).unwrap();
        let cabinet = Cabinet::create(Arc::new(vault), "Zamok Bank", wide(light_policy())).unwrap();
        texter(&cabinet, "ivan", "+79161234567");
        Self { folder, kills: 0, notices: 0, open: Vec::new(), typed: 0 }
    }

    /// So many codes that somebody waits for, and as many notices.
    fn post(&mut self, count: usize) {
        let cabinet = open(self.folder.path());
        for number in 0..count {
            notify(&cabinet, "ivan", Category::Service, Priority::High, &format!("{number}"));
            self.open.push(harness::begin(&cabinet, "ivan"));
        }
        self.notices += count;
    }

    /// What the carrier wrote down: how often each message was handed to it, and its text.
    fn log(&self) -> BTreeMap<String, (usize, String)> {
        let mut sent: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for entry in harness::entries(&self.folder.path().join("log")) {
            let (id, text) = (entry["id"].as_str().unwrap(), entry["text"].as_str().unwrap());
            let known = sent.entry(id.to_owned()).or_insert((0, text.to_owned()));
            assert_eq!(known.1, text, "what is sent again is the same");
            known.0 += 1;
        }
        sent
    }

    /// A worker that is not killed takes over, and whoever waits types the code that came.
    fn settle(&mut self) -> Arc<Cabinet> {
        let (cabinet, delivery) = worker(self.folder.path(), None);
        harness::eventually("the outbox is empty", || {
            delivery.step().unwrap();
            cabinet.on_their_way(1, None).unwrap().0.is_empty()
        });
        let log = self.log();
        let sendings: BTreeMap<[u8; 16], String> = harness::sendings(&cabinet)
            .into_iter()
            .map(|(message, challenge)| (challenge, message))
            .collect();
        for challenge in self.open.drain(..) {
            let (_, text) = &log[&sendings[&challenge.reference()]];
            harness::works_once(&cabinet, &challenge, text);
            self.typed += 1;
        }
        cabinet
    }

    fn child(&self, test: &str, dies: &str, failpoint: Option<&str>) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([test, "--exact", "--quiet"])
            .env(TASK, format!("{}|{dies}", self.folder.path().display()));
        if let Some(point) = failpoint {
            command.env(FAILPOINT_VARIABLE, point);
        }
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    }

    /// Lets a worker die, and says whether it did.
    fn killed(&mut self, mut child: Child) -> bool {
        let died = !child.wait().unwrap().success();
        self.kills += usize::from(died);
        died
    }

    fn ends(mut self, what: &str) {
        self.settle();
        // What the logins were told, too.
        let cabinet = self.settle();
        let log = self.log();
        let again: usize = log.values().map(|(times, _)| times - 1).sum();
        println!(
            "{what}: {} notices, {} codes, {} messages, {} kills, {again} sent again",
            self.notices,
            self.typed,
            log.len(),
            self.kills
        );
        // Each of these workers has one message in hand.
        assert!(again <= self.kills, "only what was not acknowledged is sent again");
        let notices = log.values().filter(|(_, text)| text.starts_with("Zamok Bank: ") && text.len() < 15);
        assert_eq!(notices.count(), self.notices, "each was sent");
        let archive = harness::archive(&cabinet);
        let by_sms = archive.iter().filter(|entry| entry.channel.is_some());
        // The code of the enrolment was read by whoever enrolled, before a worker looked.
        let (dead, sent): (Vec<_>, Vec<_>) = by_sms.partition(|entry| entry.attempts == 0);
        assert_eq!(dead.len(), 1);
        assert!(sent.iter().all(|entry| entry.ending == Ending::HandedOver), "{sent:?}");
        assert_eq!(tally(sent.iter().map(|entry| entry.id.to_string())).len(), log.len());
        assert!(sent.iter().all(|entry| log.contains_key(&entry.id.to_string())));
        assert!(cabinet.audit_indexes(10).unwrap().is_empty());
    }
}

#[test]
fn a_worker_killed_at_a_named_point_loses_nothing_and_sends_again_only_what_was_not_acknowledged() {
    const NAME: &str =
        "a_worker_killed_at_a_named_point_loses_nothing_and_sends_again_only_what_was_not_acknowledged";
    if let Ok(task) = std::env::var(TASK) {
        return work(&task);
    }
    let mut town = Town::new();
    let kills = usize::try_from(Tier::pick(1, 2, 20)).unwrap();
    for round in 0..kills {
        for (point, name) in POINTS.iter().enumerate() {
            town.post(2);
            let child = town.child(NAME, &format!("{point}:{}", 1 + round % 3), None);
            assert!(town.killed(child), "{name}");
        }
        for point in FAILPOINTS {
            town.post(2);
            // The first commits spread the notices, the next lease and end the messages.
            let child = town.child(NAME, "", Some(&format!("{point}:{}", 1 + round * 2 % 9)));
            assert!(town.killed(child), "{point}");
        }
        town.settle();
    }
    assert_eq!(town.kills, kills * (POINTS.len() + FAILPOINTS.len()));
    town.ends("at named points");
}

#[test]
fn a_worker_killed_at_any_time_loses_nothing() {
    const NAME: &str = "a_worker_killed_at_any_time_loses_nothing";
    if let Ok(task) = std::env::var(TASK) {
        return work(&task);
    }
    let mut town = Town::new();
    let mut random = Random::new(9);
    for round in 0..Tier::pick(3, 12, 200) {
        town.post(5);
        let mut child = town.child(NAME, "", None);
        std::thread::sleep(Duration::from_micros(random.below(400_000)));
        let _ = child.kill();
        town.killed(child);
        // Before the codes are too old.
        if round % 6 == 5 {
            town.settle();
        }
    }
    town.ends("at any time");
}
