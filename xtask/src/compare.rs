//! `cargo xtask compare`: the side-by-side table with peers, built and run in the release profile.

use crate::process;
use crate::{Failure, Place};
use std::process::ExitCode;

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    crate::setup::complete(place)?;
    let mut cargo = process::cargo(place, &["run", "--release", "--quiet", "--package", "zamok-benches"]);
    cargo
        .args(["--bin", "compare", "--"])
        .args(arguments)
        .env("ZAMOK_PYTHON", crate::setup::venv_python(place));
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
