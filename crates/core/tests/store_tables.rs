//! `docs/formats/tables.md`: every table that the sources name has its row, and every number is given away once.

mod harness;

use std::collections::BTreeMap;
use std::path::Path;

use harness::{Scene, page, repository, table};
use zamok_core::Error;
use zamok_core::store::{EntryId, Row};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::slot::VAULT;
use zamok_core::vault::spend::STATES;
use zamok_core::vault::{
    DETAILS, Life, Purpose,
    ciphers::NONCES,
    departed::DEPARTED,
    finding::KEY_INDEX,
    keys::{KEYS, VERSIONS},
    life,
    questions::{ASKED, QUESTIONS},
};

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
fn the_page_about_scaling_names_the_partition_key_of_every_table() {
    let rows = table(&page("docs/scaling.md"), "## The partition key of every table");
    let mut named: BTreeMap<u16, String> = BTreeMap::new();
    for row in &rows {
        assert!(row.len() == 4 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        // Counters are no table.
        for (number, name) in row[0].split(", ").filter_map(|table| table.split_once(' ')) {
            let before = named.insert(number.parse().unwrap(), name.trim_matches('`').to_owned());
            assert_eq!(before, None, "{number} is partitioned twice");
        }
    }
    let registry: BTreeMap<u16, String> =
        registry().into_iter().map(|(number, (name, _))| (number, name)).collect();
    assert_eq!(named, registry);
}

#[test]
fn only_rows_of_the_tables_that_the_page_names_may_be_deleted() {
    let rows = table(&page("docs/formats/tables.md"), "## The life of rows");
    let read = |row: &Vec<String>| {
        assert!(row.len() == 3 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        (row[0].parse::<u16>().unwrap(), row[1].clone())
    };
    let named: BTreeMap<u16, String> = rows.iter().map(read).collect();
    let registry = registry();
    let scene = Scene::new("life");
    for number in 0..=u16::MAX {
        let expected = match named.get(&number).map(String::as_str) {
            None => Life::Stays,
            Some("leaves") => Life::Leaves,
            Some("expires") => Life::Expires,
            Some(other) => panic!("{other}"),
        };
        assert_eq!(life(Table(number)), expected, "{number}");
        assert!(expected == Life::Stays || registry.contains_key(&number), "{number} is no table");
    }
    for number in registry.keys() {
        let row = RowKey::new(Table(*number), *b"nobody");
        let deleted = scene.try_out(|tx| tx.delete(&row));
        match life(row.table) {
            Life::Stays => assert_eq!(deleted, Err(Error::RowStays(*number))),
            Life::Leaves | Life::Expires => assert_eq!(deleted, Ok(())),
        }
    }
}

#[test]
fn an_emptied_row_keeps_counting_so_that_no_old_copy_fits_again() {
    let scene = Scene::new("emptied");
    let row = RowKey::new(Table(900), *b"a name that can come again");
    scene.transact(|tx| tx.put_state(&row, b"first")).unwrap();
    let old = scene.row(&row);
    scene.transact(|tx| tx.empty(&row)).unwrap();
    assert_eq!(scene.try_out(|tx| tx.state(&row)), Ok(None));
    scene.transact(|tx| tx.put_state(&row, b"second")).unwrap();
    let new = scene.row(&row);
    assert_eq!((old.version, new.version), (1, 3));
    // The old copy fits nowhere: not under the version that the row has now.
    scene.store.plant(&row, Some(Row { version: new.version, ..old }));
    assert_eq!(scene.try_out(|tx| tx.state(&row)), Err(Error::Refused));
}

#[test]
fn the_tables_of_the_core_have_their_numbers_and_the_vault_writes_no_others() {
    let numbers = [
        VAULT,
        KEYS,
        STATES,
        VERSIONS,
        KEY_INDEX,
        NONCES,
        QUESTIONS,
        ASKED,
        DEPARTED,
        EntryId::TABLE,
        DETAILS,
    ]
    .map(|table| table.0);
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17]);
    let scene = Scene::new("tables");
    let _ = scene.totp();
    let _ = scene.signer(Purpose::Document);
    for (key, _) in scene.rows() {
        let (_, room) = &registry()[&key.table.0];
        assert_eq!(room, "core", "{key:?}");
        let length = match key.table {
            KEYS | STATES => 16,
            EntryId::TABLE | DETAILS => 24,
            KEY_INDEX => 48,
            VERSIONS => 20,
            _ => continue,
        };
        assert_eq!(key.key.len(), length, "{key:?}");
    }
}
