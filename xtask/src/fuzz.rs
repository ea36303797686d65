//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage instrumentation and runs each for its share of time.
//!
//! The flags are those of cargo-fuzz. The targets with unsafe code beneath them have its address sanitizer as well, where the toolchain
//! brings the runtime; safe code does not need it. Each begins with the inputs of `fuzz/seeds/`, which people wrote, those of
//! `fuzz/corpus/`, and the words of `fuzz/dictionaries/`. What crashed lies in `fuzz/artifacts/`; what was learned stays in the
//! build output, until `--keep` makes the fewest inputs that reach as much of it the new corpus. Seeds are left as they are.

use crate::cargo_output::Counts;
use crate::process::{self, Finished};
use crate::report::Outcome;
use crate::{Failure, Place};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";
/// The triple is named so that build scripts and macros are built without instrumentation.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Targets that call unsafe code, and what else they are built with; they are built apart, without what needs no sanitizer.
const UNSAFE: [&str; 2] = ["c_abi", "lanes"];
const SANITIZER: &str = "-Zsanitizer=address";
/// Seconds for all targets together, where nothing else is said.
const SECONDS: u64 = 300;
/// Largest input, in bytes.
const LONGEST: &str = "-max_len=4096";
/// Largest input that is kept.
const KEPT: &str = "-max_len=1024";

#[derive(Default)]
struct Arguments {
    seconds: u64,
    only: Option<String>,
    /// Whether what was learned is kept.
    keep: bool,
}

fn parse(arguments: &[String]) -> Result<Arguments, Failure> {
    let mut parsed = Arguments { seconds: SECONDS, ..Arguments::default() };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match (argument.as_str(), &parsed.only) {
            ("--seconds", _) => {
                let value = rest.next().ok_or("--seconds needs a number")?;
                parsed.seconds = value.parse().map_err(|_| format!("`{value}` is no number of seconds"))?;
            }
            ("--keep", _) => parsed.keep = true,
            (name, None) if !name.starts_with('-') => parsed.only = Some(name.to_owned()),
            (other, _) => {
                return Err(format!("unknown argument `{other}`; known: --seconds N, --keep, one TARGET"));
            }
        }
    }
    Ok(parsed)
}

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    let outcome = run(place, &parse(arguments)?)?;
    let crashed = matches!(outcome, Outcome::Tests { complaint: Some(_), .. });
    Ok(if crashed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// All targets, so many seconds together.
pub(crate) fn for_seconds(place: &Place, seconds: u64) -> Result<Outcome, Failure> {
    run(place, &Arguments { seconds, ..Arguments::default() })
}

/// Each target counts as a test, and those that crashed are named.
fn run(place: &Place, arguments: &Arguments) -> Result<Outcome, Failure> {
    let targets = targets(place)?;
    let chosen: Vec<&String> =
        targets.iter().filter(|name| arguments.only.as_ref().is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        return Err(format!("there is no such target; there are: {}", targets.join(" ")));
    }
    let folder = place.root.join("fuzz");
    let output = place.target.join("fuzz");
    let sanitized = place.target.join("fuzz-address");
    let has_sanitizer = has_sanitizer()?;
    let is_sanitized = |name: &str| has_sanitizer && UNSAFE.contains(&name);
    if chosen.iter().any(|name| !is_sanitized(name)) {
        build(place, &output, &[], INSTRUMENTATION)?;
    }
    if chosen.iter().any(|name| is_sanitized(name)) {
        build(place, &sanitized, &["--no-default-features"], &format!("{INSTRUMENTATION} {SANITIZER}"))?;
    }
    let share = (arguments.seconds / chosen.len() as u64).max(1);
    let mut crashed = Vec::new();
    let mut page = "| target | seconds | inputs | edges | |\n|---|---|---|---|---|\n".to_owned();
    for name in &chosen {
        let built = if is_sanitized(name) { &sanitized } else { &output };
        let target = Target {
            program: built.join(TRIPLE).join("release").join(name),
            seeds: folder.join("seeds").join(name),
            kept: folder.join("corpus").join(name),
            learned: output.join("corpus").join(name),
            artifacts: folder.join("artifacts").join(name),
            dictionary: folder.join("dictionaries").join(format!("{name}.dict")),
        };
        println!("== {name}: {share} s");
        let finished = target.run(share)?;
        // Where nothing crashed it is empty, and no folder of the tree is.
        let _ = fs::remove_dir(&target.artifacts);
        let (inputs, edges) = told(&finished.output);
        let result = if finished.succeeded { "no crash" } else { "**crashed**" };
        let _ = writeln!(page, "| `{name}` | {share} | {inputs} | {edges} | {result} |");
        if !finished.succeeded {
            crashed.push((*name).clone());
        } else if arguments.keep {
            target.keep()?;
        }
    }
    let _ = fs::remove_dir(folder.join("artifacts"));
    let file = place.target.join("fuzzing.md");
    fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))?;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let (passed, failed) = (number(chosen.len() - crashed.len()), number(crashed.len()));
    println!("{passed} passed, {failed} failed");
    let complaint = format!("crashed: {}; the inputs lie in fuzz/artifacts", crashed.join(" "));
    let complaint = (failed > 0).then_some(complaint);
    if let Some(crashed) = &complaint {
        println!("{crashed}");
    }
    Ok(Outcome::Tests { counts: Counts { passed, failed, ..Counts::default() }, complaint })
}

/// Whether the toolchain has the runtime of the address sanitizer; a compiler that is stable takes the flag only when it is told to.
fn has_sanitizer() -> Result<bool, Failure> {
    let folder =
        process::quiet(Command::new("rustc").args(["--print", "target-libdir", "--target", TRIPLE]))?;
    let files = fs::read_dir(folder.trim()).map_err(|error| format!("{}: {error}", folder.trim()))?;
    Ok(files.flatten().any(|file| file.file_name().to_string_lossy().ends_with("_rt.asan.a")))
}

/// All targets that these features have.
fn build(place: &Place, output: &Path, features: &[&str], flags: &str) -> Result<(), Failure> {
    let mut build = process::cargo(place, &["build", "--release", "--bins", "--target", TRIPLE, "--locked"]);
    build.args(features).current_dir(place.root.join("fuzz"));
    build.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", output);
    if flags.contains(SANITIZER) {
        build.env("RUSTC_BOOTSTRAP", "1");
    }
    if process::shown(&mut build)?.succeeded { Ok(()) } else { Err("the targets do not build".into()) }
}

struct Target {
    program: PathBuf,
    /// Those that people wrote.
    seeds: PathBuf,
    /// The inputs that every run begins with.
    kept: PathBuf,
    /// Those that runs on this machine have found.
    learned: PathBuf,
    artifacts: PathBuf,
    dictionary: PathBuf,
}

impl Target {
    fn run(&self, seconds: u64) -> Result<Finished, Failure> {
        for needed in [&self.learned, &self.kept, &self.seeds, &self.artifacts] {
            fs::create_dir_all(needed).map_err(|error| format!("{}: {error}", needed.display()))?;
        }
        let mut run = Command::new(&self.program);
        run.arg(&self.learned).arg(&self.kept).arg(&self.seeds);
        run.args([LONGEST, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        run.arg(format!("-max_total_time={seconds}"));
        run.arg(format!("-artifact_prefix={}/", self.artifacts.display()));
        if self.dictionary.exists() {
            run.arg(format!("-dict={}", self.dictionary.display()));
        }
        process::shown(&mut run)
    }

    /// Makes the fewest inputs that reach what all of them reach the corpus.
    fn keep(&self) -> Result<(), Failure> {
        let fewest = self.learned.with_extension("fewest");
        let failed = |error: std::io::Error| format!("{}: {error}", self.kept.display());
        fs::create_dir_all(&fewest).map_err(failed)?;
        let mut merge = Command::new(&self.program);
        // By the edges alone: with how often each was taken, most inputs that were ever learned would be kept.
        merge.args(["-merge=1", "-use_counters=0", KEPT]).args([&fewest, &self.kept, &self.learned]);
        if !process::shown(&mut merge)?.succeeded {
            return Err(format!("{}: its inputs cannot be merged", self.program.display()));
        }
        fs::remove_dir_all(&self.kept).map_err(failed)?;
        fs::rename(&fewest, &self.kept).map_err(failed)
    }
}

/// How many inputs libFuzzer says that it has run, and how many edges they reached.
fn told(output: &str) -> (u64, u64) {
    let after = |line: &str, mark: &str| {
        let word = line.split_once(mark)?.1.split_whitespace().next()?;
        word.parse::<u64>().ok()
    };
    let last = |mark: &str| output.lines().rev().find_map(|line| after(line, mark)).unwrap_or(0);
    (last("stat::number_of_executed_units:"), last(" cov: "))
}

pub(crate) fn targets(place: &Place) -> Result<Vec<String>, Failure> {
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
        assert_eq!((all.seconds, all.only, all.keep), (SECONDS, None, false));
        let one = parse(&["--seconds", "9", "rows", "--keep"]).unwrap();
        assert_eq!((one.seconds, one.only.as_deref(), one.keep), (9, Some("rows"), true));
        for wrong in [&["--seconds"][..], &["--seconds", "x"], &["--fast"], &["a", "b"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_libfuzzer_tells_is_read() {
        let output = "#2 INITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 40Mb\n\
            #900 DONE   cov: 25 ft: 30 corp: 9/9b\nstat::number_of_executed_units: 900\nstat::slowest_unit_time_sec:    0\n";
        assert_eq!(told(output), (900, 25));
        assert_eq!(told("it did not start"), (0, 0));
    }

    #[test]
    fn corpora_and_dictionaries_belong_to_a_target_and_are_small() {
        let place = Place::find();
        let targets = targets(&place).unwrap();
        let named = |folder: &str| {
            let entries = fs::read_dir(place.root.join("fuzz").join(folder)).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        for path in ["corpus", "seeds", "dictionaries"].into_iter().flat_map(named) {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(targets.contains(&stem), "{}", path.display());
        }
        let inputs = named("corpus").into_iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let bytes: u64 = inputs.map(|input| input.unwrap().metadata().unwrap().len()).sum();
        assert!((1..1 << 20).contains(&bytes), "{bytes} bytes of corpora");
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
