//! `docs/unsafe.md` lists every file that holds `unsafe`, how often, a digest of what stands there, and why; this compares the page
//! with the sources. So a block that takes the place of another is looked at again, and not only one that is added.

use crate::digest::sha256;
use crate::structure::Source;
use crate::test_table::whole_rows;
use crate::{Failure, manifests};
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "docs/unsafe.md";
/// Columns: file, places, digest, what for, why it is sound.
const COLUMNS: usize = 5;
/// Hexadecimal digits of the digest that the page shows: nobody is looking for collisions.
const SHOWN: usize = 12;

/// What a file says of `unsafe`.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    /// How often the word stands there, lints and comments aside.
    count: usize,
    /// Over the text of each place with the comment above it; how lines are broken does not matter.
    digest: String,
}

/// Every Rust file that says `unsafe`.
fn places(root: &Path) -> Result<BTreeMap<String, Places>, Failure> {
    let mut found = BTreeMap::new();
    for file in manifests::files(root)?.into_iter().filter(|file| file.ends_with(".rs")) {
        found.extend(places_in(&manifests::contents(root, &file)?).map(|places| (file, places)));
    }
    Ok(found)
}

fn places_in(text: &str) -> Option<Places> {
    let source = Source::read(text);
    let mentions = source.mentions(|word| word == "unsafe");
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = String::new();
    for mention in &mentions {
        let first = beginning(&lines, mention.line);
        let last = mention.line + extent(&source.code()[mention.end..]);
        for word in lines[first - 1..last].iter().flat_map(|line| line.split_whitespace()) {
            blocks.push_str(word);
            blocks.push(' ');
        }
        blocks.push('\n');
    }
    let digest = sha256(blocks.as_bytes())[..SHOWN].to_owned();
    (!mentions.is_empty()).then_some(Places { count: mentions.len(), digest })
}

/// The line on which the statement or item of this line begins, with the comments and attributes above it.
fn beginning(lines: &[&str], line: usize) -> usize {
    let above = lines[..line - 1].iter().rev().take_while(|above| {
        let above = above.trim();
        let is_comment = above.starts_with("//") || above.starts_with("#[");
        is_comment || !(above.is_empty() || above.ends_with([';', '{', '}', ',']))
    });
    line - above.count()
}

/// How many lines further the place goes: a block to its end, and an item to where its body begins, since its body has places of its own.
fn extent(behind: &str) -> usize {
    let open = behind.find(['{', ';', '(']).unwrap_or(behind.len());
    let is_block = ["", "extern"].contains(&behind[..open].trim());
    let head = behind.find(['{', ';']).unwrap_or(behind.len());
    let end = if is_block && behind[open..].starts_with(['{', '(']) {
        closing(&behind[open..]).map_or(behind.len(), |length| open + length)
    } else {
        head
    };
    behind[..end].matches('\n').count()
}

/// Where what opens here closes again.
fn closing(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    code.char_indices().find_map(|(at, letter)| {
        match letter {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// Files that the page lacks, rows for what is no such file, and counts that are not those of the sources.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let mut present = places(root)?;
    let mut found = Vec::new();
    let page = manifests::contents(root, FILE)?;
    for (name, row) in whole_rows(FILE, &page, "## Inventory", COLUMNS, &mut found) {
        let name = name.as_str();
        match present.remove(name) {
            None => found.push(format!("{FILE}: {name}: holds no `unsafe`, or is listed twice")),
            Some(places) => {
                if row[1] != places.count.to_string() {
                    found.push(format!("{FILE}: {name}: {} places, not {}", places.count, row[1]));
                }
                if row[2].trim_matches('`') != places.digest {
                    let digest = &places.digest;
                    found.push(format!("{FILE}: {name}: look at its places again; their digest is {digest}"));
                }
            }
        }
    }
    found.extend(
        present
            .iter()
            .map(|(file, places)| format!("{file}: {} places that {FILE} does not list", places.count)),
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
        let digest = places_in(source).unwrap().digest;
        let head = "## Inventory\n\n| file | places | digest | what for | why it is sound |\n|---|---|---|---|---|\n";
        let found = |page: &str| {
            std::fs::write(folder.path().join(FILE), format!("{head}{page}")).unwrap();
            violations(folder.path()).unwrap()
        };
        let row = |count: usize| format!("| `crates/a/src/lib.rs` | {count} | `{digest}` | x | y |\n");
        assert_eq!(found(&row(2)), Vec::<String>::new());
        assert_eq!(found(&row(3)).len(), 1);
        assert_eq!(found("").len(), 1);
        assert_eq!(found(&(row(2) + "| `crates/b/src/lib.rs` | 1 | `0` | x | y |\n")).len(), 1);
        // One block takes the place of another: as many as before.
        std::fs::write(folder.path().join("crates/a/src/lib.rs"), source.replace("g()", "h()")).unwrap();
        assert!(found(&row(2))[0].contains("look at its places again"));
    }

    #[test]
    fn the_digest_is_over_each_place_with_its_comment_and_over_nothing_else() {
        const SOURCE: &str = "use a;\n\nfn f() {\n    let before = 1;\n    // SAFETY: it is ours.\n    let x =\n        unsafe { g(before) };\n\
            after();\n}\n\n/// Doc.\n#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn h(\n    a: u8,\n) -> u8 {\n    body()\n}\n\n\
            // SAFETY: a header.\nunsafe extern \"C\" {\n    fn other(a: u8);\n}\n";
        let digest = |text: &str| places_in(text).unwrap();
        let whole = digest(SOURCE);
        assert_eq!(whole.count, 4);
        let replaced = |from: &str, to: &str| {
            assert!(SOURCE.contains(from), "{from}");
            digest(&SOURCE.replace(from, to))
        };
        for (from, to) in [
            ("let before = 1", "let before = 2"),
            ("after()", "behind()"),
            ("body()", "other_body()"),
            ("use a", "use b"),
        ] {
            assert_eq!(replaced(from, to), whole, "{from}");
        }
        // Lines are broken anew by rustfmt.
        assert_eq!(
            replaced("let x =\n        unsafe { g(before) }", "let x = unsafe {\n        g(before)\n    }"),
            whole
        );
        for (from, to) in [
            ("g(before)", "g(0)"),
            ("it is ours", "it is theirs"),
            ("a: u8,\n", "a: u16,\n"),
            ("no_mangle", "export_name"),
            ("fn other(a: u8)", "fn other(a: u16)"),
            ("a header", "another"),
        ] {
            assert_ne!(replaced(from, to), whole, "{from}");
        }
    }
}
