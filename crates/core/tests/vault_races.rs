//! Of any number of racing attempts exactly one spends a code, and every guess is charged (DESIGN rule 3, CRYPTO §4).

mod harness;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Chance, Scene, generous, tell, tier};
use zamok_core::event::EventKind;
use zamok_core::otp::Verdict;
use zamok_core::store::{EntryId, RowKey, Table};
use zamok_core::vault::{Committed, KeyId, KeyState, Pending, Transaction, Writer, keys, one_time, spend};
use zamok_core::{Env, Error};

/// An attempt that was decided, but not committed.
fn prepared<'a>(
    scene: &'a Scene,
    chain: Writer,
    chance: &'a mut Chance,
    key: KeyId,
    code: &str,
) -> Pending<'a, Verdict> {
    let env = Env { now: scene.now(), rng: chance };
    let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env);
    let verdict = spend::verify(&mut tx, key, code, &generous()).unwrap();
    tx.prepare(verdict).unwrap()
}

fn done(committed: Committed<Verdict>) -> bool {
    matches!(committed, Committed::Done(Verdict::Accepted { .. }, _))
}

#[test]
fn of_two_attempts_on_one_state_the_second_conflicts_and_finds_the_code_spent() {
    let scene = Scene::new("two");
    let (key, totp) = scene.totp();
    let code = totp.code_at(scene.now()).unwrap().to_string();
    let (mut one, mut other) = (scene.chance(), scene.chance());
    let (chain, second_chain) = (scene.chain(), scene.chain());
    let first = prepared(&scene, chain, &mut one, key, &code);
    let second = prepared(&scene, second_chain, &mut other, key, &code);
    assert!(done(first.commit().unwrap()));
    match second.commit().unwrap() {
        Committed::Conflict(row) => assert_eq!(row, RowKey::new(Table(3), key.0)),
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.verify(key, &code, &generous()), Ok(Verdict::Rejected));
    let told = scene.journal();
    assert_eq!(
        told.iter().filter(|told| told.leaf.kind == EventKind::CodeAccepted).count(),
        2,
        "test and login"
    );
    let spent = told.iter().filter(|told| told.detail.get("reason") == Some("code already used"));
    assert_eq!(spent.count(), 1);
}

/// Two attempts on one state that both commit as far as the store lets them: how many are accepted.
fn accepted_of_two(scene: &Scene) -> usize {
    let (key, totp) = scene.totp();
    let code = totp.code_at(scene.now()).unwrap().to_string();
    let (mut one, mut other) = (scene.chance(), scene.chance());
    let (chain, second_chain) = (scene.chain(), scene.chain());
    let first = prepared(scene, chain, &mut one, key, &code);
    let second = prepared(scene, second_chain, &mut other, key, &code);
    [first.commit(), second.commit()]
        .into_iter()
        .filter(|committed| matches!(committed, Ok(Committed::Done(Verdict::Accepted { .. }, _))))
        .count()
}

#[test]
fn without_expectations_a_code_would_be_accepted_twice() {
    assert_eq!(accepted_of_two(&Scene::new("careful")), 1);
    let careless = Scene::new("careless");
    careless.store.careless.store(true, Ordering::SeqCst);
    assert_eq!(accepted_of_two(&careless), 2, "the planted defect shows");
}

#[test]
fn a_key_that_is_suspended_meanwhile_stops_the_attempt() {
    let scene = Scene::new("suspended meanwhile");
    let (key, totp) = scene.totp();
    let code = totp.code_at(scene.now()).unwrap().to_string();
    let (chain, mut chance) = (scene.chain(), scene.chance());
    let attempt = prepared(&scene, chain, &mut chance, key, &code);
    scene.transact(|tx| keys::change_state(tx, key, KeyState::Suspended, "lost")).unwrap();
    match attempt.commit().unwrap() {
        Committed::Conflict(row) => {
            assert_eq!(row, RowKey::new(Table(2), key.0), "the record, though unwritten")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.verify(key, &code, &generous()), Err(Error::KeyState(KeyState::Suspended)));
}

#[test]
fn a_secret_is_disclosed_to_one_of_two() {
    let scene = Scene::new("two disclosures");
    let key = scene.generate(one_time::MovingFactor::Counter(0));
    let shown = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| match scene.provision(key) {
                Ok(_) => drop(shown.fetch_add(1, Ordering::SeqCst)),
                Err(error) => assert_eq!(error, Error::KeyUsage),
            });
        }
    });
    assert_eq!(shown.into_inner(), 1);
}

/// Runs `attempt` in so many threads at once.
fn at_once(threads: usize, attempt: impl Fn(usize) + Sync) {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (start, attempt) = (&start, &attempt);
            scope.spawn(move || {
                start.wait();
                attempt(thread);
            });
        }
    });
}

#[test]
fn one_code_in_many_threads_is_accepted_once() {
    let (rounds, threads) = (tier(5, 50, 200), 16);
    let scene = Scene::new("one code");
    let (key, totp) = scene.totp();
    for _ in 0..rounds {
        scene.wait(30);
        let code = totp.code_at(scene.now()).unwrap().to_string();
        let accepted = AtomicUsize::new(0);
        at_once(threads, |_| {
            if scene.verify(key, &code, &generous()).unwrap().accepted().is_ok() {
                accepted.fetch_add(1, Ordering::SeqCst);
            }
        });
        assert_eq!(accepted.into_inner(), 1);
        assert_eq!(
            scene.state(key).in_a_row as usize,
            threads - 1,
            "the others were charged after the success"
        );
    }
    tell(&format!("{rounds} rounds of {threads} threads with one code: one acceptance each"));
}

#[test]
fn parallel_wrong_guesses_are_charged_one_by_one() {
    let (rounds, threads) = (tier(3, 20, 100), 16);
    let scene = Scene::new("guesses");
    let (key, totp) = scene.totp();
    for round in 1..=rounds {
        let code = harness::wrong(&totp, scene.now());
        at_once(threads, |_| {
            scene.verify(key, &code, &generous()).unwrap().accepted().unwrap_err();
        });
        assert_eq!(scene.state(key).in_a_row as usize, threads * round);
    }
    let rejected = scene.journal().iter().filter(|told| told.leaf.kind == EventKind::CodeRejected).count();
    assert_eq!(rejected, threads * rounds, "each is in the journal");
    tell(&format!("{} parallel guesses charged and journalled", threads * rounds));
}

#[test]
fn two_that_write_one_chain_do_not_fork_it() {
    // A machine that was cloned while it ran: two chains of one name.
    let scene = Scene::new("cloned");
    let ((one, phone), (other, _)) = (scene.totp(), scene.totp());
    let code = phone.code_at(scene.now()).unwrap().to_string();
    let chain = scene.chain();
    let (mut chance, mut second_chance) = (scene.chance(), scene.chance());
    let first = prepared(&scene, chain.clone(), &mut chance, one, &code);
    let second = prepared(&scene, chain, &mut second_chance, other, "000000");
    assert!(done(first.commit().unwrap()));
    match second.commit().unwrap() {
        Committed::Conflict(row) => assert_eq!(row.table, EntryId::TABLE),
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.state(other).in_a_row, 0);
}
