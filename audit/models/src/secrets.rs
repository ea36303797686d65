//! What a handle holds, for models of it: secrets that notice when they are used and wiped at once, and are counted.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use loom::cell::UnsafeCell;

/// Secrets that are not wiped yet.
#[derive(Clone, Default)]
pub(crate) struct Alive(std::sync::Arc<AtomicUsize>);

impl Alive {
    pub(crate) fn secret(&self) -> Secret {
        self.0.fetch_add(1, SeqCst);
        Secret { material: UnsafeCell::new(()), alive: self.clone() }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// A secret; wiped when dropped. Loom fails when it is read without being ordered before that.
pub(crate) struct Secret {
    material: UnsafeCell<()>,
    alive: Alive,
}

impl Secret {
    pub(crate) fn read(&self) {
        self.material.with(|_| ());
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.material.with_mut(|_| ());
        self.alive.0.fetch_sub(1, SeqCst);
    }
}
