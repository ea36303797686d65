//! What must be there when the store is opened again.

use zamok_core::store::{Outcome, Resolution, Row, Store};

use super::{change, commit, counter, get, insert, must, row, sum, update};
use crate::{Factory, Fresh};

pub fn what_was_committed_is_there_after_reopening<F: Factory>(factory: &F) {
    let Fresh { store, place } = factory.fresh();
    insert(&store, b"kept", b"1");
    update(&store, b"kept", 1, b"2");
    insert(&store, b"deleted", b"");
    must(&store, |change, _| change.delete(row(b"deleted"), 1));
    must(&store, |change, _| change.add(counter(b"sum"), u64::MAX, u64::MAX));
    let expected = Some(Row { version: 2, value: b"2".to_vec() });

    let beside = factory.open(&place);
    assert_eq!(get(&beside, b"kept"), expected, "a second handle beside the first");
    drop((store, beside));
    for _ in 0..3 {
        let store = factory.open(&place);
        assert_eq!(get(&store, b"kept"), expected);
        assert_eq!(get(&store, b"deleted"), None);
        assert_eq!(sum(&store, b"sum"), u64::MAX);
    }
}

pub fn what_was_settled_stays_settled_after_reopening<F: Factory>(factory: &F) {
    let Fresh { store, place } = factory.fresh();
    let committed = change(|change, _| change.insert(row(b"key"), Vec::new()));
    let fenced = change(|change, _| change.insert(row(b"fenced"), Vec::new()));
    assert_eq!(commit(&store, &committed), Outcome::Committed);
    assert_eq!(store.resolve(fenced.id()), Ok(Resolution::Aborted));
    drop(store);
    let store = factory.open(&place);
    assert_eq!(commit(&store, &committed), Outcome::Committed);
    assert_eq!(store.resolve(committed.id()), Ok(Resolution::Committed));
    assert_eq!(commit(&store, &fenced), Outcome::Fenced);
    assert_eq!(get(&store, b"fenced"), None);
}

pub use super::model::it_answers_as_a_plain_map_would_across_reopenings;
