//! Programs of the machine, and the user who runs them: servers refuse to be run by root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Users who may run a server when we are root, the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Where Debian keeps the programs of a PostgreSQL server, below a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A program of the PostgreSQL server: from `PATH`, else the newest that Debian installed.
pub(crate) fn server_program(name: &str) -> PathBuf {
    on_path(name)
        .or_else(|| {
            let versions = fs::read_dir(DEBIAN).ok()?.filter_map(|entry| {
                let entry = entry.ok()?;
                let version: u32 = entry.file_name().to_str()?.parse().ok()?;
                let program = entry.path().join("bin").join(name);
                program.exists().then_some((version, program))
            });
            versions.max().map(|(_, program)| program)
        })
        .unwrap_or_else(|| panic!("{name} is missing: `cargo xtask setup` installs it"))
}

/// PgBouncer, which Debian keeps where only root's `PATH` looks.
pub(crate) fn bouncer_program() -> PathBuf {
    on_path("pgbouncer")
        .or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|program| program.exists()))
        .unwrap_or_else(|| panic!("pgbouncer is missing: `cargo xtask setup` installs it"))
}

/// The load generator of PostgreSQL: the peer of a comparison.
#[must_use]
pub fn pgbench() -> Command {
    Command::new(server_program("pgbench"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The user who runs the servers.
#[derive(Clone, Debug)]
pub(crate) enum User {
    /// Ourselves.
    Own,
    /// Somebody else, because we are root.
    Other { name: &'static str, id: u32, group: u32 },
}

impl User {
    pub(crate) fn find() -> Self {
        let own = fs::metadata("/proc/self").expect("the folder of this process").uid();
        if own != 0 {
            return Self::Own;
        }
        let accounts = fs::read_to_string("/etc/passwd").expect("the list of users");
        let found = UNPRIVILEGED.iter().find_map(|name| {
            let line = accounts.lines().find(|line| line.split(':').next() == Some(*name))?;
            let mut numbers = line.split(':').skip(2).map(str::parse);
            Some(Self::Other { name, id: numbers.next()?.ok()?, group: numbers.next()?.ok()? })
        });
        found.unwrap_or_else(|| panic!("none of the users {UNPRIVILEGED:?} exists"))
    }

    /// A command that this user runs.
    pub(crate) fn command(&self, program: &Path) -> Command {
        match self {
            Self::Own => Command::new(program),
            Self::Other { name, group, .. } => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={name}")).arg(format!("--regid={group}"));
                command.arg("--clear-groups").arg("--").arg(program);
                command
            }
        }
    }

    /// Gives a file or folder to this user.
    pub(crate) fn owns(&self, path: &Path) {
        if let Self::Other { id, group, .. } = self {
            chown(path, Some(*id), Some(*group)).expect("root gives files away");
        }
    }
}

/// Runs a command that must succeed; answers with what it printed.
pub(crate) fn must(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        status.success(),
        "{command:?}: {status}\n{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8_lossy(&stdout).trim_end().to_owned()
}
