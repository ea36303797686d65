//! What ends the program from outside: a command that goes on until then ends by itself, and a prompt gives the terminal its echo
//! back first.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{io, thread};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};

use crate::failure::Failure;

/// Whether the command ends by itself when it is asked to.
static ENDS_ITSELF: AtomicBool = AtomicBool::new(false);
/// Whether Ctrl-C ends the program where it stands, from the first prompt on: before it, nobody listens.
static ENDS_AT_ONCE: OnceLock<Arc<AtomicBool>> = OnceLock::new();
/// The terminal as it was, while a prompt hides what is typed.
static TERMINAL: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// True from when somebody asks the program to end, for a command that looks at it.
pub(crate) fn end_asked() -> Result<Arc<AtomicBool>, Failure> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        flag::register(signal, asked.clone())
            .map_err(|error| Failure::file(format!("no signal can be waited for: {error}")))?;
    }
    ENDS_ITSELF.store(true, Ordering::SeqCst);
    Ok(asked)
}

/// Asks at the terminal. Ctrl-C there ends the program as elsewhere, once `ask` has put the terminal in order; what else ends it
/// finds the terminal put in order here.
pub(crate) fn at_prompt<T>(ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let at_once = ENDS_AT_ONCE.get_or_init(|| {
        let at_once = Arc::default();
        // Where nobody can listen, the program ends as it did before.
        let _ = flag::register_conditional_default(SIGINT, Arc::clone(&at_once));
        at_once
    });
    listen();
    at_once.store(false, Ordering::SeqCst);
    let before = File::open("/dev/tty").and_then(|terminal| Ok((tcgetattr(&terminal)?, terminal)));
    *terminal() = before.ok().map(|(before, terminal)| (terminal, before));
    let answer = ask();
    *terminal() = None;
    at_once.store(!ENDS_ITSELF.load(Ordering::SeqCst), Ordering::SeqCst);
    if answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
        low_level::emulate_default_handler(SIGINT)?;
    }
    answer
}

fn terminal() -> std::sync::MutexGuard<'static, Option<(File, Termios)>> {
    TERMINAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a thread wait for what ends the program, from the first prompt to the end.
fn listen() {
    static LISTENS: OnceLock<()> = OnceLock::new();
    LISTENS.get_or_init(|| {
        // Where nobody can listen, the program ends as it did before.
        if let Ok(mut signals) = Signals::new([SIGTERM, SIGQUIT, SIGHUP]) {
            thread::spawn(move || signals.forever().for_each(end));
        }
    });
}

fn end(signal: i32) {
    let prompted = terminal().take();
    if let Some((terminal, before)) = &prompted {
        let _ = tcsetattr(terminal, OptionalActions::Now, before);
    }
    // Beyond its prompts a command that ends by itself looks at what it was given.
    if prompted.is_some() || !ENDS_ITSELF.load(Ordering::SeqCst) || signal != SIGTERM {
        let _ = low_level::emulate_default_handler(signal);
    }
}
