//! Several processes on one store.

use zamok_core::store::Store;

use super::{get, hex, insert, must, row, update};
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
