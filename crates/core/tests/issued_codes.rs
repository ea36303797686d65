//! Codes that are sent: the vectors of `docs/formats/issued.md`, which come from another implementation of HMAC, and what
//! no code may be taken for.

mod harness;

use harness::{Scene, Scripted, bytes, page, tier, vector, vectors};
use zamok_core::Error;
use zamok_core::otp::Digits;
use zamok_core::vault::issued::{self, Binding};
use zamok_core::vault::{KeyId, KeyState, keys};

const PAGE: &str = "docs/formats/issued.md";

fn binding_of(bytes: &[u8]) -> Binding {
    assert_eq!(bytes.len(), 85);
    Binding {
        challenge: bytes[..16].try_into().unwrap(),
        account: bytes[16..32].try_into().unwrap(),
        session: bytes[32..48].try_into().unwrap(),
        purpose: bytes[48],
        operation: bytes[49..81].try_into().unwrap(),
        sending: u32::from_be_bytes(bytes[81..].try_into().unwrap()),
    }
}

/// A key with this material.
fn key(scene: &Scene, material: Vec<u8>) -> KeyId {
    let mut rng = Scripted { first: Some(material), then: scene.chance() };
    scene.transact_with(&mut rng, None, |tx| issued::generate(tx, "codes")).unwrap()
}

#[test]
fn the_vectors_of_the_page_are_computed() {
    let (scene, page) = (Scene::new("issued"), page(PAGE));
    let key = key(&scene, vector(&page, "key"));
    let names: Vec<&str> =
        vectors(&page).into_iter().filter_map(|name| name.strip_suffix("-binding")).collect();
    assert_eq!(names, ["login", "login-resent", "payment"]);
    for name in names {
        let binding = binding_of(&vector(&page, &format!("{name}-binding")));
        let right = String::from_utf8(vector(&page, &format!("{name}-code"))).unwrap();
        let code = scene.transact(|tx| issued::code(tx, key, &binding, Digits::SIX)).unwrap();
        assert_eq!(code.as_str(), right, "{name}");
        assert_eq!(scene.transact(|tx| issued::check(tx, key, &binding, Digits::SIX, &right)), Ok(()));
    }
    let subject = vector(&page, "token-subject").try_into().unwrap();
    let token: [u8; 32] = vector(&page, "token").try_into().unwrap();
    assert_eq!(*scene.transact(|tx| issued::token(tx, key, &subject)).unwrap(), token);
    for byte in 0..32 {
        let mut other = token;
        other[byte] ^= 1;
        let checked = scene.transact(|tx| issued::check_token(tx, key, &subject, &other));
        assert_eq!(checked, Err(Error::Rejected));
    }
    assert_eq!(scene.transact(|tx| issued::check_token(tx, key, &subject, &token)), Ok(()));
}

#[test]
fn every_bit_of_the_binding_makes_another_code() {
    let scene = Scene::new("bits");
    let key = key(&scene, bytes(&"5a".repeat(32)));
    let mut plain = [0x33; 85];
    let mut codes = std::collections::BTreeSet::new();
    let digits = Digits::new(10).unwrap();
    for bit in 0..=85 * 8 {
        if bit > 0 {
            plain[(bit - 1) / 8] ^= 1 << ((bit - 1) % 8);
        }
        let code = scene.try_out(|tx| issued::code(tx, key, &binding_of(&plain), digits)).unwrap();
        codes.insert(code.to_string());
        if bit > 0 {
            plain[(bit - 1) / 8] ^= 1 << ((bit - 1) % 8);
        }
    }
    assert_eq!(
        codes.len(),
        85 * 8 + 1,
        "two of so few codes of ten digits are the same by chance once in 9,000 runs"
    );
}

#[test]
fn codes_are_as_evenly_spread_as_31_bits_allow() {
    let scene = Scene::new("spread");
    let key = key(&scene, bytes(&"a5".repeat(32)));
    let rounds = u32::try_from(tier(1_000, 4_000, 200_000)).unwrap();
    let mut first = [0_u32; 10];
    let mut binding = binding_of(&[0; 85]);
    for sending in 0..rounds {
        binding.sending = sending;
        let code = scene.try_out(|tx| issued::code(tx, key, &binding, Digits::SIX)).unwrap();
        first[usize::from(code.as_str().as_bytes()[0] - b'0')] += 1;
    }
    let mean = f64::from(rounds) / 10.0;
    // Chi-squared with nine degrees of freedom passes 40 once in 130,000 runs; these runs are the same each time.
    let chi: f64 = first.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum();
    assert!(chi < 40.0, "{first:?}");
}

#[test]
fn what_is_no_code_is_rejected_like_a_wrong_one() {
    let scene = Scene::new("wrong");
    let key = key(&scene, bytes(&"5a".repeat(32)));
    // The code is looked for that is all zeros, which is what malformed text is compared with.
    let mut binding = binding_of(&[0; 85]);
    while scene.try_out(|tx| issued::code(tx, key, &binding, Digits::SIX)).unwrap().as_str() != "000000" {
        binding.sending += 1;
    }
    let check = |text: &str| scene.try_out(|tx| issued::check(tx, key, &binding, Digits::SIX, text));
    assert_eq!(check("000000"), Ok(()));
    for text in ["", "00000", "0000000", "000 000", " 000000", "00000o", "００００００", "000001"] {
        assert_eq!(check(text), Err(Error::Rejected), "{text:?}");
    }
}

#[test]
fn a_key_of_another_kind_or_state_issues_nothing() {
    let scene = Scene::new("kinds");
    let (otp, _) = scene.totp();
    let binding = binding_of(&[0; 85]);
    let issue = |key| scene.try_out(|tx| issued::code(tx, key, &binding, Digits::SIX)).map(|_| ());
    assert_eq!(issue(otp), Err(Error::KeyKind));
    let key = key(&scene, bytes(&"5a".repeat(32)));
    assert_eq!(issue(key), Ok(()));
    scene.transact(|tx| keys::change_state(tx, key, KeyState::Suspended, "test")).unwrap();
    assert_eq!(issue(key), Err(Error::KeyState(KeyState::Suspended)));
}
