//! The layers of `tower`: who gets through to the service behind, and what the others are told.
#![allow(missing_docs)]

mod house;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use house::{BANK, House, Person};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower_layer::Layer as _;
use tower_service::Service;
use zamok_cabinet::Cabinet;
use zamok_core::UnixTime;
use zamok_core::hash::sha256;
use zamok_core::signature::Prepared;
use zamok_core::store::{Range, Table};
use zamok_core::vault::{KeyId, KeyKind, Purpose, signing};
use zamok_protocols::Jwk;
use zamok_protocols::layers::AuthLayer;
use zamok_protocols::request::{Client, Clients, NewClientKey, Signing, VaultKey, sign_http};
use zamok_protocols::token::{Access, AccessTokens, Binding, CertificateHash, Grant};

/// What is behind: it says whom it saw, and how long the body was.
#[derive(Clone)]
struct Behind;

impl Service<Request<Full<Bytes>>> for Behind {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let client = request.extensions().get::<Client>().map(|client| client.account.to_string());
        let access = request.extensions().get::<Access>().map(|access| access.subject.to_string());
        ready(Ok(Response::new(client.or(access).unwrap_or_default())))
    }
}

struct Scene {
    cabinet: Arc<Cabinet>,
    person: Person,
    account: String,
    key: KeyId,
    jwk: serde_json::Value,
    pem: String,
    now: u64,
}

fn scene() -> Scene {
    scene_in(House::new())
}

fn scene_in(house: House) -> Scene {
    let person = house.person("ivan");
    let account = house.cabinet.account(&person.session).unwrap().id.to_string();
    let key = house.key(KeyKind::P256, Purpose::Request);
    let (pem, now) = (house.pem(key), house.now());
    let (_, public) = house
        .cabinet
        .vault()
        .transact(|tx| signing::public_key(tx, key))
        .unwrap_or_else(|error: zamok_core::Error| panic!("{error}"));
    let mut jwk = Jwk { key: public, name: None, algorithm: None }.to_json().unwrap();
    jwk.as_object_mut().unwrap().remove("use");
    Scene { cabinet: Arc::new(house.cabinet), person, account, key, jwk, pem, now }
}

async fn ask(layer: &AuthLayer, request: Request<Full<Bytes>>) -> Response<String> {
    let mut service = layer.layer(Behind);
    std::future::poll_fn(|context| Service::<Request<Full<Bytes>>>::poll_ready(&mut service, context))
        .await
        .unwrap();
    service.call(request).await.unwrap()
}

fn request(body: &'static str) -> http::request::Builder {
    let _ = body;
    Request::post("https://bank.example/pay?amount=1").header("host", "bank.example")
}

#[tokio::test]
async fn signed_requests_get_through_once_and_others_do_not() {
    let scene = scene();
    let clients = Clients::new(&scene.cabinet);
    let registered = clients.add("ivan", &NewClientKey::PublicKeyPem(&scene.pem), None, "").unwrap();
    let layer = AuthLayer::signed_requests(Arc::clone(&scene.cabinet), BANK, "bank");
    let signed = |nonce: &str| {
        let (mut parts, ()) = request("x").body(()).unwrap().into_parts();
        let key = registered.id.to_string();
        let signing = Signing {
            label: "sig",
            key: &key,
            tag: "bank",
            created: UnixTime(scene.now),
            nonce: nonce.into(),
            also: &[],
        };
        sign_http(&mut parts, b"x", &signing, &VaultKey::new(&scene.cabinet, scene.key)).unwrap();
        parts
    };
    let with = |parts: http::request::Parts, body: &'static str| Request::from_parts(parts, Full::from(body));
    let parts = signed("nonce number one");
    let answer = ask(&layer, with(parts.clone(), "x")).await;
    assert_eq!((answer.status(), answer.body()), (StatusCode::OK, &scene.account));
    assert_eq!(ask(&layer, with(parts, "x")).await.status(), StatusCode::UNAUTHORIZED, "once");
    assert_eq!(ask(&layer, with(signed("nonce number two"), "y")).await.status(), StatusCode::UNAUTHORIZED);
    let mut other = signed("nonce number three");
    other.headers.insert("host", "shop.example".parse().unwrap());
    other.uri = "/pay?amount=1".parse().unwrap();
    assert_eq!(ask(&layer, with(other, "x")).await.status(), StatusCode::UNAUTHORIZED, "another host");
    // As a server sees it: the path alone, and the host in its field.
    let mut origin_form = signed("nonce number four");
    origin_form.uri = "/pay?amount=1".parse().unwrap();
    assert_eq!(ask(&layer, with(origin_form, "x")).await.status(), StatusCode::OK);
    let bare = request("x").body(Full::from("x")).unwrap();
    assert_eq!(ask(&layer, bare).await.status(), StatusCode::UNAUTHORIZED);
    let long = vec![0; scene.cabinet.policy().request.body + 1];
    let long = Request::from_parts(signed("nonce number five"), Full::from(long));
    assert_eq!(ask(&layer, long).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// A proof of possession by the key of the scene.
fn proof(scene: &Scene, id: &str, token: &str) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let header = serde_json::json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": scene.jwk}).to_string();
    let claims = serde_json::json!({
        "jti": id, "htm": "POST", "htu": "https://bank.example/pay", "iat": scene.now,
        "ath": encode(&sha256(&[token.as_bytes()])),
    });
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = scene.cabinet.vault().transact(|tx| {
        signing::sign_with(tx, scene.key, None, Purpose::Request, Prepared::Message(signed.as_bytes()), "")
    });
    let signature = signature.unwrap_or_else(|error: zamok_core::Error| panic!("{error}"));
    format!("{signed}.{}", encode(&signature.to_fixed()))
}

#[tokio::test]
async fn tokens_get_through_with_what_they_are_bound_to() {
    let scene = scene();
    let layer = AuthLayer::access_tokens(Arc::clone(&scene.cabinet), BANK, BANK);
    let tokens = AccessTokens::new(&scene.cabinet, BANK);
    let bearer = tokens.issue(&scene.person.session).unwrap();
    let with = |authorization: &str| {
        request("").header("authorization", authorization).body(Full::<Bytes>::default()).unwrap()
    };
    let answer = ask(&layer, with(&format!("Bearer {bearer}"))).await;
    assert_eq!((answer.status(), answer.body()), (StatusCode::OK, &scene.account));
    assert_eq!(ask(&layer, with(&format!("bearer {bearer}"))).await.status(), StatusCode::OK);
    assert_eq!(ask(&layer, with(&format!("Bearer  {bearer}"))).await.status(), StatusCode::OK);
    let challenge = |answer: &Response<String>| {
        let values = answer.headers().get_all("www-authenticate").iter();
        values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" | ")
    };
    let answer = ask(&layer, request("").body(Full::default()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(challenge(&answer).starts_with("Bearer | DPoP algs="), "{}", challenge(&answer));
    for wrong in ["Bearer x", "Bearer", "Basic aXZhbjp4", &format!("Bearer {bearer}x"), ""] {
        let answer = ask(&layer, with(wrong)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{wrong}");
        assert!(answer.body().is_empty());
    }
    let mut twice = with(&format!("Bearer {bearer}"));
    twice.headers_mut().append("authorization", format!("Bearer {bearer}").parse().unwrap());
    assert_eq!(ask(&layer, twice).await.status(), StatusCode::UNAUTHORIZED);

    // Bound to a key.
    let public = Jwk::read(scene.jwk.as_object().unwrap()).unwrap();
    let binding = Binding::Key(Jwk::thumbprint(&public.key).unwrap());
    let bound = tokens.issue_for(&scene.person.session, &Grant { binding, power: None }).unwrap();
    let proven = |proof: &str| {
        let mut request = with(&format!("DPoP {bound}"));
        request.headers_mut().append("dpop", proof.parse().unwrap());
        request
    };
    let answer = ask(&layer, proven(&proof(&scene, "proof number one", &bound))).await;
    assert_eq!((answer.status(), answer.body()), (StatusCode::OK, &scene.account));
    let answer = ask(&layer, proven(&proof(&scene, "proof number one", &bound))).await;
    assert!(challenge(&answer).contains("error=\"invalid_dpop_proof\""), "{}", challenge(&answer));
    let answer = ask(&layer, with(&format!("Bearer {bound}"))).await;
    assert_eq!(
        (answer.status(), challenge(&answer).as_str()),
        (StatusCode::UNAUTHORIZED, "Bearer error=\"invalid_token\"")
    );
    let answer = ask(&layer, with(&format!("DPoP {bound}"))).await;
    assert!(challenge(&answer).contains("invalid_dpop_proof"), "no proof at all");
    let mut twice = proven(&proof(&scene, "proof number two", &bound));
    twice.headers_mut().append("dpop", proof(&scene, "proof number three", &bound).parse().unwrap());
    assert!(challenge(&ask(&layer, twice).await).contains("invalid_dpop_proof"), "two proofs");

    // Bound to a certificate, which the server puts beside the request.
    let binding = Binding::Certificate(CertificateHash([7; 32]));
    let bound = tokens.issue_for(&scene.person.session, &Grant { binding, power: None }).unwrap();
    let mut over_tls = with(&format!("Bearer {bound}"));
    assert_eq!(ask(&layer, over_tls.clone()).await.status(), StatusCode::UNAUTHORIZED);
    over_tls.extensions_mut().insert(CertificateHash([8; 32]));
    assert_eq!(ask(&layer, over_tls.clone()).await.status(), StatusCode::UNAUTHORIZED);
    over_tls.extensions_mut().insert(CertificateHash([7; 32]));
    assert_eq!(ask(&layer, over_tls).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_server_that_wants_its_nonce_says_so() {
    let house = House::new();
    let person = house.person("ivan");
    let mut wanting = house::policy();
    wanting.request.server_nonce_needed = true;
    let strict = house.another(wanting);
    let key = house.key(KeyKind::P256, Purpose::Request);
    let (_, public) = house
        .cabinet
        .vault()
        .transact(|tx| signing::public_key(tx, key))
        .unwrap_or_else(|error: zamok_core::Error| panic!("{error}"));
    let mut jwk = Jwk { key: public.clone(), name: None, algorithm: None }.to_json().unwrap();
    jwk.as_object_mut().unwrap().remove("use");
    let binding = Binding::Key(Jwk::thumbprint(&public).unwrap());
    let bound = AccessTokens::new(&house.cabinet, BANK)
        .issue_for(&person.session, &Grant { binding, power: None })
        .unwrap();
    let scene = Scene {
        cabinet: Arc::new(strict.cabinet),
        account: String::new(),
        now: house.now(),
        pem: String::new(),
        person,
        key,
        jwk,
    };
    let layer = AuthLayer::access_tokens(Arc::clone(&scene.cabinet), BANK, BANK);
    let request = request("")
        .header("authorization", format!("DPoP {bound}"))
        .header("dpop", proof(&scene, "proof number one", &bound))
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = ask(&layer, request).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"use_dpop_nonce\""), "{challenge}");
    assert!(answer.headers()["dpop-nonce"].len() > 40);
}

#[tokio::test]
async fn a_proof_that_was_made_for_another_token_lets_nobody_through() {
    let scene = scene();
    let layer = AuthLayer::access_tokens(Arc::clone(&scene.cabinet), BANK, BANK);
    let tokens = AccessTokens::new(&scene.cabinet, BANK);
    let public = Jwk::read(scene.jwk.as_object().unwrap()).unwrap();
    let binding = Binding::Key(Jwk::thumbprint(&public.key).unwrap());
    let bound = || tokens.issue_for(&scene.person.session, &Grant { binding, power: None }).unwrap();
    let (one, other) = (bound(), bound());
    let with = |id: &str, named: &str| {
        request("")
            .header("authorization", format!("DPoP {one}"))
            .header("dpop", proof(&scene, id, named))
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let answer = ask(&layer, with("proof number one", &other)).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"invalid_dpop_proof\""), "{challenge}");
    assert_eq!(ask(&layer, with("proof number two", &one)).await.status(), StatusCode::OK);
}

/// RFC 9449 §11.1: anybody can make a key and proofs by it. What is remembered of them has bounds, which nobody without a token
/// may reach for the others.
#[tokio::test]
async fn proofs_beside_tokens_that_are_none_use_up_nothing() {
    let house = House::new();
    let mut policy = house::policy();
    (policy.request.per_key, policy.request.everyone) = (1, 1);
    let scene = scene_in(house.another(policy));
    let layer = AuthLayer::access_tokens(Arc::clone(&scene.cabinet), BANK, BANK);
    let tokens = AccessTokens::new(&scene.cabinet, BANK);
    let public = Jwk::read(scene.jwk.as_object().unwrap()).unwrap();
    let binding = Binding::Key(Jwk::thumbprint(&public.key).unwrap());
    let bound = tokens.issue_for(&scene.person.session, &Grant { binding, power: None }).unwrap();
    let bearer = tokens.issue(&scene.person.session).unwrap();
    let with = |id: &str, token: &str| {
        request("")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof(&scene, id, token))
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let none = ["junk", "a.b.c", bearer.as_str()];
    for (id, token) in ["proof number one", "proof number two", "proof number three"].into_iter().zip(none) {
        let answer = ask(&layer, with(id, token)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{token}");
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge, "DPoP error=\"invalid_token\"", "{token}");
    }
    let nonces = house.store.scan(Table(59), &Range::all(), 10, None).unwrap();
    assert!(nonces.rows.is_empty(), "nothing is remembered for them");
    assert_eq!(ask(&layer, with("proof number four", &bound)).await.status(), StatusCode::OK);
    let full = ask(&layer, with("proof number five", &bound)).await;
    assert_eq!(full.status(), StatusCode::SERVICE_UNAVAILABLE, "the one place is taken");
}
