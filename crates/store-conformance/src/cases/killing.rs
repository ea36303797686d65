//! A process that is killed while it commits.

use std::time::Duration;

use zamok_core::store::Store;

use crate::helper::{Helper, LOADERS, head, step, steps};
use crate::{Factory, Fresh, Random, Tier};

pub fn a_killed_process_loses_no_answered_change_and_halves_none<F: Factory>(factory: &F) {
    let Fresh { store, place } = factory.fresh();
    drop(store);
    let mut random = Random::new(4);
    let mut answered: Vec<u64> = (0..LOADERS).map(|_| 0).collect();
    let rounds = Tier::pick(5, 25, 300);
    for round in 0..rounds {
        let mut helper = Helper::start(factory, "load", &place);
        let mut hear = |helper: &mut Helper| -> bool {
            let Some(line) = helper.hear() else { return false };
            let (thread, version) = line.split_once(' ').expect("a thread and a version");
            let thread: usize = thread.parse().expect("the number of a thread");
            answered[thread] = version.parse().expect("a version");
            true
        };
        for _ in 0..1 + random.below(60) {
            assert!(hear(&mut helper), "the helper process ended by itself in round {round}");
        }
        std::thread::sleep(Duration::from_micros(random.below(3_000)));
        helper.kill();
        while hear(&mut helper) {}

        let store = factory.open(&place);
        let mut total = 0;
        for (thread, answered) in (0..LOADERS).zip(&mut answered) {
            let found = store.get(&head(thread)).expect("a read").map_or(0, |row| row.version);
            assert!(
                found >= *answered,
                "round {round}: change {answered} was answered, {found} is the last one"
            );
            assert!(found <= *answered + 1, "round {round}: {found} came from nowhere after {answered}");
            // The rest of each change: all there, and nothing of the next one.
            for number in found.saturating_sub(100).max(1)..=found {
                assert!(
                    store.get(&step(thread, number)).expect("a read").is_some(),
                    "round {round}: half a change"
                );
            }
            assert_eq!(store.get(&step(thread, found + 1)), Ok(None), "round {round}: half a change");
            *answered = found;
            total += found;
        }
        assert_eq!(store.counter(&steps()), Ok(total), "round {round}: half a change");
    }
    let total: u64 = answered.iter().sum();
    assert!(total >= rounds, "{total} changes in {rounds} rounds");
}
