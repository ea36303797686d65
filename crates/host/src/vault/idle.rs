//! The idle lock: a thread that takes the keys away when nobody has used them for a while.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{process, thread};

use zamok_core::vault::Keyring;

use super::held::Held;
use super::kept::KeptKeys;

thread_local! {
    static ATTENDS: Cell<bool> = const { Cell::new(false) };
}

/// What this thread does from now on is no use of a vault: it only keeps what others do in order.
pub(crate) fn attend() {
    ATTENDS.set(true);
}

/// Whether what this thread does is no use of a vault.
pub(super) fn attends() -> bool {
    ATTENDS.get()
}

/// Watches over the keys of one handle until it is dropped.
#[derive(Debug)]
pub(super) struct IdleLock {
    ended: Arc<(Mutex<bool>, Condvar)>,
    /// The process that the thread belongs to.
    pid: u32,
}

impl IdleLock {
    /// How often it looks within the time that it waits for: it locks at most an eighth of it late.
    const LOOKS: u32 = 8;

    /// Locks once the keys were not used for `after`. Without threads to be had the vault is not given to anyone.
    pub(super) fn begin(held: &Arc<Held<Keyring, KeptKeys>>, after: Duration) -> std::io::Result<Self> {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let watch = Watch { held: Arc::downgrade(held), ended: ended.clone(), after };
        thread::Builder::new().name("zamok-idle".into()).spawn(move || watch.run())?;
        Ok(Self { ended, pid: process::id() })
    }
}

impl Drop for IdleLock {
    fn drop(&mut self) {
        // In a forked child there is no such thread, but perhaps a lock that it held.
        if self.pid != process::id() {
            return;
        }
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.1.notify_one();
    }
}

struct Watch {
    held: Weak<Held<Keyring, KeptKeys>>,
    ended: Arc<(Mutex<bool>, Condvar)>,
    after: Duration,
}

impl Watch {
    fn run(self) {
        let look = (self.after / IdleLock::LOOKS).max(Duration::from_millis(1));
        let mut quiet_since = Instant::now();
        let mut ended = self.ended.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            ended = self.ended.1.wait_timeout(ended, look).unwrap_or_else(PoisonError::into_inner).0;
            let Some(held) = self.held.upgrade() else { return };
            if held.empty_unused(&mut quiet_since, self.after) {
                tracing::info!("the vault was not used, and is locked");
            }
        }
    }
}
