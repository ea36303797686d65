//! `cargo xtask audit --planted`: defects as patches in `audit/planted/`. Each names the check that has to find it and what that
//! check says; the clean tree has to pass the same check first. A check that misses its defect proves nothing.
//!
//! A patch begins with three lines, `why:`, `check:` (a command line) and `reason:` (a text of the check's output), and goes on
//! as a unified diff with the prefixes `a/` and `b/`.

use crate::cargo_output::Counts;
use crate::copied::Copied;
use crate::process::{self, Finished};
use crate::report::{Outcome, Report};
use crate::{Failure, Place};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = "audit/planted";

#[derive(Debug, PartialEq, Eq)]
struct Planted {
    name: String,
    file: PathBuf,
    check: String,
    reason: String,
}

/// A step for each defect whose name contains `only`.
pub(crate) fn steps(report: &mut Report, place: &Place, only: &str) -> Result<(), Failure> {
    let all = planted(&place.root.join(FOLDER))?;
    let chosen: Vec<Planted> = all.into_iter().filter(|defect| defect.name.contains(only)).collect();
    if chosen.is_empty() {
        return Err(format!("no defect in {FOLDER} is named like `{only}`"));
    }
    let field = Field { copy: Copied::lay(place, "planted")?, python: crate::setup::venv_python(place) };
    let mut clean = BTreeMap::new();
    for defect in &chosen {
        report.step(&format!("planted: {}", defect.name), || {
            let passes = match clean.get(&defect.check) {
                Some(passes) => *passes,
                None => *clean.entry(defect.check.clone()).or_insert(field.run(&defect.check)?.succeeded),
            };
            if !passes {
                return Err(format!("the clean tree does not pass `{}`", defect.check));
            }
            field.patch(&defect.file, &[])?;
            let finished = field.run(&defect.check);
            field.patch(&defect.file, &["--reverse"])?;
            found(defect, &finished?)?;
            Ok(Outcome::Tests { counts: Counts { passed: 1, ..Counts::default() }, complaint: None })
        });
    }
    Ok(())
}

/// The check failed, and for the named reason.
fn found(defect: &Planted, finished: &Finished) -> Result<(), Failure> {
    if finished.succeeded {
        return Err(format!("`{}` does not find it", defect.check));
    }
    if finished.output.contains(&defect.reason) {
        return Ok(());
    }
    Err(format!("`{}` fails, but does not say {:?}", defect.check, defect.reason))
}

/// The defects that do not fit the tree any more, or name no check: they would prove nothing, and nobody would notice.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for defect in planted(&root.join(FOLDER))? {
        let mut git = Command::new("git");
        git.args(["apply", "--check", "--unidiff-zero"]).arg(&defect.file).current_dir(root);
        if let Err(reason) = process::quiet(&mut git) {
            found.push(format!("{FOLDER}/{}.patch does not fit: {reason}", defect.name));
        }
    }
    Ok(found)
}

fn planted(folder: &Path) -> Result<Vec<Planted>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "patch"));
    files.sort();
    files.into_iter().map(read).collect()
}

fn read(file: PathBuf) -> Result<Planted, Failure> {
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let field = |name: &str| {
        let mut lines = text.lines().take_while(|line| !line.starts_with("--- "));
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    let missing = |name| format!("{}: it has no line `{name}:`", file.display());
    field("why").ok_or_else(|| missing("why"))?;
    let check = field("check").ok_or_else(|| missing("check"))?;
    let reason = field("reason").ok_or_else(|| missing("reason"))?;
    if reason == "FAILED" {
        return Err(format!("{}: `FAILED` is no reason: name the test", file.display()));
    }
    // Put in by the number of its line alone, it would go wherever that has moved to.
    if text.lines().any(|line| line.starts_with("@@ -") && line.contains(",0 +")) {
        return Err(format!("{}: lines that are only put in need others around them", file.display()));
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Planted { name, check, reason, file })
}

/// The copy of the tree to plant in.
struct Field {
    copy: Copied,
    /// The interpreter with the Python peers, which tests ask for.
    python: PathBuf,
}

impl Field {
    fn patch(&self, file: &Path, switches: &[&str]) -> Result<(), Failure> {
        let mut git = Command::new("git");
        git.args(["apply", "--unidiff-zero", "--whitespace=nowarn"]).args(switches).arg(file);
        // The copy lies below a repository that it is no part of.
        let tree = &self.copy.tree;
        git.current_dir(tree).env("GIT_CEILING_DIRECTORIES", tree.parent().unwrap_or(tree));
        process::quiet(&mut git).map(|_| ())
    }

    fn run(&self, check: &str) -> Result<Finished, Failure> {
        let mut shell = Command::new("sh");
        shell.args(["-c", check]).current_dir(&self.copy.tree).env("CARGO_TARGET_DIR", &self.copy.build);
        shell.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH").env("RUST_BACKTRACE", "0");
        shell.env("ZAMOK_PYTHON", &self.python);
        process::shown(&mut shell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defect() -> Planted {
        let text = |text: &str| text.to_owned();
        Planted {
            name: text("x"),
            file: PathBuf::new(),
            check: text("true"),
            reason: text("a_test ... FAILED"),
        }
    }

    #[test]
    fn a_defect_is_found_only_by_a_check_that_fails_for_its_reason() {
        let finished =
            |succeeded, output: &str| Finished { succeeded, status: String::new(), output: output.into() };
        assert!(found(&defect(), &finished(false, "test a_test ... FAILED")).is_ok());
        assert!(found(&defect(), &finished(true, "test a_test ... FAILED")).is_err());
        assert!(found(&defect(), &finished(false, "error: could not compile")).is_err());
    }

    #[test]
    fn a_patch_that_names_no_check_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it.patch");
        fs::write(&file, "why: so\ncheck: false\nreason: it\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
            .unwrap();
        let read = planted(folder.path()).unwrap();
        assert_eq!(
            (read[0].name.as_str(), read[0].check.as_str(), read[0].reason.as_str()),
            ("it", "false", "it")
        );
        fs::write(&file, "why: so\nreason: it\n--- a/x\n check: false\n").unwrap();
        assert!(planted(folder.path()).unwrap_err().contains("check"));
        fs::write(&file, "why: so\ncheck: false\nreason: FAILED\n--- a/x\n").unwrap();
        assert!(planted(folder.path()).unwrap_err().contains("name the test"));
        let nowhere = "why: so\ncheck: false\nreason: it\n--- a/x\n+++ b/x\n@@ -1,0 +2 @@\n+b\n";
        fs::write(&file, nowhere).unwrap();
        assert!(planted(folder.path()).unwrap_err().contains("others around them"));
    }

    #[test]
    fn a_defect_that_does_not_fit_the_tree_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let planted = folder.path().join(FOLDER);
        fs::create_dir_all(&planted).unwrap();
        fs::write(folder.path().join("x"), "a\n").unwrap();
        let patch = "why: so\ncheck: false\nreason: it\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        fs::write(planted.join("fits.patch"), patch).unwrap();
        assert_eq!(violations(folder.path()), Ok(Vec::new()));
        fs::write(planted.join("late.patch"), patch.replace("-a", "-c")).unwrap();
        let found = violations(folder.path()).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("late.patch"), "{found:?}");
    }

    #[test]
    fn every_defect_of_this_tree_still_fits_it() {
        let place = Place::find();
        assert!(planted(&place.root.join(FOLDER)).unwrap().len() >= 57);
        assert_eq!(violations(&place.root), Ok(Vec::new()));
    }
}
