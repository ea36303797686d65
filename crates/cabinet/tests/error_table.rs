//! `docs/errors.md` has every error of the cabinet: its number, its name and its message as the source has them.
#![allow(missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use zamok_cabinet::Error;

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Number, name and message of every error, as the source has them.
fn errors() -> BTreeMap<u16, (String, String)> {
    let source = read("crates/cabinet/src/error.rs");
    let mut messages = BTreeMap::new();
    let mut message = None;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("#[error(\"") {
            message = Some(text.strip_suffix("\")]").expect("a message on one line").to_owned());
        } else if !line.starts_with("///")
            && !line.starts_with('#')
            && let Some(text) = message.take()
        {
            let name: String = line.chars().take_while(|character| character.is_alphanumeric()).collect();
            messages.insert(name, text);
        }
    }
    let mut errors = BTreeMap::new();
    for line in source.lines().map(str::trim) {
        let Some((name, number)) = line.strip_suffix(',').and_then(|line| line.split_once(" => ")) else {
            continue;
        };
        let Ok(number) = number.parse::<u16>() else { continue };
        let name = name.strip_prefix("Self::").unwrap();
        let name: String = name.chars().take_while(|character| character.is_alphanumeric()).collect();
        let message = messages.remove(&name).unwrap_or_else(|| panic!("{name} has no message"));
        assert!(errors.insert(number, (name, message)).is_none(), "{number} is used twice");
    }
    assert!(messages.is_empty(), "without a number: {messages:?}");
    errors
}

/// Whether a text is this message with example values in the place of its fields.
fn fits(message: &str, text: &str) -> bool {
    let mut parts = message.split(['{', '}']).step_by(2);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = first;
    for part in parts {
        let Some(place) = rest.find(part).filter(|place| *place > 0 || part.is_empty()) else { return false };
        (rest, last) = (&rest[place + part.len()..], part);
    }
    rest.is_empty() || last.is_empty()
}

#[test]
fn the_page_has_every_error_of_the_cabinet_and_no_other() {
    let page = read("docs/errors.md");
    let section = page.split("\n## Cabinet\n").nth(1).expect("a section").split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| 6"));
    let mut found = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
        let (number, name) = (cells[0].parse().unwrap(), cells[1].trim_matches('`').to_owned());
        assert!(found.insert(number, (name, cells[2].to_owned())).is_none(), "{number} stands twice");
    }
    let expected = errors();
    assert!(expected.len() >= 38, "{}", expected.len());
    for (number, (name, message)) in &expected {
        let (shown, text) = found.get(number).unwrap_or_else(|| panic!("{number} {name} is missing"));
        assert_eq!(shown, name, "{number}");
        assert!(fits(message, text), "{number}: {message:?} is shown as {text:?}");
    }
    let numbers = |map: &BTreeMap<u16, _>| map.keys().copied().collect::<BTreeSet<_>>();
    assert_eq!(numbers(&found), numbers(&expected));
}

#[test]
fn numbers_are_those_that_the_errors_tell() {
    assert_eq!(
        Error::LoginTaken.code(),
        errors().into_iter().find(|(_, (name, _))| name == "LoginTaken").unwrap().0
    );
    assert_eq!(Error::ResendTooSoon { seconds: 9 }.code(), 652);
    assert_eq!(Error::ApprovalPending.code(), 663);
    assert_eq!(Error::Core(zamok_core::Error::Rejected).code(), 100, "the core's keep theirs");
}
