//! Messages through the outbox: leased, put into words, handed to a carrier that takes everything at once, and noted, beside bare
//! commits of one row over the same store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use zamok_cabinet::{Cabinet, Category, Evidence, Notice, Password, Policy, Priority};
use zamok_core::store::{Change, ChangeId, Outcome, RowKey, Store, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_delivery::{Delivery, Failed, Limits, Parcel, Taken, Templates, Transport};
use zamok_host::{Options, Passphrase, Vault};
use zamok_servers::Cluster;
use zamok_store_postgres::{PostgresStore, PostgresUrl};
use zamok_store_sqlite::SqliteStore;

use crate::house::{folder, lies_in_memory, text};
use crate::pairs::{Effort, Measured, interleaved};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "outbox-sqlite",
        work: "messages over SQLite, 32 at a time: spread, leased, handed over, noted",
        peer: "commits of one row over the same store, 32 callers",
        unit: "ns of wall time a message or commit; the ratio is that of the rates",
        target: Target::Report,
        run: sqlite,
    },
    Comparison {
        id: "outbox-postgres",
        work: "messages over PostgreSQL, 32 at a time: spread, leased, handed over, noted",
        peer: "commits of one row over the same store, 32 callers",
        unit: "ns of wall time a message or commit; the ratio is that of the rates",
        target: Target::Report,
        run: postgres,
    },
];

const CALLERS: usize = 32;
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };

/// A carrier that takes everything at once.
#[derive(Debug, Default)]
struct Willing(AtomicU64);

impl Transport for Willing {
    fn name(&self) -> &str {
        "willing"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Taken { parts: vec![parcel.id.to_string()], receipts: false })
    }
}

struct Office {
    store: Arc<dyn Store>,
    cabinet: Arc<Cabinet>,
    people: usize,
    commits: AtomicU64,
}

impl Office {
    fn build(store: Arc<dyn Store>, people: usize) -> Result<Self, String> {
        let options = Options { cost: CHEAP, ..Options::default() };
        let vault =
            Vault::create(store.clone(), &Passphrase::from("nobody is kept out of this vault"), options);
        let mut policy = Policy::strict();
        policy.password.cost = CHEAP;
        policy.delivery.per_address = 10_000;
        policy.delivery.per_network = 100_000_000;
        policy.delivery.per_country = 100_000_000;
        policy.delivery.budget = 100_000_000;
        let cabinet = Cabinet::create(Arc::new(vault.map_err(text)?), "Bank", policy).map_err(text)?;
        for number in 0..people {
            let login = format!("citizen-{number}");
            cabinet.register(&login, &Password::new("correct horse battery")).map_err(text)?;
            cabinet.vouch_contact(&login, &format!("+7916{number:07}"), "bench").map_err(text)?;
        }
        Ok(Self { store, cabinet: Arc::new(cabinet), people, commits: AtomicU64::new(0) })
    }

    /// So many messages, which were queued before; answers nanoseconds a message.
    fn messages(&self, count: usize) -> Result<f64, String> {
        for number in 0..count {
            let notice = Notice {
                category: Category::Service,
                priority: Priority::High,
                title: "Ready",
                text: "Your passport is ready.",
                link: "",
                language: "en",
            };
            self.cabinet.notify(&format!("citizen-{}", number % self.people), &notice).map_err(text)?;
        }
        let willing = Arc::new(Willing::default());
        let templates = Templates::new("Bank", "", "en", 8).map_err(text)?;
        let limits = Limits { failures: 5, pause: Duration::from_secs(1) };
        let carriers: Vec<Arc<dyn Transport>> = vec![willing.clone()];
        let delivery = Delivery::over(self.cabinet.clone(), templates, limits, |_| carriers);
        let delivery = delivery.with_threads(CALLERS);
        let stop = AtomicBool::new(false);
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| delivery.run(&stop));
            while willing.0.load(Ordering::Relaxed) < count as u64 && begun.elapsed().as_secs() < 300 {
                thread::sleep(Duration::from_millis(1));
            }
            let taken = begun.elapsed();
            // The last ones are noted.
            let empty = || self.cabinet.on_their_way(1, None).map(|(page, _)| page.is_empty());
            while !empty().unwrap_or(true) && begun.elapsed().as_secs() < 300 {
                thread::sleep(Duration::from_millis(1));
            }
            stop.store(true, Ordering::SeqCst);
            let sent = willing.0.load(Ordering::Relaxed);
            if sent == count as u64 {
                Ok(taken.as_secs_f64() * 1e9 / count as f64)
            } else {
                Err(format!("{sent} of {count} messages were sent"))
            }
        })
    }

    /// So many commits of one row of a message's size; answers nanoseconds a commit.
    fn bare(&self, count: usize) -> Result<f64, String> {
        let begun = Instant::now();
        let each = count / CALLERS;
        let done: Result<(), String> = thread::scope(|scope| {
            let caller = || -> Result<(), String> {
                for _ in 0..each {
                    let number = u128::from(self.commits.fetch_add(1, Ordering::Relaxed)) + (1 << 100);
                    let mut change = Change::new(ChangeId(number.to_be_bytes()));
                    let row = RowKey::new(Table(900), number.to_be_bytes());
                    change.insert(row, vec![7; 300]).map_err(text)?;
                    match self.store.commit(&change).map_err(text)? {
                        Outcome::Committed => {}
                        other => return Err(format!("{other:?}")),
                    }
                }
                Ok(())
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
            callers.into_iter().try_for_each(|caller| {
                caller.join().map_err(|_| "a caller panicked".to_owned()).and_then(|done| done)
            })
        });
        done?;
        Ok(begun.elapsed().as_secs_f64() * 1e9 / (each * CALLERS) as f64)
    }

    fn measure(&self, effort: Effort) -> Result<Measured, String> {
        let (messages, commits) = (effort.size(2_000, 200), effort.size(6_400, 640));
        let mut measured = interleaved(effort, || self.messages(messages), || self.bare(commits))?;
        measured.note = format!("{:.0} messages a second", 1e9 / measured.ours);
        Ok(measured)
    }
}

fn sqlite(effort: Effort) -> Result<Measured, String> {
    let folder = folder()?;
    let store = Arc::new(SqliteStore::create(folder.path().join("store.db")).map_err(text)?);
    Office::build(store, effort.size(500, 50))?.measure(effort)
}

fn postgres(effort: Effort) -> Result<Measured, String> {
    let server = Cluster::start();
    if lies_in_memory(server.folder())? {
        return Err("temporary files lie in memory: set TMPDIR to a folder on a disk".to_owned());
    }
    let url = format!("{}?pool={CALLERS}", server.url("postgres"));
    let store = Arc::new(PostgresStore::create(PostgresUrl::parse(&url).map_err(text)?).map_err(text)?);
    Office::build(store, effort.size(500, 50))?.measure(effort)
}
