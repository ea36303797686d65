//! `zamok doctor`: is this vault, on this machine, as it should be?

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use zamok::postgres::{PostgresStore, PostgresUrl};
use zamok::sqlite::SqliteStore;
use zamok::store::{Store, StoreFault};
use zamok::{Clock, Freshness, LockedMemory, StoreUrl, SystemClock, UnixTime, Zamok, kernels};

use crate::arguments::Shared;
use crate::credentials::Held;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// Check the store, the journal, the clock and the memory; exits with 1 when something is wrong.
#[derive(Args, Debug)]
pub(crate) struct Doctor {}

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Fine,
    /// Weaker than it could be on this machine.
    Weak,
    Wrong,
}

/// What was looked at, and what was found.
struct Finding {
    name: &'static str,
    grade: Grade,
    text: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn note(&mut self, name: &'static str, grade: Grade, text: impl Into<String>) {
        self.0.push(Finding { name, grade, text: text.into() });
    }

    /// Notes something that is either as it should be, or of this grade.
    fn check(&mut self, name: &'static str, holds: bool, otherwise: Grade, text: impl Into<String>) {
        self.note(name, if holds { Grade::Fine } else { otherwise }, text);
    }
}

impl Doctor {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let mut findings = Findings::default();
        let place = opening::place(shared)?;
        let store: Arc<dyn Store> = match &place {
            StoreUrl::Sqlite(path) => {
                // Before the store is opened: closing one of its files would drop the locks of this process, and
                // opening it tightens the modes of its files.
                look_at_files(path, &mut findings);
                let store = SqliteStore::open(path).map_err(|fault| opening::at(&place, fault))?;
                look_at_store(&store, &mut findings)?;
                Arc::new(store)
            }
            StoreUrl::Postgres(url) => {
                // Opening refuses a server that is careless or a standby, and a schema in which anything was altered.
                let store = PostgresStore::open(PostgresUrl::clone(url))
                    .map_err(|fault| opening::at(&place, fault))?;
                findings.note("durability", Grade::Fine, "the server flushes every commit");
                findings.note("store structure", Grade::Fine, "the schema is as it was made");
                let text = if url.is_private() {
                    "a local socket, or TLS with a verified server"
                } else {
                    "in the clear: whoever stands in between reads and alters what is sent"
                };
                findings.check("connection", url.is_private(), Grade::Weak, text);
                Arc::new(store)
            }
            _ => return Err(StoreFault::Url.into()),
        };
        let memory = Arc::new(LockedMemory::new());
        let options = opening::observed(&memory, shared)?;
        let held = Held::read(shared, output)?;
        let freshness = options.freshness.clone();
        let zamok = opening::open(store, &held, options)?;
        look_at_memory(&memory, &mut findings);
        for choice in kernels::describe() {
            findings.note("codes", Grade::Fine, choice.to_string());
        }
        look_at_anchor(&zamok, &freshness, &mut findings)?;
        let looked = look_at_journal(&zamok, &mut findings);
        let settled = opening::integrate(&zamok, output);
        looked?;
        settled?;
        tell(&findings, output)
    }
}

fn look_at_files(path: &Path, findings: &mut Findings) {
    if let Ok(metadata) = fs::metadata(path) {
        let mode = metadata.permissions().mode() & 0o777;
        let text = format!("mode {mode:04o}, {} KiB", metadata.len() / 1024);
        findings.check("store file", mode & 0o077 == 0, Grade::Wrong, text);
    }
    // SQLite file format §1.3: bytes 18 and 19 are 2 for a write-ahead log.
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    if read.is_ok() {
        let has_log = header[18..20] == [2, 2];
        let text = if has_log { "write-ahead" } else { "not write-ahead" };
        findings.check("store log", has_log, Grade::Wrong, text);
    }
}

fn look_at_store(store: &SqliteStore, findings: &mut Findings) -> Result<(), Failure> {
    let capabilities = store.capabilities();
    let text = if capabilities.durable { "every commit is flushed" } else { "commits may be lost" };
    findings.check("durability", capabilities.durable, Grade::Wrong, text);
    let damage = store.check()?;
    let text = if damage.is_empty() { "sound".into() } else { damage.join("; ") };
    findings.check("store structure", damage.is_empty(), Grade::Wrong, text);
    Ok(())
}

fn look_at_memory(memory: &LockedMemory, findings: &mut Findings) {
    let status = memory.status();
    let text = if status.locked() {
        "keys lie in pages that are never swapped".to_owned()
    } else {
        format!("{} bytes of keys could be swapped: raise RLIMIT_MEMLOCK (ulimit -l)", status.unlocked_bytes)
    };
    findings.check("memory", status.locked(), Grade::Weak, text);
    let text = if status.wiped_on_fork {
        "keys are wiped in forked children"
    } else {
        "keys are not wiped in forked children"
    };
    findings.check("forks", status.wiped_on_fork, Grade::Weak, text);
    let closed = no_core_dumps();
    let text = if closed && status.undumpable { "off" } else { "could be written" };
    findings.check("core dumps", closed && status.undumpable, Grade::Weak, text);
}

fn no_core_dumps() -> bool {
    use rustix::process::{Resource, getrlimit};
    let limited = getrlimit(Resource::Core).current == Some(0);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let limited = limited
        && rustix::process::dumpable_behavior()
            .is_ok_and(|behavior| behavior == rustix::process::DumpableBehavior::NotDumpable);
    limited
}

/// Profile `strict` asks for an anchor (`docs/decisions/0061-anchors.md`).
fn look_at_anchor(zamok: &Zamok, freshness: &Freshness, findings: &mut Findings) -> Result<(), Failure> {
    let (_, required) = zamok.vault().anchoring()?;
    let (remembers, text) = match freshness {
        Freshness::Anchored(anchor) | Freshness::Beginning(anchor) => {
            match (anchor.last(zamok.vault().origin())?, required) {
                (Some(_), true) => (true, "asked, as always: the store is not behind what it remembers"),
                (Some(_), false) => (true, "asked this time; `zamok journal anchor` has it asked always"),
                (None, _) => {
                    (false, "asked, but it remembered nothing: a store that was put back was not noticed")
                }
            }
        }
        Freshness::Trusting | Freshness::Fenced => {
            (false, "none: a store that was put back as a whole is not noticed (--anchor FILE)")
        }
    };
    let wanted = zamok.policy().profile == zamok::policy::Profile::Strict;
    findings.check("anchor", remembers || !wanted, Grade::Weak, text);
    Ok(())
}

fn look_at_journal(zamok: &Zamok, findings: &mut Findings) -> Result<(), Failure> {
    let report = zamok.audit()?;
    for finding in report.findings.iter().take(20) {
        findings.note("journal", Grade::Wrong, finding.to_string());
    }
    let more = u64::try_from(report.findings.len().saturating_sub(20))
        .unwrap_or(u64::MAX)
        .saturating_add(report.further);
    if more > 0 {
        findings.note("journal", Grade::Wrong, format!("{more} findings more"));
    }
    let size = report.head.as_ref().map_or(0, |head| head.size);
    let text = format!("{} of {size} leaves recomputed, {} erased", report.leaves, report.erased);
    findings.check("journal", report.is_clean(), Grade::Wrong, text);
    let indexes = zamok.audit_indexes(20)?;
    for finding in &indexes {
        findings.note("indexes", Grade::Wrong, finding.to_string());
    }
    if indexes.is_empty() {
        findings.note("indexes", Grade::Fine, "every record is found, and nothing else is");
    }
    let head = report.head.as_ref().map_or(UnixTime(0), |head| head.time);
    let waiting = match report.head {
        Some(_) => {
            format!(
                "entries that wait: {}; the last batch was taken at {}",
                report.waiting,
                moment::text(head)
            )
        }
        None => format!("entries that wait: {}; none was ever taken", report.waiting),
    };
    findings.note("integration", Grade::Fine, waiting);
    let now = SystemClock.now();
    // A second apart is what two processors may well be.
    let keeps_up = now.plus(1) >= head;
    let text = if keeps_up {
        moment::text(now)
    } else {
        format!("{}, which is {} s behind the journal: set the clock", moment::text(now), head.since(now))
    };
    findings.check("clock", keeps_up, Grade::Wrong, text);
    Ok(())
}

fn tell(findings: &Findings, output: &Output) -> Result<Exit, Failure> {
    for Finding { name, grade, text } in &findings.0 {
        let mark = match grade {
            Grade::Fine => "ok",
            Grade::Weak => "weak",
            Grade::Wrong => "WRONG",
        };
        output.line(format!("{mark:<6} {name:<16} {text}"))?;
    }
    let is_sound = findings.0.iter().all(|finding| finding.grade != Grade::Wrong);
    let checks: Vec<_> = findings
        .0
        .iter()
        .map(|Finding { name, grade, text }| {
            let grade = match grade {
                Grade::Fine => "ok",
                Grade::Weak => "weak",
                Grade::Wrong => "wrong",
            };
            json!({"name": name, "grade": grade, "text": text})
        })
        .collect();
    output.object(&json!({"sound": is_sound, "checks": checks}))?;
    if is_sound {
        return Ok(Exit::Done);
    }
    output.remark("something is wrong: keep a copy of the store before you do anything else");
    Ok(Exit::Rejected)
}
