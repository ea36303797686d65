//! SMS through message centres that others wrote, over TLS: the npm package `smpp`, which throttles, dies and repeats itself, and
//! the PyPI package `smpp34`. Judged by what the centre wrote down (R57).
#![allow(missing_docs, clippy::print_stdout)]

mod harness;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use harness::{
    Certificates, Peer, cabinet_over, citizen, entries, light_policy, node, notify, python, run_until, tally,
    texter, wide,
};
use serde_json::{Value, json};
use zamok_cabinet::{Cabinet, Category, Challenge, Ending, Evidence, Policy, Priority};
use zamok_core::store::{MemoryStore, Store};
use zamok_delivery::{Alphabet, Config, Delivery, Outcome, read};
use zamok_servers::{Proxy, Schedule};
use zamok_store_conformance::Tier;
use zamok_store_sqlite::SqliteStore;

const TAG: u16 = 0x1401;

fn config(certificates: &Certificates, port: u16, more: &str) -> Config {
    line(certificates, port, &format!("roots_file = \"root.pem\"\n{more}"))
}

fn line(certificates: &Certificates, port: u16, more: &str) -> Config {
    std::fs::write(certificates.file("password"), "secret\n").unwrap();
    let text = format!(
        "threads = 12\npoll_ms = 50\nbreaker_failures = 20\nbreaker_pause = 1\n[channels]\nsms = [\"centre\"]\n[carriers.centre]\nkind = \"smpp\"\n\
         host = \"localhost\"\nport = {port}\nsystem_id = \"zamok\"\n\
         password_file = \"password\"\nsender = \"ZamokBank\"\ntransaction_tag = {TAG}\n{more}"
    );
    Config::from_toml(&text, certificates.folder.path()).unwrap()
}

fn centre(certificates: &Certificates, log: &Path, options: Value) -> Peer {
    let mut all = json!({"key": certificates.file("server.key"), "cert": certificates.file("server.pem")});
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    plain_centre(log, &all)
}

fn plain_centre(log: &Path, options: &Value) -> Peer {
    let mut command = node("smpp.js");
    command.arg(options.to_string());
    Peer::start(command, log)
}

/// A policy by which somebody may wait for any number of codes, for as long as a busy machine takes.
fn patient() -> Policy {
    let mut policy = wide(light_policy());
    (policy.issued.resend, policy.issued.lifetime) = (0, 24 * 3600);
    (policy.issued.per_hour, policy.issued.per_day) = (1_000_000, 1_000_000);
    policy.challenge.per_hour = 1_000_000;
    // A line that is cut is there again within moments.
    (policy.delivery.retry, policy.delivery.longest_retry) = (1, 2);
    policy
}

fn submits(log: &Path) -> Vec<Value> {
    entries(log).into_iter().filter(|entry| entry["event"] == "submit").collect()
}

fn count(log: &Path, event: &str) -> usize {
    entries(log).iter().filter(|entry| entry["event"] == event).count()
}

/// Texts of 1 to 5 segments, in both alphabets, each its own.
fn text(number: usize) -> String {
    let kinds = [
        format!("code {number:06} [ok] €5 {{x}}"),
        format!("код {number:06} для входа"),
        format!("{number:06} {}", "€[]".repeat(30 + number % 50)),
        format!("{number:06} {}", "я".repeat(20 + number * 7 % 290)),
        format!("{number:06} {}", "😀".repeat(30 + number % 100)),
    ];
    kinds[number % kinds.len()].clone()
}

fn is_quiet(cabinet: &Cabinet) -> bool {
    cabinet.on_their_way(1, None).unwrap().0.is_empty()
}

/// Puts the segments together as a phone does.
fn messages(submits: &[Value]) -> BTreeMap<String, (String, usize)> {
    let mut found: BTreeMap<String, BTreeMap<u64, &Value>> = BTreeMap::new();
    for submit in submits {
        let transaction = submit["transaction"].as_str().unwrap().to_owned();
        let before = found.entry(transaction).or_default().insert(submit["number"].as_u64().unwrap(), submit);
        assert!(before.is_none(), "a part was taken twice under one id: {submit}");
    }
    let whole = |(transaction, parts): (String, BTreeMap<u64, &Value>)| {
        let total = parts.values().next().unwrap()["total"].as_u64().unwrap();
        assert_eq!(parts.len() as u64, total, "every part of {transaction} is there: {parts:?}");
        assert_eq!(tally(parts.values().map(|part| part["reference"].to_string())).len(), 1, "one reference");
        let text = parts.values().map(|part| part["text"].as_str().unwrap()).collect();
        (transaction, (text, parts.len()))
    };
    found.into_iter().map(whole).collect()
}

/// Twenty people who wait for codes and are told things, half of each.
struct Crowd {
    cabinet: Arc<Cabinet>,
    /// What notices say, as they arrive, and to whom.
    meant: BTreeMap<String, String>,
    challenges: Vec<(Challenge, String)>,
}

impl Crowd {
    const PEOPLE: usize = 20;

    fn of(store: Arc<dyn Store>, messages: usize) -> Self {
        let vault = cabinet_over(store, wide(light_policy())).vault().clone();
        let cabinet = Arc::new(Cabinet::open(vault).unwrap().with_policy(patient()));
        let number = |person: usize| format!("791612345{person:02}");
        for person in 0..Self::PEOPLE {
            texter(&cabinet, &format!("user{person}"), &format!("+{}", number(person)));
        }
        let (mut meant, mut challenges) = (BTreeMap::new(), Vec::new());
        for place in 0..messages {
            let (login, to) = (format!("user{}", place % Self::PEOPLE), number(place % Self::PEOPLE));
            if place / Self::PEOPLE % 2 == 0 {
                let said = text(2 * meant.len());
                notify(&cabinet, &login, Category::Service, Priority::High, &said);
                meant.insert(format!("Zamok Bank: {said}"), to);
            } else {
                challenges.push((harness::begin(&cabinet, &login), to));
            }
        }
        Self { cabinet, meant, challenges }
    }

    /// Everybody got what was meant for him, once, and was told that codes come to him; codes work once.
    fn is_served(&self, log: &Path) {
        let submits = submits(log);
        let arrived = messages(&submits);
        let told: Vec<_> = arrived.iter().filter(|(_, (text, _))| text.contains("SMS was added")).collect();
        assert_eq!(told.len(), Self::PEOPLE, "{told:?}");
        assert_eq!(arrived.len(), Self::PEOPLE + self.meant.len() + self.challenges.len());
        assert_eq!(arrived.values().map(|(_, segments)| segments).sum::<usize>(), submits.len());
        let to: BTreeMap<&str, &str> = submits
            .iter()
            .map(|submit| (submit["transaction"].as_str().unwrap(), submit["to"].as_str().unwrap()))
            .collect();
        let by_text: BTreeMap<&str, &str> =
            arrived.iter().map(|(id, (text, _))| (text.as_str(), to[id.as_str()])).collect();
        for (text, number) in &self.meant {
            assert_eq!(by_text.get(text.as_str()), Some(&number.as_str()), "{text}");
        }
        let archive = harness::archive(&self.cabinet);
        let by_sms = archive.iter().filter(|entry| entry.channel == Some(Evidence::Sms));
        // Codes of enrolments were typed before a worker looked, and are not sent.
        let (dead, sent): (Vec<_>, Vec<_>) = by_sms.partition(|entry| entry.attempts == 0);
        assert_eq!((dead.len(), sent.len()), (Self::PEOPLE, arrived.len()));
        assert!(sent.iter().all(|entry| entry.ending == Ending::Delivered));
        assert!(sent.iter().all(|entry| arrived.contains_key(&entry.id.to_string())), "under its own id");
        let sendings: BTreeMap<[u8; 16], String> = harness::sendings(&self.cabinet)
            .into_iter()
            .map(|(message, challenge)| (challenge, message))
            .collect();
        for (challenge, number) in &self.challenges {
            let id = &sendings[&challenge.reference()];
            let text = &arrived[id].0;
            let code = harness::code_in(text);
            assert_eq!(*text, format!("{code} is your code for Zamok Bank. Tell it to nobody."));
            assert_eq!(to[id.as_str()], number);
            harness::works_once(&self.cabinet, challenge, text);
        }
    }

    /// Whether every message is in a final state and the centre knows it.
    fn is_done(&self, log: &Path) -> bool {
        is_quiet(&self.cabinet) && count(log, "acknowledged") == count(log, "submit")
    }
}

#[test]
fn thousands_of_messages_arrive_once_and_whole_through_a_centre_that_throttles_dies_and_repeats() {
    let total = usize::try_from(Tier::pick(50, 500, 10_000)).unwrap();
    let certificates = Certificates::new();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let crowd = Crowd::of(Arc::new(SqliteStore::create(folder.path().join("zamok.db")).unwrap()), total);
    // Twice it dies after a message was taken and before that was answered.
    let options = |port: u16, die: usize| {
        json!({"port": port, "window": 8, "throttle": 23, "repeat": true, "once": true, "ids": "hexadecimal",
               "die_after": if die == 0 { Value::Null } else { json!(die) }})
    };
    let mut peer = centre(&certificates, &log, options(0, total / 2));
    let port = peer.port;
    let turns = usize::try_from(Tier::pick(3, 9, 30)).unwrap();
    let schedule = Schedule::drawn(9, turns, 15 * u64::try_from(total).unwrap());
    println!("{schedule}");
    let proxy = Proxy::to(port, &schedule);
    let config = config(&certificates, proxy.port(), "window = 8\npatience = 5\n");
    let delivery = Delivery::new(crowd.cabinet.clone(), &config).unwrap();
    let mut deaths = 0;
    run_until(&delivery, "every message is in a final state", || {
        if deaths < 2 && peer.has_ended() {
            deaths += 1;
            let die = if deaths < 2 { total / 2 } else { 0 };
            peer = centre(&certificates, &log, options(port, die));
        }
        crowd.is_done(&log)
    });
    assert_eq!((deaths, proxy.left()), (2, 0), "it died twice, and everything that was to go wrong did");
    let all = entries(&log);
    let events = tally(all.iter().map(|entry| entry["event"].as_str().unwrap().to_owned()));
    println!("{total} messages: {events:?}");
    assert!(events["throttled"] > 0 && events["bind"] > 3);
    assert!(!events.contains_key("window exceeded"));
    assert!(all.iter().filter(|entry| entry["event"] == "bind").all(|bind| bind["right"] == true));
    let arrived = messages(&submits(&log));
    let lengths = tally(arrived.values().map(|(_, segments)| *segments));
    assert_eq!(lengths.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    crowd.is_served(&log);
    // With many before it, a message whose answer was lost may be sent again only after its receipts were given up: the centre tells
    // each part's twice, and once more whenever it is bound anew.
    let given_up = delivery.metrics().total(Outcome::Unmatched);
    let told = events["again"] * (2 + events["bind"]);
    assert!(given_up <= u64::try_from(told).unwrap(), "{given_up} receipts led nowhere, {told} may have");
}

#[test]
fn what_a_line_says_again_is_taken_once_under_its_id() {
    let certificates = Certificates::new();
    let log = certificates.file("log");
    let crowd = Crowd::of(Arc::new(MemoryStore::new()), 80);
    // Without TLS, which would let nothing of it through, what is repeated is understood.
    let peer = plain_centre(&log, &json!({"once": true, "repeat": true}));
    let schedule = Schedule::drawn(34, 9, 3_000);
    println!("{schedule}");
    let proxy = Proxy::to(peer.port, &schedule);
    let config = line(&certificates, proxy.port(), "allow_plaintext = true\npatience = 5\n");
    let delivery = Delivery::new(crowd.cabinet.clone(), &config).unwrap();
    run_until(&delivery, "every message is in a final state", || crowd.is_done(&log));
    assert_eq!(proxy.left(), 0);
    assert!(count(&log, "again") > 0, "the centre heard something twice");
    crowd.is_served(&log);
}

#[test]
fn ids_of_receipts_are_understood_in_every_form() {
    for ids in ["plain", "hexadecimal", "padded", "receipt_hexadecimal"] {
        let certificates = Certificates::new();
        let log = certificates.file("log");
        let peer = centre(&certificates, &log, json!({"ids": ids, "early": true, "repeat": true}));
        let cabinet = cabinet_over(Arc::new(MemoryStore::new()), wide(light_policy()));
        citizen(&cabinet, "ivan", &["+79161234567"]);
        (0..10).for_each(|number| notify(&cabinet, "ivan", Category::Service, Priority::High, &text(number)));
        let delivery = Delivery::new(cabinet.clone(), &config(&certificates, peer.port, "")).unwrap();
        run_until(&delivery, ids, || is_quiet(&cabinet));
        let endings = tally(
            harness::archive(&cabinet)
                .iter()
                .filter(|entry| entry.channel.is_some())
                .map(|entry| entry.ending.name()),
        );
        assert_eq!(endings, BTreeMap::from([("delivered", 10)]), "{ids}");
        let submits = submits(&log);
        assert!(submits.iter().all(|submit| submit["from"] == "ZamokBank" && submit["to"] == "79161234567"));
        assert!(
            submits.iter().all(|submit| submit["receipt"] == 1 && submit["validity"].as_str() != Some(""))
        );
    }
}

#[test]
fn what_a_carrier_could_not_deliver_is_rejected_with_its_word() {
    for (stat, ending) in [("UNDELIV", Ending::Rejected), ("EXPIRED", Ending::Expired)] {
        let certificates = Certificates::new();
        let peer = centre(&certificates, &certificates.file("log"), json!({"stat": stat}));
        let cabinet = cabinet_over(Arc::new(MemoryStore::new()), wide(light_policy()));
        citizen(&cabinet, "ivan", &["+79161234567"]);
        notify(&cabinet, "ivan", Category::Service, Priority::High, "x");
        let delivery =
            Delivery::new(cabinet.clone(), &config(&certificates, peer.port, "version = \"5.0\"\n")).unwrap();
        run_until(&delivery, stat, || is_quiet(&cabinet));
        let archive = harness::archive(&cabinet);
        let sent = archive.iter().find(|entry| entry.channel.is_some()).unwrap();
        assert_eq!((sent.ending, sent.reason.as_str()), (ending, format!("{stat} 000").as_str()));
    }
}

#[test]
fn a_line_that_is_silent_is_asked_whether_it_lives_and_made_anew() {
    let certificates = Certificates::new();
    let log = certificates.file("log");
    let peer = centre(&certificates, &log, json!({"deaf": true}));
    let cabinet = cabinet_over(Arc::new(MemoryStore::new()), wide(light_policy()));
    let config = config(&certificates, peer.port, "enquire_link = 1\npatience = 1\n");
    let delivery = Delivery::new(cabinet, &config).unwrap();
    run_until(&delivery, "it is bound again", || count(&log, "bind") >= 2);
    assert!(count(&log, "enquire") >= 1);
}

#[test]
fn a_wrong_password_an_untrusted_certificate_and_a_port_without_anybody_are_no_lines() {
    let (certificates, strangers) = (Certificates::new(), Certificates::new());
    let log = certificates.file("log");
    let peer = centre(&certificates, &log, json!({}));
    let cabinet = cabinet_over(Arc::new(MemoryStore::new()), wide(light_policy()));
    citizen(&cabinet, "ivan", &["+79161234567"]);
    let untrusted = config(&strangers, peer.port, "");
    let alone = config(&certificates, 1, "");
    let wrong = config(&certificates, peer.port, "");
    std::fs::write(certificates.file("password"), "wrong\n").unwrap();
    for config in [untrusted, alone, wrong] {
        notify(&cabinet, "ivan", Category::Service, Priority::High, "x");
        let delivery = Delivery::new(cabinet.clone(), &config).unwrap();
        run_until(&delivery, "it is put off", || delivery.metrics().total(Outcome::PutOff) > 0);
    }
    assert_eq!(submits(&log), Vec::<Value>::new());
    assert!(
        entries(&log).iter().all(|entry| entry["right"] == false),
        "the password was tried, and was wrong"
    );
}

#[test]
fn another_centre_reads_the_same_messages() {
    let certificates = Certificates::new();
    let log = certificates.file("log");
    let options = json!({"key": certificates.file("server.key"), "cert": certificates.file("server.pem")});
    let mut command = python("smpp34_server.py");
    command.arg(options.to_string());
    let peer = Peer::start(command, &log);
    let cabinet = cabinet_over(Arc::new(MemoryStore::new()), wide(light_policy()));
    citizen(&cabinet, "ivan", &["+79161234567"]);
    let texts = ["plain [€]".to_owned(), "я".repeat(100), "😀 ok".to_owned()];
    for text in &texts {
        notify(&cabinet, "ivan", Category::Service, Priority::High, text);
    }
    let delivery = Delivery::new(cabinet.clone(), &config(&certificates, peer.port, "")).unwrap();
    run_until(&delivery, "all have arrived", || is_quiet(&cabinet));
    let endings = tally(
        harness::archive(&cabinet)
            .iter()
            .filter(|entry| entry.channel.is_some())
            .map(|entry| entry.ending.name()),
    );
    assert_eq!(endings, BTreeMap::from([("delivered", 3)]));
    let mut found: BTreeMap<String, Vec<(u8, Alphabet, Vec<u8>)>> = BTreeMap::new();
    for submit in submits(&log) {
        let hex = submit["hex"].as_str().unwrap();
        let octets: Vec<u8> = (0..hex.len() / 2)
            .map(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap())
            .collect();
        let joined = submit["esm_class"].as_u64().unwrap() & 0x40 != 0;
        let (place, body) = if joined { (octets[5], octets[6..].to_vec()) } else { (1, octets) };
        let alphabet = if submit["coding"] == 8 { Alphabet::Ucs2 } else { Alphabet::Gsm7 };
        let transaction = submit["tlvs"][TAG.to_string()].as_str().unwrap().to_owned();
        found.entry(transaction).or_default().push((place, alphabet, body));
    }
    let mut arrived: Vec<String> = Vec::new();
    for parts in found.values_mut() {
        parts.sort_by_key(|(place, ..)| *place);
        let bodies: Vec<&[u8]> = parts.iter().map(|(_, _, body)| body.as_slice()).collect();
        arrived.push(read(parts[0].1, &bodies));
    }
    for text in texts {
        assert!(arrived.contains(&format!("Zamok Bank: {text}")), "{arrived:?}");
    }
}
