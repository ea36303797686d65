//! New index keys for old (`CRYPTO.md` §6): whatever was entered is found before, during and after, by processes that know the new
//! key and by those that do not yet; no name is given twice; ended at any point it is begun again.
#![allow(missing_docs, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use zamok::keys::{self, KeyKind, Purpose, Template, finding};
use zamok::store::{Range, Store, Table};
use zamok::{
    Argon2Cost, CoreError, Error, Family, ManualClock, Options, Passphrase, Password, Policy, Reindexed,
    Role, Settings, StoreUrl, UnixTime, Vault, Zamok, reindex,
};
use zamok_core::vault::rotation::SETTLED_AFTER;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const NOON: u64 = 1_800_000_000;
const LOGINS: [&str; 8] = ["anna", "boris", "clara", "daria", "egor", "fedor", "galina", "hanna"];
const INDEXES: [Table; 3] = [Table(5), Table(33), Table(40)];

fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

fn password() -> Password {
    Password::new("correct horse battery")
}

fn options(clock: &ManualClock) -> Options {
    Options { clock: Arc::new(clock.clone()), cost: CHEAP, idle: None, ..Options::default() }
}

struct House {
    folder: tempfile::TempDir,
    clock: ManualClock,
    zamok: Zamok,
    officer: Vault,
}

fn policy() -> Policy {
    let mut policy = Policy::strict();
    policy.password.cost = CHEAP;
    policy
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(UnixTime(NOON));
        let store = store(&folder.path().join("vault.db"));
        let settings = Settings::new("Bank").with_policy(policy()).with_options(options(&clock));
        let zamok = Zamok::create_in(store.clone(), &passphrase(), settings).unwrap();
        for login in LOGINS {
            zamok.register(login, &password()).unwrap();
            zamok.vouch_contact(login, &format!("{login}@bank.example"), "in person").unwrap();
        }
        make_key(&zamok, "a label");
        let officer = Vault::unlock_as(Role::Officer, store, &passphrase(), options(&clock)).unwrap();
        Self { folder, clock, zamok, officer }
    }

    /// Another process, as it were, whose keys are those of now.
    fn another(&self) -> Zamok {
        Zamok::open_in(store(&self.folder.path().join("vault.db")), &passphrase(), options(&self.clock))
            .unwrap()
    }
}

fn store(path: &Path) -> Arc<dyn Store> {
    StoreUrl::Sqlite(path.into()).create().unwrap()
}

fn make_key(zamok: &Zamok, label: &str) {
    let template = Template::new(KeyKind::Ed25519, Purpose::Document).named(label, None);
    zamok.vault().transact(|tx| keys::generate(tx, &template).map(|_| ())).unwrap();
}

fn everything_is_found(zamok: &Zamok, when: &str) {
    for login in LOGINS {
        let account =
            zamok.account_by_login(login).unwrap_or_else(|error| panic!("{when}: {login}: {error}"));
        let by_mail = zamok.account_by_contact(&format!("{login}@bank.example")).unwrap();
        assert_eq!(account.id, by_mail.id, "{when}");
        let taken = zamok.register(login, &password());
        assert_eq!(taken.err(), Some(Error::LoginTaken), "{when}");
        let taken = zamok.vouch_contact("anna", &format!("{login}@bank.example"), "in person");
        assert!(login == "anna" || taken == Err(Error::ContactTaken), "{when}: {taken:?}");
    }
    let found = zamok.vault().transact(|tx| finding::by_label(tx, "a label", 10)).unwrap();
    assert_eq!(found.len(), 1, "{when}");
    let report = zamok.audit_rows().unwrap();
    assert!(report.is_clean(), "{when}: {:?}", report.findings);
    let indexes = zamok.audit_indexes(10).unwrap();
    assert!(indexes.is_empty(), "{when}: {indexes:?}");
}

/// Rows of the indexes in which something stands.
fn entered(zamok: &Zamok) -> Vec<Vec<u8>> {
    let store = zamok.vault().store();
    let mut keys = Vec::new();
    for table in INDEXES {
        for (key, row) in store.scan(table, &Range::all(), usize::MAX, None).unwrap().rows {
            let key = zamok::store::RowKey::new(table, key);
            let stands = table == INDEXES[0]
                || !zamok.vault().read(|_, keyring| Ok(keyring.verify(&key, &row)?.is_empty())).unwrap();
            keys.extend(stands.then_some(key.key));
        }
    }
    keys
}

fn moved(vault: &Vault) -> Reindexed {
    reindex(vault, &[], &mut |_| {}).unwrap()
}

#[test]
fn everything_is_found_before_during_and_after_and_the_old_key_ends() {
    let house = House::new();
    let before = entered(&house.zamok);
    everything_is_found(&house.zamok, "before");
    let id = house.officer.rotate(Family::Index).unwrap();
    assert_eq!(id.0, 2);
    // Two epochs at a time.
    assert_eq!(house.officer.rotate(Family::Index), Err(CoreError::DataKeyInUse(1)));
    let fresh = house.another();
    // This handle has not learned of the new key; that one has.
    for (zamok, who) in [(&house.zamok, "who does not know"), (&fresh, "who knows")] {
        everything_is_found(zamok, who);
    }
    let first = moved(&house.officer);
    assert!(first.moved >= before.len() as u64 && first.retired.is_empty(), "{first:?}");
    assert_eq!(first.kept.first().map(|kept| kept.1), Some(UnixTime(NOON + SETTLED_AFTER)));
    everything_is_found(&house.zamok, "moved, who does not know");
    everything_is_found(&fresh, "moved");
    assert_eq!(entered(&fresh).len(), 2 * before.len(), "found under both");
    house.clock.advance(SETTLED_AFTER);
    let second = moved(&house.officer);
    assert_eq!(second.retired.iter().map(|id| id.0).collect::<Vec<_>>(), [1], "{second:?}");
    everything_is_found(&house.zamok, "after, a handle from before");
    everything_is_found(&house.another(), "after");
    let after = entered(&house.zamok);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|key| !before.contains(key)), "nothing stands under the old key");
    // And once more.
    assert_eq!(house.officer.rotate(Family::Index).map(|id| id.0), Ok(3));
}

#[test]
fn a_name_is_given_once_to_whoever_knows_the_new_key_and_to_whoever_does_not() {
    let house = House::new();
    house.officer.rotate(Family::Index).unwrap();
    let fresh = house.another();
    // `house.zamok` still has the old key alone, and has a minute to learn of the new one.
    house.zamok.register("igor", &password()).unwrap();
    assert_eq!(fresh.register("igor", &password()).err(), Some(Error::LoginTaken));
    fresh.register("julia", &password()).unwrap();
    assert_eq!(house.zamok.register("julia", &password()).err(), Some(Error::LoginTaken));
    assert!(house.zamok.account_by_login("julia").is_ok() && fresh.account_by_login("igor").is_ok());
    moved(&house.officer);
    house.clock.advance(SETTLED_AFTER);
    assert_eq!(moved(&house.officer).retired.len(), 1);
    for zamok in [&house.zamok, &fresh, &house.another()] {
        for login in ["igor", "julia"] {
            assert!(zamok.account_by_login(login).is_ok());
            assert_eq!(zamok.register(login, &password()).err(), Some(Error::LoginTaken));
        }
    }
    // A name that is given up is given up under both.
    house.officer.rotate(Family::Index).unwrap();
    let fresh = house.another();
    moved(&house.officer);
    fresh.erase_account("igor", "asked for it").unwrap();
    house.zamok.register("igor", &password()).unwrap();
    everything_is_found(&house.zamok, "a name came back");
}

#[test]
fn logins_and_registrations_go_on_while_indexes_move() {
    let house = House::new();
    house.officer.rotate(Family::Index).unwrap();
    let fresh = house.another();
    std::thread::scope(|scope| {
        let moving = scope.spawn(|| {
            for _ in 0..3 {
                moved(&house.officer);
            }
        });
        for number in 0..20 {
            for (zamok, name) in [(&house.zamok, "old"), (&fresh, "new")] {
                let login = format!("{name}{number}person");
                zamok.register(&login, &password()).unwrap();
                for reader in [&house.zamok, &fresh] {
                    assert!(reader.account_by_login(&login).is_ok(), "{login}");
                    assert!(reader.account_by_login(LOGINS[number % LOGINS.len()]).is_ok());
                }
            }
        }
        moving.join().unwrap();
    });
    house.clock.advance(SETTLED_AFTER);
    assert_eq!(moved(&house.officer).retired.len(), 1);
    everything_is_found(&house.another(), "after");
    for number in 0..20 {
        for name in ["old", "new"] {
            assert!(fresh.account_by_login(&format!("{name}{number}person")).is_ok());
        }
    }
}

#[test]
fn a_process_that_moves_indexes() {
    let Ok(path) = std::env::var("ZAMOK_REINDEX_STORE") else { return };
    let now = std::env::var("ZAMOK_REINDEX_NOW").unwrap().parse().unwrap();
    let clock = ManualClock::new(UnixTime(now));
    let store = store(&PathBuf::from(path));
    let options = Options {
        unlock: zamok::UnlockPolicy { attempt: 0, free: 1000, ..Options::default().unlock },
        officer: zamok::UnlockPolicy { attempt: 0, free: 1000, ..Options::default().officer },
        ..options(&clock)
    };
    let officer = Vault::unlock_as(Role::Officer, store, &passphrase(), options).unwrap();
    moved(&officer);
}

#[test]
fn a_process_killed_while_it_moves_indexes_loses_no_name_and_is_begun_again() {
    let House { folder, clock, zamok, officer } = House::new();
    officer.rotate(Family::Index).unwrap();
    drop((zamok, officer));
    let path = folder.path().join("vault.db");
    let mut kills = 0;
    for now in [NOON, NOON + SETTLED_AFTER] {
        for round in 0.. {
            let point = ["before-commit", "after-commit", "between-writes"][round % 3];
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "a_process_that_moves_indexes"]);
            child.env("ZAMOK_REINDEX_STORE", &path).env("ZAMOK_REINDEX_NOW", now.to_string());
            child.env("ZAMOK_FAILPOINT", format!("{point}:{}", 3 + round));
            let output = child.output().unwrap();
            clock.set(UnixTime(now));
            let zamok = Zamok::open_in(store(&path), &passphrase(), options(&clock)).unwrap();
            for login in LOGINS {
                assert!(zamok.account_by_login(login).is_ok(), "{point}: {login}");
            }
            assert!(zamok.audit_indexes(10).unwrap().is_empty());
            if output.status.success() {
                break;
            }
            assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stdout));
            kills += 1;
            assert!(kills < 100, "it never comes to its end");
        }
    }
    println!("{kills} kills");
    assert!(kills >= 4, "{kills}");
    let zamok = Zamok::open_in(store(&path), &passphrase(), options(&clock)).unwrap();
    everything_is_found(&zamok, "after all kills");
}

#[test]
fn a_key_that_is_made_while_indexes_move_is_found_also_by_whoever_does_not_know_the_new_one() {
    let house = House::new();
    house.officer.rotate(Family::Index).unwrap();
    let fresh = house.another();
    make_key(&fresh, "made meanwhile");
    for zamok in [&fresh, &house.zamok] {
        let found = zamok.vault().transact(|tx| finding::by_label(tx, "made meanwhile", 10)).unwrap();
        assert_eq!(found.len(), 1);
    }
}
