//! A test's child behind a shell script, where that is needed with a mount table of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::{PLACE, TASK, child, say};

/// Runs this test's child behind a shell script that ends with `exec "$0" "$@"`, with a mount table of its own.
///
/// # Panics
/// Where the system allows no such thing: a test that cannot run has failed.
pub fn in_a_namespace(test: &str, task: &str, place: &Path, script: &str) -> Output {
    // Who is root needs no namespace of users, which some systems deny.
    let ways: [&[&str]; 2] = [&["unshare", "--user", "--map-root-user", "--mount"], &["unshare", "--mount"]];
    let mut refusals = String::new();
    for way in ways {
        let tried =
            Command::new(way[0]).args(&way[1..]).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
        match tried {
            Ok(tried) if tried.status.success() => return behind(way, test, task, place, script),
            Ok(tried) => refusals += &String::from_utf8_lossy(&tried.stderr),
            Err(error) => refusals += &format!("unshare: {error}\n"),
        }
    }
    panic!("this system allows no mount namespaces, neither to users nor to us:\n{refusals}");
}

/// The same without what lets root read and write what the mode of a file forbids.
///
/// # Panics
/// Where root cannot do without: a test that cannot run has failed.
pub fn bound_by_modes(test: &str, task: &str, place: &Path, script: &str) -> Output {
    // Who is not root is bound already.
    let ways: [&[&str]; 3] =
        [&["env"], &["setpriv", "--bounding-set=-dac_override,-dac_read_search"], &["unshare", "--user"]];
    let locked = tempfile::NamedTempFile::new().expect("a file");
    fs::set_permissions(locked.path(), Permissions::from_mode(0o400)).expect("our file");
    let binds = |way: &&[&str]| {
        let mut tried = Command::new(way[0]);
        tried.args(&way[1..]).args(["bash", "-c", r#"cat "$0" && ! { : >>"$0"; }"#]).arg(locked.path());
        tried.output().is_ok_and(|tried| tried.status.success())
    };
    let way = ways.into_iter().find(binds).expect("a way to be bound by the modes of files");
    behind(way, test, task, place, script)
}

/// The same with whatever stands before it.
pub fn behind(prefix: &[&str], test: &str, task: &str, place: &Path, script: &str) -> Output {
    let inner = child(test, task, place);
    let (first, rest) = prefix.split_first().map_or(("bash", [].as_slice()), |(first, rest)| (*first, rest));
    let mut command = Command::new(first);
    command.args(rest);
    if !prefix.is_empty() {
        command.arg("bash");
    }
    command.args(["-e", "-c", script]).arg(inner.get_program()).args(inner.get_args());
    command.env(TASK, task).env(PLACE, place).output().expect("bash runs")
}

/// The child passed; its figures are printed.
pub fn must_succeed(output: &Output) {
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "the child ran no test: {said}\n{complained}");
    for line in said.lines().filter(|line| line.starts_with("full disk: ")) {
        say(line);
    }
}
