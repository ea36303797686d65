//! Builds where std does not exist. A toolchain folder is made that holds core, and alloc where a build may have it, and
//! nothing else; the compiler is pointed there. A crate that reaches for std, itself or through a dependency, does not
//! build. Needs no toolchain beyond the host's own.

use crate::structure::Rooms;
use crate::{Failure, Place, process};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Checks every bare build that the table of rooms lists. Warnings are errors here too.
pub(crate) fn check(place: &Place) -> Result<(), Failure> {
    let rooms = Rooms::read(&place.root)?;
    let mut checked = 0;
    for room in rooms.rooms.iter().filter(|room| place.root.join(&room.path).join("Cargo.toml").is_file()) {
        for build in &room.bare {
            let features = build.features.join(",");
            println!(
                "{} with [{features}], {} alloc",
                room.package,
                if build.alloc { "with" } else { "without" }
            );
            let sysroot = sysroot(&place.target.join("bare"), build.alloc)?;
            let host = host()?;
            let arguments =
                ["check", "--package", &room.package, "--no-default-features", "--features", &features];
            let mut command = process::cargo(place, &arguments);
            command.args(["--target", &host]).env("RUSTFLAGS", flags(&sysroot));
            if !process::shown(&mut command)?.succeeded {
                return Err(format!("{} [{features}] does not build without std", room.package));
            }
            checked += 1;
        }
    }
    if checked == 0 { Err("no bare build is listed".to_owned()) } else { Ok(()) }
}

/// Targets of this toolchain that have no std at all.
pub(crate) fn bare_targets() -> Result<Vec<String>, Failure> {
    let libraries = toolchain()?.join("lib/rustlib");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&libraries).map_err(|error| format!("{}: {error}", libraries.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let names: Vec<String> = match std::fs::read_dir(path.join("lib")) {
            Ok(entries) => {
                entries.flatten().map(|one| one.file_name().to_string_lossy().into_owned()).collect()
            }
            Err(_) => continue,
        };
        let has =
            |library: &str| names.iter().any(|name| name.starts_with(library) && name.ends_with(".rlib"));
        if has("libcore-") && !has("libstd-") {
            found.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    Ok(found)
}

/// Checks the same builds for a target of bare metal, warnings being errors.
pub(crate) fn check_for(place: &Place, target: &str) -> Result<(), Failure> {
    for room in &Rooms::read(&place.root)?.rooms {
        for build in room.bare.iter().filter(|_| place.root.join(&room.path).join("Cargo.toml").is_file()) {
            let features = build.features.join(",");
            let arguments =
                ["check", "--package", &room.package, "--no-default-features", "--features", &features];
            let mut command = process::cargo(place, &arguments);
            command.args(["--target", target]).env("RUSTFLAGS", "-Dwarnings");
            if !process::shown(&mut command)?.succeeded {
                return Err(format!("{} [{features}] does not build for {target}", room.package));
            }
        }
    }
    Ok(())
}

/// The target triple of this machine.
pub(crate) fn host() -> Result<String, Failure> {
    let version = process::quiet(Command::new("rustc").arg("-vV"))?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or("rustc does not say its host".to_owned())
}

fn flags(sysroot: &Path) -> String {
    format!("--sysroot={} -Dwarnings", sysroot.display())
}

fn toolchain() -> Result<PathBuf, Failure> {
    Ok(PathBuf::from(process::quiet(Command::new("rustc").args(["--print", "sysroot"]))?.trim_end()))
}

/// A toolchain folder without std. It is made anew each time: a new compiler has other libraries.
fn sysroot(folder: &Path, alloc: bool) -> Result<PathBuf, Failure> {
    let sysroot = folder.join(if alloc { "core-and-alloc" } else { "core" });
    let below = Path::new("lib/rustlib").join(host()?).join("lib");
    let failed = |error: std::io::Error| format!("{}: {error}", sysroot.display());
    if sysroot.exists() {
        std::fs::remove_dir_all(&sysroot).map_err(failed)?;
    }
    std::fs::create_dir_all(sysroot.join(&below)).map_err(failed)?;
    for entry in std::fs::read_dir(toolchain()?.join(&below)).map_err(failed)? {
        let library = entry.map_err(failed)?.path();
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = name.starts_with("libcore-")
            || name.starts_with("libcompiler_builtins-")
            || (alloc && name.starts_with("liballoc-"));
        if wanted {
            std::fs::copy(&library, sysroot.join(&below).join(name)).map_err(failed)?;
        }
    }
    Ok(sysroot)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles one line of source where std, or alloc too, does not exist.
    fn compiles(source: &str, alloc: bool) -> Result<String, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lib.rs");
        std::fs::write(&file, format!("#![no_std]\n{source}\n")).unwrap();
        let sysroot = sysroot(folder.path(), alloc).unwrap();
        let mut rustc = Command::new("rustc");
        rustc.args(["--crate-type=rlib", "--emit=metadata", "--out-dir"]).arg(folder.path());
        process::quiet(rustc.arg("--sysroot").arg(&sysroot).arg(&file))
    }

    #[test]
    fn what_is_not_there_cannot_be_used() {
        assert_eq!(compiles("pub fn one() -> Option<u8> { Some(1) }", false), Ok(String::new()));
        assert_eq!(
            compiles("extern crate alloc; pub fn two() -> alloc::vec::Vec<u8> { alloc::vec![] }", true),
            Ok(String::new())
        );
        assert!(compiles("extern crate alloc;", false).unwrap_err().contains("can't find crate for `alloc`"));
        assert!(compiles("extern crate std;", true).unwrap_err().contains("can't find crate for `std`"));
    }
}
