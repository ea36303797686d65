//! Rules over real cabinets: several processes see one attacker, habits lie sealed with their account, operators are told, and
//! nobody's attempts are lost or livelock.
#![allow(missing_docs)]

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use zamok_cabinet::watch::{Answer, Parameter, habits_row};
use zamok_cabinet::{
    Approach, Begun, Cabinet, Content, Error, OperationId, Password, Policy, RequestId, Session, Template,
    Value,
};
use zamok_core::event::{Detail, EventKind};
use zamok_core::otp::{OtpUri, Totp, TotpParameters};
use zamok_core::store::{MemoryStore, Store};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_journal::{Journal, Telling};
use zamok_risk::{Alert, Locate, Nowhere, Place, Risk, Rules, Summary};
use zamok_store_sqlite::SqliteStore;

const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
const NOON: u64 = 1_800_000_000;
const REJECTED: Error = Error::Core(CoreError::Rejected);

fn sound() -> Policy {
    let mut policy = Policy::strict();
    (policy.password.cost, policy.recovery.cost) = (LIGHT, LIGHT);
    policy
}

fn policy() -> Policy {
    let mut policy = sound();
    policy.challenge.per_hour = 10_000;
    // What the watch does is looked at, and not what delays do.
    policy.password.throttle.free = u32::MAX;
    (policy.budget.strangers, policy.budget.everyone) = (u32::MAX, u32::MAX);
    policy
}

fn password() -> Password {
    Password::new("correct horse battery")
}

fn made(store: Arc<dyn Store>, clock: &ManualClock) -> Cabinet {
    let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
    let vault = Vault::create(store, &Passphrase::from("a long passphrase"), options).unwrap();
    Cabinet::create(Arc::new(vault), "Zamok Bank", sound()).unwrap().with_policy(policy())
}

/// A handle as another process has it.
fn opened(store: Arc<dyn Store>, clock: &ManualClock) -> Cabinet {
    let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
    let vault = Vault::unlock(store, &Passphrase::from("a long passphrase"), options).unwrap();
    Cabinet::open(Arc::new(vault)).unwrap().with_policy(policy())
}

fn risk(rules: &str) -> Risk {
    Risk::new(Rules::from_toml(rules).unwrap(), Arc::new(Nowhere))
}

fn from(address: &str) -> Approach {
    Approach { address: Some(address.parse().unwrap()), client: "Firefox".into(), ..Approach::default() }
}

fn guess(cabinet: &Cabinet, login: &str, address: &str) {
    let guessed = cabinet.begin_login_from(login, &Password::new("wrong horse battery"), &from(address));
    assert_eq!(guessed, Err(REJECTED));
}

/// Somebody with a generator.
struct Person(Totp);

impl Person {
    fn new(cabinet: &Cabinet, clock: &ManualClock, login: &str) -> Self {
        cabinet.register(login, &password()).unwrap();
        let Begun::Enrol(enrolment) = cabinet.begin_login(login, &password()).unwrap() else { panic!() };
        let offer = cabinet.offer_generator(&enrolment).unwrap();
        let totp = Totp::new(OtpUri::parse(offer.uri.as_str()).unwrap().secret(), TotpParameters::default())
            .unwrap();
        let person = Self(totp);
        cabinet.confirm_generator(&enrolment, &person.code(cabinet)).unwrap();
        clock.advance(30);
        person
    }

    fn code(&self, cabinet: &Cabinet) -> String {
        self.0.code_at(cabinet.vault().now()).unwrap().to_string()
    }

    fn log_in(
        &self,
        cabinet: &Cabinet,
        clock: &ManualClock,
        login: &str,
        approach: &Approach,
    ) -> Result<Session, Error> {
        clock.advance(30);
        let Begun::Code(challenge) = cabinet.begin_login_from(login, &password(), approach)? else {
            panic!()
        };
        let mut name = [0; 16];
        name[..8].copy_from_slice(&cabinet.vault().now().0.to_be_bytes());
        cabinet.answer(&challenge, &self.code(cabinet), RequestId(name))
    }
}

fn found(cabinet: &Cabinet) -> Vec<Detail> {
    cabinet.vault().integrate().unwrap();
    let read = cabinet.vault().read(|store, keyring| {
        let journal = Journal::new(store, keyring);
        let size = journal.head()?.map_or(0, |head| head.size);
        (0..size)
            .step_by(100)
            .map(|from| journal.range(from..(from + 100).min(size)))
            .collect::<Result<Vec<_>, _>>()
    });
    let all = read.unwrap().into_iter().flatten();
    all.filter(|entry| entry.leaf.kind == EventKind::WatchAnswered)
        .map(|entry| match entry.detail {
            Telling::Told(detail) => detail,
            other => panic!("{other:?}"),
        })
        .collect()
}

const SPRAYING: &str = r#"
    [[rule]]
    name = "spraying"
    kind = "spraying"
    per = "network"
    window = 3600
    limit = 8
    answer = "block"
"#;

fn sqlite(folder: &Path) -> Arc<dyn Store> {
    let path = folder.join("store.db");
    if path.exists() {
        Arc::new(SqliteStore::open(path).unwrap())
    } else {
        Arc::new(SqliteStore::create(path).unwrap())
    }
}

#[test]
fn two_handles_on_one_store_see_one_attacker() {
    const GUESSING: &str = r#"
        [[rule]]
        name = "guessing"
        kind = "frequency"
        per = "network"
        outcome = "wrong"
        window = 3600
        limit = 10
        answer = "block"
    "#;
    // Accounts are estimated: some more or less may be tried than are borne.
    for (rules, least, most) in [(GUESSING, 11, 11), (SPRAYING, 7, 30)] {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(UnixTime(NOON));
        let one = made(sqlite(folder.path()), &clock).with_watch(Arc::new(risk(rules)));
        one.register("ivan", &password()).unwrap();
        let two = opened(sqlite(folder.path()), &clock).with_watch(Arc::new(risk(rules)));
        // By turns through each: half of what either would have to see alone.
        let mut tried = 0;
        while found(&one).is_empty() && tried < 40 {
            let cabinet = if tried % 2 == 0 { &one } else { &two };
            guess(cabinet, &format!("user-{tried}"), &format!("192.0.2.{tried}"));
            tried += 1;
        }
        assert!((least..=most).contains(&tried), "{tried}");
        // Both refuse the right password from there, and from nowhere else.
        for cabinet in [&one, &two] {
            assert_eq!(cabinet.begin_login_from("ivan", &password(), &from("192.0.2.77")), Err(REJECTED));
            assert!(cabinet.begin_login_from("ivan", &password(), &from("198.51.100.1")).is_ok());
            assert!(cabinet.begin_login("ivan", &password()).is_ok(), "an unknown address is in no network");
        }
        let detail = found(&two).remove(0);
        assert_eq!(detail.get("answer"), Some("block"));
        let reason = detail.get("reason").unwrap();
        assert!(reason.contains(" before it of one network within 3600 s; "), "{reason}");
        clock.advance(2 * 3600);
        assert!(one.begin_login_from("ivan", &password(), &from("192.0.2.77")).is_ok(), "the window is over");
    }
}

#[test]
fn callers_on_two_handles_lose_no_count_and_do_not_livelock() {
    const RULE: &str = r#"
        [[rule]]
        name = "guessing"
        kind = "frequency"
        per = "network"
        on = ["login"]
        outcome = "wrong"
        window = 3600
        limit = 160
        answer = "block"
    "#;
    let clock = ManualClock::new(UnixTime(NOON));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = made(store.clone(), &clock).with_watch(Arc::new(risk(RULE)));
    let second = opened(store, &clock).with_watch(Arc::new(risk(RULE)));
    first.register("ivan", &password()).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let cabinet = if number % 2 == 0 { &first } else { &second };
            scope.spawn(move || {
                (0..20).for_each(|guessed| guess(cabinet, &format!("u-{number}-{guessed}"), "192.0.2.1"))
            });
        }
    });
    assert!(found(&first).is_empty(), "160 are borne");
    assert_eq!(first.begin_login_from("ivan", &password(), &from("192.0.2.1")), Err(REJECTED));
    assert_eq!(found(&first).len(), 1, "every one of them was counted");
    // A window later all of them move the same cells on at once.
    clock.advance(2 * 3600);
    thread::scope(|scope| {
        for number in 0..8 {
            let cabinet = if number % 2 == 0 { &first } else { &second };
            scope.spawn(move || guess(cabinet, &format!("later-{number}"), "192.0.2.1"));
        }
    });
}

#[test]
fn a_delay_lets_one_through_in_its_pause() {
    const RULE: &str = r#"
        [[rule]]
        name = "slow"
        kind = "frequency"
        per = "network"
        on = ["login"]
        outcome = "wrong"
        window = 600
        limit = 3
        answer = "delay"
        pause = 60
    "#;
    let clock = ManualClock::new(UnixTime(NOON));
    let cabinet = made(Arc::new(MemoryStore::new()), &clock).with_watch(Arc::new(risk(RULE)));
    cabinet.register("ivan", &password()).unwrap();
    let try_it = || cabinet.begin_login_from("ivan", &password(), &from("192.0.2.1")).is_ok();
    (0..3).for_each(|_| guess(&cabinet, "olga", "192.0.2.1"));
    assert!(try_it(), "one is let through");
    assert!(!try_it() && !try_it(), "and no more");
    clock.advance(130);
    assert!(try_it(), "until the pause is over");
    assert!(!try_it());
    let answers: Vec<_> =
        found(&cabinet).iter().map(|detail| detail.get("answer").unwrap().to_owned()).collect();
    assert_eq!(answers, ["allow", "delay", "allow", "delay"]);
    let reason = found(&cabinet)[0].get("reason").unwrap().to_owned();
    assert_eq!(reason, "3 before it of one network within 600 s; 3 are borne; this one is let through");
}

/// Knows a few addresses.
#[derive(Debug)]
struct Atlas;

impl Locate for Atlas {
    fn locate(&self, address: IpAddr) -> Option<Place> {
        match address.to_string().as_str() {
            "192.0.2.1" | "192.0.2.2" => Place::new(55.76, 37.62),
            "198.51.100.1" => Place::new(43.12, 131.89),
            _ => None,
        }
    }
}

const HABITS: &str = r#"
    [[rule]]
    name = "travel"
    kind = "travel"
    distance = 500
    speed = 1000
    answer = "block"
    [[rule]]
    name = "device"
    kind = "new-device"
    answer = "step-up"
"#;

#[test]
fn an_account_has_habits_that_lie_sealed_and_go_with_it() {
    let clock = ManualClock::new(UnixTime(NOON));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let watch = || Arc::new(Risk::new(Rules::from_toml(HABITS).unwrap(), Arc::new(Atlas)));
    let cabinet = made(store.clone(), &clock).with_watch(watch());
    let person = Person::new(&cabinet, &clock, "ivan");
    let (home, far) = (from("192.0.2.1"), from("198.51.100.1"));
    person.log_in(&cabinet, &clock, "ivan", &home).unwrap();
    assert!(found(&cabinet).is_empty(), "the first place and client are no new ones");
    person.log_in(&cabinet, &clock, "ivan", &from("192.0.2.2")).unwrap();
    assert!(found(&cabinet).is_empty(), "the same network");
    // Another process knows the same habits, and a day is enough to get there.
    let other = opened(store.clone(), &clock).with_watch(watch());
    assert_eq!(person.log_in(&other, &clock, "ivan", &far), Err(REJECTED));
    let rules = |found: Vec<Detail>| {
        found.iter().map(|detail| detail.get("rule").unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rules(found(&cabinet)), ["travel", "device"]);
    assert!(found(&cabinet)[0].get("reason").unwrap().starts_with("6415 km from the last place, "));
    clock.advance(24 * 3600);
    person.log_in(&other, &clock, "ivan", &far).unwrap();
    assert_eq!(rules(found(&cabinet)), ["travel", "device", "device"]);
    person.log_in(&cabinet, &clock, "ivan", &far).unwrap();
    let unknown = Approach { client: "Opera".into(), ..from("203.0.113.1") };
    person.log_in(&cabinet, &clock, "ivan", &unknown).unwrap();
    assert_eq!(rules(found(&cabinet)), ["travel", "device", "device", "device"]);
    // A wrong code makes nobody familiar; whatever a known device says of itself is not new.
    let guessing = Approach { client: "Lynx".into(), ..from("203.0.114.1") };
    let begun = cabinet.begin_login_from("ivan", &password(), &guessing);
    let Ok(Begun::Code(challenge)) = begun else { panic!("{begun:?}") };
    let wrong = if person.code(&cabinet) == "000000" { "000001" } else { "000000" };
    assert_eq!(cabinet.answer(&challenge, wrong, RequestId([9; 16])), Err(REJECTED));
    let session = person.log_in(&cabinet, &clock, "ivan", &guessing).unwrap();
    assert_eq!(rules(found(&cabinet))[4..], ["device", "device"]);
    let device = Some(cabinet.trust_device(&session, "a phone").unwrap());
    let known = Approach { device, client: "Links".into(), ..from("203.0.115.1") };
    person.log_in(&cabinet, &clock, "ivan", &known).unwrap();
    assert_eq!(found(&cabinet).len(), 6);
    assert_eq!(
        person.log_in(&cabinet, &clock, "ivan", &home),
        Err(REJECTED),
        "the last place was the far one"
    );
    let account = cabinet.account_by_login("ivan").unwrap();
    let row = store.get(&habits_row(account.id)).unwrap().unwrap();
    assert!(!row.value.windows(7).any(|bytes| bytes == b"Firefox"));
    cabinet.erase_account("ivan", "asked for").unwrap();
    assert_eq!(store.get(&habits_row(account.id)).unwrap(), None);
}

#[test]
fn an_address_that_came_through_an_ipv6_socket_is_looked_for_where_it_is() {
    let clock = ManualClock::new(UnixTime(NOON));
    let watch = Arc::new(Risk::new(Rules::from_toml(HABITS).unwrap(), Arc::new(Atlas)));
    let cabinet = made(Arc::new(MemoryStore::new()), &clock).with_watch(watch);
    let person = Person::new(&cabinet, &clock, "ivan");
    let (home, far) = (from("::ffff:192.0.2.1"), from("::ffff:198.51.100.1"));
    person.log_in(&cabinet, &clock, "ivan", &home).unwrap();
    assert_eq!(person.log_in(&cabinet, &clock, "ivan", &far), Err(REJECTED), "it is as far as ever");
}

#[test]
fn what_ships_watches_operations_and_requests() {
    let clock = ManualClock::new(UnixTime(NOON));
    let watch = Arc::new(Risk::new(Rules::default(), Arc::new(Nowhere)));
    let cabinet = made(Arc::new(MemoryStore::new()), &clock).with_watch(watch);
    let person = Person::new(&cabinet, &clock, "ivan");
    let session = person.log_in(&cabinet, &clock, "ivan", &from("192.0.2.1")).unwrap();
    let pay = |number: u8, minor: i64| {
        let template =
            Template { name: "pay".into(), version: 1, language: "en".into(), text: "Pay {amount}.".into() };
        let amount = Value::Amount { minor, places: 2, currency: *b"RUB" };
        let content = Content::new(template, [("amount".into(), amount)]).unwrap();
        let id = OperationId([number; 16]);
        cabinet.propose(&session, id, &content).unwrap();
        cabinet.begin_confirmation(&session, id, None).map(drop)
    };
    clock.advance(cabinet.policy().session.fresh);
    assert_eq!(pay(1, 10_000_000), Ok(()));
    assert_eq!(pay(2, 10_000_001), Err(Error::FreshAuthenticationNeeded));
    let asked = |count: usize| {
        let ask = |_| cabinet.watch_request(&session, &[("query".into(), Parameter::Number(1))]).unwrap();
        (0..count).map(ask).collect::<Vec<_>>()
    };
    let answers = asked(70);
    // One operation and 59 requests are borne; then one is let through, and no more.
    assert!(answers[..60].iter().all(|answer| *answer == Answer::Allow));
    assert!(answers[60..].iter().all(|answer| *answer == Answer::Delay), "{answers:?}");
    let found = found(&cabinet);
    let flood = found.iter().filter(|detail| detail.get("rule") == Some("request-flood"));
    let flood: Vec<_> = flood.map(|detail| detail.get("answer").unwrap()).collect();
    assert_eq!(flood, ["allow", "delay"], "what is let through, and one entry for ten refusals");
}

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Desk(Mutex<Vec<Summary>>);

impl Alert for Desk {
    fn alert(&self, summary: &Summary) {
        self.0.lock().unwrap().push(summary.clone());
    }
}

#[test]
fn operators_get_summaries_and_not_each_attempt() {
    let rules = format!("alerts = {{ every = 300, examples = 2 }}\n{SPRAYING}");
    let (clock, desk) = (ManualClock::new(UnixTime(NOON)), Arc::new(Desk::default()));
    let watch = Arc::new(risk(&rules).with_alert(desk.clone()));
    let cabinet = made(Arc::new(MemoryStore::new()), &clock).with_watch(watch.clone());
    let spray = |from: u32, to: u32| {
        (from..to).for_each(|number| {
            guess(&cabinet, &format!("user-{number}"), &format!("192.0.{}.7", number % 4))
        });
    };
    spray(0, 400);
    {
        let told = desk.0.lock().unwrap();
        assert_eq!(told.len(), 1, "at once, and then not for a while");
        assert_eq!(told[0].rules[0].answers.get(&Answer::Block), Some(&1));
    }
    clock.advance(300);
    spray(400, 401);
    let told = desk.0.lock().unwrap().clone();
    assert_eq!(told.len(), 2);
    let rule = &told[1].rules[0];
    assert!(rule.answers[&Answer::Block] > 300 && rule.examples.len() == 2, "{rule:?}");
    assert!(rule.examples.iter().all(|example| example.ends_with(".0/24")), "{rule:?}");
    assert_eq!((told[1].since, told[1].until), (UnixTime(NOON), UnixTime(NOON + 300)));
    let text = told[1].to_string();
    assert!(text.starts_with("spraying: block ") && text.contains("within 300 s; last: "), "{text}");
    assert_eq!(watch.untold(UnixTime(NOON + 300)), None);
    spray(401, 420);
    let untold = watch.untold(UnixTime(NOON + 301)).unwrap();
    assert_eq!(untold.rules[0].answers[&Answer::Block], 19);
}

#[test]
fn what_is_counted_bears_names_that_another_vault_would_not_give_it() {
    use zamok_store_conformance::Hooked;
    const RULE: &str = r#"
        [[rule]]
        name = "guessing"
        kind = "frequency"
        per = "network"
        window = 600
        limit = 10
        answer = "block"
    "#;
    let names = || {
        let counted = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
        let seen = Arc::clone(&counted);
        let store = Hooked::over(Arc::new(MemoryStore::new())).on_commit(move |store, change| {
            let names = change.adds().map(|(key, _)| key.0.clone());
            seen.lock().unwrap().extend(names.filter(|name| name.starts_with(b"risk/")));
            store.commit(change)
        });
        let clock = ManualClock::new(UnixTime(NOON));
        let cabinet = made(Arc::new(store), &clock).with_watch(Arc::new(risk(RULE)));
        guess(&cabinet, "ivan", "192.0.2.1");
        guess(&cabinet, "olga", "192.0.2.2");
        counted.lock().unwrap().clone()
    };
    let (one, other) = (names(), names());
    assert_eq!((one.len(), other.len()), (2, 2), "a cell in each row, for one network");
    assert_ne!(one, other, "addresses are known by their cells");
}
