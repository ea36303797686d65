//! `cargo xtask check` and `cargo xtask test`: which steps run, in which order, at which counts.

use crate::cargo_output::{Counts, counts};
use crate::report::{Outcome, Report};
use crate::{
    Failure, Place, bare, dependencies, freestanding, licences, manifests, named_tests, only_switches,
    planted, process, provenance, python, replay, setup,
};
use crate::{structure, test_table, unsafe_inventory};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// How much is tried. A test reads it from `ZAMOK_TIER`; a missing variable means `ci`.
#[derive(Clone, Copy)]
enum Tier {
    /// Five minutes on two cores.
    Check,
    /// Every test, at the counts that CI can wait for.
    Ci,
    /// Every test, at the counts that the issues promise.
    Full,
}

pub(crate) fn check_command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    let mut report = Report::default();
    report.step("format", || format(place));
    report.step("structure", || holds(structure::violations(&place.root)?));
    report.step("pages", || holds(pages(place)?));
    report.step("planted defects fit", || holds(planted::violations(&place.root)?));
    report.step("clippy", || clippy(place));
    report.step("unit tests", || cargo_test(place, Tier::Check, &["--workspace", "--lib"]));
    Ok(report.finish())
}

pub(crate) fn test_command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &["--full"])?;
    let tier = if arguments.is_empty() { Tier::Ci } else { Tier::Full };
    let mut report = Report::default();
    report.step("setup", || setup::complete(place).map(|()| Outcome::Holds));
    if report.holds() {
        test_steps(&mut report, place, tier)?;
    }
    // Else every test would fail for want of a program, and bury the reason.
    Ok(report.finish())
}

/// Every test, with which an audit begins.
pub(crate) fn audit_steps(report: &mut Report, place: &Place) -> Result<(), Failure> {
    report.step("setup", || setup::complete(place).map(|()| Outcome::Holds));
    if report.holds() { test_steps(report, place, Tier::Ci) } else { Ok(()) }
}

/// The tests whose full counts are others than CI's, a program after the other: what an audit ends with, since some take an hour.
pub(crate) fn full_steps(report: &mut Report, place: &Place) -> Result<(), Failure> {
    let counted = test_table::counted(&place.root)?;
    let (python, rust): (Vec<_>, Vec<_>) = counted.iter().partition(|test| test.ends_with(".py"));
    let mut programs = Vec::new();
    report.step("full counts: build", || {
        programs = built_tests(place)?;
        Ok(Outcome::Holds)
    });
    for test in rust {
        report.step(&format!("full counts: {test}"), || {
            let program = programs.iter().find(|program| program.source.starts_with(test.as_str()));
            let program = program.ok_or("no program was built of it")?;
            tested(place, Tier::Full.hand_to(place, &mut program.command()))
        });
    }
    if !python.is_empty() {
        python::steps(report, place, Tier::Full.word());
    }
    Ok(())
}

/// A program of tests as cargo has built it.
struct TestProgram {
    /// Its first file, relative to the root.
    source: String,
    executable: PathBuf,
    /// Where cargo runs it.
    folder: PathBuf,
}

impl TestProgram {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder).stdin(Stdio::null());
        command
    }
}

/// Every one of the workspace, with the features that CI tests them with.
fn built_tests(place: &Place) -> Result<Vec<TestProgram>, Failure> {
    let mut cargo = process::cargo(place, &["test", "--workspace", "--no-run", "--message-format", "json"]);
    let answer = process::quiet(&mut cargo)?;
    let program = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let path = |value: &Value| Some(PathBuf::from(value.as_str()?));
        Some(TestProgram {
            executable: path(&message["executable"])?,
            source: manifests::relative(&path(&message["target"]["src_path"])?, &place.root)?,
            folder: path(&message["manifest_path"])?.parent()?.to_owned(),
        })
    };
    Ok(answer.lines().filter_map(program).collect())
}

fn test_steps(report: &mut Report, place: &Place, tier: Tier) -> Result<(), Failure> {
    report.step("lock file", || quiet(place, &["metadata", "--locked", "--format-version", "1"]));
    report.step("format", || format(place));
    report.step("structure", || holds(structure::violations(&place.root)?));
    report.step("pages", || holds(pages(place)?));
    report.step("planted defects fit", || holds(planted::violations(&place.root)?));
    licence_steps(report, place);
    report.step("clippy", || clippy(place));
    report.step("rustdoc", || rustdoc(place));
    report.step("timing and comparison build", || apart(place));
    report.step("inputs of the fuzzers", || replay::run(place, None));
    report.step("tests", || cargo_test(place, tier, &["--workspace"]));
    for (name, program) in test_programs(place)? {
        report.step(&name, || one_test(tier.hand_to(place, &mut Command::new(program)).arg(&name)));
    }
    python::steps(report, place, tier.word());
    crate::c_binding::steps(report, place);
    report.step(crate::gates::STEP, || crate::gates::race(place));
    bare_steps(report, place)?;
    report.step("demo", || one_test(tier.hand_to(place, &mut process::cargo(place, &["demo"]))));
    Ok(())
}

pub(crate) fn pages_command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    let violations = pages(place)?;
    for violation in &violations {
        println!("{violation}");
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn bare_command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    let mut report = Report::default();
    bare_steps(&mut report, place)?;
    Ok(report.finish())
}

/// Pages that must not fall behind the tree.
fn pages(place: &Place) -> Result<Vec<String>, Failure> {
    let mut found = test_table::violations(&place.root)?;
    found.extend(dependencies::violations(&place.root)?);
    found.extend(unsafe_inventory::violations(&place.root)?);
    found.extend(provenance::violations(&place.root)?);
    found.extend(named_tests::violations(&place.root)?);
    Ok(found)
}

impl Tier {
    fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Ci => "ci",
            Self::Full => "full",
        }
    }

    /// What a test learns from its environment: the tier, and where the Python peers are.
    fn hand_to<'a>(self, place: &Place, command: &'a mut Command) -> &'a mut Command {
        command
            .env("ZAMOK_TIER", self.word())
            .env("ZAMOK_PYTHON", setup::venv_python(place))
            .env("ZAMOK_NPM", setup::npm_folder(place))
    }
}

fn format(place: &Place) -> Result<Outcome, Failure> {
    run(&mut process::cargo(place, &["fmt", "--all", "--check"]))
}

fn clippy(place: &Place) -> Result<Outcome, Failure> {
    run(&mut process::cargo(
        place,
        &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
    ))
}

/// What no other step builds as it is run: packages with a lock file of their own and the subjects of valgrind, for an audit, and the comparison
/// with peers, which has by itself other features than beside the rest of the workspace.
fn apart(place: &Place) -> Result<Outcome, Failure> {
    let manifest = place.root.join("audit/timing/Cargo.toml");
    let mut cargo = process::cargo(place, &["check", "--quiet", "--locked", "--manifest-path"]);
    // What clippy has left there serves here too.
    run(cargo.arg(manifest).env("CARGO_TARGET_DIR", &place.target))?;
    run(&mut process::cargo(
        place,
        &["check", "--quiet", "--package", "zamok-constant-time", "--features", "check"],
    ))?;
    run(&mut process::cargo(place, &["check", "--quiet", "--package", "zamok-benches"]))
}

/// Libraries only: the program `zamok` and the crate `zamok` would write the same page.
fn rustdoc(place: &Place) -> Result<Outcome, Failure> {
    let mut command = process::cargo(place, &["doc", "--quiet", "--workspace", "--no-deps", "--lib"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn licence_steps(report: &mut Report, place: &Place) {
    if licences::has_cargo_deny() {
        report.step("cargo deny", || licences::cargo_deny(place).map(|()| Outcome::Holds));
    } else {
        let reason = "cargo-deny is not installed; the next step makes the same checks from cargo metadata";
        report.step("cargo deny", || Ok(Outcome::NotRun(reason.to_owned())));
        report.step("licences", || licences::check(place).map(|()| Outcome::Holds));
    }
}

fn bare_steps(report: &mut Report, place: &Place) -> Result<(), Failure> {
    report.step("without std", || bare::check(place).map(|()| Outcome::Holds));
    report.step("freestanding program", || freestanding::run(place));
    let targets = bare::bare_targets()?;
    if targets.is_empty() {
        let reason = "no target of bare metal is installed; `without std` stands in for it";
        report.step("bare metal", || Ok(Outcome::NotRun(reason.to_owned())));
    }
    for target in targets {
        report.step(&format!("bare metal {target}"), || {
            bare::check_for(place, &target).map(|()| Outcome::Holds)
        });
    }
    Ok(())
}

/// Programs in the `tests` folder of the repository: each is one test, and succeeds by exiting with 0.
fn test_programs(place: &Place) -> Result<Vec<(String, std::ffi::OsString)>, Failure> {
    let mut found = Vec::new();
    for file in manifests::files(&place.root)?.into_iter().filter(|file| file.starts_with("tests/")) {
        if file.ends_with(".sh") {
            found.push((file, "bash".into()));
        } else if file.ends_with(".py") {
            found.push((file, setup::venv_python(place).into()));
        }
    }
    Ok(found)
}

fn cargo_test(place: &Place, tier: Tier, selection: &[&str]) -> Result<Outcome, Failure> {
    let mut command = process::cargo(place, &["test", "--no-fail-fast"]);
    tested(place, tier.hand_to(place, command.args(selection)))
}

/// What came of a command that runs tests of Rust's.
fn tested(place: &Place, command: &mut Command) -> Result<Outcome, Failure> {
    let finished = process::shown(command)?;
    let counts = counts(&finished.output);
    let complaint = match test_table::unexplained(&place.root, &counts)? {
        Some(reason) => Some(reason),
        None if !finished.succeeded => Some(format!("the tests: {}", finished.status)),
        None if counts.passed + counts.failed == 0 => Some("no test ran".to_owned()),
        None => None,
    };
    Ok(Outcome::Tests { counts, complaint })
}

/// A program that is one test by itself.
pub(crate) fn one_test(command: &mut Command) -> Result<Outcome, Failure> {
    let finished = process::shown(command.stdin(Stdio::null()))?;
    let (passed, failed) = if finished.succeeded { (1, 0) } else { (0, 1) };
    let complaint = (!finished.succeeded).then_some(finished.status);
    Ok(Outcome::Tests { counts: Counts { passed, failed, ..Counts::default() }, complaint })
}

fn run(command: &mut Command) -> Result<Outcome, Failure> {
    let finished = process::shown(command)?;
    if finished.succeeded { Ok(Outcome::Holds) } else { Err(finished.status) }
}

fn quiet(place: &Place, arguments: &[&str]) -> Result<Outcome, Failure> {
    process::quiet(&mut process::cargo(place, arguments)).map(|_| Outcome::Holds)
}

fn holds(violations: Vec<String>) -> Result<Outcome, Failure> {
    match violations.len() {
        0 => Ok(Outcome::Holds),
        1 => Err(violations[0].clone()),
        count => Err(format!("{count} violations:\n{}", violations.join("\n"))),
    }
}
