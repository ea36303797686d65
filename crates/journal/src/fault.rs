//! What can be wrong with a journal, and where.

use core::fmt;

use zamok_core::Error;
use zamok_core::event::Leaf;
use zamok_core::store::{EntryId, RowKey};
use zamok_core::vault::Entry;

use crate::rows::is_origin;
use crate::tiles::TileName;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It fails its authentication: altered, or made by another vault.
    Altered,
    /// It does not follow the entry before it in its writer's chain: one of the two was put there by someone else.
    Unchained,
    /// Entries of its writer are missing before it.
    Gap,
    /// It is in the log already.
    Repeated,
    /// Its leaf cannot be read by this program: written by another version.
    Unreadable,
    /// It was written for another log.
    Foreign,
    /// It begins a chain at a time at which none begins any more: put back after its writer was forgotten, or written
    /// by a clock that is far behind.
    Closed,
    /// It should be there and is not.
    Missing,
    /// It is not what the rest of the journal says that it should be.
    Differs,
    /// It should not be there.
    Unexpected,
    /// It is older than the journal says: somebody put it back.
    Behind,
    /// It tells of more than there is: the journal was put back, and it was not.
    Ahead,
}

impl Fault {
    const fn words(self) -> &'static str {
        match self {
            Self::Altered => "fails its authentication",
            Self::Unchained => "does not follow the entry before it in its chain",
            Self::Gap => "follows a gap in its chain",
            Self::Repeated => "is in the log already",
            Self::Unreadable => "was written by another version of the program",
            Self::Foreign => "was written for another log",
            Self::Closed => "begins a chain at a time that is closed",
            Self::Missing => "is missing",
            Self::Differs => "is not what the rest of the journal says",
            Self::Unexpected => "should not be there",
            Self::Ahead => "tells of more entries than there are: the journal was put back",
            Self::Behind => "is older than the journal says: it was put back",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A writer whose entries were not integrated from this one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The writer.
    pub writer: [u8; 16],
    /// The first entry that was not integrated.
    pub sequence: u64,
    /// Why.
    pub fault: Fault,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = EntryId { writer: self.writer, sequence: self.sequence };
        write!(f, "{} {}", Place::Waiting(id), self.fault)
    }
}

/// Where something was found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The head.
    Head,
    /// The leaf at this index.
    Leaf(u64),
    /// This tile.
    Tile(TileName),
    /// This bundle of 256 entries, in the log as files.
    Bundle(u64),
    /// The position of this entry.
    Position(EntryId),
    /// How far this writer's chain was integrated.
    Writer([u8; 16]),
    /// This waiting entry.
    Waiting(EntryId),
    /// The sealed detail of this entry.
    Detail(EntryId),
    /// A subject's index names this entry.
    Subject(EntryId),
    /// What the log signs with, or the checkpoint under this name.
    Checkpoint(&'static str),
    /// This row: of the journal under a name that none can have, or one that the journal tells of.
    Row(RowKey),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("the head"),
            Self::Leaf(index) => write!(f, "leaf {index}"),
            Self::Tile(name) => write!(f, "tile {} of level {}", name.index, name.level),
            Self::Bundle(index) => write!(f, "bundle {index} of entries"),
            Self::Position(id) => write!(f, "the position of {}", Name(id)),
            Self::Writer(writer) => write!(f, "the state of writer {}", Hex(writer)),
            Self::Waiting(id) => write!(f, "the waiting {}", Name(id)),
            Self::Detail(id) => write!(f, "the detail of {}", Name(id)),
            Self::Subject(id) => write!(f, "the subject index of {}", Name(id)),
            Self::Checkpoint(name) => write!(f, "the signed row `{name}`"),
            Self::Row(row) => write!(f, "row {} of table {}", Hex(&row.key), row.table.0),
        }
    }
}

/// Something wrong in a journal, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.fault)
    }
}

struct Name<'a>(&'a EntryId);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} of writer {}", self.0.sequence, Hex(&self.0.writer))
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What was read, or what is wrong with it; an error that does not speak about the data goes on to the caller.
pub(crate) fn or_fault<T>(result: Result<T, Error>) -> Result<Result<T, Fault>, Error> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Refused) => Ok(Err(Fault::Altered)),
        Err(Error::Format { .. }) => Ok(Err(Fault::Unreadable)),
        Err(other) => Err(other),
    }
}

/// Checks that an entry with a right MAC is the next of its chain, whose last entry has this sequence and MAC; the
/// MAC is not compared when it is not known.
pub(crate) fn follows(entry: &Entry, sequence: u64, mac: Option<&[u8; 32]>) -> Result<(), Fault> {
    if entry.id.sequence <= sequence {
        return Err(Fault::Repeated);
    }
    if entry.id.sequence - sequence > 1 {
        return Err(Fault::Gap);
    }
    if mac.is_none_or(|mac| entry.previous == *mac) { Ok(()) } else { Err(Fault::Unchained) }
}

/// Reads the leaf of an entry with a right MAC. Without an `origin` the log is empty, and this leaf names it.
pub(crate) fn leaf_of(entry: &Entry, origin: Option<&str>) -> Result<Leaf, Fault> {
    let leaf = Leaf::decode(&entry.leaf).map_err(|_| Fault::Unreadable)?;
    let fits = origin.map_or_else(|| is_origin(&leaf.origin), |origin| leaf.origin == origin);
    if fits { Ok(leaf) } else { Err(Fault::Foreign) }
}
