//! What comes back: a row that somebody put back is found, a disabled generator is taken back into use, a clock that
//! had jumped ahead keeps nobody out, and a hash is made again when its cost has changed (R14, R15, R36).
#![allow(missing_docs)]

mod harness;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use harness::{House, LIGHT, NOON, is_named, password, request, write_behind};
use zamok_cabinet::{Error, Password};
use zamok_core::store::{MemoryStore, Range, Row, RowKey, Store, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_journal::{Fault, Place, audit};
use zamok_store_conformance::Hooked;

const REJECTED: Error = Error::Core(CoreError::Rejected);
const STATES: Table = Table(3);
const FACTORS: Table = Table(36);

/// What the owner of a store shows in the place of what is there: old rows, or none.
type Shown = Arc<Mutex<HashMap<RowKey, Option<Row>>>>;

fn rewound() -> (House, Shown) {
    let shown = Shown::default();
    let rows = shown.clone();
    let store = Hooked::over(Arc::new(MemoryStore::new())).on_get(move |store, key| {
        let shown = rows.lock().unwrap().get(key).cloned();
        shown.map_or_else(|| store.get(key), Ok)
    });
    (House::over(Arc::new(store)), shown)
}

fn only_row(house: &House, table: Table) -> (RowKey, Row) {
    let rows = house.store.scan(table, &Range::all(), 10, None).unwrap().rows;
    let [(key, row)] = rows.as_slice() else { panic!("{} rows", rows.len()) };
    (RowKey::new(table, key.clone()), row.clone())
}

#[test]
fn a_state_row_put_back_with_its_version_is_found_by_the_audit() {
    let (house, shown) = rewound();
    let phone = house.citizen("ivan");
    let (key, old) = only_row(&house, STATES);
    house.login("ivan", &phone).unwrap();
    let findings = || house.cabinet.vault().read(audit).unwrap().findings;
    assert_eq!(findings(), [], "waiting entries and all");
    house.cabinet.vault().integrate().unwrap();
    assert_eq!(findings(), []);

    shown.lock().unwrap().insert(key.clone(), Some(old));
    let found: Vec<_> = findings().into_iter().map(|finding| (finding.place, finding.fault)).collect();
    assert_eq!(found, [(Place::Row(key.clone()), Fault::Behind)]);
    shown.lock().unwrap().insert(key.clone(), None);
    let found: Vec<_> = findings().into_iter().map(|finding| (finding.place, finding.fault)).collect();
    assert_eq!(found, [(Place::Row(key), Fault::Missing)]);
}

#[test]
fn a_factor_that_was_withdrawn_is_not_missed() {
    let (house, shown) = rewound();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    let _lost = house.cabinet.offer_generator(&enrolment).unwrap();
    let _kept = house.cabinet.offer_generator(&enrolment).unwrap();
    assert_eq!(house.cabinet.vault().read(audit).unwrap().findings, []);
    let (key, _) = only_row(&house, FACTORS);
    shown.lock().unwrap().insert(key, None);
    assert_eq!(house.cabinet.vault().read(audit).unwrap().findings.len(), 1);
}

#[test]
fn a_disabled_generator_is_resumed_and_its_failures_are_forgiven() {
    let house = House::new();
    let phone = house.citizen("ivan");
    assert_eq!(
        house.cabinet.resume_generator("ivan", "by mistake"),
        Err(Error::Core(CoreError::KeyState(zamok_core::vault::KeyState::Active)))
    );
    for _ in 0..20 {
        house.clock.advance(60 * 60);
        let wrong = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &wrong, request()), Err(REJECTED));
    }
    house.clock.advance(60 * 60);
    let spent = phone.code(house.clock_now());
    assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &spent, request()), Err(REJECTED));
    house.cabinet.resume_generator("ivan", "came with a passport").unwrap();
    let wrong = phone.wrong(house.clock_now());
    assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &wrong, request()), Err(REJECTED));
    house.login("ivan", &phone).unwrap();
    assert_eq!(
        house.cabinet.answer(&house.challenge("ivan"), &spent, request()),
        Err(REJECTED),
        "spent stays spent"
    );
    assert_eq!(house.cabinet.resume_generator("nobody", "x"), Err(REJECTED));
    assert_eq!(house.cabinet.vault().read(audit).unwrap().findings, []);
}

#[test]
fn a_clock_that_had_jumped_ahead_keeps_nobody_out_for_decades() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let today = house.clock_now();
    house.clock.set(UnixTime(4_000_000_000));
    for _ in 0..5 {
        assert_eq!(house.cabinet.begin_login("ivan", &Password::new("wrong horse battery")), Err(REJECTED));
    }
    // The clock was put right, and the vault opened again.
    house.clock.set(today);
    let cabinet = house.another();
    assert_eq!(cabinet.begin_login("ivan", &password()), Err(REJECTED), "still delayed");
    house.clock.advance(60 * 60);
    let challenge = harness::challenge(&cabinet, "ivan").unwrap();
    cabinet.answer(&challenge, &phone.code(cabinet.vault().now()), request()).unwrap();
}

#[test]
fn a_password_is_hashed_again_when_the_policy_asks_for_another_cost() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let mut dearer = house.cabinet.policy().clone();
    dearer.password.cost = Argon2Cost { memory_kib: 2 * LIGHT.memory_kib, ..LIGHT };
    let cabinet = house.another().with_policy(dearer);
    let row = RowKey::new(Table(32), cabinet.account_by_login("ivan").unwrap().id.0);
    let account = || house.store.get(&row).unwrap().unwrap().version;
    let before = account();
    harness::challenge(&cabinet, "ivan").unwrap();
    assert_eq!(account(), before + 1, "written once, under the new cost");
    harness::challenge(&cabinet, "ivan").unwrap();
    assert_eq!(account(), before + 1, "and not again");
    assert_eq!(cabinet.begin_login("ivan", &Password::new("wrong horse battery")), Err(REJECTED));
    let challenge = harness::challenge(&cabinet, "ivan").unwrap();
    assert!(house.clock_now() > NOON);
    cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
}

#[test]
fn a_password_that_was_changed_is_named_when_the_row_from_before_is_put_back() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let row = RowKey::new(Table(32), house.cabinet.account_by_login("ivan").unwrap().id.0);
    let old = house.store.get(&row).unwrap().unwrap();
    let new = Password::new("a train that never stops");
    house.cabinet.change_password(&session, &password(), &new).unwrap();
    assert_eq!(house.cabinet.vault().read(audit).unwrap().findings, []);
    write_behind(&*house.store, &row, Some(&old));
    assert!(house.cabinet.begin_login("ivan", &password()).is_ok(), "believed until the audit");
    assert!(is_named(&house, &row));
}

#[test]
fn a_budget_that_was_put_back_after_guesses_at_a_generator_is_named() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let (factor, _) = house.store.scan(FACTORS, &Range::all(), 2, None).unwrap().rows.remove(0);
    let budget = RowKey::new(Table(34), factor);
    let fresh = house.store.get(&budget).unwrap().unwrap();
    for _ in 0..3 {
        for _ in 0..4 {
            let wrong = phone.wrong(house.clock_now());
            assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &wrong, request()), Err(REJECTED));
        }
        write_behind(&*house.store, &budget, Some(&fresh));
    }
    house.login("ivan", &phone).expect("twelve guesses, and no delay");
    assert!(is_named(&house, &budget));
}

#[test]
fn a_blocked_device_loses_its_session_though_the_list_of_them_was_taken_away() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let first = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    let token = house.cabinet.trust_device(&first, "lost phone").unwrap();
    let approach = zamok_cabinet::Approach { device: Some(token.clone()), ..Default::default() };
    let begun = house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap();
    let zamok_cabinet::Begun::Code(challenge) = begun else { panic!("the account has a factor") };
    let lost = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
    house.clock.advance(30);
    let home = house.login("ivan", &phone).unwrap();
    write_behind(&*house.store, &RowKey::new(Table(47), home.account.0), None);
    house.cabinet.block_device(&home, token.device()).unwrap();
    assert_eq!(house.cabinet.session(lost.id), Err(Error::SessionEnded));
    assert!(house.cabinet.session(home.id).is_ok());
}

#[test]
fn a_challenge_that_was_answered_is_named_when_it_is_put_back() {
    let house = House::new();
    house.texter("ivan", "+79161234567");
    let challenge = house.challenge("ivan");
    let code = house.arrived(zamok_cabinet::MessageKind::LoginCode).remove(0);
    let row = RowKey::new(Table(35), challenge.reference());
    let open = house.store.get(&row).unwrap().unwrap();
    house.cabinet.answer(&challenge, &code, request()).unwrap();
    write_behind(&*house.store, &row, Some(&open));
    house.cabinet.answer(&challenge, &code, request()).expect("one code, two sessions");
    write_behind(&*house.store, &row, Some(&open));
    assert!(is_named(&house, &row));
}

#[test]
fn a_challenge_that_was_answered_wrongly_is_named_when_its_tries_are_put_back() {
    let house = House::new();
    house.texter("ivan", "+79161234567");
    let challenge = house.challenge("ivan");
    let code = house.arrived(zamok_cabinet::MessageKind::LoginCode).remove(0);
    let row = RowKey::new(Table(35), challenge.reference());
    let open = house.store.get(&row).unwrap().unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(house.cabinet.answer(&challenge, wrong, request()), Err(REJECTED));
    assert!(!is_named(&house, &row));
    write_behind(&*house.store, &row, Some(&open));
    assert!(is_named(&house, &row));
}

#[test]
fn a_key_that_is_renamed_while_rows_are_audited_is_no_finding() {
    // What happens right after the keys were listed.
    let meanwhile = Arc::new(Mutex::new(None::<Box<dyn FnOnce() + Send>>));
    let next = meanwhile.clone();
    let store =
        Hooked::over(Arc::new(MemoryStore::new())).on_scan(move |store, table, range, limit, after| {
            let page = store.scan(table, range, limit, after)?;
            let then = if table == Table(2) { next.lock().unwrap().take() } else { None };
            if let Some(then) = then {
                then();
            }
            Ok(page)
        });
    let house = House::over(Arc::new(store));
    house.citizen("ivan");
    let account = house.cabinet.account_by_login("ivan").unwrap();
    let other = house.another();
    *meanwhile.lock().unwrap() = Some(Box::new(move || {
        let (key, owner) = (account.document_key, Some(account.subject));
        let renamed = other.vault().transact(|tx| zamok_core::vault::keys::rename(tx, key, "papers", owner));
        renamed.unwrap_or_else(|error: CoreError| panic!("{error}"));
    }));
    assert_eq!(house.cabinet.vault().read(zamok_journal::audit_rows).unwrap().findings, []);
}
