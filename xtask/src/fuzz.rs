//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage instrumentation and runs each for its share of time.
//!
//! The flags are those of cargo-fuzz without a sanitizer, which safe code does not need and a stable compiler does not
//! have. What crashed lies in `fuzz/artifacts/`; what was learned stays in `fuzz/corpus/`.

use crate::process;
use crate::{Failure, Place};
use std::fs;
use std::process::{Command, ExitCode};

const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";
/// The triple is named so that build scripts and macros are built without instrumentation.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Seconds for all targets together, where nothing else is said.
const SECONDS: u64 = 300;
/// Largest input, in bytes.
const LONGEST: &str = "-max_len=4096";

struct Arguments {
    seconds: u64,
    only: Option<String>,
}

fn parse(arguments: &[String]) -> Result<Arguments, Failure> {
    let mut parsed = Arguments { seconds: SECONDS, only: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match (argument.as_str(), &parsed.only) {
            ("--seconds", _) => {
                let value = rest.next().ok_or("--seconds needs a number")?;
                parsed.seconds = value.parse().map_err(|_| format!("`{value}` is no number of seconds"))?;
            }
            (name, None) if !name.starts_with('-') => parsed.only = Some(name.to_owned()),
            (other, _) => return Err(format!("unknown argument `{other}`; known: --seconds N, one TARGET")),
        }
    }
    Ok(parsed)
}

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    let crashed = run(place, &parse(arguments)?)?;
    Ok(if crashed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All targets, so many seconds together.
pub(crate) fn for_seconds(place: &Place, seconds: u64) -> Result<(), Failure> {
    let crashed = run(place, &Arguments { seconds, only: None })?;
    if crashed.is_empty() { Ok(()) } else { Err(format!("crashed: {}", crashed.join(" "))) }
}

/// The names of the targets that crashed.
fn run(place: &Place, arguments: &Arguments) -> Result<Vec<String>, Failure> {
    let targets = targets(place)?;
    let chosen: Vec<&String> =
        targets.iter().filter(|name| arguments.only.as_ref().is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        return Err(format!("there is no such target; there are: {}", targets.join(" ")));
    }
    let folder = place.root.join("fuzz");
    let output = place.target.join("fuzz");
    let mut build = process::cargo(place, &["build", "--release", "--bins", "--target", TRIPLE, "--locked"]);
    build.current_dir(&folder).env("RUSTFLAGS", INSTRUMENTATION).env("CARGO_TARGET_DIR", &output);
    if !process::shown(&mut build)?.succeeded {
        return Err("the targets do not build".into());
    }
    let share = (arguments.seconds / chosen.len() as u64).max(1);
    let mut crashed = Vec::new();
    for name in &chosen {
        let corpus = folder.join("corpus").join(name);
        let artifacts = folder.join("artifacts").join(name);
        for needed in [&corpus, &artifacts] {
            fs::create_dir_all(needed).map_err(|error| format!("{}: {error}", needed.display()))?;
        }
        println!("== {name}: {share} s");
        let mut run = Command::new(output.join(TRIPLE).join("release").join(name));
        run.current_dir(&folder).arg(&corpus).args([
            LONGEST,
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]);
        run.arg(format!("-max_total_time={share}")).arg(format!("-artifact_prefix={}/", artifacts.display()));
        if !process::shown(&mut run)?.succeeded {
            crashed.push((*name).clone());
        }
    }
    println!("{} passed, {} failed", chosen.len() - crashed.len(), crashed.len());
    if !crashed.is_empty() {
        println!("crashed: {}; the inputs lie in fuzz/artifacts", crashed.join(" "));
    }
    Ok(crashed)
}

fn targets(place: &Place) -> Result<Vec<String>, Failure> {
    let folder = place.root.join("fuzz/targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_and_one_target_are_taken_and_nothing_else() {
        let parse = |words: &[&str]| parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let all = parse(&[]).unwrap();
        assert_eq!((all.seconds, all.only), (SECONDS, None));
        let one = parse(&["--seconds", "9", "rows"]).unwrap();
        assert_eq!((one.seconds, one.only.as_deref()), (9, Some("rows")));
        for wrong in [&["--seconds"][..], &["--seconds", "x"], &["--fast"], &["a", "b"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_target_stands_in_the_manifest() {
        let place = Place::find();
        let manifest = fs::read_to_string(place.root.join("fuzz/Cargo.toml")).unwrap();
        let targets = targets(&place).unwrap();
        assert!(!targets.is_empty());
        for name in targets {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
        }
    }
}
