//! Receipts find their message: by ids in every form, part by part, and while the keys of indexes change (R57).
#![allow(missing_docs)]

mod harness;
mod veiled;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use harness::{Fake, House, LIGHT, PASSPHRASE, light_policy, run_until, wide};
use veiled::Veiled;
use zamok_cabinet::{
    Cabinet, Ending, Evidence, Handed, Lease, Leased, Load, Matched, Receipt, ReceiptState, WorkerId,
};
use zamok_core::store::MemoryStore;
use zamok_core::vault::{Family, Role};
use zamok_delivery::{Delivery, Incoming, Limits, Templates, Transport};
use zamok_host::{Options, Passphrase, Vault};

const PHONE: &str = "+79161234567";

fn step(delivery: &Delivery) {
    assert_eq!(delivery.step().unwrap().failed, 0);
}

fn load(units: u32) -> Load {
    Load { units, network: "7916".into(), country: "7".into() }
}

/// What is due to ivan, leased.
fn leased(house: &House) -> Lease {
    let worker = WorkerId([1; 16]);
    loop {
        let due = house.cabinet.due(10).unwrap();
        if let Leased::Ready(lease) = house.cabinet.lease(&due[0], worker, &|_, _, _| Ok(load(1))).unwrap() {
            return *lease;
        }
    }
}

#[test]
fn parts_with_one_id_or_with_none_are_not_mistaken_for_parts_that_are_missing() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let handed = |parts: [&str; 2]| Handed {
        carrier: "a".into(),
        parts: parts.map(String::from).to_vec(),
        receipts: true,
    };
    let state = ReceiptState::Delivered;
    let receipt = Receipt { carrier: "a", id: "7", state, number: None, reason: "" };
    // One id for both: a receipt for each.
    house.urgent("ivan", "x");
    let lease = leased(&house);
    let id = lease.message.id;
    house.cabinet.sent(&lease, &handed(["7", "7"])).unwrap();
    assert_eq!(house.cabinet.receipt(&receipt), Ok(Matched::Noted(id)));
    assert_eq!(house.cabinet.receipt(&receipt), Ok(Matched::Ended(id, Ending::Delivered)));
    // No id: nothing would lead here, and nothing is waited for.
    for parts in [["8", ""], ["", ""]] {
        house.urgent("ivan", "x");
        let lease = leased(&house);
        house.cabinet.sent(&lease, &handed(parts)).unwrap();
        let ended = house.cabinet.archived(lease.message.id).unwrap().unwrap();
        assert_eq!((ended.ending, house.on_their_way().len()), (Ending::HandedOver, 0), "{parts:?}");
    }
    // What was taken without an id is not sent again.
    house.urgent("ivan", "x");
    let lease = leased(&house);
    house.cabinet.put_off(&lease, "a", &[Some(String::new()), None], "busy").unwrap();
    house.clock.advance(60);
    assert_eq!(leased(&house).taken, [Some(String::new()), None]);
}

fn handed(id: &str) -> Handed {
    Handed { carrier: "a".into(), parts: vec![id.into()], receipts: true }
}

#[test]
fn a_receipt_that_came_early_is_not_taken_for_that_of_another_message() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let receipt = |id, number| {
        let receipt = Receipt { carrier: "a", id, state: ReceiptState::Delivered, number, reason: "" };
        house.cabinet.receipt(&receipt).unwrap()
    };
    house.urgent("ivan", "x");
    let first = leased(&house);
    house.cabinet.sent(&first, &handed("100000")).unwrap();
    // 1048576 is 100000 in hexadecimal.
    house.urgent("ivan", "x");
    let second = leased(&house);
    assert_eq!(receipt("1048576", None), Matched::Unknown, "it names no number");
    assert_eq!(receipt("1048576", Some("+79160000000")), Matched::Unknown, "it names another");
    assert_eq!(receipt("100000", None), Matched::Ended(first.message.id, Ending::Delivered));
    assert_eq!(receipt("1048576", None), Matched::Unknown, "nor is it one that is over");
    assert_eq!(receipt("1048576", Some("+79160000000")), Matched::Unknown);
    assert_eq!(
        receipt("1048576", Some(PHONE)),
        Matched::Again(first.message.id),
        "carriers repeat themselves"
    );
    assert_eq!(receipt("100000", None), Matched::Again(first.message.id));
    house.cabinet.sent(&second, &handed("1048576")).unwrap();
    assert_eq!(receipt("1048576", None), Matched::Ended(second.message.id, Ending::Delivered));
}

#[test]
fn a_receipt_finds_its_message_in_every_form_of_its_id() {
    for (answered, told) in [
        ("0001A2B3C", "1715004"),
        ("1715004", "001a2b3c"),
        ("1a2b3c", "1A2B3C"),
        ("000123", "123"),
        ("7", "0007"),
    ] {
        let house = House::new();
        house.citizen("ivan", &[PHONE]);
        house.urgent("ivan", "x");
        let (lease, handed) = (leased(&house), handed(answered));
        house.cabinet.sent(&lease, &handed).unwrap();
        house.cabinet.sent(&lease, &handed).unwrap();
        let receipt = Receipt {
            carrier: "a",
            id: told,
            state: ReceiptState::Delivered,
            number: Some(PHONE),
            reason: "",
        };
        let matched = house.cabinet.receipt(&receipt).unwrap();
        assert_eq!(matched, Matched::Ended(lease.message.id, Ending::Delivered), "{answered} {told}");
    }
}

#[test]
fn a_receipt_finds_its_message_after_the_keys_of_indexes_have_changed() {
    let store = Arc::new(MemoryStore::new());
    let house = House::over(store.clone(), wide(light_policy()));
    house.citizen("ivan", &[PHONE]);
    let sms = Fake::with_receipts("a", Evidence::Sms, true);
    house.urgent("ivan", "x");
    step(&house.delivery(vec![sms]));
    let secret = Passphrase::from(PASSPHRASE);
    let options = Options { clock: Arc::new(house.clock.clone()), cost: LIGHT, ..Options::default() };
    let officer = Vault::unlock_as(Role::Officer, store.clone(), &secret, options.clone()).unwrap();
    officer.rotate(Family::Index).unwrap();
    // A process that knows both keys.
    let cabinet = Arc::new(Cabinet::open(Arc::new(Vault::unlock(store, &secret, options).unwrap())).unwrap());
    let state = ReceiptState::Delivered;
    let receipt = Receipt { carrier: "a", id: "a-0-0", state, number: Some(PHONE), reason: "" };
    let matched = cabinet.receipt(&receipt).unwrap();
    assert!(matches!(matched, Matched::Ended(_, Ending::Delivered)), "{matched:?}");
    house.clock.advance(cabinet.policy().delivery.archive);
    step(&harness::delivery(&cabinet, Vec::new()));
    assert_eq!(cabinet.receipt(&receipt), Ok(Matched::Unknown), "its hint is gone, under either key");
}

#[test]
fn all_parts_arrive_or_the_message_has_not() {
    for (states, ending) in [
        ([ReceiptState::Delivered, ReceiptState::Delivered], Ending::Delivered),
        ([ReceiptState::Delivered, ReceiptState::Rejected], Ending::Rejected),
        ([ReceiptState::Expired, ReceiptState::Delivered], Ending::Expired),
    ] {
        let house = House::new();
        house.citizen("ivan", &[PHONE]);
        let sms = Fake::with_receipts("a", Evidence::Sms, true);
        let delivery = house.delivery(vec![sms.clone()]);
        house.urgent("ivan", &"long ".repeat(40));
        step(&delivery);
        assert_eq!(sms.took()[0].parts, 2);
        for (part, state) in states.into_iter().enumerate() {
            let id = format!("a-0-{part}");
            let receipt = Receipt { carrier: "a", id: &id, state, number: None, reason: "" };
            house.cabinet.receipt(&receipt).unwrap();
        }
        let archive = house.archive();
        assert!(archive.iter().any(|entry| entry.ending == ending && entry.channel.is_some()), "{archive:?}");
        assert_eq!(house.on_their_way(), []);
    }
}

#[test]
fn a_receipt_that_could_not_be_noted_is_asked_for_again() {
    let store = Arc::new(Veiled::default());
    let house = House::over(store.clone(), wide(light_policy()));
    house.citizen("ivan", &[PHONE]);
    let templates = Templates::new("Zamok Bank", "bank.example", "en", 8).unwrap();
    let limits = Limits { failures: 3, pause: Duration::from_secs(2) };
    let carrier: Arc<dyn Transport> = Fake::with_receipts("a", Evidence::Sms, true);
    let mut inbox = None;
    let delivery = Delivery::over(house.cabinet.clone(), templates, limits, |to| {
        inbox = Some(to.clone());
        vec![carrier]
    });
    let inbox = inbox.unwrap();
    house.urgent("ivan", "x");
    step(&delivery);
    let told = || {
        let (answer, answered) = mpsc::channel();
        let incoming = Incoming {
            carrier: "a".into(),
            id: "a-0-0".into(),
            state: ReceiptState::Delivered,
            number: None,
            reason: String::new(),
            acknowledge: Box::new(move |noted| answer.send(noted).unwrap()),
        };
        inbox.send(incoming).unwrap();
        step(&delivery);
        answered.recv().unwrap()
    };
    // Its row cannot be read for a while.
    store.veil();
    assert!(!told(), "its carrier is to tell it again");
    store.unveil();
    assert!(told());
    assert_eq!(house.on_their_way(), []);
    assert!(house.archive().iter().any(|entry| entry.ending == Ending::Delivered));
}

#[test]
fn receipts_that_lead_nowhere_keep_no_others_waiting() {
    const STRANGERS: usize = 300;
    const OWN: usize = 40;
    let store = Arc::new(Veiled::default());
    let house = House::over(store.clone(), wide(light_policy()));
    house.citizen("ivan", &[PHONE]);
    let templates = Templates::new("Zamok Bank", "bank.example", "en", 8).unwrap();
    let limits = Limits { failures: 3, pause: Duration::from_secs(2) };
    let carrier: Arc<dyn Transport> = Fake::with_receipts("a", Evidence::Sms, true);
    let mut inbox = None;
    let delivery = Delivery::over(house.cabinet.clone(), templates, limits, |to| {
        inbox = Some(to.clone());
        vec![carrier]
    });
    let inbox = inbox.unwrap();
    (0..OWN).for_each(|_| house.urgent("ivan", "x"));
    step(&delivery);
    // How often receipts had been looked for when each was acknowledged.
    let looked = Arc::<Mutex<Vec<usize>>>::default();
    let tell = |id: String, is_own: bool| {
        let (store, looked) = (store.clone(), looked.clone());
        let acknowledge = move |_| {
            if is_own {
                looked.lock().unwrap().push(store.looked());
            }
        };
        let incoming = Incoming {
            carrier: "a".into(),
            id,
            state: ReceiptState::Delivered,
            number: None,
            reason: String::new(),
            acknowledge: Box::new(acknowledge),
        };
        inbox.send(incoming).unwrap();
    };
    store.slow_down();
    (0..STRANGERS).for_each(|number| tell(format!("nobody-{number}"), false));
    (0..OWN).for_each(|number| tell(format!("a-{number}-0"), true));
    run_until(&delivery, "all are noted", || house.on_their_way().is_empty());
    let looked = looked.lock().unwrap();
    assert_eq!(looked.len(), OWN);
    // Not all who wait are looked at again between any two: that would be each of them, 39 times.
    let between = looked[OWN - 1] - looked[0];
    assert!(between < (OWN - 1) * STRANGERS * 3 / 4, "{between}");
}

#[test]
fn an_answer_that_was_lost_is_lost_once_however_often_it_is_said() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", "x");
    for tries in 1..=4 {
        let lease = leased(&house);
        assert_eq!(lease.attempt, tries);
        for _ in 0..2 {
            house.cabinet.put_off(&lease, "a", &[], "lost").unwrap();
        }
        house.clock.advance(10 * house.cabinet.policy().delivery.longest_retry);
    }
    assert_eq!(house.on_their_way().len(), 1, "five make an end");
    let lease = leased(&house);
    house.cabinet.put_off(&lease, "a", &[], "lost").unwrap();
    assert_eq!(
        house.cabinet.archived(lease.message.id).unwrap().map(|ended| ended.ending),
        Some(Ending::HandedOver)
    );
}
