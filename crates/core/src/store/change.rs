//! A change: everything that one commit expects, writes, adds and appends.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::error::Error;

/// A table of rows. Each room owns the numbers that `docs/formats/tables.md` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub u16);

impl Table {
    /// The last table that may hold rows: whoever walks a whole store ends here.
    pub const LAST: Self = Self(1023);
}

/// The name of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// Its table.
    pub table: Table,
    /// Its key: 0 to [`Change::MAX_KEY`] bytes.
    pub key: Vec<u8>,
}

impl RowKey {
    /// The row of `table` under `key`.
    #[must_use]
    pub fn new(table: Table, key: impl Into<Vec<u8>>) -> Self {
        Self { table, key: key.into() }
    }
}

/// The name of a counter: 0 to [`Change::MAX_KEY`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey(pub Vec<u8>);

/// The unique id of a change: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(pub [u8; 16]);

/// The id of a journal entry: its writer and the writer's sequence. Not a position in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The writer: 128 random bits, new for every opening of a vault.
    pub writer: [u8; 16],
    /// 1, 2, 3 … without gaps.
    pub sequence: u64,
}

impl EntryId {
    /// The table of entries that wait to be integrated into the journal's tree.
    pub const TABLE: Table = Table(16);

    /// Writer, then sequence, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.writer);
        bytes[16..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (writer, sequence) = bytes.split_first_chunk::<16>()?;
        Some(Self { writer: *writer, sequence: u64::from_be_bytes(sequence.try_into().ok()?) })
    }

    /// The row in which this entry waits. Its key is the sequence, then the writer, so that what writers of one pace write at
    /// one time lies together.
    #[must_use]
    pub fn row(self) -> RowKey {
        RowKey::new(Self::TABLE, [self.sequence.to_be_bytes().as_slice(), &self.writer].concat())
    }

    /// Reads the key of a row of [`EntryId::TABLE`].
    #[must_use]
    pub fn of_row(key: &[u8]) -> Option<Self> {
        let (sequence, writer) = key.split_first_chunk()?;
        Some(Self { writer: writer.try_into().ok()?, sequence: u64::from_be_bytes(*sequence) })
    }
}

/// What must be true of a row at the instant of the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no such row.
    Absent,
    /// The row has this version.
    Version(u64),
}

impl Expect {
    /// The version that a put gives a row of which this holds.
    #[must_use]
    pub const fn next_version(self) -> u64 {
        match self {
            Self::Absent => 1,
            // A store that claims the last of all versions gets a refusal, not an overflow.
            Self::Version(version) => version.saturating_add(1),
        }
    }
}

/// What happens to a row.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// It gets this value, and the expected version + 1.
    Put(Vec<u8>),
    /// It goes away.
    Delete,
}

impl core::fmt::Debug for Write {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Put(value) => write!(f, "Put({} bytes)", value.len()),
            Self::Delete => f.write_str("Delete"),
        }
    }
}

/// What happens to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Add {
    /// How much is added.
    pub delta: u64,
    /// The sum must not pass this; else the whole change is refused with `Outcome::Capped`.
    pub ceiling: u64,
}

/// One commit: expectations, puts and deletes, sums. Built by its methods, read by stores through its accessors.
///
/// Every write carries an expectation; one row has at most one expectation and one write.
///
/// ```
/// use zamok_core::store::{Change, ChangeId, MemoryStore, Outcome, RowKey, Store, Table};
/// let store = MemoryStore::new();
/// let row = RowKey::new(Table(900), *b"a");
/// let mut change = Change::new(ChangeId([1; 16]));
/// change.insert(row.clone(), b"first".to_vec())?;
/// assert_eq!(store.commit(&change)?, Outcome::Committed);
///
/// let mut second = Change::new(ChangeId([2; 16]));
/// second.insert(row.clone(), b"again".to_vec())?;
/// assert_eq!(store.commit(&second)?, Outcome::Conflict(row));
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    id: ChangeId,
    // Shared, so that a store that hands a change to another thread copies nothing.
    content: Arc<Content>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Content {
    /// In order of keys.
    rows: Vec<Part>,
    adds: BTreeMap<CounterKey, Add>,
}

/// One row in a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) key: RowKey,
    pub(crate) expect: Expect,
    pub(crate) write: Option<Write>,
}

impl Part {
    /// The version that a put gives the row.
    pub(crate) const fn next_version(&self) -> u64 {
        self.expect.next_version()
    }
}

impl Content {
    /// Where the row stands, or where it would.
    fn place(&self, key: &RowKey) -> Result<usize, usize> {
        match self.rows.last() {
            // Whoever goes in order of keys adds at the end.
            Some(last) if last.key >= *key => self.rows.binary_search_by(|part| part.key.cmp(key)),
            _ => Err(self.rows.len()),
        }
    }

    fn part(&self, key: &RowKey) -> Option<&Part> {
        self.rows.get(self.place(key).ok()?)
    }

    /// Whether there is room for one row or counter more.
    fn room(&self) -> Result<(), Error> {
        let rows = self.rows.len() + self.adds.len() + 1;
        limit("the number of rows in a change", rows, Change::MAX_ROWS)
    }
}

impl Change {
    /// Longest key of a row or a counter, in bytes.
    pub const MAX_KEY: usize = 255;
    /// Longest value of a row, in bytes.
    pub const MAX_VALUE: usize = 1 << 20;
    /// Most rows and counters in one change.
    pub const MAX_ROWS: usize = 4096;
    /// For how many later commits a store remembers a change id, at least.
    pub const REMEMBERED: u64 = 1 << 16;

    /// An empty change.
    #[must_use]
    pub fn new(id: ChangeId) -> Self {
        Self { id, content: Arc::default() }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ChangeId {
        self.id
    }

    /// The same, with room for so many rows.
    pub(crate) fn with_room(id: ChangeId, rows: usize) -> Self {
        let content = Content { rows: Vec::with_capacity(rows), ..Content::default() };
        Self { id, content: Arc::new(content) }
    }

    /// Demands a state of a row, which need not be written.
    ///
    /// # Errors
    /// [`Error::Busy`] when the change already demands another state of it (the caller saw two versions of one row),
    /// [`Error::TooLong`] for a key or a change beyond the limits.
    pub fn expect(&mut self, key: RowKey, expect: Expect) -> Result<(), Error> {
        self.part(key, expect).map(|_| ())
    }

    /// Makes a row that must be absent.
    ///
    /// # Errors
    /// As [`Change::expect`]; [`Error::TooLong`] for a value beyond the limit.
    pub fn insert(&mut self, key: RowKey, value: Vec<u8>) -> Result<(), Error> {
        self.write(key, Expect::Absent, Write::Put(value))
    }

    /// Replaces a row that must have this version; it gets the next one.
    ///
    /// # Errors
    /// As [`Change::insert`].
    pub fn update(&mut self, key: RowKey, version: u64, value: Vec<u8>) -> Result<(), Error> {
        self.write(key, Expect::Version(version), Write::Put(value))
    }

    /// Removes a row that must have this version.
    ///
    /// # Errors
    /// As [`Change::expect`].
    pub fn delete(&mut self, key: RowKey, version: u64) -> Result<(), Error> {
        self.write(key, Expect::Version(version), Write::Delete)
    }

    /// Adds to a counter, and refuses the whole change when the sum would pass `ceiling`.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a key or a change beyond the limits.
    pub fn add(&mut self, counter: CounterKey, delta: u64, ceiling: u64) -> Result<(), Error> {
        limit("a counter key", counter.0.len(), Self::MAX_KEY)?;
        let content = self.content();
        if !content.adds.contains_key(&counter) {
            content.room()?;
        }
        let add = content.adds.entry(counter).or_insert(Add { delta: 0, ceiling });
        add.delta = add.delta.saturating_add(delta);
        add.ceiling = add.ceiling.min(ceiling);
        Ok(())
    }

    /// Appends a journal entry; the id comes back to name it.
    ///
    /// # Errors
    /// As [`Change::insert`].
    pub fn append(&mut self, id: EntryId, entry: Vec<u8>) -> Result<EntryId, Error> {
        self.insert(id.row(), entry)?;
        Ok(id)
    }

    /// What must hold, in order of keys: the order in which a store may lock rows without deadlock.
    pub fn expectations(&self) -> impl ExactSizeIterator<Item = (&RowKey, Expect)> {
        self.parts().map(|part| (&part.key, part.expect))
    }

    /// What is written, in order of keys; each has an expectation.
    pub fn writes(&self) -> impl Iterator<Item = (&RowKey, &Write)> {
        self.parts().filter_map(|part| part.write.as_ref().map(|write| (&part.key, write)))
    }

    /// Every row with all that there is to it, in order of keys.
    pub(crate) fn parts(&self) -> impl ExactSizeIterator<Item = &Part> {
        self.content.rows.iter()
    }

    /// What this change demands of a row.
    #[must_use]
    pub fn expectation_of(&self, key: &RowKey) -> Option<Expect> {
        self.content.part(key).map(|part| part.expect)
    }

    /// What this change does to a row.
    #[must_use]
    pub fn write_of(&self, key: &RowKey) -> Option<&Write> {
        self.content.part(key)?.write.as_ref()
    }

    /// What is added, in order of keys.
    pub fn adds(&self) -> impl ExactSizeIterator<Item = (&CounterKey, Add)> {
        self.content.adds.iter().map(|(key, add)| (key, *add))
    }

    /// The version that a put gives its row.
    #[must_use]
    pub fn next_version(&self, key: &RowKey) -> u64 {
        self.expectation_of(key).unwrap_or(Expect::Absent).next_version()
    }

    fn content(&mut self) -> &mut Content {
        Arc::make_mut(&mut self.content)
    }

    /// The row in this change, of which it demands this state.
    fn part(&mut self, key: RowKey, expect: Expect) -> Result<&mut Part, Error> {
        limit("a row key", key.key.len(), Self::MAX_KEY)?;
        limit("the number of a table", key.table.0.into(), Table::LAST.0.into())?;
        let content = self.content();
        let place = match content.place(&key) {
            Ok(place) => place,
            Err(place) => {
                content.room()?;
                content.rows.insert(place, Part { key, expect, write: None });
                place
            }
        };
        content.rows.get_mut(place).filter(|part| part.expect == expect).ok_or(Error::Busy)
    }

    fn write(&mut self, key: RowKey, expect: Expect, write: Write) -> Result<(), Error> {
        if let Write::Put(value) = &write {
            limit("a row value", value.len(), Self::MAX_VALUE)?;
        }
        self.part(key, expect)?.write = Some(write);
        Ok(())
    }
}

fn limit(what: &'static str, given: usize, limit: usize) -> Result<(), Error> {
    if given <= limit { Ok(()) } else { Err(Error::TooLong { what, given, limit }) }
}
