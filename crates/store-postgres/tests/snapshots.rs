//! A view of one moment, straight and through a pooler in transaction mode: later commits do not show in it, nothing can be
//! committed to it, and where its connection is lost, so is the moment.

mod rig;

use rig::{Route, change, create, fresh_schema, get, insert, open, row, with};
use zamok_core::store::{CounterKey, Outcome, Range, Resolution, Row, Store, StoreFault};
use zamok_store_postgres::PostgresStore;

fn store(route: Route, more: &str) -> (PostgresStore, String) {
    let url = with(&with(&route.url(), &format!("schema={}", fresh_schema())), more);
    (create(&url), url)
}

fn counter() -> CounterKey {
    CounterKey(b"sum".to_vec())
}

/// Every row that a store has in the table of these tests, in pages of three.
fn all(store: &dyn Store) -> Vec<(Vec<u8>, Row)> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(rig::TABLE, &Range::all(), 3, after.as_ref()).expect("a page");
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

#[test]
fn the_moment_is_that_of_the_call_and_not_of_the_first_read() {
    for route in [Route::Socket, Route::Bouncer] {
        let (store, _) = store(route, "");
        let still = store.snapshot().expect("a view").expect("this store has views");
        assert_eq!(insert(&store, b"after", b""), Ok(Outcome::Committed));
        assert_eq!(still.get(&row(*b"after")), Ok(None), "{route:?}");
    }
}

#[test]
fn a_moment_stays_as_it_was_while_others_commit() {
    for route in [Route::Socket, Route::Bouncer, Route::Tls] {
        // One connection in the pool: the view must not take it away.
        let (store, url) = store(route, "pool=1");
        for number in 0..10_u8 {
            assert_eq!(insert(&store, &[number], b"before"), Ok(Outcome::Committed));
        }
        let more = change(|change| change.add(counter(), 5, 100));
        assert_eq!(store.commit(&more), Ok(Outcome::Committed));
        let still = store.snapshot().expect("a view").expect("this store has views");
        let before = all(&*still);
        assert_eq!(before.len(), 10, "{route:?}");
        let others: Vec<_> = (0..4_u8)
            .map(|writer| {
                let url = url.clone();
                std::thread::spawn(move || {
                    let store = open(&url).expect("the store opens");
                    for number in 0..25 {
                        let key = [100 + writer, number];
                        assert_eq!(insert(&store, &key, b"after"), Ok(Outcome::Committed));
                    }
                })
            })
            .collect();
        let changed = change(|change| {
            change.update(row([0]), 1, b"changed".to_vec())?;
            change.delete(row([1]), 1)?;
            change.add(counter(), 7, 100)
        });
        assert_eq!(store.commit(&changed), Ok(Outcome::Committed));
        while others.iter().any(|other| !other.is_finished()) {
            assert_eq!(all(&*still), before, "{route:?}");
        }
        others.into_iter().for_each(|other| other.join().expect("a writer"));
        assert_eq!(all(&*still), before, "{route:?}");
        assert_eq!(still.get(&row([1])), Ok(Some(Row { version: 1, value: b"before".to_vec() })));
        assert_eq!((still.counter(&counter()), store.counter(&counter())), (Ok(5), Ok(12)));
        assert_eq!(all(&store).len(), 109, "{route:?}");
        // Nothing can be committed to it, and a view of it is none.
        let refused = change(|change| change.insert(row([9, 9]), Vec::new()));
        assert_eq!(still.commit(&refused), Err(StoreFault::ReadOnly));
        assert_eq!(still.resolve(refused.id()), Err(StoreFault::ReadOnly));
        assert!(matches!(still.snapshot(), Ok(None)));
        drop(still);
        assert_eq!(store.resolve(changed.id()), Ok(Resolution::Committed));
        // Another view is of another moment.
        let later = store.snapshot().expect("a view").expect("this store has views");
        assert_eq!(all(&*later).len(), 109, "{route:?}");
    }
}

#[test]
fn a_view_outlives_the_limits_for_idle_transactions_and_not_its_connection() {
    // A server of its own: what is ended here is not the other test's.
    let server = zamok_servers::Cluster::start();
    let store = create(&with(&server.url("postgres"), "pool=2"));
    server.tell("postgres", "ALTER ROLE zamok SET idle_in_transaction_session_timeout = '200ms'");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
    let still = store.snapshot().expect("a view").expect("this store has views");
    server.tell("postgres", "ALTER ROLE zamok RESET idle_in_transaction_session_timeout");
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(still.get(&row(*b"key")).is_ok_and(|found| found.is_some()), "it was ended for being idle");
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'";
    server.tell("postgres", ended);
    // The moment is gone: no other connection can show it.
    assert_eq!(still.get(&row(*b"key")), Err(StoreFault::Unavailable));
    assert_eq!(still.get(&row(*b"key")), Err(StoreFault::Unavailable));
    assert!(get(&store, b"key").is_ok_and(|found| found.is_some()), "the store goes on");
}
