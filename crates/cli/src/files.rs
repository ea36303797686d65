//! Files that the program reads and writes: bounded, and written whole or not at all.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::output::Output;

/// Longest file with a secret, in bytes.
const LONGEST_SECRET: u64 = 4096;
/// Longest document, in bytes: it is held in memory.
pub(crate) const LONGEST_DOCUMENT: u64 = 1 << 30;
/// Longest file of another kind, a key or a proof.
const LONGEST_TEXT: u64 = 1 << 20;

/// Who may read a file that the program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readable {
    /// Its owner alone: it holds a secret.
    ByOwner,
    /// Whoever the process's umask lets.
    ByOthers,
}

/// The secret in a file, without the end of its line; a file that others may read is warned of.
pub(crate) fn read_secret(path: &Path, output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut content = read_wiped(path, LONGEST_SECRET, output)?;
    if content.last() == Some(&b'\n') {
        content.pop();
        if content.last() == Some(&b'\r') {
            content.pop();
        }
    }
    Ok(content)
}

/// The key or the data in a file, every byte of it; a file that others may read is warned of.
pub(crate) fn read_key(path: &Path, output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_wiped(path, LONGEST_TEXT, output)
}

fn read_wiped(path: &Path, longest: u64, output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
    in_use(path);
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    // Read to the end into a buffer that never grows, so that no copy is left behind.
    let limit = usize::try_from(longest).unwrap_or_default() + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(limit));
    let read = file.take(longest + 1).read_to_end(&mut content);
    read.map_err(|error| unreadable(path, &error))?;
    if content.len() == limit {
        return Err(Failure::file(format!("{}: a secret has at most {longest} bytes", path.display())));
    }
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        output.remark(format!("warning: others may read {}; `chmod 600` closes it", path.display()));
    }
    Ok(content)
}

/// A document to be signed or verified.
pub(crate) fn read_document(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, LONGEST_DOCUMENT)
}

/// A signature.
pub(crate) fn read_small(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, LONGEST_TEXT)
}

/// A key or a proof.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read_small(path)?).map_err(|_| Failure::file(format!("{} is not text", path.display())))
}

fn read(path: &Path, longest: u64) -> Result<Vec<u8>, Failure> {
    in_use(path);
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let length = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    let mut content = Vec::new();
    let too_long = || Failure::file(format!("{} has more than {longest} bytes", path.display()));
    if length > longest {
        return Err(too_long());
    }
    file.take(longest + 1).read_to_end(&mut content).map_err(|error| unreadable(path, &error))?;
    let is_too_long = u64::try_from(content.len()).is_ok_and(|length| length > longest);
    if is_too_long { Err(too_long()) } else { Ok(content) }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::file(format!("cannot read {}: {error}", path.display()))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::file(format!("cannot write {}: {error}", path.display()))
}

fn is_there(path: &Path) -> Failure {
    Failure::file(format!("{} is there already", path.display())).hint("name another file: none is replaced")
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Files that this run works in, reads or writes, by every name that leads there: no output takes the place of one.
static IN_USE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Keeps every output of this run away from this file.
pub(crate) fn in_use(path: &Path) {
    let mut used = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    used.extend(names(path));
}

/// Where the name stands, and where it leads.
fn names(path: &Path) -> impl Iterator<Item = PathBuf> {
    let place = folder(path).canonicalize().ok().zip(path.file_name());
    let place = place.map(|(folder, name)| folder.join(name));
    place.into_iter().chain(path.canonicalize().ok())
}

/// A file to be written, made ready before anything is done that could not be undone.
#[derive(Debug)]
pub(crate) struct Prepared {
    path: PathBuf,
    /// The folder, opened while nothing has been done: one that may not be read cannot be flushed.
    home: File,
    draft: Draft,
    existing: Existing,
}

/// What is written before it has its name.
#[derive(Debug)]
enum Draft {
    /// Without any name: nothing of it stays, however the program ends.
    Nameless(File),
    /// Under a hidden name, where the file system knows no other way.
    Hidden(NamedTempFile),
}

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    /// It gives way.
    Replaced,
    /// It stays, and nothing is written.
    Kept,
}

impl Prepared {
    /// Makes sure that the file can be written, beside the place where it will be. One that is there gives way, unless it is in
    /// use.
    pub(crate) fn over(path: &Path, readable: Readable) -> Result<Self, Failure> {
        Self::new(path, readable, Existing::Replaced)
    }

    /// The same, for a file with a name that nobody has yet.
    pub(crate) fn unless_there(path: &Path, readable: Readable) -> Result<Self, Failure> {
        Self::new(path, readable, Existing::Kept)
    }

    fn new(path: &Path, readable: Readable, existing: Existing) -> Result<Self, Failure> {
        if is_in_use(path) {
            let path = path.display();
            return Err(Failure::usage(format!(
                "{path} is the store, what this command reads, or another file that it writes"
            ))
            .hint("name another file to be written"));
        }
        if existing == Existing::Kept && fs::symlink_metadata(path).is_ok() {
            return Err(is_there(path));
        }
        match fs::metadata(path) {
            // A device or a pipe must not be replaced by a file.
            Ok(found) if !found.is_file() => {
                return Err(Failure::file(format!("{} is there and is not a file", path.display())));
            }
            // Whatever its name is, and whether this run works with it or not.
            Ok(_) if is_database(path) => {
                return Err(Failure::usage(format!("{} is a database, perhaps a store", path.display()))
                    .hint("name another file to be written"));
            }
            _ => {}
        }
        let home = File::open(folder(path)).map_err(|error| unwritable(path, &error))?;
        let draft = Draft::new(folder(path), readable).map_err(|error| unwritable(path, &error))?;
        in_use(path);
        Ok(Self { path: path.into(), home, draft, existing })
    }

    /// Writes the file, flushes it, and gives it its name.
    pub(crate) fn write(self, content: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.path.clone();
        let put = |out: &mut dyn Write| out.write_all(content).map_err(|error| unwritable(&path, &error));
        self.stream(put).map(|(path, ())| path)
    }

    /// Has the file written piece by piece, flushes it and its folder, and gives it its name in between. Where that fails, a name
    /// that was new is gone again.
    pub(crate) fn stream<T>(
        self,
        put: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
    ) -> Result<(PathBuf, T), Failure> {
        let mut out = BufWriter::new(self.draft.file());
        let told = put(&mut out)?;
        let written = out.flush().and_then(|()| out.get_ref().sync_all());
        drop(out);
        written.map_err(|error| unwritable(&self.path, &error))?;
        let existing = self.existing;
        let (path, home) = self.name()?;
        // A name that is not in the folder after a power cut is no file.
        if let Err(error) = home.sync_all() {
            if existing == Existing::Kept {
                // If it stays nevertheless, it is whole.
                let _ = fs::remove_file(&path);
            }
            return Err(unwritable(&path, &error));
        }
        Ok((path, told))
    }

    fn name(self) -> Result<(PathBuf, File), Failure> {
        let Self { path, home, draft, existing } = self;
        let named = match (draft, existing) {
            // Somebody may have made it meanwhile.
            (Draft::Nameless(file), Existing::Kept) => link(&file, &path),
            // A link takes no other's place: a hidden name does, and is there for this moment alone.
            (Draft::Nameless(file), Existing::Replaced) => hidden()
                .make_in(folder(&path), |place| link(&file, place))
                .and_then(|hidden| Ok(hidden.persist(&path)?)),
            (Draft::Hidden(file), Existing::Kept) => {
                file.persist_noclobber(&path).map(drop).map_err(io::Error::from)
            }
            (Draft::Hidden(file), Existing::Replaced) => {
                file.persist(&path).map(drop).map_err(io::Error::from)
            }
        };
        match named {
            Ok(()) => Ok((path, home)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(is_there(&path)),
            Err(error) => Err(unwritable(&path, &error)),
        }
    }
}

impl Draft {
    fn new(folder: &Path, readable: Readable) -> io::Result<Self> {
        let mode = match readable {
            Readable::ByOwner => 0o600,
            Readable::ByOthers => 0o666,
        };
        if let Some(file) = nameless(folder, mode) {
            return Ok(Self::Nameless(file));
        }
        hidden().permissions(Permissions::from_mode(mode)).tempfile_in(folder).map(Self::Hidden)
    }

    fn file(&self) -> &File {
        match self {
            Self::Nameless(file) => file,
            Self::Hidden(file) => file.as_file(),
        }
    }
}

/// Whether a file to be written may take the place of one that is there.
#[derive(Args, Debug)]
pub(crate) struct Overwrite {
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
}

impl Overwrite {
    /// Whether it may.
    pub(crate) const fn is_asked(&self) -> bool {
        self.overwrite
    }

    /// Makes sure that the file can be written.
    pub(crate) fn prepare(&self, path: &Path, readable: Readable) -> Result<Prepared, Failure> {
        if self.overwrite {
            return Prepared::over(path, readable);
        }
        Prepared::unless_there(path, readable).map_err(|failure| {
            let is_there = failure.name == "file" && path.is_file();
            if is_there { failure.hint("name another file, or give --overwrite") } else { failure }
        })
    }
}

fn is_in_use(path: &Path) -> bool {
    let used = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    names(path).any(|name| used.contains(&name))
}

/// Whether the file begins as SQLite's files do (sqlite.org/fileformat.html §1.3).
fn is_database(path: &Path) -> bool {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut begin = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == *MAGIC
}

fn hidden() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".zamok-");
    builder
}

/// A file in this folder that has no name yet; `None` where there is no such thing.
#[cfg(target_os = "linux")]
fn nameless(folder: &Path, mode: u32) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(open(folder, flags, Mode::from_raw_mode(mode)).ok()?);
    // It gets its name by way of /proc, which need not be there.
    held(&file).exists().then_some(file)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path, _: u32) -> Option<File> {
    None
}

/// Gives a file that has no name its first one.
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    Ok(linkat(CWD, held(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// What Linux calls an open file of this process.
fn held(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}
