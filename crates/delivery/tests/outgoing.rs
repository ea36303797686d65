//! Messages that a service carries itself: handed out once, in words, under leases, caps and preferences like those of workers, and
//! ended by its word (R57, R58).
#![allow(missing_docs)]

mod harness;
mod veiled;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use harness::{Fake, House, begin, citizen, light_policy, tally, texter, wide, works_once};
use veiled::Veiled;
use zamok_cabinet::{Cabinet, Ending, Error, Evidence, Handed, Matched, MessageKind, Receipt, ReceiptState};
use zamok_core::Error as CoreError;
use zamok_core::event::EventKind;
use zamok_core::store::{Change, ChangeId, MemoryStore, Outcome, RowKey, Store as _, Table};
use zamok_delivery::{Letter, Outgoing, Templates};

const PHONE: &str = "+79161234567";
const MAIL: &str = "ivan@example.org";

fn outgoing() -> Outgoing {
    Outgoing::new(Templates::new("Zamok Bank", "bank.example", "en", 8).unwrap())
}

/// Everything that is due now.
fn all(outgoing: &Outgoing, cabinet: &Cabinet) -> Vec<Letter> {
    std::iter::from_fn(|| outgoing.take(cabinet).unwrap()).collect()
}

fn handed(carrier: &str, parts: &[&str], receipts: bool) -> Handed {
    Handed { carrier: carrier.into(), parts: parts.iter().map(|id| (*id).to_owned()).collect(), receipts }
}

#[test]
fn what_is_due_is_handed_out_once_in_words_and_ends_as_it_is_told() {
    let house = House::new();
    house.citizen("ivan", &[PHONE, MAIL]);
    house.urgent("ivan", "Your passport is ready.");
    let (first, second) = (outgoing(), outgoing());
    let letters: BTreeMap<_, _> =
        all(&first, &house.cabinet).into_iter().map(|letter| (letter.channel(), letter)).collect();
    assert!(all(&second, &house.cabinet).is_empty() && all(&first, &house.cabinet).is_empty(), "leased");
    let (sms, mail) = (&letters[&Evidence::Sms], &letters[&Evidence::Email]);
    assert_eq!((letters.len(), sms.units, mail.units), (2, 1, 1));
    assert_eq!((sms.address(), sms.subject()), (PHONE, ""));
    assert_eq!(sms.text(), "Zamok Bank: Your passport is ready.");
    assert_eq!((mail.address(), mail.subject()), (MAIL, "Something new"));
    assert!(mail.text().contains("Your passport is ready.") && mail.push_keys().is_none());
    for letter in letters.values() {
        let shown = format!("{letter:?}");
        assert!(!shown.contains("passport") && !shown.contains(letter.address()), "{shown}");
    }
    house.cabinet.sent(&sms.lease, &handed("smsc", &["17"], true)).unwrap();
    // However much a carrier says.
    let long = "550 нет ".repeat(20_000);
    house.cabinet.refuse(&mail.lease, "mail", &long).unwrap();
    let receipt = Receipt {
        carrier: "smsc",
        id: "17",
        state: ReceiptState::Delivered,
        number: None,
        reason: "DELIVRD",
    };
    let ended = house.cabinet.receipt(&receipt);
    assert_eq!(ended, Ok(Matched::Ended(sms.lease.message.id, Ending::Delivered)));
    house.clock.advance(house.cabinet.policy().delivery.notice);
    assert!(all(&second, &house.cabinet).is_empty(), "nothing is left");
    let reasons: BTreeMap<_, _> =
        house.archive().into_iter().map(|entry| (entry.channel, (entry.ending, entry.reason))).collect();
    assert_eq!(reasons[&Some(Evidence::Sms)], (Ending::Delivered, "DELIVRD".into()));
    let kept: String = long.chars().take(200).collect();
    assert_eq!(reasons[&Some(Evidence::Email)], (Ending::Rejected, kept));
}

#[test]
fn what_nobody_told_of_is_handed_out_again_under_its_id_and_a_late_word_is_none() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", "x");
    let outgoing = outgoing();
    let dead = all(&outgoing, &house.cabinet).remove(0);
    house.clock.advance(house.cabinet.policy().delivery.lease);
    let letter = all(&outgoing, &house.cabinet).remove(0);
    assert_eq!((letter.lease.message.id, letter.lease.attempt), (dead.lease.message.id, 2));
    // It was handed out by the same one: still the first has no say any more.
    house.cabinet.put_off(&dead.lease, "a", &[], "slow").unwrap();
    house.cabinet.refuse(&dead.lease, "a", "slow").unwrap();
    assert_eq!(house.on_their_way()[0].due, letter.lease.until);
    house.cabinet.put_off(&letter.lease, "a", &[], "busy").unwrap();
    let waits = house.on_their_way().remove(0);
    assert_eq!(waits.reason, "busy");
    assert!(all(&outgoing, &house.cabinet).is_empty(), "not before its pause is over");
    house.clock.advance(waits.due.since(house.cabinet.vault().now()));
    let letter = all(&outgoing, &house.cabinet).remove(0);
    house.cabinet.sent(&letter.lease, &handed("a", &[], false)).unwrap();
    house.cabinet.sent(&letter.lease, &handed("a", &[], false)).unwrap();
    assert!(house.on_their_way().is_empty());
    assert_eq!(house.told(EventKind::MessageHandedOver), 2, "spread, and sent once");
}

#[test]
fn a_code_is_handed_out_while_it_counts() {
    let house = House::new();
    texter(&house.cabinet, "ivan", PHONE);
    let outgoing = outgoing();
    let before = all(&outgoing, &house.cabinet);
    assert!(before.iter().all(|letter| letter.lease.message.kind == MessageKind::FactorAdded), "{before:?}");
    house.clock.advance(60);
    let late = begin(&house.cabinet, "ivan");
    house.clock.advance(late.expires.since(house.cabinet.vault().now()));
    assert!(all(&outgoing, &house.cabinet).iter().all(|letter| !letter.lease.message.kind.is_code()));
    let challenge = begin(&house.cabinet, "ivan");
    house.clock.advance(60);
    house.cabinet.send_again(&challenge).unwrap();
    let mut codes = all(&outgoing, &house.cabinet);
    codes.retain(|letter| letter.lease.message.kind.is_code());
    assert_eq!(codes.len(), 1, "the second alone");
    assert_eq!(codes[0].text().lines().last(), Some(&*format!("@bank.example #{}", code(&codes[0]))));
    works_once(&house.cabinet, &challenge, codes[0].text());
    let expired = house.archive().into_iter().filter(|entry| entry.ending == Ending::Expired);
    // The code of the enrolment was read from the outbox, and answered.
    assert_eq!(expired.filter(|entry| entry.kind.is_code()).count(), 3);
}

fn code(letter: &Letter) -> &str {
    harness::code_in(letter.text())
}

#[test]
fn many_services_and_a_worker_share_one_outbox() {
    let house = House::new();
    for number in 0..10 {
        let (login, phone) = (format!("user{number}"), format!("+791612345{number:02}"));
        house.citizen(&login, &[&phone]);
        (0..5).for_each(|text| house.urgent(&login, &format!("{number}/{text}")));
    }
    let (took, sms) = (Mutex::new(Vec::new()), Fake::new("a", Evidence::Sms));
    let (shared, other, worker) = (outgoing(), outgoing(), house.delivery(vec![sms.clone()]));
    std::thread::scope(|scope| {
        // Two threads share one, as those of a service do; the third has one of its own, as another process would.
        for outgoing in [&shared, &shared, &other] {
            let (took, cabinet) = (&took, &house.cabinet);
            scope.spawn(move || {
                while let Some(letter) = outgoing.take(cabinet).unwrap() {
                    cabinet.sent(&letter.lease, &handed("own", &[], false)).unwrap();
                    let got = (letter.lease.message.id.to_string(), letter.text().to_owned());
                    took.lock().unwrap().push(got);
                }
            });
        }
        scope.spawn(|| worker.step().unwrap());
    });
    // What somebody had in hand when the others looked is theirs by now, or nobody's.
    let mut took = took.into_inner().unwrap();
    took.extend(all(&outgoing(), &house.cabinet).into_iter().map(|letter| {
        house.cabinet.sent(&letter.lease, &handed("own", &[], false)).unwrap();
        (letter.lease.message.id.to_string(), letter.text().to_owned())
    }));
    took.extend(sms.took().into_iter().map(|got| (got.id, got.text)));
    assert_eq!(took.len(), 50);
    assert!(tally(took.iter().map(|(id, _)| id)).values().all(|count| *count == 1));
    assert_eq!(tally(took.iter().map(|(_, text)| text)).len(), 50);
    assert!(house.on_their_way().is_empty());
}

#[test]
fn caps_and_lengths_hold_here_as_well() {
    let mut policy = wide(light_policy());
    policy.delivery.per_address = 2;
    let house = House::with(policy);
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", &"я".repeat(600));
    (0..3).for_each(|_| house.urgent("ivan", "x"));
    let outgoing = outgoing();
    assert_eq!(all(&outgoing, &house.cabinet).len(), 2);
    assert_eq!(house.on_their_way().iter().filter(|waits| waits.reason == "cap: address").count(), 1);
    assert!(house.archive().iter().any(|entry| entry.reason == "longer than an SMS may be"));
    house.clock.advance(3600);
    // The one that waited, and both that nobody told of: a cap counts a message once.
    assert_eq!(all(&outgoing, &house.cabinet).len(), 3);
}

#[test]
fn altered_messages_hide_no_others_however_many_and_go_once_they_are_as_they_were() {
    let store = Arc::new(Veiled::default());
    let house = House::over(store.clone(), wide(light_policy()));
    citizen(&house.cabinet, "ivan", &[PHONE]);
    // More than are read at once.
    (0..40).for_each(|number| house.urgent("ivan", &format!("altered {number}")));
    assert_eq!(all(&outgoing(), &house.cabinet).len(), 40);
    house.clock.advance(house.cabinet.policy().delivery.lease + 1);
    store.veil();
    house.urgent("ivan", "the newest");
    let rounds = outgoing();
    let found = (0..4).find_map(|_| rounds.take(&house.cabinet).ok().flatten()).expect("a round finds it");
    assert!(found.text().contains("the newest"));
    house.cabinet.sent(&found.lease, &handed("own", &[], false)).unwrap();
    store.unveil();
    assert!(all(&outgoing(), &house.cabinet).is_empty(), "they are looked at later");
    house.clock.advance(600);
    // The hint that was moved leads to that of the row, and that to the row.
    let again: BTreeSet<_> = (0..2)
        .flat_map(|_| all(&outgoing(), &house.cabinet))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|letter| letter.lease.message.id.0)
        .collect();
    assert_eq!(again.len(), 40);
}

#[test]
fn a_message_that_was_altered_keeps_no_other_back() {
    let store = Arc::new(MemoryStore::new());
    let house = House::over(store.clone(), wide(light_policy()));
    citizen(&house.cabinet, "ivan", &[PHONE]);
    house.urgent("ivan", "the first");
    // Spread, so that the row of the SMS is there.
    let outgoing = outgoing();
    let altered = all(&outgoing, &house.cabinet).remove(0).lease.message;
    house.cabinet.retry(altered.id).unwrap();
    house.clock.advance(house.cabinet.policy().delivery.lease);
    let row = RowKey::new(Table(44), [&altered.created.0.to_be_bytes()[..], &altered.id.0].concat());
    let kept = store.get(&row).unwrap().unwrap();
    let mut value = kept.value.clone();
    *value.last_mut().expect("a sealed row has bytes") ^= 1;
    let mut change = Change::new(ChangeId([1; 16]));
    change.update(row, kept.version, value).unwrap();
    assert_eq!(store.commit(&change), Ok(Outcome::Committed));
    house.urgent("ivan", "the second");
    let letter = outgoing.take(&house.cabinet).unwrap().unwrap();
    assert!(letter.text().contains("the second"));
    let refused = outgoing.take(&house.cabinet).map(|_| ());
    assert_eq!(refused, Err(Error::Core(CoreError::Refused)), "told once the others were handed out");
    house.urgent("ivan", "the third");
    assert!(outgoing.take(&house.cabinet).unwrap().unwrap().text().contains("the third"));
}

#[test]
fn a_locked_vault_is_told_of_although_somebody_holds_the_round() {
    let store = Arc::new(Veiled::default());
    let house = House::over(store.clone(), wide(light_policy()));
    let (outgoing, asked) = (outgoing(), store.asked());
    std::thread::scope(|scope| {
        let held = store.hold();
        scope.spawn(|| outgoing.take(&house.cabinet).map(|_| ()));
        while store.asked() == asked {
            std::thread::sleep(Duration::from_millis(1));
        }
        // In a forked child the keys are gone as well, and whoever holds the round never lets it go.
        house.cabinet.vault().lock();
        let (tell, told) = mpsc::channel();
        let (outgoing, cabinet) = (&outgoing, &house.cabinet);
        scope.spawn(move || tell.send(outgoing.take(cabinet).map(|_| ())));
        assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(Err(Error::Core(CoreError::Locked))));
        drop(held);
    });
}
