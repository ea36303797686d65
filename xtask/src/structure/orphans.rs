//! Source files that no module declares: the compiler never sees them, and a reader takes them for the code.

use crate::Failure;
use crate::manifests::{self, Package};
use std::path::Path;

/// The files below a `src` folder that neither begin a program or library nor are declared by the file above them.
pub(super) fn orphans(root: &Path, packages: &[Package], files: &[String]) -> Result<Vec<String>, Failure> {
    let roots: Vec<&str> =
        packages.iter().flat_map(|package| &package.roots).map(|target| target.file.as_str()).collect();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".rs") && file.contains("/src/")) {
        if roots.contains(&file.as_str()) {
            continue;
        }
        let Some((folder, name)) = module(file) else { continue };
        let mut declared = false;
        for above in files.iter().filter(|above| declares(above, folder, &roots)) {
            let text = manifests::contents(root, above)?;
            let (usual, by_path) =
                (format!("mod {name};"), format!("#[path = \"{}\"]", &file[folder.len() + 1..]));
            declared |= text.lines().map(str::trim).any(|line| line.ends_with(&usual) || line == by_path);
        }
        if !declared {
            found.push(format!("{file}: no module declares it, so it is never compiled"));
        }
    }
    Ok(found)
}

/// The folder in which a module's parent looks for it, and its name: `a/b.rs` and `a/b/mod.rs` are `b` of `a`.
fn module(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix("/mod.rs").or_else(|| file.strip_suffix(".rs"))?;
    stem.rsplit_once('/')
}

/// Whether a file may declare modules of this folder.
fn declares(file: &str, folder: &str, roots: &[&str]) -> bool {
    let beside = |name: &str| file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) == Some(name);
    let is_root_there = roots.contains(&file) && file.rsplit_once('/').is_some_and(|(at, _)| at == folder);
    beside("mod.rs") || is_root_there || file.strip_suffix(".rs") == Some(folder)
}
