//! Files that the program reads and writes: bounded, and written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::failure::Failure;

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

/// A secret and how carelessly it lay there.
pub(crate) struct SecretFile {
    pub(crate) content: Zeroizing<Vec<u8>>,
    /// Others may read the file.
    pub(crate) is_open_to_others: bool,
}

/// The secret in a file, without the end of its line.
pub(crate) fn read_secret(path: &Path) -> Result<SecretFile, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    // Read to the end into a buffer that never grows, so that no copy is left behind.
    let limit = usize::try_from(LONGEST_SECRET).unwrap_or_default() + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(limit));
    let read = file.take(LONGEST_SECRET + 1).read_to_end(&mut content);
    read.map_err(|error| unreadable(path, &error))?;
    if content.len() == limit {
        return Err(Failure::file(format!(
            "{}: a secret has at most {LONGEST_SECRET} bytes",
            path.display()
        )));
    }
    if content.last() == Some(&b'\n') {
        content.pop();
        if content.last() == Some(&b'\r') {
            content.pop();
        }
    }
    let is_open_to_others = metadata.is_file() && metadata.permissions().mode() & 0o077 != 0;
    Ok(SecretFile { content, is_open_to_others })
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

/// A file to be written, made ready before anything is done that could not be undone.
#[derive(Debug)]
pub(crate) struct Prepared {
    path: PathBuf,
    file: NamedTempFile,
    existing: Existing,
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
    /// Makes sure that the file can be written, beside the place where it will be.
    pub(crate) fn new(path: &Path, readable: Readable) -> Result<Self, Failure> {
        match fs::metadata(path) {
            // A device or a pipe must not be replaced by a file.
            Ok(found) if !found.is_file() => {
                return Err(Failure::file(format!("{} is there and is not a file", path.display())));
            }
            _ => {}
        }
        let folder = folder(path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".zamok-");
        if readable == Readable::ByOthers {
            builder.permissions(Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: path.into(), file, existing: Existing::Replaced })
    }

    /// The same, for a file with a name that nobody has yet.
    pub(crate) fn unless_there(path: &Path, readable: Readable) -> Result<Self, Failure> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(is_there(path));
        }
        Ok(Self { existing: Existing::Kept, ..Self::new(path, readable)? })
    }

    /// Writes the file, flushes it, and gives it its name.
    pub(crate) fn write(self, content: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.path.clone();
        let put = |out: &mut dyn Write| out.write_all(content).map_err(|error| unwritable(&path, &error));
        self.stream(put).map(|(path, ())| path)
    }

    /// Has the file written piece by piece, flushes it and its folder, and gives it its name in between.
    pub(crate) fn stream<T>(
        mut self,
        put: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
    ) -> Result<(PathBuf, T), Failure> {
        let mut out = BufWriter::new(self.file.as_file_mut());
        let told = put(&mut out)?;
        let written = out.flush().and_then(|()| out.get_ref().sync_all());
        drop(out);
        written.map_err(|error| unwritable(&self.path, &error))?;
        let folder = folder(&self.path).to_path_buf();
        let path = self.name()?;
        // A name that is not in the folder after a power cut is no file.
        let flushed = File::open(folder).and_then(|folder| folder.sync_all());
        flushed.map_err(|error| unwritable(&path, &error))?;
        Ok((path, told))
    }

    fn name(self) -> Result<PathBuf, Failure> {
        let named = match self.existing {
            Existing::Replaced => self.file.persist(&self.path),
            // Somebody may have made it meanwhile.
            Existing::Kept => self.file.persist_noclobber(&self.path),
        };
        match named {
            Ok(_) => Ok(self.path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(is_there(&self.path)),
            Err(error) => Err(unwritable(&self.path, &error.error)),
        }
    }
}
