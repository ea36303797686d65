//! Programs of others that verify what we made, and make what we verify. One that is missing fails the test: `cargo xtask setup` installs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// What the crate `signed_note` answers to each line of input, as the program in `audit/signed-note`.
#[allow(dead_code)] // Not every peer is asked by every test.
pub(crate) fn signed_note(input: &[String]) -> Vec<String> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--locked", "--manifest-path"]);
    command.arg(repository.join("audit/signed-note/Cargo.toml"));
    command.arg("--target-dir").arg(repository.join("target/signed-note"));
    // What instruments the tests is not for the peer.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    ask(&mut command, input)
}

/// What a Python program prints for each line of input; it finds the modules in `examples/python`.
#[allow(dead_code)]
pub(crate) fn python(program: &str, input: &[String]) -> Vec<String> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let venv = repository.join("target/venv/bin/python3");
    let fallback = if venv.exists() { venv } else { PathBuf::from("python3") };
    let python = std::env::var_os("ZAMOK_PYTHON").map_or(fallback, PathBuf::from);
    let mut command = Command::new(python);
    command.args(["-c", program]);
    command.env("PYTHONPATH", repository.join("examples/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    ask(&mut command, input)
}

fn ask(command: &mut Command, input: &[String]) -> Vec<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}): run `cargo xtask setup`"));
    let mut stdin = child.stdin.take().unwrap();
    let lines = input.join("\n");
    let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the program ended with {}: run `cargo xtask setup`", output.status);
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), input.len(), "one answer for each question");
    answers
}
