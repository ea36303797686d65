//! Where the store lies: its files, their modes, and whether they are still the ones that were opened.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zamok_core::store::StoreFault;

use crate::ground;
use crate::opened::Opened;

/// Readable and writable by the owner, closed to everyone else.
const MODE: u32 = 0o600;

/// How often the table of locks is asked before it is believed that one is gone.
const LOOKS: u32 = 24;
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// The files of an open store, and the process that opened it.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    files: [(PathBuf, Identity); 3],
    /// Whether this system tells which locks are held.
    locks_are_told: bool,
    opened: Opened,
}

/// The device and the number of a file: what stays the same until it is replaced.
///
/// The number cannot be given to another file while a connection holds this one open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    fn of(found: &fs::Metadata) -> Self {
        Self { device: found.dev(), number: found.ino() }
    }
}

impl Place {
    /// Tightens the modes of an open store's files and remembers which files they are.
    ///
    /// Fails with `Unlocked` where the system tells of locks, and not of those of this store; with `NotDurable` where the file has
    /// got a second name.
    pub(crate) fn take(path: PathBuf, opened: Opened) -> Result<Self, StoreFault> {
        let files = [path.clone(), suffixed(&path, "-wal"), suffixed(&path, "-shm")];
        ground::has_one_name(&metadata(&path)?)?;
        for file in &files {
            let mode = metadata(file)?.mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(file, Permissions::from_mode(MODE)).map_err(|_| StoreFault::Denied)?;
            }
        }
        let [main, log, index] = files;
        let files = [
            (main.clone(), identity(&main)?),
            (log.clone(), identity(&log)?),
            (index.clone(), identity(&index)?),
        ];
        if files[0].1 != opened.file() {
            return Err(StoreFault::Gone);
        }
        let mut place = Self { path, files, locks_are_told: locks().is_some(), opened };
        if place.unlocked() {
            // Either they were taken away already, or the table leaves out this process or this file system.
            if tells_of_a_lock_on(&place.files[1]) {
                return Err(StoreFault::Unlocked);
            }
            place.locks_are_told = false;
        }
        Ok(place)
    }

    /// One more handle on the same file.
    pub(crate) fn open_again(&self) -> Result<Opened, StoreFault> {
        Opened::enter(self.opened.file())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this process inherited the store by a fork: SQLite's locks and its log's index do not survive one.
    pub(crate) fn inherited(&self) -> bool {
        self.opened.inherited()
    }

    /// Fails when a file of the store was removed or replaced, when the store has got a second name, or when this process did
    /// not open it.
    pub(crate) fn intact(&self) -> Result<(), StoreFault> {
        if self.inherited() {
            return Err(StoreFault::Unavailable);
        }
        for (number, (path, opened)) in self.files.iter().enumerate() {
            match metadata(path) {
                Ok(found) if Identity::of(&found) != *opened => return Err(StoreFault::Gone),
                Ok(found) if number == 0 => ground::has_one_name(&found)?,
                Ok(_) => {}
                Err(StoreFault::Missing) => return Err(StoreFault::Gone),
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Whether this process has lost the locks on the store that SQLite believes to hold: another copy of SQLite in it, or
    /// other code, has closed one of the files. Known on Linux alone.
    ///
    /// The system hands its table of locks out in pieces, and where others lock and unlock meanwhile, a piece may miss a
    /// lock that is held all the time. A lock that is gone is missed by every look; one that is held, hardly by two.
    pub(crate) fn unlocked(&self) -> bool {
        self.locks_are_told
            && (0..LOOKS).all(|look| {
                if look > 0 {
                    thread::sleep(BETWEEN_LOOKS);
                }
                !self.holds_locks()
            })
    }

    /// Whether the system tells of a lock of this process on the file and on the log's index: an open connection always
    /// holds one on each.
    fn holds_locks(&self) -> bool {
        let Some(locks) = locks() else { return false };
        [&self.files[0], &self.files[2]].into_iter().all(|(_, file)| is_told(&locks, "POSIX", *file))
    }

    #[cfg(test)]
    pub(crate) fn pretend_to_be_forked(&mut self) {
        self.opened.pretend_to_be_forked();
    }
}

/// The table of locks of the whole system, `/proc/locks` (proc(5)), on Linux.
fn locks() -> Option<String> {
    fs::read_to_string("/proc/locks").ok()
}

/// Whether the table tells of a lock of this process on the file.
fn is_told(locks: &str, kind: &str, file: Identity) -> bool {
    let (process, number) = (std::process::id().to_string(), format!(":{}", file.number));
    // `1: POSIX  ADVISORY  READ 1234 fd:00:2531452 128 128`
    locks.lines().any(|lock| {
        let mut fields = lock.split_whitespace().skip(1);
        fields.next() == Some(kind)
            && fields.nth(2) == Some(&process)
            && fields.next().is_some_and(|place| place.ends_with(&number))
    })
}

/// Whether the table tells of a lock that this process takes on the log, for a moment: SQLite takes none there that could be lost
/// with it. A table of another namespace does not, nor does one of a file system whose files have other numbers there, as those of
/// some overlays have; their folders may have the same.
fn tells_of_a_lock_on((log, file): &(PathBuf, Identity)) -> bool {
    let Ok(held) = File::open(log) else { return false };
    held.try_lock_shared().is_ok() && locks().is_some_and(|locks| is_told(&locks, "FLOCK", *file))
}

/// The absolute path of a file that exists and is not empty; `NotDurable` where it lies on no ground for a store.
pub(crate) fn find(path: &Path) -> Result<PathBuf, StoreFault> {
    let path = path.canonicalize().map_err(|error| io_fault(&error))?;
    let found = metadata(&path)?;
    // SQLite takes an empty file for a new database, and throws away the log beside it.
    if !found.is_file() || found.len() == 0 {
        return Err(StoreFault::Foreign);
    }
    ground::bears(&path, &found)?;
    may_be_written(&path).map(|()| path)
}

/// The absolute path of a file that exists, made empty where there was none; `NotDurable` where it lies on no ground for a store.
pub(crate) fn make(path: &Path) -> Result<PathBuf, StoreFault> {
    if let Ok(folder) = metadata(folder_of(path)) {
        ground::bears_anything(folder_of(path), &folder)?;
    }
    match make_new(path) {
        Err(StoreFault::Exists | StoreFault::Denied) | Ok(()) => {}
        Err(fault) => return Err(fault),
    }
    let path = path.canonicalize().map_err(|error| io_fault(&error))?;
    let found = metadata(&path)?;
    match (found.is_file(), found.len()) {
        (false, _) => Err(StoreFault::Foreign),
        // A store that was cut to nothing; its log is evidence.
        (true, 0) if log_length(&path)? > 0 => Err(StoreFault::Corrupt),
        (true, _) => {
            ground::bears(&path, &found)?;
            may_be_written(&path).map(|()| path)
        }
    }
}

/// Fails with `ReadOnly` where this process may read the file and not write it. SQLite would open it all the same, and leave an
/// index of the log behind that has the mode of the file: nobody could write that one when the file may be written again.
fn may_be_written(path: &Path) -> Result<(), StoreFault> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    use rustix::io::Errno;
    let asked = |access| accessat(CWD, path, access, AtFlags::EACCESS);
    match asked(Access::WRITE_OK) {
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) if asked(Access::READ_OK).is_ok() => {
            Err(StoreFault::ReadOnly)
        }
        // Whatever else is wrong, opening it tells.
        _ => Ok(()),
    }
}

/// Makes an empty file that only its owner may read; `Exists` when something is there already.
pub(crate) fn make_new(path: &Path) -> Result<(), StoreFault> {
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path);
    made.map(drop).map_err(|error| io_fault(&error))?;
    flush_folder(path)
}

/// The name under which a copy grows until it is complete: one of its own, since what was killed leaves its own behind.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    suffixed(path, &format!(".part-{}-{}", std::process::id(), since.as_nanos()))
}

/// Flushes a complete copy and gives it its name, unless that name is taken.
pub(crate) fn publish(part: &Path, path: &Path) -> Result<(), StoreFault> {
    let moved = File::open(part).and_then(|file| file.sync_all()).and_then(|()| rename_to_new(part, path));
    moved.map_err(|error| io_fault(&error))?;
    flush_folder(path)
}

/// Renames in one step, so that no crash leaves a file with two names, which would not be opened.
fn rename_to_new(old: &Path, new: &Path) -> std::io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, old, CWD, new, RenameFlags::NOREPLACE) {
            // The file system, or a sandbox around the process, knows no such thing.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM) => {}
            renamed => return renamed.map_err(Error::from),
        }
    }
    fs::hard_link(old, new).and_then(|()| fs::remove_file(old))
}

/// The length of the file.
pub(crate) fn length(path: &Path) -> Result<u64, StoreFault> {
    Ok(metadata(path)?.len())
}

/// The length of its write-ahead log; 0 when there is none.
pub(crate) fn log_length(path: &Path) -> Result<u64, StoreFault> {
    match length(&suffixed(path, "-wal")) {
        Err(StoreFault::Missing) => Ok(0),
        length => length,
    }
}

fn flush_folder(path: &Path) -> Result<(), StoreFault> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(|error| io_fault(&error))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn metadata(path: &Path) -> Result<fs::Metadata, StoreFault> {
    fs::metadata(path).map_err(|error| io_fault(&error))
}

pub(crate) fn identity(path: &Path) -> Result<Identity, StoreFault> {
    metadata(path).map(|found| Identity::of(&found))
}

fn io_fault(error: &Error) -> StoreFault {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => StoreFault::Missing,
        ErrorKind::PermissionDenied => StoreFault::Denied,
        ErrorKind::AlreadyExists => StoreFault::Exists,
        ErrorKind::ReadOnlyFilesystem => StoreFault::ReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreFault::Full,
        ErrorKind::IsADirectory => StoreFault::Foreign,
        _ => StoreFault::Unavailable,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_store_whose_locks_are_gone_already_when_it_is_opened_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        for suffix in ["", "-wal", "-shm"] {
            make_new(&suffixed(&path, suffix)).expect("a file");
        }
        let opened = Opened::enter(identity(&path).expect("a file")).expect("nobody has it open");
        let refused = Place::take(path, opened).expect_err("no connection holds a lock");
        assert_eq!(refused, StoreFault::Unlocked);
    }
}
