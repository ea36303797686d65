//! SQLite's result codes as faults of a store.

use rusqlite::{Error, ErrorCode, ffi};
use zamok_core::store::StoreFault;

/// The fault behind an error of a statement. Never for `COMMIT`: see [`commit_fault`].
pub(crate) fn fault(error: &Error) -> StoreFault {
    let Error::SqliteFailure(failure, _) = error else {
        // A value of the wrong type, size or number: the file does not hold what its layout says.
        return StoreFault::Corrupt;
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            StoreFault::Contended
        }
        ErrorCode::DiskFull => StoreFault::Full,
        ErrorCode::ReadOnly if failure.extended_code == ffi::SQLITE_READONLY_DBMOVED => StoreFault::Gone,
        ErrorCode::ReadOnly => StoreFault::ReadOnly,
        ErrorCode::PermissionDenied => StoreFault::Denied,
        ErrorCode::SystemIoFailure => match failure.extended_code {
            // The index of the log could not grow.
            ffi::SQLITE_IOERR_SHMSIZE => StoreFault::Full,
            ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_DATA | ffi::SQLITE_IOERR_CORRUPTFS => {
                StoreFault::Corrupt
            }
            _ => StoreFault::Unavailable,
        },
        ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted
        | ErrorCode::InternalMalfunction => StoreFault::Unavailable,
        _ => StoreFault::Corrupt,
    }
}

/// The fault behind an error of `COMMIT`.
///
/// A log frame that did not fit is no commit: the last frame carries the mark, and nothing is written after it. With
/// any other failure (a flush, say) the frames may all have reached the disk, and a crash could bring them back.
pub(crate) fn commit_fault(error: &Error) -> StoreFault {
    match fault(error) {
        certain @ (StoreFault::Full | StoreFault::Contended) => certain,
        _ => StoreFault::OutcomeUnknown,
    }
}
