//! The structure check: who imports whom, where `unsafe` stands, what folders and files are called.
//! The rules' data is `architecture/edges.toml`; every violation is a sentence that names the place and the rule.

mod orphans;
mod rooms;
mod source;
#[cfg(test)]
mod tests;

use crate::manifests::{self, Kind, Package};
use crate::{Failure, Place};
pub(crate) use rooms::Rooms;
use rooms::{FILE, Platform, Room, Unsafe};
pub(crate) use source::Source;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    let root = match arguments {
        [] => place.root.clone(),
        [switch, root] if switch == "--root" => PathBuf::from(root),
        _ => return Err("usage: cargo xtask structure [--root DIR]".to_owned()),
    };
    let violations = violations(&root)?;
    for violation in &violations {
        println!("{violation}");
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything in the tree that the table of rooms does not allow.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>, Failure> {
    let rooms = Rooms::read(root)?;
    let packages = manifests::packages(root)?;
    let files = manifests::files(root)?;
    let mut found = Vec::new();
    found.extend(folders(root, &rooms)?);
    found.extend(names(&rooms, &files));
    found.extend(orphans::orphans(root, &packages, &files)?);
    for package in &packages {
        match rooms.of(&package.folder) {
            Some(room) => found.extend(edges(&rooms, room, package)),
            None if package.folder.is_empty() => {
                found
                    .push(format!("Cargo.toml: package `{}` lives in the root, not in a room", package.name));
            }
            None => found.push(unknown_room(&package.folder)),
        }
    }
    let mut lived_in: Vec<&str> = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let Some(room) = rooms.of(file) else { continue };
        let text = manifests::contents(root, file)?;
        let source = Source::read(&text);
        if !source.is_empty() {
            lived_in.push(&room.path);
        }
        found.extend(mentions(&rooms, room, &packages, file, &source));
        found.extend(detours(&rooms, room, file, &text));
    }
    for package in &packages {
        let Some(room) = rooms.of(&package.folder) else { continue };
        if !lived_in.contains(&room.path.as_str()) {
            found.push(format!("{}: an empty room: no line of code yet", room.path));
            continue;
        }
        for target in package.roots.iter().filter(|target| !target.is_test) {
            let source = Source::read(&manifests::contents(root, &target.file)?);
            if target.is_library && room.std != Platform::Std && !declares_no_std(&source) {
                found.push(format!("{}: a room without std starts with `#![no_std]`", target.file));
            }
            if !forbids_unsafe(root, package, room, &source)? {
                found.push(format!(
                    "{}: unsafe code is not {} (workspace lints, or an attribute of the crate root)",
                    target.file,
                    if matches!(room.unsafe_code, Unsafe::Only(_)) { "denied" } else { "forbidden" }
                ));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn unknown_room(folder: &str) -> String {
    format!(
        "{folder}: an unknown room: {FILE} does not list it; add its entry there first, with what it may import"
    )
}

/// Folders: known at the top, rooms in the halls, and nowhere an empty one.
fn folders(root: &Path, rooms: &Rooms) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for name in subfolders(root, root)? {
        if !rooms.top.contains(&name) {
            found.push(format!("{name}: an unknown folder at the top: {FILE} does not list it"));
        }
    }
    for hall in rooms.halls.iter().filter(|hall| root.join(hall).is_dir()) {
        for folder in subfolders(&root.join(hall), root)? {
            if rooms.of(&folder).is_none() {
                found.push(unknown_room(&folder));
            }
        }
    }
    let mut open = subfolders(root, root)?;
    while let Some(folder) = open.pop() {
        if manifests::entries(&root.join(&folder))?.is_empty() {
            found.push(format!("{folder}: an empty folder"));
        }
        open.extend(subfolders(&root.join(&folder), root)?);
    }
    Ok(found)
}

fn subfolders(folder: &Path, root: &Path) -> Result<Vec<String>, Failure> {
    let entries = manifests::entries(folder)?;
    Ok(entries
        .iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| manifests::relative(path, root))
        .collect())
}

fn names(rooms: &Rooms, files: &[String]) -> Vec<String> {
    let says_nothing = |name: &str| {
        let stem = name.split('.').next().unwrap_or(name);
        rooms.nameless.iter().any(|word| word == stem)
    };
    let named = |file: &&String| file.split('/').any(says_nothing);
    files
        .iter()
        .filter(named)
        .map(|file| format!("{file}: a name that does not say what lives there"))
        .collect()
}

/// The edges of one manifest.
fn edges(rooms: &Rooms, room: &Room, package: &Package) -> Vec<String> {
    let mut found = Vec::new();
    let manifest = format!("{}/Cargo.toml", package.folder);
    if package.folder == room.path && package.name != room.package {
        found.push(format!("{manifest}: package `{}` is called `{}` by {FILE}", package.name, room.package));
    }
    for (name, kind) in &package.dependencies {
        let Some(other) = rooms.named(&name.replace('-', "_")) else { continue };
        let allowed = match kind {
            Kind::Shipped => room.may_ship(other),
            Kind::Test => room.may_test_with(other),
        };
        if !allowed && other.path != room.path {
            let edge = if *kind == Kind::Test { "dev-depends on" } else { "depends on" };
            found.push(format!(
                "{manifest}: {} {edge} {}, which {FILE} does not allow",
                room.path, other.path
            ));
        }
    }
    found
}

/// Crates of the house that a source file names.
fn mentions(rooms: &Rooms, room: &Room, packages: &[Package], file: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    // The facade's own name is also a word of the language around it (`zamok` the program), so `mentions` takes only
    // the names with a room behind the underscore; the manifests guard the facade.
    for mention in source.mentions(|word| word.starts_with("zamok_")) {
        let at = format!("{file}:{}", mention.line);
        let own = packages.iter().any(|package| {
            rooms.of(&package.folder).is_some_and(|other| other.path == room.path)
                && package.name.replace('-', "_") == mention.word
        });
        let Some(other) = rooms.named(mention.word) else { continue };
        // Types and functions of the C interface have such names as well (`zamok_cabinet`): there, only paths count.
        if room.path == "bindings/c" && !mention.is_path {
            continue;
        }
        let allowed = if mention.in_tests || is_test_file(file) {
            room.may_test_with(other)
        } else {
            room.may_ship(other)
        };
        if !own && !allowed {
            found.push(format!("{at}: {} names {}, which {FILE} does not allow", room.path, mention.word));
        }
    }
    let may_hold_unsafe = match &room.unsafe_code {
        Unsafe::Allowed => true,
        Unsafe::Forbidden => false,
        Unsafe::Only(files) => files.iter().any(|one| {
            let one = format!("{}/{one}", room.path);
            file == one || (one.ends_with('/') && file.starts_with(&one))
        }),
    };
    if !may_hold_unsafe {
        for mention in source.mentions(|word| word == "unsafe") {
            found.push(format!("{file}:{}: `unsafe` where {FILE} does not allow it", mention.line));
        }
    }
    found
}

/// A `#[path]` or `include!` that takes code from another room is an import that no manifest shows.
fn detours(rooms: &Rooms, room: &Room, file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let rest = match (line.trim_start().strip_prefix("#[path"), line.split_once("include!(")) {
            (Some(rest), _) | (None, Some((_, rest))) => rest,
            _ => continue,
        };
        let Some(target) = rest.split('"').nth(1).filter(|target| target.ends_with(".rs")) else { continue };
        let mut parts: Vec<&str> = file.split('/').collect();
        parts.pop();
        for part in target.split('/') {
            match part {
                "." => {}
                ".." => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        let target = parts.join("/");
        if rooms.of(&target).is_none_or(|other| other.path != room.path) && !room.takes.contains(&target) {
            found.push(format!("{file}:{}: takes code from {target}, past the manifests", number + 1));
        }
    }
    found
}

/// Integration tests, benches and the files of a test module (`tests.rs`, `…/tests/…`).
fn is_test_file(file: &str) -> bool {
    file.split('/').any(|part| ["tests", "benches", "examples", "tests.rs"].contains(&part))
}

fn declares_no_std(source: &Source) -> bool {
    // `#![cfg_attr(not(feature = "std"), no_std)]` and its kin; literals are gone from the source by now.
    source.has_attribute("#![no_std]")
        || (source.has_attribute("#![cfg_attr(not(") && source.has_attribute(",no_std)]"))
}

fn forbids_unsafe(root: &Path, package: &Package, room: &Room, source: &Source) -> Result<bool, Failure> {
    let levels: &[&str] = match room.unsafe_code {
        Unsafe::Allowed => return Ok(true),
        Unsafe::Forbidden => &["forbid"],
        Unsafe::Only(_) => &["deny", "forbid"],
    };
    if levels.iter().any(|level| source.has_attribute(&format!("#![{level}(unsafe_code)]"))) {
        return Ok(true);
    }
    let lints = |file: &str| -> Result<toml::Table, Failure> {
        manifests::contents(root, file)?.parse().map_err(|error| format!("{file}: {error}"))
    };
    let own = lints(&format!("{}/Cargo.toml", package.folder))?;
    let table = own.get("lints");
    let inherits =
        table.and_then(|table| table.get("workspace")).and_then(toml::Value::as_bool) == Some(true);
    let workspace = if inherits { lints("Cargo.toml")? } else { toml::Table::new() };
    let table =
        if inherits { workspace.get("workspace").and_then(|table| table.get("lints")) } else { table };
    let level = table.and_then(|table| table.get("rust")).and_then(|table| table.get("unsafe_code"));
    let level = level.and_then(|level| level.get("level").or(Some(level))).and_then(toml::Value::as_str);
    Ok(level.is_some_and(|level| levels.contains(&level)))
}
