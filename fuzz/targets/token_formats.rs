//! Access tokens, refresh tokens and key sets from strangers. An input is a text: read or refused, never more. One that begins
//! with 0x80, which no text does, is the plan of an access token that is really signed, by a key that the set and the cabinet hold:
//! members of header and claims are right, missing, there twice, or odd. What is accepted is of this issuer, for this audience, good now,
//! and shown by whom it is bound to; what the cabinet itself accepts stands for the live session.
#![no_main]

mod bank;
mod jws;

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use zamok_cabinet::Session;
use zamok_core::UnixTime;
use zamok_core::hash::sha256;
use zamok_core::vault::keys::Template;
use zamok_core::vault::{KeyKind, Purpose, importing};
use zamok_core::wire::hex;
use zamok_fuzz::accepted;
use zamok_protocols::token::{
    AccessTokens, Binding, CertificateHash, Claims, RefreshToken, Shown, Verifier, use_token_key,
};
use zamok_protocols::{JwsAlgorithm, Thumbprint};

use bank::{Bank, ISSUER};
use jws::{Change, Object, SEED, compact, public_key, quoted};

const AUDIENCE: &str = "audience";

/// A cabinet whose token key is the one of [`jws`], a session of it, and a service elsewhere that holds its key set.
struct Scene {
    bank: Bank,
    session: Session,
    verifier: Verifier,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let bank = Bank::new(|_| ());
    let key = bank.cabinet.vault().transact(|tx| {
        importing::raw(tx, &Template::new(KeyKind::Ed25519, Purpose::Token), SEED.to_vec().into())
    });
    let key = key.unwrap_or_else(|error: zamok_core::Error| panic!("{error}"));
    assert_eq!(use_token_key(&bank.cabinet, key), Ok(JwsAlgorithm::EdDsa));
    let session = bank.log_in();
    let set = AccessTokens::new(&bank.cabinet, AUDIENCE).jwks().expect("a key set");
    let verifier = Verifier::from_jwks(ISSUER, AUDIENCE, &set).expect("the set is one");
    Scene { bank, session, verifier }
});

#[derive(Arbitrary, Debug)]
struct Plan<'a> {
    bound: Bound,
    shown: Bound,
    several_audiences: bool,
    header: Vec<Change<'a>>,
    claims: Vec<Change<'a>>,
    flip: Option<(u16, u8)>,
}

/// What a token is bound to, and what is shown with it.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Bound {
    ToNothing,
    ToKey(bool),
    ToCertificate(bool),
}

impl Bound {
    fn hash(which: bool) -> [u8; 32] {
        [u8::from(which); 32]
    }

    fn binding(self) -> Binding {
        match self {
            Self::ToNothing => Binding::Bearer,
            Self::ToKey(which) => Binding::Key(Thumbprint(Self::hash(which))),
            Self::ToCertificate(which) => Binding::Certificate(CertificateHash(Self::hash(which))),
        }
    }

    fn shown(self) -> Shown {
        match self.binding() {
            Binding::Bearer => Shown::NOTHING,
            Binding::Key(key) => Shown::key(key),
            Binding::Certificate(certificate) => Shown::certificate(certificate),
        }
    }

    fn confirmation(self) -> Option<String> {
        let (name, text) = match self.binding() {
            Binding::Bearer => return None,
            Binding::Key(key) => ("jkt", key.to_string()),
            Binding::Certificate(certificate) => ("x5t#S256", certificate.to_string()),
        };
        Some(Object::default().with(name, quoted(&text)).to_json())
    }
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
    let Scene { verifier, .. } = &*SCENE;
    let now = UnixTime(1_800_000_000);
    // Nobody who knows only the public key makes a token.
    assert!(verifier.check(text, &Shown::NOTHING, now).is_err());
    // The text as a payload reaches the signature.
    let header = jws::base64url(header().to_json().as_bytes());
    assert!(verifier.check(&format!("{header}.{text}"), &Shown::NOTHING, now).is_err());
    if Verifier::from_jwks("issuer", AUDIENCE, text).is_ok() {
        accepted("set of keys");
    }
    if let Some(token) = RefreshToken::parse(text) {
        accepted("refresh token");
        assert_eq!(token.to_text().as_str(), text);
    }
}

fn header() -> Object {
    let name = hex(&sha256(&[&public_key().to_spki_der()])[..16]);
    Object::default().with("alg", quoted("EdDSA")).with("kid", quoted(&name)).with("typ", quoted("at+jwt"))
}

fn signed(plan: &Plan<'_>) {
    let Scene { bank, session, verifier } = &*SCENE;
    let now = bank.now();
    let mut claims = Object::default()
        .with("iss", quoted(ISSUER))
        .with("sub", quoted(&session.account.to_string()))
        .with("aud", if plan.several_audiences { r#"["other","audience"]"# } else { r#""audience""# })
        .with("client_id", quoted(AUDIENCE))
        .with("iat", now.0.to_string())
        .with("nbf", now.0.to_string())
        .with("exp", now.plus(60).0.to_string())
        .with("jti", quoted("name"))
        .with("sid", quoted(&session.id.to_string()))
        .with("epoch", session.epoch.to_string())
        .with("auth_time", now.0.to_string())
        .with("acr", quoted("high"))
        .with("amr", r#"["pwd","otp"]"#);
    if let Some(confirmation) = plan.bound.confirmation() {
        claims = claims.with("cnf", confirmation);
    }
    let mut header = header();
    header.change(&plan.header, now);
    claims.change(&plan.claims, now);
    let token = compact(&header, &claims, plan.flip);
    let shown = plan.shown.shown();
    let is_right =
        plan.header.is_empty() && plan.claims.is_empty() && plan.flip.is_none() && plan.bound == plan.shown;

    match verifier.check(&token, &shown, now) {
        Ok(read) => believed(plan, &header, &claims, &read, now),
        Err(error) => assert!(!is_right, "a right token was refused: {error}"),
    }
    let tokens = AccessTokens::new(&bank.cabinet, AUDIENCE);
    match tokens.check(&token, &shown) {
        Ok(access) => {
            believed(plan, &header, &claims, &access.claims, now);
            assert!(access.session.id == session.id && access.session.account == session.account);
            assert_eq!(access.claims.epoch, session.epoch);
            assert!(access.subject == session.account && access.power.is_none());
            assert!(tokens.introspect(&token).is_ok_and(|answer| answer.is_active()));
        }
        Err(error) => assert!(!is_right, "a right token was refused: {error}"),
    }
    assert!(tokens.refresh(&token, &shown).is_err(), "it is no refresh token");
}

/// RFC 9068 §4, RFC 8725 §3: what was checked before a token is believed.
fn believed(plan: &Plan<'_>, header: &Object, claims: &Object, read: &Claims, now: UnixTime) {
    accepted("token");
    assert!(plan.flip.is_none() && header.is_without_repeats() && claims.is_without_repeats());
    assert_eq!(header.0.len(), 3);
    assert!(matches!(header.get("alg"), Some(r#""EdDSA""# | r#""Ed25519""#)));
    assert_eq!(header.get("kid"), self::header().get("kid"));
    assert_eq!(claims.get("iss"), Some(&*quoted(ISSUER)));
    assert!(claims.get("aud").is_some_and(|audience| audience.contains(r#""audience""#)));
    assert!(read.issuer == ISSUER && read.audience.iter().any(|audience| audience == AUDIENCE));
    assert!(read.issued <= now && now < read.expires);
    assert!(read.not_before.is_none_or(|time| time <= now));
    for (name, text) in [("sub", &read.subject), ("sid", &read.session), ("jti", &read.id)] {
        assert_eq!(claims.get(name), Some(&*quoted(text)));
    }
    let numbers = [("iat", read.issued.0), ("exp", read.expires.0), ("epoch", read.epoch)];
    for (name, number) in numbers {
        assert_eq!(claims.get(name), Some(&*number.to_string()));
    }
    // A certificate is shown on every connection, also with what is everybody's.
    let is_open = read.binding == Binding::Bearer && matches!(plan.shown, Bound::ToCertificate(_));
    assert!(read.binding == plan.shown.binding() || is_open);
    assert_eq!(claims.get("cnf").is_some(), read.binding != Binding::Bearer);
}
