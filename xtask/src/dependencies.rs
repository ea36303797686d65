//! `docs/dependencies.md` lists every workspace dependency from outside, with its reason.

use crate::test_table::{rows, subject};
use crate::{Failure, manifests};
use std::collections::BTreeSet;
use std::path::Path;
use toml::{Table, Value};

const FILE: &str = "docs/dependencies.md";

/// Columns: crate, what for, licence, kept at.
const COLUMNS: usize = 4;

/// Dependencies that the page lacks, and rows for what is no dependency.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let manifest: Table =
        manifests::contents(root, "Cargo.toml")?.parse().map_err(|error| format!("Cargo.toml: {error}"))?;
    let table =
        manifest.get("workspace").and_then(|table| table.get("dependencies")).and_then(Value::as_table);
    let table = table.ok_or("Cargo.toml: no [workspace.dependencies]")?;
    let from_outside = table.iter().filter(|(_, value)| value.get("path").is_none());
    let present: BTreeSet<String> = from_outside.map(|(name, _)| name.clone()).collect();
    let mut listed = BTreeSet::new();
    let mut found = Vec::new();
    for row in rows(&manifests::contents(root, FILE)?, "## Dependencies") {
        let Some(name) = subject(&row) else {
            found.push(format!(
                "{FILE}: a row begins with the crate's name in backticks: {}",
                row.join(" | ")
            ));
            continue;
        };
        if row.len() != COLUMNS || row.iter().any(String::is_empty) {
            found.push(format!("{FILE}: {name}: {COLUMNS} cells, none empty"));
        }
        if !present.contains(name) {
            found.push(format!("{FILE}: {name}: not in [workspace.dependencies]"));
        }
        listed.insert(name.to_owned());
    }
    found.extend(
        present.difference(&listed).map(|name| format!("{name}: a dependency that {FILE} does not list")),
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[workspace.dependencies]\nzamok = { path = \"crates/zamok\" }\nhmac = \"0.13\"\n\
            sha2 = { version = \"0.11\" }\n";
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        std::fs::create_dir(folder.path().join("docs")).unwrap();
        let head = "## Dependencies\n\n| crate | what for | licence | kept at |\n|---|---|---|---|\n";
        std::fs::write(folder.path().join(FILE), format!("{head}{page}")).unwrap();
        violations(folder.path()).unwrap()
    }

    #[test]
    fn the_page_and_the_manifest_agree() {
        let row = |name: &str| format!("| `{name}` | x | MIT | y |\n");
        assert_eq!(found(&(row("hmac") + &row("sha2"))), Vec::<String>::new());
        assert_eq!(found(&row("hmac")), ["sha2: a dependency that docs/dependencies.md does not list"]);
        let more = row("hmac") + &row("sha2") + &row("md5");
        assert_eq!(found(&more), ["docs/dependencies.md: md5: not in [workspace.dependencies]"]);
        let empty = row("hmac") + "| `sha2` | | MIT | y |\n";
        assert_eq!(found(&empty), ["docs/dependencies.md: sha2: 4 cells, none empty"]);
    }
}
