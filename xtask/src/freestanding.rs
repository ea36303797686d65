//! The freestanding program of `audit/freestanding`: built for a machine without an operating system's libraries, run on
//! this one. That it links proves that the core needs neither std nor an allocator; its exit code says what it found.

use crate::report::Outcome;
use crate::{Failure, Place, bare, process, tiers};
use std::process::Command;

const PACKAGE: &str = "zamok-audit-freestanding";

/// No C library, no start files, no loader; a panic ends the program. The explicit target keeps these flags from build
/// scripts and procedural macros.
const FLAGS: &str = "-Cpanic=abort -Crelocation-model=static -Clink-arg=-nostdlib -Clink-arg=-nostartfiles \
    -Clink-arg=-static -Clink-arg=-Wl,--gc-sections -Dwarnings";

pub(crate) fn run(place: &Place) -> Result<Outcome, Failure> {
    let host = bare::host()?;
    if host != "x86_64-unknown-linux-gnu" {
        return Ok(Outcome::NotRun(format!(
            "its entry point and system call are for x86-64 Linux, this is {host}"
        )));
    }
    let arguments =
        ["build", "--quiet", "--package", PACKAGE, "--features", "freestanding", "--target", &host];
    let built = process::shown(process::cargo(place, &arguments).env("RUSTFLAGS", FLAGS))?;
    if !built.succeeded {
        return Err(format!("it does not link: {}", built.status));
    }
    let program = place.target.join(&host).join("debug").join(PACKAGE);
    tiers::one_test(&mut Command::new(program))
}
