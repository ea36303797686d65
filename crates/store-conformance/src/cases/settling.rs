//! Change ids: a change happens at most once, and what is unknown can be settled.

use zamok_core::store::{Change, Outcome, Resolution, Row, Store};

use super::{change, commit, counter, fresh_id, get, insert, must, row, sum, update};
use crate::{Factory, Tier};

pub fn a_committed_id_commits_again_without_effect<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let once = change(|change, _| {
        change.insert(row(b"key"), b"1".to_vec())?;
        change.add(counter(b"sum"), 1, 1)
    });
    assert_eq!(commit(&store, &once), Outcome::Committed);
    // Its expectation and its ceiling would not hold any more.
    assert_eq!(commit(&store, &once), Outcome::Committed);
    update(&store, b"key", 1, b"2");
    assert_eq!(commit(&store, &once), Outcome::Committed);
    assert_eq!(get(&store, b"key"), Some(Row { version: 2, value: b"2".to_vec() }));
    assert_eq!(sum(&store, b"sum"), 1);

    let mut other_content = Change::new(once.id());
    other_content.insert(row(b"other"), Vec::new()).expect("a small change");
    assert_eq!(commit(&store, &other_content), Outcome::Committed);
    assert_eq!(get(&store, b"other"), None);
}

pub fn a_conflict_does_not_use_up_the_id<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let early = change(|change, _| change.update(row(b"key"), 1, b"2".to_vec()));
    assert_eq!(commit(&store, &early), Outcome::Conflict(row(b"key")));
    insert(&store, b"key", b"1");
    assert_eq!(commit(&store, &early), Outcome::Committed);
    assert_eq!(get(&store, b"key"), Some(Row { version: 2, value: b"2".to_vec() }));
}

pub fn resolving_a_committed_change_says_so<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let done = change(|change, _| change.insert(row(b"key"), Vec::new()));
    assert_eq!(commit(&store, &done), Outcome::Committed);
    assert_eq!(store.resolve(done.id()), Ok(Resolution::Committed));
    assert_eq!(commit(&store, &done), Outcome::Committed);
    let of_nothing = change(|_, _| Ok(()));
    assert_eq!(commit(&store, &of_nothing), Outcome::Committed);
    assert_eq!(store.resolve(of_nothing.id()), Ok(Resolution::Committed), "a change without writes");
}

pub fn resolving_first_fences_the_change_for_ever<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let late = change(|change, _| {
        change.insert(row(b"key"), Vec::new())?;
        change.add(counter(b"sum"), 1, 10)
    });
    assert_eq!(store.resolve(late.id()), Ok(Resolution::Aborted));
    for _ in 0..3 {
        assert_eq!(commit(&store, &late), Outcome::Fenced);
        insert(&store, fresh_id().0.as_slice(), b"");
    }
    assert_eq!((get(&store, b"key"), sum(&store, b"sum")), (None, 0));
    assert_eq!(store.resolve(late.id()), Ok(Resolution::Aborted));
}

pub fn resolving_a_change_that_met_a_conflict_fences_it<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let early = change(|change, _| change.update(row(b"key"), 1, b"2".to_vec()));
    assert_eq!(commit(&store, &early), Outcome::Conflict(row(b"key")));
    assert_eq!(store.resolve(early.id()), Ok(Resolution::Aborted));
    insert(&store, b"key", b"1");
    assert_eq!(commit(&store, &early), Outcome::Fenced);
    assert_eq!(get(&store, b"key"), Some(Row { version: 1, value: b"1".to_vec() }));
}

pub fn resolving_twice_answers_the_same<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let unknown = fresh_id();
    let done = change(|_, _| Ok(()));
    assert_eq!(commit(&store, &done), Outcome::Committed);
    for _ in 0..3 {
        assert_eq!(store.resolve(unknown), Ok(Resolution::Aborted));
        assert_eq!(store.resolve(done.id()), Ok(Resolution::Committed));
    }
}

pub fn an_id_is_remembered_over_many_later_commits<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let committed = change(|change, _| change.insert(row(b"key"), Vec::new()));
    let fenced = change(|change, _| change.insert(row(b"fenced"), Vec::new()));
    assert_eq!(store.resolve(fenced.id()), Ok(Resolution::Aborted));
    assert_eq!(commit(&store, &committed), Outcome::Committed);
    // The one that was committed is itself the first after the fence.
    for _ in 0..Tier::pick(200, 2_000, Change::REMEMBERED - 1) {
        must(&store, |change, _| change.add(counter(b"later"), 1, u64::MAX));
    }
    assert_eq!(commit(&store, &committed), Outcome::Committed);
    assert_eq!(commit(&store, &fenced), Outcome::Fenced);
    assert_eq!(get(&store, b"fenced"), None);
}
