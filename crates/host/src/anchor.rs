//! An anchor in a file: best on another machine's disk, or one that whoever can write to the store cannot write to.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zamok_core::Error;
use zamok_core::store::StoreFault;
use zamok_journal::{Anchor, Checkpoint, SignedCheckpoint};

use crate::random::OsRandom;

/// A file with the last checkpoint of one log: a signed note, as `zamok journal checkpoint` prints it.
#[derive(Clone, Debug)]
pub struct FileAnchor {
    path: PathBuf,
}

impl FileAnchor {
    /// Makes an anchor that remembers nothing yet.
    ///
    /// # Errors
    /// The operating system's, also when there is such a file.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        File::create_new(&path)?.sync_all()?;
        sync_folder(&path)?;
        Ok(Self::at(path))
    }

    /// The anchor in this file. Whether it is there is asked each time: a file that is gone is an error, and never
    /// taken for one that remembers nothing. A relative path counts from the working folder of now, whichever it is then.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { path: std::path::absolute(&path).unwrap_or(path) }
    }

    fn read(&self) -> Result<Option<SignedCheckpoint>, Error> {
        let note = self.place().and_then(fs::read_to_string).map_err(|error| fault(&error))?;
        if note.is_empty() { Ok(None) } else { SignedCheckpoint::parse(&note).map(Some) }
    }

    /// Where the file lies, whatever links lead there: it is written anew in its own place. What is no file, such as a device,
    /// remembers nothing, and must not be replaced by one.
    fn place(&self) -> io::Result<PathBuf> {
        let place = fs::canonicalize(&self.path)?;
        if fs::metadata(&place)?.is_file() { Ok(place) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Waits until no other process compares and writes; over when it is dropped. The lock lies beside the file, whose
    /// name goes from one file to the next; whoever may read it takes a turn, since processes of several users may keep one anchor.
    fn turn(&self) -> io::Result<File> {
        let place = self.place()?;
        let beside = beside(&place, ".lock");
        // File systems of other machines lock for whoever may write alone; none here asks for that.
        let open = || match File::options().write(true).open(&beside) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(&beside),
            opened => opened,
        };
        let lock = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match File::create_new(&beside) {
                Ok(made) => {
                    take_after(&made, &fs::metadata(&place)?)?;
                    made
                }
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open()?,
                Err(error) => return Err(error),
            },
            opened => opened?,
        };
        lock.lock()?;
        Ok(lock)
    }

    /// Puts another file in the place of the old one, for whoever had rights to that.
    fn write(&self, note: &str) -> io::Result<()> {
        let place = self.place()?;
        let mut name = [0; 8];
        OsRandom::new().and_then(|mut random| random.try_fill(&mut name)).map_err(io::Error::other)?;
        // What lies under the name that it has until then was put there by somebody else, and is not followed.
        let beside = beside(&place, &format!(".{:016x}.new", u64::from_be_bytes(name)));
        let mut file = File::create_new(&beside)?;
        let written = take_after(&file, &fs::metadata(&place)?)
            .and_then(|()| file.write_all(note.as_bytes()))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&beside, &place));
        if written.is_err() {
            // It is no anchor; that it stays would hinder nobody.
            let _ = fs::remove_file(&beside);
        }
        written?;
        sync_folder(&place)
    }
}

impl Anchor for FileAnchor {
    /// # Errors
    /// Besides those of the trait, [`Error::LogForked`] when the file is of another log.
    fn last(&self, origin: &str) -> Result<Option<Checkpoint>, Error> {
        match self.read()? {
            Some(signed) if signed.checkpoint().origin != origin => Err(Error::LogForked),
            last => Ok(last.map(|signed| signed.checkpoint().clone())),
        }
    }

    fn keep(&self, signed: &SignedCheckpoint) -> Result<(), Error> {
        // Of several processes each compares with what the others have written: what is remembered never goes back.
        let _turn = self.turn().map_err(|error| fault(&error))?;
        let new = signed.checkpoint();
        if let Some(last) = self.last(&new.origin)? {
            if last.size > new.size {
                return Err(Error::LogBehind { found: new.size, anchored: last.size });
            }
            if last.size == new.size {
                return if last.root == new.root { Ok(()) } else { Err(Error::LogForked) };
            }
        }
        self.write(&signed.to_string()).map_err(|error| fault(&error))
    }
}

fn fault(error: &io::Error) -> Error {
    let fault = match error.kind() {
        io::ErrorKind::NotFound => return Error::AnchorMissing,
        io::ErrorKind::PermissionDenied => StoreFault::Denied,
        io::ErrorKind::StorageFull => StoreFault::Full,
        io::ErrorKind::InvalidData => return Error::Refused,
        _ => StoreFault::Unavailable,
    };
    fault.into()
}

/// The file's own name, with something behind.
fn beside(place: &Path, behind: &str) -> PathBuf {
    let mut beside = OsString::from(place);
    beside.push(behind);
    beside.into()
}

/// Gives a new file the mode of an old one, and its group and owner where that is allowed.
fn take_after(new: &File, old: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let own = new.metadata()?;
        if own.gid() != old.gid() {
            let _ = fchown(new, None, Some(old.gid()));
        }
        if own.uid() != old.uid() {
            let _ = fchown(new, Some(old.uid()), None);
        }
    }
    // A file system that knows no modes gives all files the same.
    if new.metadata()?.permissions() == old.permissions() {
        return Ok(());
    }
    new.set_permissions(old.permissions())
}

/// Makes the name of a file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
