//! This test binary in another process, which works on the same file and talks over its standard streams.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What the process is to do.
const TASK: &str = "ZAMOK_CABINET_TASK";
/// The path of the file.
const PLACE: &str = "ZAMOK_CABINET_PLACE";
/// Begins each line that is meant for the parent: the test harness prints lines of its own.
const MARK: &str = "child: ";

/// The task of this process and the path of its file, when it is a child.
pub(crate) fn task() -> Option<(String, PathBuf)> {
    Some((std::env::var(TASK).ok()?, std::env::var_os(PLACE)?.into()))
}

/// Tells the parent, at once.
pub(crate) fn tell(line: &str) {
    let mut output = std::io::stdout().lock();
    // The harness may have left a line open.
    write!(output, "\n{MARK}{line}\n").and_then(|()| output.flush()).expect("the parent listens");
}

/// The next line from the parent; `None` when it has nothing more to say.
pub(crate) fn order() -> Option<String> {
    std::io::stdin().lines().next()?.ok()
}

/// A child as its parent sees it: killed and reaped with this handle, whatever happens to the parent's test.
pub(crate) struct Other {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Other {
    /// Runs the test of this name in a new process, with a task.
    pub(crate) fn start(test: &str, task: &str, place: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command: Command = zamok_store_conformance::reexecuted(test);
        command.env(TASK, task).env(PLACE, place).envs(settings.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a piped standard output"));
        Self { child, input, output }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("it is not dead yet"), "{line}").expect("the child listens");
    }

    /// The next line that the child told; `None` when it has ended.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(told) = told(&line) {
                return Some(told);
            }
        }
    }

    /// Ends the process as `kill -9` does, and answers with what it had told until then and was not heard.
    pub(crate) fn kill(mut self) -> Vec<String> {
        // It may have died already: that is no error here.
        let _ = self.child.kill();
        self.rest()
    }

    /// Says no more, waits until the process has ended, and answers with what it told.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.input = None;
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).expect("a readable pipe");
        self.child.wait().expect("the child's end");
        String::from_utf8_lossy(&rest).split_inclusive('\n').filter_map(told).collect()
    }

    /// Whether a signal ended it. Waits for its end.
    pub(crate) fn was_killed(&mut self) -> bool {
        use std::os::unix::process::ExitStatusExt as _;
        const SIGKILL: i32 = 9;
        self.child.wait().expect("the child's end").signal() == Some(SIGKILL)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line that was cut by the end of the process is no line: nobody was told.
fn told(line: &str) -> Option<String> {
    Some(line.strip_prefix(MARK)?.strip_suffix('\n')?.to_owned())
}
