//! Counters and their ceilings.

use zamok_core::store::{Change, Expect, Outcome, Store};

use super::{change, commit, counter, get, insert, must, row, sum};
use crate::Factory;

fn adding(key: &[u8], delta: u64, ceiling: u64) -> Change {
    change(|change, _| change.add(counter(key), delta, ceiling))
}

pub fn a_counter_begins_at_0_and_adds<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    assert_eq!(sum(&store, b"sum"), 0);
    for (delta, expected) in [(1, 1), (2, 3), (0, 3), (u64::from(u32::MAX), 3 + u64::from(u32::MAX))] {
        assert_eq!(commit(&store, &adding(b"sum", delta, u64::MAX)), Outcome::Committed);
        assert_eq!(sum(&store, b"sum"), expected);
    }
    assert_eq!(sum(&store, b"other"), 0);
    assert_eq!(get(&store, b"sum"), None, "a counter is no row");
}

pub fn a_counter_stops_exactly_at_its_ceiling<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let capped = Outcome::Capped(counter(b"sum"));
    assert_eq!(commit(&store, &adding(b"sum", 9, 10)), Outcome::Committed);
    assert_eq!(commit(&store, &adding(b"sum", 2, 10)), capped);
    assert_eq!(commit(&store, &adding(b"sum", 1, 10)), Outcome::Committed, "up to it, it included");
    assert_eq!(commit(&store, &adding(b"sum", 1, 10)), capped);
    assert_eq!(
        commit(&store, &adding(b"sum", 1, 11)),
        Outcome::Committed,
        "the ceiling belongs to the change"
    );
    assert_eq!(commit(&store, &adding(b"sum", 1, 3)), capped, "already above");
    assert_eq!(commit(&store, &adding(b"new", 1, 0)), Outcome::Capped(counter(b"new")));
    assert_eq!((sum(&store, b"sum"), sum(&store, b"new")), (11, 0));
}

pub fn a_counter_never_passes_two_to_the_64<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let half = i64::MAX.cast_unsigned();
    assert_eq!(commit(&store, &adding(b"sum", half, u64::MAX)), Outcome::Committed);
    assert_eq!(commit(&store, &adding(b"sum", 1, u64::MAX)), Outcome::Committed);
    assert_eq!(sum(&store, b"sum"), 1 << 63);
    assert_eq!(commit(&store, &adding(b"sum", half, u64::MAX)), Outcome::Committed);
    assert_eq!(sum(&store, b"sum"), u64::MAX);
    for delta in [1, 2, 1 << 63, u64::MAX] {
        assert_eq!(commit(&store, &adding(b"sum", delta, u64::MAX)), Outcome::Capped(counter(b"sum")));
    }
    assert_eq!(commit(&store, &adding(b"sum", 0, u64::MAX)), Outcome::Committed);
    assert_eq!(commit(&store, &adding(b"sum", 0, u64::MAX - 1)), Outcome::Capped(counter(b"sum")));
    assert_eq!(sum(&store, b"sum"), u64::MAX);
}

pub fn a_capped_counter_leaves_everything_untouched<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"row", b"1");
    must(&store, |change, _| change.add(counter(b"full"), 10, 10));
    let refused = change(|change, _| {
        change.update(row(b"row"), 1, b"2".to_vec())?;
        change.insert(row(b"made"), Vec::new())?;
        change.add(counter(b"a"), 1, 10)?;
        change.add(counter(b"z"), 1, 10)?;
        change.add(counter(b"full"), 1, 10)
    });
    assert_eq!(commit(&store, &refused), Outcome::Capped(counter(b"full")));
    assert_eq!(get(&store, b"row").map(|row| row.value), Some(b"1".to_vec()));
    assert_eq!(get(&store, b"made"), None);
    assert_eq!((sum(&store, b"a"), sum(&store, b"z"), sum(&store, b"full")), (0, 0, 10));
}

pub fn one_of_two_counters_at_its_ceiling_stops_both<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let both = || {
        change(|change, _| {
            change.add(counter(b"global"), 1, 3)?;
            change.add(counter(b"own"), 1, 2)
        })
    };
    assert_eq!(commit(&store, &both()), Outcome::Committed);
    assert_eq!(commit(&store, &both()), Outcome::Committed);
    assert_eq!(commit(&store, &both()), Outcome::Capped(counter(b"own")));
    assert_eq!((sum(&store, b"global"), sum(&store, b"own")), (2, 2));
}

pub fn counters_with_empty_and_longest_keys_are_told_apart<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let longest = [0xff; Change::MAX_KEY];
    let keys = [b"".as_slice(), b"\0", &longest, &longest[1..]];
    for (key, delta) in keys.into_iter().zip(1..) {
        assert_eq!(commit(&store, &adding(key, delta, 10)), Outcome::Committed);
    }
    assert_eq!(keys.map(|key| sum(&store, key)), [1, 2, 3, 4]);
}

pub fn adding_nothing_respects_the_ceiling<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"row", b"");
    assert_eq!(commit(&store, &adding(b"sum", 0, 0)), Outcome::Committed);
    assert_eq!(commit(&store, &adding(b"sum", 5, 5)), Outcome::Committed);
    // A guard: "while the budget is not yet above 4".
    let guarded = change(|change, _| {
        change.expect(row(b"row"), Expect::Version(1))?;
        change.add(counter(b"sum"), 0, 4)
    });
    assert_eq!(commit(&store, &guarded), Outcome::Capped(counter(b"sum")));
    assert_eq!(store.counter(&counter(b"sum")), Ok(5));
}

pub fn counters_that_are_asked_for_together_are_each_as_by_itself<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let name = |number: u64| [&b"sum"[..], &number.to_be_bytes()].concat();
    for number in (0..12).filter(|number| number % 3 != 1) {
        assert_eq!(commit(&store, &adding(&name(number), number * number, u64::MAX)), Outcome::Committed);
    }
    assert_eq!(commit(&store, &adding(&name(11), u64::MAX - 121, u64::MAX)), Outcome::Committed);
    let expected = |number: u64| match number {
        11 => u64::MAX,
        number if number % 3 == 1 => 0,
        number => number * number,
    };
    // None, one, and more of them than any statement takes; in any order, and one of them again and again.
    for count in 0..=24_u64 {
        let numbers: Vec<u64> = (0..count).map(|at| (at * 7 + count) % 12).collect();
        let keys: Vec<_> = numbers.iter().map(|number| counter(&name(*number))).collect();
        let sums: Vec<u64> = numbers.iter().map(|number| expected(*number)).collect();
        assert_eq!(store.counters(&keys), Ok(sums), "{numbers:?}");
    }
    assert_eq!(store.counters(&vec![counter(&name(5)); 9]), Ok(vec![25; 9]));
}
