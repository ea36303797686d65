//! The table of rooms, `architecture/edges.toml`, parsed strictly: a misspelt key must not switch a rule off.

use crate::{Failure, manifests};
use std::path::Path;
use toml::{Table, Value};

pub(crate) const FILE: &str = "architecture/edges.toml";

pub(crate) struct Rooms {
    pub(crate) top: Vec<String>,
    pub(crate) halls: Vec<String>,
    pub(crate) nameless: Vec<String>,
    pub(crate) rooms: Vec<Room>,
}

pub(crate) struct Room {
    pub(crate) path: String,
    pub(crate) package: String,
    pub(crate) imports: Vec<String>,
    pub(crate) tests: Vec<String>,
    /// Files of other rooms that it compiles once more.
    pub(crate) takes: Vec<String>,
    pub(crate) leaf: bool,
    pub(crate) std: Platform,
    pub(crate) bare: Vec<Bare>,
    pub(crate) unsafe_code: Unsafe,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    None,
    Alloc,
    Std,
}

/// A build that must succeed where there is no std.
pub(crate) struct Bare {
    pub(crate) features: Vec<String>,
    pub(crate) alloc: bool,
}

pub(crate) enum Unsafe {
    Forbidden,
    Allowed,
    /// Files, or folders ending in `/`, below the room.
    Only(Vec<String>),
}

impl Rooms {
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        Self::parse(&manifests::contents(root, FILE)?).map_err(|reason| format!("{FILE}: {reason}"))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        known_keys(&table, &["top", "halls", "nameless", "room"])?;
        let entries = table.get("room").and_then(Value::as_array).ok_or("no [[room]]")?;
        let rooms = entries
            .iter()
            .map(|entry| Room::parse(entry.as_table().ok_or("a [[room]] is a table")?))
            .collect::<Result<Vec<_>, _>>()?;
        let rooms = Self {
            top: names(&table, "top")?,
            halls: names(&table, "halls")?,
            nameless: names(&table, "nameless")?,
            rooms,
        };
        for room in &rooms.rooms {
            for other in room.imports.iter().chain(&room.tests).filter(|other| *other != "*") {
                match rooms.rooms.iter().find(|room| room.path == *other) {
                    None => return Err(format!("{}: there is no room `{other}`", room.path)),
                    Some(target) if target.leaf => {
                        return Err(format!("{}: `{other}` is a leaf, nothing imports it", room.path));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(rooms)
    }

    /// The room that a file or folder belongs to.
    pub(crate) fn of(&self, path: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.holds(path))
    }

    /// The room of a crate as sources spell it: `zamok_core`.
    pub(crate) fn named(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.package.replace('-', "_") == name)
    }
}

impl Room {
    fn parse(table: &Table) -> Result<Self, Failure> {
        known_keys(
            table,
            &["path", "package", "imports", "tests", "takes", "leaf", "std", "bare", "unsafe"],
        )?;
        let path = table.get("path").and_then(Value::as_str).ok_or("a room has no path")?.to_owned();
        let about = |reason: &str| format!("{path}: {reason}");
        let package = match table.get("package") {
            Some(name) => name.as_str().ok_or_else(|| about("package is a name"))?.to_owned(),
            None => format!("zamok-{}", path.rsplit('/').next().unwrap_or_default()),
        };
        let leaf = match table.get("leaf") {
            Some(leaf) => leaf.as_bool().ok_or_else(|| about("leaf is true or false"))?,
            None => false,
        };
        let std = match table.get("std").and_then(Value::as_str) {
            Some("none") => Platform::None,
            Some("alloc") => Platform::Alloc,
            Some("std") => Platform::Std,
            _ => return Err(about("std is \"none\", \"alloc\" or \"std\"")),
        };
        let unsafe_code = match table.get("unsafe") {
            Some(Value::String(word)) if word == "forbidden" => Unsafe::Forbidden,
            Some(Value::String(word)) if word == "allowed" => Unsafe::Allowed,
            Some(Value::Array(_)) => Unsafe::Only(names(table, "unsafe")?),
            _ => return Err(about("unsafe is \"forbidden\", \"allowed\" or a list of files")),
        };
        let mut bare = Vec::new();
        for build in table.get("bare").and_then(Value::as_array).into_iter().flatten() {
            let build = build.as_table().ok_or_else(|| about("a bare build is a table"))?;
            known_keys(build, &["features", "alloc"])?;
            let alloc = build.get("alloc").and_then(Value::as_bool).ok_or_else(|| about("bare: alloc?"))?;
            bare.push(Bare { features: names(build, "features")?, alloc });
        }
        if (std == Platform::Std) != bare.is_empty() {
            return Err(about("a room without std lists its bare builds, and no other room does"));
        }
        let imports = match table.get("imports") {
            Some(_) => names(table, "imports")?,
            None => return Err(about("imports is missing")),
        };
        let (tests, takes) = (names(table, "tests")?, names(table, "takes")?);
        if !leaf && !takes.is_empty() {
            return Err(about("only a leaf takes files of others"));
        }
        Ok(Self { package, imports, tests, takes, leaf, std, bare, unsafe_code, path })
    }

    pub(crate) fn holds(&self, path: &str) -> bool {
        path.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(crate) fn may_ship(&self, other: &Self) -> bool {
        allows(&self.imports, other)
    }

    pub(crate) fn may_test_with(&self, other: &Self) -> bool {
        self.may_ship(other) || allows(&self.tests, other)
    }
}

fn allows(list: &[String], other: &Room) -> bool {
    list.iter().any(|path| *path == other.path || (path == "*" && !other.leaf))
}

fn known_keys(table: &Table, known: &[&str]) -> Result<(), Failure> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key `{key}`; known: {}", known.join(", "))),
        None => Ok(()),
    }
}

fn names(table: &Table, key: &str) -> Result<Vec<String>, Failure> {
    let Some(value) = table.get(key) else { return Ok(Vec::new()) };
    let wrong = || format!("`{key}` is a list of names");
    let list = value.as_array().ok_or_else(wrong)?;
    list.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}
