//! `cargo xtask audit`: every check that the repository has, part after part, and one report of it all: what ran, what came of it,
//! what was not run and why. `--minutes N` is how long the run may take: no check begins later. Of the time that the other parts
//! leave, a third goes to the fuzzers, and the rest to the tests once more, at full counts.
//!
//! `--part NAME` runs one part, so that an audit can be broken off and go on, or its parts run side by side: the report takes in
//! what each of them found last on the same tree. `--planted [NAME]` runs the planted defects alone, without a report.

use crate::audit_page::{self, Facts, Ran};
use crate::cargo_output::Counts;
use crate::report::{Outcome, Report};
use crate::{Failure, Place, bare, coverage, ct, fuzz, licences, minimal, planted, process, sbom, tiers};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Minutes for everything, where nothing else is said: an afternoon.
const MINUTES: u64 = 300;
/// Why no audit makes mutants.
const MUTANTS: &str = "hours of their own: docs/mutants.md says how they are made, which were, and what came of each that survived";
/// The fuzzers run at least this long, however long the rest took.
const LEAST_FUZZING: Duration = Duration::from_secs(60);

/// What is run alone when its name is given, and where it leaves what it has measured.
struct Part {
    name: &'static str,
    /// The file in the build output, and its title in the report.
    figures: Option<(&'static str, &'static str)>,
    steps: fn(&mut Report, &Place, &Time) -> Result<(), Failure>,
}

/// How long a run may take, and whether one part has all of it.
struct Time {
    limit: Instant,
    alone: bool,
}

/// In the order in which a whole audit runs them: what finds most in a minute comes first.
const PARTS: &[Part] = &[
    Part { name: "tests", figures: None, steps: |report, place, _| tiers::audit_steps(report, place) },
    Part { name: "constant-time", figures: Some(("timing.md", "Time itself")), steps: constant_time },
    Part { name: "builds", figures: None, steps: builds },
    Part { name: "planted", figures: None, steps: |report, place, _| planted::steps(report, place, "") },
    Part { name: "coverage", figures: Some(("coverage.md", "Lines that tests run")), steps: covered },
    Part { name: "fuzzing", figures: Some(("fuzzing.md", "Fuzzing")), steps: fuzzing },
    Part { name: "full-counts", figures: None, steps: |report, place, _| tiers::full_steps(report, place) },
];

fn constant_time(report: &mut Report, place: &Place, _: &Time) -> Result<(), Failure> {
    ct::steps(report, place, false);
    report.step("timing", || ct::timing(place));
    Ok(())
}

fn builds(report: &mut Report, place: &Place, _: &Time) -> Result<(), Failure> {
    report.step("bill of materials", || sbom::write(place).map(|()| Outcome::Holds));
    report.step("semantic versions", || since_the_last_release(place));
    report.step("features", || features(place));
    report.step("minimal versions", || minimal::check(place));
    Ok(())
}

fn covered(report: &mut Report, place: &Place, _: &Time) -> Result<(), Failure> {
    report.step("coverage", || coverage::measure(place, &[]));
    // What coverage cannot tell: whether a test would notice.
    report.step("mutants", || Ok(Outcome::NotRun(MUTANTS.to_owned())));
    Ok(())
}

fn fuzzing(report: &mut Report, place: &Place, time: &Time) -> Result<(), Failure> {
    report.step("fuzzing", || {
        let left = time.limit.saturating_duration_since(Instant::now());
        let share = if time.alone { left } else { left / 3 };
        fuzz::for_seconds(place, share.max(LEAST_FUZZING).as_secs())
    });
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Planted { only: String },
    Parts { minutes: u64, only: Option<&'static str> },
}

fn parse(arguments: &[String]) -> Result<Asked, Failure> {
    if let [switch, only @ ..] = arguments
        && switch == "--planted"
        && only.len() < 2
    {
        return Ok(Asked::Planted { only: only.concat() });
    }
    let (mut minutes, mut part) = (MINUTES, None);
    for pair in arguments.chunks(2) {
        match pair {
            [switch, number] if switch == "--minutes" => {
                minutes = number.parse().map_err(|_| format!("`{number}` is no number of minutes"))?;
            }
            [switch, name] if switch == "--part" => {
                let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
                let unknown = || format!("`{name}` is no part of an audit: {}", known.join(", "));
                part = Some(*known.iter().find(|known| *known == name).ok_or_else(unknown)?);
            }
            other => {
                let known = "--minutes N, --part NAME, --planted [NAME]";
                return Err(format!("unknown arguments `{}`; known: {known}", other.join(" ")));
            }
        }
    }
    Ok(Asked::Parts { minutes, only: part })
}

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    match parse(arguments)? {
        Asked::Planted { only } => {
            let mut report = Report::default();
            planted::steps(&mut report, place, &only)?;
            Ok(report.finish())
        }
        Asked::Parts { minutes, only } => {
            let time =
                Time { limit: Instant::now() + Duration::from_secs(60 * minutes), alone: only.is_some() };
            run(place, &time, only)
        }
    }
}

/// The parts that are asked for; the exit code tells of them alone, and the report of all that are known.
fn run(place: &Place, time: &Time, only: Option<&str>) -> Result<ExitCode, Failure> {
    let field = Rc::new(Field::open(place)?);
    let chosen: Vec<&Part> = PARTS.iter().filter(|part| only.is_none_or(|only| only == part.name)).collect();
    for part in &chosen {
        field.forget(part);
    }
    field.write_pages()?;
    let mut reports = Vec::new();
    for part in chosen {
        println!("\n==== {}", part.name);
        let (left, begun) = (Rc::clone(&field), now());
        let keep = move |report: &Report| {
            if let Err(reason) = left.keep(part, &begun, report).and_then(|()| left.write_pages()) {
                println!("!! the report: {reason}");
            }
        };
        let mut report = Report::until(time.limit, keep);
        (part.steps)(&mut report, place, time)?;
        reports.push(report);
    }
    println!("the report: {}", field.folder.join("report.md").display());
    Ok(Report::of(reports).finish())
}

/// Where an audit keeps what its parts found, and the tree that they looked at.
struct Field {
    place: Place,
    folder: PathBuf,
    facts: Facts,
    /// Git's name of the tree with everything in it, changes that nobody has committed included.
    tree: String,
}

impl Field {
    fn open(place: &Place) -> Result<Self, Failure> {
        let folder = place.target.join("audit");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let index = folder.join(format!("index-{}", std::process::id()));
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            process::quiet(git.args(arguments).current_dir(&place.root).env("GIT_INDEX_FILE", &index))
        };
        let tree = git(&["add", "--all"]).and_then(|_| git(&["write-tree"]));
        // Nothing reads it again.
        let _ = fs::remove_file(&index);
        Ok(Self { place: place.clone(), folder, facts: facts(place), tree: tree?.trim().to_owned() })
    }

    /// What an earlier run of this part found and measured is nothing of the coming one.
    fn forget(&self, part: &Part) {
        // What is not there is what is wanted.
        let _ = fs::remove_file(self.file(part));
        if let Some((file, _)) = part.figures {
            let _ = fs::remove_file(self.place.target.join(file));
        }
    }

    fn file(&self, part: &Part) -> PathBuf {
        self.folder.join(part.name).with_extension("json")
    }

    fn keep(&self, part: &Part, begun: &str, report: &Report) -> Result<(), Failure> {
        let figures =
            part.figures.and_then(|(file, _)| fs::read_to_string(self.place.target.join(file)).ok());
        let kept =
            json!({ "tree": self.tree, "begun": begun, "steps": report.to_json(), "figures": figures });
        let file = self.file(part);
        fs::write(&file, format!("{kept}\n")).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// What this part found last, if it was on this tree.
    fn found(&self, part: &Part) -> Option<Ran> {
        let kept: Value = serde_json::from_str(&fs::read_to_string(self.file(part)).ok()?).ok()?;
        if kept["tree"].as_str()? != self.tree {
            return None;
        }
        let title = part.figures.map_or("", |(_, title)| title);
        Some(Ran {
            part: part.name,
            begun: kept["begun"].as_str()?.to_owned(),
            report: Report::from_json(&kept["steps"])?,
            figures: kept["figures"].as_str().map(|figures| (title, figures.to_owned())),
        })
    }

    /// The two forms of the report, as things are now.
    fn write_pages(&self) -> Result<(), Failure> {
        let parts: Vec<_> = PARTS.iter().map(|part| self.found(part).ok_or(part.name)).collect();
        let failed = |error: std::io::Error| format!("{}: {error}", self.folder.display());
        let page = audit_page::markdown(&self.facts, &parts);
        fs::write(self.folder.join("report.md"), page).map_err(failed)?;
        let page = audit_page::html(&self.facts, &parts, &self.place.root);
        fs::write(self.folder.join("report.html"), page).map_err(failed)
    }
}

/// Every feature of the crates alone, and all of them together: what nobody else builds. With cargo-hack, pairs as well.
fn features(place: &Place) -> Result<Outcome, Failure> {
    let mut counts = Counts::default();
    if process::program("cargo-hack").is_some() {
        let hack = ["hack", "check", "--workspace", "--feature-powerset", "--depth", "2", "--no-dev-deps"];
        let finished = process::shown(&mut process::cargo(place, &hack))?;
        if !finished.succeeded {
            return Err(finished.status);
        }
        counts.passed = combinations(&finished.output)?;
        return Ok(Outcome::Tests { counts, complaint: None });
    }
    for (package, features) in crate::manifests::features(&place.root)? {
        let single =
            features.iter().map(|feature| vec!["--no-default-features", "--features", feature.as_str()]);
        for selection in [vec!["--no-default-features"], vec!["--all-features"]].into_iter().chain(single) {
            let mut cargo = process::cargo(place, &["check", "--quiet", "--package", &package]);
            if !process::shown(cargo.args(&selection))?.succeeded {
                return Err(format!("{package} {} does not build", selection.join(" ")));
            }
            counts.passed += 1;
        }
    }
    Ok(Outcome::Tests { counts, complaint: None })
}

/// How many combinations of features cargo-hack says that it has checked.
fn combinations(output: &str) -> Result<u32, Failure> {
    match output.lines().filter(|line| line.contains("running `cargo check")).count() {
        0 => Err("cargo-hack checked nothing".to_owned()),
        count => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
    }
}

/// Whether the interfaces of the libraries keep what the last release promised, by cargo-semver-checks.
fn since_the_last_release(place: &Place) -> Result<Outcome, Failure> {
    const TOOL: &str = "cargo-semver-checks";
    let mut tags = Command::new("git");
    tags.args(["tag", "--list", "v*", "--sort=-version:refname"]).current_dir(&place.root);
    let tags = process::quiet(&mut tags)?;
    let Some(last) = tags.lines().next() else {
        return Ok(Outcome::NotRun("there is no release to compare with".to_owned()));
    };
    if process::program(TOOL).is_none() {
        return Ok(Outcome::NotRun(format!("{TOOL} is not installed (`cargo install {TOOL}`)")));
    }
    let finished = process::shown(&mut process::cargo(place, &["semver-checks", "--baseline-rev", last]))?;
    if finished.succeeded { Ok(Outcome::Holds) } else { Err(format!("since {last}: {}", finished.status)) }
}

/// What a reader of the report has to know to run it again.
fn facts(place: &Place) -> Facts {
    let ask = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        process::quiet(command.args(arguments).current_dir(&place.root)).map_or_else(
            |_| "not found".to_owned(),
            |said| said.lines().next().unwrap_or_default().to_owned(),
        )
    };
    let file = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let changed = ask("git", &["status", "--porcelain"]);
    let commit = ask("git", &["rev-parse", "HEAD"]);
    vec![
        ("commit", if changed.is_empty() { commit } else { format!("{commit}, with changes") }),
        ("date", now()),
        ("processor", file("/proc/cpuinfo", "model name")),
        ("cores", std::thread::available_parallelism().map_or(0, usize::from).to_string()),
        ("memory", file("/proc/meminfo", "MemTotal")),
        ("kernel", ask("uname", &["-sr"])),
        ("rustc", ask("rustc", &["--version"])),
        ("valgrind", ask("valgrind", &["--version"])),
        ("openssl", ask("openssl", &["version"])),
        ("PostgreSQL", ask("psql", &["--version"])),
        ("oathtool", ask("oathtool", &["--version"])),
        ("bare targets", bare::bare_targets().map_or_else(|reason| reason, |targets| format!("{targets:?}"))),
        ("cargo-deny", if licences::has_cargo_deny() { "installed" } else { "not installed" }.to_owned()),
    ]
}

fn now() -> String {
    let mut date = Command::new("date");
    process::quiet(date.args(["-u", "+%Y-%m-%d %H:%M UTC"])).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn minutes_parts_and_planted_defects_are_asked_for_and_nothing_else() {
        let parse = |asked: &[&str]| parse(&words(asked));
        assert_eq!(parse(&[]), Ok(Asked::Parts { minutes: MINUTES, only: None }));
        assert_eq!(parse(&["--minutes", "5"]), Ok(Asked::Parts { minutes: 5, only: None }));
        assert_eq!(
            parse(&["--part", "builds", "--minutes", "5"]),
            Ok(Asked::Parts { minutes: 5, only: Some("builds") })
        );
        assert_eq!(parse(&["--planted"]), Ok(Asked::Planted { only: String::new() }));
        assert_eq!(parse(&["--planted", "totp"]), Ok(Asked::Planted { only: "totp".into() }));
        for wrong in
            [&["--minutes"][..], &["--minutes", "x"], &["--all"], &["--part", "x"], &["--planted", "a", "b"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn combinations_of_features_are_counted_and_none_is_a_failure() {
        let output = "info: running `cargo check --no-default-features` on a (1/2)\n    Finished\n\
            info: running `cargo check --features b` on a (2/2)\n";
        assert_eq!(combinations(output), Ok(2));
        assert!(combinations("    Finished\n").is_err());
    }

    /// A repository with one commit, and its build output beside it.
    fn repository() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { root: folder.path().join("tree"), target: folder.path().join("target") };
        fs::create_dir_all(&place.root).unwrap();
        fs::write(place.root.join("file"), "one\n").unwrap();
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "--all"],
            &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "one"],
        ] {
            process::quiet(Command::new("git").args(arguments).current_dir(&place.root)).unwrap();
        }
        (folder, place)
    }

    #[test]
    fn a_report_takes_in_what_parts_found_on_the_same_tree_and_nothing_else() {
        let (_folder, place) = repository();
        let [first, second] = [&PARTS[1], &PARTS[4]];
        let mut report = Report::default();
        report.step("a step", || Ok(Outcome::Holds));
        let field = Field::open(&place).unwrap();
        fs::write(place.target.join("timing.md"), "t = 1\n").unwrap();
        field.keep(first, "today", &report).unwrap();
        // Another run, as another process would make it.
        let field = Field::open(&place).unwrap();
        field.keep(second, "later", &report).unwrap();
        let found = field.found(first).unwrap();
        assert_eq!((found.begun.as_str(), found.report.rows().count()), ("today", 1));
        assert_eq!(found.figures, Some(("Time itself", "t = 1\n".to_owned())));
        field.write_pages().unwrap();
        let page = fs::read_to_string(place.target.join("audit/report.md")).unwrap();
        assert!(page.contains("t = 1") && page.contains("constant-time") && !page.contains(", with changes"));
        field.forget(first);
        assert!(field.found(first).is_none() && field.found(second).is_some());
        assert!(!place.target.join("timing.md").exists());
        // A change that nobody has committed makes it another tree, until it is taken back.
        fs::write(place.root.join("new"), "two\n").unwrap();
        let changed = Field::open(&place).unwrap();
        assert!(changed.found(second).is_none());
        assert!(changed.facts[0].1.ends_with(", with changes"));
        fs::remove_file(place.root.join("new")).unwrap();
        assert!(Field::open(&place).unwrap().found(second).is_some());
    }
}
