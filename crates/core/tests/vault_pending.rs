//! Nothing is told before the commit, and a lost answer is settled before anything is told (DESIGN, "The store contract").

mod harness;

use std::sync::atomic::Ordering;

use harness::{Lost, Scene, generous, strict};
use zamok_core::otp::Verdict;
use zamok_core::store::{Change, ChangeId, CounterKey, Outcome, Row, RowKey, Store, StoreFault, Table};
use zamok_core::vault::{Committed, KeyId, Known, Purpose, Transaction, keys, signing, spend};
use zamok_core::{Env, Error};

/// A scene with a key, and the code that it takes now.
fn waiting(seed: &str) -> (Scene, KeyId, String) {
    let scene = Scene::new(seed);
    let (key, totp) = scene.totp();
    let code = totp.code_at(scene.now()).unwrap().to_string();
    (scene, key, code)
}

/// Verifies in one commit that is not repeated.
fn once(scene: &Scene, key: KeyId, code: &str) -> Result<Committed<Verdict>, Error> {
    let (chain, mut chance) = (scene.chain(), scene.chance());
    let env = Env { now: scene.now(), rng: &mut chance };
    let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env);
    let verdict = spend::verify(&mut tx, key, code, &generous())?;
    tx.prepare(verdict)?.commit()
}

fn accepted(committed: Result<Committed<Verdict>, Error>) -> bool {
    matches!(committed, Ok(Committed::Done(Verdict::Accepted { .. }, _)))
}

#[test]
fn a_prepared_commit_shows_nothing_and_leaves_nothing_when_it_is_dropped() {
    let (scene, key, code) = waiting("dropped");
    let (before, commits) = (scene.rows(), scene.store.commits.load(Ordering::SeqCst));
    let (chain, mut chance) = (scene.chain(), scene.chance());
    let env = Env { now: scene.now(), rng: &mut chance };
    let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env);
    let verdict = spend::verify(&mut tx, key, &code, &strict()).unwrap();
    let pending = tx.prepare(verdict).unwrap();
    let shown = format!("{pending:?}");
    assert!(shown.starts_with("Pending { change: Change { id: ChangeId("), "{shown}");
    assert!(!shown.contains("Accepted") && !shown.contains("outcome"), "{shown}");
    drop(pending);
    assert_eq!(scene.rows(), before);
    assert_eq!(scene.store.commits.load(Ordering::SeqCst), commits);
    assert!(scene.verify(key, &code, &strict()).unwrap().accepted().is_ok(), "nothing was spent");
}

#[test]
fn a_commit_whose_answer_was_lost_is_found_and_told_once() {
    let (scene, key, code) = waiting("lost answer");
    scene.store.lose(Lost::Answer);
    assert!(accepted(once(&scene, key, &code)));
    assert_eq!(scene.verify(key, &code, &generous()), Ok(Verdict::Rejected));
}

#[test]
fn a_commit_that_never_arrived_is_fenced_and_told_as_a_failure() {
    let (scene, key, code) = waiting("lost request");
    let before = scene.rows();
    scene.store.lose(Lost::Request);
    assert_eq!(once(&scene, key, &code).err(), Some(StoreFault::Unavailable.into()));
    assert_eq!(scene.rows(), before);
    assert!(scene.verify(key, &code, &generous()).unwrap().accepted().is_ok(), "the code is still good");
}

#[test]
fn an_answer_that_stays_unknown_is_told_as_unknown_whatever_happened() {
    for (loss, spent) in [(Lost::Answer, true), (Lost::Request, false)] {
        let (scene, key, code) = waiting("unknown");
        scene.store.lose(loss);
        scene.store.unresolved.store(5, Ordering::SeqCst);
        assert_eq!(once(&scene, key, &code).err(), Some(StoreFault::OutcomeUnknown.into()), "{loss:?}");
        let again = scene.verify(key, &code, &generous()).unwrap().accepted().is_err();
        assert_eq!(again, spent, "{loss:?}");
    }
}

#[test]
fn resolving_is_tried_again_before_the_outcome_is_given_up() {
    for failures in 0..5 {
        let (scene, key, code) = waiting("tried again");
        scene.store.lose(Lost::Answer);
        scene.store.unresolved.store(failures, Ordering::SeqCst);
        assert!(accepted(once(&scene, key, &code)), "{failures} failures");
    }
}

#[test]
fn a_fenced_commit_is_told_as_a_failure_that_wrote_nothing() {
    let (scene, key, code) = waiting("fenced");
    let before = scene.rows();
    scene.store.lose(Lost::Fenced);
    assert_eq!(once(&scene, key, &code).err(), Some(StoreFault::Unavailable.into()));
    assert_eq!(scene.rows(), before);
}

#[test]
fn a_fault_of_the_store_grants_nothing_and_keeps_its_name() {
    let layout = StoreFault::Layout { found: 2, supported: 1 };
    for fault in [StoreFault::Full, StoreFault::Gone, StoreFault::Corrupt, StoreFault::ReadOnly, layout] {
        let (scene, key, code) = waiting("fault");
        let before = scene.rows();
        scene.store.lose(Lost::Fault(fault));
        assert_eq!(once(&scene, key, &code).err(), Some(Error::Store(fault)));
        assert_eq!(scene.rows(), before);
    }
}

#[test]
fn a_full_counter_refuses_the_whole_commit() {
    let (scene, key, code) = waiting("capped");
    let counter = CounterKey(b"sent".to_vec());
    for round in 1..=4 {
        let (chain, mut chance) = (scene.chain(), scene.chance());
        let env = Env { now: scene.now(), rng: &mut chance };
        let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env);
        let verdict = spend::verify(&mut tx, key, &code, &generous()).unwrap();
        tx.add(counter.clone(), 1, 9);
        tx.add(counter.clone(), 2, 8);
        let committed = tx.prepare(verdict).unwrap().commit().unwrap();
        match committed {
            Committed::Done(..) => assert!(round <= 2, "3 and 6 are below the lower ceiling of 8"),
            Committed::Capped(full) => assert!(round > 2 && full == counter),
            Committed::Conflict(row) => panic!("{row:?}"),
        }
        assert_eq!(scene.store.counter(&counter), Ok(3 * round.min(2)));
        assert_eq!(
            scene.state(key).in_a_row,
            if round == 1 { 0 } else { 1 },
            "a capped attempt is not written"
        );
    }
}

#[test]
fn a_transaction_that_only_reads_asks_nothing_of_the_store() {
    let (scene, key, _) = waiting("idle");
    let token = scene.signer(Purpose::Token);
    let commits = scene.store.commits.load(Ordering::SeqCst);
    scene.transact(|tx| keys::info(tx, key)).unwrap();
    scene.transact(|tx| signing::sign(tx, token, Purpose::Token, b"claims", "")).unwrap();
    scene.transact(|tx| signing::public_key(tx, token)).unwrap();
    assert_eq!(scene.store.commits.load(Ordering::SeqCst), commits);
}

#[test]
fn a_document_signature_leaves_only_with_its_journal_entry() {
    let scene = Scene::new("signature");
    let key = scene.signer(Purpose::Document);
    scene.store.lose(Lost::Fault(StoreFault::Full));
    let signed = scene.transact(|tx| signing::sign(tx, key, Purpose::Document, b"text", "a.txt"));
    assert_eq!(signed.err(), Some(StoreFault::Full.into()));
}

#[test]
fn a_transaction_sees_its_own_writes() {
    let scene = Scene::new("own writes");
    // A table whose rows may go.
    let (sealed, state, plain) = (row(1), row(2), RowKey::new(zamok_core::vault::DETAILS, *b"plain"));
    for round in 1..=3 {
        scene
            .transact(|tx| {
                let before = tx.record(&sealed)?.map(|opened| opened.body.to_vec());
                assert_eq!(before, (round > 1).then(|| vec![round - 1; 3]));
                tx.put_record(&sealed, &[round], &[round; 3])?;
                assert_eq!(tx.record(&sealed)?.unwrap().body.as_slice(), [round; 3]);
                assert_eq!(tx.record(&sealed)?.unwrap().attributes, [round]);
                tx.put_state(&state, &[round])?;
                assert_eq!(tx.state(&state)?.unwrap(), [round]);
                tx.put_plain(&plain, vec![round])?;
                assert_eq!(tx.plain(&plain)?.unwrap().version, u64::from(round));
                tx.delete(&plain)?;
                assert_eq!(tx.plain(&plain)?, None);
                tx.put_plain(&plain, vec![round])
            })
            .unwrap();
        assert_eq!(scene.row(&sealed).version, u64::from(round));
    }
    scene.transact(|tx| tx.delete(&plain)).unwrap();
    assert_eq!(scene.store.get(&plain), Ok(None));
    scene.transact(|tx| tx.delete(&plain)).unwrap();
}

#[test]
fn a_change_takes_as_many_rows_as_it_says_by_whatever_way_they_come() {
    let names: Vec<RowKey> = (0..Change::MAX_ROWS).map(|n| RowKey::new(Table(60), n.to_be_bytes())).collect();
    let mut change = Change::new(ChangeId([1; 16]));
    for name in &names {
        change.expect(name.clone(), zamok_core::store::Expect::Absent).unwrap();
    }
    for name in &names {
        change.insert(name.clone(), vec![]).unwrap();
    }
    let given = Change::MAX_ROWS + 1;
    let full = Error::TooLong { what: "the number of rows in a change", given, limit: Change::MAX_ROWS };
    assert_eq!(change.insert(row(0), vec![]), Err(full));
    assert_eq!(change.add(CounterKey(vec![]), 1, 1), Err(full));
    assert_eq!(zamok_core::store::MemoryStore::new().commit(&change), Ok(Outcome::Committed));

    let mut change = Change::new(ChangeId([2; 16]));
    change.insert(row(0), vec![]).unwrap();
    assert_eq!(change.update(row(0), 1, vec![]), Err(Error::Busy), "two versions of one row were seen");
    let too_long = |what, limit| Err(Error::TooLong { what, given: limit + 1, limit });
    let key = RowKey::new(Table(60), vec![0; 256]);
    assert_eq!(change.insert(key.clone(), vec![]), too_long("a row key", 255));
    assert_eq!(change.add(CounterKey(key.key), 1, 1), too_long("a counter key", 255));
    assert_eq!(change.insert(row(1), vec![0; (1 << 20) + 1]), too_long("a row value", 1 << 20));
}

#[test]
fn a_store_that_claims_the_last_version_of_all_is_refused_without_a_panic() {
    let scene = Scene::new("last version");
    let plain = row(9);
    scene.transact(|tx| tx.put_plain(&plain, vec![1])).unwrap();
    scene.store.plant(&plain, Some(Row { version: u64::MAX, value: vec![1] }));
    let (chain, mut chance) = (scene.chain(), scene.chance());
    let env = Env { now: scene.now(), rng: &mut chance };
    let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env);
    tx.put_plain(&plain, vec![2]).unwrap();
    let committed = tx.prepare(()).unwrap().commit().unwrap();
    assert!(matches!(committed, Committed::Conflict(row) if row == plain));

    let mut change = Change::new(ChangeId([3; 16]));
    change.update(plain.clone(), u64::MAX, vec![]).unwrap();
    assert_eq!(change.next_version(&plain), u64::MAX);
}

/// Opens a record, read anew, with what is known; what is known then is the answer's second half.
fn opened(scene: &Scene, key: &RowKey, known: Known) -> (Result<Vec<u8>, Error>, Known) {
    let (chain, mut chance) = (scene.chain(), scene.chance());
    let env = Env { now: scene.now(), rng: &mut chance };
    let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env).knowing(known).reading_anew();
    let body = tx.record(key).map(|record| record.unwrap().body.to_vec());
    let again = tx.record(key).map(|record| record.unwrap().body.to_vec());
    assert_eq!(again, body);
    (body, tx.take_known())
}

#[test]
fn a_record_that_is_known_is_opened_anew_as_soon_as_one_byte_of_its_row_is_another() {
    let scene = Scene::new("known");
    scene.transact(|tx| tx.put_record(&row(1), b"one", b"first")).unwrap();
    let (body, mut known) = opened(&scene, &row(1), Known::default());
    assert_eq!(body.unwrap(), b"first");
    assert_eq!(format!("{known:?}"), "Known(1 records, 0 state rows, redacted)");
    let right = scene.store.get(&row(1)).unwrap().unwrap();
    for byte in 0..right.value.len() {
        let mut altered = right.clone();
        altered.value[byte] ^= 1;
        scene.store.plant(&row(1), Some(altered));
        let (body, kept) = opened(&scene, &row(1), known);
        assert!(body.is_err(), "byte {byte}");
        known = kept;
    }
    scene.store.plant(&row(1), Some(Row { version: right.version + 1, ..right }));
    let (body, known) = opened(&scene, &row(1), known);
    assert_eq!(body, Err(Error::Refused), "under another version");
    scene.store.restore();
    scene.transact(|tx| tx.put_record(&row(1), b"one", b"second")).unwrap();
    let (body, _) = opened(&scene, &row(1), known);
    assert_eq!(body.unwrap(), b"second");
}

#[test]
fn rows_that_a_call_knows_are_not_read_again_and_are_expected_as_they_were() {
    let scene = Scene::new("known rows");
    scene.transact(|tx| tx.put_record(&row(1), b"", b"sealed")).unwrap();
    scene.transact(|tx| tx.put_state(&row(2), b"state")).unwrap();
    let begin = |chance| {
        let env = Env { now: scene.now(), rng: chance };
        Transaction::begin(&scene.store, &scene.keyring, scene.chain(), env)
    };
    let look = |tx: &mut Transaction<'_>| {
        assert_eq!(tx.record(&row(1)).unwrap().unwrap().body.as_slice(), b"sealed");
        assert_eq!(tx.state(&row(2)).unwrap().unwrap(), b"state");
    };
    let mut chance = scene.chance();
    let mut first = begin(&mut chance).knowing(Known::default());
    look(&mut first);
    let known = first.take_known();
    assert_eq!(format!("{known:?}"), "Known(1 records, 1 state rows, redacted)");
    // Gone from the store: whoever asked it would not find them.
    scene.store.plant(&row(1), None);
    scene.store.plant(&row(2), None);
    let mut chance = scene.chance();
    let mut second = begin(&mut chance).knowing(known);
    look(&mut second);
    assert_eq!(second.changed().unwrap(), Some(row(1)), "what writes nothing asks at its end");
    let known = second.take_known();
    scene.store.restore();
    scene.transact(|tx| tx.put_state(&row(2), b"another")).unwrap();
    let mut chance = scene.chance();
    let mut third = begin(&mut chance).knowing(known);
    look(&mut third);
    third.put_plain(&row(3), vec![3]).unwrap();
    let committed = third.prepare(()).unwrap().commit().unwrap();
    assert!(
        matches!(committed, Committed::Conflict(found) if found == row(2)),
        "what writes has it expected"
    );
}

#[test]
fn a_record_that_was_written_is_read_as_it_was_written() {
    let scene = Scene::new("written");
    scene.transact(|tx| tx.put_record(&row(1), b"one", b"first")).unwrap();
    scene
        .transact(|tx| {
            assert_eq!(tx.record(&row(1))?.unwrap().body.as_slice(), b"first");
            tx.put_record(&row(1), b"two", b"second")?;
            let record = tx.record(&row(1))?.unwrap();
            assert_eq!((&record.attributes[..], record.body.as_slice()), (&b"two"[..], &b"second"[..]));
            Ok(())
        })
        .unwrap();
}

fn row(number: u8) -> RowKey {
    RowKey::new(Table(60), [number])
}
