//! Attacks on tokens that have broken other libraries (RFC 8725 §2), and tokens that are merely too late.
#![allow(missing_docs)]

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use zamok_cabinet::{Begun, Cabinet, Error, Password, Policy, RequestId, Session};
use zamok_core::otp::{OtpUri, Totp, TotpParameters};
use zamok_core::store::MemoryStore;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{KeyState, keys};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_protocols::Jwk;
use zamok_protocols::token::AccessTokens;

const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
const REJECTED: Error = Error::Core(CoreError::Rejected);

struct House {
    cabinet: Cabinet,
    clock: ManualClock,
    session: Session,
}

fn house() -> House {
    let clock = ManualClock::new(UnixTime(1_800_000_000));
    let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
    let vault =
        Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a long passphrase"), options).unwrap();
    let mut policy = Policy::strict();
    policy.password.cost = LIGHT;
    let cabinet = Cabinet::create(Arc::new(vault), "Zamok Bank", policy).unwrap();
    let password = Password::new("correct horse battery");
    cabinet.register("ivan", &password).unwrap();
    let Begun::Enrol(enrolment) = cabinet.begin_login("ivan", &password).unwrap() else { panic!() };
    let offer = cabinet.offer_generator(&enrolment).unwrap();
    let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
    let totp = Totp::new(uri.secret(), TotpParameters::default()).unwrap();
    let code = |cabinet: &Cabinet| totp.code_at(cabinet.vault().now()).unwrap().to_string();
    cabinet.confirm_generator(&enrolment, &code(&cabinet)).unwrap();
    clock.advance(30);
    let Begun::Code(challenge) = cabinet.begin_login("ivan", &password).unwrap() else { panic!() };
    let session = cabinet.answer(&challenge, &code(&cabinet), RequestId([1; 16])).unwrap();
    House { cabinet, clock, session }
}

#[test]
fn a_key_that_is_not_for_verifying_verifies_nothing() {
    // RFC 8037 appendix A.2. Wycheproof, json_web_signature_test, tcId 355 and 356: "encrypt".
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let read = |further: &str| {
        let key = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{further}}}"#);
        Jwk::read(serde_json::from_str::<serde_json::Value>(&key).unwrap().as_object().unwrap())
    };
    for good in ["", r#","key_ops":["verify"]"#, r#","use":"sig","key_ops":["sign","verify"]"#] {
        assert!(read(good).is_ok(), "{good}");
    }
    for bad in [
        r#","key_ops":["encrypt"]"#,
        r#","key_ops":["sign"]"#,
        r#","key_ops":[]"#,
        r#","key_ops":["verify","verify"]"#,
        r#","key_ops":["verify",1]"#,
        r#","key_ops":"verify""#,
        r#","key_ops":null"#,
        r#","use":"enc""#,
    ] {
        assert_eq!(read(bad), Err(CoreError::Rejected), "{bad}");
    }
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(String::from).collect();
    parts.try_into().unwrap()
}

fn json(part: &str) -> String {
    String::from_utf8(Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

fn part(json: &str) -> String {
    Base64UrlUnpadded::encode_string(json.as_bytes())
}

#[test]
fn a_token_stands_for_its_live_session_until_it_expires() {
    let house = house();
    let tokens = AccessTokens::new(&house.cabinet, "https://bank.example");
    let token = tokens.issue(&house.session).unwrap();
    assert_eq!(tokens.verify(&token).unwrap().id, house.session.id);
    house.clock.advance(house.cabinet.policy().session.access_token - 1);
    assert!(tokens.verify(&token).is_ok());
    house.clock.advance(1);
    assert_eq!(tokens.verify(&token), Err(REJECTED));
}

#[test]
fn a_token_dies_with_its_session() {
    let house = house();
    let tokens = AccessTokens::new(&house.cabinet, "https://bank.example");
    let token = tokens.issue(&house.session).unwrap();
    house.cabinet.end_session(house.session.id, "logout").unwrap();
    assert_eq!(tokens.verify(&token), Err(Error::SessionEnded));
    assert_eq!(tokens.issue(&house.session), Err(Error::SessionEnded));
}

#[test]
fn another_audience_and_another_vault_refuse_it() {
    let [house, other] = [(); 2].map(|()| house());
    let token = AccessTokens::new(&house.cabinet, "https://bank.example").issue(&house.session).unwrap();
    assert_eq!(AccessTokens::new(&house.cabinet, "https://shop.example").verify(&token), Err(REJECTED));
    assert_eq!(AccessTokens::new(&other.cabinet, "https://bank.example").verify(&token), Err(REJECTED));
}

#[test]
fn forged_headers_are_refused() {
    let house = house();
    let tokens = AccessTokens::new(&house.cabinet, "https://bank.example");
    let [header, claims, signature] = parts(&tokens.issue(&house.session).unwrap());
    let honest = json(&header);
    let forge =
        |header: &str, signature: &str| tokens.verify(&format!("{}.{claims}.{signature}", part(header)));
    // RFC 8725 §2.1: `none` in every spelling, key confusion with the public key as an HMAC secret, unknown names.
    for algorithm in ["none", "None", "NONE", "nOnE", "HS256", "RS256", "ES384", "EdDSA", "es256", ""] {
        let header = honest.replace("ES256", algorithm);
        assert_ne!(header, honest);
        assert_eq!(forge(&header, &signature), Err(REJECTED), "{algorithm}");
        assert_eq!(forge(&header, ""), Err(REJECTED), "{algorithm} without a signature");
    }
    for more in [
        r#""jwk":{"kty":"EC"}"#,
        r#""jku":"https://evil.example/keys""#,
        r#""x5u":"https://evil.example/cert""#,
        r#""crit":["exp"]"#,
        r#""b64":false"#,
        r#""alg":"ES256""#,
        r#""kid":"../../dev/null""#,
    ] {
        let header = honest.replacen('{', &format!("{{{more},"), 1);
        assert_eq!(forge(&header, &signature), Err(REJECTED), "{more}");
    }
    for kid in ["", "../../../../dev/null", "' OR 1=1 --", "00000000000000000000000000000000"] {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#);
        assert_eq!(forge(&header, &signature), Err(REJECTED), "{kid}");
    }
}

#[test]
fn forged_signatures_are_refused() {
    let house = house();
    let tokens = AccessTokens::new(&house.cabinet, "https://bank.example");
    let [header, claims, signature] = parts(&tokens.issue(&house.session).unwrap());
    let raw = Base64UrlUnpadded::decode_vec(&signature).unwrap();
    let with =
        |raw: &[u8]| tokens.verify(&format!("{header}.{claims}.{}", Base64UrlUnpadded::encode_string(raw)));
    assert!(with(&raw).is_ok());
    // CVE-2022-21449, "psychic signatures": r or s of 0, or of the group order.
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    assert_eq!(with(&[0; 64]), Err(REJECTED));
    assert_eq!(with(&[order, order].concat()), Err(REJECTED));
    assert_eq!(with(&[&[0; 32], &raw[32..]].concat()), Err(REJECTED));
    assert_eq!(with(&[&raw[..32], &order[..]].concat()), Err(REJECTED));
    for length in [0, 1, 63, 65, 128] {
        assert_eq!(with(&vec![1; length]), Err(REJECTED), "{length} bytes");
    }
    for bit in 0..512 {
        let mut flipped = raw.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(with(&flipped), Err(REJECTED), "bit {bit}");
    }
}

#[test]
fn altered_claims_and_broken_texts_are_refused() {
    let house = house();
    let tokens = AccessTokens::new(&house.cabinet, "https://bank.example");
    let token = tokens.issue(&house.session).unwrap();
    let [header, claims, signature] = parts(&token);
    let honest = json(&claims);
    for (from, to) in
        [("exp\":1", "exp\":9"), ("\"sub\":\"", "\"sub\":\"0"), ("Bank", "Tank"), ("epoch\":", "epoch\":1")]
    {
        let altered = honest.replacen(from, to, 1);
        assert_ne!(altered, honest, "{from}");
        let forged = format!("{header}.{}.{signature}", part(&altered));
        assert_eq!(tokens.verify(&forged), Err(REJECTED), "{from}");
    }
    for cut in 0..token.len() {
        assert_eq!(tokens.verify(&token[..cut]), Err(REJECTED), "cut at {cut}");
    }
    for text in
        ["", ".", "..", "...", "a.b.c", &format!("{token}."), &format!("{token}="), &format!(" {token}")]
    {
        assert_eq!(tokens.verify(text), Err(REJECTED), "{text:?}");
    }
    assert_eq!(tokens.verify(&"a.".repeat(1 << 20)), Err(REJECTED));
}

#[test]
fn the_key_set_names_the_key_that_signed() {
    let house = house();
    let tokens = AccessTokens::new(&house.cabinet, "https://bank.example");
    let [header, ..] = parts(&tokens.issue(&house.session).unwrap());
    let header: serde_json::Value = serde_json::from_str(&json(&header)).unwrap();
    let set: serde_json::Value = serde_json::from_str(&tokens.jwks().unwrap()).unwrap();
    assert_eq!(set["keys"].as_array().unwrap().len(), 1);
    assert_eq!(set["keys"][0]["kid"], header["kid"]);
    assert_eq!(set["keys"][0]["crv"], "P-256");
    assert!(set["keys"][0].get("d").is_none(), "nothing private");
}

#[test]
fn a_token_key_that_was_put_aside_or_stolen_vouches_for_nobody() {
    for state in [KeyState::Suspended, KeyState::Compromised] {
        let house = house();
        let tokens = AccessTokens::new(&house.cabinet, "https://bank.example");
        let token = tokens.issue(&house.session).unwrap();
        house
            .cabinet
            .vault()
            .transact(|tx| keys::change_state(tx, house.cabinet.token_key(), state, "it leaked"))
            .unwrap_or_else(|error: CoreError| panic!("{error}"));
        let refused = Error::Core(CoreError::KeyState(state));
        assert_eq!(tokens.verify(&token), Err(refused));
        assert_eq!(tokens.issue(&house.session), Err(refused));
        assert_eq!(tokens.jwks(), Err(refused));
        assert_eq!(tokens.public_key_pem(), Err(refused));
    }
}
