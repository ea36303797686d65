//! The program over a store in PostgreSQL: the same life as over a file, and clear answers where a server goes wrong.

mod harness;

use harness::{Desk, run};
use zamok_servers::Cluster;

const CHEAP: [&str; 7] = ["init", "--issuer", "Bank", "--argon2-memory", "1", "--argon2-passes", "1"];

#[test]
fn a_vault_in_a_database_lives_as_one_in_a_file_does() {
    let server = Cluster::start();
    let mut desk = Desk::empty();
    desk.store = server.url("postgres").into();
    desk.zamok(["doctor", "--json"]).failed(3, 516, "store-missing");
    let made = desk.zamok(CHEAP).done();
    assert!(made.stdout.contains("/postgres?schema=zamok holds a vault now"), "{made:?}");
    desk.zamok(CHEAP.into_iter().chain(["--json"])).failed(4, 404, "vault-exists");
    let phone = desk.enrol("ivan");
    desk.log_in("ivan", &phone);
    desk.write("document", "pay nobody");
    desk.zamok(["sign", "document", "--token-file", "token"]).done();
    let sound = desk.zamok(["doctor"]).done();
    assert!(sound.stdout.contains("the schema is as it was made"), "{sound:?}");
    // Another schema of the same database is another vault.
    desk.store = (server.url("postgres") + "?schema=other").into();
    desk.zamok(CHEAP).done();
    desk.zamok(["register", "ivan"]).done();

    desk.store = (server.url("postgres") + "?timeout=1").into();
    server.tell("postgres", "ALTER ROLE zamok SET synchronous_commit = off");
    desk.zamok(["register", "anna", "--json"]).failed(3, 520, "store-not-durable");
    server.tell("postgres", "ALTER ROLE zamok RESET synchronous_commit");
    server.halt();
    desk.zamok(["register", "anna", "--json"]).failed(3, 510, "store-unavailable");
    server.run();
    desk.zamok(["register", "anna"]).done();
}

#[test]
fn a_vault_in_a_database_is_backed_up_restored_and_moved_like_any_other() {
    let server = Cluster::start();
    let mut desk = Desk::empty();
    let schema = |name: &str| server.url("postgres") + &format!("?schema={name}");
    desk.store = schema("alpha").into();
    desk.zamok(CHEAP).done();
    let phone = desk.enrol("ivan");
    desk.log_in("ivan", &phone);
    desk.write("backup-passphrase", "another six random words");
    let secret = ["--backup-passphrase-file", "backup-passphrase"];
    desk.zamok(["backup", "vault.backup"].into_iter().chain(secret)).done();
    // Into a file, back into a database, and from there into another one.
    desk.store = "sqlite:restored.db".into();
    let restore = ["restore", "vault.backup", "--yes", "--argon2-memory", "1", "--json"];
    let restored = desk.zamok(restore.into_iter().chain(secret)).done().json();
    assert!(restored["rows"].as_u64().is_some_and(|rows| rows > 10), "{restored}");
    desk.zamok(["audit", "rows"]).done();
    desk.store = schema("beta").into();
    desk.zamok(restore.into_iter().chain(secret)).done();
    desk.zamok(["audit", "rows"]).done();
    let copy =
        ["store", "copy", &schema("beta"), &schema("gamma"), "--yes", "--ended", "--argon2-memory", "1"];
    desk.zamok(copy).done();
    desk.zamok(["keys", "list", "--json"]).failed(4, 446, "moved");
    desk.store = schema("gamma").into();
    desk.zamok(["audit", "rows"]).done();
    desk.zamok(["backup", "again.backup"].into_iter().chain(secret)).done();
    let shown = desk.zamok(["accounts", "show", "ivan"]).done();
    assert!(shown.stdout.contains("ivan"), "{shown:?}");
}

#[test]
fn the_password_of_a_database_is_never_an_argument_and_never_shown() {
    let desk = Desk::empty();
    for url in [
        "postgres://app:hunter2@localhost/bank",
        "postgresql://app:hunter2@localhost:x/bank?nonsense",
        "postgres://localhost/bank?user=app&password=hunter2",
    ] {
        for arguments in [["--store", url].as_slice(), &[&format!("--store={url}")]] {
            let refused = desk.zamok(["doctor", "--json"].iter().chain(arguments));
            refused.failed(2, 900, "usage");
            assert!(!refused.stdout.contains("hunter2"), "{refused:?}");
            assert!(refused.stdout.contains("password_file"), "{refused:?}");
        }
    }
    let mut by_variable = desk.command(["doctor", "--json"]);
    by_variable.env("ZAMOK_STORE", "postgres://app:hunter2@localhost:1/bank?timeout=1");
    let unavailable = run(&mut by_variable);
    unavailable.failed(3, 510, "store-unavailable");
    assert!(!unavailable.stdout.contains("hunter2"), "{unavailable:?}");
}
