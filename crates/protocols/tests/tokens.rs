//! Access tokens with every algorithm, through rotation, for others, and bound to who shows them; refresh tokens that rotate,
//! race and are stolen.
#![allow(missing_docs)]

mod house;

use std::sync::Barrier;

use base64ct::{Base64UrlUnpadded, Encoding};
use house::{BANK, House, REJECTED, policy};
use serde_json::{Value, json};
use zamok_cabinet::{Account, Error, Limits, PowerKind, Right, Rights, Role, Terms};
use zamok_core::event::EventKind;
use zamok_core::mechanism::{Mechanism, Mechanisms};
use zamok_core::signature::{Prepared, RsaBits};
use zamok_core::vault::versions::{self, RotationPolicy};
use zamok_core::vault::{KeyKind, KeyState, Purpose, keys, signing};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_protocols::request::{Clients, NewClientKey};
use zamok_protocols::token::{
    AccessTokens, Binding, CertificateHash, Grant, Granted, RefreshToken, Shown, Verifier, use_token_key,
};
use zamok_protocols::{JwsAlgorithm, Thumbprint, retention};

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(header).unwrap()).unwrap()
}

fn rotate(house: &House, accept: Option<u64>) {
    let id = house.cabinet.token_key();
    let rotated =
        house.cabinet.vault().transact(|tx| versions::rotate(tx, id, &RotationPolicy { accept }, "a test"));
    rotated.unwrap_or_else(|error: CoreError| panic!("{error}"));
}

const RSA: KeyKind = KeyKind::Rsa { bits: RsaBits::Rsa2048 };

#[test]
fn every_algorithm_signs_and_none_is_taken_for_another() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let pkcs1 = house.cabinet.vault().transact(|tx| {
        let mut template = keys::Template::new(RSA, Purpose::Token);
        template.mechanisms = Mechanisms::of(&[Mechanism::RsaPkcs1Sha256]);
        keys::generate(tx, &template)
    });
    let pkcs1 = pkcs1.unwrap_or_else(|error: CoreError| panic!("{error}"));
    let made = [
        (None, JwsAlgorithm::Es256),
        (Some(house.key(KeyKind::Ed25519, Purpose::Token)), JwsAlgorithm::EdDsa),
        (Some(house.key(KeyKind::P384, Purpose::Token)), JwsAlgorithm::Es384),
        (Some(house.key(RSA, Purpose::Token)), JwsAlgorithm::Ps256),
        (Some(pkcs1), JwsAlgorithm::Rs256),
    ];
    let mut issued = Vec::new();
    for (key, algorithm) in made {
        if let Some(key) = key {
            assert_eq!(use_token_key(&house.cabinet, key), Ok(algorithm));
        }
        let token = tokens.issue(&person.session).unwrap();
        assert_eq!(header(&token)["alg"], algorithm.name());
        issued.push(token);
    }
    let verifier = Verifier::from_jwks("Zamok Bank", BANK, &tokens.jwks().unwrap()).unwrap();
    let now = house.cabinet.vault().now();
    for token in &issued {
        // The keys before go on checking, here and elsewhere.
        assert_eq!(tokens.verify(token).unwrap().id, person.session.id);
        assert_eq!(
            verifier.check(token, &Shown::NOTHING, now).unwrap().session,
            person.session.id.to_string()
        );
        let [own, name] = ["alg", "kid"].map(|member| header(token)[member].as_str().unwrap().to_owned());
        let rest = token.split_once('.').unwrap().1;
        for other in JwsAlgorithm::ALL.map(JwsAlgorithm::name).into_iter().filter(|other| *other != own) {
            let header = json!({"alg": other, "kid": name, "typ": "at+jwt"}).to_string();
            let forged = format!("{}.{rest}", Base64UrlUnpadded::encode_string(header.as_bytes()));
            assert_eq!(tokens.verify(&forged), Err(REJECTED), "{own} as {other}");
            assert_eq!(
                verifier.check(&forged, &Shown::NOTHING, now),
                Err(CoreError::Rejected),
                "{own} as {other}"
            );
        }
    }
    let names: Vec<Value> =
        serde_json::from_str::<Value>(&tokens.jwks().unwrap()).unwrap()["keys"].as_array().unwrap().clone();
    assert_eq!(names.len(), 5);
    assert_eq!(names[0]["alg"], "RS256", "the one that signs comes first");
    assert_eq!(house.events(EventKind::TokenKeysChanged).len(), 4);
}

#[test]
fn keys_of_other_purposes_and_kinds_sign_no_tokens() {
    let house = House::new();
    let document = house.key(KeyKind::P256, Purpose::Document);
    assert!(use_token_key(&house.cabinet, document).is_err());
    let suspended = house.key(KeyKind::P256, Purpose::Token);
    let put_aside =
        house.cabinet.vault().transact(|tx| keys::change_state(tx, suspended, KeyState::Suspended, "a test"));
    put_aside.unwrap_or_else(|error: CoreError| panic!("{error}"));
    assert!(use_token_key(&house.cabinet, suspended).is_err());
    // What it signs nobody could check, or it signs no more.
    let refused = Err(zamok_protocols::Error::TokenKey("it may not both sign and verify now"));
    for usage in [keys::Usage::Sign, keys::Usage::Verify] {
        let mut template = keys::Template::new(KeyKind::P256, Purpose::Token);
        template.usages = keys::Usages::of(&[usage]);
        let half = house.cabinet.vault().transact(|tx| keys::generate(tx, &template));
        let half = half.unwrap_or_else(|error: CoreError| panic!("{error}"));
        assert_eq!(use_token_key(&house.cabinet, half), refused, "{usage:?}");
    }
    let mut template = keys::Template::new(KeyKind::P256, Purpose::Token);
    template.valid_to = Some(UnixTime(house.now() + 10));
    let over = house.cabinet.vault().transact(|tx| keys::generate(tx, &template));
    let over = over.unwrap_or_else(|error: CoreError| panic!("{error}"));
    house.clock.advance(10);
    assert_eq!(use_token_key(&house.cabinet, over), refused);
}

/// RFC 9864 §2.2: `Ed25519` is the newer name of what `EdDSA` is on that curve. The signature is over the header as it stands.
#[test]
fn a_token_that_says_ed25519_is_read_as_one_that_says_eddsa() {
    let house = House::new();
    let person = house.person("ivan");
    let key = house.key(KeyKind::Ed25519, Purpose::Token);
    assert_eq!(use_token_key(&house.cabinet, key), Ok(JwsAlgorithm::EdDsa));
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let issued = tokens.issue(&person.session).unwrap();
    let mut set: Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
    for member in set["keys"].as_array_mut().unwrap() {
        if member["alg"] == "EdDSA" {
            member["alg"] = json!("Ed25519");
        }
    }
    let verifier = Verifier::from_jwks("Zamok Bank", BANK, &set.to_string()).unwrap();
    let named = |algorithm: &str| {
        let mut header = header(&issued);
        header["alg"] = json!(algorithm);
        let header = Base64UrlUnpadded::encode_string(header.to_string().as_bytes());
        let signed = format!("{header}.{}", issued.split('.').nth(1).unwrap());
        let message = Prepared::Message(signed.as_bytes());
        let signature = house
            .cabinet
            .vault()
            .transact(|tx| signing::sign_with(tx, key, None, Purpose::Token, message, ""))
            .unwrap_or_else(|error: CoreError| panic!("{error}"));
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature.to_fixed()))
    };
    for (algorithm, good) in
        [("EdDSA", true), ("Ed25519", true), ("ed25519", false), ("Ed448", false), ("ES256", false)]
    {
        let token = named(algorithm);
        assert_eq!(tokens.verify(&token).is_ok(), good, "{algorithm}");
        assert_eq!(
            verifier.check(&token, &Shown::NOTHING, UnixTime(house.now())).is_ok(),
            good,
            "{algorithm}"
        );
    }
}

#[test]
fn no_token_is_given_that_is_too_long_to_be_read() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let terms = Terms {
        kind: PowerKind::Attorney,
        rights: Rights::of(&[Right::View]),
        // Each character is six in JSON.
        scope: (0..32_u8).map(|_| "\u{1}".repeat(64)).collect(),
        until: UnixTime(house.now() + 1000),
    };
    let given = house.cabinet.give_power(&principal.session, "ivan", &terms).unwrap();
    let power = house.cabinet.accept_power(&agent.session, given.id).unwrap();
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let refused = tokens.issue_for(&agent.session, &grant).unwrap_err();
    let Error::Core(CoreError::TooLong { what, given, limit }) = refused else { panic!("{refused}") };
    assert!(what == "an access token" && given > limit && limit == 8192, "{refused}");
    assert!(tokens.verify(&tokens.issue(&agent.session).unwrap()).is_ok());
}

#[test]
fn rotation_leaves_tokens_good_for_as_long_as_policy_says() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let old = tokens.issue(&person.session).unwrap();
    rotate(&house, Some(100));
    let new = tokens.issue(&person.session).unwrap();
    assert_ne!(header(&old)["kid"], header(&new)["kid"]);
    let count = |house: &House| {
        let set: Value =
            serde_json::from_str(&AccessTokens::new(&house.cabinet, BANK).jwks().unwrap()).unwrap();
        set["keys"].as_array().unwrap().len()
    };
    assert_eq!(count(&house), 2);
    let verifier = Verifier::from_jwks("Zamok Bank", BANK, &tokens.jwks().unwrap()).unwrap();
    for token in [&old, &new] {
        assert!(tokens.verify(token).is_ok());
        assert!(verifier.check(token, &Shown::NOTHING, house.cabinet.vault().now()).is_ok());
    }
    house.clock.advance(100);
    assert_eq!(tokens.verify(&old), Err(REJECTED), "the version's time is over");
    assert!(tokens.verify(&new).is_ok());
    assert_eq!(count(&house), 1);
    // A compromised version vouches for nothing, at once.
    rotate(&house, None);
    let newest = tokens.issue(&person.session).unwrap();
    let id = house.cabinet.token_key();
    let compromised = house
        .cabinet
        .vault()
        .transact(|tx| keys::change_version_state(tx, id, 2, KeyState::Compromised, "a test"));
    compromised.unwrap_or_else(|error: CoreError| panic!("{error}"));
    assert_eq!(tokens.verify(&new), Err(REJECTED));
    assert!(tokens.verify(&newest).is_ok());
}

#[test]
fn a_key_that_is_put_aside_or_ended_vouches_for_nothing_that_an_older_version_signed() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let old = tokens.issue(&person.session).unwrap();
    let id = house.cabinet.token_key();
    rotate(&house, None);
    // Another signs, and this one has checked until now.
    let _ = use_token_key(&house.cabinet, house.key(KeyKind::Ed25519, Purpose::Token)).unwrap();
    let change = |state| {
        let changed = house.cabinet.vault().transact(|tx| keys::change_state(tx, id, state, "a test"));
        changed.unwrap_or_else(|error: CoreError| panic!("{error}"));
    };
    let count = || {
        let set: Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
        set["keys"].as_array().unwrap().len()
    };
    assert_eq!((tokens.verify(&old).map(drop), count()), (Ok(()), 3));
    change(KeyState::Suspended);
    assert_eq!((tokens.verify(&old).map(drop), count()), (Err(REJECTED), 1));
    change(KeyState::Active);
    assert_eq!((tokens.verify(&old).map(drop), count()), (Ok(()), 3));
    change(KeyState::Compromised);
    assert_eq!((tokens.verify(&old).map(drop), count()), (Err(REJECTED), 1));
    change(KeyState::Destroyed);
    assert_eq!((tokens.verify(&old).map(drop), count()), (Err(REJECTED), 1));
}

/// RFC 9068 §4, with RFC 7519 §4.1.4 and §4.1.6: from the second of `iat` on, up to the one before `exp`; a service whose clock is
/// off bears a minute at most.
#[test]
fn elsewhere_a_token_is_good_from_its_first_second_to_its_last() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let token = tokens.issue(&person.session).unwrap();
    let first = house.cabinet.vault().now().0;
    let end = first + house.cabinet.policy().session.access_token;
    let verifier = Verifier::from_jwks("Zamok Bank", BANK, &tokens.jwks().unwrap()).unwrap();
    for (asked, borne) in [(0, 0), (1, 1), (60, 60), (61, 60), (u64::MAX, 60)] {
        let verifier = verifier.clone().with_leeway(asked);
        let good = |time| verifier.check(&token, &Shown::NOTHING, UnixTime(time)).is_ok();
        assert!(good(first - borne) && good(end + borne - 1), "{asked} s");
        assert!(!good(first - borne - 1), "{asked} s: a token from the future");
        assert!(!good(end + borne), "{asked} s: an expired token");
    }
}

#[test]
fn a_token_dies_with_the_epoch_of_its_account() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let token = tokens.issue(&person.session).unwrap();
    house.cabinet.end_sessions_of("ivan", "a test").unwrap();
    assert_eq!(tokens.verify(&token), Err(Error::SessionEnded));
    assert!(!tokens.introspect(&token).unwrap().is_active());
}

#[test]
fn a_bound_token_is_worth_nothing_to_others() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let (key, certificate) = (Thumbprint([7; 32]), CertificateHash([9; 32]));
    let both = Shown { key: Some(key), certificate: Some(certificate), ..Shown::NOTHING };
    let bound = |binding| tokens.issue_for(&person.session, &Grant { binding, power: None }).unwrap();
    let [bearer, by_key, by_certificate] =
        [Binding::Bearer, Binding::Key(key), Binding::Certificate(certificate)].map(bound);
    assert_eq!(claims(&by_key)["cnf"]["jkt"], Base64UrlUnpadded::encode_string(&[7; 32]));
    assert_eq!(claims(&by_certificate)["cnf"]["x5t#S256"], Base64UrlUnpadded::encode_string(&[9; 32]));
    let shown = [
        Shown::NOTHING,
        Shown::key(key),
        Shown::key(Thumbprint([8; 32])),
        Shown::certificate(certificate),
        Shown::certificate(CertificateHash([8; 32])),
        both,
    ];
    let expected = [
        (&bearer, [true, false, false, true, true, false]),
        (&by_key, [false, true, false, false, false, true]),
        (&by_certificate, [false, false, false, true, false, false]),
    ];
    let verifier = Verifier::from_jwks("Zamok Bank", BANK, &tokens.jwks().unwrap()).unwrap();
    for (token, expected) in expected {
        for (shown, good) in shown.iter().zip(expected) {
            assert_eq!(tokens.check(token, shown).is_ok(), good, "{shown:?}");
            assert_eq!(verifier.check(token, shown, house.cabinet.vault().now()).is_ok(), good, "{shown:?}");
        }
    }
    assert_eq!(tokens.verify(&by_key), Err(REJECTED));
    let introspected = tokens.introspect(&by_key).unwrap().to_json();
    assert_eq!((&introspected["active"], &introspected["token_type"]), (&json!(true), &json!("DPoP")));
}

fn power(house: &House, from: &house::Person, to: &house::Person) -> zamok_cabinet::Power {
    let terms = Terms {
        kind: PowerKind::Attorney,
        rights: Rights::of(&[Right::View, Right::Edit]),
        scope: vec!["meters".into()],
        until: UnixTime(house.now() + 1000),
    };
    let given = house.cabinet.give_power(&from.session, to.login, &terms).unwrap();
    house.cabinet.accept_power(&to.session, given.id).unwrap()
}

fn account(house: &House, person: &house::Person) -> Account {
    house.cabinet.account(&person.session).unwrap()
}

#[test]
fn a_representative_acts_for_another_as_long_as_the_power_counts() {
    let house = House::new();
    let (grandmother, grandson) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &grandmother, &grandson);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let token = tokens.issue_for(&grandson.session, &grant).unwrap();
    let said = claims(&token);
    assert_eq!(said["sub"], account(&house, &grandmother).id.to_string());
    assert_eq!(said["act"], json!({"sub": account(&house, &grandson).id.to_string()}));
    assert_eq!(
        said["authorization_details"],
        json!([{"type": "power", "identifier": power.id.to_string(), "actions": ["view", "edit"], "datatypes": ["meters"]}])
    );
    let access = tokens.check(&token, &Shown::NOTHING).unwrap();
    assert_eq!(access.subject, account(&house, &grandmother).id);
    assert_eq!((access.session.id, access.power.unwrap().id), (grandson.session.id, power.id));
    // A service that asks only for a session does not take him for her, nor for himself.
    assert_eq!(tokens.verify(&token), Err(REJECTED));
    // She reads of it.
    assert_eq!(house.events(EventKind::ActingTokenIssued).len(), 1);
    // Nobody uses a power of others.
    let stranger = house.person("olga");
    assert_eq!(tokens.issue_for(&stranger.session, &grant), Err(Error::NotAllowed));
    assert_eq!(tokens.issue_for(&grandmother.session, &grant), Err(Error::NotAllowed));
    house.cabinet.end_power(&grandmother.session, power.id).unwrap();
    assert_eq!(tokens.check(&token, &Shown::NOTHING), Err(Error::NotAllowed));
    assert_eq!(tokens.introspect(&token).unwrap().to_json(), json!({"active": false}));
    assert_eq!(tokens.issue_for(&grandson.session, &grant), Err(Error::NotAllowed));
}

#[test]
fn a_token_does_not_outlive_the_power_that_it_acts_by() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &principal, &agent);
    house.clock.set(UnixTime(power.terms.until.0 - 10));
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let token = tokens.issue_for(&agent.session, &grant).unwrap();
    assert_eq!(claims(&token)["exp"], power.terms.until.0);
}

#[test]
fn services_go_on_for_whoever_came_and_stand_in_the_token_in_order() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &principal, &agent);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let first = tokens.issue_for(&agent.session, &grant).unwrap();
    // The gateway, as a client that showed its certificate.
    let gateway = house.person("gateway");
    let certificate = include_bytes!("house/gateway.der");
    let clients = Clients::new(&house.cabinet);
    clients.add("gateway", &NewClientKey::Certificate(certificate), None, "the gateway").unwrap();
    let client = clients.of_certificate(CertificateHash::of(certificate)).unwrap();
    let access = tokens.check(&first, &Shown::NOTHING).unwrap();
    let registry = AccessTokens::new(&house.cabinet, "https://registry.example");
    house.clock.advance(1);
    let second = tokens.exchange(&access, &client, "https://registry.example", Binding::Bearer).unwrap();
    assert_eq!(claims(&second)["exp"], claims(&first)["exp"], "it lives no longer than what it came with");
    let [gateway_id, agent_id] = [&gateway, &agent].map(|person| account(&house, person).id.to_string());
    assert_eq!(claims(&second)["act"], json!({"sub": gateway_id, "act": {"sub": agent_id}}));
    assert_eq!(claims(&second)["sub"], account(&house, &principal).id.to_string());
    assert_eq!(tokens.check(&second, &Shown::NOTHING), Err(REJECTED), "it is for another audience");
    let mut access = registry.check(&second, &Shown::NOTHING).unwrap();
    assert_eq!(access.claims.actors, [gateway_id, agent_id]);
    // As many as policy says, and no more.
    let mut depth = 2;
    loop {
        match registry.exchange(&access, &client, "https://registry.example", Binding::Bearer) {
            Ok(token) => access = registry.check(&token, &Shown::NOTHING).unwrap(),
            Err(error) => break assert_eq!(error, Error::TooMany { what: "actors", limit: 4 }),
        }
        depth += 1;
    }
    assert_eq!(depth, 4);
    // A service that was put aside acts for nobody.
    house.cabinet.suspend_account("gateway", zamok_cabinet::AccountStep::Suspend, "a test").unwrap();
    assert_eq!(registry.check(&second, &Shown::NOTHING), Err(REJECTED));
    assert!(tokens.check(&first, &Shown::NOTHING).is_ok());
}

fn text(granted: &Granted) -> String {
    granted.refresh.to_text().to_string()
}

#[test]
fn a_refresh_token_is_good_once_and_its_reuse_ends_the_family() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let first = tokens.grant(&person.session, &Grant::default()).unwrap();
    let other = tokens.grant(&person.session, &Grant::default()).unwrap();
    let second = tokens.refresh(&text(&first), &Shown::NOTHING).unwrap();
    let third = tokens.refresh(&text(&second), &Shown::NOTHING).unwrap();
    for granted in [&first, &second, &third] {
        assert!(tokens.verify(&granted.access).is_ok(), "an access token lives until its own end");
    }
    assert!(tokens.introspect(&text(&third)).unwrap().is_active());
    assert!(!tokens.introspect(&text(&second)).unwrap().is_active(), "asking about an old one ends nothing");
    // The thief, or the one who was robbed.
    assert_eq!(tokens.refresh(&text(&first), &Shown::NOTHING).unwrap_err(), REJECTED);
    assert_eq!(tokens.refresh(&text(&third), &Shown::NOTHING).unwrap_err(), REJECTED, "the family is over");
    for granted in [&first, &second, &third] {
        assert_eq!(tokens.verify(&granted.access), Err(REJECTED), "and its access tokens with it");
    }
    assert!(tokens.verify(&other.access).is_ok());
    assert!(tokens.refresh(&text(&other), &Shown::NOTHING).is_ok(), "another family goes on");
    assert_eq!(house.events(EventKind::RefreshReused).len(), 1);
    assert_eq!(house.events(EventKind::FamilyOpened).len(), 2);
}

#[test]
fn of_two_that_refresh_at_once_one_wins() {
    let rounds = zamok_store_conformance::Tier::pick(5, 20, 500);
    for _ in 0..rounds {
        let house = House::new();
        let person = house.person("ivan");
        let another = house.another(policy());
        let token =
            text(&AccessTokens::new(&house.cabinet, BANK).grant(&person.session, &Grant::default()).unwrap());
        let start = Barrier::new(4);
        let wins: Vec<Option<String>> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|racer| {
                    let cabinet = if racer % 2 == 0 { &house.cabinet } else { &another.cabinet };
                    let (start, token) = (&start, &token);
                    scope.spawn(move || {
                        start.wait();
                        match AccessTokens::new(cabinet, BANK).refresh(token, &Shown::NOTHING) {
                            Ok(granted) => Some(text(&granted)),
                            Err(error) => {
                                assert_eq!(error, REJECTED);
                                None
                            }
                        }
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let winners: Vec<&String> = wins.iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        // The others used it a second time: nobody knows who is the thief.
        let tokens = AccessTokens::new(&house.cabinet, BANK);
        assert_eq!(tokens.refresh(winners[0], &Shown::NOTHING).unwrap_err(), REJECTED);
        assert_eq!(house.events(EventKind::RefreshReused).len(), 1);
    }
}

#[test]
fn who_lost_the_reply_asks_again_if_he_can_show_his_key() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let shown = Shown::key(Thumbprint([7; 32]));
    let grant = Grant { binding: Binding::Key(Thumbprint([7; 32])), power: None };
    let first = tokens.grant(&person.session, &grant).unwrap();
    // Without the key, or with another, nothing happens at all.
    for wrong in
        [Shown::NOTHING, Shown::key(Thumbprint([8; 32])), Shown::certificate(CertificateHash([7; 32]))]
    {
        assert_eq!(tokens.refresh(&text(&first), &wrong).unwrap_err(), REJECTED);
    }
    let second = tokens.refresh(&text(&first), &shown).unwrap();
    let again = tokens.refresh(&text(&first), &shown).unwrap();
    assert_eq!(text(&second), text(&again), "the same successor");
    let third = tokens.refresh(&text(&second), &shown).unwrap();
    // Its successor was used: now it is one time too many.
    assert_eq!(tokens.refresh(&text(&first), &shown).unwrap_err(), REJECTED);
    assert_eq!(tokens.refresh(&text(&third), &shown).unwrap_err(), REJECTED);
}

#[test]
fn refresh_tokens_die_with_session_epoch_and_audience() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let granted = tokens.grant(&person.session, &Grant::default()).unwrap();
    let shop = AccessTokens::new(&house.cabinet, "https://shop.example");
    assert_eq!(shop.refresh(&text(&granted), &Shown::NOTHING).unwrap_err(), REJECTED);
    house.cabinet.end_session(person.session.id, "logout").unwrap();
    assert_eq!(tokens.refresh(&text(&granted), &Shown::NOTHING).unwrap_err(), Error::SessionEnded);
    assert_eq!(tokens.grant(&person.session, &Grant::default()).unwrap_err(), Error::SessionEnded);
    let session = house.log_in(&person);
    let granted = tokens.grant(&session, &Grant::default()).unwrap();
    house.cabinet.end_sessions_of("ivan", "a test").unwrap();
    assert_eq!(tokens.refresh(&text(&granted), &Shown::NOTHING).unwrap_err(), Error::SessionEnded);
    let session = house.log_in(&person);
    let granted = tokens.grant(&session, &Grant::default()).unwrap();
    house.clock.advance(house.cabinet.policy().session.idle);
    assert_eq!(tokens.refresh(&text(&granted), &Shown::NOTHING).unwrap_err(), Error::SessionEnded);
}

#[test]
fn what_was_made_up_ends_nothing() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let granted = tokens.grant(&person.session, &Grant::default()).unwrap();
    let right = text(&granted);
    let second = text(&tokens.refresh(&right, &Shown::NOTHING).unwrap());
    let body = right.strip_prefix("zamok-refresh-").unwrap();
    let bytes = Base64UrlUnpadded::decode_vec(body).unwrap();
    for place in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[place] ^= 1;
        let forged = format!("zamok-refresh-{}", Base64UrlUnpadded::encode_string(&forged));
        assert_eq!(tokens.refresh(&forged, &Shown::NOTHING).unwrap_err(), REJECTED, "byte {place}");
    }
    for junk in ["", "zamok-refresh-", "zamok-refresh-AAAA", body, &format!("{right}A"), &format!(" {right}")]
    {
        assert_eq!(tokens.refresh(junk, &Shown::NOTHING).unwrap_err(), REJECTED, "{junk:?}");
    }
    assert!(tokens.refresh(&second, &Shown::NOTHING).is_ok());
    assert_eq!(house.events(EventKind::RefreshReused).len(), 0);
    let parsed = RefreshToken::parse(&right).unwrap();
    let shown = format!("{parsed:?}");
    assert!(shown.ends_with(", redacted)") && !shown.contains(&body[30..]), "{shown}");
}

#[test]
fn whoever_revokes_a_token_ends_what_it_stands_for() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let by_refresh = tokens.grant(&person.session, &Grant::default()).unwrap();
    tokens.revoke(&text(&by_refresh), "a test").unwrap();
    assert_eq!(tokens.refresh(&text(&by_refresh), &Shown::NOTHING).unwrap_err(), REJECTED);
    assert_eq!(tokens.verify(&by_refresh.access), Err(REJECTED));
    let by_access = tokens.grant(&person.session, &Grant::default()).unwrap();
    tokens.revoke(&by_access.access, "a test").unwrap();
    assert_eq!(tokens.refresh(&text(&by_access), &Shown::NOTHING).unwrap_err(), REJECTED);
    let plain = tokens.issue(&person.session).unwrap();
    assert!(tokens.verify(&plain).is_ok(), "the session goes on");
    // RFC 7009 §2.2: a token that is not good is no error.
    for junk in ["", "x.y.z", &text(&by_refresh), &by_access.access, "zamok-refresh-AAAA"] {
        assert_eq!(tokens.revoke(junk, "a test"), Ok(()), "{junk}");
    }
    // Nor is one of another audience, or one that has expired: neither ends anything.
    let others = AccessTokens::new(&house.cabinet, "https://other.example");
    let (access, family) =
        (others.issue(&person.session).unwrap(), others.grant(&person.session, &Grant::default()).unwrap());
    for token in [access.clone(), text(&family), family.access.clone()] {
        assert_eq!(tokens.revoke(&token, "a test"), Ok(()));
    }
    assert!(others.verify(&access).is_ok() && others.verify(&family.access).is_ok());
    house.clock.advance(house.cabinet.policy().session.access_token);
    assert_eq!(tokens.verify(&plain), Err(REJECTED), "it has expired");
    assert_eq!(tokens.revoke(&plain, "a test"), Ok(()));
    let plain = tokens.issue(&person.session).unwrap();
    assert!(tokens.verify(&plain).is_ok(), "the session goes on");
    tokens.revoke(&plain, "a test").unwrap();
    assert_eq!(tokens.verify(&plain), Err(Error::SessionEnded));
    assert_eq!(house.events(EventKind::FamilyRevoked).len(), 2);
}

#[test]
fn a_session_has_as_many_families_as_policy_says_and_retention_removes_them() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let limit = usize::try_from(house.cabinet.policy().access.families).unwrap();
    for _ in 0..limit {
        tokens.grant(&person.session, &Grant::default()).unwrap();
    }
    let full = tokens.grant(&person.session, &Grant::default()).unwrap_err();
    assert_eq!(full, Error::TooMany { what: "families of refresh tokens", limit });
    assert_eq!(retention::sweep(&house.cabinet).unwrap().removed, 0);
    house.clock.set(person.session.expires);
    let swept = retention::sweep(&house.cabinet).unwrap();
    assert_eq!((swept.removed, swept.unread), (limit.try_into().unwrap(), 0));
    assert_eq!(retention::sweep(&house.cabinet).unwrap().seen, 0);
}

#[test]
fn introspection_says_what_a_token_says_and_of_others_nothing() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let granted = tokens.grant(&person.session, &Grant::default()).unwrap();
    let said = tokens.introspect(&granted.access).unwrap().to_json();
    for (member, value) in claims(&granted.access).as_object().unwrap() {
        assert_eq!(said[member], *value, "{member}");
    }
    assert_eq!((&said["active"], &said["username"]), (&json!(true), &json!("ivan")));
    assert_eq!(said["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(said["acr"], "substantial");
    for junk in ["", "a.b.c", "zamok-refresh-AAAA"] {
        assert_eq!(tokens.introspect(junk).unwrap().to_json(), json!({"active": false}));
    }
    let elsewhere = AccessTokens::new(&house.cabinet, "https://shop.example");
    assert_eq!(elsewhere.introspect(&granted.access).unwrap().to_json(), json!({"active": false}));
    house.clock.advance(300);
    assert_eq!(tokens.introspect(&granted.access).unwrap().to_json(), json!({"active": false}));
}

#[test]
fn a_refresh_token_of_a_family_that_is_over_or_of_another_audience_is_told_as_inactive() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let inactive = json!({"active": false});
    let granted = tokens.grant(&person.session, &Grant::default()).unwrap();
    assert!(tokens.introspect(&text(&granted)).unwrap().is_active());
    let shop = AccessTokens::new(&house.cabinet, "https://shop.example");
    assert_eq!(shop.introspect(&text(&granted)).unwrap().to_json(), inactive);
    tokens.revoke(&text(&granted), "a test").unwrap();
    assert_eq!(tokens.introspect(&text(&granted)).unwrap().to_json(), inactive);
    // A family that ended because a token of it came twice.
    let first = tokens.grant(&person.session, &Grant::default()).unwrap();
    let second = tokens.refresh(&text(&first), &Shown::NOTHING).unwrap();
    assert_eq!(tokens.refresh(&text(&first), &Shown::NOTHING).unwrap_err(), REJECTED);
    assert_eq!(tokens.introspect(&text(&second)).unwrap().to_json(), inactive);
}

#[test]
fn who_refreshes_goes_on_acting_for_the_same_person_and_no_longer_than_the_power_counts() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &principal, &agent);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let first = tokens.grant(&agent.session, &grant).unwrap();
    let second = tokens.refresh(&text(&first), &Shown::NOTHING).unwrap();
    for granted in [&first, &second] {
        let access = tokens.check(&granted.access, &Shown::NOTHING).unwrap();
        assert_eq!(access.subject, account(&house, &principal).id);
        assert_eq!(access.power.unwrap().id, power.id);
    }
    let told = tokens.introspect(&text(&second)).unwrap().to_json();
    assert_eq!(told["sub"], account(&house, &principal).id.to_string());
    assert_eq!(told["act"]["sub"], account(&house, &agent).id.to_string());
    assert_eq!(told["authorization_details"][0]["identifier"], power.id.to_string());
    house.cabinet.end_power(&principal.session, power.id).unwrap();
    assert!(!tokens.introspect(&text(&second)).unwrap().is_active());
    assert_eq!(tokens.check(&second.access, &Shown::NOTHING), Err(Error::NotAllowed));
    assert_eq!(tokens.refresh(&text(&second), &Shown::NOTHING).unwrap_err(), Error::NotAllowed);
}

#[test]
fn a_token_does_not_outlive_the_session_that_it_stands_for() {
    let house = House::new();
    let person = house.person("ivan");
    let mut lasting = policy();
    lasting.session.access_token = lasting.session.longest;
    let lasting = house.another(lasting);
    house.clock.advance(1);
    let tokens = AccessTokens::new(&lasting.cabinet, BANK);
    let end = person.session.expires.0;
    let granted = tokens.grant(&person.session, &Grant::default()).unwrap();
    assert_eq!(granted.expires.0, end);
    let verifier = Verifier::from_jwks("Zamok Bank", BANK, &tokens.jwks().unwrap()).unwrap();
    for token in [tokens.issue(&person.session).unwrap(), granted.access] {
        assert_eq!(claims(&token)["exp"], end);
        let good = |time| verifier.check(&token, &Shown::NOTHING, UnixTime(time)).is_ok();
        assert!(good(end - 1) && !good(end));
    }
}

#[test]
fn a_service_that_was_put_aside_goes_on_for_nobody() {
    let house = House::new();
    let person = house.person("ivan");
    house.person("gateway");
    let certificate = include_bytes!("house/gateway.der");
    let clients = Clients::new(&house.cabinet);
    clients.add("gateway", &NewClientKey::Certificate(certificate), None, "the gateway").unwrap();
    let client = clients.of_certificate(CertificateHash::of(certificate)).unwrap();
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let access = tokens.check(&tokens.issue(&person.session).unwrap(), &Shown::NOTHING).unwrap();
    let exchange = || tokens.exchange(&access, &client, "https://registry.example", Binding::Bearer);
    assert!(exchange().is_ok());
    house.cabinet.suspend_account("gateway", zamok_cabinet::AccountStep::Suspend, "a test").unwrap();
    assert_eq!(exchange(), Err(REJECTED));
}

#[test]
fn what_was_got_in_exchange_ends_with_the_family_that_it_came_from() {
    let house = House::new();
    let person = house.person("ivan");
    house.person("gateway");
    let certificate = include_bytes!("house/gateway.der");
    let clients = Clients::new(&house.cabinet);
    clients.add("gateway", &NewClientKey::Certificate(certificate), None, "the gateway").unwrap();
    let client = clients.of_certificate(CertificateHash::of(certificate)).unwrap();
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let registry = AccessTokens::new(&house.cabinet, "https://registry.example");
    let granted = tokens.grant(&person.session, &Grant::default()).unwrap();
    let access = tokens.check(&granted.access, &Shown::NOTHING).unwrap();
    let second = tokens.exchange(&access, &client, "https://registry.example", Binding::Bearer).unwrap();
    assert!(registry.check(&second, &Shown::NOTHING).is_ok());
    tokens.revoke(&text(&granted), "a test").unwrap();
    assert_eq!(registry.check(&second, &Shown::NOTHING), Err(REJECTED));
}

#[test]
fn a_token_key_that_signs_again_stands_in_the_set_once() {
    let house = House::new();
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let (own, other) = (house.cabinet.token_key(), house.key(KeyKind::Ed25519, Purpose::Token));
    for key in [other, own, other, own] {
        let algorithm = use_token_key(&house.cabinet, key).unwrap();
        let set: Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
        let keys = set["keys"].as_array().unwrap();
        assert_eq!((keys.len(), &keys[0]["alg"]), (2, &json!(algorithm.name())));
        assert!(Verifier::from_jwks("Zamok Bank", BANK, &tokens.jwks().unwrap()).is_ok());
    }
}

#[test]
fn a_token_goes_no_further_than_the_rights_of_the_one_who_gave_the_power() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &principal, &agent);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let granted = tokens.grant(&agent.session, &grant).unwrap();
    let check = || tokens.check(&granted.access, &Shown::NOTHING);
    let set = |role: Role| house.cabinet.set_roles("anna", role.into(), &Limits::default()).unwrap();
    // An employee has no matters of his own, and nobody has them for him.
    set(Role::Employee);
    assert_eq!(check().map(drop), Err(Error::NotAllowed));
    assert_eq!(tokens.issue_for(&agent.session, &grant), Err(Error::NotAllowed));
    assert_eq!(tokens.refresh(&text(&granted), &Shown::NOTHING).map(drop), Err(Error::NotAllowed));
    assert!(!tokens.introspect(&text(&granted)).unwrap().is_active());
    set(Role::Citizen);
    let access = check().unwrap();
    assert_eq!(access.power.unwrap().terms.rights, power.terms.rights);
    assert_eq!(access.claims.power.unwrap().rights, ["view", "edit"]);
}

#[test]
fn what_a_client_is_told_of_the_end_is_the_end_of_the_token() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &principal, &agent);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    house.clock.set(UnixTime(power.terms.until.0 - 10));
    for power in [None, Some(power.id)] {
        let granted = tokens.grant(&agent.session, &Grant { binding: Binding::Bearer, power }).unwrap();
        assert_eq!(claims(&granted.access)["exp"], granted.expires.0);
    }
    let granted =
        tokens.grant(&agent.session, &Grant { binding: Binding::Bearer, power: Some(power.id) }).unwrap();
    assert_eq!(granted.expires, power.terms.until);
}

#[test]
fn nobody_acts_for_one_who_was_put_aside_nor_after_the_end_of_a_power() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &principal, &agent);
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let granted = tokens.grant(&agent.session, &grant).unwrap();
    let refused = || {
        assert_eq!(tokens.issue_for(&agent.session, &grant), Err(Error::NotAllowed));
        assert_eq!(tokens.refresh(&text(&granted), &Shown::NOTHING).map(drop), Err(Error::NotAllowed));
        assert!(!tokens.introspect(&text(&granted)).unwrap().is_active());
    };
    let step = |step| house.cabinet.suspend_account("anna", step, "a test").unwrap();
    step(zamok_cabinet::AccountStep::Suspend);
    assert_eq!(tokens.check(&granted.access, &Shown::NOTHING).map(drop), Err(Error::NotAllowed));
    refused();
    step(zamok_cabinet::AccountStep::Resume);
    assert!(tokens.check(&granted.access, &Shown::NOTHING).is_ok());
    house.clock.set(power.terms.until);
    refused();
}

#[test]
fn what_a_service_gets_in_exchange_is_bound_as_it_asks_and_told_and_comes_of_a_live_session() {
    let house = House::new();
    let person = house.person("ivan");
    house.person("gateway");
    let certificate = include_bytes!("house/gateway.der");
    let clients = Clients::new(&house.cabinet);
    clients.add("gateway", &NewClientKey::Certificate(certificate), None, "the gateway").unwrap();
    let hash = CertificateHash::of(certificate);
    let client = clients.of_certificate(hash).unwrap();
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let registry = AccessTokens::new(&house.cabinet, "https://registry.example");
    let access = tokens.check(&tokens.issue(&person.session).unwrap(), &Shown::NOTHING).unwrap();
    let exchange = |binding| tokens.exchange(&access, &client, "https://registry.example", binding);
    let bound = exchange(Binding::Certificate(hash)).unwrap();
    assert_eq!(claims(&bound)["cnf"], json!({"x5t#S256": hash.to_string()}));
    assert_eq!(claims(&bound)["client_id"], client.account.to_string());
    assert_eq!(registry.check(&bound, &Shown::NOTHING).map(drop), Err(REJECTED), "it is the gateway's alone");
    assert!(registry.check(&bound, &Shown::certificate(hash)).is_ok());
    let told = house.events(EventKind::ActingTokenIssued);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].get("agent"), Some(client.account.to_string().as_str()));
    assert_eq!(told[0].get("audience"), Some("https://registry.example"));
    house.cabinet.end_session(person.session.id, "logout").unwrap();
    assert_eq!(exchange(Binding::Bearer), Err(Error::SessionEnded));
}

#[test]
fn a_set_in_which_two_keys_have_one_name_is_no_set() {
    let house = House::new();
    let person = house.person("ivan");
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    tokens.issue(&person.session).unwrap();
    let mut set: Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
    assert!(Verifier::from_jwks("Zamok Bank", BANK, &set.to_string()).is_ok());
    let keys = set["keys"].as_array_mut().unwrap();
    keys.push(keys[0].clone());
    let twice = Verifier::from_jwks("Zamok Bank", BANK, &set.to_string()).map(drop);
    assert_eq!(twice, Err(zamok_protocols::Error::TokenKey("two keys of the set have one name")));
}

#[test]
fn nothing_is_got_in_exchange_once_the_power_has_ended_or_its_giver_has_fewer_rights() {
    let house = House::new();
    let (principal, agent) = (house.person("anna"), house.person("ivan"));
    let power = power(&house, &principal, &agent);
    house.person("gateway");
    let certificate = include_bytes!("house/gateway.der");
    let clients = Clients::new(&house.cabinet);
    clients.add("gateway", &NewClientKey::Certificate(certificate), None, "the gateway").unwrap();
    let client = clients.of_certificate(CertificateHash::of(certificate)).unwrap();
    let tokens = AccessTokens::new(&house.cabinet, BANK);
    let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
    let token = tokens.issue_for(&agent.session, &grant).unwrap();
    let access = tokens.check(&token, &Shown::NOTHING).unwrap();
    let exchange = || tokens.exchange(&access, &client, "https://registry.example", Binding::Bearer);
    assert!(exchange().is_ok());
    let set = |role: Role| house.cabinet.set_roles("anna", role.into(), &Limits::default()).unwrap();
    set(Role::Employee);
    assert_eq!(exchange(), Err(Error::NotAllowed));
    set(Role::Citizen);
    assert!(exchange().is_ok());
    let anna = house.log_in(&principal);
    house.cabinet.end_power(&anna, power.id).unwrap();
    assert_eq!(exchange(), Err(Error::NotAllowed));
}

#[test]
fn a_token_of_a_machine_whose_clock_is_a_minute_ahead_is_good_here_and_for_no_longer() {
    let house = House::new();
    let person = house.person("ivan");
    house.clock.advance(600);
    let session = house.log_in(&person);
    let token = AccessTokens::new(&house.cabinet, BANK).issue(&session).unwrap();
    let first = house.now();
    for (behind, good) in [(1, true), (60, true), (61, false)] {
        house.clock.set(UnixTime(first - behind));
        let other = house.another(policy());
        let tokens = AccessTokens::new(&other.cabinet, BANK);
        assert_eq!(tokens.verify(&token).is_ok(), good, "{behind} s");
        assert_eq!(tokens.introspect(&token).unwrap().is_active(), good, "{behind} s");
    }
    house.clock.set(UnixTime(first + house.cabinet.policy().session.access_token));
    let other = house.another(policy());
    assert_eq!(AccessTokens::new(&other.cabinet, BANK).verify(&token), Err(REJECTED));
}

#[test]
fn what_a_client_is_given_is_not_shown() {
    let house = House::new();
    let person = house.person("ivan");
    let granted = AccessTokens::new(&house.cabinet, BANK).grant(&person.session, &Grant::default()).unwrap();
    let shown = format!("{granted:?}");
    assert!(shown.starts_with("Granted(until ") && shown.ends_with(", redacted))"), "{shown}");
    assert!(!shown.contains(&granted.access) && !shown.contains("eyJ"), "{shown}");
}
