//! Reading the pages of `docs/`, whose tables and vectors the tests hold the code to.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A page, by its path in the repository.
pub(crate) fn page(path: &str) -> String {
    let file = repository().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The bytes of a vector: the hexadecimal digits in the block that begins with "```vector name".
pub(crate) fn vector(page: &str, name: &str) -> Vec<u8> {
    let begin = format!("```vector {name}");
    let mut lines = page.lines().skip_while(|line| *line != begin);
    assert!(lines.next().is_some(), "no vector named {name}");
    bytes(&lines.take_while(|line| *line != "```").collect::<String>())
}

/// The names of all vectors of a page.
pub(crate) fn vectors(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("```vector ")).collect()
}

/// The cells of every row of every table below a heading.
pub(crate) fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let below = page.lines().skip_while(|line| *line != heading).skip(1);
    let section = below.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    section.skip(2).map(cells).collect()
}

/// Bytes from hexadecimal digits; blanks do not count.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap_or_else(|| panic!("{c:?} in {hex}"))).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in {hex}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The interpreter with the Python peers.
pub(crate) fn python() -> Command {
    if let Some(interpreter) = std::env::var_os("ZAMOK_PYTHON") {
        return Command::new(interpreter);
    }
    let interpreter = repository().join("target/venv/bin/python");
    assert!(interpreter.exists(), "{} is missing: run cargo xtask setup", interpreter.display());
    Command::new(interpreter)
}
