//! `zamok journal export`: the log for other programs, and for whoever checks it without us.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use zamok::journal::{Entries, Journal, Recorded, SignedCheckpoint, Telling, bundled};
use zamok::{CoreError, Vault};

use crate::arguments::Shared;
use crate::events::{self, Eyes, hex};
use crate::failure::{Exit, Failure};
use crate::files::{Overwrite, Prepared, Readable};
use crate::moment;
use crate::opening::{self, Reader};
use crate::output::{Output, plain_json, visible};

/// Write the log: one line for each entry, or the files of C2SP tlog-tiles.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// A file; for `tlog` a folder, in which an earlier export of the same log is gone on with.
    to: PathBuf,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// From this entry on.
    #[arg(long, value_name = "ENTRY", default_value_t = 0)]
    from: u64,
    /// Of a `tlog`, the tree alone, which names no account.
    #[arg(long)]
    without_entries: bool,
    /// The log that the vault had in a former store, by its number, as in `#1/12`: its entries, as `json` or `csv`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    log: Option<u32>,
    #[command(flatten)]
    overwrite: Overwrite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One object a line.
    Json,
    /// Comma-separated values after RFC 4180, with nothing in them that a spreadsheet would compute.
    Csv,
    /// Checkpoint, tiles and bundles of entries.
    Tlog,
}

/// From one entry up to another.
type Pages = std::ops::Range<u64>;

/// Entries that are read at once.
const PAGE: u64 = 256;
const COLUMNS: &str = "index,time,seconds,event,subject,entry,table,row,revision,digest,detail";

impl Export {
    pub(super) fn run(&self, reader: Reader, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let is_tree = self.format == Format::Tlog;
        if self.without_entries && !is_tree {
            return Err(Failure::usage(
                "--without-entries is for --format tlog: json and csv are the entries",
            ));
        }
        if self.from > 0 && is_tree {
            return Err(Failure::usage("--from is for json and csv: a tree is whole"));
        }
        opening::with_journal(reader, shared, output, |vault| {
            if let Some(number) = self.log {
                return self.former(vault, number, output);
            }
            let signed = match reader {
                Reader::Operator => vault.checkpoint()?,
                Reader::Auditor => {
                    let [latest, _] = opening::read(vault, |journal| journal.checkpoints())?;
                    latest.ok_or(CoreError::Uncovered)?
                }
            };
            let size = signed.checkpoint().size;
            // What no checkpoint covers yet is part of the log as well; what comes while this runs is for the next export.
            let head = opening::read(vault, |journal| journal.head())?.map_or(0, |head| head.size);
            let held = match self.format {
                Format::Tlog => self.files(vault, &signed).map(|()| size)?,
                Format::Json | Format::Csv => {
                    let page = |journal: &Journal<'_>, page: Pages| journal.range(page);
                    self.lines(vault, head, page)?
                }
            };
            if self.format == Format::Tlog && head > size {
                output.warning(format!(
                    "{} entries more are under no checkpoint yet, and left out",
                    head - size
                ));
            }
            let (to, origin) = (self.to.display(), &signed.checkpoint().origin);
            output.line(match (self.format, self.without_entries) {
                (Format::Tlog, true) => {
                    format!("{to} holds the tree over {held} entries of the log {origin}.")
                }
                _ => format!("{to} holds {held} entries of the log {origin}."),
            })?;
            // The key is the operator's to tell: an auditor who read it here would believe what is to be checked.
            let key = match reader {
                Reader::Operator => Some(vault.log_key()?.to_string()),
                Reader::Auditor => None,
            };
            if self.format == Format::Tlog {
                let key = key.as_deref().unwrap_or("KEY");
                output.remark(format!(
                    "next: zamok journal verify --files {to} --key '{key}', which needs no vault"
                ));
            }
            output.object(&json!({"to": to.to_string(), "size": held, "key": key}))?;
            Ok(Exit::Done)
        })
    }

    /// A former log, with what waited when it ended.
    fn former(&self, vault: &Vault, number: u32, output: &Output) -> Result<Exit, Failure> {
        if self.format == Format::Tlog {
            return Err(Failure::usage("a former log has no tiles: it is exported as json or csv"));
        }
        let logs = opening::read(vault, |journal| journal.former_logs())?;
        let log = logs.into_iter().find(|log| log.number == number);
        let log =
            log.ok_or_else(|| Failure::usage(format!("the vault had no log {number} before this one")))?;
        let page = |journal: &Journal<'_>, page: Pages| journal.former_range(number, page);
        let held = self.lines(vault, u64::MAX, page)?;
        let to = self.to.display();
        output.line(format!("{to} holds {held} entries of the former log {}.", log.origin))?;
        output.object(&json!({"to": to.to_string(), "size": held, "key": null}))?;
        Ok(Exit::Done)
    }

    /// One line for each entry up to `size`, or up to the last one; answers how many they are.
    fn lines(
        &self,
        vault: &Vault,
        size: u64,
        page: impl Fn(&Journal<'_>, Pages) -> Result<Vec<Recorded>, CoreError>,
    ) -> Result<u64, Failure> {
        // It tells of everybody: for its owner alone.
        let file = self.overwrite.prepare(&self.to, Readable::ByOwner)?;
        let unwritable = |error| Failure::file(format!("cannot write {}: {error}", self.to.display()));
        let (head, line): (_, fn(&Recorded) -> String) = match self.format {
            Format::Csv => (format!("{COLUMNS}\r\n"), record),
            Format::Json | Format::Tlog => (String::new(), object),
        };
        let mut next = self.from;
        // Page by page: a log of millions of entries takes no more memory than a short one.
        let put = |out: &mut dyn Write| {
            out.write_all(head.as_bytes()).map_err(unwritable)?;
            while next < size {
                let pages = next..size.min(next.saturating_add(PAGE));
                let entries = opening::read(vault, |journal| page(journal, pages))?;
                if entries.is_empty() {
                    break;
                }
                for entry in entries {
                    out.write_all(line(&entry).as_bytes()).map_err(unwritable)?;
                    next += 1;
                }
            }
            Ok(())
        };
        file.stream(put)?;
        Ok(next - self.from)
    }

    fn files(&self, vault: &Vault, signed: &SignedCheckpoint) -> Result<(), Failure> {
        let from = self.exported(vault, signed)?;
        let entries = if self.without_entries { Entries::Withheld } else { Entries::Included };
        let put = |path: &str, bytes: &[u8]| write(&self.to.join(path), bytes);
        vault
            .read(|store, keyring| Ok(Journal::new(store, keyring).write_files(signed, entries, from, put)))?
    }

    /// How many leaves an earlier export has left in the folder. One of another log, or of more than this log has, gives way only
    /// where that was asked for; the tree alone is not put beside entries.
    fn exported(&self, vault: &Vault, signed: &SignedCheckpoint) -> Result<u64, Failure> {
        if self.without_entries && self.to.join("tile/entries").exists() {
            return Err(Failure::usage(format!("{} holds entries", self.to.display()))
                .hint("name another folder for the tree alone"));
        }
        if self.overwrite.is_asked() {
            return Ok(0);
        }
        let place = self.to.join("checkpoint");
        let note = match fs::read(&place) {
            Ok(note) => note,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(Failure::file(format!("cannot read {}: {error}", place.display()))),
        };
        let before = str::from_utf8(&note).ok().and_then(|note| SignedCheckpoint::parse(note).ok());
        let before = before.filter(|before| before.checkpoint().origin == signed.checkpoint().origin);
        let Some(before) = before else {
            return Err(Failure::file(format!(
                "{} is there already, and is not of this log",
                place.display()
            ))
            .hint("name another folder, or give --overwrite"));
        };
        let before = before.checkpoint();
        opening::read(vault, |journal| journal.compare(before))?;
        let size = before.size.min(signed.checkpoint().size);
        // Entries that were withheld are written from the first on.
        let has = |path: &str| self.to.join(path).is_file();
        Ok(if self.without_entries { size } else { bundled(size, has) })
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::file(format!("cannot make {}: {error}", folder.display())))?;
    }
    // An earlier export is gone on with: its checkpoint and its last tiles grow.
    Prepared::over(path, Readable::ByOthers)?.write(bytes).map(|_| ())
}

fn object(entry: &Recorded) -> String {
    let mut object = events::object(entry, Eyes::Operator);
    object["subject"] = json!(entry.leaf.subject.map(|subject| hex(&subject.0)));
    object["table"] = json!(entry.leaf.row.table.0);
    object["row"] = json!(hex(&entry.leaf.row.key));
    object["revision"] = json!(entry.leaf.revision);
    object["digest"] = json!(entry.leaf.detail.map(|digest| hex(&digest)));
    plain_json(&object) + "\n"
}

/// A record of RFC 4180.
fn record(entry: &Recorded) -> String {
    let leaf = &entry.leaf;
    let detail = match &entry.detail {
        Telling::None => String::new(),
        Telling::Erased => "(erased)".into(),
        Telling::Told(detail) => {
            detail.fields().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ")
        }
    };
    let fields = [
        events::index(entry).map(|index| index.to_string()).unwrap_or_default(),
        moment::text(leaf.time),
        leaf.time.0.to_string(),
        leaf.kind.name().into_owned(),
        leaf.subject.map(|subject| hex(&subject.0)).unwrap_or_default(),
        events::name(entry.id),
        leaf.row.table.0.to_string(),
        hex(&leaf.row.key),
        leaf.revision.to_string(),
        leaf.detail.map(|digest| hex(&digest)).unwrap_or_default(),
        detail,
    ];
    fields.map(|field| cell(&field)).join(",") + "\r\n"
}

/// A field in quotes. Whatever could end a line or hide is made visible, and where a spreadsheet would begin a formula there
/// is an apostrophe before it (OWASP, CSV injection): at the beginning of the field, and after whatever a reader with other
/// habits takes for the end of one.
fn cell(field: &str) -> String {
    let mut shown = String::with_capacity(field.len() + 2);
    let mut begins = true;
    for character in visible(field).chars() {
        if begins && computes(character) {
            shown.push('\'');
        }
        begins = matches!(character, ',' | ';' | '|' | '"' | '\'') || begins && character.is_whitespace();
        shown.push(character);
        if character == '"' {
            shown.push('"');
        }
    }
    format!("\"{shown}\"")
}

/// Whether a spreadsheet takes for a formula what begins so.
const fn computes(character: char) -> bool {
    matches!(
        character,
        '=' | '+' | '-' | '@' | '\u{2212}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff1d}' | '\u{ff20}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_computes_ends_a_line_or_leaves_its_quotes() {
        for (field, expected) in [
            ("plain", "\"plain\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("+7", "\"'+7\""),
            ("-2\n=3", "\"'-2\\u{a}=3\""),
            ("\t=1", "\"\\u{9}=1\""),
            ("a\",\"=b", "\"a\"\",\"\"'=b\""),
            ("a;=b", "\"a;'=b\""),
            ("x: 1; -2", "\"x: 1; '-2\""),
            ("  =1", "\"  '=1\""),
            ("'=1", "\"''=1\""),
            ("drift: -1", "\"drift: -1\""),
            ("2026-11-28", "\"2026-11-28\""),
            ("\u{2212}1", "\"'\u{2212}1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(field), expected);
        }
    }
}
