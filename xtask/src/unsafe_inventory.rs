//! `docs/unsafe.md` lists every file that holds `unsafe`, how often, and why; this compares the page with the sources.

use crate::structure::Source;
use crate::test_table::{rows, subject};
use crate::{Failure, manifests};
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "docs/unsafe.md";
/// Columns: file, places, what for, why it is sound.
const COLUMNS: usize = 4;

/// How often each Rust file says `unsafe`, lints and comments aside.
pub(crate) fn places(root: &Path) -> Result<BTreeMap<String, usize>, Failure> {
    let mut found = BTreeMap::new();
    for file in manifests::files(root)?.into_iter().filter(|file| file.ends_with(".rs")) {
        let count = Source::read(&manifests::contents(root, &file)?).mentions(|word| word == "unsafe").len();
        if count > 0 {
            found.insert(file, count);
        }
    }
    Ok(found)
}

/// Files that the page lacks, rows for what is no such file, and counts that are not those of the sources.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let mut present = places(root)?;
    let mut found = Vec::new();
    for row in rows(&manifests::contents(root, FILE)?, "## Inventory") {
        let Some(name) = subject(&row) else {
            found
                .push(format!("{FILE}: a row begins with the file's name in backticks: {}", row.join(" | ")));
            continue;
        };
        if row.len() != COLUMNS || row.iter().any(String::is_empty) {
            found.push(format!("{FILE}: {name}: {COLUMNS} cells, none empty"));
            continue;
        }
        match present.remove(name) {
            None => found.push(format!("{FILE}: {name}: holds no `unsafe`, or is listed twice")),
            Some(count) if row[1] != count.to_string() => {
                found.push(format!("{FILE}: {name}: {count} places, not {}", row[1]));
            }
            Some(_) => {}
        }
    }
    found.extend(
        present.iter().map(|(file, count)| format!("{file}: {count} places that {FILE} does not list")),
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_sources_agree() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("docs")).unwrap();
        std::fs::create_dir_all(folder.path().join("crates/a/src")).unwrap();
        let source = "// unsafe is a word here\nfn f() { unsafe { g() } }\nunsafe fn g() {}\n";
        std::fs::write(folder.path().join("crates/a/src/lib.rs"), source).unwrap();
        let head = "## Inventory\n\n| file | places | what for | why it is sound |\n|---|---|---|---|\n";
        let found = |page: &str| {
            std::fs::write(folder.path().join(FILE), format!("{head}{page}")).unwrap();
            violations(folder.path()).unwrap()
        };
        let row = |count: usize| format!("| `crates/a/src/lib.rs` | {count} | x | y |\n");
        assert_eq!(found(&row(2)), Vec::<String>::new());
        assert_eq!(found(&row(3)).len(), 1);
        assert_eq!(found("").len(), 1);
        assert_eq!(found(&(row(2) + "| `crates/b/src/lib.rs` | 1 | x | y |\n")).len(), 1);
    }
}
