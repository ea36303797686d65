//! Logs of former stores: what was proved stays proved, what was erased stays erased, and a store that was left stays closed
//! (`CRYPTO.md` §5).
#![allow(missing_docs)]

mod house;

use std::path::Path;

use zamok::event::EventKind;
use zamok::journal::{InclusionProof, Journal, Receipt, Status, Telling, TrustPolicy};
use zamok::{Clock, CoreError, Credential, Error, NewSlot, Policy, Role, UnixTime, Vault, Zamok};
use zamok_core::store::Range;
use zamok_core::vault::relocation::{FORMER_DETAILS, FORMER_SUBJECTS};

use house::*;

#[test]
fn what_was_proved_before_a_restore_stays_proved_and_the_former_log_is_read_and_proved_as_before() {
    let house = House::new();
    let signed = house.zamok.history(&house.session, 1, None).unwrap().entries.remove(0);
    assert_eq!(signed.leaf.kind, EventKind::SignatureMade);
    let proof = house.zamok.prove(&house.session, signed.id).unwrap().to_text();
    let key = house.zamok.vault().log_key().unwrap();
    let trust = TrustPolicy::log(key.clone());
    let before = house.zamok.history_of("ivan", 500, None).unwrap().entries;
    let file = house.backup("one.backup");
    let now = house.clock.now();
    let new = house.path("new.db");
    drop(restore(sqlite(&new), &file, now).unwrap());

    let zamok = open(&new, now);
    // The person's own copy needs nobody; what the person asks for anew is under the same key.
    InclusionProof::from_text(&proof).unwrap().verify(&trust).unwrap();
    assert_eq!(zamok.vault().former_key(1).unwrap().to_string(), key.to_string());
    assert_eq!(zamok.vault().former_key(2), Err(CoreError::Uncovered));
    let again = zamok.journal(|journal| journal.entry(signed.id)).unwrap().expect("it is there");
    let Status::Former { log: 1, index } = again.status else { panic!("{:?}", again.status) };
    assert_eq!((&again.leaf, &again.detail), (&signed.leaf, &signed.detail));
    let anew = zamok.journal(|journal| journal.prove_former(1, index)).unwrap();
    anew.verify(&trust).unwrap();
    let receipt = zamok.journal(|journal| journal.receipt(signed.id)).unwrap();
    assert!(matches!(receipt, Some(Receipt::Covered { .. })), "{receipt:?}");

    // The owner reads on where the new log ends, page by page.
    let mut after = None;
    let mut read = Vec::new();
    loop {
        let page = zamok.history_of("ivan", 7, after.as_ref()).unwrap();
        assert!(page.entries.len() <= 7);
        read.extend(page.entries);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let former: Vec<_> = read.iter().filter(|entry| matches!(entry.status, Status::Former { .. })).collect();
    assert_eq!(former.len(), before.len());
    // It goes on after any entry of the one log or the other.
    for (place, entry) in read.iter().enumerate() {
        let rest = zamok.history_of("ivan", 500, entry.cursor().as_ref()).unwrap().entries;
        assert_eq!(rest, read[place + 1..]);
    }
    for (now, then) in former.iter().zip(&before) {
        assert_eq!((now.id, &now.bytes, &now.detail), (then.id, &then.bytes, &then.detail));
    }
    is_sound(&zamok);

    // The auditor reads it with the auditor's slot alone.
    let officer = Vault::unlock_as(Role::Officer, sqlite(&new), &passphrase(), options(now)).unwrap();
    let secret = auditor();
    let secret = Credential::Passphrase(&secret);
    officer.add_slot(&NewSlot { role: Role::Auditor, label: "audit", secret, cost: CHEAP }).unwrap();
    let audit = Vault::unlock_as(Role::Auditor, sqlite(&new), &auditor(), options(now)).unwrap();
    let told =
        audit.read(|store, keyring| Journal::new(store, keyring).former_range(1, 0..u64::MAX)).unwrap();
    assert!(told.iter().any(
        |entry| matches!(&entry.detail, Telling::Told(detail) if detail.get("document") == Some("7.txt"))
    ));
    drop((officer, audit));

    // And through a second life: both former logs are there, each under its own key.
    zamok.vault().checkpoint().unwrap();
    let second = zamok.vault().log_key().unwrap();
    let file = backup(&zamok, &house.path("two.backup"), now);
    let newer = house.path("newer.db");
    drop(restore(sqlite(&newer), &file, now).unwrap());
    let zamok = open(&newer, now);
    let logs = zamok.journal(|journal| journal.former_logs()).unwrap();
    assert_eq!(logs.iter().map(|log| log.number).collect::<Vec<_>>(), [1, 2]);
    let keys = [1, 2].map(|number| zamok.vault().former_key(number).unwrap().to_string());
    assert_eq!(keys, [key.to_string(), second.to_string()]);
    zamok.journal(|journal| journal.prove_former(1, index)).unwrap().verify(&trust).unwrap();
    assert!(zamok.journal(|journal| journal.entry(signed.id)).unwrap().is_some());
    is_sound(&zamok);
}

#[test]
fn every_altered_missing_or_moved_leaf_of_a_former_log_is_named() {
    let house = House::new();
    let file = house.backup("one.backup");
    let now = house.clock.now();
    let new = house.path("new.db");
    drop(restore(sqlite(&new), &file, now).unwrap());
    let key = |index: u64| [&1_u32.to_be_bytes()[..], &index.to_be_bytes()].concat();
    for what in ["altered", "missing", "moved"] {
        let folder = tempfile::tempdir().unwrap();
        let copy = copied(&new, &folder.path().join("copy.db"));
        let file = rusqlite::Connection::open(&copy).unwrap();
        let value = |index| -> Vec<u8> {
            let select = "SELECT value FROM rows WHERE tbl = 29 AND key = ?1";
            file.query_row(select, [key(index)], |row| row.get(0)).unwrap()
        };
        let put = "UPDATE rows SET value = ?2 WHERE tbl = 29 AND key = ?1";
        let changed = match what {
            "altered" => {
                let mut bytes = value(5);
                bytes[90] ^= 1;
                file.execute(put, rusqlite::params![key(5), bytes])
            }
            "missing" => file.execute("DELETE FROM rows WHERE tbl = 29 AND key = ?1", [key(5)]),
            _ => file.execute(put, rusqlite::params![key(5), value(6)]),
        };
        assert_eq!(changed, Ok(1), "{what}");
        drop(file);
        let zamok = open(&copy, now);
        let report = zamok.audit_rows().unwrap();
        assert!(!report.is_clean(), "{what}");
        let read = zamok.journal(|journal| journal.former_range(1, 0..10));
        assert_eq!(read, Err(Error::Core(CoreError::Refused)), "{what}");
        let proved = zamok.journal(|journal| journal.prove_former(1, 3));
        assert_eq!(proved.err(), Some(Error::Core(CoreError::Refused)), "{what}");
    }
}

#[test]
fn an_erased_account_leaves_no_words_in_former_logs_and_its_leaves_still_prove() {
    let house = House::new();
    let key = house.zamok.vault().log_key().unwrap();
    let file = house.backup("one.backup");
    let now = house.clock.now();
    let new = house.path("new.db");
    drop(restore(sqlite(&new), &file, now).unwrap());
    let zamok = open(&new, now);
    let own = zamok.history_of("ivan", 500, None).unwrap().entries;
    let of_others = zamok.history_of("olga", 500, None).unwrap().entries.len();
    let before = count(&**zamok.vault().store(), FORMER_DETAILS);
    let subject = zamok.erase_account("ivan", "asked for it").unwrap();
    let store = zamok.vault().store().clone();
    let told = own
        .iter()
        .filter(|entry| matches!(entry.status, Status::Former { .. }) && entry.leaf.detail.is_some());
    assert_eq!(before - count(&*store, FORMER_DETAILS), told.count(), "his words are gone, nobody else's");
    let listed = store.scan(FORMER_SUBJECTS, &Range::prefix(&subject.0), 10, None).unwrap().rows;
    assert!(listed.is_empty());
    assert!(zamok.journal(|journal| journal.entries_of(subject, 10, None)).unwrap().entries.is_empty());
    assert_eq!(zamok.history_of("olga", 500, None).unwrap().entries.len(), of_others);
    let one = own.iter().find(|entry| entry.leaf.kind == EventKind::SignatureMade).unwrap();
    let Status::Former { log, index } = one.status else { panic!("{:?}", one.status) };
    let proof = zamok.journal(|journal| journal.prove_former(log, index)).unwrap();
    proof.verify(&TrustPolicy::log(key)).unwrap();
    let left = zamok.journal(|journal| journal.entry(one.id)).unwrap().expect("the leaf stays");
    assert_eq!(left.detail, Telling::Erased);
    is_sound(&zamok);
}

#[test]
fn after_a_move_what_former_logs_tell_in_words_goes_with_its_age() {
    let house = House::new();
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let moved =
        Vault::relocate(sqlite(&old), sqlite(&new), "new.db", &passphrase(), options(now), &mut |_| {});
    drop(moved.unwrap());
    let mut policy = Policy::strict();
    policy.journal.details = 86_400;
    let left = |later: u64| {
        let zamok = open(&new, UnixTime(now.0 + later)).with_policy(policy.clone());
        while zamok.sweep_journal().unwrap().more {}
        is_sound(&zamok);
        count(&**zamok.vault().store(), FORMER_DETAILS)
    };
    let kept = left(0);
    assert!(kept > 40, "{kept}");
    assert_eq!(left(2 * 86_400), 0);
}

#[test]
fn a_store_that_was_left_stays_closed_when_the_row_that_says_so_is_deleted() {
    let house = House::new();
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let delete = |path: &Path| {
        let store = rusqlite::Connection::open(path).unwrap();
        assert_eq!(store.execute("DELETE FROM rows WHERE tbl = 15", []), Ok(1));
    };
    let refused = |path: &Path| {
        let opened = Zamok::open_in(sqlite(path), &passphrase(), options(now));
        assert_eq!(opened.err(), Some(Error::Core(CoreError::Refused)), "{}", path.display());
    };
    // Every vault has the row, so that its absence says nothing good of any.
    let stays = copied(&old, &folder.path().join("stays.db"));
    delete(&stays);
    refused(&stays);
    let moved =
        Vault::relocate(sqlite(&old), sqlite(&new), "new.db", &passphrase(), options(now), &mut |_| {});
    drop(moved.unwrap());
    delete(&old);
    refused(&old);
}
