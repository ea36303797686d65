//! Other processes: the test binary, started again, works on the same store and talks over its standard streams.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use zamok_core::store::{Change, CounterKey, Outcome, Range, Resolution, RowKey, Store};

use crate::Factory;
use crate::cases::{TABLE, change, hex, row};

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
    row(&[steps_of(thread), step.to_be_bytes().to_vec()].concat())
}

/// How the rows begin that the steps of one thread of [`load`] make.
fn steps_of(thread: u64) -> Vec<u8> {
    [b"step".as_slice(), &thread.to_be_bytes()].concat()
}

/// How many rows a thread of [`load`] leaves there: each step deletes the one that is so many steps old.
pub(crate) const KEPT: u64 = 8;

/// The counter to which each change of [`load`] adds one.
pub(crate) fn steps() -> CounterKey {
    CounterKey(b"steps".to_vec())
}

/// What begins the line about something that does not hold: the other threads go on, and the parent must hear of it.
pub(crate) const WRONG: &str = "wrong: ";

fn check(holds: bool, what: &str) {
    if !holds {
        say(&format!("{WRONG}{what}"));
        panic!("{what}");
    }
}

/// The step after this version of a thread's head: an update, an insertion, a sum, and a deletion once there is something to delete.
fn next_step(thread: u64, version: u64) -> Change {
    let number = version + 1;
    change(|change, _| {
        let value = vec![version.to_le_bytes()[0]; 100];
        match version {
            0 => change.insert(head(thread), value.clone())?,
            version => change.update(head(thread), version, value.clone())?,
        }
        change.insert(step(thread, number), value)?;
        if number > KEPT {
            change.delete(step(thread, number - KEPT), 1)?;
        }
        change.add(steps(), 1, u64::MAX)
    })
}

/// What else there is to do between two steps, now this, now that.
fn meanwhile<S: Store>(store: &S, thread: u64, done: &Change, version: u64) {
    match version % 4 {
        0 => {
            let given_up = next_step(thread, version);
            let settled = store.resolve(given_up.id()).expect("a settlement");
            check(settled == Resolution::Aborted, "a change that nobody has tried had happened");
            let outcome = store.commit(&given_up).expect("a commit");
            check(outcome == Outcome::Fenced, "a change that was given up is not fenced");
        }
        1 => {
            let settled = store.resolve(done.id()).expect("a settlement");
            check(settled == Resolution::Committed, "what was committed is settled otherwise");
        }
        2 => {
            let found = store.get(&step(thread, version)).expect("a read");
            check(found.is_some_and(|row| row.version == 1), "what was committed is not there");
            check(store.counter(&steps()).expect("a counter is read") >= version, "a counter went back");
        }
        _ => {
            let range = Range::prefix(&steps_of(thread));
            let page = store.scan(TABLE, &range, usize::MAX, None).expect("a page");
            check(page.rows.len() as u64 == version.min(KEPT), "a page has other rows than were left there");
        }
    }
}

/// Threads commit as fast as they can, each its own chain of changes, and say so after every answer; between them they read and
/// settle.
fn load<S: Store>(store: &S) {
    thread::scope(|scope| {
        for thread in 0..LOADERS {
            scope.spawn(move || {
                let mut version = store.get(&head(thread)).expect("a read").map_or(0, |row| row.version);
                let mut is_first = true;
                loop {
                    let next = next_step(thread, version);
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
                    meanwhile(store, thread, &next, version);
                }
            });
        }
    });
}
