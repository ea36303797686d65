//! `vectors/PROVENANCE.md` has a row for each file below `vectors/`, with its SHA-256: what the tests read is what its source gave.

use crate::digest::sha256;
use crate::test_table::whole_rows;
use crate::{Failure, manifests};
use std::collections::BTreeSet;
use std::path::Path;

const FOLDER: &str = "vectors/";
const FILE: &str = "vectors/PROVENANCE.md";
/// Columns: file, cases, SHA-256, since, source, licence.
const COLUMNS: usize = 6;
const DIGEST: usize = 2;
const SINCE: usize = 3;

/// Files without a row, rows without a file, and digests that are not those of the files.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let files =
        manifests::files(root)?.into_iter().filter_map(|file| Some(file.strip_prefix(FOLDER)?.to_owned()));
    let mut without: BTreeSet<String> = files.filter(|file| *file != FILE[FOLDER.len()..]).collect();
    let mut found = Vec::new();
    let page = manifests::contents(root, FILE)?;
    for (name, row) in whole_rows(FILE, &page, "## Files", COLUMNS, &mut found) {
        let name = name.as_str();
        if !without.remove(name) {
            found.push(format!("{FILE}: {name}: there is no such file, or it is listed twice"));
            continue;
        }
        let file = root.join(FOLDER).join(name);
        let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let digest = sha256(&bytes);
        if row[DIGEST].trim_matches('`') != digest {
            found.push(format!("{FILE}: {name}: its SHA-256 is {digest}, and not what stands there"));
        }
        let is_date = |cell: &str| cell.split('-').map(str::len).eq([4, 2, 2]);
        if !is_date(&row[SINCE]) {
            found.push(format!("{FILE}: {name}: `{}` is no date", row[SINCE]));
        }
    }
    found.extend(without.iter().map(|file| format!("{FOLDER}{file}: {FILE} has no row for it")));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_row_a_row_without_a_file_and_another_digest_are_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("vectors/below")).unwrap();
        std::fs::write(folder.path().join("vectors/below/a.txt"), "abc").unwrap();
        let head =
            "## Files\n\n| file | cases | SHA-256 | since | source | licence |\n|---|---|---|---|---|---|\n";
        let found = |page: &str| {
            std::fs::write(folder.path().join(FILE), format!("{head}{page}")).unwrap();
            violations(folder.path()).unwrap()
        };
        let row = format!("| `below/a.txt` | 3 | `{}` | 2026-11-22 | x | y |\n", sha256(b"abc"));
        assert_eq!(found(&row), [""; 0]);
        assert!(found("")[0].contains("has no row"));
        assert!(found(&(row.clone() + &row.replace("a.txt", "b.txt")))[0].contains("no such file"));
        assert!(found(&row.replace(&sha256(b"abc"), &sha256(b"abd")))[0].contains("its SHA-256 is ba7816bf"));
        assert!(found(&row.replace("2026-11-22", "lately"))[0].contains("no date"));
        assert!(found(&row.replace("| y |", "| |"))[0].contains("none empty"));
    }
}
