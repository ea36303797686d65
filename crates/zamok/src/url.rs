//! Where a store lies, as a URL: `sqlite:PATH`, `postgres://…` or `memory:`.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use zamok_core::store::{MemoryStore, Store, StoreFault};
#[cfg(feature = "postgres")]
use zamok_store_postgres::{PostgresStore, PostgresUrl};

/// The place of a store.
///
/// ```
/// use zamok::StoreUrl;
/// assert_eq!(StoreUrl::parse("sqlite:bank.db")?, StoreUrl::Sqlite("bank.db".into()));
/// assert_eq!(StoreUrl::parse("sqlite:///var/lib/bank.db")?, StoreUrl::Sqlite("/var/lib/bank.db".into()));
/// assert!(StoreUrl::parse("bank.db").is_err());
/// # Ok::<(), zamok::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `sqlite:PATH`: one SQLite file. The path is taken as it stands, without percent-encoding; relative paths count
    /// from the working folder; `sqlite:///PATH` is an absolute one.
    Sqlite(PathBuf),
    /// `postgres://USER@HOST/DATABASE?…`: a schema of a PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresUrl>),
    /// `memory:`: forgotten when the last handle is dropped.
    Memory,
}

impl StoreUrl {
    /// Reads a URL; a path need not be UTF-8.
    ///
    /// # Errors
    /// [`StoreFault::Url`] for anything else than the forms above, and for a kind of store that was left out of this build.
    pub fn parse(url: impl AsRef<OsStr>) -> Result<Self, StoreFault> {
        let url = url.as_ref().as_bytes();
        if url == b"memory:" {
            return Ok(Self::Memory);
        }
        #[cfg(feature = "postgres")]
        if url.starts_with(b"postgres://") || url.starts_with(b"postgresql://") {
            let url = std::str::from_utf8(url).map_err(|_| StoreFault::Url)?;
            return Ok(Self::Postgres(Box::new(PostgresUrl::parse(url)?)));
        }
        let path = url.strip_prefix(b"sqlite:").ok_or(StoreFault::Url)?;
        // Two slashes introduce a host, and there is none.
        let path = match path.strip_prefix(b"//") {
            Some(absolute) if absolute.starts_with(b"/") => absolute,
            Some(_) => return Err(StoreFault::Url),
            None => path,
        };
        if path.is_empty() || path.contains(&0) {
            return Err(StoreFault::Url);
        }
        Ok(Self::Sqlite(OsStr::from_bytes(path).into()))
    }

    /// Makes the store, or opens one that is there and may be empty.
    ///
    /// # Errors
    /// The store's; [`StoreFault::Url`] for a kind of store that was left out of this build.
    pub fn create(&self) -> Result<Arc<dyn Store>, StoreFault> {
        match self {
            Self::Memory => Ok(Arc::new(MemoryStore::new())),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Ok(Arc::new(zamok_store_sqlite::SqliteStore::create(path)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Arc::new(PostgresStore::create(PostgresUrl::clone(url))?)),
            #[cfg(not(feature = "sqlite"))]
            Self::Sqlite(_) => Err(StoreFault::Url),
        }
    }

    /// Opens the store that is there.
    ///
    /// # Errors
    /// As [`StoreUrl::create`]; [`StoreFault::Missing`] when there is none.
    pub fn open(&self) -> Result<Arc<dyn Store>, StoreFault> {
        match self {
            // A store in memory begins anew: there is never one to open.
            Self::Memory => Err(StoreFault::Missing),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Ok(Arc::new(zamok_store_sqlite::SqliteStore::open(path)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Arc::new(PostgresStore::open(PostgresUrl::clone(url))?)),
            #[cfg(not(feature = "sqlite"))]
            Self::Sqlite(_) => Err(StoreFault::Url),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            // Without a password.
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => url.fmt(f),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_store_is_refused() {
        for url in [
            "",
            "sqlite:",
            "sqlite://host/path",
            "Sqlite:a",
            "memory",
            "memory:x",
            "postgres:a",
            "a.db",
            "sqlite:a\0b",
        ] {
            assert_eq!(StoreUrl::parse(url), Err(StoreFault::Url), "{url:?}");
        }
    }

    #[test]
    fn a_path_is_taken_as_it_stands() {
        for path in ["a b%20c?mode=ro#d", "../x", "/abs", "-"] {
            assert_eq!(StoreUrl::parse(format!("sqlite:{path}")), Ok(StoreUrl::Sqlite(path.into())));
        }
        let strange = OsStr::from_bytes(b"sqlite:\xff\xfe.db");
        assert_eq!(StoreUrl::parse(strange), Ok(StoreUrl::Sqlite(OsStr::from_bytes(b"\xff\xfe.db").into())));
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_url_of_postgresql_is_shown_without_its_password() {
        let url = StoreUrl::parse("postgres://app:hunter2@db:6432/bank?schema=vault").expect("a URL");
        assert_eq!(url.to_string(), "postgres://app@db:6432/bank?schema=vault");
        assert!(!format!("{url:?}").contains("hunter2"));
        for url in ["postgres://", "postgres://app@db/bank?sslmode=prefer", "postgres://app@db/bank?schema=A"]
        {
            assert_eq!(StoreUrl::parse(url), Err(StoreFault::Url), "{url:?}");
        }
        let strange = OsStr::from_bytes(b"postgres://app@db/bank\xff");
        assert_eq!(StoreUrl::parse(strange), Err(StoreFault::Url));
    }

    #[test]
    fn a_store_in_memory_is_made_and_never_found() {
        assert!(StoreUrl::Memory.create().is_ok());
        assert_eq!(StoreUrl::Memory.open().err(), Some(StoreFault::Missing));
    }
}
