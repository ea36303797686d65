//! `cargo xtask setup`: the programs that the tests need from the machine, found or installed.

use crate::process::{self, program};
use crate::{Failure, Place, only_switches};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// A program of the machine, the Debian package that brings it, and who asks for it.
struct Peer {
    program: &'static str,
    package: &'static str,
    needed_by: &'static str,
}

/// Everything the tests need, in one place.
const PEERS: &[Peer] = &[
    Peer { program: "cc", package: "gcc libc6-dev", needed_by: "the bundled SQLite, the C binding" },
    Peer {
        program: "oathtool",
        package: "oathtool",
        needed_by: "HOTP and TOTP against another implementation",
    },
    Peer { program: "zbarimg", package: "zbar-tools", needed_by: "reading the enrolment QR code" },
    Peer {
        program: "rsvg-convert",
        package: "librsvg2-bin",
        needed_by: "turning the SVG of that QR code into pixels",
    },
    Peer { program: "openssl", package: "openssl", needed_by: "verifying document signatures" },
    Peer { program: "valgrind", package: "valgrind", needed_by: "constant-time checks" },
    Peer { program: "python3", package: "python3", needed_by: "PyJWT and pyotp" },
];

/// `python3 -m venv` works only where Debian's split-off part is there too; no program of its own shows it.
const VENV: Peer = Peer { program: "python3 -m venv", package: "python3-venv", needed_by: "PyJWT and pyotp" };

/// Cargo subcommands that a minimal toolchain lacks.
const COMPONENTS: &[(&str, &str)] = &[("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")];

const REQUIREMENTS: &str = include_str!("../requirements.txt");

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &["--check"])?;
    if arguments.is_empty() {
        complete(place)?;
        println!("everything is there");
        return Ok(ExitCode::SUCCESS);
    }
    for peer in PEERS {
        let found = program(peer.program).map_or("MISSING".to_owned(), |file| file.display().to_string());
        println!("{:<10} {found:<24} {} ({})", peer.program, peer.needed_by, peer.package);
    }
    let python =
        if python_is_ready(place) { venv_python(place).display().to_string() } else { "MISSING".to_owned() };
    println!("{:<10} {python} ({})", "packages", pinned().join(", "));
    for (name, component) in missing_components() {
        println!("{name:<10} MISSING (rustup component {component})");
    }
    let complete = missing().is_empty() && missing_components().is_empty() && python_is_ready(place);
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes everything be there, or says with which command a person does.
pub(crate) fn complete(place: &Place) -> Result<(), Failure> {
    install_components()?;
    let needs_venv = !python_is_ready(place);
    let mut packages: Vec<&str> = missing().iter().flat_map(|peer| peer.package.split(' ')).collect();
    // Without python3 there is no asking whether it has venv; the package brings both.
    if needs_venv && !python_has_venv() {
        packages.push(VENV.package);
    }
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    if needs_venv { make_venv(place) } else { Ok(()) }
}

/// The interpreter that knows the Python peers. Tests find it in `ZAMOK_PYTHON`.
pub(crate) fn venv_python(place: &Place) -> PathBuf {
    place.target.join("venv/bin/python3")
}

fn missing() -> Vec<&'static Peer> {
    PEERS.iter().filter(|peer| program(peer.program).is_none()).collect()
}

fn missing_components() -> Vec<(&'static str, &'static str)> {
    // rustup puts a stand-in for every component on PATH, so only running one tells.
    let works = |name: &str| {
        let command = name.strip_prefix("cargo-").unwrap_or(name);
        process::quiet(Command::new("cargo").args([command, "--version"])).is_ok()
    };
    COMPONENTS.iter().copied().filter(|(name, _)| !works(name)).collect()
}

fn install_components() -> Result<(), Failure> {
    for (name, component) in missing_components() {
        let by_hand = format!("rustup component add {component}");
        if program("rustup").is_none() {
            return Err(format!("{name} is missing: `{by_hand}`, or install it as your system does"));
        }
        println!("installing {component}");
        process::quiet(Command::new("rustup").args(["component", "add", component]))
            .map_err(|reason| format!("{name} is missing, and `{by_hand}` failed: {reason}"))?;
    }
    Ok(())
}

fn install_packages(packages: &[&str]) -> Result<(), Failure> {
    let by_hand = format!("apt-get update && apt-get install -y {}", packages.join(" "));
    let is_root = process::quiet(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if program("apt-get").is_none() {
        return Err(format!("missing on this machine (names of Debian packages): {}", packages.join(" ")));
    }
    if !is_root {
        return Err(format!("missing on this machine; run as root: {by_hand}"));
    }
    println!("installing {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        process::quiet(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    // The lists of a fresh machine are absent or old; both show as a failed installation.
    if apt(&install).is_err() {
        apt(&["update"])
            .and_then(|_| apt(&install))
            .map_err(|reason| format!("`{by_hand}` failed: {reason}"))?;
    }
    match missing().first() {
        Some(peer) => Err(format!("{} is still missing after installing {}", peer.program, peer.package)),
        None => Ok(()),
    }
}

fn python_has_venv() -> bool {
    process::quiet(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}

/// The stamp holds the requirements that were installed, so a changed pin makes a new venv.
fn stamp(place: &Place) -> PathBuf {
    place.target.join("venv/installed.txt")
}

fn python_is_ready(place: &Place) -> bool {
    // A venv whose interpreter is gone from the machine is a dangling link.
    venv_python(place).exists()
        && std::fs::read_to_string(stamp(place)).is_ok_and(|text| text == REQUIREMENTS)
}

fn make_venv(place: &Place) -> Result<(), Failure> {
    let venv = place.target.join("venv");
    println!("installing {} into {}", pinned().join(", "), venv.display());
    if venv.exists() {
        std::fs::remove_dir_all(&venv).map_err(|error| format!("{}: {error}", venv.display()))?;
    }
    process::quiet(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv_python(place));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]).args(pinned());
    process::quiet(&mut pip)?;
    std::fs::write(stamp(place), REQUIREMENTS).map_err(|error| format!("{}: {error}", stamp(place).display()))
}

fn pinned() -> Vec<&'static str> {
    REQUIREMENTS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_package_is_pinned() {
        assert!(!pinned().is_empty());
        for line in pinned() {
            assert!(
                line.split_once("==").is_some_and(|(name, version)| !name.is_empty() && !version.is_empty())
            );
        }
    }

    #[test]
    fn a_changed_pin_asks_for_a_new_venv() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { root: folder.path().to_path_buf(), target: folder.path().to_path_buf() };
        assert!(!python_is_ready(&place));
        std::fs::create_dir_all(folder.path().join("venv/bin")).unwrap();
        std::fs::write(venv_python(&place), "").unwrap();
        std::fs::write(stamp(&place), REQUIREMENTS).unwrap();
        assert!(python_is_ready(&place));
        std::fs::write(stamp(&place), "PyJWT==0.1\n").unwrap();
        assert!(!python_is_ready(&place));
    }
}
