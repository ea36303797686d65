//! Whoever holds the disk, against a whole store: rows as an independent reader finds them in the file are flipped byte
//! by byte, cut, exchanged, taken away and put back. Each is refused when it is used, or named by the audit where
//! `CRYPTO.md` §1 says that it can only be found later. What neither can see is listed here with its reason.
#![allow(missing_docs, clippy::print_stdout)]

mod planted;
mod works;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use planted::{Planted, Rows, dump};
use works::Works;
use zamok::otp::{OtpUri, Totp, TotpParameters};
use zamok::store::{Row, RowKey, Table};
use zamok::{
    Argon2Cost, Begun, Clock, IndexFault, ManualClock, Options, Passphrase, Password, Policy, Settings,
    StoreUrl, UnixTime, Zamok,
};

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const PEOPLE: [&str; 2] = ["ivan", "olga"];

/// Tables in which logins, sessions and signatures leave rows.
const EVERY_DAY: &[u16] = &[
    1, 2, 3, 5, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 44, 47, 54,
    65,
];
/// Tables in which [`Works`] leave rows.
const SELDOM: &[u16] = &[4, 6, 7, 8, 9, 25, 26, 27, 42, 48, 52, 55, 56, 57, 58, 59, 66];
/// Tables in which neither leaves any, and why.
const NOWHERE: &[(u16, &str)] = &[
    (28, "former logs come with a restore or a move: crates/journal/tests/former.rs"),
    (29, "as 28"),
    (30, "as 28"),
    (31, "as 28"),
    (43, "habits are a watch's, and nobody watches here"),
    (45, "nobody has made a device known"),
    (46, "as 45"),
    (53, "no carrier takes a message here, so that none is over"),
    (64, "as 53: a receipt is a carrier's"),
    (67, "push goes to a known device: as 45"),
];

fn pick(check: usize, ci: usize, full: usize) -> usize {
    match std::env::var("ZAMOK_TIER").as_deref() {
        Ok("check") => check,
        Ok("full") => full,
        _ => ci,
    }
}

fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

fn password() -> Password {
    Password::new("correct horse battery")
}

/// A service in this file, by this clock.
fn service(file: &Path, clock: &ManualClock) -> Zamok {
    let store = StoreUrl::Sqlite(file.into()).create().unwrap();
    let options = Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() };
    let mut policy = Policy::strict();
    policy.password.cost = CHEAP;
    let settings = Settings::new("Bank").with_policy(policy).with_options(options);
    Zamok::create_in(store, &passphrase(), settings).unwrap()
}

/// The phone of somebody who has registered just now, with a generator on it.
fn enrolled(zamok: &Zamok, login: &str, now: UnixTime) -> Totp {
    zamok.register(login, &password()).unwrap();
    let enrolment = zamok.begin_enrolment(login, &password()).unwrap();
    let _lost = zamok.offer_generator(&enrolment).unwrap();
    let uri = zamok.offer_generator(&enrolment).unwrap();
    let uri = OtpUri::parse(uri.uri.as_str()).unwrap();
    let parameters =
        TotpParameters { algorithm: uri.algorithm(), digits: uri.digits(), period: 30, t0: UnixTime(0) };
    let phone = Totp::new(uri.secret(), parameters).unwrap();
    zamok.confirm_generator(&enrolment, &code(&phone, now)).unwrap();
    phone
}

/// Opens a store half a minute later.
fn open(store: Arc<Planted>, now: UnixTime) -> Result<Zamok, zamok::Error> {
    let clock = ManualClock::new(now);
    clock.advance(30);
    let options = Options { clock: Arc::new(clock), cost: CHEAP, ..Options::default() };
    Zamok::open_in(store, &passphrase(), options)
}

/// What the audit of a sound store says: details that were erased, entries missing in lists, rows whose time was over.
type Counts = (u64, u64, u64);

fn counts(zamok: &Zamok) -> Counts {
    let report = zamok.audit_rows().unwrap();
    assert!(report.is_clean() && zamok.audit_indexes(10).unwrap().is_empty(), "{report:?}");
    (report.erased, report.unlisted, report.expired)
}

/// Whether the audit has anything to say that it has not to say of the store as it is.
fn is_named(zamok: &Zamok, expected: Counts) -> Result<bool, zamok::Error> {
    let (report, indexes) = (zamok.audit_rows()?, zamok.audit_indexes(10)?);
    let counts = (report.erased, report.unlisted, report.expired);
    Ok(!report.is_clean() || !indexes.is_empty() || counts != expected)
}

/// What came of a store: of its use, and of its audit where nothing failed.
fn judged<E>(used: Result<(), E>, audit: impl FnOnce() -> Result<bool, zamok::Error>) -> Found {
    match used {
        Err(_) => Found::Refused,
        Ok(()) => match audit() {
            Err(_) => Found::Refused,
            Ok(true) => Found::Named,
            Ok(false) => Found::Unseen,
        },
    }
}

/// The same rows but for one.
fn with(rows: &Rows, key: &RowKey, row: Option<Row>) -> Rows {
    let mut rows = rows.clone();
    match row {
        Some(row) => drop(rows.insert(key.clone(), row)),
        None => drop(rows.remove(key)),
    }
    rows
}

/// A store with a history, as it lay on the disk at two moments.
struct House {
    early: Rows,
    rows: Rows,
    now: UnixTime,
    phones: Vec<Totp>,
    /// Sessions that are open, one for each of the people.
    sessions: Vec<zamok::SessionId>,
    counts: Counts,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zamok.db");
        let clock = ManualClock::new(UnixTime(1_800_000_000));
        let zamok = service(&file, &clock);
        let phones: Vec<_> = PEOPLE.iter().map(|login| enrolled(&zamok, login, clock.now())).collect();
        clock.advance(30);
        let log_in = |login, phone| zamok.log_in(login, &password(), &code(phone, clock.now())).unwrap();
        let sessions: Vec<_> =
            PEOPLE.iter().zip(&phones).map(|(login, phone)| log_in(login, phone)).collect();
        zamok.vault().integrate().unwrap();
        let early = dump(&file);
        clock.advance(30);
        for session in &sessions {
            let _ = zamok.sign(session, b"text", "a.txt").unwrap();
        }
        zamok.vault().integrate().unwrap();
        clock.advance(30);
        for (login, phone) in PEOPLE.iter().zip(&phones) {
            let wrong = Password::new("wrong horse battery");
            zamok.log_in(login, &wrong, "000000").unwrap_err();
            log_in(login, phone);
        }
        clock.advance(300);
        for session in &sessions {
            zamok.session(session.id).unwrap();
        }
        let counts = counts(&zamok);
        let sessions = sessions.iter().map(|session| session.id).collect();
        drop(zamok);
        Self { early, rows: dump(&file), now: clock.now(), phones, sessions, counts }
    }

    fn with(&self, key: &RowKey, row: Option<Row>) -> Rows {
        with(&self.rows, key, row)
    }

    /// What comes of a store in which one row is not what it was.
    fn outcome(&self, rows: Rows) -> Found {
        let used = self.live(Arc::new(Planted::new(rows.clone())));
        judged(used, || is_named(&self.open(Arc::new(Planted::new(rows)))?, self.counts))
    }

    fn open(&self, store: Arc<Planted>) -> Result<Zamok, zamok::Error> {
        open(store, self.now)
    }

    /// Everything that a day brings: everybody uses a session, logs in anew, signs, and reads the own history.
    fn live(&self, store: Arc<Planted>) -> Result<(), zamok::Error> {
        let zamok = self.open(store)?;
        zamok.tokens("here").jwks()?;
        for ((login, phone), session) in PEOPLE.iter().zip(&self.phones).zip(&self.sessions) {
            zamok.session(*session)?;
            let Begun::Code(challenge) = zamok.begin_login(login, &password())? else {
                panic!("the password alone is enough for {login}");
            };
            let session = zamok.answer(&challenge, &code(phone, zamok.vault().now()), zamok.request_id()?)?;
            let _ = zamok.sign(&session, b"more text", "b.txt")?;
            let history = zamok.history(&session, 1000, None)?;
            assert!(!history.entries.is_empty());
        }
        Ok(())
    }
}

fn code(phone: &Totp, now: UnixTime) -> String {
    phone.code_at(now).unwrap().to_string()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// Something that used it failed.
    Refused,
    /// Only the audit names it.
    Named,
    /// Neither.
    Unseen,
}

/// Rows that prove nothing by themselves: no key exists when attempts are counted, and what is due is a hint.
fn is_plain(key: &RowKey) -> bool {
    key.table == Table(1) && key.key.starts_with(b"attempts/") || key.table == Table(54)
}

/// Rows of one sort: table, and for the vault's own rows the part of the key before its number.
fn sort(key: &RowKey) -> String {
    let name = key.key.split(|byte| *byte == b'/').next().unwrap_or_default();
    let name = if key.table == Table(1) { String::from_utf8_lossy(name).into_owned() } else { String::new() };
    format!("{} {name}", key.table.0)
}

/// The rows to work on: all of them, or a few of each sort.
fn some(rows: &Rows, most: usize) -> Vec<(RowKey, Row)> {
    let mut met = BTreeMap::<String, usize>::new();
    let rows = rows.iter().filter(|(key, _)| {
        let count = met.entry(sort(key)).or_default();
        *count += 1;
        *count <= most
    });
    rows.map(|(key, row)| (key.clone(), row.clone())).collect()
}

struct Tally {
    what: &'static str,
    found: BTreeMap<(String, Found), usize>,
}

impl Tally {
    fn new(what: &'static str) -> Self {
        Self { what, found: BTreeMap::new() }
    }

    fn note(&mut self, key: &RowKey, found: Found) {
        *self.found.entry((sort(key), found)).or_default() += 1;
    }

    /// Prints the numbers, and demands that just these sorts of rows had something that nobody saw.
    fn tell(self, unseen: &[&str]) -> usize {
        for ((sort, found), count) in &self.found {
            println!("{}: table {sort}: {count} {found:?}", self.what);
        }
        let of = |wanted: Found| -> Vec<&str> {
            self.found.keys().filter(|(_, found)| *found == wanted).map(|(sort, _)| sort.trim()).collect()
        };
        assert_eq!(of(Found::Unseen), unseen, "{}", self.what);
        self.found.values().sum()
    }
}

#[test]
fn the_store_is_sound_as_it_is_and_an_independent_reader_finds_every_sort_of_row() {
    let house = House::new();
    assert_eq!(house.outcome(house.rows.clone()), Found::Unseen, "nothing is wrong with it");
    let mut sorts = BTreeMap::<String, (usize, usize)>::new();
    for (key, row) in &house.rows {
        let (rows, bytes) = sorts.entry(sort(key)).or_default();
        *rows += 1;
        *bytes += row.value.len();
    }
    for (sort, (rows, bytes)) in &sorts {
        println!("table {sort}: {rows} rows, {bytes} bytes");
    }
    assert_eq!(tables(&house.rows), EVERY_DAY.iter().copied().collect::<BTreeSet<_>>());
}

/// The tables that have rows.
fn tables(rows: &Rows) -> BTreeSet<u16> {
    rows.keys().map(|key| key.table.0).collect()
}

#[test]
fn every_table_of_the_registry_has_rows_here_or_a_reason_why_not() {
    let page = include_str!("../../../docs/formats/tables.md");
    let (_, page) = page.split_once("## Registry").unwrap();
    let (registry, _) = page.split_once("## The life of rows").unwrap();
    let number = |line: &str| line.split('|').nth(1)?.trim().parse::<u16>().ok();
    let registry: BTreeSet<u16> = registry.lines().filter_map(number).collect();
    let nowhere = NOWHERE.iter().map(|(table, _)| table);
    let here: Vec<u16> = EVERY_DAY.iter().chain(SELDOM).chain(nowhere).copied().collect();
    assert_eq!(here.iter().copied().collect::<BTreeSet<_>>(), registry);
    assert_eq!(here.len(), registry.len(), "none has two places");
    assert!(NOWHERE.iter().all(|(_, reason)| !reason.is_empty()));
}

#[test]
fn a_flipped_byte_is_refused_or_named() {
    let house = House::new();
    // Each byte of one row of every sort; in the full tier, each byte of all rows.
    let (rows, every) = (pick(1, 1, usize::MAX), pick(29, 1, 1));
    let (mut tally, mut cases, mut expected) = (Tally::new("flipped"), 0, 0);
    for (key, row) in some(&house.rows, rows) {
        if is_plain(&key) {
            continue;
        }
        expected += row.value.len().div_ceil(every);
        for place in (0..row.value.len()).step_by(every) {
            let mut changed = row.clone();
            changed.value[place] ^= 1 << (place % 8);
            tally.note(&key, house.outcome(house.with(&key, Some(changed))));
            cases += 1;
        }
    }
    assert_eq!((tally.tell(&[]), cases), (expected, expected));
    println!("{cases} flipped bytes, as many as the dump has at these places");
}

#[test]
fn a_row_that_was_cut_is_refused_or_named() {
    let house = House::new();
    let mut tally = Tally::new("cut");
    for (key, row) in some(&house.rows, pick(1, 3, usize::MAX)) {
        if is_plain(&key) || row.value.is_empty() {
            continue;
        }
        for length in [0, row.value.len() / 2, row.value.len() - 1] {
            let value = row.value[..length].to_vec();
            tally.note(&key, house.outcome(house.with(&key, Some(Row { value, ..row }))));
        }
    }
    println!("{} cut rows", tally.tell(&[]));
}

#[test]
fn a_row_in_the_place_of_another_is_refused_or_named() {
    let house = House::new();
    let mut tally = Tally::new("exchanged");
    for (key, row) in some(&house.rows, pick(1, 3, usize::MAX)) {
        // The next of its own sort, and the first of the next sort.
        let same = house.rows.iter().find(|(other, _)| **other > key && sort(other) == sort(&key));
        let next = house.rows.iter().find(|(other, _)| **other > key && sort(other) != sort(&key));
        for (_, stranger) in same.into_iter().chain(next) {
            if is_plain(&key) || stranger.value == row.value {
                continue;
            }
            for version in [row.version, stranger.version] {
                let planted = Row { version, value: stranger.value.clone() };
                tally.note(&key, house.outcome(house.with(&key, Some(planted))));
            }
        }
    }
    println!("{} exchanged rows", tally.tell(&[]));
}

#[test]
fn a_row_that_is_gone_locks_or_is_named() {
    let house = House::new();
    let mut tally = Tally::new("deleted");
    // Of every sort more than there are unseen ones among: which come first is chance.
    for (key, _) in some(&house.rows, pick(8, 8, usize::MAX)) {
        tally.note(&key, house.outcome(house.with(&key, None)));
    }
    // Failures of a generator that was withdrawn; a personal key and recovery codes of the account that is looked at in the place
    // of one that is not there; a message that is not sent, the hint that it is due, and what a person's feed shows of it; the
    // list of an account's sessions and devices, which is made anew (the sessions themselves are looked up by their ids).
    println!("{} deleted rows", tally.tell(&["34", "39", "41", "44", "47", "54", "65"]));
}

#[test]
fn an_older_row_is_refused_and_with_its_own_version_named() {
    let house = House::new();
    let (mut relabelled, mut put_back) = (Tally::new("older"), Tally::new("put back"));
    for (key, old) in &house.early {
        let Some(row) = house.rows.get(key).filter(|row| *row != old) else { continue };
        if !is_plain(key) {
            let planted = Row { version: row.version, value: old.value.clone() };
            relabelled.note(key, house.outcome(house.with(key, Some(planted))));
        }
        put_back.note(key, house.outcome(house.with(key, Some(old.clone()))));
    }
    // A row that was deleted meanwhile comes again.
    for (key, old) in &house.early {
        if !house.rows.contains_key(key) {
            put_back.note(key, house.outcome(house.with(key, Some(old.clone()))));
        }
    }
    println!("{} older rows", relabelled.tell(&[]));
    // Using a session, or a factor, moves its last use on without an entry of its own: an older one ends the session earlier, or
    // shows an earlier use. An older list of sessions and devices lacks the latest.
    println!("{} rows that were put back", put_back.tell(&["36", "37", "47"]));
}

#[test]
fn a_login_that_was_freed_or_leads_nowhere_is_named_whoever_takes_it() {
    let house = House::new();
    let faults = |store: Arc<Planted>| {
        let zamok = house.open(store).unwrap();
        let findings = zamok.audit_indexes(10).unwrap();
        findings.into_iter().map(|finding| (finding.row.table.0, finding.fault)).collect::<Vec<_>>()
    };
    let of = |table| house.rows.keys().filter(move |key| key.table == Table(table));
    let taken =
        |zamok: &Zamok| PEOPLE.iter().filter(|login| zamok.register(login, &password()).is_ok()).count();
    // Beside the people's there is the account that is looked at in the place of one that is not there: nobody can take its login.
    let untouched = house.open(Arc::new(Planted::new(house.rows.clone()))).unwrap();
    let people = PEOPLE.map(|login| untouched.account_by_login(login).unwrap().id.0.to_vec());
    let mut nobodys = 0;
    for login in of(33) {
        let freed = Arc::new(Planted::new(house.with(login, None)));
        let found = house.open(freed.clone()).unwrap().audit_indexes(10).unwrap();
        assert_eq!(faults(freed.clone()), [(32, IndexFault::Missing)]);
        if !people.contains(&found[0].row.key) {
            nobodys += 1;
            continue;
        }
        assert_eq!(taken(&house.open(freed).unwrap()), 0, "the index of names holds it still");
        let mut free = 0;
        for name in of(40) {
            let mut rows = house.with(login, None);
            rows.remove(name);
            let freed = Arc::new(Planted::new(rows));
            if taken(&house.open(freed.clone()).unwrap()) == 1 {
                free += 1;
                assert_eq!(faults(freed), [(32, IndexFault::Doubled); 2]);
            }
        }
        assert_eq!(free, 1, "nothing in the store itself shows that the login was taken");
    }
    assert_eq!(nobodys, 1);
    let accounts = house.rows.iter().filter(|(key, _)| key.table == Table(32) && people.contains(&key.key));
    for (account, row) in accounts {
        let gone = Arc::new(Planted::new(house.with(account, None)));
        assert_eq!(faults(gone), [(33, IndexFault::Dangling), (40, IndexFault::Dangling)]);
        let other = house.rows.iter().find(|(key, _)| key.table == Table(32) && *key != account).unwrap().1;
        let value = other.value.clone();
        let exchanged = Arc::new(Planted::new(house.with(account, Some(Row { value, ..*row }))));
        assert_eq!(faults(exchanged), [], "a record that fails by itself is the audit of rows' to name");
    }
}

/// Rows of the tables that only [`Works`] have.
fn seldom(works: &Works, most: usize) -> Vec<(RowKey, Row)> {
    let mut rows = some(&works.rows, most);
    rows.retain(|(key, _)| SELDOM.contains(&key.table.0));
    rows
}

#[test]
fn what_is_done_seldom_leaves_rows_in_every_other_table_and_each_is_of_use() {
    let works = Works::new();
    for table in SELDOM {
        let found = works.outcome(Table(*table), works.rows.clone());
        assert_eq!(found, Found::Unseen, "nothing is wrong with it: {table}");
    }
    let tables = tables(&works.rows);
    let others: Vec<u16> = tables.iter().copied().filter(|table| !EVERY_DAY.contains(table)).collect();
    assert_eq!(others, SELDOM);
}

#[test]
fn the_audit_by_itself_names_an_altered_row_of_what_is_done_seldom() {
    let works = Works::new();
    assert_eq!(works.audited(works.rows.clone()), Ok(false));
    for (key, mut row) in seldom(&works, usize::MAX) {
        *row.value.last_mut().unwrap() ^= 1;
        assert_eq!(works.audited(with(&works.rows, &key, Some(row))), Ok(true), "{key:?}");
    }
}

#[test]
fn a_flipped_byte_of_what_is_done_seldom_is_refused_or_named() {
    let works = Works::new();
    let (rows, every) = (pick(1, 1, usize::MAX), pick(29, 1, 1));
    let (mut tally, mut cases, mut expected) = (Tally::new("flipped"), 0, 0);
    for (key, row) in seldom(&works, rows) {
        expected += row.value.len().div_ceil(every);
        for place in (0..row.value.len()).step_by(every) {
            let mut changed = row.clone();
            changed.value[place] ^= 1 << (place % 8);
            tally.note(&key, works.outcome(key.table, with(&works.rows, &key, Some(changed))));
            cases += 1;
        }
    }
    assert_eq!((tally.tell(&[]), cases), (expected, expected));
    println!("{cases} flipped bytes, as many as the dump has at these places");
}

#[test]
fn what_is_done_seldom_is_refused_or_named_when_it_is_cut_or_stands_in_the_place_of_another() {
    let works = Works::new();
    let (mut cut, mut exchanged) = (Tally::new("cut"), Tally::new("exchanged"));
    for (key, row) in seldom(&works, pick(1, 3, usize::MAX)) {
        for length in [0, row.value.len() / 2, row.value.len() - 1] {
            let value = row.value[..length].to_vec();
            cut.note(&key, works.outcome(key.table, with(&works.rows, &key, Some(Row { value, ..row }))));
        }
        let same = works.rows.iter().find(|(other, _)| **other > key && sort(other) == sort(&key));
        let next = works.rows.iter().find(|(other, _)| **other > key && sort(other) != sort(&key));
        for (_, stranger) in same.into_iter().chain(next) {
            for version in [row.version, stranger.version] {
                let planted = Row { version, value: stranger.value.clone() };
                let found = works.outcome(key.table, with(&works.rows, &key, Some(planted)));
                exchanged.note(&key, found);
            }
        }
    }
    println!("{} cut rows, {} exchanged rows", cut.tell(&[]), exchanged.tell(&[]));
}

#[test]
fn what_is_done_seldom_is_refused_or_named_when_it_is_gone_or_older() {
    let works = Works::new();
    let (mut gone, mut relabelled, mut put_back) =
        (Tally::new("deleted"), Tally::new("older"), Tally::new("put back"));
    for (key, _) in seldom(&works, usize::MAX) {
        gone.note(&key, works.outcome(key.table, with(&works.rows, &key, None)));
    }
    for (key, old) in works.early.iter().filter(|(key, _)| SELDOM.contains(&key.table.0)) {
        if let Some(row) = works.rows.get(key).filter(|row| *row != old) {
            let planted = Row { version: row.version, value: old.value.clone() };
            relabelled.note(key, works.outcome(key.table, with(&works.rows, key, Some(planted))));
        }
        if works.rows.get(key) != Some(old) {
            put_back.note(key, works.outcome(key.table, with(&works.rows, key, Some(old.clone()))));
        }
    }
    // Evidence that a log did not prove its growth, which no entry tells of; as which key a secret was taken in, so that it is taken
    // in once more; which keys a client has, each of which counts by its own row; a nonce, whose request is too old by its own time
    // a minute later.
    println!("{} deleted rows", gone.tell(&["26", "48", "58", "59"]));
    println!("{} older rows", relabelled.tell(&[]));
    // What a witness saw last, which those know who saw more; an older list of a client's keys, as above; an older count of nonces,
    // which are random and do not repeat with it. A question that was answered takes no response again: its mark says that it is over,
    // and with an older mark the question itself is gone. Asked once more over the older mark, it would take the old response.
    println!("{} rows that were put back", put_back.tell(&["25", "58", "6", "7", "8"]));
}
