//! From waiting entries to leaves: order, batches, and chains that are broken.

mod log;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use log::{Hostile, Log, ORIGIN, START, Seeded, integrate_over, keyring, tier};
use proptest::prelude::*;
use zamok_core::store::{Change, ChangeId, EntryId, MemoryStore, Outcome, Range, Row, RowKey, Store};
use zamok_core::vault::{Committed, DETAILS, Transaction, Writer};
use zamok_core::{Env, Error, UnixTime};
use zamok_journal::tiles::{Edge, Tiles};
use zamok_journal::tree::{self, Hash};
use zamok_journal::{
    Broken, Fault, HEAD, Head, Integrated, Integrator, Journal, LEAVES, MAX_BATCH, POSITIONS, Recorded,
    TILES, WRITERS, audit, integrate,
};
use zamok_store_conformance::Hooked;

fn entries(log: &Log) -> Vec<Recorded> {
    Journal::new(&log.store, &log.keyring).range(0..u64::MAX).unwrap()
}

/// The root over leaves by the definition alone.
fn from_scratch(leaves: &[Recorded]) -> Hash {
    fn range(hashes: &[Hash]) -> Hash {
        match hashes {
            [] => tree::empty(),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                tree::node(&range(left), &range(right))
            }
        }
    }
    range(&leaves.iter().map(|leaf| tree::leaf(&leaf.bytes)).collect::<Vec<_>>())
}

fn leaf_row(index: u64) -> RowKey {
    RowKey::new(LEAVES, index.to_be_bytes())
}

#[test]
fn an_empty_log_has_no_head_and_integrating_nothing_writes_nothing() {
    let mut log = Log::new(1);
    let done = log.integrate(10);
    assert_eq!(done, Integrated { head: None, count: 0, more: false, broken: vec![] });
    assert!(log.store.get(&Head::row()).unwrap().is_none());
    assert!(audit(&log.store, &log.keyring).unwrap().is_clean());
}

#[test]
fn entries_become_leaves_by_time_then_writer_and_leave_the_waiting_rows() {
    let mut log = Log::new(2);
    let ids = log.fill(5, 700);
    let head = log.drain().head.unwrap();
    assert_eq!((head.size, head.origin.as_str()), (700, ORIGIN));
    let leaves = entries(&log);
    assert_eq!(leaves.iter().map(|leaf| leaf.id).collect::<BTreeSet<_>>(), ids.into_iter().collect());
    assert!(leaves.is_sorted_by_key(|leaf| (leaf.leaf.time, leaf.id)), "by time, then writer, then sequence");
    assert_eq!(head.root, from_scratch(&leaves));
    assert!(log.store.scan(EntryId::TABLE, &Range::all(), 1, None).unwrap().rows.is_empty());
    assert!(audit(&log.store, &log.keyring).unwrap().is_clean());
}

#[test]
fn a_writer_whose_clock_went_back_keeps_its_own_order() {
    let mut log = Log::new(3);
    let mut writer = log.writer();
    let ids: Vec<_> = [50, 10, 40, 5].into_iter().map(|time| log.write(&mut writer, time)).collect();
    log.drain();
    assert_eq!(entries(&log).iter().map(|leaf| leaf.id).collect::<Vec<_>>(), ids);
}

#[test]
fn a_batch_of_the_greatest_size_fits_into_one_commit_even_when_each_entry_has_its_own_writer() {
    let mut log = Log::new(4);
    let count = u64::try_from(MAX_BATCH).unwrap() + 5;
    for time in 0..count {
        let mut writer = log.writer();
        log.write(&mut writer, time);
    }
    let first = log.integrate(usize::MAX);
    assert_eq!((first.count, first.more), (MAX_BATCH, true));
    assert_eq!(log.integrate(usize::MAX).count, 5);
    assert!(audit(&log.store, &log.keyring).unwrap().is_clean());
}

#[test]
fn a_batch_touches_few_tiles() {
    let mut log = Log::new(5);
    log.fill(3, 1500);
    log.drain();
    let versions = |log: &Log| log.store.scan(TILES, &Range::all(), 5000, None).unwrap().rows;
    let before = versions(&log);
    assert_eq!(before.len(), 5 + 1 + 1);
    log.fill(1, 1);
    log.drain();
    let touched = versions(&log).into_iter().filter(|tile| !before.contains(tile)).count();
    assert_eq!(touched, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(u32::try_from(tier(8, 24, 200)).unwrap()))]

    #[test]
    fn however_the_batches_are_cut_the_log_is_the_same(
        seed in any::<u64>(), writers in 1_usize..8, count in 1_u64..900,
        limits in prop::collection::vec(1_usize..400, 1..12),
    ) {
        let [mut whole, mut cut] = [Log::new(seed), Log::new(seed)];
        whole.fill(writers, count);
        cut.fill(writers, count);
        whole.drain();
        for limit in limits.iter().cycle() {
            let done = cut.integrate(*limit);
            prop_assert!(done.count <= *limit && done.broken.is_empty());
            if !done.more {
                break;
            }
        }
        let (leaves, others) = (entries(&whole), entries(&cut));
        prop_assert_eq!(&leaves, &others);
        let head = Journal::new(&cut.store, &cut.keyring).head().unwrap().unwrap();
        prop_assert_eq!(head.root, from_scratch(&leaves));
        prop_assert!(audit(&cut.store, &cut.keyring).unwrap().is_clean());
    }

    #[test]
    fn a_log_that_is_written_and_integrated_by_turns_extends_every_earlier_head(
        seed in any::<u64>(), turns in prop::collection::vec((0_u64..300, 1_usize..300), 1..10),
    ) {
        let mut log = Log::new(seed);
        let mut chains: Vec<Writer> = (0..4).map(|_| log.writer()).collect();
        let mut heads: Vec<Head> = Vec::new();
        let mut time = 0;
        for (count, limit) in turns {
            for _ in 0..count {
                time += log.rng.below(2);
                let turn = log.rng.index(4);
                log.write(&mut chains[turn], time);
            }
            heads.extend(log.integrate(limit).head);
        }
        let journal = Journal::new(&log.store, &log.keyring);
        let leaves = entries(&log);
        for old in heads {
            prop_assert_eq!(old.root, from_scratch(&leaves[..usize::try_from(old.size).unwrap()]));
            let (new, path) = journal.extends(old.size).unwrap();
            tree::verify_consistency((old.size, &old.root), (new.size, &new.root), &path).unwrap();
        }
        prop_assert!(audit(&log.store, &log.keyring).unwrap().is_clean());
    }
}

/// Integrates over a store that was altered, as after a conflict: what was supposed is read. Nothing is committed.
fn attempt(store: &Hostile<'_>, log: &Log) -> Result<Integrated, Error> {
    let mut rng = Seeded::new(99);
    let mut env = Env { now: UnixTime(START), rng: &mut rng };
    let writer = Writer::new(ORIGIN, &mut env);
    integrate(&mut Transaction::begin(store, &log.keyring, writer, env).reading_anew(), usize::MAX)
}

fn broken(id: EntryId, fault: Fault) -> Vec<Broken> {
    vec![Broken { writer: id.writer, sequence: id.sequence, fault }]
}

/// Two writers with ten integrated and twenty waiting entries each.
fn two_writers(seed: u64) -> (Log, Vec<EntryId>, Vec<EntryId>) {
    let mut log = Log::new(seed);
    let (mut one, mut other) = (log.writer(), log.writer());
    let turn = |log: &mut Log, one: &mut Writer, other: &mut Writer, times: std::ops::Range<u64>| {
        times.map(|time| (log.write(one, time), log.write(other, time))).unzip()
    };
    let (_, _): (Vec<_>, Vec<_>) = turn(&mut log, &mut one, &mut other, 0..10);
    log.drain();
    let (ones, others) = turn(&mut log, &mut one, &mut other, 10..30);
    (log, ones, others)
}

#[test]
fn a_gap_stops_its_writer_and_no_other() {
    let (log, ones, others) = two_writers(6);
    let mut hostile = log.hostile();
    hostile.drop(ones[5].row());
    let done = attempt(&hostile, &log).unwrap();
    assert_eq!((done.count, done.more), (5 + 20, false));
    assert_eq!(done.broken, broken(ones[6], Fault::Gap));
    let all = others.iter().all(|id| !done.broken.iter().any(|broken| broken.writer == id.writer));
    assert!(all);
}

/// A log in which one writer has come far, one wrote `late` and no more, and another begins, for a log of some name; more waits than
/// is read from the front, 800 of it of the first.
fn long_queues(seed: u64, late: u64, name: &str) -> Log {
    let mut log = Log::new(seed);
    let [mut far, mut once, mut fresh] = [log.writer(), log.writer(), log.writer_for(name)];
    for time in 0..3_000 {
        log.write(&mut far, time / 10);
    }
    log.write(&mut once, late);
    log.drain();
    for time in 0..2_400 {
        log.write(&mut fresh, 300 + time / 4);
        if time % 3 == 0 {
            log.write(&mut far, 300 + time / 4);
        }
    }
    log
}

fn first_waiting(log: &Log) -> EntryId {
    EntryId::of_row(&log.store.scan(EntryId::TABLE, &Range::all(), 1, None).unwrap().rows[0].0).unwrap()
}

fn is_in_order(log: &Log) -> bool {
    entries(log).is_sorted_by_key(|leaf| (leaf.leaf.time, leaf.id))
}

#[test]
fn the_order_is_that_of_time_also_where_more_waits_than_is_read() {
    let mut log = long_queues(70, 0, ORIGIN);
    let first = log.integrate(usize::MAX);
    assert_eq!((first.count, first.more), (MAX_BATCH, true));
    assert_eq!(log.drain().head.unwrap().size, 3_001 + 2_400 + 800);
    assert!(is_in_order(&log));
    assert_eq!(log.store.scan(EntryId::TABLE, &Range::all(), 1, None).unwrap().rows, []);
    assert!(audit(&log.store, &log.keyring).unwrap().is_clean());
}

#[test]
fn batches_in_a_row_keep_the_order_whoever_begins_and_goes_on_meanwhile() {
    // They look through all writers once, or, where what waits is of now, time and again.
    for now in [1_000_000, 400] {
        let mut log = long_queues(73, 0, ORIGIN);
        let mut last = log.writer();
        for time in 0..2_400 {
            log.write(&mut last, 2_000 + time / 8);
        }
        let mut integrator = Integrator::default();
        let mut count = 0;
        loop {
            let done = log.transact(now, |tx| integrator.integrate(tx, MAX_BATCH)).unwrap();
            count += done.count;
            if count == MAX_BATCH {
                // It comes to lie behind the front, before which the last one waits.
                let mut one = log.writer();
                (0..4_000).for_each(|time| _ = log.write(&mut one, 600 + time / 4));
            }
            if !done.more {
                break;
            }
        }
        assert_eq!(count, 2_400 + 800 + 2_400 + 4_000);
        assert!(is_in_order(&log), "{now}");
    }
}

#[test]
fn batches_in_a_row_keep_the_order_where_another_integrator_is_faster() {
    let log = long_queues(74, 0, ORIGIN);
    // When the states of writers were read, and before their entries are asked for.
    let was_faster = AtomicU64::new(0);
    let store = Hooked::over(&log.store).on_scan(|store, table, range, limit, after| {
        let page = store.scan(table, range, limit, after)?;
        if table == WRITERS && was_faster.fetch_add(1, Ordering::Relaxed) == 0 {
            integrate_over(*store, &log.keyring, MAX_BATCH, &mut Seeded::new(4)).unwrap().unwrap();
        }
        Ok(page)
    });
    let (mut integrator, mut rng, mut is_done) = (Integrator::default(), Seeded::new(3), false);
    while !is_done {
        let mut env = Env { now: UnixTime(START + 1_000_000), rng: &mut rng };
        let writer = Writer::new(ORIGIN, &mut env);
        let mut tx = Transaction::begin(&store, &log.keyring, writer, env);
        match integrator.integrate(&mut tx, MAX_BATCH) {
            Err(Error::Busy) => continue,
            done => {
                let Committed::Done(done, _) = tx.prepare(done.unwrap()).unwrap().commit().unwrap() else {
                    continue;
                };
                assert_eq!(done.broken, []);
                is_done = !done.more;
            }
        }
    }
    assert!(was_faster.load(Ordering::Relaxed) > 1);
    assert_eq!(entries(&log).len(), 3_001 + 2_400 + 800);
    assert!(is_in_order(&log));
}

#[test]
fn a_long_queue_that_is_stopped_keeps_nobody_from_their_place() {
    // It is found to be altered when it is looked at, or foreign when it is taken; who has come far wrote lately, or long before.
    for (name, late) in [(ORIGIN, 0), (ORIGIN, 90), ("zamok.example/another-log", 90)] {
        let mut log = long_queues(71, late * 86_400, name);
        let first = first_waiting(&log);
        if name == ORIGIN {
            let mut value = log.store.get(&first.row()).unwrap().unwrap().value;
            value[60] ^= 1;
            let mut change = Change::new(ChangeId([1; 16]));
            change.update(first.row(), 1, value).unwrap();
            assert_eq!(log.store.commit(&change), Ok(Outcome::Committed));
        }
        let fault = if name == ORIGIN { Fault::Altered } else { Fault::Foreign };
        let now = late * 86_400 + 1_000;
        let batch = |log: &mut Log| {
            let done = log.transact(now, |tx| integrate(tx, MAX_BATCH)).unwrap();
            assert_eq!(done.broken, broken(first, fault), "{name} {late}");
            (done.count, done.more)
        };
        assert_eq!(batch(&mut log), (800, true), "{name} {late}");
        assert_eq!(batch(&mut log), (0, false), "{name} {late}");
        // While others write one entry after another, there is an end of each call.
        let mut writer = log.writer();
        log.write(&mut writer, late * 86_400);
        assert_eq!(batch(&mut log), (1, false), "{name} {late}");
    }
}

/// Two writers, ten and four hundred of whose entries wait; the store in which the first goes on, to the three-hundredth.
fn goes_on_elsewhere() -> (Log, MemoryStore) {
    let mut log = Log::new(72);
    let [mut one, mut other] = [log.writer(), log.writer()];
    for time in 0..400 {
        log.write(&mut other, time);
        if time < 10 {
            log.write(&mut one, time);
        }
    }
    let mut elsewhere = Log { store: MemoryStore::new(), keyring: keyring(7), rng: Seeded::new(5) };
    for time in 10..300 {
        elsewhere.write(&mut one, time);
    }
    (log, elsewhere.store)
}

/// The store of a log, into which the rows of another are committed when a page of what waits was read for the first time, or again:
/// the places of the first of them have been passed then.
fn as_others_commit<'a>(log: &'a Log, elsewhere: &'a MemoryStore, time: u64) -> Hooked<'a, &'a MemoryStore> {
    let begun = AtomicU64::new(0);
    Hooked::over(&log.store).on_scan(move |store, table, range, limit, after| {
        let page = store.scan(table, range, limit, after)?;
        if table == EntryId::TABLE && after.is_none() && begun.fetch_add(1, Ordering::Relaxed) + 1 == time {
            let mut change = Change::new(ChangeId([7; 16]));
            for table in [EntryId::TABLE, DETAILS] {
                for (key, row) in elsewhere.scan(table, &Range::all(), 1_000, None)?.rows {
                    change.insert(RowKey::new(table, key), row.value).unwrap();
                }
            }
            assert_eq!(store.commit(&change), Ok(Outcome::Committed));
        }
        Ok(page)
    })
}

#[test]
fn entries_that_are_committed_while_what_waits_is_read_leave_no_gap() {
    for (time, waiting) in [(1, 700), (2, 410)] {
        let (log, elsewhere) = goes_on_elsewhere();
        let report = audit(&as_others_commit(&log, &elsewhere, time), &log.keyring).unwrap();
        assert_eq!((report.findings, report.waiting), (vec![], waiting), "{time}");
    }

    let (log, elsewhere) = goes_on_elsewhere();
    let store = as_others_commit(&log, &elsewhere, 1);
    let done = integrate_over(&store, &log.keyring, usize::MAX, &mut Seeded::new(3)).unwrap().unwrap();
    assert_eq!((done.count, done.broken, done.more), (700, vec![], false));
}

#[test]
fn an_altered_entry_stops_its_writer_and_no_other() {
    let (log, ones, _) = two_writers(7);
    let length = log.store.get(&ones[5].row()).unwrap().unwrap().value.len();
    for byte in 0..length {
        let mut hostile = log.hostile();
        hostile.flip(&ones[5].row(), byte);
        let done = attempt(&hostile, &log).unwrap();
        let fault = if byte == 0 { Fault::Unreadable } else { Fault::Altered };
        assert_eq!((done.count, done.broken), (25, broken(ones[5], fault)), "byte {byte}");
    }
}

#[test]
fn entries_that_were_reordered_or_moved_between_writers_are_refused() {
    let (log, ones, others) = two_writers(8);
    let mut reordered = log.hostile();
    reordered.swap(&ones[3].row(), &ones[4].row());
    assert_eq!(attempt(&reordered, &log).unwrap().broken, broken(ones[3], Fault::Altered));
    let mut moved = log.hostile();
    moved.swap(&ones[3].row(), &others[3].row());
    let done = attempt(&moved, &log).unwrap();
    assert_eq!(done.count, 3 + 3);
    assert_eq!(done.broken.len(), 2);
}

#[test]
fn an_entry_that_was_put_back_is_reported_and_its_writer_goes_on() {
    let (log, ones, _) = two_writers(9);
    let leaf = log.store.get(&leaf_row(3)).unwrap().unwrap();
    let id = Journal::new(&log.store, &log.keyring).range(3..4).unwrap()[0].id;
    let mut hostile = log.hostile();
    hostile.put(id.row(), Row { version: 1, value: leaf.value });
    let done = attempt(&hostile, &log).unwrap();
    assert_eq!((done.count, done.broken), (40, broken(id, Fault::Repeated)));
    assert!(ones.iter().all(|one| one.sequence > 10));
}

#[test]
fn entries_are_not_taken_twice_when_the_state_of_their_writer_is_put_back() {
    let (mut log, ones, _) = two_writers(10);
    let state = RowKey::new(WRITERS, ones[0].writer);
    let old = log.store.get(&state).unwrap().unwrap();
    let waiting = log.store.get(&ones[0].row()).unwrap().unwrap();
    log.drain();
    let mut hostile = log.hostile();
    hostile.put(state, old);
    hostile.put(ones[0].row(), waiting);
    let done = attempt(&hostile, &log).unwrap();
    assert_eq!((done.count, done.broken), (0, broken(ones[0], Fault::Repeated)));
}

#[test]
fn an_entry_of_a_chain_that_forked_is_refused() {
    // A cloned machine: the same writer goes on twice. The store keeps one of the two; here the other is slipped in.
    let mut log = Log::new(11);
    let mut writer = log.writer();
    log.write(&mut writer, 0);
    let mut clone = writer.clone();
    let second = log.write(&mut writer, 1);
    let third = log.write(&mut writer, 2);
    let mut elsewhere = Log { store: MemoryStore::new(), keyring: keyring(7), rng: Seeded::new(5) };
    assert_eq!(elsewhere.write(&mut clone, 7), second);
    let mut hostile = log.hostile();
    hostile.put(second.row(), elsewhere.store.get(&second.row()).unwrap().unwrap());
    let done = attempt(&hostile, &log).unwrap();
    assert_eq!((done.count, done.broken), (2, broken(third, Fault::Unchained)));
}

#[test]
fn entries_of_another_vault_or_for_another_log_are_refused() {
    let mut log = Log::new(12);
    let mut writer = log.writer();
    log.write(&mut writer, 0);
    log.drain();
    let mut foreign = log.writer_for("zamok.example/another-log");
    let id = log.write(&mut foreign, 1);
    assert_eq!(log.integrate(10).broken, broken(id, Fault::Foreign));

    let mut other_vault = Log { store: MemoryStore::new(), keyring: keyring(8), rng: Seeded::new(6) };
    let mut stranger = other_vault.writer();
    let strange = other_vault.write(&mut stranger, 1);
    let mut hostile = log.hostile();
    hostile.drop(id.row());
    hostile.put(strange.row(), other_vault.store.get(&strange.row()).unwrap().unwrap());
    assert_eq!(attempt(&hostile, &log).unwrap().broken, broken(strange, Fault::Altered));
}

#[test]
fn a_log_whose_name_is_not_one_line_is_never_begun() {
    for name in ["", "two\nlines"] {
        let mut log = Log::new(13);
        let mut writer = log.writer_for(name);
        let id = log.write(&mut writer, 0);
        let done = log.integrate(10);
        assert_eq!((done.head, done.broken), (None, broken(id, Fault::Foreign)));
    }
}

#[test]
fn that_an_entry_is_no_leaf_yet_is_supposed_and_the_commit_proves_it() {
    let ids = || two_writers(16).1;
    for planted in [leaf_row(20), RowKey::new(POSITIONS, ids()[0].to_bytes())] {
        let (log, _, _) = two_writers(16);
        let mut change = Change::new(ChangeId([9; 16]));
        change.insert(planted.clone(), b"planted".to_vec()).unwrap();
        assert_eq!(log.store.commit(&change), Ok(Outcome::Committed));
        let mut rng = Seeded::new(98);
        let mut env = Env { now: UnixTime(START), rng: &mut rng };
        let writer = Writer::new(ORIGIN, &mut env);
        let mut tx = Transaction::begin(&log.store, &log.keyring, writer, env);
        let done = integrate(&mut tx, usize::MAX).unwrap();
        let committed = tx.prepare(done).unwrap().commit().unwrap();
        assert!(matches!(&committed, Committed::Conflict(row) if *row == planted), "{committed:?}");
        // What follows a conflict reads: no leaf may stand beyond the head; a place that leads nowhere is written over.
        let again = attempt(&log.hostile(), &log).map(|done| done.count);
        assert_eq!(again, if planted == leaf_row(20) { Err(Error::Refused) } else { Ok(40) });
    }
}

#[test]
fn nothing_grows_on_an_altered_head_tile_or_state_or_on_leaves_beyond_the_head() {
    let (log, ones, _) = two_writers(14);
    let rows =
        [Head::row(), RowKey::new(TILES, [&[0][..], &[0; 8]].concat()), RowKey::new(WRITERS, ones[0].writer)];
    for row in &rows {
        let length = log.store.get(row).unwrap().unwrap().value.len();
        for byte in 0..length {
            let mut hostile = log.hostile();
            hostile.flip(row, byte);
            let error = attempt(&hostile, &log).unwrap_err();
            assert!(
                matches!(error, Error::Refused | Error::Format { .. }),
                "byte {byte} of {row:?}: {error}"
            );
        }
    }
    let mut longer = log.hostile();
    let mut tile = longer.value(&rows[1]);
    tile.value.extend([0; 32]);
    longer.put(rows[1].clone(), tile);
    assert_eq!(attempt(&longer, &log).unwrap_err(), Error::Refused);
    let mut longer = log.hostile();
    longer.put(leaf_row(20), log.store.get(&leaf_row(19)).unwrap().unwrap());
    assert_eq!(attempt(&longer, &log).unwrap_err(), Error::Refused);
    for gone in [Head::row(), RowKey::new(TILES, [&[0][..], &[0; 8]].concat())] {
        let mut hostile = log.hostile();
        hostile.drop(gone);
        assert_eq!(attempt(&hostile, &log).unwrap_err(), Error::Refused);
    }
}

#[test]
fn an_older_head_that_is_put_back_is_refused() {
    let (mut log, _, _) = two_writers(15);
    let old = log.store.get(&Head::row()).unwrap().unwrap();
    log.drain();
    log.fill(1, 1);
    let mut hostile = log.hostile();
    hostile.put(Head::row(), old);
    assert_eq!(attempt(&hostile, &log).unwrap_err(), Error::Refused);
}

#[test]
fn a_position_that_an_attacker_planted_is_overwritten() {
    let mut log = Log::new(16);
    let mut writer = log.writer();
    let first = log.write(&mut writer, 0);
    let mut hostile = log.hostile();
    hostile.put(
        RowKey::new(POSITIONS, first.to_bytes()),
        Row { version: 3, value: 77_u64.to_be_bytes().into() },
    );
    assert_eq!(attempt(&hostile, &log).unwrap().count, 1);
}

#[test]
fn the_edge_of_the_tree_is_all_that_is_needed_to_let_it_grow() {
    let mut log = Log::new(20);
    log.fill(2, 300);
    let head = log.drain().head.unwrap();
    let mut edge = Edge::new();
    for leaf in entries(&log) {
        edge.push(tree::leaf(&leaf.bytes), |_, _| {});
    }
    assert_eq!((edge.size(), edge.root()), (head.size, head.root));
    assert_eq!(edge.partial().count(), 2);
    let mut tiles = Tiles::open(&log.store, head.size, &head.root).unwrap();
    assert_eq!(tree::root(&mut tiles, head.size).unwrap(), head.root);
    assert_eq!(HEAD, Head::row().table);
}

#[test]
fn the_time_of_the_head_goes_not_back_with_a_clock() {
    let mut log = Log::new(60);
    let mut writer = log.writer();
    for (written, now) in [(1, 100), (2, 50)] {
        log.write(&mut writer, written);
        let done = log.transact(now, |tx| integrate(tx, MAX_BATCH)).unwrap();
        assert_eq!((done.count, done.head.unwrap().time), (1, UnixTime(START + 100)), "{now}");
    }
}
