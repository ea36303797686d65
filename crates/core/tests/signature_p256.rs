//! ECDSA on P-256 with SHA-256: the vectors of RFC 6979 appendix A.2.5, hedged signatures of the vault's keys, and hostile
//! bytes in place of signatures and public keys.

mod harness;

use harness::{Chance, Scene, Scripted, bytes, tier};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use zamok_core::Error;
use zamok_core::hash::sha256;
use zamok_core::signature::{Signature, VerifyingKey};
use zamok_core::vault::{KeyId, Purpose, signing};

/// SubjectPublicKeyInfo of an uncompressed point on P-256 (RFC 5480 §2), before its coordinates.
const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";

/// RFC 6979 A.2.5: Ux, Uy, and (message, r, s) with SHA-256.
const X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const RFC_6979: [(&str, &str, &str); 2] = [
    (
        "sample",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ),
    (
        "test",
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    ),
];

fn rfc_key() -> VerifyingKey {
    VerifyingKey::from_spki_der(&bytes(&[SPKI, X, Y].concat())).unwrap()
}

/// DER of an integer below 2²⁵⁶ (X.690 §8.3).
fn integer(value: &[u8]) -> Vec<u8> {
    let value: Vec<u8> = value.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if value.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + value.len()).unwrap();
    [&[2, length], sign, &value].concat()
}

fn der(fixed: &[u8]) -> Vec<u8> {
    let body = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

#[test]
fn the_vectors_of_rfc_6979_verify_in_both_forms_and_for_nothing_else() {
    let key = rfc_key();
    for (message, r, s) in RFC_6979 {
        let fixed = bytes(&[r, s].concat());
        assert_eq!(key.verify_fixed(message.as_bytes(), &fixed), Ok(()));
        assert_eq!(key.verify_der(message.as_bytes(), &der(&fixed)), Ok(()));
        for other in ["", "sampl", "sample\0", "Test"] {
            assert_eq!(key.verify_fixed(other.as_bytes(), &fixed), Err(Error::Rejected));
        }
        // The forms are not each other's.
        assert_eq!(key.verify_der(message.as_bytes(), &fixed), Err(Error::Rejected));
        assert_eq!(key.verify_fixed(message.as_bytes(), &der(&fixed)), Err(Error::Rejected));
    }
}

#[test]
fn every_changed_cut_or_extended_signature_is_rejected() {
    let key = rfc_key();
    let (message, r, s) = RFC_6979[0];
    let fixed = bytes(&[r, s].concat());
    let mut cases = 0;
    for (signature, is_der) in [(fixed.clone(), false), (der(&fixed), true)] {
        let verify = |signature: &[u8]| {
            if is_der {
                key.verify_der(message.as_bytes(), signature)
            } else {
                key.verify_fixed(message.as_bytes(), signature)
            }
        };
        for place in 0..signature.len() {
            for bit in 0..8 {
                let mut changed = signature.clone();
                changed[place] ^= 1 << bit;
                assert_eq!(verify(&changed), Err(Error::Rejected), "bit {bit} of byte {place}");
                cases += 1;
            }
            assert_eq!(verify(&signature[..place]), Err(Error::Rejected));
        }
        assert_eq!(verify(&[&signature[..], &[0]].concat()), Err(Error::Rejected));
        assert_eq!(verify(&[&signature[..], &signature].concat()), Err(Error::Rejected));
    }
    assert!(cases > 1000);
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let zero = "00".repeat(32);
    for (r, s) in
        [(zero.as_str(), s), (r, zero.as_str()), (order, s), (r, order), (&zero, &zero), (order, order)]
    {
        let hostile = bytes(&[r, s].concat());
        assert_eq!(key.verify_fixed(message.as_bytes(), &hostile), Err(Error::Rejected));
        assert_eq!(key.verify_der(message.as_bytes(), &der(&hostile)), Err(Error::Rejected));
    }
}

#[test]
fn hostile_bytes_are_no_signature_no_key_and_no_panic() {
    let key = rfc_key();
    let cases = tier(100, 500, 20_000).try_into().unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&prop::collection::vec(any::<u8>(), 0..150), |bytes| {
            prop_assert_eq!(key.verify_der(b"message", &bytes), Err(Error::Rejected));
            prop_assert_eq!(key.verify_fixed(b"message", &bytes), Err(Error::Rejected));
            prop_assert_eq!(VerifyingKey::from_spki_der(&bytes), Err(Error::Rejected));
            prop_assert_eq!(
                VerifyingKey::from_spki_pem(&String::from_utf8_lossy(&bytes)),
                Err(Error::Rejected)
            );
            Ok(())
        })
        .unwrap();
}

/// A document key of the vault, its public key, and a way to sign with it.
fn signer(scene: &Scene) -> (KeyId, VerifyingKey) {
    let key = scene.signer(Purpose::Document);
    let (info, public) = scene.transact(|tx| signing::public_key(tx, key)).unwrap();
    assert_eq!(info.public_key, Some(sha256(&[&public.to_spki_der()])));
    (key, public)
}

fn sign(scene: &Scene, key: KeyId, message: &[u8]) -> Signature {
    scene.transact(|tx| signing::sign(tx, key, Purpose::Document, message, "name")).unwrap()
}

#[test]
fn signatures_of_a_vault_key_verify_in_both_forms_and_differ_each_time() {
    let scene = Scene::new("signer");
    let (key, public) = signer(&scene);
    let (_, stranger) = signer(&scene);
    let mut seen = std::collections::BTreeSet::new();
    for length in [0, 1, 63, 64, 65, 1000] {
        let message = vec![0x6d; length];
        for _ in 0..3 {
            let signature = sign(&scene, key, &message);
            assert_eq!(signature.to_der(), der(&signature.to_fixed()));
            assert_eq!(public.verify_der(&message, &signature.to_der()), Ok(()));
            assert_eq!(public.verify_fixed(&message, &signature.to_fixed()), Ok(()));
            let longer = [&message[..], b"m"].concat();
            assert_eq!(public.verify_fixed(&longer, &signature.to_fixed()), Err(Error::Rejected));
            assert_eq!(stranger.verify_fixed(&message, &signature.to_fixed()), Err(Error::Rejected));
            assert!(seen.insert(signature.to_fixed()), "hedged: never the same twice");
        }
    }
    assert_eq!(seen.len(), 18);
}

#[test]
fn a_generator_that_repeats_itself_repeats_no_nonce() {
    let scene = Scene::new("weak generator");
    let (key, public) = signer(&scene);
    let with = |message: &'static [u8]| {
        let mut stuck = Scripted { first: None, then: Chance::new("stuck", 0) };
        let (chain, env) = (scene.chain(), zamok_core::Env { now: scene.now(), rng: &mut stuck });
        let mut tx = zamok_core::vault::Transaction::begin(&scene.store, &scene.keyring, chain, env);
        signing::sign(&mut tx, key, Purpose::Document, message, "name").unwrap().to_fixed()
    };
    let (one, again, other) = (with(b"one"), with(b"one"), with(b"other"));
    assert_eq!(one, again, "the same message, key and randomness");
    assert_ne!(one[..32], other[..32], "RFC 6979: another message, another nonce");
    assert_eq!(public.verify_fixed(b"other", &other), Ok(()));
}

#[test]
fn a_public_key_is_read_back_from_der_and_pem_and_from_nothing_else() {
    let scene = Scene::new("spki");
    for _ in 0..20 {
        let (_, key) = signer(&scene);
        let (spki, pem) = (key.to_spki_der(), key.to_spki_pem());
        assert_eq!(VerifyingKey::from_spki_der(&spki).as_ref(), Ok(&key));
        assert_eq!(VerifyingKey::from_spki_pem(&pem).as_ref(), Ok(&key));
        assert_eq!(VerifyingKey::from_spki_pem(&format!("\n{pem}\n ")).as_ref(), Ok(&key));
        assert!(
            pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && pem.ends_with("-----END PUBLIC KEY-----\n")
        );
        let VerifyingKey::P256(point) = &key else { panic!("another algorithm") };
        let (x, y) = point.coordinates();
        assert_eq!(spki, [&bytes(SPKI)[..], &x, &y].concat());
        for length in 0..spki.len() {
            assert_eq!(VerifyingKey::from_spki_der(&spki[..length]), Err(Error::Rejected));
        }
        // A point that is not on the curve, another curve, another algorithm.
        for place in [30, 60, 20, 12, 0] {
            let mut changed = spki.clone();
            changed[place] ^= 1;
            assert_eq!(VerifyingKey::from_spki_der(&changed), Err(Error::Rejected), "byte {place}");
        }
        assert_eq!(VerifyingKey::from_spki_der(&[&spki[..], &[0]].concat()), Err(Error::Rejected));
        assert_eq!(VerifyingKey::from_spki_pem(&pem.replace("PUBLIC", "PRIVATE")), Err(Error::Rejected));
    }
    assert_eq!(VerifyingKey::from_spki_der(&[]), Err(Error::Rejected));
}
