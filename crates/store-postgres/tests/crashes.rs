//! Clients killed at named points of a commit, and the server killed under load: what was answered is there, what was not
//! is there whole or not at all, and nothing comes later than its settlement.

mod rig;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rig::{Route, change, cluster, create, fresh_schema, open, report, row, with};
use zamok_core::store::{Change, ChangeId, CounterKey, Outcome, Resolution, RowKey, Store, StoreFault};
use zamok_servers::{Bouncer, Cluster, Trap, Way, What, Wire};
use zamok_store_conformance::{Random, Tier, reexecuted};
use zamok_store_postgres::PostgresStore;

const TASK: &str = "ZAMOK_STORE_POSTGRES_TASK";
/// Begins each line that is meant for the parent: the harness prints lines of its own.
const MARK: &str = "child: ";

fn spends() -> CounterKey {
    CounterKey(b"spends".to_vec())
}

/// One spending in a chain: the head's version counts them, and each leaves a row and a sum.
fn spend(chain: u64, version: u64) -> Change {
    change(|change| {
        let head = head(chain);
        match version {
            0 => change.insert(head, vec![1; 100])?,
            version => change.update(head, version, vec![1; 100])?,
        }
        change.insert(spent(chain, version + 1), vec![2; 300])?;
        change.add(spends(), 1, u64::MAX)
    })
}

fn head(chain: u64) -> RowKey {
    row([b"head".as_slice(), &chain.to_be_bytes()].concat())
}

fn spent(chain: u64, number: u64) -> RowKey {
    row([b"spent".as_slice(), &chain.to_be_bytes(), &number.to_be_bytes()].concat())
}

fn version(store: &PostgresStore, chain: u64) -> u64 {
    store.get(&head(chain)).expect("a read").map_or(0, |row| row.version)
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    write!(output, "\n{MARK}{line}\n").and_then(|()| output.flush()).expect("the parent listens");
}

/// The child: opens, then spends one after the other, each at a word, and says so after each answer.
fn spend_all(url: &str) {
    let store = open(url).expect("the store");
    let mut version = version(&store, 0);
    say("ready");
    for _ in std::io::stdin().lines() {
        let next = spend(0, version);
        say(&format!("trying {}", next.id().0.map(|byte| format!("{byte:02x}")).concat()));
        assert_eq!(store.commit(&next), Ok(Outcome::Committed));
        version += 1;
        say(&format!("answered {version}"));
    }
}

/// The child as its parent sees it; killed with this handle.
struct Spender {
    child: Child,
    output: BufReader<ChildStdout>,
    answered: u64,
    trying: Option<ChangeId>,
}

impl Spender {
    fn start(test: &str, url: &str, answered: u64) -> Self {
        let mut command = reexecuted(test);
        command.env(TASK, url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut spender = Self { child, output, answered, trying: None };
        while spender.hear().expect("the child lives") != "ready" {}
        spender
    }

    fn go(&mut self) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "go").expect("the child listens");
    }

    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            // A line that was cut by the end of the process is no line.
            let Some(said) = line.strip_prefix(MARK).and_then(|said| said.strip_suffix('\n')) else {
                continue;
            };
            if let Some(version) = said.strip_prefix("answered ") {
                self.answered = version.parse().expect("a version");
            } else if let Some(id) = said.strip_prefix("trying ") {
                self.trying = Some(ChangeId(u128::from_str_radix(id, 16).expect("an id").to_be_bytes()));
            }
            return Some(said.to_owned());
        }
    }

    /// Ends it as `kill -9` does, and hears what it had said until then.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        while self.hear().is_some() {}
    }
}

impl Drop for Spender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything is whole: each spending up to the head has its row, none has one beyond, and the sum is theirs.
fn whole(store: &PostgresStore, chains: u64, since: &BTreeMap<u64, u64>) -> u64 {
    let mut total = 0;
    for chain in 0..chains {
        let last = version(store, chain);
        for number in since.get(&chain).copied().unwrap_or(0) + 1..=last {
            assert!(
                store.get(&spent(chain, number)).expect("a read").is_some(),
                "chain {chain}: {number} is half"
            );
        }
        assert_eq!(store.get(&spent(chain, last + 1)), Ok(None), "chain {chain}: half a change");
        total += last;
    }
    assert_eq!(store.counter(&spends()), Ok(total), "the sum is that of the spendings");
    total
}

/// Where the child dies: so many tenths of its question have gone out, or of the answer have come in.
const POINTS: [(&str, Way, u64); 6] = [
    ("before the question", Way::ToServer, 0),
    ("half of the question", Way::ToServer, 5),
    ("all but the last byte of the question", Way::ToServer, 10),
    ("before the answer", Way::ToClient, 0),
    ("half of the answer", Way::ToClient, 5),
    ("all but the last byte of the answer", Way::ToClient, 10),
];

#[test]
fn a_client_killed_at_a_named_point_loses_nothing_that_was_answered() {
    const NAME: &str = "a_client_killed_at_a_named_point_loses_nothing_that_was_answered";
    if let Ok(url) = std::env::var(TASK) {
        return spend_all(&url);
    }
    let wire = Wire::to(cluster());
    let direct = with(&cluster().url("postgres"), &format!("schema={}", fresh_schema()));
    let wired = direct.replace(&cluster().url("postgres"), &wire.url("postgres"));
    let store = create(&direct);
    let mut last = 3;
    for version in 0..last {
        assert_eq!(store.commit(&spend(0, version)), Ok(Outcome::Committed));
    }
    let mut random = Random::new(3);
    let mut seen = BTreeMap::from([(0, last)]);
    for (name, way, tenths) in POINTS {
        let (mut kept, mut lost, mut late) = (0_u64, 0_u64, 0_u64);
        for round in 0..Tier::pick(2, 4, 50) {
            let mut spender = Spender::start(NAME, &wired, last);
            let nth = 1 + random.below(4);
            for spent in 1..=nth {
                wire.clear();
                spender.go();
                while spender.answered < last + spent {
                    assert!(spender.hear().is_some(), "{name}: it ended by itself");
                }
            }
            // The next question is as long as this one, but for the digits of the version that it expects.
            let (question, answer) = wire.passed();
            let digits = |version: u64| u64::from(version.ilog10());
            let question = question + digits(last + nth) - digits(last + nth - 1);
            let length = if way == Way::ToServer { question } else { answer };
            wire.set(Trap { way, after: (length * tenths / 10).min(length - 1), what: What::Stall });
            spender.go();
            assert!(wire.springs_within(Duration::from_secs(20)), "{name}: commit {nth} was never reached");
            spender.kill();
            let id = spender.trying.expect("an attempt");
            let answered = spender.answered;
            assert_eq!(answered, last + nth, "{name}: killed in another commit");
            // Its question may be on its way still: now it arrives before anybody asks, now after.
            if round % 2 == 0 {
                wire.release();
                thread::sleep(Duration::from_millis(random.below(20)));
            }
            let settled = store.resolve(id).expect("a settlement");
            wire.release();
            thread::sleep(Duration::from_millis(20));
            wire.clear();
            let found = version(&store, 0);
            assert_eq!(found, answered + u64::from(settled == Resolution::Committed), "{name}");
            assert_eq!(store.resolve(id), Ok(settled), "{name}: the settlement stands");
            if way == Way::ToClient {
                assert_eq!(settled, Resolution::Committed, "{name}: the server had all of it");
            }
            whole(&store, 1, &seen);
            (kept, lost) = (kept + u64::from(found > answered), lost + u64::from(found == answered));
            late += u64::from(found > answered && way == Way::ToServer);
            last = found;
            seen.insert(0, last);
        }
        report(&format!(
            "killed at `{name}`: the unanswered change was there {kept} times ({late} came late), absent {lost} times"
        ));
    }
}

/// How the commits of a load ended.
#[derive(Default)]
struct Ends {
    answered: AtomicU64,
    had_committed: AtomicU64,
    had_not: AtomicU64,
    unavailable: AtomicU64,
}

/// Spends along one chain until it is told to stop, and settles whatever is unknown; answers with the last version.
fn spend_through_crashes(store: &PostgresStore, chain: u64, stop: &AtomicBool, ends: &Ends) -> u64 {
    let mut version = version(store, chain);
    while !stop.load(Ordering::SeqCst) {
        let next = spend(chain, version);
        let outcome = store.commit(&next);
        let end = match outcome {
            Ok(Outcome::Committed) => &ends.answered,
            Ok(other) => panic!("chain {chain}: {other:?}"),
            Err(StoreFault::OutcomeUnknown) => {
                let until = Instant::now() + Duration::from_secs(60);
                let settled = loop {
                    match store.resolve(next.id()) {
                        Ok(settled) => break settled,
                        Err(fault) => assert!(Instant::now() < until, "chain {chain}: {fault:?}"),
                    }
                };
                if settled == Resolution::Committed { &ends.had_committed } else { &ends.had_not }
            }
            // Nothing was sent: the same spending is tried anew.
            Err(StoreFault::Unavailable) => &ends.unavailable,
            Err(other) => panic!("chain {chain}: {other:?}"),
        };
        end.fetch_add(1, Ordering::SeqCst);
        if std::ptr::eq(end, &ends.answered) || std::ptr::eq(end, &ends.had_committed) {
            version += 1;
        }
        // Reads go on meanwhile, and never show less than was answered.
        if version.is_multiple_of(7)
            && let Ok(found) = store.get(&head(chain))
        {
            assert_eq!(found.map_or(0, |row| row.version), version, "chain {chain} went back");
        }
    }
    version
}

fn killed_under_load(what: &str, server: &Cluster, url: &str, kills: u64) {
    const CHAINS: u64 = 8;
    let store = create(&with(url, &format!("schema={}", fresh_schema())));
    let (ends, stop) = (Ends::default(), AtomicBool::new(false));
    let mut random = Random::new(5);
    let last: BTreeMap<u64, u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CHAINS)
            .map(|chain| {
                let (store, ends, stop) = (&store, &ends, &stop);
                scope.spawn(move || spend_through_crashes(store, chain, stop, ends))
            })
            .collect();
        let mut before = 0;
        for kill in 0..kills {
            thread::sleep(Duration::from_millis(50 + random.below(150)));
            server.crash();
            server.run();
            // The sum never goes back, and work goes on.
            let until = Instant::now() + Duration::from_secs(60);
            loop {
                let sum = store.counter(&spends()).unwrap_or(0);
                if sum > before {
                    before = sum;
                    break;
                }
                assert!(Instant::now() < until, "kill {kill}: nothing was spent any more");
                thread::sleep(Duration::from_millis(10));
            }
        }
        stop.store(true, Ordering::SeqCst);
        threads.into_iter().zip(0..).map(|(thread, chain)| (chain, thread.join().expect("a chain"))).collect()
    });
    for (chain, version) in &last {
        assert_eq!(self::version(&store, *chain), *version, "chain {chain}: more or less than was answered");
    }
    let total = whole(&store, CHAINS, &BTreeMap::new());
    let [answered, had_committed, had_not, unavailable] =
        [&ends.answered, &ends.had_committed, &ends.had_not, &ends.unavailable]
            .map(|end| end.load(Ordering::SeqCst));
    assert_eq!(total, answered + had_committed);
    report(&format!(
        "{what}: {kills} kills of the server; {answered} commits answered, {had_committed} unknown ones had committed, \
         {had_not} had not, {unavailable} were never sent"
    ));
}

#[test]
fn a_server_killed_under_load_loses_nothing_that_was_answered() {
    let server = Cluster::start();
    killed_under_load("directly", &server, &server.url("postgres"), Tier::pick(1, 4, 40));
}

#[test]
fn a_server_killed_behind_a_pooler_loses_nothing_that_was_answered() {
    let server = Cluster::start();
    let bouncer = Bouncer::start(&server);
    killed_under_load("behind PgBouncer", &server, &bouncer.url("postgres"), Tier::pick(1, 2, 10));
}

/// The harness of the crash tests itself: without its wire a child runs on, and is heard.
#[test]
fn a_client_that_is_not_killed_answers() {
    const NAME: &str = "a_client_that_is_not_killed_answers";
    if let Ok(url) = std::env::var(TASK) {
        return spend_all(&url);
    }
    let url = with(&Route::Socket.url(), &format!("schema={}", fresh_schema()));
    let store = create(&url);
    let mut spender = Spender::start(NAME, &url, 0);
    (0..5).for_each(|_| spender.go());
    while spender.answered < 5 {
        assert!(spender.hear().is_some());
    }
    spender.kill();
    assert!(version(&store, 0) >= 5);
}
