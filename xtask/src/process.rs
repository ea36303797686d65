//! Running other programs: their output goes to the terminal as it comes, and is kept where somebody reads it.

use crate::{Failure, Place};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a program left behind: whether it succeeded, and what it said on both its outputs, in order.
pub(crate) struct Finished {
    pub(crate) succeeded: bool,
    pub(crate) status: String,
    pub(crate) output: String,
}

/// A cargo command in the root of the repository. Standard input is closed: nothing may wait for a person.
pub(crate) fn cargo(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(&place.root).stdin(Stdio::null());
    // What cargo set for this program says nothing to the programs it starts, and confuses build scripts.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs to the end, showing each line as it comes.
pub(crate) fn shown(command: &mut Command) -> Result<Finished, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut child = command.spawn().map_err(failed)?;
    // The command holds the writing end of the pipe; without it the reader sees the end of the output.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut output = String::new();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        let text = String::from_utf8_lossy(&line);
        // A closed terminal is no reason to stop a test run.
        let _ = std::io::stdout().write_all(text.as_bytes());
        output.push_str(&text);
        line.clear();
    }
    let status = child.wait().map_err(failed)?;
    Ok(Finished { succeeded: status.success(), status: status.to_string(), output })
}

/// Runs to the end without showing anything; the answer is standard output.
pub(crate) fn quiet(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let finished = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if finished.status.success() {
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    } else {
        Err(format!("{name}: {}\n{}", finished.status, String::from_utf8_lossy(&finished.stderr).trim_end()))
    }
}

/// Where a program lies, after PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_failure_are_kept() {
        let finished = shown(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert!(!finished.succeeded);
        assert!(finished.status.contains('3'), "{}", finished.status);
        assert_eq!(finished.output, "out\nerr\n");
        assert!(shown(&mut Command::new("/no/such/program")).is_err());
        assert!(quiet(Command::new("sh").args(["-c", "echo why >&2; false"])).unwrap_err().contains("why"));
    }
}
