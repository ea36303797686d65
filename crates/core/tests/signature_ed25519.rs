//! Ed25519: the vectors of RFC 8032 §7.1, and both directions with the program `openssl`.

mod harness;

use std::process::Command;

use harness::{Chance, Scene, Scripted, bytes};
use zamok_core::Error;
use zamok_core::signature::{Ed25519VerifyingKey, VerifyingKey};
use zamok_core::vault::{KeyId, KeyKind, Purpose, signing};

/// RFC 8032 §7.1, tests 1 to 3 and SHA(abc): seed, public key, message, signature.
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

/// A key that the vault draws from a generator which gives just this seed.
fn drawn(scene: &Scene, seed: &[u8]) -> KeyId {
    let mut rng = Scripted { first: Some(seed.to_vec()), then: Chance::new("ids", seed[0].into()) };
    scene
        .transact_with(&mut rng, None, |tx| {
            signing::generate(tx, KeyKind::Ed25519, Purpose::Request, "", None)
        })
        .unwrap()
}

fn sign(scene: &Scene, key: KeyId, message: &[u8]) -> Vec<u8> {
    scene.transact(|tx| signing::sign(tx, key, Purpose::Request, message, "")).unwrap().to_fixed()
}

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    let scene = Scene::new("rfc 8032");
    for [seed, public, message, signature] in RFC_8032.map(|test| test.map(bytes)) {
        let key = drawn(&scene, &seed);
        let (_, found) = scene.transact(|tx| signing::public_key(tx, key)).unwrap();
        let VerifyingKey::Ed25519(point) = &found else { panic!("another algorithm") };
        assert_eq!(point.to_bytes()[..], public[..]);
        assert_eq!(Ed25519VerifyingKey::from_bytes(public[..].try_into().unwrap()).as_ref(), Ok(point));
        assert_eq!(sign(&scene, key, &message), signature);
        assert_eq!(found.verify_fixed(&message, &signature), Ok(()));
        assert_eq!(found.verify_der(&message, &signature), Ok(()));
        assert_eq!(found.verify_fixed(&[&message[..], b"x"].concat(), &signature), Err(Error::Rejected));
        for bit in 0..8 * signature.len() {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(found.verify_fixed(&message, &changed), Err(Error::Rejected), "bit {bit}");
        }
        for length in 0..64 {
            assert_eq!(found.verify_fixed(&message, &signature[..length]), Err(Error::Rejected));
        }
    }
}

#[test]
fn a_public_key_of_small_order_verifies_nothing() {
    // The neutral element: with it, R = S·B and any message "verify" without the strict rule (RFC 8032 §8.9 warns).
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let key = VerifyingKey::Ed25519(Ed25519VerifyingKey::from_bytes(&neutral).unwrap());
    let mut signature = [0; 64];
    signature[0] = 1;
    assert_eq!(key.verify_fixed(b"anything", &signature), Err(Error::Rejected));
}

#[test]
fn openssl_reads_our_keys_and_signatures_and_we_read_its() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    let scene = Scene::new("openssl");
    let key =
        scene.transact(|tx| signing::generate(tx, KeyKind::Ed25519, Purpose::Request, "", None)).unwrap();
    let (_, public) = scene.transact(|tx| signing::public_key(tx, key)).unwrap();
    std::fs::write(at("ours.pem"), public.to_spki_pem()).unwrap();
    std::fs::write(at("message"), b"pay 5").unwrap();
    std::fs::write(at("ours.sig"), sign(&scene, key, b"pay 5")).unwrap();
    let (ours, message, signature) = (at("ours.pem"), at("message"), at("ours.sig"));
    openssl(&[
        "pkeyutl", "-verify", "-pubin", "-inkey", &ours, "-rawin", "-in", &message, "-sigfile", &signature,
    ]);

    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &at("theirs.key")]);
    let theirs = at("theirs.key");
    let pem = openssl(&["pkey", "-in", &theirs, "-pubout"]);
    let der = openssl(&["pkey", "-in", &theirs, "-pubout", "-outform", "DER"]);
    let signature = openssl(&["pkeyutl", "-sign", "-inkey", &theirs, "-rawin", "-in", &message]);
    let read = VerifyingKey::from_spki_pem(&String::from_utf8(pem).unwrap()).unwrap();
    assert_eq!(VerifyingKey::from_spki_der(&der).as_ref(), Ok(&read));
    assert_eq!(read.to_spki_der(), der);
    assert_eq!(read.verify_der(b"pay 5", &signature), Ok(()));
    assert_eq!(read.verify_der(b"pay 6", &signature), Err(Error::Rejected));
}
