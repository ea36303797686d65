//! `cargo xtask replay`: runs every input that is kept in `fuzz/`, seeds and corpora, once through its target.
//!
//! Plain builds, without instrumentation and without a sanitizer: that takes minutes less than what the fuzzer itself needs. A target
//! says which of its doors an input has opened, `accepted("…")` in its source; all of them must be opened by its seeds. Seeds that a
//! parser refuses at the first byte would test nothing, and nobody would see it.

use crate::cargo_output::Counts;
use crate::report::Outcome;
use crate::{Failure, Place, fuzz, process};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Before the name of a door, in the source of a target and in what it prints.
const CALLED: &str = "accepted(\"";
const TOLD: &str = "accepted ";
/// Inputs of one run: an argument each, and the system takes two mebibytes of those.
const MOST: usize = 2000;

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    let outcome = run(place, arguments.first().map(String::as_str))?;
    let failed = matches!(outcome, Outcome::Tests { complaint: Some(_), .. });
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Each target counts as a test.
pub(crate) fn run(place: &Place, only: Option<&str>) -> Result<Outcome, Failure> {
    let output = place.target.join("fuzz");
    let mut build = process::cargo(place, &["build", "--quiet", "--bins", "--locked"]);
    // The doors that the targets go through are in no other build; a folder apart, where nothing else has these flags.
    build.current_dir(place.root.join("fuzz"));
    build.env("RUSTFLAGS", "--cfg fuzzing").env("CARGO_TARGET_DIR", &output);
    if !process::shown(&mut build)?.succeeded {
        return Err("the targets do not build".into());
    }
    let (mut counts, mut complaints) = (Counts::default(), Vec::new());
    for name in fuzz::targets(place)?.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        match replay(&place.root.join("fuzz"), &output.join("debug").join(name), name)? {
            Ok(inputs) => {
                println!("{name}: {inputs} inputs");
                counts.passed += 1;
            }
            Err(complaint) => {
                counts.failed += 1;
                complaints.push(format!("{name}: {complaint}"));
            }
        }
    }
    let complaint = (counts.failed > 0).then(|| complaints.join("\n"));
    if let Some(complaint) = &complaint {
        println!("{complaint}");
    }
    Ok(Outcome::Tests { counts, complaint })
}

/// How many inputs a target has, or what is wrong with it.
fn replay(fuzz: &Path, program: &Path, name: &str) -> Result<Result<usize, String>, Failure> {
    let (seeds, corpus) = (inputs(&fuzz.join("seeds").join(name))?, inputs(&fuzz.join("corpus").join(name))?);
    let source = fuzz.join("targets").join(format!("{name}.rs"));
    let text = fs::read_to_string(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut shut = doors(&text);
    let runs =
        seeds.chunks(MOST).map(|part| (part, true)).chain(corpus.chunks(MOST).map(|part| (part, false)));
    for (part, is_seeds) in runs {
        let finished = process::captured(
            Command::new(program).args(part).arg("-timeout=60").env("ZAMOK_FUZZ_ACCEPTED", "1"),
        )?;
        if !finished.succeeded {
            return Ok(Err(format!("{}, after:\n{}", finished.status, end(&finished.output))));
        }
        if is_seeds {
            for door in finished.output.lines().filter_map(|line| line.strip_prefix(TOLD)) {
                shut.remove(door);
            }
        }
    }
    if shut.is_empty() {
        Ok(Ok(seeds.len() + corpus.len()))
    } else {
        let shut: Vec<_> = shut.into_iter().collect();
        Ok(Err(format!("no seed is accepted as: {}", shut.join(", "))))
    }
}

/// The last lines of what a target said: the input, and what became of it.
fn end(output: &str) -> String {
    let lines: Vec<_> = output.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// What a target says that it accepts.
fn doors(source: &str) -> BTreeSet<String> {
    let calls = source.split(CALLED).skip(1);
    calls.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// The files of a folder; none where there is no folder.
fn inputs(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_are_read_from_a_source() {
        let source = "if a { accepted(\"one\"); } else { accepted(\"another one\") } accepted(\"one\")";
        assert_eq!(doors(source), BTreeSet::from(["one".to_owned(), "another one".to_owned()]));
        assert!(doors("use zamok_fuzz::accepted;").is_empty());
    }

    #[test]
    fn every_target_has_doors_seeds_and_a_corpus() {
        let place = Place::find();
        let fuzz = place.root.join("fuzz");
        for name in fuzz::targets(&place).unwrap() {
            let source = fs::read_to_string(fuzz.join("targets").join(format!("{name}.rs"))).unwrap();
            assert!(!doors(&source).is_empty(), "{name} accepts nothing");
            for folder in ["seeds", "corpus"] {
                assert!(!inputs(&fuzz.join(folder).join(&name)).unwrap().is_empty(), "{name}: no {folder}");
            }
        }
    }
}
