//! Logs of former stores, and journals that survived: what was proved stays proved, what was erased stays erased, what was spent
//! stays spent (`CRYPTO.md` §5).
#![allow(missing_docs, clippy::print_stdout)]

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use zamok::account::{AccountState, AccountStep};
use zamok::backup::{
    AccountsReplayed, BackupKey, JournalEnd, Opener, Replay, Restored, Surviving, replay_accounts,
};
use zamok::event::EventKind;
use zamok::guessing::{SpendPolicy, Throttle};
use zamok::journal::{Anchor, InclusionProof, Journal, Receipt, Status, Telling, TrustPolicy};
use zamok::keys::questions::{self, Answer, Inputs, Matter};
use zamok::otp::{
    Digits, Hotp, HotpParameters, Ocra, OcraChallenge, OcraInput, OcraSuite, OtpUri, Totp, TotpParameters,
    Window,
};
use zamok::{
    Argon2Cost, Clock, CoreError, Credential, Error, FileAnchor, ManualClock, NewSlot, Options, OsRandom,
    Passphrase, Password, Policy, Role, Session, Settings, StoreUrl, UnixTime, UnlockPolicy, Vault, Zamok,
};
use zamok_core::Env;
use zamok_core::error::BackupFault;
use zamok_core::hash::HashAlgorithm;
use zamok_core::secret::Secret;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};
use zamok_core::vault::keys::{KeyKind, Purpose, Template};
use zamok_core::vault::one_time::{self, ImportedParameters, MovingFactor, OtpParameters};
use zamok_core::vault::relocation::{FORMER_DETAILS, FORMER_LEAVES, FORMER_SUBJECTS};
use zamok_core::vault::versions::{self, RotationPolicy};
use zamok_core::vault::{KeyId, KeyState, keys, spend};

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const NOON: UnixTime = UnixTime(1_800_000_000);
const SECRET: [u8; 20] = [0x31; 20];

fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

fn auditor() -> Passphrase {
    Passphrase::from("the auditor's own words")
}

fn backup_passphrase() -> Passphrase {
    Passphrase::from("another six random words")
}

fn password() -> Password {
    Password::new("correct horse battery")
}

fn options(now: UnixTime) -> Options {
    // An attempt that was killed is over at once: the clock of these tests stands still.
    let unlock = UnlockPolicy { free: 1000, attempt: 0, ..Options::default().unlock };
    let (clock, settling) = (Arc::new(ManualClock::new(now)), Duration::ZERO);
    Options { clock, cost: CHEAP, unlock, settling, ..Options::default() }
}

fn sqlite(path: &Path) -> Arc<dyn Store> {
    StoreUrl::Sqlite(path.into()).create().unwrap()
}

/// A service in a file: people, a generator, a session, recovery codes, an HOTP token, and a slot for the auditor.
struct House {
    folder: tempfile::TempDir,
    zamok: Zamok,
    clock: ManualClock,
    phone: Totp,
    session: Session,
    token: KeyId,
    recovery: String,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(NOON);
        let mut policy = Policy::strict();
        (policy.password.cost, policy.recovery.cost) = (CHEAP, CHEAP);
        let options = Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() };
        let store = sqlite(&folder.path().join("old.db"));
        let settings = Settings::new("Bank").with_policy(policy).with_options(options.clone());
        let zamok = Zamok::create_in(store.clone(), &passphrase(), settings).unwrap();
        let officer = Vault::unlock_as(Role::Officer, store, &passphrase(), options).unwrap();
        let secret = auditor();
        let secret = Credential::Passphrase(&secret);
        officer.add_slot(&NewSlot { role: Role::Auditor, label: "audit", secret, cost: CHEAP }).unwrap();
        for login in ["ivan", "olga", "boris"] {
            zamok.register(login, &password()).unwrap();
        }
        let enrolment = zamok.begin_enrolment("ivan", &password()).unwrap();
        let offer = zamok.offer_generator(&enrolment).unwrap();
        let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
        let parameters =
            TotpParameters { algorithm: uri.algorithm(), digits: uri.digits(), period: 30, t0: UnixTime(0) };
        let phone = Totp::new(uri.secret(), parameters).unwrap();
        zamok.confirm_generator(&enrolment, &code(&phone, clock.now())).unwrap();
        clock.advance(30);
        let session = zamok.log_in("ivan", &password(), &code(&phone, clock.now())).unwrap();
        let recovery = zamok.new_recovery_codes(&session).unwrap()[0].as_str().to_owned();
        let hotp = ImportedParameters::Hotp { parameters: parameters_of_token(), counter: 7 };
        let secret = Secret::new(&SECRET).unwrap();
        let token =
            zamok.vault().transact(|tx| one_time::import(tx, hotp, &secret, "a token", None)).unwrap();
        for number in 0..40_u16 {
            let _ = zamok.sign(&session, &number.to_be_bytes(), &format!("{number}.txt")).unwrap();
        }
        zamok.vault().checkpoint().unwrap();
        Self { folder, zamok, clock, phone, session, token, recovery }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backup(&self, name: &str) -> PathBuf {
        backup(&self.zamok, &self.path(name), self.clock.now())
    }
}

fn backup(zamok: &Zamok, path: &Path, now: UnixTime) -> PathBuf {
    let mut random = OsRandom::new().unwrap();
    let env = Env { now, rng: &mut random };
    let key = BackupKey::from_passphrase(&backup_passphrase(), CHEAP, env).unwrap();
    let mut file = File::create_new(path).unwrap();
    zamok.vault().backup(&key, &mut file, &mut |_| {}).unwrap();
    path.into()
}

fn parameters_of_token() -> HotpParameters {
    HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX }
}

fn token_code(counter: u64) -> String {
    Hotp::new(&Secret::new(&SECRET).unwrap(), parameters_of_token()).code(counter).to_string()
}

/// Whether the code of this counter is taken.
fn takes(vault: &Vault, token: KeyId, counter: u64) -> Result<bool, CoreError> {
    let throttle = Throttle {
        free: 100,
        first_delay: 1,
        longest_delay: 1,
        disable_after: 1000,
        recent_limit: 1000,
        recent_span: 60,
    };
    let (window, look_ahead) = (Window::steps(1, 1)?, Window::look_ahead(10)?);
    let policy = SpendPolicy { window, drift_limit: 2, look_ahead, throttle };
    let verdict = vault.transact(|tx| spend::verify(tx, token, &token_code(counter), &policy))?;
    Ok(matches!(verdict, zamok::otp::Verdict::Accepted { .. }))
}

fn code(phone: &Totp, now: UnixTime) -> String {
    phone.code_at(now).unwrap().to_string()
}

fn opener(path: &Path) -> Result<Opener<BufReader<File>>, CoreError> {
    Opener::new(BufReader::new(File::open(path).unwrap()))
}

fn restore(target: Arc<dyn Store>, from: &Path, now: UnixTime) -> Result<Restored, CoreError> {
    let key = BackupKey::by_passphrase(opener(from)?.header(), &backup_passphrase())?;
    Vault::restore(target, &mut || opener(from), &key, &passphrase(), options(now), &mut |_| {})
}

fn restore_and_replay(
    target: Arc<dyn Store>,
    from: &Path,
    journal: Arc<dyn Store>,
    secret: &Passphrase,
    now: UnixTime,
) -> Result<(Restored, AccountsReplayed), CoreError> {
    restore_to(target, from, journal, secret, JournalEnd::Vouched, now)
}

fn restore_to(
    target: Arc<dyn Store>,
    from: &Path,
    journal: Arc<dyn Store>,
    secret: &Passphrase,
    end: JournalEnd,
    now: UnixTime,
) -> Result<(Restored, AccountsReplayed), CoreError> {
    let key = BackupKey::by_passphrase(opener(from)?.header(), &backup_passphrase())?;
    let mut accounts = AccountsReplayed::default();
    let mut above = |vault: &Arc<Vault>, surviving: &Surviving| {
        accounts = replay_accounts(vault, surviving).map_err(|error| match error {
            Error::Core(error) => error,
            other => panic!("{other}"),
        })?;
        Ok(())
    };
    let replay = Replay { store: journal, secret: Credential::Passphrase(secret), end, above: &mut above };
    let restored = Vault::restore_and_replay(
        target,
        &mut || opener(from),
        &key,
        &passphrase(),
        options(now),
        Some(replay),
        &mut |_| {},
    )?;
    Ok((restored, accounts))
}

fn open(path: &Path, now: UnixTime) -> Zamok {
    Zamok::open_in(sqlite(path), &passphrase(), options(now)).unwrap()
}

fn is_sound(zamok: &Zamok) {
    zamok.vault().integrate().unwrap();
    let report = zamok.audit_rows().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert!(zamok.audit_indexes(10).unwrap().is_empty());
}

fn count(store: &dyn Store, table: Table) -> usize {
    store.scan(table, &Range::all(), usize::MAX, None).unwrap().rows.len()
}

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

/// The file as one moment had it.
fn copied(from: &Path, to: &Path) -> PathBuf {
    let file = rusqlite::Connection::open(from).unwrap();
    file.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
    to.into()
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

/// What happens between the backup and the loss.
fn live_on(house: &House) -> KeyId {
    let zamok = &house.zamok;
    house.clock.advance(60);
    assert_eq!(takes(zamok.vault(), house.token, 8), Ok(true));
    assert_eq!(takes(zamok.vault(), house.token, 8), Ok(false));
    zamok.log_in("ivan", &password(), &code(&house.phone, house.clock.now())).unwrap();
    zamok.erase_account("olga", "asked for it").unwrap();
    zamok.suspend_account("boris", AccountStep::Suspend, "under suspicion").unwrap();
    zamok.register("anna", &password()).unwrap();
    let ivan = zamok.account_by_login("ivan").unwrap();
    let leaked = ivan.document_key;
    let change = |tx: &mut zamok::keys::Transaction<'_>| {
        keys::change_state(tx, leaked, KeyState::Compromised, "it leaked")
    };
    zamok.vault().transact(change).unwrap();
    // Some of it waits, and was never integrated.
    leaked
}

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
    let [one, two, older, newest, unknown] = [(); 5].map(|()| make());
    rotate(older);
    let file = house.backup("one.backup");
    // Two processes in the same second: whose entries come first is chance.
    for (key, first, second) in [(one, &**vault, &other), (two, &other, &**vault)] {
        let change = |vault: &Vault, state| {
            vault.transact(|tx| keys::change_state(tx, key, state, "a test")).unwrap();
        };
        change(first, KeyState::Suspended);
        change(second, KeyState::Compromised);
    }
    [newest, unknown, unknown].into_iter().for_each(rotate);
    for (key, version) in [(older, 1), (newest, 1), (unknown, 2)] {
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
    let lost = restored.replayed.as_ref().unwrap().lost.iter();
    let lost = lost.filter(|told| told.kind == EventKind::KeyCompromised).collect::<Vec<_>>();
    assert!(matches!(lost[..], [told] if told.row.key.starts_with(&unknown.0)), "{lost:?}");
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

/// A restore with a journal that ends after everything was taken in, and before anything was done again.
fn cut_short(target: Arc<dyn Store>, from: &Path, journal: Arc<dyn Store>, now: UnixTime) {
    let key = BackupKey::by_passphrase(opener(from).unwrap().header(), &backup_passphrase()).unwrap();
    let mut above = |_: &Arc<Vault>, _: &Surviving| Err(CoreError::Busy);
    let secret = auditor();
    let secret = Credential::Passphrase(&secret);
    let replay = Replay { store: journal, secret, end: JournalEnd::Vouched, above: &mut above };
    let (options, replay) = (options(now), Some(replay));
    let cut = Vault::restore_and_replay(
        target,
        &mut || opener(from),
        &key,
        &passphrase(),
        options,
        replay,
        &mut |_| {},
    );
    assert_eq!(cut.err(), Some(CoreError::Busy));
}

#[test]
fn a_restore_that_goes_on_without_the_journal_suspends_what_that_would_have_told() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let (old, new) = (sqlite(&folder.path().join("old.db")), sqlite(&folder.path().join("new.db")));
    cut_short(new.clone(), &file, old.clone(), now);
    let restored = restore(new, &file, now).unwrap();
    assert!(restored.resumed > 40);
    assert_eq!((restored.consequences.suspended, restored.consequences.fenced), (1, 1));
    let taken = takes(&restored.vault, token, 8);
    assert_eq!(taken, Err(CoreError::KeyState(KeyState::Suspended)), "it was spent after the backup");
    // And one that gets its journal late is told what it has to be.
    let other = sqlite(&folder.path().join("other.db"));
    cut_short(other.clone(), &file, old.clone(), now);
    let (restored, _) = restore_and_replay(other, &file, old, &auditor(), now).unwrap();
    assert_eq!(restored.consequences.suspended, 0);
    assert_eq!(takes(&restored.vault, token, 8), Ok(false));
    assert_eq!(takes(&restored.vault, token, 9), Ok(true));
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

/// A store that is lost after so many commits.
struct Failing {
    inner: Arc<dyn Store>,
    left: AtomicU64,
}

impl Store for Failing {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.inner.get(key)
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        self.inner.scan(table, range, limit, after)
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => self.inner.commit(change),
            Err(_) => Err(StoreFault::Unavailable),
        }
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.inner.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.inner.counter(key)
    }
}

#[test]
fn a_replay_that_was_cut_short_adds_no_failures_a_second_time() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let old = sqlite(&folder.path().join("old.db"));
    let spent = |vault: &Vault| vault.transact(|tx| tx.state(&RowKey::new(spend::STATES, token.0))).unwrap();
    let begin = |inner: &Arc<dyn Store>, commits| {
        let target = Arc::new(Failing { inner: inner.clone(), left: AtomicU64::new(commits) });
        let done = restore_and_replay(target.clone(), &file, old.clone(), &auditor(), now);
        (done.map(|(restored, _)| restored), commits - target.left.load(Ordering::SeqCst))
    };
    let (whole, commits) = begin(&StoreUrl::Memory.create().unwrap(), 1 << 20);
    let expected = spent(&whole.unwrap().vault);
    // Among the last ones are those of each token, and what comes after them.
    for fewer in 1..=8 {
        let target = StoreUrl::Memory.create().unwrap();
        let (cut, _) = begin(&target, commits - fewer);
        assert_eq!(cut.err(), Some(CoreError::Store(StoreFault::Unavailable)), "{fewer}");
        match restore_and_replay(target, &file, old.clone(), &auditor(), now) {
            Ok((restored, _)) => assert_eq!(spent(&restored.vault), expected, "{fewer}"),
            // It had come to its end but for the journal's own work.
            Err(error) => assert_eq!((fewer, error), (1, CoreError::Backup(BackupFault::NotEmpty))),
        }
    }
}

#[test]
fn a_process_that_restores_and_replays() {
    let Ok(folder) = std::env::var("ZAMOK_FORMER_FOLDER") else { return };
    let folder = PathBuf::from(folder);
    let now = UnixTime(std::env::var("ZAMOK_FORMER_NOW").unwrap().parse().unwrap());
    let (file, old, new) = (folder.join("one.backup"), folder.join("old.db"), folder.join("new.db"));
    drop(restore_and_replay(sqlite(&new), &file, sqlite(&old), &auditor(), now).unwrap());
}

#[test]
fn a_replay_that_is_killed_at_any_commit_goes_on_and_ends_as_one_that_was_not() {
    let house = House::new();
    house.backup("one.backup");
    let leaked = live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let mut kills = 0;
    for round in 0.. {
        let point = ["before-commit", "after-commit", "between-writes"][round % 3];
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "a_process_that_restores_and_replays"]);
        child.env("ZAMOK_FORMER_FOLDER", folder.path()).env("ZAMOK_FORMER_NOW", now.0.to_string());
        // Further on each time, so that the last steps are met as well.
        child.env("ZAMOK_FAILPOINT", format!("{point}:{}", 1 + round));
        let output = child.output().unwrap();
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stdout));
        kills += 1;
        assert!(kills < 200, "it never comes to its end");
        let new = folder.path().join("new.db");
        if let Ok(store) = StoreUrl::Sqlite(new).open() {
            let found = Zamok::open_in(store, &passphrase(), options(now));
            assert!(found.is_err() || round > 5, "it opened before everything was done again");
        }
    }
    println!("{kills} kills");
    assert!(kills >= 5, "{kills}");
    let zamok = open(&folder.path().join("new.db"), now);
    // Failures were added once, however often it was begun.
    let (old, other) = (folder.path().join("old.db"), sqlite(&folder.path().join("other.db")));
    let file = folder.path().join("one.backup");
    let (whole, _) = restore_and_replay(other, &file, sqlite(&old), &auditor(), now).unwrap();
    let spent = |vault: &Vault| vault.transact(|tx| tx.state(&RowKey::new(spend::STATES, token.0))).unwrap();
    assert_eq!(spent(zamok.vault()), spent(&whole.vault));
    assert_eq!(takes(zamok.vault(), token, 8), Ok(false));
    assert_eq!(takes(zamok.vault(), token, 9), Ok(true));
    assert_eq!(zamok.account_by_login("olga").err(), Some(Error::Core(CoreError::Rejected)));
    assert_eq!(zamok.account_by_login("boris").unwrap().state, AccountState::Suspended);
    let state = zamok.vault().transact(|tx| keys::info(tx, leaked)).unwrap().state;
    assert_eq!(state, KeyState::Compromised);
    assert!(count(&**zamok.vault().store(), FORMER_LEAVES) > 40);
    is_sound(&zamok);
}
