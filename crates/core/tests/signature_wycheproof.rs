//! Project Wycheproof: ECDSA on P-256 with SHA-256, DER and fixed form (`vectors/wycheproof`).

mod harness;

use harness::{bytes, page, tell};
use serde_json::Value;
use zamok_core::Error;
use zamok_core::signature::VerifyingKey;

type Verify = fn(&VerifyingKey, &[u8], &[u8]) -> Result<(), Error>;

/// How many tests of a file were valid and how many were not; each was judged as the file says.
fn judge(file: &str, verify: Verify) -> (usize, usize) {
    let vectors: Value = serde_json::from_str(&page(&format!("vectors/wycheproof/{file}"))).unwrap();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let (mut valid, mut invalid) = (0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = VerifyingKey::from_spki_der(&bytes(&text(group, "publicKeyDer"))).unwrap();
        assert_eq!(Ok(&key), VerifyingKey::from_spki_pem(&text(group, "publicKeyPem")).as_ref());
        for test in group["tests"].as_array().unwrap() {
            let found = verify(&key, &bytes(&text(test, "msg")), &bytes(&text(test, "sig")));
            match text(test, "result").as_str() {
                "valid" => {
                    assert_eq!(found, Ok(()), "{test}");
                    valid += 1;
                }
                "invalid" => {
                    assert_eq!(found, Err(Error::Rejected), "{test}");
                    invalid += 1;
                }
                other => panic!("a result {other}"),
            }
        }
    }
    assert_eq!(Some(valid + invalid), vectors["numberOfTests"].as_u64().map(|n| n.try_into().unwrap()));
    tell(&format!("{file}: {valid} valid, {invalid} invalid"));
    (valid, invalid)
}

#[test]
fn der_signatures_are_judged_as_wycheproof_says() {
    assert_eq!(judge("ecdsa_secp256r1_sha256_test.json", VerifyingKey::verify_der), (174, 310));
}

#[test]
fn fixed_signatures_are_judged_as_wycheproof_says() {
    assert_eq!(judge("ecdsa_secp256r1_sha256_p1363_test.json", VerifyingKey::verify_fixed), (173, 89));
}
