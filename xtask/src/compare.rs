//! `cargo xtask compare`: the side-by-side table with peers, built and run in the release profile.

use crate::{Failure, Place};
use crate::{process, python};
use std::process::ExitCode;

/// Rows that are measured inside Python, over a wheel of the release profile.
const PYTHON_ROWS: [&str; 2] = ["py-verify", "py-batch"];

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    crate::setup::complete(place)?;
    if asks_python(arguments) {
        python::wheel(place, "release")?;
    }
    // The library as a C program links it: with its own optimisation as a whole.
    let built = process::shown(&mut process::cargo(
        place,
        &["build", "--release", "--quiet", "--package", "zamok-c"],
    ))?;
    if !built.succeeded {
        return Err(format!("zamok-c: {}", built.status));
    }
    let mut cargo = process::cargo(place, &["run", "--release", "--quiet", "--package", "zamok-benches"]);
    cargo
        .args(["--bin", "compare", "--"])
        .args(arguments)
        .env("ZAMOK_PYTHON", crate::setup::venv_python(place))
        .env("ZAMOK_NPM", crate::setup::npm_folder(place))
        .env("ZAMOK_WHEEL_PYTHON", python::interpreter(place))
        .env("ZAMOK_C_LIBRARY", place.target.join("release/libzamok_c.so"));
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Whether a row of Python's is among those that were asked for.
fn asks_python(arguments: &[String]) -> bool {
    let drawn = arguments.iter().any(|argument| argument == "--plot" || argument == "--scaling");
    let pattern =
        arguments.iter().position(|argument| argument == "--only").and_then(|at| arguments.get(at + 1));
    !drawn && PYTHON_ROWS.iter().any(|row| pattern.is_none_or(|pattern| row.contains(pattern.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_is_made_only_for_rows_that_need_it() {
        let asks = |line: &str| asks_python(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert!(asks("") && asks("--json --quick") && asks("--only py-") && asks("--only verify"));
        assert!(!asks("--only otp") && !asks("--plot folder") && !asks("--only store --json"));
    }
}
