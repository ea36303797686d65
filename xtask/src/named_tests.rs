//! Pages that promise something name the test behind it: `crates/core/tests/vault_spend.rs::a_failure_is_charged_to_its_own_key_alone`, and
//! `::another` for a further function of the same file. Each of them has to be there, and `SECURITY.md` has to name one for each promise. So
//! has each place that `docs/standards.md` names.

use crate::{Failure, manifests};
use std::collections::BTreeMap;
use std::path::Path;

const SECURITY: &str = "SECURITY.md";
const STANDARDS: &str = "docs/standards.md";
/// Pages whose names are looked up.
const PAGES: &[&str] = &[SECURITY, STANDARDS, "docs/mutants.md", "docs/constant-time.md"];
/// What a file that holds tests ends with, and what stands before the name of a function in it.
const KINDS: &[(&str, &str)] = &[(".rs", "fn "), (".py", "def "), (".c", "")];
/// What a paragraph of `SECURITY.md` begins with that says which tests hold a promise.
const TESTS: &str = "*Tests:*";
const TABLE: &str = "## Attacks by name";
/// Columns of the table: attack, promised, not promised, test.
const COLUMNS: usize = 4;

/// Names that lead nowhere, and promises of `SECURITY.md` that name no test.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut sources = BTreeMap::new();
    for page in PAGES {
        let text = manifests::contents(root, page)?;
        for (file, function) in names(&text) {
            let source = sources
                .entry(file.to_owned())
                .or_insert_with_key(|file| manifests::contents(root, file).ok());
            match source {
                None => found.push(format!("{page}: {file}: there is no such file")),
                Some(source) if !has(source, file, function) => {
                    found.push(format!("{page}: {file}::{function}: there is no such function"));
                }
                Some(_) => {}
            }
        }
        if *page == SECURITY {
            found.extend(promises(&text));
        }
        if *page == STANDARDS {
            let gone = places(&text).filter(|place| !root.join(place).exists());
            found.extend(gone.map(|place| format!("{page}: {place}: there is no such place")));
        }
    }
    found.dedup();
    Ok(found)
}

/// What the last cell of each row names, tests aside: files and folders.
fn places(text: &str) -> impl Iterator<Item = &str> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit_once('|'));
    cells.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2)).filter(|code| !code.contains("::"))
}

/// Every file with a function of it that a page names, in the order of the page.
fn names(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut last = None;
    // What stands between two backticks is every second piece.
    for code in text.split('`').skip(1).step_by(2) {
        let Some((file, function)) = code.split_once("::") else { continue };
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|letter| letter == '_' || letter.is_alphanumeric())
        };
        if !is_name(function) {
            continue;
        }
        if KINDS.iter().any(|(end, _)| file.ends_with(end)) {
            last = Some(file);
        } else if !file.is_empty() {
            // A path of Rust's.
            continue;
        }
        found.extend(last.map(|file| (file, function)));
    }
    found
}

fn has(source: &str, file: &str, function: &str) -> bool {
    let before = KINDS.iter().find(|(end, _)| file.ends_with(end)).map_or("", |(_, before)| before);
    [format!("{before}{function}("), format!("{before}{function}<")].iter().any(|name| {
        source.match_indices(name.as_str()).any(|(at, _)| {
            let line = source[..at].rsplit('\n').next().unwrap_or_default();
            // A comment that tells of it is not it.
            !line.contains("//") && !line.ends_with(|letter: char| letter == '_' || letter.is_alphanumeric())
        })
    })
}

/// Paragraphs and rows of `SECURITY.md` that should name a test and do not.
fn promises(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let shown = |line: &str| line.chars().take(80).collect::<String>();
    let mut paragraphs = 0;
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with(TESTS)) {
        paragraphs += 1;
        let end = lines[at + 1..].iter().position(|line| line.is_empty() || line.starts_with('*'));
        let paragraph = lines[at..end.map_or(lines.len(), |end| at + 1 + end)].join("\n");
        if names(&paragraph).is_empty() {
            found.push(format!("{SECURITY}: names no test, only files: {}", shown(line)));
        }
    }
    if paragraphs == 0 {
        found.push(format!("{SECURITY}: no paragraph begins with {TESTS}"));
    }
    let rows = crate::test_table::rows(text, TABLE);
    if rows.is_empty() {
        found.push(format!("{SECURITY}: no table below `{TABLE}`"));
    }
    for row in rows {
        let whole = row.len() == COLUMNS && row.iter().all(|cell| !cell.is_empty());
        // What is not promised at all has nothing to be tested.
        let promised = row.get(1).is_some_and(|cell| !cell.starts_with("nothing"));
        if !whole {
            found.push(format!("{SECURITY}: {COLUMNS} cells, none empty: {}", shown(&row.join(" | "))));
        } else if promised && names(&row[3]).is_empty() {
            found.push(format!("{SECURITY}: names no test: {}", shown(&row[0])));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PAGE: &str = "**Whoever.** He does.\n*Tests:* `crates/a/tests/b.rs::it_holds`,\n`::so_does_this`; `crates/a/tests/c.py::test_it`.\n\n\
        ## Attacks by name\n\n| attack | promised | not promised | test |\n|---|---|---|---|\n\
        | rows | refused | rollback | `crates/a/tests/b.rs::it_holds` |\n| relays | nothing | all | – |\n";

    fn found(security: &str, other: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("crates/a/tests")).unwrap();
        fs::create_dir_all(root.join("docs")).unwrap();
        let rust = "#[test]\nfn it_holds() {}\n// fn only_told_of() {}\nfn so_does_this<T>(t: T) {}\n";
        fs::write(root.join("crates/a/tests/b.rs"), rust).unwrap();
        fs::write(root.join("crates/a/tests/c.py"), "def test_it() -> None:\n    pass\n").unwrap();
        for page in PAGES {
            fs::write(root.join(page), if *page == SECURITY { security } else { other }).unwrap();
        }
        violations(root).unwrap()
    }

    #[test]
    fn a_test_that_is_named_and_not_there_is_found() {
        assert_eq!(found(PAGE, "the path `core::vault::keyring`\n"), [""; 0]);
        for (gone, complaint) in [
            ("b.rs::it_broke", "there is no such function"),
            ("b.rs::it_hold", "there is no such function"),
            ("b.rs::only_told_of", "there is no such function"),
            ("d.rs::it_holds", "there is no such file"),
        ] {
            let other = format!("see `crates/a/tests/{gone}`\n");
            let found = found(PAGE, &other);
            assert_eq!(found.len(), PAGES.len() - 1, "{found:?}");
            assert!(found[0].contains(complaint), "{found:?}");
        }
        let further = PAGE.replace("`::so_does_this`", "`::so_did_this`");
        assert!(found(&further, "")[0].contains("crates/a/tests/b.rs::so_did_this"));
    }

    #[test]
    fn a_place_of_the_standards_that_is_not_there_is_found() {
        let row = |place: &str| format!("| §1 `x` | met | `{place}` |\n");
        assert_eq!(
            found(PAGE, &(row("crates/a/tests") + &row("SECURITY.md") + "| §2 | not ours | – |\n")),
            [""; 0]
        );
        assert_eq!(found(PAGE, &row("policy")), ["docs/standards.md: policy: there is no such place"]);
    }

    #[test]
    fn a_promise_without_a_test_is_found() {
        let first_line = "`crates/a/tests/b.rs::it_holds`,\n`::so_does_this`; `crates/a/tests/c.py::test_it`";
        assert_eq!(found(&PAGE.replace(first_line, "`crates/a/tests/b.rs`"), "").len(), 1);
        assert_eq!(
            found(&PAGE.replace("| rollback | `crates/a/tests/b.rs::it_holds` |", "| rollback | – |"), "")
                .len(),
            1
        );
        assert_eq!(
            found(&PAGE.replace("| relays | nothing | all | – |", "| relays | nothing | | – |"), "").len(),
            1
        );
        assert_eq!(found("# Security\n", "").len(), 2);
    }
}
