//! Other processes: the test binary, started again, works on the same store and talks over its standard streams.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use zamok_core::store::{CounterKey, Outcome, RowKey, Store};

use crate::Factory;
use crate::cases::{change, hex, row};

/// What a helper process is to do.
const TASK: &str = "ZAMOK_CONFORMANCE_TASK";
/// On which store.
const PLACE: &str = "ZAMOK_CONFORMANCE_PLACE";
/// Begins each line that is meant for the parent: test harnesses print lines of their own.
const MARK: &str = "helper: ";

/// This test binary again, running only the test of this name.
///
/// # Panics
/// When the system does not tell which program this is.
#[must_use]
pub fn reexecuted(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command
}

/// Does what a case asks of a helper process; in a process that is none, nothing.
///
/// # Panics
/// When the store fails: the case hears that it has lost its helper.
pub fn serve<F: Factory>(factory: &F) {
    let (Ok(task), Ok(place)) = (std::env::var(TASK), std::env::var(PLACE)) else { return };
    let store = factory.open(&place);
    match task.as_str() {
        "read" => read(&store),
        "compete" => compete(&store),
        "load" => load(&store),
        other => panic!("no helper knows the task `{other}`"),
    }
}

/// A helper process, seen from the case that started it; it is killed with its handle.
pub(crate) struct Helper {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Helper {
    pub(crate) fn start<F: Factory>(factory: &F, task: &str, place: &str) -> Self {
        let mut command =
            factory.helper().expect("a store that declares `durable` or `multi_process` needs a helper");
        command.env(TASK, task).env(PLACE, place);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a helper process starts");
        let input = child.stdin.take().expect("a piped standard input");
        let output = BufReader::new(child.stdout.take().expect("a piped standard output"));
        Self { child, input, output }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the helper process listens");
    }

    /// The next line; `None` when the process has ended.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            // A line that was cut by the end of the process is no line.
            if let Some(said) = line.strip_prefix(MARK).and_then(|said| said.strip_suffix('\n')) {
                return Some(said.to_owned());
            }
        }
    }

    /// Ends the process as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.kill();
    }
}

// Straight to the stream: the harness does not capture it. The harness may have left a line open.
fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    write!(output, "\n{MARK}{text}\n").and_then(|()| output.flush()).expect("the parent process listens");
}

fn orders() -> impl Iterator<Item = String> {
    std::io::stdin().lines().map_while(Result::ok)
}

/// Reads the row `shared` whenever it is asked.
fn read<S: Store>(store: &S) {
    for _ in orders() {
        let found = store.get(&row(b"shared")).expect("a read");
        say(&found.map_or_else(|| "none".to_owned(), |row| format!("{} {}", row.version, hex(&row.value))));
    }
}

/// On `VERSION THREADS`: every thread tries to update the row `prize` from that version.
fn compete<S: Store>(store: &S) {
    for order in orders() {
        let numbers: Vec<u64> = order.split(' ').map(|number| number.parse().expect("a number")).collect();
        let [version, threads] = numbers[..] else { panic!("`{order}` is no order") };
        let attempt = || {
            let attempt = change(|change, id| change.update(row(b"prize"), version, id.0.to_vec()));
            match store.commit(&attempt).expect("a commit") {
                Outcome::Committed => Some(hex(&attempt.id().0)),
                Outcome::Conflict(_) => None,
                other => panic!("{other:?}"),
            }
        };
        let wins: Vec<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(attempt)).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("a competitor")).collect()
        });
        say(&wins.join(" "));
    }
}

/// Threads of [`load`].
pub(crate) const LOADERS: u64 = 4;

/// The row of one thread of [`load`] that each of its changes updates.
pub(crate) fn head(thread: u64) -> RowKey {
    row(&[b"head".as_slice(), &thread.to_be_bytes()].concat())
}

/// The row that step `step` of one thread of [`load`] makes.
pub(crate) fn step(thread: u64, step: u64) -> RowKey {
    row(&[b"step".as_slice(), &thread.to_be_bytes(), &step.to_be_bytes()].concat())
}

/// The counter to which each change of [`load`] adds one.
pub(crate) fn steps() -> CounterKey {
    CounterKey(b"steps".to_vec())
}

/// Threads commit as fast as they can, each its own chain of changes, and say so after every answer.
fn load<S: Store>(store: &S) {
    thread::scope(|scope| {
        for thread in 0..LOADERS {
            scope.spawn(move || {
                let mut version = store.get(&head(thread)).expect("a read").map_or(0, |row| row.version);
                let mut is_first = true;
                loop {
                    let next = change(|change, _| {
                        let value = vec![version.to_le_bytes()[0]; 100];
                        match version {
                            0 => change.insert(head(thread), value.clone())?,
                            version => change.update(head(thread), version, value.clone())?,
                        }
                        change.insert(step(thread, version + 1), value)?;
                        change.add(steps(), 1, u64::MAX)
                    });
                    match store.commit(&next).expect("a commit") {
                        Outcome::Committed => version += 1,
                        // What a process that was killed before this one had under way may have come late.
                        Outcome::Conflict(_) if is_first => {
                            version = store.get(&head(thread)).expect("a read").map_or(0, |row| row.version);
                            continue;
                        }
                        other => panic!("{other:?}"),
                    }
                    is_first = false;
                    say(&format!("{thread} {version}"));
                }
            });
        }
    });
}
