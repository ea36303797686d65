//! The program `zamok`: a vault with accounts, one-time codes and signatures, from the command line.
//!
//! What it prints for programs, and its exit codes, are in `README.md` beside this crate.

mod arguments;
mod challenges;
mod commands;
mod credentials;
mod events;
mod failure;
mod files;
mod moment;
mod opening;
mod output;
mod qr;
mod secrets;
mod seed;
mod signals;
mod transfer;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::output::Output;

fn main() -> ExitCode {
    forbid_core_dumps();
    let output = Output::new(arguments::wants_json());
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(ended) => return ended.tell(&output).into(),
    };
    log_to_stderr();
    let _span = tracing::info_span!("zamok", command = arguments.command.name()).entered();
    match commands::run(&arguments, &output) {
        Ok(exit) => exit.into(),
        Err(failure) => output.failure(&failure).into(),
    }
}

/// Keeps what is in memory out of core files, and out of the hands of other processes of the same user. What fails here
/// is told by `zamok doctor`.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, nothing);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Spans and events for whoever sets `ZAMOK_LOG` (`info`, `zamok_host=debug` …). They hold no secrets; what others write by the crate
/// `log` may, such as requests byte by byte, and is not taken.
fn log_to_stderr() {
    let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("ZAMOK_LOG") else { return };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // Of a standard error that takes nothing it would tell by a panic.
        .log_internal_errors(false)
        .finish();
    // A second subscriber cannot be there; without one, nothing is logged.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
