//! The freestanding program of `audit/freestanding`: built without the libraries of an operating system, run on this one.
//! That it links proves that the core needs neither std nor an allocator; its exit code says which step failed.

use crate::report::Outcome;
use crate::{Failure, Place, bare, manifests, process, tiers};
use std::process::Command;

const FOLDER: &str = "audit/freestanding";
const PROGRAM: &str = "zamok-audit-freestanding";

/// No C library, no start files, no loader. The explicit target keeps these flags from build scripts and procedural
/// macros.
const FLAGS: &str =
    "-Crelocation-model=static -Clink-arg=-nostdlib -Clink-arg=-nostartfiles -Clink-arg=-static";

pub(crate) fn run(place: &Place) -> Result<Outcome, Failure> {
    let host = bare::host()?;
    if host != "x86_64-unknown-linux-gnu" {
        return Ok(Outcome::NotRun(format!(
            "its entry point and system calls are for x86-64 Linux, this is {host}"
        )));
    }
    let manifest = format!("{FOLDER}/Cargo.toml");
    let formatted =
        process::shown(&mut process::cargo(place, &["fmt", "--check", "--manifest-path", &manifest]))?;
    if !formatted.succeeded {
        return Err(format!("format: {}", formatted.status));
    }
    // The same versions as in the workspace: cargo takes from its lock file what this program needs.
    let lock = manifests::contents(&place.root, "Cargo.lock")?;
    let copy = place.root.join(FOLDER).join("Cargo.lock");
    std::fs::write(&copy, lock).map_err(|error| format!("{}: {error}", copy.display()))?;
    for chore in [&["clippy", "--quiet"][..], &["build"]] {
        let mut command = process::cargo(place, chore);
        command
            .args(["--manifest-path", &manifest, "--target", &host])
            .arg("--target-dir")
            .arg(&place.target);
        let finished = process::shown(command.env("RUSTFLAGS", FLAGS))?;
        if !finished.succeeded {
            return Err(format!("{}: {}", chore[0], finished.status));
        }
    }
    let program = place.target.join(&host).join("debug").join(PROGRAM);
    only_its_own(&program)?;
    tiers::one_test(&mut Command::new(program))
}

/// A static program without a loader asks for no shared library.
fn only_its_own(program: &std::path::Path) -> Result<(), Failure> {
    let image = std::fs::read(program).map_err(|error| format!("{}: {error}", program.display()))?;
    match has_interpreter(&image) {
        Some(false) => Ok(()),
        Some(true) => Err("it asks for a loader: not a static program".to_owned()),
        None => Err("not a 64-bit ELF program".to_owned()),
    }
}

/// Whether an ELF image has a program header of type PT_INTERP or PT_DYNAMIC (System V ABI, "Program Header").
fn has_interpreter(image: &[u8]) -> Option<bool> {
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = image.get(at..at + length)?;
        bytes.iter().rev().try_fold(0usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))
    };
    // 64-bit, little-endian.
    if image.get(..6)? != [0x7f, b'E', b'L', b'F', 2, 1] {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let kinds: Option<Vec<usize>> = (0..count).map(|index| number(table + index * size, 4)).collect();
    Some(kinds?.iter().any(|kind| [2, 3].contains(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_program_is_not_taken_for_a_static_one() {
        let shell = std::fs::read("/bin/sh").unwrap();
        assert_eq!(has_interpreter(&shell), Some(true));
        assert_eq!(has_interpreter(b"#!/bin/sh"), None);
        assert_eq!(has_interpreter(&shell[..40]), None);
    }
}
