//! What a handle holds while it is open: the keys of its vault, and what was opened with them. It is emptied once, by whoever
//! locks the handle or because nobody used the keys for a while, and stays empty.
//!
//! Generic over keys and what they open, and built on the names of [`crate::primitives`] alone: `audit/models` compiles this very
//! file over loom's primitives and runs it through every interleaving.

use std::sync::PoisonError;
use std::time::Duration;

use crate::primitives::{Arc, AtomicBool, Instant, Ordering, RwLock};

/// What is opened with the keys, and goes with them.
pub(super) trait Opened {
    /// Wipes all of it, and keeps nothing from now on.
    fn close(&self);
}

/// Keys `K`, and `O` for what they opened.
pub(super) struct Held<K, O> {
    keys: RwLock<Option<Arc<K>>>,
    /// Whether they were used since the last look.
    used: AtomicBool,
    opened: O,
}

impl<K, O: Opened> Held<K, O> {
    pub(super) fn new(keys: K, opened: O) -> Self {
        Self { keys: RwLock::new(Some(Arc::new(keys))), used: AtomicBool::new(true), opened }
    }

    /// The keys, for a call that is no use of them.
    pub(super) fn keys(&self) -> Option<Arc<K>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys, for a use of them. It lasts as long as the caller has them.
    pub(super) fn lend(&self) -> Option<Arc<K>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        // While it is locked: a look comes before this use, or knows of it.
        self.used.store(true, Ordering::Relaxed);
        keys.clone()
    }

    /// What was opened with the keys.
    pub(super) const fn opened(&self) -> &O {
        &self.opened
    }

    /// Puts other keys in the place of these, and answers whether there were any: what was emptied stays empty.
    pub(super) fn replace(&self, keys: K) -> bool {
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let is_open = held.is_some();
        if is_open {
            *held = Some(Arc::new(keys));
        }
        is_open
    }

    /// Takes everything away, and answers whether there was something. Calls under way end with the keys that they have, which are
    /// wiped when the last one does.
    pub(super) fn empty(&self) -> bool {
        let keys = self.keys.write().unwrap_or_else(PoisonError::into_inner).take();
        // A call under way may open more with the keys that it has: none of it is kept.
        self.opened.close();
        keys.is_some()
    }

    /// Looks whether the keys are used, and takes everything away when they were not for so long; answers whether it did. For one
    /// thread, which remembers since when they have not been used.
    pub(super) fn empty_unused(&self, quiet_since: &mut Instant, after: Duration) -> bool {
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        // A call under way uses them, however long it takes; what is empty needs no look.
        let in_use = held.as_ref().is_none_or(|keys| Arc::strong_count(keys) > 1);
        if self.used.swap(false, Ordering::Relaxed) || in_use {
            *quiet_since = Instant::now();
            return false;
        }
        if quiet_since.elapsed() < after {
            return false;
        }
        // Nobody has come to use them meanwhile: they would wait for the lock.
        let _keys = held.take();
        drop(held);
        self.opened.close();
        true
    }
}
