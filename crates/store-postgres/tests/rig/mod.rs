//! What the tests of this crate share: one server a test binary, a schema a store, changes and rows.
#![allow(dead_code, unreachable_pub)]

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use zamok_core::Error;
use zamok_core::store::{Change, ChangeId, Outcome, Row, RowKey, Store, StoreFault, Table};
use zamok_servers::{Bouncer, Cluster};
use zamok_store_conformance::{Factory, Fresh, reexecuted};
use zamok_store_postgres::{PostgresStore, PostgresUrl};

/// The server of this test binary: started when it is needed, ended with the process.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

fn bouncer() -> &'static Bouncer {
    static BOUNCER: OnceLock<Bouncer> = OnceLock::new();
    BOUNCER.get_or_init(|| Bouncer::start(cluster()))
}

/// How a store gets to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Socket,
    Bouncer,
    Tls,
}

impl Route {
    pub fn url(self) -> String {
        match self {
            Self::Socket => cluster().url("postgres"),
            Self::Bouncer => bouncer().url("postgres"),
            Self::Tls => format!(
                "{}?channel_binding=require&sslrootcert={}",
                cluster().tcp_url_with_password("postgres"),
                cluster().certificates().root().display()
            ),
        }
    }
}

/// Makes each store in a schema of its own.
pub struct InSchemas {
    route: Route,
}

impl InSchemas {
    pub fn new(route: Route) -> Self {
        Self { route }
    }
}

impl Factory for InSchemas {
    type Store = PostgresStore;

    fn fresh(&self) -> Fresh<PostgresStore> {
        let place = with(&self.route.url(), &format!("schema={}", fresh_schema()));
        Fresh { store: create(&place), place }
    }

    fn open(&self, place: &str) -> PostgresStore {
        open(place).expect("the store opens")
    }

    fn helper(&self) -> Option<Command> {
        Some(reexecuted("a_process_that_helps_the_others"))
    }
}

/// A URL with one more parameter.
pub fn with(url: &str, parameter: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{parameter}")
}

pub fn fresh_schema() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    format!("store_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

pub fn create(url: &str) -> PostgresStore {
    PostgresStore::create(PostgresUrl::parse(url).expect("a URL")).expect("a new store")
}

pub fn open(url: &str) -> Result<PostgresStore, StoreFault> {
    PostgresStore::open(PostgresUrl::parse(url).expect("a URL"))
}

pub const TABLE: Table = Table(900);

pub fn row(key: impl Into<Vec<u8>>) -> RowKey {
    RowKey::new(TABLE, key)
}

/// A change with an id that no other process has used.
pub fn change(build: impl FnOnce(&mut Change) -> Result<(), Error>) -> Change {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    let mut id = [0; 16];
    id[..4].copy_from_slice(&std::process::id().to_be_bytes());
    id[4..8].copy_from_slice(&since.subsec_nanos().to_be_bytes());
    id[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let mut change = Change::new(ChangeId(id));
    build(&mut change).expect("a change within its limits");
    change
}

pub fn insert(store: &PostgresStore, key: &[u8], value: &[u8]) -> Result<Outcome, StoreFault> {
    store.commit(&change(|change| change.insert(row(key), value.to_vec())))
}

pub fn get(store: &PostgresStore, key: &[u8]) -> Result<Option<Row>, StoreFault> {
    store.get(&row(key))
}

/// Prints a line of figures past the harness, which captures only macros.
pub fn report(line: &str) {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{line}").and_then(|()| output.flush()).expect("someone listens");
}
