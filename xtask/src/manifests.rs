//! The manifests of a tree, as `cargo metadata` reads them.

use crate::{Failure, process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One package of the tree.
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest, relative to the root of the tree, with `/`.
    pub(crate) folder: String,
    /// Names of the packages that it depends on, with the kind of the edge.
    pub(crate) dependencies: Vec<(String, Kind)>,
    /// Crate roots, relative to the root of the tree.
    pub(crate) roots: Vec<Root>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A normal or a build dependency.
    Shipped,
    /// A dev-dependency.
    Test,
}

/// The file that a target starts from.
pub(crate) struct Root {
    pub(crate) file: String,
    pub(crate) is_library: bool,
    pub(crate) is_test: bool,
}

/// The features that each package of the workspace declares itself, `default` aside.
pub(crate) fn features(root: &Path) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--locked", "--format-version", "1"]).current_dir(root);
    let metadata: Value =
        serde_json::from_str(&process::quiet(&mut cargo)?).map_err(|error| error.to_string())?;
    let declared = |package: &Value| {
        let features = package["features"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        (text(package, "name").to_owned(), features.filter(|name| name != "default").collect::<Vec<_>>())
    };
    Ok(list(&metadata, "packages").map(declared).filter(|(_, features)| !features.is_empty()).collect())
}

/// Every package below `root`: the workspace's and those in workspaces of their own.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>, Failure> {
    let mut found: Vec<Package> = Vec::new();
    for manifest in files(root)?.iter().filter(|file| file.ends_with("Cargo.toml")) {
        let folder = manifest.strip_suffix("Cargo.toml").unwrap_or_default().trim_end_matches('/');
        if found.iter().any(|package| package.folder == folder) {
            continue;
        }
        let answer = process::quiet(
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
                .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
                .arg(root.join(manifest)),
        )?;
        let metadata: Value =
            serde_json::from_str(&answer).map_err(|error| format!("cargo metadata: {error}"))?;
        for package in list(&metadata, "packages").filter_map(|package| read(package, root)) {
            if !found.iter().any(|known| known.folder == package.folder) {
                found.push(package);
            }
        }
    }
    found.sort_by(|one, other| one.folder.cmp(&other.folder));
    Ok(found)
}

fn read(package: &Value, root: &Path) -> Option<Package> {
    let folder = relative(Path::new(text(package, "manifest_path")).parent()?, root)?;
    let dependencies = list(package, "dependencies")
        .map(|edge| {
            let kind = if text(edge, "kind") == "dev" { Kind::Test } else { Kind::Shipped };
            (text(edge, "name").to_owned(), kind)
        })
        .collect();
    let roots = list(package, "targets")
        .filter_map(|target| {
            let is = |kind: &str| list(target, "kind").any(|one| one == kind);
            Some(Root {
                file: relative(Path::new(text(target, "src_path")), root)?,
                is_library: ["lib", "rlib", "cdylib", "staticlib", "proc-macro"].into_iter().any(is),
                is_test: is("test"),
            })
        })
        .collect();
    Some(Package { name: text(package, "name").to_owned(), folder, dependencies, roots })
}

/// Every file of the tree, relative to its root, sorted; what builds leave behind is not part of it.
pub(crate) fn files(root: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                open.push(path);
            } else if let Some(name) = relative(&path, root) {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What lies in a folder, less what git or a build put there.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let left_behind = [".git", "__pycache__"].contains(&name.as_str())
            || (name == "target" && path.is_dir())
            || path.is_symlink();
        if !left_behind {
            found.push(path);
        }
    }
    Ok(found)
}

/// A path below `root`, with `/` between its parts.
pub(crate) fn relative(path: &Path, root: &Path) -> Option<String> {
    let below = path.strip_prefix(root).ok()?;
    Some(below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/"))
}

/// A file of the tree as text.
pub(crate) fn contents(root: &Path, file: &str) -> Result<String, Failure> {
    std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}
