//! `cargo xtask coverage`: which lines of each crate its tests run, by cargo-llvm-cov, and which errors no test has seen.
//!
//! Without names every crate of `crates/` is measured, by its own tests and those of the crates above it.

use crate::cargo_output::counts;
use crate::report::{Outcome, Report};
use crate::{Failure, Place, manifests, process, setup};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

const TOOL: &str = "cargo-llvm-cov";
/// What a line has that makes or tells an error.
const ERRORS: &[&str] = &["Err(", "Error::", "Fault::", "ok_or("];

/// Lines of a file, with how often each was run.
type Lines = BTreeMap<usize, u64>;

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    if let Some(switch) = arguments.iter().find(|argument| argument.starts_with('-')) {
        return Err(format!("unknown argument `{switch}`; known: names of packages"));
    }
    let mut report = Report::default();
    report.step("coverage", || measure(place, arguments));
    Ok(report.finish())
}

/// The packages that are named, or all of `crates/`.
pub(crate) fn measure(place: &Place, named: &[String]) -> Result<Outcome, Failure> {
    if process::program(TOOL).is_none() {
        return Ok(Outcome::NotRun(format!("{TOOL} is not installed (`cargo install {TOOL}`)")));
    }
    let rooms: Vec<(String, String)> = manifests::packages(&place.root)?
        .into_iter()
        .filter(|package| package.folder.starts_with("crates/"))
        .map(|package| (package.name, package.folder))
        .filter(|(name, _)| named.is_empty() || named.contains(name))
        .collect();
    if rooms.is_empty() {
        return Err("no package of crates/ is named so".to_owned());
    }
    let (lcov, page) = (place.target.join("coverage.lcov"), place.target.join("coverage.md"));
    // A test that fails is told of at the end, beside what all the others ran.
    let mut cargo = process::cargo(place, &["llvm-cov", "--ignore-run-fail", "--lcov", "--output-path"]);
    cargo.arg(&lcov).args(rooms.iter().flat_map(|(name, _)| ["--package", name]));
    // Which lines run does not depend on how often they do.
    cargo.env("ZAMOK_TIER", "check");
    cargo.env("ZAMOK_PYTHON", setup::venv_python(place)).env("ZAMOK_NPM", setup::npm_folder(place));
    let finished = process::shown(&mut cargo)?;
    if !finished.succeeded {
        return Err("nothing was measured".to_owned());
    }
    let text = fs::read_to_string(&lcov).map_err(|error| format!("{}: {error}", lcov.display()))?;
    let written = table(&place.root, &lines(&text), &rooms);
    print!("{written}");
    fs::write(&page, written).map_err(|error| format!("{}: {error}", page.display()))?;
    println!("written to {}", page.display());
    let counts = counts(&finished.output);
    let complaint = (counts.failed > 0).then(|| "a test fails under coverage".to_owned());
    Ok(Outcome::Tests { counts, complaint })
}

/// The files of an lcov tracefile (geninfo(1)).
fn lines(lcov: &str) -> BTreeMap<String, Lines> {
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    let mut file = String::new();
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            path.clone_into(&mut file);
        } else if let Some((number, count)) = line.strip_prefix("DA:").and_then(|data| data.split_once(',')) {
            let count: Option<u64> = count.split(',').next().and_then(|count| count.parse().ok());
            if let (Ok(number), Some(count)) = (number.parse(), count) {
                *files.entry(file.clone()).or_default().entry(number).or_insert(0) += count;
            }
        }
    }
    files
}

/// What each room has, and the lines with errors that nothing has run.
fn table(root: &Path, files: &BTreeMap<String, Lines>, rooms: &[(String, String)]) -> String {
    let mut page = "| crate | lines | run | of lines with errors | run |\n|---|---|---|---|---|\n".to_owned();
    let mut unreached = String::new();
    for (name, folder) in rooms {
        let (mut all, mut of_errors) = ((0, 0), (0, 0));
        for (path, lines) in files {
            let Some(file) = Path::new(path).strip_prefix(root).ok().map(|file| file.display().to_string())
            else {
                continue;
            };
            if !file.starts_with(&format!("{folder}/src/")) {
                continue;
            }
            let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
            let errors = error_lines(&text);
            for (number, count) in lines.iter().filter(|(number, _)| **number < first_test(&text)) {
                let run = u32::from(*count > 0);
                all = (all.0 + 1, all.1 + run);
                if errors.contains(number) {
                    of_errors = (of_errors.0 + 1, of_errors.1 + run);
                    if run == 0 {
                        let code = text.lines().nth(number - 1).unwrap_or_default().trim();
                        let _ = writeln!(unreached, "{file}:{number}: {code}");
                    }
                }
            }
        }
        let part = |(lines, run): (u32, u32)| f64::from(run) * 100.0 / f64::from(lines.max(1));
        let (whole, errors) = (part(all), part(of_errors));
        let _ = writeln!(page, "| `{name}` | {} | {whole:.1} % | {} | {errors:.1} % |", all.0, of_errors.0);
    }
    format!("{page}\nLines with errors that no test has run:\n\n```text\n{unreached}```\n")
}

fn error_lines(text: &str) -> BTreeSet<usize> {
    let is_error =
        |line: &str| !line.trim_start().starts_with("//") && ERRORS.iter().any(|word| line.contains(word));
    text.lines().zip(1..).filter(|(line, _)| is_error(line)).map(|(_, number)| number).collect()
}

/// The line at which the unit tests of a file begin.
fn first_test(text: &str) -> usize {
    text.lines().position(|line| line == "#[cfg(test)]").map_or(usize::MAX, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracefile_is_summed_by_crate_and_its_unreached_errors_are_named() {
        let root = tempfile::tempdir().unwrap();
        let source = root.path().join("crates/a/src");
        fs::create_dir_all(&source).unwrap();
        let text =
            "fn f() {\n    g();\n    return Err(Error::Odd);\n}\n#[cfg(test)]\nmod tests {\n    f();\n}\n";
        fs::write(source.join("lib.rs"), text).unwrap();
        let path = source.join("lib.rs").display().to_string();
        let lcov =
            format!("SF:{path}\nDA:1,4\nDA:2,4\nDA:3,0\nDA:7,1\nend_of_record\nSF:/else/b.rs\nDA:1,1\n");
        let rooms = [("zamok-a".to_owned(), "crates/a".to_owned())];
        let page = table(root.path(), &lines(&lcov), &rooms);
        assert!(page.contains("| `zamok-a` | 3 | 66.7 % | 1 | 0.0 % |"), "{page}");
        assert!(page.contains("crates/a/src/lib.rs:3: return Err(Error::Odd);"), "{page}");
    }
}
