//! A keeper that takes a journal to witnesses, beside an idle lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{MemoryStore, RowKey, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{Cadence, Keeper, Options, Passphrase, Vault};
use zamok_journal::TrustPolicy;
use zamok_witness::{Client, Server, Service};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn vault(idle: Option<Duration>) -> Arc<Vault> {
    let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let options = Options { cost, idle, ..Options::default() };
    let passphrase = Passphrase::from("a long sentence");
    Arc::new(Vault::create(Arc::new(MemoryStore::new()), &passphrase, options).unwrap())
}

#[test]
fn asking_witnesses_is_no_use_of_the_vault() {
    let (log, own) = (vault(Some(Duration::from_secs(4))), vault(None));
    let row = RowKey::new(Table(900), *b"row");
    log.transact(|tx| tx.event(EventKind::CodeAccepted, None, &row, &Detail::new())).unwrap();
    log.checkpoint().unwrap();
    let key = log.log_key().unwrap();
    let witness = Service::found(&own, "witness.example/w").unwrap();
    let service = Service::open(own, TrustPolicy::log(key.clone())).unwrap();
    let running = Server::bind("127.0.0.1:0", service).unwrap().start().unwrap();
    let address = running.address();
    let policy = format!("log {key}\nwitness w {witness} http://{address}/\ngroup g 1 w\nquorum g\n");
    let client = Arc::new(Client::new(TrustPolicy::parse(&policy).unwrap()));
    let every = Duration::from_millis(100);
    let cadence = Cadence { integrate: every, checkpoint: every, witness: every };
    let begun = Instant::now();
    let keeper = Keeper::start(log.clone(), cadence, Some(client)).unwrap();
    let mut keeping = keeper.keeping();
    while !keeping.ended {
        assert!(begun.elapsed() < PATIENCE, "it never locks: {keeping:?}");
        keeping = keeper.changed(&keeping, every);
    }
    assert!(log.is_locked(), "nobody has used it");
    assert!(keeping.witnessed.is_some(), "{keeping:?}");
}
