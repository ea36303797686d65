//! `docs/testing.md` names every test, with what it proves and its counts, and every ignored one with the reason.

use crate::cargo_output::Counts;
use crate::{Failure, manifests};
use std::collections::BTreeSet;
use std::path::Path;

const FILE: &str = "docs/testing.md";

/// Columns of the table of tests.
const COLUMNS: usize = 7;
/// Those of the counts of two tiers.
const CI: usize = 4;
const FULL: usize = 5;

/// The rows of the first table below a heading, each with its cells.
pub(crate) fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let below = page.lines().skip_while(|line| line.trim() != heading).skip(1);
    let section = below.take_while(|line| !line.starts_with("## "));
    let table = section.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells =
        |line: &str| line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.skip(2).map(cells).collect()
}

/// The name in backticks that a row begins with.
pub(crate) fn subject(row: &[String]) -> Option<&str> {
    row.first()?.strip_prefix('`')?.split('`').next()
}

/// The rows of a table of files that have so many cells, none of them empty, each with the name of its file; of others it is told.
pub(crate) fn whole_rows(
    file: &str,
    page: &str,
    heading: &str,
    columns: usize,
    found: &mut Vec<String>,
) -> Vec<(String, Vec<String>)> {
    let mut whole = Vec::new();
    for row in rows(page, heading) {
        match subject(&row).map(str::to_owned) {
            None => found
                .push(format!("{file}: a row begins with the file's name in backticks: {}", row.join(" | "))),
            Some(name) if row.len() != columns || row.iter().any(String::is_empty) => {
                found.push(format!("{file}: {name}: {columns} cells, none empty"));
            }
            Some(name) => whole.push((name, row)),
        }
    }
    whole
}

/// Test files that the table lacks, rows that name no test file, and rows with an empty cell.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let page = manifests::contents(root, FILE)?;
    let present = test_files(root)?;
    let mut listed = BTreeSet::new();
    let mut found = Vec::new();
    for row in rows(&page, "## Tests") {
        let Some(file) = subject(&row) else {
            found
                .push(format!("{FILE}: a row begins with the test's path in backticks: {}", row.join(" | ")));
            continue;
        };
        if row.len() != COLUMNS || row.iter().any(String::is_empty) {
            found.push(format!("{FILE}: {file}: {COLUMNS} cells, none empty (`–` for nothing)"));
        }
        if !listed.insert(file.to_owned()) {
            found.push(format!("{FILE}: {file}: listed twice"));
        }
        if !present.contains(file) {
            found.push(format!("{FILE}: {file}: there is no such test"));
        }
    }
    found.extend(present.difference(&listed).map(|file| format!("{file}: a test that {FILE} does not list")));
    Ok(found)
}

/// The tests that try more at full counts than CI does.
pub(crate) fn counted(root: &Path) -> Result<Vec<String>, Failure> {
    let rows = rows(&manifests::contents(root, FILE)?, "## Tests");
    let more = rows.iter().filter(|row| row.get(CI) != row.get(FULL));
    Ok(more.filter_map(|row| subject(row)).map(str::to_owned).collect())
}

/// Every integration test, every program below a `tests` folder, and every folder with unit tests.
fn test_files(root: &Path) -> Result<BTreeSet<String>, Failure> {
    let packages = manifests::packages(root)?;
    let mut found: BTreeSet<String> = packages
        .iter()
        .flat_map(|package| &package.roots)
        .filter(|root| root.is_test)
        .map(|root| root.file.clone())
        .collect();
    for file in manifests::files(root)? {
        let mut folders: Vec<&str> = file.split('/').collect();
        folders.pop();
        let in_tests = folders.contains(&"tests") && !folders.contains(&"src");
        let program = [".py", ".sh", ".c", ".cpp"].iter().any(|end| file.ends_with(end));
        if in_tests && program {
            found.insert(file);
        } else if !in_tests && file.ends_with(".rs") && has_a_test(&manifests::contents(root, &file)?) {
            // Unit tests are listed by the folder of their crate: `crates/core/src`.
            found.insert(file.find("/src/").map_or(file.clone(), |at| file[..at + "/src".len()].to_owned()));
        }
    }
    Ok(found)
}

fn has_a_test(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "#[test]")
}

/// What is wrong with the ignored tests of a run: each must be listed with a reason.
pub(crate) fn unexplained(root: &Path, counts: &Counts) -> Result<Option<Failure>, Failure> {
    let page = manifests::contents(root, FILE)?;
    let rows = rows(&page, "## Ignored tests");
    let explained = |name: &str| {
        // The line number of a doc test moves with every edit.
        let name = name.split(" (line").next().unwrap_or(name);
        rows.iter()
            .any(|row| subject(row) == Some(name) && row.get(1).is_some_and(|reason| !reason.is_empty()))
    };
    let unknown: Vec<&str> =
        counts.ignored.iter().map(String::as_str).filter(|name| !explained(name)).collect();
    if !unknown.is_empty() {
        return Ok(Some(format!("ignored, and {FILE} gives no reason: {}", unknown.join(", "))));
    }
    let unnamed = usize::try_from(counts.ignored_count).unwrap_or(usize::MAX) != counts.ignored.len();
    Ok(unnamed.then(|| format!("{} tests ignored, {} named", counts.ignored_count, counts.ignored.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(table: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for below in ["docs", "crates/core/src", "crates/core/tests"] {
            fs::create_dir_all(root.join(below)).unwrap();
        }
        fs::write(root.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n")
            .unwrap();
        fs::write(
            root.join("crates/core/Cargo.toml"),
            "[package]\nname = \"zamok-core\"\nedition = \"2024\"\n",
        )
        .unwrap();
        fs::write(root.join("crates/core/src/lib.rs"), "    #[test]\n    fn one() {}\n").unwrap();
        fs::write(root.join("crates/core/tests/rfc4226.rs"), "#[test]\nfn one() {}\n").unwrap();
        fs::write(root.join("crates/core/tests/peer.py"), "").unwrap();
        let head = "| test | proves | for | check | ci | full | peers |\n|---|---|---|---|---|---|---|\n";
        let page = format!(
            "# Testing\n\n## Tests\n\n{head}{table}\n## Ignored tests\n\n| test | reason |\n|---|---|\n| `a::b` | no moon |\n| `c::d` | |\n"
        );
        fs::write(root.join(FILE), page).unwrap();
        folder
    }

    const COMPLETE: &str = "| `crates/core/src` | x | R1 | all | all | all | – |\n\
        | `crates/core/tests/rfc4226.rs` | x | R1 | – | all | all | – |\n\
        | `crates/core/tests/peer.py` | x | R1 | – | 1 | 1 | pyotp |\n";

    #[test]
    fn a_complete_table_has_no_violations() {
        assert_eq!(violations(tree(COMPLETE).path()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_test_without_a_row_is_named() {
        for file in ["crates/core/src", "crates/core/tests/rfc4226.rs", "crates/core/tests/peer.py"] {
            let lines: Vec<&str> =
                COMPLETE.lines().filter(|line| !line.contains(&format!("`{file}`"))).collect();
            let found = violations(tree(&(lines.join("\n") + "\n")).path()).unwrap();
            assert_eq!(found, [format!("{file}: a test that docs/testing.md does not list")]);
        }
    }

    #[test]
    fn a_row_without_a_test_and_an_empty_cell_are_named() {
        let more = COMPLETE.to_owned() + "| `crates/core/tests/gone.rs` | x | R1 | – | 1 | 1 | – |\n";
        let found = violations(tree(&more).path()).unwrap();
        assert_eq!(found, ["docs/testing.md: crates/core/tests/gone.rs: there is no such test"]);
        let found = violations(tree(&COMPLETE.replace("pyotp", "")).path()).unwrap();
        assert!(found[0].contains("crates/core/tests/peer.py: 7 cells, none empty"), "{found:?}");
    }

    #[test]
    fn tests_with_counts_are_those_whose_columns_differ() {
        assert_eq!(counted(tree(COMPLETE).path()).unwrap(), Vec::<String>::new());
        let table = COMPLETE.replace("| 1 | 1 |", "| 1 | 20 |");
        assert_eq!(counted(tree(&table).path()).unwrap(), ["crates/core/tests/peer.py"]);
    }

    #[test]
    fn an_ignored_test_needs_a_reason() {
        let tree = tree(COMPLETE);
        let complaint = |ignored: &[&str], count: u32| {
            let ignored = ignored.iter().map(|name| (*name).to_owned()).collect();
            unexplained(tree.path(), &Counts { ignored, ignored_count: count, ..Counts::default() }).unwrap()
        };
        assert_eq!(complaint(&[], 0), None);
        assert_eq!(complaint(&["a::b"], 1), None);
        assert_eq!(complaint(&["a::b (line 7)"], 1), None);
        assert!(complaint(&["c::d"], 1).unwrap().contains("c::d"));
        assert!(complaint(&["e::f"], 1).unwrap().contains("e::f"));
        assert!(complaint(&[], 1).is_some());
    }
}
