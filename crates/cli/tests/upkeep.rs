//! Looking after a store: damage is found without a passphrase, and what is over goes.

mod harness;

use std::fs;

use harness::{Desk, Phone, run};
use serde_json::json;
use zamok::StoreUrl;
use zamok::store::{Change, ChangeId, Outcome, Range, RowKey, Table};

#[test]
fn a_database_is_not_checked_as_a_file_and_the_answer_says_what_looks_at_it() {
    let desk = Desk::empty();
    let told = desk.zamok(["store", "check", "--store", "postgres://vault@localhost/vault", "--json"]);
    told.failed(2, 900, "usage");
    assert!(told.stdout.contains("audit rows"), "{told:?}");
}

#[test]
fn a_damaged_file_is_told_from_a_sound_one_without_a_passphrase() {
    let desk = Desk::enrolled("ivan").0;
    let check = || {
        let mut command = desk.command(["store", "check", "--json"]);
        run(command.env_remove("ZAMOK_PASSPHRASE"))
    };
    assert_eq!(check().done().json(), json!({"sound": true, "findings": []}));

    let path = desk.path("zamok.db");
    let sound = fs::read(&path).unwrap();
    // SQLite file format §1.6: byte 0 of the second page is the type of its tree's node.
    for (place, value) in [(4096, 0xff), (4096 + 3, 0xff), (2 * 4096, 0)] {
        let mut bytes = sound.clone();
        bytes[place] = value;
        fs::write(&path, &bytes).unwrap();
        let found = check();
        assert_eq!(found.exit, 1, "byte {place}: {found:?}");
        let told = found.json();
        assert_eq!(told["sound"], false);
        assert!(told["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{told}");
    }
    fs::write(&path, &sound[..sound.len() - 4096]).unwrap();
    assert_eq!(check().exit, 1);
    fs::write(&path, &sound).unwrap();
    check().done();
    fs::write(&path, b"no store").unwrap();
    check().failed(3, 522, "store-foreign");
    fs::remove_file(&path).unwrap();
    check().failed(3, 516, "store-missing");
}

#[test]
fn a_sweep_leaves_what_is_not_over() {
    let (desk, phone): (Desk, Phone) = Desk::enrolled("ivan");
    desk.zamok(["login", "ivan", "--code", &phone.code(1), "--json"]).done();
    let swept = desk.zamok(["sweep", "--json"]).done().json();
    assert_eq!((&swept["removed"], &swept["unread"]), (&json!(0), &json!(0)));
    assert!(swept["seen"].as_u64().is_some_and(|seen| seen >= 3), "{swept}");
    desk.zamok(["audit", "rows"]).done();
}

#[test]
fn an_erasure_is_nothing_wrong_and_an_entry_hidden_from_a_living_owner_is() {
    let (desk, _) = Desk::enrolled("ivan");
    desk.enrol("olga");
    for really in ["", "iva", "ivanov", "olga"] {
        let slip = ["accounts", "erase", "ivan", "--reason", "a slip", "--really", really, "--json"];
        desk.zamok(slip).failed(2, 900, "usage");
    }
    desk.zamok(["accounts", "show", "ivan"]).done();
    desk.zamok(["accounts", "erase", "ivan", "--reason", "asked for it", "--really", "ivan"]).done();
    let checks: [&[&str]; 3] = [&["doctor"], &["audit", "rows"], &["journal", "verify"]];
    for check in checks {
        desk.zamok(check).done();
    }
    let unlisted = || desk.zamok(["audit", "rows", "--json"]).json()["unlisted"].as_u64().expect("a count");
    let erased = unlisted();
    assert!(erased > 3, "{erased}");

    // Table 18 lists the entries of each person; what is left of it is hers. Whoever can write to the file takes it away.
    let store = StoreUrl::Sqlite(desk.path("zamok.db")).open().expect("a store");
    let listed = store.scan(Table(18), &Range::all(), 1000, None).expect("rows").rows;
    let mut change = Change::new(ChangeId([7; 16]));
    for (key, row) in &listed {
        change.delete(RowKey::new(Table(18), key.clone()), row.version).expect("room");
    }
    assert_eq!(store.commit(&change).expect("a commit"), Outcome::Committed);
    drop(store);
    for check in checks {
        let run = desk.zamok(check);
        assert!(run.exit == 1 && run.stdout.contains("the subject index of entry"), "{run:?}");
    }
    assert_eq!(unlisted(), erased);
    let verified = desk.zamok(["journal", "verify", "--json"]).json();
    let findings = verified["findings"].as_array().expect("findings");
    assert!(listed.len() > 3 && findings.len() == listed.len(), "{verified}");
}
