//! `cargo xtask ct`: the subjects of `audit/constant-time` under valgrind's memcheck, in both profiles, on every kernel that
//! valgrind can execute. Leaks that were planted have to be found, each where it was planted.

use crate::disassembly;
use crate::process::{self, Finished};
use crate::report::{Outcome, Report};
use crate::{Failure, Place, only_switches};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const PACKAGE: &str = "zamok-constant-time";
/// What valgrind exits with when it reports anything.
const FOUND: &str = "99";
/// Reports that were looked at one by one, each with its reason.
const SUPPRESSIONS: &str = "audit/constant-time/looked-at.supp";
/// Kernels that valgrind 3.19 knows; it hides the SHA extensions and AVX-512 from programs.
const KERNELS: &[&str] = &["portable", "AVX2"];
/// The largest |t| that a subject may show.
const SEEN: f64 = 5.0;
/// The least that a planted leak has to show.
const LEAK: f64 = 50.0;
/// Subjects in code of dependencies, which a debug build fills with checks for overflow: each is a branch on what is computed
/// with. What runs in production has none of them.
const RELEASE_ONLY: &[&str] = &["p256-sign", "ed25519-sign"];
const PROFILES: &[(&str, &[&str])] = &[("debug", &[]), ("release", &["--release"])];

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &["--quick", "--timing"])?;
    let asked = |switch: &str| arguments.iter().any(|argument| argument == switch);
    let mut report = Report::default();
    if asked("--timing") {
        report.step("timing", || timing(place));
    } else {
        steps(&mut report, place, asked("--quick"));
    }
    Ok(report.finish())
}

/// dudect over the subjects of `audit/timing`: a statistical look at what the machine really runs.
pub(crate) fn timing(place: &Place) -> Result<Outcome, Failure> {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let has = |flag: &str| flag.is_empty() || processor.split_whitespace().any(|word| word == flag);
    let forced = VARIANTS.iter().filter(|(_, flag)| has(flag)).map(|(variant, _)| Some(*variant));
    let (mut counts, mut complaint) = (crate::cargo_output::Counts::default(), None);
    let mut page = "| subject | kernels | largest t |\n|---|---|---|\n".to_owned();
    for variant in std::iter::once(None).chain(forced) {
        for (subject, t) in measured(place, variant)? {
            let _ = writeln!(page, "| `{subject}` | {} | {t:.1} |", variant.unwrap_or("as chosen"));
            // Above 5 is taken for a leak (the paper's own threshold is 4.5 to 10, after so many samples); a leak on
            // purpose is far above.
            let holds = if subject.starts_with("planted") { t > LEAK } else { t <= SEEN };
            if holds {
                counts.passed += 1;
            } else {
                counts.failed += 1;
                complaint.get_or_insert(format!("{subject}, {}: t = {t:.1}", variant.unwrap_or("as chosen")));
            }
        }
    }
    let file = place.target.join("timing.md");
    fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Outcome::Tests { counts, complaint })
}

/// Kernels that verification is measured on, each alone, and what the processor calls what they need.
const VARIANTS: [(&str, &str); 4] =
    [("portable", ""), ("SHA extensions", "sha_ni"), ("AVX2", "avx2"), ("AVX-512", "avx512f")];

/// The program that dudect measures: optimised as what is shipped.
fn as_shipped(place: &Place) -> Result<PathBuf, Failure> {
    let (manifest, target) = (place.root.join("audit/timing/Cargo.toml"), place.target.join("timing"));
    let mut cargo = process::cargo(place, &["build", "--release", "--quiet", "--locked", "--manifest-path"]);
    let built = process::shown(cargo.arg(&manifest).env("CARGO_TARGET_DIR", &target))?;
    let program = target.join("release/zamok-audit-timing");
    if built.succeeded { Ok(program) } else { Err(format!("{}: {}", manifest.display(), built.status)) }
}

/// Every subject, on the kernels that the machine chooses; or verification alone, on these.
fn measured(place: &Place, variant: Option<&str>) -> Result<Vec<(String, f64)>, Failure> {
    let mut program = Command::new(as_shipped(place)?);
    program.env_remove("ZAMOK_VARIANT");
    if let Some(variant) = variant {
        println!("== on {variant} alone");
        program.env("ZAMOK_VARIANT", variant).args(["--filter", "totp"]);
    }
    let finished = process::shown(&mut program)?;
    if !finished.succeeded {
        return Err(format!("dudect: {}", finished.status));
    }
    let found = highest_t(&finished.output);
    whole(&found, variant.is_none())?;
    Ok(found)
}

/// What was measured says something: there are subjects, and with all of them the leak on purpose.
fn whole(found: &[(String, f64)], all: bool) -> Result<(), Failure> {
    let planted = found.iter().filter(|(subject, _)| subject.starts_with("planted")).count();
    if found.len() == planted {
        return Err("dudect measured nothing".to_owned());
    }
    if all && planted == 0 {
        return Err(
            "dudect did not measure the planted leak: what it would have seen is not known".to_owned()
        );
    }
    Ok(())
}

/// The largest |t| of each subject, as dudect-bencher prints it.
fn highest_t(output: &str) -> Vec<(String, f64)> {
    let line = |line: &str| {
        let rest = line.strip_prefix("bench ")?;
        let (name, figures) = rest.split_once(" ... :").or_else(|| rest.split_once("seeded with"))?;
        let t = figures.split("max t = ").nth(1)?.split(',').next()?.trim().parse::<f64>().ok()?;
        Some((name.split_whitespace().next()?.to_owned(), t.abs()))
    };
    output.lines().filter_map(line).collect()
}

/// The steps of the check; quick is the release profile alone.
pub(crate) fn steps(report: &mut Report, place: &Place, quick: bool) {
    if cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
        let reason = "the markers are valgrind's client requests for x86-64";
        report.step("constant time", || Ok(Outcome::NotRun(reason.to_owned())));
        return;
    }
    for (profile, flags) in PROFILES.iter().filter(|(name, _)| !quick || *name == "release") {
        report.step(&format!("constant time, {profile}"), || one_profile(place, profile, flags));
    }
    report.step("constant time, SHA extensions", || disassembly::check(&as_shipped(place)?));
}

fn one_profile(place: &Place, profile: &str, flags: &[&str]) -> Result<Outcome, Failure> {
    let program = build(place, profile, flags)?;
    let names = subjects(&program)?;
    let runs_here = |name: &String| profile == "release" || !RELEASE_ONLY.contains(&name.as_str());
    let (planted, clean): (Vec<_>, Vec<_>) =
        names.into_iter().filter(runs_here).partition(|name| name.starts_with("planted"));
    if planted.is_empty() || clean.is_empty() {
        return Err("the program names no subjects".to_owned());
    }
    let mut counts = crate::cargo_output::Counts::default();
    let mut complaint = None;
    let mut tally = |held: Result<(), Failure>| match held {
        Ok(()) => counts.passed += 1,
        Err(reason) => {
            println!("!! {reason}");
            counts.failed += 1;
            complaint.get_or_insert(reason);
        }
    };
    for kernel in KERNELS {
        for subject in &clean {
            let finished = run(place, &program, kernel, subject)?;
            tally(is_clean(subject, kernel, &finished));
        }
        for subject in &planted {
            let finished = run(place, &program, kernel, subject)?;
            tally(is_found(subject, kernel, &finished));
        }
    }
    Ok(Outcome::Tests { counts, complaint })
}

fn build(place: &Place, profile: &str, flags: &[&str]) -> Result<PathBuf, Failure> {
    // A folder of its own: the feature must not find its way into what is tested, measured or shipped.
    let target = place.target.join("constant-time");
    // What dependencies assert of their own secrets in debug builds is no branch of the program that anybody runs.
    let asserted = "profile.dev.package.\"*\".debug-assertions=false";
    let mut cargo = process::cargo(place, &["--config", asserted, "build", "--quiet"]);
    cargo.args(["--package", PACKAGE, "--features", "check"]);
    cargo.args(flags).env("CARGO_TARGET_DIR", &target);
    // Link-time optimisation inlines everything into one function, and a report would name no place.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "4");
    let finished = process::shown(&mut cargo)?;
    if !finished.succeeded {
        return Err(format!("the subjects do not build: {}", finished.status));
    }
    Ok(target.join(profile).join("constant-time"))
}

fn subjects(program: &Path) -> Result<Vec<String>, Failure> {
    let listed = process::quiet(Command::new(program).arg("--list"))?;
    Ok(listed.lines().map(str::to_owned).collect())
}

fn run(place: &Place, program: &Path, kernel: &str, subject: &str) -> Result<Finished, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--quiet",
        "--tool=memcheck",
        "--undef-value-errors=yes",
        "--track-origins=no",
        "--num-callers=16",
    ]);
    valgrind.arg(format!("--error-exitcode={FOUND}"));
    valgrind.arg(format!("--suppressions={}", place.root.join(SUPPRESSIONS).display()));
    valgrind.arg(program).args(["--kernel", kernel, subject]);
    valgrind.current_dir(&place.root);
    process::captured(&mut valgrind)
}

/// A clean subject ran to its end and nothing was reported.
fn is_clean(subject: &str, kernel: &str, finished: &Finished) -> Result<(), Failure> {
    if !finished.output.contains(&format!("ran {subject}\n")) {
        return Err(format!("{subject} did not run on {kernel} ({}):\n{}", finished.status, finished.output));
    }
    if finished.succeeded {
        println!("clean: {subject} on {kernel}");
        return Ok(());
    }
    Err(format!("{subject} on {kernel} depends on a secret:\n{}", finished.output))
}

/// A planted leak is reported, as what it is, in the function that leaks.
fn is_found(subject: &str, kernel: &str, finished: &Finished) -> Result<(), Failure> {
    let what = if subject.ends_with("address") {
        "Use of uninitialised value"
    } else {
        "depends on uninitialised value"
    };
    let place = subject.replace('-', "_");
    if finished.status.ends_with(FOUND) && finished.output.contains(what) && finished.output.contains(&place)
    {
        println!("found: {subject} on {kernel}");
        return Ok(());
    }
    Err(format!(
        "{subject} on {kernel} was planted and not found ({}):\n{}",
        finished.status, finished.output
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(succeeded: bool, status: &str, output: &str) -> Finished {
        Finished { succeeded, status: status.into(), output: output.into() }
    }

    #[test]
    fn the_figures_of_dudect_are_read() {
        let output = "\nrunning 2 benches\nbench totp_sha1 ... : n == +0.999M, max t = -2.51, max tau = -0.002, (5/tau)^2 = 9\n\
            bench planted_compare ... : n == +0.046M, max t = +61.61472, max tau = +0.28863, (5/tau)^2 = 300\n";
        let read = highest_t(output);
        assert_eq!(read, [("totp_sha1".to_owned(), 2.51), ("planted_compare".to_owned(), 61.61472)]);
    }

    #[test]
    fn a_run_without_subjects_or_without_the_planted_leak_says_nothing() {
        let [subject, leak] = ["totp_sha1", "planted_compare"].map(|name| (name.to_owned(), 1.0));
        assert_eq!(whole(&[subject.clone(), leak.clone()], true), Ok(()));
        assert_eq!(whole(std::slice::from_ref(&subject), false), Ok(()), "verification alone, on one kernel");
        assert!(whole(&[subject], true).unwrap_err().contains("planted"));
        assert!(whole(&[leak], true).is_err() && whole(&[], false).is_err());
    }

    #[test]
    fn a_subject_that_did_not_run_is_not_clean() {
        assert!(
            is_clean("totp-check", "AVX2", &finished(true, "exit status: 0", "ran totp-check\n")).is_ok()
        );
        assert!(is_clean("totp-check", "AVX2", &finished(true, "exit status: 0", "0 subjects\n")).is_err());
        assert!(
            is_clean("totp-check", "AVX2", &finished(false, "exit status: 99", "ran totp-check\n")).is_err()
        );
    }

    #[test]
    fn a_leak_is_found_only_where_it_was_planted_and_as_what_it_is() {
        let report =
            "Conditional jump or move depends on uninitialised value(s)\n at planted_branch (planted.rs)";
        let exit = "exit status: 99";
        assert!(is_found("planted-branch", "AVX2", &finished(false, exit, report)).is_ok());
        assert!(is_found("planted-branch", "AVX2", &finished(true, "exit status: 0", report)).is_err());
        assert!(is_found("planted-address", "AVX2", &finished(false, exit, report)).is_err());
        assert!(is_found("planted-early-exit", "AVX2", &finished(false, exit, report)).is_err());
    }
}
