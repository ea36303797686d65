//! Backups and moves: what comes back, what does not and is said, what is refused, and what a killed process leaves.
#![allow(missing_docs, clippy::print_stdout)]

mod planted;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use planted::dump;
use zamok::backup::{BackupKey, Holders, Opener, Restored, Share, Step};
use zamok::event::EventKind;
use zamok::journal::Telling;
use zamok::otp::{OtpUri, Totp, TotpParameters};
use zamok::store::{Range, Row, RowKey, Store, Table};
use zamok::{
    Approach, Argon2Cost, Clock, CoreError, Credential, Error, ManualClock, Options, OsRandom, Passphrase,
    Password, Policy, Role, Session, Settings, StoreUrl, UnixTime, UnlockPolicy, Vault, Zamok,
};
use zamok_core::Env;
use zamok_core::error::{BackupFault, ShareFault};
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::Digits;
use zamok_core::otp::HotpParameters;
use zamok_core::secret::Secret;
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::{KeyId, KeyState, keys};

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const NOON: UnixTime = UnixTime(1_800_000_000);

fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

fn backup_passphrase() -> Passphrase {
    Passphrase::from("another six random words")
}

fn password() -> Password {
    Password::new("correct horse battery")
}

fn options(now: UnixTime) -> Options {
    // An attempt that was killed is over at once: the clock of these tests stands still. Who has a store open is known here.
    let unlock = UnlockPolicy { free: 1000, attempt: 0, ..Options::default().unlock };
    let (clock, settling) = (Arc::new(ManualClock::new(now)), Duration::ZERO);
    Options { clock, cost: CHEAP, unlock, officer: unlock, settling, ..Options::default() }
}

/// A service in a file, with a person, an open session, and an HOTP token.
struct House {
    folder: tempfile::TempDir,
    zamok: Zamok,
    clock: ManualClock,
    phone: Totp,
    session: Session,
    token: KeyId,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreUrl::Sqlite(folder.path().join("old.db")).create().unwrap();
        let clock = ManualClock::new(NOON);
        let mut policy = Policy::strict();
        policy.password.cost = CHEAP;
        let options = Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() };
        let settings = Settings::new("Bank").with_policy(policy).with_options(options);
        let zamok = Zamok::create_in(store, &passphrase(), settings).unwrap();
        zamok.register("ivan", &password()).unwrap();
        let enrolment = zamok.begin_enrolment("ivan", &password()).unwrap();
        let offer = zamok.offer_generator(&enrolment).unwrap();
        let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
        let parameters =
            TotpParameters { algorithm: uri.algorithm(), digits: uri.digits(), period: 30, t0: UnixTime(0) };
        let phone = Totp::new(uri.secret(), parameters).unwrap();
        zamok.confirm_generator(&enrolment, &code(&phone, clock.now())).unwrap();
        clock.advance(30);
        let session = zamok.log_in("ivan", &password(), &code(&phone, clock.now())).unwrap();
        let hotp = ImportedParameters::Hotp {
            parameters: HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX },
            counter: 7,
        };
        let secret = Secret::new(&[0x31; 20]).unwrap();
        let token =
            zamok.vault().transact(|tx| one_time::import(tx, hotp, &secret, "a token", None)).unwrap();
        for number in 0..300_u16 {
            // Enough for several chunks and batches.
            let _ = zamok.sign(&session, &number.to_be_bytes(), &format!("{number}.txt")).unwrap();
        }
        Self { folder, zamok, clock, phone, session, token }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn env<T>(&self, f: impl FnOnce(Env<'_>) -> T) -> T {
        let mut random = OsRandom::new().unwrap();
        f(Env { now: self.clock.now(), rng: &mut random })
    }

    fn backup(&self, name: &str) -> PathBuf {
        let key = self.env(|env| BackupKey::from_passphrase(&backup_passphrase(), CHEAP, env)).unwrap();
        let path = self.path(name);
        let mut file = File::create_new(&path).unwrap();
        let written = self.zamok.vault().backup(&key, &mut file, &mut |_| {}).unwrap();
        assert!(written.end.counts[&19] > 300, "{:?}", written.end.counts);
        path
    }
}

fn code(phone: &Totp, now: UnixTime) -> String {
    phone.code_at(now).unwrap().to_string()
}

fn opener(path: &Path) -> Result<Opener<BufReader<File>>, CoreError> {
    Opener::new(BufReader::new(File::open(path).unwrap()))
}

fn key_of(path: &Path, passphrase: &Passphrase) -> Result<BackupKey, CoreError> {
    BackupKey::by_passphrase(opener(path)?.header(), passphrase)
}

fn restore(target: Arc<dyn Store>, file: &Path, now: UnixTime) -> Result<Restored, CoreError> {
    let key = key_of(file, &backup_passphrase())?;
    Vault::restore(target, &mut || opener(file), &key, &passphrase(), options(now), &mut |_| {})
}

fn sqlite(path: &Path) -> Arc<dyn Store> {
    StoreUrl::Sqlite(path.into()).create().unwrap()
}

fn is_empty(store: &dyn Store) -> bool {
    (0..64).all(|table| store.scan(Table(table), &Range::all(), 1, None).unwrap().rows.is_empty())
}

#[test]
fn what_comes_back_is_fenced_and_what_cannot_be_known_is_said() {
    let house = House::new();
    let file = house.backup("vault.backup");
    let (size, root) = house
        .zamok
        .journal(|journal| Ok(journal.head()?.map(|head| (head.size, head.root))))
        .unwrap()
        .unwrap();
    let origin = house.zamok.vault().origin().to_owned();
    // After the backup a code is spent that the backup does not know of.
    house.clock.advance(30);
    let spent = code(&house.phone, house.clock.now());
    house.zamok.log_in("ivan", &password(), &spent).unwrap();

    let target = sqlite(&house.path("new.db"));
    let Restored { vault, backup, consequences, resumed, .. } =
        restore(target.clone(), &file, house.clock.now()).unwrap();
    assert_eq!((backup.begin.size, backup.begin.root, resumed), (size, root, 0));
    assert_eq!((consequences.fenced, consequences.suspended), (1, 1));
    assert!(consequences.dropped[&37] >= 1 && consequences.dropped[&35] >= 1, "{consequences:?}");
    assert_ne!(vault.origin(), origin, "a new log");
    let token = vault.transact(|tx| keys::info(tx, house.token)).unwrap();
    assert_eq!(token.state, KeyState::Suspended);
    drop(vault);

    let clock = ManualClock::new(house.clock.now());
    let options = Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() };
    let zamok = Zamok::open_in(target.clone(), &passphrase(), options).unwrap();
    assert!(zamok.session(house.session.id).is_err(), "sessions end");
    let rejected = Err(Error::Core(CoreError::Rejected));
    assert_eq!(zamok.log_in("ivan", &password(), &spent).map(drop), rejected, "spent stays spent");
    clock.advance(30);
    assert_eq!(zamok.log_in("ivan", &password(), &code(&house.phone, clock.now())).map(drop), rejected);
    clock.advance(120);
    let session = zamok.log_in("ivan", &password(), &code(&house.phone, clock.now())).unwrap();
    let _ = zamok.sign(&session, b"text", "after.txt").unwrap();
    zamok.vault().integrate().unwrap();
    let (report, indexes) = (zamok.audit_rows().unwrap(), zamok.audit_indexes(10).unwrap());
    assert!(report.is_clean() && indexes.is_empty(), "{report:?} {indexes:?}");
    assert!(report.rows > 40 && report.former > 250, "{report:?}");

    // The first leaf of the new log names the old one: size, root and name.
    let first = zamok.journal(|journal| journal.range(0..1)).unwrap().remove(0).leaf;
    assert_eq!((first.kind, first.row.table), (EventKind::VaultRestored, Table(28)));
    let named = [&1_u32.to_be_bytes()[..], &size.to_be_bytes(), &root, origin.as_bytes()].concat();
    assert_eq!(first.row.key, named);
    // What was signed in between is nowhere: the report of a restore cannot list it, and does not pretend to.
    assert_eq!(backup.waiting, 0);
}

#[test]
fn rows_of_the_old_store_are_refused_in_the_new_one() {
    let house = House::new();
    let file = house.backup("vault.backup");
    let old = dump(&house.path("old.db"));
    let target = house.path("new.db");
    drop(restore(sqlite(&target), &file, house.clock.now()).unwrap());
    let new = dump(&target);
    let mut cases = 0;
    for (key, row) in &old {
        let is_sealed = matches!(row.value.first_chunk::<4>(), Some(b"ZMKR" | b"ZMKS"));
        if !is_sealed || !new.contains_key(key) {
            continue;
        }
        let mut rows = new.clone();
        rows.insert(key.clone(), row.clone());
        let store: Arc<dyn Store> = Arc::new(planted::Planted::new(rows));
        let noticed = match Zamok::open_in(store, &passphrase(), options(house.clock.now())) {
            Err(_) => true,
            Ok(zamok) => !zamok.audit_rows().unwrap().is_clean(),
        };
        assert!(noticed, "{key:?}");
        cases += 1;
    }
    assert!(cases >= 10, "{cases}");
    println!("{cases} rows of the old store refused");
}

#[test]
fn shares_open_a_backup_and_too_few_do_not() {
    let house = House::new();
    let id = opener(&house.backup("other.backup")).unwrap().header().vault;
    let (key, shares) = house.env(|env| BackupKey::split(id, 2, 3, env)).unwrap();
    let path = house.path("shares.backup");
    let mut file = File::create_new(&path).unwrap();
    let _ = house.zamok.vault().backup(&key, &mut file, &mut |_| {}).unwrap();
    let header = *opener(&path).unwrap().header();
    let written: Vec<_> = shares.iter().map(|share| Share::parse(&share.to_text()).unwrap()).collect();
    let few = BackupKey::by_shares(&header, &written[..1]).unwrap_err();
    assert_eq!(few, CoreError::Share(ShareFault::Few { given: 1, needed: 2 }));
    assert_eq!(BackupKey::by_passphrase(&header, &passphrase()).unwrap_err(), CoreError::Rejected);
    let key = BackupKey::by_shares(&header, &written[1..]).unwrap();
    let checked = opener(&path).unwrap().check(&key).unwrap();
    assert_eq!(checked.header, header);
    let target = sqlite(&house.path("new.db"));
    let mut open = || opener(&path);
    Vault::restore(target, &mut open, &key, &passphrase(), options(house.clock.now()), &mut |_| {}).unwrap();
}

#[test]
fn a_file_that_was_cut_altered_or_mixed_is_refused_before_anything_is_written() {
    let house = House::new();
    let file = house.backup("vault.backup");
    let other = std::fs::read(house.backup("other.backup")).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let header = 47 + 44;
    let first = u32::from_be_bytes(bytes[header..header + 4].try_into().unwrap()) as usize >> 1;
    let second = header + 4 + first;
    assert!(second < bytes.len(), "several chunks");
    let mut wrong: Vec<(String, Vec<u8>)> = Vec::new();
    for length in [0, 3, 46, 47, header, header + 3, second, second + 2, bytes.len() - 1] {
        wrong.push((format!("cut to {length}"), bytes[..length].to_vec()));
    }
    for place in (0..bytes.len()).step_by(bytes.len() / 150).chain(0..header + 4).chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        wrong.push((format!("byte {place}"), changed));
    }
    wrong.push(("more".into(), [&bytes[..], &[0]].concat()));
    wrong.push(("without the first chunk".into(), [&bytes[..header], &bytes[second..]].concat()));
    wrong.push(("the first chunk twice".into(), [&bytes[..second], &bytes[header..]].concat()));
    wrong.push(("a chunk of another".into(), [&other[..second.min(other.len())], &bytes[second..]].concat()));
    // A chunk that says that it is the last, and is cut off behind.
    let mut early = bytes[..second].to_vec();
    early[header + 3] |= 1;
    wrong.push(("an early end".into(), early));
    let path = house.path("wrong.backup");
    for (how, bytes) in &wrong {
        std::fs::write(&path, bytes).unwrap();
        let target = StoreUrl::Memory.create().unwrap();
        let found = restore(target.clone(), &path, house.clock.now()).map(drop);
        assert!(found.is_err(), "{how}");
        assert!(is_empty(&*target), "{how}: something was written");
    }
    println!("{} wrong files refused", wrong.len());
    let found = key_of(&file, &passphrase()).and_then(|key| opener(&file)?.check(&key).map(drop));
    assert_eq!(found, Err(CoreError::Rejected), "another passphrase");
}

#[test]
fn a_backup_shows_one_moment_while_others_write() {
    let house = House::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0_u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                number += 1;
                house.zamok.register(&format!("person{number}"), &password()).unwrap();
            }
        });
        for round in 0..3 {
            thread::sleep(Duration::from_millis(100));
            let file = house.backup(&format!("{round}.backup"));
            let target = StoreUrl::Memory.create().unwrap();
            restore(target.clone(), &file, house.clock.now()).unwrap();
            let zamok = Zamok::open_in(target, &passphrase(), options(house.clock.now())).unwrap();
            let (report, indexes) = (zamok.audit_rows().unwrap(), zamok.audit_indexes(10).unwrap());
            assert!(report.is_clean() && indexes.is_empty(), "{report:?} {indexes:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_store_that_holds_something_is_left_alone() {
    let house = House::new();
    let file = house.backup("vault.backup");
    let found = restore(sqlite(&house.path("old.db")), &file, house.clock.now()).map(drop);
    assert_eq!(found, Err(CoreError::Backup(BackupFault::NotEmpty)));
    house.zamok.session(house.session.id).unwrap();
}

fn relocate(source: &Path, target: &Path, now: UnixTime) -> Result<zamok::backup::Moved, CoreError> {
    let to = format!("sqlite:{}", target.display());
    let source = StoreUrl::Sqlite(source.into()).open().unwrap();
    Vault::relocate(source, sqlite(target), &to, &passphrase(), options(now), &mut |_| {})
}

#[test]
fn a_vault_that_moves_takes_everything_along_and_leaves_a_closed_house() {
    let house = House::new();
    let (old, new) = (house.path("old.db"), house.path("new.db"));
    let (now, session, phone) = (house.clock.now(), house.session.clone(), house.phone.clone());
    let House { folder, zamok, .. } = house;
    let before = dump(&old);
    drop(zamok);
    let moved = relocate(&old, &new, now).unwrap();
    assert!(moved.compared > 300);
    drop(moved);
    let open = |path: &Path| {
        let clock = ManualClock::new(now);
        clock.advance(30);
        let options = Options { clock: Arc::new(clock), cost: CHEAP, ..Options::default() };
        Zamok::open_in(StoreUrl::Sqlite(path.into()).open().unwrap(), &passphrase(), options)
    };
    assert_eq!(open(&old).map(drop), Err(Error::Core(CoreError::Backup(BackupFault::Moved))));
    let zamok = open(&new).unwrap();
    zamok.session(session.id).unwrap();
    zamok.log_in("ivan", &password(), &code(&phone, UnixTime(now.0 + 30))).unwrap();
    let report = zamok.audit_rows().unwrap();
    assert!(report.is_clean() && zamok.audit_indexes(10).unwrap().is_empty(), "{report:?}");
    let first = zamok.journal(|journal| journal.range(0..1)).unwrap().remove(0).leaf;
    assert_eq!(first.kind, EventKind::VaultMovedIn);
    // Every leaf and every row is there, under other seals.
    let after = dump(&new);
    let of = |rows: &planted::Rows, table: u16| rows.keys().filter(|key| key.table.0 == table).count();
    assert!(of(&after, 29) > of(&before, 19));
    // The log has signed its last word, with a key that it did not have before.
    assert_eq!(of(&after, 2), of(&before, 2) + 1);
    for table in [3, 32, 33, 36, 38] {
        assert_eq!(of(&after, table), of(&before, table), "table {table}");
    }
    assert_eq!(
        relocate(&old, &folder.path().join("third.db"), now).map(drop),
        Err(CoreError::Backup(BackupFault::Moved))
    );
}

#[test]
fn what_is_written_behind_a_move_stops_it() {
    let house = House::new();
    let (old, new) = (house.path("old.db"), house.path("new.db"));
    let store = StoreUrl::Sqlite(old).open().unwrap();
    let mut written = false;
    let found = Vault::relocate(
        store,
        sqlite(&new),
        "sqlite:new.db",
        &passphrase(),
        options(house.clock.now()),
        &mut |step| {
            // A process that had the vault open before signs while the copying goes on.
            if matches!(step, Step::Copied(_)) && !written {
                written = true;
                let _ = house.zamok.sign(&house.session, b"late", "late.txt").unwrap();
            }
        },
    );
    assert_eq!(found.map(drop), Err(CoreError::Backup(BackupFault::Changed)));
    let unfinished = Err(Error::Core(CoreError::Backup(BackupFault::Unfinished)));
    let opened = Zamok::open_in(sqlite(&new), &passphrase(), options(house.clock.now()));
    assert_eq!(opened.map(drop), unfinished);

    // It ends, and the same is asked again of another new store: what was written comes along.
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let (old, second) = (folder.path().join("old.db"), folder.path().join("second.db"));
    drop(relocate(&old, &second, now).unwrap());
    let zamok = Zamok::open_in(sqlite(&second), &passphrase(), options(now)).unwrap();
    let history = zamok.history_of("ivan", 20, None).unwrap().entries;
    let told = history.iter().any(|entry| match &entry.detail {
        Telling::Told(detail) => detail.get("document") == Some("late.txt"),
        _ => false,
    });
    assert!(told, "the late signature");
    assert!(zamok.audit_rows().unwrap().is_clean());
    let opened = Zamok::open_in(sqlite(&new), &passphrase(), options(now));
    assert_eq!(opened.map(drop), unfinished, "what lies in the first never opens");
    let found = Zamok::open_in(sqlite(&old), &passphrase(), options(now));
    assert_eq!(found.map(drop), Err(Error::Core(CoreError::Backup(BackupFault::Moved))));
}

#[test]
fn whoever_has_the_old_store_open_is_locked_out_of_it_and_has_the_time_to_learn_of_it() {
    let (old, new) = (StoreUrl::Memory.create().unwrap(), StoreUrl::Memory.create().unwrap());
    let clock = ManualClock::new(NOON);
    let own = Options { clock: Arc::new(clock.clone()), ..options(NOON) };
    let vault = Vault::create(old.clone(), &passphrase(), own.clone()).unwrap();
    let officer = Vault::unlock_as(Role::Officer, old.clone(), &passphrase(), own).unwrap();
    let write = |vault: &Vault| vault.transact(|tx| tx.put_state(&RowKey::new(Table(63), *b"name"), b"late"));
    let settling = Duration::from_secs(3);
    let slow = || Options { settling, ..options(NOON) };
    // What is written shortly after everything was copied, and before anybody has learned of the move, stops it.
    thread::scope(|scope| {
        let mut begun = false;
        let found = Vault::relocate(old.clone(), new, "sqlite:new.db", &passphrase(), slow(), &mut |step| {
            if matches!(step, Step::Copied(_)) && !begun {
                begun = true;
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(300));
                    write(&vault).unwrap();
                });
            }
        });
        assert_eq!(found.map(drop), Err(CoreError::Backup(BackupFault::Changed)));
    });
    let (new, begun) = (StoreUrl::Memory.create().unwrap(), Instant::now());
    drop(
        Vault::relocate(old.clone(), new.clone(), "sqlite:new.db", &passphrase(), slow(), &mut |_| {})
            .unwrap(),
    );
    assert!(begun.elapsed() >= settling, "{:?}", begun.elapsed());
    clock.advance(60);
    for vault in [&vault, &officer] {
        assert_eq!(write(vault), Err(CoreError::Locked));
        assert!(vault.is_locked());
    }
    // The vault in its new store is open like any other, for as long as it is.
    let clock = ManualClock::new(NOON);
    let own = Options { clock: Arc::new(clock.clone()), ..options(NOON) };
    let vault = Vault::unlock(new, &passphrase(), own).unwrap();
    clock.advance(600);
    write(&vault).unwrap();
}

#[test]
fn a_move_is_the_officers_to_make_and_nobody_takes_a_role_along_that_was_not_his() {
    let [officer, user, third] =
        ["the officer's words", "the user's words", "a third one's"].map(Passphrase::from);
    let old = StoreUrl::Memory.create().unwrap();
    drop(Vault::create_for(old.clone(), &officer, &user, options(NOON)).unwrap());
    let move_by = |target: &Arc<dyn Store>, holders: Holders<'_>| {
        Vault::relocate(old.clone(), target.clone(), "sqlite:new.db", holders, options(NOON), &mut |_| {})
            .map(drop)
    };
    let by = |officer, user| Holders {
        officer: Credential::Passphrase(officer),
        user: Credential::Passphrase(user),
    };
    let new = StoreUrl::Memory.create().unwrap();
    for holders in
        [(&user).into(), (&officer).into(), by(&user, &officer), by(&officer, &third), by(&third, &user)]
    {
        assert_eq!(move_by(&new, holders), Err(CoreError::Rejected));
        assert!(is_empty(&*new));
        Vault::unlock(old.clone(), &user, options(NOON)).unwrap();
    }
    move_by(&new, by(&officer, &user)).unwrap();
    let open = |role, secret| Vault::unlock_as(role, new.clone(), secret, options(NOON)).map(drop);
    assert_eq!([open(Role::Officer, &officer), open(Role::User, &user)], [Ok(()), Ok(())]);
    assert_eq!(
        [open(Role::Officer, &user), open(Role::User, &officer)],
        [Err(CoreError::Rejected), Err(CoreError::Rejected)]
    );
}

#[test]
fn the_journal_tells_through_which_slot_a_backup_was_made() {
    let house = House::new();
    let file = house.backup("vault.backup");
    let id = opener(&file).unwrap().header().id;
    let told = house.zamok.journal(|journal| journal.range(0..u64::MAX)).unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.leaf.kind, last.leaf.row.key.as_slice()), (EventKind::BackedUp, &b"slot/\x01"[..]));
    let Telling::Told(detail) = &last.detail else { panic!("{:?}", last.detail) };
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((detail.get("backup"), detail.get("role")), (Some(id.as_str()), Some("user")));
}

/// The work of a child process, which a named point of the store kills.
#[test]
fn a_process_that_restores_or_moves() {
    let Some(work) = std::env::var_os("ZAMOK_TEST_WORK") else { return };
    let place = |name: &str| PathBuf::from(std::env::var_os(name).unwrap());
    let now = UnixTime(std::env::var("ZAMOK_TEST_NOW").unwrap().parse().unwrap());
    let (from, to) = (place("ZAMOK_TEST_FROM"), place("ZAMOK_TEST_TO"));
    if work == "restore" {
        drop(restore(sqlite(&to), &from, now).unwrap());
    } else {
        drop(relocate(&from, &to, now).unwrap());
    }
}

/// Runs the child until it comes to its end, killed at a later commit each time; counts the kills.
fn until_done(work: &str, from: &Path, to: &Path, now: UnixTime, step: u32, between: impl Fn()) -> u32 {
    let mut kills = 0;
    for round in 0.. {
        let point = ["before-commit", "after-commit"][usize::try_from(round % 2).unwrap()];
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "a_process_that_restores_or_moves"]);
        child.env("ZAMOK_TEST_WORK", work).env("ZAMOK_TEST_FROM", from).env("ZAMOK_TEST_TO", to);
        child.env("ZAMOK_TEST_NOW", now.0.to_string());
        child.env("ZAMOK_FAILPOINT", format!("{point}:{}", 1 + round * step));
        let output = child.output().unwrap();
        if output.status.success() {
            return kills;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stdout));
        kills += 1;
        assert!(kills < 200, "it never comes to its end");
        between();
    }
    unreachable!()
}

#[test]
fn a_restore_that_is_killed_goes_on_and_loses_nothing() {
    let house = House::new();
    let file = house.backup("vault.backup");
    let now = house.clock.now();
    let whole = house.path("whole.db");
    drop(restore(sqlite(&whole), &file, now).unwrap());
    let expected = names(&dump(&whole));
    let new = house.path("new.db");
    let kills = until_done("restore", &file, &new, now, 1, || {
        let Ok(store) = (StoreUrl::Sqlite(new.clone())).open() else { return };
        let found = Zamok::open_in(store, &passphrase(), options(now)).map(drop);
        let closed = [
            Err(Error::Core(CoreError::NoVault)),
            Err(Error::Core(CoreError::Backup(BackupFault::Unfinished))),
            Err(Error::Core(CoreError::SlotMethod)),
            Ok(()),
        ];
        assert!(closed.contains(&found), "{found:?}");
    });
    assert_eq!(names(&dump(&new)), expected);
    let zamok = Zamok::open_in(sqlite(&new), &passphrase(), options(now)).unwrap();
    assert!(zamok.audit_rows().unwrap().is_clean());
    println!("{kills} kills of a restore");
    assert!(kills >= 3, "{kills}");
}

#[test]
fn a_move_that_is_killed_goes_on_and_never_leaves_two_open_houses() {
    let House { folder, zamok, clock, .. } = House::new();
    drop(zamok);
    let now = clock.now();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let open = |path: &Path| match StoreUrl::Sqlite(path.into()).open() {
        Ok(store) => Zamok::open_in(store, &passphrase(), options(now)).is_ok(),
        Err(_) => false,
    };
    let kills = until_done("move", &old, &new, now, 1, || {
        assert!(!(open(&old) && open(&new)), "both open");
    });
    assert!(!open(&old) && open(&new));
    println!("{kills} kills of a move");
    assert!(kills >= 3, "{kills}");
}

/// Which rows there are, but for those whose keys are drawn anew: the new log's own.
fn names(rows: &planted::Rows) -> Vec<RowKey> {
    rows.keys().filter(|key| key.table.0 > 1 && !(16..=27).contains(&key.table.0)).cloned().collect()
}

#[test]
fn an_empty_row_is_carried_as_it_is() {
    // A state row that was emptied keeps saying so.
    let house = House::new();
    let row = RowKey::new(Table(63), *b"name");
    house.zamok.vault().transact(|tx| tx.put_state(&row, b"taken")).unwrap();
    house.zamok.vault().transact(|tx| tx.empty(&row)).unwrap();
    let file = house.backup("vault.backup");
    let target = StoreUrl::Memory.create().unwrap();
    let restored = restore(target.clone(), &file, house.clock.now()).unwrap();
    assert_eq!(restored.vault.transact(|tx| tx.state(&row)), Ok(None));
    assert!(matches!(target.get(&row), Ok(Some(Row { version: 1, .. }))));
}

/// Moves a vault and drops it.
fn moves(
    old: &Arc<dyn Store>,
    target: &Arc<dyn Store>,
    to: &str,
    progress: &mut dyn FnMut(Step),
) -> Result<(), CoreError> {
    Vault::relocate(old.clone(), target.clone(), to, &passphrase(), options(NOON), progress).map(drop)
}

#[test]
fn a_move_that_was_turned_to_another_store_at_its_last_step_does_not_open_the_first() {
    let [old, one, two] = [(); 3].map(|()| StoreUrl::Memory.create().unwrap());
    let vault = Vault::create(old.clone(), &passphrase(), options(NOON)).unwrap();
    vault.transact(|tx| tx.put_state(&RowKey::new(Table(63), *b"name"), b"kept")).unwrap();
    drop(vault);
    let (mut counted, mut turned) = (0, None);
    let found = moves(&old, &one, "sqlite:one.db", &mut |step| match step {
        Step::Counted(items) => counted = items,
        // The last item: everything was compared, and was the same.
        Step::Compared(items) if items == counted => {
            turned = Some(moves(&old, &two, "sqlite:two.db", &mut |_| {}));
        }
        _ => {}
    });
    assert_eq!(turned, Some(Ok(())));
    assert_eq!(found, Err(CoreError::Backup(BackupFault::Changed)));
    let open = |store: &Arc<dyn Store>| Vault::unlock(store.clone(), &passphrase(), options(NOON)).map(drop);
    assert_eq!(open(&one), Err(CoreError::Backup(BackupFault::Unfinished)));
    assert_eq!(open(&two), Ok(()));
    assert_eq!(open(&old), Err(CoreError::Backup(BackupFault::Moved)));
}

#[test]
fn a_vault_that_has_left_does_not_come_out_of_its_old_store_a_second_time() {
    let [old, new, other] = [(); 3].map(|()| StoreUrl::Memory.create().unwrap());
    drop(Vault::create(old.clone(), &passphrase(), options(NOON)).unwrap());
    assert_eq!(moves(&old, &new, "sqlite:new.db", &mut |_| {}), Ok(()));
    // The file was renamed or lost, and its name leads to an empty store.
    let again = moves(&old, &other, "sqlite:new.db", &mut |_| {});
    assert_eq!(again, Err(CoreError::Backup(BackupFault::Moved)));
    assert!(is_empty(&*other));
}

#[test]
fn a_store_that_a_vault_has_left_opens_for_no_officer_either() {
    let (old, new) = (StoreUrl::Memory.create().unwrap(), StoreUrl::Memory.create().unwrap());
    drop(Vault::create(old.clone(), &passphrase(), options(NOON)).unwrap());
    let relocate = |target: &Arc<dyn Store>, progress: &mut dyn FnMut(Step)| {
        Vault::relocate(old.clone(), target.clone(), "sqlite:new.db", &passphrase(), options(NOON), progress)
    };
    let open = |store: &Arc<dyn Store>, role| {
        Vault::unlock_as(role, store.clone(), &passphrase(), options(NOON)).map(drop)
    };
    let mut halfway = Vec::new();
    let moved = relocate(&new, &mut |step| {
        if matches!(step, Step::Copied(_)) && halfway.is_empty() {
            for store in [&old, &new] {
                halfway.extend([Role::User, Role::Officer].map(|role| open(store, role)));
            }
        }
    });
    drop(moved.unwrap());
    assert_eq!(halfway, [Err(CoreError::Backup(BackupFault::Unfinished)); 4]);
    for role in [Role::User, Role::Officer] {
        assert_eq!(open(&old, role), Err(CoreError::Backup(BackupFault::Moved)), "{role}");
        assert_eq!(open(&new, role), Ok(()), "{role}");
    }
}

#[test]
fn a_store_with_one_row_of_whatever_it_is_takes_no_backup() {
    use zamok::store::{Change, ChangeId, Outcome};
    let house = House::new();
    let file = house.backup("vault.backup");
    for table in [63, Table::LAST.0] {
        let target = StoreUrl::Memory.create().unwrap();
        let mut change = Change::new(ChangeId([7; 16]));
        change.insert(RowKey::new(Table(table), *b"theirs"), b"something".to_vec()).unwrap();
        assert_eq!(target.commit(&change), Ok(Outcome::Committed));
        let found = restore(target.clone(), &file, house.clock.now()).map(drop);
        assert_eq!(found, Err(CoreError::Backup(BackupFault::NotEmpty)), "table {table}");
        assert!(target.scan(Table(1), &Range::all(), 1, None).unwrap().rows.is_empty());
    }
}

#[test]
fn a_row_that_the_new_store_has_lost_stops_a_move() {
    use zamok::store::{Change, ChangeId, Outcome};
    let (old, new) = (StoreUrl::Memory.create().unwrap(), StoreUrl::Memory.create().unwrap());
    let row = RowKey::new(Table(63), *b"name");
    let vault = Vault::create(old.clone(), &passphrase(), options(NOON)).unwrap();
    vault.transact(|tx| tx.put_record(&row, b"", b"kept")).unwrap();
    drop(vault);
    let mut lost = false;
    let found =
        Vault::relocate(old, new.clone(), "sqlite:new.db", &passphrase(), options(NOON), &mut |step| {
            if let (Step::Copied(_), Some(found), false) = (step, new.get(&row).unwrap(), lost) {
                let mut change = Change::new(ChangeId([7; 16]));
                change.delete(row.clone(), found.version).unwrap();
                assert_eq!(new.commit(&change), Ok(Outcome::Committed));
                lost = true;
            }
        });
    assert!(lost);
    assert_eq!(found.map(drop), Err(CoreError::Backup(BackupFault::Changed)));
}

#[test]
fn a_file_that_somebody_made_while_a_backup_was_written_is_not_written_over() {
    let house = House::new();
    let path = house.path("vault.backup");
    let written = zamok::backup::write_file(house.zamok.vault(), &path, || {
        std::fs::write(&path, "theirs").unwrap();
        house.env(|env| BackupKey::from_passphrase(&backup_passphrase(), CHEAP, env))
    });
    assert_eq!(written.map(drop), Err(CoreError::Backup(BackupFault::File)));
    assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
}

#[test]
fn a_store_that_lacks_a_leaf_or_holds_an_altered_row_is_not_backed_up_as_if_it_were_whole() {
    use zamok::store::{Change, ChangeId, Outcome};
    let leaf = RowKey::new(Table(19), 5_u64.to_be_bytes());
    let house = House::new();
    let vault = house.zamok.vault();
    vault.integrate().unwrap();
    let key = house.env(|env| BackupKey::from_passphrase(&backup_passphrase(), CHEAP, env)).unwrap();
    let backup = || vault.backup(&key, &mut Vec::<u8>::new(), &mut |_| {}).map(drop);
    let record = RowKey::new(keys::KEYS, house.token.0);
    let store = vault.store();
    let edit = |number: u8, edit: &dyn Fn(&mut Change)| {
        let mut change = Change::new(ChangeId([number; 16]));
        edit(&mut change);
        assert_eq!(store.commit(&change), Ok(Outcome::Committed));
    };
    let found = store.get(&record).unwrap().unwrap();
    let mut altered = found.value.clone();
    altered[0] ^= 1;
    edit(1, &|change| change.update(record.clone(), found.version, altered.clone()).unwrap());
    assert_eq!(backup(), Err(CoreError::Refused));
    edit(2, &|change| change.delete(record.clone(), found.version + 1).unwrap());
    let found = store.get(&leaf).unwrap().unwrap();
    edit(3, &|change| change.delete(leaf.clone(), found.version).unwrap());
    assert_eq!(backup(), Err(CoreError::Refused));
}

#[test]
fn a_file_that_is_another_one_when_it_is_read_than_when_it_was_checked_restores_nothing() {
    let house = House::new();
    let key = house.env(|env| BackupKey::from_passphrase(&backup_passphrase(), CHEAP, env)).unwrap();
    let write = |name: &str| {
        let path = house.path(name);
        let mut file = File::create_new(&path).unwrap();
        let _ = house.zamok.vault().backup(&key, &mut file, &mut |_| {}).unwrap();
        path
    };
    let first = write("first.backup");
    house.zamok.register("olga", &password()).unwrap();
    let second = write("second.backup");
    let (now, mut times) = (house.clock.now(), 0);
    let target = StoreUrl::Memory.create().unwrap();
    // Checked, asked for its index keys, and read.
    let mut open = || {
        times += 1;
        opener(if times < 3 { &first } else { &second })
    };
    let found = Vault::restore(target.clone(), &mut open, &key, &passphrase(), options(now), &mut |_| {});
    assert_eq!(found.map(drop), Err(CoreError::Backup(BackupFault::Damaged)));
    let opened = Vault::unlock(target, &passphrase(), options(now)).map(drop);
    assert_eq!(opened, Err(CoreError::Backup(BackupFault::Unfinished)));
}

fn reopened(house: &House) -> (Zamok, ManualClock) {
    let file = house.backup("vault.backup");
    let target = sqlite(&house.path("new.db"));
    drop(restore(target.clone(), &file, house.clock.now()).unwrap());
    let clock = ManualClock::new(house.clock.now().plus(150));
    let options = Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() };
    (Zamok::open_in(target, &passphrase(), options).unwrap(), clock)
}

#[test]
fn a_known_device_logs_in_after_a_restore() {
    let house = House::new();
    let token = house.zamok.trust_device(&house.session, "laptop").unwrap();
    let (zamok, clock) = reopened(&house);
    let approach = Approach { device: Some(token), ..Approach::default() };
    let code = code(&house.phone, clock.now());
    let session = zamok.log_in_from("ivan", &password(), &code, &approach).unwrap();
    assert!(session.device.is_some());
}

#[test]
fn sessions_that_died_at_a_restore_hinder_neither_the_list_nor_the_next_login() {
    let house = House::new();
    let mut policy = house.zamok.policy().clone();
    policy.session.most = 1;
    house.zamok.keep_policy(&policy).unwrap();
    let (zamok, clock) = reopened(&house);
    let session = zamok.log_in("ivan", &password(), &code(&house.phone, clock.now())).unwrap();
    assert_eq!(zamok.sessions(&session).unwrap().len(), 1);
}

#[test]
fn a_nonce_that_was_used_before_a_backup_stays_used() {
    let house = House::new();
    let row = RowKey::new(Table(59), [7; 32]);
    let used = [&[1][..], &u64::MAX.to_be_bytes()].concat();
    house.zamok.vault().transact(|tx| tx.put_state(&row, &used)).unwrap();
    let file = house.backup("vault.backup");
    let restored = restore(StoreUrl::Memory.create().unwrap(), &file, house.clock.now()).unwrap();
    assert_eq!(restored.vault.transact(|tx| tx.state(&row)), Ok(Some(used)));
}
