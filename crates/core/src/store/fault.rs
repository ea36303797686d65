//! What a store may report when it cannot do its part.

/// A store's failure. Nothing was granted; whether something was written, the variant says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The store cannot be reached now. Nothing was written.
    #[error("it cannot be reached")]
    Unavailable,
    /// The answer to a commit was lost: call `resolve` with its id before anything is told to anyone.
    #[error("the outcome of a commit is unknown")]
    OutcomeUnknown,
    /// The data is damaged. Nothing was written.
    #[error("it is damaged: restore it from a backup")]
    Corrupt,
    /// There is no room. Nothing was written.
    #[error("there is no room left")]
    Full,
    /// The store may only be read.
    #[error("it may only be read")]
    ReadOnly,
    /// The store was removed or replaced while it was open.
    #[error("it was removed or replaced while it was open")]
    Gone,
    /// Nothing is where the store should be.
    #[error("there is none at this place")]
    Missing,
    /// Its place is not to be opened with these rights.
    #[error("access is denied")]
    Denied,
    /// Another process held it for too long. Nothing was written.
    #[error("another process held it for too long")]
    Contended,
    /// The layout was made by another version of the program.
    #[error("its layout has version {found}, this program knows {supported}")]
    Layout {
        /// Version found.
        found: u32,
        /// Newest version that this program knows.
        supported: u32,
    },
    /// A setting would lose acknowledged commits.
    #[error("its settings would lose acknowledged commits")]
    NotDurable,
    /// The URL names no store that this program knows.
    #[error("the URL names no store that this program knows")]
    Url,
    /// Other code in this process, perhaps another copy of SQLite, has taken the locks of the store away. Nothing was
    /// written; the handle is to be closed, the cause removed, and the store checked.
    #[error("other code in this process has taken its locks away")]
    Unlocked,
    /// Something is at this place already, and nothing is ever replaced.
    #[error("something is there already")]
    Exists,
    /// It is no store of Zamok.
    #[error("it is not a store of Zamok")]
    Foreign,
    /// The database server is older than what the store was tested with.
    #[error("its server has version {found}, {needed} or later is needed")]
    Server {
        /// Major version found.
        found: u32,
        /// Oldest major version that will do.
        needed: u32,
    },
    /// The database server is a standby. It lags behind: what it says must decide nothing.
    #[error("its server is a standby, and only the primary may decide")]
    Standby,
    /// The database server did not prove who it is.
    #[error("its server did not prove who it is")]
    Untrusted,
}

impl StoreFault {
    /// The stable number of this fault, in the table of [`Error::code`](crate::Error::code).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Unlocked => 503,
            Self::Exists => 504,
            Self::Unavailable => 510,
            Self::OutcomeUnknown => 511,
            Self::Corrupt => 512,
            Self::Full => 513,
            Self::ReadOnly => 514,
            Self::Gone => 515,
            Self::Missing => 516,
            Self::Denied => 517,
            Self::Contended => 518,
            Self::Layout { .. } => 519,
            Self::NotDurable => 520,
            Self::Url => 521,
            Self::Foreign => 522,
            Self::Server { .. } => 506,
            Self::Standby => 507,
            Self::Untrusted => 508,
        }
    }
}
