//! The process that is searched. `zamok-wiping dropped` searches its own memory after everything was dropped and exits with 1
//! if a secret is there; `zamok-wiping dump` aborts with the vault open, for a core dump. With `planted` behind it, a copy of a
//! key is left lying about, which must be found.

use std::process::ExitCode;

use zamok_wiping::{Ending, forgotten, known, own_memory, scrub_stack, tell};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (ending, planted) = match words.as_slice() {
        ["dropped", rest @ ..] => (Ending::Dropped, rest),
        ["dump", rest @ ..] => (Ending::Open, rest),
        _ => return Err("usage: zamok-wiping dropped|dump [planted]".into()),
    };
    let left = if planted == ["planted"] { forgotten() } else { &[] };
    let (made, open) = tell(ending)?;
    scrub_stack();
    if ending == Ending::Open {
        say(&format!("open: {}", open.is_some()));
        // The core dump is the point.
        std::process::abort();
    }
    let needles: Vec<_> = known().into_iter().chain(made).collect();
    let (found, searched) = own_memory(&needles)?;
    say(&format!("searched {searched} bytes for {} secrets, {} bytes planted", needles.len(), left.len()));
    for found in &found {
        say(&format!("FOUND {} {} times in {:?}", found.name, found.times, found.place));
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[allow(clippy::print_stdout)] // A program for a test: what it prints is its report.
fn say(line: &str) {
    println!("{line}");
}
