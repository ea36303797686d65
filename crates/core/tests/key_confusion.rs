//! Every kind of key with every operation, in every state, for every purpose: what is allowed works, and all else gives
//! the precise misuse (DESIGN, "Key lifecycle"). The tables here are written by hand and import no rule of the vault.

mod harness;

use harness::{Scene, generous, tell};
use zamok_core::Error;
use zamok_core::otp::{Digits, Hotp, Ocra, OcraChallenge, OcraInput, OcraSuite, Totp};
use zamok_core::signature::RsaBits;
use zamok_core::vault::issued::{self, Binding};
use zamok_core::vault::keys::{Template, Usage, Usages};
use zamok_core::vault::one_time::MovingFactor;
use zamok_core::vault::questions::{self, Answer, Inputs, Matter};
use zamok_core::vault::{KeyId, KeyKind, KeyState, Purpose, importing, keys, one_time, signing, spend};

use KeyState::{Active, Compromised, Deactivated, Destroyed, PreActive, Suspended};

const BINDING: Binding = Binding {
    challenge: [1; 16],
    account: [2; 16],
    session: [0; 16],
    purpose: 1,
    operation: [0; 32],
    sending: 1,
};
const STATES: [KeyState; 6] = [PreActive, Active, Suspended, Deactivated, Compromised, Destroyed];
const PURPOSES: [Purpose; 9] = [
    Purpose::OneTimeCode,
    Purpose::Token,
    Purpose::Document,
    Purpose::Certificate,
    Purpose::Checkpoint,
    Purpose::Request,
    Purpose::Data,
    Purpose::IssuedCode,
    Purpose::Wrapping,
];
const SIGNERS: &[KeyKind] = &[
    KeyKind::P256,
    KeyKind::Ed25519,
    KeyKind::P384,
    KeyKind::Rsa { bits: RsaBits::Rsa2048 },
    #[cfg(feature = "ml-dsa")]
    KeyKind::MlDsa65,
];
/// To draw one takes long. PKCS#8 in DER.
const RSA_2048: &[u8] = include_bytes!("../src/vault/self_tests/rsa-2048.p8");

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Hotp,
    Totp,
    /// Computes codes by counter and verifies none.
    Generator,
    /// Asks questions.
    Ocra,
    /// Codes that are sent.
    Issued,
    /// A signing key with its purpose.
    Signer(KeyKind, Purpose),
    /// Somebody else's public key, on P-256, with its purpose.
    Theirs(Purpose),
}

fn kinds() -> Vec<Kind> {
    let signers = SIGNERS
        .iter()
        .flat_map(|kind| PURPOSES[1..6].iter().map(move |purpose| Kind::Signer(*kind, *purpose)));
    let theirs = PURPOSES[1..6].iter().chain([&Purpose::Wrapping]).map(|purpose| Kind::Theirs(*purpose));
    let others = [Kind::Hotp, Kind::Totp, Kind::Generator, Kind::Ocra, Kind::Issued];
    others.into_iter().chain(signers).chain(theirs).collect()
}

/// Whether the secret was shown before, and whether the key was ever active.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Past {
    Fresh,
    Shown,
    Used,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Verify,
    Activate,
    Provision,
    Generate,
    Ask,
    Sign(Purpose),
    SignCheckpoint,
    PublicKey,
    Issue,
    CheckIssued,
    Info,
    Become(KeyState),
}

fn operations() -> Vec<Operation> {
    let plain = [
        Operation::Verify,
        Operation::Activate,
        Operation::Provision,
        Operation::Generate,
        Operation::Ask,
        Operation::SignCheckpoint,
        Operation::PublicKey,
        Operation::Issue,
        Operation::CheckIssued,
        Operation::Info,
    ];
    let signs = PURPOSES.map(Operation::Sign);
    let becomes = STATES.map(Operation::Become);
    plain.into_iter().chain(signs).chain(becomes).collect()
}

/// What a key of this sort shall answer.
fn expected(kind: Kind, state: KeyState, past: Past, operation: Operation) -> Result<(), Error> {
    let only_in = |wanted| if state == wanted { Ok(()) } else { Err(Error::KeyState(state)) };
    match (operation, kind) {
        (Operation::Info, _) => Ok(()),
        (
            Operation::Verify | Operation::Activate | Operation::Provision | Operation::Generate,
            Kind::Ocra | Kind::Issued | Kind::Signer(..) | Kind::Theirs(_),
        )
        | (
            Operation::Issue | Operation::CheckIssued,
            Kind::Hotp | Kind::Totp | Kind::Generator | Kind::Ocra | Kind::Signer(..) | Kind::Theirs(_),
        )
        | (
            Operation::Sign(_) | Operation::SignCheckpoint | Operation::PublicKey,
            Kind::Hotp | Kind::Totp | Kind::Generator | Kind::Ocra | Kind::Issued,
        )
        // The other half is elsewhere; and what keys are wrapped for verifies nothing.
        | (Operation::Sign(_) | Operation::SignCheckpoint, Kind::Theirs(_))
        | (Operation::PublicKey, Kind::Theirs(Purpose::Wrapping)) => Err(Error::KeyKind),
        (Operation::Ask, Kind::Ocra) if state == PreActive || state == Active => Ok(()),
        (Operation::Ask, Kind::Ocra) => Err(Error::KeyState(state)),
        (Operation::Ask, _) => Err(Error::KeyKind),
        // Whoever verifies codes makes none, and whoever makes them verifies none.
        (Operation::Generate, Kind::Generator) => only_in(Active),
        (Operation::Generate, _) => Err(Error::KeyUsage),
        (Operation::Verify | Operation::Activate, Kind::Generator) if state != Destroyed => {
            Err(Error::KeyUsage)
        }
        // A key that may be used for it finds the code wrong.
        (Operation::CheckIssued, _) if state == Active => Err(Error::Rejected),
        (Operation::Issue | Operation::CheckIssued, _) => only_in(Active),
        (Operation::Verify, _) => only_in(Active),
        (Operation::Activate, _) => only_in(PreActive),
        (Operation::Provision, _) if state == PreActive && past == Past::Shown => Err(Error::KeyUsage),
        (Operation::Provision, _) => only_in(PreActive),
        (
            Operation::Sign(_) | Operation::SignCheckpoint | Operation::PublicKey,
            Kind::Signer(..) | Kind::Theirs(_),
        ) if state == Destroyed => Err(Error::KeyState(Destroyed)),
        (Operation::PublicKey, _) => Ok(()),
        // What a checkpoint key signs, only the journal's own door signs.
        (Operation::Sign(Purpose::Checkpoint), _) => Err(Error::KeyPurpose),
        (Operation::Sign(purpose), Kind::Signer(_, own)) if purpose != own => Err(Error::KeyPurpose),
        (Operation::SignCheckpoint, Kind::Signer(_, own)) if own != Purpose::Checkpoint => {
            Err(Error::KeyPurpose)
        }
        (Operation::Sign(_) | Operation::SignCheckpoint, _) => only_in(Active),
        (Operation::Become(next), _) => {
            let steps: &[KeyState] = match (state, past) {
                // It has no test code here.
                (PreActive, _) if kind == Kind::Generator => {
                    &[Active, Suspended, Deactivated, Compromised, Destroyed]
                }
                (Suspended, _) if kind == Kind::Generator => &[Active, Deactivated, Compromised],
                // A key that was never active becomes so by its test code alone.
                (PreActive, _) => &[Suspended, Deactivated, Compromised, Destroyed],
                (Suspended, Past::Fresh | Past::Shown) => &[Deactivated, Compromised],
                (Suspended, Past::Used) => &[Active, Deactivated, Compromised],
                (Active, _) => &[Suspended, Deactivated, Compromised],
                (Deactivated, _) => &[Compromised, Destroyed],
                (Compromised, _) => &[Destroyed],
                (Destroyed, _) => &[],
            };
            if steps.contains(&next) { Ok(()) } else { Err(Error::KeyState(state)) }
        }
    }
}

/// Makes a key with this past and leads it into this state; `None` where no such key can be.
fn make(scene: &Scene, kind: Kind, state: KeyState, past: Past) -> Option<KeyId> {
    let key = match (kind, past) {
        (Kind::Signer(kind @ KeyKind::Rsa { .. }, purpose), Past::Used) => {
            let template = Template::new(kind, purpose);
            scene.transact(|tx| importing::raw(tx, &template, RSA_2048.to_vec().into())).unwrap()
        }
        (Kind::Signer(kind, purpose), Past::Used) => {
            scene.transact(|tx| signing::generate(tx, kind, purpose, "", None)).unwrap()
        }
        (Kind::Theirs(purpose), Past::Used) => {
            let pair = scene.signer(Purpose::Token);
            let spki = scene.transact(|tx| signing::public_key(tx, pair)).unwrap().1.to_spki_der();
            let template = Template::new(KeyKind::PublicKey, purpose);
            scene.transact(|tx| importing::raw(tx, &template, spki.clone().into())).unwrap()
        }
        (Kind::Issued, Past::Used) => scene.transact(|tx| issued::generate(tx, "codes")).unwrap(),
        (Kind::Signer(..) | Kind::Theirs(_) | Kind::Issued, _) => return None,
        (Kind::Generator, _) => {
            let (algorithm, digits) = (zamok_core::hash::HashAlgorithm::Sha1, Digits::SIX);
            let mut template = Template::new(KeyKind::Hotp { algorithm, digits }, Purpose::OneTimeCode);
            template.usages = Usages::of(&[Usage::GenerateCode]);
            let key = scene.transact(|tx| one_time::generate_from(tx, &template, 7)).unwrap();
            if past != Past::Fresh {
                scene.provision(key).unwrap();
            }
            if past == Past::Used {
                scene.transact(|tx| keys::change_state(tx, key, Active, "the other side has it")).unwrap();
            }
            key
        }
        (Kind::Ocra, _) => {
            let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
            let template = Template::new(KeyKind::Ocra { suite }, Purpose::OneTimeCode);
            let key = scene.transact(|tx| one_time::generate_from(tx, &template, 0)).unwrap();
            if past != Past::Fresh {
                let secret = scene.transact(|tx| one_time::provision_ocra(tx, key)).unwrap();
                if past == Past::Used {
                    let question =
                        scene.transact(|tx| questions::ask(tx, key, Matter::Presence, 60)).unwrap();
                    let asked = OcraInput::new(OcraChallenge::OneWay(&question.text));
                    let response = Ocra::new(&secret, suite).response(&asked).unwrap();
                    let (text, inputs) = (response.as_str(), Inputs::default());
                    let answered =
                        scene.transact(|tx| questions::answer(tx, question.id, text, inputs, &generous()));
                    assert_eq!(answered, Ok(Answer::Accepted(None)));
                }
            }
            key
        }
        (Kind::Hotp | Kind::Totp, _) => {
            let factor = match kind {
                Kind::Hotp => MovingFactor::Counter(7),
                _ => MovingFactor::Time { period: 30 },
            };
            let key = scene.generate(factor);
            if past != Past::Fresh {
                let uri = scene.provision(key).unwrap();
                if past == Past::Used {
                    let code = match kind {
                        Kind::Hotp => Hotp::new(uri.secret(), uri.hotp_parameters().unwrap().0).code(7),
                        _ => {
                            let totp = Totp::new(uri.secret(), uri.totp_parameters().unwrap()).unwrap();
                            totp.code_at(scene.now()).unwrap()
                        }
                    };
                    scene.confirm(key, &code.to_string());
                }
            }
            key
        }
    };
    let first = if past == Past::Used { Active } else { PreActive };
    let way: &[KeyState] = match state {
        _ if state == first => &[],
        PreActive | Active => return None,
        Destroyed => &[Deactivated, Destroyed],
        Suspended => &[Suspended],
        Deactivated => &[Deactivated],
        Compromised => &[Compromised],
    };
    for next in way {
        scene.transact(|tx| keys::change_state(tx, key, *next, "test")).unwrap();
    }
    assert_eq!(scene.transact(|tx| keys::info(tx, key)).unwrap().state, state);
    Some(key)
}

fn perform(scene: &Scene, key: KeyId, operation: Operation) -> Result<(), Error> {
    let policy = generous();
    scene.try_out(|tx| match operation {
        Operation::Verify => spend::verify(tx, key, "000000", &policy).map(|_| ()),
        Operation::Activate => spend::activate(tx, key, "000000", &policy).map(|_| ()),
        Operation::Provision => one_time::provision(tx, key, "Bank", "anna").map(|_| ()),
        Operation::Generate => spend::generate_code(tx, key).map(|_| ()),
        Operation::Ask => questions::ask(tx, key, Matter::Presence, 60).map(|_| ()),
        Operation::Sign(purpose) => signing::sign(tx, key, purpose, b"message", "name").map(|_| ()),
        Operation::SignCheckpoint => signing::sign_checkpoint(tx, key, b"log\n1\n").map(|_| ()),
        Operation::PublicKey => signing::public_key(tx, key).map(|_| ()),
        Operation::Issue => issued::code(tx, key, &BINDING, Digits::SIX).map(|_| ()),
        Operation::CheckIssued => issued::check(tx, key, &BINDING, Digits::SIX, "no code"),
        Operation::Info => keys::info(tx, key).map(|_| ()),
        Operation::Become(next) => keys::change_state(tx, key, next, "test"),
    })
}

#[test]
fn every_operation_on_every_sort_of_key_is_allowed_or_gives_the_precise_misuse() {
    let scene = Scene::new("confusion");
    let (mut keys, mut allowed, mut refused) = (0, 0, 0);
    for kind in kinds() {
        for (state, past) in
            STATES.iter().flat_map(|s| [Past::Fresh, Past::Shown, Past::Used].map(|p| (*s, p)))
        {
            let Some(key) = make(&scene, kind, state, past) else { continue };
            keys += 1;
            for operation in operations() {
                let wanted = expected(kind, state, past, operation);
                let found = perform(&scene, key, operation);
                assert_eq!(found, wanted, "{operation:?} on a {kind:?} key that is {state} and was {past:?}");
                if wanted.is_ok() { allowed += 1 } else { refused += 1 }
            }
        }
    }
    tell(&format!("{keys} sorts of keys: {allowed} operations allowed, {refused} refused"));
    // Four sorts of OTP keys with three pasts; issued codes, signing kinds of five purposes and public keys of six with one; five
    // states each.
    assert_eq!(keys, 4 * 3 * 5 + (1 + SIGNERS.len() * 5 + 6) * 5);
    assert_eq!(allowed + refused, keys * operations().len());
    assert!(allowed > 100 && refused > 200);
}

#[test]
fn an_unknown_key_is_unknown_to_every_operation() {
    let scene = Scene::new("unknown");
    for operation in operations() {
        assert_eq!(perform(&scene, KeyId([9; 16]), operation), Err(Error::UnknownKey), "{operation:?}");
    }
}

#[test]
fn no_signing_key_is_made_for_codes_data_or_wrapping() {
    let scene = Scene::new("purpose");
    for kind in SIGNERS {
        for purpose in [Purpose::OneTimeCode, Purpose::Data, Purpose::IssuedCode, Purpose::Wrapping] {
            let made = scene.transact(|tx| signing::generate(tx, *kind, purpose, "", None));
            assert_eq!(made, Err(Error::KeyPurpose));
        }
    }
    let (algorithm, digits) = (zamok_core::hash::HashAlgorithm::Sha1, Digits::SIX);
    let made = scene
        .transact(|tx| signing::generate(tx, KeyKind::Hotp { algorithm, digits }, Purpose::Token, "", None));
    assert_eq!(made, Err(Error::KeyKind));
}

#[test]
fn misuse_when_a_key_is_made_names_the_value_and_the_limit() {
    let scene = Scene::new("making");
    let label = "x".repeat(257);
    let too_long = Error::TooLong { what: "a key's label", given: 257, limit: 256 };
    assert_eq!(
        scene.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, &label, None)),
        Err(too_long)
    );
    assert!(
        scene.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, &label[1..], None)).is_ok()
    );
    let parameters = one_time::OtpParameters {
        factor: MovingFactor::Time { period: 0 },
        algorithm: zamok_core::hash::HashAlgorithm::Sha1,
        digits: Digits::SIX,
    };
    let made = scene.transact(|tx| one_time::generate(tx, parameters, "", None));
    assert_eq!(made, Err(Error::PeriodZero));
}
