//! Every transition of the cabinet, killed at every named point of each of its commits: what is left is what was before it, or what
//! is after it, in the rows and in the journal alike; nothing that was answered is missing. What is killed takes every edge of the
//! state machines.
#![allow(missing_docs)]

mod altered_store;
mod edge_counts;
mod file_house;
mod harness;
mod whole_life;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use altered_store::altered;
use edge_counts::Edges;
use file_house::child::{Other, task, tell};
use file_house::{Deadline, file_is_sound, patient_policy, say, unlock};
use harness::{LIGHT, NOON, light_policy};
use zamok_cabinet::Cabinet;
use zamok_core::event::EventKind;
use zamok_core::store::{MemoryStore, RowKey, Store, Table, Write};
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_journal::{Journal, audit_rows};
use zamok_store_conformance::Tier;
use zamok_store_sqlite::{FAILPOINT_VARIABLE, FAILPOINTS, SqliteStore};

const ENTRIES: Table = Table(16);
const NAME: &str = "every_transition_killed_at_every_point_is_whole_or_was_not";

/// What one commit does: rows that it writes, and entries of the journal among them.
#[derive(Clone, Copy, Debug)]
struct Commit {
    writes: u64,
    entries: u64,
}

/// A new cabinet over this store.
fn made(store: Arc<dyn Store>, clock: &ManualClock) -> Cabinet {
    let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
    let vault = Vault::create(store, &Passphrase::from("open sesame, please"), options).unwrap();
    let cabinet = Cabinet::create(Arc::new(vault), "Zamok Bank", light_policy()).unwrap();
    cabinet.with_policy(patient_policy())
}

/// The child: makes a vault and lives in it, telling each commit and each answer.
fn live(path: &Path) {
    let _deadline = Deadline::within(Duration::from_secs(300));
    let count = Arc::new(AtomicU64::new(0));
    let store = altered(SqliteStore::create(path).unwrap(), move |store, change| {
        let outcome = store.commit(change)?;
        // Entries that are integrated leave their table.
        let appended =
            |(key, write): &(&RowKey, &Write)| key.table == ENTRIES && matches!(write, Write::Put(_));
        let entries = change.writes().filter(appended).count();
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        tell(&format!("commit {number} {} {entries}", change.writes().count()));
        Ok(outcome)
    });
    let clock = ManualClock::new(NOON);
    let cabinet = made(store, &clock);
    tell("answered create");
    whole_life::live(&cabinet, &clock, &mut |what| tell(&format!("answered {what}")));
    tell("over");
}

/// The commits that were told, and what was answered after how many of them.
fn heard(told: &[String]) -> (Vec<Commit>, Vec<(usize, String)>) {
    let (mut commits, mut answered) = (Vec::new(), Vec::new());
    for line in told {
        if let Some(counts) = line.strip_prefix("commit ") {
            let numbers: Vec<u64> = counts.split(' ').map(|number| number.parse().unwrap()).collect();
            assert_eq!(numbers[0], commits.len() as u64 + 1, "commits are told in order");
            commits.push(Commit { writes: numbers[1], entries: numbers[2] });
        } else if let Some(what) = line.strip_prefix("answered ") {
            answered.push((commits.len(), what.to_owned()));
        }
    }
    (commits, answered)
}

/// How many entries the journal has, whose rows agree with it.
fn entries(path: &Path) -> Result<u64, String> {
    file_is_sound(path)?;
    let store = SqliteStore::open(path).map_err(|fault| format!("it does not open: {fault}"))?;
    // At the end of the story: every time that was recorded lies before.
    let clock = ManualClock::new(NOON.plus(100 * 24 * 3600));
    let cabinet = unlock(Arc::new(store), &clock).map_err(|error| format!("it is locked: {error}"))?;
    let vault = cabinet.vault();
    vault.integrate().map_err(|error| format!("the journal does not integrate: {error}"))?;
    let report = vault.read(audit_rows).map_err(|error| format!("the rows cannot be audited: {error}"))?;
    if !report.is_clean() {
        return Err(format!("rows and journal disagree: {report:?}"));
    }
    let findings = cabinet.audit_indexes(10).map_err(|error| format!("the indexes: {error}"))?;
    if !findings.is_empty() {
        return Err(format!("the indexes disagree: {findings:?}"));
    }
    let size =
        vault.read(|store, keyring| Ok(Journal::new(store, keyring).head()?.map_or(0, |head| head.size)));
    size.map_err(|error| format!("the journal has no head: {error}"))
}

#[test]
fn every_transition_killed_at_every_point_is_whole_or_was_not() {
    if let Some((_, path)) = task() {
        return live(&path);
    }
    let _deadline = Deadline::within(Duration::from_secs(3000));
    let folder = tempfile::tempdir().unwrap();
    let undisturbed = folder.path().join("undisturbed.db");
    let mut other = Other::start(NAME, "live", &undisturbed, &[]);
    let told = other.rest();
    assert_eq!(told.last().map(String::as_str), Some("over"), "{:?}", told.last());
    let (commits, answered) = heard(&told);
    assert!(answered.len() > 150, "{} transitions", answered.len());
    let total: u64 = commits.iter().map(|commit| commit.entries).sum();
    // Opening the file to look at it says so in the journal.
    let own = entries(&undisturbed).unwrap() - total;
    // From the commit that made the cabinet on: before it there is no cabinet to look at.
    let first = answered.iter().find(|(_, what)| what == "create").unwrap().0;
    let kills: Vec<(usize, &str)> = (first..commits.len())
        .flat_map(|commit| FAILPOINTS.iter().map(move |point| (commit, *point)))
        .collect();
    // Fewer of them: others each time that the number of commits changes, all points in turn.
    let wanted = usize::try_from(Tier::pick(5, 30, kills.len() as u64)).unwrap();
    let chosen = (0..wanted).map(|number| kills[(number * kills.len() + number) / wanted % kills.len()]);
    let fell = Mutex::new(BTreeMap::<&str, u64>::new());
    for (number, (commit, point)) in chosen.enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        let before: u64 = commits[..commit].iter().map(|commit| commit.writes).sum();
        let nth = match point {
            // Somewhere among the rows of this commit.
            "between-writes" => before + 1 + number as u64 % commits[commit].writes.max(1),
            _ => commit as u64 + 1,
        };
        let setting = format!("{point}:{nth}");
        let mut other = Other::start(NAME, "live", &path, &[(FAILPOINT_VARIABLE, setting.as_str())]);
        let told = other.rest();
        assert!(other.was_killed(), "{setting}: {:?}", told.last());
        let (seen, answers) = heard(&told);
        assert_eq!(seen.len(), commit, "{setting}");
        let whole = commit + usize::from(point == "after-commit");
        let expected: u64 = commits[..whole].iter().map(|commit| commit.entries).sum();
        let found = entries(&path).unwrap_or_else(|fault| panic!("{setting}: {fault}")) - own;
        let what = answered.iter().find(|(after, _)| *after > commit).map_or("the end", |(_, what)| what);
        assert_eq!(found, expected, "{setting}, in `{what}`: the commit is neither there nor not");
        assert!(answers.iter().all(|(after, _)| *after <= whole), "{setting}: an answer is missing");
        *fell.lock().unwrap().entry(point).or_default() += 1;
        std::fs::remove_file(&path).unwrap();
    }
    say(&format!(
        "{} transitions in {} commits, killed {wanted} times: {:?}",
        answered.len(),
        commits.len(),
        fell.into_inner().unwrap()
    ));
}

#[test]
fn every_transition_is_told_in_the_journal() {
    use EventKind as E;
    const TOLD: &[(&str, EventKind)] = &[
        ("register", E::AccountRegistered),
        ("offer a generator", E::FactorOffered),
        ("offer another", E::FactorWithdrawn),
        ("fail the test", E::FactorTestFailed),
        ("pass the test", E::FactorEnrolled),
        ("pass the test", E::SessionsEnded),
        ("begin a login", E::LoginStarted),
        ("answer", E::SessionOpened),
        ("answer", E::NewDevice),
        ("answer again", E::AuthenticatedAgain),
        ("trust a device", E::DeviceTrusted),
        ("send again", E::CodeSent),
        ("confirm SMS", E::FactorEnrolled),
        ("confirm SMS", E::ContactVerified),
        ("approve", E::ApprovalGiven),
        ("decline", E::ApprovalDeclined),
        ("change", E::FactorReplaced),
        ("undo", E::FactorRestored),
        ("confirm a contact", E::ContactVerified),
        ("drop a contact", E::ContactRemoved),
        ("propose", E::OperationProposed),
        ("change what it says", E::OperationChanged),
        ("confirm", E::OperationConfirmed),
        ("change what was confirmed", E::OperationChanged),
        ("execute", E::OperationExecuted),
        ("cancel", E::OperationCancelled),
        ("cancel what was confirmed", E::OperationCancelled),
        ("revoke", E::SessionEnded),
        ("end the others", E::SessionsEnded),
        ("block a device", E::DeviceBlocked),
        ("remove a device", E::DeviceRemoved),
        ("log out", E::SessionEnded),
        ("register from elsewhere", E::AccountRegistered),
        ("make a hash anew", E::LoginStarted),
        ("begin by a phone", E::LoginStarted),
        ("answer by a phone", E::SessionOpened),
        ("send a login code again", E::CodeSent),
        ("trust it for longer", E::DeviceTrusted),
        ("subscribe", E::PushSubscribed),
        ("offer it anew", E::FactorWithdrawn),
        ("choose after approval", E::CodeSent),
        ("change a contact", E::ContactRemoved),
        ("change a contact", E::ContactVerified),
        ("remove a contact", E::ContactRemoved),
        ("set preferences", E::PreferencesChanged),
        ("change preferences", E::PreferencesChanged),
        ("forget a device", E::DeviceRemoved),
        ("forget a device", E::FactorReplaced),
        ("vouch", E::ContactVerified),
        ("assign a token", E::FactorOffered),
        ("confirm a token", E::FactorEnrolled),
        ("offer a power", E::PowerOffered),
        ("accept a power", E::PowerAccepted),
        ("act for another", E::ActedForAnother),
        ("end a power", E::PowerEnded),
        ("decline a power", E::PowerEnded),
        ("open a profile", E::AccountRegistered),
        ("open a profile", E::PowerAccepted),
        ("block a device of", E::DeviceBlocked),
        ("set roles", E::RightsChanged),
        ("set an attribute", E::AttributeChanged),
        ("suspend", E::AccountSuspended),
        ("resume", E::AccountResumed),
        ("reset a password", E::PasswordChanged),
        ("make recovery codes", E::RecoveryCodesMade),
        ("fail to recover", E::RecoveryRejected),
        ("recover", E::RecoveryUsed),
        ("change the password", E::PasswordChanged),
        ("end sessions of", E::SessionsEnded),
        ("fail too often", E::ChallengeRejected),
        ("fail too often", E::FactorDisabled),
        ("resume a generator", E::FailuresForgiven),
        ("remove a factor", E::FactorRemoved),
        ("let enrol", E::RightsChanged),
        ("keep a policy", E::PolicyChanged),
        ("erase", E::AccountErased),
        ("erase whoever is suspended", E::AccountErased),
    ];
    let clock = ManualClock::new(NOON);
    let cabinet = made(Arc::new(MemoryStore::new()), &clock);
    let mut told: BTreeMap<String, Vec<EventKind>> = BTreeMap::new();
    let mut seen = 0;
    whole_life::live(&cabinet, &clock, &mut |what| {
        cabinet.vault().integrate().unwrap();
        let read = cabinet.vault().read(|store, keyring| {
            let journal = Journal::new(store, keyring);
            let size = journal.head()?.map_or(0, |head| head.size);
            Ok((size, journal.range(seen..size)?))
        });
        let (size, entries) = read.unwrap();
        seen = size;
        told.entry(what.to_owned()).or_default().extend(entries.iter().map(|entry| entry.leaf.kind));
    });
    for (what, kind) in TOLD {
        assert!(told[*what].contains(kind), "`{what}` does not tell {kind:?}: {:?}", told[*what]);
    }
}

#[test]
fn the_life_that_is_killed_takes_every_edge() {
    let clock = ManualClock::new(NOON);
    let cabinet = made(Arc::new(MemoryStore::new()), &clock);
    let edges = Edges::default();
    tracing::subscriber::with_default(edges.clone(), || {
        whole_life::live(&cabinet, &clock, &mut |_| {});
    });
    let nouns: Vec<&str> = zamok_cabinet::diagrams().iter().map(|diagram| diagram.noun).collect();
    assert!(nouns.len() >= 7, "{nouns:?}");
    // One life can take them all.
    edges.each_was_taken(&nouns, 1, |_, _, _| false);
}
