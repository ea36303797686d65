//! The same right code at the same instant, from processes over one PostgreSQL database: one session (R3; CRYPTO §4).
#![allow(missing_docs)]

mod altered_store;
mod contest;
mod file_house;
mod harness;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use altered_store::{altered, without_compare_and_set};
use contest::{LIMIT, PROCESSES, THREADS_EACH, Told, agrees, processes, processes_present, report, rival};
use file_house::child::task;
use file_house::{Deadline, next_code, patient_policy, say};
use harness::House;
use zamok_servers::Cluster;
use zamok_store_conformance::Tier;
use zamok_store_postgres::{PostgresStore, PostgresUrl};

/// Schemas, and rounds over each, in which a store without compare-and-set has to give itself away.
const PLANTED_HOUSES: u32 = 5;
const PLANTED_ROUNDS: u64 = 20;

/// A house in a schema of its own, and the URL that other processes open.
fn house_in(server: &Cluster, schema: &str) -> (House, PathBuf) {
    // Eight handles in each of eight processes: the server has no room for a full pool of each.
    let url = format!("{}?schema={schema}&pool=2", server.url("postgres"));
    let store = PostgresStore::create(PostgresUrl::parse(&url).unwrap()).unwrap();
    let mut house = House::over(Arc::new(store));
    house.cabinet = house.cabinet.with_policy(patient_policy());
    (house, url.into())
}

fn open(url: &Path) -> PostgresStore {
    PostgresStore::open(PostgresUrl::parse(url.to_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn of_eight_processes_of_eight_threads_over_postgresql_one_is_accepted() {
    const NAME: &str = "of_eight_processes_of_eight_threads_over_postgresql_one_is_accepted";
    if let Some((_, url)) = task() {
        return rival(|| Arc::new(open(&url)));
    }
    let _deadline = Deadline::within(LIMIT);
    let since = Instant::now();
    let server = Cluster::start();
    let (house, url) = house_in(&server, "zamok");
    let phone = house.citizen("ivan");
    let mut others = processes(NAME, "rival", &url);
    let mut told = Told::default();
    for round in 0..Tier::pick(3, 8, 1_000) {
        let (now, code) = next_code(&house.clock, house.clock_now(), &phone);
        let answers = processes_present(&mut others, now, &code);
        assert_eq!(answers.fault(PROCESSES * THREADS_EACH), None, "round {round}");
        told.merge(answers);
    }
    drop(others);
    let leaves = agrees(&house.cabinet, &told);
    report("PostgreSQL, eight processes of eight threads", &told, leaves, since);
}

#[test]
fn processes_over_postgresql_without_compare_and_set_are_caught() {
    const NAME: &str = "processes_over_postgresql_without_compare_and_set_are_caught";
    if let Some((_, url)) = task() {
        return rival(|| altered(open(&url), without_compare_and_set));
    }
    let _deadline = Deadline::within(LIMIT);
    let server = Cluster::start();
    for number in 0..PLANTED_HOUSES {
        let (house, url) = house_in(&server, &format!("careless_{number}"));
        let phone = house.citizen("ivan");
        let mut others = processes(NAME, "careless rival", &url);
        for round in 1..=PLANTED_ROUNDS {
            let (now, code) = next_code(&house.clock, house.clock_now(), &phone);
            let told = processes_present(&mut others, now, &code);
            if told.fault(PROCESSES * THREADS_EACH).is_some() {
                let accepted = told.sessions.len();
                say(&format!("PostgreSQL without compare-and-set: {accepted} accepted in round {round}"));
                if accepted > 1 {
                    return;
                }
                // Two rejections met: what was set last does not fit its revision, and the key is locked for good.
                break;
            }
        }
    }
    panic!("the planted defect goes unnoticed");
}
