//! Python with the package python-pskc. Where it is missing the test fails: `cargo xtask setup` installs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// What a Python program prints when it is given this input.
pub(crate) fn python(program: &str, input: &str) -> String {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python3");
    let fallback = if venv.exists() { venv } else { PathBuf::from("python3") };
    let python = std::env::var_os("ZAMOK_PYTHON").map_or(fallback, PathBuf::from);
    let mut child = Command::new(&python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{python:?} cannot be run ({error}): run cargo xtask setup"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the peer failed; is python-pskc there? run cargo xtask setup\n{errors}"
    );
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
