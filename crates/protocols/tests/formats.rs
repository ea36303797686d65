//! `docs/formats/request.md`: its vectors, which Python computed, are what the program signs and checks.
#![allow(missing_docs)]

mod house;

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use house::{House, NOON};
use zamok_core::UnixTime;
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Ed25519VerifyingKey, Prepared, VerifyingKey};
use zamok_core::vault::{KeyKind, Purpose, importing, keys, macs};
use zamok_protocols::request::{
    Clients, Covered, Manifest, Message, NewClientKey, SignedRequests, Signing, VaultKey, content_digest,
    signature_base,
};
use zeroize::Zeroizing;

fn vectors() -> BTreeMap<String, String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/request.md");
    let page = std::fs::read_to_string(page).unwrap();
    let parts = page.split("```text ").skip(1).map(|part| part.split_once("\n```").unwrap().0);
    let vectors: BTreeMap<String, String> = parts
        .map(|part| part.split_once('\n').unwrap())
        .map(|(name, text)| (name.into(), text.into()))
        .collect();
    assert_eq!(vectors.len(), 6);
    vectors
}

fn call() -> Message {
    Message::request("CALL", "zamok:operations/transfer").unwrap()
}

#[test]
fn the_record_of_the_page_is_what_is_signed() {
    let vectors = vectors();
    let params = vectors["record"].rsplit_once("\"@signature-params\": ").unwrap().1;
    let message = call().field("Content-Digest", content_digest(vectors["body"].as_bytes())).unwrap();
    let base = signature_base(&message, &Covered::parse(params).unwrap()).unwrap();
    assert_eq!(String::from_utf8(base.clone()).unwrap(), vectors["record"]);
    let seed: Vec<u8> = (0..32).collect();
    let house = House::new();
    house.person("ivan");
    let key = house.cabinet.vault().transact(|tx| {
        let template = keys::Template::new(KeyKind::Ed25519, Purpose::Request);
        importing::raw(tx, &template, Zeroizing::new(seed.clone()))
    });
    let key = key.unwrap_or_else(|error: zamok_core::Error| panic!("{error}"));
    let registered = Clients::new(&house.cabinet)
        .add("ivan", &NewClientKey::PublicKeyPem(&house.pem(key)), None, "the vector")
        .unwrap();
    assert_eq!(registered.id.to_string(), vectors["name"]);
    let public = VerifyingKey::from_spki_pem(&house.pem(key)).unwrap();
    let signature = Base64::decode_vec(&vectors["signature"]).unwrap();
    assert_eq!(public.verify(Mechanism::Ed25519, Prepared::Message(&base), &signature), Ok(()));
    assert!(
        matches!(&public, VerifyingKey::Ed25519(key) if Ed25519VerifyingKey::from_bytes(&key.to_bytes()).is_ok())
    );
    // Ed25519 has one signature for a message: ours is the vector's.
    house.clock.set(UnixTime(NOON));
    let signing = Signing {
        label: "sig",
        key: &vectors["name"],
        tag: "zamok-bank",
        created: UnixTime(NOON),
        nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
        also: &[],
    };
    let body = vectors["body"].as_bytes();
    let signed = signing.sign(call(), body, &VaultKey::new(&house.cabinet, key)).unwrap();
    let fields = [
        ("content-digest", content_digest(body)),
        ("signature-input", format!("sig={params}")),
        ("signature", format!("sig=:{}:", vectors["signature"])),
    ];
    let expected =
        fields.into_iter().fold(call(), |message, (name, value)| message.field(name, value).unwrap());
    assert_eq!(signed, expected);
    assert!(SignedRequests::new(&house.cabinet, "zamok-bank").check(&expected, body).is_ok());
    let secret: Vec<u8> = (32..64).collect();
    let record = vectors["record"].replace("\"ed25519\"", "\"hmac-sha256\"");
    let tag = macs::hmac(Mechanism::HmacSha256, &secret, record.as_bytes()).unwrap();
    assert_eq!(Base64::encode_string(&tag), vectors["hmac"]);
}

#[test]
fn the_manifest_of_the_page_is_that_of_its_blocks() {
    let manifest = Manifest::of([&b"first"[..], b"second", b""]).unwrap();
    assert_eq!(zamok_core::wire::hex(&manifest.encode()), vectors()["manifest"]);
}
