//! The idle lock: a thread that takes the keys away when nobody has used them for a while.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use std::{process, thread};

use zamok_core::vault::Keyring;

use super::kept::KeptKeys;

/// The keys of a handle, in a place that can be emptied.
pub(super) type Keys = RwLock<Option<Arc<Keyring>>>;

thread_local! {
    static ATTENDS: Cell<bool> = const { Cell::new(false) };
}

/// What this thread does from now on is no use of a vault: it only keeps what others do in order.
pub(crate) fn attend() {
    ATTENDS.set(true);
}

/// Watches over the keys of one handle until it is dropped.
#[derive(Debug)]
pub(super) struct IdleLock {
    used: Arc<AtomicBool>,
    ended: Arc<(Mutex<bool>, Condvar)>,
    /// The process that the thread belongs to.
    pid: u32,
}

impl IdleLock {
    /// How often it looks within the time that it waits for: it locks at most an eighth of it late.
    const LOOKS: u32 = 8;

    /// Locks once the keys were not used for `after`. Without threads to be had the vault is not given to anyone.
    pub(super) fn begin(keys: &Arc<Keys>, kept: &Arc<KeptKeys>, after: Duration) -> std::io::Result<Self> {
        let (used, ended) = (Arc::new(AtomicBool::new(true)), Arc::new((Mutex::new(false), Condvar::new())));
        let (keys, kept) = (Arc::downgrade(keys), Arc::downgrade(kept));
        let watch = Watch { keys, kept, used: used.clone(), ended: ended.clone(), after };
        thread::Builder::new().name("zamok-idle".into()).spawn(move || watch.run())?;
        Ok(Self { used, ended, pid: process::id() })
    }

    /// Notes that the keys are used.
    pub(super) fn touch(&self) {
        if !ATTENDS.get() {
            self.used.store(true, Ordering::Relaxed);
        }
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
    keys: Weak<Keys>,
    kept: Weak<KeptKeys>,
    used: Arc<AtomicBool>,
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
            let Some(keys) = self.keys.upgrade() else { return };
            // A call under way holds the keys, however long it takes.
            let in_use = |keys: &Keys| {
                let keyring = keys.read().unwrap_or_else(PoisonError::into_inner);
                keyring.as_ref().is_none_or(|keyring| Arc::strong_count(keyring) > 1)
            };
            if self.used.swap(false, Ordering::Relaxed) || in_use(&keys) {
                quiet_since = Instant::now();
            } else if quiet_since.elapsed() >= self.after {
                *keys.write().unwrap_or_else(PoisonError::into_inner) = None;
                if let Some(kept) = self.kept.upgrade() {
                    kept.clear();
                }
                tracing::info!("the vault was not used, and is locked");
            }
        }
    }
}
