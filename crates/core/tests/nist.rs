//! NIST's samples (CAVP; `vectors/nist`): SHA-2, SHA-1 as HMAC's hash of long keys, AES-256-GCM, AES key wrap with padding (SP 800-38F)
//! and ECDSA (FIPS 186-3). `vectors/PROVENANCE.md` says which part of each file is here.

mod harness;

use std::collections::BTreeMap;

use harness::{bytes, page, tell};
use zamok_core::Error;
use zamok_core::aead::{gcm_open, gcm_seal, key_unwrap, key_wrap};
use zamok_core::hash::MessageHash;
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::VerifyingKey;
use zamok_core::vault::macs;

/// One case: its lines `name = value`, and a line `FAIL`, under the headings in force (`[Taglen = 128]`, `[P-256,SHA-256]`).
#[derive(Clone, Debug, Default)]
struct Case {
    headings: String,
    values: BTreeMap<String, String>,
    fails: bool,
}

impl Case {
    fn bytes(&self, name: &str) -> Vec<u8> {
        bytes(self.values.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")))
    }

    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }
}

/// The cases of a response file: blocks of lines between empty ones. Every block but comments and headings is a case.
fn cases(file: &str) -> Vec<Case> {
    let text = page(&format!("vectors/nist/{file}"));
    let (mut found, mut headings) = (Vec::new(), String::new());
    for block in text.split("\n\n") {
        let lines: Vec<&str> =
            block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let Some(first) = lines.first() else { continue };
        if first.starts_with('[') {
            headings = lines.concat();
            continue;
        }
        let mut case = Case { headings: headings.clone(), ..Case::default() };
        for line in lines {
            match line.split_once('=') {
                Some((name, value)) => {
                    let twice = case.values.insert(name.trim().to_owned(), value.trim().to_owned());
                    assert_eq!(twice, None, "{file}: {line}");
                }
                None if line == "FAIL" => case.fails = true,
                None => panic!("{file}: {line}"),
            }
        }
        found.push(case);
    }
    found
}

/// A message of so many bits; the samples write an empty one as `00`.
fn message(case: &Case) -> Vec<u8> {
    let bits: usize = case.values["Len"].parse().unwrap();
    case.bytes("Msg")[..bits / 8].to_vec()
}

#[test]
fn sha_2_gives_the_digests_of_nist() {
    let files = [
        ("SHA256ShortMsg.rsp", MessageHash::Sha256, 65),
        ("SHA384ShortMsg.rsp", MessageHash::Sha384, 129),
        ("SHA512ShortMsg.rsp", MessageHash::Sha512, 129),
    ];
    for (file, hash, count) in files {
        let cases = cases(file);
        for case in &cases {
            assert_eq!(
                hash.digest(&message(case)).as_slice(),
                case.bytes("MD"),
                "{file} {}",
                case.values["Len"]
            );
        }
        assert_eq!(cases.len(), count, "{file}");
    }
}

/// SHA-1 is offered inside HMAC alone. HMAC hashes a key that is longer than a block (RFC 2104 §2): NIST's message as the key has to give
/// the tag that NIST's digest gives.
#[test]
fn sha_1_gives_the_digests_of_nist_where_hmac_hashes_a_long_key() {
    let cases = cases("SHA1LongMsg.rsp");
    for case in &cases {
        let tag = |key: &[u8]| macs::hmac(Mechanism::HmacSha1, key, b"a message").unwrap();
        let long = message(case);
        assert!(long.len() > 64);
        assert_eq!(tag(&long), tag(&case.bytes("MD")), "{}", case.values["Len"]);
    }
    assert_eq!(cases.len(), 10);
}

#[test]
fn aes_256_gcm_opens_and_refuses_as_nist_says() {
    let (mut opened, mut refused) = (0, 0);
    for case in cases("gcmDecrypt256.rsp") {
        assert!(case.headings.contains("[IVlen = 96]") && case.headings.contains("[Taglen = 128]"));
        let (key, nonce) = (case.array("Key"), case.array("IV"));
        let (associated, sealed) = (case.bytes("AAD"), [case.bytes("CT"), case.bytes("Tag")].concat());
        let found = gcm_open(&key, &nonce, &associated, &sealed);
        if case.fails {
            assert_eq!(found.map(|_| ()), Err(Error::Rejected), "{case:?}");
            refused += 1;
        } else {
            assert_eq!(found.unwrap().to_vec(), case.bytes("PT"), "{case:?}");
            assert_eq!(gcm_seal(&key, &nonce, &associated, &case.bytes("PT")), Ok(sealed), "{case:?}");
            opened += 1;
        }
    }
    tell(&format!("AES-256-GCM: {opened} opened, {refused} refused"));
    assert_eq!((opened, refused), (62, 63));
}

#[test]
fn aes_key_wrap_with_padding_wraps_and_refuses_as_nist_says() {
    let (mut wrapped, mut refused) = (0, 0);
    for case in cases("KWP_AE_256.txt").into_iter().chain(cases("KWP_AD_256.txt")) {
        let (key, sealed) = (case.array("K"), case.bytes("C"));
        let found = key_unwrap(&key, &sealed);
        if case.fails {
            assert_eq!(found.map(|_| ()), Err(Error::Rejected), "{case:?}");
            refused += 1;
        } else {
            assert_eq!(found.unwrap().to_vec(), case.bytes("P"), "{case:?}");
            assert_eq!(key_wrap(&key, &case.bytes("P")), Ok(sealed), "{case:?}");
            wrapped += 1;
        }
    }
    assert_eq!((wrapped, refused), (144, 16));
}

/// What stands before the point in a SubjectPublicKeyInfo (RFC 5480): the curve, and that the point is not compressed.
fn before_the_point(headings: &str) -> &'static str {
    match headings {
        "[P-256,SHA-256]" => "3059301306072a8648ce3d020106082a8648ce3d03010703420004",
        "[P-384,SHA-384]" => "3076301006072a8648ce3d020106052b8104002203620004",
        other => panic!("{other}"),
    }
}

#[test]
fn ecdsa_is_judged_as_nist_says() {
    let (mut accepted, mut refused) = (0, 0);
    for case in cases("SigVer.rsp") {
        let point = [bytes(before_the_point(&case.headings)), case.bytes("Qx"), case.bytes("Qy")].concat();
        let signature = [case.bytes("R"), case.bytes("S")].concat();
        let found = VerifyingKey::from_spki_der(&point)
            .and_then(|key| key.verify_fixed(&case.bytes("Msg"), &signature));
        if case.values["Result"].starts_with('P') {
            assert_eq!(found, Ok(()), "{case:?}");
            accepted += 1;
        } else {
            assert!(found.is_err(), "{case:?}");
            refused += 1;
        }
    }
    assert_eq!((accepted, refused), (6, 24));
}
