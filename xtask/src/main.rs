//! `cargo xtask`: the chores of the repository. Each command is one line of [`COMMANDS`] and one module.

mod audit;
mod audit_page;
mod bare;
mod c_binding;
mod c_interface;
mod c_logins;
mod cargo_output;
mod compare;
mod copied;
mod coverage;
mod ct;
mod dependencies;
mod digest;
mod disassembly;
mod freestanding;
mod fuzz;
mod gates;
mod licences;
mod manifests;
mod minimal;
mod named_tests;
mod planted;
mod process;
mod provenance;
mod python;
mod replay;
mod report;
mod sbom;
mod setup;
mod structure;
mod test_table;
mod tiers;
mod unsafe_inventory;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a chore failed, in words for the person who reads the terminal.
type Failure = String;

/// Where the repository and its build output lie.
#[derive(Clone)]
struct Place {
    root: PathBuf,
    target: PathBuf,
}

struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&Place, &[String]) -> Result<ExitCode, Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "setup",
        about: "install the programs that the tests need (--check: only say what is missing)",
        run: setup::command,
    },
    Command {
        name: "check",
        about: "format, lints, structure and unit tests: five minutes at most",
        run: tiers::check_command,
    },
    Command {
        name: "test",
        about: "everything, at the counts of CI (--full: at the full counts)",
        run: tiers::test_command,
    },
    Command {
        name: "compare",
        about: "the side-by-side table with peers (--json, --quick, --only PATTERN)",
        run: compare::command,
    },
    Command {
        name: "python",
        about: "the Python package: wheel, pytest, types, pages (--full: at the full counts)",
        run: python::command,
    },
    Command {
        name: "fuzz",
        about: "run the fuzz targets (--seconds N for all together, or one TARGET)",
        run: fuzz::command,
    },
    Command {
        name: "replay",
        about: "run what the fuzzers keep, seeds and corpora, once through each target (or one TARGET)",
        run: replay::command,
    },
    Command {
        name: "header",
        about: "write zamok.h and the status codes of the C interface anew from their sources",
        run: c_interface::command,
    },
    Command {
        name: "c",
        about: "build, install and test the C interface (--abi: keep the present ABI as the one that holds)",
        run: c_binding::command,
    },
    Command {
        name: "race",
        about: "zamok, login.py and login.c race for one code (after `cargo xtask c` and `cargo xtask python`)",
        run: gates::command,
    },
    Command {
        name: "ct",
        about: "branches and addresses that depend on a secret, by valgrind (--quick: release alone; --timing: dudect)",
        run: ct::command,
    },
    Command {
        name: "minimal",
        about: "build with the oldest versions of dependencies that the manifests allow",
        run: minimal::command,
    },
    Command {
        name: "coverage",
        about: "which lines of each crate its tests run, and which errors none has seen (names of packages)",
        run: coverage::command,
    },
    Command {
        name: "audit",
        about: "every check of the repository, and a report (--minutes N, --part NAME; --planted [NAME]: the planted defects alone)",
        run: audit::command,
    },
    Command {
        name: "sbom",
        about: "what the crates are built from, as a bill of materials (CycloneDX)",
        run: sbom::command,
    },
    Command {
        name: "structure",
        about: "who imports whom, where unsafe stands, what names say (--root DIR: of another tree)",
        run: structure::command,
    },
    Command {
        name: "pages",
        about: "the pages have a row for each test, dependency, unsafe file and vector, and the tests that they name are there",
        run: tiers::pages_command,
    },
    Command {
        name: "bare",
        about: "the builds without std, and the freestanding program",
        run: tiers::bare_command,
    },
    Command {
        name: "licences",
        about: "licences, duplicates and sources of all dependencies, after deny.toml",
        run: licences::command,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let place = Place::find();
    match COMMANDS.iter().find(|command| arguments.first().is_some_and(|name| name == command.name)) {
        Some(command) => match (command.run)(&place, &arguments[1..]) {
            Ok(code) => code,
            Err(failure) => {
                eprintln!("cargo xtask {}: {failure}", command.name);
                ExitCode::FAILURE
            }
        },
        None => {
            if let Some(name) = arguments.first() {
                eprintln!("cargo xtask: there is no command `{name}`");
            }
            eprintln!("usage: cargo xtask <command>\n");
            for command in COMMANDS {
                eprintln!("  {:<10} {}", command.name, command.about);
            }
            ExitCode::from(2)
        }
    }
}

impl Place {
    fn find() -> Self {
        // Cargo says at run time which checkout it runs for; a target folder may serve several.
        let xtask =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&xtask).parent().expect("xtask lies in the repository").to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Self { root, target }
    }
}

/// The arguments of a command that knows only the given switches.
fn only_switches(arguments: &[String], known: &[&str]) -> Result<(), Failure> {
    match arguments.iter().find(|argument| !known.contains(&argument.as_str())) {
        Some(argument) => Err(format!("unknown argument `{argument}`; known: {}", known.join(" "))),
        None => Ok(()),
    }
}
