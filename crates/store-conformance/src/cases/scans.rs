//! Scans: order, ranges, pages.

use zamok_core::store::{Cursor, Page, Range, Row, Store};

use super::{TABLE, change, get, insert, must, row, update};
use crate::{Factory, Fresh, Random};

fn keys(page: &Page) -> Vec<Vec<u8>> {
    page.rows.iter().map(|(key, _)| key.clone()).collect()
}

fn found<S: Store>(store: &S, range: &Range) -> Vec<Vec<u8>> {
    keys(&store.scan(TABLE, range, usize::MAX, None).expect("a scan is answered"))
}

fn filled<S: Store>(store: &S, keys: &[&[u8]]) {
    for key in keys {
        insert(store, key, key);
    }
}

pub fn keys_order_as_unsigned_bytes<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let mut random = Random::new(2);
    let mut expected: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    expected.extend([vec![], vec![0, 0], vec![0, 1], b"a\0".to_vec(), b"A".repeat(255), vec![0xff; 255]]);
    expected.extend((0..100).map(|_| random.bytes(6)));
    expected.sort();
    expected.dedup();
    let mut shuffled = expected.clone();
    shuffled.sort_by_cached_key(|_| random.bits());
    for some in shuffled.chunks(40) {
        must(&store, |change, _| some.iter().try_for_each(|key| change.insert(row(key), Vec::new())));
    }
    assert_eq!(found(&store, &Range::all()), expected);
}

pub fn a_range_holds_its_start_and_not_its_end<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    filled(&store, &[b"a", b"b", b"b\0", b"c", b"d"]);
    let range = Range { start: b"b".to_vec(), end: Some(b"c".to_vec()) };
    assert_eq!(found(&store, &range), [b"b".to_vec(), b"b\0".to_vec()]);
    let open = Range { start: b"b\0".to_vec(), end: None };
    assert_eq!(found(&store, &open), [b"b\0".to_vec(), b"c".to_vec(), b"d".to_vec()]);
    let between = Range { start: b"bb".to_vec(), end: Some(b"cc".to_vec()) };
    assert_eq!(found(&store, &between), [b"c".to_vec()]);
}

pub fn a_prefix_finds_its_rows_and_no_others<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    filled(
        &store,
        &[b"", b"a", b"ab", b"ab\0", b"ab\xff", b"ab\xff\xff", b"ac", b"\xff", b"\xff\xff", b"\xff\xff\x01"],
    );
    assert_eq!(
        found(&store, &Range::prefix(b"ab")),
        [b"ab".to_vec(), b"ab\0".to_vec(), b"ab\xff".to_vec(), b"ab\xff\xff".to_vec()]
    );
    assert_eq!(found(&store, &Range::prefix(b"ab\xff")), [b"ab\xff".to_vec(), b"ab\xff\xff".to_vec()]);
    assert_eq!(found(&store, &Range::prefix(b"\xff\xff")), [b"\xff\xff".to_vec(), b"\xff\xff\x01".to_vec()]);
    assert_eq!(found(&store, &Range::prefix(b"")).len(), 10);
    assert_eq!(found(&store, &Range::prefix(b"b")), Vec::<Vec<u8>>::new());
}

pub fn pages_and_cursors_visit_every_row_once<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let numbers = 0..100_u8;
    must(&store, |change, _| {
        numbers.clone().try_for_each(|number| change.insert(row(&[7, number]), vec![number]))
    });
    for limit in [1, 3, 7, 50, 99, 100, 101] {
        let range = Range { start: vec![7, 10], end: Some(vec![7, 90]) };
        let mut visited = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.scan(TABLE, &range, limit, cursor.as_ref()).expect("a page");
            assert!(page.rows.len() <= limit, "a page of {limit} holds {}", page.rows.len());
            visited.extend(keys(&page));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
            assert!(!page.rows.is_empty(), "a page that goes on has rows");
        }
        let expected: Vec<Vec<u8>> = (10..90).map(|number| vec![7, number]).collect();
        assert_eq!(visited, expected, "pages of {limit}");
    }
}

pub fn the_last_page_says_that_nothing_is_left<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    filled(&store, &[b"a", b"b", b"c"]);
    let page =
        |limit, after: Option<&Cursor>| store.scan(TABLE, &Range::all(), limit, after).expect("a page");
    assert_eq!(page(2, None).next, Some(Cursor(b"b".to_vec())));
    assert_eq!(page(3, None).next, None, "a full page after which nothing comes");
    assert_eq!(page(usize::MAX, None).next, None);
    let rest = page(2, Some(&Cursor(b"b".to_vec())));
    assert_eq!((keys(&rest), rest.next), (vec![b"c".to_vec()], None));
    let range = Range { start: Vec::new(), end: Some(b"c".to_vec()) };
    assert_eq!(
        store.scan(TABLE, &range, 2, None).expect("a page").next,
        None,
        "what follows is out of range"
    );
}

pub fn a_cursor_whose_row_is_gone_still_goes_on<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    filled(&store, &[b"a", b"b", b"c"]);
    let first = store.scan(TABLE, &Range::all(), 2, None).expect("a page");
    must(&store, |change, _| change.delete(row(b"b"), 1));
    let second = store.scan(TABLE, &Range::all(), 2, first.next.as_ref()).expect("a page");
    assert_eq!(keys(&second), [b"c".to_vec()]);
}

pub fn a_cursor_outside_the_range_adds_nothing_to_it<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    filled(&store, &[b"a", b"b", b"c", b"d"]);
    let range = Range { start: b"b".to_vec(), end: Some(b"d".to_vec()) };
    let after =
        |key: &[u8]| keys(&store.scan(TABLE, &range, 9, Some(&Cursor(key.to_vec()))).expect("a page"));
    assert_eq!(after(b"a"), [b"b".to_vec(), b"c".to_vec()], "before the range");
    assert_eq!(after(b""), [b"b".to_vec(), b"c".to_vec()], "before everything");
    assert_eq!(after(b"c"), Vec::<Vec<u8>>::new(), "at its last row");
    assert_eq!(after(b"z"), Vec::<Vec<u8>>::new(), "behind it");
}

pub fn an_empty_range_is_an_empty_page<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    filled(&store, &[b"a", b"b"]);
    for (start, end) in [(b"b", b"b"), (b"b", b"a")] {
        let range = Range { start: start.to_vec(), end: Some(end.to_vec()) };
        assert_eq!(
            store.scan(TABLE, &range, 9, None).expect("a page"),
            Page { rows: Vec::new(), next: None }
        );
    }
    let nothing_below = Range { start: Vec::new(), end: Some(Vec::new()) };
    assert_eq!(found(&store, &nothing_below), Vec::<Vec<u8>>::new());
    assert!(store.scan(TABLE, &Range::all(), 0, None).expect("a page").rows.is_empty(), "a limit of 0");
}

/// A store that gives no snapshots has nothing to show here.
pub fn a_snapshot_stands_still_and_takes_nothing_in<F: Factory>(factory: &F) {
    let Fresh { store, .. } = factory.fresh();
    for number in 0..100_u8 {
        insert(&store, &[number], &[number]);
    }
    let Some(snapshot) = store.snapshot().expect("a snapshot is given, or not") else { return };
    let page = |limit, after: Option<&Cursor>| {
        snapshot.scan(row(b"").table, &Range::all(), limit, after).expect("a snapshot is read")
    };
    let first = page(50, None);
    update(&store, &[7], 1, b"later");
    must(&store, |change, _| change.delete(row(&[80]), 1));
    insert(&store, &[200], b"later");
    let second = page(usize::MAX, first.next.as_ref());
    let seen: Vec<_> = first.rows.iter().chain(&second.rows).map(|(key, _)| key[0]).collect();
    assert_eq!(seen, (0..100).collect::<Vec<u8>>());
    assert_eq!(snapshot.get(&row(&[7])), Ok(Some(Row { version: 1, value: vec![7] })));
    assert_eq!(snapshot.get(&row(&[200])), Ok(None));
    let change = change(|change, _| change.insert(row(b"new"), Vec::new()));
    assert!(snapshot.commit(&change).is_err() && snapshot.resolve(change.id()).is_err());
    drop(snapshot);
    assert_eq!(get(&store, b"new"), None);
    assert_eq!(get(&store, &[7]).map(|row| row.value), Some(b"later".to_vec()));
}
