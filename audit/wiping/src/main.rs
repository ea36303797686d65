//! The process that is searched. `zamok-wiping dropped` searches its own memory after everything was dropped and exits with 1
//! if a secret is there; `zamok-wiping dump` aborts with the vault open, for a core dump, and leaves beside it the needles that it has made, masked.
//! With `planted NAME` behind it, a copy of that secret is left lying about, which must be found.

use std::process::ExitCode;

use zamok_wiping::{Ending, Needle, known, own_memory, scrub_stack, tell};

/// Where the needles of `dump` go: in the working folder.
const NEEDLES: &str = "needles";

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (ending, planted) = match words.as_slice() {
        ["dropped"] => (Ending::Dropped, None),
        ["dropped", "planted", name] => (Ending::Dropped, Some(*name)),
        ["dump"] => (Ending::Open, None),
        ["dump", "planted", name] => (Ending::Open, Some(*name)),
        _ => return Err("usage: zamok-wiping dropped|dump [planted NAME]".into()),
    };
    let (made, open) = tell(ending)?;
    let needles: Vec<_> = known().into_iter().chain(made).collect();
    let left = match planted {
        Some(name) => needles.iter().find(|needle| needle.name == name).ok_or("no such secret")?.forgotten(),
        None => &[],
    };
    scrub_stack();
    if ending == Ending::Open {
        std::fs::write(NEEDLES, needles.iter().map(Needle::to_line).collect::<String>())?;
        say(&format!("open: {}, {} bytes planted", open.is_some(), left.len()));
        // The core dump is the point.
        std::process::abort();
    }
    let (found, searched) = own_memory(&needles)?;
    say(&format!("searched {searched} bytes for {} secrets, {} bytes planted", needles.len(), left.len()));
    for needle in &needles {
        say(&format!("for {}", needle.name));
    }
    for found in &found {
        say(&format!("FOUND {} {} times in {:?}", found.name, found.times, found.place));
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[allow(clippy::print_stdout)] // A program for a test: what it prints is its report.
fn say(line: &str) {
    println!("{line}");
}
