//! `zamok journal run` as processes beside each other, and an export whose memory does not grow with the log.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)]

mod harness;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Desk, PASSPHRASE, PASSWORD};
use serde_json::Value;
use zamok::event::{Detail, EventKind};
use zamok::store::{RowKey, Table};
use zamok::{Argon2Cost, Options, Passphrase, Password, Settings, Zamok};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A keeper in a process of its own.
struct Running {
    child: Child,
    lines: Receiver<Value>,
}

impl Running {
    fn start(desk: &Desk, arguments: &[&str]) -> Self {
        let mut command = desk.command(["journal", "run", "--json"].iter().chain(arguments));
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program runs");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines() {
                let line = line.expect("text");
                let _ = sender.send(serde_json::from_str(&line).expect("an object a line"));
            }
        });
        Self { child, lines }
    }

    /// The first line that says what is wanted.
    fn hear(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("a line that says it");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Ends it as a service manager does; its exit code and what it said last.
    fn terminate(mut self) -> (Option<i32>, Vec<Value>) {
        let kill = format!("kill -TERM {}", self.child.id());
        harness::heard(Command::new("sh").args(["-c", &kill]));
        let status = self.child.wait().expect("its end");
        (status.code(), self.lines.iter().collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const FAST: &str = "profile = \"strict\"\n[journal]\nintegrate = 1\ncheckpoint = 1\nwitness = 1\n";

fn desk() -> Desk {
    let desk = Desk::empty();
    desk.write("fast.toml", FAST);
    desk.zamok(["init", "--argon2-memory", "1", "--argon2-passes", "1", "--policy", "fast.toml"]).done();
    desk
}

#[test]
fn keepers_beside_each_other_sign_what_a_service_did_and_end_cleanly() {
    let desk = desk();
    let keepers = [Running::start(&desk, &[]), Running::start(&desk, &[])];
    // A service that never integrates.
    let url = format!("sqlite:{}", desk.path("zamok.db").display());
    let service = Zamok::open(&url, &Passphrase::from(PASSPHRASE)).expect("it opens beside them");
    service.register("ivan", &Password::new(PASSWORD)).expect("an account");
    let waiting = |service: &Zamok| service.audit().expect("an audit").waiting;
    let begun = Instant::now();
    while waiting(&service) > 0 {
        assert!(begun.elapsed() < PATIENCE, "nobody integrates");
        thread::sleep(Duration::from_millis(100));
    }
    let size = service.audit().expect("an audit").leaves;
    for keeper in &keepers {
        keeper.hear(|line| line["signed"].as_u64().is_some_and(|signed| signed >= size));
    }
    service.register("olga", &Password::new(PASSWORD)).expect("an account");
    for keeper in keepers {
        let (code, last) = keeper.terminate();
        assert_eq!(code, Some(0));
        assert_eq!(last.last().map(|line| &line["ended"]), Some(&true.into()), "{last:?}");
    }
    // The last act was to sign once more.
    let [latest, _] = service.journal(|journal| journal.checkpoints()).expect("checkpoints");
    let report = service.audit().expect("an audit");
    assert!(report.is_clean() && report.waiting == 0, "{report:?}");
    assert_eq!(latest.expect("signed").checkpoint().size, report.leaves);
}

#[test]
fn a_keeper_whose_witnesses_are_silent_says_so_and_its_end_tells_it() {
    let desk = desk();
    let key = desk.zamok(["journal", "checkpoint", "--json"]).done().json();
    let key = key["key"].as_str().expect("a key").to_owned();
    let witness = Desk::empty();
    let made = witness
        .zamok(["witness", "init", "--name", "witness.example/w", "--argon2-memory", "1", "--json"])
        .done()
        .json();
    let vkey = made["key"].as_str().expect("a key");
    // Nobody listens at port 1.
    desk.write("policy", format!("log {key}\nwitness w {vkey} http://127.0.0.1:1\nquorum w\n"));
    let keeper = Running::start(&desk, &["--policy", "policy"]);
    let line = keeper.hear(|line| !line["hindered"].is_null());
    assert_eq!((&line["hindered"]["step"], &line["hindered"]["code"]), (&"witnessing".into(), &453.into()));
    assert!(line["refusals"][0].as_str().is_some_and(|why| why.contains("cannot be reached")), "{line}");
    // What needs no witness goes on.
    assert!(line["signed"].as_u64().is_some_and(|signed| signed > 0), "{line}");
    assert_eq!(keeper.terminate().0, Some(1));
}

/// A log of so many entries, each with a detail of 3,000 bytes, in a database: the program keeps nothing of one in memory,
/// as it does of a file.
fn log_of(entries: u64, url: &str) -> Desk {
    let mut desk = Desk::empty();
    desk.store = url.into();
    let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let settings = Settings::new("Bank").with_options(Options { cost, ..Options::default() });
    let zamok = Zamok::create(url, &Passphrase::from(PASSPHRASE), settings).expect("a vault");
    for batch in 0..entries / 250 {
        let add = |tx: &mut zamok::keys::Transaction<'_>| {
            for number in 0..250 {
                let row = RowKey::new(Table(900), (batch * 250 + number).to_be_bytes());
                let detail = Detail::new().with("text", "x".repeat(3_000));
                tx.event(EventKind::CodeAccepted, None, &row, &detail)?;
            }
            Ok::<_, zamok::CoreError>(())
        };
        zamok.vault().transact(add).expect("entries");
    }
    zamok.vault().checkpoint().expect("signed");
    desk
}

/// The peak of the program's memory while it exports, in KiB, and the size of what it wrote.
fn exported(desk: &Desk, format: &str) -> (u64, u64) {
    let mut command = desk.command(["journal", "export", "out", "--format", format, "--overwrite"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        // The kernel keeps the peak itself: only what is reached after the last look is missed.
        let found = fs::read_to_string(&status).unwrap_or_default();
        let line = found.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        match child.try_wait().expect("its state") {
            Some(ended) => break ended,
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    assert!(ended.success());
    (peak, fs::metadata(desk.path("out")).expect("a file").len())
}

#[test]
fn an_export_takes_no_more_memory_for_a_long_log_than_for_a_short_one() {
    let server = zamok_servers::Cluster::start();
    let url = |name: &str| server.url("postgres") + &format!("?schema={name}");
    let (short, long) = (log_of(500, &url("short")), log_of(4_000, &url("long")));
    for format in ["json", "csv"] {
        let (small, short_file) = exported(&short, format);
        let (large, long_file) = exported(&long, format);
        println!("{format}: {small} KiB for {short_file} bytes, {large} KiB for {long_file} bytes");
        let longer = (long_file - short_file) / 1024;
        assert!(longer > 8 << 10, "{longer} KiB");
        assert!(small > 0 && large < small + longer / 3, "{large} KiB against {small} KiB");
    }
}
