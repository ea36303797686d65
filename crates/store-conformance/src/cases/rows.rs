//! Rows, their versions and their limits.

use zamok_core::store::{Change, Row, RowKey, Store, Table};

use super::{TABLE, get, insert, must, row, update, version};
use crate::{Factory, Random};

pub fn a_row_that_was_never_put_is_not_there<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    assert_eq!(get(&store, b"never"), None);
    assert_eq!(get(&store, b""), None);
}

pub fn a_put_row_is_read_back_as_it_was<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let every_byte: Vec<u8> = (0..=255).collect();
    insert(&store, b"key", &every_byte);
    assert_eq!(get(&store, b"key"), Some(Row { version: 1, value: every_byte }));
}

pub fn every_put_adds_one_to_the_version<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"key", b"1");
    for version in 1..20_u8 {
        update(&store, b"key", version.into(), &[version + 1]);
        assert_eq!(
            get(&store, b"key"),
            Some(Row { version: u64::from(version) + 1, value: vec![version + 1] })
        );
    }
}

pub fn a_row_that_was_deleted_and_made_again_begins_at_version_1<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"key", b"first");
    update(&store, b"key", 1, b"second");
    must(&store, |change, _| change.delete(row(b"key"), 2));
    assert_eq!(get(&store, b"key"), None);
    insert(&store, b"key", b"third");
    assert_eq!(get(&store, b"key"), Some(Row { version: 1, value: b"third".to_vec() }));
}

pub fn tables_do_not_see_each_other<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let tables = [0, 1, 255, 256, 511, 512, Table::LAST.0];
    for number in tables {
        let key = RowKey::new(Table(number), *b"key");
        must(&store, |change, _| change.insert(key, number.to_be_bytes().to_vec()));
    }
    for number in tables {
        let found = store.get(&RowKey::new(Table(number), *b"key")).expect("a read").expect("the row");
        assert_eq!(found.value, number.to_be_bytes());
        let page = store.scan(Table(number), &Default::default(), 10, None).expect("a scan");
        assert_eq!(page.rows.len(), 1, "table {number}");
    }
}

pub fn an_empty_key_and_an_empty_value_are_a_row<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"", b"");
    assert_eq!(get(&store, b""), Some(Row { version: 1, value: Vec::new() }));
    update(&store, b"", 1, b"filled");
    update(&store, b"", 2, b"");
    assert_eq!(get(&store, b""), Some(Row { version: 3, value: Vec::new() }));
    let page = store.scan(TABLE, &Default::default(), 10, None).expect("a scan");
    assert_eq!(page.rows, [(Vec::new(), Row { version: 3, value: Vec::new() })]);
}

pub fn keys_of_255_bytes_are_told_apart<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let mut one = vec![0xff; Change::MAX_KEY];
    insert(&store, &one, b"one");
    one[Change::MAX_KEY - 1] = 0xfe;
    insert(&store, &one, b"other");
    insert(&store, &one[..Change::MAX_KEY - 1], b"shorter");
    assert_eq!(get(&store, &one).map(|row| row.value), Some(b"other".to_vec()));
    assert_eq!(get(&store, &one[..Change::MAX_KEY - 1]).map(|row| row.value), Some(b"shorter".to_vec()));
}

pub fn a_value_of_one_mebibyte_comes_back_whole<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let mut random = Random::new(1);
    let value: Vec<u8> = (0..Change::MAX_VALUE / 8).flat_map(|_| random.bits().to_le_bytes()).collect();
    assert_eq!(value.len(), Change::MAX_VALUE);
    insert(&store, b"large", &value);
    assert!(get(&store, b"large").is_some_and(|row| row.value == value));
    update(&store, b"large", 1, b"small");
    update(&store, b"large", 2, &value);
    assert!(get(&store, b"large").is_some_and(|row| row.value == value && row.version == 3));
}

pub fn a_change_of_4096_rows_is_applied_whole<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let rows = 0..u64::try_from(Change::MAX_ROWS).expect("a small number");
    must(&store, |change, _| {
        rows.clone()
            .try_for_each(|number| change.insert(row(&number.to_be_bytes()), number.to_le_bytes().to_vec()))
    });
    for number in rows {
        assert_eq!(version(&store, &number.to_be_bytes()), Some(1));
    }
    let page = store.scan(TABLE, &Default::default(), usize::MAX, None).expect("a scan");
    assert_eq!((page.rows.len(), page.next), (Change::MAX_ROWS, None));
}
