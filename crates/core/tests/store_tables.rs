//! `docs/formats/tables.md`: every table that the sources name has its row, and every number is given away once.

mod harness;

use std::collections::BTreeMap;
use std::path::Path;

use harness::{Scene, page, repository, table};
use zamok_core::store::EntryId;
use zamok_core::vault::slot::VAULT;
use zamok_core::vault::spend::STATES;
use zamok_core::vault::{DETAILS, Purpose, SUBJECTS, keys::KEYS};

/// Numbers with names and rooms, as the page gives them.
fn registry() -> BTreeMap<u16, (String, String)> {
    let rows = table(&page("docs/formats/tables.md"), "## Registry");
    let read = |row: &Vec<String>| {
        assert!(row.len() == 6 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        (row[0].parse().unwrap(), (row[1].trim_matches('`').to_owned(), row[2].clone()))
    };
    let registry: BTreeMap<_, _> = rows.iter().map(read).collect();
    assert_eq!(registry.len(), rows.len(), "a number is given away twice");
    registry
}

/// Adds `const NAME: Table = Table(number)` of every source below a folder.
fn named(folder: &Path, room: &str, found: &mut BTreeMap<u16, (String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, room, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let Some((name, number)) = line.split_once(": Table = Table(") else { continue };
                let name = name.rsplit(' ').next().unwrap().to_owned();
                let number = number.split(')').next().unwrap().parse().unwrap();
                if number < 900 {
                    let before = found.insert(number, (name, room.to_owned()));
                    assert_eq!(before, None, "{number} is used twice");
                }
            }
        }
    }
}

#[test]
fn every_table_of_the_sources_is_in_the_registry_and_the_other_way_round() {
    let mut found = BTreeMap::new();
    for room in std::fs::read_dir(repository().join("crates")).unwrap() {
        let room = room.unwrap();
        let name = room.file_name().into_string().unwrap();
        let sources = room.path().join("src");
        if name != "store-conformance" && sources.is_dir() {
            named(&sources, &name, &mut found);
        }
    }
    assert_eq!(found, registry());
}

#[test]
fn the_tables_of_the_core_have_their_numbers_and_the_vault_writes_no_others() {
    let numbers = [VAULT, KEYS, STATES, EntryId::TABLE, DETAILS, SUBJECTS].map(|table| table.0);
    assert_eq!(numbers, [1, 2, 3, 16, 17, 18]);
    let scene = Scene::new("tables");
    let _ = scene.totp();
    let _ = scene.signer(Purpose::Document);
    for (key, _) in scene.rows() {
        let (_, room) = &registry()[&key.table.0];
        assert_eq!(room, "core", "{key:?}");
        let length = match key.table {
            KEYS | STATES => 16,
            EntryId::TABLE | DETAILS => 24,
            SUBJECTS => 48,
            _ => continue,
        };
        assert_eq!(key.key.len(), length, "{key:?}");
    }
}
