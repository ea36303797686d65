//! Accounts that may act from some networks alone (R18): tokens and signed requests are good from there, and from nowhere else.
#![allow(missing_docs)]

mod house;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use house::{BANK, House, Person, password, request};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use rustls::pki_types::CertificateDer;
use tower_layer::Layer as _;
use tower_service::Service;
use zamok_cabinet::{Approach, Begun, Error, Limits, Network, Role, Session};
use zamok_core::vault::{KeyKind, Purpose};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_protocols::layers::AuthLayer;
use zamok_protocols::mtls::{client_of, client_of_from};
use zamok_protocols::request::{
    Clients, NewClientKey, SignedRequests, Signing, VaultKey, message_of, sign_http,
};
use zamok_protocols::token::{AccessTokens, CertificateHash, Grant, Shown};

const OUTSIDE: Result<(), Error> = Err(Error::OutsideLimits);

fn office() -> IpAddr {
    "10.1.2.3".parse().unwrap()
}

fn elsewhere() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

/// Somebody who may act from 10.1.0.0/16 alone, and is logged in from there.
fn clerk(house: &House) -> (Person, Session) {
    let person = house.person("clerk");
    let networks = vec![Network { address: office(), bits: 16 }];
    let roles = Role::Employee.into();
    house.cabinet.set_roles("clerk", roles, &Limits { hours: None, networks }).unwrap();
    house.clock.advance(30);
    let approach = Approach { address: Some(office()), ..Approach::default() };
    let Begun::Code(challenge) = house.cabinet.begin_login_from("clerk", &password(), &approach).unwrap()
    else {
        panic!()
    };
    let session = house.cabinet.answer(&challenge, &person.code(house), request()).unwrap();
    (person, session)
}

#[test]
fn tokens_are_good_from_the_networks_of_their_account_alone() {
    let house = House::new();
    let (_, session) = clerk(&house);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let granted = tokens.grant(&session, &Grant::default()).unwrap();
    let from = |address| Shown::NOTHING.from_address(address);
    let check = |shown: &Shown| tokens.check(&granted.access, shown).map(|access| access.session.address);
    assert_eq!(check(&from(office())), Ok(Some(office())));
    assert_eq!(check(&from(elsewhere())).map(drop), OUTSIDE);
    assert_eq!(check(&Shown::NOTHING).map(drop), OUTSIDE, "an unknown address is outside");
    assert_eq!(tokens.verify(&granted.access).map(drop), OUTSIDE);
    let refresh = granted.refresh.to_text();
    for shown in [Shown::NOTHING, from(elsewhere())] {
        assert_eq!(tokens.refresh(&refresh, &shown).map(drop), OUTSIDE);
    }
    let next = tokens.refresh(&refresh, &from(office())).unwrap();
    for token in [next.access.as_str(), &next.refresh.to_text()] {
        let active = |address| tokens.introspect_from(token, address).unwrap().is_active();
        assert!(active(Some(office())) && !active(Some(elsewhere())) && !active(None));
        assert!(!tokens.introspect(token).unwrap().is_active());
    }
    // Whoever gives a token up may do so from anywhere.
    tokens.revoke(&next.access, "given up").unwrap();
    let rejected = Err(Error::Core(CoreError::Rejected));
    assert_eq!(tokens.check(&next.access, &from(office())).map(drop), rejected);
    let alone = tokens.issue(&session).unwrap();
    tokens.revoke(&alone, "given up").unwrap();
    assert_eq!(tokens.check(&alone, &from(office())).map(drop), Err(Error::SessionEnded));
}

/// What is behind a layer: it lets everybody in.
#[derive(Clone)]
struct Open;

impl Service<Request<Full<Bytes>>> for Open {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        std::future::ready(Ok(Response::new(String::new())))
    }
}

async fn ask(layer: &AuthLayer, mut request: Request<Full<Bytes>>, from: Option<Seen>) -> StatusCode {
    match from {
        Some(Seen::Address(address)) => {
            request.extensions_mut().insert(address);
        }
        Some(Seen::Connection(address)) => {
            request.extensions_mut().insert(SocketAddr::new(address, 4711));
        }
        None => {}
    }
    layer.layer(Open).call(request).await.unwrap().status()
}

#[derive(Clone, Copy)]
enum Seen {
    Address(IpAddr),
    Connection(IpAddr),
}

/// What each sort of address is answered.
fn answers() -> [(Option<Seen>, StatusCode); 5] {
    [
        (None, StatusCode::FORBIDDEN),
        (Some(Seen::Address(elsewhere())), StatusCode::FORBIDDEN),
        (Some(Seen::Connection(elsewhere())), StatusCode::FORBIDDEN),
        (Some(Seen::Address(office())), StatusCode::OK),
        (Some(Seen::Connection(office())), StatusCode::OK),
    ]
}

#[tokio::test]
async fn the_layer_of_tokens_takes_the_address_from_the_extensions() {
    let house = House::new();
    let (_, session) = clerk(&house);
    let token = AccessTokens::new(&house.cabinet, BANK).issue(&session).unwrap();
    let layer = AuthLayer::access_tokens(Arc::new(house.cabinet), BANK, BANK);
    for (seen, status) in answers() {
        let request =
            Request::get("https://bank.example/").header("authorization", format!("Bearer {token}"));
        assert_eq!(ask(&layer, request.body(Full::default()).unwrap(), seen).await, status);
    }
}

#[tokio::test]
async fn signed_requests_are_good_from_the_networks_of_their_account_alone() {
    let house = House::new();
    let _ = clerk(&house);
    let key = house.key(KeyKind::P256, Purpose::Request);
    let (pem, now) = (house.pem(key), house.now());
    let cabinet = Arc::new(house.cabinet);
    let id = Clients::new(&cabinet).add("clerk", &NewClientKey::PublicKeyPem(&pem), None, "").unwrap().id;
    let layer = AuthLayer::signed_requests(Arc::clone(&cabinet), BANK, "bank");
    let signed = |nonce: String| {
        let (mut parts, ()) = Request::post("https://bank.example/pay").body(()).unwrap().into_parts();
        let (key_id, created) = (id.to_string(), UnixTime(now));
        let signing = Signing { label: "sig", key: &key_id, tag: "bank", created, nonce, also: &[] };
        sign_http(&mut parts, b"x", &signing, &VaultKey::new(&cabinet, key)).unwrap();
        parts
    };
    for (number, (seen, status)) in answers().into_iter().enumerate() {
        let parts = signed(format!("nonce of request {number}"));
        assert_eq!(ask(&layer, Request::from_parts(parts, Full::from("x")), seen).await, status);
    }
    // What was refused has used up no nonce.
    let parts = signed("nonce that comes again".into());
    let message = message_of(BANK, &parts).unwrap();
    let requests =
        |address| SignedRequests::new(&cabinet, "bank").from_address(address).check(&message, b"x");
    assert!(requests(None).is_err() && requests(Some(elsewhere())).is_err());
    assert!(requests(Some(office())).is_ok());
    assert!(requests(Some(office())).is_err(), "once");
}

/// Behind a proxy the connection is the proxy's: the address that the server names goes before it.
#[tokio::test]
async fn the_address_that_the_server_names_goes_before_that_of_the_connection() {
    let house = House::new();
    let (_, session) = clerk(&house);
    let token = AccessTokens::new(&house.cabinet, BANK).issue(&session).unwrap();
    let layer = AuthLayer::access_tokens(Arc::new(house.cabinet), BANK, BANK);
    for (client, proxy, status) in
        [(elsewhere(), office(), StatusCode::FORBIDDEN), (office(), elsewhere(), StatusCode::OK)]
    {
        let request =
            Request::get("https://bank.example/").header("authorization", format!("Bearer {token}"));
        let mut request = request.body(Full::<Bytes>::default()).unwrap();
        request.extensions_mut().insert(SocketAddr::new(proxy, 4711));
        assert_eq!(ask(&layer, request, Some(Seen::Address(client))).await, status);
    }
}

#[test]
fn certificates_are_good_from_the_networks_of_their_account_alone() {
    let house = House::new();
    let _ = clerk(&house);
    let certificate = include_bytes!("house/gateway.der");
    let clients = Clients::new(&house.cabinet);
    clients.add("clerk", &NewClientKey::Certificate(certificate), None, "").unwrap();
    let hash = CertificateHash::of(certificate);
    let from = |address| clients.of_certificate_from(hash, address).map(|_| ());
    let outside = Err(zamok_protocols::Error::Cabinet(Error::OutsideLimits));
    assert_eq!(from(Some(office())), Ok(()));
    assert_eq!([from(Some(elsewhere())), from(None)], [outside, outside]);
    assert_eq!(clients.of_certificate(hash).map(|_| ()), outside, "an unknown address is outside");
    // The name of a public key is that of no certificate.
    let pem = house.pem(house.key(KeyKind::P256, Purpose::Request));
    let key = clients.add("clerk", &NewClientKey::PublicKeyPem(&pem), None, "").unwrap();
    let rejected = Err(zamok_protocols::Error::Cabinet(Error::Core(CoreError::Rejected)));
    let found = clients.of_certificate_from(CertificateHash(key.id.0), Some(office()));
    assert_eq!(found.map(|_| ()), rejected);
}

#[test]
fn of_a_chain_the_first_certificate_alone_says_who_is_there_and_from_where_it_may_come() {
    let house = House::new();
    house.person("gateway");
    let certificate = include_bytes!("house/gateway.der");
    let clients = Clients::new(&house.cabinet);
    let registered = clients.add("gateway", &NewClientKey::Certificate(certificate), None, "").unwrap();
    let own = CertificateDer::from(&certificate[..]);
    let other = CertificateDer::from(&b"a certificate that nobody registered"[..]);
    let of = |chain: &[CertificateDer<'_>]| {
        client_of(&house.cabinet, Some(chain)).map(|(client, hash)| (client.key, hash))
    };
    let right = (registered.id, CertificateHash::of(certificate));
    let rejected = zamok_protocols::Error::Cabinet(Error::Core(CoreError::Rejected));
    assert_eq!(of(std::slice::from_ref(&own)), Ok(right));
    assert_eq!(of(&[own.clone(), other.clone()]), Ok(right));
    // Of what is behind the first, TLS has no proof that anybody holds its key.
    assert_eq!(of(&[other, own.clone()]), Err(rejected));
    assert_eq!(of(&[]), Err(rejected));
    assert_eq!(client_of(&house.cabinet, None).map(drop), Err(rejected));
    let networks = vec![Network { address: office(), bits: 16 }];
    let limits = Limits { hours: None, networks };
    house.cabinet.set_roles("gateway", Role::Employee.into(), &limits).unwrap();
    let from = |address| client_of_from(&house.cabinet, Some(std::slice::from_ref(&own)), address).map(drop);
    let outside = Err(zamok_protocols::Error::Cabinet(Error::OutsideLimits));
    assert_eq!(from(Some(office())), Ok(()));
    assert_eq!((from(Some(elsewhere())), from(None)), (outside, outside));
}
