//! Programs that compute the same as we do. One that is missing fails the test: `cargo xtask setup` installs it.

#![allow(clippy::print_stdout)] // What was met is for whoever reads a failed run.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// The output of a program, line by line.
pub(crate) fn lines(command: &mut Command, input: &str) -> Vec<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{name} cannot be run ({error}): run `cargo xtask setup`"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed; is it there? run `cargo xtask setup`\n{errors}");
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What a Python program prints for each line of input.
#[allow(dead_code)] // Not every peer is a Python package.
pub(crate) fn python(program: &str, input: &[String]) -> Vec<String> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python3");
    let fallback = if venv.exists() { venv } else { PathBuf::from("python3") };
    let python = std::env::var_os("ZAMOK_PYTHON").map_or(fallback, PathBuf::from);
    let answers = lines(Command::new(python).args(["-c", program]), &input.join("\n"));
    assert_eq!(answers.len(), input.len(), "one answer for each question");
    answers
}

/// Fresh random numbers; `ZAMOK_SEED` repeats those of an earlier run.
pub(crate) struct Fresh(u64);

#[allow(dead_code)] // Nor every one at random numbers.
impl Fresh {
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("ZAMOK_SEED") {
            Ok(seed) => seed.parse().expect("ZAMOK_SEED is a number"),
            Err(_) => RandomState::new().hash_one("zamok"),
        };
        println!("ZAMOK_SEED={seed}");
        Self(seed)
    }

    /// SplitMix64.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::try_from(self.below(among.len() as u64)).unwrap()]
    }

    pub(crate) fn bytes(&mut self, least: u64, most: u64) -> Vec<u8> {
        let len = least + self.below(most - least + 1);
        (0..len).map(|_| self.number().to_le_bytes()[0]).collect()
    }
}

/// Counts what was compared, so that a test can assert the spread.
#[derive(Default)]
pub(crate) struct Spread(std::collections::BTreeMap<String, u32>);

#[allow(dead_code)] // Nor every spread is asserted.
impl Spread {
    pub(crate) fn count(&mut self, what: impl ToString, cases: u32) {
        *self.0.entry(what.to_string()).or_default() += cases;
    }

    /// Each of these was met in at least one of so many parts of all cases.
    pub(crate) fn assert(&self, cases: u32, part: u32, expected: &[&str]) {
        println!("{:?}", self.0);
        for what in expected {
            let met = self.0.get(*what).copied().unwrap_or(0);
            assert!(met >= cases / part, "{what}: {met} of {cases}");
        }
    }
}
