//! Several processes on one store.

use zamok_core::store::{Change, Expect, Outcome, Store};

use super::{change, commit, get, hex, insert, must, row, update};
use crate::helper::Helper;
use crate::{Factory, Fresh, Tier};

pub fn another_process_reads_what_was_committed<F: Factory>(factory: &F) {
    let Fresh { store, place } = factory.fresh();
    let mut other = Helper::start(factory, "read", &place);
    let mut sees = |expected: &str| {
        other.say("read");
        assert_eq!(other.hear().as_deref(), Some(expected));
    };
    sees("none");
    insert(&store, b"shared", b"\x0a");
    sees("1 0a");
    for version in 1..50_u8 {
        update(&store, b"shared", version.into(), &[version]);
        sees(&format!("{} {version:02x}", version + 1));
    }
    must(&store, |change, _| change.delete(row(b"shared"), 50));
    sees("none");
}

pub fn of_many_processes_one_wins_each_round<F: Factory>(factory: &F) {
    let Fresh { store, place } = factory.fresh();
    let (processes, threads) = if Tier::from_env() == Tier::Full { (8, 8) } else { (4, 4) };
    insert(&store, b"prize", b"");
    let mut helpers: Vec<_> = (0..processes).map(|_| Helper::start(factory, "compete", &place)).collect();
    for version in 1..=Tier::pick(10, 100, 1_000) {
        for helper in &mut helpers {
            helper.say(&format!("{version} {threads}"));
        }
        let wins: Vec<String> = helpers
            .iter_mut()
            .flat_map(|helper| {
                let line = helper.hear().expect("a helper process that goes on");
                line.split(' ').filter(|win| !win.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(wins.len(), 1, "winners of round {version}: {wins:?}");
        let held = get(&store, b"prize").expect("the row");
        assert_eq!(
            (held.version, hex(&held.value)),
            (version + 1, wins[0].clone()),
            "the row is the winner's"
        );
    }
    assert!(store.capabilities().multi_process);
}

pub fn what_another_handle_has_changed_is_expected_in_vain<F: Factory>(factory: &F) {
    let Fresh { store, place } = factory.fresh();
    let other = factory.open(&place);
    // A row that is looked at and not written: what this handle has learned of it may have become old.
    let guarded = |expect: Expect, key: &[u8]| -> Change {
        change(|change, _| {
            change.expect(row(b"key record"), expect)?;
            change.insert(row(key), Vec::new())
        })
    };
    let conflict = Outcome::Conflict(row(b"key record"));
    insert(&store, b"key record", b"active");
    assert_eq!(commit(&store, &guarded(Expect::Version(1), b"1")), Outcome::Committed);
    update(&other, b"key record", 1, b"suspended");
    assert_eq!(commit(&store, &guarded(Expect::Version(1), b"2")), conflict, "it was changed elsewhere");
    assert_eq!(commit(&store, &guarded(Expect::Version(2), b"2")), Outcome::Committed);
    must(&other, |change, _| change.delete(row(b"key record"), 2));
    assert_eq!(commit(&store, &guarded(Expect::Version(2), b"3")), conflict, "it was deleted elsewhere");
    assert_eq!(commit(&store, &guarded(Expect::Absent, b"3")), Outcome::Committed);
    insert(&other, b"key record", b"another");
    assert_eq!(commit(&store, &guarded(Expect::Absent, b"4")), conflict, "it was made elsewhere");
    assert_eq!(commit(&store, &guarded(Expect::Version(1), b"4")), Outcome::Committed);
}
