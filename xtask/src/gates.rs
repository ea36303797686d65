//! One cabinet behind three gates: the program `zamok`, `login.py` and `login.c` open the same store at the same time and race for
//! one code. One of them gets in, and one journal tells all three stories.

use crate::c_binding::House;
use crate::c_logins::Enrolled;
use crate::cargo_output::Counts;
use crate::report::{Outcome, Report};
use crate::{Failure, Place, only_switches, process, python};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

const PASSPHRASE: &str = "six random words or more";
const PASSWORD: &str = "a garden behind the station";

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    let mut report = Report::default();
    report.step(STEP, || race(place));
    Ok(report.finish())
}

/// What the step is called.
pub(crate) const STEP: &str = "C, Python and Rust race for one code";

/// Needs the installed library, the example that was compiled with it, the program, and the environment with the wheel.
pub(crate) fn race(place: &Place) -> Result<Outcome, Failure> {
    let house = House::there(place)?;
    let work = house.outside().join("gates");
    let store = format!("sqlite:{}", work.join("bank.db").display());
    let phone = Enrolled::new(place, &store, &work, PASSPHRASE, PASSWORD)?;
    let code = phone.code(30)?;

    let mut program = Command::new(place.target.join("debug/zamok"));
    program.args(["login", "ivan", "--code", &code]).env("ZAMOK_STORE", &store);
    program
        .env("ZAMOK_PASSPHRASE_FILE", work.join("passphrase"))
        .env("ZAMOK_PASSWORD_FILE", work.join("password"));
    let mut python = Command::new(python::interpreter(place));
    python.arg(place.root.join("examples/python/login.py")).args([&store, "ivan"]);
    let mut c = house.run(&house.outside().join("login"));
    c.args([&store, "ivan", &code]).env("ZAMOK_PASSPHRASE", PASSPHRASE).env("ZAMOK_PASSWORD", PASSWORD);

    let racers = [
        ("zamok", started(&mut program, "")?),
        ("login.py", started(&mut python, &format!("{PASSPHRASE}\n{PASSWORD}\n{code}\n"))?),
        ("login.c", started(&mut c, "")?),
    ];
    let mut inside = Vec::new();
    for (name, racer) in racers {
        let output = racer.wait_with_output().map_err(|error| format!("{name}: {error}"))?;
        match output.status.code() {
            Some(0) => inside.push(name),
            // Rejected: somebody else was faster.
            Some(1) => {}
            _ => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("{name}: {}: {said}", output.status));
            }
        }
    }
    if inside.len() != 1 {
        return Err(format!("one code let in {}: {}", inside.len(), inside.join(", ")));
    }
    told(place, &store, &work)
}

fn started(command: &mut Command, lines: &str) -> Result<Child, Failure> {
    use std::io::Write as _;
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    // Dropped at once, so that nobody waits for more.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(lines.as_bytes()).or_else(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(failed(error)),
        })?;
    }
    Ok(child)
}

/// Three logins were begun, one session was opened, two codes were refused as used; and the audit finds nothing.
fn told(place: &Place, store: &str, work: &Path) -> Result<Outcome, Failure> {
    let zamok = |arguments: &[&str]| {
        let mut command = Command::new(place.target.join("debug/zamok"));
        command
            .args(arguments)
            .env("ZAMOK_STORE", store)
            .env("ZAMOK_PASSPHRASE_FILE", work.join("passphrase"));
        process::quiet(&mut command)
    };
    zamok(&["journal", "checkpoint"])?;
    let export = work.join("journal.json");
    zamok(&[
        "journal",
        "export",
        "--format",
        "json",
        export.to_str().ok_or("the folder's name is not UTF-8")?,
    ])?;
    let journal = fs::read_to_string(&export).map_err(|error| format!("{}: {error}", export.display()))?;
    // Two logins led to the enrolment, whose test code is the other one that was accepted.
    let story =
        [("login.started", 5), ("login.session-opened", 1), ("code.accepted", 2), ("code.rejected", 2)];
    for (event, expected) in story {
        let found = journal.matches(&format!("\"event\":\"{event}\"")).count();
        if found != expected {
            return Err(format!("the journal tells {found} of {event}, not {expected}"));
        }
    }
    zamok(&["audit", "rows"])?;
    Ok(Outcome::Tests { counts: Counts { passed: 1, ..Counts::default() }, complaint: None })
}
