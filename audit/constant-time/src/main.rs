//! The subjects of the constant-time check, after the method of ctgrind: secrets are marked as undefined memory, and valgrind's
//! memcheck reports every branch and every address that depends on them.
//!
//! `cargo xtask ct` builds it in both profiles and runs it under valgrind, on every kernel that valgrind can execute.
//! `constant-time [--kernel portable] [SUBJECT …]` runs subjects; without names, all that must be clean. Subjects whose
//! names begin with `planted` leak on purpose: the checker has to find each.

mod engine;
mod planted;
mod sealed;

use std::process::ExitCode;

use zamok_lanes::Variant;

/// A name on the command line and in the report, and what runs.
type Subject = (&'static str, fn());

fn subjects() -> Vec<Subject> {
    [engine::SUBJECTS, sealed::SUBJECTS, planted::SUBJECTS].concat()
}

fn is_planted(name: &str) -> bool {
    name.starts_with("planted")
}

fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.first().is_some_and(|name| name == "--list") {
        subjects().iter().for_each(|(name, _)| say(name));
        return ExitCode::SUCCESS;
    }
    if names.first().is_some_and(|name| name == "--kernel") {
        let kernel = names.drain(..2.min(names.len())).nth(1).unwrap_or_default();
        let Some(variant) = zamok_lanes::variants().find(|variant| variant.to_string() == kernel) else {
            say(&format!("this machine has no kernel {kernel:?}"));
            return ExitCode::FAILURE;
        };
        zamok_lanes::restrict_to(variant);
        assert!(zamok_lanes::variants().all(|left| left == variant || left == Variant::Portable));
    }
    let all = subjects();
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|(known, _)| known != name)) {
        say(&format!("there is no subject {unknown:?}"));
        return ExitCode::FAILURE;
    }
    for choice in zamok_lanes::describe() {
        say(&choice.to_string());
    }
    let mut ran = 0;
    for (name, run) in all {
        let asked =
            if names.is_empty() { !is_planted(name) } else { names.iter().any(|asked| asked == name) };
        if asked {
            run();
            say(&format!("ran {name}"));
            ran += 1;
        }
    }
    say(&format!("{ran} subjects"));
    ExitCode::SUCCESS
}

#[allow(clippy::print_stdout)] // A program for a checker: what it prints is its report.
fn say(line: &str) {
    println!("{line}");
}
