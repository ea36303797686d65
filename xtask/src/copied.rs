//! A copy of the tree that a check may change, with build output of its own that the next run finds again.

use crate::{Failure, Place, process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Copied {
    pub(crate) tree: PathBuf,
    pub(crate) build: PathBuf,
}

impl Copied {
    /// Brings the copy up to date; files that did not change keep their times, so that little is built again.
    pub(crate) fn lay(place: &Place, name: &str) -> Result<Self, Failure> {
        let folder = place.target.join(name);
        let copy = Self { tree: folder.join("tree"), build: folder.join("build") };
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&place.root);
        let listed = process::quiet(&mut list)?;
        let wanted: Vec<&str> = listed.split('\0').filter(|file| !file.is_empty()).collect();
        for file in &wanted {
            let (from, to) = (place.root.join(file), copy.tree.join(file));
            // Listed and gone: deleted in the working tree.
            let Ok(content) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|there| there == content) {
                continue;
            }
            let failed = |error: std::io::Error| format!("{}: {error}", to.display());
            fs::create_dir_all(to.parent().unwrap_or(&copy.tree)).map_err(failed)?;
            fs::copy(&from, &to).map_err(failed)?;
        }
        copy.forget_others(&copy.tree, &wanted)?;
        Ok(copy)
    }

    fn forget_others(&self, folder: &Path, wanted: &[&str]) -> Result<(), Failure> {
        for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.strip_prefix(&self.tree).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                self.forget_others(&path, wanted)?;
            } else if !wanted.contains(&name.as_str()) && !name.ends_with("Cargo.lock") {
                fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(())
    }
}
