//! Expectations, and all or nothing.

use zamok_core::store::{Change, EntryId, Expect, Outcome, Row, Store};

use super::{change, commit, counter, get, insert, must, row, sum, update, version};
use crate::Factory;

pub fn a_row_expected_absent_must_be_absent<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"key", b"first");
    let again = change(|change, _| change.insert(row(b"key"), b"again".to_vec()));
    assert_eq!(commit(&store, &again), Outcome::Conflict(row(b"key")));
    assert_eq!(get(&store, b"key"), Some(Row { version: 1, value: b"first".to_vec() }));
}

pub fn a_row_expected_at_a_version_must_have_it<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"key", b"1");
    update(&store, b"key", 1, b"2");
    for wrong in [1, 3, 4] {
        let outdated = change(|change, _| change.update(row(b"key"), wrong, b"wrong".to_vec()));
        assert_eq!(commit(&store, &outdated), Outcome::Conflict(row(b"key")), "version {wrong}");
    }
    let missing = change(|change, _| change.update(row(b"missing"), 1, Vec::new()));
    assert_eq!(commit(&store, &missing), Outcome::Conflict(row(b"missing")));
    assert_eq!(get(&store, b"key"), Some(Row { version: 2, value: b"2".to_vec() }));
    assert_eq!(get(&store, b"missing"), None);
}

pub fn an_expectation_on_an_unwritten_row_binds<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"key record", b"active");
    insert(&store, b"state", b"1");
    update(&store, b"key record", 1, b"suspended");
    let spend = change(|change, _| {
        change.expect(row(b"key record"), Expect::Version(1))?;
        change.update(row(b"state"), 1, b"2".to_vec())
    });
    assert_eq!(commit(&store, &spend), Outcome::Conflict(row(b"key record")));
    assert_eq!(version(&store, b"state"), Some(1));
    must(&store, |change, _| {
        change.expect(row(b"key record"), Expect::Version(2))?;
        change.update(row(b"state"), 1, b"2".to_vec())
    });
    assert_eq!(version(&store, b"key record"), Some(2), "an expectation is no write");
}

pub fn an_expectation_that_an_unwritten_row_is_absent_binds<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let guarded = |key: &'static [u8]| {
        change(move |change, _| {
            change.expect(row(b"revoked"), Expect::Absent)?;
            change.insert(row(key), Vec::new())
        })
    };
    assert_eq!(commit(&store, &guarded(b"before")), Outcome::Committed);
    assert_eq!(get(&store, b"revoked"), None);
    insert(&store, b"revoked", b"");
    assert_eq!(commit(&store, &guarded(b"after")), Outcome::Conflict(row(b"revoked")));
    assert_eq!(get(&store, b"after"), None);
}

pub fn a_change_of_expectations_alone_writes_nothing<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"key", b"value");
    must(&store, |change, _| change.expect(row(b"key"), Expect::Version(1)));
    must(&store, |_, _| Ok(()));
    let failing = change(|change, _| change.expect(row(b"key"), Expect::Version(2)));
    assert_eq!(commit(&store, &failing), Outcome::Conflict(row(b"key")));
    assert_eq!(get(&store, b"key"), Some(Row { version: 1, value: b"value".to_vec() }));
}

pub fn one_failed_expectation_leaves_everything_untouched<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"a", b"a1");
    insert(&store, b"d", b"d1");
    must(&store, |change, _| change.add(counter(b"sum"), 5, 100));
    // The failing row comes first, in the middle and last in the order of keys.
    for failing in [b"0".as_slice(), b"c", b"z"] {
        let broken = change(|change, _| {
            change.update(row(b"a"), 1, b"a2".to_vec())?;
            change.insert(row(b"b"), b"b1".to_vec())?;
            change.delete(row(b"d"), 1)?;
            change.add(counter(b"sum"), 7, 100)?;
            change.expect(row(failing), Expect::Version(1))
        });
        assert_eq!(commit(&store, &broken), Outcome::Conflict(row(failing)));
        assert_eq!(get(&store, b"a"), Some(Row { version: 1, value: b"a1".to_vec() }));
        assert_eq!(get(&store, b"b"), None);
        assert_eq!(get(&store, b"d"), Some(Row { version: 1, value: b"d1".to_vec() }));
        assert_eq!(sum(&store, b"sum"), 5);
    }
}

pub fn a_conflict_names_a_row_whose_expectation_failed<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"b", b"");
    insert(&store, b"d", b"");
    let holds = |change: &mut Change| {
        change.expect(row(b"a"), Expect::Absent)?;
        change.expect(row(b"b"), Expect::Version(1))
    };
    for (wrong, expect) in [(b"c", Expect::Version(1)), (b"d", Expect::Absent), (b"d", Expect::Version(2))] {
        let broken = change(|change, _| {
            holds(change)?;
            change.expect(row(b"e"), Expect::Absent)?;
            change.expect(row(wrong), expect)
        });
        assert_eq!(commit(&store, &broken), Outcome::Conflict(row(wrong)), "{expect:?}");
    }
    let two = change(|change, _| {
        holds(change)?;
        change.expect(row(b"c"), Expect::Version(1))?;
        change.expect(row(b"d"), Expect::Version(9))
    });
    let named = commit(&store, &two);
    assert!([row(b"c"), row(b"d")].map(Outcome::Conflict).contains(&named), "{named:?}");
}

pub fn versions_at_the_ends_of_their_range_are_no_row_at_all<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"there", b"");
    let ends =
        [0, u64::from(u32::MAX), i64::MAX.cast_unsigned(), i64::MIN.cast_unsigned(), u64::MAX - 1, u64::MAX];
    for version in ends {
        for key in [b"there".as_slice(), b"missing"] {
            let expecting = change(|change, _| change.expect(row(key), Expect::Version(version)));
            assert_eq!(commit(&store, &expecting), Outcome::Conflict(row(key)), "expecting {version}");
            let updating = change(|change, _| change.update(row(key), version, Vec::new()));
            assert_eq!(commit(&store, &updating), Outcome::Conflict(row(key)), "updating {version}");
            let deleting = change(|change, _| change.delete(row(key), version));
            assert_eq!(commit(&store, &deleting), Outcome::Conflict(row(key)), "deleting {version}");
        }
    }
    assert_eq!((version(&store, b"there"), version(&store, b"missing")), (Some(1), None));
}

pub fn a_deletion_needs_the_version_too<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"key", b"1");
    update(&store, b"key", 1, b"2");
    let outdated = change(|change, _| change.delete(row(b"key"), 1));
    assert_eq!(commit(&store, &outdated), Outcome::Conflict(row(b"key")));
    assert_eq!(version(&store, b"key"), Some(2));
    must(&store, |change, _| change.delete(row(b"key"), 2));
    let again = change(|change, _| change.delete(row(b"key"), 2));
    assert_eq!(commit(&store, &again), Outcome::Conflict(row(b"key")));
}

pub fn a_journal_entry_is_never_written_twice<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let entry = |sequence| EntryId { writer: [3; 16], sequence };
    must(&store, |change, _| change.append(entry(1), b"first".to_vec()).map(|_| ()));
    let fork = change(|change, _| {
        change.insert(row(b"with it"), Vec::new())?;
        change.append(entry(1), b"forged".to_vec()).map(|_| ())
    });
    assert_eq!(commit(&store, &fork), Outcome::Conflict(entry(1).row()));
    assert_eq!(get(&store, b"with it"), None);
    must(&store, |change, _| change.append(entry(256), b"second".to_vec()).map(|_| ()));
    let page = store.scan(EntryId::TABLE, &Default::default(), 10, None).expect("a scan");
    let found: Vec<_> = page.rows.iter().map(|(key, row)| (EntryId::of_row(key), &row.value[..])).collect();
    assert_eq!(found, [(Some(entry(1)), b"first".as_slice()), (Some(entry(256)), b"second")]);
}
