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
    Peer {
        program: "softhsm2-util",
        package: "softhsm2 libsofthsm2",
        needed_by: "slots that a token opens; stored keys beside another token",
    },
    Peer {
        program: "pkcs11-tool",
        package: "opensc",
        needed_by: "keys in tokens as another program makes them",
    },
    Peer {
        program: "pkg-config",
        package: "pkg-config libssl-dev",
        needed_by: "comparisons with the library of OpenSSL",
    },
    Peer { program: "valgrind", package: "valgrind", needed_by: "constant-time checks, the C interface" },
    Peer { program: "cmake", package: "cmake make", needed_by: "installing the C interface" },
    Peer { program: "g++", package: "g++", needed_by: "the header of the C interface under C++" },
    Peer { program: "abidiff", package: "abigail-tools", needed_by: "changes of the C interface" },
    Peer {
        program: "pamtester",
        package: "pamtester libpam0g-dev libpam-wrapper",
        needed_by: "logging in through the PAM module",
    },
    Peer {
        program: "strace",
        package: "strace",
        needed_by: "seeing that a commit is flushed before it is answered",
    },
    Peer { program: "initdb", package: "postgresql", needed_by: "the PostgreSQL store" },
    Peer { program: "pgbouncer", package: "pgbouncer", needed_by: "the PostgreSQL store behind a pooler" },
    Peer { program: "setpriv", package: "util-linux", needed_by: "servers that refuse to be run by root" },
    Peer { program: "python3", package: "python3", needed_by: "PyJWT and pyotp" },
    Peer { program: "curl", package: "curl", needed_by: "connections with client certificates" },
];

/// `python3 -m venv` works only where Debian's split-off part is there too; no program of its own shows it.
const VENV: Peer = Peer { program: "python3 -m venv", package: "python3-venv", needed_by: "PyJWT and pyotp" };

/// Cargo subcommands that a minimal toolchain lacks.
const COMPONENTS: &[(&str, &str)] = &[("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")];

/// A processor without an operating system: ARMv7E-M (Cortex-M4, M7).
const BARE_TARGET: &str = "thumbv7em-none-eabi";

/// The peers from npm, pinned by a lock file beside it.
const PEERS_NPM: &str = include_str!("../../audit/npm/package.json");
const PEERS_LOCK: &str = include_str!("../../audit/npm/package-lock.json");

/// The program that makes `zamok.h`, and the version that it is made by. Built without optimisation: it runs for a second.
const CBINDGEN: (&str, &str) = ("cbindgen", "0.29.4");

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The source distribution whose tests run against `zamok.compat.pyotp`, and its SHA-256.
const PYOTP: &str = "pyotp-2.12.0";
const PYOTP_SOURCE: &str = include_str!("../pyotp-source.txt");

/// What npm installs, and the lock file with the hashes.
const NPM: [(&str, &str); 2] = [
    ("package.json", include_str!("../npm/package.json")),
    ("package-lock.json", include_str!("../npm/package-lock.json")),
];

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &["--check"])?;
    if arguments.is_empty() {
        complete(place)?;
        println!("everything is there");
        return Ok(ExitCode::SUCCESS);
    }
    for peer in PEERS {
        let found = found(peer.program).map_or("MISSING".to_owned(), |file| file.display().to_string());
        println!("{:<10} {found:<24} {} ({})", peer.program, peer.needed_by, peer.package);
    }
    let python =
        if python_is_ready(place) { venv_python(place).display().to_string() } else { "MISSING".to_owned() };
    println!("{:<10} {python} ({})", "packages", pinned().join(", "));
    let header =
        if cbindgen_is_ready(place) { cbindgen(place).display().to_string() } else { "MISSING".to_owned() };
    println!("{:<10} {header} ({} {})", "header", CBINDGEN.0, CBINDGEN.1);
    for (name, component) in missing_components() {
        println!("{name:<10} MISSING (rustup component {component})");
    }
    let npm =
        if npm_is_ready(place) { npm_folder(place).display().to_string() } else { "MISSING".to_owned() };
    println!("{:<10} {npm} (audit/npm/package.json)", "npm");
    let complete = missing().is_empty()
        && missing_components().is_empty()
        && python_is_ready(place)
        && npm_is_ready(place)
        && cbindgen_is_ready(place);
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes everything be there, or says with which command a person does.
pub(crate) fn complete(place: &Place) -> Result<(), Failure> {
    install_components()?;
    install_bare_target();
    let needs_venv = !python_is_ready(place);
    let mut packages: Vec<&str> = missing().iter().flat_map(|peer| peer.package.split(' ')).collect();
    // Without python3 there is no asking whether it has venv; the package brings both.
    if needs_venv && !python_has_venv() {
        packages.push(VENV.package);
    }
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    if needs_venv {
        make_venv(place)?;
    }
    tools(place)?;
    fetch_pyotp(place)?;
    fetch_pyright(place)?;
    if npm_is_ready(place) { Ok(()) } else { install_npm(place) }
}

/// Where the peers from npm lie, in `node_modules`. Tests find it in `ZAMOK_NPM`.
pub(crate) fn npm_folder(place: &Place) -> PathBuf {
    place.target.join("npm")
}

/// The stamp holds the lock file that was installed.
fn npm_stamp(place: &Place) -> PathBuf {
    npm_folder(place).join("installed.json")
}

fn npm_is_ready(place: &Place) -> bool {
    std::fs::read_to_string(npm_stamp(place)).is_ok_and(|text| text == PEERS_LOCK)
}

/// Exactly what the lock file names, and none of the programs that packages would like to run.
fn install_npm(place: &Place) -> Result<(), Failure> {
    let folder = npm_folder(place);
    println!("installing peers from npm into {}", folder.display());
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (name, text) in [("package.json", PEERS_NPM), ("package-lock.json", PEERS_LOCK)] {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    npm_ci(place, &folder)?;
    std::fs::write(npm_stamp(place), PEERS_LOCK)
        .map_err(|error| format!("{}: {error}", npm_stamp(place).display()))
}

/// Programs of the registry of crates, in `target/tools`.
pub(crate) fn tools(place: &Place) -> Result<(), Failure> {
    if cbindgen_is_ready(place) {
        return Ok(());
    }
    let (name, version) = CBINDGEN;
    println!("installing {name} {version}");
    let root = place.target.join("tools");
    let mut install =
        process::cargo(place, &["install", name, "--version", version, "--locked", "--debug", "--force"]);
    process::quiet(install.arg("--root").arg(&root).arg("--target-dir").arg(root.join("build")))?;
    std::fs::remove_dir_all(root.join("build")).map_err(|error| format!("{}: {error}", root.display()))
}

/// Where the program lies that makes the header.
pub(crate) fn cbindgen(place: &Place) -> PathBuf {
    place.target.join("tools/bin").join(CBINDGEN.0)
}

fn cbindgen_is_ready(place: &Place) -> bool {
    process::quiet(Command::new(cbindgen(place)).arg("--version"))
        .is_ok_and(|said| said.split_whitespace().last() == Some(CBINDGEN.1))
}

/// The interpreter that knows the Python peers. Tests find it in `ZAMOK_PYTHON`.
pub(crate) fn venv_python(place: &Place) -> PathBuf {
    place.target.join("venv/bin/python3")
}

/// pyotp's own tests, from its source distribution.
pub(crate) fn pyotp_tests(place: &Place) -> PathBuf {
    place.target.join("pyotp").join(PYOTP).join("test.py")
}

/// The type checker pyright, a program for Node.js.
pub(crate) fn pyright(place: &Place) -> PathBuf {
    place.target.join("pyright/node_modules/pyright/index.js")
}

/// Where a program lies: after `PATH`, else where Debian keeps the programs of servers.
fn found(name: &str) -> Option<PathBuf> {
    let servers = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let kept = servers.map(|version| version.path().join("bin")).chain([PathBuf::from("/usr/sbin")]);
    program(name).or_else(|| kept.map(|folder| folder.join(name)).find(|file| file.is_file()))
}

fn missing() -> Vec<&'static Peer> {
    PEERS.iter().filter(|peer| found(peer.program).is_none()).collect()
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

/// A target without std, where rustup brings one. The tests stand without it, and say so.
fn install_bare_target() {
    let has_one = crate::bare::bare_targets().is_ok_and(|targets| !targets.is_empty());
    if has_one || program("rustup").is_none() || program("timeout").is_none() {
        return;
    }
    println!("installing the target {BARE_TARGET}");
    // Behind a closed network a download may wait for ever.
    let add = ["180", "rustup", "target", "add", BARE_TARGET];
    if let Err(reason) = process::quiet(Command::new("timeout").args(add)) {
        println!("`rustup target add {BARE_TARGET}` failed, so nothing is built for bare metal: {reason}");
    }
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

/// Fetches the source distribution of pyotp, whose hash pip compares, and unpacks it. It is nobody's dependency and is not kept
/// in the repository.
fn fetch_pyotp(place: &Place) -> Result<(), Failure> {
    if pyotp_tests(place).exists() {
        return Ok(());
    }
    let folder = place.target.join("pyotp");
    println!("fetching the source of {PYOTP}");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let list = folder.join("source.txt");
    std::fs::write(&list, PYOTP_SOURCE).map_err(failed)?;
    let mut pip = Command::new(venv_python(place));
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    pip.args(["--no-binary", ":all:", "--require-hashes", "--dest"]).arg(&folder).arg("-r").arg(&list);
    process::quiet(&mut pip)?;
    let mut tar = Command::new("tar");
    process::quiet(tar.arg("-xzf").arg(folder.join(format!("{PYOTP}.tar.gz"))).arg("-C").arg(&folder))
        .map(|_| ())
}

/// Installs pyright by the lock file, with the Node.js that the Python environment holds.
fn fetch_pyright(place: &Place) -> Result<(), Failure> {
    let folder = place.target.join("pyright");
    let lock = std::fs::read_to_string(folder.join("package-lock.json"));
    if pyright(place).exists() && lock.is_ok_and(|lock| lock == NPM[1].1) {
        return Ok(());
    }
    println!("installing pyright into {}", folder.display());
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for (name, text) in NPM {
        std::fs::write(folder.join(name), text).map_err(failed)?;
    }
    npm_ci(place, &folder)
}

/// Installs what the lock file of a folder names, with the Node.js that the Python environment holds.
fn npm_ci(place: &Place, folder: &std::path::Path) -> Result<(), Failure> {
    let programs = place.target.join("venv/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs.clone()].into_iter().chain(std::env::split_paths(&path)))
        .map_err(|error| error.to_string())?;
    let mut npm = Command::new(programs.join("npm"));
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder).env("PATH", path);
    process::quiet(&mut npm).map(|_| ())
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
