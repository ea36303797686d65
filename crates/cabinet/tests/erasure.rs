//! Erasure (R27): what is left of a person afterwards, in his own rows and in those of others, and that nothing stops it.
#![allow(missing_docs)]

mod harness;

use harness::{House, NOON, Phone, password, request};
use zamok_cabinet::{
    Approach, Begun, Error, FeedFilter, MessageKind, PowerKind, Right, Rights, Session, Terms,
};
use zamok_core::event::EventKind;
use zamok_core::store::{Change, ChangeId, Outcome, Range, RowKey, Table};

const FACTORS: Table = Table(36);
const SESSIONS: Table = Table(37);
const CHALLENGES: Table = Table(35);
const ACCOUNTS: Table = Table(32);
const POWERS: Table = Table(42);
const DEVICES: Table = Table(45);

fn enter(house: &House, login: &str) -> (Phone, Session) {
    let phone = house.citizen(login);
    let session = house.login(login, &phone).unwrap();
    house.clock.advance(30);
    (phone, session)
}

fn terms() -> Terms {
    let (rights, scope) = (Rights::of(&[Right::View]), vec!["divorce".into()]);
    Terms { kind: PowerKind::Attorney, rights, scope, until: NOON.plus(86_400) }
}

fn rows(house: &House, table: Table) -> Vec<RowKey> {
    let rows = house.store.scan(table, &Range::all(), 1000, None).unwrap().rows;
    rows.into_iter().map(|(key, _)| RowKey::new(table, key)).collect()
}

/// What the sealed rows of a table say, opened with the vault's keys.
fn bodies(house: &House, table: Table) -> Vec<Vec<u8>> {
    let open = |key: &RowKey| {
        house.cabinet.vault().transact(|tx| Ok::<_, Error>(tx.record(key)?.unwrap().body.to_vec()))
    };
    rows(house, table).iter().map(|key| open(key).unwrap()).collect()
}

fn has(bodies: &[Vec<u8>], words: &str) -> bool {
    bodies.iter().any(|body| body.windows(words.len()).any(|window| window == words.as_bytes()))
}

#[test]
fn erasing_ends_what_was_given_and_forgets_from_where_the_person_came() {
    let house = House::new();
    let (_, ivan) = enter(&house, "ivan");
    let (phone, _) = enter(&house, "olga");
    let approach = Approach { client: "Olga\u{2019}s Firefox".into(), ..Approach::default() };
    let begin = || match house.cabinet.begin_login_from("olga", &password(), &approach).unwrap() {
        Begun::Code(challenge) => challenge,
        Begun::Enrol(_) => panic!("the account has a factor"),
    };
    let olga = house.cabinet.answer(&begin(), &phone.code(house.clock_now()), request()).unwrap();
    let open = begin();
    let given = house.cabinet.give_power(&ivan, "olga", &terms()).unwrap();
    house.cabinet.accept_power(&olga, given.id).unwrap();
    house.cabinet.give_power(&olga, "ivan", &terms()).unwrap();
    assert!(has(&bodies(&house, SESSIONS), "Firefox") && has(&bodies(&house, CHALLENGES), "Firefox"));
    assert!(has(&bodies(&house, POWERS), "divorce"));
    house.cabinet.erase_account("olga", "asked for it").unwrap();
    for table in [SESSIONS, CHALLENGES, POWERS] {
        assert!(
            !has(&bodies(&house, table), "Firefox") && !has(&bodies(&house, table), "divorce"),
            "{table:?}"
        );
    }
    assert_eq!(house.cabinet.powers(&ivan).unwrap(), []);
    assert_eq!(house.cabinet.session(olga.id), Err(Error::SessionEnded));
    assert!(house.cabinet.answer(&open, &phone.code(house.clock_now()), request()).is_err());
    assert!(house.cabinet.session(ivan.id).is_ok(), "and nobody else's");
    let history = house.cabinet.history_of("ivan", 100, None).unwrap();
    let ended = history.entries.iter().filter(|entry| entry.leaf.kind == EventKind::PowerEnded);
    assert_eq!(ended.count(), 2, "the other side is told");
    assert_eq!(house.cabinet.vault().read(zamok_journal::audit).unwrap().findings, []);
}

#[test]
fn who_was_given_a_power_is_named_in_nobody_elses_feed_once_he_is_erased() {
    let house = House::new();
    let (_, ivan) = enter(&house, "ivan");
    let (_, olga) = enter(&house, "olga");
    house.cabinet.give_power(&ivan, "olga", &terms()).unwrap();
    let agent = || {
        let page = house.cabinet.feed(&ivan, &FeedFilter::default(), 100, None).unwrap();
        let entry = page.entries.into_iter().find(|entry| entry.message.kind == MessageKind::PowerGiven);
        entry.unwrap().message.field("agent").unwrap().to_owned()
    };
    let waiting = house.cabinet.outbox(100).unwrap();
    let waiting = waiting.iter().find(|message| message.kind == MessageKind::PowerGiven).unwrap();
    assert_eq!((agent().as_str(), waiting.field("agent")), ("olga", Some("olga")));
    house.cabinet.erase_account("olga", "asked for it").unwrap();
    assert_eq!(agent(), olga.account.to_string());
    let waiting = house.cabinet.outbox(100).unwrap();
    let waiting = waiting.iter().find(|message| message.kind == MessageKind::PowerGiven).unwrap();
    assert_eq!(waiting.field("agent"), Some(olga.account.to_string().as_str()));
}

#[test]
fn a_row_that_somebody_has_taken_away_stops_no_erasure() {
    for table in [DEVICES, FACTORS, POWERS] {
        let house = House::new();
        let (_, ivan) = enter(&house, "ivan");
        enter(&house, "olga");
        house.cabinet.trust_device(&ivan, "phone").unwrap();
        house.cabinet.give_power(&ivan, "olga", &terms()).unwrap();
        let mut change = Change::new(ChangeId([7; 16]));
        for key in rows(&house, table) {
            let version = house.store.get(&key).unwrap().unwrap().version;
            change.delete(key, version).unwrap();
        }
        assert_eq!(house.store.commit(&change).unwrap(), Outcome::Committed);
        house.cabinet.erase_account("ivan", "asked for it").unwrap();
        assert!(house.cabinet.account_by_login("ivan").is_err(), "{table:?}");
    }
}

#[test]
fn an_altered_power_or_account_of_somebody_else_stops_no_erasure() {
    for table in [POWERS, ACCOUNTS] {
        let house = House::new();
        let (_, ivan) = enter(&house, "ivan");
        let (_, olga) = enter(&house, "olga");
        let boris = enter(&house, "boris").1;
        let altered = house.cabinet.give_power(&ivan, "olga", &terms()).unwrap();
        house.cabinet.give_power(&boris, "ivan", &terms()).unwrap();
        let key = if table == POWERS {
            RowKey::new(POWERS, altered.id.0)
        } else {
            RowKey::new(ACCOUNTS, olga.account.0)
        };
        let version = house.store.get(&key).unwrap().unwrap().version;
        let mut change = Change::new(ChangeId([7; 16]));
        change.update(key, version, b"altered".to_vec()).unwrap();
        assert_eq!(house.store.commit(&change).unwrap(), Outcome::Committed);
        house.cabinet.erase_account("ivan", "asked for it").unwrap();
        assert!(house.cabinet.account_by_login("ivan").is_err(), "{table:?}");
        assert_eq!(house.cabinet.powers(&boris).unwrap(), [], "{table:?}");
    }
}

#[test]
fn however_often_somebody_came_nothing_of_it_is_left() {
    const LISTED: Table = Table(18);
    let house = House::new();
    enter(&house, "ivan");
    enter(&house, "olga");
    for _ in 0..120 {
        for login in ["ivan", "olga"] {
            let approach = Approach { client: format!("{login} in Firefox"), ..Approach::default() };
            let _ = house.cabinet.begin_login_from(login, &password(), &approach).unwrap();
        }
    }
    house.cabinet.vault().integrate().unwrap();
    let subject = house.cabinet.account_by_login("olga").unwrap().subject;
    let listed = || house.store.scan(LISTED, &Range::prefix(&subject.0), 1000, None).unwrap().rows.len();
    assert!(listed() > 100);
    assert_eq!(house.cabinet.erase_account("olga", "asked for it"), Ok(subject));
    let left = bodies(&house, CHALLENGES);
    assert!(!has(&left, "olga in Firefox") && has(&left, "ivan in Firefox"));
    assert_eq!(listed(), 0, "nor what the journal tells of her");
}
