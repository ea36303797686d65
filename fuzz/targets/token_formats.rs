//! Tokens, proofs and key sets from strangers: read or refused, never more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::UnixTime;
use zamok_fuzz::accepted;
use zamok_protocols::token::{RefreshToken, Shown, Verifier};

/// The key of a set that every text is checked with.
const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg","kid":"k","alg":"EdDSA","use":"sig"}]}"#;

fuzz_target!(|text: &str| {
    let verifier = Verifier::from_jwks("issuer", "audience", SET).expect("the set is one");
    // Nobody who knows only the public key makes a token.
    assert!(verifier.check(text, &Shown::NOTHING, UnixTime(1_800_000_000)).is_err());
    // The key is called k here: the text as a payload reaches the signature.
    let header = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsiLCJ0eXAiOiJhdCtqd3QifQ";
    assert!(verifier.check(&format!("{header}.{text}"), &Shown::NOTHING, UnixTime(1_800_000_000)).is_err());
    if Verifier::from_jwks("issuer", "audience", text).is_ok() {
        accepted("set of keys");
    }
    if let Some(token) = RefreshToken::parse(text) {
        accepted("refresh token");
        assert_eq!(token.to_text().as_str(), text);
    }
});
