//! A connection that stalls or is cut, at every byte of a commit's question and of its answer: what happened is never guessed,
//! and what `resolve` says is true and stays so, even when the rest of the question comes late.

mod rig;

use std::thread;
use std::time::{Duration, Instant};

use rig::{change, cluster, create, fresh_schema, get, insert, open, report, row, with};
use zamok_core::store::{Change, CounterKey, Outcome, Resolution, Row, Store, StoreFault};
use zamok_servers::{Cluster, Trap, Way, What, Wire};
use zamok_store_conformance::Tier;
use zamok_store_postgres::PostgresStore;

/// More than a local server ever takes for an answer, less than anybody wants to wait in a test.
const PATIENCE: Duration = Duration::from_secs(2);

fn spends() -> CounterKey {
    CounterKey(b"spends".to_vec())
}

fn spend(key: &[u8]) -> Change {
    change(|change| {
        change.insert(row(key), vec![7; 300])?;
        change.add(spends(), 1, u64::MAX)
    })
}

/// What became of a change. A settlement that is not answered in time may be asked for again.
fn settled(store: &PostgresStore, change: &Change) -> Resolution {
    (0..5).find_map(|_| store.resolve(change.id()).ok()).expect("a settlement")
}

/// A store behind a wire with one connection that has been used, and how many bytes a commit's question and answer have.
struct Wired {
    wire: Wire,
    store: PostgresStore,
    question: u64,
    answer: u64,
    committed: u64,
}

impl Wired {
    fn new() -> Self {
        let wire = Wire::to(cluster());
        let url = with(&wire.url("postgres"), &format!("schema={}&timeout=2", fresh_schema()));
        let store = create(&url);
        wire.clear();
        assert_eq!(store.commit(&spend(b"a key of 16 byte")), Ok(Outcome::Committed));
        let (question, answer) = wire.passed();
        assert!(question > 400 && answer > 40, "{question} bytes asked, {answer} answered");
        Self { wire, store, question, answer, committed: 1 }
    }

    /// One commit into a trap, and everything that is true afterwards. What the commit answered comes back.
    fn spring(&mut self, trap: Trap, number: u64) -> Result<Outcome, StoreFault> {
        // A connection in the pool that is as the first one was.
        assert!(self.store.get(&row(*b"none")).is_ok());
        let key = [b"trapped ".as_slice(), &number.to_be_bytes()].concat();
        let change = spend(&key);
        self.wire.set(trap);
        let begun = Instant::now();
        let answered = self.store.commit(&change);
        assert!(begun.elapsed() < 10 * PATIENCE, "{trap:?}: {:?}", begun.elapsed());
        assert!(self.wire.springs_within(Duration::ZERO), "{trap:?} did not spring");
        assert!(
            matches!(answered, Ok(Outcome::Committed) | Err(StoreFault::OutcomeUnknown)),
            "{trap:?}: {answered:?}"
        );
        let settled = settled(&self.store, &change);
        // The rest of a stalled question reaches the server only now, when its client has long gone.
        self.wire.release();
        if trap.what == What::Stall {
            thread::sleep(Duration::from_millis(50));
        }
        self.wire.clear();
        let is_committed = settled == Resolution::Committed;
        assert_eq!(is_committed, trap.way == Way::ToClient, "{trap:?}: the server had all of the question");
        self.committed += u64::from(is_committed);
        let expected = is_committed.then(|| Row { version: 1, value: vec![7; 300] });
        assert_eq!(get(&self.store, &key), Ok(expected), "{trap:?}");
        assert_eq!(self.store.counter(&spends()), Ok(self.committed), "{trap:?}");
        assert_eq!(self.store.resolve(change.id()), Ok(settled), "{trap:?}");
        let again = if is_committed { Outcome::Committed } else { Outcome::Fenced };
        assert_eq!(self.store.commit(&change), Ok(again), "{trap:?}");
        answered
    }

    fn length(&self, way: Way) -> u64 {
        if way == Way::ToServer { self.question } else { self.answer }
    }
}

/// No byte of the answer comes before the last one of the question, and nothing is asked after it.
#[test]
fn a_commit_is_one_question_and_one_answer() {
    let Wired { wire, store, .. } = Wired::new();
    let (taken, full) = (row(*b"a key of 16 byte"), CounterKey(b"full".to_vec()));
    let late = change(|change| {
        // Before the other in the order of keys: it is written when the conflict is found, and taken back.
        change.insert(row(*b"a"), Vec::new())?;
        change.insert(taken.clone(), Vec::new())
    });
    let capped = change(|change| {
        change.insert(row(*b"a"), Vec::new())?;
        change.add(full.clone(), 1, 0)
    });
    for (name, change, outcome) in [
        ("a commit", spend(b"another key"), Outcome::Committed),
        ("a conflict", spend(b"a key of 16 byte"), Outcome::Conflict(taken.clone())),
        ("a conflict that is found late", late, Outcome::Conflict(taken)),
        ("a ceiling", capped, Outcome::Capped(full)),
    ] {
        // A connection in the pool that has been used, and on which nothing is outstanding.
        let warm = || {
            assert!(store.get(&row(*b"none")).is_ok());
            wire.clear();
        };
        warm();
        assert_eq!(store.commit(&change), Ok(outcome.clone()), "{name}");
        assert_eq!(wire.runs(), [Way::ToServer, Way::ToClient], "{name}");
        // Two questions are told from one.
        assert_eq!(store.commit(&change), Ok(outcome), "{name}");
        assert_eq!(wire.runs(), [Way::ToServer, Way::ToClient].repeat(2), "{name}");
        warm();
        assert!(store.resolve(change.id()).is_ok());
        assert_eq!(wire.runs(), [Way::ToServer, Way::ToClient], "{name}");
    }
    assert_eq!(get(&store, b"a"), Ok(None));
}

#[test]
fn a_commit_that_is_cut_at_any_byte_is_settled() {
    let mut wired = Wired::new();
    let (mut unknown, mut known) = (0, 0);
    for way in [Way::ToServer, Way::ToClient] {
        let step = if way == Way::ToServer { Tier::pick(90, 31, 1) } else { Tier::pick(20, 3, 1) };
        let last = wired.length(way) - 1;
        let offsets = (0..last).step_by(usize::try_from(step).expect("a small step")).chain([last]);
        for after in offsets {
            match wired.spring(Trap { way, after, what: What::Cut }, after + wired.committed * 10_000) {
                Ok(_) => known += 1,
                Err(_) => unknown += 1,
            }
        }
    }
    report(&format!("cut: {unknown} unknown outcomes settled, {known} answers came whole"));
    assert!(unknown > known);
}

#[test]
fn a_commit_that_stalls_in_any_phase_is_settled_and_comes_too_late() {
    let count = Tier::pick(2, 4, 40);
    thread::scope(|scope| {
        for way in [Way::ToServer, Way::ToClient] {
            scope.spawn(move || {
                let mut wired = Wired::new();
                let last = wired.length(way) - 1;
                for number in 0..count {
                    let after = last * number / (count - 1);
                    let answered = wired.spring(Trap { way, after, what: What::Stall }, number);
                    assert_eq!(answered, Err(StoreFault::OutcomeUnknown), "stalled after {after} bytes");
                }
            });
        }
    });
}

/// Whoever resolves while the original is still on its way fences it; whoever does not finds it done.
#[test]
fn a_question_that_comes_late_happens_when_nobody_has_resolved_it() {
    let wired = Wired::new();
    assert!(wired.store.get(&row(*b"none")).is_ok());
    let late = spend(b"late");
    wired.wire.set(Trap { way: Way::ToServer, after: wired.question / 2, what: What::Stall });
    assert_eq!(wired.store.commit(&late), Err(StoreFault::OutcomeUnknown));
    assert_eq!(get(&wired.store, b"late"), Ok(None));
    wired.wire.release();
    let until = Instant::now() + Duration::from_secs(60);
    while get(&wired.store, b"late") == Ok(None) {
        assert!(Instant::now() < until, "the question never arrived");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(wired.store.resolve(late.id()), Ok(Resolution::Committed));
}

#[test]
fn a_read_that_is_cut_or_stalls_is_asked_again_over_another_connection() {
    let wired = Wired::new();
    for what in [What::Cut, What::Stall] {
        for way in [Way::ToServer, Way::ToClient] {
            for after in [0, 20] {
                assert!(wired.store.get(&row(*b"none")).is_ok());
                wired.wire.set(Trap { way, after, what });
                let found = get(&wired.store, b"a key of 16 byte");
                assert!(matches!(found, Ok(Some(_))), "{way:?} {after} {what:?}: {found:?}");
                assert!(wired.wire.springs_within(Duration::ZERO));
                wired.wire.clear();
            }
        }
    }
}

#[test]
fn a_connection_that_never_comes_about_leaves_nothing_unknown() {
    let wire = Wire::to(cluster());
    let url = with(&wire.url("postgres"), &format!("schema={}&timeout=2", fresh_schema()));
    drop(create(&url));
    for after in [0, 30] {
        for way in [Way::ToServer, Way::ToClient] {
            let store = open(&url).expect("the store");
            // The one connection of the pool is in use by a read that stalls, so the commit needs a second one.
            wire.set(Trap { way, after, what: What::Stall });
            let change = spend(&after.to_be_bytes());
            thread::scope(|scope| {
                let stalled = scope.spawn(|| store.get(&row(*b"none")));
                assert!(wire.springs_within(Duration::from_secs(60)));
                wire.set(Trap { way, after, what: What::Stall });
                assert_eq!(store.commit(&change), Err(StoreFault::Unavailable), "{way:?} after {after}");
                wire.clear();
                let _ = stalled.join().expect("the reader");
            });
            assert_eq!(store.resolve(change.id()), Ok(Resolution::Aborted));
        }
    }
}

#[test]
fn idle_connections_that_died_are_noticed_before_a_commit_is_sent() {
    let server = Cluster::start();
    let store = create(&server.url("postgres"));
    for round in 0..3_u8 {
        // Several idle connections, all of which die with the server.
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| store.get(&row(*b"none"))))));
        server.crash();
        server.run();
        assert_eq!(insert(&store, &[round], b""), Ok(Outcome::Committed), "round {round}");
    }
}

#[test]
fn work_goes_on_by_itself_when_the_server_is_back() {
    let server = Cluster::start();
    let store = create(&server.url("postgres"));
    assert_eq!(insert(&store, b"before", b""), Ok(Outcome::Committed));
    server.halt();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| get(&store, b"before"));
        thread::sleep(Duration::from_millis(700));
        server.run();
        assert!(matches!(waiting.join().expect("a reader"), Ok(Some(_))));
    });
    server.halt();
    let impatient = with(&server.url("postgres"), "timeout=1");
    let begun = Instant::now();
    assert_eq!(open(&impatient).err(), Some(StoreFault::Unavailable));
    assert!(begun.elapsed() < 10 * PATIENCE);
    server.run();
    assert_eq!(insert(&store, b"after", b""), Ok(Outcome::Committed));
}

/// Callers beyond the pool wait for a bounded time, and then hear that nothing was written.
#[test]
fn the_pool_and_the_wait_for_it_are_bounded() {
    let wire = Wire::to(cluster());
    let url = with(&wire.url("postgres"), &format!("schema={}&timeout=8&pool=1", fresh_schema()));
    let store = create(&url);
    wire.set(Trap { way: Way::ToServer, after: 0, what: What::Stall });
    let (stalled, waiting) = (spend(b"stalled"), spend(b"waiting"));
    thread::scope(|scope| {
        let first = scope.spawn(|| store.commit(&stalled));
        assert!(wire.springs_within(Duration::from_secs(5)));
        thread::sleep(Duration::from_secs(3));
        let begun = Instant::now();
        // The place in the pool is free again when the first one has given up, shortly before this one's time is up.
        assert_eq!(store.commit(&waiting), Ok(Outcome::Committed));
        assert!(begun.elapsed() > Duration::from_millis(500), "it had to wait");
        assert_eq!(first.join().expect("a caller"), Err(StoreFault::OutcomeUnknown));
    });
    assert_eq!(store.resolve(stalled.id()), Ok(Resolution::Aborted));
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bounded'";
    let url = with(&cluster().url("postgres"), &format!("schema={}&pool=3", fresh_schema()));
    let store = create(&with(&url, "application_name=bounded"));
    thread::scope(|scope| {
        (0..24_u8).for_each(|key| {
            let store = &store;
            scope.spawn(move || {
                for round in 0..20_u8 {
                    assert_eq!(insert(store, &[key, round], b""), Ok(Outcome::Committed));
                }
            });
        });
    });
    let open: u32 = cluster().ask("postgres", sessions).parse().expect("a number");
    assert!((1..=3).contains(&open), "{open} connections");
}

/// Whoever knocks often enough takes all the connections that there are: no service may take that for a store that is down.
#[test]
fn a_server_all_of_whose_connections_are_taken_is_contended() {
    let schema = fresh_schema();
    let url = with(&cluster().url("postgres"), &format!("schema={schema}&timeout=1"));
    drop(create(&url));
    let late = url.replace("zamok@", &format!("{schema}_late@"));
    cluster().tell("postgres", &format!("CREATE ROLE {schema}_late LOGIN CONNECTION LIMIT 0"));
    assert_eq!(open(&late).err(), Some(StoreFault::Contended));
    // Also where the next host is none, or a standby that says so.
    let port = cluster().port();
    let both = late.replacen(&format!(":{port}/"), &format!(":{port},%2Fnowhere:{port}/"), 1);
    assert_ne!(both, late);
    assert_eq!(open(&both).err(), Some(StoreFault::Contended));
}

/// An address that leads to whichever server is meant at the moment, as one that moves in a failover does.
struct Address {
    folder: tempfile::TempDir,
}

impl Address {
    fn of(server: &Cluster) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("our folder");
        let address = Self { folder };
        address.leads_to(server);
        address
    }

    fn leads_to(&self, server: &Cluster) {
        let link = self.folder.path().join(".s.PGSQL.5432");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(server.socket(), link).expect("a link");
    }

    fn url(&self) -> String {
        let folder = self.folder.path().to_str().expect("UTF-8").replace('/', "%2F");
        format!("postgres://zamok@{folder}:5432/postgres?timeout=5")
    }
}

/// As many idle connections as there are threads, to whatever the address leads to now.
fn fill_the_pool(store: &PostgresStore) {
    thread::scope(|scope| (0..6).for_each(|_| drop(scope.spawn(|| store.get(&row(*b"none"))))));
}

#[test]
fn an_address_that_led_to_a_standby_for_a_moment_harms_nothing_afterwards() {
    let primary = Cluster::start();
    drop(create(&primary.url("postgres")));
    let standby = primary.standby();
    primary.caught_up_by(&standby);
    let address = Address::of(&primary);
    let store = open(&address.url()).expect("the store");
    assert_eq!(insert(&store, b"before", b""), Ok(Outcome::Committed));
    for round in 0..3_u8 {
        address.leads_to(&standby);
        primary.crash();
        primary.run();
        fill_the_pool(&store);
        let begun = Instant::now();
        assert_eq!(insert(&store, &[round], b""), Err(StoreFault::Standby), "it does lead to one");
        assert_eq!(get(&store, b"before"), Err(StoreFault::Standby));
        assert!(begun.elapsed() < 2 * PATIENCE, "a standby is told at once: {:?}", begun.elapsed());
        // The very next call finds the primary, and so does every one after it.
        address.leads_to(&primary);
        for number in 0..8_u8 {
            assert_eq!(insert(&store, &[round, number], b""), Ok(Outcome::Committed), "{round} {number}");
            assert!(get(&store, b"before").is_ok_and(|row| row.is_some()));
        }
    }
}

#[test]
fn sessions_with_settings_that_lose_commits_are_left_when_the_settings_are_mended() {
    let server = Cluster::start();
    let store = create(&server.url("postgres"));
    server.tell("postgres", "ALTER ROLE zamok SET synchronous_commit = off");
    server.crash();
    server.run();
    // The settings of a session are those of its beginning: these are all careless ones.
    fill_the_pool(&store);
    assert_eq!(insert(&store, b"careless", b""), Err(StoreFault::NotDurable));
    fill_the_pool(&store);
    server.tell("postgres", "ALTER ROLE zamok RESET synchronous_commit");
    for number in 0..8_u8 {
        assert_eq!(insert(&store, &[number], b""), Ok(Outcome::Committed), "{number}");
    }
}

/// As those do it who guard a server whose disk is nearly full.
#[test]
fn a_role_that_may_only_read_for_a_while_is_told_and_nothing_is_written() {
    let server = Cluster::start();
    let store = create(&server.url("postgres"));
    assert_eq!(store.commit(&spend(b"before")), Ok(Outcome::Committed));
    server.tell("postgres", "ALTER ROLE zamok SET default_transaction_read_only = on");
    server.crash();
    server.run();
    fill_the_pool(&store);
    let refused = spend(b"refused");
    for _ in 0..2 {
        assert_eq!(store.commit(&refused), Err(StoreFault::ReadOnly));
        assert_eq!(store.resolve(refused.id()), Err(StoreFault::ReadOnly));
        assert!(get(&store, b"before").is_ok_and(|row| row.is_some()), "it is still read");
        assert_eq!(get(&store, b"refused"), Ok(None));
        assert_eq!(store.counter(&spends()), Ok(1));
    }
    fill_the_pool(&store);
    // This session may only read as well, until it says otherwise.
    let mend = "SET TRANSACTION READ WRITE; ALTER ROLE zamok RESET default_transaction_read_only";
    server.tell("postgres", mend);
    assert_eq!(store.commit(&refused), Ok(Outcome::Committed), "the same handle and the same change");
    for number in 0..8_u8 {
        assert_eq!(insert(&store, &[number], b""), Ok(Outcome::Committed), "{number}");
    }
    assert_eq!(store.counter(&spends()), Ok(2));
}

/// At the last write of a change, when its rows and sums stand already.
#[test]
fn a_server_without_room_is_told_and_work_goes_on_when_there_is_room() {
    let schema = fresh_schema();
    let url = with(&cluster().url("postgres"), &format!("schema={schema}"));
    let store = create(&url);
    assert_eq!(store.commit(&spend(b"before")), Ok(Outcome::Committed));
    cluster().tell(
        "postgres",
        &format!(
            "CREATE FUNCTION {schema}.no_room() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION ''no room'' USING ERRCODE = ''53100''; END'; \
             CREATE TRIGGER no_room BEFORE INSERT ON {schema}.changes \
             FOR EACH ROW EXECUTE FUNCTION {schema}.no_room()"
        ),
    );
    let refused = spend(b"refused");
    for _ in 0..2 {
        assert_eq!(store.commit(&refused), Err(StoreFault::Full));
        assert_eq!(store.resolve(refused.id()), Err(StoreFault::Full));
        assert!(get(&store, b"before").is_ok_and(|row| row.is_some()), "it is still read");
        assert_eq!(get(&store, b"refused"), Ok(None), "what had no room did not happen");
        assert_eq!(store.counter(&spends()), Ok(1));
    }
    // Nobody's room is taken by somebody else's: a conflict is still answered.
    assert_eq!(insert(&store, b"before", b""), Ok(Outcome::Conflict(row(*b"before"))));

    let room = format!("DROP TRIGGER no_room ON {schema}.changes; DROP FUNCTION {schema}.no_room()");
    cluster().tell("postgres", &room);
    assert_eq!(store.commit(&refused), Ok(Outcome::Committed), "the same handle and the same change");
    assert_eq!(store.counter(&spends()), Ok(2));
    assert_eq!(open(&url).err(), None);
}

/// As poolers say it: an error, which PostgreSQL itself never makes of these.
#[test]
fn whoever_says_that_a_server_was_lost_or_is_going_says_nothing_of_the_commit() {
    for (state, fault) in [
        ("08006", StoreFault::OutcomeUnknown),
        ("08P01", StoreFault::OutcomeUnknown),
        ("57P01", StoreFault::OutcomeUnknown),
        ("53200", StoreFault::Unavailable),
    ] {
        let schema = fresh_schema();
        let store = create(&with(&cluster().url("postgres"), &format!("schema={schema}")));
        assert_eq!(insert(&store, b"before", b""), Ok(Outcome::Committed));
        let body = format!("BEGIN RAISE EXCEPTION ''lost'' USING ERRCODE = ''{state}''; END");
        cluster().tell(
            "postgres",
            &format!("CREATE OR REPLACE FUNCTION {schema}.require_durable() RETURNS void LANGUAGE plpgsql AS '{body}'"),
        );
        assert_eq!(insert(&store, b"after", b""), Err(fault), "{state}");
    }
}

#[test]
fn a_host_that_takes_connections_and_says_nothing_keeps_nobody_from_the_next() {
    let silent = tempfile::tempdir().expect("a folder");
    let _listener =
        std::os::unix::net::UnixListener::bind(silent.path().join(".s.PGSQL.5432")).expect("a socket");
    let host = |folder: &std::path::Path| folder.to_str().expect("UTF-8").replace('/', "%2F");
    let url = format!(
        "postgres://zamok@{}:5432,{}:{}/postgres?schema={}&timeout=4",
        host(silent.path()),
        host(cluster().folder()),
        cluster().port(),
        fresh_schema()
    );
    let store = create(&url);
    assert_eq!(insert(&store, b"key", b""), Ok(Outcome::Committed));
}
