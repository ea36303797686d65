//! Entries of the journal as people and programs read them.

use serde_json::{Map, Value, json};
use zamok::Error;
use zamok::journal::{Listing, Recorded, Status, Telling};
use zamok::store::{Cursor, EntryId};

use crate::failure::Failure;
use crate::moment;

/// Who reads the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// The owner of the account, or whoever sits at their screen: why something was refused is not shown.
    Owner,
    /// The operator.
    Operator,
}

impl Eyes {
    fn see(self, field: &str) -> bool {
        self == Self::Operator || field != "reason"
    }
}

/// Newest first: by the order of the log, which entries that wait come after.
pub(crate) fn sort(entries: &mut [Recorded]) {
    entries.sort_by_key(|entry| {
        let place = index(entry).unwrap_or(u64::MAX);
        core::cmp::Reverse((place, entry.leaf.time, entry.id.writer, entry.id.sequence))
    });
}

/// A page of at least `limit` entries, newest first. Listings order the entries of one second otherwise than the log
/// does, so a page goes on to the end of its last second.
pub(crate) fn page(
    limit: usize,
    after: Option<&Cursor>,
    list: impl Fn(usize, Option<&Cursor>) -> Result<Listing, Error>,
) -> Result<Listing, Failure> {
    let mut page = list(limit, after)?;
    while let (Some(next), Some(last)) = (&page.next, page.entries.last()) {
        let further = list(1, Some(next))?;
        if further.entries.iter().any(|entry| entry.leaf.time != last.leaf.time) {
            break;
        }
        page.entries.extend(further.entries);
        page.next = further.next;
    }
    sort(&mut page.entries);
    Ok(page)
}

/// The place of an entry in its log; `None` while it waits.
pub(crate) fn index(entry: &Recorded) -> Option<u64> {
    match entry.status {
        Status::Integrated { index } | Status::Former { index, .. } => Some(index),
        Status::Waiting => None,
    }
}

/// The number of the former log that it belongs to; `None` for the log as it is.
pub(crate) fn log(entry: &Recorded) -> Option<u32> {
    match entry.status {
        Status::Former { log, .. } => Some(log),
        Status::Integrated { .. } | Status::Waiting => None,
    }
}

/// One line for people.
pub(crate) fn line(entry: &Recorded, eyes: Eyes) -> String {
    let index = match (log(entry), index(entry)) {
        (Some(log), Some(index)) => format!("#{log}/{index}"),
        (None, Some(index)) => format!("#{index}"),
        (_, None) => "waits".into(),
    };
    let (time, kind) = (moment::text(entry.leaf.time), entry.leaf.kind.name());
    let detail = match &entry.detail {
        Telling::None => String::new(),
        Telling::Erased => "(erased)".into(),
        Telling::Told(detail) => {
            let fields = detail.fields().filter(|(name, _)| eyes.see(name));
            fields.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
        }
    };
    format!("{index:>7}  {time}  {kind:<28}{detail}").trim_end().into()
}

/// One object for programs.
pub(crate) fn object(entry: &Recorded, eyes: Eyes) -> Value {
    let detail = match &entry.detail {
        Telling::None => json!({}),
        Telling::Erased => Value::Null,
        Telling::Told(detail) => {
            let fields = detail.fields().filter(|(name, _)| eyes.see(name));
            Value::Object(fields.map(|(name, value)| (name.into(), json!(value))).collect::<Map<_, _>>())
        }
    };
    json!({
        "log": log(entry),
        "index": index(entry),
        "id": hex(&entry.id.to_bytes()),
        "time": entry.leaf.time.0,
        "event": entry.leaf.kind.name(),
        "detail": detail,
    })
}

/// The name of an entry, whole.
pub(crate) fn name(id: EntryId) -> String {
    hex(&id.to_bytes())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The place in a listing that an earlier page named.
pub(crate) fn cursor(text: &str) -> Result<Cursor, Failure> {
    let wrong = || Failure::usage("--after takes the text that an earlier page named");
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Err(wrong());
    }
    let pairs = (0..text.len()).step_by(2).map(|place| u8::from_str_radix(&text[place..place + 2], 16));
    pairs.collect::<Result<Vec<_>, _>>().map(Cursor).map_err(|_| wrong())
}
