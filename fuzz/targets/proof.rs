//! Proofs of possession (DPoP, RFC 9449). An input is a text, which no signature fits: it is refused. One that begins with 0x80, which
//! no text does, is the plan of a proof that is really signed: members of header and claims are right, missing, there twice, or odd. What is accepted is for just this request, made just now, with a nonce of ours where one is asked for, and good once.
#![no_main]

mod bank;
mod jws;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};
use zamok_core::signature::VerifyingKey;
use zamok_fuzz::accepted;
use zamok_protocols::Jwk;
use zamok_protocols::proof::{Asked, Proofs};
use zamok_protocols::request::target_uri;
use zamok_protocols::token::{AccessTokens, Shown};

use bank::Bank;
use jws::{Change, Object, base64url, compact, public_key, quoted};

/// A cabinet with the nonce that it gave when it began.
struct Scene {
    bank: Bank,
    first: String,
}

/// One that takes proofs without a nonce of its own, and one that does not.
static SCENES: LazyLock<[Scene; 2]> = LazyLock::new(|| {
    [false, true].map(|needed| {
        let bank = Bank::new(|policy| policy.request.server_nonce_needed = needed);
        let first = Proofs::new(&bank.cabinet).nonce().expect("a nonce");
        Scene { bank, first }
    })
});

static DRAWN: AtomicU64 = AtomicU64::new(0);

const METHODS: [&str; 3] = ["POST", "GET", "post"];
const URIS: [&str; 4] = [
    "https://bank.example/pay",
    "https://bank.example/pay?to=anna",
    "https://BANK.example:443/pay#x",
    "https://bank.example/",
];

#[derive(Arbitrary, Debug)]
struct Plan<'a> {
    is_nonce_needed: bool,
    method: u8,
    uri: u8,
    /// The URI in the proof, where it is another than that of the request.
    named: Option<u8>,
    access_token: Option<&'a str>,
    nonce: Held,
    header: Vec<Change<'a>>,
    claims: Vec<Change<'a>>,
    flip: Option<(u16, u8)>,
}

/// The nonce that a proof holds.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Held {
    None,
    Present,
    First,
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((0x80, plan)) => {
            if let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(plan)) {
                signed(&plan);
            }
        }
        _ => {
            if let Ok(text) = str::from_utf8(input) {
                unsigned(text);
            }
        }
    }
});

fn unsigned(text: &str) {
    let cabinet = &SCENES[0].bank.cabinet;
    let asked = Asked { method: "POST", uri: URIS[0], access_token: None };
    assert!(Proofs::new(cabinet).check(text, &asked).is_err());
    let tokens = AccessTokens::new(cabinet, "audience");
    assert!(tokens.check(text, &Shown::NOTHING).is_err());
    assert!(tokens.refresh(text, &Shown::NOTHING).is_err());
    assert!(!tokens.introspect(text).expect("an answer").is_active());
}

fn signed(plan: &Plan<'_>) {
    let Scene { bank, first } = &SCENES[usize::from(plan.is_nonce_needed)];
    let (proofs, now) = (Proofs::new(&bank.cabinet), bank.now());
    let pick = |uri: u8| URIS[usize::from(uri) % URIS.len()];
    let (method, uri) = (METHODS[usize::from(plan.method) % METHODS.len()], pick(plan.uri));
    let VerifyingKey::Ed25519(own) = public_key() else { panic!("it is on that curve") };
    let jwk = Object::default()
        .with("kty", quoted("OKP"))
        .with("crv", quoted("Ed25519"))
        .with("x", quoted(&base64url(&own.to_bytes())));
    let mut header = Object::default()
        .with("typ", quoted("dpop+jwt"))
        .with("alg", quoted("EdDSA"))
        .with("jwk", jwk.to_json());
    let id = format!("proof-{:016x}", DRAWN.fetch_add(1, Ordering::Relaxed));
    let mut claims = Object::default()
        .with("jti", quoted(&id))
        .with("htm", quoted(method))
        .with("htu", quoted(pick(plan.named.unwrap_or(plan.uri))))
        .with("iat", now.0.to_string());
    let digest = plan.access_token.map(|token| quoted(&base64url(&Sha256::digest(token))));
    if let Some(digest) = &digest {
        claims = claims.with("ath", digest);
    }
    let present = proofs.nonce().expect("a nonce");
    claims = match plan.nonce {
        Held::None => claims,
        Held::Present => claims.with("nonce", quoted(&present)),
        Held::First => claims.with("nonce", quoted(first)),
    };
    header.change(&plan.header, now);
    claims.change(&plan.claims, now);
    let proof = compact(&header, &claims, plan.flip);
    let asked = Asked { method, uri, access_token: plan.access_token };
    let Ok(thumbprint) = proofs.check(&proof, &asked) else {
        let is_right = plan.header.is_empty()
            && plan.claims.is_empty()
            && plan.flip.is_none()
            && plan.named.is_none()
            && proof.len() <= 4096
            && match plan.nonce {
                Held::None => !plan.is_nonce_needed,
                Held::Present => true,
                Held::First => false,
            };
        assert!(!is_right, "a right proof was refused: {}", claims.to_json());
        return;
    };
    accepted("proof");
    // RFC 9449 §4.3.
    assert!(plan.flip.is_none() && header.is_without_repeats() && claims.is_without_repeats());
    assert_eq!(header.0.len(), 3);
    assert_eq!(header.get("typ"), Some(r#""dpop+jwt""#));
    assert!(matches!(header.get("alg"), Some(r#""EdDSA""# | r#""Ed25519""#)));
    assert_eq!(Some(thumbprint), Jwk::thumbprint(&public_key()).ok());
    assert_eq!(claims.get("htm"), Some(&*quoted(method)));
    // Texts of these targets hold nothing that JSON writes in another way.
    let named = claims.get("htu").and_then(|htu| target_uri(htu.trim_matches('"')).ok());
    assert_eq!(named, target_uri(uri).ok());
    let policy = &bank.cabinet.policy().request;
    let time = claims.number("iat").expect("it says when it was made");
    assert!((time - now.0 as f64).abs() < policy.tolerance as f64 + 1.0, "{time}");
    assert!(claims.get("jti").is_some_and(|id| id.len() >= 10));
    if digest.is_some() {
        assert_eq!(claims.get("ath"), digest.as_deref());
    }
    match claims.get("nonce") {
        None => assert!(!plan.is_nonce_needed),
        Some(nonce) => {
            let is_young = bank.now().0 - 1_800_000_000 < policy.server_nonce;
            assert!(nonce == quoted(&present) || nonce == quoted(first) && is_young);
        }
    }
    assert!(proofs.check(&proof, &asked).is_err(), "a proof is good once");
    // What is remembered of it is forgotten once its time is over.
    bank.clock.advance(1);
}
