//! TLS: only the server that is meant is talked to, by whom it knows, and nothing secret is shown.

mod rig;

use rig::{cluster, create, fresh_schema, insert, open, with};
use zamok_core::store::{Outcome, StoreFault};
use zamok_servers::Cluster;
use zamok_store_postgres::PostgresUrl;

fn at(root: &std::path::Path) -> String {
    with(&cluster().tcp_url_with_password("postgres"), &format!("sslrootcert={}", root.display()))
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_not_talked_to() {
    let certificates = cluster().certificates();
    let schema = format!("schema={}", fresh_schema());
    let sound = with(&at(&certificates.root()), &schema);
    assert_eq!(insert(&create(&sound), b"key", b""), Ok(Outcome::Committed));
    assert_eq!(open(&at(&certificates.other_root())).err(), Some(StoreFault::Untrusted), "another root");
    let by_address = sound.replace("@localhost:", "@127.0.0.1:");
    assert_eq!(open(&by_address).err(), Some(StoreFault::Untrusted), "another name");
    let by_system = with(&cluster().tcp_url_with_password("postgres"), &schema);
    assert_eq!(open(&by_system).err(), Some(StoreFault::Untrusted), "the system's roots do not know it");
    let nowhere = at(&certificates.root().with_file_name("none.crt"));
    assert_eq!(open(&nowhere).err(), Some(StoreFault::Untrusted), "no root at all");

    let plain = Cluster::start_with("ssl = off");
    let url = with(
        &plain.tcp_url_with_password("postgres"),
        &format!("sslrootcert={}", certificates.root().display()),
    );
    assert_eq!(open(&url).err(), Some(StoreFault::Untrusted), "no TLS");
    let clear = with(&plain.tcp_url_with_password("postgres"), "sslmode=disable");
    assert_eq!(
        insert(&create(&clear), b"key", b""),
        Ok(Outcome::Committed),
        "in the clear, when that is asked for"
    );
}

#[test]
fn a_wrong_password_and_a_channel_that_cannot_be_bound_are_denied() {
    let certificates = cluster().certificates();
    let root = format!("sslrootcert={}", certificates.root().display());
    let wrong = cluster().tcp_url("postgres").replace("zamok@", "zamok:wrong@");
    assert_eq!(open(&with(&wrong, &root)).err(), Some(StoreFault::Denied));
    assert_eq!(open(&with(&cluster().tcp_url("postgres"), &root)).err(), Some(StoreFault::Denied), "none");
    let unbound =
        with(&cluster().tcp_url_with_password("postgres"), "sslmode=disable&channel_binding=require");
    assert_eq!(open(&unbound).err(), Some(StoreFault::Denied), "a binding without a channel");
}

#[test]
fn a_password_comes_from_a_private_file_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{}\n", Cluster::PASSWORD)).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("our file");
    let parameters = format!(
        "schema={}&sslrootcert={}&password_file={}",
        fresh_schema(),
        cluster().certificates().root().display(),
        file.display()
    );
    let store = create(&with(&cluster().tcp_url("postgres"), &parameters));
    assert_eq!(insert(&store, b"key", b""), Ok(Outcome::Committed));
}

#[test]
fn a_client_is_known_by_its_certificate() {
    let certificates = cluster().certificates();
    cluster().tell("postgres", "CREATE DATABASE certified");
    let (certificate, key) = certificates.client();
    let root = format!("sslrootcert={}", certificates.root().display());
    let without = with(&cluster().tcp_url("certified"), &root);
    assert_eq!(open(&without).err(), Some(StoreFault::Denied));
    let with_it = with(&without, &format!("sslcert={}&sslkey={}", certificate.display(), key.display()));
    assert_eq!(insert(&create(&with_it), b"key", b""), Ok(Outcome::Committed));
}

#[test]
fn no_password_is_shown_by_a_store_or_its_url() {
    let url = with(&at(&cluster().certificates().root()), &format!("schema={}", fresh_schema()));
    let shown = [
        format!("{:?}", create(&url)),
        format!("{:?}", PostgresUrl::parse(&url)),
        PostgresUrl::parse(&url).expect("a URL").to_string(),
    ];
    for shown in shown {
        assert!(shown.contains("zamok@localhost") && !shown.contains("password"), "{shown}");
    }
    assert!(!cluster().log().contains(Cluster::PASSWORD));
}
