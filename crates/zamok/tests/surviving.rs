//! Journals that survived the loss of a store: what they tell is done again, and what was spent stays spent (`CRYPTO.md` §5).
#![allow(missing_docs, clippy::print_stdout)]

mod house;

use std::fs::{self};
use std::path::Path;
use std::sync::Arc;

use zamok::account::AccountState;
use zamok::backup::JournalEnd;
use zamok::event::EventKind;
use zamok::guessing::SpendPolicy;
use zamok::journal::Anchor;
use zamok::keys::questions::{self, Answer, Inputs, Matter};
use zamok::otp::{Digits, Hotp, Ocra, OcraChallenge, OcraInput, OcraSuite, OtpUri, Window};
use zamok::protocols::request::{Clients, NewClientKey};
use zamok::{Clock, CoreError, Error, FileAnchor, Passphrase, Policy, Role, Vault};
use zamok_core::hash::HashAlgorithm;
use zamok_core::mechanism::Mechanism;
use zamok_core::secret::Secret;
use zamok_core::store::{Range, Row, RowKey, Table};
use zamok_core::vault::keys::{KeyKind, Purpose, Template, Usage, Usages};
use zamok_core::vault::one_time::{self, ImportedParameters, MovingFactor, OtpParameters};
use zamok_core::vault::versions::{self, RotationPolicy};
use zamok_core::vault::{Flag, Flags, KeyState, keys, signing, spend, wrapping};
use zamok_store_conformance::Hooked;

use house::*;

#[test]
fn a_journal_that_survived_is_done_again_and_nothing_that_was_spent_comes_back() {
    let house = House::new();
    let file = house.backup("one.backup");
    let leaked = live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, token, recovery, .. } = house;
    drop(zamok);
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    // The auditor's secret is enough.
    let (restored, accounts) =
        restore_and_replay(sqlite(&new), &file, sqlite(&old), &auditor(), now).unwrap();
    let replayed = restored.replayed.clone().expect("there was a journal");
    assert!(replayed.is_whole && replayed.entries > 8, "{replayed:?}");
    assert_eq!((restored.consequences.suspended, replayed.counters >= 2), (0, true), "{replayed:?}");
    assert_eq!((accounts.erased, accounts.suspended), (1, 1), "{accounts:?}");
    assert!(accounts.lost.iter().any(|told| told.kind == EventKind::AccountRegistered), "{accounts:?}");
    assert!(replayed.keys >= 1 && replayed.until == now, "{replayed:?}");
    drop(restored);

    let zamok = open(&new, now);
    // What was spent is spent, what was not is not, without anybody's help.
    assert_eq!(takes(zamok.vault(), token, 7), Ok(false));
    assert_eq!(takes(zamok.vault(), token, 8), Ok(false));
    assert_eq!(takes(zamok.vault(), token, 9), Ok(true));
    let gone = zamok.account_by_login("olga");
    assert_eq!(gone.err(), Some(Error::Core(CoreError::Rejected)));
    assert_eq!(zamok.account_by_login("boris").unwrap().state, AccountState::Suspended);
    let state = zamok.vault().transact(|tx| keys::info(tx, leaked)).unwrap().state;
    assert_eq!(state, KeyState::Compromised);
    // Recovery codes of the backup are dead: any may have been used.
    let back = zamok.recover("ivan", &password(), &recovery);
    assert_eq!(back.err(), Some(Error::Core(CoreError::Rejected)));
    is_sound(&zamok);
    let told = zamok.journal(|journal| journal.range(0..u64::MAX)).unwrap();
    assert!(told.iter().any(|entry| entry.leaf.kind == EventKind::JournalReplayed));
}

#[test]
fn digits_that_were_accepted_before_the_last_counter_are_not_taken_where_they_come_again() {
    // Both show the same digits; with the first, the second was burned.
    const TWINS: [u64; 2] = [34_604, 34_613];
    assert_eq!(token_code(TWINS[0]), token_code(TWINS[1]));
    let house = House::new();
    let counter = ImportedParameters::Hotp { parameters: parameters_of_token(), counter: TWINS[0] };
    let secret = Secret::new(&SECRET).unwrap();
    let vault = house.zamok.vault();
    let token = vault.transact(|tx| one_time::import(tx, counter, &secret, "another", None)).unwrap();
    let file = house.backup("one.backup");
    for accepted in [TWINS[0], TWINS[0] + 2] {
        assert_eq!(takes(vault, token, accepted), Ok(true));
    }
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let (restored, _) = restore_and_replay(sqlite(&new), &file, sqlite(&old), &auditor(), now).unwrap();
    assert_eq!(takes(&restored.vault, token, TWINS[1]), Ok(false));
    assert_eq!(takes(&restored.vault, token, TWINS[1] + 1), Ok(true));
}

#[test]
fn questions_that_were_asked_after_the_backup_are_over_and_without_a_journal_their_key_is_suspended() {
    let house = House::new();
    let vault = house.zamok.vault();
    let (suite, secret) =
        (OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap(), Secret::new(&SECRET).unwrap());
    let device = Ocra::new(&secret, suite);
    let parameters = ImportedParameters::Ocra { suite, counter: 0 };
    let key = vault.transact(|tx| one_time::import(tx, parameters, &secret, "a device", None)).unwrap();
    let file = house.backup("one.backup");
    let ask = |vault: &Vault, shown| {
        let matter = Matter::Operation { digest: [7; 32], shown: Some(shown) };
        vault.transact(|tx| questions::ask(tx, key, matter, 60))
    };
    let question = ask(vault, "1234").unwrap();
    let response = device.response(&OcraInput::new(OcraChallenge::OneWay("1234"))).unwrap();
    let (window, look_ahead) = (Window::steps(1, 1).unwrap(), Window::look_ahead(10).unwrap());
    let throttle = Policy::strict().pin.throttle;
    let policy = SpendPolicy { window, drift_limit: 2, look_ahead, throttle };
    let answer = vault
        .transact(|tx| questions::answer(tx, question.id, response.as_str(), Inputs::default(), &policy))
        .unwrap();
    assert_eq!(answer, Answer::Accepted(Some([7; 32])));
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let old = sqlite(&folder.path().join("old.db"));
    let new = sqlite(&folder.path().join("new.db"));
    let (restored, _) = restore_and_replay(new, &file, old, &auditor(), now).unwrap();
    assert_eq!(restored.consequences.suspended, 0);
    assert_eq!(ask(&restored.vault, "1234").err(), Some(CoreError::Rejected));
    ask(&restored.vault, "1235").unwrap();
    let restored = restore(sqlite(&folder.path().join("other.db")), &file, now).unwrap();
    assert_eq!(restored.consequences.suspended, 2, "the token and the device");
    assert_eq!(ask(&restored.vault, "1235").err(), Some(CoreError::KeyState(KeyState::Suspended)));
}

#[test]
fn a_journal_with_gaps_is_done_again_as_far_as_it_goes_and_counter_tokens_are_suspended() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    house.zamok.vault().integrate().unwrap();
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    let size = zamok.journal(|journal| journal.head()).unwrap().unwrap().size;
    drop(zamok);
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let file_of_old = rusqlite::Connection::open(&old).unwrap();
    let lost = (size - 2).to_be_bytes();
    let gone = file_of_old.execute("DELETE FROM rows WHERE tbl = 19 AND key = ?1", [&lost[..]]);
    assert_eq!(gone, Ok(1));
    drop(file_of_old);
    let (restored, accounts) =
        restore_and_replay(sqlite(&new), &file, sqlite(&old), &passphrase(), now).unwrap();
    let replayed = restored.replayed.clone().unwrap();
    assert!(!replayed.is_whole, "{replayed:?}");
    assert_eq!((accounts.erased, restored.consequences.suspended), (1, 1), "{accounts:?}");
    assert!(matches!(takes(&restored.vault, token, 9), Err(CoreError::KeyState(KeyState::Suspended))));
}

#[test]
fn a_journal_in_which_one_leaf_covers_another_is_not_whole_and_counter_tokens_are_suspended() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    house.zamok.vault().integrate().unwrap();
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    let told = zamok.journal(|journal| journal.range(0..u64::MAX)).unwrap();
    drop(zamok);
    let accepted = told
        .iter()
        .position(|entry| entry.leaf.kind == EventKind::CodeAccepted && entry.leaf.row.key == token.0)
        .expect("its leaf");
    let old = folder.path().join("old.db");
    let next = accepted + 1;
    // One that the backup has, one that it has not, and two that change places.
    let changes = [vec![(accepted, 5)], vec![(accepted, next)], vec![(accepted, next), (next, accepted)]];
    for (number, changes) in changes.into_iter().enumerate() {
        let altered = copied(&old, &folder.path().join(format!("altered {number}.db")));
        let store = rusqlite::Connection::open(&altered).unwrap();
        store.execute("ATTACH ?1 AS old", [old.to_str().unwrap()]).unwrap();
        for (place, other) in &changes {
            let put = "UPDATE rows SET value = (SELECT value FROM old.rows WHERE tbl = 19 AND key = ?2)
                WHERE tbl = 19 AND key = ?1";
            let keys = [place, other].map(|index| u64::try_from(*index).unwrap().to_be_bytes());
            assert_eq!(store.execute(put, rusqlite::params![keys[0], keys[1]]), Ok(1));
        }
        drop(store);
        let new = sqlite(&folder.path().join(format!("new {number}.db")));
        let (restored, _) = restore_and_replay(new, &file, sqlite(&altered), &auditor(), now).unwrap();
        assert!(!restored.replayed.as_ref().unwrap().is_whole, "{changes:?}");
        assert_eq!(restored.consequences.suspended, 1, "{changes:?}");
        let taken = takes(&restored.vault, token, 8);
        assert!(matches!(taken, Err(CoreError::KeyState(KeyState::Suspended))), "{taken:?}");
    }
}

#[test]
fn a_waiting_entry_that_is_missing_or_stands_twice_shows() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    let waiting = zamok.vault().store().scan(Table(16), &Range::all(), 100, None).unwrap().rows;
    assert!(waiting.len() > 3, "{}", waiting.len());
    let whole = copied(&folder.path().join("old.db"), &folder.path().join("whole.db"));
    zamok.vault().integrate().unwrap();
    drop(zamok);
    let missing = copied(&whole, &folder.path().join("missing.db"));
    let store = rusqlite::Connection::open(&missing).unwrap();
    assert_eq!(store.execute("DELETE FROM rows WHERE tbl = 16 AND key = ?1", [&waiting[1].0]), Ok(1));
    drop(store);
    // Put back behind the integrator's back.
    let twice = copied(&folder.path().join("old.db"), &folder.path().join("twice.db"));
    let store = rusqlite::Connection::open(&twice).unwrap();
    store.execute("ATTACH ?1 AS whole", [whole.to_str().unwrap()]).unwrap();
    let put = "INSERT INTO rows SELECT * FROM whole.rows WHERE tbl = 16 AND key = ?1";
    assert_eq!(store.execute(put, [&waiting[1].0]), Ok(1));
    drop(store);
    for (journal, is_whole) in [(whole, true), (missing, false), (twice, false)] {
        let new = sqlite(&journal.with_extension("new"));
        let (restored, _) = restore_and_replay(new, &file, sqlite(&journal), &auditor(), now).unwrap();
        let replayed = restored.replayed.expect("there was a journal");
        assert_eq!(replayed.is_whole, is_whole, "{}", journal.display());
    }
}

#[test]
fn the_gravest_word_on_a_key_is_done_again_whoever_said_it_and_so_is_that_on_an_older_version() {
    let house = House::new();
    let old = house.path("old.db");
    let vault = house.zamok.vault();
    let other = Vault::unlock(sqlite(&old), &passphrase(), options(house.clock.now())).unwrap();
    let template = Template::new(KeyKind::Aes256, Purpose::Data).named("data", None);
    let make = || vault.transact(|tx| keys::generate(tx, &template)).unwrap();
    let rotate = |key| {
        let forever = RotationPolicy { accept: None };
        vault.transact(|tx| versions::rotate(tx, key, &forever, "due")).unwrap();
    };
    let [one, two, older, newest, unknown, again] = [(); 6].map(|()| make());
    [older, again].into_iter().for_each(rotate);
    let file = house.backup("one.backup");
    // Two processes in the same second: whose entries come first is chance.
    for (key, first, second) in [(one, &**vault, &other), (two, &other, &**vault)] {
        let change = |vault: &Vault, state| {
            vault.transact(|tx| keys::change_state(tx, key, state, "a test")).unwrap();
        };
        change(first, KeyState::Suspended);
        change(second, KeyState::Compromised);
    }
    [newest, unknown, unknown, again].into_iter().for_each(rotate);
    for (key, version) in [(older, 1), (newest, 1), (unknown, 2), (again, 2)] {
        let change = |tx: &mut zamok::keys::Transaction<'_>| {
            keys::change_version_state(tx, key, version, KeyState::Compromised, "a test")
        };
        vault.transact(change).unwrap();
    }
    let now = house.clock.now();
    drop(other);
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let new = sqlite(&folder.path().join("new.db"));
    let (restored, _) = restore_and_replay(new, &file, sqlite(&old), &auditor(), now).unwrap();
    let list = |key| {
        let states = restored.vault.transact(|tx| versions::list(tx, key)).unwrap();
        states.into_iter().map(|info| info.state).collect::<Vec<_>>()
    };
    for key in [one, two] {
        assert_eq!(list(key), [KeyState::Compromised]);
    }
    assert_eq!(list(older), [KeyState::Active, KeyState::Compromised]);
    // Its next version came after the backup and is lost.
    assert_eq!(list(newest), [KeyState::Compromised]);
    assert_eq!(list(unknown), [KeyState::Active]);
    // Where there are older ones, they do not end with it.
    assert_eq!(list(again), [KeyState::Active, KeyState::Compromised, KeyState::Deactivated]);
    let lost = restored.replayed.as_ref().unwrap().lost.iter();
    let lost = lost.filter(|told| told.kind == EventKind::KeyCompromised).collect::<Vec<_>>();
    assert!(matches!(lost[..], [told] if told.row.key.starts_with(&unknown.0)), "{lost:?}");
}

#[test]
fn the_journal_of_another_vault_or_of_an_older_copy_restores_nothing() {
    let house = House::new();
    let old = house.path("old.db");
    let now = house.clock.now();
    // As a copy of the disk has it, before more came.
    let earlier = copied(&old, &house.path("earlier.db"));
    for number in 0..5_u16 {
        let _ = house.zamok.sign(&house.session, &number.to_be_bytes(), "later.txt").unwrap();
    }
    house.zamok.vault().checkpoint().unwrap();
    let file = house.backup("one.backup");
    let refused = |journal: &Path, secret: &Passphrase| {
        let new = house.path("refused.db");
        let _ = fs::remove_file(&new);
        let target = sqlite(&new);
        let error = restore_and_replay(target.clone(), &file, sqlite(journal), secret, now).err();
        assert_eq!(count(&*target, Table(1)), 0, "nothing was written");
        error.expect("a refusal")
    };
    assert!(matches!(refused(&earlier, &passphrase()), CoreError::LogBehind { .. }));
    assert_eq!(refused(&old, &Passphrase::from("a wrong one")), CoreError::Rejected);
    let other = House::new();
    assert_eq!(refused(&other.path("old.db"), &passphrase()), CoreError::LogForked);
}

#[test]
fn a_journal_whose_end_nobody_vouches_for_leaves_counter_tokens_suspended_and_its_anchor_tells_of_a_cut() {
    let house = House::new();
    let file = house.backup("one.backup");
    // As the disk was when the backup was made: an honest journal, and nothing in it that came later.
    let cut = copied(&house.path("old.db"), &house.path("cut.db"));
    live_on(&house);
    let anchor = FileAnchor::create(house.path("anchor")).unwrap();
    anchor.keep(&house.zamok.vault().checkpoint().unwrap()).unwrap();
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let old = folder.path().join("old.db");
    let anchored = |path: &str| JournalEnd::Anchored(Arc::new(FileAnchor::at(folder.path().join(path))));
    let mut stores = 0;
    let mut from = |journal: &Path, end| {
        stores += 1;
        let new = sqlite(&folder.path().join(format!("new {stores}.db")));
        restore_to(new, &file, sqlite(journal), &auditor(), end, now).map(|(restored, _)| restored)
    };
    for journal in [&cut, &old] {
        let restored = from(journal, JournalEnd::Unknown).unwrap();
        let replayed = restored.replayed.as_ref().unwrap();
        assert_eq!((replayed.is_whole, replayed.is_vouched), (true, false));
        assert_eq!(restored.consequences.suspended, 1);
        let taken = takes(&restored.vault, token, 8);
        assert_eq!(taken, Err(CoreError::KeyState(KeyState::Suspended)));
    }
    assert!(matches!(from(&cut, anchored("anchor")).err(), Some(CoreError::LogBehind { .. })));
    let restored = from(&old, anchored("anchor")).unwrap();
    assert!(restored.replayed.as_ref().unwrap().is_vouched);
    assert_eq!((restored.consequences.suspended, takes(&restored.vault, token, 8)), (0, Ok(false)));
    // One that knows nothing vouches for nothing.
    drop(FileAnchor::create(folder.path().join("blank")).unwrap());
    let restored = from(&old, anchored("blank")).unwrap();
    assert_eq!((restored.replayed.unwrap().is_vouched, restored.consequences.suspended), (false, 1));
}

#[test]
fn a_key_that_was_not_in_use_yet_is_not_shown_a_second_time_and_not_activated_by_a_code_that_was_used() {
    let house = House::new();
    let vault = house.zamok.vault().clone();
    let generate = |factor, label: &str| {
        let parameters = OtpParameters { factor, algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
        vault.transact(|tx| one_time::generate(tx, parameters, label, None)).unwrap()
    };
    let provision = |vault: &Vault, key| {
        vault.transact(|tx| one_time::provision(tx, key, "Bank", "anna")).map(|uri| uri.as_str().to_owned())
    };
    let counter = generate(MovingFactor::Counter(0), "counter");
    let shown = generate(MovingFactor::Counter(0), "shown");
    let clock = generate(MovingFactor::Time { period: 30 }, "clock");
    let fresh = generate(MovingFactor::Counter(0), "fresh");
    let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08-T1M").unwrap();
    let secret = Secret::new(&SECRET).unwrap();
    let parameters = ImportedParameters::Ocra { suite, counter: 0 };
    let ocra = vault.transact(|tx| one_time::import(tx, parameters, &secret, "a device", None)).unwrap();
    let file = house.backup("one.backup");
    let uri = OtpUri::parse(&provision(&vault, counter).unwrap()).unwrap();
    let own = Hotp::new(uri.secret(), parameters_of_token());
    let activate = |vault: &Vault, counter_of: u64| {
        let (window, look_ahead) = (Window::steps(1, 1).unwrap(), Window::look_ahead(10).unwrap());
        let policy =
            SpendPolicy { window, drift_limit: 2, look_ahead, throttle: Policy::strict().pin.throttle };
        let code = own.code(counter_of).to_string();
        vault.transact(|tx| spend::activate(tx, counter, &code, &policy))
    };
    assert!(matches!(activate(&vault, 0), Ok(zamok::otp::Verdict::Accepted { .. })));
    for key in [shown, clock] {
        provision(&vault, key).unwrap();
    }
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop((zamok, vault));
    let old = sqlite(&folder.path().join("old.db"));
    let state = |vault: &Vault, key| vault.transact(|tx| keys::info(tx, key)).unwrap().state;
    let aside = CoreError::KeyState(KeyState::Suspended);

    let restored = restore(sqlite(&folder.path().join("alone.db")), &file, now).unwrap();
    let vault = &restored.vault;
    assert_eq!((restored.consequences.suspended, restored.consequences.fenced), (4, 3));
    for key in [counter, shown, fresh] {
        assert_eq!(provision(vault, key).err(), Some(aside));
        let resumed = vault.transact(|tx| spend::resume(tx, key, "a test"));
        assert_eq!(resumed, Err(aside), "it was never active");
    }
    assert_eq!(activate(vault, 0).err(), Some(aside), "its code was used");
    assert_eq!(provision(vault, clock).err(), Some(CoreError::KeyUsage));
    // The response of now may have been given before the loss.
    let policy = SpendPolicy {
        window: Window::steps(1, 1).unwrap(),
        drift_limit: 2,
        look_ahead: Window::look_ahead(10).unwrap(),
        throttle: Policy::strict().pin.throttle,
    };
    let answered = |vault: &Vault| {
        let question = vault.transact(|tx| questions::ask(tx, ocra, Matter::Presence, 60)).unwrap();
        let time = OcraInput { time: Some(now), ..OcraInput::new(OcraChallenge::OneWay(&question.text)) };
        let response = Ocra::new(&secret, suite).response(&time).unwrap();
        let inputs = Inputs::default();
        vault.transact(|tx| questions::answer(tx, question.id, response.as_str(), inputs, &policy)).unwrap()
    };
    assert_eq!(answered(vault), Answer::Rejected);

    let (restored, _) =
        restore_and_replay(sqlite(&folder.path().join("told.db")), &file, old, &auditor(), now).unwrap();
    let vault = &restored.vault;
    assert_eq!(restored.consequences.suspended, 0);
    assert_eq!((state(vault, counter), activate(vault, 0).err()), (KeyState::Suspended, Some(aside)));
    for key in [shown, clock] {
        assert_eq!(provision(vault, key).err(), Some(CoreError::KeyUsage));
    }
    let lost = &restored.replayed.as_ref().unwrap().lost;
    let lost: Vec<_> = lost.iter().filter(|told| told.kind == EventKind::KeyActivated).collect();
    assert!(matches!(lost[..], [told] if told.row.key == counter.0), "{lost:?}");
    provision(vault, fresh).unwrap();
}

#[test]
fn a_key_that_left_after_the_backup_comes_back_and_does_not_claim_that_it_was_never_out() {
    let house = House::new();
    let vault = house.zamok.vault();
    let wrapping = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    let by = vault.transact(|tx| keys::generate(tx, &wrapping)).unwrap();
    let officer =
        Vault::unlock_as(Role::Officer, vault.store().clone(), &passphrase(), options(NOON)).unwrap();
    officer.transact(|tx| keys::trust(tx, by, "ceremony")).unwrap();
    drop(officer);
    let mut leaving = Template::new(KeyKind::Aes256, Purpose::Data);
    leaving.flags = leaving.flags.or(Flags::of(&[Flag::Wrappable]));
    let [key, destroyed] = [(); 2].map(|()| vault.transact(|tx| keys::generate(tx, &leaving)).unwrap());
    let file = house.backup("one.backup");
    let wrap = |key| vault.transact(|tx| wrapping::wrap(tx, by, key, Mechanism::AesKeyWrap)).unwrap();
    let bytes = [wrap(key), wrap(destroyed)];
    for state in [KeyState::Deactivated, KeyState::Destroyed] {
        vault.transact(|tx| keys::change_state(tx, destroyed, state, "it has left")).unwrap();
    }
    // One that nobody knows any more.
    let later = vault.transact(|tx| keys::generate(tx, &leaving)).unwrap();
    wrap(later);
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let old = sqlite(&folder.path().join("old.db"));
    let new = sqlite(&folder.path().join("new.db"));
    let (restored, _) = restore_and_replay(new, &file, old, &auditor(), now).unwrap();
    let vault = &restored.vault;
    let info = vault.transact(|tx| keys::info(tx, key)).unwrap();
    assert!(!info.flags.contains(Flag::NeverExtracted));
    let template = Template::new(KeyKind::Aes256, Purpose::Data);
    for (bytes, state) in bytes.iter().zip([KeyState::Active, KeyState::Deactivated]) {
        let back = vault.transact(|tx| wrapping::unwrap_bare(tx, by, bytes, &template)).unwrap();
        assert_eq!(vault.transact(|tx| keys::info(tx, back)).unwrap().state, state);
    }
    let lost = &restored.replayed.as_ref().unwrap().lost;
    assert!(!lost.iter().any(|told| told.kind == EventKind::KeyWrapped), "{lost:?}");
}

#[test]
fn a_key_that_was_deactivated_or_destroyed_after_the_backup_does_not_come_back_into_use() {
    let house = House::new();
    let vault = house.zamok.vault();
    let template = Template::new(KeyKind::Aes256, Purpose::Data);
    let [ended, destroyed] = [(); 2].map(|()| vault.transact(|tx| keys::generate(tx, &template)).unwrap());
    let file = house.backup("one.backup");
    for (key, state) in
        [(ended, KeyState::Deactivated), (destroyed, KeyState::Deactivated), (destroyed, KeyState::Destroyed)]
    {
        vault.transact(|tx| keys::change_state(tx, key, state, "it is over")).unwrap();
    }
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let old = sqlite(&folder.path().join("old.db"));
    let new = sqlite(&folder.path().join("new.db"));
    let (restored, _) = restore_and_replay(new, &file, old, &auditor(), now).unwrap();
    let state = |key| restored.vault.transact(|tx| keys::info(tx, key)).unwrap().state;
    assert_eq!([state(ended), state(destroyed)], [KeyState::Deactivated, KeyState::Destroyed]);
}

/// A key that computes codes, as a token does.
fn stand_in(vault: &Vault, secret: &Secret) -> zamok_core::vault::KeyId {
    let kind = KeyKind::Hotp { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
    let mut template = Template::new(kind, Purpose::OneTimeCode).named("a stand-in", None);
    template.usages = Usages::of(&[Usage::GenerateCode]);
    let parameters = ImportedParameters::Hotp { parameters: parameters_of_token(), counter: 0 };
    vault.transact(|tx| one_time::import_from(tx, parameters, secret, &template)).unwrap()
}

#[test]
fn codes_that_were_computed_after_the_backup_are_not_computed_again() {
    let house = House::new();
    let vault = house.zamok.vault();
    let secret = Secret::new(&[0x32; 20]).unwrap();
    let key = stand_in(vault, &secret);
    let file = house.backup("one.backup");
    let next = |vault: &Vault| vault.transact(|tx| spend::generate_code(tx, key)).unwrap().to_string();
    let code = |counter| Hotp::new(&secret, parameters_of_token()).code(counter).to_string();
    for counter in 0..3 {
        assert_eq!(next(vault), code(counter));
    }
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let old = sqlite(&folder.path().join("old.db"));
    let new = sqlite(&folder.path().join("new.db"));
    let (restored, _) = restore_and_replay(new, &file, old, &auditor(), now).unwrap();
    assert_eq!(next(&restored.vault), code(3));
}

#[test]
fn a_key_of_which_the_journal_does_not_say_any_more_what_it_computed_is_put_aside() {
    let house = House::new();
    let vault = house.zamok.vault();
    let key = stand_in(vault, &Secret::new(&[0x32; 20]).unwrap());
    let file = house.backup("one.backup");
    vault.transact(|tx| spend::generate_code(tx, key)).map(drop).unwrap();
    vault.integrate().unwrap();
    let now = house.clock.now();
    while vault.transact(|tx| zamok_journal::expire_details(tx, now.plus(1), 200)).unwrap().more {}
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let old = sqlite(&folder.path().join("old.db"));
    let new = sqlite(&folder.path().join("new.db"));
    let (restored, _) = restore_and_replay(new, &file, old, &auditor(), now).unwrap();
    let state = restored.vault.transact(|tx| keys::info(tx, key)).unwrap().state;
    assert_eq!(state, KeyState::Suspended);
}

#[test]
fn the_journal_of_a_store_that_the_vault_has_left_does_not_tell_what_was_spent_in_the_next_one() {
    let house = House::new();
    let file = house.backup("one.backup");
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let [old, next, new] = ["old.db", "next.db", "new.db"].map(|name| folder.path().join(name));
    let moved =
        Vault::relocate(sqlite(&old), sqlite(&next), "next.db", &passphrase(), options(now), &mut |_| {});
    let moved = moved.unwrap();
    assert_eq!(takes(&moved.vault, token, 7), Ok(true));
    drop(moved);
    let (restored, _) = restore_and_replay(sqlite(&new), &file, sqlite(&old), &auditor(), now).unwrap();
    assert!(!restored.replayed.as_ref().unwrap().is_vouched);
    assert_eq!(restored.consequences.suspended, 1);
    assert_eq!(takes(&restored.vault, token, 7), Err(CoreError::KeyState(KeyState::Suspended)));
}

#[test]
fn a_key_of_a_client_that_was_revoked_after_the_backup_counts_no_more() {
    let house = House::new();
    let pem = house.zamok.vault().transact(|tx| {
        let key = signing::generate(tx, KeyKind::P256, Purpose::Request, "a laptop", None)?;
        signing::spki_pem(tx, key)
    });
    let new_key = pem.unwrap();
    let clients = Clients::new(&house.zamok);
    let id = clients.add("ivan", &NewClientKey::PublicKeyPem(&new_key), None, "a laptop").unwrap().id;
    let file = house.backup("one.backup");
    clients.revoke(id, "stolen").unwrap();
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let (restored, accounts) =
        restore_and_replay(sqlite(&new), &file, sqlite(&old), &auditor(), now).unwrap();
    drop(restored);
    assert!(Clients::new(&open(&new, now)).list("ivan").unwrap()[0].revoked);
    assert!(!accounts.lost.iter().any(|told| told.kind == EventKind::ClientKeyRevoked), "{accounts:?}");
}

#[test]
fn what_was_confirmed_before_a_backup_is_not_executed_after_its_restore() {
    let house = House::new();
    let template = zamok::Template {
        name: "payment".into(),
        version: 1,
        language: "en".into(),
        text: "Pay {sum}.".into(),
    };
    let content = zamok::Content::new(template, [("sum".into(), zamok::Value::Number(1))]).unwrap();
    let confirmed = || {
        house.clock.advance(30);
        let id = zamok::OperationId(house.zamok.request_id().unwrap().0);
        house.zamok.propose(&house.session, id, &content).unwrap();
        let challenge = house.zamok.begin_confirmation(&house.session, id, None).unwrap();
        let (code, request) = (code(&house.phone, house.clock.now()), house.zamok.request_id().unwrap());
        house.zamok.confirm(&house.session, &challenge, &code, request).unwrap();
        id
    };
    let [executed, cancelled] = [confirmed(), confirmed()];
    let file = house.backup("one.backup");
    house.zamok.execute(executed, |_, _| Ok(Vec::new())).unwrap();
    house.zamok.cancel_operation(&house.session, cancelled).unwrap();
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let [old, told, untold] = ["old.db", "told.db", "untold.db"].map(|name| folder.path().join(name));
    drop(restore_and_replay(sqlite(&told), &file, sqlite(&old), &auditor(), now).unwrap());
    drop(restore(sqlite(&untold), &file, now).unwrap());
    for place in [&told, &untold] {
        let zamok = open(place, now);
        for id in [executed, cancelled] {
            let again = zamok.execute(id, |_, _| panic!("executed once more"));
            assert_eq!(again, Err(Error::OperationOver));
        }
    }
}

#[test]
fn a_keeper_that_still_runs_hides_nothing_of_a_surviving_journal() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    let keeper = house.zamok.vault().clone();
    // It integrates just before somebody looks at what waits.
    let old = Hooked::over(keeper.store().clone()).on_scan(move |store, table, range, limit, after| {
        if table == Table(16) {
            keeper.integrate().unwrap();
        }
        store.scan(table, range, limit, after)
    });
    let new = sqlite(&house.path("new.db"));
    let now = house.clock.now();
    let (restored, accounts) = restore_and_replay(new, &file, Arc::new(old), &auditor(), now).unwrap();
    assert!(restored.replayed.unwrap().is_whole);
    assert_eq!(accounts.suspended, 1, "{accounts:?}");
}

#[test]
fn of_an_account_that_was_erased_after_the_backup_no_word_is_left_at_its_clients_keys() {
    const KEYS: Table = Table(57);
    let house = House::new();
    let clients = Clients::new(&house.zamok);
    let add = |label: &str| {
        let pem = house.zamok.vault().transact(|tx| {
            let key = signing::generate(tx, KeyKind::P256, Purpose::Request, "", None)?;
            signing::spki_pem(tx, key)
        });
        clients.add("ivan", &NewClientKey::PublicKeyPem(&pem.unwrap()), None, label).unwrap().id
    };
    let (laptop, _phone) = (add("Ivan's laptop"), add("Ivan's phone"));
    clients.revoke(laptop, "stolen").unwrap();
    let file = house.backup("one.backup");
    house.zamok.erase_account("ivan", "asked for it").unwrap();
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let (restored, accounts) =
        restore_and_replay(sqlite(&new), &file, sqlite(&old), &auditor(), now).unwrap();
    assert_eq!(accounts.erased, 1, "{accounts:?}");
    let bodies = restored.vault.read(|store, keyring| {
        let rows = store.scan(KEYS, &Range::all(), 10, None)?.rows;
        let open = |(key, row): (Vec<u8>, Row)| keyring.open(&RowKey::new(KEYS, key), &row);
        rows.into_iter().map(open).collect::<Result<Vec<_>, CoreError>>()
    });
    let bodies = bodies.unwrap();
    assert_eq!(bodies.len(), 2);
    assert!(bodies.iter().all(|opened| !opened.body.windows(6).any(|part| part == b"Ivan's")));
}
