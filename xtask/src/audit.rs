//! `cargo xtask audit`: every check that the repository has, one after the other, and one report of it all: what ran, what came
//! of it, what was not run and why. `--minutes N` is how long the whole may take: no check begins later. A third of what the fixed
//! ones leave goes to the fuzzers, and the rest to the tests once more, at full counts. `--planted [NAME]` runs the planted defects
//! alone.

use crate::report::{Outcome, Report};
use crate::{
    Failure, Place, audit_page, bare, coverage, ct, fuzz, licences, minimal, planted, process, sbom, tiers,
};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Minutes for everything, where nothing else is said: an afternoon.
const MINUTES: u64 = 300;
/// The fuzzers run at least this long, however long the rest took.
const LEAST_FUZZING: Duration = Duration::from_secs(60);

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Planted { only: String },
    All { minutes: u64 },
}

fn parse(arguments: &[String]) -> Result<Asked, Failure> {
    match arguments {
        [] => Ok(Asked::All { minutes: MINUTES }),
        [switch] if switch == "--planted" => Ok(Asked::Planted { only: String::new() }),
        [switch, only] if switch == "--planted" => Ok(Asked::Planted { only: only.clone() }),
        [switch, minutes] if switch == "--minutes" => {
            let minutes = minutes.parse().map_err(|_| format!("`{minutes}` is no number of minutes"))?;
            Ok(Asked::All { minutes })
        }
        other => {
            Err(format!("unknown arguments `{}`; known: --minutes N, --planted [NAME]", other.join(" ")))
        }
    }
}

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    match parse(arguments)? {
        Asked::Planted { only } => {
            let mut report = Report::default();
            planted::steps(&mut report, place, &only)?;
            Ok(report.finish())
        }
        Asked::All { minutes } => all(place, Duration::from_secs(60 * minutes)),
    }
}

fn all(place: &Place, limit: Duration) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let folder = place.target.join("audit");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    audit_page::forget_figures(place);
    let pages = Pages { facts: facts(place), place: place.clone(), folder };
    pages.write(&Report::default())?;
    let mut report = Report::until(start + limit, move |report| {
        if let Err(reason) = pages.write(report) {
            println!("!! the report: {reason}");
        }
    });
    tiers::audit_steps(&mut report, place)?;
    ct::steps(&mut report, place, false);
    report.step("timing", || ct::timing(place));
    report.step("bill of materials", || sbom::write(place).map(|()| Outcome::Holds));
    report.step("semantic versions", || since_the_last_release(place));
    report.step("features", || features(place));
    report.step("minimal versions", || minimal::check(place));
    planted::steps(&mut report, place, "")?;
    report.step("coverage", || coverage::measure(place, &[]));
    report.step("fuzzing", || {
        let share = (limit.saturating_sub(start.elapsed()) / 3).max(LEAST_FUZZING);
        fuzz::for_seconds(place, share.as_secs()).map(|()| Outcome::Holds)
    });
    tiers::full_steps(&mut report, place)?;
    println!("the report: {}", place.target.join("audit/report.md").display());
    Ok(report.finish())
}

/// The two forms of the report, written anew after each step.
struct Pages {
    facts: Vec<(&'static str, String)>,
    place: Place,
    folder: PathBuf,
}

impl Pages {
    fn write(&self, report: &Report) -> Result<(), Failure> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.folder.display());
        let page = audit_page::markdown(&self.facts, report, &self.place);
        fs::write(self.folder.join("report.md"), page).map_err(failed)?;
        let page = audit_page::html(&self.facts, report, &self.place);
        fs::write(self.folder.join("report.html"), page).map_err(failed)
    }
}

/// Every feature of the crates alone, and all of them together: what nobody else builds.
fn features(place: &Place) -> Result<Outcome, Failure> {
    if process::program("cargo-hack").is_some() {
        let hack = ["hack", "check", "--workspace", "--feature-powerset", "--depth", "2", "--no-dev-deps"];
        let finished = process::shown(&mut process::cargo(place, &hack))?;
        return if finished.succeeded { Ok(Outcome::Holds) } else { Err(finished.status) };
    }
    let mut checked = 0;
    for (package, features) in crate::manifests::features(&place.root)? {
        let single =
            features.iter().map(|feature| vec!["--no-default-features", "--features", feature.as_str()]);
        for selection in [vec!["--no-default-features"], vec!["--all-features"]].into_iter().chain(single) {
            let mut cargo = process::cargo(place, &["check", "--quiet", "--package", &package]);
            if !process::shown(cargo.args(&selection))?.succeeded {
                return Err(format!("{package} {} does not build", selection.join(" ")));
            }
            checked += 1;
        }
    }
    println!(
        "{checked} selections of features build (cargo-hack, where it is installed, tries pairs as well)"
    );
    Ok(Outcome::Holds)
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
fn facts(place: &Place) -> Vec<(&'static str, String)> {
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
        ("date", ask("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_planted_defects_are_asked_for_and_nothing_else() {
        let parse = |words: &[&str]| parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&[]), Ok(Asked::All { minutes: MINUTES }));
        assert_eq!(parse(&["--minutes", "5"]), Ok(Asked::All { minutes: 5 }));
        assert_eq!(parse(&["--planted"]), Ok(Asked::Planted { only: String::new() }));
        assert_eq!(parse(&["--planted", "totp"]), Ok(Asked::Planted { only: "totp".into() }));
        for wrong in [&["--minutes"][..], &["--minutes", "x"], &["--all"], &["--planted", "a", "b"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
