//! Accounts: found by whatever their owner is called, kept apart from those that look the same, limited by right, hour and
//! network, acting for each other by powers, erased for good (R9, R18, R27, R73).
#![allow(missing_docs)]

mod harness;

use harness::{House, Phone, password};
use zamok_cabinet::{
    AccountStep, Approach, Authority, Begun, Error, Hours, Limits, Network, PowerKind, PowerState, Right,
    Rights, Role, Roles, Session, Terms,
};
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{Change, ChangeId, Outcome, Range, RowKey, Table};
use zamok_core::vault::{KeyState, Purpose, keys, signing};
use zamok_core::{Error as CoreError, UnixTime};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const REFUSED: Error = Error::Core(CoreError::Refused);
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

fn enter(house: &House, login: &str) -> (Phone, Session) {
    let phone = house.citizen(login);
    let session = house.login(login, &phone).unwrap();
    house.clock.advance(30);
    (phone, session)
}

/// What a burglar with the disk does: takes a row away.
fn delete(house: &House, table: Table, number: u8) {
    let rows = house.store.scan(table, &Range::all(), 10, None).unwrap().rows;
    let mut change = Change::new(ChangeId([number; 16]));
    for (key, row) in rows {
        change.delete(RowKey::new(table, key), row.version).unwrap();
    }
    assert_eq!(house.store.commit(&change).unwrap(), Outcome::Committed);
}

#[test]
fn name_variants_that_dodge_a_lock_or_steal_a_login() {
    let house = House::new();
    house.cabinet.register("pasha.orlov", &password()).unwrap();
    // Cyrillic letters that look like Latin ones, case, width, a digit for a letter.
    for stolen in ["раѕһа.orlov", "P\u{430}SHA.orlov", "ｐasha.orlov", "pasha.0rlov", "pasha.or1ov"] {
        let registered = house.cabinet.register(stolen, &password());
        assert!(matches!(registered, Err(Error::LoginTaken)), "{stolen}: {registered:?}");
    }
    // The lock of a name is the lock of all its spellings.
    for spelling in ["pasha.orlov", "PASHA.ORLOV", "Pasha.Orlov", "ｐａｓｈａ.ｏｒｌｏｖ", "pasha.orloV"]
    {
        let wrong = zamok_cabinet::Password::new("wrong horse battery");
        assert_eq!(house.cabinet.begin_login(spelling, &wrong), Err(REJECTED));
    }
    assert_eq!(house.cabinet.begin_login("pasha.orlov", &password()), Err(REJECTED), "delayed");
    // Whoever only looks the same is nobody.
    let look_alike = house.cabinet.account_by_login("раsha.orlov");
    assert_eq!(look_alike.map(|_| ()), Err(REJECTED));
}

#[test]
fn an_account_is_found_by_phone_and_e_mail_however_they_are_written() {
    let house = House::new();
    let account = house.cabinet.register("ivan", &password()).unwrap();
    house.cabinet.register("olga", &password()).unwrap();
    house.cabinet.vouch_contact("ivan", "+7 916 123-45-67", "passport").unwrap();
    let email = house.cabinet.vouch_contact("ivan", "Ivan@почта.рф", "passport").unwrap();
    for address in ["+79161234567", "+7 (916) 1234567", "IVAN@xn--80a1acny.xn--p1ai", "ivan@ПОЧТА.рф"]
    {
        assert_eq!(house.cabinet.account_by_contact(address).unwrap().id, account.id, "{address}");
    }
    assert_eq!(house.cabinet.vouch_contact("olga", "+79161234567", "x"), Err(Error::ContactTaken));
    assert_eq!(house.cabinet.account_by_contact("+79161234568"), Err(REJECTED));
    assert_eq!(house.cabinet.account_by_contact("89161234567"), Err(Error::ContactUnusable));
    house.cabinet.remove_contact("ivan", email.id, "lost").unwrap();
    assert_eq!(house.cabinet.account_by_contact("ivan@почта.рф"), Err(REJECTED));
    house.cabinet.vouch_contact("olga", "ivan@почта.рф", "it is hers now").unwrap();
    assert_eq!(house.cabinet.account_by_contact("ivan@почта.рф").unwrap().login, "olga");
    for number in 0..4 {
        house.cabinet.vouch_contact("ivan", &format!("+7916000000{number}"), "x").unwrap();
    }
    let one_more = house.cabinet.vouch_contact("ivan", "+79160000009", "x");
    assert_eq!(one_more, Err(Error::TooMany { what: "contacts", limit: 5 }));
    assert_eq!(house.cabinet.audit_indexes(10).unwrap(), []);
}

#[test]
fn a_row_of_the_index_is_only_a_hint() {
    const NAMES: Table = Table(40);
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    house.cabinet.vouch_contact("ivan", "+79161234567", "x").unwrap();
    assert_eq!(house.cabinet.audit_indexes(10).unwrap(), []);
    delete(&house, NAMES, 1);
    assert_eq!(
        house.cabinet.account_by_contact("+79161234567"),
        Err(REJECTED),
        "not found, and nobody else's"
    );
    assert_eq!(house.cabinet.audit_indexes(10).unwrap().len(), 1, "and the audit tells");
}

#[test]
fn a_key_of_a_person_that_was_taken_away_locks() {
    const PERSONAL_KEYS: Table = Table(39);
    let house = House::new();
    house.citizen("ivan");
    delete(&house, PERSONAL_KEYS, 1);
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REFUSED));
    assert_eq!(house.cabinet.register("ivan", &password()), Err(Error::LoginTaken), "the name is not free");
}

#[test]
fn what_names_a_person_lies_in_no_row_in_the_clear_and_nowhere_after_erasure() {
    let house = House::new();
    let (_, session) = enter(&house, "ivan.the.sailor");
    let _ = house.cabinet.trust_device(&session, "Ivan's telephone").unwrap();
    house.cabinet.vouch_contact("ivan.the.sailor", "+79161234567", "x").unwrap();
    house.cabinet.set_attribute("ivan.the.sailor", "tax number", Some("7707083893")).unwrap();
    let account = house.cabinet.account_by_login("ivan.the.sailor").unwrap();
    assert_eq!(account.attributes["tax number"], "7707083893");
    assert_eq!(house.cabinet.account(&session), Err(Error::SessionEnded), "what changed ends sessions");
    let holds = |text: &str| {
        let holds = |table: &Table| {
            let rows = house.store.scan(*table, &Range::all(), 1_000, None).unwrap().rows;
            rows.iter().any(|(key, row)| {
                let has = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
                has(key) || has(&row.value)
            })
        };
        (1..64).map(Table).filter(holds).count()
    };
    for text in ["ivan.the.sailor", "79161234567", "7707083893"] {
        assert_eq!(holds(text), 0, "{text}");
    }

    let public_key = house.cabinet.document_key("ivan.the.sailor").unwrap();
    let subject = house.cabinet.erase_account("ivan.the.sailor", "at the owner's wish").unwrap();
    house.cabinet.finish_erasure(subject).unwrap();
    assert_eq!(house.cabinet.begin_login("ivan.the.sailor", &password()), Err(REJECTED));
    assert_eq!(house.cabinet.account_by_contact("+79161234567"), Err(REJECTED));
    assert_eq!(house.cabinet.erase_account("ivan.the.sailor", "again"), Err(REJECTED));
    let _still_checks_documents = public_key;
    // Retention has nothing left to tell of.
    house.clock.advance(house.cabinet.policy().device.trusted + 1);
    let mut next = Some(zamok_cabinet::SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
    house.cabinet.vault().integrate().unwrap();
    // The rows that are left tell of nobody, and the journal still proves.
    for table in [Table(36), Table(39), Table(18)] {
        let rows = house.store.scan(table, &Range::prefix(&subject.0), 10, None).unwrap().rows;
        assert_eq!(rows.len(), 0, "{table:?}");
    }
    house.cabinet.vault().integrate().unwrap();
    assert_eq!(house.cabinet.vault().read(zamok_journal::audit).unwrap().findings, []);
    assert_eq!(house.cabinet.audit_indexes(10).unwrap(), []);
    // The name is free again, for somebody else.
    let other = house.cabinet.register("ivan.the.sailor", &password()).unwrap();
    assert_ne!((other.id, other.subject), (account.id, account.subject));
}

#[test]
fn a_suspended_account_is_shut_until_it_is_resumed() {
    let house = House::new();
    let (phone, session) = enter(&house, "ivan");
    house.cabinet.suspend_account("ivan", AccountStep::Suspend, "a stolen laptop").unwrap();
    assert_eq!(house.cabinet.session(session.id), Err(Error::SessionEnded));
    assert_eq!(
        house.cabinet.begin_login("ivan", &password()),
        Err(REJECTED),
        "it looks like a wrong password"
    );
    let again = house.cabinet.suspend_account("ivan", AccountStep::Suspend, "twice");
    assert_eq!(again, Err(Error::AccountState));
    assert_eq!(house.cabinet.suspend_account("ivan", AccountStep::Erase, "x"), Err(Error::AccountState));
    assert_eq!(
        house.cabinet.set_roles("ivan", Roles::default(), &Limits::default()),
        Err(Error::AccountState)
    );
    house.cabinet.suspend_account("ivan", AccountStep::Resume, "it was found").unwrap();
    assert!(house.login("ivan", &phone).is_ok());
}

#[test]
fn roles_have_what_they_need_and_nothing_more() {
    let house = House::new();
    let owner = house.cabinet.register("ivan", &password()).unwrap();
    let table = [
        (Role::Citizen, [false, false, false], [true, true, true]),
        (Role::Entrepreneur, [false, false, false], [true, true, true]),
        (Role::Representative, [false, false, false], [true, true, true]),
        (Role::Employee, [true, true, false], [false, false, false]),
        (Role::Operator, [true, false, false], [false, false, false]),
        (Role::Auditor, [true, false, false], [false, false, false]),
    ];
    for (role, over_others, over_own) in table {
        let login = format!("official.{}", role.name());
        let phone = house.citizen(&login);
        house.cabinet.set_roles(&login, role.into(), &Limits::default()).unwrap();
        let session = house.login(&login, &phone).unwrap();
        for (right, others, own) in Right::ALL
            .into_iter()
            .zip(over_others)
            .zip(over_own)
            .map(|((right, others), own)| (right, others, own))
        {
            let may = |owner| house.cabinet.authorise(&session, right, owner, "tax", None);
            let expected = if others { Ok(Authority::Office(role)) } else { Err(Error::NotAllowed) };
            assert_eq!(may(owner.id), expected, "{role:?} {right:?}");
            let expected = if own { Ok(Authority::Own) } else { Err(Error::NotAllowed) };
            assert_eq!(may(session.account), expected, "{role:?} {right:?}");
        }
        house.clock.advance(30);
    }
    let told = house.events(EventKind::ActedForAnother);
    assert_eq!(told.len(), 4, "the owner reads who looked");
    assert_eq!(told[0].get("by"), Some("employee"));
}

#[test]
fn roles_and_limits_that_are_changed_apart_bring_nothing_back() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let office =
        Limits { hours: Some(Hours { from: 8 * 60, until: 18 * 60, days: 31 }), networks: Vec::new() };
    house.cabinet.set_roles("ivan", Role::Operator.into(), &Limits::default()).unwrap();
    // One officer has looked, and sets limits, when another has taken the role away; and the other way round.
    house.cabinet.change_roles("ivan", Role::Citizen.into()).unwrap();
    house.cabinet.change_limits("ivan", &office).unwrap();
    let account = house.cabinet.account_by_login("ivan").unwrap();
    assert_eq!((account.roles, &account.limits), (Roles::of(&[Role::Citizen]), &office));
    house.cabinet.change_roles("ivan", Role::Employee.into()).unwrap();
    let account = house.cabinet.account_by_login("ivan").unwrap();
    assert_eq!((account.roles, &account.limits), (Roles::of(&[Role::Employee]), &office));
    // The journal tells what both are then.
    let told = house.events(EventKind::RightsChanged);
    let rights = |detail: &Detail| ["roles", "limits"].map(|name| detail.get(name).map(str::to_owned));
    let expected = ["employee".to_owned(), office.to_string()].map(Some);
    assert!(told.iter().any(|detail| rights(detail) == expected), "{told:?}");
    assert_eq!(house.cabinet.change_limits("anna", &office), Err(REJECTED));
    assert_eq!(house.cabinet.change_roles("anna", Role::Citizen.into()), Err(REJECTED));
}

#[test]
fn limits_of_hour_and_network_bind_even_the_owner() {
    let house = House::new();
    let phone = house.citizen("ivan");
    // The clock of the tests begins on a Friday at 08:00 UTC.
    let limits = Limits {
        hours: Some(Hours { from: 8 * 60, until: 18 * 60, days: 0b001_1111 }),
        networks: vec![Network { address: "10.0.0.0".parse().unwrap(), bits: 8 }],
    };
    house.cabinet.set_roles("ivan", Role::Citizen.into(), &limits).unwrap();
    let rejected = Some(Error::Core(zamok_core::Error::Rejected));
    assert_eq!(house.cabinet.begin_login("ivan", &password()).err(), rejected, "from nowhere");
    let from = |address: &str| {
        let approach = Approach { address: address.parse().ok(), ..Approach::default() };
        house.cabinet.begin_login_from("ivan", &password(), &approach)
    };
    assert_eq!(from("192.0.2.1").err(), rejected, "the right password from there is like a wrong one");
    let Ok(Begun::Code(challenge)) = from("10.9.8.7") else { panic!("within its limits") };
    let code = phone.code(house.clock_now());
    let session = house.cabinet.answer(&challenge, &code, harness::request()).unwrap();
    // Every use is held against the limits, with the address from which it comes.
    assert!(house.cabinet.account(&session).is_ok(), "from where it was opened");
    assert_eq!(house.cabinet.session(session.id), Err(Error::OutsideLimits));
    let elsewhere = house.cabinet.session_from(session.id, "192.0.2.1".parse().ok());
    assert_eq!(elsewhere, Err(Error::OutsideLimits));
    let session = house.cabinet.session_from(session.id, "10.0.0.1".parse().ok()).unwrap();
    assert!(house.cabinet.sign(&session, b"I agree.", "consent").is_ok());
    let may = |address: &str| {
        let address = address.parse().ok();
        house.cabinet.authorise(&session, Right::View, session.account, "tax", address)
    };
    assert_eq!(may("10.1.2.3"), Ok(Authority::Own));
    assert_eq!(may("192.0.2.1"), Err(Error::OutsideLimits));
    assert_eq!(may("not known"), Err(Error::OutsideLimits), "absence is never permission");
    house.clock.set(UnixTime(1_800_000_000 + 10 * 3600 - 60));
    let Ok(Begun::Code(challenge)) = from("10.9.8.7") else { panic!("a minute before its end") };
    let late = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), harness::request()).unwrap();
    house.clock.advance(60);
    assert_eq!(house.cabinet.sign(&late, b"I agree.", "consent").err(), Some(Error::OutsideLimits));
    let answer = house.cabinet.authorise(&late, Right::View, late.account, "tax", "10.1.2.3".parse().ok());
    assert_eq!(answer, Err(Error::OutsideLimits));
    assert_eq!(from("10.9.8.7").err(), rejected, "the day is over");
}

fn terms(rights: &[Right], scope: &[&str], until: UnixTime) -> Terms {
    let scope = scope.iter().map(ToString::to_string).collect();
    Terms { kind: PowerKind::Attorney, rights: Rights::of(rights), scope, until }
}

#[test]
fn a_power_goes_as_far_as_it_says_and_no_further() {
    let house = House::new();
    let (_, ivan) = enter(&house, "ivan");
    let (_, olga) = enter(&house, "olga");
    let (_, eve) = enter(&house, "eve");
    let now = house.clock_now();
    let given = terms(&[Right::View, Right::Confirm], &["tax", "vehicle"], now.plus(1000));
    let power = house.cabinet.give_power(&ivan, "olga", &given).unwrap();
    let may = |who: &Session, right, matter| {
        house.cabinet.authorise(who, right, ivan.account, matter, None).map(|_| ())
    };
    assert_eq!(may(&olga, Right::View, "tax"), Err(Error::NotAllowed), "offered is not given");
    assert_eq!(
        house.cabinet.accept_power(&ivan, power.id),
        Err(Error::PowerUnusable),
        "nobody accepts for another"
    );
    assert_eq!(house.cabinet.accept_power(&eve, power.id), Err(Error::PowerUnusable));
    let accepted = house.cabinet.accept_power(&olga, power.id).unwrap();
    assert_eq!(accepted.state, PowerState::Active);
    assert_eq!(may(&olga, Right::View, "tax"), Ok(()));
    assert_eq!(may(&olga, Right::Confirm, "vehicle"), Ok(()));
    assert_eq!(may(&olga, Right::Edit, "tax"), Err(Error::NotAllowed));
    assert_eq!(may(&olga, Right::View, "pension"), Err(Error::NotAllowed));
    assert_eq!(may(&eve, Right::View, "tax"), Err(Error::NotAllowed));
    let back = house.cabinet.authorise(&ivan, Right::View, olga.account, "tax", None);
    assert_eq!(back, Err(Error::NotAllowed), "a power has one direction");
    assert_eq!(house.cabinet.powers(&olga).unwrap(), house.cabinet.powers(&ivan).unwrap());
    house.clock.advance(1000);
    assert_eq!(may(&olga, Right::View, "tax"), Err(Error::NotAllowed), "its end is its end");
    assert_eq!(house.cabinet.powers(&olga).unwrap(), []);
    let told = house.events(EventKind::ActedForAnother);
    assert_eq!(told.len(), 2, "in the history of the one for whom");
    assert_eq!(told[0].get("agent"), Some(olga.account.to_string().as_str()));
}

#[test]
fn a_power_is_ended_by_either_side_and_with_its_giver() {
    let house = House::new();
    let (_, ivan) = enter(&house, "ivan");
    let (_, olga) = enter(&house, "olga");
    let may = || house.cabinet.authorise(&olga, Right::View, ivan.account, "tax", None).map(|_| ());
    for ender in [&ivan, &olga] {
        let given = terms(&[Right::View], &["*"], house.clock_now().plus(10_000));
        let power = house.cabinet.give_power(&ivan, "olga", &given).unwrap();
        house.cabinet.accept_power(&olga, power.id).unwrap();
        assert_eq!(may(), Ok(()));
        house.cabinet.end_power(ender, power.id).unwrap();
        assert_eq!(may(), Err(Error::NotAllowed));
        assert_eq!(house.cabinet.accept_power(&olga, power.id), Err(Error::PowerUnusable));
    }
    let given = terms(&[Right::View], &["*"], house.clock_now().plus(100));
    let power = house.cabinet.give_power(&ivan, "olga", &given).unwrap();
    house.clock.advance(100);
    assert_eq!(house.cabinet.accept_power(&olga, power.id), Err(Error::PowerUnusable), "it came to its end");
    let given = terms(&[Right::View], &["*"], house.clock_now().plus(10_000));
    let power = house.cabinet.give_power(&ivan, "olga", &given).unwrap();
    house.cabinet.accept_power(&olga, power.id).unwrap();
    // It goes no further than its giver may.
    for (role, allowed) in [(Role::Employee, Err(Error::NotAllowed)), (Role::Citizen, Ok(()))] {
        house.cabinet.set_roles("ivan", Roles::of(&[role]), &Limits::default()).unwrap();
        assert_eq!(may(), allowed, "{role:?}");
    }
    house.cabinet.suspend_account("ivan", AccountStep::Suspend, "x").unwrap();
    assert_eq!(may(), Err(Error::NotAllowed), "whoever is shut gives no powers");
    house.cabinet.suspend_account("ivan", AccountStep::Resume, "x").unwrap();
    assert_eq!(may(), Ok(()));
    house.cabinet.erase_account("ivan", "x").unwrap();
    assert_eq!(may(), Err(Error::NotAllowed));
}

#[test]
fn terms_without_an_end_or_without_a_limit_are_none() {
    let house = House::new();
    let (_, ivan) = enter(&house, "ivan");
    house.cabinet.register("olga", &password()).unwrap();
    let now = house.clock_now();
    let year = house.cabinet.policy().power.longest;
    let long = "x".repeat(65);
    for (rights, scope, until) in [
        (&[][..], &["tax"][..], now.plus(10)),
        (&[Right::View], &[], now.plus(10)),
        (&[Right::View], &["tax"], now),
        (&[Right::View], &["tax"], now.plus(year + 1)),
        (&[Right::View], &[""], now.plus(10)),
        (&[Right::View], &[&long], now.plus(10)),
        (&[Right::View], &["tax"; 33], now.plus(10)),
    ] {
        let given = house.cabinet.give_power(&ivan, "olga", &terms(rights, scope, until));
        assert_eq!(given, Err(Error::PowerUnusable), "{rights:?} {scope:?} {until:?}");
    }
    let given = terms(&[Right::View], &["tax"], now.plus(10));
    assert_eq!(house.cabinet.give_power(&ivan, "ivan", &given), Err(Error::PowerUnusable));
    assert_eq!(house.cabinet.give_power(&ivan, "nobody", &given), Err(REJECTED));
}

/// A house in which sessions stay fresh for days.
fn long_days() -> House {
    let mut house = House::new();
    let mut policy = house.cabinet.policy().clone();
    (policy.session.fresh, policy.session.idle, policy.session.longest) = (DAY, DAY, DAY);
    house.cabinet = house.cabinet.with_policy(policy);
    house
}

/// As many offers as are wanted, over as many hours as they take.
fn offers(house: &House, from: &Session, to: &str, count: usize, given: &Terms) {
    for number in 0..count {
        if number % zamok_cabinet::Cabinet::OFFERS == 0 {
            house.clock.set(UnixTime((house.clock_now().0 / HOUR + 1) * HOUR));
        }
        house.cabinet.give_power(from, to, given).unwrap();
    }
}

#[test]
fn one_account_offers_a_few_powers_an_hour_and_learns_of_as_many_logins() {
    let house = long_days();
    let (_, eve) = enter(&house, "eve");
    house.cabinet.register("olga", &password()).unwrap();
    house.clock.set(UnixTime((house.clock_now().0 / HOUR + 1) * HOUR));
    let given = terms(&[Right::View], &["tax"], house.clock_now().plus(DAY));
    let limit = zamok_cabinet::Cabinet::OFFERS;
    for number in 0..limit - 1 {
        let nobody = house.cabinet.give_power(&eve, &format!("nobody{number}"), &given);
        assert_eq!(nobody, Err(REJECTED));
    }
    assert!(house.cabinet.give_power(&eve, "olga", &given).is_ok());
    for login in ["olga", "nobody"] {
        let spent = house.cabinet.give_power(&eve, login, &given);
        assert_eq!(spent, Err(Error::TooMany { what: "offers in an hour", limit }));
    }
    house.clock.advance(HOUR);
    assert!(house.cabinet.give_power(&eve, "olga", &given).is_ok());
}

#[test]
fn one_account_has_no_powers_without_end() {
    let house = long_days();
    let (_, ivan) = enter(&house, "ivan");
    house.cabinet.register("olga", &password()).unwrap();
    let given = terms(&[Right::View], &["tax"], house.clock_now().plus(DAY));
    offers(&house, &ivan, "olga", 64, &given);
    house.clock.advance(HOUR);
    // Each refusal is counted: whoever has no room learns of no more logins than others.
    for tried in 0..17 {
        let what = if tried < 16 { ("powers", 64) } else { ("offers in an hour", 16) };
        let one_more = house.cabinet.give_power(&ivan, "olga", &given);
        assert_eq!(one_more, Err(Error::TooMany { what: what.0, limit: what.1 }), "{tried}");
    }
    house.clock.advance(HOUR);
    let ended = house.cabinet.powers(&ivan).unwrap()[0].id;
    house.cabinet.end_power(&ivan, ended).unwrap();
    assert!(house.cabinet.give_power(&ivan, "olga", &given).is_ok(), "what has ended makes room");
}

#[test]
fn what_others_offer_keeps_nobody_from_giving_and_being_given() {
    let house = long_days();
    let (_, ivan) = enter(&house, "ivan");
    let (_, eve) = enter(&house, "eve");
    let (_, olga) = enter(&house, "olga");
    let now = house.clock_now();
    let own = terms(&[Right::View], &["tax"], now.plus(DAY));
    let kept = house.cabinet.give_power(&olga, "ivan", &own).unwrap();
    let kept = house.cabinet.accept_power(&ivan, kept.id).unwrap();
    // A list that others fill, and that looks empty a second later.
    let soon = now.plus(5 * HOUR);
    offers(&house, &eve, "ivan", 63, &terms(&[Right::View], &["x"], soon));
    house.clock.set(soon);
    assert_eq!(house.cabinet.powers(&ivan).unwrap(), std::slice::from_ref(&kept));
    assert!(house.cabinet.give_power(&ivan, "olga", &own).is_ok(), "what has run out makes room");
    // Whoever floods a list displaces what is his own, and nobody's who offered before.
    let waits = house.cabinet.give_power(&olga, "ivan", &own).unwrap();
    offers(&house, &eve, "ivan", 64, &terms(&[Right::View], &["x"], now.plus(DAY)));
    let mine = house.cabinet.give_power(&olga, "ivan", &own).unwrap();
    let powers = house.cabinet.powers(&ivan).unwrap();
    for power in [&kept, &waits, &mine] {
        assert!(powers.contains(power), "{power:?}");
    }
    assert_eq!(powers.iter().filter(|power| power.principal == eve.account).count(), 60);
}

#[test]
fn what_outlasts_a_session_is_given_in_a_fresh_one_alone() {
    let house = House::new();
    let (_, _) = enter(&house, "olga");
    let (_, ivan) = enter(&house, "ivan");
    let over = ivan.authenticated.plus(house.cabinet.policy().session.fresh);
    house.clock.set(UnixTime(over.0 - 1));
    assert!(house.cabinet.new_recovery_codes(&ivan).is_ok(), "the last second");
    house.clock.set(over);
    let given = terms(&[Right::View], &["tax"], house.clock_now().plus(1000));
    let needed = Some(Error::FreshAuthenticationNeeded);
    assert_eq!(house.cabinet.give_power(&ivan, "olga", &given).err(), needed);
    assert_eq!(house.cabinet.new_recovery_codes(&ivan).err(), needed);
    assert_eq!(house.cabinet.sign(&ivan, b"I owe.", "debt").err(), needed);
}

#[test]
fn a_family_has_profiles_of_their_own() {
    let house = House::new();
    let (_, ivan) = enter(&house, "ivan");
    let child = zamok_cabinet::Password::new("a train that never stops");
    let (masha, power) = house.cabinet.open_profile(&ivan, "masha", &child).unwrap();
    assert_eq!((power.terms.kind, power.principal, power.agent), (PowerKind::Family, masha.id, ivan.account));
    for right in Right::ALL {
        let may = house.cabinet.authorise(&ivan, right, masha.id, "school", None);
        assert_eq!(may, Ok(Authority::Power(power.id)));
    }
    // Her history is her own.
    let listing = house.cabinet.history_of("masha", 10, None).unwrap();
    let acted = listing.entries.iter().filter(|entry| entry.leaf.kind == EventKind::ActedForAnother).count();
    assert_eq!(acted, 3);
    // Her door is her own: she can end what her father may do.
    let enrolment = match house.cabinet.begin_login("masha", &child).unwrap() {
        Begun::Enrol(enrolment) => enrolment,
        Begun::Code(_) => panic!(),
    };
    let phone = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_generator(&enrolment, &phone.code(house.clock_now())).unwrap();
    house.clock.advance(30);
    let challenge = match house.cabinet.begin_login("masha", &child).unwrap() {
        Begun::Code(challenge) => challenge,
        Begun::Enrol(_) => panic!(),
    };
    let code = phone.code(house.clock_now());
    let session = house.cabinet.answer(&challenge, &code, harness::request()).unwrap();
    house.cabinet.end_power(&session, power.id).unwrap();
    let may = house.cabinet.authorise(&ivan, Right::View, masha.id, "school", None);
    assert_eq!(may, Err(Error::NotAllowed));
}

#[test]
fn a_power_over_one_is_none_over_another() {
    let house = House::new();
    let (_, ivan) = enter(&house, "ivan");
    let (_, olga) = enter(&house, "olga");
    let (_, eve) = enter(&house, "eve");
    let given = terms(&[Right::View], &["*"], house.clock_now().plus(1000));
    let power = house.cabinet.give_power(&ivan, "olga", &given).unwrap();
    house.cabinet.accept_power(&olga, power.id).unwrap();
    let may = |owner| house.cabinet.authorise(&olga, Right::View, owner, "tax", None);
    assert_eq!(may(ivan.account), Ok(Authority::Power(power.id)));
    assert_eq!(may(eve.account), Err(Error::NotAllowed));
}

#[test]
fn the_audit_of_indexes_goes_over_every_page() {
    const LOGINS: Table = Table(33);
    let mut house = House::new();
    let mut policy = house.cabinet.policy().clone();
    // What is not looked at here, and takes long.
    policy.password.strength = 0;
    house.cabinet = house.cabinet.with_policy(policy);
    for number in 0..300 {
        house.cabinet.register(&format!("user{number}"), &password()).unwrap();
    }
    let rows = house.store.scan(LOGINS, &Range::all(), 1_000, None).unwrap().rows;
    for (number, (key, row)) in rows.into_iter().enumerate() {
        let mut change = Change::new(ChangeId((number as u128 + 1).to_be_bytes()));
        change.delete(RowKey::new(LOGINS, key), row.version).unwrap();
        assert_eq!(house.store.commit(&change).unwrap(), Outcome::Committed);
    }
    // Beside theirs that of nobody, which is looked at in the place of one that is not there.
    assert_eq!(house.cabinet.audit_indexes(1_000).unwrap().len(), 301);
}

#[test]
fn the_document_key_of_somebody_who_was_erased_signs_nothing_more() {
    let house = House::new();
    let (_, session) = enter(&house, "ivan");
    let key = house.cabinet.account(&session).unwrap().document_key;
    let vault = house.cabinet.vault();
    let state = || vault.transact(|tx| keys::info(tx, key)).map(|info| info.state);
    assert_eq!(state(), Ok(KeyState::Active));
    house.cabinet.erase_account("ivan", "asked for it").unwrap();
    assert_eq!(state(), Ok(KeyState::Deactivated));
    let signed = vault.transact(|tx| signing::sign(tx, key, Purpose::Document, b"I owe.", "debt").map(drop));
    assert_eq!(signed, Err(CoreError::KeyState(KeyState::Deactivated)));
}
