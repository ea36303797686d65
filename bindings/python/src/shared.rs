//! An open vault or cabinet, as objects of Python share it.

use std::ops::Deref;
use std::sync::Arc;

use pyo3::prelude::*;

/// One share. Dropping the last closes the store, for which SQLite folds its log into its file: other Python threads run meanwhile.
#[derive(Debug)]
pub(crate) struct Shared<T: Send + Sync>(Option<Arc<T>>);

impl<T: Send + Sync> Shared<T> {
    pub(crate) const fn of(held: Arc<T>) -> Self {
        Self(Some(held))
    }
}

impl<T: Send + Sync> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync> From<T> for Shared<T> {
    fn from(held: T) -> Self {
        Self::of(Arc::new(held))
    }
}

impl<T: Send + Sync> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().expect("it is given up by `drop` alone")
    }
}

impl<T: Send + Sync> Drop for Shared<T> {
    fn drop(&mut self) {
        let Some(last) = self.0.take().and_then(Arc::into_inner) else { return };
        // Python drops its objects with the interpreter's lock held. Where there is no interpreter any more, there is none to let go of.
        Python::try_attach(move |py| py.detach(move || drop(last)));
    }
}
