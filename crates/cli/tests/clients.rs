//! Tokens and keys of clients from the command line: what a token is worth and how it ends, another key that signs tokens, keys that
//! `openssl` made.

mod harness;

use harness::{Desk, heard, peer};
use serde_json::json;

#[test]
fn a_token_is_introspected_until_it_is_revoked() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let token = ["--token-file", "token", "--json"];
    let introspect = |desk: &Desk| desk.zamok([&["token", "introspect"][..], &token].concat());
    let said = introspect(&desk).done().json();
    assert_eq!(
        (&said["active"], &said["username"], &said["token_type"]),
        (&json!(true), &json!("ivan"), &json!("Bearer"))
    );
    let elsewhere =
        desk.zamok(["token", "introspect", "--token-file", "token", "--audience", "shop", "--json"]);
    assert_eq!((elsewhere.exit, elsewhere.json()), (1, json!({"active": false})));
    assert_eq!(
        desk.zamok([&["token", "revoke"][..], &token].concat()).done().json(),
        json!({"revoked": true})
    );
    let after = introspect(&desk);
    assert_eq!((after.exit, after.json()), (1, json!({"active": false})));
    // RFC 7009 §2.2: revoking it once more is no error.
    desk.zamok([&["token", "revoke"][..], &token].concat()).done();
}

#[test]
fn another_key_signs_tokens_and_the_one_before_goes_on_checking() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let new = ["keys", "new", "--kind", "ed25519", "--purpose", "token", "--label", "tokens", "--json"];
    let key = desk.zamok(new).done().json()["id"].as_str().unwrap().to_owned();
    let used = desk.zamok(["token", "use-key", &key, "--json"]).done().json();
    assert_eq!(used, json!({"key": key, "alg": "EdDSA"}));
    let set = desk.zamok(["jwks", "--json"]).done().json();
    let algorithms: Vec<&str> =
        set["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["EdDSA", "ES256"]);
    desk.zamok(["token", "introspect", "--token-file", "token"]).done();
    let document = ["keys", "new", "--kind", "ed25519", "--purpose", "document", "--label", "x", "--json"];
    let key = desk.zamok(document).done().json()["id"].as_str().unwrap().to_owned();
    desk.zamok(["token", "use-key", &key, "--json"]).failed(2, 749, "token-key");
}

#[test]
fn keys_of_clients_are_added_listed_and_revoked_for_good() {
    let (desk, _) = Desk::enrolled("ivan");
    for arguments in [
        "genpkey -algorithm ed25519 -out client.key",
        "pkey -in client.key -pubout -out client.pem",
        "req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.pem -subj /CN=client -days 2",
    ] {
        heard(peer("openssl").args(arguments.split(' ')).current_dir(desk.folder()));
    }
    let add = |more: &[&str]| desk.zamok([&["clients", "add", "ivan", "--json"][..], more].concat());
    let added = add(&["--public-key", "client.pem", "--label", "the gateway"]).done().json();
    assert_eq!((&added["kind"], &added["algorithm"]), (&json!("public key"), &json!("ed25519")));
    let certificate = add(&["--certificate", "tls.pem", "--algorithm", "rsa-v1_5-sha256"]).done().json();
    assert_eq!(
        (&certificate["kind"], &certificate["algorithm"]),
        (&json!("certificate"), &json!("rsa-v1_5-sha256"))
    );
    desk.write("secret", "thirty-two bytes, and some more of them");
    assert_eq!(add(&["--secret-file", "secret"]).done().json()["kind"], "secret");
    add(&["--public-key", "client.pem"]).failed(2, 745, "client-taken");
    add(&["--public-key", "tls.pem"]).failed(2, 746, "client-unusable");
    add(&["--public-key", "client.pem", "--algorithm", "none"]).failed(2, 900, "usage");
    let key = added["key"].as_str().unwrap();
    desk.zamok(["clients", "revoke", key, "--reason", "lost", "--json"]).done();
    let listed = desk.zamok(["clients", "list", "ivan", "--json"]).done().json();
    let revoked: Vec<bool> =
        listed["keys"].as_array().unwrap().iter().map(|key| key["revoked"].as_bool().unwrap()).collect();
    assert_eq!(revoked, [true, false, false]);
    add(&["--public-key", "client.pem"]).failed(2, 745, "client-taken");
    desk.zamok(["clients", "revoke", &"A".repeat(43), "--reason", "x", "--json"]).failed(
        2,
        744,
        "client-unknown",
    );
    desk.zamok(["clients", "list", "nobody", "--json"]).failed(1, 100, "rejected");
}
