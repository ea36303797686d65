//! The oldest versions that the manifests allow, where `Cargo.lock` holds newer ones: whoever links the crates has a lock file of
//! his own.

use crate::copied::Copied;
use crate::report::Outcome;
use crate::{Failure, Place, only_switches, process};
use std::process::ExitCode;

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    check(place)?;
    println!("everything builds with the oldest versions that the manifests allow");
    Ok(ExitCode::SUCCESS)
}

/// Every library and program builds with them.
pub(crate) fn check(place: &Place) -> Result<Outcome, Failure> {
    let copy = Copied::lay(place, "minimal")?;
    // Of the crates that we name ourselves: what they in turn allow is theirs to keep.
    let cargo = |arguments: &[&str], nightly: bool| {
        let mut cargo = process::cargo(place, arguments);
        cargo.env("CARGO_TARGET_DIR", &copy.build).current_dir(&copy.tree);
        if nightly {
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        let succeeded = process::shown(&mut cargo)?.succeeded;
        if succeeded { Ok(()) } else { Err(format!("`cargo {}` fails", arguments.join(" "))) }
    };
    cargo(&["update", "-Z", "direct-minimal-versions"], true)?;
    cargo(&["check", "--workspace", "--lib", "--bins"], false)?;
    Ok(Outcome::Holds)
}
