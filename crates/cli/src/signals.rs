//! What ends the program from outside: a command that goes on until then ends by itself, and a prompt gives the terminal its echo
//! back first.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::failure::Failure;

/// Whether the command ends by itself when it is asked to.
static ENDS_ITSELF: AtomicBool = AtomicBool::new(false);
/// Whether Ctrl-C ends the program where it stands, from the first prompt on: before it, nobody listens.
static ENDS_AT_ONCE: OnceLock<Arc<AtomicBool>> = OnceLock::new();

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

/// Asks at the terminal. Ctrl-C there ends the program as elsewhere, once `ask` has put the terminal in order.
pub(crate) fn at_prompt<T>(ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let at_once = ENDS_AT_ONCE.get_or_init(|| {
        let at_once = Arc::default();
        // Where nobody can listen, the program ends as it did before.
        let _ = flag::register_conditional_default(SIGINT, Arc::clone(&at_once));
        at_once
    });
    at_once.store(false, Ordering::SeqCst);
    let answer = ask();
    at_once.store(!ENDS_ITSELF.load(Ordering::SeqCst), Ordering::SeqCst);
    if answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
        low_level::emulate_default_handler(SIGINT)?;
    }
    answer
}
