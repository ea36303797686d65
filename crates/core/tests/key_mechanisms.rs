//! Every kind of key with every mechanism, usage, purpose and state: what is allowed works, and all else gives the precise
//! misuse. The tables here are written by hand and import no rule of the vault.

mod harness;

use std::convert::Infallible;

use harness::{Chance, Scene, tell};
use rand_core::{TryCryptoRng, TryRng};
use zamok_core::Error;
use zamok_core::hash::MessageHash;
use zamok_core::mechanism::Mechanism;
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

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    /// Signs.
    Signer,
    Mac,
    Cipher,
    Wrapper,
    Agreement,
    Kept,
}

/// Kind, purpose that is tried with it, what sort of thing it is, and the mechanisms that fit it.
fn table() -> Vec<(KeyKind, Purpose, Sort, Vec<Mechanism>)> {
    let rsa = vec![
        M::RsaPssSha256,
        M::RsaPssSha384,
        M::RsaPssSha512,
        M::RsaPkcs1Sha256,
        M::RsaPkcs1Sha384,
        M::RsaPkcs1Sha512,
    ];
    vec![
        (KeyKind::P256, Purpose::Token, Sort::Signer, vec![M::EcdsaSha256]),
        (KeyKind::P384, Purpose::Document, Sort::Signer, vec![M::EcdsaSha384]),
        (KeyKind::Ed25519, Purpose::Request, Sort::Signer, vec![M::Ed25519]),
        (KeyKind::Rsa { bits: RsaBits::Rsa2048 }, Purpose::Certificate, Sort::Signer, rsa),
        #[cfg(feature = "ml-dsa")]
        (KeyKind::MlDsa65, Purpose::Document, Sort::Signer, vec![M::MlDsa65]),
        (KeyKind::Hmac, Purpose::Data, Sort::Mac, vec![M::HmacSha256, M::HmacSha384, M::HmacSha512]),
        (KeyKind::Generic, Purpose::Data, Sort::Mac, vec![M::HmacSha256, M::HmacSha384, M::HmacSha512]),
        (KeyKind::Aes256, Purpose::Data, Sort::Cipher, vec![M::AesGcm, M::XaesGcm]),
        (KeyKind::Aes256, Purpose::Wrapping, Sort::Wrapper, vec![M::AesKeyWrap, M::Envelope]),
        (KeyKind::X25519, Purpose::Wrapping, Sort::Agreement, vec![M::EnvelopeTo]),
        (KeyKind::P256Agreement, Purpose::Wrapping, Sort::Agreement, vec![M::EnvelopeTo]),
        (KeyKind::Data, Purpose::Data, Sort::Kept, vec![]),
        (KeyKind::Certificate, Purpose::Data, Sort::Kept, vec![]),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Sign,
    Verify,
    Mac,
    CheckMac,
    Seal,
    Open,
    Read,
}

const OPERATIONS: [(Operation, Usage); 7] = [
    (Operation::Sign, Usage::Sign),
    (Operation::Verify, Usage::Verify),
    (Operation::Mac, Usage::Mac),
    (Operation::CheckMac, Usage::VerifyMac),
    (Operation::Seal, Usage::Encrypt),
    (Operation::Open, Usage::Decrypt),
    (Operation::Read, Usage::Read),
];

/// Which sort of key an operation is for.
const fn sort_of(operation: Operation) -> Sort {
    match operation {
        Operation::Sign | Operation::Verify => Sort::Signer,
        Operation::Mac | Operation::CheckMac => Sort::Mac,
        Operation::Seal | Operation::Open => Sort::Cipher,
        Operation::Read => Sort::Kept,
    }
}

fn makes_something(operation: Operation) -> bool {
    matches!(operation, Operation::Sign | Operation::Mac | Operation::Seal)
}

fn make(scene: &Scene, kind: KeyKind, purpose: Purpose) -> KeyId {
    let mut template = Template::new(kind, purpose).named("a key", None);
    template.flags = template.flags.without(Flags::of(&[Flag::Audited]));
    let made = scene.transact(|tx| match kind {
        KeyKind::Data => importing::raw(tx, &template, b"some data".to_vec().into()),
        KeyKind::Certificate => importing::raw(tx, &template, vec![0x30, 0x00].into()),
        _ => keys::generate(tx, &template),
    });
    made.unwrap()
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
    scene
        .transact(|tx| {
            match sort {
                Sort::Signer => {
                    let prepared = Prepared::Message(b"message");
                    made.signature =
                        signing::sign_with(tx, key, Some(mechanism), purpose, prepared, "")?.to_der();
                }
                Sort::Mac => made.tag = macs::tag(tx, key, mechanism, b"message")?,
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
            let key = make(&scene, kind, own);
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
                for mechanism in Mechanism::ALL.iter().copied() {
                    for purpose in [Purpose::Token, Purpose::Document, Purpose::Certificate, Purpose::Request]
                    {
                        let signs = sort_of(operation) == Sort::Signer;
                        let fits = mechanisms.contains(&mechanism) || operation == Operation::Read;
                        let fresh = [Active, Deactivated].contains(&state)
                            || (operation == Operation::Open && state == Compromised);
                        let expected = if sort == Sort::Wrapper && sort_of(operation) == Sort::Cipher {
                            // The right kind, for wrapping alone.
                            Err(Error::KeyUsage)
                        } else if sort != sort_of(operation) {
                            Err(Error::KeyKind)
                        } else if signs && state == Destroyed {
                            Err(Error::KeyState(Destroyed))
                        } else if signs && purpose != own {
                            Err(Error::KeyPurpose)
                        } else if !fits {
                            Err(Error::KeyMechanism)
                        } else if makes_something(operation) && state != Active || !fresh {
                            Err(Error::KeyState(state))
                        } else if !makes_something(operation)
                            && operation != Operation::Read
                            && mechanism != made.mechanism
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
    assert_eq!((allowed, refused), (128 + 3 * ML_DSA, 18_592 + 1_557 * ML_DSA));
}

#[test]
fn a_usage_that_was_taken_away_is_refused_and_does_not_come_back() {
    let scene = Scene::new("usages");
    let mut tried = 0;
    for (kind, purpose, sort, mechanisms) in table() {
        let usual = mechanisms.first().copied().unwrap_or(M::Hotp);
        for (operation, usage) in OPERATIONS.iter().filter(|(operation, _)| sort_of(*operation) == sort) {
            let key = make(&scene, kind, purpose);
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
    assert_eq!(tried, (4 + ML_DSA) * 2 + 2 * 2 + 2 + 2);
}

#[test]
fn a_kind_serves_its_own_purposes_only() {
    let scene = Scene::new("purposes");
    let mut made = 0;
    for (kind, own, sort, _) in table() {
        for purpose in Purpose::ALL {
            let fits = match sort {
                Sort::Signer => {
                    ![Purpose::OneTimeCode, Purpose::Data, Purpose::IssuedCode, Purpose::Wrapping]
                        .contains(&purpose)
                }
                _ if kind == KeyKind::Aes256 => [Purpose::Data, Purpose::Wrapping].contains(&purpose),
                _ => purpose == own,
            };
            // RSA keys are slow to draw; that they serve what other signers serve is seen above.
            if sort == Sort::Kept || (fits && matches!(kind, KeyKind::Rsa { .. })) {
                continue;
            }
            let found = scene.try_out(|tx| keys::generate(tx, &Template::new(kind, purpose)));
            if fits {
                assert!(found.is_ok(), "{} for {}", kind.name(), purpose.name());
                made += 1;
            } else {
                assert_eq!(found, Err(Error::KeyPurpose), "{} for {}", kind.name(), purpose.name());
            }
        }
    }
    assert_eq!(made, (3 + ML_DSA) * 5 + 2 + 2 * 2 + 2);
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
    let key = make(&scene, KeyKind::Rsa { bits: RsaBits::Rsa2048 }, Purpose::Certificate);
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
