//! Every kind of key with every mechanism, usage, purpose and state: what is allowed works, and all else gives the precise
//! misuse. The tables here are written by hand and import no rule of the vault.

mod harness;

use std::convert::Infallible;

use harness::{Chance, Scene, tell};
use rand_core::{TryCryptoRng, TryRng};
use zamok_core::Error;
use zamok_core::hash::MessageHash;
use zamok_core::mechanism::{Mechanism, Mechanisms};
use zamok_core::signature::{Prepared, RsaBits};
use zamok_core::vault::ciphers::{self, Sealed};
use zamok_core::vault::keys::{self, KeyKind, Narrowing, Purpose, Template, Usage, Usages};
use zamok_core::vault::macs::{self, Tagged};
use zamok_core::vault::{Flag, Flags, KeyId, KeyState, Role, importing, signing, wrapping};

use KeyState::{Active, Compromised, Deactivated, Destroyed, Suspended};
use Mechanism as M;

/// Kinds of a feature that is off by default.
const ML_DSA: usize = if cfg!(feature = "ml-dsa") { 1 } else { 0 };
const STATES: [KeyState; 5] = [Active, Suspended, Deactivated, Compromised, Destroyed];
/// Mechanisms that a key has only where its template names them.
const BY_NAME: [Mechanism; 2] = [M::HmacSha1, M::AesGcmCallerNonce];
const RSA: [Mechanism; 6] = [
    M::RsaPssSha256,
    M::RsaPssSha384,
    M::RsaPssSha512,
    M::RsaPkcs1Sha256,
    M::RsaPkcs1Sha384,
    M::RsaPkcs1Sha512,
];
/// Those of signatures besides.
const OTHERS: [Mechanism; 4] = [M::EcdsaSha256, M::EcdsaSha384, M::Ed25519, M::MlDsa65];
/// To draw one takes long. PKCS#8 in DER.
const RSA_2048: &[u8] = include_bytes!("../src/vault/self_tests/rsa-2048.p8");

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    /// Signs.
    Signer,
    Mac,
    Cipher,
    Wrapper,
    Agreement,
    Kept,
    /// Somebody else's public key, of a pair on P-256: checks signatures.
    Verifier,
    /// The same: keys are wrapped for it.
    Recipient,
}

/// Kind, purpose that is tried with it, what sort of thing it is, and the mechanisms that fit it.
fn table() -> Vec<(KeyKind, Purpose, Sort, Vec<Mechanism>)> {
    let hmac = vec![M::HmacSha256, M::HmacSha384, M::HmacSha512];
    let weak = vec![M::HmacSha1, M::HmacSha256, M::HmacSha384, M::HmacSha512];
    vec![
        (KeyKind::P256, Purpose::Token, Sort::Signer, vec![M::EcdsaSha256]),
        (KeyKind::P384, Purpose::Document, Sort::Signer, vec![M::EcdsaSha384]),
        (KeyKind::Ed25519, Purpose::Request, Sort::Signer, vec![M::Ed25519]),
        (KeyKind::Rsa { bits: RsaBits::Rsa2048 }, Purpose::Certificate, Sort::Signer, RSA.to_vec()),
        #[cfg(feature = "ml-dsa")]
        (KeyKind::MlDsa65, Purpose::Document, Sort::Signer, vec![M::MlDsa65]),
        (KeyKind::Hmac, Purpose::Data, Sort::Mac, hmac.clone()),
        (KeyKind::Hmac, Purpose::Data, Sort::Mac, weak),
        (KeyKind::Generic, Purpose::Data, Sort::Mac, hmac),
        (KeyKind::Aes256, Purpose::Data, Sort::Cipher, vec![M::AesGcm, M::XaesGcm]),
        (KeyKind::Aes256, Purpose::Data, Sort::Cipher, vec![M::AesGcmCallerNonce, M::AesGcm, M::XaesGcm]),
        (KeyKind::Aes256, Purpose::Wrapping, Sort::Wrapper, vec![M::AesKeyWrap, M::Envelope]),
        (KeyKind::X25519, Purpose::Wrapping, Sort::Agreement, vec![M::EnvelopeTo]),
        (KeyKind::P256Agreement, Purpose::Wrapping, Sort::Agreement, vec![M::EnvelopeTo]),
        (KeyKind::Data, Purpose::Data, Sort::Kept, vec![]),
        (KeyKind::Certificate, Purpose::Data, Sort::Kept, vec![]),
        (KeyKind::PublicKey, Purpose::Document, Sort::Verifier, vec![M::EcdsaSha256]),
        (KeyKind::PublicKey, Purpose::Wrapping, Sort::Recipient, vec![M::EnvelopeTo]),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Sign,
    Verify,
    Mac,
    CheckMac,
    Seal,
    /// By the one mechanism that takes a nonce.
    SealWithNonce,
    Open,
    Read,
}

const OPERATIONS: [(Operation, Usage); 8] = [
    (Operation::Sign, Usage::Sign),
    (Operation::Verify, Usage::Verify),
    (Operation::Mac, Usage::Mac),
    (Operation::CheckMac, Usage::VerifyMac),
    (Operation::Seal, Usage::Encrypt),
    (Operation::SealWithNonce, Usage::Encrypt),
    (Operation::Open, Usage::Decrypt),
    (Operation::Read, Usage::Read),
];

/// Which sorts of keys an operation is for.
const fn sorts_of(operation: Operation) -> &'static [Sort] {
    match operation {
        Operation::Sign => &[Sort::Signer],
        Operation::Verify => &[Sort::Signer, Sort::Verifier],
        Operation::Mac | Operation::CheckMac => &[Sort::Mac],
        Operation::Seal | Operation::SealWithNonce | Operation::Open => &[Sort::Cipher],
        Operation::Read => &[Sort::Kept, Sort::Verifier, Sort::Recipient],
    }
}

fn makes_something(operation: Operation) -> bool {
    matches!(operation, Operation::Sign | Operation::Mac | Operation::Seal | Operation::SealWithNonce)
}

/// The mechanisms with which an operation is tried.
const fn tried(operation: Operation) -> &'static [Mechanism] {
    match operation {
        Operation::SealWithNonce => &[M::AesGcmCallerNonce],
        _ => Mechanism::ALL,
    }
}

/// Whether a key allows a mechanism that is none of its own: a record of somebody else's public key allows every signature.
fn allows(sort: Sort, mechanism: Mechanism) -> bool {
    sort == Sort::Verifier && (RSA.contains(&mechanism) || OTHERS.contains(&mechanism))
}

/// Whether what one mechanism made is what the other opens: who chose a nonce does not show.
fn is_same(made: Mechanism, opened: Mechanism) -> bool {
    let gcm = [M::AesGcm, M::AesGcmCallerNonce];
    made == opened || (gcm.contains(&made) && gcm.contains(&opened))
}

/// The pair to which the public keys of the table belong.
fn pair(scene: &Scene) -> KeyId {
    let template = Template::new(KeyKind::P256, Purpose::Document);
    scene.transact(|tx| importing::raw(tx, &template, vec![7; 32].into())).unwrap()
}

/// Draws a key after a template, or takes one in of a kind that is not drawn here.
fn take(scene: &Scene, template: &Template<'_>) -> Result<KeyId, Error> {
    let bytes = match template.kind {
        KeyKind::Rsa { .. } => RSA_2048.to_vec(),
        KeyKind::Data => b"some data".to_vec(),
        KeyKind::Certificate => vec![0x30, 0x00],
        KeyKind::PublicKey => {
            let pair = pair(scene);
            scene.transact(|tx| signing::public_key(tx, pair)).unwrap().1.to_spki_der()
        }
        _ => return scene.transact(|tx| keys::generate(tx, template)),
    };
    scene.transact(|tx| importing::raw(tx, template, bytes.clone().into()))
}

fn make(scene: &Scene, kind: KeyKind, purpose: Purpose) -> KeyId {
    make_with(scene, kind, purpose, &[])
}

/// A key with what is usual, or with just these mechanisms where one of them is none of that.
fn make_with(scene: &Scene, kind: KeyKind, purpose: Purpose, mechanisms: &[Mechanism]) -> KeyId {
    let mut template = Template::new(kind, purpose).named("a key", None);
    template.flags = template.flags.without(Flags::of(&[Flag::Audited]));
    if mechanisms.iter().any(|mechanism| BY_NAME.contains(mechanism)) {
        template.mechanisms = Mechanisms::of(mechanisms);
    }
    take(scene, &template).unwrap()
}

/// What the key made of `message` while it was active: what the verifying operations are given later.
struct Made {
    mechanism: Mechanism,
    signature: Vec<u8>,
    tag: Tagged,
    sealed: Sealed,
}

fn prepare(scene: &Scene, key: KeyId, purpose: Purpose, sort: Sort, mechanism: Mechanism) -> Made {
    let mut made = Made {
        mechanism,
        signature: vec![1; 64],
        tag: Tagged { version: 1, tag: vec![1; 32] },
        sealed: Sealed { version: 1, bytes: vec![1; 64] },
    };
    let signer = if sort == Sort::Verifier { pair(scene) } else { key };
    scene
        .transact(|tx| {
            match sort {
                Sort::Signer | Sort::Verifier => {
                    let prepared = Prepared::Message(b"message");
                    made.signature =
                        signing::sign_with(tx, signer, Some(mechanism), purpose, prepared, "")?.to_der();
                }
                Sort::Mac => made.tag = macs::tag(tx, key, mechanism, b"message")?,
                Sort::Cipher if mechanism == M::AesGcmCallerNonce => {
                    made.sealed = ciphers::seal_with_nonce(tx, key, &[3; 12], b"with", b"message")?;
                }
                Sort::Cipher => made.sealed = ciphers::seal(tx, key, mechanism, b"with", b"message")?,
                _ => {}
            }
            Ok(())
        })
        .unwrap();
    made
}

fn perform(
    scene: &Scene,
    key: KeyId,
    operation: Operation,
    purpose: Purpose,
    mechanism: Mechanism,
    made: &Made,
) -> Result<(), Error> {
    let prepared = Prepared::Message(b"message");
    scene.try_out(|tx| match operation {
        Operation::Sign => signing::sign_with(tx, key, Some(mechanism), purpose, prepared, "").map(|_| ()),
        Operation::Verify => signing::verify(tx, key, Some(mechanism), purpose, prepared, &made.signature),
        Operation::Mac => macs::tag(tx, key, mechanism, b"message").map(|_| ()),
        Operation::CheckMac => macs::check(tx, key, mechanism, b"message", &made.tag),
        Operation::Seal => ciphers::seal(tx, key, mechanism, b"with", b"message").map(|_| ()),
        Operation::SealWithNonce => {
            ciphers::seal_with_nonce(tx, key, &[4; 12], b"with", b"message").map(|_| ())
        }
        Operation::Open => ciphers::open(tx, key, mechanism, b"with", &made.sealed)
            .map(|plain| assert_eq!(plain.as_slice(), b"message")),
        Operation::Read => importing::read(tx, key).map(|_| ()),
    })
}

#[test]
fn every_kind_with_every_mechanism_usage_purpose_and_state_is_allowed_or_gives_the_precise_misuse() {
    let scene = Scene::new("mechanisms");
    let (mut allowed, mut refused) = (0, 0);
    for (kind, own, sort, mechanisms) in table() {
        for state in STATES {
            let key = make_with(&scene, kind, own, &mechanisms);
            let usual = mechanisms.first().copied().unwrap_or(M::Hotp);
            let made = prepare(&scene, key, own, sort, usual);
            let way: &[KeyState] = match state {
                Active => &[],
                Destroyed => &[Deactivated, Destroyed],
                _ => &[state],
            };
            for next in way {
                scene.transact(|tx| keys::change_state(tx, key, *next, "test")).unwrap();
            }
            for (operation, _) in OPERATIONS {
                for mechanism in tried(operation).iter().copied() {
                    for purpose in Purpose::ALL {
                        let signs = matches!(operation, Operation::Sign | Operation::Verify);
                        let own_mechanism = mechanisms.contains(&mechanism) || operation == Operation::Read;
                        // A nonce of the caller's is for the operation that takes one.
                        let fits = own_mechanism
                            && (operation != Operation::Seal || mechanism != M::AesGcmCallerNonce);
                        let fresh = [Active, Deactivated].contains(&state)
                            || (operation == Operation::Open && state == Compromised);
                        let seals = sorts_of(operation).contains(&Sort::Cipher);
                        let expected = if sort == Sort::Wrapper && seals {
                            // The right kind, for wrapping alone.
                            Err(Error::KeyUsage)
                        } else if !sorts_of(operation).contains(&sort) {
                            Err(Error::KeyKind)
                        } else if signs && state == Destroyed {
                            Err(Error::KeyState(Destroyed))
                        } else if signs && purpose != own {
                            Err(Error::KeyPurpose)
                        } else if !own_mechanism && !allows(sort, mechanism) {
                            Err(Error::KeyMechanism)
                        } else if makes_something(operation) && state != Active || !fresh {
                            Err(Error::KeyState(state))
                        } else if !fits {
                            // The record allows it, and neither the key nor the operation can.
                            Err(Error::KeyMechanism)
                        } else if !makes_something(operation)
                            && operation != Operation::Read
                            && !is_same(made.mechanism, mechanism)
                        {
                            Err(Error::Rejected)
                        } else {
                            Ok(())
                        };
                        let found = perform(&scene, key, operation, purpose, mechanism, &made);
                        let what =
                            format!("{operation:?} by {mechanism} for {} on a {state}", purpose.name());
                        assert_eq!(found, expected, "{what} {} key for {}", kind.name(), own.name());
                        if expected.is_ok() {
                            allowed += 1
                        } else {
                            refused += 1
                        }
                        if !signs {
                            break;
                        }
                    }
                }
            }
        }
    }
    tell(&format!("{allowed} operations allowed, {refused} refused"));
    assert_eq!((allowed, refused), (241 + 3 * ML_DSA, 43_999 + 2_762 * ML_DSA));
}

#[test]
fn a_usage_that_was_taken_away_is_refused_and_does_not_come_back() {
    let scene = Scene::new("usages");
    let mut tried = 0;
    for (kind, purpose, sort, mechanisms) in table() {
        let usual = mechanisms.first().copied().unwrap_or(M::Hotp);
        let serves = |(operation, _): &&(Operation, Usage)| sorts_of(*operation).contains(&sort);
        for (operation, usage) in OPERATIONS.iter().filter(serves) {
            let key = make_with(&scene, kind, purpose, &mechanisms);
            let made = prepare(&scene, key, purpose, sort, usual);
            let had = scene.transact(|tx| keys::info(tx, key)).unwrap().usages;
            let set = |usages| Narrowing { usages: Some(usages), ..Narrowing::default() };
            let narrow = |usages| scene.transact(|tx| keys::narrow(tx, key, &set(usages)));
            assert_eq!(narrow(had.without(Usages::of(&[*usage]))), Ok(()));
            let found = perform(&scene, key, *operation, purpose, usual, &made);
            assert_eq!(found, Err(Error::KeyUsage), "{operation:?} on {}", kind.name());
            assert_eq!(narrow(had), Err(Error::KeyWidened));
            tried += 1;
        }
    }
    // Signers and MACs with two usages each; ciphers, which seal in two ways; what is kept; somebody else's public keys.
    assert_eq!(tried, (4 + ML_DSA) * 2 + 3 * 2 + 2 * 3 + 2 + 2 + 1);
}

#[test]
fn a_kind_serves_its_own_purposes_only() {
    let scene = Scene::new("purposes");
    let mut made = 0;
    for (kind, own, sort, _) in table() {
        for purpose in Purpose::ALL {
            let signs = ![Purpose::OneTimeCode, Purpose::Data, Purpose::IssuedCode, Purpose::Wrapping]
                .contains(&purpose);
            let fits = match sort {
                Sort::Signer => signs,
                Sort::Verifier | Sort::Recipient => signs || purpose == Purpose::Wrapping,
                _ if kind == KeyKind::Aes256 => [Purpose::Data, Purpose::Wrapping].contains(&purpose),
                _ => purpose == own,
            };
            let found = take(&scene, &Template::new(kind, purpose));
            if fits {
                assert!(found.is_ok(), "{} for {}", kind.name(), purpose.name());
                made += 1;
            } else {
                assert_eq!(found, Err(Error::KeyPurpose), "{} for {}", kind.name(), purpose.name());
            }
        }
    }
    // Signers; three rows each of MACs and of AES; agreement; what is kept; two rows of public keys.
    assert_eq!(made, (4 + ML_DSA) * 5 + 3 + 3 * 2 + 2 + 2 + 2 * 6);
}

#[test]
fn a_template_names_the_mechanisms_of_its_own_kind_only() {
    let scene = Scene::new("named mechanisms");
    let (table, mut made) = (table(), 0);
    for (kind, purpose, sort, _) in &table {
        for mechanism in Mechanism::ALL.iter().copied() {
            let named =
                table.iter().any(|row| row.0 == *kind && row.1 == *purpose && row.3.contains(&mechanism));
            let mut template = Template::new(*kind, *purpose);
            template.mechanisms = Mechanisms::of(&[mechanism]);
            let found = take(&scene, &template);
            if named || allows(*sort, mechanism) {
                let key = found.unwrap();
                let info = scene.transact(|tx| keys::info(tx, key)).unwrap();
                assert_eq!(info.mechanisms, template.mechanisms);
                made += 1;
            } else {
                assert_eq!(found, Err(Error::KeyMechanism), "{mechanism} for {}", kind.name());
            }
        }
    }
    // RSA and three other signers; HMAC twice, generic secrets; AES for data twice and for wrapping; agreement; public keys.
    assert_eq!(made, 6 + 3 + ML_DSA + 2 * 4 + 3 + 2 * 3 + 2 + 2 + 10 + 1);
}

#[test]
fn longer_rsa_keys_are_refused_what_shorter_ones_are_before_one_is_drawn() {
    let scene = Scene::new("lengths");
    let made = |template: &Template<'_>| scene.try_out(|tx| keys::generate(tx, template));
    for bits in [RsaBits::Rsa3072, RsaBits::Rsa4096] {
        let kind = KeyKind::Rsa { bits };
        for purpose in [Purpose::OneTimeCode, Purpose::Data, Purpose::IssuedCode, Purpose::Wrapping] {
            let found = made(&Template::new(kind, purpose));
            assert_eq!(found, Err(Error::KeyPurpose), "{} for {}", kind.name(), purpose.name());
        }
        for mechanism in Mechanism::ALL.iter().copied().filter(|mechanism| !RSA.contains(mechanism)) {
            let mut template = Template::new(kind, Purpose::Document);
            template.mechanisms = Mechanisms::of(&[mechanism]);
            assert_eq!(made(&template), Err(Error::KeyMechanism), "{mechanism} for {}", kind.name());
        }
        for usage in Usage::ALL.iter().copied().filter(|usage| ![Usage::Sign, Usage::Verify].contains(usage))
        {
            let mut template = Template::new(kind, Purpose::Document);
            template.usages = Usages::of(&[usage]);
            assert_eq!(made(&template), Err(Error::KeyUsage), "{usage} for {}", kind.name());
        }
        let shorter = take(&scene, &Template::new(kind, Purpose::Document));
        assert_eq!(shorter, Err(Error::KeyMaterial), "2048 bits as {}", kind.name());
    }
}

/// A vault with a trusted wrapping key, and a key that may leave.
fn wrapped(scene: &Scene, kind: KeyKind, purpose: Purpose) -> (KeyId, KeyId) {
    let wrapper = make(scene, KeyKind::Aes256, Purpose::Wrapping);
    scene.by_officer(|tx| keys::trust(tx, wrapper, "the officer")).unwrap();
    let mut template = Template::new(kind, purpose).named("a traveller", None);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    (wrapper, scene.transact(|tx| keys::generate(tx, &template)).unwrap())
}

#[test]
fn a_wrapped_key_comes_back_with_what_it_had_and_nothing_more() {
    let scene = Scene::new("wrapped");
    for (kind, purpose) in [
        (KeyKind::P256, Purpose::Token),
        (KeyKind::Ed25519, Purpose::Request),
        (KeyKind::Hmac, Purpose::Data),
        (KeyKind::Aes256, Purpose::Data),
    ] {
        let (wrapper, key) = wrapped(&scene, kind, purpose);
        let before = scene.transact(|tx| keys::info(tx, key)).unwrap();
        let bytes = scene.transact(|tx| wrapping::wrap(tx, wrapper, key, M::Envelope)).unwrap();
        let after = scene.transact(|tx| keys::info(tx, key)).unwrap();
        assert!(before.flags.contains(Flag::NeverExtracted) && !after.flags.contains(Flag::NeverExtracted));
        let back = scene.transact(|tx| wrapping::unwrap(tx, wrapper, &bytes, None)).unwrap();
        let came = scene.transact(|tx| keys::info(tx, back)).unwrap();
        assert_eq!(
            (came.kind, came.purpose, came.usages, came.mechanisms, came.state, came.label.as_str()),
            (before.kind, before.purpose, before.usages, before.mechanisms, Active, "a traveller")
        );
        assert_eq!(came.public_key, before.public_key);
        assert!(!came.is_local() && !came.flags.contains(Flag::AlwaysSensitive));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x80;
            let found = scene.try_out(|tx| wrapping::unwrap(tx, wrapper, &changed, None));
            assert!(matches!(found, Err(Error::Rejected | Error::KeyKind | Error::KeyMechanism)), "{place}");
            let cut = scene.try_out(|tx| wrapping::unwrap(tx, wrapper, &bytes[..place], None));
            assert_eq!(cut, Err(Error::Rejected), "cut at {place}");
        }
        let stranger = make(&scene, KeyKind::Aes256, Purpose::Wrapping);
        assert_eq!(scene.try_out(|tx| wrapping::unwrap(tx, stranger, &bytes, None)), Err(Error::Rejected));
    }
}

#[test]
fn a_key_travels_to_another_vault_under_its_public_key() {
    let (from, to) = (Scene::new("from"), Scene::new("to"));
    for kind in [KeyKind::X25519, KeyKind::P256Agreement] {
        let own = make(&to, kind, Purpose::Wrapping);
        let spki = to.transact(|tx| signing::spki_pem(tx, own)).unwrap();
        let body: String = spki.lines().filter(|line| !line.starts_with("--")).collect();
        let der = base64(&body);
        let template = Template::new(KeyKind::PublicKey, Purpose::Wrapping);
        let peer = from.transact(|tx| importing::raw(tx, &template, der.clone().into())).unwrap();
        let (_, key) = wrapped(&from, KeyKind::Ed25519, Purpose::Request);
        let wrap = |key| from.transact(|tx| wrapping::wrap(tx, peer, key, M::EnvelopeTo));
        assert_eq!(wrap(key), Err(Error::KeyNotTrusted));
        assert_eq!(from.try_out(|tx| keys::trust(tx, peer, "no")), Err(Error::Role(Role::User)));
        from.by_officer(|tx| keys::trust(tx, peer, "met in person")).unwrap();
        let bytes = wrap(key).unwrap();
        let back = to.transact(|tx| wrapping::unwrap(tx, own, &bytes, None)).unwrap();
        let (_, public) = from.transact(|tx| signing::public_key(tx, key)).unwrap();
        let signature = to.transact(|tx| signing::sign(tx, back, Purpose::Request, b"there", "")).unwrap();
        assert_eq!(public.verify_der(b"there", &signature.to_der()), Ok(()));
        // 128 bits do not protect 256.
        let (_, strong) = wrapped(&from, KeyKind::Hmac, Purpose::Data);
        assert_eq!(wrap(strong), Err(Error::KeyTooWeak { wrapping: 128, wrapped: 256 }));
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').map(digit).collect();
    let whole = bits.len() * 6 / 8;
    (0..whole)
        .map(|place| {
            let (first, shift) = (place * 8 / 6, place * 8 % 6);
            let pair = u16::from(bits[first]) << 6 | u16::from(bits[first + 1]);
            (pair >> (4 - shift) & 0xff) as u8
        })
        .collect()
}

#[test]
fn keys_leave_only_wrappable_and_for_trusted_keys_that_are_not_themselves() {
    let scene = Scene::new("leaving");
    let (wrapper, key) = wrapped(&scene, KeyKind::P256, Purpose::Token);
    let wrap = |by, key, mechanism| scene.try_out(|tx| wrapping::wrap(tx, by, key, mechanism).map(|_| ()));
    assert_eq!(wrap(wrapper, key, M::Envelope), Ok(()));
    assert_eq!(wrap(wrapper, key, M::AesKeyWrap), Ok(()));
    assert_eq!(wrap(wrapper, key, M::EnvelopeTo), Err(Error::KeyMechanism));
    assert_eq!(wrap(wrapper, key, M::XaesGcm), Err(Error::KeyMechanism));
    assert_eq!(wrap(wrapper, wrapper, M::Envelope), Err(Error::KeyNotWrappable));
    let homebody = make(&scene, KeyKind::P256, Purpose::Token);
    assert_eq!(wrap(wrapper, homebody, M::Envelope), Err(Error::KeyNotWrappable));
    let untrusted = make(&scene, KeyKind::Aes256, Purpose::Wrapping);
    assert_eq!(wrap(untrusted, key, M::Envelope), Err(Error::KeyNotTrusted));
    let data = make(&scene, KeyKind::Aes256, Purpose::Data);
    assert_eq!(wrap(data, key, M::Envelope), Err(Error::KeyUsage));
    assert_eq!(wrap(key, key, M::Envelope), Err(Error::KeyKind));
    scene.transact(|tx| keys::change_state(tx, key, Compromised, "seen")).unwrap();
    assert_eq!(wrap(wrapper, key, M::Envelope), Err(Error::KeyState(Compromised)));
    let trust = |key| scene.by_officer(|tx| keys::trust(tx, key, "no"));
    assert_eq!(trust(data), Err(Error::KeyKind));
}

#[test]
fn what_comes_in_bare_is_typed_by_the_template_and_stays() {
    let scene = Scene::new("bare");
    let (wrapper, key) = wrapped(&scene, KeyKind::P384, Purpose::Token);
    let bytes = scene.transact(|tx| wrapping::wrap(tx, wrapper, key, M::AesKeyWrap)).unwrap();
    let unwrap =
        |template: &Template<'_>| scene.try_out(|tx| wrapping::unwrap_bare(tx, wrapper, &bytes, template));
    assert!(unwrap(&Template::new(KeyKind::P384, Purpose::Token)).is_ok());
    assert_eq!(unwrap(&Template::new(KeyKind::P384, Purpose::Document)), Err(Error::KeyPurpose));
    assert_eq!(unwrap(&Template::new(KeyKind::P256, Purpose::Token)), Err(Error::KeyMaterial));
    assert_eq!(unwrap(&Template::new(KeyKind::Aes256, Purpose::Wrapping)), Err(Error::KeyPurpose));
    let mut leaving = Template::new(KeyKind::P384, Purpose::Token);
    leaving.flags = leaving.flags.or(Flags::of(&[Flag::Wrappable]));
    assert_eq!(unwrap(&leaving), Err(Error::KeyNotWrappable));
    let template = Template::new(KeyKind::P384, Purpose::Token).named("another label", None);
    let back = scene.transact(|tx| wrapping::unwrap_bare(tx, wrapper, &bytes, &template)).unwrap();
    let info = scene.transact(|tx| keys::info(tx, back)).unwrap();
    assert!(!info.is_local() && !info.flags.contains(Flag::Wrappable));
    assert_eq!(info.label, "another label");
}

#[test]
fn a_digest_serves_the_mechanism_of_its_own_hash_alone() {
    let scene = Scene::new("digests");
    for (kind, purpose, mechanism, own) in [
        (KeyKind::P256, Purpose::Token, M::EcdsaSha256, Some(MessageHash::Sha256)),
        (KeyKind::P384, Purpose::Document, M::EcdsaSha384, Some(MessageHash::Sha384)),
        (KeyKind::Ed25519, Purpose::Request, M::Ed25519, None),
    ] {
        let key = make(&scene, kind, purpose);
        let made = prepare(&scene, key, purpose, Sort::Signer, mechanism);
        for hash in [MessageHash::Sha256, MessageHash::Sha384, MessageHash::Sha512] {
            let digest = hash.digest(b"message");
            let prepared = Prepared::Digest(&digest);
            let expected = if own == Some(hash) { Ok(()) } else { Err(Error::KeyMechanism) };
            let signed = scene
                .try_out(|tx| signing::sign_with(tx, key, Some(mechanism), purpose, prepared, "").map(drop));
            assert_eq!(signed, expected, "{mechanism} of {hash:?}");
            let verify = |tx: &mut zamok_core::vault::Transaction<'_>| {
                signing::verify(tx, key, Some(mechanism), purpose, prepared, &made.signature)
            };
            assert_eq!(scene.try_out(verify), expected, "{mechanism} over {hash:?}");
        }
    }
}

/// Counts the bytes that are drawn from it.
struct Drawn {
    chance: Chance,
    bytes: usize,
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.bytes += 4;
        self.chance.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.bytes += 8;
        self.chance.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.bytes += bytes.len();
        self.chance.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Drawn {}

#[test]
fn every_rsa_signature_is_blinded_afresh() {
    let scene = Scene::new("blinding");
    let template = Template::new(KeyKind::Rsa { bits: RsaBits::Rsa2048 }, Purpose::Certificate);
    let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    for mechanism in [M::RsaPssSha256, M::RsaPkcs1Sha256] {
        let mut rng = Drawn { chance: Chance::new("blinding", 0), bytes: 0 };
        let signed = {
            let (chain, env) = (scene.chain(), zamok_core::Env { now: scene.now(), rng: &mut rng });
            let mut tx = zamok_core::vault::Transaction::begin(&scene.store, &scene.keyring, chain, env);
            let message = Prepared::Message(b"message");
            signing::sign_with(&mut tx, key, Some(mechanism), Purpose::Certificate, message, "").map(drop)
        };
        assert_eq!(signed, Ok(()));
        // A factor as long as the modulus; the salt of PSS alone has 32 bytes.
        assert!(rng.bytes >= 256, "{mechanism} drew {} bytes", rng.bytes);
    }
}

#[test]
fn no_key_leaves_under_a_weaker_one() {
    let (from, to) = (Scene::new("strong"), Scene::new("weak"));
    let own = make(&to, KeyKind::P256Agreement, Purpose::Wrapping);
    let spki = to.transact(|tx| signing::spki_pem(tx, own)).unwrap();
    let body: String = spki.lines().filter(|line| !line.starts_with("--")).collect();
    let der = base64(&body);
    let template = Template::new(KeyKind::PublicKey, Purpose::Wrapping);
    let peer = from.transact(|tx| importing::raw(tx, &template, der.clone().into())).unwrap();
    from.by_officer(|tx| keys::trust(tx, peer, "met in person")).unwrap();
    // NIST SP 800-57 part 1, table 2.
    for (kind, purpose, length, bits) in [
        (KeyKind::P256, Purpose::Token, None, 128),
        (KeyKind::Ed25519, Purpose::Request, None, 128),
        (KeyKind::P384, Purpose::Token, None, 192),
        (KeyKind::Hmac, Purpose::Data, Some(16), 128),
        (KeyKind::Hmac, Purpose::Data, Some(17), 136),
        (KeyKind::Aes256, Purpose::Data, None, 256),
    ] {
        let mut template = Template::new(kind, purpose);
        template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
        template.length = length;
        let key = from.transact(|tx| keys::generate(tx, &template)).unwrap();
        let weak = Error::KeyTooWeak { wrapping: 128, wrapped: bits };
        let expected = if bits <= 128 { Ok(()) } else { Err(weak) };
        let found = from.transact(|tx| wrapping::wrap(tx, peer, key, M::EnvelopeTo)).map(drop);
        assert_eq!(found, expected, "{} of {bits} bits", kind.name());
    }
}
