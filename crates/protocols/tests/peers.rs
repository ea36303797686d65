//! Programs of others beside ours: PyJWT, npm `jose`, `openssl` and the package http-message-signatures accept what is right
//! and refuse what is not, and so do we of theirs.
#![allow(missing_docs)]

mod house;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use house::{BANK, House, Person, asked, peer, python};
use serde_json::{Map, Value, json};
use zamok_cabinet::Error;
use zamok_core::Error as CoreError;
use zamok_core::UnixTime;
use zamok_core::mechanism::{Mechanism, Mechanisms};
use zamok_core::signature::RsaBits;
use zamok_core::store::MemoryStore;
use zamok_core::vault::{KeyId, KeyKind, Purpose, importing, keys, macs};
use zamok_protocols::JwsAlgorithm;
use zamok_protocols::proof::{Asked, Proofs};
use zamok_protocols::request::{
    Clients, Message, NewClientKey, SignRequest, SignatureAlgorithm, SignedRequests, Signing, VaultKey,
    content_digest,
};
use zamok_protocols::token::{AccessTokens, Shown, Verifier, use_token_key};
use zeroize::Zeroizing;

const RSA: KeyKind = KeyKind::Rsa { bits: RsaBits::Rsa2048 };

/// The peers compare with the clock of the machine, which is ahead of ours: logging in takes a step of a generator.
fn house() -> House {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    House::over(Arc::new(MemoryStore::new()), now - 120)
}

fn pyjwt() -> Command {
    let mut command = python();
    command.arg(peer("tokens.py"));
    command
}

fn jose() -> Command {
    let npm = std::env::var_os("ZAMOK_NPM")
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/npm").into());
    // The Python environment of the tests holds a Node.js as well.
    let python = std::env::var_os("ZAMOK_PYTHON").map(PathBuf::from);
    let node = python.map(|python| python.with_file_name("node")).filter(|node| node.exists());
    let mut command = Command::new(node.unwrap_or_else(|| "node".into()));
    command.arg(peer("jose.mjs")).env("ZAMOK_NPM", npm);
    command
}

fn signatures() -> Command {
    let mut command = python();
    command.arg(peer("signatures.py"));
    command
}

fn pkcs1(house: &House) -> KeyId {
    let made = house.cabinet.vault().transact(|tx| {
        let mut template = keys::Template::new(RSA, Purpose::Token);
        template.mechanisms = Mechanisms::of(&[Mechanism::RsaPkcs1Sha256]);
        keys::generate(tx, &template)
    });
    made.unwrap_or_else(|error: CoreError| panic!("{error}"))
}

/// Tokens of every algorithm, under one key set.
fn issued(house: &House, person: &Person) -> Vec<String> {
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let mut issued = vec![tokens.issue(&person.session).unwrap()];
    let more = [house.key(KeyKind::Ed25519, Purpose::Token), house.key(RSA, Purpose::Token), pkcs1(house)];
    for key in more {
        use_token_key(&house.cabinet, key).unwrap();
        issued.push(tokens.issue(&person.session).unwrap());
    }
    issued
}

fn claims(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).unwrap()).unwrap()
}

/// The token with other claims, or another header, and the same signature.
fn altered(token: &str) -> Vec<String> {
    let [header, payload, signature] = <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let mut claims = claims(token);
    claims["sub"] = json!("somebody else");
    let other = Base64UrlUnpadded::encode_string(Value::Object(claims).to_string().as_bytes());
    let mut bytes = Base64UrlUnpadded::decode_vec(signature).unwrap();
    bytes[10] ^= 1;
    let flipped = Base64UrlUnpadded::encode_string(&bytes);
    let none = Base64UrlUnpadded::encode_string(br#"{"alg":"none","typ":"at+jwt"}"#);
    vec![
        format!("{header}.{other}.{signature}"),
        format!("{header}.{payload}.{flipped}"),
        format!("{none}.{payload}."),
        format!("{header}.{payload}."),
    ]
}

#[test]
fn pyjwt_and_jose_accept_our_tokens_and_refuse_what_we_refuse() {
    let house = house();
    let person = house.person("ivan");
    let issued = issued(&house, &person);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let jwks: Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
    let mut ours = issued.clone();
    ours.extend(issued.iter().flat_map(|token| altered(token)));
    let question = json!({"ours": ours, "jwks": jwks, "audience": BANK, "issuer": "Zamok Bank"});
    let ids: Vec<Value> = issued.iter().map(|token| claims(token)["jti"].clone()).collect();
    for peer in [pyjwt(), jose()] {
        let name = format!("{peer:?}");
        let answer = asked(peer, &question);
        let answers = answer["ours"].as_array().unwrap();
        assert_eq!(answers.len(), 20);
        assert_eq!(answers[..4], ids, "{name}");
        assert!(answers[4..].iter().all(Value::is_null), "{name}: {answers:?}");
    }
    for token in &ours[4..] {
        assert!(tokens.verify(token).is_err());
    }
}

#[test]
fn openssl_checks_our_signatures_with_the_public_key() {
    let house = house();
    let person = house.person("ivan");
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let ways: [(KeyId, &[&str]); 2] = [
        (pkcs1(&house), &["dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "signed"]),
        (
            house.key(KeyKind::Ed25519, Purpose::Token),
            &[
                "pkeyutl",
                "-verify",
                "-pubin",
                "-inkey",
                "key.pem",
                "-rawin",
                "-in",
                "signed",
                "-sigfile",
                "signature",
            ],
        ),
    ];
    for (key, arguments) in ways {
        use_token_key(&house.cabinet, key).unwrap();
        let token = tokens.issue(&person.session).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        std::fs::write(place("key.pem"), tokens.public_key_pem().unwrap()).unwrap();
        std::fs::write(place("signature"), Base64UrlUnpadded::decode_vec(signature).unwrap()).unwrap();
        for (text, right) in [(signed.to_owned(), true), (format!("{signed}x"), false)] {
            std::fs::write(place("signed"), text).unwrap();
            let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().unwrap();
            assert_eq!(output.status.success(), right, "{output:?}");
        }
    }
}

#[test]
fn tokens_that_pyjwt_signs_with_our_keys_are_read_strictly() {
    let house = house();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let honest = claims(&tokens.issue(&person.session).unwrap());
    let keys = asked(pyjwt(), &json!({"make": true}))["keys"].clone();
    for algorithm in [JwsAlgorithm::Es256, JwsAlgorithm::EdDsa, JwsAlgorithm::Rs256, JwsAlgorithm::Ps256] {
        // The attacker has stolen nothing; PyJWT stands in for another issuer with the same key.
        let pem = keys[algorithm.name()].as_str().unwrap();
        let taken = house.cabinet.vault().transact(|tx| {
            let (kind, secret) = importing::pkcs8_pem(pem)?;
            let mut template = keys::Template::new(kind, Purpose::Token);
            if algorithm == JwsAlgorithm::Rs256 {
                template.mechanisms = Mechanisms::of(&[Mechanism::RsaPkcs1Sha256]);
            }
            importing::raw(tx, &template, secret)
        });
        let taken = taken.unwrap_or_else(|error: CoreError| panic!("{error}"));
        assert_eq!(use_token_key(&house.cabinet, taken), Ok(algorithm));
        let verifier = Verifier::from_jwks("Zamok Bank", BANK, &tokens.jwks().unwrap()).unwrap();
        let name = {
            let set: Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
            set["keys"][0]["kid"].clone()
        };
        let header = json!({"typ": "at+jwt", "kid": name});
        let (alg, public) = (algorithm.name(), tokens.public_key_pem().unwrap());
        let order = |header: Value, change: &dyn Fn(&mut Map<String, Value>)| {
            let mut claims = honest.clone();
            change(&mut claims);
            json!({"alg": alg, "key": pem, "header": header, "claims": claims})
        };
        let with = |member: &'static str, value: Value| {
            order(header.clone(), &move |claims| {
                claims.insert(member.into(), value.clone());
            })
        };
        let without = |member: &'static str| {
            order(header.clone(), &move |claims| {
                claims.remove(member);
            })
        };
        let in_header = |member: &str, value: Value| {
            let mut header = header.clone();
            header[member] = value;
            order(header, &|_| {})
        };
        let mut orders = vec![
            // Good: as it is, another type of `aud`, another case of `typ`, an unknown claim.
            order(header.clone(), &|_| {}),
            with("aud", json!(["https://other.example", BANK])),
            in_header("typ", json!("application/AT+JWT")),
            with("something", json!({"new": [1]})),
        ];
        let good = orders.len();
        // PyJWT itself makes no token whose `iss` or `sub` is no string.
        for (member, values) in [
            (
                "exp",
                vec![
                    json!("9999999999"),
                    json!(9_999_999_999.5),
                    json!(-1),
                    Value::Null,
                    json!(true),
                    json!([9_999_999_999_u64]),
                ],
            ),
            ("iat", vec![json!("1"), Value::Null, json!(house.now() + 100)]),
            (
                "aud",
                vec![json!("https://other.example"), json!([]), json!([1]), Value::Null, json!({BANK: 1})],
            ),
            ("sid", vec![json!(1), json!("00"), json!("ffffffffffffffffffffffffffffffff"), Value::Null]),
            ("epoch", vec![json!("0"), json!(99), json!(-1), json!(0.5)]),
            ("jti", vec![json!(1), Value::Null]),
            ("client_id", vec![json!(1)]),
            ("auth_time", vec![json!("x")]),
            ("acr", vec![json!(3)]),
            ("amr", vec![json!("pwd"), json!([1])]),
            (
                "cnf",
                vec![
                    json!("x"),
                    json!({}),
                    json!({"jwk": {}}),
                    json!({"jkt": 1}),
                    json!({"jkt": "AAAA"}),
                    json!({"jkt": "A".repeat(43), "x5t#S256": "A".repeat(43)}),
                ],
            ),
            (
                "act",
                vec![
                    json!("x"),
                    json!({}),
                    json!({"sub": 1}),
                    json!({"sub": "ffffffffffffffffffffffffffffffff"}),
                ],
            ),
            ("authorization_details", vec![json!({}), json!([]), json!([{"type": "power"}])]),
            ("family", vec![json!(1), json!("ffffffffffffffffffffffffffffffff")]),
            ("nbf", vec![json!(house.now() + 100), json!("1")]),
            ("iss", vec![json!("Another Bank")]),
            ("sub", vec![json!("ffffffffffffffffffffffffffffffff")]),
        ] {
            orders.extend(values.into_iter().map(|value| with(member, value)));
        }
        for member in
            ["iss", "sub", "aud", "exp", "iat", "jti", "sid", "epoch", "client_id", "auth_time", "acr", "amr"]
        {
            orders.push(without(member));
        }
        for (member, value) in [
            ("typ", json!("JWT")),
            ("typ", json!("dpop+jwt")),
            ("kid", json!("../../../../dev/null")),
            ("kid", json!("' OR 1=1 --")),
            ("jwk", json!({"kty": "oct", "k": "AAAA"})),
            ("jku", json!("https://evil.example/keys")),
            ("x5u", json!("https://evil.example/cert")),
            ("x5c", json!(["AAAA"])),
            ("x5t", json!("AAAA")),
            ("crit", json!(["exp"])),
            ("zip", json!("DEF")),
            ("cty", json!("JWT")),
        ] {
            orders.push(in_header(member, value));
        }
        // No signature, and the public key as a secret (RFC 8725 §2.1).
        orders.push(json!({"alg": "none", "header": header, "claims": honest}));
        for hash in ["HS256", "HS384", "HS512"] {
            orders.push(json!({"alg": hash, "key": public, "header": header, "claims": honest}));
        }
        let signed = asked(pyjwt(), &json!({"sign": orders}))["signed"].clone();
        let signed = signed.as_array().unwrap();
        assert!(signed.len() == orders.len() && signed.len() > 70, "{}", signed.len());
        for (order, token) in orders.iter().zip(signed).take(good) {
            let token = token.as_str().unwrap();
            assert_eq!(tokens.verify(token).map(|session| session.id), Ok(person.session.id), "{order}");
            assert!(verifier.check(token, &Shown::NOTHING, UnixTime(house.now())).is_ok(), "{order}");
        }
        for (order, token) in orders.iter().zip(signed).skip(good) {
            let found = tokens.verify(token.as_str().unwrap());
            let refused = matches!(
                found,
                Err(Error::Core(CoreError::Rejected) | Error::SessionEnded | Error::NotAllowed)
            );
            assert!(refused, "{found:?}: {}", order["claims"]);
        }
    }
}

#[test]
fn proofs_that_jose_makes_are_taken_and_keys_have_the_same_thumbprints() {
    let house = house();
    let person = house.person("ivan");
    issued(&house, &person);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let jwks: Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
    let claims =
        |id: &str| json!({"jti": id, "htm": "POST", "htu": "https://bank.example/token", "iat": house.now()});
    let algorithms = ["ES256", "ES384", "EdDSA", "Ed25519", "RS256", "PS256"];
    let orders: Vec<Value> =
        algorithms.iter().map(|alg| json!({"alg": alg, "claims": claims("an id for one proof")})).collect();
    // Algorithms that are not offered.
    let mut all = orders.clone();
    all.extend(
        ["ES512", "RS512", "PS384"].map(|alg| json!({"alg": alg, "claims": claims("an id for one proof")})),
    );
    let question = json!({"proofs": all, "ours": [], "jwks": jwks, "audience": BANK, "issuer": "x"});
    let answer = asked(jose(), &question);
    let proofs = answer["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 9);
    let request = Asked { method: "POST", uri: "https://bank.example/token", access_token: None };
    let checks = Proofs::new(&house.cabinet);
    for made in &proofs[..6] {
        let found = checks.check(made["proof"].as_str().unwrap(), &request);
        assert_eq!(
            found.map(|found| json!(found.to_string())),
            Ok(made["thumbprint"].clone()),
            "{}",
            made["alg"]
        );
    }
    for made in &proofs[6..] {
        assert!(checks.check(made["proof"].as_str().unwrap(), &request).is_err(), "{}", made["alg"]);
    }
    let keys = jwks["keys"].as_array().unwrap();
    let thumbprints = answer["thumbprints"].as_array().unwrap();
    assert_eq!((keys.len(), thumbprints.len()), (4, 4));
    for (key, thumbprint) in keys.iter().zip(thumbprints) {
        let read = zamok_protocols::Jwk::read(key.as_object().unwrap()).unwrap();
        assert_eq!(json!(zamok_protocols::Jwk::thumbprint(&read.key).unwrap().to_string()), *thumbprint);
    }
}

const URI: &str = "https://bank.example/pay?amount=1&to=olga";
const BODY: &str = r#"{"amount":1}"#;
const SECRET: [u8; 40] = [7; 40];

struct Secret;

impl SignRequest for Secret {
    fn algorithm(&self) -> Result<SignatureAlgorithm, zamok_protocols::Error> {
        Ok(SignatureAlgorithm::HmacSha256)
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, zamok_protocols::Error> {
        Ok(macs::hmac(Mechanism::HmacSha256, &SECRET, base)?)
    }
}

/// A field of a message, by way of the base of a signature over it.
fn line(message: &Message, name: &str) -> String {
    let covered = zamok_protocols::request::Covered::parse(&format!("(\"{name}\")")).unwrap();
    let base = zamok_protocols::request::signature_base(message, &covered).unwrap();
    String::from_utf8(base).unwrap().lines().next().unwrap().split_once(": ").unwrap().1.to_owned()
}

#[test]
fn http_message_signatures_verifies_our_requests() {
    let house = house();
    house.person("ivan");
    let mut orders = Vec::new();
    let kinds = [Some(KeyKind::P256), Some(KeyKind::P384), Some(KeyKind::Ed25519), Some(RSA), None];
    for kind in kinds {
        let key = kind.map(|kind| house.key(kind, Purpose::Request));
        let vault = key.map(|key| VaultKey::new(&house.cabinet, key));
        let signer: &dyn SignRequest = vault.as_ref().map_or(&Secret, |key| key);
        let signing = Signing {
            label: "sig1",
            key: "a key",
            tag: "bank",
            created: UnixTime(house.now()),
            nonce: "a nonce for one request".into(),
            also: &["content-type", "@authority"],
        };
        let message =
            Message::request("POST", URI).unwrap().field("content-type", "application/json").unwrap();
        let signed = signing.sign(message, BODY.as_bytes(), signer).unwrap();
        let headers: Map<String, Value> = ["content-type", "content-digest", "signature-input", "signature"]
            .iter()
            .map(|name| ((*name).to_owned(), json!(line(&signed, name))))
            .collect();
        let public = key.map_or_else(|| Base64::encode_string(&SECRET), |key| house.pem(key));
        let alg = signer.algorithm().unwrap().name();
        let order = json!({"alg": alg, "key": public, "tag": "bank", "method": "POST", "url": URI, "headers": headers, "body": BODY});
        let with = |member: &str, value: Value| {
            let mut order = order.clone();
            order[member] = value;
            order
        };
        let mut other = headers.clone();
        other["content-type"] = json!("text/plain");
        orders.extend([
            order.clone(),
            with("method", json!("PUT")),
            with("url", json!("https://bank.example/pay?amount=2&to=olga")),
            with("body", json!(r#"{"amount":2}"#)),
            with("headers", Value::Object(other)),
            with("tag", json!("shop")),
        ]);
    }
    let answer = asked(signatures(), &json!({"verify": orders}));
    let verified: Vec<bool> =
        answer["verified"].as_array().unwrap().iter().map(|found| found.as_bool().unwrap()).collect();
    assert_eq!(verified.len(), 30);
    for (number, found) in verified.into_iter().enumerate() {
        assert_eq!(found, number % 6 == 0, "{}", orders[number]);
    }
}

#[test]
fn we_verify_the_requests_of_http_message_signatures() {
    let house = house();
    house.person("ivan");
    let clients = Clients::new(&house.cabinet);
    let made = asked(signatures(), &json!({"keys": true}))["keys"].clone();
    let made = made.as_object().unwrap();
    assert_eq!(made.len(), 5);
    let mut orders = Vec::new();
    let mut register = |name: &str, private: Value, new: &NewClientKey<'_>| {
        let algorithm = SignatureAlgorithm::named(name).unwrap();
        let key = clients.add("ivan", new, Some(algorithm), "a peer").unwrap();
        for include in [true, false] {
            orders.push(json!({
                "alg": name, "private": private, "keyid": key.id.to_string(), "tag": "bank",
                "nonce": format!("a nonce of {name} {include}"), "created": house.now(), "include_alg": include,
                "method": "POST", "url": URI, "body": BODY, "headers": {"Content-Type": "application/json"},
            }));
        }
    };
    for (name, key) in made {
        register(name, key["private"].clone(), &NewClientKey::PublicKeyPem(key["public"].as_str().unwrap()));
    }
    let secret = NewClientKey::Secret(Zeroizing::new(SECRET.to_vec()));
    register("hmac-sha256", json!(Base64::encode_string(&SECRET)), &secret);
    let signed = asked(signatures(), &json!({"sign": orders}))["signed"].clone();
    let signed = signed.as_array().unwrap();
    assert_eq!(signed.len(), 12);
    let checks = SignedRequests::new(&house.cabinet, "bank");
    for (order, headers) in orders.iter().zip(signed) {
        let message = |method: &str| {
            headers
                .as_object()
                .unwrap()
                .iter()
                .fold(Message::request(method, URI).unwrap(), |message, (name, value)| {
                    message.field(name, value.as_str().unwrap()).unwrap()
                })
        };
        assert!(checks.check(&message("PUT"), BODY.as_bytes()).is_err());
        assert!(checks.check(&message("POST"), b"{}").is_err());
        assert!(checks.check(&message("POST"), BODY.as_bytes()).is_ok(), "{order}: {headers}");
        assert!(checks.check(&message("POST"), BODY.as_bytes()).is_err(), "a request is good once");
    }
    assert!(content_digest(BODY.as_bytes()).starts_with("sha-256=:"));
}
