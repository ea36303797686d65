//! A process that is killed while it commits.

use std::io::Write;
use std::time::Duration;

use zamok_core::store::Store;

use crate::helper::{Helper, KEPT, LOADERS, WRONG, head, step, steps};
use crate::{Factory, Fresh, Random, Tier};

pub fn a_killed_process_loses_no_answered_change_and_halves_none<F: Factory>(factory: &F) {
    let Fresh { store, place } = factory.fresh();
    drop(store);
    let mut random = Random::new(4);
    let mut answered: Vec<u64> = (0..LOADERS).map(|_| 0).collect();
    let rounds = Tier::pick(5, 25, 300);
    let (mut fell, mut there, mut absent) = ([0; 4], 0, 0);
    for round in 0..rounds {
        let mut helper = Helper::start(factory, "load", &place);
        let mut hear = |helper: &mut Helper| -> bool {
            let Some(line) = helper.hear() else { return false };
            assert!(!line.starts_with(WRONG), "round {round}: {line}");
            let (thread, version) = line.split_once(' ').expect("a thread and a version");
            let thread: usize = thread.parse().expect("the number of a thread");
            answered[thread] = version.parse().expect("a version");
            true
        };
        let mut count = 1 + random.below(60);
        for _ in 0..count {
            assert!(hear(&mut helper), "the helper process ended by itself in round {round}");
        }
        std::thread::sleep(Duration::from_micros(random.below(3_000)));
        helper.kill();
        while hear(&mut helper) {
            count += 1;
        }
        fell[usize::try_from(count / 20).map_or(3, |at| at.min(3))] += 1;

        let store = factory.open(&place);
        let heads = settled(&store, round);
        for (answered, found) in answered.iter_mut().zip(heads) {
            assert!(
                found >= *answered,
                "round {round}: change {answered} was answered, {found} is the last one"
            );
            assert!(found <= *answered + 1, "round {round}: {found} came from nowhere after {answered}");
            if found > *answered {
                there += 1;
            } else {
                absent += 1;
            }
            *answered = found;
        }
    }
    let total: u64 = answered.iter().sum();
    assert!(total >= rounds, "{total} changes in {rounds} rounds");
    say(&format!(
        "{rounds} kills under a mixed load, after fewer than 20, 40, 60 answers and after more: {fell:?}; \
         a thread's unanswered change was there {there} times, absent or not begun {absent} times"
    ));
}

/// Prints past the harness, which captures only macros.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{line}").and_then(|()| output.flush()).expect("someone listens");
}

/// How far each thread has come, once nothing of the killed process is under way any more: a store with a server may still
/// be at a commit whose client has died. Every change must be whole.
fn settled<S: Store>(store: &S, round: u64) -> Vec<u64> {
    let heads = || -> Vec<u64> {
        (0..LOADERS)
            .map(|thread| store.get(&head(thread)).expect("a read").map_or(0, |row| row.version))
            .collect()
    };
    loop {
        let found = heads();
        let is_there = |thread: u64, number| store.get(&step(thread, number)).expect("a read").is_some();
        let mut threads = (0..LOADERS).zip(found.iter().copied());
        let whole = threads.all(|(thread, found)| {
            let deleted = found.saturating_sub(KEPT);
            (deleted + 1..=found).all(|number| is_there(thread, number))
                && !is_there(thread, found + 1)
                && !is_there(thread, deleted)
        });
        let total = store.counter(&steps()).expect("a counter is read");
        // A change that was made meanwhile was made whole before these reads or after them.
        if found == heads() {
            assert!(whole, "round {round}: half a change");
            assert_eq!(total, found.iter().sum::<u64>(), "round {round}: half a change");
            return found;
        }
    }
}
