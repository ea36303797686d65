//! The SQLite store passes the suite, all of it.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use zamok_store_conformance::{Factory, Fresh, reexecuted};
use zamok_store_sqlite::SqliteStore;

struct InFiles {
    /// Made when it is needed: a helper process that is killed would leave it behind.
    folder: OnceLock<TempDir>,
    made: AtomicU64,
}

impl InFiles {
    fn new() -> Self {
        Self { folder: OnceLock::new(), made: AtomicU64::new(0) }
    }
}

impl Factory for InFiles {
    type Store = SqliteStore;

    fn fresh(&self) -> Fresh<SqliteStore> {
        let name = format!("{}.db", self.made.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.get_or_init(|| tempfile::tempdir().expect("a folder"));
        let path = folder.path().join(name);
        let store = SqliteStore::create(&path).expect("a new store");
        Fresh { store, place: path.to_str().expect("a path in UTF-8").to_owned() }
    }

    fn open(&self, place: &str) -> SqliteStore {
        SqliteStore::open(place).expect("the store opens")
    }

    fn helper(&self) -> Option<Command> {
        Some(reexecuted("a_process_that_helps_the_others"))
    }
}

zamok_store_conformance::conformance! { factory: InFiles::new(), inapplicable: [] }
