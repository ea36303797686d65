//! Proofs of possession: the examples of RFC 9449, proofs that are used again or for something else, and forged ones.
#![allow(missing_docs)]

mod house;

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use house::{BANK, House, policy};
use serde_json::{Value, json};
use zamok_core::hash::sha256;
use zamok_core::signature::Prepared;
use zamok_core::store::{MemoryStore, Range, Table};
use zamok_core::vault::{KeyId, KeyKind, Purpose, signing};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_protocols::proof::{Asked, Proofs};
use zamok_protocols::request::target_uri;
use zamok_protocols::token::{AccessTokens, Binding, Grant, Shown};
use zamok_protocols::{Error, Jwk, retention};

const REJECTED: Error = Error::Cabinet(zamok_cabinet::Error::Core(CoreError::Rejected));
const NONCES: Table = Table(59);

fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// Somebody with a key of his own.
struct Holder<'a> {
    house: &'a House,
    key: KeyId,
    jwk: Value,
}

impl<'a> Holder<'a> {
    fn new(house: &'a House, kind: KeyKind) -> Self {
        let key = house.key(kind, Purpose::Request);
        let public = house.cabinet.vault().transact(|tx| signing::public_key(tx, key));
        let (_, public) = public.unwrap_or_else(|error: CoreError| panic!("{error}"));
        let mut jwk = Jwk { key: public, name: None, algorithm: None }.to_json().unwrap();
        jwk.as_object_mut().unwrap().remove("use");
        Self { house, key, jwk }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.house.cabinet.vault().transact(|tx| {
            signing::sign_with(tx, self.key, None, Purpose::Request, Prepared::Message(signed.as_bytes()), "")
        });
        let signature = signature.unwrap_or_else(|error: CoreError| panic!("{error}"));
        format!("{signed}.{}", encode(signature.to_fixed()))
    }

    fn header(&self) -> Value {
        let algorithm = match self.jwk["kty"].as_str().unwrap() {
            "EC" => "ES256",
            "OKP" => "EdDSA",
            _ => "PS256",
        };
        json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": self.jwk})
    }

    fn claims(&self, id: &str) -> Value {
        json!({"jti": id, "htm": "POST", "htu": "https://bank.example/pay", "iat": self.house.now()})
    }

    fn proof(&self, id: &str) -> String {
        self.sign(&self.header(), &self.claims(id))
    }
}

const PAY: Asked<'_> = Asked { method: "POST", uri: "https://bank.example/pay", access_token: None };

#[test]
fn the_examples_of_the_standard_are_right() {
    // RFC 9449 §4.1, figures 1 and 2; its thumbprint is in figure 8.
    let house = House::over(Arc::new(MemoryStore::new()), 1_562_262_616);
    let key = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
    let proof = format!(
        "{key}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    );
    let asked = Asked { method: "POST", uri: "https://server.example.com/token", access_token: None };
    let proofs = Proofs::new(&house.cabinet);
    let thumbprint = proofs.check(&proof, &asked).unwrap();
    assert_eq!(thumbprint.to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    // §7.1, figures 12 and 13: with an access token.
    let proof = format!(
        "{key}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    );
    let asked = Asked {
        method: "GET",
        uri: "https://resource.example.org/protectedresource",
        access_token: Some("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
    };
    assert_eq!(proofs.check(&proof, &Asked { access_token: Some("another"), ..asked }), Err(REJECTED));
    assert_eq!(proofs.check(&proof, &asked), Ok(thumbprint));
}

#[test]
fn a_proof_is_good_once_and_for_one_request() {
    let house = House::new();
    let proofs = Proofs::new(&house.cabinet);
    for kind in [KeyKind::P256, KeyKind::Ed25519] {
        let holder = Holder::new(&house, kind);
        let right = holder.proof("once upon a time");
        // Wrong for another request, and not used up by that.
        for wrong in [
            Asked { method: "GET", ..PAY },
            Asked { uri: "https://bank.example/other", ..PAY },
            Asked { uri: "http://bank.example/pay", ..PAY },
            Asked { uri: "https://bank.example:8443/pay", ..PAY },
            Asked { uri: "https://bank.example.evil/pay", ..PAY },
            Asked { access_token: Some("a token"), ..PAY },
        ] {
            assert_eq!(proofs.check(&right, &wrong), Err(REJECTED), "{wrong:?}");
        }
        // RFC 9449 §4.3, step 9: without query and fragment, in normal form.
        let asked = Asked { uri: "HTTPS://Bank.example:443/pay?amount=1#top", ..PAY };
        assert!(proofs.check(&right, &asked).is_ok());
        assert_eq!(proofs.check(&right, &PAY), Err(REJECTED), "used");
        let again = holder.sign(&holder.header(), &holder.claims("once upon a time"));
        assert_eq!(proofs.check(&again, &PAY), Err(REJECTED), "the same jti");
    }
    // The same jti of another key is another.
    assert!(proofs.check(&Holder::new(&house, KeyKind::P256).proof("once upon a time"), &PAY).is_ok());
}

#[test]
fn a_proof_is_made_just_now() {
    let house = House::new();
    let (holder, proofs) = (Holder::new(&house, KeyKind::P256), Proofs::new(&house.cabinet));
    let at = |id: &str, time: Value| {
        let mut claims = holder.claims(id);
        claims["iat"] = time;
        proofs.check(&holder.sign(&holder.header(), &claims), &PAY)
    };
    let now = house.now();
    assert!(at("id number 1", json!(now - 60)).is_ok());
    assert!(at("id number 2", json!(now + 60)).is_ok());
    assert!(at("id number 3", json!(f64::from(u32::try_from(now).unwrap()) + 0.5)).is_ok(), "a fraction");
    for wrong in [
        json!(now - 61),
        json!(now + 61),
        json!(-1),
        json!("now"),
        json!(now.to_string()),
        json!(null),
        json!(1e300),
    ] {
        assert_eq!(at("id number 4", wrong.clone()), Err(REJECTED), "{wrong}");
    }
}

/// It is remembered until it is too old, and the look at its token may take its time.
#[test]
fn a_used_proof_that_becomes_too_old_behind_its_token_is_not_taken_again() {
    let mut policy = policy();
    (policy.request.tolerance, policy.request.remembered) = (60, 121);
    let house = House::new().another(policy);
    let (holder, proofs) = (Holder::new(&house, KeyKind::P256), Proofs::new(&house.cabinet));
    let mut claims = holder.claims("once upon a time");
    claims["iat"] = json!(house.now() + 60);
    let proof = holder.sign(&holder.header(), &claims);
    let behind = |seconds| {
        proofs.check_behind(&proof, &PAY, |_| {
            house.clock.advance(seconds);
            Ok::<_, Error>(())
        })
    };
    assert_eq!(behind(0), Ok(()));
    house.clock.advance(120);
    assert_eq!(behind(1), Err(REJECTED), "it was used");
}

#[test]
fn forged_proofs_are_refused() {
    let house = House::new();
    let (holder, other) = (Holder::new(&house, KeyKind::P256), Holder::new(&house, KeyKind::P256));
    let proofs = Proofs::new(&house.cabinet);
    let header = |change: &dyn Fn(&mut Value)| {
        let mut header = holder.header();
        change(&mut header);
        proofs.check(&holder.sign(&header, &holder.claims("a fresh identifier")), &PAY)
    };
    for algorithm in ["none", "None", "HS256", "ES384", "EdDSA", "RS256", "es256", ""] {
        assert_eq!(header(&|header| header["alg"] = json!(algorithm)), Err(REJECTED), "{algorithm}");
    }
    for kind in ["jwt", "JWT", "at+jwt", "dpop", "DPOP+JWT ", ""] {
        assert_eq!(header(&|header| header["typ"] = json!(kind)), Err(REJECTED), "{kind}");
    }
    for (member, value) in [
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("kid", json!("x")),
        ("jku", json!("https://evil.example")),
        ("zip", json!("DEF")),
    ] {
        assert_eq!(header(&|header| header[member] = value.clone()), Err(REJECTED), "{member}");
    }
    // A private key, a secret, another's key, none.
    assert_eq!(header(&|header| header["jwk"]["d"] = json!("AAAA")), Err(REJECTED));
    assert_eq!(header(&|header| header["jwk"] = json!({"kty": "oct", "k": "AAAA"})), Err(REJECTED));
    assert_eq!(header(&|header| header["jwk"] = other.jwk.clone()), Err(REJECTED));
    assert_eq!(header(&|header| header["jwk"] = json!("x")), Err(REJECTED));
    assert_eq!(header(&|header| header["jwk"]["x"] = json!("AAAA")), Err(REJECTED));
    assert_eq!(
        header(&|header| {
            header["jwk"]["y"] = holder.jwk["x"].clone();
        }),
        Err(REJECTED),
        "no point"
    );
    for member in ["jti", "htm", "htu", "iat"] {
        for value in [Value::Null, json!(1), json!(["a fresh identifier"]), json!({})] {
            let mut claims = holder.claims("a fresh identifier");
            if member == "iat" && value == json!(1) {
                continue;
            }
            claims[member] = value;
            assert_eq!(
                proofs.check(&holder.sign(&holder.header(), &claims), &PAY),
                Err(REJECTED),
                "{member}"
            );
            claims.as_object_mut().unwrap().remove(member);
            assert_eq!(
                proofs.check(&holder.sign(&holder.header(), &claims), &PAY),
                Err(REJECTED),
                "{member}"
            );
        }
    }
    let mut claims = holder.claims("short");
    claims["jti"] = json!("short");
    assert_eq!(proofs.check(&holder.sign(&holder.header(), &claims), &PAY), Err(REJECTED));
    claims["jti"] = json!("x".repeat(257));
    assert_eq!(proofs.check(&holder.sign(&holder.header(), &claims), &PAY), Err(REJECTED));
    // CVE-2022-21449, and no signature at all.
    let right = holder.proof("a fresh identifier");
    let (signed, _) = right.rsplit_once('.').unwrap();
    for signature in [encode([0; 64]), encode([0xff; 64]), encode([1; 63]), String::new()] {
        assert_eq!(proofs.check(&format!("{signed}.{signature}"), &PAY), Err(REJECTED));
    }
    for junk in [
        "",
        ".",
        "..",
        "a.b.c",
        "....",
        &"a".repeat(100_000),
        &format!("{right}.x"),
        &format!("{right}="),
        &format!(" {right}"),
    ] {
        assert_eq!(proofs.check(junk, &PAY), Err(REJECTED));
    }
    assert_eq!(
        house.store.scan(NONCES, &Range::all(), 10, None).unwrap().rows.len(),
        0,
        "junk is not remembered"
    );
    assert!(proofs.check(&right, &PAY).is_ok());
}

#[test]
fn a_server_that_wants_nonces_gives_them_and_knows_them_again() {
    let house = House::new();
    let mut wanting = policy();
    wanting.request.server_nonce_needed = true;
    let strict = house.another(wanting);
    let holder = Holder::new(&house, KeyKind::P256);
    let proofs = Proofs::new(&strict.cabinet);
    let with = |id: &str, nonce: Value| {
        let mut claims = holder.claims(id);
        claims["nonce"] = nonce;
        proofs.check(&holder.sign(&holder.header(), &claims), &PAY)
    };
    assert_eq!(proofs.check(&holder.proof("without a nonce"), &PAY), Err(Error::NonceNeeded));
    // Any process gives it; any process knows it.
    let nonce = Proofs::new(&house.cabinet).nonce().unwrap();
    assert!(with("the first one", json!(nonce)).is_ok());
    assert!(with("the second one", json!(nonce)).is_ok(), "a nonce serves until its time is over");
    let mut altered = nonce.clone();
    altered.replace_range(3..4, if &nonce[3..4] == "A" { "B" } else { "A" });
    for wrong in ["", "x", &altered, &nonce[..40]] {
        assert_eq!(with("the third one", json!(wrong)), Err(Error::NonceNeeded), "{wrong}");
    }
    assert_eq!(with("the third one", json!(1)), Err(REJECTED));
    house.clock.advance(300);
    assert_eq!(with("the third one", json!(nonce)), Err(Error::NonceNeeded));
    // Where none is needed, a wrong one is not borne either.
    let lax = Proofs::new(&house.cabinet);
    let mut claims = holder.claims("the fourth one");
    claims["nonce"] = json!(nonce);
    assert_eq!(lax.check(&holder.sign(&holder.header(), &claims), &PAY), Err(Error::NonceNeeded));
}

#[test]
fn a_bound_token_is_used_with_a_proof_that_names_it() {
    let house = House::new();
    let person = house.person("ivan");
    let (holder, thief) = (Holder::new(&house, KeyKind::P256), Holder::new(&house, KeyKind::Ed25519));
    let (proofs, tokens) = (Proofs::new(&house.cabinet), AccessTokens::new(&house.cabinet, BANK));
    // At the token endpoint.
    let key = proofs.check(&holder.proof("for the tokens"), &PAY).unwrap();
    let granted = tokens.grant(&person.session, &Grant { binding: Binding::Key(key), power: None }).unwrap();
    let proof = |holder: &Holder<'_>, id: &str, token: &str| {
        let mut claims = holder.claims(id);
        claims["ath"] = json!(encode(sha256(&[token.as_bytes()])));
        holder.sign(&holder.header(), &claims)
    };
    let asked = Asked { access_token: Some(&granted.access), ..PAY };
    let shown = |proof: &str| proofs.check(proof, &asked).map(Shown::key);
    let good = shown(&proof(&holder, "to use it once", &granted.access)).unwrap();
    assert!(tokens.check(&granted.access, &good).is_ok());
    // The thief has the token, and proves that he has a key: another.
    let stolen = shown(&proof(&thief, "to use it once", &granted.access)).unwrap();
    assert_ne!(stolen, good);
    assert!(tokens.check(&granted.access, &stolen).is_err());
    assert!(tokens.check(&granted.access, &Shown::NOTHING).is_err());
    assert_eq!(shown(&proof(&holder, "for another token", "x")), Err(REJECTED));
    assert!(tokens.refresh(&granted.refresh.to_text(), &stolen).is_err());
    assert!(tokens.refresh(&granted.refresh.to_text(), &good).is_ok());
}

#[test]
fn proofs_are_forgotten_when_nobody_can_use_them_any_more() {
    let house = House::new();
    let (holder, proofs) = (Holder::new(&house, KeyKind::P256), Proofs::new(&house.cabinet));
    let rows = || house.store.scan(NONCES, &Range::all(), 10_000, None).unwrap().rows.len();
    for number in 0..20 {
        proofs.check(&holder.proof(&format!("number {number:08}")), &PAY).unwrap();
    }
    assert_eq!(rows(), 20);
    house.clock.advance(299);
    assert_eq!(retention::sweep(&house.cabinet).unwrap().removed, 0);
    house.clock.advance(1);
    // Without any sweep the table keeps itself small.
    for number in 0..200 {
        proofs.check(&holder.proof(&format!("later {number:08}")), &PAY).unwrap();
        house.clock.advance(5);
    }
    assert!(rows() < 140, "{} rows, of which 60 can still be needed", rows());
    house.clock.advance(300);
    retention::sweep(&house.cabinet).unwrap();
    assert_eq!(rows(), 0);
}

#[test]
fn no_more_proofs_are_remembered_than_policy_says_whoever_makes_them() {
    let house = House::new();
    let mut small = policy();
    (small.request.per_key, small.request.everyone) = (1, 3);
    let flooded = house.another(small);
    let check = |house: &House, proof: &str| Proofs::new(&house.cabinet).check(proof, &PAY).map(|_| ());
    // A key costs nothing: each proof is by another one, and there is no share for each.
    let holders = [(); 4].map(|()| Holder::new(&house, KeyKind::Ed25519));
    for holder in &holders[..3] {
        assert_eq!(check(&flooded, &holder.proof("one of three")), Ok(()));
    }
    let waiting = holders[3].proof("one too many");
    assert_eq!(check(&flooded, &waiting), Err(Error::Full));
    assert_eq!(house.store.scan(NONCES, &Range::all(), 10, None).unwrap().rows.len(), 3);
    assert_eq!(check(&house, &waiting), Ok(()), "what was refused for want of room was not used up");
}

#[test]
fn the_target_of_a_proof_is_compared_in_its_normal_form() {
    for (one, other) in [("/%7eivan", "/~ivan"), ("/a%2fb", "/a%2Fb"), ("/%41", "/A")] {
        let of = |path: &str| target_uri(&format!("https://bank.example{path}")).unwrap();
        assert_eq!(of(one), of(other));
    }
    assert_eq!(target_uri("https://bank.example/a%zz%4").unwrap(), "https://bank.example/a%zz%4");
    assert_ne!(target_uri("https://bank.example/a%2Fb"), target_uri("https://bank.example/a/b"));
}

#[test]
fn a_nonce_of_a_machine_whose_clock_is_a_minute_ahead_is_ours() {
    let house = House::new();
    house.clock.advance(600);
    let holder = Holder::new(&house, KeyKind::P256);
    let (nonce, made) = (Proofs::new(&house.cabinet).nonce().unwrap(), house.now());
    for (behind, ours) in [(60, Ok(())), (61, Err(Error::NonceNeeded))] {
        house.clock.set(UnixTime(made - behind));
        let other = house.another(policy());
        let mut claims = holder.claims(&format!("{behind} seconds behind"));
        claims["nonce"] = json!(nonce);
        claims["iat"] = json!(made - behind);
        let proof = holder.sign(&holder.header(), &claims);
        assert_eq!(Proofs::new(&other.cabinet).check(&proof, &PAY).map(drop), ours, "{behind} s");
    }
}
