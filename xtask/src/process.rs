//! Running other programs: their output goes to the terminal as it comes, and is kept where somebody reads it.

use crate::{Failure, Place};
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

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
    without_cargo(&mut command);
    command
}

/// What cargo set for this program says nothing to the programs it starts, and confuses build scripts.
pub(crate) fn without_cargo(command: &mut Command) {
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
}

/// Runs to the end, showing each line as it comes. What the program left running, with its output still open, is ended and told:
/// whoever waited for it would wait for ever.
pub(crate) fn shown(command: &mut Command) -> Result<Finished, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let pipe = std::fs::read_link(format!("/proc/self/fd/{}", reader.as_raw_fd()));
    command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut child = command.spawn().map_err(failed)?;
    // The command holds the writing end of the pipe; without it the reader sees the end of the output.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (told, ended) = mpsc::channel();
    let lines = std::thread::spawn(move || {
        let output = show(reader);
        // Nobody listens any more only when this command has failed otherwise.
        let _ = told.send(());
        output
    });
    let status = child.wait().map_err(failed)?;
    if ended.recv_timeout(LEFT_OVER).is_err()
        && let Ok(pipe) = pipe
    {
        end_holders(&pipe);
    }
    let output = lines.join().map_err(|_| format!("{name}: its output was lost"))?.map_err(failed)?;
    Ok(Finished { succeeded: status.success(), status: status.to_string(), output })
}

/// How long the output may stay open after the program has ended.
const LEFT_OVER: Duration = Duration::from_secs(5);

/// Passes lines on to the terminal, and keeps them.
fn show(reader: PipeReader) -> std::io::Result<String> {
    let mut output = String::new();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        // A closed terminal is no reason to stop a test run.
        let _ = std::io::stdout().write_all(text.as_bytes());
        output.push_str(&text);
        line.clear();
    }
    Ok(output)
}

/// Ends every other process that holds this pipe, and says which.
fn end_holders(pipe: &Path) {
    let own = std::process::id().to_string();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = process.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let open = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        if open.into_iter().any(|file| std::fs::read_link(file.path()).is_ok_and(|target| target == pipe)) {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            println!("LEFT RUNNING, and ended now: {id} {}", line.trim_end());
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    }
}

/// Runs to the end, with these lines as its standard input; both its outputs are kept and not shown.
pub(crate) fn answering(command: &mut Command, lines: &[u8]) -> Result<Finished, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let mut input = child.stdin.take().ok_or_else(|| format!("{name} has no input"))?;
    // A program that ends before it was asked everything is no failure of this one.
    let _ = input.write_all(lines);
    drop(input);
    let output = child.wait_with_output().map_err(failed)?;
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    Ok(Finished { succeeded: output.status.success(), status: output.status.to_string(), output: said })
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

/// Runs to the end without showing anything; what it said on both its outputs is kept, whatever its exit code.
pub(crate) fn captured(command: &mut Command) -> Result<Finished, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let finished = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let output =
        [finished.stdout, finished.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Ok(Finished { succeeded: finished.status.success(), status: finished.status.to_string(), output })
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

    #[test]
    fn what_is_left_running_holds_nobody_up() {
        let finished = shown(Command::new("sh").args(["-c", "sleep 600 & echo over"])).unwrap();
        assert!(finished.succeeded);
        assert_eq!(finished.output, "over\n");
    }
}
