//! Power-up self-tests: each mechanism answers a question whose answer is known before its first use, once; a back end
//! that answers wrongly closes the vault for everything. That every single answer counts is tested beside them
//! (`crates/core/src/vault/self_tests.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Algorithm, Backend, Prepared, RsaBits, Signature, Signer, VerifyingKey};
use zamok_core::store::MemoryStore;
use zamok_core::vault::keys::{self, KeyKind, Purpose, Template};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{KeyId, KeyState, SelfTests, finding, importing, macs, signing};
use zamok_core::{Env, Error};
use zamok_host::{AwsLc, Options, Passphrase, Vault};
use zeroize::Zeroizing;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// It signs something else.
    Signs,
    /// It takes every signature for right.
    Accepts,
    /// It takes none for right.
    Refuses,
    /// It cannot read keys.
    Fails,
    /// It signs and verifies alike, but with another hash: signatures that it makes it takes for right.
    Swaps,
}

/// The same with another hash, where there is one.
fn swapped(mechanism: Mechanism) -> Mechanism {
    use Mechanism as M;
    match mechanism {
        M::RsaPssSha256 => M::RsaPssSha384,
        M::RsaPssSha384 => M::RsaPssSha512,
        M::RsaPssSha512 => M::RsaPssSha256,
        M::RsaPkcs1Sha256 => M::RsaPkcs1Sha384,
        M::RsaPkcs1Sha384 => M::RsaPkcs1Sha512,
        M::RsaPkcs1Sha512 => M::RsaPkcs1Sha256,
        other => other,
    }
}

/// AWS-LC with a fault, and a count of what it signs.
struct Faulty {
    fault: Fault,
    signed: Arc<AtomicUsize>,
}

struct FaultySigner {
    inner: Box<dyn Signer>,
    fault: Fault,
    signed: Arc<AtomicUsize>,
}

impl Signer for FaultySigner {
    fn sign(
        &self,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        env: &mut Env<'_>,
    ) -> Result<Signature, Error> {
        self.signed.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Fault::Signs => self.inner.sign(mechanism, Prepared::Message(b"something else"), env),
            Fault::Swaps => self.inner.sign(swapped(mechanism), prepared, env),
            _ => self.inner.sign(mechanism, prepared, env),
        }
    }
}

impl Backend for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn signer(&self, algorithm: Algorithm, material: &[u8]) -> Option<Result<Box<dyn Signer>, Error>> {
        let (fault, signed) = (self.fault, self.signed.clone());
        // Keys of the vault are read; that of the self-test is not.
        if fault == Fault::Fails && (material.iter().all(|byte| *byte == 7) || material.len() > 1000) {
            return Some(Err(Error::Refused));
        }
        let inner = AwsLc.signer(algorithm, material)?;
        Some(inner.map(|inner| Box::new(FaultySigner { inner, fault, signed }) as Box<dyn Signer>))
    }

    fn generate(&self, algorithm: Algorithm) -> Option<Result<Zeroizing<Vec<u8>>, Error>> {
        AwsLc.generate(algorithm)
    }

    fn verify(
        &self,
        key: &VerifyingKey,
        mechanism: Mechanism,
        prepared: Prepared<'_>,
        signature: &[u8],
    ) -> Option<Result<(), Error>> {
        match self.fault {
            Fault::Accepts => Some(Ok(())),
            Fault::Refuses => Some(Err(Error::Rejected)),
            Fault::Swaps => AwsLc.verify(key, swapped(mechanism), prepared, signature),
            _ => AwsLc.verify(key, mechanism, prepared, signature),
        }
    }
}

fn vault(fault: Fault) -> (Vault, Arc<AtomicUsize>) {
    let signed = Arc::new(AtomicUsize::new(0));
    let backend = Arc::new(Faulty { fault, signed: signed.clone() });
    let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let options = Options { cost, backend, ..Options::default() };
    (Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a sentence"), options).unwrap(), signed)
}

fn key(vault: &Vault, kind: KeyKind, purpose: Purpose) -> KeyId {
    vault.transact(|tx| keys::generate(tx, &Template::new(kind, purpose))).unwrap()
}

#[test]
fn a_mechanism_is_tried_once_before_its_first_use() {
    let (vault, signed) = vault(Fault::None);
    let signer = key(&vault, KeyKind::P256, Purpose::Token);
    assert_eq!(signed.load(Ordering::SeqCst), 0, "not before it is used");
    for count in [2, 3, 4] {
        vault.transact(|tx| signing::sign(tx, signer, Purpose::Token, b"text", "")).unwrap();
        assert_eq!(signed.load(Ordering::SeqCst), count, "the first time one more");
    }
}

#[test]
fn a_wrong_answer_closes_the_vault_for_every_mechanism() {
    for fault in [Fault::Signs, Fault::Accepts, Fault::Refuses, Fault::Fails] {
        let (vault, _) = vault(fault);
        let signer = key(&vault, KeyKind::P256, Purpose::Token);
        let mac = key(&vault, KeyKind::Hmac, Purpose::Data);
        vault.transact(|tx| macs::tag(tx, mac, Mechanism::HmacSha256, b"text")).unwrap();
        let signed = vault.transact(|tx| signing::sign(tx, signer, Purpose::Token, b"text", ""));
        assert_eq!(signed.err(), Some(Error::SelfTest("ecdsa-sha256")), "{fault:?}");
        assert!(vault.is_locked(), "{fault:?}");
        // What worked before does not work any more either: the machine is not to be believed.
        let tagged = vault.transact(|tx| macs::tag(tx, mac, Mechanism::HmacSha256, b"text"));
        assert_eq!(tagged.err(), Some(Error::Locked), "{fault:?}");
    }
}

#[test]
fn both_back_ends_give_every_known_answer() {
    use zamok_core::signature::Portable;
    let backends: [&dyn Backend; 2] = [&Portable, &AwsLc];
    for backend in backends {
        let tests = SelfTests::new();
        for mechanism in Mechanism::ALL.iter().copied() {
            assert_eq!(tests.pass(mechanism, backend), Ok(()), "{mechanism} by {}", backend.name());
        }
        assert!(!tests.failed(), "{}", backend.name());
    }
}

#[test]
fn a_back_end_that_is_wrong_in_any_mechanism_that_it_computes_closes_the_vault() {
    use Mechanism as M;
    let curves = [M::EcdsaSha256, M::EcdsaSha384];
    let rsa = [
        M::RsaPssSha256,
        M::RsaPssSha384,
        M::RsaPssSha512,
        M::RsaPkcs1Sha256,
        M::RsaPkcs1Sha384,
        M::RsaPkcs1Sha512,
    ];
    let faults = [Fault::Signs, Fault::Accepts, Fault::Refuses, Fault::Fails];
    let pairs = faults.iter().flat_map(|fault| curves.iter().chain(&rsa).map(move |of| (*fault, *of)));
    // It agrees with itself, so that only a signature that others made finds it.
    let swaps = rsa.iter().map(|of| (Fault::Swaps, *of));
    for (fault, mechanism) in pairs.chain(swaps) {
        let backend = Faulty { fault, signed: Arc::default() };
        let tests = SelfTests::new();
        assert_eq!(tests.pass(M::Hotp, &backend), Ok(()));
        let found = tests.pass(mechanism, &backend);
        assert_eq!(found, Err(Error::SelfTest(mechanism.name())), "{fault:?}, {mechanism}");
        assert!(tests.failed(), "{fault:?}, {mechanism}");
        assert_eq!(tests.pass(M::Hotp, &backend), Err(Error::SelfTest("hotp")), "{fault:?}, {mechanism}");
    }
}

#[test]
fn misuse_is_told_before_anything_is_tried() {
    let (vault, signed) = vault(Fault::Signs);
    let signer = key(&vault, KeyKind::P256, Purpose::Token);
    let wrong = vault.transact(|tx| signing::sign(tx, signer, Purpose::Document, b"text", ""));
    assert_eq!(wrong.err(), Some(Error::KeyPurpose));
    assert_eq!((signed.load(Ordering::SeqCst), vault.is_locked()), (0, false));
}

#[test]
fn a_back_end_is_tried_before_it_checks_a_signature() {
    for is_own in [false, true] {
        let (vault, _) = vault(Fault::Accepts);
        let signer = key(&vault, KeyKind::P256, Purpose::Token);
        let checked = vault.transact(|tx| {
            let (message, junk) = (Prepared::Message(b"text"), [0; 8]);
            if is_own {
                return signing::verify(tx, signer, None, Purpose::Token, message, &junk);
            }
            let (_, public) = signing::public_key(tx, signer)?;
            signing::verify_with(tx, &public, Mechanism::EcdsaSha256, message, &junk)
        });
        assert_eq!(checked, Err(Error::SelfTest("ecdsa-sha256")));
    }
}

#[test]
fn a_mechanism_of_another_algorithm_is_misuse_and_no_failed_self_test() {
    let (vault, _) = vault(Fault::Signs);
    let signer = key(&vault, KeyKind::P256, Purpose::Token);
    let (_, public) = vault.transact(|tx| signing::public_key(tx, signer)).unwrap();
    let (template, spki) = (Template::new(KeyKind::PublicKey, Purpose::Token), public.to_spki_der());
    let stored = vault.transact(|tx| importing::raw(tx, &template, spki.clone().into())).unwrap();
    let message = Prepared::Message(b"text");
    for mechanism in [Mechanism::RsaPssSha256, Mechanism::EcdsaSha384, Mechanism::Ed25519, Mechanism::MlDsa65]
    {
        let checked = vault
            .transact(|tx| signing::verify(tx, stored, Some(mechanism), Purpose::Token, message, &[0; 8]));
        assert_eq!(checked, Err(Error::KeyMechanism), "{mechanism}");
        let checked = vault.transact(|tx| signing::verify_with(tx, &public, mechanism, message, &[0; 8]));
        assert_eq!(checked, Err(Error::KeyMechanism), "{mechanism}");
        assert!(!vault.is_locked(), "{mechanism}");
    }
}

#[test]
fn a_key_with_which_nothing_here_computes_is_listed_and_ended_all_the_same() {
    let (vault, _) = vault(Fault::Fails);
    let foreign = key(&vault, KeyKind::Rsa { bits: RsaBits::Rsa2048 }, Purpose::Token);
    let own = key(&vault, KeyKind::P256, Purpose::Token);
    let (listed, _) = vault.transact(|tx| finding::list(tx, 10, None)).unwrap();
    assert!([foreign, own].iter().all(|id| listed.iter().any(|info| info.id == *id)));
    let signed = vault.transact(|tx| signing::sign(tx, foreign, Purpose::Token, b"text", ""));
    assert_eq!(signed.err(), Some(Error::Refused));
    for state in [KeyState::Deactivated, KeyState::Destroyed] {
        vault.transact(|tx| keys::change_state(tx, foreign, state, "over")).unwrap();
    }
    assert_eq!(vault.transact(|tx| keys::info(tx, foreign)).unwrap().state, KeyState::Destroyed);
}
