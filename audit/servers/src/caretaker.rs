//! A process that outlives the test, however it ends, stops its server and removes its folder.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits for the end of its standard input, which the test holds open; `$1` is the folder, `$2` the stop signal, `$3…` the
/// files with the server's process id on their first line.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
folder=$1 signal=$2
shift 2
for file in "$@"; do
    read -r id <"$file" && kill -s "$signal" "$id" && while kill -0 "$id"; do sleep 0.02; done
done 2>/dev/null
rm -rf "$folder"
"#;

/// Holds a folder and the server that lives in it. Dropping it, or the end of this process, ends both.
#[derive(Debug)]
pub(crate) struct Caretaker {
    folder: PathBuf,
    process: Child,
}

impl Caretaker {
    /// A new folder, below the system's folder for temporary files: the names of sockets must be short.
    pub(crate) fn hire(signal: &str, id_file: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("zamok-").tempdir().expect("a folder").keep();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "caretaker"]).arg(&folder).arg(signal).arg(folder.join(id_file));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: an interrupt from the terminal ends the test, and only thereby the server.
        let process = command.process_group(0).spawn().expect("a shell");
        Self { folder, process }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
