//! Verifies one access token again and again: the first line names it with its key, audience and issuer; each line after that is a
//! number of verifications, answered with the nanoseconds that one took.

use std::hint::black_box;
use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

fn main() {
    let mut lines = std::io::stdin().lock().lines().map(|line| line.expect("input is text"));
    let asked: Value = serde_json::from_str(&lines.next().expect("a first line")).expect("it is JSON");
    let text = |name: &str| asked[name].as_str().expect("a member is missing").to_owned();
    let jwk: Jwk = serde_json::from_value(asked["jwk"].clone()).expect("the key is one");
    let key = DecodingKey::from_jwk(&jwk).expect("the key can be used");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[text("audience")]);
    validation.set_issuer(&[text("issuer")]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The token's clock is the bench's.
    validation.validate_exp = false;
    let token = text("token");
    let verify = || decode::<Value>(black_box(&token), &key, &validation).is_ok();
    assert!(verify(), "the token is right");
    let mut forged = token.clone();
    let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
    forged.push(last);
    assert!(decode::<Value>(&forged, &key, &validation).is_err(), "another is not");
    let mut output = std::io::stdout().lock();
    for line in lines {
        let count: u32 = line.trim().parse().expect("a number");
        let begun = Instant::now();
        let right = (0..count).filter(|_| verify()).count();
        let taken = begun.elapsed();
        assert_eq!(right, count as usize);
        writeln!(output, "{}", taken.as_secs_f64() * 1e9 / f64::from(count)).expect("output");
        output.flush().expect("output");
    }
}
