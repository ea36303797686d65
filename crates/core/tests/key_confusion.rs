//! Every kind of key with every operation, in every state, for every purpose: what is allowed works, and all else gives
//! the precise misuse (DESIGN, "Key lifecycle"). The tables here are written by hand and import no rule of the vault.

mod harness;

use harness::{Scene, generous, tell};
use zamok_core::Error;
use zamok_core::otp::{Hotp, Totp};
use zamok_core::vault::one_time::MovingFactor;
use zamok_core::vault::{KeyId, KeyState, Purpose, keys, one_time, signing, spend};

use KeyState::{Active, Compromised, Deactivated, Destroyed, PreActive, Suspended};

const STATES: [KeyState; 6] = [PreActive, Active, Suspended, Deactivated, Compromised, Destroyed];
const PURPOSES: [Purpose; 3] = [Purpose::OneTimeCode, Purpose::Token, Purpose::Document];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Hotp,
    Totp,
    /// A signing key with its purpose.
    P256(Purpose),
}

const KINDS: [Kind; 4] = [Kind::Hotp, Kind::Totp, Kind::P256(Purpose::Token), Kind::P256(Purpose::Document)];

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
    Sign(Purpose),
    PublicKey,
    Info,
    Become(KeyState),
}

fn operations() -> Vec<Operation> {
    let plain =
        [Operation::Verify, Operation::Activate, Operation::Provision, Operation::PublicKey, Operation::Info];
    let signs = PURPOSES.map(Operation::Sign);
    let becomes = STATES.map(Operation::Become);
    plain.into_iter().chain(signs).chain(becomes).collect()
}

/// What a key of this sort shall answer.
fn expected(kind: Kind, state: KeyState, past: Past, operation: Operation) -> Result<(), Error> {
    let only_in = |wanted| if state == wanted { Ok(()) } else { Err(Error::KeyState(state)) };
    match (operation, kind) {
        (Operation::Info, _) => Ok(()),
        (Operation::Verify | Operation::Activate | Operation::Provision, Kind::P256(_))
        | (Operation::Sign(_) | Operation::PublicKey, Kind::Hotp | Kind::Totp) => Err(Error::KeyKind),
        (Operation::Verify, _) => only_in(Active),
        (Operation::Activate, _) => only_in(PreActive),
        (Operation::Provision, _) if state == PreActive && past == Past::Shown => Err(Error::KeyUsage),
        (Operation::Provision, _) => only_in(PreActive),
        (Operation::Sign(_) | Operation::PublicKey, Kind::P256(_)) if state == Destroyed => {
            Err(Error::KeyState(Destroyed))
        }
        (Operation::PublicKey, _) => Ok(()),
        (Operation::Sign(purpose), Kind::P256(own)) if purpose != own => Err(Error::KeyPurpose),
        (Operation::Sign(_), _) => only_in(Active),
        (Operation::Become(next), _) => {
            let steps: &[KeyState] = match (state, past) {
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
        (Kind::P256(purpose), Past::Used) => scene.signer(purpose),
        (Kind::P256(_), _) => return None,
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
        Operation::Sign(purpose) => signing::sign(tx, key, purpose, b"message", "name").map(|_| ()),
        Operation::PublicKey => signing::public_key(tx, key).map(|_| ()),
        Operation::Info => keys::info(tx, key).map(|_| ()),
        Operation::Become(next) => keys::change_state(tx, key, next, "test"),
    })
}

#[test]
fn every_operation_on_every_sort_of_key_is_allowed_or_gives_the_precise_misuse() {
    let scene = Scene::new("confusion");
    let (mut keys, mut allowed, mut refused) = (0, 0, 0);
    for kind in KINDS {
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
    // Two OTP kinds with three pasts, two signing keys with one; five states each.
    assert_eq!(keys, 2 * 3 * 5 + 2 * 5);
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
fn no_signing_key_is_made_for_one_time_codes() {
    let scene = Scene::new("purpose");
    let made = scene.transact(|tx| signing::generate(tx, Purpose::OneTimeCode, "", None));
    assert_eq!(made, Err(Error::KeyPurpose));
}

#[test]
fn misuse_when_a_key_is_made_names_the_value_and_the_limit() {
    let scene = Scene::new("making");
    let label = "x".repeat(257);
    let too_long = Error::TooLong { what: "a key's label", given: 257, limit: 256 };
    assert_eq!(scene.transact(|tx| signing::generate(tx, Purpose::Token, &label, None)), Err(too_long));
    assert!(scene.transact(|tx| signing::generate(tx, Purpose::Token, &label[1..], None)).is_ok());
    let parameters = one_time::OtpParameters {
        factor: MovingFactor::Time { period: 0 },
        algorithm: zamok_core::hash::HashAlgorithm::Sha1,
        digits: zamok_core::otp::Digits::SIX,
    };
    let made = scene.transact(|tx| one_time::generate(tx, parameters, "", None));
    assert_eq!(made, Err(Error::PeriodZero));
}
